package ifmatchtest

import (
	"bufio"
	"net"
	"net/http"
)

// reply has the function of a Reply fault answer.
func (x *exchange) reply(w http.ResponseWriter) {
	f := x.faults.get(reply)
	for k, vs := range f.header {
		w.Header()[k] = append(w.Header()[k], vs...)
	}
	rw := &replyWriter{ResponseWriter: w, x: x}
	defer func() { // also when the function panics
		x.noteBody()
		x.note(func(e *Request) { e.Lost = e.StatusCode == 0 && !rw.hijacked })
	}()
	if !x.wait(slow) {
		panic(http.ErrAbortHandler)
	}
	r := x.r.Clone(x.r.Context())
	r.Body = x.body
	f.reply(rw, r)
	if !x.wait(slowAnswer) {
		panic(http.ErrAbortHandler)
	}
	if !rw.hijacked {
		rw.noteStatus(http.StatusOK) // what net/http sends when the function wrote nothing
	}
}

// A replyWriter notes the status that a Reply function sends.
type replyWriter struct {
	http.ResponseWriter
	x        *exchange
	hijacked bool
}

// noteStatus notes the first final status.
func (w *replyWriter) noteStatus(status int) {
	w.x.note(func(e *Request) {
		if e.StatusCode == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
			e.StatusCode = status
		}
	})
}

func (w *replyWriter) WriteHeader(status int) {
	w.noteStatus(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *replyWriter) Write(p []byte) (int, error) {
	w.noteStatus(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (w *replyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements [http.Flusher].
func (w *replyWriter) Flush() { http.NewResponseController(w.ResponseWriter).Flush() }

// Hijack implements [http.Hijacker].
func (w *replyWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.hijacked = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

package evidence

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
)

// countedBody is a request's body. It counts what is read, to see whether that is as much
// as was announced. A request must not have more or less (RFC 9112 §6.2), and net/http
// fails where it has: the next attempt with such a body would fail as well.
type countedBody struct {
	io.ReadCloser
	announced int64

	mu     sync.Mutex // guards what follows
	read   int64
	closed bool
	wrong  bool // the body has another length
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read += int64(n)
	// Whoever closes the body while it is read may have made this end.
	ended := err == io.EOF && !b.closed
	b.wrong = b.wrong || b.read > b.announced || ended && b.read < b.announced
	return n, err
}

func (b *countedBody) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	return b.ReadCloser.Close()
}

// hasOtherLength reports whether the body was seen to have another length.
func (b *countedBody) hasOtherLength() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wrong
}

// CountBody has the body counted as the base reads it. A first attempt isn't counted: in
// another type net/http wouldn't know a body that it can send in a better way. A body that
// can't be had again, or is of unknown length, is left alone: whoever copies it counts.
// A nil Watch counts nothing.
func (w *Watch) CountBody() {
	if w == nil || !announced(w.request) {
		return
	}
	// Its length is asked for instead, and net/http sends it at once with the header.
	if _, known := lengthInMemory(w.request.Body); known {
		return
	}
	w.watched.Body = &countedBody{ReadCloser: w.request.Body, announced: w.request.ContentLength}
}

// announced reports whether a request has a body that can be had again, and that was
// announced with its length.
func announced(req *http.Request) bool {
	return req.Body != nil && req.Body != http.NoBody && req.GetBody != nil && req.ContentLength > 0
}

// BodyAtFault reports whether the body of the request has another length than was announced:
// it was counted, or it is in memory. It opens and closes the body of a request whose body
// wasn't counted. A nil Watch has seen nothing.
func (w *Watch) BodyAtFault() bool {
	if w == nil || !announced(w.request) {
		return false
	}
	if body, counted := w.watched.Body.(*countedBody); counted {
		return body.hasOtherLength()
	}
	again, err := w.request.GetBody()
	if err != nil || again == nil {
		return false
	}
	defer again.Close()
	length, known := lengthInMemory(again)
	return known && length != w.request.ContentLength
}

// lengthInMemory returns how many bytes are left in a body of http.NewRequest, and false
// for any other one. It looks into an io.NopCloser as net/http does.
func lengthInMemory(body io.ReadCloser) (int64, bool) {
	switch reflect.TypeOf(body) {
	case nopCloser, nopCloserWriterTo:
	default:
		return 0, false
	}
	switch r := reflect.ValueOf(body).Field(0).Interface().(type) {
	case *bytes.Reader:
		return int64(r.Len()), true
	case *bytes.Buffer:
		return int64(r.Len()), true
	case *strings.Reader:
		return int64(r.Len()), true
	}
	return 0, false
}

// The types of io.NopCloser, of which one has WriteTo.
var (
	nopCloser         = reflect.TypeOf(io.NopCloser(nil))
	nopCloserWriterTo = reflect.TypeOf(io.NopCloser(struct {
		io.Reader
		io.WriterTo
	}{}))
)

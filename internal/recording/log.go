package recording

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// record is a record of a Transport in the JSON of log/slog.
type record struct {
	Time    time.Time
	Msg     string
	Message string
	Method  string
	URL     string
	Status  int
	Sent    string // the precondition, as "If-Match: …"
	Current string
	Cause   string
	Code    string
	Err     string
	Server  string
	Effect  string
	Attempt int
}

// readLog reads the log of a Transport. Other lines are passed over.
func readLog(in *bufio.Reader) ([]Exchange, error) {
	l := &logReader{}
	for {
		text, err := line(in)
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return l.all.exchanges(), err
		}
		var r record
		if at := strings.IndexByte(text, '{'); at >= 0 && json.Unmarshal([]byte(text[at:]), &r) == nil {
			if r.Msg == "" {
				r.Msg = r.Message
			}
			if what, ours := strings.CutPrefix(r.Msg, "ifmatch: "); ours {
				l.take(&r, what)
			}
		}
	}
}

type logReader struct {
	all     kept
	refused *Exchange // the last refusal whose call hasn't ended
}

// take takes a record. What a Transport reads on its way isn't logged with its answer.
func (l *logReader) take(r *record, what string) {
	switch {
	case strings.HasPrefix(what, "write refused"):
		l.refused = r.exchange()
		l.refused.StatusCode = r.Status
		l.all.add(l.refused)
	case strings.HasPrefix(what, "answer lost"):
		e := r.exchange()
		e.StatusCode, e.Err = r.Status, r.Err
		l.all.add(e)
	case strings.HasPrefix(what, "conflict "):
		l.ended(r, what)
	}
}

// ended takes the end of a call that was refused: its cause, and the tag that a read showed.
func (l *logReader) ended(r *record, what string) {
	e, last := l.refused, r.exchange()
	if e == nil || e.URL != r.URL || e.Method != r.Method || !maps.EqualFunc(e.RequestHeader, last.RequestHeader, slices.Equal) {
		e = last
		e.StatusCode = http.StatusPreconditionFailed
		l.all.add(e)
	}
	l.refused = nil
	e.Told = strings.TrimSpace("ifmatch: " + what + ", cause: " + r.Cause)
	if r.Code != "" {
		e.Told += " [" + r.Code + "]"
	}
	if r.Err != "" {
		e.Told += ": " + r.Err
	}
	if r.Server != "" {
		e.addBody(&e.ResponseBody, []byte(r.Server))
	}
	if strings.HasSuffix(r.Current, `"`) {
		read := &Exchange{Format: Log, Method: http.MethodHead, URL: r.URL, StatusCode: http.StatusOK, ResponseHeader: http.Header{"Etag": {r.Current}}, Answered: r.Time, Cut: true}
		l.all.add(read)
	}
}

// exchange is the write that a record is about.
func (r *record) exchange() *Exchange {
	e := &Exchange{Format: Log, Method: r.Method, URL: r.URL, Answered: r.Time, Cut: true}
	if r.Sent == "no precondition" {
		e.RequestHeader = http.Header{}
	}
	// Several stand in one text.
	for text := range strings.SplitSeq(strings.ReplaceAll(r.Sent, ", If-", "\nIf-"), "\n") {
		if name, value, found := strings.Cut(text, ": "); found && strings.HasPrefix(name, "If-") {
			addField(&e.RequestHeader, name, value)
		}
	}
	return e
}

package evidence

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// TestBodyAtFault: a body of another length than was announced is noticed once it was
// read as far.
func TestBodyAtFault(t *testing.T) {
	file := func() io.Reader { return struct{ io.Reader }{strings.NewReader("mine")} } // of no known type
	for _, row := range []struct {
		rule      string
		body      io.Reader
		announced int64
		reads     int64 // how much is read, if it is there
		want      bool
	}{
		{"13: as long as announced", file(), 4, 9, false},
		{"13: shorter", file(), 5, 9, true},
		{"13: longer", file(), 3, 9, true},
		{"13: longer, and read as far as announced", file(), 3, 3, false},
		{"13: shorter, and its end not seen", file(), 5, 4, false},
		{"13: it fails", io.MultiReader(file(), iotest.ErrReader(io.ErrUnexpectedEOF)), 9, 9, false},
		{"13: of unknown length", file(), -1, 9, false},
		{"13: in memory, unread", strings.NewReader("mine"), 5, 0, true},
		{"13: in memory, as long as announced", strings.NewReader("mine"), 4, 4, false},
		{"13: in a slice", bytes.NewReader([]byte("mine")), 3, 0, true},
		{"13: in a buffer", bytes.NewBufferString("mine"), 5, 0, true},
	} {
		req, _ := http.NewRequest(http.MethodPut, "http://example.test/", row.body)
		inMemory := req.GetBody != nil
		if req.ContentLength = row.announced; !inMemory {
			req.GetBody = func() (io.ReadCloser, error) { return nil, nil }
		}
		w := Observe(req, Base{})
		if !inMemory {
			w.CountBody()
		}
		io.CopyN(io.Discard, w.Watched(req).Body, row.reads)
		if got := w.BodyAtFault(); got != row.want {
			t.Errorf("rule %s: %v, want %v", row.rule, got, row.want)
		}
	}
	if (*Watch)(nil).BodyAtFault() {
		t.Error("nobody looked, and the body is at fault")
	}
}

// TestClosedBodyIsNotAtFault: a body that ends because base closes it isn't too short.
func TestClosedBodyIsNotAtFault(t *testing.T) {
	r, writer := io.Pipe()
	go writer.Write([]byte("mi"))
	req, _ := http.NewRequest(http.MethodPut, "http://example.test/", endsWhenClosed{r, writer})
	req.ContentLength, req.GetBody = 4, func() (io.ReadCloser, error) { return nil, nil }
	w := Observe(req, Base{})
	w.CountBody()
	body := w.Watched(req).Body
	io.ReadFull(body, make([]byte, 2))
	body.Close()
	if n, err := body.Read(make([]byte, 2)); n != 0 || err != io.EOF {
		t.Fatal(n, err)
	}
	if w.BodyAtFault() {
		t.Error("at fault")
	}
}

// endsWhenClosed reads io.EOF once it is closed.
type endsWhenClosed struct {
	io.Reader
	w *io.PipeWriter
}

func (e endsWhenClosed) Close() error { return e.w.Close() }

// TestFirstBodyIsLeft: net/http knows some bodies by their type, such as a file.
func TestFirstBodyIsLeft(t *testing.T) {
	for _, body := range []io.Reader{strings.NewReader("mine"), bytes.NewBufferString("mine"), iotest.HalfReader(strings.NewReader("mine"))} {
		req, _ := http.NewRequest(http.MethodPut, "http://example.test/", body)
		req.ContentLength, req.GetBody = 4, func() (io.ReadCloser, error) { return nil, nil }
		w := Observe(req, Base{})
		if got := w.Watched(req).Body; got != req.Body || w.BodyAtFault() {
			t.Errorf("%T became %T", req.Body, got)
		}
	}
}

package ifmatchtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// contractFakeURL is where requests to a contractBase go.
const contractFakeURL = "http://origin.test/document"

// contractFunc is a base RoundTripper made of a function.
type contractFunc func(*http.Request) (*http.Response, error)

func (f contractFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// contractBase is a base RoundTripper without a network, which keeps the
// contract itself: it reads the request body to its end, closes it once, and
// leaves the rest of the request alone. It keeps an eye on the bodies of its
// responses.
type contractBase struct {
	origin http.Handler        // panics with http.ErrAbortHandler to break the connection
	before func(*http.Request) // called first; may be nil

	mu      sync.Mutex
	answers []*contractAnswer
	overlap bool // a request came while an earlier response was still open
}

func (b *contractBase) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.before != nil {
		b.before(req)
	}
	b.noteOverlap()
	body, err := contractConsume(req)
	if err != nil {
		return nil, err
	}
	resp := contractServe(b.origin, req, body)
	if resp == nil {
		return nil, io.ErrUnexpectedEOF
	}
	answer := &contractAnswer{left: resp.Body}
	resp.Body = answer
	resp.Request = req
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = append(b.answers, answer)
	return resp, nil
}

// noteOverlap remembers whether a response is open now.
func (b *contractBase) noteOverlap() {
	open := b.open()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.overlap = b.overlap || open > 0
}

// open counts the responses that aren't closed.
func (b *contractBase) open() int {
	n := 0
	for _, a := range b.all() {
		if !a.state().closed {
			n++
		}
	}
	return n
}

// all returns the bodies of the responses so far.
func (b *contractBase) all() []*contractAnswer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*contractAnswer(nil), b.answers...)
}

// contractConsume reads the body of req to its end, as a Transport does that
// sends it, and closes it.
func contractConsume(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, req.Context().Err()
	}
	defer req.Body.Close()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return io.ReadAll(req.Body)
}

// contractServe lets h answer a copy of req with that body. It returns nil if h
// broke the connection.
func contractServe(h http.Handler, req *http.Request, body []byte) (resp *http.Response) {
	in := req.Clone(req.Context())
	in.Body = io.NopCloser(bytes.NewReader(body))
	in.RequestURI = req.URL.RequestURI()
	in.Host = req.URL.Host
	rec := httptest.NewRecorder()
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			resp = nil
		default:
			panic(p)
		}
	}()
	h.ServeHTTP(rec, in)
	resp = rec.Result()
	if req.Method == http.MethodHead {
		resp.Body = http.NoBody
	}
	return resp
}

// contractAnswer is a response body that knows what was done to it.
type contractAnswer struct {
	mu   sync.Mutex
	left io.Reader // what hasn't been read
	was  contractAnswerState
}

// contractAnswerState is what was done to a response body.
type contractAnswerState struct {
	reads  int // calls of Read
	bytes  int // bytes read
	closed bool
}

func (a *contractAnswer) Read(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.was.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := a.left.Read(p)
	a.was.reads++
	a.was.bytes += n
	return n, err
}

func (a *contractAnswer) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.was.closed = true
	return nil
}

func (a *contractAnswer) state() contractAnswerState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.was
}

// rest counts the bytes that nobody read.
func (a *contractAnswer) rest() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, _ := io.Copy(io.Discard, a.left)
	return n
}

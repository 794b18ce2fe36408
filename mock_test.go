package ifmatch

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
)

// replyTo is an answer that something on the way makes.
func replyTo(r *http.Request, status int, body string, fields ...string) *http.Response {
	closeBody(r)
	h := http.Header{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		h.Add(name, value)
	}
	return &http.Response{StatusCode: status, Header: h, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

// lagging answers reads with an old state once a write has failed, as a replica
// does that has fallen behind.
type lagging struct {
	base   http.RoundTripper
	old    string // under "v0"
	reads  int    // how many are answered so; negative: all
	failed bool   // a write has
}

func (l *lagging) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet && l.failed && l.reads != 0 {
		l.reads--
		return replyTo(r, 200, l.old, `Etag: "v0"`), nil
	}
	resp, err := l.base.RoundTrip(r)
	if r.Method == http.MethodPut && (err != nil || resp.StatusCode >= 500) {
		l.failed = true
	}
	return resp, err
}

// stalled is a body that never goes on. As with net/http, Close and the end of
// the request's context end a Read.
type stalled struct {
	ctx    context.Context
	closed chan struct{}
	once   sync.Once
}

func (s *stalled) Read([]byte) (int, error) {
	select {
	case <-s.closed:
		return 0, http.ErrBodyReadAfterClose
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func (s *stalled) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// stalling passes requests on, and stalls the bodies of the first n answers to
// this method.
func stalling(base http.RoundTripper, method string, n int) *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(r)
		if err == nil && r.Method == method && n > 0 {
			n--
			resp.Body.Close()
			resp.Body, resp.ContentLength = &stalled{ctx: r.Context(), closed: make(chan struct{})}, 100
		}
		return resp, err
	})}
}

// impatient is somebody's RoundTripper above ours that sends what was refused, or
// failed, twice again, and calls between before it does.
func impatient(base http.RoundTripper, between func()) *http.Client {
	ours := NewTransport(base, Resend)
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		for i := 0; ; i++ {
			again := r.Clone(r.Context())
			if r.GetBody != nil {
				again.Body, _ = r.GetBody()
			}
			resp, err := ours.RoundTrip(again)
			if i == 2 || err == nil && resp.StatusCode < 400 {
				return resp, err
			}
			if err == nil {
				resp.Body.Close()
			}
			between()
		}
	})}
}

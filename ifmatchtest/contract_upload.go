package ifmatchtest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// contractUpload is one request body in all its copies: the one that the
// caller sets, and those that GetBody returned.
type contractUpload struct {
	data string

	mu     sync.Mutex
	bodies []*contractBody
}

// contractForms are the two kinds of request bodies.
var contractForms = []struct {
	name    string
	getBody bool
}{
	{"getbody", true},
	{"no-getbody", false},
}

// open returns a fresh copy of the body.
func (u *contractUpload) open() *contractBody {
	u.mu.Lock()
	defer u.mu.Unlock()
	b := &contractBody{left: strings.NewReader(u.data)}
	u.bodies = append(u.bodies, b)
	return b
}

// request makes a request with the body u and the precondition that a
// contractDocument refuses.
func (u *contractUpload) request(ctx context.Context, method, url string, getBody bool) *http.Request {
	req := contractRequest(ctx, method, url)
	req.Body = u.open()
	req.ContentLength = int64(len(u.data))
	if getBody {
		req.GetBody = func() (io.ReadCloser, error) { return u.open(), nil }
	}
	req.Header.Set("If-Match", contractStaleTag)
	return req
}

// contractGetOrPut makes a request without a body, or for PUT a write that a
// contractDocument refuses.
func contractGetOrPut(ctx context.Context, method, url string) *http.Request {
	if method != http.MethodPut {
		return contractRequest(ctx, method, url)
	}
	upload := &contractUpload{data: "the new state"}
	return upload.request(ctx, method, url, true)
}

// closed waits until all copies of the body are closed, and reports whether
// they are. The Close may come after RoundTrip has returned.
func (u *contractUpload) closed(patience time.Duration) bool {
	return contractEventually(patience, func() bool {
		for _, b := range u.all() {
			if b.state().closes == 0 {
				return false
			}
		}
		return true
	})
}

// check fails the test unless each copy of the body is closed once, and was
// used as a body may be used. A body that isn't closed cuts *patience: it isn't
// worth waiting for again.
func (u *contractUpload) check(t *testing.T, patience *time.Duration) {
	t.Helper()
	if !u.closed(*patience) {
		t.Error("a request body isn't closed")
		*patience = contractStall / 20
	}
	for i, b := range u.all() {
		name := "the request body"
		if i > 0 {
			name = "a body from GetBody"
		}
		was := b.state()
		if was.closes > 1 {
			t.Errorf("%s was closed %d times", name, was.closes)
		}
		if was.late {
			t.Errorf("%s was read after Close", name)
		}
	}
}

func (u *contractUpload) all() []*contractBody {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]*contractBody(nil), u.bodies...)
}

// contractBody is a request body that knows what was done to it.
type contractBody struct {
	mu   sync.Mutex
	left io.Reader
	was  contractBodyState
}

// contractBodyState is what was done to a request body.
type contractBodyState struct {
	reads  int // calls of Read
	closes int
	late   bool // read after Close
}

func (b *contractBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.was.reads++
	if b.was.closes > 0 {
		b.was.late = true
		return 0, http.ErrBodyReadAfterClose
	}
	return b.left.Read(p)
}

func (b *contractBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.was.closes++
	return nil
}

func (b *contractBody) state() contractBodyState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.was
}

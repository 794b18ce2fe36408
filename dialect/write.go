package dialect

import (
	"context"
	"net/http"
	"sync"
)

// Write is the write that a refresh is made for, as it was sent and refused. It is read only.
type Write struct {
	Request *http.Request // without a body
	body    func() []byte
}

// NewWrite returns a Write, for the test of a RefreshRequest. body is called at most once, by
// the first Body; nil: there is none.
func NewWrite(request *http.Request, body func() []byte) *Write {
	if body == nil {
		body = func() []byte { return nil }
	}
	return &Write{Request: request, body: sync.OnceValue(body)}
}

// Body returns the body of the write, whole. It is nil where there is none, where it can't be
// had again, and where it has more than WithMaxRepresentation bytes.
func (w *Write) Body() []byte { return w.body() }

// writeKey is the context key of a Write.
type writeKey struct{}

// WithWrite returns a context for a refresh of this write, for the test of a RefreshRequest.
func WithWrite(ctx context.Context, w *Write) context.Context {
	return context.WithValue(ctx, writeKey{}, w)
}

// WriteOf returns the write that a RefreshRequest gets a refresh for: its Destination, the
// branch that its body names. It is nil where Get or Update reads, which have no write yet.
func WriteOf(refresh *http.Request) *Write {
	w, _ := refresh.Context().Value(writeKey{}).(*Write)
	return w
}

package memory

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// How far Close reads on to see the end of a body: json.Decoder stops before it, and leaves
// white space.
const (
	restLimit = 64 << 10
	restTime  = 50 * time.Millisecond
)

// body is the body of a read, and ends the context of that read when it is closed. Where
// it came with a tag, it calls atEnd once the caller has seen all of it.
type body struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelFunc // ends ctx, and with it a Read that waits
	atEnd  func()             // nil: the end says nothing

	reading sync.Mutex // held while the body is read; guards what follows
	length  int64      // as announced; negative: unknown
	read    int64
	ended   bool // the caller has seen the end or an error
}

// watch sets a body that notes its end.
func (r Reading) watch(resp *http.Response, k Known) {
	b := &body{ReadCloser: resp.Body, ctx: r.Request.Context(), cancel: r.cancel, length: resp.ContentLength}
	if k.Tag != "" {
		b.atEnd = func() { r.visit.flow.note(r.visit.of, r.visit.begun, k) }
	}
	if b.length == 0 || resp.Body == nil {
		b.end() // nobody need read it
	}
	// One that can be written to is the connection itself, after 101.
	_, upgraded := resp.Body.(io.Writer)
	switch {
	case resp.Body == nil, resp.Body == http.NoBody:
		r.cancel()
	case !upgraded || k.Tag != "":
		resp.Body = b
	}
}

// Read reads as the body does. Beside a Close, or another Read, it is an error.
func (b *body) Read(p []byte) (int, error) {
	if !b.reading.TryLock() {
		return 0, http.ErrBodyReadAfterClose
	}
	defer b.reading.Unlock()
	n, err := b.ReadCloser.Read(p)
	b.seen(n, err)
	return n, err
}

// seen takes note of what a Read gave, and reports whether nothing follows.
func (b *body) seen(n int, err error) (ended bool) {
	b.read += int64(n)
	switch {
	case err == io.EOF && (b.length < 0 || b.read == b.length), err == nil && b.read == b.length:
		b.end()
	case err != nil:
		b.ended = true
	}
	return b.ended
}

// end notes that the caller has seen all of the body, once.
func (b *body) end() {
	if !b.ended && b.atEnd != nil {
		b.atEnd()
	}
	b.ended = true
}

// Close closes the body. Where its end would say something, and may be near, Close looks for
// it first. Beside a Read that waits it only closes.
func (b *body) Close() error {
	defer b.cancel()
	if b.reading.TryLock() {
		defer b.reading.Unlock()
		b.readRest()
		b.ended = true
	}
	return b.ReadCloser.Close()
}

// readRest reads to the end, for a while. What isn't white space the caller hasn't seen, so
// the end behind it says nothing. The context ends a Read that waits: a Close beside it may
// have to wait for it, too.
func (b *body) readRest() {
	if b.atEnd == nil || b.ended || b.length-b.read > restLimit {
		return
	}
	defer time.AfterFunc(restTime, b.cancel).Stop()
	p := make([]byte, 4<<10)
	for left := restLimit + 1; left > 0 && b.ctx.Err() == nil; {
		n, err := b.ReadCloser.Read(p[:min(left, len(p))])
		if len(bytes.TrimLeft(p[:n], " \t\r\n")) > 0 {
			return
		}
		if left -= n; b.seen(n, err) {
			return
		}
	}
}

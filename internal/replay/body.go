// Package replay has request bodies that can be sent again: opened anew by
// GetBody or from bytes, or copied as they are first sent, to memory and then to
// a temporary file.
//
// It doesn't know why a request is sent again, nor how long anybody may wait: a
// wait is handed in.
package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ErrNotReplayable says that a request can't be sent again.
var ErrNotReplayable = errors.New("ifmatch: the write can't be sent again")

// errNoGetBody is the reason where the caller gave none, and nothing is copied.
var errNoGetBody = errors.New("its body has no GetBody")

// Await waits until done is closed. An error says why it waits no longer.
type Await func(done <-chan struct{}) error

// Body is the body of a request, and how to have it again. Copies of a Body share
// what was copied of it as it was sent. The zero value has no GetBody and no
// copy, so it can't be sent again.
//
// One reader of a Body that is copied is open at a time: Open and Put wait for
// the end of the one before. Abandon and CloseAnswer may be called concurrently
// with everything; the other methods belong to one call.
type Body struct {
	getBody func() (io.ReadCloser, error) // of the caller, or one of ours; nil: there is none
	copied  *spool                        // nil: not copied
	length  int64                         // as announced
	empty   bool
}

// Of returns the body of a caller's request. It reads and closes nothing.
func Of(req *http.Request) Body {
	if req.Body == nil || req.Body == http.NoBody {
		return Body{empty: true}
	}
	return Body{getBody: req.GetBody, length: req.ContentLength}
}

// From returns a body of these bytes, which must not change afterwards.
func From(data []byte) Body {
	if len(data) == 0 {
		return Body{empty: true}
	}
	return Body{
		getBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		length:  int64(len(data)),
	}
}

// CopyAsSent begins to copy the body of req, of which b is, as it is sent: up to
// limit bytes in memory, more in a temporary file that only this process sees. It
// returns the body for the first attempt. From here on req.Body is read and
// closed by b alone: closed when Release was called and the last attempt has
// closed its own, or when the context of req ends.
func (b *Body) CopyAsSent(req *http.Request, limit int64) io.ReadCloser {
	b.copied = newSpool(req.Context(), req.Body, limit)
	return b.copied.first()
}

// Empty reports whether there is no body.
func (b *Body) Empty() bool { return b.empty }

// Copied reports whether the body is copied as it is sent.
func (b *Body) Copied() bool { return b.copied != nil }

// Length is how many bytes were announced; zero and less: nothing was, or there
// is no body.
func (b *Body) Length() int64 { return b.length }

// Replayable reports whether the body can be sent again.
func (b *Body) Replayable() bool {
	return b.empty || b.getBody != nil || b.copied != nil && b.copied.unusable() == nil
}

// Reason is why the body can't be sent again, which matches ErrNotReplayable; nil
// if it can.
func (b *Body) Reason() error {
	switch {
	case b.Replayable():
		return nil
	case b.copied == nil:
		return fmt.Errorf("%w: %w", ErrNotReplayable, errNoGetBody)
	}
	return fmt.Errorf("%w: copy of the body: %w", ErrNotReplayable, b.copied.unusable())
}

// SentWhole reports whether any attempt can have sent the whole body. Only of a
// copied one it is known that none has.
func (b *Body) SentWhole() bool { return b.copied == nil || b.copied.whole(b.length) }

// Failed reports whether the caller's body is at fault: it ended with an error,
// or gave another number of bytes than was announced. Only of a copied one it is
// known.
func (b *Body) Failed() bool { return b.copied != nil && b.copied.atFault(b.length) }

// Put opens the body anew and sets it on req, with its GetBody and its length.
// The wait and the error are as with Open.
func (b *Body) Put(req *http.Request, await Await) error {
	req.Body, req.GetBody, req.ContentLength = nil, b.getBody, b.length
	if b.empty {
		return nil
	}
	body, err := b.Open(await)
	if err != nil {
		return err
	}
	req.Body = body
	return nil
}

// Open opens the body anew; the caller closes it. An empty one is http.NoBody. A
// copied one is only opened when its reader before was closed and reads no more,
// which await waits for: the base RoundTripper may still be sending after an early
// answer. Where that wait fails the copy is abandoned. The error matches
// ErrNotReplayable, and the error of the wait or of GetBody.
func (b *Body) Open(await Await) (io.ReadCloser, error) {
	body, err := io.ReadCloser(http.NoBody), error(nil)
	switch {
	case b.copied != nil:
		if err = await(b.copied.idle()); err != nil {
			b.copied.abandon(err)
			break
		}
		body, err = b.copied.open()
	case b.getBody != nil:
		if body, err = b.getBody(); err == nil && body == nil {
			err = errors.New("GetBody returned nil")
		}
	case !b.empty:
		err = errNoGetBody
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotReplayable, err)
	}
	return body, nil
}

// Become makes b another body. A copy that next doesn't share is abandoned and
// released: nothing reads on for the answer to its last attempt, which is closed.
func (b *Body) Become(next Body) {
	if b.copied != next.copied {
		b.Abandon()
		b.Release()
	}
	*b = next
}

// CloseAnswer closes an answer to a request that b was sent with. On HTTP/2 that
// waits until the request's body is read no more, and a copied body may hang. It
// is then abandoned when await ends with an error; a body that hangs although it
// was closed is waited for a second more, and left behind.
func (b *Body) CloseAnswer(answer io.Closer, await Await) {
	if b.copied == nil {
		answer.Close()
		return
	}
	closed := make(chan struct{})
	go func() {
		answer.Close()
		close(closed)
	}()
	err := await(closed)
	if err == nil {
		return
	}
	b.copied.abandon(err)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
}

// grace is how long a body that was closed may go on hanging.
const grace = time.Second

// Abandon closes a copied body although the base RoundTripper may still read it,
// to end a read that hangs. What is copied whole can be sent again all the same.
func (b *Body) Abandon() {
	if b.copied != nil {
		b.copied.abandon(errReleased)
	}
}

// Release says that the body isn't opened any more: the copy is dropped, and the
// caller's body closed, once its last reader is closed.
func (b *Body) Release() {
	if b.copied != nil {
		b.copied.release()
	}
}

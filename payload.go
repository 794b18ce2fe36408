package ifmatch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// payload is the body that a write was sent with and how to have it again.
type payload struct {
	body   func() (io.ReadCloser, error) // GetBody, or one of our own
	spool  *spool                        // where there is no GetBody; nil: it can't be had again
	length int64
	empty  bool
}

// payloadOf returns what the caller's request carries.
func payloadOf(req *http.Request) payload {
	if req.Body == nil || req.Body == http.NoBody {
		return payload{empty: true}
	}
	return payload{body: req.GetBody, length: req.ContentLength}
}

// payloadFrom returns a body that a policy made.
func payloadFrom(data []byte) payload {
	if len(data) == 0 {
		return payload{empty: true}
	}
	return payload{
		body:   func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		length: int64(len(data)),
	}
}

func (p payload) replayable() bool { return p.reason() == nil }

// reason is why the body can't be had again, nil if it can.
func (p payload) reason() error {
	switch {
	case p.empty || p.body != nil:
		return nil
	case p.spool == nil:
		return fmt.Errorf("%w: its body has no GetBody", ErrNotReplayable)
	}
	return p.spool.unusable()
}

// sentWhole reports whether any attempt can have sent the whole body.
func (p payload) sentWhole() bool { return p.spool == nil || p.spool.complete(p.length) }

// abandon closes the source of a copy although base may still read it: the call
// ends, and the answer for which base might go on is closed.
func (p payload) abandon() {
	if p.spool != nil {
		p.spool.abandon(errSpoolReleased)
	}
}

// put opens the body anew and sets it on r.
func (p payload) put(c *call, r *http.Request) error {
	r.Body, r.GetBody, r.ContentLength = nil, p.body, p.length
	if p.empty {
		r.ContentLength = 0
		return nil
	}
	body, err := p.open(c)
	if err == nil && body == nil {
		err = errors.New("GetBody returned nil")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotReplayable, err)
	}
	r.Body = body
	return nil
}

// open opens the body anew. A copy is only read on when the base has done with
// the reader before: it may still be sending after an early answer.
func (p payload) open(c *call) (io.ReadCloser, error) {
	if p.spool == nil {
		return p.body()
	}
	if err := c.await(p.spool.idle(), -1); err != nil {
		p.spool.abandon(err)
		return nil, err
	}
	return p.spool.open()
}

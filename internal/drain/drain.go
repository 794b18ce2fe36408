// Package drain reads the bodies of answers to a bound, in bytes and in time,
// and closes them, so that their connections can be used again.
//
// It doesn't know what an answer means, nor what the request was that it
// answers. Where closing a body needs care for that request, the close is handed
// in.
package drain

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
)

// ErrTooLarge says that a body exceeds its limit.
var ErrTooLarge = errors.New("ifmatch: body is too large")

// UpTo reads at most limit bytes, which are as many as an int can count at most.
// expected is how many there should be; where that is negative, or wrong, it
// costs no more than memory. The error is never nil: io.EOF at the end of r,
// ErrTooLarge where r goes on after the limit, io.ErrNoProgress where r gives
// nothing a hundred times in a row. The bytes read come with every error, and
// are the caller's. UpTo closes nothing.
func UpTo(r io.Reader, limit, expected int64) ([]byte, error) {
	limit = min(limit, math.MaxInt-1) // one byte more is read, to see the end
	size := int64(512)
	if expected >= 0 && expected < limit {
		size = expected + 1
	}
	buf := make([]byte, 0, min(size, limit+1, 1<<20))
	for idle := 0; ; idle++ {
		n, err := r.Read(buf[len(buf):cap(buf)])
		if n > 0 {
			idle = 0
		}
		if idle == 100 {
			err = io.ErrNoProgress
		}
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return buf[:limit], ErrTooLarge
		}
		if err != nil {
			return buf, err
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(2*int64(cap(buf))+512, limit+1))
			copy(grown, buf)
			buf = grown
		}
	}
}

// State reads the whole state that an answer carries, at most limit bytes, and
// closes the body. An error says that it isn't whole, and no bytes come with it;
// where it is too large the error matches ErrTooLarge. How long it takes is up
// to the request's context. The bytes are the caller's.
func State(resp *http.Response, limit int64) ([]byte, error) {
	defer resp.Body.Close()
	if resp.ContentLength > limit {
		return nil, fmt.Errorf("%w: %d bytes, and WithMaxRepresentation is %d", ErrTooLarge, resp.ContentLength, limit)
	}
	data, end := UpTo(resp.Body, limit, resp.ContentLength)
	if errors.Is(end, ErrTooLarge) {
		return nil, fmt.Errorf("%w: more than the %d bytes of WithMaxRepresentation", ErrTooLarge, limit)
	}
	if end != io.EOF {
		return nil, fmt.Errorf("read state: %w", end)
	}
	return data, nil
}

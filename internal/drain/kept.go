package drain

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// KeepLimit is how many bytes of an answer are kept, and how many of any
	// other one are drained so that its connection can be used again.
	KeepLimit = 64 << 10

	// KeepTime is how long reading them may take.
	KeepTime = time.Second
)

// ErrTooLong ends a kept body whose reading took too long.
var ErrTooLong = fmt.Errorf("ifmatch: read refusal: %w", os.ErrDeadlineExceeded)

// Kept is what was read of an answer's body before it was closed.
type Kept struct {
	Data []byte // at most KeepLimit bytes; nobody changes them
	End  error  // io.EOF, ErrTooLarge, or what else ended the reading
}

// Keep reads the body of an answer, at most KeepLimit bytes and no longer than
// KeepTime and within, and closes it by calling closeBody once. That may happen
// on another goroutine while the body is read, to end the reading, and has ended
// when Keep returns. An answer without a body isn't closed. Where within is zero
// or less nothing is read.
func Keep(resp *http.Response, within time.Duration, closeBody func(io.Closer)) Kept {
	if resp.Body == nil || resp.Body == http.NoBody {
		return Kept{End: io.EOF}
	}
	return keep(resp, KeepLimit, min(KeepTime, within), closeBody)
}

// keep is Keep with another limit, for an answer with a body.
func keep(resp *http.Response, limit int64, within time.Duration, closeBody func(io.Closer)) Kept {
	if within <= 0 {
		closeBody(resp.Body)
		return Kept{End: ErrTooLong}
	}
	var cut sync.WaitGroup
	cut.Add(1)
	timer := time.AfterFunc(within, func() {
		defer cut.Done()
		closeBody(resp.Body)
	})
	data, end := UpTo(resp.Body, limit, resp.ContentLength)
	if timer.Stop() {
		closeBody(resp.Body)
		return Kept{data, end}
	}
	cut.Wait()
	if end != io.EOF {
		end = ErrTooLong
	}
	return Kept{data, end}
}

// Briefly reads the body of an answer that isn't a state, as Keep does, and
// returns what it could read in time.
func Briefly(resp *http.Response) []byte {
	return Keep(resp, KeepTime, simply).Data
}

// Whole reads the body of an answer as Keep does, up to limit bytes, and reports whether it
// is whole. A body that is announced as longer is read no further than Keep would.
func Whole(resp *http.Response, limit int64) (body []byte, whole bool) {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil, true
	}
	if resp.ContentLength > limit {
		limit = min(limit, KeepLimit)
	}
	kept := keep(resp, limit, KeepTime, simply)
	return kept.Data, kept.End == io.EOF
}

// Skip closes an answer whose body isn't needed, after reading what little there
// is, no longer than within, so that its connection can be used again.
func Skip(resp *http.Response, within time.Duration) {
	if resp.ContentLength > KeepLimit {
		within = 0
	}
	Keep(resp, within, simply)
}

// simply closes the body of an answer to a request that has none itself, or
// whose own is read to its end.
func simply(body io.Closer) { body.Close() }

// Reader returns a new reader of what was kept, which ends with End. Close does
// nothing.
func (k Kept) Reader() io.ReadCloser {
	return io.NopCloser(&keptReader{bytes.NewReader(k.Data), k.End})
}

type keptReader struct {
	*bytes.Reader
	end error
}

func (r *keptReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		err = r.end
	}
	return n, err
}

// WriteTo hides the method of bytes.Reader, which knows nothing of the end.
func (r *keptReader) WriteTo(w io.Writer) (int64, error) {
	n, err := r.Reader.WriteTo(w)
	if err == nil && r.end != io.EOF {
		err = r.end
	}
	return n, err
}

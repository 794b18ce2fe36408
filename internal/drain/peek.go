package drain

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// Peek reads the beginning of an answer's body, at most KeepLimit bytes, and puts
// it back: resp.Body then gives all of the body. whole says that the body ended there.
// Where reading takes longer than KeepTime Peek returns nothing. Then the goroutine that
// reads ends with the next bytes, or when the body is closed. The bytes must not be
// changed.
func Peek(resp *http.Response) (beginning []byte, whole bool) {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil, true
	}
	p := &peekedBody{body: resp.Body, read: make(chan struct{})}
	go p.readBeginning(resp.ContentLength)
	resp.Body = p
	timer := time.NewTimer(KeepTime)
	defer timer.Stop()
	select {
	case <-p.read:
		return p.data, p.end == io.EOF
	case <-timer.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.enough = true
		return nil, false
	}
}

// peekedBody is a body whose beginning was read, or still is: Close ends that.
type peekedBody struct {
	body io.ReadCloser
	read chan struct{} // closed when nothing is added to data any more

	mu     sync.Mutex // guards what follows until read is closed
	data   []byte
	end    error // of the body; nil: it goes on after data
	enough bool  // nobody waits for more

	at int // how much of data was given; the reader's own
}

// readBeginning reads until the body ends, KeepLimit is reached, or nobody waits.
func (p *peekedBody) readBeginning(expected int64) {
	defer close(p.read)
	size := int64(512)
	if expected >= 0 {
		size = expected + 1 // one byte more shows the end
	}
	chunk := make([]byte, min(size, 32<<10))
	for idle, left := 0, KeepLimit; left > 0; {
		n, err := p.body.Read(chunk[:min(len(chunk), left)])
		if idle++; n > 0 {
			idle = 0
		}
		if err == nil && idle == 100 {
			err = io.ErrNoProgress
		}
		left -= n
		if p.add(chunk[:n], err) {
			return
		}
	}
}

// add adds what was read, and reports whether that is all.
func (p *peekedBody) add(data []byte, end error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.data, p.end = append(p.data, data...), end
	return end != nil || p.enough
}

// given copies what is there and wasn't given before.
func (p *peekedBody) given(b []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := copy(b, p.data[p.at:])
	p.at += n
	return n
}

// Read gives what was read at once, and the rest as the body gives it.
func (p *peekedBody) Read(b []byte) (int, error) {
	if n := p.given(b); n > 0 || len(b) == 0 {
		return n, nil
	}
	<-p.read
	switch n := p.given(b); {
	case n > 0:
		return n, nil
	case p.end != nil:
		return 0, p.end
	}
	return p.body.Read(b)
}

func (p *peekedBody) Close() error { return p.body.Close() }

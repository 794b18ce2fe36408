package drain

import (
	"io"
	"net/http"
	"time"
)

// Peek reads the beginning of an answer's body, at most KeepLimit bytes, and puts
// it back: resp.Body then gives all of the body. Where reading takes longer than
// KeepTime Peek returns nothing, and the goroutine that reads ends with the
// beginning, or when the body is closed. The bytes must not be changed.
func Peek(resp *http.Response) []byte {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil
	}
	p := &peekedBody{body: resp.Body, read: make(chan struct{})}
	go func() {
		p.data, p.end = UpTo(io.LimitReader(p.body, KeepLimit), KeepLimit, resp.ContentLength)
		close(p.read)
	}()
	resp.Body = p
	timer := time.NewTimer(KeepTime)
	defer timer.Stop()
	select {
	case <-p.read:
		return p.data
	case <-timer.C:
		return nil
	}
}

// peekedBody is a body whose beginning was read, or still is: Close ends that.
type peekedBody struct {
	body io.ReadCloser
	read chan struct{} // closed when the beginning is there
	data []byte
	end  error // of the beginning; after KeepLimit bytes the body goes on
	at   int
}

func (p *peekedBody) Read(b []byte) (int, error) {
	<-p.read
	if p.at < len(p.data) {
		n := copy(b, p.data[p.at:])
		p.at += n
		return n, nil
	}
	if len(p.data) < KeepLimit {
		return 0, p.end
	}
	return p.body.Read(b)
}

func (p *peekedBody) Close() error { return p.body.Close() }

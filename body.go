package ifmatch

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// keepLimit is how much of a refusal's body is kept, and how much of any
	// other answer is drained so that its connection can be used again.
	keepLimit = 64 << 10

	// keepTime is how long reading a refusal's body may take.
	keepTime = time.Second
)

// keptBody is what was read of a refusal's body.
type keptBody struct {
	data []byte
	end  error // io.EOF, ErrTooLarge, or what ended the reading
}

// keep reads the body of an answer, at most keepLimit bytes and no longer than
// keepTime and the limits allow, and closes it.
func (c *call) keep(resp *http.Response) keptBody {
	if resp.Body == nil || resp.Body == http.NoBody {
		return keptBody{end: io.EOF}
	}
	within := min(keepTime, c.left())
	if within <= 0 {
		c.closeAnswer(resp.Body)
		return keptBody{end: errReadingTooLong}
	}
	var cut sync.WaitGroup
	cut.Add(1)
	timer := time.AfterFunc(within, func() {
		defer cut.Done()
		c.closeAnswer(resp.Body)
	})
	data, end := readUpTo(resp.Body, keepLimit, resp.ContentLength)
	if timer.Stop() {
		c.closeAnswer(resp.Body)
		return keptBody{data, end}
	}
	cut.Wait()
	if end != io.EOF {
		end = errReadingTooLong
	}
	return keptBody{data, end}
}

var errReadingTooLong = fmt.Errorf("ifmatch: read refusal: %w", os.ErrDeadlineExceeded)

// readUpTo reads at most limit bytes. The error is never nil: io.EOF at the end
// of r, ErrTooLarge where r goes on after the limit.
func readUpTo(r io.Reader, limit, expected int64) ([]byte, error) {
	size := int64(512)
	if expected >= 0 && expected < limit {
		size = expected + 1 // one more, to see the end
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

// peek reads the beginning of an answer's body, at most keepLimit bytes, and puts
// it back. Where that takes longer than keepTime it returns nothing; whoever reads
// the body then gets it all the same.
func peek(resp *http.Response) []byte {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil
	}
	p := &peekedBody{body: resp.Body, read: make(chan struct{})}
	go func() {
		p.data, p.end = readUpTo(io.LimitReader(p.body, keepLimit), keepLimit, resp.ContentLength)
		close(p.read)
	}()
	resp.Body = p
	timer := time.NewTimer(keepTime)
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
	end  error // of the beginning; after keepLimit bytes the body goes on
	at   int
}

func (p *peekedBody) Read(b []byte) (int, error) {
	<-p.read
	if p.at < len(p.data) {
		n := copy(b, p.data[p.at:])
		p.at += n
		return n, nil
	}
	if len(p.data) < keepLimit {
		return 0, p.end
	}
	return p.body.Read(b)
}

func (p *peekedBody) Close() error { return p.body.Close() }

// reader returns a new reader of the kept body.
func (k keptBody) reader() io.ReadCloser {
	return io.NopCloser(&keptReader{bytes.NewReader(k.data), k.end})
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

// WriteTo hides that of bytes.Reader, which knows nothing of the end.
func (r *keptReader) WriteTo(w io.Writer) (int64, error) {
	n, err := r.Reader.WriteTo(w)
	if err == nil && r.end != io.EOF {
		err = r.end
	}
	return n, err
}

// closeAnswer closes the body of an answer. On HTTP/2 that waits for the request
// body to be read no more: a source that hangs is closed when the time is up.
func (c *call) closeAnswer(body io.Closer) {
	if c.payload.spool == nil {
		body.Close()
		return
	}
	closed := make(chan struct{})
	go func() {
		body.Close()
		close(closed)
	}()
	err := c.await(closed, -1)
	if err == nil {
		return
	}
	c.payload.spool.abandon(err)
	grace := time.NewTimer(keepTime)
	defer grace.Stop()
	select {
	case <-closed:
	case <-grace.C: // a source that hangs although it was closed hangs for ever
	}
}

// closeBody closes the request's body: a RoundTripper must, on every path.
func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// forgetOldBody removes what described the body that was replaced, and leaves
// what the policy set for the new one.
func forgetOldBody(r *http.Request, old http.Header) {
	r.TransferEncoding, r.Trailer = nil, nil
	for name, values := range r.Header {
		if describesBody(textproto.CanonicalMIMEHeaderKey(name)) && slices.Equal(values, old[name]) {
			delete(r.Header, name)
		}
	}
}

func describesBody(key string) bool {
	switch key {
	case "Content-Encoding", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "X-Goog-Hash",
		"X-Amz-Content-Sha256", "X-Amz-Decoded-Content-Length", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Trailer",
		"X-Ms-Blob-Content-Md5", "X-Ms-Content-Crc64":
		return true
	}
	return strings.HasPrefix(key, "X-Amz-Checksum-")
}

package ifmatch

import (
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/drain"
)

// keep reads the body of an answer to a write, as much of it as is kept and as
// long as the limits allow, and closes it.
func (c *call) keep(resp *http.Response) drain.Kept {
	return drain.Keep(resp, c.left(), c.closeAnswer)
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
	grace := time.NewTimer(drain.KeepTime)
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

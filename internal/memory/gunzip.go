package memory

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// decode decodes an answer that is compressed with gzip although the read asked for
// identity, as http.Transport does where it has asked for gzip by itself.
func decode(resp *http.Response) {
	if resp.Body == nil || resp.ContentLength == 0 || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength, resp.Uncompressed = -1, true
	resp.Body = &gunzipped{body: resp.Body}
}

// gunzipped is the decoded body of an answer.
type gunzipped struct {
	body   io.ReadCloser
	gzip   *gzip.Reader // nil before the first Read
	err    error        // of the gzip header; the body stays as it is then
	closed atomic.Bool
}

func (g *gunzipped) Read(p []byte) (int, error) {
	if g.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if g.gzip == nil && g.err == nil {
		g.gzip, g.err = gzip.NewReader(g.body)
	}
	if g.err != nil {
		return 0, g.err
	}
	return g.gzip.Read(p)
}

func (g *gunzipped) Close() error {
	g.closed.Store(true)
	return g.body.Close()
}

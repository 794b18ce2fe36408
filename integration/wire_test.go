package integration

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A wire is what a call put on the line, seen below ifmatch: logs come late, and
// those of some servers have no headers.
type wire struct {
	mu  sync.Mutex
	all []crossing
}

// A crossing is one request and its answer.
type crossing struct {
	method, query string
	header        http.Header
	status        int
	etag          string // of the answer
}

type wireKey struct{}

// recorded returns a context whose requests come into the wire.
func (w *wire) recorded(ctx context.Context) context.Context {
	return context.WithValue(ctx, wireKey{}, w)
}

// forget makes it empty.
func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = nil
}

// record notes a request as ifmatch sent it, before it is dressed.
func record(req *http.Request, resp *http.Response, err error) {
	w, ok := req.Context().Value(wireKey{}).(*wire)
	if !ok {
		return
	}
	c := crossing{method: req.Method, query: req.URL.RawQuery, header: req.Header.Clone()}
	if err == nil {
		c.status, c.etag = resp.StatusCode, resp.Header.Get("ETag")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, c)
}

// list has the requests in words, as sentList has.
func (w *wire) list() string {
	var list []string
	for _, c := range w.all {
		if c.status == 0 {
			list = append(list, c.method+" failed")
			continue
		}
		list = append(list, write(c.method, c.status))
	}
	return strings.Join(list, ", ")
}

// guarded checks that after a refused If-Match no write goes out without one, and
// that it names what a read before it was given.
func (w *wire) guarded(t *testing.T) {
	t.Helper()
	given, refused := map[string]bool{}, false
	for _, c := range w.all {
		tag := c.header.Get("If-Match")
		switch {
		case c.method == http.MethodGet || c.method == http.MethodHead:
			given[c.etag] = true
		case refused && (tag == "" || tag != w.all[0].header.Get("If-Match") && !given[tag]):
			t.Errorf("%s %d was under %q, which no read had: %s", c.method, c.status, tag, w.list())
		case c.status == http.StatusPreconditionFailed && tag != "":
			refused = true
		}
	}
}

// pastCaches checks that the reads ask for what a write can be guarded with, and
// that the recipe of the server is in them.
func (w *wire) pastCaches(t *testing.T, s server) {
	t.Helper()
	for _, c := range w.all {
		if c.method != http.MethodGet && c.method != http.MethodHead {
			continue
		}
		if c.header.Get("Accept-Encoding") != "identity" || c.header.Get("Cache-Control") != "no-cache" || c.header.Get("Pragma") != "no-cache" {
			t.Errorf("%s asks for any coding, or for what a cache has: %v", c.method, c.header)
		}
		if s.recipe != nil && c.query == "" && c.header.Get("Cookie") == "" {
			t.Errorf("%s goes out without the recipe: %v", c.method, c.header)
		}
	}
}

package integration

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// ids begin anywhere, so that tests may be run again on servers that stay up.
var ids atomic.Int64

func nextID() int {
	ids.CompareAndSwap(0, 1000*(1+rand.Int64N(1_000_000)))
	return int(ids.Add(1))
}

// A doc is a document on a server, as the test sees it: without ifmatch.
type doc struct {
	t      *testing.T
	server server
	id     int
	path   string
	url    string // where the test writes
	origin string // where the document lives; the same, but for proxies
	plain  http.RoundTripper
	first  ifmatch.Validators // of the document as it was made
	read   []byte             // it
	asked  int                // requests of the test itself that are in the log of the server

	others int // requests of a client that are in it already
	wire   wire

	// readsAfter: a Resource looks whether the server stored what it sent.
	readsAfter bool
}

// newDoc is a document that isn't there yet.
func newDoc(t *testing.T, s server) *doc {
	t.Helper()
	id := nextID()
	d := &doc{t: t, server: s, id: id, path: s.path(id), plain: s.base(t)}
	d.url = env(t, s.address) + d.path
	d.origin = d.url
	if s.origin != "" {
		d.origin = env(t, s.origin) + d.path
	}
	return d
}

// makeDoc is a document with the number 1, and its tag as a client could have read it.
func makeDoc(t *testing.T, s server) *doc {
	t.Helper()
	d := newDoc(t, s)
	d.create(1)
	d.first = d.settle()
	return d
}

func (d *doc) create(n int) {
	d.t.Helper()
	method, url, body := http.MethodPut, d.origin, d.server.form.encode(d.id, n)
	if d.server.create == http.MethodPost {
		method, url = http.MethodPost, strings.TrimSuffix(d.origin, d.path)
		body = append([]byte(`{"ID":`+strings.Trim(d.path, "()")+`,`), body[1:]...)
		d.asked-- // the log has it under another path
	}
	if resp, text := d.ask(method, url, body, nil); resp.StatusCode != d.server.made {
		d.t.Fatalf("%s %s: got %s %.300s, want %d", method, url, resp.Status, text, d.server.made)
	}
}

// rival writes the document as somebody else.
func (d *doc) rival(n int) {
	d.t.Helper()
	resp, text := d.ask(http.MethodPut, d.origin, d.server.form.encode(d.id, n), d.anyState())
	if resp.StatusCode != d.server.accepted {
		d.t.Fatalf("rival: got %s %.300s, want %d", resp.Status, text, d.server.accepted)
	}
	d.inLog()
}

// inLog waits until the log has all that was asked so far.
func (d *doc) inLog() {
	d.t.Helper()
	if n := d.asked + d.others; d.server.log != "" && n > 0 {
		accessLog(d.t, d.server.log, d.path, n)
	}
}

// anyState is the header of a write of somebody who doesn't care.
func (d *doc) anyState() http.Header {
	if d.server.conditional {
		return http.Header{"If-Match": {"*"}}
	}
	return nil
}

func (d *doc) remove() {
	d.t.Helper()
	resp, text := d.ask(http.MethodDelete, d.origin, nil, d.anyState())
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		d.t.Fatalf("DELETE: got %s %.300s", resp.Status, text)
	}
	d.inLog()
}

// settle reads the document's validators at its origin, once the tag is one that
// a write can be guarded with.
func (d *doc) settle() ifmatch.Validators {
	d.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		resp, body := d.get(d.origin)
		v := ifmatch.Validators{ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
		if v.ETag != "" && (d.server.weak || !strings.HasPrefix(v.ETag, "W/")) {
			d.read = body
			d.inLog()
			return v
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s has the tag %q after 5 s", d.origin, v.ETag)
		}
	}
}

// stock is the number that the document has at its origin.
func (d *doc) stock() int {
	d.t.Helper()
	resp, body := d.get(d.origin)
	if resp.StatusCode != http.StatusOK {
		d.t.Fatalf("GET %s: got %s", d.origin, resp.Status)
	}
	n, err := d.server.form.decode(body)
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// has compares the document with what it should be.
func (d *doc) has(want int) {
	d.t.Helper()
	if got := d.stock(); got != want {
		d.t.Errorf("the document has %d, want %d", got, want)
	}
}

// get reads as a client should: net/http would ask for gzip.
func (d *doc) get(url string) (*http.Response, []byte) {
	d.t.Helper()
	return d.ask(http.MethodGet, url, nil, http.Header{"Accept-Encoding": {"identity"}})
}

// ask sends one request of the test's own. It doesn't go through ifmatch.
func (d *doc) ask(method, url string, body []byte, header http.Header) (*http.Response, []byte) {
	d.t.Helper()
	if strings.HasPrefix(url, env(d.t, d.server.address)) {
		d.asked++
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	resp, err := (&http.Client{Transport: d.plain}).Do(newRequest(d.t, ctx, method, url, body, header))
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp, text
}

func newRequest(t *testing.T, ctx context.Context, method, url string, body []byte, header http.Header) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	return req
}

package ifmatchtest

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// contractStaleTag is the entity-tag that a contractDocument refuses, and
// contractFirstTag the one that it accepts first.
const (
	contractStaleTag = `"v0"`
	contractFirstTag = `"v1"`
)

// contractOrigin is a server on loopback that counts its connections.
type contractOrigin struct {
	*httptest.Server
	opened, closed atomic.Int32
}

// newContractOrigin starts a server, which is closed at the end of the test.
func newContractOrigin(t *testing.T, h http.Handler) *contractOrigin {
	t.Helper()
	o := &contractOrigin{Server: httptest.NewUnstartedServer(h)}
	o.Config.ErrorLog = log.New(io.Discard, "", 0)
	o.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			o.opened.Add(1)
		case http.StateClosed:
			o.closed.Add(1)
		}
	}
	o.Start()
	t.Cleanup(func() {
		o.CloseClientConnections() // ends the handlers of calls that failed
		o.Close()
	})
	return o
}

// newContractTransport returns a Transport with its own connections.
func newContractTransport(t *testing.T) *http.Transport {
	t.Helper()
	tr := &http.Transport{MaxIdleConnsPerHost: 64, ExpectContinueTimeout: contractPatience}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// contractClosedURL returns a URL at which nobody listens.
func contractClosedURL(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	return s.URL
}

// contractRequest makes a request without a body.
func contractRequest(ctx context.Context, method, url string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		panic(err) // the suite's own mistake
	}
	return req
}

// contractDocument is an origin of documents under preconditions, one at each
// path. It reads a request to its end before it answers. The zero
// contractDocument is ready to use.
type contractDocument struct {
	frozen bool // accepted writes don't change the entity-tag
	moving bool // each read finds another entity-tag, so that no write is accepted

	mu       sync.Mutex
	writes   map[string]int // by path
	accepted []string       // the bodies of accepted writes
	trailers []http.Header  // the trailers of accepted writes
}

func (d *contractDocument) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Method != http.MethodPut {
		if d.moving {
			d.change(r.URL.Path)
		}
		w.Header().Set("ETag", d.tag(r.URL.Path))
		fmt.Fprint(w, "the state")
		return
	}
	if d.moving || r.Header.Get("If-Match") != d.tag(r.URL.Path) {
		http.Error(w, "the document has changed", http.StatusPreconditionFailed)
		return
	}
	if !d.frozen {
		d.change(r.URL.Path)
	}
	d.accepted = append(d.accepted, string(body))
	d.trailers = append(d.trailers, r.Trailer.Clone())
	w.Header().Set("ETag", d.tag(r.URL.Path))
	fmt.Fprint(w, "written")
}

// tag returns the entity-tag at path. The caller holds d.mu.
func (d *contractDocument) tag(path string) string {
	return fmt.Sprintf(`"v%d"`, 1+d.writes[path])
}

// change gives path another entity-tag. The caller holds d.mu.
func (d *contractDocument) change(path string) {
	if d.writes == nil {
		d.writes = make(map[string]int)
	}
	d.writes[path]++
}

// seen returns the bodies and trailers of the accepted writes.
func (d *contractDocument) seen() (bodies []string, trailers []http.Header) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.accepted...), append([]http.Header(nil), d.trailers...)
}

// contractOnce is an origin that answers its first request with first, and all
// others with then.
func contractOnce(first, then http.Handler) http.Handler {
	var called atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := then
		if called.CompareAndSwap(false, true) {
			h = first
		}
		h.ServeHTTP(w, r)
	})
}

// contractStatus is an origin that answers with status after it has read the
// request.
func contractStatus(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		if status != http.StatusNotModified {
			io.WriteString(w, http.StatusText(status))
		}
	})
}

// contractAbort is an origin that breaks the connection after it has read the
// request.
func contractAbort() http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
}

// contractOutcome is one way in which a write can end.
type contractOutcome struct {
	name   string
	origin http.Handler
}

// contractOutcomes returns fresh origins for a write whose precondition is
// contractStaleTag.
func contractOutcomes() []contractOutcome {
	return []contractOutcome{
		{"accepted", contractStatus(http.StatusOK)},
		{"refused-once", &contractDocument{}},
		{"refused-always", &contractDocument{moving: true}},
		{"unavailable-once", contractOnce(contractStatus(http.StatusServiceUnavailable), &contractDocument{})},
		{"unavailable-always", contractStatus(http.StatusServiceUnavailable)},
		{"broken-once", contractOnce(contractAbort(), &contractDocument{})},
		{"broken-always", contractAbort()},
	}
}

package ifmatchtest

import (
	"bytes"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Server is an origin that keeps one state per path and obeys RFC 9110.
//
// It knows GET (with Range), HEAD, PUT, DELETE, OPTIONS, POST, which appends
// its body to the state so that being applied twice shows, and PATCH, which
// takes a JSON Merge Patch (RFC 7396) as application/merge-patch+json or
// application/json. Queries are logged, and don't tell resources apart.
//
// Entity-tags are strong: "v1", "v2" and so on, counted per path and never
// reused. A write of the same content is a new version. Last-Modified is the
// time of the last write. Both are on answers to writes too, but not on a 412.
// A missing target is 404, whatever the preconditions, except for PUT and
// POST, to which If-Match is then 412. A malformed If-Match or If-None-Match
// is 400.
//
// The zero Server listens nowhere; it can be mounted elsewhere by ServeHTTP.
// All methods are safe for concurrent use.
type Server struct {
	// URL is the base, of the form http://ipaddr:port without a trailing
	// slash. It is not to be changed.
	URL string

	server *http.Server  // nil: listens nowhere
	client *http.Client  // nil: listens nowhere
	done   chan struct{} // closed by Close; nil: listens nowhere

	mu        sync.Mutex // guards all below, and what it points to
	resources map[string]*resource
	faults    []*injected
	log       []*Request
	accepted  int // connections so far
	open      int // goroutines of listener and connections
	serving   int // requests in ServeHTTP
	closed    bool
	idle      *sync.Cond // open or serving changed; nil until Close waits
}

// NewServer starts a Server on the loopback interface, with HTTP/1.1. The
// caller closes it. It panics when there is no port to be had.
func NewServer() *Server {
	l := listenLoopback()
	return start("http://"+l.Addr().String(), l, nil, newTransport())
}

// NewTLSServer is like [NewServer], with TLS and HTTP/2. Its certificate is
// trusted by its Client only.
func NewTLSServer() *Server {
	l := listenLoopback()
	cert, roots := newCertificate()
	t := newTransport()
	t.ForceAttemptHTTP2 = true
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	return start("https://"+l.Addr().String(), l, &tls.Config{Certificates: []tls.Certificate{cert}}, t)
}

// NewMemoryServer is like [NewServer], over in-memory connections that only its
// Client can make. It is for testing/synctest: made and closed within a
// bubble, everything in it blocks durably and ends with Close.
func NewMemoryServer() *Server {
	l := newMemoryListener()
	t := newTransport()
	t.DialContext = l.dial
	return start("http://"+memoryHost, l, nil, t)
}

// newTransport returns a Transport that uses no proxy. It waits for 100
// Continue as long as http.DefaultTransport does.
func newTransport() *http.Transport {
	return &http.Transport{ExpectContinueTimeout: time.Second}
}

// start serves what l accepts, with TLS unless config is nil.
func start(url string, l net.Listener, config *tls.Config, t *http.Transport) *Server {
	s := &Server{
		URL:    url,
		client: &http.Client{Transport: t},
		done:   make(chan struct{}),
		open:   1, // the goroutine below
	}
	s.server = &http.Server{Handler: s, TLSConfig: config, ConnState: s.connState}
	if config != nil {
		s.server.ErrorLog = log.New(quietHandshakes{}, "", 0)
	}
	go func() {
		defer s.count(-1)
		if config == nil {
			s.server.Serve(l) // ends with http.ErrServerClosed
			return
		}
		s.server.ServeTLS(l, "", "")
	}()
	return s
}

// quietHandshakes passes on to package log what net/http has to say, but not
// that Close cut a handshake, which it does to connections made to spare.
type quietHandshakes struct{}

func (quietHandshakes) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("http: TLS handshake error")) {
		return len(p), nil
	}
	log.Print(string(p))
	return len(p), nil
}

func (s *Server) connState(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if s.count(+1) {
			c.Close() // accepted as Close was called, and unknown to it
		}
	case http.StateClosed, http.StateHijacked:
		s.count(-1)
	}
}

// count counts the goroutines that Close waits for. It reports whether Close
// was called.
func (s *Server) count(n int) (closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
	s.accepted += max(0, n)
	s.changed()
	return s.closed
}

// changed tells Close to look again. The caller holds s.mu.
func (s *Server) changed() {
	if s.idle != nil {
		s.idle.Broadcast()
	}
}

// Client returns a client that reaches s, the same one at each call. Its
// Transport is an *http.Transport of its own, which Close closes. It is nil
// for a zero Server.
func (s *Server) Client() *http.Client { return s.client }

// Connections returns how many connections were accepted so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Close ends s: it stops listening, cuts all connections, and waits until no
// request is being served. Unlike httptest's, it does not let requests under
// way finish. State and Log may still be asked. It may be called again.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == nil {
		s.idle = sync.NewCond(&s.mu)
	}
	if !s.closed {
		s.closed = true
		s.stop()
	}
	for s.open > 0 || s.serving > 0 {
		s.idle.Wait()
	}
}

// stop cuts everything. The caller holds s.mu, and gets it back.
func (s *Server) stop() {
	if s.server == nil {
		return
	}
	s.mu.Unlock() // net/http calls connState meanwhile
	defer s.mu.Lock()
	close(s.done)
	s.server.Close()
	s.client.CloseIdleConnections()
}

package evidence

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
)

// TestOneOfTheConnections: as soon as one connection may speak another protocol than
// HTTP/1, nobody can tell what a repeat means.
func TestOneOfTheConnections(t *testing.T) {
	http1, other, odd := speaking(t, "http/1.1"), speaking(t, "h2"), speaking(t, "odd/1")
	unknown, peer := net.Pipe()
	defer peer.Close()
	defer unknown.Close()
	for _, row := range []struct {
		conns []net.Conn
		want  bool
	}{
		{nil, false},
		{[]net.Conn{http1}, true},
		{[]net.Conn{http1, http1, http1}, true},
		{[]net.Conn{other}, false},
		{[]net.Conn{odd}, false},
		{[]net.Conn{unknown}, false},
		{[]net.Conn{http1, other}, false},
		{[]net.Conn{other, http1}, false},
		{[]net.Conn{http1, unknown, http1}, false},
	} {
		req := httptest.NewRequest(http.MethodPut, "https://example.test/doc", nil)
		w := Observe(req, Base{Transport: &http.Transport{}, Direct: true})
		trace := httptrace.ContextClientTrace(w.Watched(req).Context())
		for _, conn := range row.conns {
			trace.GotConn(httptrace.GotConnInfo{Conn: conn})
		}
		if got := w.Seen(nil).HTTP1; got != row.want {
			t.Errorf("%d connections: HTTP/1 %v, want %v", len(row.conns), got, row.want)
		}
	}
}

// speaking returns a TLS connection on which a protocol was agreed.
func speaking(t *testing.T, protocol string) net.Conn {
	t.Helper()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	certificates := certified.TLS.Certificates
	certified.Close()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	go tls.Server(theirs, &tls.Config{Certificates: certificates, NextProtos: []string{protocol}}).Handshake()
	conn := tls.Client(ours, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestAuthorizes: which Authorization fields a server can take for credentials.
func TestAuthorizes(t *testing.T) {
	for value, want := range map[string]bool{
		"Basic YTpi":                         true,
		"Digest username=\"a\"":              true,
		"NTLM TlRMTVNTUAABAAAAB4IIAA==":      false, // the first message
		"Negotiate TlRMTVNTUAABAAAAB4IIAA==": false,
		"NTLM TlRMTVNTUAADAAAAGAAYAEg=":      true, // the last one
		"Bearer TlRMTVNTUAABAAAA":            true,
	} {
		if got := authorizes([]string{value}); got != want {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
	if authorizes(nil) {
		t.Error("no value is taken for credentials")
	}
}

// TestSilent: which tables of protocols have one that may not speak httptrace.
func TestSilent(t *testing.T) {
	for _, row := range []struct {
		protocols []string
		want      bool
	}{
		{nil, false},
		{[]string{"h2", "unencrypted_http2"}, false},
		{[]string{"odd/1"}, true},
		{[]string{"h2", "odd/1"}, true},
	} {
		base := &http.Transport{TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
		for _, protocol := range row.protocols {
			base.TLSNextProto[protocol] = nil
		}
		w := Observe(httptest.NewRequest(http.MethodPut, "https://example.test/doc", nil), Base{Transport: base, Direct: true})
		if w.Seen(nil).Silent {
			t.Errorf("%q: silent before it is asked for a connection", row.protocols)
		}
		w.getConn("example.test:443")
		if got := w.Seen(nil).Silent; got != row.want {
			t.Errorf("%q: silent %v, want %v", row.protocols, got, row.want)
		}
	}
	if silent(nil) {
		t.Error("a foreign base is none")
	}
}

// TestUnwatched: a nil Watch hands on what it is given, and has seen nothing.
func TestUnwatched(t *testing.T) {
	req := httptest.NewRequest(http.MethodPut, "http://example.test/doc", nil)
	resp := &http.Response{Request: req}
	var w *Watch
	w.Restore(resp)
	w.Restore(nil)
	if w.Watched(req) != req || resp.Request != req {
		t.Error("another request")
	}
	if s := w.Seen(nil); s.NeverSent() || s.RepeatedBelow() {
		t.Errorf("%+v", s)
	}
}

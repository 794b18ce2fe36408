package evidence

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Watch watches one RoundTrip. Its hooks may be called while it is asked, and after the
// RoundTrip has returned. A nil Watch has seen nothing.
type Watch struct {
	base        Base
	request     *http.Request // the one that was given
	watched     *http.Request // its copy
	endedBefore bool
	conditional bool // the base is foreign, and the request has a precondition
	trace       httptrace.ClientTrace

	mu         sync.Mutex // guards what follows
	getConns   int
	gotConns   int
	wrote      int
	first      net.Conn // of gotConns
	other      bool     // one of the connections may speak another protocol than HTTP/1
	authorized bool     // the header that is being written has credentials
	anonymous  int      // headers that were written without credentials
	loggedIn   bool     // the last header that was written had them
	guarded    bool     // the header that is being written has a precondition
	others     int      // headers without a precondition, where the request has one
}

// Observe returns what watches how the base sends a request. A trace in the context of
// the request is called as well.
func Observe(req *http.Request, base Base) *Watch {
	if runtime.GOOS == "js" {
		base = Base{} // the Fetch API shows nothing, and the context is looked at later
	}
	w := &Watch{base: base, request: req, endedBefore: ended(req)}
	w.trace = httptrace.ClientTrace{GetConn: w.getConn, GotConn: w.gotConn, WroteHeaders: w.wroteHeaders}
	if base.Transport == nil { // others may answer a challenge
		w.trace.WroteHeaderField = w.wroteField
		w.conditional = semantics.Conditional(req.Header)
	}
	w.watched = req.WithContext(httptrace.WithClientTrace(req.Context(), &w.trace))
	return w
}

// Watched returns what to hand to the base: a copy of the request, which shares its fields
// and its body, unless CountBody was called. A nil Watch has none, and returns the request
// itself.
func (w *Watch) Watched(req *http.Request) *http.Request {
	if w == nil {
		return req
	}
	return w.watched
}

func (w *Watch) getConn(string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.getConns++
}

func (w *Watch) gotConn(info httptrace.GotConnInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gotConns++; w.gotConns == 1 {
		w.first = info.Conn // looked at only where it matters
		return
	}
	w.other = w.other || !w.speaksHTTP1(info.Conn)
}

func (w *Watch) wroteField(name string, values []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case strings.EqualFold(name, "Authorization"):
		w.authorized = authorizes(values)
	case slices.ContainsFunc(semantics.Preconditions[:], func(p string) bool { return strings.EqualFold(name, p) }):
		w.guarded = true
	}
}

func (w *Watch) wroteHeaders() {
	w.mu.Lock()
	defer w.mu.Unlock()
	authorized, guarded := w.authorized, w.guarded
	w.authorized, w.guarded = false, false
	// A base may fetch a token first, in the same context. That isn't the write.
	if w.conditional && !guarded {
		w.others++
		return
	}
	w.wrote++
	if !authorized {
		w.anonymous++
	}
	w.loggedIn = authorized
}

// authorizes reports whether a server can take the values of an Authorization field for
// credentials. The first message of NTLM has none: [MS-NLMP] §2.2.1.1.
func authorizes(values []string) bool {
	for _, value := range values {
		scheme, token, _ := strings.Cut(value, " ")
		opens := strings.EqualFold(scheme, "NTLM") || strings.EqualFold(scheme, "Negotiate")
		if !opens || !strings.HasPrefix(token, "TlRMTVNTUAABAAAA") {
			return true
		}
	}
	return false
}

// speaksHTTP1 reports whether a connection surely speaks HTTP/1.
func (w *Watch) speaksHTTP1(conn net.Conn) bool {
	if secure, ok := conn.(*tls.Conn); ok {
		agreed := secure.ConnectionState().NegotiatedProtocol
		return agreed == "" || agreed == "http/1.1"
	}
	// A foreign base comes first: it may go on while its caller changes the request.
	if w.base.Transport == nil || w.request.URL == nil || w.request.URL.Scheme != "http" {
		return false // somebody else's protocol, or somebody else's TLS
	}
	protocols := w.base.Transport.Protocols
	return protocols == nil || !protocols.UnencryptedHTTP2()
}

// Restore gives an answer back the request that it is for, where it has the copy. A nil
// Watch restores nothing.
func (w *Watch) Restore(resp *http.Response) {
	if w != nil && resp != nil && resp.Request == w.watched {
		resp.Request = w.request
	}
}

// Seen returns what was seen so far. err is the error that the base returned, nil where it
// returned an answer.
func (w *Watch) Seen(err error) Seen {
	if w == nil {
		return Seen{Foreign: true}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ctx := w.request.Context()
	s := Seen{
		Foreign: w.base.Transport == nil, Direct: w.base.Direct,
		Keyed:       semantics.ReplayedBelow(w.request.Header),
		EndedBefore: w.endedBefore, Ended: ended(w.request),
		OwnError: ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))),
		GetConns: w.getConns, GotConns: w.gotConns, Wrote: w.wrote,
		LoggedIn: w.wrote > 1 && w.anonymous == w.wrote-1 && w.loggedIn,
	}
	s.HTTP = w.request.URL != nil && (w.request.URL.Scheme == "http" || w.request.URL.Scheme == "https")
	s.Silent = w.getConns > 0 && silent(w.base.Transport)
	s.HTTP1 = w.gotConns > 0 && !w.other && w.speaksHTTP1(w.first)
	s.Invalid = err != nil && w.getConns == 0 && invalid(w.request)
	if s.Wrote == 0 {
		s.Wrote = w.others // the base leaves the precondition out, or shows no fields
	}
	return s
}

// silent reports whether connections of an *http.Transport may be handed to a protocol of
// TLSNextProto other than HTTP/2: net/http doesn't say then that it got a connection. The
// Transport must have been used, since its first use completes the table.
func silent(t *http.Transport) bool {
	if t == nil {
		return false
	}
	for protocol := range t.TLSNextProto {
		if protocol != "h2" && protocol != "unencrypted_http2" {
			return true
		}
	}
	return false
}

// ended reports whether nobody waits for the request any more.
func ended(req *http.Request) bool {
	select {
	case <-req.Cancel:
		return true
	default:
		return req.Context().Err() != nil
	}
}

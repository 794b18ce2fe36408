// Package evidence says of one request what was seen of its sending: whether it never
// left this process, and whether something below sent it more than once. It watches by
// net/http/httptrace. It doesn't read the texts of errors, and of
// preconditions it knows the fields alone.
package evidence

import "net/http"

// Base is what is known of the RoundTripper that a request is handed to. The zero Base is
// a foreign one: it may repeat, go on after it has returned, or not speak httptrace.
type Base struct {
	// Transport is what the request comes to in the end, with nothing between that goes
	// on after it has returned. Nil: foreign.
	Transport *http.Transport

	// Direct says that nothing is between.
	Direct bool
}

// Seen is what was seen of one RoundTrip. The zero Seen is a request that nobody watched:
// nothing is claimed of it.
type Seen struct {
	Foreign     bool // the base isn't known
	Direct      bool // the base is an *http.Transport itself
	Keyed       bool // an Idempotency-Key: net/http repeats the request also where it was written
	HTTP        bool // the scheme is http or https, and no protocol of RegisterProtocol
	Silent      bool // a connection may speak a protocol of TLSNextProto that shows nothing
	EndedBefore bool // the context had ended before the base was called
	Ended       bool // the context had ended when the base returned
	OwnError    bool // the error is the context's own
	Invalid     bool // net/http refuses to send such a request
	GetConns    int  // connections that were asked for
	GotConns    int  // connections that were got
	Wrote       int  // headers that were written
	HTTP1       bool // each connection speaks HTTP/1
	LoggedIn    bool // of the headers that were written only the last one had credentials
}

// NeverSent reports whether the request surely didn't leave this process, where the base
// returned an error.
func (s Seen) NeverSent() bool {
	traced := s.GetConns > 0 || s.GotConns > 0 || s.Wrote > 0
	switch {
	case !traced && s.Foreign:
		return false // it may send without httptrace, and look at the context later
	case !traced && s.Invalid:
		return true // an *http.Transport looks at the header before anything else
	case !traced:
		// An *http.Transport looks at the context before it asks for a connection. A
		// protocol of RegisterProtocol may look at nothing.
		return s.EndedBefore && s.OwnError && s.HTTP
	case s.Silent:
		return false // it was sent, perhaps, on a connection that wasn't shown
	case s.Foreign && s.Ended:
		return false // it may have returned early, and still send
	case s.GotConns == 0 && s.Wrote == 0:
		return s.GetConns > 0 // it waited for a connection that didn't come
	case s.Direct && s.HTTP1 && !s.Keyed:
		// net/http asks for one more connection only where nothing was written on the
		// one before (persistConn.shouldRetryRequest), and the last one didn't come.
		return s.GotConns < s.GetConns
	}
	return false
}

// RepeatedBelow reports whether something below may have sent the request more than
// once, so that the answer or the error of the last one isn't about all.
func (s Seen) RepeatedBelow() bool {
	switch {
	case s.Wrote < 2:
		return false
	case !s.Foreign && s.HTTP1 && !s.Keyed:
		return false // a pooled connection was dead: nothing of the first reached the server
	case s.LoggedIn:
		return false // the server asked for credentials, as Digest and NTLM have it
	}
	return true // on HTTP/2 the hooks don't tell REFUSED_STREAM from PROTOCOL_ERROR
}

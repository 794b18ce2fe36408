package ifmatchtest

import (
	"net/http"
	"testing"
	"time"
)

// TestRoundTripper checks that the RoundTrippers made by wrap keep the
// contract of [http.RoundTripper]: to callers above them, and towards the base
// RoundTripper below them.
//
// It calls wrap at least once for each subtest, with a base that is either an
// *http.Transport towards a server on loopback, or a fake that counts what
// happens to bodies. wrap returns the RoundTripper under test, which must send
// its requests through that base and nothing else. Wrappers that repeat
// requests, such as a write that was refused with 412 or an answer of 503, and
// wrappers that don't, are both welcome: the subtests say what must hold, not
// whether a request is repeated. A wrapper that waits before it repeats should
// be given short waits.
//
// A call that doesn't return, and one that panics, fails its subtest only. The
// suite doesn't run subtests in parallel; TestRoundTripper may be called from
// a parallel test.
//
// The lines of the contract, each a subtest that can be chosen with -run:
//
//	request-untouched    the caller's request is as it was, during and after the call
//	request-reused       the same request value can be sent again
//	request-streamed     the request body is sent as it is produced
//	body-closed-once     the request body, and what GetBody returned, is closed exactly once
//	body-whole           a write that is accepted carries the caller's whole body
//	responses-closed     a response that isn't returned is drained and closed before the next request
//	drain-bounded        a huge body of a response that isn't returned is cut, not read to its end
//	response-or-error    exactly one of response and error, whatever the status
//	response-unread      the body of an accepted request is left to the caller
//	response-streamed    the response body can be read while the server produces it
//	response-fields      Request, Uncompressed, ContentLength and the answer to HEAD are kept
//	redirects-returned   redirects come back as they are
//	trailers             trailers arrive in both directions
//	switching-protocols  the body of a 101 response can be written to
//	informational        1xx responses reach net/http/httptrace
//	expect-continue      a body that waits for 100 (Continue) isn't read before
//	cancel               context, deadline and Request.Cancel end a call at once
//	one-connection       refused writes, one after another, need one connection
//	idle-connections     CloseIdleConnections is forwarded, and never called by RoundTrip
//	no-goroutine-left    no goroutine outlives a call
//	concurrent           calls don't disturb each other; run it with -race
//	credentials-stay     Authorization and Cookie go to the origin of the request only
//	bad-request          a malformed request is an error, not a panic, and its body is closed
func TestRoundTripper(t *testing.T, wrap func(base http.RoundTripper) http.RoundTripper) {
	for _, line := range contractLines {
		t.Run(line.name, func(t *testing.T) { line.prove(t, wrap) })
	}
}

// contractWrap makes the RoundTripper under test.
type contractWrap = func(base http.RoundTripper) http.RoundTripper

// contractLines is the contract, in the order of TestRoundTripper's comment.
var contractLines = []struct {
	name  string
	prove func(t *testing.T, wrap contractWrap)
}{
	{"request-untouched", contractRequestUntouched},
	{"request-reused", contractRequestReused},
	{"request-streamed", contractRequestStreamed},
	{"body-closed-once", contractBodyClosedOnce},
	{"body-whole", contractBodyWhole},
	{"responses-closed", contractResponsesClosed},
	{"drain-bounded", contractDrainBounded},
	{"response-or-error", contractResponseOrError},
	{"response-unread", contractResponseUnread},
	{"response-streamed", contractResponseStreamed},
	{"response-fields", contractResponseFields},
	{"redirects-returned", contractRedirectsReturned},
	{"trailers", contractTrailers},
	{"switching-protocols", contractSwitchingProtocols},
	{"informational", contractInformational},
	{"expect-continue", contractExpectContinue},
	{"cancel", contractCancel},
	{"one-connection", contractOneConnection},
	{"idle-connections", contractIdleConnections},
	{"no-goroutine-left", contractNoGoroutineLeft},
	{"concurrent", contractConcurrent},
	{"credentials-stay", contractCredentialsStay},
	{"bad-request", contractBadRequest},
}

// contractPatience bounds each call, and contractStall each wait for something
// that follows at once. Only a wrapper that breaks the contract uses them up.
const (
	contractPatience = 10 * time.Second
	contractStall    = 3 * time.Second
)

// Package ifmatchtest provides an HTTP origin for testing clients that write
// under preconditions.
//
// A [Server] keeps one state per path and evaluates If-Match, If-None-Match,
// If-Unmodified-Since, If-Modified-Since and If-Range as RFC 9110 says, check
// and write in one step:
//
//	srv := ifmatchtest.NewServer()
//	defer srv.Close()
//	etag := srv.Put("/doc", "application/json", []byte(`{"n":1}`))
//	resp, err := srv.Client().Get(srv.URL + "/doc")
//
// [Server.Put] and [Server.Delete] are a second writer, [Server.State] tells
// what is stored, and [Server.Log] what arrived.
//
// Real servers, proxies and links do worse than the RFC. [Server.Inject] adds
// a [Fault]: answers lost after the write, stale reads, weak or re-coded tags,
// a writer that is always faster, and more:
//
//	srv.Inject(ifmatchtest.LostAnswer(1).On("PUT"))
//
// These are known from servers and proxies in public:
//
//	a proxy sends a write again after a 5xx    ResendOn
//	a 412 to a write that was applied          FailAfter(n, 412)
//	unknown members of a document are lost     DropUnknown
//	tags differ by node, or by read            NodeTags
//	a delete marker refuses a create           DeleteMarkers
//	a replica is several writes behind         LaggingReads
//
// Where time matters, use [NewMemoryServer] within a testing/synctest bubble:
// it has no sockets, so that waits of hours take no time. A body without an end
// doesn't belong there. Since Go 1.27 net/http drains a body after its Close, and
// where a Read is still under way, the time of the bubble stands still
// (https://go.dev/issue/81404): a Transport that gives up a refusal which drips
// waits for ever. Test that in real time, or answer with "Connection: close";
// net/http doesn't drain such a body.
//
// Names of methods, paths and header fields are compared exactly. Nothing here
// is meant to face a network that isn't a test's own.
package ifmatchtest

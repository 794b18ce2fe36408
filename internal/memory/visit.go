package memory

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Visit is one call of a flow.
type Visit struct {
	flow  *Flow
	of    target
	begun uint64
	aside bool
	api   *guard.Dialect // nil: RFC 9110
}

// Under returns the visit of an API, which says where an answer has its tag.
func (v Visit) Under(d *guard.Dialect) Visit {
	v.api = d
	return v
}

// tagOf is the tag in an answer, empty where it has none.
func (v Visit) tagOf(h http.Header) string {
	if v.api == nil {
		return etag.Of(h).ETag
	}
	return v.api.Validators(h, nil).ETag
}

// Visit begins a call. aside says that the flow itself doesn't see what the call reads and
// writes: an Update does, or a policy. Such a call never becomes a guard.
func (f *Flow) Visit(req *http.Request, aside bool) Visit {
	return Visit{flow: f, of: ofRequest(req), begun: f.begin(), aside: aside}
}

// Forget drops what the flow knows of a URL.
func (f *Flow) Forget(u *url.URL) { f.forget(targetOf(u, "")) }

// MeetAside notes that something else than the flow has written the URL.
func (f *Flow) MeetAside(u *url.URL) { f.meet(targetOf(u, ""), aside) }

// Known returns what the flow knows of the URL of the call.
func (v Visit) Known() Known { return v.flow.known(v.of) }

// Aside reports whether the flow itself doesn't see the call.
func (v Visit) Aside() bool { return v.aside }

// Reads reports whether a method reads the state of its URL.
func Reads(method string) bool {
	return method == "" || method == http.MethodGet || method == http.MethodHead
}

// Writes reports whether a method is one that a flow guards.
func Writes(method string) bool {
	return method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete
}

// Reading is a read of a flow, as it is sent.
type Reading struct {
	Request *http.Request

	visit    Visit
	cancel   context.CancelFunc // nil: the request is the caller's own
	identity bool               // asks for identity where the caller left the coding to net/http
}

// Read returns the read to send: a copy, with a context of its own that can end the reading
// of its body. A HEAD is sent as it is, and so is a read that the flow itself doesn't see.
func (v Visit) Read(req *http.Request) Reading {
	if v.aside || req.Method == http.MethodHead {
		return Reading{Request: req, visit: v}
	}
	ctx, cancel := context.WithCancel(req.Context())
	r := Reading{Request: req.WithContext(ctx), visit: v, cancel: cancel}
	// A compressed representation has another tag (RFC 9110 §8.8.3.3), and net/http asks
	// for gzip by itself.
	if field.Lines(req.Header, "Accept-Encoding") == nil {
		r.identity = true
		r.Request.Header = field.Clone(req.Header)
		field.Set(r.Request.Header, "Accept-Encoding", "identity")
	}
	return r
}

// Failed lets go of what the Reading holds, where there is no answer.
func (r Reading) Failed() {
	if r.cancel != nil {
		r.cancel()
	}
}

// Answered notes what the answer says, and sets a body that notes its end. decodes says
// that http.Transport would have decoded it. resp isn't copied: http.Transport puts the
// trailers that weren't announced into the response that it has. The caller closes the
// body as ever.
func (r Reading) Answered(resp *http.Response, decodes bool) {
	v, req := r.visit, r.Request
	if decodes && r.identity && field.Lines(req.Header, "Range") == nil {
		decode(resp)
	}
	k := v.seen(req, resp)
	switch {
	case k == Known{}:
	case v.aside:
		v.flow.meet(v.of, aside)
	case k.Tag != "":
		v.flow.meet(v.of, unread)
	case k.Closed == unseen:
		v.flow.meet(v.of, unseen)
	default:
		v.flow.note(v.of, v.begun, k)
	}
	if r.cancel != nil {
		r.watch(resp, k)
	}
}

// seen is what the answer to a read shows, zero where it meets nothing. A tag counts once
// the body was read to its end.
func (v Visit) seen(req *http.Request, resp *http.Response) Known {
	head, status := req.Method == http.MethodHead, resp.StatusCode
	switch {
	// HEAD may be answered so by a server that doesn't have it.
	case isAbsent(status) && head && v.Known().Tag != "":
		return Known{Closed: unseen}
	case isAbsent(status):
		return Known{Absent: true}
	case status != http.StatusNotModified && (status < 200 || status > 299):
		return Known{}
	case head, status != http.StatusOK, field.Lines(req.Header, "Range") != nil:
		return Known{Closed: unseen}
	case diverted(req, resp):
		return Known{Closed: elsewhere}
	}
	if why := v.unusable(resp); why != "" {
		return Known{Closed: why}
	}
	return Known{Tag: v.tagOf(resp.Header)}
}

func isAbsent(status int) bool {
	return status == http.StatusNotFound || status == http.StatusGone
}

// unusable is why the tag of an answer can't guard a write, empty where it can: a weak one
// can with some APIs.
func (v Visit) unusable(resp *http.Response) Reason {
	switch {
	case resp.Uncompressed || semantics.Coded(resp.Header):
		return coded
	case v.tagOf(resp.Header) == "":
		return untagged
	}
	return ""
}

// diverted reports whether a base has followed a redirect by itself, and the answer is of
// another URL.
func diverted(req *http.Request, resp *http.Response) bool {
	return resp.Request != nil && resp.Request.Response != req.Response
}

// Wrote says how a write of the flow was accepted.
type Wrote struct {
	Applied bool // the server has performed it, and not only taken it on
	Own     bool // the body that was stored is the one that the caller sent
}

// Accepted notes that a write was accepted, of whatever unsafe method.
func (v Visit) Accepted(req *http.Request, resp *http.Response, w Wrote) {
	now := Known{Closed: unanswered}
	switch {
	case v.aside:
		v.flow.meet(v.of, aside)
		return
	case diverted(req, resp):
		now.Closed = elsewhere
	// What was stored is a state that the flow hasn't seen. The guard stays, so that the
	// flow's next write is refused rather than let through.
	case !w.Own && req.Method == http.MethodPut:
		v.flow.meet(v.of, unseen)
		return
	case req.Method == http.MethodDelete && (w.Applied || resp.StatusCode == http.StatusMultiStatus):
		now = Known{Absent: true}
	case req.Method != http.MethodPut:
		now.Closed = patched
	case w.Applied && v.wholeBy(req, resp):
		now = Known{Tag: v.tagOf(resp.Header)}
	}
	v.flow.note(v.of, v.flow.begin(), now)
}

// wholeBy reports whether the answer to an accepted PUT has the tag of the body that was
// sent (RFC 9110 §9.3.4, §8.7).
func (v Visit) wholeBy(req *http.Request, resp *http.Response) bool {
	return field.Lines(req.Header, "Content-Range") == nil &&
		semantics.AboutTarget(req.URL, resp.Header) && v.unusable(resp) == ""
}

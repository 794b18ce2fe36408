package ifmatch

import (
	"context"
	"errors"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/memory"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Remember returns a context whose reads guard its writes. What is called with
// it, or with a context made from it, is one flow: a Transport of this package
// notes the strong entity-tag of each GET and HEAD that is answered with 200, and
// a PUT, PATCH or DELETE of the same URL that carries no precondition is sent
// under If-Match with the tag that the flow saw last. The tag of its own accepted
// write counts from then on. The policy decides on a refusal, as on the refusal of any
// other guarded write.
//
// Where the caller read a body to its end, a digest of it is kept. A refused
// write whose state still has that content is sent again under the fresh tag,
// whatever the policy, also under Stop: nothing can be lost. The outcome has
// CauseFalseConflict. Under Stop the refusal may then come with its body
// buffered, up to 64 KiB.
//
// A URL is forgotten after a write that failed, 412 included, after a success
// without a strong tag, and after a read with 404 or 410. A write to a URL that isn't
// remembered goes out as it is, unguarded: read again first. Only the last 256
// URLs are remembered. A write with a precondition, with Content-Range or with a
// signature that was made above the Transport is left as it is, and so is every POST.
// So is each write under a dialect whose version isn't in If-Match.
//
// The tag of a compressed answer isn't noted: it belongs to the compressed
// representation, and guards no write of the plain one. That holds also where
// http.Transport has asked for gzip by itself and has decoded the answer. Set
// Accept-Encoding: identity on the reads where the server compresses. A tag that
// was noted before stays then, but the digest goes.
//
// Each call of Remember begins a flow of its own that knows nothing of others,
// also when ctx has one. A flow may be used concurrently, and lives as long as a
// context that has it.
func Remember(ctx context.Context) context.Context {
	s := scopeOf(ctx).copy()
	s.flow = new(memory.Flow)
	return context.WithValue(ctx, scopeKey{}, s)
}

// remembered is RoundTrip for a call of a flow. It puts the tag on the write before the
// call is made, so that the call treats the write as any other with If-Match, and shows
// the answer to the flow.
func (t *Transport) remembered(base http.RoundTripper, req *http.Request, s *scope) (*http.Response, error) {
	visit, seen := s.flow.Visit(req)
	guarded := req
	if t.dialectFor(req, s).OwnPlaces() {
		seen = memory.Seen{} // If-Match isn't where the API looks
	} else {
		guarded, seen = guardBySeen(req, seen)
	}
	c := t.newCall(base, guarded)
	c.seen = seen
	resp, err := c.begin(t.plan(guarded, s, c.dialect, seen.Whole()))
	// Where the flow hasn't seen what was stored its guard stays, so that its next write
	// is refused rather than let through.
	if c.told.outcome.Replaced == nil {
		visit.Answered(req, resp, err, c.maxRepresentation)
	}
	return resp, err
}

// guardBySeen returns the request to send, a copy where the tag was put into it,
// and what the flow saw of the state that its precondition names.
func guardBySeen(req *http.Request, seen memory.Seen) (*http.Request, memory.Seen) {
	if seen.Tag == "" || !memory.Guards(req.Method) {
		return req, memory.Seen{}
	}
	if field.Lines(req.Header, "Content-Range") != nil || guard.SignedAbove(req) != "" {
		return req, memory.Seen{} // neither can be rewritten
	}
	switch g := guard.Of(req.Header); {
	case g.Kind == guard.Tags && len(g.Tags) == 1 && g.Names(seen.Tag):
		return req, seen // the caller has put it there
	case g.Kind != guard.None:
		return req, memory.Seen{} // the caller knows better
	}
	guarded := req.WithContext(req.Context())
	guarded.Header = field.Clone(req.Header)
	field.Set(guarded.Header, "If-Match", seen.Tag)
	return guarded, seen
}

// recalls reports whether the refused write was guarded by a state that the flow
// has seen whole, so that a look at the current one may show a false conflict.
func (c *call) recalls(g *guard.Guard) bool {
	return c.seen.Whole() && !c.doubt.open() && !c.traits.update &&
		c.refused.resp.StatusCode == http.StatusPreconditionFailed &&
		g.Kind == guard.Tags && len(g.Tags) == 1 && g.Names(c.seen.Tag) &&
		!c.exhausted() && c.sent.payload.Replayable() && !c.dialect.HidesState(c.sent.write)
}

// resolveSeen decides on a refusal where the current state is the one that the
// flow has seen: nothing is lost then, whatever the policy. Otherwise the decision is
// zero, and it is the policy's turn; what was learnt stays with the conflict. The
// ending ends only where the call itself was cancelled.
func (c *call) resolveSeen(conflict *Conflict) (Decision, ending) {
	end := conflict.refresh.learn(c.req.Context(), conflict, true)
	if end.kind == endFailed {
		return Decision{}, end
	}
	switch {
	// HEAD may still say what the policy needs, without another wait.
	case errors.Is(end.err, ErrTooLarge):
		conflict.refresh.forget()
		conflict.refresh.started = true
	// The state can't be learnt. The policy hears that if it asks.
	case end.ends():
		if c.traits.asksNothing {
			conflict.refresh.end.cause = 0 // it needs no refresh
		}
	// A coded body, or a weak tag, isn't the plain state that the digest is of.
	case !semantics.Coded(conflict.refresh.state.Header) && !etag.Weak(conflict.refresh.Fresh.ETag) &&
		c.seen.SameBody(conflict.refresh.state.Body):
		return Decision{conflict: conflict, kind: decideSeen}, ending{}
	}
	return Decision{}, ending{}
}

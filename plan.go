package ifmatch

import (
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// plan says how the first attempt of a call goes out. The zero plan hands the request on
// as it is, and no call is made until the answer needs one.
type plan struct {
	observed bool // the answer is looked at by a call, whatever it is
	copies   bool // the body is copied as it is sent, since it may have to be sent again
	expects  bool // with Expect: 100-continue
	writeID  bool // with an id of its own in the object's metadata
	watched  bool // its sending is watched: it may be refused
}

// handsOn reports whether nothing is made before: the caller's request goes to the base,
// perhaps watched.
func (p plan) handsOn() bool {
	p.watched = false
	return p == plan{}
}

// plan is made once for a call, and sends nothing. s may be nil. Most calls have the zero
// plan, and that must cost next to nothing: so settings aren't put together for it. Where a
// function of the dialect panics the body is closed.
func (t *Transport) plan(req *http.Request, s *scope, d *guard.Dialect) plan {
	done := false
	defer closeBodyUnless(&done, req)
	p := t.planned(req, s, d)
	done = true
	return p
}

// planned makes the plan.
func (t *Transport) planned(req *http.Request, s *scope, d *guard.Dialect) plan {
	set := layers{transport: t.settings}
	if s != nil {
		set.call = &s.settings
	}
	p := plan{observed: set.observes(req, s) || set.refusalErrors() && !semantics.Safe(req.Method)}
	hasBody := req.Body != nil && req.Body != http.NoBody
	// A body is copied only where the write may go out twice: the copy takes room.
	if hasBody && req.GetBody == nil {
		p.copies = set.mayRepeat(req, d) || set.mayRewrite(req, d)
	}
	if semantics.Safe(req.Method) || s != nil && s.settings.reads(req) {
		return p
	}
	// Something below may repeat the write, whether it is guarded or not: a refusal would
	// say nothing of what was sent before.
	p.watched = d.Conditional(req)
	p.expects = hasBody && addsExpect(req, d, set.expectContinue())
	p.writeID = set.writeIDs() && takesWriteID(req, d)
	p.observed = p.observed || d.Spells(req) // a call spells it
	return p
}

// layers are the settings of a call's context over the settings of its Transport, without
// the cost of putting them together. Both may be nil: then the defaults hold.
type layers struct{ call, transport *settings }

// repeats is what WithTransientRetry and WithoutRepeats say.
func (l layers) repeats() repeats {
	switch {
	case l.call != nil && l.call.repeats != nil:
		return *l.call.repeats
	case l.transport != nil:
		return *l.transport.repeats
	}
	return repeats{}
}

// observes reports whether somebody wants to know of the first answer, whatever it is.
func (l layers) observes(req *http.Request, s *scope) bool {
	if s != nil && (s.observer != nil || s.flow != nil) {
		return true
	}
	// A check is asked about any answer, and a doubt of the hop before goes on here.
	return l.repeats().check != nil || req.Response != nil && leftOpen(req) != nil || l.traced() && !semantics.Safe(req.Method)
}

// traced reports whether there is a Trace, and so somebody who asks about each write.
func (l layers) traced() bool {
	return l.call != nil && len(l.call.traces) > 0 || l.transport != nil && len(l.transport.traces) > 0
}

// expectContinue is the least size of a body, in bytes, that goes out with Expect:
// 100-continue; zero or less: no body does.
func (l layers) expectContinue() int64 {
	switch {
	case l.call != nil && l.call.expectContinue != nil:
		return *l.call.expectContinue
	case l.transport != nil:
		return *l.transport.expectContinue
	}
	return 0
}

// writeIDs reports whether WithWriteID was given on either layer: it can't be taken back.
func (l layers) writeIDs() bool {
	return l.call != nil && l.call.writeIDs || l.transport != nil && l.transport.writeIDs
}

// refusalErrors reports whether WithRefusalError was given on either layer.
func (l layers) refusalErrors() bool {
	return l.call != nil && l.call.refusalErrors || l.transport != nil && l.transport.refusalErrors
}

// policy is the policy of the call, never nil.
func (l layers) policy() Policy {
	switch {
	case l.call != nil && l.call.policy != nil:
		return l.call.policy
	case l.transport != nil:
		return l.transport.policy
	}
	return Stop
}

// mayRepeat reports whether the request may be sent again after a failure: a guarded
// write, and with WithTransientRetry every idempotent method. It looks at no answer yet.
func (l layers) mayRepeat(req *http.Request, d *guard.Dialect) bool {
	rule := l.repeats()
	guarded := d.Guards(req, false) || guard.MayRepeat(req, false) && d.LooksIntoBody(req)
	return guarded && !rule.none || rule.check != nil && semantics.Idempotent(req.Method)
}

// mayRewrite reports whether the body may be sent again after a refusal.
func (l layers) mayRewrite(req *http.Request, d *guard.Dialect) bool {
	// Nothing is refused, or nothing is sent after a refusal.
	if semantics.Safe(req.Method) || semantics.HasIdempotencyKey(req.Header) || traitsOf(l.policy()).stops || d.Signed(req) != "" {
		return false
	}
	// Only these preconditions have a validator that can be renewed.
	kind := d.Of(req).Kind
	return kind == guard.Tags || kind == guard.Date || d.LooksIntoBody(req)
}

// addsExpect reports whether a write with a body goes out with Expect: 100-continue,
// where bodies of from bytes and more do. A body of unknown length counts as large.
func addsExpect(req *http.Request, d *guard.Dialect, from int64) bool {
	// It is off, the body is small, or the caller has set its own.
	if from <= 0 || req.ContentLength > 0 && req.ContentLength < from || field.Lines(req.Header, "Expect") != nil {
		return false
	}
	// Without a precondition there is no early refusal to wait for.
	return d.Of(req).Kind != guard.None
}

// first returns the request of the first attempt: the caller's own, or a copy of it with
// what the plan adds. Where the body is copied, base gets a reader that copies as it
// sends, and the caller's body is closed once the call and base are done with it.
func (c *call) first(p plan) *http.Request {
	first := c.req
	if p.copies {
		first = c.req.WithContext(c.req.Context())
		first.Body = c.sent.payload.CopyAsSent(c.req, c.maxBuffer)
	}
	if !p.expects && !p.writeID && !c.dialect.Spells(first) {
		return first
	}
	first = first.WithContext(first.Context())
	first.Header, first.URL = c.dialect.Spelled(first)
	if p.expects || p.writeID {
		first.Header = field.Clone(first.Header)
	}
	if p.expects {
		first.Header["Expect"] = []string{"100-continue"}
	}
	if p.writeID {
		field.Set(first.Header, c.dialect.WriteIDField, c.sent.newWriteID())
	}
	c.sent.noteExpect(p.expects)
	return first
}

// expectationFailed reports whether the server doesn't know the Expect that the plan
// added (RFC 9110 §15.5.18), and the write can be sent without it. Otherwise the 417
// is the answer.
func (c *call) expectationFailed(resp *http.Response) bool {
	return c.sent.expects && resp.StatusCode == http.StatusExpectationFailed && c.sent.payload.Replayable()
}

// withoutExpect returns the same request without the Expect field. It counts as a repeat,
// at once and outside of the budget: the server is well, and has performed nothing.
func (c *call) withoutExpect(resp *http.Response) (*http.Request, ending) {
	c.noteRepeat()
	c.setAside(resp, nil)
	next, err := c.againWithBody()
	if err != nil {
		return nil, c.unsent(err)
	}
	next.Header = field.Clone(c.sent.write.Header)
	field.Drop(next.Header, "Expect")
	c.sent.noteExpect(false)
	return next, ending{}
}

// WithWriteID gives each write an id, in metadata that the API stores with the
// object: each PUT under a precondition, where the dialect has a WriteIDField. The id
// stays the same over all attempts of a call. At a refusal the object is asked for
// its id, under every policy, also under Stop. Where the object has the id of the
// call, an earlier attempt was applied, and the call ends as applied with
// CauseOwnEarlierWrite: that is proof, whatever was sent. Another id proves nothing:
// somebody else may have written since.
//
// A write id is in an object's metadata. A mark is in a document: see Marks.
//
// The refusal that the caller gets may then be cut at 64 KiB, also under Stop.
//
// Without a WriteIDField, under a signature made above the Transport, and where the
// request has the field already, nothing is added. It is off by default.
func WithWriteID() Option { return optionFunc(func(s *settings) { s.writeIDs = true }) }

// takesWriteID reports whether a write may have an id in its object's metadata.
func takesWriteID(req *http.Request, d *guard.Dialect) bool {
	// The dialect has no field for it, or the method doesn't replace the metadata.
	if d.WriteIDField == "" || req.Method != http.MethodPut {
		return false
	}
	// No refusal will ask for the id, or the field can't be added.
	if d.Of(req).Kind == guard.None || field.Lines(req.Header, d.WriteIDField) != nil || d.Signed(req) != "" {
		return false
	}
	if d.WriteIDs == nil {
		return true
	}
	request := req.WithContext(req.Context())
	request.Header = field.Canonical(req.Header)
	return d.WriteIDs(request)
}

// bearsWriteID reports whether the object has the id of this call, which proves that the
// write was applied. It sends a refresh; false also says that the object couldn't be
// asked. What the refresh says of the refusal beside that doesn't count: it wasn't asked
// for that.
func (c *call) bearsWriteID(conflict *Conflict) bool {
	if c.sent.writeID == "" {
		return false
	}
	end := conflict.refresh.learn(c.policyContext(), conflict, false)
	conflict.refresh.end.cause = 0
	lines := field.Lines(conflict.refresh.header, c.dialect.WriteIDField)
	return !end.ends() && len(lines) == 1 && lines[0] == c.sent.writeID
}

// unsendable is why a request must not be sent, nil where it may be. s may be nil.
func unsendable(req *http.Request, s *scope, d *guard.Dialect) error {
	if d.Err != nil {
		return &unsentError{d.Err}
	}
	if semantics.Safe(req.Method) || s != nil && s.settings.reads(req) {
		return nil
	}
	if err := unguardedBy(req, d); err != nil {
		return err
	}
	// A write of Update, or of a flow, has an error of its own: see misplaced.
	if d.ReplacesOnCreate(req) && (s == nil || s.flow == nil && !traitsOf(s.settings.policy).update) {
		return unguardedErr(req, d, ignoresCreate)
	}
	if lines := field.Lines(req.Header, "If-Match"); lines != nil && guard.EmptyMatch(lines) {
		return &unsentError{fmt.Errorf("ifmatch: %s %q: %w: If-Match is empty, and a server may take it for absent: "+
			"give it the ETag of the state that the body was made from; where an answer had none, GET first", req.Method, redact.URL(req.URL), ErrNoValidator)}
	}
	return nil
}

// unguardedBy is the error of a write whose condition the API ignores; nil of any other. Where
// a function of the dialect panics the body is closed.
func unguardedBy(req *http.Request, d *guard.Dialect) error {
	done := false
	defer closeBodyUnless(&done, req)
	ignored := d.Unheeded(req)
	done = true
	if ignored == "" {
		return nil
	}
	return unguardedErr(req, d, ignored)
}

const ignoresCreate = "If-None-Match: *, and has no write to a URL that only creates"

// unguardedErr is the error of a write that isn't sent, because the API ignores its condition.
func unguardedErr(req *http.Request, d *guard.Dialect, ignored string) error {
	return &unsentError{fmt.Errorf("ifmatch: %s %q: it isn't sent, since it would go out without its guard: dialect %s: the API ignores %s",
		req.Method, redact.URL(req.URL), d.Name, ignored)}
}

// endUnsent ends a call of which nothing is sent: under a wrong precondition a write may
// replace what it shouldn't.
func endUnsent(err error, req *http.Request) error {
	closeBody(req)
	report(req.Context(), Outcome{Effect: EffectNotApplied, Err: err})
	return err
}

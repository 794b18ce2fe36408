package ifmatch

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/replay"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// refusal is the last refusal of a write.
type refusal struct {
	resp     *http.Response
	kept     *drain.Kept     // of resp; nil: its body is untouched
	verdict  dialect.Verdict // of the dialect on the last answer; zero without one
	conflict *Conflict       // as the policy sees it
	cause    Cause           // as best known
	count    int
}

// keep buffers the body of the refusal and closes it.
func (r *refusal) keep(c *call) {
	if r.kept == nil {
		kept := c.keep(r.resp)
		r.kept = &kept
	}
}

func (r *refusal) noteVerdict(v dialect.Verdict) { r.verdict = v }

// noteRefusal takes note of a refusal.
func (c *call) noteRefusal(resp *http.Response) {
	c.startClock()
	c.refused.count++
	c.refused.resp, c.refused.kept, c.refused.conflict = resp, nil, nil
	c.countHandedTry()
}

// noteAside takes note of an answer that is no refusal, and that the call can't end with
// as it is.
func (c *call) noteAside(resp *http.Response) {
	c.startClock()
	c.refused.resp, c.refused.kept, c.refused.conflict = resp, nil, nil
	c.refused.keep(c)
}

// resolve returns the write that follows a refusal, or how the call ends. Its frame stands
// on the stack while the call waits, and the stack is most of what such a call takes: so
// what was decided is kept in the Conflict, and whatever takes room returns before the
// wait.
func (c *call) resolve(resp *http.Response) (*http.Request, ending) {
	end := c.decideOn(resp)
	if !end.ends() && c.refused.conflict.waits() {
		d, reason, stop := c.nextPace(waitPace)
		if end = stop; !end.ends() {
			end = c.wait(c.req.Context(), d, reason)
		}
	}
	if !end.ends() {
		end = c.refused.conflict.ready(c.req.Context())
	}
	if end.ends() {
		return nil, end
	}
	return c.nextWrite(c.refused.conflict)
}

// decideOn decides what follows a refusal, and keeps it in the conflict.
func (c *call) decideOn(resp *http.Response) ending {
	decision, end := c.decision(resp)
	if end.ends() {
		return end
	}
	c.refused.conflict.decision = decision
	return c.canSend(c.refused.conflict)
}

// decision returns what follows a refusal, or how the call ends without it.
func (c *call) decision(resp *http.Response) (Decision, ending) {
	c.noteRefusal(resp)
	end := c.judge(resp)
	g := &c.sent.guard
	c.traceRefused(g, resp.StatusCode)
	seen := c.recalls(g)
	if c.passesThrough(g, seen) {
		return Decision{}, orElse(end, because(c.refused.cause, ErrConflict))
	}
	c.refused.keep(c)
	if !end.ends() {
		end = c.whyStop(g)
	}
	if !end.ends() {
		end = c.enterLane()
	}
	c.refused.conflict = c.newConflict()
	if c.bearsWriteID(c.refused.conflict) {
		return Decision{}, ending{kind: endApplied}
	}
	return c.decideConflict(seen, end)
}

// passesThrough reports whether nobody looks at a refusal: the caller gets it untouched.
func (c *call) passesThrough(g *guard.Guard, seen bool) bool {
	switch {
	case c.doubt.first != nil:
		return false // it may speak of the call's own write
	case c.traits.stops && !seen && c.sent.writeID == "":
		return true // the policy wants nothing to be asked
	}
	// It isn't about a precondition at all.
	return c.refused.cause == CauseUnattributed && g.Kind == guard.None && c.sent.basis == ofCaller
}

// decideConflict decides what follows a refusal that was kept. seen says that the flow of
// the call has seen the state that guarded the write; end is why nothing can follow.
func (c *call) decideConflict(seen bool, end ending) (Decision, ending) {
	conflict := c.refused.conflict
	if seen && !end.ends() {
		var decision Decision
		if decision, end = c.resolveSeen(conflict); decision.kind == decideSeen {
			return decision, end
		}
	}
	switch {
	case c.doubt.first != nil:
		c.refused.cause = CauseUnattributed
		decision, end := c.resolveDoubt(conflict, end)
		if !end.ends() {
			c.refused.cause = CauseChanged
		}
		return decision, end
	case end.ends():
		return Decision{}, end
	case c.doubt.keyed && c.traits.fixed:
		return Decision{}, because(CauseNotReplayable, errFixedKey)
	}
	return c.decide(conflict)
}

// orElse is the first ending that ends.
func orElse(e, other ending) ending {
	if e.ends() {
		return e
	}
	return other
}

// judge reads why the write was refused. An ending says that there is nothing for a
// policy to handle.
func (c *call) judge(resp *http.Response) ending {
	if c.sent.payload.Copied() && c.dialect.LooksIntoBody(c.sent.write) {
		c.refused.keep(c) // base may go on sending until it is closed
	}
	unread := c.readGuard()
	g := &c.sent.guard
	cause, why := c.causeOf(g, resp.StatusCode)
	if unread != nil {
		why = unread
		if errors.Is(unread, ErrNotReplayable) && (cause == CauseUnattributed || g.Versions != nil) {
			cause = CauseNotReplayable
		}
	}
	c.refused.cause = cause
	if g.Kind == guard.None && cause == CausePreconditionRequired {
		c.sent.placeFirst(c.dialect)
	}
	if why != nil {
		return because(cause, why)
	}
	return ending{}
}

// decide asks the policy.
func (c *call) decide(conflict *Conflict) (Decision, ending) {
	decision, err := c.policy.Resolve(c.policyContext(), conflict)
	conflict.ended = true
	if learnt := Cause(conflict.refresh.end.cause); learnt != CauseNone {
		c.refused.cause = learnt
	}
	if err == nil {
		err = decision.check(conflict)
	}
	if err == nil {
		return decision, ending{}
	}
	if end := conflict.refresh.end; end.ends() && errors.Is(err, end.err) {
		end.err = err // handed on, so it isn't the policy's
		return Decision{}, end
	}
	return Decision{}, ending{kind: endFailed, err: err}
}

// whyStop returns the ending of a refusal which shows that nothing sent again can help.
func (c *call) whyStop(g *guard.Guard) ending {
	scheme := guard.SignedAbove(c.req)
	switch {
	case scheme != "":
		return because(CauseSignedAbove, fmt.Errorf("ifmatch: %s shows that the request was signed above the Transport, so nothing in it can be rewritten: put the signer below, as base of NewTransport", scheme))
	case c.sent.sameAgain:
		return because(persistentCause(g), errors.New("ifmatch: the server refuses the validator that it gives"))
	case c.sent.basis != ofCaller && c.sent.basis != ofNothing && g.Kind == guard.Date:
		return because(CauseStaleDate, errors.New("ifmatch: the server refuses its own Last-Modified"))
	case c.exhausted():
		return because(CauseNone, ErrAttempts)
	}
	return ending{}
}

// persistentCause is why a validator is refused that the refresh confirmed.
func persistentCause(g *guard.Guard) Cause {
	if g.Date != "" {
		return CauseStaleDate
	}
	for _, tag := range g.Tags {
		if etag.Weak(tag) {
			return CauseWeakValidator
		}
		if _, coded := etag.WithoutCoding(tag); coded {
			return CauseCodedValidator
		}
	}
	return CauseStaleCache
}

// canSend returns how the call ends where nothing can follow the decision, before
// anything is waited for.
func (c *call) canSend(conflict *Conflict) ending {
	d := conflict.decision
	switch {
	case d.kind == decideApplied:
		return ending{kind: endApplied}
	case d.kind == decideStop, d.kind == decideUnconditional && !c.sent.guard.Droppable():
		return because(CauseNone, ErrConflict)
	}
	if err := c.sent.payload.Reason(); err != nil && d.kind != decideReplace {
		return because(CauseNotReplayable, err)
	}
	header := conflict.header
	if header == nil {
		header = c.sent.write.Header
	}
	if fixedKey(c.sent.write.Header, header) {
		return because(CauseNotReplayable, errFixedKey)
	}
	return ending{}
}

var errFixedKey = fmt.Errorf("%w: its Idempotency-Key would bring back the stored answer; a policy may set a new one", ErrNotReplayable)

// nextWrite builds the write that was decided for.
func (c *call) nextWrite(conflict *Conflict) (*http.Request, ending) {
	if end := c.inTime(); end.ends() {
		return nil, end
	}
	if learnt := Cause(conflict.refresh.end.cause); learnt != CauseNone && c.doubt.first == nil {
		c.refused.cause = learnt
	}
	next := c.again()
	next.Header = conflict.Header()
	become, made := c.derive(next, conflict)
	var err error
	if become.basis != ofNothing && (!become.sameAgain || made) { // a new body has no version yet
		become.payload, err = c.putVersions(next, become.payload, conflict.refresh.versions)
	}
	if err == nil {
		err = become.payload.Put(next, c.awaitDone)
	}
	if err != nil {
		return nil, because(CauseNotReplayable, err)
	}
	c.sent.become(become)
	return next, ending{}
}

// derive makes of next, a copy of the last write, what was decided, and returns what it is
// then. made says that its body is a new one.
func (c *call) derive(next *http.Request, conflict *Conflict) (become sent, made bool) {
	d := conflict.decision
	become = c.sent.next()
	become.sameAgain = conflict.refresh.Unchanged && d.kind != decideUnconditional
	switch {
	case d.kind == decideUnconditional:
		guard.Drop(next.Header)
		next.URL = guard.DropVersions(next.Header, next.URL, c.sent.guard.Versions)
		become.basis = ofNothing
	case become.sameAgain && become.payload.Replayable() && !c.traits.update:
		next.Header = sameHeader(c.sent.write.Header, next.Header)
	case d.kind == decideReplace:
		become.payload, made = replay.From(d.body), true
		replay.DropDescription(next, c.sent.write.Header)
		conflict.rewrite(next.Header)
		become.basis = ofState
	case d.kind == decideSeen:
		conflict.rewrite(next.Header)
		become.basis, c.seen.Tag = ofSeenState, conflict.refresh.Fresh.ETag
	default:
		conflict.rewrite(next.Header)
		become.basis = ofFreshTag
	}
	return become, made
}

// sameHeader is the header of a write that is sent once more as it was refused; only an
// Idempotency-Key is the policy's new one.
func sameHeader(refused, chosen http.Header) http.Header {
	h := field.Clone(refused)
	for _, name := range semantics.IdempotencyKeys {
		if values := field.Lines(chosen, name); values != nil {
			field.Drop(h, name)
			h[name] = slices.Clone(values)
		}
	}
	return h
}

// newConflict describes the refusal to the policy.
func (c *call) newConflict() *Conflict {
	conflict := &Conflict{
		Attempt:   c.told.outcome.Attempts,
		Ambiguous: c.doubt.open(),
		call:      c,
	}
	if !c.traits.fixed { // such a policy looks at neither
		conflict.describe()
	}
	return conflict
}

// describe sets the refused request and the refusal.
func (c *Conflict) describe() {
	request := c.call.sent.write.Clone(c.call.req.Context())
	request.Body = nil
	response := *c.call.refused.resp
	response.Request = request
	response.Header, response.Trailer = field.Clone(response.Header), response.Trailer.Clone()
	response.TransferEncoding = slices.Clone(response.TransferEncoding)
	response.Body = c.call.refused.kept.Reader()
	c.Request, c.Response = request, &response
}

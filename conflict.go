package ifmatch

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/replay"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// refusal is the last refusal of a write, or another answer that the call can't end with.
// It is zero until there is one.
type refusal struct {
	resp     *http.Response
	kept     *drain.Kept     // of resp; nil: its body is untouched
	verdict  dialect.Verdict // of the dialect on the last answer; zero without one
	conflict *Conflict       // as the policy sees it
	cause    Cause           // as best known
	count    int             // of all refusals of the call
}

// keep reads the body of the refusal to a bound and closes it, once. The caller may get
// it from memory in the end.
func (r *refusal) keep(c *call) {
	if r.kept == nil {
		kept := c.keep(r.resp)
		r.kept = &kept
	}
}

// learn takes over what the refresh showed of the refusal. Where the answer named its
// cause, another state shows nothing more.
func (r *refusal) learn(conflict *Conflict) {
	switch learnt := Cause(conflict.refresh.end.cause); {
	case learnt == CauseNone:
	case learnt == CauseChanged && r.cause != CauseUnexamined:
	default:
		r.cause = learnt
	}
}

// noteVerdict notes what the dialect says of an answer, before it is known to be a
// refusal.
func (r *refusal) noteVerdict(v dialect.Verdict) { r.verdict = v }

// isRefused reports whether the last answer, which was judged, refuses the write. repeat
// decides where the server compared nothing.
func (r *refusal) isRefused() bool {
	switch r.verdict.Kind() {
	case dialect.KindPasses, dialect.KindAgain, dialect.KindPending, dialect.KindDone:
		return false
	}
	return true
}

// noteRefusal takes note of a refusal. Its body isn't read: the caller may get it untouched.
func (c *call) noteRefusal(resp *http.Response) {
	c.startClock()
	c.refused.count++
	c.refused.resp, c.refused.kept = resp, nil // the conflict before has what newConflict takes over
	c.countHandedTry()
}

// noteAside takes note of an answer that is no refusal, and that the call can't end with
// as it is. Its body is read to a bound and closed, since nobody else will do so.
func (c *call) noteAside(resp *http.Response) {
	c.startClock()
	c.refused.resp, c.refused.kept, c.refused.conflict = resp, nil, nil
	c.refused.keep(c)
}

// handleRefusal returns the write that follows a refusal, or how the call ends:
//
//	decideOn ─► wait as the pace demands ─► refresh ─► nextWrite
//
// The wait comes before the refresh. Between the refresh and the write there is none, or
// the validator would be old again.
//
// Its frame stands on the stack while the call waits, and the stack is most of what such
// a call takes. So what was decided is kept in the Conflict, and whatever takes room
// returns before the wait.
func (c *call) handleRefusal(resp *http.Response) (*http.Request, ending) {
	end := c.decideOn(resp)
	// A policy that asked for the validators or the state has waited already.
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
	return c.heeded(c.nextWrite(c.refused.conflict))
}

// decideOn decides what follows a refusal, and keeps it in the conflict. The ending says
// why nothing follows: the decision itself, or what keeps it from being sent.
func (c *call) decideOn(resp *http.Response) ending {
	decision, end := c.decision(resp)
	if end.ends() {
		return end
	}
	c.refused.conflict.decision = decision
	return c.canSend(c.refused.conflict)
}

// decision returns what follows a refusal, or how the call ends without it. A reason to
// stop doesn't end the call at once: where the write may have been applied, the call
// still looks for it.
func (c *call) decision(resp *http.Response) (Decision, ending) {
	c.noteRefusal(resp)
	c.sent.watchedBy(nil) // it isn't asked any more, and a call that waits is to be small
	end := c.judge(resp)
	g := &c.sent.guard
	c.traceRefused(g, resp.StatusCode)
	if c.passesThrough(g) {
		return Decision{}, orElse(end, because(c.refused.cause, ErrConflict))
	}
	if !c.traits.stops {
		c.told.ask()
	}
	c.refused.keep(c)
	// What costs nothing is looked at before the call lines up.
	if !end.ends() {
		end = c.whyStop(g)
	}
	// A mark has to be looked for now: until the call's turn comes, the writers before it may
	// have turned the list of marks over.
	if !end.ends() && !(c.doubt.first != nil && c.traits.tellsOwnWrites) {
		end = c.enterLane()
	}
	c.refused.conflict = c.newConflict()
	// The id proves that the write was applied, whatever else is known. So it is looked
	// for first, also where nothing can follow.
	if c.bearsWriteID(c.refused.conflict) {
		return Decision{}, ending{kind: endApplied}
	}
	return c.decideConflict(end)
}

// decideConflict decides what follows a refusal that was kept. end is why nothing can
// follow, or the zero ending.
func (c *call) decideConflict(end ending) (Decision, ending) {
	conflict := c.refused.conflict
	switch {
	// The refusal may speak of the call's own write. It is attributed to somebody else's
	// only once that is shown, or doesn't matter.
	case c.doubt.first != nil:
		c.refused.cause = CauseUnattributed
		decision, end := c.resolveDoubt(conflict, end)
		// A mark or a write id told that the state isn't this call's own.
		if !end.ends() && (c.traits.tellsOwnWrites || c.sent.writeID != "") {
			c.refused.cause = CauseUnexamined
		}
		return decision, end
	case end.ends():
		return Decision{}, end
	// A server that knows the Idempotency-Key may replay this refusal, and such a
	// policy never sets a new key.
	case c.doubt.keyed && c.traits.fixed:
		return Decision{}, because(CauseNotReplayable, errFixedKey)
	}
	return c.askPolicy(conflict)
}

// orElse is the first ending that ends, the zero ending without one.
func orElse(e, other ending) ending {
	if e.ends() {
		return e
	}
	return other
}

// judge reads why the write was refused, from its guard, the status and the dialect's
// verdict, and notes the cause. An ending says that there is nothing for a policy to
// handle.
func (c *call) judge(resp *http.Response) ending {
	// The version is in the body, and base may send the body until the refusal is closed:
	// only then the copy can be opened.
	if c.sent.payload.Copied() && c.dialect.LooksIntoBody(c.sent.write) {
		c.refused.keep(c)
	}
	unread := c.readGuard()
	g := &c.sent.guard
	cause, why := c.causeOf(g, resp.StatusCode)
	// The body couldn't be read. Where it may hold the version that was refused, the cause
	// is that the write can't be had again.
	if unread != nil {
		why = unread
		if errors.Is(unread, ErrNotReplayable) && (cause == CauseUnattributed || g.Versions != nil) {
			cause = CauseNotReplayable
		}
	}
	if cause == CauseUnexamined {
		cause = c.unexamined(g)
	}
	c.refused.cause = cause
	// The server demands a precondition where there is none to rewrite.
	if g.Kind == guard.None && cause == CausePreconditionRequired {
		c.sent.placeFirst(c.dialect)
	}
	if why != nil {
		return because(cause, why)
	}
	return ending{}
}

// unexamined is the cause of a refusal that nobody looked into, as far as the call knows
// it all the same.
func (c *call) unexamined(g *guard.Guard) Cause {
	switch {
	// RFC 9110 §13.1.1: If-Match compares strongly. Under another policy a read may show
	// more.
	case c.traits.stops && !c.dialect.WeakTags && g.AllWeak():
		return CauseWeakValidator
	// The state isn't the one that the caller had named: that was read after an earlier
	// refusal, whatever this one is due to.
	case c.refused.cause == CauseChanged:
		return CauseChanged
	}
	return CauseUnexamined
}

// askPolicy lets the policy decide, on the caller's goroutine. From its return on the
// conflict answers the policy with errors only. A failed refresh ends the call with the
// refusal, and an error of the policy's own with a *ConflictError.
func (c *call) askPolicy(conflict *Conflict) (Decision, ending) {
	decision, err := c.policy.Resolve(c.policyContext(), conflict)
	conflict.ended = true
	// What the refresh showed is better known than what the refusal said.
	c.refused.learn(conflict)
	if err == nil {
		err = decision.check(conflict)
	}
	if err == nil {
		return decision, ending{}
	}
	// The policy handed on the error of Validators or Current, so it isn't its own.
	if end := conflict.refresh.end; end.ends() && errors.Is(err, end.err) {
		end.err = err
		return Decision{}, end
	}
	return Decision{}, ending{kind: endFailed, err: err}
}

// canSend returns how the call ends where nothing can follow the decision. It is asked
// before the wait and the refresh, which would be in vain. The zero ending says that
// the decision can be carried out.
func (c *call) canSend(conflict *Conflict) ending {
	d := conflict.decision
	switch {
	// The policy found its mark in the state.
	case d.kind == decideApplied:
		return ending{kind: endApplied}
	// The caller is to have the refusal. A write without a precondition, or with one in
	// its body, has nothing that Unconditional could drop: it would be refused again.
	case d.kind == decideStop, d.kind == decideUnconditional && !c.sent.guard.Droppable():
		return because(CauseNone, ErrConflict)
	}
	// Only a body of the policy's own needs no copy of the one that was sent.
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

// nextWrite builds the write that was decided for, on a copy of the last one. The
// caller's request isn't touched. An ending says why it couldn't be built: then the last
// write is still the one that was refused, and the caller gets its refusal.
func (c *call) nextWrite(conflict *Conflict) (*http.Request, ending) {
	if end := c.inTime(); end.ends() {
		return nil, end
	}
	// In a call with a doubt the cause was decided with the doubt.
	if c.doubt.first == nil || c.refused.cause == CauseUnexamined {
		c.refused.learn(conflict)
	}
	if err := c.putState(&conflict.decision); err != nil {
		return nil, because(CauseNotReplayable, err)
	}
	next := c.again()
	next.Header = conflict.Header()
	become, made := c.derive(next, conflict)
	next.Header, next.URL = c.dialect.Spelled(next)
	var err error
	// A write that is sent as it was has its versions already, and one without a
	// precondition is to have none. A new body has none yet.
	if become.basis != ofNothing && (!become.sameAgain || made) {
		become.payload, err = c.putVersions(next, become.payload, conflict.refresh.versions)
	}
	// This waits until base has stopped reading the body before.
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
// then. made says that its body is a new one. The call itself isn't changed, except for
// the tag that its flow has seen.
func (c *call) derive(next *http.Request, conflict *Conflict) (become sent, made bool) {
	d := conflict.decision
	become = c.sent
	become.sameAgain = conflict.refresh.Unchanged && d.kind != decideUnconditional
	become.otherMedia = otherMedia(c.sent.write.Header, conflict.refresh.header)
	switch {
	case d.kind == decideUnconditional:
		guard.Drop(next.Header)
		next.URL = guard.DropVersions(next.Header, next.URL, c.sent.guard.Versions)
		become.basis = ofNothing
	// The refresh confirms the validator that was refused. So the caller's body was made
	// for this state, and is tried once more. An Update edits again all the same: its
	// draft goes by what it sees in the state.
	case become.sameAgain && become.payload.Replayable() && !c.traits.update:
		next.Header = sameHeader(c.sent.write.Header, next.Header)
	case d.kind == decideReplace:
		become.payload, made = replay.From(d.body), true
		become.replaced = c.sent.replaced || c.sent.payload.Length() != int64(len(d.body)) || !c.holds(d.body)
		replay.DropDescription(next, c.sent.write.Header)
		conflict.rewrite(next.Header)
		become.basis = ofState
	// Resend: the same body over a state that the caller hasn't seen.
	default:
		conflict.rewrite(next.Header)
		become.basis = ofFreshTag
		if conflict.refresh.twin && c.sent.basis.seen() {
			become.basis = ofTwin
		}
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

// newConflict describes the refusal to the policy. Request and Response
// are set only for a policy that may look at them.
func (c *call) newConflict() *Conflict {
	conflict := &Conflict{
		Attempt:   c.told.outcome.Attempts,
		Ambiguous: c.doubt.open(),
		call:      c,
	}
	conflict.known = c.knownBefore()
	if last := c.refused.conflict; last != nil {
		conflict.refresh.Unstable = last.refresh.Unstable
	}
	// A fixed policy looks at neither, so the copies would cost for nothing.
	if !c.traits.fixed {
		conflict.describe()
	}
	return conflict
}

// describe sets the refused request and the refusal, both as copies: what the policy
// changes in them isn't sent. The body of the refusal was read and closed before; the
// policy reads what was kept.
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

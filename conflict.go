package ifmatch

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/replay"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// resolve returns the write that follows a refusal, or nil and why there is none.
// Its frame stands on the stack while the call waits, and the stack is most of what
// such a call takes: so what was decided is kept in the Conflict, and whatever
// takes room returns before the wait.
func (c *call) resolve(resp *http.Response) (*http.Request, error) {
	conflict, err := c.decideOn(resp)
	if err == nil && conflict.waits() {
		d, reason, stop := c.nextPace(waitPace)
		if err = stop; err == nil {
			err = c.wait(c.req.Context(), d, reason)
		}
	}
	if err == nil {
		err = conflict.ready(c.req.Context())
	}
	if err != nil {
		return nil, err
	}
	return c.next(conflict)
}

// decideOn returns the conflict that a refusal stands for, with what was decided,
// or why nothing follows.
func (c *call) decideOn(resp *http.Response) (*Conflict, error) {
	conflict, decision, err := c.decision(resp)
	if err == nil {
		err = c.sendable(conflict, decision)
	}
	if err != nil {
		return nil, err
	}
	conflict.decision = decision
	return conflict, nil
}

// decision returns what the policy decides on a refusal, or why it isn't asked.
func (c *call) decision(resp *http.Response) (*Conflict, Decision, error) {
	c.meet(resp)
	if c.payload.Copied() && c.dialect.inBody(c.write) {
		c.keepRefusal() // base may go on sending until it is closed
	}
	unread := c.readGuard()
	g := c.guard
	cause, why := c.judge(g, resp)
	if unread != nil {
		why = unread
		if errors.Is(unread, ErrNotReplayable) && (cause == CauseUnattributed || c.guard.placed != nil) {
			cause = CauseNotReplayable
		}
	}
	if g.kind == guardNone && cause == CausePreconditionRequired {
		c.guard.placed = c.dialect.firstPlace(c.write, !c.payload.Empty())
		g = c.guard
	}
	c.outcome.Cause = cause
	c.traceRefused(g, resp.StatusCode)
	recalls := c.recalls(g)
	if c.first == nil && c.traits.stops && !recalls && c.writeID == "" {
		return nil, Decision{}, cmp.Or(why, ErrConflict)
	}
	if c.first == nil && cause == CauseUnattributed && g.kind == guardNone && c.manner == asGiven {
		return nil, Decision{}, why
	}
	c.keepRefusal()
	if why == nil {
		why = c.hopeless(g)
	}
	if why == nil {
		why = c.enterLane()
	}
	conflict := c.newConflict(g)
	var decision Decision
	if c.bearsWriteID(conflict) {
		return conflict, Decision{}, ownWrite{conflict}
	}
	if why == nil && recalls {
		if decision, why = c.resolveSeen(conflict); decision.kind == decideSeen {
			return conflict, decision, nil
		}
	}
	switch {
	case c.first != nil:
		decision, why = c.resolveAmbiguous(conflict, why)
	case why == nil && c.keyed && c.traits.fixed:
		why = c.stop(CauseNotReplayable, errFixedKey)
	case why == nil:
		decision, why = c.decide(conflict)
	}
	return conflict, decision, why
}

// meet takes note of a refusal.
func (c *call) meet(resp *http.Response) {
	c.startClock()
	c.refusals++
	c.refusal, c.kept = resp, nil
	c.countHandedTry()
}

// decide asks the policy.
func (c *call) decide(conflict *Conflict) (Decision, error) {
	decision, err := c.policy.Resolve(c.policyContext(), conflict)
	conflict.ended = true
	if err == nil {
		err = decision.check(conflict)
	}
	if err == nil {
		return decision, nil
	}
	if ours := conflict.refresh.err; ours != nil && errors.Is(err, ours) {
		if _, fatal := ours.(*fatalError); !fatal {
			return Decision{}, err
		}
	}
	return Decision{}, &fatalError{cause: err}
}

// hopeless returns an error when this refusal shows that nothing of ours can
// help.
func (c *call) hopeless(g guard) error {
	scheme := signedAbove(c.req)
	switch {
	case scheme != "":
		return c.stop(CauseSignedAbove, fmt.Errorf("ifmatch: %s shows that the request was signed above the Transport, so nothing in it can be rewritten: put the signer below, as base of NewTransport", scheme))
	case c.onceMore:
		return c.stop(persistentCause(g), errors.New("ifmatch: the server refuses the validator that it gives"))
	case c.manner != asGiven && c.manner != unguarded && g.kind == guardDate:
		return c.stop(CauseStaleDate, errors.New("ifmatch: the server refuses its own Last-Modified"))
	case c.exhausted():
		return ErrAttempts
	}
	return nil
}

// persistentCause is why a validator is refused that the refresh confirmed.
func persistentCause(g guard) Cause {
	if g.date != "" {
		return CauseStaleDate
	}
	for _, tag := range g.tags {
		if etag.Weak(tag) {
			return CauseWeakValidator
		}
		if _, coded := etag.WithoutCoding(tag); coded {
			return CauseCodedValidator
		}
	}
	return CauseStaleCache
}

// sameHeader is the header of a write that is sent once more as it was refused;
// only an Idempotency-Key is the policy's new one.
func sameHeader(refused, policys http.Header) http.Header {
	h := field.Clone(refused)
	for _, name := range semantics.IdempotencyKeys {
		if values := field.Lines(policys, name); values != nil {
			field.Drop(h, name)
			h[name] = slices.Clone(values)
		}
	}
	return h
}

// sendable returns why nothing follows the decision, before anything is waited
// for.
func (c *call) sendable(conflict *Conflict, d Decision) error {
	if d.kind == decideApplied {
		return ownWrite{conflict}
	}
	if d.kind == decideStop || d.kind == decideUnconditional && conflict.guard.inBodyOrNone() {
		return ErrConflict
	}
	if err := c.payload.Reason(); err != nil && d.kind != decideReplace {
		return c.stop(CauseNotReplayable, err)
	}
	header := conflict.header
	if header == nil {
		header = c.write.Header
	}
	if fixedKey(c.write.Header, header) {
		return c.stop(CauseNotReplayable, errFixedKey)
	}
	return nil
}

// next builds the write that was decided for.
func (c *call) next(conflict *Conflict) (*http.Request, error) {
	d := conflict.decision
	if err := c.inTime(); err != nil {
		return nil, err
	}
	header := conflict.Header()
	next := c.again()
	next.Header = header
	payload, made := c.payload, false
	c.onceMore = conflict.refresh.Unchanged && d.kind != decideUnconditional
	switch {
	case d.kind == decideUnconditional:
		dropPreconditions(header)
		next.URL = dropPlaced(header, next.URL, conflict.guard.placed)
		c.manner = unguarded
	case c.onceMore && payload.Replayable() && !c.traits.update:
		next.Header = sameHeader(c.write.Header, header)
	case d.kind == decideReplace:
		payload, made = replay.From(d.body), true
		replay.DropDescription(next, c.write.Header)
		conflict.rewrite(header)
		c.manner = rebuilt
	default:
		conflict.rewrite(header)
		c.manner = underFresh
		if d.kind == decideSeen {
			c.manner, c.seen.Tag = asSeen, conflict.refresh.Fresh.ETag
		}
	}
	if c.manner != unguarded && (!c.onceMore || made) { // a new body has no version yet
		var err error
		if payload, err = c.place(next, payload, conflict); err != nil {
			return nil, c.stop(CauseNotReplayable, err)
		}
	}
	if err := payload.Put(next, c.awaitDone); err != nil {
		return nil, c.stop(CauseNotReplayable, err)
	}
	c.payload.Become(payload)
	return next, nil
}

var errFixedKey = fmt.Errorf("%w: its Idempotency-Key would bring back the stored answer; a policy may set a new one", ErrNotReplayable)

// newConflict describes the refusal to the policy.
func (c *call) newConflict(g guard) *Conflict {
	conflict := &Conflict{
		Attempt:   c.outcome.Attempts,
		Ambiguous: c.ambiguous(),
		call:      c, guard: g,
	}
	if !c.traits.fixed { // such a policy looks at neither
		conflict.describe()
	}
	return conflict
}

// describe sets the refused request and the refusal.
func (c *Conflict) describe() {
	if c.Request != nil {
		return
	}
	request := c.call.write.Clone(c.call.req.Context())
	request.Body = nil
	response := *c.call.refusal
	response.Request = request
	response.Header, response.Trailer = field.Clone(response.Header), response.Trailer.Clone()
	response.TransferEncoding = slices.Clone(response.TransferEncoding)
	response.Body = c.call.kept.Reader()
	c.Request, c.Response = request, &response
}

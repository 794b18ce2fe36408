package ifmatch

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
)

// resolve returns the write that follows a refusal, or nil and why there is none.
func (c *call) resolve(resp *http.Response) (*http.Request, error) {
	c.meet(resp)
	g := c.guard
	cause, why := judge(c.write, g, resp.StatusCode)
	c.outcome.Cause = cause
	c.traceRefused(g, resp.StatusCode)
	if c.first == nil && c.policy == Policy(Stop) {
		return nil, cmp.Or(why, ErrConflict)
	}
	if c.first == nil && cause == CauseUnattributed && g.kind == guardNone {
		return nil, why
	}
	c.keepRefusal()
	if why == nil {
		why = c.hopeless(g)
	}
	if why == nil {
		why = c.enterLane()
	}
	conflict := c.newConflict(g)
	if c.first != nil {
		return c.resolveAmbiguous(conflict, why)
	}
	if why != nil {
		return nil, why
	}
	if g.kind == guardMovedOn {
		return c.retryMovedOn(conflict)
	}
	decision, err := c.decide(conflict)
	if err != nil {
		return nil, err
	}
	return c.next(conflict, decision)
}

// meet takes note of a refusal.
func (c *call) meet(resp *http.Response) {
	c.startClock()
	c.refusals++
	c.refusal, c.kept = resp, nil
	if c.trying {
		c.trying = false
		c.free++ // a tag that was handed over costs no attempt
	}
}

// decide asks the policy.
func (c *call) decide(conflict *Conflict) (Decision, error) {
	decision, err := c.policy.Resolve(c.policyContext(), conflict)
	if err == nil {
		err = decision.check(conflict)
	}
	if err == nil {
		return decision, nil
	}
	if ours := conflict.refresh.err; ours != nil && errors.Is(err, ours) {
		return Decision{}, err
	}
	return Decision{}, fatalError{cause: err}
}

// hopeless returns an error when this refusal shows that nothing of ours can
// help.
func (c *call) hopeless(g guard) error {
	scheme := signedAbove(c.req)
	switch {
	case scheme != "":
		return c.stop(CauseSignedAbove, fmt.Errorf("ifmatch: %s shows that the request was signed above the Transport, so nothing in it can be rewritten: put the signer below, as base of NewTransport", scheme))
	case c.manner == onceMoreSame:
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
		if weakTag(tag) {
			return CauseWeakValidator
		}
		if _, coded := withoutCoding(tag); coded {
			return CauseCodedValidator
		}
	}
	return CauseStaleCache
}

// retryMovedOn handles If-None-Match with tags: the caller's own request goes
// out once more if the current tag isn't listed any more; a fresh tag put in
// would be refused for certain.
func (c *call) retryMovedOn(conflict *Conflict) (*http.Request, error) {
	fresh, err := conflict.Validators(c.req.Context())
	if err != nil {
		return nil, err
	}
	if conflict.guard.weaklyNames(fresh.ETag) {
		return nil, errors.New("ifmatch: If-None-Match still names the current state")
	}
	conflict.refresh.unchanged = true
	return c.next(conflict, conflict.Resend())
}

// next builds the write that was decided for.
func (c *call) next(conflict *Conflict, d Decision) (*http.Request, error) {
	if d.kind == decideStop || d.kind == decideUnconditional && conflict.guard.kind == guardNone {
		return nil, ErrConflict
	}
	if err := c.payload.reason(); err != nil && d.kind != decideReplace {
		return nil, c.stop(CauseNotReplayable, err)
	}
	header := conflict.Header()
	if fixedKey(c.write.Header, header) {
		return nil, c.stop(CauseNotReplayable, fmt.Errorf("%w: its Idempotency-Key would bring back the stored answer; a policy may set a new one", ErrNotReplayable))
	}
	if err := conflict.ready(c.req.Context(), d); err != nil {
		return nil, err
	}
	if err := c.inTime(); err != nil {
		return nil, err
	}
	next := c.again()
	next.Header = header
	payload := c.payload
	switch {
	case d.kind == decideUnconditional:
		dropPreconditions(header)
		c.manner = unguarded
	case conflict.refresh.unchanged && payload.replayable():
		restorePreconditions(header, c.write.Header)
		c.manner = onceMoreSame
	case d.kind == decideReplace:
		payload = payloadFrom(d.body)
		forgetOldBody(next)
		conflict.rewrite(header)
		c.manner = rebuilt
	default:
		conflict.rewrite(header)
		c.manner = underFresh
	}
	if err := payload.put(c, next); err != nil {
		return nil, c.stop(CauseNotReplayable, err)
	}
	c.replacePayload(payload)
	return next, nil
}

// replacePayload lets go of a copy that isn't needed any more.
func (c *call) replacePayload(p payload) {
	if old := c.payload.spool; old != nil && old != p.spool {
		old.release()
	}
	c.payload = p
}

// newConflict describes the refusal to the policy.
func (c *call) newConflict(g guard) *Conflict {
	conflict := &Conflict{
		Attempt:   c.outcome.Attempts,
		Ambiguous: c.first != nil || hasIdempotencyKey(c.write.Header),
		call:      c, guard: g,
	}
	switch c.policy.(type) {
	case BuiltinPolicy, rebuild:
		return conflict // they look at neither
	}
	request := c.write.Clone(c.req.Context())
	request.Body = nil
	response := *c.refusal
	response.Header, response.Body = cloneHeader(c.refusal.Header), c.kept.reader()
	conflict.Request, conflict.Response = request, &response
	return conflict
}

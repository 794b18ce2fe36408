package ifmatch

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// call is one RoundTrip that met a refusal.
type call struct {
	settings
	base     http.RoundTripper
	req      *http.Request // the caller's; never modified
	result   *Outcome      // of WithOutcome; may be nil
	deadline time.Time     // of the last attempt's start
	outcome  Outcome

	write   *http.Request // as sent last: at first the caller's own
	payload payload       // of write
	manner  manner        // how write came about

	refusal *http.Response // of write
	kept    *keptBody      // of refusal; nil: its body is untouched

	pace   pace
	waited time.Duration // since the last exchange
	lost   int           // races lost while waiting for a strong validator
}

// manner says how a write came about.
type manner int

const (
	asGiven      manner = iota // the caller's own
	underFresh                 // this caller's body under a validator that it hadn't seen
	rebuilt                    // a body made from the state whose validator guards it
	unguarded                  // without a precondition
	onceMoreSame               // as it was refused, since the refresh gave the same validator
)

func (t *Transport) newCall(base http.RoundTripper, req *http.Request, s *scope, resp *http.Response, took time.Duration) *call {
	set := defaults()
	if t.settings != nil {
		set = *t.settings
	}
	c := &call{base: base, req: req, write: req, payload: payloadOf(req)}
	if s != nil {
		set, c.result = s.settings.over(set), s.outcome
	}
	c.settings = set
	c.deadline = time.Now().Add(c.maxElapsed)
	c.outcome.Attempts = 1
	c.outcome.Exchanges = append(make([]Exchange, 0, 3), exchange(req, resp, nil, 0, took))
	return c
}

// run handles refusals until a write is answered otherwise or there is nothing
// left to send.
func (c *call) run(resp *http.Response) (*http.Response, error) {
	for {
		next, err := c.resolve(resp)
		if next == nil {
			return c.giveUp(err)
		}
		resp, err = c.send(next)
		if err != nil || !refused(c.write, resp) {
			return c.finish(resp, err)
		}
	}
}

// resolve returns the next write, or nil and why there is none.
func (c *call) resolve(resp *http.Response) (*http.Request, error) {
	g := guardOf(c.write.Header)
	c.refusal, c.kept = resp, nil
	cause, why := judge(c.write, g, resp.StatusCode)
	c.outcome.Cause = cause
	c.traceRefused(g, resp.StatusCode)
	if c.policy == Policy(Stop) {
		return nil, cmp.Or(why, ErrConflict)
	}
	if cause == CauseUnattributed && g.kind == guardNone {
		return nil, why
	}
	c.keepRefusal()
	if why != nil {
		return nil, why
	}
	if scheme := signedAbove(c.req); scheme != "" {
		return nil, c.stop(CauseSignedAbove, fmt.Errorf("ifmatch: %s shows that the request was signed above the Transport, so nothing in it can be rewritten: put the signer below, as base of NewTransport", scheme))
	}
	if err := c.persists(g); err != nil {
		return nil, err
	}
	if c.outcome.Attempts+c.lost >= c.maxAttempts {
		return nil, ErrAttempts
	}
	conflict := c.newConflict(g)
	if g.kind == guardMovedOn {
		return c.retryMovedOn(conflict)
	}
	decision, err := c.policy.Resolve(c.req.Context(), conflict)
	if err == nil {
		err = decision.check(conflict)
	}
	if err == nil {
		return c.next(conflict, decision)
	}
	if ours := conflict.refresh.err; ours != nil && errors.Is(err, ours) {
		return nil, err
	}
	return nil, fatalError{cause: err}
}

// persists returns an error when this refusal shows that another refresh can't
// help.
func (c *call) persists(g guard) error {
	switch {
	case c.manner == onceMoreSame:
		return c.stop(persistentCause(g), errors.New("ifmatch: the server refuses the validator that it gives"))
	case c.manner != asGiven && c.manner != unguarded && g.kind == guardDate:
		return c.stop(CauseStaleDate, errors.New("ifmatch: the server refuses its own Last-Modified"))
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
	if d.kind == decideStop {
		return nil, ErrConflict
	}
	if d.kind != decideReplace && !c.payload.replayable() {
		return nil, c.stop(CauseNotReplayable, fmt.Errorf("%w: its body has no GetBody", ErrNotReplayable))
	}
	if d.kind == decideUnconditional && conflict.guard.kind == guardNone {
		return nil, ErrConflict // there is nothing to leave out
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
	next := c.write.WithContext(c.req.Context())
	next.Header = header
	payload := c.payload
	switch fresh := &conflict.refresh; {
	case fresh.unchanged && payload.replayable() && d.kind != decideUnconditional:
		restorePreconditions(header, c.write.Header)
		c.manner = onceMoreSame
	case d.kind == decideUnconditional:
		dropPreconditions(header)
		c.manner = unguarded
	case d.kind == decideReplace:
		payload = payloadFrom(d.body)
		forgetOldBody(next)
		conflict.rewrite(header)
		c.manner = rebuilt
	default:
		conflict.rewrite(header)
		c.manner = underFresh
	}
	if err := payload.put(next); err != nil {
		return nil, c.stop(CauseNotReplayable, err)
	}
	c.payload = payload
	return next, nil
}

// send sends the next write.
func (c *call) send(write *http.Request) (*http.Response, error) {
	c.write = write
	c.outcome.Attempts++
	return c.exchange(write)
}

// exchange sends one request and records it.
func (c *call) exchange(req *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := c.base.RoundTrip(req)
	if resp == nil && err == nil {
		err = errors.New("ifmatch: the base RoundTripper returned neither response nor error")
	}
	took := time.Since(start)
	c.outcome.Exchanges = append(c.outcome.Exchanges, exchange(req, resp, err, c.waited, took))
	c.waited = 0
	return resp, err
}

// exchange describes one request and its answer.
func exchange(req *http.Request, resp *http.Response, err error, wait, took time.Duration) Exchange {
	e := Exchange{Method: req.Method, URL: publicURL(req.URL), Err: err, Sent: guardOf(req.Header).sent(), Wait: wait, Duration: took}
	if e.Method == "" {
		e.Method = http.MethodGet
	}
	if err == nil {
		e.StatusCode, e.Received = resp.StatusCode, validatorsOf(resp.Header)
	}
	return e
}

// finish ends the call with an answer to the last write that is no refusal.
func (c *call) finish(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		c.outcome.Err = err
		c.done()
		return nil, err
	}
	c.outcome.Effect = effectOf(resp.StatusCode)
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		c.outcome.Err = &StatusError{Method: c.write.Method, URL: publicURL(c.write.URL), StatusCode: resp.StatusCode, Header: resp.Header}
	case c.manner == onceMoreSame:
		c.outcome.Cause = CauseFalseConflict
	case c.manner == underFresh, c.manner == unguarded:
		c.outcome.Overwrote = true
	}
	c.done()
	(&record{outcome: c.outcome, final: true}).attach(resp, c.write)
	return resp, nil
}

// giveUp ends the call with the last refusal, or with an error where the
// caller's side is why.
func (c *call) giveUp(why error) (*http.Response, error) {
	c.outcome.Err = why
	if !hasIdempotencyKey(c.write.Header) {
		c.outcome.Effect = EffectNotApplied // RFC 9110 §13.1.1: a false condition performs nothing
	}
	if fatal := (fatalError{}); errors.As(why, &fatal) {
		if c.kept == nil {
			c.keepRefusal()
		}
		c.outcome.Err = why
		c.done()
		return nil, &ConflictError{
			Method: c.write.Method, URL: publicURL(c.write.URL), StatusCode: c.refusal.StatusCode,
			Header: c.refusal.Header, Body: c.kept.data, Outcome: c.outcome, Err: why,
		}
	}
	c.done()
	resp := *c.refusal
	if c.kept != nil {
		resp.Body = c.kept.reader()
	}
	(&record{outcome: c.outcome, final: c.kept != nil || c.outcome.Attempts > 1}).attach(&resp, c.write)
	return &resp, nil
}

// keepRefusal buffers the refusal's body and closes it.
func (c *call) keepRefusal() {
	kept := keep(c.refusal, min(keepTime, c.left()))
	c.kept = &kept
}

// left is the time until the limits or the context's deadline.
func (c *call) left() time.Duration {
	left := time.Until(c.deadline)
	if deadline, ok := c.req.Context().Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	return left
}

// done reports the outcome to everybody who asked for it.
func (c *call) done() {
	c.traceDone()
	if c.result != nil {
		*c.result = c.outcome
	}
}

// stop sets the cause that ends the call and returns err.
func (c *call) stop(cause Cause, err error) error {
	c.outcome.Cause = cause
	return err
}

// newConflict describes the refusal to the policy.
func (c *call) newConflict(g guard) *Conflict {
	conflict := &Conflict{Attempt: c.outcome.Attempts, Ambiguous: hasIdempotencyKey(c.write.Header), call: c, guard: g}
	switch c.policy.(type) {
	case BuiltinPolicy, rebuild:
		return conflict // they look at neither
	}
	request := c.write.Clone(c.write.Context())
	request.Body = nil
	response := *c.refusal
	response.Header, response.Body = cloneHeader(c.refusal.Header), c.kept.reader()
	conflict.Request, conflict.Response = request, &response
	return conflict
}

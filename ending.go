package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// end ends the call with an answer that nothing follows.
func (c *call) end(resp *http.Response, err, why error) (*http.Response, error) {
	if c.refusal == nil || c.refusal != resp {
		if why != nil {
			return c.interrupted(why)
		}
		return c.finish(resp, err)
	}
	if own, ok := why.(ownWrite); ok {
		return c.applied(own.conflict)
	}
	if _, fatal := why.(*fatalError); fatal {
		return c.fail(why)
	}
	if c.first != nil {
		return c.unknown(why)
	}
	return c.giveUp(why)
}

// finish ends the call with an answer that is no refusal.
func (c *call) finish(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return c.finishError(err)
	}
	if c.deletedEarlier(resp) {
		return c.endDelete(resp)
	}
	if c.first != nil && (resp.StatusCode == http.StatusPreconditionFailed || c.verdict.Kind() == dialect.KindAgain) {
		// Not a refusal that is handled, but no answer either.
		c.startClock()
		c.refusal, c.kept = resp, nil
		c.keepRefusal()
		return c.unknown(nil)
	}
	if succeeded(resp, nil) {
		c.transport.budget.Refund()
	}
	c.outcome.Effect = c.effect(resp)
	success := resp.StatusCode >= 200 && resp.StatusCode <= 299
	switch {
	case !c.handled:
		c.outcome.Err = c.why
		c.report()
		if resp.Request == nil && (c.ownRead || c.traits.update) {
			resp.Request = c.req // Update asks it for redirects
		}
		return resp, nil
	case !success:
		c.outcome.Err = &StatusError{Method: c.write.Method, URL: redact.URL(c.write.URL), StatusCode: resp.StatusCode, Header: resp.Header}
		if c.why != nil {
			c.outcome.Err = fmt.Errorf("%w: %w", c.why, c.outcome.Err)
		}
		if c.first != nil && c.outcome.Effect == EffectUnknown {
			c.outcome.Err = fmt.Errorf("%w; %w", c.outcome.Err, c.firstError())
		}
	case c.first != nil && semantics.Safe(c.write.Method):
		c.outcome.Err = c.firstError() // a redirect made a GET of the write
	case c.manner == underFresh, c.manner == unguarded:
		c.outcome.Overwrote = true
	case c.manner == asSeen, c.onceMore && c.manner == asGiven:
		c.outcome.Cause = CauseFalseConflict
	}
	if success {
		c.handOver(resp)
	}
	c.done()
	return c.returned(resp, true), nil
}

// finishError ends the call with an error of the base.
func (c *call) finishError(err error) (*http.Response, error) {
	switch {
	case c.first == nil:
		c.outcome.Effect = EffectNotApplied
	case errors.Is(err, ErrOutcomeUnknown):
	case c.handled || guardedWrite(c.write, c.dialect, c.refusals > 0):
		err = c.unknownError(c.withFirst(err))
	}
	c.outcome.Err = err
	if c.why != nil {
		c.outcome.Err = fmt.Errorf("%w: %w", c.why, err)
	}
	if c.handled {
		c.done()
	} else {
		c.report()
	}
	return nil, err
}

// effect is what became of a write that was answered so in the end.
func (c *call) effect(resp *http.Response) Effect {
	effect := effectOf(resp.StatusCode)
	switch {
	case effect == EffectApplied && !semantics.Safe(c.write.Method):
		return EffectApplied
	case c.ambiguous() || seeOther(c.req) || semantics.SeeOther(resp.StatusCode) && !semantics.Safe(c.write.Method):
		return EffectUnknown // an earlier attempt may have been applied
	case semantics.Safe(c.write.Method):
		return EffectNotApplied
	}
	return effect
}

// giveUp ends the call with the last refusal.
func (c *call) giveUp(why error) (*http.Response, error) {
	c.outcome.Err, c.outcome.Effect = why, c.refusedEffect()
	c.done()
	resp := *c.refusal
	if c.kept != nil {
		c.payload.Abandon()
		resp.Body = c.kept.Reader()
	}
	return c.returned(&resp, c.kept != nil || c.outcome.Attempts > 1 || stops(c.verdict)), nil
}

// refusedEffect is that of a call that ends with a refusal: a false condition
// performs nothing (RFC 9110 §13.1.1), but an Idempotency-Key lets net/http
// repeat the request on its own.
func (c *call) refusedEffect() Effect {
	if c.ambiguous() {
		return EffectUnknown
	}
	return EffectNotApplied
}

// fail ends the call with an error that carries the refusal: the policy failed,
// or the context ended.
func (c *call) fail(why error) (*http.Response, error) {
	c.payload.Abandon()
	if c.first != nil {
		why = fmt.Errorf("%w: %w", why, c.firstError())
	}
	c.outcome.Err, c.outcome.Effect = why, c.refusedEffect()
	c.done()
	return nil, &ConflictError{
		Method: c.write.Method, URL: redact.URL(c.write.URL), StatusCode: c.refusal.StatusCode,
		Header: c.refusal.Header, Body: c.kept.Data, Outcome: c.outcome, Err: why,
	}
}

// interrupted ends a call whose repeat after a failure couldn't be sent.
func (c *call) interrupted(why error) (*http.Response, error) {
	if fatal := (*fatalError)(nil); !errors.As(why, &fatal) {
		c.why = why
		return c.finish(c.aside, c.asideErr)
	}
	last := c.asideErr
	if c.aside != nil {
		last = &StatusError{Method: c.write.Method, URL: redact.URL(c.write.URL), StatusCode: c.aside.StatusCode, Header: c.aside.Header}
	}
	err := error(&interruptedError{why, last})
	c.outcome.Effect = EffectNotApplied
	if c.ambiguous() {
		c.outcome.Effect, err = EffectUnknown, c.unknownError(c.withFirst(err))
	}
	c.outcome.Err = err
	c.done()
	return nil, err
}

// returned puts the outcome on the response that the caller gets. A final one
// isn't handled again by a Transport above.
func (c *call) returned(resp *http.Response, final bool) *http.Response {
	if resp.Request == nil {
		resp.Request = c.write
	}
	if c.rec == nil || resp.Request.Context() != c.ctx {
		c.rec = new(record)
		resp.Request = resp.Request.WithContext(context.WithValue(resp.Request.Context(), recordKey{}, c.rec))
	}
	*c.rec = record{c.outcome, resp.Request, final, c.first}
	return resp
}

// done reports the outcome of a call that was more than one request, or refused.
func (c *call) done() {
	c.traceDone()
	c.report()
}

// report fills what WithOutcome was given, unless a Transport of ours below has
// told more.
func (c *call) report() {
	if c.result == nil || !c.handled && len(c.result.Exchanges) > 0 {
		return
	}
	*c.result = c.outcome
}

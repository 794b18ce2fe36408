package ifmatch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// repeats says which requests are repeated although nothing was refused.
type repeats struct {
	check retryablehttp.CheckRetry // nil: only guarded writes, by their status and error
	none  bool
}

// WithTransientRetry widens what is repeated after a failure that isn't a
// refusal to all idempotent methods (RFC 9110 §9.2.2) for which check says yes:
// retryablehttp.ErrorPropagatedRetryPolicy, or any CheckRetry there is. Of its
// two results the bool decides. An error is put into an *url.Error first, as the
// policies of go-retryablehttp expect. check must not read or close the
// response's body, and may be called concurrently. POST is never repeated; PATCH
// only under one strong tag, once this call was refused.
//
// By default only guarded writes are repeated (PUT or DELETE under exactly one
// strong tag in If-Match, or under If-None-Match: *), after 429, 502, 503, 504
// and connection errors, and so are refreshes and the reads of Get, Update and
// Resource. A nil check turns all of that off.
func WithTransientRetry(check retryablehttp.CheckRetry) Option {
	rule := &repeats{check: check, none: check == nil}
	return optionFunc(func(s *settings) { s.repeats = rule })
}

// WithTransientBackoff sets the pace of repeats after a failure that isn't a
// refusal: newBackOff is called once for each call that needs it, Reset on what
// it returns, and then NextBackOff before each repeat; backoff.Stop ends the
// repeating. A longer Retry-After is honoured instead. newBackOff may be called
// concurrently; the BackOff belongs to one call.
//
// By default, when newBackOff is nil, and when it returns nil, waits are fully
// jittered: at most 200 ms, 400 ms, 800 ms and so on up to 10 s.
func WithTransientBackoff(newBackOff func() backoff.BackOff) Option {
	if newBackOff == nil {
		newBackOff = defaultBackOff
	}
	return optionFunc(func(s *settings) { s.newTransientBackOff = newBackOff })
}

// WithRetryBudget bounds the repeats after failures over all calls of a
// Transport, so that a server that is down isn't stormed: each repeat takes cost
// from tokens, each success gives one back. Without tokens nothing is repeated.
// It counts only in NewClient and NewTransport.
//
// By default, and where a number is zero or negative, tokens is 500 and cost 5.
func WithRetryBudget(tokens, cost int) Option {
	return optionFunc(func(s *settings) { s.budgetTokens, s.budgetCost = tokens, cost })
}

// succeeded reports whether an answer gives a token back.
func succeeded(resp *http.Response, err error) bool {
	return err == nil && resp != nil && resp.StatusCode < http.StatusBadRequest
}

// guardedWrite reports whether repeating the request can't apply it twice: a
// PUT or DELETE under exactly one strong tag or under If-None-Match: *. After
// this call's first refusal a PATCH under one strong tag counts too.
func guardedWrite(req *http.Request, d *preparedDialect, afterRefusal bool) bool {
	switch {
	case req.Method == http.MethodPut || req.Method == http.MethodDelete:
	case req.Method == http.MethodPatch && afterRefusal:
	default:
		return false
	}
	if field.Lines(req.Header, "Content-Range") != nil {
		return false
	}
	g := d.guardOf(req)
	if g.placed == nil && d.ownPlaces() {
		return false // the API doesn't look there
	}
	return g.strongTag() || d.WeakTags && g.kind == guardTags && len(g.tags) == 1 || g.kind == guardCreate && req.Method != http.MethodPatch && !d.NoCreate
}

// repeatable reports whether an answer that is no refusal calls for the same
// request again.
func (c *call) repeatable(resp *http.Response, err error) bool {
	ctx := c.req.Context()
	if c.repeats.none || c.cancelled(ctx) != nil || settledBelow(resp, err) {
		return false
	}
	if c.payload.Failed() {
		return false // the caller's body is at fault
	}
	guarded := guardedWrite(c.write, c.dialect, c.refusals > 0) || c.ownRead && semantics.Safe(c.write.Method)
	if c.verdict.Kind() == dialect.KindAgain && err == nil {
		return guarded || c.guard.kind == guardExists && semantics.Idempotent(c.write.Method)
	}
	if !guarded && (c.repeats.check == nil || !semantics.Idempotent(c.write.Method)) {
		return false
	}
	if c.repeats.check == nil {
		return semantics.Transient(resp, err)
	}
	if err != nil {
		err = &url.Error{Op: c.write.Method, URL: redact.URL(c.write.URL), Err: err}
	}
	again, _ := c.repeats.check(ctx, resp, err)
	return again
}

// settledBelow reports whether a Transport of ours below has done what could be
// done.
func settledBelow(resp *http.Response, err error) bool {
	if err != nil {
		var unknown *outcomeUnknownError
		var unfit *dialectError
		return errors.Is(err, ErrConflict) || errors.As(err, &unknown) || errors.As(err, &unfit)
	}
	r := recordOf(resp)
	return r != nil && r.final
}

// repeat returns the same request once more, after a wait; nil where the answer
// at hand is the last one.
func (c *call) repeat(resp *http.Response, err error) (*http.Request, error) {
	if c.deadline.IsZero() {
		c.deadline = time.Now().Add(c.elapsed(c.traits))
	}
	if c.transients+1 >= c.attempts(c.traits) {
		c.why = ErrAttempts
		return nil, nil
	}
	if c.why = c.payload.Reason(); c.why != nil {
		return nil, nil
	}
	d, more := c.repeatPace.Next(c.newTransientBackOff)
	reason := "the server is sick"
	if resp != nil {
		d, reason = atLeast(d, reason, resp.Header)
	}
	if !more {
		c.why = ErrAttempts
		return nil, nil
	}
	if late := c.timeFor(c.req.Context(), d); late != nil {
		c.why = late
		return nil, nil
	}
	if !c.transport.budget.Take() {
		c.why = fmt.Errorf("%w: the retry budget is spent", ErrAttempts)
		return nil, nil
	}
	c.transients++
	c.handled = true
	c.setAside(resp, err)
	if err := c.wait(c.req.Context(), d, reason); err != nil {
		return nil, err
	}
	return c.againWithBody()
}

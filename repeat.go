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
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// repeats says which requests are repeated although nothing was refused.
type repeats struct {
	check retryablehttp.CheckRetry // nil: only guarded writes, by their status and error
	none  bool                     // of WithoutRepeats
}

// WithTransientRetry widens what is repeated after a failure that isn't a
// refusal to all idempotent methods (RFC 9110 §9.2.2) for which check says yes:
// retryablehttp.ErrorPropagatedRetryPolicy, or any CheckRetry there is. Of its
// two results the bool decides. An error is put into an *url.Error first, as the
// policies of go-retryablehttp expect. check must not read or close the
// response's body, and may be called concurrently. POST is never repeated; PATCH
// only under one strong tag, once this call was refused.
//
// By default, and when check is nil, only guarded writes are repeated (PUT or DELETE
// under exactly one strong tag in If-Match, under a version that a dialect has elsewhere, the
// body included, or under If-None-Match: *), after 429,
// 502, 503, 504 and connection errors, and so are refreshes and the reads of Get,
// Update and Resource. WithoutRepeats turns all of that off.
func WithTransientRetry(check retryablehttp.CheckRetry) Option {
	rule := &repeats{check: check}
	return optionFunc(func(s *settings) { s.repeats = rule })
}

// WithoutRepeats turns off the repeats after failures that aren't refusals: of
// guarded writes, of refreshes, of the reads of Get, Update and Resource, and of an
// Update that goes on after a lost answer. It is for those who repeat by themselves. A WithTransientRetry after it turns them on
// again.
func WithoutRepeats() Option {
	return optionFunc(func(s *settings) { s.repeats = &repeats{none: true} })
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

// repeatRule says whether the same request follows an answer that is no refusal.
type repeatRule int

const (
	repeatNever     repeatRule = iota
	repeatTransient            // where the answer shows a trouble that may pass
	repeatChecked              // where the check of WithTransientRetry says yes
	repeatAlways               // whatever the answer is
)

// repeatFacts are what the rule for one request and its answer is made from.
type repeatFacts struct {
	off        bool // WithoutRepeats was given
	cancelled  bool // the call was
	spent      bool // a Transport of ours below has done what could be done
	bodyFailed bool // the caller's body ended with an error, or isn't as long as announced
	guarded    bool // guardedWrite
	ownRead    bool // a read of Get, Update or Resource
	existing   bool // the guard is If-Match: *
	idempotent bool // the method is
	checks     bool // WithTransientRetry has a check
	uncompared bool // by the dialect's verdict the server compared nothing
	barred     bool // nothing was sent, and the way there doesn't open by itself
}

// rule is who may be repeated.
func (f *repeatFacts) rule() repeatRule {
	safe := f.guarded || f.ownRead
	switch {
	case f.off:
		return repeatNever // as the caller wants it
	case f.cancelled:
		return repeatNever // nobody waits for the next answer
	case f.spent:
		return repeatNever // or the repeats of two Transports would multiply
	case f.bodyFailed:
		return repeatNever // the failure is the caller's, and stays
	case f.uncompared && (safe || f.existing && f.idempotent):
		return repeatAlways // nothing was applied, and the guard still holds
	case f.uncompared:
		return repeatNever // without a guard, what was under way may have changed what it is about
	case f.checks && (safe || f.idempotent):
		return repeatChecked // sending it twice has the effect of once
	case f.barred:
		return repeatNever // the same comes again: a proxy's refusal, a TLS alert, an invalid field
	case safe:
		return repeatTransient // it can't be applied twice
	}
	return repeatNever // it might be
}

// repeatable reports whether an answer that is no refusal calls for the same
// request again.
func (c *call) repeatable(resp *http.Response, err error) bool {
	facts := repeatFacts{
		off:        c.repeats.none,
		cancelled:  c.cancelled(c.req.Context()).ends(),
		spent:      spentBelow(resp, err),
		bodyFailed: c.sent.payload.Failed() || err != nil && c.sent.watch.BodyAtFault(),
		guarded:    c.guarded(resp, err),
		ownRead:    c.ownRead && c.reads(c.sent.write),
		existing:   c.sent.guard.Kind == guard.Exists,
		idempotent: semantics.Idempotent(c.sent.write.Method),
		checks:     c.repeats.check != nil,
		barred:     err != nil && !semantics.MayPass(err) && c.sent.watch.Seen(err).NeverSent(),
		uncompared: c.refused.verdict.Kind() == dialect.KindAgain && err == nil,
	}
	switch facts.rule() {
	case repeatAlways:
		return true
	case repeatTransient:
		return semantics.Transient(resp, err)
	case repeatChecked:
		return c.checkSaysYes(resp, err)
	}
	return false
}

// guarded reports whether repeating the write can't apply it twice. A version in its body
// is looked for only where a repeat may follow.
func (c *call) guarded(resp *http.Response, err error) bool {
	write, afterRefusal := c.sent.write, c.refused.count > 0
	switch {
	case c.dialect.Guards(write, afterRefusal):
		return true
	// There is no version in the body, or it wouldn't help.
	case c.sent.payload.Empty() || !c.dialect.LooksIntoBody(write) || !guard.MayRepeat(write, afterRefusal):
		return false
	case !semantics.Transient(resp, err) && c.refused.verdict.Kind() != dialect.KindAgain && c.repeats.check == nil:
		return false
	}
	c.startDeadline() // for the wait until base has stopped reading a body that is copied
	// On HTTP/2 base may send the body until the answer is closed.
	if resp != nil && c.sent.payload.Copied() {
		kept := c.keep(resp)
		resp.Body = kept.Reader()
	}
	return c.readGuard() == nil && c.dialect.GuardsBy(write, &c.sent.guard, afterRefusal)
}

// checkSaysYes asks the check of WithTransientRetry.
func (c *call) checkSaysYes(resp *http.Response, err error) bool {
	if err != nil {
		err = &url.Error{Op: c.sent.write.Method, URL: redact.URL(c.sent.write.URL), Err: err}
	}
	again, _ := c.repeats.check(c.req.Context(), resp, err)
	return again
}

// spentBelow reports whether a Transport of ours below has done what could be
// done.
func spentBelow(resp *http.Response, err error) bool {
	if err != nil {
		var unknown *outcomeUnknownError
		var unsent *unsentError
		return errors.Is(err, ErrConflict) || errors.As(err, &unknown) || errors.As(err, &unsent)
	}
	r := recordOf(resp)
	return r != nil && r.left.spent
}

// failed is the last failure that was followed by a repeat: the call may have to end with
// it.
type failed struct {
	resp *http.Response
	err  error
}

// repeat returns the same request once more, after a wait, or ends the call with the
// answer at hand. It waits with a small frame, as resolve does.
func (c *call) repeat(resp *http.Response, err error) (*http.Request, ending) {
	d, reason, why := c.beforeRepeat(resp)
	if why != nil {
		return nil, ending{kind: endAnswered, err: why}
	}
	c.noteRepeat()
	c.sent.watchedBy(nil) // it isn't asked any more, and a call that waits is to be small
	c.setAside(resp, err)
	if end := c.wait(c.req.Context(), d, reason); end.ends() {
		return nil, c.unsent(end.err)
	}
	return c.sendAgain()
}

// sendAgain returns the same request with its body opened anew.
func (c *call) sendAgain() (*http.Request, ending) {
	next, err := c.againWithBody()
	if err != nil {
		return nil, c.unsent(err)
	}
	return next, ending{}
}

// unsent is how a call ends whose repeat couldn't be sent.
func (c *call) unsent(why error) ending {
	if c.cancelled(c.req.Context()).ends() {
		return ending{kind: endInterrupted, err: why}
	}
	return ending{kind: endSetAside, err: why}
}

// setAside keeps an answer that is followed by a repeat: the call may have to end with
// it.
func (c *call) setAside(resp *http.Response, err error) {
	c.failed = failed{err: err}
	if resp == nil {
		return
	}
	kept := c.keep(resp)
	c.doubt.keepFirst(resp, &kept)
	aside := *resp
	aside.Body = kept.Reader()
	c.failed.resp = &aside
}

// beforeRepeat returns the wait before a repeat and its reason, or why there is no
// repeat. The budget has paid then.
func (c *call) beforeRepeat(resp *http.Response) (time.Duration, string, error) {
	c.startDeadline()
	if c.spent.repeats+1 >= c.attempts(c.traits) {
		return 0, "", ErrAttempts
	}
	if err := c.sent.payload.Reason(); err != nil {
		return 0, "", err
	}
	d, more := c.spent.failures.Next(c.newTransientBackOff)
	reason := "a transient failure"
	if resp != nil {
		// The jittered wait comes on top: without it all writers would meet again.
		if resp.StatusCode == http.StatusTooManyRequests {
			d += c.dialect.WriteInterval
		}
		d, reason = atLeast(d, reason, resp.Header)
	}
	if !more {
		return 0, "", ErrAttempts
	}
	if late := c.timeFor(c.req.Context(), d); late != nil {
		return 0, "", late
	}
	if !c.transport.budget.Take() {
		return 0, "", fmt.Errorf("%w: the retry budget is spent", ErrAttempts)
	}
	return d, reason, nil
}

// interruptedError is the error of a call whose context ended while it waited for a
// repeat. It matches the context's error and the last failure.
type interruptedError struct{ why, last error }

func (e *interruptedError) Error() string {
	return fmt.Sprintf("ifmatch: wait for a repeat: %v; last: %v", e.why, redact.WithoutURLs(e.last))
}

func (e *interruptedError) Unwrap() []error { return []error{e.why, e.last} }

// Timeout reports whether the wait ended at a deadline. http.Client wraps the error in a
// *url.Error, whose Timeout asks this method and looks no deeper.
func (e *interruptedError) Timeout() bool { return semantics.IsTimeout(e.why) }

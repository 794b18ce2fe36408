package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// ambiguity is the first attempt whose effect is unknown: what the call ends
// with where nothing decides it.
type ambiguity struct {
	err   error
	resp  *http.Response
	kept  *drain.Kept // of resp, once it was set aside
	blind bool        // that attempt was sent over a state that the caller had not seen
}

// note remembers the first attempt that may have been applied although its
// answer doesn't say so.
func (c *call) note(resp *http.Response, err error) {
	if semantics.Safe(c.write.Method) {
		return
	}
	c.keyed = c.keyed || semantics.ReplayedBelow(c.write.Header)
	if c.first != nil {
		return
	}
	if err != nil && (c.keyed || !notApplied(err)) || err == nil && semantics.AmbiguousStatus(resp.StatusCode) {
		c.first = &ambiguity{err: err, resp: resp, blind: c.manner == underFresh || c.manner == unguarded}
	}
}

// ambiguous reports whether an attempt may have been applied although its answer
// doesn't say so.
func (c *call) ambiguous() bool { return c.first != nil || c.keyed }

// leftOpen returns what an earlier hop of the same http.Client call left open:
// ambiguity outlasts a redirect.
func leftOpen(req *http.Request) *ambiguity {
	if r := recordOf(req.Response); r != nil {
		return r.first
	}
	return nil
}

// seeOther reports whether an earlier hop of the same http.Client call was a write
// that was answered with a redirect to what came of it.
func seeOther(req *http.Request) bool {
	for resp := req.Response; resp != nil && resp.Request != nil; resp = resp.Request.Response {
		if !semantics.Safe(resp.Request.Method) && semantics.SeeOther(resp.StatusCode) {
			return true
		}
	}
	return false
}

// notApplied reports whether an error of the base shows that the write wasn't
// applied: it was never sent, or a Transport of ours below knows.
func notApplied(err error) bool {
	if errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		return conflict.Outcome.Effect == EffectNotApplied
	}
	interrupted, unfit := (*interruptedError)(nil), (*dialectError)(nil)
	return errors.As(err, &interrupted) || errors.As(err, &unfit) || semantics.NeverSent(err)
}

// resolveAmbiguous handles a refusal after an attempt that may have been
// applied: it may be our own write that the refusal speaks of. It returns the
// decision for the next write, or how the call ends.
func (c *call) resolveAmbiguous(conflict *Conflict, why error) (Decision, error) {
	c.outcome.Cause = CauseUnattributed
	if (c.uniqueBody || c.traits.lastWriterWins && conflict.guard.kind != guardCreate) && c.isOwn(conflict) {
		return Decision{}, ownWrite{conflict}
	}
	if why == nil {
		why = c.cancelled(c.req.Context())
	}
	if why != nil {
		return Decision{}, why
	}
	if c.traits.update {
		return c.resolveMarked(conflict)
	}
	if c.traits.fixed && !c.traits.lastWriterWins {
		return Decision{}, errAmbiguousPolicy // it could apply the write twice
	}
	decision, err := c.decide(conflict)
	if err != nil {
		return Decision{}, err
	}
	if decision.kind != decideResend {
		return Decision{}, errAmbiguousPolicy
	}
	if !c.traits.lastWriterWins && !c.uniqueBody && c.isOwn(conflict) {
		return Decision{}, ownWrite{conflict}
	}
	if c.write.Method != http.MethodPut {
		return Decision{}, errAmbiguousPolicy
	}
	// The last writer wins anyway.
	c.outcome.Cause = CauseChanged
	return decision, nil
}

// resolveMarked lets an Update look for its mark, which decides; without one it
// could apply the edit twice.
func (c *call) resolveMarked(conflict *Conflict) (Decision, error) {
	if !c.traits.tellsOwnWrites {
		return Decision{}, errAmbiguousPolicy
	}
	decision, err := c.decide(conflict)
	switch {
	case err != nil:
		return Decision{}, err
	case decision.kind == decideStop:
		return Decision{}, errAmbiguousPolicy
	case decision.kind == decideReplace:
		// The mark is absent, so it is safe to go on. The call stays ambiguous
		// until a write is accepted: the read may have been a stale one.
		c.outcome.Cause = CauseChanged
	}
	return decision, nil
}

var errAmbiguousPolicy = errors.New("ifmatch: sending again could apply the write twice")

// unknown ends the call as if it had not been repeated: with the first answer
// that leaves its effect open.
func (c *call) unknown(why error) (*http.Response, error) {
	c.outcome.Effect = EffectUnknown
	if c.refusals > 0 {
		c.outcome.Cause = CauseUnattributed
	}
	err := c.firstError()
	c.outcome.Err = err
	if why != nil {
		c.outcome.Err = fmt.Errorf("%w (%w)", err, why)
	}
	c.done()
	if c.first.err != nil {
		return nil, err
	}
	resp := *c.first.resp
	if c.first.kept != nil {
		resp.Body = c.first.kept.Reader()
	}
	return c.returned(&resp, true), nil
}

// outcomeUnknownError is the connection error of a write that may have been
// applied. It matches ErrOutcomeUnknown and that error.
type outcomeUnknownError struct {
	method, url string
	cause       error
}

func (c *call) unknownError(cause error) error {
	return &outcomeUnknownError{c.write.Method, redact.URL(c.write.URL), cause}
}

func (e *outcomeUnknownError) Error() string {
	return fmt.Sprintf("ifmatch: %s %q: outcome unknown: %v", e.method, e.url, e.cause)
}

func (e *outcomeUnknownError) Unwrap() []error { return []error{ErrOutcomeUnknown, e.cause} }

// Timeout keeps what *url.Error asks the error for.
func (e *outcomeUnknownError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.cause, &t) && t.Timeout()
}

// withFirst adds the first connection error that left the effect open to a later
// one.
func (c *call) withFirst(err error) error {
	if c.first == nil || c.first.err == nil || errors.Is(err, c.first.err) {
		return err
	}
	return fmt.Errorf("%w; first: %w", err, c.first.err)
}

// firstError is the first ambiguous attempt as an error.
func (c *call) firstError() error {
	if c.first.err != nil {
		return c.unknownError(c.first.err)
	}
	return fmt.Errorf("%w: %d %s", ErrOutcomeUnknown, c.first.resp.StatusCode, http.StatusText(c.first.resp.StatusCode))
}

// interruptedError is the error of a call whose context ended while it waited
// for a repeat. It matches the context's error and the last failure.
type interruptedError struct{ why, last error }

func (e *interruptedError) Error() string {
	return fmt.Sprintf("ifmatch: wait for a repeat: %v; last: %v", e.why, e.last)
}

func (e *interruptedError) Unwrap() []error { return []error{e.why, e.last} }

// Timeout keeps what *url.Error asks the error for.
func (e *interruptedError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.why, &t) && t.Timeout()
}

// policyContext is the context that the policy is called with: a call that the policy
// makes with it skips the lane that this call holds.
func (c *call) policyContext() context.Context {
	if c.traits.callsNobody {
		return c.req.Context()
	}
	return c.turn.Within(c.req.Context())
}

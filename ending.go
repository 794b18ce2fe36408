package ifmatch

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/doubt"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// ending is how a call ends, as what decides it returns it. The zero ending is none: the
// call goes on.
type ending struct {
	err   error // why; nil where nothing is to be said
	kind  endingKind
	cause smallCause // CauseNone: the cause of the refusal
}

// smallCause is a Cause in one byte: endings stand on the stack of a call that waits, and
// the stack is most of what such a call takes.
type smallCause uint8

type endingKind uint8

const (
	goesOn         endingKind = iota
	endAnswered               // the last answer is final
	endSetAside               // the failure that was set aside is final: its repeat couldn't be sent
	endRefused                // the refusal is final
	endApplied                // an earlier attempt was accepted
	endFailed                 // the policy failed, or the context ended, after a refusal
	endInterrupted            // the context ended before a failure could be repeated
	endUnknown                // nothing decides whether the write was applied
)

// because ends a refused call with the refusal, for a cause of its own.
func because(cause Cause, err error) ending { return ending{err, endRefused, smallCause(cause)} }

// ends reports whether nothing follows.
func (e ending) ends() bool { return e.kind != goesOn }

// lastFacts are what is known when nothing follows an answer.
type lastFacts struct {
	decided        endingKind
	failed         bool // there is no answer
	open           bool // an attempt may have been applied although its answer doesn't say so
	deletedEarlier bool // the last answer to a repeated DELETE found nothing
	contentCounts  bool // a state as wanted counts as this call's work
	comparedNone   bool // the last answer is a 412, or one that says that nothing was compared
}

// last is the ending that the facts leave.
func (f lastFacts) last() endingKind {
	switch {
	case f.decided == endRefused && f.open:
		return endUnknown // rule 9: a refusal after an attempt in doubt is no answer
	case f.decided != endAnswered:
		return f.decided
	case f.failed || !f.open:
		return endAnswered
	case f.deletedEarlier && f.contentCounts:
		return endApplied // rule 11
	case f.deletedEarlier:
		return endUnknown // rule 11: who deleted it isn't known
	case f.comparedNone:
		return endUnknown // rule 9: it isn't handled, and no answer either
	}
	return endAnswered
}

// lastOf is the ending that the last answer leaves.
func (c *call) lastOf(resp *http.Response, err error, decided endingKind) endingKind {
	f := lastFacts{
		decided: decided, failed: err != nil, open: c.doubt.first != nil,
		contentCounts: c.uniqueBody || c.traits.lastWriterWins,
	}
	if resp != nil {
		f.deletedEarlier = c.deletedEarlier(resp)
		f.comparedNone = resp.StatusCode == http.StatusPreconditionFailed || c.refused.verdict.Kind() == dialect.KindAgain
	}
	return f.last()
}

// endAnswered ends the call with an answer that is no refusal. why is why a failure
// wasn't followed by a repeat.
func (c *call) endAnswered(resp *http.Response, why error) (*http.Response, error) {
	if semantics.Succeeded(resp, nil) {
		c.transport.budget.Refund()
	}
	effect := Effect(doubt.Answer{
		Status: resp.StatusCode, Safe: semantics.Safe(c.sent.write.Method), Open: c.doubt.open(), Diverted: diverted(c.req),
	}.Effect())
	if !c.told.handled {
		c.conclude(effect, CauseNone, why)
		if resp.Request == nil && (c.ownRead || c.traits.update) {
			resp.Request = c.req // Update asks it for redirects
		}
		return resp, nil
	}
	cause, err := c.refused.cause, error(nil)
	success := resp.StatusCode >= 200 && resp.StatusCode <= 299
	switch {
	case !success:
		err = c.statusError(resp, why, effect)
	case c.doubt.first != nil && semantics.Safe(c.sent.write.Method):
		err = c.firstError() // a redirect made a GET of the write
	case c.sent.basis.blind():
		c.told.overwrote()
	case c.sent.basis == ofSeenState, c.sent.sameAgain && c.sent.basis == ofCaller:
		cause = CauseFalseConflict
	}
	if success {
		c.handOver(resp)
	}
	c.conclude(effect, cause, err)
	return c.returned(resp, true), nil
}

// statusError is why a call ended with an answer that is neither success nor a refusal.
func (c *call) statusError(resp *http.Response, why error, effect Effect) error {
	var err error = &StatusError{Method: c.sent.write.Method, URL: redact.URL(c.sent.write.URL), StatusCode: resp.StatusCode, Header: resp.Header}
	if why != nil {
		err = fmt.Errorf("%w: %w", why, err)
	}
	if c.doubt.first != nil && effect == EffectUnknown {
		err = fmt.Errorf("%w; %w", err, c.firstError())
	}
	return err
}

// endFailedBelow ends the call with an error of the base. why is why it wasn't repeated.
func (c *call) endFailedBelow(err, why error) (*http.Response, error) {
	effect := EffectUnknown
	switch {
	case c.doubt.first == nil:
		effect = EffectNotApplied
	case errors.Is(err, ErrOutcomeUnknown):
	case c.told.handled || c.dialect.Guards(c.sent.write, c.refused.count > 0):
		err = c.unknownError(c.withFirst(err))
	}
	told := err
	if why != nil {
		told = fmt.Errorf("%w: %w", why, err)
	}
	c.conclude(effect, c.refused.cause, told)
	return nil, err
}

// endRefused ends the call with the last refusal. A false condition performs nothing (RFC
// 9110 §13.1.1), but an Idempotency-Key lets net/http repeat the request on its own.
func (c *call) endRefused(e ending) (*http.Response, error) {
	c.conclude(c.refusedEffect(), Cause(e.cause), e.err)
	resp := *c.refused.resp
	if c.refused.kept != nil {
		c.sent.payload.Abandon()
		resp.Body = c.refused.kept.Reader()
	}
	return c.returned(&resp, c.refused.kept != nil || c.told.outcome.Attempts > 1 || stops(c.refused.verdict)), nil
}

func (c *call) refusedEffect() Effect {
	if c.doubt.open() {
		return EffectUnknown
	}
	return EffectNotApplied
}

// endFailed ends the call with an error that carries the refusal: the policy failed, or
// the context ended.
func (c *call) endFailed(e ending) (*http.Response, error) {
	c.sent.payload.Abandon()
	if c.doubt.first != nil {
		e.err = fmt.Errorf("%w: %w", e.err, c.firstError())
	}
	c.conclude(c.refusedEffect(), Cause(e.cause), e.err)
	return nil, &ConflictError{
		Method: c.sent.write.Method, URL: redact.URL(c.sent.write.URL), StatusCode: c.refused.resp.StatusCode,
		Header: c.refused.resp.Header, Body: c.refused.kept.Data, Outcome: c.told.outcome, Err: e.err,
	}
}

// endInterrupted ends a call whose repeat after a failure couldn't be sent, since the
// context ended.
func (c *call) endInterrupted(why error) (*http.Response, error) {
	last := c.failed.err
	if resp := c.failed.resp; resp != nil {
		last = &StatusError{Method: c.sent.write.Method, URL: redact.URL(c.sent.write.URL), StatusCode: resp.StatusCode, Header: resp.Header}
	}
	effect, err := EffectNotApplied, error(&interruptedError{why, last})
	if c.doubt.open() {
		effect, err = EffectUnknown, c.unknownError(c.withFirst(err))
	}
	c.conclude(effect, c.refused.cause, err)
	return nil, err
}

// endApplied ends the call with the response to a write that was found to have been
// applied by an earlier attempt: 204 with the current validators.
func (c *call) endApplied() (*http.Response, error) {
	if c.doubt.first != nil && c.doubt.first.blind {
		c.told.overwrote()
	}
	resp := &http.Response{
		Status: "204 No Content", StatusCode: http.StatusNoContent,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: c.sent.write,
	}
	if conflict := c.refused.conflict; conflict != nil {
		v := conflict.refresh.Fresh
		if v.ETag != "" && c.sent.guard.Versions == nil {
			resp.Header["Etag"] = []string{v.ETag}
		}
		if v.LastModified != "" {
			resp.Header["Last-Modified"] = []string{v.LastModified}
		}
	}
	c.conclude(EffectApplied, CauseOwnEarlierWrite, nil)
	return c.returned(resp, true), nil
}

// endUnknown ends the call as if it had not been repeated: with the first answer that
// leaves its effect open.
func (c *call) endUnknown(why error) (*http.Response, error) {
	cause := c.refused.cause
	if c.refused.count > 0 {
		cause = CauseUnattributed
	}
	if c.deletedEarlier(c.refused.resp) {
		cause, why = CauseUnattributed, errCouldApplyTwice
	}
	err := c.firstError()
	told := err
	if why != nil {
		told = fmt.Errorf("%w (%w)", err, why)
	}
	c.conclude(EffectUnknown, cause, told)
	if c.doubt.first.err != nil {
		return nil, err
	}
	resp := *c.doubt.first.resp
	if kept := c.doubt.first.kept; kept != nil {
		resp.Body = kept.Reader()
	}
	return c.returned(&resp, true), nil
}

// conclude sets and tells the outcome of the call.
func (c *call) conclude(effect Effect, cause Cause, err error) {
	c.told.end(effect, cause, err)
	if c.told.handled {
		c.traceDone()
	}
	c.told.report()
}

// returned puts the outcome on the response that the caller gets. A final one isn't
// handled again by a Transport above.
func (c *call) returned(resp *http.Response, final bool) *http.Response {
	if resp.Request == nil {
		resp.Request = c.sent.write
	}
	c.told.leaveOn(resp, final, c.doubt.first)
	return resp
}

// interruptedError is the error of a call whose context ended while it waited for a
// repeat. It matches the context's error and the last failure.
type interruptedError struct{ why, last error }

func (e *interruptedError) Error() string {
	return fmt.Sprintf("ifmatch: wait for a repeat: %v; last: %v", e.why, e.last)
}

func (e *interruptedError) Unwrap() []error { return []error{e.why, e.last} }

// Timeout reports whether the wait ended at a deadline: *url.Error asks the error right
// below it, and no further one.
func (e *interruptedError) Timeout() bool { return semantics.IsTimeout(e.why) }

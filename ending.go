package ifmatch

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/doubt"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// ending is how a call ends. What decides the end returns it as a value, and finish
// alone acts on it. The zero ending is none: the call goes on.
type ending struct {
	err   error // becomes Outcome.Err; nil where nothing is to be said
	kind  endingKind
	cause smallCause // CauseNone: the cause of the refusal
}

// smallCause is a Cause in one byte: endings stand on the stack of a call that waits, and
// the stack is most of what such a call takes.
type smallCause uint8

// endingKind says what the caller gets.
type endingKind uint8

const (
	goesOn         endingKind = iota // nothing yet
	endAnswered                      // the last answer is final
	endSetAside                      // the failure that was set aside is final: its repeat couldn't be sent
	endRefused                       // the refusal is final
	endApplied                       // an earlier attempt was accepted
	endFailed                        // the policy failed, or the context ended, after a refusal
	endInterrupted                   // the context ended before a failure could be repeated
	endUnknown                       // nothing decides whether the write was applied
)

// because ends a refused call with the refusal, for a cause of its own. With CauseNone
// the cause of the refusal stands.
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

// last is the ending that the facts leave. An attempt in doubt may turn a refusal, or an
// answer that says nothing of that attempt, into another ending.
func (f lastFacts) last() endingKind {
	switch {
	// The refusal may speak of the write of this very call, so the caller must not
	// take it for an answer.
	case f.decided == endRefused && f.open:
		return endUnknown
	// Decided with the doubt in mind.
	case f.decided != endAnswered:
		return f.decided
	// An error of base is told with the doubt. Where nothing is in doubt, the answer
	// says all.
	case f.failed || !f.open:
		return endAnswered
	// Nothing is there any more, as the caller wants it.
	case f.deletedEarlier && f.contentCounts:
		return endApplied
	// Somebody else may have deleted it.
	case f.deletedEarlier:
		return endUnknown
	// Nothing was compared, or it is a 412 that isn't handled here. Neither says anything
	// of the attempt in doubt.
	case f.comparedNone:
		return endUnknown
	}
	// Any other answer is the caller's, also where its effect is unknown.
	return endAnswered
}

// lastOf is the ending that the last answer leaves: it gathers the facts. resp is nil
// where err isn't.
func (c *call) lastOf(resp *http.Response, err error, decided endingKind) endingKind {
	f := lastFacts{
		decided: decided, failed: err != nil, open: c.doubt.first != nil,
		contentCounts: c.uniqueBody || c.traits.lastWriterWins,
	}
	if resp != nil {
		said := c.saidOf(resp)
		f.deletedEarlier = c.deletedEarlier(resp) && said != doubt.Accepted
		f.comparedNone = said != doubt.Accepted && resp.StatusCode == http.StatusPreconditionFailed || said == doubt.Refused
	}
	return f.last()
}

// endAnswered ends the call with an answer that is no refusal, success or not. Its body is
// the caller's, unread unless it was set aside. why is why a failure wasn't followed by
// a repeat; it may be nil.
func (c *call) endAnswered(resp *http.Response, why error) (*http.Response, error) {
	said := c.saidOf(resp)
	accepted := said == doubt.Accepted || said == doubt.Nothing && succeeds(resp)
	if accepted {
		c.transport.budget.Refund()
	}
	effect := Effect(doubt.Answer{
		Status: resp.StatusCode, Said: said, Safe: c.reads(c.sent.write), Open: c.doubt.open(), Diverted: diverted(c.req),
	}.Effect())
	// The first answer is the last: it comes back untouched, without a record on it, unless
	// it means something else than its status says.
	if !c.told.handled && c.statusSaysAll(resp) {
		return c.endUntouched(resp, effect, why), nil
	}
	cause, err := c.toldBelow(resp, said)
	if accepted {
		cause, err = c.endOfAccepted(cause, err, effect)
		c.handOver(resp) // before it loses its tag
	} else if err == nil {
		err = c.unaccepted(resp, why, said, effect)
	}
	if accepted || said == doubt.UnderWay {
		c.disown(resp)
	}
	// It may still replace a state that the caller hasn't seen.
	if said == doubt.UnderWay && c.sent.basis.blind() {
		c.told.overwrote()
	}
	c.conclude(effect, cause, err)
	return c.returned(resp), nil
}

// endOfAccepted is what an accepted request says of the refusal before it, whose cause and
// error are known: the cause as it turned out, and why the write didn't go through all the
// same.
func (c *call) endOfAccepted(cause Cause, err error, effect Effect) (Cause, error) {
	switch {
	case err == nil && c.doubt.first == nil && c.becameRead(effect):
		err = errBecameRead(c.req)
	// A redirect made a GET of the write, and the GET says nothing of the doubt.
	case c.doubt.first != nil && semantics.Safe(c.sent.write.Method):
		err = c.firstError()
	// The body of the caller has replaced a state that the caller hasn't seen.
	case c.sent.basis.blind():
		c.told.overwrote()
	// The caller's body was accepted for the very state that it was made for.
	case c.sent.sameAgain && c.sent.basis == ofCaller:
		cause = CauseFalseConflict
	}
	return cause, err
}

// toldBelow returns the cause of the last refusal. Where this call has met none, but a
// Transport below has, that one knows the cause, and why it didn't go on.
func (c *call) toldBelow(resp *http.Response, said doubt.Saying) (Cause, error) {
	switch below := recordOf(resp); {
	case below != nil && c.refused.count == 0:
		return below.outcome.Cause, below.outcome.Err
	// Its status doesn't tell that it was refused, or isn't decided on.
	case below != nil && (said == doubt.Refused || said == doubt.UnderWay):
		return cmp.Or(below.outcome.Cause, c.refused.cause), below.outcome.Err
	}
	return c.refused.cause, nil
}

// disown takes the validators off an answer that accepted another body than the caller's:
// a validator on the answer to a PUT says that the sender's own copy is current (RFC 9110
// §9.3.4), and the next PUT of that copy would wipe what was merged. Update has the state.
func (c *call) disown(resp *http.Response) {
	unseen := c.sent.basis.blind() && c.sent.write.Method != http.MethodPut && c.sent.write.Method != http.MethodDelete
	if c.traits.update || !c.sent.replaced && !unseen || semantics.Safe(c.sent.write.Method) {
		return
	}
	stored := &Representation{Validators: Validators(c.dialect.Validators(resp.Header, nil)), Header: resp.Header}
	// What a PATCH or a POST makes of the state isn't the body that was sent.
	if c.sent.replaced && c.sent.write.Method == http.MethodPut {
		stored.Body = c.storedBody()
	}
	c.told.replaced(stored)
	resp.Header = c.dialect.WithoutValidators(resp.Header)
}

// storedBody returns the body of the last write, which a policy made.
func (c *call) storedBody() []byte {
	body, err := c.sent.payload.Open(c.awaitDone)
	if err != nil {
		return nil
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err == nil {
		data, err = c.dialect.StateSent(data)
	}
	if err != nil {
		return nil
	}
	return data
}

// endUntouched ends a call whose first answer is its last: the caller gets it as it came.
func (c *call) endUntouched(resp *http.Response, effect Effect, why error) *http.Response {
	c.told.end(effect, CauseNone, c.whyUntouched(resp, effect, why))
	if below := recordOf(resp); below != nil {
		c.told.adopt(below.outcome)
	}
	c.announce()
	switch {
	// A base may leave the field out, and Update asks it for redirects.
	case resp.Request == nil && (c.ownRead || c.traits.update):
		resp.Request = c.req
	case resp.Request == c.req && c.told.audience != nil:
		resp.Request = c.told.audience.request
	}
	return resp
}

// statusError is why a call ended with an answer that is neither success nor a refusal.
// It holds no body: the caller has the response.
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

// endFailedBelow ends the call with an error of the base. why is why it wasn't repeated; it
// may be nil, and only the outcome tells it.
func (c *call) endFailedBelow(err, why error) (*http.Response, error) {
	effect := EffectUnknown
	switch {
	// The error shows that nothing was applied, or the method changes nothing.
	case c.doubt.first == nil:
		effect = EffectNotApplied
	// A Transport below has said so.
	case errors.Is(err, ErrOutcomeUnknown):
	// A write under a precondition, or one that this call has handled, gets an error that
	// matches ErrOutcomeUnknown. Any other error comes back as base gave it.
	case c.told.handled || c.conditional():
		err = c.unknownError(c.withFirst(err))
	}
	reason := err
	if why != nil {
		reason = fmt.Errorf("%w: %w", why, err)
	}
	c.conclude(effect, c.refused.cause, reason)
	return nil, err
}

// endRefused ends the call with the last refusal. Its body is from memory where it was
// kept, and untouched otherwise. An untouched body still has its trailers to give, and
// http.Transport puts those that weren't announced into the response that it has: so the
// caller gets that one, and no copy.
func (c *call) endRefused(e ending) (*http.Response, error) {
	c.conclude(c.refusedEffect(), Cause(e.cause), c.refusedFor(Cause(e.cause), e.err))
	resp := c.refused.resp
	// The call is over. A read of the caller's body that hangs in base must not outlast
	// it.
	if c.refused.kept != nil {
		c.sent.payload.Abandon()
		resp.Body = c.refused.kept.Reader()
	}
	return c.returned(resp), nil
}

// refusedEffect is the effect of a write whose last answer is a refusal. A false condition
// performs nothing (RFC 9110 §13.1.1), but an attempt before it may have, and an
// Idempotency-Key lets net/http repeat the request on its own.
func (c *call) refusedEffect() Effect {
	if c.doubt.open() {
		return EffectUnknown
	}
	return EffectNotApplied
}

// endFailed ends the call with an error that carries the refusal: the policy failed, or
// the context ended. The refusal was kept: nobody is handed its body.
func (c *call) endFailed(e ending) (*http.Response, error) {
	c.sent.payload.Abandon()
	if c.doubt.first != nil {
		e.err = fmt.Errorf("%w: %w", e.err, c.firstError())
	}
	c.conclude(c.refusedEffect(), Cause(e.cause), c.refusedFor(Cause(e.cause), e.err))
	return nil, &ConflictError{
		Method: c.sent.write.Method, URL: redact.URL(c.sent.write.URL), StatusCode: c.refused.resp.StatusCode,
		Header: c.refused.resp.Header, Body: c.refused.kept.Data, Outcome: c.told.outcome, Err: e.err,
	}
}

// endInterrupted ends a call whose repeat after a failure couldn't be sent, since the
// context ended. The error matches why, which is the context's, and the last failure.
func (c *call) endInterrupted(why error) (*http.Response, error) {
	last := c.failed.err
	// The failure was an answer. Its body was closed as it was set aside.
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
// applied by an earlier attempt. The server's own answer is lost, so the response is
// made here: 204, with the validators that the refresh found where there was one.
func (c *call) endApplied() (*http.Response, error) {
	// The write that was applied is the first in doubt, or one after it.
	if c.doubt.first != nil && (c.doubt.first.blind || c.sent.basis.blind()) {
		c.told.overwrote()
	}
	resp := &http.Response{
		Status: "204 No Content", StatusCode: http.StatusNoContent,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: c.sent.write,
	}
	if conflict := c.refused.conflict; conflict != nil {
		v := conflict.refresh.Fresh
		// A version of a dialect isn't an entity-tag, and this field would make it one.
		if v.ETag != "" && c.sent.guard.Versions == nil {
			resp.Header["Etag"] = []string{v.ETag}
		}
		if v.LastModified != "" {
			resp.Header["Last-Modified"] = []string{v.LastModified}
		}
	}
	c.disown(resp)
	c.conclude(EffectApplied, CauseOwnEarlierWrite, nil)
	return c.returned(resp), nil
}

// endUnknown ends the call as if it had not been repeated: with the first answer that
// leaves its effect open, an error or a response. why is what kept the call from going
// on; it may be nil, and only the outcome tells it.
func (c *call) endUnknown(why error) (*http.Response, error) {
	cause := c.refused.cause
	// The refusal may be due to the call's own write as well as to somebody else's.
	if c.refused.count > 0 {
		cause = CauseUnattributed
	}
	if c.deletedEarlier(c.refused.resp) {
		cause, why = CauseUnattributed, errCouldApplyTwice
	}
	err := c.firstError()
	reason := err
	switch {
	case c.refused.count > 0:
		err = c.refusedInDoubt(err, cause, nil)
		reason = c.refusedInDoubt(reason, cause, why)
	case why != nil:
		reason = fmt.Errorf("%w (%w)", err, why)
	}
	c.conclude(EffectUnknown, cause, reason)
	if c.doubt.first.err != nil {
		return nil, err
	}
	resp := *c.doubt.first.resp
	// Its body was read to a bound and closed as it was set aside.
	if kept := c.doubt.first.kept; kept != nil {
		resp.Body = kept.Reader()
	}
	return c.returned(&resp), nil
}

// conclude sets the outcome of the call and announces it. It is called once, before the
// caller gets anything.
func (c *call) conclude(effect Effect, cause Cause, err error) {
	c.told.end(effect, cause, err)
	c.told.adoptHeard()
	c.announce()
}

// announce tells the outcome, to the Trace and to WithOutcome.
func (c *call) announce() {
	c.traceDone()
	c.told.report()
}

// returned puts the outcome on the response that the caller gets, for OutcomeOf, and what
// is left to a Transport above.
func (c *call) returned(resp *http.Response) *http.Response {
	if resp.Request == nil {
		resp.Request = c.sent.write
	}
	c.told.leaveOn(resp, c.leaves(resp), c.doubt.first)
	return resp
}

package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/doubt"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// doubts is what is unknown of the writes that were sent. A doubt lasts until the call
// ends: what is learnt since decides the ending, and never clears the doubt.
type doubts struct {
	first *lostAnswer // nil as long as every attempt's effect is known
	keyed bool        // an attempt had an Idempotency-Key: net/http may have repeated it
}

// open reports whether an attempt may have been applied although its answer doesn't
// say so.
func (d *doubts) open() bool { return d.first != nil || d.keyed }

// lostAnswer is the first attempt whose effect is unknown: what the call ends with where
// nothing decides it.
type lostAnswer struct {
	err   error          // nil where resp is not
	resp  *http.Response // nil where err is not
	kept  *drain.Kept    // of resp, once it was set aside
	blind bool           // the attempt was sent over a state that the caller had not seen
}

// noteDoubt remembers the first attempt that may have been applied although its answer
// doesn't say so. It is told of each answer to an attempt, before anything is decided
// about it but the dialect's verdict, and reads no body.
func (c *call) noteDoubt(resp *http.Response, err error) {
	safe := c.reads(c.sent.write)
	c.doubt.keyed = c.doubt.keyed || !safe && semantics.ReplayedBelow(c.sent.write.Header)
	below := recordOf(resp)
	attempt := doubt.Attempt{Safe: safe, Keyed: c.doubt.keyed, Failed: err != nil, OpenSince: c.doubt.first != nil}
	if !safe && c.doubt.first == nil {
		seen := c.sent.watch.Seen(err)
		// A Transport of ours below has told what came of its own repeats.
		attempt.Repeated = below == nil && seen.RepeatedBelow()
		attempt.OpenBelow = below != nil && below.first != nil
		attempt.NeverSent = err != nil && seen.NeverSent()
		attempt.KnownBelow = err != nil && notAppliedBelow(err)
		attempt.UnknownBelow = errors.Is(err, ErrOutcomeUnknown)
	}
	if err == nil {
		attempt.Status, attempt.Said = resp.StatusCode, c.saidOf(resp)
	}
	if !attempt.Opens() {
		return
	}
	c.doubt.first = &lostAnswer{err: err, resp: resp, blind: c.sent.basis.blind()}
	switch {
	// It is the answer at hand, or the error.
	case err != nil || semantics.AmbiguousStatus(resp.StatusCode):
	// It is one that the Transport below had.
	case attempt.OpenBelow:
		first := *below.first
		first.blind = first.blind || c.doubt.first.blind
		c.doubt.first = &first
	// Nobody saw it.
	default:
		c.doubt.first.err, c.doubt.first.resp = errRepeatedBelow, nil
	}
	c.traceAnswerLost(resp, err)
}

// errRepeatedBelow is the answer that nobody saw, where the base sent a write twice.
var errRepeatedBelow = errors.New("the base RoundTripper sent the write more than once, and only the last answer is known")

// takeOver takes over what an earlier hop of the same http.Client call left open, and
// reports whether there was anything. http.Client makes a RoundTrip of each hop; for the
// caller it is one call.
func (d *doubts) takeOver(req *http.Request) bool {
	d.first = leftOpen(req)
	return d.first != nil
}

// keepFirst keeps the body of the answer in doubt, since the call may have to end with
// it. For any other answer it does nothing.
func (d *doubts) keepFirst(resp *http.Response, kept *drain.Kept) {
	if d.first != nil && d.first.resp == resp {
		d.first.kept = kept
	}
}

// notAppliedBelow reports whether an error is one of a Transport of ours below, which
// knows that the write wasn't applied.
func notAppliedBelow(err error) bool {
	// It got a refusal, and knows what its own attempts did.
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		return conflict.Outcome.Effect == EffectNotApplied
	}
	// It was interrupted without a doubt, or it sent nothing.
	interrupted, unsent := (*interruptedError)(nil), (*unsentError)(nil)
	return errors.As(err, &interrupted) || errors.As(err, &unsent)
}

// leftOpen returns what an earlier hop of the same http.Client call left open, nil where
// nothing was: a doubt outlasts a redirect.
func leftOpen(req *http.Request) *lostAnswer {
	if r := recordOf(req.Response); r != nil {
		return r.first
	}
	return nil
}

// diverted reports whether an earlier hop of the same http.Client call was a write that
// was answered with a redirect to what came of it (RFC 9110 §15.4.4). The GET that
// follows may succeed whether the write was performed or not.
func diverted(req *http.Request) bool {
	for resp := req.Response; resp != nil && resp.Request != nil; resp = resp.Request.Response {
		if !semantics.Safe(resp.Request.Method) && semantics.SeeOther(resp.StatusCode) {
			return true
		}
	}
	return false
}

// resolveDoubt handles a refusal after an attempt that may have been applied: the
// refusal may speak of the call's own write. It takes the steps that package doubt
// decides on, and asks nothing that the steps don't need. blocked is why nothing can
// follow, or the zero ending: the state is then compared all the same, since it may
// show that the write was applied.
func (c *call) resolveDoubt(conflict *Conflict, blocked ending) (Decision, ending) {
	facts := doubt.Refusal{
		UniqueBody: c.uniqueBody, LastWriterWins: c.traits.lastWriterWins, CreateOnly: c.sent.guard.Kind == guard.Create,
		Blocked: blocked.ends(), Update: c.traits.update, TellsOwn: c.traits.tellsOwnWrites, Fixed: c.traits.fixed,
		Put: c.sent.write.Method == http.MethodPut,
	}
	var decision Decision
	for {
		step := facts.Next()
		// A cancelled call asks no policy, and nothing follows. A proof still counts.
		if step != doubt.CompareState && step != doubt.EndApplied && !facts.Blocked {
			if end := c.cancelled(c.req.Context()); end.ends() {
				return Decision{}, end
			}
		}
		switch step {
		case doubt.CompareState:
			facts.Own = doubt.NotOwn
			if c.isOwn(conflict) {
				facts.Own = doubt.IsOwn
			}
		case doubt.AskPolicy:
			var end ending
			if decision, end = c.askPolicy(conflict); end.ends() {
				return Decision{}, end
			}
			facts.Decision = decision.inDoubt()
		case doubt.EndApplied:
			return Decision{}, ending{kind: endApplied}
		case doubt.GoOn:
			return decision, ending{}
		// EndUnknown: nothing is sent. What stood in the way before is the better reason.
		default:
			if blocked.ends() {
				return Decision{}, blocked
			}
			return Decision{}, because(CauseUnattributed, errCouldApplyTwice)
		}
	}
}

var errCouldApplyTwice = errors.New("ifmatch: sending again could apply the write twice")

// inDoubt is the decision as far as it matters after a lost answer.
func (d Decision) inDoubt() doubt.Decision {
	switch d.kind {
	case decideStop:
		return doubt.Stops
	case decideResend:
		return doubt.Resends
	case decideReplace:
		return doubt.Replaces
	case decideApplied:
		return doubt.FoundApplied
	}
	// Unconditional: sent without a guard, it could be applied twice.
	return doubt.Other
}

// isOwn reports whether the current state is what this call wanted: the body that was
// sent, or nothing after DELETE. It shows that the state is as wanted, and leaves open
// whether this call made it so; so it is asked only where that is enough. It may send a
// refresh, and false also says that the state couldn't be learnt.
func (c *call) isOwn(conflict *Conflict) bool {
	// A refresh can't be signed here, so nothing can be asked.
	if c.dialect.Signed(c.req) != "" {
		return false
	}
	ctx := c.policyContext()
	switch c.sent.write.Method {
	case http.MethodDelete:
		end := conflict.refresh.learn(ctx, conflict, false)
		return Cause(end.cause) == CauseGone && !c.outdated(&conflict.refresh)
	case http.MethodPut:
		// Either side of the comparison can't be had.
		if c.sent.payload.Length() > c.maxRepresentation || !c.sent.payload.Replayable() || c.dialect.HidesState(c.sent.write) {
			return false
		}
		end := conflict.refresh.learn(ctx, conflict, true)
		// The policy may still go on with the validators, and HEAD has them.
		if errors.Is(end.err, ErrTooLarge) {
			conflict.refresh.forget()
		}
		return !end.ends() && !c.outdated(&conflict.refresh) && conflict.holdsOwn()
	}
	// What another method makes of a state isn't the body that was sent.
	return false
}

// outdated reports whether a refresh showed a state that is surely older than the refused
// one. It gathers the facts from the requests until the last write: what came after that
// is the refresh itself.
func (c *call) outdated(r *learnt) bool {
	read := doubt.Read{Refused: r.Unchanged, Modified: dateOf(r.Fresh.LastModified), Made: etag.Made(r.header)}
	read.After, _ = etag.Date(c.refused.resp.Header)
	all := c.told.outcome.Exchanges
	for len(all) > 0 && semantics.Safe(all[len(all)-1].Method) {
		all = all[:len(all)-1]
	}
	for i := range all {
		seen := all[i].Sent.LastModified
		// The validators of a refusal or a failure needn't be those of the state.
		if all[i].StatusCode == http.StatusOK && semantics.Safe(all[i].Method) {
			seen = all[i].Received.LastModified
		}
		if at := dateOf(seen); at.After(read.Seen) {
			read.Seen = at
		}
		read.Refused = read.Refused || r.Fresh.ETag != "" && all[i].Sent.ETag == r.Fresh.ETag
	}
	return read.Outdated()
}

// dateOf is a date of HTTP, zero where the text is none.
func dateOf(text string) time.Time {
	at, _ := http.ParseTime(text)
	return at
}

// holdsOwn reports whether the state that was read is the body that was sent. It is
// compared once, before the policy has the state and may change it.
func (c *Conflict) holdsOwn() bool {
	if !c.compared && c.refresh.state != nil {
		c.compared, c.own = true, c.call.hasSent(c.refresh.state)
	}
	return c.own
}

// hasSent reports whether the representation is the body that was sent, byte for byte.
// Where the body can't be opened again, it isn't known to be.
func (c *call) hasSent(current *Representation) bool {
	// The same bytes under another coding are another content.
	if !slices.Equal(field.Lines(c.sent.write.Header, "Content-Encoding"), field.Lines(current.Header, "Content-Encoding")) {
		return false
	}
	// No attempt has sent the body to its end, so the server can't have it.
	if !c.sent.payload.Empty() && !c.sent.payload.SentWhole() {
		return false
	}
	if c.dialect.HasPlaces() {
		return c.holdsState(current.Body)
	}
	return c.holds(current.Body)
}

// holdsState reports whether the state in the body of the last write is this one.
func (c *call) holdsState(state []byte) bool {
	body, err := c.bodyOf(&c.sent.payload)
	if err == nil {
		body, err = c.dialect.StateSent(body)
	}
	return err == nil && guard.SameState(body, state)
}

// holds reports whether the body of the last write is this one, byte for byte.
func (c *call) holds(data []byte) bool {
	if c.sent.payload.Empty() {
		return len(data) == 0
	}
	// Base may still read the body: Open waits for it, within the limits.
	body, err := c.sent.payload.Open(c.awaitDone)
	if err != nil {
		return false
	}
	defer body.Close()
	// One byte more than theirs shows that the body is longer.
	mine := io.LimitReader(body, int64(len(data))+1)
	return equalStreams(mine, bytes.NewReader(data))
}

// equalStreams reports whether two readers give the same bytes. It holds neither as a
// whole: a body may be in a file.
func equalStreams(a, b io.Reader) bool {
	one, two := make([]byte, 16<<10), make([]byte, 16<<10)
	for {
		n, errA := io.ReadFull(a, one)
		m, errB := io.ReadFull(b, two)
		if !bytes.Equal(one[:n], two[:m]) {
			return false
		}
		endA, endB := errA == io.EOF || errA == io.ErrUnexpectedEOF, errB == io.EOF || errB == io.ErrUnexpectedEOF
		if endA || endB {
			return endA && endB
		}
		if errA != nil || errB != nil {
			return false
		}
	}
}

// deletedEarlier reports whether a repeated DELETE found nothing, where the first DELETE
// is in doubt. The missing resource doesn't show which request deleted it.
func (c *call) deletedEarlier(resp *http.Response) bool {
	return c.doubt.first != nil && c.doubt.first.resp != resp && c.sent.write.Method == http.MethodDelete &&
		(resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone)
}

// outcomeUnknownError is the connection error of a write that may have been applied. It
// matches ErrOutcomeUnknown and that error.
type outcomeUnknownError struct {
	method, url string
	cause       error
}

// unknownError wraps an error of base as the outcomeUnknownError of the last write.
func (c *call) unknownError(cause error) error {
	return &outcomeUnknownError{c.sent.write.Method, redact.URL(c.sent.write.URL), cause}
}

func (e *outcomeUnknownError) Error() string {
	return fmt.Sprintf("ifmatch: %s %q: outcome unknown: %v", e.method, e.url, redact.WithoutURLs(e.cause))
}

func (e *outcomeUnknownError) Unwrap() []error { return []error{ErrOutcomeUnknown, e.cause} }

// Timeout reports whether the cause is a timeout. http.Client wraps the error in a
// *url.Error, whose Timeout asks this method and looks no deeper.
func (e *outcomeUnknownError) Timeout() bool { return semantics.IsTimeout(e.cause) }

// firstError is the first attempt in doubt as an error, which matches ErrOutcomeUnknown.
// There must be a doubt.
func (c *call) firstError() error {
	first := c.doubt.first
	if first.err != nil {
		return c.unknownError(first.err)
	}
	return c.unknownError(errors.New(semantics.Status(first.resp.StatusCode)))
}

// withFirst adds the first connection error that left the effect open to a later error,
// which stays the one in front. It adds nothing where they are the same.
func (c *call) withFirst(err error) error {
	first := c.doubt.first
	if first == nil || first.err == nil || errors.Is(err, first.err) {
		return err
	}
	return fmt.Errorf("%w; first: %w", err, first.err)
}

// policyContext is the context that the policy is called with: a call that the policy
// makes with it skips the lane that this call holds.
func (c *call) policyContext() context.Context {
	if c.traits.callsNobody {
		return c.req.Context()
	}
	return c.turn.Within(c.req.Context())
}

package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/replay"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Effect is what became of a write. It is never guessed: where nothing shows whether a
// write was applied, it is unknown. The zero value says so too.
type Effect int

const (
	EffectUnknown    Effect = iota // it may have been applied or not
	EffectNotApplied               // the server's state doesn't hold this write
	EffectApplied                  // the server accepted this write
)

var effectNames = [...]string{"unknown", "not applied", "applied"}

// String returns the words of the effect, such as "not applied".
func (e Effect) String() string { return nameOf(effectNames[:], int(e), "Effect") }

// nameOf returns the name of a constant, or its kind and number where it has none.
func nameOf(names []string, i int, kind string) string {
	if i < 0 || i >= len(names) {
		return kind + "(" + strconv.Itoa(i) + ")"
	}
	return names[i]
}

// Outcome tells what became of one call and how. A call that hasn't ended has the zero
// Outcome. An Outcome may be logged: its URLs have neither user information nor query
// values. Its Exchanges are shared with a Trace and with OutcomeOf, so leave them as
// they are.
type Outcome struct {
	Effect    Effect
	Cause     Cause         // CauseNone when nothing was refused
	Exchanges []Exchange    // every request sent, writes and refreshes, in order
	Attempts  int           // writes sent, the first included
	Waited    time.Duration // in all, the wait in a lane included
	Overwrote bool          // a state the caller had not seen was replaced (Resend, Unconditional)
	Unguarded bool          // a write of a flow of Remember went out as it was, since the flow had never met its URL
	Err       error         // why retrying ended; nil when the write went through, and when there was nothing to retry

	// Replaced is what was stored instead of the caller's own body (Rebuild, MergeJSON,
	// Conflict.Replace): the bytes that were sent, and the header and the validators of
	// the answer. The response itself has no validator then, since it would name a state
	// that the caller doesn't have. Of a PATCH or a POST, with a body of the policy's own or
	// over a state that the caller had not seen, nobody here has what was stored, and Body
	// is nil. Replaced itself is nil in all other cases, and always under the policy of
	// Update.
	Replaced *Representation
}

// Exchange is one request that was sent and its answer: a write, or a refresh.
type Exchange struct {
	Method     string
	URL        string        // without user information and query values
	StatusCode int           // 0 without an answer
	Err        error         // nil with an answer
	Sent       Validators    // what the precondition named; several tags as the list they were; a dialect's version as ETag
	Received   Validators    // what the answer's ETag and Last-Modified were
	Wait       time.Duration // before the request was sent
	// Duration lasts from the request to the header of its answer. That of
	// the first request is measured only where WithOutcome asks for it.
	Duration time.Duration
}

// String returns the method and the status, such as "PUT 412".
func (e Exchange) String() string {
	if e.StatusCode == 0 {
		return e.Method + " failed"
	}
	return e.Method + " " + strconv.Itoa(e.StatusCode)
}

// OutcomeOf returns the outcome of the call that resp answers. It reports false
// when the first answer came back untouched: it neither refused a write nor was a
// failure to be repeated. It reports false for a nil resp, too. The outcome travels in
// the context of resp.Request, where no server can forge it; so a RoundTripper above
// that sets another Request takes it away. A call that ends with an error has no
// response: use WithOutcome there.
func OutcomeOf(resp *http.Response) (Outcome, bool) {
	if r := recordOf(resp); r != nil {
		return r.outcome, true
	}
	return Outcome{}, false
}

// recordKey is the context key of the record in a response's request.
type recordKey struct{}

// record is what a Transport leaves on a response that it handled.
type record struct {
	outcome Outcome
	// request is the one whose response has the record: a context may be
	// used again for other calls.
	request *http.Request
	// left is what a Transport above may still do.
	left left
	// first is what http.Client's next hop takes over after a redirect.
	first *lostAnswer
}

// recordOf returns the record on a response, nil where it has none. Of a context alone
// it couldn't be told: a caller may use the context of a response for the next request.
func recordOf(resp *http.Response) *record {
	if resp == nil || resp.Request == nil {
		return nil
	}
	r, _ := resp.Request.Context().Value(recordKey{}).(*record)
	if r == nil || r.request != resp.Request {
		return nil
	}
	return r
}

// told is what a call tells of itself: the outcome as it grows, and where it goes at the
// end. Only the methods here change it.
type told struct {
	outcome  Outcome
	audience *audience       // of WithOutcome; nil: none
	rec      *record         // what OutcomeOf finds; nil as long as there is one attempt
	ctx      context.Context // of the writes after the first: the caller's, with the record
	named    *url.URL        // whose text the last exchange has
	waited   time.Duration   // since the last exchange
	handled  bool            // the first answer wasn't the last
	asked    bool            // a policy other than Stop has had its turn
	below    int32           // of the writes that are counted: more than this call itself has sent
}

// begin gives a call its audience, which may be nil.
func (t *told) begin(a *audience) {
	t.outcome.Exchanges, t.audience = make([]Exchange, 0, 3), a
}

// countWrite counts a write that is sent.
func (t *told) countWrite() { t.outcome.Attempts++ }

// handle notes that the first answer isn't the last.
func (t *told) handle() { t.handled = true }

// replaced notes what was stored instead of the caller's body.
func (t *told) replaced(r *Representation) { t.outcome.Replaced = r }

// ask notes that a policy other than Stop has its turn.
func (t *told) ask() { t.asked = true }

// unguarded notes whether the write went out without a guard of its flow.
func (t *told) unguarded(is bool) { t.outcome.Unguarded = is }

// overwrote notes that a state was replaced which the caller had not seen.
func (t *told) overwrote() { t.outcome.Overwrote = true }

// add records an exchange, and what was waited before it.
func (t *told) add(e Exchange) {
	e.Wait, t.waited = t.waited, 0
	t.outcome.Exchanges = append(t.outcome.Exchanges, e)
}

// addBelow records what a Transport of ours below has sent for one request of this call,
// which is counted already.
func (t *told) addBelow(o *Outcome) {
	for i, e := range o.Exchanges {
		if i == 0 {
			e.Wait, t.waited = e.Wait+t.waited, 0
		}
		t.outcome.Exchanges = append(t.outcome.Exchanges, e)
	}
	t.outcome.Waited += o.Waited
	t.outcome.Overwrote = t.outcome.Overwrote || o.Overwrote
	if o.Replaced != nil {
		t.outcome.Replaced = o.Replaced
	}
	if o.Attempts > 1 {
		t.outcome.Attempts += o.Attempts - 1
		t.below += int32(o.Attempts - 1)
	}
}

// lastTook is how long the last exchange took.
func (t *told) lastTook() time.Duration {
	// There is one: it is asked for after an exchange.
	return t.outcome.Exchanges[len(t.outcome.Exchanges)-1].Duration
}

// reset empties what WithOutcome was given, before anything is sent.
func (t *told) reset() {
	if t.audience != nil {
		t.audience.fill(Outcome{})
	}
}

// addWait records a wait.
func (t *told) addWait(d time.Duration) {
	t.waited += d
	t.outcome.Waited += d
}

// publicURL is the text of a URL for the readers of the outcome. It is made once for
// requests in a row that share a URL, as the attempts of a call do.
func (t *told) publicURL(u *url.URL) string {
	if n := len(t.outcome.Exchanges); n > 0 && t.named == u {
		return t.outcome.Exchanges[n-1].URL
	}
	t.named = u
	return redact.URL(u)
}

// end sets how the call ended, once. Nothing is added to the outcome after it.
func (t *told) end(effect Effect, cause Cause, err error) {
	t.outcome.Effect, t.outcome.Cause, t.outcome.Err = effect, cause, redact.WithoutURLs(err)
}

// adopt makes the outcome that of a Transport of ours below, which has seen more.
func (t *told) adopt(below Outcome) {
	below.Unguarded = below.Unguarded || t.outcome.Unguarded
	t.outcome = below
}

// adoptHeard adopts what a Transport of ours below told of the only request, where that
// failed: an error carries no record.
func (t *told) adoptHeard() {
	last := len(t.outcome.Exchanges) - 1
	if t.audience == nil || t.handled || last < 0 || t.outcome.Exchanges[last].StatusCode != 0 {
		return
	}
	if below, ok := t.audience.heardOne(); ok {
		t.adopt(below)
	}
}

// report tells the outcome to those that listen, once.
func (t *told) report() {
	if t.audience != nil {
		t.audience.tell(t.outcome)
	}
}

// context returns the context of the writes after the first: the caller's, with the record
// that OutcomeOf finds, and nothing else that the caller's hasn't.
func (t *told) context(callers context.Context) context.Context {
	if t.rec == nil {
		t.rec = new(record)
		t.ctx = context.WithValue(callers, recordKey{}, t.rec)
	}
	return t.ctx
}

// leaveOn leaves a record on a response, for OutcomeOf and for a Transport above. Where
// the response is to the caller's own request, it gets a copy of that request: the
// caller's must stay as it is.
func (t *told) leaveOn(resp *http.Response, left left, first *lostAnswer) {
	if t.rec == nil || resp.Request.Context() != t.ctx {
		t.rec = new(record)
		resp.Request = resp.Request.WithContext(context.WithValue(resp.Request.Context(), recordKey{}, t.rec))
	}
	*t.rec = record{t.outcome, resp.Request, left, first}
}

// Sentinels answer a question with errors.Is; the types below hold the details. Errors
// are never to be told apart by their text.
var (
	// ErrConflict is matched by every *ConflictError, and by Outcome.Err where
	// a policy chose to hand the refusal to the caller.
	ErrConflict = errors.New("ifmatch: the precondition was refused")

	// ErrOutcomeUnknown says that the write may have been applied or not: its
	// answer was lost, and nothing that could be learnt since decides it; or, in
	// Outcome.Err and the errors of Update, a dialect says that the write is pending. The
	// error of a lost answer matches it where the write had a precondition, only creates
	// in the eyes of its dialect, or was sent more than once. The Timeout of an http.Client may hide it; a context's deadline
	// doesn't.
	ErrOutcomeUnknown = errors.New("ifmatch: outcome unknown")

	// ErrNotReplayable says that the write can't be sent again: there is no copy of its
	// body, GetBody failed, or its Idempotency-Key would bring back the stored
	// answer.
	ErrNotReplayable = replay.ErrNotReplayable

	// ErrNoValidator says that the server gave no validator that can guard
	// the write.
	ErrNoValidator = etag.ErrNoValidator

	// ErrTooLarge says that a body exceeds its limit. Reading a kept refusal
	// beyond 64 KiB ends with it.
	ErrTooLarge = drain.ErrTooLarge

	// ErrAttempts says that WithMaxAttempts is used up, or that the backoff
	// given by WithBackoff returned backoff.Stop.
	ErrAttempts = errors.New("ifmatch: attempts are used up")

	// ErrElapsed says that WithMaxElapsed or the context's deadline leaves no
	// time for another attempt.
	ErrElapsed = errors.New("ifmatch: no time left")
)

// ConflictError is the error of a write that was refused and couldn't go on
// for a reason of the caller's side: the policy failed, or the context ended
// while waiting. With WithRefusalError it is the error of each refusal that a call ends
// with. For Get, Update and Resource it is the error of every write that
// ends with a refusal. It matches ErrConflict and whatever Err matches. Nothing is
// left to be closed: Body holds what was read of the refusal.
type ConflictError struct {
	Method     string
	URL        string      // without user information and query values
	StatusCode int         // of the last refusal
	Header     http.Header // of the last refusal
	Body       []byte      // of the last refusal, at most 64 KiB
	Outcome    Outcome
	Err        error // why the write didn't go on
}

// Error names the write, the refusal and the reason.
func (e *ConflictError) Error() string {
	if text := refusedText(&e.Outcome); text != "" {
		return text
	}
	text := fmt.Sprintf("ifmatch: %s %q: refused with %s", e.Method, e.URL, semantics.Status(e.StatusCode))
	if e.Err == nil {
		return text
	}
	return text + ": " + strings.TrimPrefix(e.Err.Error(), "ifmatch: ")
}

// Unwrap returns Err, which may be nil.
func (e *ConflictError) Unwrap() error { return e.Err }

// Timeout reports whether Err is a timeout. http.Client wraps the error in a
// *url.Error, whose Timeout asks this method and looks no deeper.
func (e *ConflictError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// Is reports whether target is ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// StatusError is a final answer that is neither success nor a refusal. Get, Update and
// Resource return it. A RoundTrip returns the response itself, and has a StatusError in
// Outcome.Err.
type StatusError struct {
	Method     string
	URL        string // without user information and query values
	StatusCode int
	Header     http.Header
	Body       []byte // at most 64 KiB; nil where it was left to the caller
	said       string // by the server in Body, without secrets of the request
}

// Error names the request and the status.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("ifmatch: %s %q: %s", e.Method, e.URL, semantics.Status(e.StatusCode))
	if e.said != "" {
		text += "; the server says " + strconv.Quote(e.said)
	}
	return text
}

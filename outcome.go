package ifmatch

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Effect is what became of a write.
type Effect int

const (
	EffectUnknown    Effect = iota // it may have been applied or not
	EffectNotApplied               // the server's state doesn't hold this write
	EffectApplied                  // the server accepted this write
)

var effectNames = [...]string{"unknown", "not applied", "applied"}

// String returns the words of the effect, such as "not applied".
func (e Effect) String() string { return nameOf(effectNames[:], int(e), "Effect") }

// Cause is why a write was refused, as best known, or what kept it from being
// sent again.
type Cause int

const (
	CauseNone                     Cause = iota // nothing was refused
	CauseChanged                               // somebody else changed the state
	CauseFalseConflict                         // the state was the one the caller had read
	CauseOwnEarlierWrite                       // an earlier attempt of this call had been applied
	CauseExists                                // a write that only creates met what is there
	CauseGone                                  // the resource isn't there any more
	CauseStaleDate                             // the server refuses even its own Last-Modified
	CauseWeakValidator                         // the tag is weak, and If-Match compares strongly
	CauseCodedValidator                        // the tag belongs to a compressed representation
	CauseStaleCache                            // the refresh keeps giving the refused tag
	CausePreconditionRequired                  // the server demands a precondition (428)
	CauseConflictingPreconditions              // several preconditions, and no telling which one failed
	CauseLocked                                // a lock or lease, not a validator
	CauseTokenExpired                          // the version token is too old to be looked up
	CauseSignedAbove                           // the request was signed before it reached the Transport
	CauseRefreshDenied                         // the refresh was answered with 401, 403 or 407
	CauseRefreshFailed                         // the refresh gave no usable answer
	CauseNoValidator                           // the refresh carried no validator that can guard the write
	CauseNotReplayable                         // the write can't be sent again
	CauseUnattributed                          // a 412 that no known precondition explains
)

var causeNames = [...]string{
	"none", "changed", "false conflict", "own earlier write", "exists", "gone", "stale date", "weak validator",
	"coded validator", "stale cache", "precondition required", "conflicting preconditions", "locked", "token expired",
	"signed above", "refresh denied", "refresh failed", "no validator", "not replayable", "unattributed",
}

// String returns the words of the cause, such as "stale cache".
func (c Cause) String() string { return nameOf(causeNames[:], int(c), "Cause") }

func nameOf(names []string, i int, kind string) string {
	if i < 0 || i >= len(names) {
		return kind + "(" + strconv.Itoa(i) + ")"
	}
	return names[i]
}

// Outcome tells what became of one call and how. The zero Outcome is that of a
// call that hasn't ended.
type Outcome struct {
	Effect    Effect
	Cause     Cause         // CauseNone when nothing was refused
	Exchanges []Exchange    // every request sent, writes and refreshes, in order
	Attempts  int           // writes sent, the first included
	Waited    time.Duration // in all
	Overwrote bool          // a state the caller had not seen was replaced (Resend, Unconditional)
	Err       error         // why retrying ended; nil when the write went through
}

// Exchange is one request that was sent and its answer.
type Exchange struct {
	Method     string
	URL        string     // without user information and query values
	StatusCode int        // 0 without an answer
	Err        error      // nil with an answer
	Sent       Validators // what the precondition named; several tags as the list they were; a dialect's version as ETag
	Received   Validators // what the answer's ETag and Last-Modified were
	Wait       time.Duration
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
// when the first answer came back untouched, as every answer does that neither
// refuses a write nor is a failure to be repeated. The outcome travels in the context of resp.Request, out of reach of
// the server.
func OutcomeOf(resp *http.Response) (Outcome, bool) {
	if r := recordOf(resp); r != nil {
		return r.outcome, true
	}
	return Outcome{}, false
}

// WithOutcome returns a context that fills *o when a call made with it ends,
// with a response or an error, also when the first answer came back untouched.
// Where http.Client makes several hops, it is the outcome of the last one. Read
// *o only after the call has returned; give each concurrent call its own.
//
// A nil o observes nothing.
func WithOutcome(ctx context.Context, o *Outcome) context.Context {
	s := scopeOf(ctx).copy()
	s.outcome = o
	return context.WithValue(ctx, scopeKey{}, s)
}

// recordKey is the context key of the record in a response's request.
type recordKey struct{}

// record is what a Transport leaves on a response that it handled.
type record struct {
	outcome Outcome
	// request is the one whose response has the record: a context may be
	// used again for other calls.
	request *http.Request
	// final keeps a Transport above from handling the same refusal again.
	// A refusal that Stop hands on untouched isn't final.
	final bool
	// first is what http.Client's next hop takes over after a redirect.
	first *ambiguity
}

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

// effectOf reads the effect of a write from the status of its answer.
func effectOf(status int) Effect {
	switch status {
	case http.StatusAccepted, http.StatusMultiStatus:
		// RFC 9110 §15.3.3: it might or might not be acted upon later.
		// RFC 4918 §11.1: each member has a status of its own.
		return EffectUnknown
	}
	if semantics.AmbiguousStatus(status) {
		return EffectUnknown
	}
	if status >= 200 && status < 300 {
		return EffectApplied
	}
	return EffectNotApplied
}

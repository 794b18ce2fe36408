package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
)

// Policy says what to send after a refusal. Most callers use Resend, Rebuild or
// MergeJSON; a policy of one's own is mostly a PolicyFunc.
//
// Resolve is called at most once for each refusal, where a fresh validator may cure
// it, on the goroutine of the RoundTrip. It may ask c for the fresh validators
// or the current state, and returns what c.Resend or c.Replace gave it. The zero
// Decision stops: the caller gets the refusal.
//
// An error ends the call with a *ConflictError that wraps it. The exception is an
// error of c.Validators or c.Current that is handed on, wrapped or not: then the
// caller gets the refusal, and the error is in Outcome.Err.
//
// A Policy must be safe for concurrent use. If it panics, the panic goes on to
// the caller of RoundTrip, and no body is left open.
type Policy interface {
	Resolve(ctx context.Context, c *Conflict) (Decision, error)
}

// PolicyFunc is a function that is a Policy. A nil PolicyFunc acts as Stop. The
// call knows nothing of what such a function does, so it takes no short cut: see
// Conflict.Ambiguous for what is left of its choice after a lost answer.
type PolicyFunc func(ctx context.Context, c *Conflict) (Decision, error)

// Resolve calls f.
func (f PolicyFunc) Resolve(ctx context.Context, c *Conflict) (Decision, error) {
	if f == nil {
		return Decision{}, nil
	}
	return f(ctx, c)
}

// BuiltinPolicy is a Policy that needs nothing from the caller. Its values can
// be compared. The zero value is Stop. Another value than the three constants is
// an error of every conflict.
type BuiltinPolicy int

const (
	// Stop hands the refusal to the caller, untouched: its body isn't read.
	Stop BuiltinPolicy = iota

	// Resend sends the same body again under the fresh validator. What
	// somebody else wrote in between is replaced unseen: the last writer wins.
	Resend

	// Unconditional sends the same body again without its precondition. It
	// replaces whatever is there, without a guard. It is for diagnosis: it shows
	// whether the precondition was at fault at all. Like each policy it isn't
	// asked where no validator can help, so If-None-Match: * is never dropped.
	Unconditional
)

var policyNames = [...]string{"Stop", "Resend", "Unconditional"}

// String returns the name of the policy.
func (p BuiltinPolicy) String() string { return nameOf(policyNames[:], int(p), "BuiltinPolicy") }

// Resolve decides as the policy's name says.
func (p BuiltinPolicy) Resolve(ctx context.Context, c *Conflict) (Decision, error) {
	switch p {
	case Stop:
		return Decision{}, nil
	case Resend:
		return c.Resend(), nil
	case Unconditional:
		return Decision{conflict: c, kind: decideUnconditional}, nil
	}
	return Decision{}, fmt.Errorf("unknown policy %v: use Stop, Resend, Unconditional or a Policy of your own", p)
}

// traits of a value that is none of the three grant nothing that matters: its Resolve fails.
func (p BuiltinPolicy) traits() traits {
	return traits{
		fixed: true, callsNobody: true,
		stops: p == Stop, asksNothing: p == Stop || p == Unconditional, lastWriterWins: p == Resend,
	}
}

// traits are what a call must know of its policy. The call asks for a trait, and never
// which policy it has: so a new policy needs no change of the loop. Each trait allows
// the call something, and a policy that doesn't tell has none of them.
type traits struct {
	fixed          bool // changes no header field but Content-Type, and looks at neither Request nor Response
	callsNobody    bool // makes no call of its own, and no function of the caller's runs
	stops          bool // hands each refusal on
	asksNothing    bool // decides without a refresh
	lastWriterWins bool // sends the caller's body over whatever is there
	update         bool // makes each body from the state whose validator guards it
	tellsOwnWrites bool // finds out whether its write was applied

	// What an Update has left of WithMaxAttempts and WithMaxElapsed; zero: all. The
	// limits hold for all rounds of an Update, and each round is a call of its own.
	attemptsLeft int
	elapsedLeft  time.Duration
}

// traitsOf returns what a policy tells of itself. The policies of callers can't tell:
// the method is unexported, so that nobody promises what the loop relies on.
func traitsOf(p Policy) traits {
	if tells, ok := p.(interface{ traits() traits }); ok {
		return tells.traits()
	}
	return traits{}
}

// Rebuild returns a policy that reads the current state, lets build make a new
// body from it and sends that under the validator of the state that was read.
// No update is lost: each refusal reads and builds again.
//
// The answer to a body of build's has no ETag, no Last-Modified and no version: the
// caller doesn't have what was stored. GET before the next save. Code that takes the
// ETag of the answer for its next If-Match gets an error then; code that leaves If-Match
// off writes unguarded. Outcome.Replaced has what was stored.
//
// build runs on the goroutine of the RoundTrip, and concurrently for several calls.
// It may run several times in one call, so it should have no other effect. The
// Representation belongs to build. What build returns belongs to the Transport
// until the call ends; an empty body is sent as none. An error of build ends the
// call with a *ConflictError that wraps it. A nil build is an error of every
// conflict.
//
// Where the refused validator turns out to be the current one, the body of the
// request is sent once more in place of what build returned: see Conflict.Replace.
// After a lost answer build isn't called, since the change may be in already.
func Rebuild(build func(ctx context.Context, current *Representation) ([]byte, error)) Policy {
	return rebuild{build}
}

// rebuild is the policy of Rebuild. It has no trait that lets a call go on after a lost
// answer: what build makes of a state that holds the change would have it twice.
type rebuild struct {
	build func(context.Context, *Representation) ([]byte, error)
}

func (rebuild) traits() traits { return traits{fixed: true} }

func (p rebuild) Resolve(ctx context.Context, c *Conflict) (Decision, error) {
	if p.build == nil {
		return Decision{}, errors.New("Rebuild was given a nil function")
	}
	current, err := c.Current(ctx)
	if err != nil {
		return Decision{}, err
	}
	body, err := p.build(ctx, current)
	if err != nil {
		return Decision{}, err
	}
	return c.Replace(body), nil
}

// Validators are the entity-tag and the date of one representation (RFC 9110 §8.8),
// byte for byte as the server gave them. An empty one is absent. With a dialect whose
// version isn't an entity-tag, ETag holds that version where a state was read.
type Validators struct{ ETag, LastModified string }

// Representation is a state that was read by GET, with identity coding asked for, or that a
// refusal had: see dialect.Dialect.RefusalState. Its
// Body is whole: a larger one than WithMaxRepresentation is ErrTooLarge.
type Representation struct {
	Validators
	Header http.Header // of the answer
	Body   []byte      // as it came, or the state in it where a dialect says where that is; Header says if it has a Content-Encoding
}

// Conflict is a refused write, as its policy sees it. It is valid until Resolve
// returns, and isn't safe for concurrent use. Later calls of Validators and Current
// are errors, also on a zero Conflict.
type Conflict struct {
	// Request is the refused request. It is a copy without a Body: what a
	// policy changes in it isn't sent. GetBody, where set, opens what was sent.
	Request *http.Request

	// Response is the refusal. Its Body is readable up to 64 KiB; whether it
	// is read or closed makes no difference.
	Response *http.Response

	// Attempt counts the writes sent so far, the first and repeats after
	// failures included.
	Attempt int

	// Ambiguous says that an earlier attempt of this call may have been
	// applied. Then only the Decision of Resend counts, and only for a PUT: any
	// other ends the call with its outcome unknown.
	Ambiguous bool

	known         *refresh.Known // from before; nil: nothing
	ended         bool           // Resolve has returned
	compared, own bool           // of holdsOwn

	call     *call       // nil in a Conflict that a test made
	header   http.Header // of the next write; nil until asked for
	refresh  learnt      // what the refresh gave; shared by the policy and the loop
	decision Decision    // zero until it was made
}

// Validators returns the fresh validators, by HEAD, or by GET where HEAD can't
// say. Under a policy of this package the refusal itself may have them: see
// dialect.Token.Refusal. There is one refresh for each conflict: it is remembered, also where it
// failed, and Current answers Validators too. The wait that the pace demands comes
// before it. ctx bounds both, beside the context and the limits of the call.
func (c *Conflict) Validators(ctx context.Context) (Validators, error) {
	err := c.ask(ctx, false)
	return Validators(c.refresh.Fresh), err
}

// Current returns the current state, by GET. It is remembered as Validators is; the
// Representation belongs to the caller, but each call returns the same one. A state
// that isn't there, or can't be read, is an error.
func (c *Conflict) Current(ctx context.Context) (*Representation, error) {
	if err := c.ask(ctx, true); err != nil {
		return nil, err
	}
	// The policy may change what it gets, and the loop may want to compare it later.
	if c.call.doubt.first != nil {
		c.holdsOwn()
	}
	return c.refresh.state, nil
}

// ask refreshes for a policy, until the policy's context or the call's own ends: a
// policy may hand in a context that knows nothing of the call.
func (c *Conflict) ask(ctx context.Context, needState bool) error {
	if c.call == nil || c.ended {
		return errors.New("ifmatch: a Conflict was used outside of Resolve")
	}
	// A policy that calls nobody hands in the context that it got: nothing need be merged.
	if !c.call.traits.callsNobody {
		outer := c.call.req.Context()
		merged, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(outer, func() { cancel(context.Cause(outer)) })()
		ctx = merged
	}
	return c.refresh.learn(ctx, c, needState).err
}

// Header returns the header of the next write, which the policy may change, for a new
// Idempotency-Key, say. It begins as a copy of the refused write's header. The
// precondition fields in it are ignored: they are set after Resolve.
func (c *Conflict) Header() http.Header {
	if c.call == nil {
		return http.Header{}
	}
	if c.header == nil {
		c.header = field.Clone(c.call.sent.write.Header)
	}
	return c.header
}

// Resend decides for the body that was refused, under the fresh validator. What
// somebody else wrote is replaced: Outcome.Overwrote will say so. Unless Validators
// or Current was asked before, the refresh follows. Nothing is sent before Resolve
// returns the Decision.
func (c *Conflict) Resend() Decision { return Decision{conflict: c, kind: decideResend} }

// Replace decides for this body, under the validator of the Current that was
// read; without one it is an error. The caller's answer has no validator of it then:
// GET before the next save; Outcome.Replaced has what was stored. Header fields that described the old body
// are removed unless the policy set them anew: Content-Encoding, Content-MD5 and
// digests. The body belongs to the Transport until the call ends; an empty one is
// sent as none.
//
// Where the refresh gave the validator that was refused, the caller's own body was
// made for this state. Then the caller's body is sent once more instead.
func (c *Conflict) Replace(body []byte) Decision {
	return Decision{conflict: c, kind: decideReplace, body: body}
}

type decisionKind int

const (
	decideStop decisionKind = iota
	decideResend
	decideReplace
	decideUnconditional
	decideApplied // an earlier attempt was, as its mark shows
)

// Decision is what to send after a refusal. The zero Decision stops. It counts for the
// Conflict that made it, and for no other.
type Decision struct {
	conflict *Conflict
	kind     decisionKind
	body     []byte
}

// check returns the error of a decision that can't be carried out. Such a decision is a
// mistake of the policy, so the call ends with an error and not with the refusal.
func (d Decision) check(c *Conflict) error {
	switch {
	case d.kind == decideStop:
		return nil
	case d.conflict != c:
		return errors.New("the policy returned a Decision of another Conflict")
	case d.kind == decideReplace && c.refresh.state == nil:
		return errors.New("the policy returned Replace without having read Current")
	}
	return nil
}

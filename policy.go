package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/field"
)

// Policy says what to send after a refusal. Resolve is called once for each
// refusal of a write, on the caller's goroutine; it may ask c for the fresh
// validators or the current state, and returns what c.Resend or c.Replace gave
// it. The zero Decision stops: the caller gets the refusal.
//
// An error ends the call with a *ConflictError that wraps it. An error of
// c.Validators or c.Current that is handed on isn't the policy's: the caller
// gets the refusal, and the error is in Outcome.Err.
//
// A Policy must be safe for concurrent use. If it panics, the panic goes on to
// the caller of RoundTrip; nothing is left open.
type Policy interface {
	Resolve(ctx context.Context, c *Conflict) (Decision, error)
}

// PolicyFunc is a function that is a Policy. A nil PolicyFunc acts as Stop.
type PolicyFunc func(ctx context.Context, c *Conflict) (Decision, error)

// Resolve calls f.
func (f PolicyFunc) Resolve(ctx context.Context, c *Conflict) (Decision, error) {
	if f == nil {
		return Decision{}, nil
	}
	return f(ctx, c)
}

// BuiltinPolicy is a Policy that needs nothing from the caller. Its values can
// be compared.
type BuiltinPolicy int

const (
	// Stop hands the refusal to the caller, untouched.
	Stop BuiltinPolicy = iota

	// Resend sends the same body again under the fresh validator. What
	// somebody else wrote in between is replaced unseen: the last writer wins.
	Resend

	// Unconditional sends the same body again without any precondition. It
	// replaces whatever is there, without a guard. It is for diagnosis.
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

func (p BuiltinPolicy) traits() traits {
	return traits{
		fixed: true, callsNobody: true,
		stops: p == Stop, asksNothing: p == Stop || p == Unconditional, lastWriterWins: p == Resend,
	}
}

// traits are what a call must know of its policy. A policy that doesn't tell has none
// of them.
type traits struct {
	fixed          bool // changes no header field, and looks at neither Request nor Response
	callsNobody    bool // makes no call of its own, and no function of the caller's runs
	stops          bool // hands each refusal on
	asksNothing    bool // decides without a refresh
	lastWriterWins bool // sends the caller's body over whatever is there
	update         bool // makes each body from the state whose validator guards it
	tellsOwnWrites bool // finds out whether its write was applied

	// What an Update has left of WithMaxAttempts and WithMaxElapsed; zero: all.
	attemptsLeft int
	elapsedLeft  time.Duration
}

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
// The Representation belongs to build. What build returns belongs to the
// Transport until the call ends; an empty body is sent as none. An error of
// build ends the call with a *ConflictError that wraps it. A nil build is an
// error of every conflict.
func Rebuild(build func(ctx context.Context, current *Representation) ([]byte, error)) Policy {
	return rebuild{build}
}

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

// Validators are those of one representation, byte for byte as the server gave
// them. An empty one is absent. With a dialect whose version isn't an entity-tag,
// ETag holds that version where a state was read.
type Validators struct{ ETag, LastModified string }

// Representation is a state that was read.
type Representation struct {
	Validators
	Header http.Header
	Body   []byte // as it came; Header says if it has a Content-Encoding
}

// Conflict is a refused write, as its policy sees it. It is valid until Resolve
// returns and not safe for concurrent use.
type Conflict struct {
	// Request is the refused request. It is a copy without a Body: what a
	// policy changes in it isn't sent. GetBody, where set, opens what was sent.
	Request *http.Request

	// Response is the refusal. Its Body is readable up to 64 KiB; whether it
	// is read or closed makes no difference.
	Response *http.Response

	// Attempt counts the writes sent so far.
	Attempt int

	// Ambiguous says that an earlier attempt of this call may have been
	// applied.
	Ambiguous bool

	ended         bool // Resolve has returned
	compared, own bool // of holdsOwn

	call     *call
	header   http.Header // of the next write; nil until asked for
	refresh  learnt
	decision Decision // zero until it was made
}

// Validators returns the fresh validators, by HEAD, or by GET where HEAD can't
// say. There is one refresh for each conflict: it is remembered, and Current
// answers Validators too. The wait that the pace demands comes before it.
func (c *Conflict) Validators(ctx context.Context) (Validators, error) {
	err := c.ask(ctx, false)
	return Validators(c.refresh.Fresh), err
}

// Current returns the current state, by GET. It is remembered; the
// Representation belongs to the caller, but each call returns the same one.
func (c *Conflict) Current(ctx context.Context) (*Representation, error) {
	if err := c.ask(ctx, true); err != nil {
		return nil, err
	}
	if c.call.doubt.first != nil {
		c.holdsOwn()
	}
	return c.refresh.state, nil
}

// ask refreshes for a policy, with its context and the call's.
func (c *Conflict) ask(ctx context.Context, needState bool) error {
	if c.call == nil || c.ended {
		return errors.New("ifmatch: a Conflict was used outside of Resolve")
	}
	if !c.call.traits.callsNobody {
		outer := c.call.req.Context()
		merged, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(outer, func() { cancel(context.Cause(outer)) })()
		ctx = merged
	}
	return c.refresh.learn(ctx, c, needState).err
}

// Header returns the header of the next write, which the policy may change. The
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

// Resend decides for the body that was refused, under the fresh validator.
// Unless Validators or Current was asked before, the refresh follows.
func (c *Conflict) Resend() Decision { return Decision{conflict: c, kind: decideResend} }

// Replace decides for this body, under the validator of the Current that was
// read; without one it is an error. Header fields that described the old body
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
	decideSeen    // the same body: the state is the one that its flow had seen
)

// Decision is what to send after a refusal. The zero Decision stops.
type Decision struct {
	conflict *Conflict
	kind     decisionKind
	body     []byte
}

// check returns the error of a decision that can't be carried out.
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

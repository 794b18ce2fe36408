package ifmatch

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/memory"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Option sets one thing, for a Transport through NewClient and NewTransport or
// for one call through WithOptions. Where two set the same thing, the later one
// wins, and an option of the call wins over an option of the Transport. Traces and
// dialects add up instead; see WithTrace and WithDialects. An Options value is an
// Option. A nil Option does nothing. An Option may be given to several Transports
// and calls.
type Option interface {
	UpdateOption
	apply(*settings)
}

// Options is a bundle that is an Option itself, applied in order. A nil Options does
// nothing.
type Options []Option

func (o Options) apply(s *settings) {
	for _, option := range o {
		if option != nil {
			option.apply(s)
		}
	}
}

func (o Options) applyUpdate(s *updateSettings) { o.apply(&s.settings) }

// optionFunc is every Option that isn't a bundle. The interface is sealed by its
// unexported methods, so that an option can be added without breaking anybody.
type optionFunc func(*settings)

func (f optionFunc) apply(s *settings)             { f(s) }
func (f optionFunc) applyUpdate(s *updateSettings) { f(&s.settings) }

// Defaults that the options name. mostAttempts is the bound of WithMaxAttempts: a call
// that goes on for ever can't be told from one that hangs.
const (
	defaultMaxAttempts             = 4
	mostAttempts                   = 1000
	defaultMaxElapsed              = 30 * time.Second
	defaultMaxRepresentation int64 = 10 << 20
	defaultMaxBuffer         int64 = 1 << 20
)

// settings is what options set. Zero fields are unset, so that the settings of a call can
// be laid over the settings of its Transport. Where zero or nil is a value that an option
// may set, the field is a pointer to it.
//
// The settings of a Transport are shared by all its calls, and are never changed once it
// is made.
type settings struct {
	policy                   Policy
	maxAttempts              int // below zero: the default of the policy
	maxElapsed               time.Duration
	newBackOff               func() backoff.BackOff
	refreshRequest           *requestFunc
	maxRepresentation        int64
	maxBuffer                int64
	repeats                  *repeats
	newTransientBackOff      func() backoff.BackOff
	budgetTokens, budgetCost int // of the constructors only
	expectContinue           *int64
	uniqueBody               bool
	refusalErrors            bool                           // of WithRefusalError
	credentialOrigins        []string                       // of WithRefreshCredentials
	ownRead                  bool                           // a read that Get, Update or Resource make: repeated like a refresh
	readBy                   *http.Request                  // a read of ours that isn't a HEAD or GET; nil: it is one
	writeIDs                 bool                           // of WithWriteID
	dialects                 []*hosts.Table[*guard.Dialect] // the first that has the host counts
	traces                   []*Trace                       // all of them are called, in this order
	logger                   *slog.Logger
	pinned                   *settings // of the constructors only; nil: nothing is
	discarded                []string  // names of the options of a call that don't count, since they are pinned
}

// over returns s with everything that is unset taken from base. Traces and dialects add
// up: the traces of base come first, the dialects of base are asked last. Neither slice
// is appended to in place, since several calls may share it.
func (s settings) over(base settings) settings {
	if s.policy == nil {
		s.policy = base.policy
	}
	if s.maxAttempts == 0 {
		s.maxAttempts = base.maxAttempts
	}
	if s.maxElapsed == 0 {
		s.maxElapsed = base.maxElapsed
	}
	if s.newBackOff == nil {
		s.newBackOff = base.newBackOff
	}
	if s.refreshRequest == nil {
		s.refreshRequest = base.refreshRequest
	}
	if s.maxRepresentation == 0 {
		s.maxRepresentation = base.maxRepresentation
	}
	if s.maxBuffer == 0 {
		s.maxBuffer = base.maxBuffer
	}
	if s.repeats == nil {
		s.repeats = base.repeats
	}
	if s.newTransientBackOff == nil {
		s.newTransientBackOff = base.newTransientBackOff
	}
	if s.expectContinue == nil {
		s.expectContinue = base.expectContinue
	}
	if s.budgetTokens == 0 && s.budgetCost == 0 {
		s.budgetTokens, s.budgetCost = base.budgetTokens, base.budgetCost
	}
	if s.credentialOrigins == nil {
		s.credentialOrigins = base.credentialOrigins
	}
	s.uniqueBody = s.uniqueBody || base.uniqueBody
	s.refusalErrors = s.refusalErrors || base.refusalErrors
	s.writeIDs = s.writeIDs || base.writeIDs
	if len(base.dialects) > 0 {
		s.dialects = append(s.dialects[:len(s.dialects):len(s.dialects)], base.dialects...)
	}
	if len(base.traces) > 0 {
		s.traces = append(base.traces[:len(base.traces):len(base.traces)], s.traces...)
	}
	if s.logger == nil {
		s.logger = base.logger
	}
	return s
}

// defaults are the settings of a zero Transport. Every default is a value, so that no code
// asks for nil. Attempts alone have none here, since they depend on the policy.
func defaults() settings {
	return settings{
		policy:              Stop,
		maxElapsed:          defaultMaxElapsed,
		newBackOff:          defaultBackOff,
		refreshRequest:      new(requestFunc),
		maxRepresentation:   defaultMaxRepresentation,
		maxBuffer:           defaultMaxBuffer,
		repeats:             new(repeats),
		newTransientBackOff: defaultBackOff,
		expectContinue:      new(int64),
		logger:              slog.New(slog.DiscardHandler),
	}
}

// OnConflict sets the policy. It overrides the one given to the constructor, so it is
// mostly for WithOptions. A nil policy acts as Stop. It isn't for Get, Update and
// NewResource, which bring their own: among their options it is an error, and what
// the client or the context has isn't used there.
func OnConflict(p Policy) Option {
	// A nil field would leave the policy of the Transport in force, and a nil function
	// acts as Stop without having its traits.
	if f, ok := p.(PolicyFunc); p == nil || ok && f == nil {
		p = Stop
	}
	return optionFunc(func(s *settings) { s.policy = p })
}

// attempts is WithMaxAttempts where it is set, else the default for a policy with these
// traits; and no more than what an Update has left for this call.
func (s *settings) attempts(of traits) int {
	n := s.maxAttempts
	switch {
	case n <= 0 && of.update:
		n = defaultUpdateAttempts
	case n <= 0:
		n = defaultMaxAttempts
	}
	if of.attemptsLeft > 0 {
		n = min(n, of.attemptsLeft)
	}
	return n
}

// elapsed is WithMaxElapsed, or what an Update has left of it for this call.
func (s *settings) elapsed(of traits) time.Duration {
	if of.elapsedLeft > 0 {
		return min(s.maxElapsed, of.elapsedLeft)
	}
	return s.maxElapsed
}

// WithMaxAttempts bounds the writes of one call that may end in a refusal, the
// first included. A race that is lost while waiting for a strong validator
// counts too. Beside them at most n-1 repeats are made after failures.
//
// By default, and when n is zero or negative, it is 4, and 16 for Update and
// Resource. It is never unlimited: more than 1000 are 1000.
func WithMaxAttempts(n int) Option {
	n = min(n, mostAttempts)
	if n <= 0 {
		n = -1 // the default, over what was set before
	}
	return optionFunc(func(s *settings) { s.maxAttempts = n })
}

// WithMaxElapsed bounds the time from the first refusal or failure to the start
// of the last attempt. A wait that can't end in time isn't begun, and refreshes are
// cut off at the end of the time. A write under way is never interrupted: its effect
// would be unknown. The call ends with ErrElapsed in Outcome.Err.
//
// By default, and when d is zero or negative, it is 30 seconds. The deadline of
// the request's context bounds the time as well.
func WithMaxElapsed(d time.Duration) Option {
	if d <= 0 {
		d = defaultMaxElapsed
	}
	return optionFunc(func(s *settings) { s.maxElapsed = d })
}

// WithMaxRepresentation bounds the bytes of a current state that is read, and of a
// request body that is looked into. A larger state stops the call with
// CauseRefreshFailed and ErrTooLarge; for Get and Update it is an error. So is an edit that
// makes a larger document: it isn't written, since no Update could read it again.
//
// By default, and when n is zero or negative, it is 10 MiB.
func WithMaxRepresentation(n int64) Option {
	if n <= 0 {
		n = defaultMaxRepresentation
	}
	n = min(n, math.MaxInt64-1) // one more byte is read, to see that there is more
	return optionFunc(func(s *settings) { s.maxRepresentation = n })
}

// WithMaxBuffer bounds the bytes of a request body that one call keeps in memory. A
// body without GetBody is copied as it is first sent, where sending it again may
// be needed. What exceeds n goes to a temporary file, which nobody else can see
// and which is gone when the call ends. A body with GetBody is never copied: the
// function is called for each further attempt.
//
// By default, and when n is zero or negative, it is 1 MiB.
func WithMaxBuffer(n int64) Option {
	if n <= 0 {
		n = defaultMaxBuffer
	}
	return optionFunc(func(s *settings) { s.maxBuffer = n })
}

// WithExpectContinue sends conditional writes whose body has n bytes and more,
// or an unknown length, with Expect: 100-continue (RFC 9110 §10.1.1), so that a
// server can refuse them before the body is sent. The base needs an
// ExpectContinueTimeout, as http.DefaultTransport has. An answer of 417 is
// followed by the same request without it.
//
// An Expect field of the caller's is left as it is.
//
// By default, and when n is zero or negative, the field is left to the caller.
func WithExpectContinue(n int64) Option {
	return optionFunc(func(s *settings) { s.expectContinue = &n })
}

// WithUniqueBody vouches that nobody else ever sends these bytes to this URL,
// because they hold an id, say. Then finding them after an answer was lost proves
// that the write was applied, under any policy and for create-only too.
//
// It can't be taken back by another option. Don't use it for what two writers may
// both send: two who each add 1 to 5 write the same 6.
//
// By default equal content counts only under Resend, where it makes no
// difference who wrote it.
func WithUniqueBody() Option { return optionFunc(func(s *settings) { s.uniqueBody = true }) }

// WithTrace observes writes, and what is done about refusals and failures, through the
// functions of t. Several traces may be set, and each is called: first the traces of
// the Transport, then the traces of the call. t isn't copied, so it must not be
// changed afterwards. A nil t does nothing.
//
// By default nothing is observed.
func WithTrace(t *Trace) Option {
	return optionFunc(func(s *settings) {
		if t != nil {
			s.traces = append(s.traces, t)
		}
	})
}

// WithLogger logs refused writes, and failures that are repeated, to l: each step
// at debug level, the end of the call at info level when it went through and at
// warn level, with the error, when not. URLs are logged without user information
// and query values. The context of the request goes to the handler.
//
// By default, and when l is nil, nothing is logged.
func WithLogger(l *slog.Logger) Option {
	if l == nil { // a nil field would leave the logger of the Transport in force
		l = slog.New(slog.DiscardHandler)
	}
	return optionFunc(func(s *settings) { s.logger = l })
}

// scopeKey is the context key of a call's scope.
type scopeKey struct{}

// scope is what a context says about the calls made with it: all of it under one key, so
// that a call looks it up once. It is never changed once it is in a context.
type scope struct {
	settings settings
	observer *observer    // of WithOutcome, the innermost one; nil: none
	flow     *memory.Flow // of Remember; nil: none
	aside    *aside       // of a part that the flow doesn't see; nil: none
}

// scopeOf returns the scope of a context, nil where it has none.
func scopeOf(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// needsNoCall reports whether an answer needs no call for the sake of who made the request: a
// read of ours is repeated after a failure, and has to know who answered. Where a base gives
// nothing, http.Client says so. s may be nil.
func (s *scope) needsNoCall(resp *http.Response, err error) bool {
	if s == nil || !s.settings.ownRead || resp == nil && err == nil {
		return true
	}
	return semantics.Succeeded(resp, err) && resp.Request != nil
}

// scoped is a context with a scope.
type scoped struct {
	context.Context
	scope
}

// scopedIn returns a context within ctx, with a copy of its scope, also where it has none. The
// copy may be changed until the context is handed on. What is appended to its traces doesn't
// show in ctx.
func scopedIn(ctx context.Context) *scoped {
	in := &scoped{Context: ctx}
	if s := scopeOf(ctx); s != nil {
		in.scope = *s
		in.settings.traces = slices.Clip(in.settings.traces)
	}
	return in
}

// String is what fmt prints: not the options, and not what other goroutines may change.
func (in *scoped) String() string { return fmt.Sprintf("%v.WithOptions", in.Context) }

// Value has the scope beside what the context around has.
func (in *scoped) Value(key any) any {
	if key == (scopeKey{}) {
		return &in.scope
	}
	return in.Context.Value(key)
}

// WithOptions returns a context for calls with options of their own: they go over the
// options of the Transport, and over the options that ctx already has. They hold for
// each Transport of this package on the way of a call. Get and Update use them too,
// except the policy; the writes of a Resource don't, since they have no caller's
// context. What a Transport has Pinned they don't override. WithRetryBudget and Pinned do
// nothing here.
func WithOptions(ctx context.Context, opts ...Option) context.Context {
	in := scopedIn(ctx)
	Options(opts).apply(&in.settings)
	return in
}

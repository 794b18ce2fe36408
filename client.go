package ifmatch

import (
	"context"
	"errors"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/lane"
	"github.com/ifmatch-go/ifmatch/internal/marks"
	"github.com/ifmatch-go/ifmatch/internal/pace"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Transport is an http.RoundTripper that handles refused writes: where a server
// answers a conditional PUT, PATCH, POST or DELETE with 412 Precondition Failed,
// or one without a precondition with 428, it learns the fresh validator, lets
// the policy say what to send now, rewrites the precondition on a copy and sends
// that, a bounded number of times. Everything else goes to the base RoundTripper
// and comes back untouched.
//
// The zero Transport uses http.DefaultTransport as found at each use, and the
// policy Stop. Most callers use NewClient or NewTransport. A Transport keeps the
// contract of http.RoundTripper: the request isn't modified, its body is closed,
// and the error is nil whenever there is a response; WithRefusalError alone deviates
// from it. When it gives up it returns the last refusal with its body readable, up to
// 64 KiB unless Stop left it untouched; OutcomeOf tells the rest.
//
// A Transport is safe for concurrent use and must not be copied after first use.
type Transport struct {
	base     http.RoundTripper // nil: http.DefaultTransport as found
	settings *settings         // nil: defaults
	budget   pace.Budget       // of repeats after failures, for all calls
	lanes    lane.Lanes        // of writers that lost a race
	marks    marks.Book        // what was seen of the marks in documents
	rfc9110  guard.Dialect     // of requests for which no option has another; never changed
}

// NewClient returns an *http.Client whose Transport is
// NewTransport(nil, onConflict, opts...). Its other fields are zero.
func NewClient(onConflict Policy, opts ...Option) *http.Client {
	return &http.Client{Transport: NewTransport(nil, onConflict, opts...)}
}

// NewTransport returns a Transport above base that handles refusals by the
// policy onConflict. A nil base is http.DefaultTransport as it is now, so that
// http.DefaultTransport can then be set to the result. A nil policy acts as
// Stop.
//
// A RoundTripper that signs requests belongs below, as base: what it signs is
// what is sent.
func NewTransport(base http.RoundTripper, onConflict Policy, opts ...Option) *Transport {
	if base == nil {
		base = http.DefaultTransport
	}
	var s settings
	OnConflict(onConflict).apply(&s)
	Options(opts).apply(&s)
	if pins := s.pinned; pins != nil {
		s = pins.over(s)
		s.pinned = pins
	}
	s = s.over(defaults())
	return &Transport{
		base: base, settings: &s,
		budget: pace.Budget{Tokens: int64(s.budgetTokens), Cost: int64(s.budgetCost)},
	}
}

// RoundTrip sends req and handles its refusal. It returns an error where base did,
// where nothing could be sent, where the policy failed, and where the context ended
// during a wait. After a refusal the last two are a *ConflictError.
//
// The body of req is closed on every path, perhaps after RoundTrip has returned. The
// body of the response is the caller's to close.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	base, err := t.target()
	if err != nil {
		return nil, endUnsent(&unsentError{err}, req)
	}
	s := t.scopeOf(req.Context())
	d := t.dialectFor(req, s)
	if err := unsendable(req, s, d); err != nil {
		return nil, endUnsent(err, req)
	}
	// A flow of Remember may put a precondition on the write.
	if s != nil && s.flow != nil {
		return t.remembered(base, req, s)
	}
	p := t.plan(req, s, d)
	if !p.handsOn() {
		return t.newCall(base, req).begin(p)
	}
	// The happy path: no call is made before an answer needs one. From here on base
	// owns req and its body: it closes the body, also where it fails.
	watch := observe(req, base, p.watched)
	resp, err := base.RoundTrip(watch.Watched(req))
	watch.Restore(resp)
	if isFinal(req, resp, err, d) && s.needsNoCall(resp, err) {
		if semantics.Succeeded(resp, err) {
			t.budget.Refund()
		}
		return resp, err
	}
	c := t.newCall(base, req)
	c.takeUp(watch, resp, err)
	return c.run(resp, err)
}

// begin sends the first attempt of a call as the plan wants it, and runs the call to
// its end. What it returns is what RoundTrip returns.
func (c *call) begin(p plan) (*http.Response, error) {
	c.told.reset()
	// The version would stand where the API doesn't look, and the write go out unguarded.
	if err := c.misplaced(); err != nil {
		closeBody(c.req) // nothing else has the body yet
		c.told.end(EffectNotApplied, CauseNone, err)
		c.told.report()
		return nil, err
	}
	return c.run(c.sendFirst(p))
}

// sendFirst sends the first attempt as the plan wants it. The copied body is let go of
// where that panics: run does so only for what comes after.
func (c *call) sendFirst(p plan) (*http.Response, error) {
	sent := false
	defer func() {
		if !sent {
			c.release()
		}
	}()
	resp, err := c.send(c.first(p))
	sent = true
	return resp, err
}

// run sends until nothing follows an answer; resp and err are the answer to the first
// attempt. The call owns each answer that it doesn't return: it reads the body to a
// bound and closes it before the next request. On every path, also when a policy
// panics, the call leaves its lane and lets go of the copied body.
func (c *call) run(resp *http.Response, err error) (*http.Response, error) {
	ended := false
	defer func() {
		// A policy panicked, say. The caller won't get the answer, so its
		// body is closed here, unless it was kept and closed before.
		if !ended && (resp != c.refused.resp || c.refused.kept == nil) {
			c.drop(resp)
		}
		c.release()
	}()
	for {
		c.traceAttempted()
		c.judged(resp)
		c.noteDoubt(resp, err)
		next, how := c.next(resp, err)
		if how.ends() {
			last, lastErr := c.finish(resp, err, how)
			ended = true
			return last, lastErr
		}
		resp = nil // it was kept or set aside, and is closed
		resp, err = c.send(next)
	}
}

// next returns the request that follows an answer, or how the call ends. The request is
// nil where the call ends. All waits are over when it returns: the request goes out at
// once.
func (c *call) next(resp *http.Response, err error) (*http.Request, ending) {
	switch {
	// A refusal comes first: a dialect may take a failure for one, a 429 say.
	case c.refused.isRefused():
		return c.handleRefusal(resp)
	// The server refused a field that only this package added.
	case err == nil && c.expectationFailed(resp):
		return c.withoutExpect(resp)
	// A failure that may pass, of a write that can't be applied twice.
	case c.repeatable(resp, err):
		return c.repeat(resp, err)
	}
	// Everything else is the server's last word.
	return nil, ending{kind: endAnswered}
}

// finish ends the call, where nothing follows the answer. The caller of RoundTrip owns
// the body of the response from then on.
func (c *call) finish(resp *http.Response, err error, how ending) (*http.Response, error) {
	// The repeat couldn't be sent, so the answer before it is the last one after all.
	if how.kind == endSetAside {
		resp, err, how.kind = c.failed.resp, c.failed.err, endAnswered
	}
	// An ending that names no cause has the cause of the refusal: none without one.
	if how.cause == 0 {
		how.cause = smallCause(c.refused.cause)
	}
	last := c.lastOf(resp, err, how.kind)
	// The answer decides nothing, because an earlier attempt is in doubt. The caller
	// gets another answer, so this one is read and closed.
	if last != how.kind && how.kind == endAnswered {
		c.noteAside(resp)
		how.err = nil
	}
	answer, failure := c.endAs(last, resp, err, how)
	if failure == nil {
		if failure = c.errorFor(answer, last); failure != nil {
			answer = nil
		}
	}
	return answer, failure
}

// endAs ends the call in one of the ways there are.
func (c *call) endAs(last endingKind, resp *http.Response, err error, how ending) (*http.Response, error) {
	switch last {
	case endRefused:
		return c.endRefused(how)
	case endApplied:
		return c.endApplied()
	case endFailed:
		return c.endFailed(how)
	case endInterrupted:
		return c.endInterrupted(how.err)
	case endUnknown:
		return c.endUnknown(how.err)
	}
	if err != nil {
		return c.endFailedBelow(err, how.err)
	}
	return c.endAnswered(resp, how.err)
}

// isFinal reports whether an answer to the first attempt is the last one. On the happy
// path its second case says so, unless a dialect is asked about successes.
func isFinal(req *http.Request, resp *http.Response, err error, d *guard.Dialect) bool {
	switch {
	// A call finds out whether it does refuse the write.
	case err == nil && mayRefuse(req, resp, d):
		return false
	// Neither a refusal nor a failure.
	case err == nil && (resp == nil || resp.StatusCode < http.StatusBadRequest):
		return true
	}
	// A failure. Without an option only a guarded write is repeated; a request with such an
	// option has a plan, and doesn't come here. A read of ours is looked at elsewhere.
	return !mayGuard(req, resp, d)
}

// mayGuard reports whether a request that failed is a write that may be guarded: a call
// looks into its body. Where there is no answer, any precondition counts: the caller is told
// that the effect is unknown. Where a function of the dialect panics the answer is closed:
// nobody will get it.
func mayGuard(req *http.Request, resp *http.Response, d *guard.Dialect) bool {
	done := false
	defer func() {
		if !done && resp != nil {
			resp.Body.Close()
		}
	}()
	guarded := d.Guards(req, false) || d.LooksIntoBody(req) || resp == nil && !semantics.Safe(req.Method) && d.Conditional(req)
	done = true
	return guarded
}

// dialectFor returns the dialect of a call, never nil: by the options of its context,
// then by the options of the constructor; else it is RFC 9110. s may be nil.
func (t *Transport) dialectFor(req *http.Request, s *scope) *guard.Dialect {
	d := &t.rfc9110
	if t.settings != nil {
		d = t.settings.dialectFor(req.URL, d)
	}
	if s != nil {
		d = s.settings.dialectFor(req.URL, d)
	}
	return d
}

// effective returns the settings of the constructor, or the defaults of a zero
// Transport. They are shared with all calls, and must not be changed.
func (t *Transport) effective() *settings {
	if t.settings != nil {
		return t.settings
	}
	set := defaults()
	return &set
}

// CloseIdleConnections closes the idle connections of base, where base has such a
// method. A zero Transport closes the idle connections of http.DefaultTransport, where
// that is an *http.Transport.
func (t *Transport) CloseIdleConnections() {
	type idleCloser interface{ CloseIdleConnections() }
	base, err := t.target()
	if closer, ok := base.(idleCloser); ok && err == nil {
		closer.CloseIdleConnections()
	}
}

// target returns the RoundTripper below. A zero Transport looks at
// http.DefaultTransport for each call, since it may be set at any time. Where that
// would lead back to the Transport, the error says so.
func (t *Transport) target() (http.RoundTripper, error) {
	if t.base != nil {
		return t.base, nil
	}
	base := http.DefaultTransport
	if base == nil {
		return nil, errors.New("ifmatch: http.DefaultTransport is nil: use NewTransport with a base")
	}
	switch base.(type) {
	// It sends by itself.
	case *http.Transport:
		return base, nil
	// It may be this very Transport, and the call would never end.
	case *Transport:
		return nil, errZeroTransport
	}
	// What is in it can't be seen from here.
	return foreignDefault{base}, nil
}

var errZeroTransport = errors.New("ifmatch: a zero Transport uses http.DefaultTransport, which is a Transport itself: use NewTransport")

// foreignDefault is an http.DefaultTransport that isn't from net/http. A zero Transport
// may hide in it, and then the call would never end. So each request is marked in its
// context, and a marked one that comes by again is an error.
type foreignDefault struct{ base http.RoundTripper }

// zeroKey is the context key of that mark.
type zeroKey struct{}

// RoundTrip hands req on, marked. Where req is marked already it closes the body and
// returns an error.
func (f foreignDefault) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Value(zeroKey{}) != nil {
		closeBody(req)
		return nil, errZeroTransport
	}
	return f.base.RoundTrip(req.WithContext(context.WithValue(req.Context(), zeroKey{}, true)))
}

// closeBody closes the request's body, where base hasn't got it: a RoundTripper must
// close it on every path, also where it returns an error.
func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// closeBodyUnless closes the body where something panicked before anything else had it: a
// function of a dialect, say.
func closeBodyUnless(done *bool, req *http.Request) {
	if !*done {
		closeBody(req)
	}
}

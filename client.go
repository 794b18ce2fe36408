package ifmatch

import (
	"context"
	"errors"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/lane"
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
// and the error is nil whenever there is a response. When it gives up it returns
// the last refusal with its body readable, up to 64 KiB unless Stop left it
// untouched; OutcomeOf tells the rest.
//
// A Transport is safe for concurrent use and must not be copied after first use.
type Transport struct {
	base     http.RoundTripper // nil: http.DefaultTransport as found
	settings *settings         // nil: defaults
	budget   pace.Budget       // of repeats after failures, for all calls
	lanes    lane.Lanes        // of writers that lost a race
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
	s = s.over(defaults())
	return &Transport{
		base: base, settings: &s,
		budget: pace.Budget{Tokens: int64(s.budgetTokens), Cost: int64(s.budgetCost)},
	}
}

// RoundTrip sends req and handles its refusal. It returns an error where base
// did, where the policy failed, and where the context ended while waiting; the
// last two are a *ConflictError.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	base, err := t.target()
	if err != nil {
		closeBody(req)
		return nil, err
	}
	s := scopeOf(req.Context())
	d := t.dialectFor(req, s)
	if d.Err != nil {
		return nil, refuseDialect(&dialectError{d.Err}, req, s)
	}
	if s != nil && s.flow != nil {
		return t.remembered(base, req, s)
	}
	p := t.plan(req, s, d, false)
	if !p.asGiven() {
		return t.newCall(base, req, s).begin(p)
	}
	// From here on base owns req and its body: it closes the body, also where it fails.
	resp, err := base.RoundTrip(req)
	if isFinal(req, resp, err, d) {
		if semantics.Succeeded(resp, err) {
			t.budget.Refund()
		}
		return resp, err
	}
	c := t.newCall(base, req, s)
	c.told.countWrite()
	c.record(req, resp, err, 0)
	return c.run(resp, err)
}

// begin sends the first attempt of a call whose plan isn't: as given.
func (c *call) begin(p plan) (*http.Response, error) {
	c.told.reset()
	if err := c.misplaced(); err != nil {
		closeBody(c.req) // nothing has it yet
		c.told.end(EffectNotApplied, CauseNone, err)
		c.told.report()
		return nil, err
	}
	resp, err := c.send(c.first(p))
	if c.req.URL == nil || c.req.URL.Host == "" { // it was never sent
		c.release()
		c.told.end(EffectNotApplied, CauseNone, err)
		c.told.report()
		return resp, err
	}
	return c.run(resp, err)
}

// run sends until nothing follows an answer. The call owns each answer that it doesn't
// return: it reads the body to a bound and closes it before the next request.
func (c *call) run(resp *http.Response, err error) (*http.Response, error) {
	ended := false
	defer func() {
		if !ended && resp != nil && (resp != c.refused.resp || c.refused.kept == nil) {
			c.startClock()
			c.keep(resp) // a policy panicked, so the caller won't get it
		}
		c.release()
	}()
	for {
		c.noteDoubt(resp, err)
		next, how := c.next(resp, err)
		if how.ends() {
			last, lastErr := c.end(resp, err, how)
			ended = true
			return last, lastErr
		}
		resp, err = c.send(next)
	}
}

// next returns the request that follows an answer, or how the call ends.
func (c *call) next(resp *http.Response, err error) (*http.Request, ending) {
	switch {
	case err == nil && c.isRefused(resp):
		return c.resolve(resp)
	case err == nil && c.expectationFailed(resp):
		return c.withoutExpect(resp)
	case c.repeatable(resp, err):
		return c.repeat(resp, err)
	}
	return nil, ending{kind: endAnswered}
}

// end ends the call, where nothing follows the answer. The caller of RoundTrip owns the
// body of the response from then on.
func (c *call) end(resp *http.Response, err error, how ending) (*http.Response, error) {
	if how.kind == endSetAside {
		resp, err, how.kind = c.failed.resp, c.failed.err, endAnswered
	}
	if how.cause == 0 {
		how.cause = smallCause(c.refused.cause)
	}
	last := c.lastOf(resp, err, how.kind)
	if last != how.kind && how.kind == endAnswered { // the answer decides nothing
		c.noteAside(resp)
		how.err = nil
	}
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

// isFinal reports whether an answer to the first attempt is the last one.
func isFinal(req *http.Request, resp *http.Response, err error, d *guard.Dialect) bool {
	switch {
	case err == nil && (resp == nil || resp.StatusCode < http.StatusBadRequest):
		return true // neither a refusal nor a failure
	case req.URL == nil || req.URL.Host == "":
		return true // it was never sent
	case err == nil && mayRefuse(req, resp, d):
		return false
	}
	return !d.Guards(req, false) // nothing else is repeated without an option
}

// dialectFor returns the dialect of a call.
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

// refuseDialect ends a call whose dialect can't work.
func refuseDialect(err error, req *http.Request, s *scope) error {
	closeBody(req)
	if s != nil && s.outcome != nil {
		*s.outcome = Outcome{Effect: EffectNotApplied, Err: err}
	}
	return err
}

// effective returns the settings of the constructor, or the defaults.
func (t *Transport) effective() *settings {
	if t.settings != nil {
		return t.settings
	}
	set := defaults()
	return &set
}

// CloseIdleConnections closes those of base, where it has the method. That of a
// zero Transport does so where http.DefaultTransport is an *http.Transport.
func (t *Transport) CloseIdleConnections() {
	type idleCloser interface{ CloseIdleConnections() }
	base, err := t.target()
	if closer, ok := base.(idleCloser); ok && err == nil {
		closer.CloseIdleConnections()
	}
}

// target returns the RoundTripper below.
func (t *Transport) target() (http.RoundTripper, error) {
	if t.base != nil {
		return t.base, nil
	}
	base := http.DefaultTransport
	if base == nil {
		return nil, errors.New("ifmatch: http.DefaultTransport is nil: use NewTransport with a base")
	}
	switch base.(type) {
	case *http.Transport:
		return base, nil
	case *Transport:
		return nil, errZeroTransport
	}
	return foreignDefault{base}, nil
}

var errZeroTransport = errors.New("ifmatch: a zero Transport uses http.DefaultTransport, which is a Transport itself: use NewTransport")

// foreignDefault is an http.DefaultTransport that somebody made. Where a zero
// Transport hides in it the call would never end.
type foreignDefault struct{ base http.RoundTripper }

type zeroKey struct{}

func (f foreignDefault) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Value(zeroKey{}) != nil {
		closeBody(req)
		return nil, errZeroTransport
	}
	return f.base.RoundTrip(req.WithContext(context.WithValue(req.Context(), zeroKey{}, true)))
}

// closeBody closes the request's body: a RoundTripper must, on every path.
func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

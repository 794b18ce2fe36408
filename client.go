package ifmatch

import (
	"context"
	"errors"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/lane"
	"github.com/ifmatch-go/ifmatch/internal/pace"
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
	rfc9110  preparedDialect   // of requests for which no option has another; never changed
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
	if d.err != nil {
		return nil, d.unfit(req, s)
	}
	if s != nil && s.flow != nil {
		return t.remembered(base, req, s)
	}
	if !t.plain(req, s, d) {
		return t.newCall(base, req, s).begin()
	}
	resp, err := base.RoundTrip(req)
	if settled(req, resp, err, d) {
		if succeeded(resp, err) {
			t.budget.Refund()
		}
		return resp, err
	}
	c := t.newCall(base, req, s)
	c.outcome.Attempts = 1
	c.record(req, resp, err, 0)
	return c.run(resp, err)
}

// unfit ends a call whose dialect can't work.
func (d *preparedDialect) unfit(req *http.Request, s *scope) error {
	closeBody(req)
	if s != nil && s.outcome != nil {
		*s.outcome = Outcome{Effect: EffectNotApplied, Err: d.err}
	}
	return d.err
}

// dialectFor returns the dialect of a call.
func (t *Transport) dialectFor(req *http.Request, s *scope) *preparedDialect {
	d := &t.rfc9110
	if t.settings != nil {
		d = t.settings.dialectFor(req.URL, d)
	}
	if s != nil {
		d = s.settings.dialectFor(req.URL, d)
	}
	return d
}

// effective returns the settings of the constructor, or the defaults.
func (t *Transport) effective() *settings {
	if t.settings != nil {
		return t.settings
	}
	set := defaults()
	return &set
}

// plain reports whether the first attempt can be the caller's own request, with
// nothing made before: no copy of the body, no field added, nobody asking for
// the outcome of an answer that comes through.
func (t *Transport) plain(req *http.Request, s *scope, d *preparedDialect) bool {
	if s != nil && (s.outcome != nil || s.settings.ownRead || s.settings.writeIDs || s.settings.repeats != nil || s.settings.expectContinue != nil) {
		return false
	}
	if t.settings != nil && (t.settings.writeIDs || t.settings.repeats.check != nil || *t.settings.expectContinue > 0) {
		return false
	}
	if req.Response != nil && leftOpen(req) != nil {
		return false
	}
	if req.Body == nil || req.Body == http.NoBody || req.GetBody != nil {
		return true
	}
	return d.guardOf(req).kind == guardNone && !d.inBody(req)
}

// settled reports whether an answer to the first attempt is the last one.
func settled(req *http.Request, resp *http.Response, err error, d *preparedDialect) bool {
	if err == nil && (resp == nil || resp.StatusCode < http.StatusBadRequest) {
		return true
	}
	if req.URL == nil || req.URL.Host == "" {
		return true // it was never sent
	}
	return !(err == nil && mayRefuse(req, resp, d)) && !guardedWrite(req, d, false)
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

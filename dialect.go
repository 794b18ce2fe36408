package ifmatch

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// WithDialect sets the dialect of all requests, whatever was set before. d is copied, and
// its functions may be called concurrently. Packages below package dialect have the
// dialects of well-known APIs.
//
// By default a request is as in RFC 9110.
func WithDialect(d dialect.Dialect) Option { return WithDialects(map[string]dialect.Dialect{"*": d}) }

// WithDialects sets the dialect by the host of a request's URL: "api.example.com"
// for one host on any port, "127.0.0.1:8080" for one with its port,
// "*.blob.core.windows.net" for all hosts below a domain, "*" for all others. The
// most specific one counts. An internationalized name is matched as the URL has
// it. Requests to other hosts have what was set before, or dialect.RFC9110.
//
// An invalid Dialect makes each call that it is for return an error that says
// why, and nothing is sent. Where a host is none, each call to a host that isn't
// listed returns such an error.
//
// Get, Update and NewResource need the option too where the Transport that has it is
// below another RoundTripper: they have to know where a version goes.
func WithDialects(byHost map[string]dialect.Dialect) Option {
	layer := new(hosts.Table[*guard.Dialect])
	var invalid *guard.Dialect
	for host, d := range byHost {
		made := guard.Prepare(d)
		if !layer.Set(host, made) {
			made.Err = fmt.Errorf("ifmatch: WithDialects: %q is no host: want \"api.example.com\", one with its port, \"*.example.com\" or \"*\"", strings.ToLower(host))
			invalid = made
		}
	}
	// It isn't known which requests the host was meant for, and under a wrong dialect a
	// write could go out without its guard.
	if invalid != nil {
		layer.Set("*", invalid)
	}
	return optionFunc(func(s *settings) { s.dialects = append([]*hosts.Table[*guard.Dialect]{layer}, s.dialects...) })
}

// dialectFor returns the dialect for a URL, or the one called otherwise where none is set
// for it: the layer that was set last and has the host counts. A nil URL is never sent.
func (s *settings) dialectFor(u *url.URL, otherwise *guard.Dialect) *guard.Dialect {
	if u == nil {
		return otherwise
	}
	for _, layer := range s.dialects {
		if d, ok := layer.Of(u); ok {
			return d
		}
	}
	return otherwise
}

// verdictOn asks the dialect what an answer means. What it reads of the body is
// put back. The dialect gets copies, so that it can change neither the write nor the
// answer; Judge must not be nil.
func (c *call) verdictOn(resp *http.Response) dialect.Verdict {
	request := c.sent.write.Clone(c.req.Context())
	request.Body, request.GetBody, request.Header = nil, nil, field.Canonical(request.Header)
	body := func() []byte { return slices.Clone(drain.Peek(resp)) }
	return c.dialect.Judge(dialect.NewAnswer(request, resp.StatusCode, field.Clone(resp.Header), body))
}

// causeOf reads from the exchange why the write was refused: from the dialect's verdict,
// where that says it, else from the guard and the status. An error says that there is
// nothing for a policy to handle.
func (c *call) causeOf(g *guard.Guard, status int) (Cause, error) {
	verdict := c.refused.verdict.Kind()
	switch {
	// The dialect knows that no fresh version helps, whatever the guard was. Its reason may be
	// the server's.
	case stops(c.refused.verdict):
		return Cause(cause.OfVerdict(verdict)), fmt.Errorf("ifmatch: %s: %s", c.dialect.Name, redact.Said(oneLine(c.refused.verdict.Reason()), c.sent.write))
	// The API has numbers of its own, and the guard is judged by the status of RFC 9110 that
	// means the same: it still may have been one that can't be renewed.
	case verdict == dialect.KindRequired:
		status = http.StatusPreconditionRequired
	case verdict == dialect.KindConflict || verdict == dialect.KindExpired:
		status = http.StatusPreconditionFailed
	}
	reason, why := guard.Judge(g, status)
	if known := Cause(cause.OfVerdict(verdict)); why == nil && known != CauseNone {
		return known, nil
	}
	return Cause(cause.OfGuard(reason)), why
}

// stops reports whether nothing is sent after a verdict: no fresh version cures
// the refusal.
func stops(v dialect.Verdict) bool {
	switch v.Kind() {
	case dialect.KindExists, dialect.KindGone, dialect.KindChanged, dialect.KindLocked, dialect.KindStops:
		return true
	}
	return false
}

// unsentError is the error of a call that was never sent, since its dialect can't
// work or its precondition is empty. A Transport above doesn't repeat it, and knows that
// nothing was applied.
type unsentError struct{ error }

func (e *unsentError) Unwrap() error { return e.error }

// misplaced returns the error of an Update that doesn't know of the dialect down
// here: its version stands where the API doesn't look.
func (c *call) misplaced() error {
	if !c.traits.update || semantics.Safe(c.req.Method) {
		return nil
	}
	done := false
	defer closeBodyUnless(&done, c.req)
	g := c.dialect.Of(c.req)
	done = true
	if c.dialect.Misplaces(&g) {
		return &unsentError{fmt.Errorf("ifmatch: dialect %s is set on a Transport below: give WithDialect to Get, Update and NewResource too", c.dialect.Name)}
	}
	return nil
}

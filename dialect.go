package ifmatch

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/doubt"
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

// judged asks the dialect what the answer to an attempt means, before anything is decided
// about it, and notes what it says. A dialect may look into the body; the caller still gets
// it whole.
func (c *call) judged(resp *http.Response) {
	c.refused.noteVerdict(dialect.Verdict{})
	switch {
	// A read of ours may be a POST; it writes nothing.
	case c.reads(c.sent.write), !mayRefuse(c.sent.write, resp, c.dialect):
	// As in RFC 9110, where the status says all.
	case c.dialect.Judge == nil:
		c.refused.noteVerdict((*dialect.Answer)(nil).AsRFC9110())
	default:
		c.refused.noteVerdict(c.verdictOn(resp))
	}
}

// verdictOn asks the dialect what an answer means. What it reads of the body is
// put back. The dialect gets copies, so that it can change neither the write nor the
// answer; Judge must not be nil.
func (c *call) verdictOn(resp *http.Response) dialect.Verdict {
	request := c.sent.write.Clone(c.req.Context())
	request.Body, request.GetBody, request.Header = nil, nil, field.Canonical(request.Header)
	whole := true
	answer := dialect.NewAnswer(request, resp.StatusCode, field.Clone(resp.Header), func() (body []byte) {
		body, whole = drain.Peek(resp)
		return slices.Clone(body)
	})
	verdict := c.dialect.Judge(answer)
	// What would have refused the write may still come: S3 sends white space for minutes.
	if verdict.Kind() == dialect.KindPasses && !whole && succeeds(resp) {
		return answer.Pending("its answer isn't whole after a second and 64 KiB, and what is there doesn't decide")
	}
	return verdict
}

// succeeds reports whether the status of an answer says that the request succeeded.
func succeeds(resp *http.Response) bool { return resp.StatusCode >= 200 && resp.StatusCode <= 299 }

// saidOf is what the dialect says of the last answer, or a Transport below, which may know
// one: beyond what its status says.
func (c *call) saidOf(resp *http.Response) doubt.Saying {
	switch c.refused.verdict.Kind() {
	case dialect.KindPasses:
		if !semantics.Safe(c.sent.write.Method) {
			return saidBelow(resp)
		}
		return doubt.Nothing
	case dialect.KindPending:
		return doubt.UnderWay
	case dialect.KindDone:
		return doubt.Accepted
	}
	return doubt.Refused
}

// saidBelow is what a Transport below says of a success or a redirect; Nothing where the
// status says the same. Of other answers it has told in another way.
func saidBelow(resp *http.Response) doubt.Saying {
	below := recordOf(resp)
	if below == nil || resp.StatusCode >= http.StatusBadRequest || below.outcome.Effect == Effect(doubt.Answer{Status: resp.StatusCode}.Effect()) {
		return doubt.Nothing
	}
	switch below.outcome.Effect {
	case EffectNotApplied:
		return doubt.Refused
	case EffectApplied:
		return doubt.Accepted
	}
	return doubt.UnderWay
}

// pendingError says that a server has answered without having decided on the write.
type pendingError struct{ text string }

func (e *pendingError) Error() string { return e.text }

// statusSaysAll reports whether there is no verdict on the last answer that a caller, or a
// Transport above, couldn't read from its status.
func (c *call) statusSaysAll(resp *http.Response) bool {
	switch c.refused.verdict.Kind() {
	case dialect.KindPasses:
		return true
	case dialect.KindAgain:
		return resp.StatusCode >= http.StatusBadRequest
	}
	return false
}

// unaccepted is why the last answer is no success. why is known already, where it isn't nil.
func (c *call) unaccepted(resp *http.Response, why error, said doubt.Saying, effect Effect) error {
	switch {
	case said == doubt.UnderWay:
		reason := redact.Said(oneLine(c.refused.verdict.Reason()), c.sent.write)
		return c.unknownError(&pendingError{fmt.Sprintf("dialect %s: pending: %s", c.dialect.Name, reason)})
	// Its status would be read as success.
	case c.refused.verdict.Kind() == dialect.KindAgain && resp.StatusCode < http.StatusBadRequest && why == nil:
		why = fmt.Errorf("ifmatch: dialect %s: the server compared nothing, since something else was under way", c.dialect.Name)
	}
	return c.statusError(resp, why, effect)
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

// hasLastWord reports whether nothing more is to be decided after a verdict.
func hasLastWord(v dialect.Verdict) bool {
	return stops(v) || v.Kind() == dialect.KindPending || v.Kind() == dialect.KindDone
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

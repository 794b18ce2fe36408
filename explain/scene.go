package explain

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// step is an exchange, and what follows from it alone.
type step struct {
	Exchange
	index   int           // in Report.Exchanges
	url     *url.URL      // never nil
	req     *http.Request // without a body; for dialects
	dialect *guard.Dialect
	state   *url.URL    // where what a write changes is read; nil: not known
	guard   guard.Guard // of the request
	verdict dialect.Verdict
	refuses bool            // the dialect takes the answer for a refusal, whatever its status is
	got     etag.Validators // of the answer
	digest  refresh.Digest  // of the answer's whole body; zero: not known
}

// safe reports whether the request changes nothing. Without a method nobody knows, and a
// refusal speaks for a write.
func (s *step) safe() bool { return s.Method != "" && semantics.Safe(s.Method) }

// write reports whether the request changes something.
func (s *step) write() bool { return s.Method != "" && !semantics.Safe(s.Method) }

// accepted reports whether the answer reports success.
func (s *step) accepted() bool { return s.StatusCode >= 200 && s.StatusCode < 300 && !s.refuses }

// failed reports whether the answer is none, or an error, or refuses.
func (s *step) failed() bool { return s.StatusCode == 0 || s.StatusCode >= 400 || s.refuses }

// read reports whether the answer shows a state: a 200 to GET or HEAD.
func (s *step) read() bool {
	return (s.Method == http.MethodGet || s.Method == http.MethodHead) && s.StatusCode == http.StatusOK
}

// sees reports whether the request's fields were recorded.
func (s *step) sees() bool { return s.RequestHeader != nil }

// names reports whether the guard of the request lists a tag.
func (s *step) names(tag string) bool { return tag != "" && s.guard.Names(tag) }

// scene is all that was recorded, in the order in which it was sent.
type scene struct {
	steps   []*step
	dialect string // its name; empty: RFC 9110
}

// newScene reads exchanges. given is the dialect of all of them; nil: as they look.
func newScene(exchanges []Exchange, given *dialect.Dialect) *scene {
	s := &scene{steps: make([]*step, len(exchanges))}
	for i, e := range exchanges {
		s.steps[i] = newStep(e)
	}
	timed := func(e *step) bool { return e.Sent.IsZero() }
	if !slices.ContainsFunc(s.steps, timed) {
		slices.SortStableFunc(s.steps, func(a, b *step) int { return a.Sent.Compare(b.Sent) })
	}
	for i, e := range s.steps {
		e.index = i
	}
	s.chooseDialects(given)
	for _, e := range s.steps {
		e.judge()
	}
	return s
}

func newStep(e Exchange) *step {
	s := &step{Exchange: e}
	u, err := url.Parse(e.URL)
	if err != nil {
		u = &url.URL{Path: e.URL}
	}
	s.url = u
	if e.RequestHeader != nil {
		s.RequestHeader = trimmed(e.RequestHeader)
	}
	if e.ResponseHeader != nil {
		s.ResponseHeader = trimmed(e.ResponseHeader)
	}
	s.req = &http.Request{Method: e.Method, URL: u, Host: u.Host, Header: field.Clone(s.RequestHeader)}
	return s
}

// trimmed is a header with canonical names, and values without white space around them.
func trimmed(h http.Header) http.Header {
	h = field.Canonical(h)
	for _, values := range h {
		for i := range values {
			values[i] = field.TrimOWS(values[i])
		}
	}
	return h
}

// judge reads guard, validators and verdict by the dialect of the step.
func (s *step) judge() {
	d := s.dialect
	s.guard = s.guardOf()
	if s.write() {
		s.state = s.stateOf()
	}
	s.got = d.Validators(s.ResponseHeader, s.ResponseBody)
	if s.Whole && len(s.ResponseBody) > 0 && s.Method != http.MethodHead && s.StatusCode == http.StatusOK {
		s.digest = refresh.DigestOf(s.ResponseBody)
	}
	if d.Judge != nil && s.write() && d.RefusesWith(s.StatusCode) {
		body := func() []byte { return s.ResponseBody }
		s.verdict = d.Judge(dialect.NewAnswer(s.req, s.StatusCode, field.Clone(s.ResponseHeader), body))
		s.refuses = refusing(s.verdict.Kind())
	}
}

// guardOf is the precondition of the request, with the versions in its body.
func (s *step) guardOf() guard.Guard {
	d := s.dialect
	g := d.Of(s.req)
	if g.Kind != guard.None || !s.Whole {
		return g
	}
	if d.LooksIntoBody(s.req) {
		if all, err := d.VersionsIn(s.RequestBody, s.req); err == nil && all != nil {
			return guard.OfVersions(all)
		}
	}
	if s.RequestBody != nil && s.write() && d.CreatesWithoutVersion(s.req) {
		g.Kind = guard.Create
	}
	return g
}

// refusing reports whether a verdict is that a write was refused, and not that it was
// performed, may have been, or goes again as it was.
func refusing(kind dialect.Kind) bool {
	switch kind {
	case dialect.KindPasses, dialect.KindAgain, dialect.KindPending, dialect.KindDone:
		return false
	}
	return true
}

// stateOf is where a Transport would read the state that a write changes: without its versions,
// and where the dialect has it; nil: it can't say.
func (s *step) stateOf() *url.URL {
	r := &http.Request{Method: http.MethodHead, Host: s.req.Host, Header: refresh.Header(s.req.Header, false)}
	r.URL = guard.DropVersions(r.Header, s.url, s.guard.Versions)
	if s.dialect.RefreshRequest == nil {
		return r.URL
	}
	r.Header = field.Canonical(r.Header)
	may := refresh.May{Write: dialect.NewWrite(s.req, func() []byte { return s.RequestBody })}.OfDialect(s.dialect.RefreshOrigins)
	if made, err := refresh.Change(r, s.req, s.dialect.RefreshRequest, may); err == nil {
		return made.URL
	}
	return nil
}

// of are the steps at the resource of a step, itself included.
func (s *scene) of(r *step) []*step {
	var all []*step
	for _, other := range s.steps {
		if other == r || sameResource(other, r) {
			all = append(all, other)
		}
	}
	return all
}

// sameResource reports whether two requests are about one resource. Where the URL of one
// wasn't recorded it may be.
func sameResource(asked, written *step) bool {
	if asked.URL == "" || written.URL == "" {
		return true
	}
	if at := written.state; at != nil && strings.EqualFold(asked.url.Host, at.Host) && refresh.SameResource(asked.url, at) {
		return true
	}
	if asked.url.Host != "" && written.url.Host != "" && (asked.url.Scheme != written.url.Scheme || !strings.EqualFold(asked.url.Host, written.url.Host)) {
		return false
	}
	return refresh.SameResource(asked.url, written.url) || refresh.SameResource(written.url, asked.url)
}

// round is between which times a request was sent and answered; false: not recorded.
func (s *step) round() (sent, answered time.Time, ok bool) {
	return s.Sent, s.Answered, !s.Sent.IsZero() && !s.Answered.IsZero() && !s.Answered.Before(s.Sent)
}

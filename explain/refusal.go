package explain

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
)

// refusal is a refused request, what was recorded around it, and what was found so far.
type refusal struct {
	*step
	scene    *scene
	before   []*step // at the same resource, in the order in which they were sent
	after    []*step
	findings []Finding
}

// mostRefusals is how many refusals are looked at: the last ones.
const mostRefusals = 50

// refusals are the last requests that were refused because of a precondition, or for want of
// one.
func (s *scene) refusals() []*refusal {
	var steps []*step
	for _, e := range s.steps {
		if s.refused(e) {
			steps = append(steps, e)
		}
	}
	var all []*refusal
	for _, e := range steps[max(0, len(steps)-mostRefusals):] {
		r := &refusal{step: e, scene: s}
		for _, other := range s.of(e) {
			switch {
			case other.index < e.index:
				r.before = append(r.before, other)
			case other.index > e.index:
				r.after = append(r.after, other)
			}
		}
		all = append(all, r)
	}
	return all
}

// refused reports whether an exchange is a refusal that is to be explained.
func (s *scene) refused(e *step) bool {
	switch {
	case toldCode().MatchString(e.Told):
		return true
	case e.safe():
		return e.StatusCode == http.StatusPreconditionFailed && s.isOwnTag(e)
	case e.refuses, e.StatusCode == http.StatusPreconditionFailed, e.StatusCode == http.StatusPreconditionRequired, e.StatusCode == http.StatusLocked:
		return true
	}
	return demandsCondition(e) || s.isBadSignature(e)
}

// isOwnTag reports whether a refused read is one to explain: a probe that names a tag of its
// own making is meant to be refused.
func (s *scene) isOwnTag(e *step) bool {
	if e.Source != SourceProbe {
		return true
	}
	return slices.ContainsFunc(s.steps, func(other *step) bool { return other.index < e.index && e.names(other.got.ETag) })
}

// lastRead is the last read before the refusal that shows a validator; nil: none was
// recorded.
func (r *refusal) lastRead() *step {
	for _, e := range slices.Backward(r.before) {
		if e.read() && e.got != (etag.Validators{}) {
			return e
		}
	}
	return nil
}

// gave is the last exchange before the refusal whose answer gave a tag that the write names;
// nil: none was recorded.
func (r *refusal) gave(among []*step) *step {
	for _, e := range slices.Backward(among) {
		if e.index < r.index && !e.failed() && r.names(e.got.ETag) {
			return e
		}
	}
	return nil
}

// readsAfter are the reads between the refusal and the next write at the resource.
func (r *refusal) readsAfter() []*step {
	var all []*step
	for _, e := range r.after {
		if e.write() {
			break
		}
		if e.Method == http.MethodGet || e.Method == http.MethodHead {
			all = append(all, e)
		}
	}
	return all
}

// learnt is what the reads after a refusal show, as a Transport would read them.
type learnt struct {
	step  refresh.Step
	by    *step           // the read that led to it; nil: there was none
	fresh etag.Validators // that it has
	sure  bool            // no further read is wanted
	same  bool            // it confirms what was refused
}

// look goes through the reads after the refusal as a Transport does that refreshes.
func (r *refusal) look() learnt {
	var m refresh.Machine
	var l learnt
	facts := r.facts()
	m.Begin(true)
	for _, e := range r.readsAfter() {
		if conditional(e) && e.StatusCode != http.StatusOK || e.StatusCode == http.StatusOK && e.ResponseHeader == nil {
			continue // an answer about its own condition, or one whose fields weren't recorded: no state
		}
		a := refresh.Answer{Method: e.Method, Status: e.StatusCode, Header: field.Clone(e.ResponseHeader), Digest: e.digest}
		a.Validators, _, a.NoVersion = e.dialect.Current(&r.guard, a.Header, e.ResponseBody)
		if e.StatusCode == 0 {
			a.Err, a.Final = errNoAnswer, true
		}
		l.step, l.by, l.fresh = m.Next(&facts, &a), e, a.Validators
		if l.step.Do == refresh.Done || l.step.Do == refresh.Stop {
			l.sure, l.same = true, m.Unchanged
			return l
		}
	}
	if l.by != nil {
		l.same = l.step.Do == refresh.Doubt
	}
	return l
}

// facts are those of the refusal for a Machine.
func (r *refusal) facts() refresh.Facts {
	facts := refresh.Facts{
		RefusedDate: r.guard.Date, Write: r.req.Header, Versions: r.guard.Versions != nil, WeakTags: r.dialect.WeakTags,
		AttemptsLeft: len(r.after) + 2, Known: new(refresh.Known),
	}
	if r.guard.Kind == guard.Tags {
		facts.Refused = r.guard.Tags
		facts.Respelled = r.guard.Respelled
	}
	for _, e := range r.before {
		if e.read() && r.names(e.got.ETag) {
			facts.Known.Before = e.digest
		}
		if e.StatusCode == http.StatusPreconditionFailed {
			facts.Known.Earlier = append(facts.Known.Earlier, e.guard.Tags...)
		}
	}
	return facts
}

// conditional reports whether a read has a condition of its own.
func conditional(e *step) bool {
	for name := range e.RequestHeader {
		if strings.HasPrefix(name, "If-") {
			return true
		}
	}
	return false
}

// found reports whether one of the codes was found with at least this certainty.
func (r *refusal) found(least Certainty, codes ...string) bool {
	return slices.ContainsFunc(r.findings, func(f Finding) bool { return f.Certainty >= least && slices.Contains(codes, f.Code) })
}

// add adds a finding. Without evidence there is none.
func (r *refusal) add(code string, certainty Certainty, what string, evidence ...Evidence) *Finding {
	evidence = slices.DeleteFunc(evidence, func(e Evidence) bool { return e.Line == "" })
	entry, ok := Lookup(code)
	if len(evidence) == 0 || !ok {
		return new(Finding)
	}
	// What wasn't recorded of the refusal may say something else.
	if r.Told == "" && (r.Method == "" || r.URL == "" || !r.sees() || r.ResponseHeader == nil) {
		certainty = min(certainty, Likely)
	}
	r.findings = append(r.findings, Finding{
		Code: entry.Code, Name: entry.Name, Certainty: certainty, Exchange: r.index, What: what,
		Evidence: evidence, Why: entry.Why, RFC: entry.RFC, Fixes: entry.Fixes,
	})
	return &r.findings[len(r.findings)-1]
}

package explain

import (
	"fmt"
	"slices"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Option changes what Explain takes for granted.
type Option func(*setting)

type setting struct{ dialect *dialect.Dialect }

// WithDialect says which API the exchanges are of. Dialects has those that are known by
// name.
//
// By default the API is recognized by its hosts, its fields and the shape of its answers,
// and RFC 9110 holds where nothing is.
func WithDialect(d dialect.Dialect) Option { return func(s *setting) { s.dialect = &d } }

// Explain tells why writes among the exchanges were refused. The exchanges are in the order
// in which they were sent, or have the times of it. They aren't changed, and the Report
// shares their headers and bodies; of more than 200 it has those that show something. It is pure: the same exchanges give the same Report.
func Explain(exchanges []Exchange, opts ...Option) Report {
	var set setting
	for _, o := range opts {
		o(&set)
	}
	s := newScene(exchanges, set.dialect)
	report := Report{Dialect: s.dialect}
	for _, e := range s.steps {
		report.Exchanges = append(report.Exchanges, e.Exchange)
	}
	refusals := s.refusals()
	for _, r := range refusals {
		report.Refused = append(report.Refused, r.index)
	}
	// The last refusal is what the reader asks about.
	for _, r := range slices.Backward(refusals) {
		for _, rule := range rules {
			rule(r)
		}
		r.decide()
		report.merge(r.findings)
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int { return int(b.Certainty) - int(a.Certainty) })
	report.dropRefuted(s)
	report.Verdict = s.verdict(&report)
	report.shorten(refusals)
	return report
}

// mostShown is how many exchanges a report has at most, where more were recorded.
const mostShown = 200

// shorten leaves out exchanges of a long recording that show nothing: those at other resources
// than the refused ones and, of what is left, the first ones that are no evidence.
func (r *Report) shorten(refusals []*refusal) {
	if len(r.Exchanges) <= mostShown {
		return
	}
	shows, near := map[int]bool{}, map[int]bool{}
	for _, f := range r.Findings {
		for _, e := range f.Evidence {
			shows[e.Exchange] = true
		}
	}
	for _, e := range refusals {
		for _, other := range slices.Concat(e.before, e.after, []*step{e.step}) {
			near[other.index] = true
		}
	}
	left := mostShown - len(shows)
	index, kept := map[int]int{-1: -1}, []Exchange(nil)
	keep := make([]bool, len(r.Exchanges))
	for i := range slices.Backward(r.Exchanges) {
		if keep[i] = shows[i] || near[i] && left > 0; keep[i] && !shows[i] {
			left--
		}
	}
	for i, e := range r.Exchanges {
		if keep[i] {
			index[i], kept = len(kept), append(kept, e)
		}
	}
	r.renumber(index)
	r.Exchanges = kept
}

// renumber gives findings and refusals the new indices of their exchanges.
func (r *Report) renumber(index map[int]int) {
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Exchange = index[f.Exchange]
		for j := range f.Evidence {
			f.Evidence[j].Exchange = index[f.Evidence[j].Exchange]
		}
	}
	var refused []int
	for _, i := range r.Refused {
		if at, ok := index[i]; ok {
			refused = append(refused, at)
		}
	}
	r.Refused = refused
}

// merge adds findings whose code isn't there yet, or is there with less certainty.
func (r *Report) merge(all []Finding) {
	for _, f := range all {
		at := slices.IndexFunc(r.Findings, func(other Finding) bool { return other.Code == f.Code })
		switch {
		case at < 0:
			r.Findings = append(r.Findings, f)
		case r.Findings[at].Certainty < f.Certainty:
			r.Findings[at] = f
		}
	}
}

// verdictOf is a finding in one sentence.
func verdictOf(f *Finding) string {
	return fmt.Sprintf("%s: %s (%s, %s)", f.Name, f.What, f.Certainty, f.Code)
}

// verdict is the report in one sentence.
func (s *scene) verdict(r *Report) string {
	if len(r.Findings) > 0 {
		return verdictOf(&r.Findings[0])
	}
	if len(s.steps) == 0 {
		return "nothing to see here: no exchange was recorded"
	}
	writes, accepted := 0, 0
	for _, e := range s.steps {
		if !e.safe() {
			writes++
			if e.accepted() {
				accepted++
			}
		}
	}
	return fmt.Sprintf("nothing to see here: no request was refused because of a precondition (requests: %d, writes: %d, accepted writes: %d)", len(s.steps), writes, accepted)
}

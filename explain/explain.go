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
// shares their headers and bodies. It is pure: the same exchanges give the same Report.
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
		report.merge(r.findings)
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int { return int(b.Certainty) - int(a.Certainty) })
	report.Verdict = s.verdict(&report)
	return report
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

// verdict is the report in one sentence.
func (s *scene) verdict(r *Report) string {
	if len(r.Findings) > 0 {
		f := r.Findings[0]
		return fmt.Sprintf("%s: %s (%s, %s)", f.Name, f.What, f.Certainty, f.Code)
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

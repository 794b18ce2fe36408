package explain

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// Writing says how a Report is written. The zero Writing has no colour, no bodies and no
// secrets but those of the table.
type Writing struct {
	Color   bool     // WriteText colours what matters; no other writer does
	Bodies  bool     // bodies are written, with what looks like a secret in them taken out
	Secrets []string // more names of fields, query parameters and members that are secret
}

// cleaned is the report as it may be shown. All writers begin with it.
func (r Report) cleaned(w Writing) Report {
	c := cleaner{redact.Cleaner{Names: w.Secrets}}
	for _, e := range r.Exchanges {
		c.learn(e)
	}
	exchanges := make([]Exchange, len(r.Exchanges))
	for i, e := range r.Exchanges {
		exchanges[i] = c.exchange(e, w.Bodies)
	}
	r.Exchanges, r.Verdict = exchanges, c.text(r.Verdict)
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		f := &r.Findings[i]
		f.What, f.Why = c.text(f.What), c.text(f.Why)
		f.Evidence, f.Fixes = slices.Clone(f.Evidence), slices.Clone(f.Fixes)
		for j := range f.Fixes {
			f.Fixes[j].Text = c.text(f.Fixes[j].Text)
		}
		if f.corrected != "" {
			f.corrected = c.field("If-Match", f.corrected, true)
		}
		for j, e := range f.Evidence {
			f.Evidence[j] = c.evidence(e)
		}
	}
	return r
}

type cleaner struct{ redact.Cleaner }

func (c *cleaner) learn(e Exchange) {
	u, err := url.Parse(e.URL)
	if err != nil {
		u = nil
	}
	c.Learn(u, e.RequestHeader, e.ResponseHeader)
}

// text is a text in one line, without secrets and without what a terminal acts on.
func (c *cleaner) text(text string) string { return printable(c.Text(text)) }

// exchange is a copy of an exchange as it may be shown.
func (c *cleaner) exchange(e Exchange, bodies bool) Exchange {
	e.Method, e.URL, e.Reason = c.text(e.Method), printable(c.URL(e.URL)), c.text(e.Reason)
	e.Err, e.Note, e.Told, e.Stored = c.text(e.Err), c.text(e.Note), c.text(e.Told), c.text(e.Stored)
	e.RequestHeader, e.ResponseHeader = c.header(e.RequestHeader, true), c.header(e.ResponseHeader, false)
	if bodies {
		e.RequestBody, e.ResponseBody = c.body(e.RequestBody), c.body(e.ResponseBody)
	} else {
		e.RequestBody, e.ResponseBody, e.Whole = nil, nil, false
	}
	return e
}

// body is a body without what looks like a secret.
func (c *cleaner) body(body []byte) []byte {
	if body == nil {
		return nil
	}
	return []byte(c.Text(strings.ToValidUTF8(string(body), "\uFFFD")))
}

func (c *cleaner) header(h http.Header, request bool) http.Header {
	if h == nil {
		return nil
	}
	made := make(http.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			shown := printable(c.Text(name))
			made[shown] = append(made[shown], c.field(name, value, request))
		}
	}
	return made
}

// field is the value of a field as it may be shown. Some have a URL in them.
func (c *cleaner) field(name, value string, request bool) string {
	if redact.HasURL(name) {
		return printable(c.URL(value))
	}
	return printable(c.Field(name, value, request))
}

// evidence is a line as it may be shown. A line that begins with the name of a field is
// shown as the field is.
func (c *cleaner) evidence(e Evidence) Evidence {
	line := e.Line
	name, value, isField := strings.Cut(line, ": ")
	switch method, target, spaced := strings.Cut(line, " "); {
	case isField && e.Part != PartOutcome && e.Part != PartTime && !strings.ContainsAny(name, " /\""):
		e.Line = printable(name) + ": " + c.field(name, value, e.Part == PartRequest)
	case e.Part == PartRequest && spaced:
		e.Line = printable(method + " " + c.URL(target))
	default:
		e.Line = c.text(line)
	}
	if e.Mark != "" && !strings.Contains(e.Line, e.Mark) {
		e.Mark = ""
	}
	return e
}

// printable is a text in one line, without characters that a terminal acts on, or that hide
// what stands there.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == unicode.ReplacementChar, unicode.IsPrint(r):
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

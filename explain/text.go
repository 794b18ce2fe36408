package explain

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the report for a terminal: the verdict, each finding with what shows it
// and what helps, and what was sent. The error is w's.
func (r Report) WriteText(w io.Writer, how Writing) error {
	r = r.cleaned(how)
	p := &textPage{color: how.Color}
	p.line(p.paint(bold, r.Verdict))
	if r.Dialect != "" {
		p.line("API: " + r.Dialect)
	}
	for i, f := range r.Findings {
		p.line("")
		p.finding(i+1, &f, r.Exchanges)
	}
	if len(r.Exchanges) > 0 {
		p.line("")
		p.line("What was sent:")
		for i, e := range r.Exchanges {
			p.line(fmt.Sprintf("  %2d  %s", i+1, p.exchange(&e)))
		}
	}
	if len(r.Findings) > 0 {
		p.line("")
		p.line(p.paint(dim, legend))
	}
	_, err := w.Write(p.text.Bytes())
	return err
}

// String is the report as WriteText writes it with the zero Writing.
func (r Report) String() string {
	var b strings.Builder
	r.WriteText(&b, Writing{}) // a Builder has no error
	return b.String()
}

// legend explains the words and marks of the findings.
const legend = "(certain: no other reading is left; likely: something is missing; possible: other causes fit, too. #2 > is a line of the second request, #2 < of its answer, @ a time; »…« is the part that matters.)"

const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	dim    = "\x1b[2m"
	reset  = "\x1b[0m"
)

// textPage is a text that grows.
type textPage struct {
	text  bytes.Buffer
	color bool
}

func (p *textPage) line(text string) { p.text.WriteString(text + "\n") }

// paint is a text in a colour, where there are colours.
func (p *textPage) paint(color, text string) string {
	if !p.color || text == "" {
		return text
	}
	return color + text + reset
}

func (p *textPage) finding(n int, f *Finding, all []Exchange) {
	color := map[Certainty]string{Certain: red, Likely: yellow}[f.Certainty]
	p.line(fmt.Sprintf("%d. %s  %s", n, p.paint(bold, f.Code+" "+f.Name), p.paint(color, "("+f.Certainty.String()+")")))
	p.line("   " + f.What)
	for _, e := range f.Evidence {
		p.line("     " + p.paint(dim, e.where(all)) + "  " + p.marked(e))
	}
	why := "   Why: " + f.Why
	if f.RFC != "" {
		why += " (" + f.RFC + ")"
	}
	p.line(why)
	for _, fix := range f.Fixes {
		p.line("   " + p.paint(green, "Fix") + " [" + fix.Kind.Words() + "]: " + fix.Text)
	}
}

// where is which exchange a line of evidence is of, counted from one, and its side.
func (e *Evidence) where(all []Exchange) string {
	if e.Exchange < 0 || e.Exchange >= len(all) {
		return "outcome"
	}
	side := map[Part]string{PartRequest: ">", PartResponse: "<", PartTime: "@"}[e.Part]
	return fmt.Sprintf("#%d %s", e.Exchange+1, side)
}

// marked is the line of evidence with the part that matters in colour, or between arrows
// where there are no colours and it isn't the whole value.
func (p *textPage) marked(e Evidence) string {
	if e.Mark == "" || e.Mark == e.Line {
		return e.Line
	}
	at := strings.LastIndex(e.Line, e.Mark)
	if at < 0 {
		return e.Line
	}
	before, rest := e.Line[:at], e.Line[at+len(e.Mark):]
	if p.color {
		return before + p.paint(red, e.Mark) + rest
	}
	if strings.HasSuffix(before, ": ") && rest == "" || e.Part == PartResponse && at == 0 || e.Part == PartRequest && at == 0 {
		return e.Line
	}
	return before + "»" + e.Mark + "«" + rest
}

// exchange is one line about a request and its answer.
func (p *textPage) exchange(e *Exchange) string {
	answer := "no answer"
	if e.StatusCode != 0 {
		answer = fmt.Sprint(e.StatusCode)
	}
	line := strings.TrimSpace(e.Method+" "+e.URL) + "  " + answer
	if !e.Sent.IsZero() && !e.Answered.IsZero() {
		line += after(e.Answered.Sub(e.Sent))
	}
	if e.Note != "" {
		line += "  " + p.paint(dim, e.Note)
	}
	return line
}

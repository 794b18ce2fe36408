package ifmatch

import (
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// MarshalText gives the words of String, so that an Effect can be a JSON value or a label.
// It never fails.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// MarshalText gives the word of String. It never fails.
func (m Mark) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// String is the Outcome in one line, as %v prints it:
//
//	applied, changed: PUT 412, HEAD 200, PUT 204 (waited 12ms, overwrote)
func (o Outcome) String() string {
	var b strings.Builder
	b.WriteString(o.Effect.String())
	if o.Cause != CauseNone {
		b.WriteString(", " + o.Cause.String())
	}
	for i, e := range o.Exchanges {
		b.WriteString([]string{": ", ", "}[min(i, 1)] + e.String())
	}
	var more []string
	if o.Waited > 0 {
		more = append(more, "waited "+o.Waited.Round(time.Microsecond).String())
	}
	if o.Overwrote {
		more = append(more, "overwrote")
	}
	if o.Unguarded {
		more = append(more, "unguarded")
	}
	if o.Replaced != nil {
		more = append(more, "replaced")
	}
	if more != nil {
		b.WriteString(" (" + strings.Join(more, ", ") + ")")
	}
	if o.Err != nil {
		b.WriteString(": " + oneLine(redact.Brief(o.Err).Error()))
	}
	return b.String()
}

// Format prints the Outcome. The verbs %v and %s give one line, as String does. %+v adds
// each request in a line of a table, and what the cause means and what helps. Any other verb
// prints the fields, as it does for every struct.
func (o Outcome) Format(f fmt.State, verb rune) {
	type plain Outcome // without methods
	switch {
	case verb == 'v' && f.Flag('+'):
		f.Write([]byte(o.table()))
	case verb == 's', verb == 'v' && !f.Flag('#'):
		f.Write([]byte(o.String()))
	default:
		fmt.Fprintf(f, fmt.FormatString(f, verb), plain(o))
	}
}

// table is the Outcome with its requests and its cause.
func (o Outcome) table() string {
	var b strings.Builder
	b.WriteString(o.String() + "\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, e := range o.Exchanges {
		fmt.Fprintf(w, "  %s\t%s\tsent %s\treceived %s\twaited %v\ttook %v\n", e, e.URL, validatorsOrNone(e.Sent), validatorsOrNone(e.Received), e.Wait, e.Duration)
		if e.Err != nil {
			fmt.Fprintf(w, "  \t%s\n", oneLine(redact.Brief(e.Err).Error()))
		}
	}
	w.Flush()
	if o.Cause != CauseNone {
		b.WriteString("  " + o.Cause.explanation() + "\n")
	}
	return b.String()
}

// validatorsOrNone is the tag of an exchange, or its date where it has no tag.
func validatorsOrNone(v Validators) string {
	switch {
	case v.ETag != "":
		return oneLine(v.ETag)
	case v.LastModified != "":
		return oneLine(v.LastModified)
	}
	return "-"
}

// oneLine is a text in one line, without characters that a terminal acts on, and bounded:
// servers write some of it.
func oneLine(text string) string {
	return bounded(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
}

// LogValue is the Outcome for log/slog: a group of effect, cause, requests and waited, and
// of what else there is to tell. Like the Outcome itself it holds no user information and
// no query value of a URL.
func (o Outcome) LogValue() slog.Value {
	requests := make([]string, len(o.Exchanges))
	for i, e := range o.Exchanges {
		requests[i] = e.String()
	}
	attrs := []slog.Attr{
		slog.String("effect", o.Effect.String()),
		slog.String("cause", o.Cause.String()),
		slog.Int("attempts", o.Attempts),
		slog.String("requests", strings.Join(requests, ", ")),
		slog.Duration("waited", o.Waited),
	}
	if o.Overwrote {
		attrs = append(attrs, slog.Bool("overwrote", true))
	}
	if o.Unguarded {
		attrs = append(attrs, slog.Bool("unguarded", true))
	}
	if o.Replaced != nil {
		attrs = append(attrs, slog.Bool("replaced", true))
	}
	if o.Err != nil {
		attrs = append(attrs, slog.String("err", oneLine(redact.Brief(o.Err).Error())))
	}
	return slog.GroupValue(attrs...)
}

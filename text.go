package ifmatch

import (
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// MarshalText gives the words of String, so that an Effect can be a JSON value or a label.
// It never fails.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// MarshalText gives the words of String, so that a Cause can be a JSON value or a label.
// It never fails.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

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
		b.WriteString("  " + o.Cause.String() + ": " + o.Cause.meaning() + "\n")
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

// oneLine is a text without line ends and other control characters: servers write some of
// it.
func oneLine(text string) string {
	return bounded(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
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

// meanings say of each cause what was seen, and what helps.
var meanings = [...]string{
	CauseUnexamined:               "the precondition was refused, and nobody looked why; read the state, and compare its ETag with the one that was sent",
	CauseChanged:                  "a read showed another state than the one that was named; read it again, and make the change on what is there now",
	CauseFalseConflict:            "the state was the one that the caller had read; nothing is to be done",
	CauseOwnEarlierWrite:          "an earlier attempt of this call had been applied, and its answer was lost; nothing is to be done",
	CauseExists:                   "a write that only creates met what is there; read it, and update it under its tag",
	CauseGone:                     "the resource isn't there any more; create it with If-None-Match: *, if that is meant",
	CauseStaleDate:                "the server refuses its own Last-Modified; use ETags, or ask the server's owner",
	CauseWeakValidator:            "the tag is weak, and If-Match compares strongly (RFC 9110 §13.1.1); the server has to give strong tags",
	CauseCodedValidator:           "the tag belongs to a compressed representation; GET with Accept-Encoding: identity, and use that tag",
	CauseStaleCache:               "the refresh keeps giving the refused tag, and its answer came from a cache; let reads pass it, or see WithRefreshRequest",
	CauseSelfContradiction:        "the server refuses what its own reads show to be true; ask its owner, or look for two servers that differ",
	CauseUnstableValidator:        "two reads of the same bytes have different tags; the server has to give one tag to one state (RFC 9110 §8.8.3)",
	CausePreconditionRequired:     "the server demands a precondition (RFC 6585 §3); GET, and send If-Match with the ETag",
	CauseConflictingPreconditions: "the write has several preconditions, and nobody can tell which one failed; send one",
	CauseLocked:                   "a lock or a lease refused the write; unlock it, or send its token",
	CauseTokenExpired:             "the version is too old for the server to look it up; read again",
	CauseSignedAbove:              "the request was signed before it reached the Transport; put the signer below, as base of NewTransport",
	CauseRefreshDenied:            "the refresh was answered with 401, 403 or 407; the credentials must allow reading too",
	CauseRefreshFailed:            "the refresh gave no usable answer; Outcome.Err says why",
	CauseNoValidator:              "the refresh carried no validator that can guard the write; the server has to send an ETag",
	CauseNotReplayable:            "the write can't be sent again; set GetBody, or let a policy give a new Idempotency-Key",
	CauseUnattributed:             "no known precondition explains the refusal; the body of the answer may say more",
}

// meaning is what was seen, and what helps.
func (c Cause) meaning() string {
	if c <= CauseNone || int(c) >= len(meanings) {
		return "nothing is known of it"
	}
	return meanings[c]
}

package explain

import (
	"strconv"
)

// Certainty is how sure a finding is.
type Certainty int

// The certainties. Possible is the zero value.
const (
	Possible Certainty = iota // what was recorded fits it, and fits other causes too
	Likely                    // what was recorded speaks for it, and something is missing
	Certain                   // what was recorded leaves no other reading
)

var certainties = [...]string{"possible", "likely", "certain"}

// String returns the word of the certainty, such as "likely".
func (c Certainty) String() string { return nameOf(certainties[:], int(c), "Certainty") }

// MarshalText gives the word of String. It never fails.
func (c Certainty) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// FixKind says by whom and how a fix is done.
type FixKind int

// The kinds of fixes, the easiest first.
const (
	AsIs     FixKind = iota // it applies as it is
	Decision                // somebody has to decide something first
	Provider                // only the API's provider can do it
)

var fixKinds = [...]string{"as it is", "needs a decision", "provider"}

// String returns the words of the kind, such as "needs a decision".
func (k FixKind) String() string { return nameOf(fixKinds[:], int(k), "FixKind") }

var fixWords = [...]string{"works as it stands", "needs your decision", "only the provider can"}

// Words returns the kind as the texts for people have it, such as "works as it stands".
func (k FixKind) Words() string { return nameOf(fixWords[:], int(k), "FixKind") }

// MarshalText gives the words of String. It never fails.
func (k FixKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// nameOf returns the name of a constant, or its kind and number where it has none.
func nameOf(names []string, i int, kind string) string {
	if i < 0 || i >= len(names) {
		return kind + "(" + strconv.Itoa(i) + ")"
	}
	return names[i]
}

// Fix is one thing that helps.
type Fix struct {
	Text string
	Kind FixKind
}

// Evidence is what a finding rests on: one line of what was recorded.
type Evidence struct {
	Exchange int    // index into Report.Exchanges; -1: the outcome of a call
	Part     Part   // where in the exchange
	Line     string // such as `If-Match: "x-gzip"`
	Mark     string // the part of Line that matters; empty: all of it
}

// Part is a part of an exchange.
type Part string

// The parts of an exchange.
const (
	PartRequest  Part = "request"  // its first line, or a field
	PartResponse Part = "response" // its status line, a field or a body
	PartTime     Part = "time"     // when something was sent or answered
	PartOutcome  Part = "outcome"  // what a Transport told of a call
)

// Finding is one cause of a refusal, and what shows it.
type Finding struct {
	Code      string // such as "IFM012"; Lookup has its entry
	Name      string // such as "unstable validator"
	Certainty Certainty
	Exchange  int        // index of the refused request in Report.Exchanges; -1: the outcome of a call
	What      string     // what happened, in one sentence
	Evidence  []Evidence // never empty
	Why       string     // why the refusal follows from that
	RFC       string     // the section that says so; empty: none does
	Fixes     []Fix      // the easiest first

	corrected string // the If-Match that the request has to have; empty: not known
}

// Report is what Explain found. The zero Report has nothing in it. It holds what was
// recorded as it was: only its writers, String and MarshalJSON take secrets out.
type Report struct {
	Findings  []Finding  // the most certain first; empty: there is nothing to explain
	Refused   []int      // the last refused requests, at most 50, as indices of Exchanges
	Exchanges []Exchange // what was explained, in the order in which it was sent
	Dialect   string     // the API that the exchanges look like, or that was given; empty: RFC 9110
	Verdict   string     // the first finding in a sentence, or why there is nothing to see
}

// Package stored says what the answer to an accepted write shows of the state that the
// write has made: facts in, verdict out. It knows no request, and doesn't say what a
// document's format is.
package stored

// Place is whose representation an answer has, by its Content-Location (RFC 9110 §8.7).
type Place int

const (
	Unsaid    Place = iota // the answer may report about the write
	OfTarget               // it is the new state of the URL that was written
	OfAnother              // body and validators are of another URL
)

// Body is what the body of an answer looks like beside what was sent.
type Body int

const (
	None    Body = iota // there is none
	Unread              // it isn't whole, or is in a content coding
	Same                // it means what was sent
	Differs             // it has all members that were sent, and isn't the same
	Partial             // it has some of them
	Foreign             // it has none, or is of another format
)

// Facts are what is known of an answer to a write that was accepted.
type Facts struct {
	Place Place
	Says  bool // Preference-Applied says that it has the state, or the API's dialect
	Body  Body
}

// Verdict is what the answer shows of the state that the write has made. The zero Verdict
// claims nothing.
type Verdict int

const (
	Unknown Verdict = iota // what was sent was accepted; the validators may name another state
	AsSent                 // the state is what was sent, and the validators are its own
	Told                   // the state is the body, and the validators are its own
)

// Verdict decides. A validator and a state belong together: what the validator names is
// either what was sent or what the answer holds, or else it is nobody's (RFC 9110 §9.3.4).
func (f Facts) Verdict() Verdict {
	says := f.Says || f.Place == OfTarget
	switch {
	// What the answer has belongs to another resource.
	case f.Place == OfAnother:
		return Unknown
	// The validators can only be of what was sent.
	case f.Body == None:
		return AsSent
	// Where the server says so the body is the state, also where it is another one than was
	// sent. A body that has nothing of what was sent is none, whatever the server says.
	case says && (f.Body == Same || f.Body == Differs || f.Body == Partial):
		return Told
	// The server sends back what it got.
	case !says && f.Body == Same:
		return AsSent
	// A status report, such as {"ok":true} (RFC 9110 §15.3.1).
	case !says && (f.Body == Partial || f.Body == Foreign):
		return AsSent
	}
	// It looks like a state that the server has made of what was sent, and perhaps the
	// validators are of that one; or nobody knows what it is.
	return Unknown
}

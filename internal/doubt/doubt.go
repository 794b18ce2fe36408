// Package doubt says what a write may have done when its answer was lost: facts in, an
// effect or the next step out. It sends nothing, reads nothing and knows no policy by
// its name; the caller gathers the facts and does what is decided.
package doubt

import (
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Effect is what became of a write.
type Effect int

// The effects, in the order of the public ones.
const (
	Unknown Effect = iota
	NotApplied
	Applied
)

// Saying is what is said of an answer beyond its status: by a dialect, or by a Transport
// below.
type Saying int

// Nothing leaves it to the status.
const (
	Nothing  Saying = iota
	Refused         // nothing was applied
	UnderWay        // the server hasn't decided
	Accepted        // the write was applied
)

// effect reads the effect of a write from its answer alone.
func (s Saying) effect(status int) Effect {
	switch s {
	case Refused:
		return NotApplied
	case UnderWay:
		return Unknown
	case Accepted:
		return Applied
	}
	return OfStatus(status)
}

// Attempt is what was seen of one request.
type Attempt struct {
	Safe         bool // the method changes nothing
	OpenSince    bool // an earlier attempt of the call is open already
	Repeated     bool // something below may have sent it more than once
	Keyed        bool // it has an Idempotency-Key, and the server that knows it applies it once
	Failed       bool // there is an error and no answer
	NeverSent    bool // of Failed: nothing left this process
	KnownBelow   bool // of Failed: a Transport below says that the write wasn't applied
	UnknownBelow bool // of Failed: a Transport below says that nobody knows
	OpenBelow    bool // of an answer: a Transport below had an earlier attempt that is open
	Status       int  // of the answer
	Said         Saying
}

// Opens reports whether the write of an attempt may have been applied although its
// answer doesn't say so, and no earlier attempt was in doubt.
func (a Attempt) Opens() bool {
	switch {
	case a.Safe:
		return false // there is nothing to apply
	case a.OpenSince:
		return false // the first doubt is the one that the call ends with
	case a.UnknownBelow:
		return true // it has seen more
	case a.KnownBelow:
		return false // it has seen an answer that decides, or sent nothing
	case a.Failed:
		return !a.NeverSent
	case a.OpenBelow && a.Said.effect(a.Status) == NotApplied:
		return true // it answers for its last attempt, and not for the one before
	case a.Repeated && a.Keyed:
		return semantics.AmbiguousStatus(a.Status) // the call is in doubt by its key, and keeps its answer
	case a.Repeated && a.Said.effect(a.Status) == NotApplied:
		return true // the answer is to the last one, and an earlier one may have been applied
	}
	return semantics.AmbiguousStatus(a.Status)
}

// Answer is what is known of a call when an answer ends it.
type Answer struct {
	Status   int
	Said     Saying
	Safe     bool // the answer is to a method that changes nothing
	Open     bool // an earlier attempt may have been applied
	Diverted bool // an earlier hop was a write that was redirected to what came of it
}

// Effect is what became of the write when the answer is the last one.
func (a Answer) Effect() Effect {
	effect := a.Said.effect(a.Status)
	switch {
	case effect == Applied && !a.Safe:
		return Applied // whatever was open before: the server accepted it now
	case a.Open:
		return Unknown
	case a.Diverted:
		return Unknown // a redirect made a GET of the write
	case a.Safe:
		return NotApplied
	case a.Said == Nothing && semantics.SeeOther(a.Status):
		return Unknown // the server may have performed it first (RFC 9110 §15.4.4)
	}
	return effect
}

// OfStatus reads the effect of a write from the status of its answer alone.
func OfStatus(status int) Effect {
	switch {
	case status == http.StatusAccepted:
		return Unknown // RFC 9110 §15.3.3: it might or might not be acted upon later
	case status == http.StatusMultiStatus:
		return Unknown // RFC 4918 §11.1: each member has a status of its own
	case semantics.AmbiguousStatus(status):
		return Unknown
	case status >= 200 && status < 300:
		return Applied
	}
	return NotApplied
}

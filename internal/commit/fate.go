package commit

import (
	"errors"
	"slices"
)

// Failure is why an edit isn't in what was written.
type Failure struct {
	Err error

	// Unknown says that the edit may have been written all the same: a draft
	// that may have been accepted holds it.
	Unknown bool
}

// Written says which draft of a batch was written.
type Written int

const (
	WrittenUnknown Written = iota // a draft may have been, it isn't known whether and which
	WrittenNone
	WrittenLast
	WrittenSome // a draft was, it isn't known which
)

// try is how an edit fared in one draft. The zero try says that the draft holds
// the edit.
type try struct {
	err   error
	after bool // the edits of others: without them it might not have failed
}

// errPutOffLate is why an edit isn't run again that was put off.
var errPutOffLate = errors.New("a draft without the edit was written, or one with it")

var errDiffering = errors.New("the edit failed on one of the states that were written on, and on another it didn't")

// judge returns whether an edit is left out of what was written, and why. An edit
// that isn't left out shares the result of the write, whatever that is; one that was put
// off goes out with another.
func judge(w Written, tries []try) (f Failure, leftOut bool) {
	if len(tries) == 0 {
		return Failure{}, false // nothing was drafted
	}
	failed := func(in try) bool { return in.err != nil }
	last := tries[len(tries)-1]
	differing := slices.ContainsFunc(tries, failed) && slices.ContainsFunc(tries, func(in try) bool { return !failed(in) })
	written := w == WrittenLast || w == WrittenSome
	switch {
	case last.err == errPutOff && (w == WrittenSome || w == WrittenUnknown):
		// An earlier draft holds it, and may be the one that was written.
		return Failure{errPutOffLate, true}, true
	case last.err == errPutOff:
		// No draft that may be written holds it.
		return Failure{}, false
	case w == WrittenSome && differing:
		// It is in one of the drafts, and not in another.
		return Failure{errDiffering, true}, true
	case w == WrittenUnknown && differing:
		// The write's own error says that it isn't known.
		return Failure{}, false
	case last.err == nil:
		// The last draft holds it, and so do all others that count.
		return Failure{}, false
	case !written && slices.ContainsFunc(tries, func(in try) bool { return in.after }):
		// It failed on what others had made, and that wasn't written.
		return Failure{}, false
	}
	return Failure{last.err, false}, true
}

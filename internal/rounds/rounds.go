// Package rounds says how an Update goes on: facts in, the next step out.
//
// An Update goes round by round. A round reads the document, edits it and writes
// it. Refusals are handled within a round, on the state that refused the write.
// Another round follows where only a new read can show what became of the write.
//
// The package reads and writes nothing, and knows neither documents nor HTTP.
package rounds

import "github.com/ifmatch-go/ifmatch/internal/edit"

// Step is what an Update does next.
type Step int

const (
	Fail    Step = iota // end with the error of the write
	Unknown             // end: what became of a write before isn't known
	Applied             // end: a write before was applied
	Edit                // edit the state, for it holds no write before
	Same                // end: the edit changes nothing
	Write               // write what the edit made
	Again               // begin another round
	Look                // read once more: where the mark is found, a write before was applied
)

// Sight is what a read shows, after a refusal or at the beginning of a round.
type Sight struct {
	Sent    bool          // a write of this Update was sent before the read
	InDoubt bool          // and may have been applied
	Mark    edit.Sighting // of those writes, in the state
	Keeps   bool          // the document was seen to keep marks
	Stale   bool          // the state has the validator that was refused
	Same    bool          // the state has the tag that guarded each write of this Update
}

// Next returns Applied, Edit or Unknown.
func (s Sight) Next() Step {
	switch {
	case !s.Sent:
		return Edit // there is no mark to look for
	case s.Mark == edit.Found:
		return Applied // whoever sent it, and however often
	case !s.InDoubt:
		return Edit // each write before was refused, so it wasn't performed (RFC 9110 §13.1.1)
	case s.Stale:
		return Unknown // the read is older than the write, or the refusal lies
	case s.Same:
		return Edit // the next write has the guard of those in doubt: one of them is applied at most
	case s.Mark == edit.Absent && s.Keeps:
		return Edit // the write that is in doubt wasn't applied
	}
	return Unknown // a server may drop the mark
}

// AfterEdit returns Write, Same or Unknown. same says that the edit changes nothing,
// inDoubt that a write before may have been applied.
func AfterEdit(same, inDoubt bool) Step {
	switch {
	case !same:
		return Write
	case !inDoubt:
		return Same
	}
	return Unknown // the read may be older than that write
}

// Failure is a write that ended without success.
type Failure struct {
	Cancelled bool // the caller's context ended
	Broken    bool // no draft could be made of the state that refused the write
	Spent     bool // no attempt, no time or no round is left
	Marked    bool // documents hold the marks of writes
	InDoubt   bool // a write of a round before may have been applied
	Lost      bool // this write may have been applied
	Pending   bool // of Lost: the server may still apply it
	Refused   bool // this write was refused
	Exists    bool // this write was to create the document, and somebody else has
}

// Next returns Again, Look or Fail.
func (f Failure) Next() Step {
	mayGoOn := !f.Broken && !f.Spent && !f.Pending // another write could be applied beside that one
	switch {
	case f.Cancelled:
		return Fail // nobody waits for what another read would show
	case f.Lost && f.Marked && mayGoOn:
		return Again // the mark decides
	case f.Exists && mayGoOn:
		return Again // their document is updated
	case f.InDoubt && f.Marked:
		return Look // the mark of a write before may be there by now
	case f.Broken:
		return Fail // the state was looked at
	case (f.Lost || f.Refused) && f.Marked:
		return Look // a proxy may have sent the write twice
	}
	return Fail
}

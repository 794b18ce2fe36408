package doubt

import "time"

// slack is how far two Dates may lie apart that say the same: HTTP's dates have a
// resolution of one second, and nodes have clocks of their own.
const slack = time.Second

// Read is what is known of a read that shows what the call wanted. Zero times aren't
// known.
type Read struct {
	Refused  bool      // it has a validator that a write of this call was refused under, or sent under before
	Modified time.Time // its Last-Modified
	Seen     time.Time // the newest Last-Modified that the call has seen before
	Made     time.Time // when its answer was made, by its Date and Age
	After    time.Time // when the refusal was made, by its Date
}

// Outdated reports whether the state that was read is surely older than the one that the
// write was refused for. Then it shows nothing: what the call wanted may have been there
// before the write was sent. Where it reports false, a replica may lag all the same.
func (r Read) Outdated() bool {
	switch {
	case r.Refused:
		return true // the state has moved on from there
	case !r.Modified.IsZero() && r.Modified.Before(r.Seen):
		return true // a later state was seen
	case r.Made.IsZero() || r.After.IsZero():
		return false // nobody knows when it was read
	}
	return r.After.Sub(r.Made) > slack // a cache has answered
}

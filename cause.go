package ifmatch

import "github.com/ifmatch-go/ifmatch/internal/cause"

// Cause is why a write was refused, or what kept it from being sent again. It says what
// was seen: CauseUnexamined where nobody looked, and CauseUnattributed where nothing that
// was seen explains the refusal. A call that went through in the end keeps the cause of
// its last refusal. docs/why-412.md tells of each cause what was seen, and what cures it.
type Cause int

const (
	CauseNone                     Cause = iota // nothing was refused
	CauseUnexamined                            // refused, and nobody looked why
	CauseChanged                               // a read showed another state than the one that was named
	CauseFalseConflict                         // the state was the one the caller had read
	CauseOwnEarlierWrite                       // an earlier attempt of this call had been applied
	CauseExists                                // a write that only creates met what is there
	CauseGone                                  // the resource isn't there any more
	CauseStaleDate                             // the server refuses even its own Last-Modified
	CauseWeakValidator                         // the tag is weak, and If-Match compares strongly
	CauseCodedValidator                        // the tag belongs to a compressed representation
	CauseStaleCache                            // the refresh keeps giving the refused tag, from a cache
	CauseSelfContradiction                     // the server refuses what its own reads show to be true
	CauseUnstableValidator                     // the tag differs from read to read of the same bytes
	CausePreconditionRequired                  // the server demands a precondition (428)
	CauseConflictingPreconditions              // several preconditions, and no telling which one failed
	CauseLocked                                // a lock or lease, not a validator
	CauseTokenExpired                          // the version token is too old to be looked up
	CauseSignedAbove                           // the request was signed before it reached the Transport
	CauseRefreshDenied                         // the refresh was answered with 401, 403 or 407
	CauseRefreshFailed                         // the refresh gave no usable answer
	CauseNoValidator                           // the refresh carried no validator that can guard the write
	CauseNotReplayable                         // the write can't be sent again
	CauseUnattributed                          // a 412 that no known precondition explains
)

// about is what is known of the cause. docs/why-412.md has an entry for each.
func (c Cause) about() cause.About { return cause.Cause(c).About() }

// String returns the words of the cause, such as "stale cache".
func (c Cause) String() string { return c.about().Name }

// Code returns the code of the cause, such as "IFM010", by which docs/why-412.md and a
// search find it. It stays the same for good. CauseNone has none.
func (c Cause) Code() string { return c.about().Code }

// MarshalText gives the words of String, so that a Cause can be a JSON value or a label.
// It never fails.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// explanation is what was seen, what helps, and the code.
func (c Cause) explanation() string {
	a := c.about()
	if a.Code == "" {
		return a.Name + ": " + a.Seen
	}
	return a.Name + ": " + a.Seen + "; " + a.Cure + " [" + a.Code + "]"
}

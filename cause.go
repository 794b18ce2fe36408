package ifmatch

import "strconv"

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

// about is what is known of a cause.
type about struct {
	code string // for good: a cause that goes takes its code along
	name string
	seen string // what was seen
	cure string // what helps
}

// causes are all of them. docs/why-412.md has an entry for each.
var causes = [...]about{
	CauseNone: {name: "none"},
	CauseUnexamined: {"IFM001", "unexamined", "the precondition was refused, and nobody looked why",
		"read the state, and compare its ETag with the one that was sent"},
	CauseChanged: {"IFM002", "changed", "a read showed another state than the one that was named",
		"read it again, and make the change on what is there now"},
	CauseFalseConflict: {"IFM003", "false conflict", "the state was the one that the caller had read",
		"send the write again under the current tag"},
	CauseOwnEarlierWrite: {"IFM004", "own earlier write", "an earlier attempt of this call had been applied, and its answer was lost",
		"nothing is to be done"},
	CauseExists: {"IFM005", "exists", "a write that only creates met what is there",
		"read it, and update it under its tag"},
	CauseGone: {"IFM006", "gone", "a read found nothing at the URL that was written",
		"create it with If-None-Match: *, if that is meant"},
	CauseStaleDate: {"IFM007", "stale date", "the server refuses its own Last-Modified",
		"use If-Match with an ETag"},
	CauseWeakValidator: {"IFM008", "weak validator", "the tag is weak, and If-Match compares strongly (RFC 9110 §13.1.1)",
		"let the server give a strong tag; set a dialect with WeakTags where the API compares weak ones"},
	CauseCodedValidator: {"IFM009", "coded validator", "the tag belongs to a compressed representation",
		"GET with Accept-Encoding: identity, and use that tag"},
	CauseStaleCache: {"IFM010", "stale cache", "reads keep giving the refused tag, and an answer shows that it came from a cache",
		"let the reads pass the cache, as with WithRefreshRequest"},
	CauseSelfContradiction: {"IFM011", "self-contradiction", "the server refuses what its own reads show to be true",
		"look for a cache that shows nothing, for two servers that differ, or ask the server's owner"},
	CauseUnstableValidator: {"IFM012", "unstable validator", "reads in a row gave the same bytes and different tags",
		"let all nodes of the server give one tag to one state (RFC 9110 §8.8.3)"},
	CausePreconditionRequired: {"IFM013", "precondition required", "the server demands a precondition (RFC 6585 §3), or another one",
		"GET, and send If-Match with the ETag"},
	CauseConflictingPreconditions: {"IFM014", "conflicting preconditions", "the write has several preconditions, and nobody can tell which one failed",
		"send one"},
	CauseLocked: {"IFM015", "locked", "a lock or a lease refused the write",
		"unlock it, or send its token"},
	CauseTokenExpired: {"IFM016", "token expired", "the version is too old for the server to look it up",
		"read again"},
	CauseSignedAbove: {"IFM017", "signed above", "the request was signed before it reached the Transport",
		"put the signer below, as base of NewTransport"},
	CauseRefreshDenied: {"IFM018", "refresh denied", "the refresh was answered with 401, 403 or 407",
		"let the credentials read too"},
	CauseRefreshFailed: {"IFM019", "refresh failed", "the refresh gave no usable answer",
		"see why the read fails, or ask another URL with WithRefreshRequest"},
	CauseNoValidator: {"IFM020", "no validator", "the refresh carried no validator that can guard the write",
		"let the server send an ETag"},
	CauseNotReplayable: {"IFM021", "not replayable", "the write can't be sent again",
		"set GetBody, or let a policy give a new Idempotency-Key"},
	CauseUnattributed: {"IFM022", "unattributed", "nothing that was seen explains the refusal",
		"see what the server says in the body of its answer"},
}

// about is the entry of a cause, a bare one for a number that is none.
func (c Cause) about() about {
	if c < 0 || int(c) >= len(causes) {
		return about{name: "Cause(" + strconv.Itoa(int(c)) + ")", seen: "nothing is known of it"}
	}
	return causes[c]
}

// String returns the words of the cause, such as "stale cache".
func (c Cause) String() string { return c.about().name }

// Code returns the code of the cause, such as "IFM010", by which docs/why-412.md and a
// search find it. It stays the same for good. CauseNone has none.
func (c Cause) Code() string { return c.about().code }

// MarshalText gives the words of String, so that a Cause can be a JSON value or a label.
// It never fails.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// explanation is what was seen, what helps, and the code.
func (c Cause) explanation() string {
	a := c.about()
	if a.code == "" {
		return a.name + ": " + a.seen
	}
	return a.name + ": " + a.seen + "; " + a.cure + " [" + a.code + "]"
}

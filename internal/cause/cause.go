// Package cause is what is known of each cause of a refusal, and which cause a reason of
// another package is: of a dialect's verdict, of a guard, of a refresh. A Transport and an
// explanation of what somebody recorded say the same by it. It decides, and reads no answer.
package cause

import (
	"strconv"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
)

// Cause is why a write was refused. Its numbers are those of the public one.
type Cause int

// The causes, in the order of the public ones, which say what they mean.
const (
	None Cause = iota
	Unexamined
	Changed
	FalseConflict
	OwnEarlierWrite
	Exists
	Gone
	StaleDate
	WeakValidator
	CodedValidator
	StaleCache
	SelfContradiction
	UnstableValidator
	PreconditionRequired
	ConflictingPreconditions
	Locked
	TokenExpired
	SignedAbove
	RefreshDenied
	RefreshFailed
	NoValidator
	NotReplayable
	Unattributed
)

// About is what is known of a cause.
type About struct {
	Code string // for good: a cause that goes takes its code along
	Name string
	Seen string // what was seen
	Cure string // what helps
}

// causes are all of them. docs/why-412.md has an entry for each.
var causes = [...]About{
	None: {Name: "none"},
	Unexamined: {"IFM001", "unexamined", "the precondition was refused, and nobody looked why",
		"read the state, and compare its ETag with the one that was sent"},
	Changed: {"IFM002", "changed", "a read showed another state than the one that was named",
		"read it again, and make the change on what is there now"},
	FalseConflict: {"IFM003", "false conflict", "the state was the one that the caller had read",
		"send the write again under the current tag"},
	OwnEarlierWrite: {"IFM004", "own earlier write", "an earlier attempt of this call had been applied, and its answer was lost",
		"nothing is to be done"},
	Exists: {"IFM005", "exists", "a write that only creates met what is there",
		"read it, and update it under its tag"},
	Gone: {"IFM006", "gone", "a read found nothing at the URL that was written",
		"create it with If-None-Match: *, if that is meant"},
	StaleDate: {"IFM007", "stale date", "the server refuses its own Last-Modified",
		"use If-Match with an ETag"},
	WeakValidator: {"IFM008", "weak validator", "the tag is weak, and If-Match compares strongly (RFC 9110 §13.1.1)",
		"let the server give a strong tag; set a dialect with WeakTags where the API compares weak ones"},
	CodedValidator: {"IFM009", "coded validator", "the tag belongs to a compressed representation",
		"GET with Accept-Encoding: identity, and use that tag"},
	StaleCache: {"IFM010", "stale cache", "reads keep giving the refused tag, and an answer shows that it came from a cache",
		"let the reads pass the cache, as with WithRefreshRequest"},
	SelfContradiction: {"IFM011", "self-contradiction", "the server refuses what its own reads show to be true",
		"look for a cache that shows nothing, for two servers that differ, or ask the server's owner"},
	UnstableValidator: {"IFM012", "unstable validator", "reads in a row gave the same bytes and different tags",
		"let all nodes of the server give one tag to one state (RFC 9110 §8.8.3)"},
	PreconditionRequired: {"IFM013", "precondition required", "the server demands a precondition (RFC 6585 §3), or another one",
		"GET, and send If-Match with the ETag"},
	ConflictingPreconditions: {"IFM014", "conflicting preconditions", "the write has several preconditions, and nobody can tell which one failed",
		"send one"},
	Locked: {"IFM015", "locked", "a lock or a lease refused the write",
		"unlock it, or send its token"},
	TokenExpired: {"IFM016", "token expired", "the version is too old for the server to look it up",
		"read again"},
	SignedAbove: {"IFM017", "signed above", "the request was signed before it reached the Transport",
		"put the signer below, as base of NewTransport"},
	RefreshDenied: {"IFM018", "refresh denied", "the refresh was answered with 401, 403 or 407",
		"let the credentials read too"},
	RefreshFailed: {"IFM019", "refresh failed", "the refresh gave no usable answer",
		"see why the read fails, or ask another URL with WithRefreshRequest"},
	NoValidator: {"IFM020", "no validator", "the refresh carried no validator that can guard the write",
		"let the server send an ETag"},
	NotReplayable: {"IFM021", "not replayable", "the write can't be sent again",
		"set GetBody, or let a policy give a new Idempotency-Key"},
	Unattributed: {"IFM022", "unattributed", "nothing that was seen explains the refusal",
		"see what the server says in the body of its answer"},
}

// About is the entry of a cause, a bare one for a number that is none.
func (c Cause) About() About {
	if c < 0 || int(c) >= len(causes) {
		return About{Name: "Cause(" + strconv.Itoa(int(c)) + ")", Seen: "nothing is known of it"}
	}
	return causes[c]
}

// Count is how many causes there are, None included.
const Count = len(causes)

// ofVerdicts are the causes of what a dialect says of an answer. Where there is None, the
// guard of the write has the cause.
var ofVerdicts = [...]Cause{
	dialect.KindConflict: Changed,
	dialect.KindRequired: PreconditionRequired,
	dialect.KindExpired:  TokenExpired,
	dialect.KindExists:   Exists,
	dialect.KindGone:     Gone,
	dialect.KindChanged:  Changed,
	dialect.KindLocked:   Locked,
	dialect.KindStops:    Unattributed,
}

// OfVerdict is the cause of what a dialect says of an answer; None where the guard of the
// write has it.
func OfVerdict(kind dialect.Kind) Cause { return ofVerdicts[kind] }

// ofGuards are the causes of what the guard of a write says of a refusal.
var ofGuards = [...]Cause{
	guard.ReasonUnattributed: Unattributed,
	guard.ReasonUnexamined:   Unexamined,
	guard.ReasonExists:       Exists,
	guard.ReasonRequired:     PreconditionRequired,
	guard.ReasonConflicting:  ConflictingPreconditions,
	guard.ReasonLocked:       Locked,
}

// OfGuard is the cause of what the guard of a write says of a refusal.
func OfGuard(reason guard.Reason) Cause { return ofGuards[reason] }

// ofRefreshes are the causes of what ends a refresh, by its reason. With None the cause of
// the refusal stands.
var ofRefreshes = [...]Cause{
	refresh.Other:       Changed,
	refresh.SameBytes:   FalseConflict,
	refresh.Unstable:    UnstableValidator,
	refresh.Weak:        WeakValidator,
	refresh.Coded:       CodedValidator,
	refresh.Respelled:   FalseConflict,
	refresh.Denied:      RefreshDenied,
	refresh.Gone:        Gone,
	refresh.NoValidator: NoValidator,
	refresh.Failed:      RefreshFailed,
	refresh.TooMany:     RefreshFailed,
	refresh.Late:        RefreshFailed,
	refresh.Cancelled:   None,
	refresh.LostRace:    None,
}

// OfRefresh is the cause of what ends a refresh; None where the cause of the refusal
// stands.
func OfRefresh(reason refresh.Reason) Cause { return ofRefreshes[reason] }

// OfConfirmed is why a validator is refused that a read confirmed, as its form and the
// answer to the read show. cached says that a cache may have given that answer.
func OfConfirmed(g *guard.Guard, confirmed etag.Validators, weakTags, cached bool) Cause {
	tag := confirmed.ETag
	if g.Versions != nil {
		tag = "" // the API compares it by its own rules
	}
	_, coded := etag.WithoutCoding(tag)
	switch {
	// The tag is current and the date isn't: either may have failed, as some servers look
	// at both.
	case g.Date != "" && g.Tags != nil && confirmed.LastModified != g.Date:
		return ConflictingPreconditions
	case g.Date != "":
		return StaleDate
	// RFC 9110 §13.1.1: If-Match compares strongly, so a weak tag matches nothing.
	case etag.Weak(tag) && !weakTags:
		return WeakValidator
	// RFC 9110 §8.8.3.3: the tag is of a compressed representation, and the write is of
	// another one.
	case coded:
		return CodedValidator
	// Whatever answers the read doesn't know the current state.
	case cached:
		return StaleCache
	}
	return SelfContradiction
}

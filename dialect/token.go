package dialect

import (
	"net/http"
	"strconv"
	"strings"
)

// Token is one place where a write carries a version, and where the answer to a
// refresh has the current one.
type Token struct {
	Sent    Place
	Current Place

	// Refusal returns the current version in the answer that refuses a write because of
	// another one, as the API sends it there; empty where it isn't in this answer. What
	// follows the refusal at once is sent under it, and no refresh asks for it;
	// Dialect.RefusalState has the state, where that is needed. A refresh is sent all the same
	// after a wait or a lost answer, under a policy of the caller's own, which may take any
	// time, and where the version is the one that was sent, or a weak tag without WeakTags. Not
	// for a date. Nil: no refusal has the version.
	Refusal func(*Answer) string

	// Create is the value that means: only where there is nothing yet.
	Create string

	// Also says that a write of Update has this version beside the first,
	// where each covers a part of the state.
	Also bool

	// Partial says that the version covers a part of the state only: a write
	// that has no other isn't repeated after a failure.
	Partial bool

	// Write spells a version as a write carries it: it gets the text that an answer has
	// in Current, and returns the text for Sent. Bare, Quoted, Strong and Next are such
	// functions. An empty text says that what the answer has is no version. Versions are
	// compared, and told, in the spelling of Write, and a write whose field or query has
	// another spelling goes out in this one, unless it is signed already. Nil: as it is.
	//
	// With Tag it spells one entity-tag. The API then compares the field as one text, so a
	// list is refused whatever it holds: after the refusal the one current tag stands there.
	Write func(string) string

	// Read is the way back: it gets the text that a write has in Sent, and returns the text
	// that an answer would have for the same version. It is needed where Write gives another
	// text when it gets its own, as Next does, whose way back is Previous. Nil: as it is. Not
	// with Tag.
	Read func(string) string

	// For reports whether such a write carries the version here; nil: all do.
	For func(*http.Request) bool

	// Number says that only a decimal number is a version.
	Number bool

	// Valid reports whether a text that a write or a refresh has there is a
	// version, as Write spells it. What isn't one is never sent. Nil takes any text.
	// It isn't asked with Tag.
	Valid func(string) bool

	// Tag says that the version is an entity-tag, compared and written as RFC
	// 9110 §13.1 has it: If-Match may hold a list, and If-None-Match: * stands
	// for a write that only creates. Only for Sent InHeader("If-Match").
	Tag bool
}

// check tells why nothing can carry a version so, for each field that is wrong.
func (t Token) check(tell func(field, complaint string)) {
	if t.Sent.or != nil {
		tell("Sent", complaintOr)
	} else {
		tell("Sent", t.Sent.complaint())
	}
	if t.Current.onlySent() {
		tell("Current", "an answer has no query and no If: "+t.Current.String())
	} else {
		tell("Current", t.Current.complaint())
	}
	if t.Refusal != nil && t.Sent == InHeader("If-Unmodified-Since") {
		tell("Refusal", "Refusal isn't for dates")
	}
	if !t.Tag {
		return
	}
	if t.Sent != InHeader("If-Match") && t.Sent != InHeader("If-Unmodified-Since") {
		tell("Tag", "Tag is for If-Match and If-Unmodified-Since, not for "+t.Sent.String())
	}
	if t.Read != nil {
		tell("Read", "Read isn't for Tag")
	}
	if t.Write != nil && t.Sent == InHeader("If-Unmodified-Since") {
		tell("Write", "Write isn't for dates")
	}
}

// Bare is a Write for an API that takes entity-tags without W/ and quotes only.
func Bare(tag string) string {
	opaque := Strong(tag)
	if len(opaque) >= 2 && opaque[0] == '"' && opaque[len(opaque)-1] == '"' {
		return opaque[1 : len(opaque)-1]
	}
	return opaque
}

// Quoted is a Write for an API that takes entity-tags in quotes, where answers or callers
// have them without. A W/ stays.
func Quoted(tag string) string {
	if strings.HasPrefix(tag, "W/") || tag == "" || len(tag) >= 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		return tag
	}
	return `"` + tag + `"`
}

// Strong is a Write for an API that gives out weak entity-tags and takes them without W/.
func Strong(tag string) string { return strings.TrimPrefix(tag, "W/") }

// Next is a Write for an API whose writes carry the number that the state will have: the
// current one and 1. What is no decimal number, or the greatest of 64 bits, is no version.
func Next(number string) string { return plus(number, 1) }

// Previous is the Read of Next.
func Previous(number string) string { return plus(number, -1) }

// plus is a decimal number and n, empty where there is none.
func plus(number string, n int64) string {
	i, err := strconv.ParseInt(number, 10, 64)
	if err != nil || i+n < 0 {
		return ""
	}
	return strconv.FormatInt(i+n, 10)
}

const complaintOr = "Or is for two places in an answer"

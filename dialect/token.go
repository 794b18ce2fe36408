package dialect

import "net/http"

// Token is one place where a write carries a version, and where the answer to a
// refresh has the current one.
type Token struct {
	Sent    Place
	Current Place

	// Create is the value that means: only where there is nothing yet.
	Create string

	// Also says that a write of Update has this version beside the first,
	// where each covers a part of the state.
	Also bool

	// Partial says that the version covers a part of the state only: a write
	// that has no other isn't repeated after a failure.
	Partial bool

	// For reports whether such a write carries the version here; nil: all do.
	For func(*http.Request) bool

	// Number says that only a decimal number is a version.
	Number bool

	// Valid reports whether a text that a write or a refresh has there is a
	// version. What isn't one is never sent. Nil takes any text. It isn't asked
	// with Tag.
	Valid func(string) bool

	// Tag says that the version is an entity-tag, compared and written as RFC
	// 9110 §13.1 has it: If-Match may hold a list, and If-None-Match: * stands
	// for a write that only creates. Only for Sent InHeader("If-Match").
	Tag bool
}

// complaint says why nothing can carry a version so; empty where it can.
func (t Token) complaint() string {
	if t.Sent.or != nil {
		return complaintOr
	}
	for _, p := range []Place{t.Sent, t.Current} {
		if complaint := p.complaint(); complaint != "" {
			return complaint
		}
	}
	switch {
	case t.Current.where == Query:
		return "an answer has no query: " + t.Current.String()
	case t.Tag && t.Sent != InHeader("If-Match") && t.Sent != InHeader("If-Unmodified-Since"):
		return "Tag is for If-Match and If-Unmodified-Since, not for " + t.Sent.String()
	}
	return ""
}

const complaintOr = "Or is for two places in an answer"

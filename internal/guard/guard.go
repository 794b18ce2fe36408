// Package guard knows the precondition of a write: what guards it, what a refusal
// of it means, and how the next write gets a fresh one. A version may stand where
// RFC 9110 has it, in If-Match or If-Unmodified-Since, or where a dialect has it: in
// another field, in the query, or in a member of the JSON body.
//
// The package reads requests, headers and texts, and decides. It sends nothing, and
// doesn't know policies, attempts or what became of a write.
package guard

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Kind says what kind of precondition a write carried.
type Kind uint8

const (
	None        Kind = iota // no precondition at all
	Tags                    // If-Match with tags, perhaps with If-Unmodified-Since beside it; or versions
	Date                    // If-Unmodified-Since alone
	Exists                  // If-Match: *
	Create                  // If-None-Match: *
	Conflicting             // conditions that contradict each other, or hide which one failed
	Foreign                 // a condition, or a form of one, that is left alone
)

// Guard is the precondition of a write, as it was sent. The zero Guard is none.
type Guard struct {
	Kind      Kind
	Reason    Reason   // of Foreign: why such a write is refused
	Quoted    bool     // of Exists: the star is in quotes
	Respelled bool     // of Tags: the API compares another text than was sent
	Tags      []string // of Tags
	Date      string   // of Date; of Tags where one stands beside
	Field     string   // of Foreign: the field that is left alone

	// Versions are in places of a dialect. Then Tags has them in one text, and it
	// isn't an entity-tag. Nil: the precondition is as in RFC 9110.
	Versions []Version
}

// Of returns the precondition in a header, as RFC 9110 has it.
func Of(h http.Header) Guard { return inFields(&http.Request{Header: h}, new(Dialect)) }

// inFields returns the precondition in the fields of RFC 9110 §13.1.
func inFields(req *http.Request, d *Dialect) Guard {
	h := req.Header
	if g := foreign(req, d); g.Kind == Foreign {
		return g
	}
	match, noneMatch, since := field.Lines(h, "If-Match"), field.Lines(h, "If-None-Match"), field.Lines(h, "If-Unmodified-Since")
	switch {
	case match != nil && noneMatch != nil:
		return Guard{Kind: Conflicting}
	case match != nil:
		return d.inMatch(match, since)
	case noneMatch != nil:
		return inNoneMatch(noneMatch, since)
	case since != nil:
		// RFC 9110 §13.1.4: an invalid date, or several, is ignored.
		if date, ok := oneDate(since); ok {
			return Guard{Kind: Date, Date: date}
		}
		return Guard{Kind: Foreign, Field: "If-Unmodified-Since"}
	}
	return Guard{}
}

// EmptyMatch reports whether the lines of an If-Match have neither a tag nor a star nor
// anything else in them.
func EmptyMatch(lines []string) bool {
	for _, line := range lines {
		if strings.Trim(line, " \t,") != "" {
			return false
		}
	}
	return true
}

func (d *Dialect) inMatch(match, since []string) Guard {
	tags, wildcard, respelled, ok := d.readMatch(match)
	switch {
	case !ok:
		return Guard{Kind: Foreign, Field: "If-Match"}
	case wildcard, len(tags) == 1 && tags[0] == etag.Wildcard:
		return Guard{Kind: Exists, Quoted: !wildcard}
	}
	g := Guard{Kind: Tags, Tags: tags, Respelled: respelled}
	if since == nil {
		return g
	}
	// RFC 9110 §13.1.4 has it ignored beside If-Match, but nginx, Apache
	// httpd and others evaluate both.
	if g.Date, ok = oneDate(since); !ok {
		return Guard{Kind: Foreign, Field: "If-Unmodified-Since"}
	}
	return g
}

func inNoneMatch(noneMatch, since []string) Guard {
	_, wildcard, ok := etag.ParseList(noneMatch)
	switch {
	case !ok:
		return Guard{Kind: Foreign, Field: "If-None-Match"}
	case wildcard:
		return Guard{Kind: Create}
	case since != nil:
		return Guard{Kind: Conflicting}
	}
	// With tags it asks for a state that has moved on: no fresh tag makes it true.
	return Guard{Kind: Foreign, Field: "If-None-Match"}
}

func oneDate(lines []string) (string, bool) {
	if len(lines) != 1 {
		return "", false
	}
	t, err := http.ParseTime(lines[0])
	if err != nil {
		return "", false
	}
	return etag.FixedDate(lines[0], t), true
}

// Names reports whether the guard lists the tag, byte for byte.
func (g *Guard) Names(tag string) bool { return slices.Contains(g.Tags, tag) }

// Ignored reports whether the guard of a PUT, PATCH or DELETE with this header is nothing
// that a server evaluates: a date that is none (RFC 9110 §13.1.4), an If-None-Match without
// a tag, an Overwrite, which is for COPY and MOVE (RFC 4918 §10.6).
func (g *Guard) Ignored(h http.Header) bool {
	if g.Kind != Foreign || field.Lines(h, "If-Match") != nil || !EmptyMatch(field.Lines(h, "If-None-Match")) {
		return false
	}
	switch g.Field {
	case "If-Unmodified-Since", "If-None-Match":
		return true
	case "Overwrite":
		_, dated := oneDate(field.Lines(h, "If-Unmodified-Since"))
		return !dated
	}
	return false
}

// AllWeak reports whether the guard is weak entity-tags alone.
func (g *Guard) AllWeak() bool {
	return g.Kind == Tags && g.Versions == nil && !slices.ContainsFunc(g.Tags, func(tag string) bool { return !etag.Weak(tag) })
}

// oneStrong reports whether the guard is exactly one version that is compared
// strongly.
func (g *Guard) oneStrong() bool {
	if g.Kind != Tags || len(g.Tags) != 1 {
		return false
	}
	if g.Versions != nil {
		return slices.ContainsFunc(g.Versions, func(v Version) bool { return !v.Partial })
	}
	return !etag.Weak(g.Tags[0])
}

// Droppable reports whether the write has a precondition that can be left out. One
// in the body can't: without it the API may take the write for another one.
func (g *Guard) Droppable() bool {
	return g.Kind != None && !slices.ContainsFunc(g.Versions, Version.InBody)
}

// AsksBody reports whether the current version is in the body of an answer, so that
// HEAD can't say.
func (g *Guard) AsksBody() bool {
	return slices.ContainsFunc(g.Versions, func(v Version) bool { return v.Current.Where() == dialect.Body })
}

// Sent returns the validators that the guard named, for the record of an exchange.
func (g *Guard) Sent() etag.Validators {
	v := etag.Validators{LastModified: g.Date}
	if g.Kind == Tags {
		v.ETag = strings.Join(g.Tags, ", ")
	}
	return v
}

// Rewrite puts fresh validators in place of those that the guard named: the whole
// list by the one tag, the date by the date. Where there was no precondition
// (428) the strongest validator at hand becomes one.
func (g *Guard) Rewrite(h http.Header, v etag.Validators) {
	switch {
	case g.Kind == Date, g.Kind == None && v.ETag == "":
		field.Set(h, "If-Unmodified-Since", v.LastModified)
	default:
		field.Set(h, "If-Match", v.ETag)
		if g.Date != "" {
			field.Set(h, "If-Unmodified-Since", v.LastModified)
		}
	}
}

// Drop removes the precondition of RFC 9110 from a header.
func Drop(h http.Header) {
	for _, name := range semantics.Preconditions {
		field.Drop(h, name)
	}
}

// Restore puts the precondition of one header, as RFC 9110 has it, in place of the
// precondition in another.
func Restore(h, from http.Header) {
	Drop(h)
	for _, name := range semantics.Preconditions {
		if lines := field.Lines(from, name); lines != nil {
			h[name] = slices.Clone(lines)
		}
	}
}

package guard

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// asTag is the entity-tag of RFC 9110 for a text that an API spells in its own way, empty
// where there is none. So "is it weak" and "is it the same" have one answer for all
// spellings, and write gives the text that is sent.
func asTag(write func(string) string, text string) string {
	tag := dialect.Quoted(write(text))
	if tag == etag.Wildcard || !etag.Valid(tag) {
		return ""
	}
	return tag
}

// ofFields returns the validators in the fields of an answer.
func (d *Dialect) ofFields(h http.Header) etag.Validators {
	v := etag.Of(h)
	if d.spell == nil && d.tagIn == (dialect.Place{}) {
		return v
	}
	name := "ETag"
	if p := d.tagIn.In(h); p.Where() == dialect.Header {
		name = p.Name()
	}
	lines := field.Lines(h, name)
	if len(lines) != 1 {
		return v
	}
	switch tag := field.TrimOWS(lines[0]); {
	case d.spell != nil:
		v.ETag = asTag(d.spell, tag)
	case etag.Valid(tag):
		v.ETag = tag
	}
	return v
}

// readMatch reads the lines of an If-Match. respelled says that the API compares another
// text than they have: a list is one text there, and so is a tag with or without quotes.
func (d *Dialect) readMatch(lines []string) (tags []string, wildcard, respelled, ok bool) {
	tags, wildcard, ok = etag.ParseList(lines)
	if d.spell == nil || wildcard {
		return tags, wildcard, false, ok
	}
	if !ok {
		if len(lines) != 1 {
			return nil, false, false, false
		}
		tags = []string{field.TrimOWS(lines[0])} // bare, so all of it
	}
	tags = slices.Clone(tags) // they may be the header's own
	for i, tag := range tags {
		if tag == etag.Wildcard {
			continue
		}
		if tags[i] = asTag(d.spell, tag); tags[i] == "" {
			return nil, false, false, false
		}
	}
	return tags, false, len(lines) > 1 || len(tags) > 1 || lines[0] != d.spell(tags[0]), true
}

// Spells reports whether a request must not go out as it is: it has a version in another
// spelling than the API compares.
func (d *Dialect) Spells(write *http.Request) bool {
	if !d.spells {
		return false
	}
	g := d.Of(write)
	return g.Respelled && len(g.Tags) == 1 && d.Signed(write) == ""
}

// Spelled returns the header and the URL of a write with its precondition as the API spells
// it: the same guard in other letters. It changes neither of those that the write has, and
// returns them where they are so already. A list stays, since only a read shows which of its
// tags is meant.
func (d *Dialect) Spelled(write *http.Request) (http.Header, *url.URL) {
	if !d.Spells(write) {
		return write.Header, write.URL
	}
	g := d.Of(write)
	copied := &http.Request{Header: field.Clone(write.Header), URL: write.URL}
	if g.Versions == nil {
		field.Set(copied.Header, "If-Match", d.spell(g.Tags[0]))
	} else if Put(copied, g.Versions) != nil {
		return write.Header, write.URL // it was read from there, so there is room for it
	}
	return copied.Header, copied.URL
}

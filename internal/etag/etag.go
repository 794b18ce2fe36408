// Package etag reads entity-tags and dates (RFC 9110 §8.8) from header fields, and
// compares them. It doesn't know what they guard.
package etag

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ifmatch-go/ifmatch/internal/field"
)

// MaxLen bounds an entity-tag that is taken from a server and sent back in
// a request header. Longer ones count as no tag at all.
const MaxLen = 4 << 10

// Valid reports whether s is one entity-tag of RFC 9110 §8.8.3: an optional,
// case-sensitive W/ and a double-quoted run of %x21, %x23-7E and bytes from
// 0x80 up. A comma, a backslash or nothing at all inside the quotes is legal.
func Valid(s string) bool {
	if len(s) > MaxLen {
		return false
	}
	s = strings.TrimPrefix(s, "W/")
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		if !tagByte(s[i]) {
			return false
		}
	}
	return true
}

func tagByte(c byte) bool {
	return c == 0x21 || 0x23 <= c && c <= 0x7E || c >= 0x80
}

// Text is a tag as it may stand in a text: a server may have put anything into it that a
// terminal acts on (RFC 9110 §8.8.3 takes all bytes from 0x80 up), and as much as it likes.
func Text(tag string) string {
	const most = 200
	text := tag[:min(len(tag), most)]
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
	if len(tag) > most {
		text += "…"
	}
	return text
}

// Weak reports whether a valid tag is weak (RFC 9110 §8.8.1).
func Weak(tag string) bool { return strings.HasPrefix(tag, "W/") }

// ParseList reads the field lines of If-Match or If-None-Match. Several lines
// are one list (RFC 9110 §5.3), empty elements are skipped (§5.6.1.2), and a
// comma inside the quotes is part of the tag. The wildcard stands alone.
//
// The tags of one line with one tag are the lines themselves: the caller must not change them.
func ParseList(lines []string) (tags []string, wildcard, ok bool) {
	if len(lines) == 1 && Valid(lines[0]) {
		return lines[:1:1], false, true
	}
	for _, line := range lines {
		for rest := field.TrimOWS(line); rest != ""; {
			if rest[0] == ',' {
				rest = field.TrimOWS(rest[1:])
				continue
			}
			end := elementEnd(rest)
			element := field.TrimOWS(rest[:end])
			switch {
			case element == "*":
				wildcard = true
			case Valid(element):
				tags = append(tags, element)
			default:
				return nil, false, false
			}
			rest = rest[end:]
		}
	}
	// RFC 9110 §13.1.1: "*" mixed with tags must not be generated.
	if wildcard == (len(tags) > 0) {
		return nil, false, false
	}
	return tags, wildcard, true
}

// elementEnd returns where the first list element of s ends: at the comma that
// is outside of quotes. Backslash is no escape in an entity-tag.
func elementEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return i
		}
	}
	return len(s)
}

// Wildcard is read as the wildcard by some APIs (Azure App Configuration),
// so it is never taken for a guard on one state.
const Wildcard = `"*"`

// codings are the suffixes that servers put inside the quotes of the tag of a
// compressed representation: Apache httpd, lighttpd, Jetty and others.
var codings = [...]string{"--gzip", "-gzip", "-gunzip", "-br", "-deflate", "-zstd", ";gzip", ";br", ":gzip"}

// WithoutCoding returns the opaque part of tag without its content-coding
// suffix, and whether there was one.
func WithoutCoding(tag string) (string, bool) {
	opaque := strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
	for _, c := range codings {
		if base, found := strings.CutSuffix(opaque, c); found {
			return base, true
		}
	}
	return opaque, false
}

// Twins reports whether two different tags name the same opaque value but for
// W/ or a content-coding suffix.
func Twins(a, b string) bool {
	opaqueA, _ := WithoutCoding(a)
	opaqueB, _ := WithoutCoding(b)
	return a != b && opaqueA == opaqueB
}

// ErrNoValidator says that the server gave no validator that can guard a write.
var ErrNoValidator = errors.New("ifmatch: no usable validator")

// Validators are the validators of one representation, byte for byte as the server
// gave them. An empty one is absent.
type Validators struct{ ETag, LastModified string }

// Of returns the validators that a response carries. An ETag that is
// malformed, repeated or too long is none; so is a Last-Modified that is not a
// date or is later than the Date beside it (RFC 9110 §8.8.2.1).
func Of(h http.Header) Validators {
	var v Validators
	if tags := h["Etag"]; len(tags) == 1 {
		if tag := field.TrimOWS(tags[0]); Valid(tag) && tag != Wildcard {
			v.ETag = tag
		}
	}
	if dates := h["Last-Modified"]; len(dates) == 1 {
		modified, err := http.ParseTime(dates[0])
		date, haveDate := Date(h)
		if err == nil && !(haveDate && modified.After(date)) {
			v.LastModified = FixedDate(dates[0], modified)
		}
	}
	return v
}

// FixedDate returns the bytes of a date as received where they are an
// IMF-fixdate, and that date as one where they are an obsolete form, which a
// sender must not generate (RFC 9110 §5.6.7).
func FixedDate(received string, t time.Time) string {
	var canonical [len(http.TimeFormat)]byte
	if made := t.UTC().AppendFormat(canonical[:0], http.TimeFormat); string(made) != received {
		return string(made)
	}
	return received
}

// Date returns the Date of an answer, and false where it has none that can be read.
func Date(h http.Header) (time.Time, bool) {
	t, err := http.ParseTime(h.Get("Date"))
	return t, err == nil
}

// Made returns when an answer was made, by its Date and by the Age that a cache gives it;
// zero where it has no Date. A cache may keep the Date of the origin or give its own, so
// the time may be earlier than the true one by as much as the Age.
func Made(h http.Header) time.Time {
	at, ok := Date(h)
	if !ok {
		return time.Time{}
	}
	// RFC 9111 §5.1: a number of seconds. Of a list the first one counts.
	first, _, _ := strings.Cut(h.Get("Age"), ",")
	age, err := strconv.ParseUint(strings.TrimSpace(first), 10, 31)
	if err != nil {
		return at
	}
	return at.Add(-time.Duration(age) * time.Second)
}

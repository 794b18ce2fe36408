package ifmatch

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// guardKind says what kind of precondition a write carried.
type guardKind int

const (
	guardNone        guardKind = iota // no precondition at all
	guardTags                         // If-Match with tags, perhaps with If-Unmodified-Since beside it
	guardDate                         // If-Unmodified-Since alone
	guardExists                       // If-Match: *
	guardCreate                       // If-None-Match: *
	guardConflicting                  // conditions that contradict each other, or hide which one failed
	guardForeign                      // a condition, or a form of one, that is left alone
)

// guard is the precondition of a write, as it was sent.
type guard struct {
	kind  guardKind
	tags  []string // of guardTags
	date  string   // of guardDate; of guardTags where one stands beside
	field string   // of guardForeign: the field that isn't understood

	// placed are the versions in places of a dialect. Then tags has them in one
	// text, and it isn't an entity-tag.
	placed []placed
}

// foreignConditions are fields that make a server answer 412 for another reason
// than an entity-tag, besides the vendor prefixes below.
var foreignConditions = [...]string{
	"If", "If-Schedule-Tag-Match", "Lock-Token", "Isolation", "Odata-Isolation", "If-None-Exist", "X-Ms-Lease-Id",
}

var foreignPrefixes = [...]string{
	"X-Ms-If-", "X-Ms-Blob-Condition-", "X-Ms-Source-If-", "X-Goog-If-", "X-Goog-Copy-Source-If-",
	"X-Amz-If-", "X-Amz-Copy-Source-If-",
}

// guardOf reads the precondition fields of RFC 9110.
func guardOf(h http.Header) guard { return headerGuard(h, new(preparedDialect)) }

func headerGuard(h http.Header, d *preparedDialect) guard {
	match, noneMatch, since := field.Lines(h, "If-Match"), field.Lines(h, "If-None-Match"), field.Lines(h, "If-Unmodified-Since")
	if field := foreignCondition(h, d); field != "" {
		return guard{kind: guardForeign, field: field}
	}
	switch {
	case match != nil && noneMatch != nil:
		return guard{kind: guardConflicting}
	case match != nil:
		return matchGuard(match, since)
	case noneMatch != nil:
		return noneMatchGuard(noneMatch, since)
	case since != nil:
		// RFC 9110 §13.1.4: an invalid date, or several, is ignored.
		if date, ok := oneDate(since); ok {
			return guard{kind: guardDate, date: date}
		}
		return guard{kind: guardForeign, field: "If-Unmodified-Since"}
	}
	return guard{}
}

func matchGuard(match, since []string) guard {
	tags, wildcard, ok := etag.ParseList(match)
	switch {
	case !ok:
		return guard{kind: guardForeign, field: "If-Match"}
	case wildcard, len(tags) == 1 && tags[0] == etag.Wildcard:
		return guard{kind: guardExists}
	}
	g := guard{kind: guardTags, tags: tags}
	if since == nil {
		return g
	}
	// RFC 9110 §13.1.4 has it ignored beside If-Match, but nginx, Apache
	// httpd and others evaluate both.
	if g.date, ok = oneDate(since); !ok {
		return guard{kind: guardForeign, field: "If-Unmodified-Since"}
	}
	return g
}

func noneMatchGuard(noneMatch, since []string) guard {
	_, wildcard, ok := etag.ParseList(noneMatch)
	switch {
	case !ok:
		return guard{kind: guardForeign, field: "If-None-Match"}
	case wildcard:
		return guard{kind: guardCreate}
	case since != nil:
		return guard{kind: guardConflicting}
	}
	// With tags it asks for a state that has moved on: no fresh tag makes it true.
	return guard{kind: guardForeign, field: "If-None-Match"}
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

func foreignCondition(h http.Header, d *preparedDialect) string {
	for name, values := range h {
		if len(values) == 0 {
			continue // it isn't sent
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		if d.knows(key) {
			continue
		}
		for _, f := range foreignConditions {
			if key == f {
				return key
			}
		}
		for _, p := range foreignPrefixes {
			if strings.HasPrefix(key, p) {
				return key
			}
		}
		// RFC 4918 §10.6: Overwrite: F makes an existing destination a 412.
		if key == "Overwrite" && len(values) == 1 && strings.EqualFold(values[0], "F") {
			return key
		}
	}
	return ""
}

// names reports whether the guard lists the tag, byte for byte.
func (g guard) names(tag string) bool {
	for _, t := range g.tags {
		if t == tag {
			return true
		}
	}
	return false
}

// sent returns the validators that the guard named, for the record of an
// exchange.
func (g guard) sent() Validators {
	v := Validators{LastModified: g.date}
	if g.kind == guardTags {
		v.ETag = strings.Join(g.tags, ", ")
	}
	return v
}

// strongTag reports whether the guard is exactly one version that is compared
// strongly.
func (g guard) strongTag() bool {
	if g.kind != guardTags || len(g.tags) != 1 {
		return false
	}
	if g.placed != nil {
		return slices.ContainsFunc(g.placed, func(p placed) bool { return !p.Partial })
	}
	return !etag.Weak(g.tags[0])
}

// rewrite puts the fresh validators in place of those that g named: the whole
// list by the one tag, the date by the date. Where there was no precondition
// (428) the strongest validator at hand becomes one.
func (g guard) rewrite(h http.Header, v Validators) {
	switch {
	case g.kind == guardDate, g.kind == guardNone && v.ETag == "":
		field.Set(h, "If-Unmodified-Since", v.LastModified)
	default:
		field.Set(h, "If-Match", v.ETag)
		if g.date != "" {
			field.Set(h, "If-Unmodified-Since", v.LastModified)
		}
	}
}

// restorePreconditions puts the preconditions of from in place of those in h.
func restorePreconditions(h, from http.Header) {
	dropPreconditions(h)
	for _, name := range preconditions {
		if lines := field.Lines(from, name); lines != nil {
			h[name] = slices.Clone(lines)
		}
	}
}

// preconditions are the fields of RFC 9110 §13.1 that guard a write.
var preconditions = [...]string{"If-Match", "If-None-Match", "If-Unmodified-Since"}

func dropPreconditions(h http.Header) {
	for _, name := range preconditions {
		field.Drop(h, name)
	}
}

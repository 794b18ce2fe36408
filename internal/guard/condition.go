package guard

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/field"
)

// condition is a field that makes a server answer 412 for another reason than an
// entity-tag.
type condition struct {
	field  string // its canonical name, or the beginning of it
	prefix bool
	value  string // the only one that is a condition; empty: any
	reason Reason // of a refusal, where no tag stands beside
}

// conditions are what a write may carry that is left alone, unless its dialect tells
// it apart.
var conditions = [...]condition{
	{field: "If", reason: ReasonLocked}, // RFC 4918 §10.4: lock tokens are in it
	{field: "Lock-Token", reason: ReasonLocked},
	{field: "X-Ms-Lease-Id", reason: ReasonLocked},
	{field: "Overwrite", value: "F", reason: ReasonExists}, // RFC 4918 §10.6: an existing destination is a 412
	{field: "If-Schedule-Tag-Match"},
	{field: "Isolation"},
	{field: "Odata-Isolation"},
	{field: "If-None-Exist"},
	{field: "X-Ms-If-", prefix: true},
	{field: "X-Ms-Blob-Condition-", prefix: true},
	{field: "X-Ms-Source-If-", prefix: true},
	{field: "X-Goog-If-", prefix: true},
	{field: "X-Goog-Copy-Source-If-", prefix: true},
	{field: "X-Amz-If-", prefix: true},
	{field: "X-Amz-Copy-Source-If-", prefix: true},
}

// is reports whether a field with this canonical name and these lines is such a
// condition.
func (c *condition) is(name string, lines []string) bool {
	if c.prefix {
		return strings.HasPrefix(name, c.field)
	}
	return name == c.field && (c.value == "" || len(lines) == 1 && strings.EqualFold(lines[0], c.value))
}

// foreign returns a Foreign guard where the header has a condition that the dialect
// doesn't know, and the zero Guard otherwise.
func foreign(h http.Header, d *Dialect) Guard {
	for name, lines := range h {
		if len(lines) == 0 {
			continue // it isn't sent
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		for i := range conditions {
			c := &conditions[i]
			if !c.is(key, lines) || d.knows(key) {
				continue
			}
			g := Guard{Kind: Foreign, Field: key, Reason: c.reason}
			if field.Lines(h, "If-Match") != nil {
				g.Reason = ReasonUnattributed // either can have failed
			}
			return g
		}
	}
	return Guard{}
}

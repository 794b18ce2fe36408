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

// foreign returns a Foreign guard where the header of a request has a condition that the dialect
// doesn't know, and the zero Guard otherwise.
func foreign(req *http.Request, d *Dialect) Guard {
	h := req.Header
	for name, lines := range h {
		if len(lines) == 0 {
			continue // it isn't sent
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		for i := range conditions {
			c := &conditions[i]
			if !c.is(key, lines) || d.knows(key, req) {
				continue
			}
			g := Guard{Kind: Foreign, Field: key, Reason: c.reason}
			// RFC 4918 §10.4: entity-tags may stand in it as well as lock tokens.
			if key == "If" {
				g.Reason = reasonOfIf(lines)
			}
			if field.Lines(h, "If-Match") != nil {
				g.Reason = ReasonUnattributed // either can have failed
			}
			return g
		}
	}
	return Guard{}
}

// reasonOfIf is why a write with an If header is refused: a lock, a tag, or either of them.
func reasonOfIf(lines []string) Reason {
	switch lock, tag := namedInIf(lines); {
	case lock && tag:
		return ReasonConflicting
	case lock:
		return ReasonLocked
	}
	return ReasonUnexamined
}

// namedInIf reports what the lists of an If header have: a state token, other than
// DAV:no-lock, which names no lock, and an entity-tag (RFC 4918 §10.4.2 and §10.4.8).
func namedInIf(lines []string) (lock, tag bool) {
	for _, line := range lines {
		inList := false
		for i := 0; i < len(line); i++ {
			closing := byte(0)
			switch line[i] {
			case '(':
				inList = true
			case ')':
				inList = false
			case '"': // a tag, whose text may be anything
				closing = '"'
			case '<': // a state token in a list, a resource between lists
				closing = '>'
			}
			if closing == 0 {
				continue
			}
			text, _, _ := strings.Cut(line[i+1:], string(closing))
			lock = lock || closing == '>' && inList && text != "DAV:no-lock"
			tag = tag || closing == '"' && inList
			i += len(text) + 1
		}
	}
	return lock, tag
}

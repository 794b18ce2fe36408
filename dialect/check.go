package dialect

import (
	"fmt"
	"mime"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// complaints are what is wrong with a Dialect, each after the name of its field.
type complaints []string

// add adds a complaint about a field, unless it is empty.
func (c *complaints) add(field, complaint string) {
	if complaint != "" {
		*c = append(*c, field+": "+complaint)
	}
}

// complaintOfField says why a text can't be the name of a header field (RFC 9110 §5.1,
// §5.6.2); empty where it can.
func complaintOfField(name string) string {
	bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }
	if name == "" || strings.ContainsFunc(name, bad) {
		return fmt.Sprintf("no name of a header field: %.40q", name)
	}
	return ""
}

// complaintOfOrigin says why a text is no origin; empty where it is one.
func complaintOfOrigin(origin string) string {
	if !hosts.IsOrigin(origin) {
		return `no origin such as "https://api.example.com"` // and not quoted: it may hold a password
	}
	return ""
}

// complaintOfPointer says why nothing in a JSON text can be at a pointer; empty where it can.
func complaintOfPointer(pointer string) string {
	// After ~ comes 0 or 1 (RFC 6901 §3).
	escaped := strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(pointer), "~")
	if pointer != "" && (!jsonedit.PointsToMember(pointer) || escaped) {
		return fmt.Sprintf(`want an RFC 6901 pointer such as "/data", not %.40q`, pointer)
	}
	return ""
}

// complaintOfMarks says why MarksAt can't be; empty where it can.
func (d Dialect) complaintOfMarks() string {
	if d.MarksAt != "" && d.NoMarks != "" {
		return "there is no place for marks under NoMarks"
	}
	if d.MarksAt == "/_ifmatch" {
		return "/_ifmatch is a list, which ifmatch.Marks has without MarksAt"
	}
	return complaintOfPointer(d.MarksAt)
}

// complaintOfMedia says why a text is no media type; empty where it is one, or empty.
func complaintOfMedia(media string) string {
	kind, _, err := mime.ParseMediaType(media)
	if media != "" && (err != nil || !strings.Contains(kind, "/")) {
		return fmt.Sprintf("no media type: %.40q", media)
	}
	return ""
}

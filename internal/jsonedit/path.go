package jsonedit

import (
	"fmt"
	"strconv"
	"strings"
)

// path is the way to a value.
type path struct {
	up    *path
	token string
}

// to returns the path of a member.
func (p *path) to(name string) *path { return &path{p, name} }

// at returns the path of an element.
func (p *path) at(i int) *path { return &path{p, strconv.Itoa(i)} }

// String returns the path as a JSON pointer (RFC 6901 §3).
func (p *path) String() string {
	if p == nil {
		return ""
	}
	var tokens []string
	for ; p != nil; p = p.up {
		tokens = append(tokens, p.token)
	}
	var b strings.Builder
	for i := len(tokens) - 1; i >= 0; i-- {
		b.WriteString("/")
		b.WriteString(pointerEscapes.Replace(strings.TrimPrefix(tokens[i], notUnicode)))
	}
	return b.String()
}

var (
	pointerEscapes   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescapes = strings.NewReplacer("~1", "/", "~0", "~")
)

// editError is why an edit can't be made, and the member that it is about.
type editError struct {
	path *path
	why  string
}

func (e *editError) Error() string {
	if e.path == nil {
		return "ifmatch: the JSON document: " + e.why
	}
	return fmt.Sprintf("ifmatch: JSON member %q: %s", e.path, e.why)
}

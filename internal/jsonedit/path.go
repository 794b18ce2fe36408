package jsonedit

import (
	"strconv"
	"strings"
)

// path is the way to a value. A nil *path is the whole document.
type path struct {
	up   *path
	name string // of a member, or the index of an element
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
	var names []string
	for ; p != nil; p = p.up {
		names = append(names, p.name)
	}
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		b.WriteString("/")
		b.WriteString(pointerEscapes.Replace(strings.TrimPrefix(names[i], notUnicode)))
	}
	return b.String()
}

var (
	pointerEscapes   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescapes = strings.NewReplacer("~1", "/", "~0", "~")
)

// PointsToMember reports whether a text is a JSON pointer (RFC 6901) to something
// in a document, not to all of it.
func PointsToMember(pointer string) bool { return len(pointer) > 1 && pointer[0] == '/' }

// namesIn returns the names that a pointer goes by.
func namesIn(pointer string) []string {
	names := strings.Split(pointer[1:], "/")
	for i := range names {
		names[i] = pointerUnescapes.Replace(names[i])
	}
	return names
}

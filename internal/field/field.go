// Package field reads and changes the fields of an http.Header, however their
// names are spelled in the map: net/http sends what it finds there. It knows no
// field by its meaning.
package field

import (
	"net/http"
	"strings"
)

// Lines returns the lines of a field. It returns nil for a field without a line:
// a name without a value isn't sent. The slice may be the header's own, so the
// caller must not change it.
func Lines(h http.Header, canonical string) []string {
	lines := h[canonical]
	for name, more := range h {
		if name != canonical && strings.EqualFold(name, canonical) {
			lines = append(lines[:len(lines):len(lines)], more...)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return lines
}

// Set makes value the only line of a field. h must not be nil.
func Set(h http.Header, canonical, value string) {
	Drop(h, canonical)
	h[canonical] = []string{value}
}

// SetEach makes each value the only line of its field, as Set does, in one piece of memory.
// h must not be nil.
func SetEach(h http.Header, fields ...[2]string) {
	lines := make([]string, len(fields))
	for i, f := range fields {
		lines[i] = f[1]
		Drop(h, f[0])
		h[f[0]] = lines[i : i+1 : i+1]
	}
}

// Drop removes a field in all its spellings. A nil h is left alone.
func Drop(h http.Header, canonical string) {
	delete(h, canonical)
	for name := range h {
		if strings.EqualFold(name, canonical) {
			delete(h, name)
		}
	}
}

// Clone returns a copy of h that shares nothing with it. The copy of a nil header
// is an empty one, which can be written to.
func Clone(h http.Header) http.Header {
	if h == nil {
		return http.Header{}
	}
	return h.Clone()
}

// Canonical returns a copy of h whose names are in canonical form. The lines of
// several spellings are one field then, in no particular order.
func Canonical(h http.Header) http.Header {
	made := make(http.Header, len(h))
	for name, values := range h {
		key := http.CanonicalHeaderKey(name)
		made[key] = append(made[key], values...)
	}
	return made
}

// Sendable reports whether a field may have this name and this value (RFC 9110 §5.1, §5.5):
// what ends a line, say, would begin another field.
func Sendable(name, value string) bool {
	if name == "" {
		return false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// TrimOWS removes optional white space around a value (RFC 9110 §5.6.3).
func TrimOWS(s string) string { return strings.Trim(s, " \t") }

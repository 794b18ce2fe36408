package jsonedit

import (
	"bytes"
	"slices"
)

// Same reports whether two JSON texts mean the same: strings whatever their
// escapes, numbers whatever their notation, objects whatever their order. Where
// one is no JSON they aren't the same.
func Same(x, y []byte) bool {
	a, err := Parse(x)
	if err != nil {
		return false
	}
	b, err := Parse(y)
	return err == nil && same(a.root(), b.root())
}

// writtenAlike reports whether two values are written alike but for white space.
func writtenAlike(x, y value) bool {
	if x.absent() || y.absent() {
		return false
	}
	a, b := x.raw(), y.raw()
	return bytes.Equal(a, b) || equalTokens(a, b)
}

// equalTokens reports whether two valid texts are equal but for white space outside of strings.
func equalTokens(a, b []byte) bool {
	i, j := skipSpace(a, 0), skipSpace(b, 0)
	for i < len(a) && j < len(b) {
		next, other := i+1, j+1
		if a[i] == '"' && b[j] == '"' {
			next, other = endOfString(a, i), endOfString(b, j)
		}
		if !bytes.Equal(a[i:next], b[j:other]) {
			return false
		}
		i, j = skipSpace(a, next), skipSpace(b, other)
	}
	return i == len(a) && j == len(b)
}

// same reports whether two values mean the same: see Same. Two absent values are
// the same. An object that has a name twice is the same as one with the same
// members in the same order only.
func same(x, y value) bool {
	if x.kind() != y.kind() {
		return false
	}
	if bytes.Equal(x.raw(), y.raw()) {
		return true
	}
	switch x.kind() {
	case '[':
		return slices.EqualFunc(x.parts(), y.parts(), same)
	case '{':
		return sameMembers(x.exactMembers(), y.exactMembers())
	case '"', '0':
		return scalarKey(x) == scalarKey(y)
	}
	return false
}

func sameMembers(x, y named) bool {
	if x.twice || y.twice {
		return slices.Equal(x.names, y.names) && slices.EqualFunc(x.parts, y.parts, same)
	}
	if len(x.parts) != len(y.parts) {
		return false
	}
	for i, name := range x.names {
		if !same(x.parts[i], y.get(name)) {
			return false
		}
	}
	return true
}

// scalarKey returns the same text for scalars that mean the same, and for no
// others.
func scalarKey(v value) string {
	switch v.kind() {
	case '"':
		return `"` + exact(v.raw())
	case '0':
		return decimal(v.raw())
	}
	return string(v.raw())
}

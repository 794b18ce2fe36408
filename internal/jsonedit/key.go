package jsonedit

import (
	"bytes"
	"iter"
)

// fittingKey returns the first key that all objects before the edit have, or else the
// first that one of them has. An array that was empty has nothing to tell apart.
func (r *Rules) fittingKey(before iter.Seq[value]) string {
	some := ""
	for _, key := range r.Keys {
		objects, keyed := 0, 0
		for v := range before {
			if v.kind() == '{' {
				objects++
				if !v.keyIn(key).absent() {
					keyed++
				}
			}
		}
		if keyed > 0 && keyed == objects {
			return key
		}
		if keyed > 0 && some == "" {
			some = key
		}
	}
	return some
}

// keyBy returns the value of a key in an object, as a text that is equal for equal values
// only. It is false where there is none that is a string or a number, or two.
func (v value) keyBy(name string) (string, bool) {
	member := v.keyIn(name)
	if member.absent() {
		return "", false
	}
	return scalarKey(member), true
}

// keyIn returns the member that keyBy is about, absent where that is false.
func (v value) keyIn(name string) value {
	member := v.only(name)
	if kind := member.kind(); kind != '"' && kind != '0' {
		return value{}
	}
	return member
}

// only returns the member of an object that has this name, absent where there is none
// or more than one.
func (v value) only(name string) (found value) {
	if v.kind() != '{' {
		return value{}
	}
	for part := v.first(); !part.absent(); part = part.next() {
		if !part.means(name) {
			continue
		}
		if !found.absent() {
			return value{}
		}
		found = part
	}
	return found
}

// sameScalar reports whether the scalar x and another value mean the same.
func sameScalar(x, y value) bool {
	switch {
	case x.kind() != y.kind():
		return false
	case equalText(x, y):
		return true
	case isPlain(x.raw()) && isPlain(y.raw()):
		return false
	}
	return scalarKey(x) == scalarKey(y)
}

// isPlain reports whether a scalar means the same as no other plain one.
func isPlain(raw []byte) bool {
	if raw[0] == '"' {
		return bytes.IndexByte(raw, '\\') < 0
	}
	for _, c := range raw {
		if c == '.' || c|' ' == 'e' {
			return false
		}
	}
	return string(raw) != "-0"
}

// means reports whether a member has a name, however that is written.
func (v value) means(name string) bool {
	quoted := v.quotedName()
	inner := quoted[1 : len(quoted)-1]
	return string(inner) == name || bytes.IndexByte(inner, '\\') >= 0 && exact(quoted) == name
}

package jsonedit

import "slices"

// value is one value of a document. The zero value is absent.
type value struct {
	doc   *Document
	index int32 // of its node
}

func (v value) absent() bool { return v.doc == nil }
func (v value) node() *node  { return &v.doc.nodes[v.index] }

// raw returns the text of the value, nil for an absent one.
func (v value) raw() []byte {
	if v.absent() {
		return nil
	}
	n := v.node()
	return v.doc.text[n.start:n.end:n.end]
}

// quotedName returns the text of a member's name, with its quotes. It is empty for
// what is no member.
func (v value) quotedName() []byte {
	start := int(v.node().name)
	if start == 0 {
		return nil
	}
	end := endOfString(v.doc.text, start)
	return v.doc.text[start:end:end]
}

// head is where the value begins in the text, with its name.
func (v value) head() int {
	n := v.node()
	if n.name > 0 {
		return int(n.name)
	}
	return int(n.start)
}

// kind returns what the value is: '{', '[', '"', 't', 'f', 'n', '0' for a
// number, and 0 where it is absent.
func (v value) kind() byte {
	if v.absent() {
		return 0
	}
	switch c := v.doc.text[v.node().start]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	}
	return '0'
}

func (v value) isContainer() bool { return v.kind() == '{' || v.kind() == '[' }

// parts returns the members of an object or the elements of an array, and nothing
// for any other value.
func (v value) parts() []value {
	if !v.isContainer() {
		return nil
	}
	after := v.node().after
	n := 0
	for i := v.index + 1; i < after; i = v.doc.nodes[i].after {
		n++
	}
	all := make([]value, 0, n)
	for i := v.index + 1; i < after; i = v.doc.nodes[i].after {
		all = append(all, value{v.doc, i})
	}
	return all
}

// isZero reports whether a value is what encoding/json renders for the zero of
// some type.
func (v value) isZero() bool {
	switch v.kind() {
	case 't':
		return false
	case '"':
		return string(v.raw()) == `""`
	case '0':
		return decimal(v.raw()) == "0"
	case '{', '[':
		return !slices.ContainsFunc(v.parts(), func(part value) bool { return !part.isZero() })
	}
	return true
}

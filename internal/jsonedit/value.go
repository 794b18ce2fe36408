package jsonedit

import (
	"bytes"
	"iter"
)

// value is one value of a document. The zero value is absent.
type value struct {
	doc        *Document
	start, end int32 // in the text
	name       int32 // where the name of a member begins; 0 where it has none
	container  int32 // of a container; else the next one's in the document
}

func (v value) absent() bool { return v.doc == nil }

// raw returns the text of the value, nil for an absent one.
func (v value) raw() []byte {
	if v.absent() {
		return nil
	}
	return v.doc.text[v.start:v.end:v.end]
}

// quotedName returns the text of a member's name, with its quotes. It is empty for
// what is no member.
func (v value) quotedName() []byte {
	start := int(v.name)
	if start == 0 {
		return nil
	}
	end := endOfString(v.doc.text, start)
	return v.doc.text[start:end:end]
}

// isCalled reports whether a member has a name, as it is written with its quotes.
func (v value) isCalled(quoted []byte) bool {
	return bytes.HasPrefix(v.doc.text[v.name:], quoted) // which ends with the name itself
}

// head is where the value begins in the text, with its name.
func (v value) head() int {
	if v.name > 0 {
		return int(v.name)
	}
	return int(v.start)
}

// holds reports whether a value of the same document is this one, or in it.
func (v value) holds(inner value) bool { return v.start <= inner.start && inner.start < v.end }

// kind returns what the value is: '{', '[', '"', 't', 'f', 'n', '0' for a
// number, and 0 where it is absent.
func (v value) kind() byte {
	if v.absent() {
		return 0
	}
	switch c := v.doc.text[v.start]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	}
	return '0'
}

func (v value) isContainer() bool {
	return !v.absent() && (v.doc.text[v.start] == '{' || v.doc.text[v.start] == '[')
}

// parts returns the members of an object or the elements of an array, and nothing
// for any other value.
func (v value) parts() []value {
	if !v.isContainer() {
		return nil
	}
	var few [fewNames]value
	n := 0
	for part := range v.all() {
		if n < len(few) {
			few[n] = part
		}
		n++
	}
	if n <= len(few) {
		return append(make([]value, 0, n), few[:n]...)
	}
	all := make([]value, 0, n)
	for part := range v.all() {
		all = append(all, part)
	}
	return all
}

// all goes through the parts.
func (v value) all() iter.Seq[value] {
	return func(yield func(value) bool) {
		for part := v.first(); !part.absent() && yield(part); part = part.next() {
		}
	}
}

// first returns the first of the parts, absent where there are none.
func (v value) first() value {
	if !v.isContainer() {
		return value{}
	}
	text := v.doc.text
	opening := text[v.start]
	at := skipSpace(text, int(v.start)+1)
	if text[at] == opening+2 {
		return value{}
	}
	return v.doc.partAt(at, v.container+1, opening == '{')
}

// next returns the part that follows this one in its container, absent where it is the last.
func (v value) next() value {
	text := v.doc.text
	at := skipSpace(text, int(v.end))
	if text[at] != ',' {
		return value{}
	}
	later := v.container
	if v.isContainer() {
		later = v.doc.containers[later].after
	}
	return v.doc.partAt(skipSpace(text, at+1), later, v.name > 0)
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
		for part := v.first(); !part.absent(); part = part.next() {
			if !part.isZero() {
				return false
			}
		}
	}
	return true
}

package jsonedit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrTwice says that an object on the way to a member has its name twice, so that
// readers may differ about which one it is.
var ErrTwice = errors.New("a name on the way occurs twice")

// Kind is the kind of a JSON value, as far as it matters to a text that is put
// into its place.
type Kind uint8

const (
	AnyKind Kind = iota // neither a number nor a string, or there is none
	Number
	String
)

// Member is a value in a JSON text. The zero Member is one that isn't there.
type Member struct {
	text       []byte
	start, end int
}

// Find returns the member of a JSON text that a pointer names: see PointsToMember.
// The zero Member is returned where there is none. Elements of arrays aren't
// looked for.
//
// A name that occurs twice on the way is ErrTwice. The text may come from a server
// and be large, so Find goes through it without an index of its values. The Member
// shares the text's memory.
func Find(text []byte, pointer string) (Member, error) {
	if !json.Valid(text) {
		return Member{}, notJSON(text)
	}
	m := whole(text)
	for _, name := range namesIn(pointer) {
		found, n := m.member(name)
		if n > 1 {
			return Member{}, fmt.Errorf("%s: %w", pointer, ErrTwice)
		}
		if n == 0 {
			return Member{}, nil
		}
		m = found
	}
	return m, nil
}

// Kind returns what the value is. It is AnyKind for the zero Member.
func (m Member) Kind() Kind {
	switch {
	case m.absent():
		return AnyKind
	case m.text[m.start] == '"':
		return String
	case startsNumber(m.text[m.start]):
		return Number
	}
	return AnyKind
}

// Text returns the digits of a number or what a string means, and nothing for any
// other value.
func (m Member) Text() string {
	switch m.Kind() {
	case String:
		return unquote(m.raw())
	case Number:
		return string(m.raw())
	}
	return ""
}

// Raw returns the value as it is written, and nil for the zero Member. It shares the text's
// memory.
func (m Member) Raw() []byte {
	if m.absent() {
		return nil
	}
	return m.text[m.start:m.end:m.end]
}

// PutRaw returns a JSON text with another one in the member that a pointer names, byte for
// byte, and nothing else changed: see Put. The empty pointer is the whole text.
func PutRaw(text []byte, pointer string, raw []byte) ([]byte, error) {
	if !json.Valid(raw) {
		return nil, notJSON(raw)
	}
	if pointer == "" {
		return raw, nil
	}
	m, err := Find(text, pointer)
	if err != nil {
		return nil, err
	}
	return m.replace(text, pointer, string(raw))
}

// Put returns a JSON text with a value in the member that a pointer names, and
// nothing else changed. A member that isn't there is put first into its object,
// and so are the objects on the way; where a value on the way is no object, that
// is an error. The errors of Find are errors of Put, too.
//
// The value is written as the kind that the member had. Where it had none, kind
// says which; AnyKind is a string. What is no number in JSON is always a string.
func Put(text []byte, pointer, value string, kind Kind) ([]byte, error) {
	m, err := Find(text, pointer)
	if err != nil {
		return nil, err
	}
	if had := m.Kind(); had != AnyKind {
		kind = had
	}
	if kind != Number || !isNumber(value) {
		value = quote(value)
	}
	return m.replace(text, pointer, value)
}

// WithMembersOf returns the document with the members that another one has under
// these pointers, as they are written there. A member that the other document
// lacks stays as it is. Where a value on the way to a member is no object here,
// the member is left out. A name that occurs twice on the way is ErrTwice.
func (d *Document) WithMembersOf(other *Document, pointers []string) (*Document, error) {
	if len(pointers) == 0 {
		return d, nil
	}
	text := d.text
	for _, pointer := range pointers {
		theirs, err := Find(other.text, pointer)
		if err != nil {
			return nil, err
		}
		if theirs.absent() {
			continue
		}
		own, err := Find(text, pointer)
		if err != nil {
			return nil, err
		}
		if with, err := own.replace(text, pointer, string(theirs.raw())); err == nil {
			text = with // elsewhere there is no object that could have it
		}
	}
	return Parse(text)
}

// whole returns all of a valid JSON text as if it were a member.
func whole(text []byte) Member { return Member{text, skipSpace(text, 0), len(text)} }

func (m Member) absent() bool { return m.text == nil }
func (m Member) raw() []byte  { return m.text[m.start:m.end] }

// member returns the member of an object, and how often it has the name.
func (m Member) member(name string) (found Member, n int) {
	if m.text[m.start] != '{' {
		return Member{}, 0
	}
	i := skipSpace(m.text, m.start+1)
	for m.text[i] != '}' {
		end := endOfString(m.text, i)
		key := unquote(m.text[i:end])
		start := skipSpace(m.text, skipSpace(m.text, end)+1) // after the colon
		end = endOfValue(m.text, start)
		if key == name {
			found, n = Member{m.text, start, end}, n+1
		}
		if i = skipSpace(m.text, end); m.text[i] == ',' {
			i = skipSpace(m.text, i+1)
		}
	}
	return found, n
}

// replace returns a text with another value for the member, which may be absent
// from it.
func (m Member) replace(text []byte, pointer, value string) ([]byte, error) {
	if m.absent() {
		return addMember(text, pointer, value)
	}
	return bytes.Join([][]byte{text[:m.start], []byte(value), text[m.end:]}, nil), nil
}

// addMember puts a member first into the object of a valid text that a pointer
// names, and makes the objects on the way that aren't there.
func addMember(text []byte, pointer, value string) ([]byte, error) {
	object := whole(text)
	names := namesIn(pointer)
	for len(names) > 1 {
		next, n := object.member(names[0])
		if n == 0 {
			break
		}
		object, names = next, names[1:]
	}
	if text[object.start] != '{' {
		return nil, fmt.Errorf("there is no object to put the member %s into", pointer)
	}
	for i := len(names) - 1; i >= 0; i-- {
		if value = quote(names[i]) + ":" + value; i > 0 {
			value = "{" + value + "}"
		}
	}
	at := object.start + 1
	if text[skipSpace(text, at)] != '}' {
		value += ","
	}
	return bytes.Join([][]byte{text[:at], []byte(value), text[at:]}, nil), nil
}

package jsonedit

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep a document may be nested. encoding/json allows 10,000
// levels; nobody means them.
const maxDepth = 1000

// Document is a JSON text and where its values are in it: one node for each value,
// in the order of the text, so that the parts of a value follow it.
type Document struct {
	text  []byte
	nodes []node
}

type node struct {
	start, end    int32 // of the value in the text
	name, nameEnd int32 // of the member's name, with its quotes; equal where it has none
	after         int32 // the first node that isn't part of this one
}

// ErrTooLarge says that a text can't be edited: it has 2 GiB or more.
var ErrTooLarge = errors.New("the text has 2 GiB or more")

// Parse finds the values of a JSON text, which must not change afterwards. The
// error says where the text stops being JSON, that it is nested too deeply, or is
// ErrTooLarge.
func Parse(text []byte) (*Document, error) {
	if len(text) > math.MaxInt32 {
		return nil, ErrTooLarge
	}
	if !json.Valid(text) {
		return nil, notJSON(text)
	}
	d := &Document{text: text, nodes: make([]node, 0, len(text)/16+1)}
	var open []int32 // the containers around the position
	var name, nameEnd int
	for i := 0; i < len(text); {
		start, inObject := i, len(open) > 0 && text[d.nodes[open[len(open)-1]].start] == '{'
		switch c := text[i]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
			continue
		case '}', ']':
			i++
			closed := &d.nodes[open[len(open)-1]]
			closed.end, closed.after = int32(i), int32(len(d.nodes))
			open = open[:len(open)-1]
			continue
		case '{', '[':
			i++
			if len(open) == maxDepth {
				return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
			}
			open = append(open, int32(len(d.nodes)))
		case '"':
			i = endOfString(text, i)
			if inObject && nameEnd == 0 {
				name, nameEnd = start, i
				continue
			}
		default:
			i = endOfScalar(text, i)
		}
		d.nodes = append(d.nodes, node{int32(start), int32(i), int32(name), int32(nameEnd), int32(len(d.nodes) + 1)})
		name, nameEnd = 0, 0
	}
	return d, nil
}

// notJSON says where a text stops being JSON.
func notJSON(text []byte) error {
	err := json.Unmarshal(text, new(json.RawMessage))
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not JSON at byte %d: %w", syntax.Offset, err)
	}
	return fmt.Errorf("not JSON: %w", err)
}

// endOfString returns the position after the string that begins at i.
func endOfString(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// endOfScalar returns the position after the number or the word that begins at i.
func endOfScalar(text []byte, i int) int {
	for i < len(text) && !isSpace(text[i]) && text[i] != ',' && text[i] != ']' && text[i] != '}' {
		i++
	}
	return i
}

func (d *Document) root() value { return value{d, 0} }

// value is one value of a document. The zero value is absent.
type value struct {
	doc *Document
	at  int32
}

func (v value) absent() bool { return v.doc == nil }
func (v value) node() *node  { return &v.doc.nodes[v.at] }

// raw returns the text of the value, nil for an absent one.
func (v value) raw() []byte {
	if v.absent() {
		return nil
	}
	n := v.node()
	return v.doc.text[n.start:n.end:n.end]
}

// quotedName returns the text of the name of a member, with its quotes.
func (v value) quotedName() []byte {
	n := v.node()
	return v.doc.text[n.name:n.nameEnd:n.nameEnd]
}

// head is where the value begins in the text, with its name.
func (v value) head() int {
	if n := v.node(); n.nameEnd > 0 {
		return int(n.name)
	}
	return int(v.node().start)
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

func (v value) container() bool { return v.kind() == '{' || v.kind() == '[' }

// elements returns the parts of a container, and nothing for any other value.
func (v value) elements() []value {
	if !v.container() {
		return nil
	}
	after := v.node().after
	var all []value
	for i := v.at + 1; i < after; i = v.doc.nodes[i].after {
		all = append(all, value{v.doc, i})
	}
	return all
}

// named are the members of one object.
type named struct {
	all    []value
	names  []string       // decoded
	last   map[string]int // the last one of each name: decoding takes that
	double bool           // a name occurs twice
}

// members returns the members of an object, and none for any other value.
// Their names are as encoding/json decodes them.
func (v value) members() named { return v.membersBy(unquote) }

// exactMembers is members with names that are equal for equal text only: see exact.
func (v value) exactMembers() named { return v.membersBy(exact) }

func (v value) membersBy(decode func(quoted []byte) string) named {
	if v.kind() != '{' {
		return named{}
	}
	m := named{all: v.elements()}
	m.names, m.last = make([]string, len(m.all)), make(map[string]int, len(m.all))
	for i, member := range m.all {
		m.names[i] = decode(member.quotedName())
		m.last[m.names[i]] = i
	}
	m.double = len(m.last) < len(m.all)
	return m
}

// get returns the member of that name, the last one of several.
func (m named) get(name string) value {
	if i, ok := m.last[name]; ok {
		return m.all[i]
	}
	return value{}
}

// unquote returns what a JSON string means, as encoding/json decodes it.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	plain := true
	for _, c := range inner {
		if c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return string(inner)
	}
	var s string
	json.Unmarshal(quoted, &s) // it is valid: the document is
	return s
}

// exact returns what a JSON string means, and the string itself behind a byte that
// no text has where encoding/json can't say: it makes U+FFFD of what isn't valid
// Unicode, and so the same of different strings.
func exact(quoted []byte) string {
	s := unquote(quoted)
	if strings.ContainsRune(s, utf8.RuneError) && !validUnicode(quoted) {
		return notUnicode + string(quoted[1:len(quoted)-1])
	}
	return s
}

const notUnicode = "\xff"

// validUnicode reports whether a JSON string is UTF-8 and has no surrogate without
// the other half (RFC 8259 §8.2).
func validUnicode(quoted []byte) bool {
	if !utf8.Valid(quoted) {
		return false
	}
	var half rune // the first of a pair, from the escape before
	for i := 0; i < len(quoted); i++ {
		var unit rune
		if quoted[i] == '\\' {
			if i++; quoted[i] == 'u' {
				n, _ := strconv.ParseUint(string(quoted[i+1:i+5]), 16, 16)
				unit = rune(n)
				i += 4
			}
		}
		switch {
		case half != 0 && utf16.DecodeRune(half, unit) == utf8.RuneError:
			return false
		case half != 0:
			half = 0
		case utf16.IsSurrogate(unit):
			half = unit
		}
	}
	return true
}

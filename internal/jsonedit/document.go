package jsonedit

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// maxDepth is how deep a document may be nested. encoding/json allows 10,000
// levels; nobody means them.
const maxDepth = 1000

// ErrTooLarge says that a text can't be edited: it has 2 GiB or more.
var ErrTooLarge = errors.New("the text has 2 GiB or more")

// Document is a JSON text and where its values are in it. It is not changed once
// it is made, so several goroutines may use it.
type Document struct {
	text  []byte
	nodes []node // one for each value, in the order of the text: the parts of a value follow it
}

// node is where a value is. Its positions take half the memory of an int: there
// may be a node for each two bytes of the text.
type node struct {
	start, end    int32 // of the value in the text
	name, nameEnd int32 // of the member's name, with its quotes; equal where it has none
	after         int32 // the first node that isn't part of this one
}

// Parse finds the values of a JSON text. The Document keeps the text, which must
// not change afterwards.
//
// The error says where the text stops being JSON, or that it is nested deeper
// than 1000 levels, or it is ErrTooLarge.
func Parse(text []byte) (*Document, error) {
	if len(text) > math.MaxInt32 {
		return nil, ErrTooLarge
	}
	if !json.Valid(text) {
		return nil, notJSON(text)
	}
	p := parser{text: text, nodes: make([]node, 0, len(text)/16+1)}
	for p.at < len(text) {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	return &Document{text, p.nodes}, nil
}

// notJSON says where a text stops being JSON: the first byte of the character
// that doesn't belong there, counted from 1.
func notJSON(text []byte) error {
	err := json.Unmarshal(text, new(json.RawMessage))
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := syntax.Offset
		// Since Go 1.27 the offset is behind the whole character.
		if _, size := utf8.DecodeLastRune(text[:at]); size > 1 {
			at -= int64(size - 1)
		}
		return fmt.Errorf("not JSON at byte %d: %w", at, err)
	}
	return fmt.Errorf("not JSON: %w", err)
}

// root returns the value that the whole text is.
func (d *Document) root() value { return value{d, 0} }

// parser goes through a valid text once.
type parser struct {
	text          []byte
	nodes         []node
	at            int
	open          []int32 // the containers around the position
	name, nameEnd int     // of a member whose value comes next; nameEnd is 0 where there is none
}

// next goes past one token, or past white space and what separates values.
func (p *parser) next() error {
	start := p.at
	switch p.text[start] {
	case ' ', '\t', '\r', '\n', ',', ':':
		p.at++
	case '{', '[':
		p.at++
		if len(p.open) == maxDepth {
			return fmt.Errorf("nested deeper than %d levels", maxDepth)
		}
		p.open = append(p.open, int32(len(p.nodes)))
		p.add(start)
	case '}', ']':
		p.at++
		last := len(p.open) - 1
		closed := &p.nodes[p.open[last]]
		closed.end, closed.after = int32(p.at), int32(len(p.nodes))
		p.open = p.open[:last]
	case '"':
		p.at = endOfString(p.text, start)
		if p.nameEnd == 0 && p.inObject() {
			p.name, p.nameEnd = start, p.at
			return nil
		}
		p.add(start)
	default:
		p.at = endOfScalar(p.text, start)
		p.add(start)
	}
	return nil
}

// add makes a node of the value from start to the position.
func (p *parser) add(start int) {
	p.nodes = append(p.nodes, node{int32(start), int32(p.at), int32(p.name), int32(p.nameEnd), int32(len(p.nodes) + 1)})
	p.name, p.nameEnd = 0, 0
}

func (p *parser) inObject() bool {
	last := len(p.open) - 1
	return last >= 0 && p.text[p.nodes[p.open[last]].start] == '{'
}

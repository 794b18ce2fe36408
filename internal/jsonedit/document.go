package jsonedit

import (
	"bytes"
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

// node is where a value is. It is small: there may be one for each two bytes of the text.
type node struct {
	start, end int32 // of the value in the text
	name       int32 // where the name of a member begins; 0 where it has none
	after      int32 // the first node that isn't part of this one
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
	p := parser{text: text, nodes: make([]node, 0, nodesIn(text))}
	switch ok := p.document(); {
	case !ok && len(p.open) == maxDepth && json.Valid(text):
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	case !ok:
		return nil, notJSON(text)
	}
	return &Document{text, p.nodes}, nil
}

// nodesIn is how many values a text may have. Commas and brackets in its strings count, up
// to the one value in eight bytes that is usual in dense texts.
func nodesIn(text []byte) int {
	separated := bytes.Count(text, []byte{','}) + bytes.Count(text, []byte{'{'}) + bytes.Count(text, []byte{'['})
	return min(separated, len(text)/4) + 1
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

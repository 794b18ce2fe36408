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

// Document is a JSON text and where its objects and arrays are in it. It is not changed
// once it is made, so several goroutines may use it.
type Document struct {
	text       []byte
	containers []container // one for each object and array, in the order of the text: what is in one follows it
}

// container is where an object or an array ends. What else there is to know of values is found in
// the text each time: there may be a value for each two bytes of it.
type container struct {
	end   int32 // in the text
	after int32 // the first container that isn't in this one
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
	p := parser{text: text, containers: make([]container, 0, containersIn(text)), open: -1}
	switch ok := p.document(); {
	case !ok && p.depth == maxDepth && json.Valid(text):
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	case !ok:
		return nil, notJSON(text)
	}
	return &Document{text, p.containers}, nil
}

// containersIn is how many objects and arrays a text may have. Brackets in its strings count, up
// to the one in four bytes that is more than dense texts have.
func containersIn(text []byte) int {
	return min(bytes.Count(text, []byte{'{'})+bytes.Count(text, []byte{'['}), len(text)/4+1)
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
func (d *Document) root() value { return d.partAt(skipSpace(d.text, 0), 0, false) }

// partAt returns the value at a position, where the name of a member begins. container is the next
// one's from there on.
func (d *Document) partAt(at int, container int32, member bool) value {
	name := 0
	if member {
		name = at
		at = skipSpace(d.text, skipSpace(d.text, endOfString(d.text, at))+1) // after the colon
	}
	var end int
	switch d.text[at] {
	case '{', '[':
		end = int(d.containers[container].end)
	case '"':
		end = endOfString(d.text, at)
	default:
		end = endOfScalar(d.text, at)
	}
	return value{d, int32(at), int32(end), int32(name), container}
}

package jsonedit

import (
	"bytes"
	"fmt"
)

// Hidden returns an *EditError about the first of some values that is rendered equally
// before and after an edit, and otherwise than it was read: an edit of it doesn't show,
// and would be lost. The pointers name values by how T renders them. What isn't there, or
// means what it meant, is no error.
func Hidden(original, before, after []byte, pointers []string) error {
	if len(pointers) == 0 {
		return nil
	}
	var docs [3]*Document
	for i, text := range [...][]byte{original, before, after} {
		var err error
		if docs[i], err = Parse(text); err != nil {
			return fmt.Errorf("ifmatch: the edited document: %w", err)
		}
	}
	for _, pointer := range pointers {
		b, found := docs[1].root().find(pointer)
		a, still := docs[2].root().find(pointer)
		if !found || !still || !bytes.Equal(a.raw(), b.raw()) {
			continue
		}
		c := change{original: docs[0].root(), before: docs[1].root()}.at(b)
		if rewritten, is := c.firstRewritten(); is {
			return editErrorAt(whyHidden, cureHidden, rewritten.String())
		}
	}
	return nil
}

// find returns the value that a pointer names.
func (v value) find(pointer string) (value, bool) {
	if pointer == "" {
		return v, true
	}
	for _, name := range namesIn(pointer) {
		next := v.members().get(name)
		if v.kind() == '[' {
			next = v.elementsByIndex().get(name)
		}
		if next.absent() {
			return value{}, false
		}
		v = next
	}
	return v, true
}

// firstRewritten finds a value that T renders with another meaning than it was read
// with. What T doesn't know counts only where T renders another kind.
func (c change) firstRewritten() (*path, bool) {
	switch {
	case c.original.absent():
		return nil, false
	case c.original.kind() != c.before.kind() || !c.original.isContainer():
		return c.where, !same(c.original, c.before)
	}
	for _, part := range c.pairs() {
		if rewritten, found := part.firstRewritten(); found {
			return rewritten, true
		}
	}
	return nil, false
}

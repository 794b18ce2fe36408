// Package jsonedit edits JSON documents in place: what an edit doesn't touch stays
// byte for byte, with the members that the editor's type doesn't know, the digits
// of numbers, the escapes in strings, the order and the white space.
//
// Patch and MergePatch put the change of a decoded value into the text that it was
// decoded from. Merge puts two changes of one document together. Find and Put
// read and write a single member. Same compares two texts by what they mean.
//
// The package knows texts only. It doesn't know which Go type a text is decoded
// into, where a document comes from, or what becomes of it. Nothing in it waits,
// keeps state or changes a text that it was given, and all of it may be called
// concurrently. A result may share memory with what was given.
package jsonedit

import (
	"bytes"
	"fmt"
)

// Patch applies an edit to a JSON document that the edited type T doesn't know
// wholly. original is the document as it was read; before is how encoding/json
// renders the T that was decoded from it, after how it renders that T once it
// was edited. The result is original with the change from before to after: what
// T doesn't know, and what the edit left alone, is copied byte for byte.
//
//  1. Where before and after are equal, original stays: also members that T
//     renders and original lacks, members that T leaves out, numbers that T
//     can't hold.
//  2. Objects are edited member by member. Names are found as encoding/json finds
//     them, regardless of case where there is no exact one. A member that after
//     lacks is removed with all that is in it, and so is what a null replaces.
//  3. Arrays are edited element by element. An element that is equal before and
//     after is copied, wherever it moves; one that changed at its own index is
//     edited; others are removed or new.
//  4. Anything else is replaced as a whole.
//
// What would drop a member that T doesn't know, or leave open which element it
// belongs to, is an error that names the member. So is a change of a member that
// the document has twice, unless each is a scalar: then the last one is changed,
// since that is the one decoded.
//
// An empty original is a document that isn't there yet: the result is after.
func Patch(original, before, after []byte) ([]byte, error) {
	if len(bytes.TrimSpace(original)) == 0 {
		if _, err := Parse(after); err != nil {
			return nil, fmt.Errorf("ifmatch: the edited value: %w", err)
		}
		return after, nil
	}
	doc, e, err := diff(original, before, after)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return original, nil
	}
	return doc.with(e), nil
}

// diff returns the parsed original, and what the change from before to after makes
// of it.
func diff(original, before, after []byte) (*Document, *edit, error) {
	o, err := Parse(original)
	if err != nil {
		return nil, nil, fmt.Errorf("ifmatch: the JSON document: %w", err)
	}
	if bytes.Equal(before, after) {
		return o, nil, nil
	}
	b, err := Parse(before)
	if err != nil {
		return nil, nil, fmt.Errorf("ifmatch: the decoded value: %w", err)
	}
	a, err := Parse(after)
	if err != nil {
		return nil, nil, fmt.Errorf("ifmatch: the edited value: %w", err)
	}
	e, err := change{o.root(), b.root(), a.root()}.edit(nil)
	return o, e, err
}

// change is one value of a document, and how an edit changed it.
type change struct {
	original value // as it was read
	before   value // as T renders it; absent where T leaves it out
	after    value // as T renders it after the edit
}

// edit returns what becomes of the value.
func (c change) edit(where *path) (*edit, error) {
	if bytes.Equal(c.before.raw(), c.after.raw()) {
		return nil, nil
	}
	kind := c.original.kind()
	if c.after.kind() == kind && (c.before.absent() || c.before.kind() == kind) {
		switch kind {
		case '{':
			return c.editObject(where)
		case '[':
			return c.editArray(where)
		}
	}
	return c.replace(where)
}

// replace puts a new value in the place of the original. To set a value to null
// is to remove it.
func (c change) replace(where *path) (*edit, error) {
	if c.after.kind() != 'n' {
		if unknown, found := firstUnknown(c.original, c.before, where); found {
			return nil, &editError{unknown, whyDropped}
		}
	}
	return &edit{text: c.after.raw()}, nil
}

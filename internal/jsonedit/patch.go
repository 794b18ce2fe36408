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
// keeps state or changes a text that it was given; all may be called concurrently.
package jsonedit

import (
	"bytes"
	"fmt"
)

// Patch applies an edit to a JSON document that its type doesn't know
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
//  3. Arrays are edited element by element: see diffArray.
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
	doc, edit, err := diff(original, before, after)
	if err != nil {
		return nil, err
	}
	if edit == nil {
		return original, nil
	}
	return doc.apply(edit), nil
}

// MergePatch returns the change that Patch makes as a JSON Merge Patch
// (RFC 7396): the members that change, arrays as a whole. Unknown members in an
// array are in the patch too, or the array would lose them.
//
// A merge patch can't set a member to null, replace an object by another one, or
// be about a document that is no object: that is an error that names the member.
// Without a change the patch is {}.
func MergePatch(original, before, after []byte) ([]byte, error) {
	doc, edit, err := diff(original, before, after)
	if err != nil {
		return nil, err
	}
	root := doc.root()
	if root.kind() != '{' || edit != nil && edit.text != nil {
		return nil, &editError{nil, "a merge patch (RFC 7396) changes members of an object, and it is none"}
	}
	return edit.mergePatch(nil, root, nil)
}

// diff returns what the change from before to after makes of original.
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
	edit, err := diffValue(o.root(), b.root(), a.root(), nil)
	return o, edit, err
}

// diffValue returns what becomes of the value o, which T renders as b and after
// the edit as a. b may be absent: T left it out.
func diffValue(o, b, a value, path *path) (*edit, error) {
	if bytes.Equal(b.raw(), a.raw()) {
		return nil, nil
	}
	if o.kind() == a.kind() && (b.absent() || b.kind() == a.kind()) {
		switch o.kind() {
		case '{':
			return diffObject(o, b, a, path)
		case '[':
			return diffArray(o, b, a, path)
		}
	}
	return replaceValue(o, b, a, path)
}

// replaceValue puts a in the place of o. To set a value to null is to remove it.
func replaceValue(o, b, a value, path *path) (*edit, error) {
	if a.kind() != 'n' {
		if unknown, found := firstUnknown(o, b, path); found {
			return nil, &editError{unknown, whyDropped}
		}
	}
	return &edit{text: a.raw()}, nil
}

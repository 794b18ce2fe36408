package ifmatch

import (
	"bytes"
	"fmt"
)

// patchJSON applies an edit to a JSON document that its type doesn't know
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
func patchJSON(original, before, after []byte) ([]byte, error) {
	if len(bytes.TrimSpace(original)) == 0 {
		if _, err := parseRaw(after); err != nil {
			return nil, fmt.Errorf("ifmatch: the edited value: %w", err)
		}
		return after, nil
	}
	doc, edit, err := diffJSON(original, before, after)
	if err != nil {
		return nil, err
	}
	if edit == nil {
		return original, nil
	}
	return doc.apply(edit), nil
}

// mergePatchJSON returns the change that patchJSON makes as a JSON Merge Patch
// (RFC 7396): the members that change, arrays as a whole. Unknown members in an
// array are in the patch too, or the array would lose them.
//
// A merge patch can't set a member to null, replace an object by another one, or
// be about a document that is no object: that is an error that names the member.
// Without a change the patch is {}.
func mergePatchJSON(original, before, after []byte) ([]byte, error) {
	doc, edit, err := diffJSON(original, before, after)
	if err != nil {
		return nil, err
	}
	root := doc.root()
	if root.kind() != '{' || edit != nil && edit.text != nil {
		return nil, &rawError{nil, "a merge patch (RFC 7396) changes members of an object, and it is none"}
	}
	return edit.mergePatch(nil, root, nil)
}

// diffJSON returns what the change from before to after makes of original.
func diffJSON(original, before, after []byte) (*rawDoc, *rawEdit, error) {
	o, err := parseRaw(original)
	if err != nil {
		return nil, nil, fmt.Errorf("ifmatch: the JSON document: %w", err)
	}
	if bytes.Equal(before, after) {
		return o, nil, nil
	}
	b, err := parseRaw(before)
	if err != nil {
		return nil, nil, fmt.Errorf("ifmatch: the decoded value: %w", err)
	}
	a, err := parseRaw(after)
	if err != nil {
		return nil, nil, fmt.Errorf("ifmatch: the edited value: %w", err)
	}
	edit, err := diffValue(o.root(), b.root(), a.root(), nil)
	return o, edit, err
}

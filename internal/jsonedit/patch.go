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

// Rules say what is the same before and after a change. With the zero Rules,
// elements of arrays are told apart by how they are rendered.
type Rules struct {
	// Keys are names of members. In an array whose objects have one of them,
	// elements are the same when it has the same value. Each array uses the first
	// one that each of its objects has, or else the first one that any of them has.
	Keys []string

	// ByIndex says that elements of all other arrays are the same when their index
	// is, and that an object is the same while it stays at its path.
	ByIndex bool

	// Render decodes a text into the edited type and returns how that is rendered.
	// It may be nil: then what is left out after a change was removed, and a member
	// that is rendered but not in the document isn't changed.
	Render func(text []byte) ([]byte, error)
}

// Patch applies an edit to a JSON document that the edited type T doesn't know
// wholly. original is the document as it was read; before is how the T is rendered
// that was decoded from it, after how that T is rendered once it was edited. The
// result is original with the change from before to after: what T doesn't know,
// and what the edit left alone, is copied byte for byte.
//
//  1. Where before and after are equal, original stays: also members that T
//     renders and original lacks, members that T leaves out, numbers that T
//     can't hold.
//  2. Objects are edited member by member. Names are found as encoding/json finds
//     them, regardless of case where there is no exact one. A member that after
//     lacks is removed with all that is in it, and so is what a null replaces. An
//     object that T leaves out only because it became zero keeps what T doesn't
//     know.
//  3. Arrays are edited element by element. The Rules say which elements are the
//     same. A new one inherits nothing. See matching.
//  4. An object that left its place, and is rendered equally at one other place
//     where there was nothing, has moved: its text goes along. See settleMoves.
//  5. Anything else is replaced as a whole.
//
// What would drop or misplace a member that T doesn't know is an *EditError. So is
// a change of a member that the document has twice, unless each is a scalar: then
// the last one is changed, since that is the one decoded.
//
// An empty original is a document that isn't there yet: the result is after.
func Patch(original, before, after []byte, rules Rules) ([]byte, error) {
	if len(bytes.TrimSpace(original)) == 0 {
		if _, err := Parse(after); err != nil {
			return nil, fmt.Errorf("ifmatch: the edited value: %w", err)
		}
		return after, nil
	}
	doc, e, err := diff(original, before, after, rules)
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
func diff(original, before, after []byte, rules Rules) (*Document, *edit, error) {
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
	d := &diffing{rules: rules, root: change{original: o.root(), before: b.root(), after: a.root()}}
	d.stays = d.room[:0]
	e, err := d.whole()
	return o, e, err
}

// change is one value of a document, and how an edit changed it.
type change struct {
	original value // as it was read
	before   value // as T renders it; absent where T leaves it out
	after    value // as T renders it after the edit; absent where it is gone
	where    *path // in the document that was read
}

// diffing is one change of a document. It collects what left its place and what
// came to one: what became of these is decided once all of them are known.
type diffing struct {
	rules Rules
	root  change

	gone    []change  // what left its place
	came    []arrival // what came to a place where there was nothing
	stays   []change  // objects that changed, and stay at their path
	room    [2]change // for the first of these
	moved   []move
	left    map[int32]bool // by the start in the document: values that moved; nil: none
	zeroed  []*leaving     // objects that T leaves out
	aliases []*alias
}

// whole returns what becomes of the document.
func (d *diffing) whole() (*edit, error) {
	e, err := d.edit(d.root)
	if err != nil {
		return nil, err
	}
	if err := d.settleMoves(); err != nil {
		return nil, err
	}
	if err := d.settleAliases(); err != nil {
		return nil, err
	}
	d.settleZeros(e)
	return e, nil
}

// edit returns what becomes of a value.
func (d *diffing) edit(c change) (*edit, error) {
	if bytes.Equal(c.before.raw(), c.after.raw()) {
		return nil, nil
	}
	kind := c.original.kind()
	if c.after.kind() == kind && (c.before.absent() || c.before.kind() == kind) {
		switch kind {
		case '{':
			return d.editObject(c)
		case '[':
			return d.editArray(c)
		}
	}
	return d.replace(c)
}

// replace puts a new value in the place of the original. To set a value to null
// is to remove it.
func (d *diffing) replace(c change) (*edit, error) {
	e := &edit{text: c.after.raw()}
	switch {
	case c.after.kind() == 'n':
		d.gone = append(d.gone, c)
	case c.original.kind() == 'n':
		d.came = append(d.came, arrival{value: c.after, edit: e, where: c.where})
	default:
		if unknown, found := firstUnknown(c.original, c.before, c.where); found {
			return nil, editErrorAt(whyDropped, cureDeclare, unknown.String())
		}
	}
	return e, nil
}

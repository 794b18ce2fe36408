package jsonedit

import (
	"bytes"
	"slices"
)

// editArray edits an array element by element.
//
//  1. An element that is equal before and after is copied from the document,
//     wherever it moves (alignment.matchEqual).
//  2. One that changed at its own index is edited, so that it keeps what T
//     doesn't know (alignment.pairChanged).
//  3. The other elements of before are removed, the others of after are new.
//
// Where that could drop an unknown member although its element was only changed,
// or hang it on another element, it is an error. An array whose elements T
// doesn't render one by one, in the same order, is replaced as a whole.
func (c change) editArray(where *path) (*edit, error) {
	al := &alignment{original: c.original.parts(), before: c.before.parts(), after: c.after.parts(), where: where}
	common := min(len(al.original), len(al.before))
	fixed := len(al.before) != len(al.original) // a Go array drops elements, or renders more
	if fixed && len(al.after) != len(al.before) || !rendersAll(al.original, al.before[:common]) {
		return c.replaceArray(al)
	}
	var tail []item
	if fixed {
		tail = al.cut(common)
	}
	if err := al.matchEqual(); err != nil {
		return nil, err
	}
	if err := al.pairChanged(); err != nil {
		return nil, err
	}
	items := make([]item, 0, len(al.after)+len(tail))
	for j, now := range al.after {
		i := al.from[j]
		if i < 0 {
			items = append(items, newItem(now))
			continue
		}
		e, err := change{al.original[i], al.before[i], now}.edit(where.at(i))
		if err != nil {
			return nil, err
		}
		items = append(items, item{from: al.original[i], edit: e})
	}
	return &edit{items: append(items, tail...)}, nil
}

// replaceArray replaces an array whose elements T renders in its own way: sorted,
// say, or without some. Elements that T dropped would be lost.
func (c change) replaceArray(al *alignment) (*edit, error) {
	if len(al.original) > len(al.before) {
		rendered := make(map[string]bool)
		for _, v := range al.before {
			rendered[scalarKey(v)] = true
		}
		for i, v := range al.original {
			if !v.isContainer() && !rendered[scalarKey(v)] {
				return nil, &editError{al.where.at(i), whyDropped}
			}
		}
	}
	return c.replace(al.where)
}

// cut leaves the first n elements, and returns what becomes of the others, of
// which the document or T has none.
func (al *alignment) cut(n int) []item {
	var tail []item
	for _, rest := range al.original[n:] {
		tail = append(tail, item{from: rest})
	}
	if !slices.EqualFunc(al.before[n:], al.after[n:], equalText) {
		for _, more := range al.after[n:] {
			tail = append(tail, newItem(more))
		}
	}
	al.original, al.before, al.after = al.original[:n], al.before[:n], al.after[:n]
	return tail
}

func equalText(x, y value) bool { return bytes.Equal(x.raw(), y.raw()) }

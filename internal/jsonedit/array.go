package jsonedit

import (
	"bytes"
	"slices"
)

// editArray edits an array element by element, as matching finds them: one that is the
// same before and after is edited in the text that it has, wherever it moves; others
// of before are removed, others of after are new. An array whose elements T doesn't
// render one by one, in the same order, is replaced as a whole.
func (d *diffing) editArray(c change) (*edit, error) {
	if e, done, err := d.editInPlace(c); done {
		return e, err
	}
	return d.editElements(c)
}

// editElements edits an array of which any element may have moved, come or gone.
func (d *diffing) editElements(c change) (*edit, error) {
	m := &matching{rules: d.rules, original: c.original.parts(), before: c.before.parts(), after: c.after.parts(), where: c.where}
	common := min(len(m.original), len(m.before))
	fixed := len(m.before) != len(m.original) // a Go array drops elements, or renders more
	if fixed && len(m.after) != len(m.before) || !rendersAll(m.original, m.before[:common]) {
		return d.replaceArray(c, m)
	}
	var tail []item
	if fixed {
		tail = m.cut(common)
	}
	if err := m.match(); err != nil {
		return nil, err
	}
	items := make([]item, 0, len(m.after)+len(tail))
	kept := make([]bool, len(m.before))
	for j, now := range m.after {
		i := m.from[j]
		if i < 0 {
			added := newItem(now)
			items = append(items, added)
			d.came = append(d.came, arrival{now, added.edit, c.where.at(j)})
			continue
		}
		kept[i] = true
		e, err := d.editElement(m, i, j)
		if err != nil {
			return nil, err
		}
		items = append(items, item{from: m.original[i], edit: e})
	}
	for i, stays := range kept {
		if !stays {
			d.gone = append(d.gone, change{original: m.original[i], before: m.before[i], where: c.where.at(i)})
		}
	}
	return &edit{items: append(items, tail...)}, nil
}

// editElement edits an element that is at i before, and at j after.
func (d *diffing) editElement(m *matching, i, j int) (*edit, error) {
	if equalText(m.before[i], m.after[j]) {
		return nil, nil
	}
	return d.editSame(change{m.original[i], m.before[i], m.after[j], m.where.at(i)}, m.key)
}

// editSame edits an element that is the same before and after. Where a key says so, nothing
// else at its place could have it taken for another one.
func (d *diffing) editSame(c change, key string) (*edit, error) {
	others := len(d.stays)
	e, err := d.edit(c)
	if err == nil && key != "" && len(d.stays) > others && d.stays[others].after == c.after {
		d.stays = slices.Delete(d.stays, others, others+1)
	}
	return e, err
}

// replaceArray replaces an array whose elements T renders in its own way: sorted,
// say, or without some. Elements that T dropped would be lost.
func (d *diffing) replaceArray(c change, m *matching) (*edit, error) {
	if len(m.original) > len(m.before) {
		rendered := make(map[string]bool)
		for _, v := range m.before {
			rendered[scalarKey(v)] = true
		}
		for i, v := range m.original {
			if !v.isContainer() && !rendered[scalarKey(v)] {
				return nil, editErrorAt(whyDropped, cureDeclare, m.where.at(i).String())
			}
		}
	}
	return d.replace(c)
}

// cut leaves the first n elements, and returns what becomes of the others, of
// which the document or T has none.
func (m *matching) cut(n int) []item {
	var tail []item
	for _, rest := range m.original[n:] {
		tail = append(tail, item{from: rest})
	}
	if !slices.EqualFunc(m.before[n:], m.after[n:], equalText) {
		for _, more := range m.after[n:] {
			tail = append(tail, newItem(more))
		}
	}
	m.original, m.before, m.after = m.original[:n], m.before[:n], m.after[:n]
	return tail
}

func equalText(x, y value) bool { return bytes.Equal(x.raw(), y.raw()) }

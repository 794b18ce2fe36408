package jsonedit

import (
	"slices"
	"sort"
)

// arrival is what an edit puts to a place where there was nothing.
type arrival struct {
	value value // of the edited document
	edit  *edit // that puts it there
	where *path
}

// moving finds what an edit moved from one place to another.
type moving struct {
	*diffing
	inBefore, inAfter sightings      // of what left its place
	stayed            map[int32]bool // by the start after the edit: objects that changed at their path
	fresh             newcomers
}

// settleMoves gives what moved the text that it had, where that has more than T renders. A
// rendering moved where it left one place, came to one other, and is nowhere else
// before or after the edit. One that left its place, and isn't the only one that
// came or is nowhere but there, is an error: nothing says whether it is the same.
func (d *diffing) settleMoves() error {
	if err := d.settleStays(); err != nil {
		return err
	}
	var left []change
	var parts []value
	for _, g := range d.gone {
		if _, lost := g.firstLost(); lost {
			left = append(left, g)
			g.eachLost(func(part change) { parts = append(parts, part.before) })
		}
	}
	if len(left) == 0 || len(d.came)+len(d.stays) == 0 {
		return nil
	}
	m := moving{d, sightingsOf(d.root.before.doc, parts), sightingsOf(d.root.after.doc, parts), make(map[int32]bool), newcomers{d.rules.Keys, make(map[string][]newcomer)}}
	for _, c := range d.stays {
		m.stayed[c.after.start] = true
	}
	slices.SortFunc(d.came, func(a, b arrival) int { return int(a.value.start - b.value.start) })
	if !d.rules.ByIndex {
		for _, a := range d.came {
			m.fresh.note(a.value)
		}
	}
	for _, g := range left {
		if err := m.settle(g); err != nil {
			return err
		}
	}
	d.carryTexts()
	return nil
}

// eachLost calls f with a value that would lose something, and with each one in it.
func (c change) eachLost(f func(change)) {
	if _, lost := c.firstLost(); lost && !c.before.absent() {
		f(c)
		for _, part := range c.pairs() {
			part.eachLost(f)
		}
	}
}

// pairs returns the parts of a value that T knows, as they were read and as T renders
// them.
func (c change) pairs() (all []change) {
	switch {
	case c.original.kind() != c.before.kind():
	case c.original.kind() == '{':
		members, rendered := c.original.members(), c.before.members()
		owned := members.ownedBy(&rendered)
		for i, name := range rendered.names {
			if last := owned.last(name); last >= 0 {
				all = append(all, change{original: members.parts[last], before: rendered.parts[i], where: c.where.to(members.names[last])})
			}
		}
	case c.original.kind() == '[':
		originals, befores := c.original.parts(), c.before.parts()
		for i := range min(len(originals), len(befores)) {
			all = append(all, change{original: originals[i], before: befores[i], where: c.where.at(i)})
		}
	}
	return all
}

// isOnly reports whether a value is there, and once in each of the two texts.
func (m *moving) isOnly(v value) bool {
	return !v.isZero() && m.inBefore.count(v) == 1 && m.inAfter.count(v) == 1
}

// settle finds where something went that left its place, or else where its parts went.
func (m *moving) settle(g change) error {
	lost, found := g.firstLost()
	if !found || g.before.absent() {
		return nil
	}
	came, elsewhere := m.newcomers(g.before)
	scalar := !g.original.isContainer()
	switch {
	case len(came) == 1 && !elsewhere && m.isOnly(g.before):
		m.moved = append(m.moved, move{g.original, came[0]})
		if m.left == nil {
			m.left = make(map[int32]bool)
		}
		m.left[g.original.start] = true
		return nil
	case scalar:
		return nil
	case len(came) > 0 || elsewhere:
		at := m.inAfter.of(g.before)[0]
		if len(came) > 0 {
			at = came[0]
		}
		return editErrorAt(whyCopied, cureTelling, lost.String(), m.root.after.pathTo(at).String())
	}
	if at, ok := m.fresh.resembles(g.before); ok {
		return editErrorAt(whyChanged, cureSplit, lost.String(), m.root.after.pathTo(at).String())
	}
	for _, part := range g.pairs() {
		if err := m.settle(part); err != nil {
			return err
		}
	}
	return nil
}

// newcomers returns where a rendering is after the edit in what came, and whether it is
// where something else stays.
func (m *moving) newcomers(rendering value) (came []value, stays bool) {
	for _, at := range m.inAfter.of(rendering) {
		if _, ok := m.arrivalOf(at); ok {
			came = append(came, at)
		}
		stays = stays || m.stayed[at.start]
	}
	return came, stays
}

// arrivalOf returns the index of the arrival that a value is in.
func (d *diffing) arrivalOf(v value) (int, bool) {
	i := sort.Search(len(d.came), func(i int) bool { return d.came[i].value.start > v.start }) - 1
	return i, i >= 0 && v.start < d.came[i].value.end
}

// move is the text of a value that goes to another place.
type move struct{ from, to value }

// carryTexts puts the texts of what moved into what came.
func (d *diffing) carryTexts() {
	slices.SortFunc(d.moved, func(a, b move) int { return int(a.to.start - b.to.start) })
	for i := 0; i < len(d.moved); {
		k, _ := d.arrivalOf(d.moved[i].to)
		whole := d.came[k].value
		at := whole.start
		var out []byte
		for ; i < len(d.moved) && d.moved[i].to.start < whole.end; i++ {
			to := d.moved[i].to
			out = append(append(out, whole.doc.text[at:to.start]...), d.moved[i].from.raw()...)
			at = to.end
		}
		d.came[k].edit.text = append(out, whole.doc.text[at:whole.end]...)
	}
}

// settleStays returns an error where an object stays at its path, and is rendered as
// another one was: they may have been swapped, or one taken from the other. The other one
// is looked at where it left its place or changed, too.
func (d *diffing) settleStays() error {
	if d.rules.ByIndex {
		return nil
	}
	telling := slices.DeleteFunc(slices.Clone(d.stays), func(c change) bool { return !c.after.tells() })
	var renderings []value
	for _, c := range telling {
		renderings = append(renderings, c.after)
	}
	inBefore := sightingsOf(d.root.before.doc, renderings)
	for _, c := range telling {
		for _, other := range inBefore.of(c.after) {
			if lost, found := c.firstLost(); found {
				return editErrorAt(whySwapped, cureTelling, lost.String(), c.where.String(), d.root.at(other).where.String())
			}
		}
	}
	return nil
}

// tells reports whether a value has something that may tell it apart: a number or a text
// that isn't zero. A flag tells nothing: to set it is an ordinary edit.
func (v value) tells() bool {
	switch v.kind() {
	case '"', '0':
		return !v.isZero()
	}
	for part := range v.all() {
		if part.tells() {
			return true
		}
	}
	return false
}

// at returns the change of a value that T renders, by its place in before. It is absent
// from the document where T renders what isn't there.
func (c change) at(rendered value) change {
	for c.before != rendered {
		var inner change
		for _, part := range c.pairs() {
			if part.before.holds(rendered) {
				inner = part
			}
		}
		if inner.before.absent() {
			return change{before: rendered, where: c.where}
		}
		c = inner
	}
	return c
}

// pathTo returns the path of a value that is in another one.
func (v value) pathTo(inner value) *path {
	var where *path
	for v != inner {
		for i, part := range v.parts() {
			if part.holds(inner) {
				if v.kind() == '[' {
					where = where.at(i)
				} else {
					where = where.to(exact(part.quotedName()))
				}
				v = part
				break
			}
		}
	}
	return where
}

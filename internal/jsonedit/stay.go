package jsonedit

import "slices"

// few is how many elements of an array an edit mostly changes at most, in their places.
const few = 4

// step is one index of an array: the elements as they were read, and as T renders them
// before and after the edit. The zero step is behind the last.
type step struct {
	index                   int
	original, before, after value
}

func (c change) firstStep() step {
	return step{0, c.original.first(), c.before.first(), c.after.first()}
}

func (s step) next() step {
	return step{s.index + 1, s.original.next(), s.before.next(), s.after.next()}
}

func (s step) isBehind() bool { return s.before.absent() }

// editInPlace edits an array of which few elements change, and each is at its index before and
// after. It is false where that isn't so, or can't be told without a look at all of them
// together; what it says is what editElements would say. Nothing is kept for those that stay.
func (d *diffing) editInPlace(c change) (e *edit, done bool, err error) {
	changed, ok := c.changedInPlace()
	if !ok {
		return nil, false, nil
	}
	key, stay := d.rules.keyInPlace(c, changed)
	if stay = stay || key == "" && d.rules.ByIndex; !stay && (key != "" || c.leavesOpen(changed)) {
		return nil, false, nil
	}
	e = &edit{inPlace: true}
	var gone []change
	for _, s := range changed {
		at := change{s.original, s.before, s.after, c.where.at(s.index)}
		var became *edit
		if stay || !s.original.isContainer() && !s.after.isContainer() {
			became, err = d.editSame(at, key)
		} else {
			became = d.exchange(at)
			gone = append(gone, change{original: at.original, before: at.before, where: at.where})
		}
		if err != nil {
			return nil, true, err
		}
		if became != nil {
			e.items = append(e.items, item{from: s.original, edit: became})
		}
	}
	d.gone = append(d.gone, gone...)
	if len(e.items) == 0 {
		return nil, true, nil
	}
	return e, true, nil
}

// exchange puts a new element into the place of another one.
func (d *diffing) exchange(c change) *edit {
	e := &edit{text: c.after.raw(), isNew: true}
	d.came = append(d.came, arrival{c.after, e, c.where})
	return e
}

// changedInPlace returns the elements that aren't rendered as before. It is false where there
// are more than few, the array has another length, or T doesn't render the elements one by one,
// in the same order.
func (c change) changedInPlace() (changed []step, ok bool) {
	odd := false
	s := c.firstStep()
	for ; !s.original.absent() && !s.before.absent() && !s.after.absent(); s = s.next() {
		odd = odd || !renders(s.original, s.before, 3)
		if equalText(s.before, s.after) {
			continue
		}
		if len(changed) == few {
			return nil, false
		}
		changed = append(changed, s)
	}
	ok = s == step{index: s.index} && (!odd || rendersAll(c.original.parts(), c.before.parts()))
	return changed, ok
}

// keyInPlace returns the key that fits the elements, and whether none of those that changed
// changed it, and no other element has the same.
func (r *Rules) keyInPlace(c change, changed []step) (key string, keeps bool) {
	for _, name := range r.Keys {
		ids, kept := keysOf(changed, name)
		objects, keyed := 0, 0
		for element := c.before.first(); !element.absent(); element = element.next() {
			if element.kind() != '{' {
				continue
			}
			objects++
			id := element.keyIn(name)
			if id.absent() {
				continue
			}
			keyed++
			kept = kept && !slices.ContainsFunc(ids, func(other value) bool { return other != id && sameScalar(other, id) })
		}
		if keyed > 0 && keyed == objects {
			return name, kept
		}
		if keyed > 0 && key == "" {
			key, keeps = name, kept
		}
	}
	return key, keeps
}

// keysOf returns what elements have as a key before the edit. It is false where one of them has
// none, or another one afterwards.
func keysOf(changed []step, key string) (ids []value, kept bool) {
	kept = true
	for _, s := range changed {
		id := s.before.keyIn(key)
		kept = kept && !id.absent() && sameScalar(id, s.after.keyIn(key))
		ids = append(ids, id)
	}
	return ids, kept
}

// leavesOpen reports whether elements without a key may be others than the ones at their index:
// one that changed is rendered as another one is now, or an element has something to lose.
func (c change) leavesOpen(changed []step) bool {
	came := false
	for _, s := range changed {
		came = came || s.after.kind() != 'n' // a null takes the place of nothing
		for now := range c.after.all() {
			if equalText(s.before, now) {
				return true
			}
		}
	}
	for s := c.firstStep(); came && !s.isBehind(); s = s.next() {
		if !s.original.isContainer() {
			continue
		}
		if _, lost := (change{original: s.original, before: s.before}).firstLost(); lost {
			return true
		}
	}
	return false
}

package jsonedit

import "slices"

// alignment says which elements of an array, before an edit, are which after it.
type alignment struct {
	original, before, after []value // as read, and as T renders them; original and before belong together
	where                   *path   // of the array
	to                      []int   // for each of before its index in after, or -1
	from                    []int   // for each of after its index in before, or -1
}

func (al *alignment) link(i, j int) { al.to[i], al.from[j] = j, i }

// matchEqual finds the elements that are equal before and after. Among elements
// that T can't tell apart the order is kept. When there are fewer of them after
// the edit, which ones were removed matters if they hold unknown members: it is
// read from the others, or it is an error.
func (al *alignment) matchEqual() error {
	al.to = slices.Repeat([]int{-1}, len(al.before))
	al.from = slices.Repeat([]int{-1}, len(al.after))
	if al.linkAllButOne() {
		return nil
	}
	inBefore, inAfter := groupAlike(al.before, al.after)
	var order []int // of after: see removalOrder
	for i, g := range inBefore {
		switch {
		case g.before[0] != i || len(g.after) == 0:
			// The group is done, or nothing of it is left.
		case len(g.after) >= len(g.before) || al.interchangeable(g):
			al.linkInOrder(g)
		case al.linkInPlace(g, inAfter):
		default:
			if order == nil {
				order = removalOrder(inBefore, inAfter)
			}
			if err := al.linkByRemoval(g, order); err != nil {
				return err
			}
		}
	}
	return nil
}

// linkAllButOne links all when a single element changed and nothing moved.
func (al *alignment) linkAllButOne() bool {
	if len(al.after) != len(al.before) {
		return false
	}
	changed := 0
	for i := range al.before {
		if !al.equalAt(i) {
			changed++
		}
	}
	if changed != 1 {
		return false
	}
	for i := range al.before {
		if al.equalAt(i) {
			al.link(i, i)
		}
	}
	return true
}

// equalAt reports whether the element at an index is equal before and after.
func (al *alignment) equalAt(i int) bool {
	return i < len(al.after) && equalText(al.before[i], al.after[i])
}

// pairChanged links the elements that changed at their own index. What is
// removed must not be something that moved and changed at once.
func (al *alignment) pairChanged() error {
	clues, gaps := al.findClues(), al.gaps()
	rest, all := make([]int, len(gaps)), 0 // of after: neither equal nor changed in place
	for k, g := range gaps {
		for _, j := range g.after {
			if !g.pairs(j, clues) {
				rest[k]++
				all++
			}
		}
	}
	for k, g := range gaps {
		for _, i := range g.before {
			if g.pairs(i, clues) {
				al.link(i, i)
				continue
			}
			if mayHaveMoved := rest[k] > 0 || all > 0 && !clues.keyed || clues.moved[i] || clues.here[i]; !mayHaveMoved {
				continue
			}
			if unknown, found := al.unknownAt(i); found {
				return &editError{unknown, whyAmbiguous}
			}
		}
	}
	return nil
}

// unknownAt finds a member that T doesn't know in the element at an index.
func (al *alignment) unknownAt(i int) (*path, bool) {
	return firstUnknown(al.original[i], al.before[i], al.where.at(i))
}

package jsonedit

import (
	"bytes"
	"slices"
)

// alike are the elements of an array that T renders equally, by their indices.
type alike struct{ before, after []int }

// groupAlike returns for each element the ones that are rendered like it.
func groupAlike(before, after []value) (inBefore, inAfter []*alike) {
	groups := make(map[string]*alike)
	groupOf := func(v value) *alike {
		g := groups[string(v.raw())]
		if g == nil {
			g = new(alike)
			groups[string(v.raw())] = g
		}
		return g
	}
	inBefore, inAfter = make([]*alike, len(before)), make([]*alike, len(after))
	for i, v := range before {
		inBefore[i] = groupOf(v)
		inBefore[i].before = append(inBefore[i].before, i)
	}
	for j, v := range after {
		inAfter[j] = groupOf(v)
		inAfter[j].after = append(inAfter[j].after, j)
	}
	return inBefore, inAfter
}

// linkInOrder links as many elements of a group as there are: all at their own
// index where each is still there, or else in order.
func (al *alignment) linkInOrder(g *alike) {
	if !slices.ContainsFunc(g.before, func(i int) bool { return !al.equalAt(i) }) {
		for _, i := range g.before {
			al.link(i, i)
		}
		return
	}
	for k := range min(len(g.after), len(g.before)) {
		al.link(g.before[k], g.after[k])
	}
}

// linkInPlace links a group that lost elements, where it reads as a change in
// place: the elements that are left have their own index, and at the index of each
// other one is something new. It reports whether it did.
func (al *alignment) linkInPlace(g *alike, inAfter []*alike) bool {
	inPlace := 0
	for _, i := range g.before {
		switch {
		case al.equalAt(i):
			inPlace++
		case i >= len(al.after) || len(inAfter[i].before) > 0:
			return false
		}
	}
	if inPlace < len(g.after) {
		return false
	}
	for _, i := range g.before {
		if al.equalAt(i) {
			al.link(i, i)
		}
	}
	return true
}

// linkByRemoval links a group by removalOrder. Where that doesn't know, it is an
// error.
func (al *alignment) linkByRemoval(g *alike, order []int) error {
	for _, j := range g.after {
		if order[j] < 0 {
			return al.whichRemoved(g)
		}
		al.link(order[j], j)
	}
	return nil
}

// interchangeable reports whether it makes no difference which elements of the
// group are removed.
func (al *alignment) interchangeable(g *alike) bool {
	first := al.original[g.before[0]]
	equal, meansSame, unknown := true, true, false
	for _, i := range g.before {
		equal = equal && bytes.Equal(al.original[i].raw(), first.raw())
		meansSame = meansSame && same(al.original[i], first) // T may have cut a number, or a null
		if !unknown {
			_, unknown = firstUnknown(al.original[i], al.before[i], nil)
		}
	}
	return equal || meansSame && !unknown
}

// whichRemoved returns the error about elements that differ, but not in what T
// knows.
func (al *alignment) whichRemoved(g *alike) error {
	for _, i := range g.before {
		if unknown, found := al.unknownAt(i); found {
			return &editError{unknown, whyAmbiguous}
		}
	}
	return &editError{al.where.at(g.before[0]), whyAlike}
}

// removalOrder returns, for each element after the edit, its index before the
// edit, as if elements had only been removed. It is -1 where there is no such
// reading, or more than one, and for what was nowhere before.
func removalOrder(inBefore, inAfter []*alike) []int {
	first := slices.Repeat([]int{-1}, len(inAfter))
	last := slices.Repeat([]int{-1}, len(inAfter))
	i := 0
	for j, g := range inAfter {
		if len(g.before) == 0 {
			continue // new or changed
		}
		for i < len(inBefore) && inBefore[i] != g {
			i++
		}
		if i == len(inBefore) {
			return slices.Repeat([]int{-1}, len(inAfter))
		}
		first[j] = i
		i++
	}
	i = len(inBefore) - 1
	for j := len(inAfter) - 1; j >= 0; j-- {
		if len(inAfter[j].before) == 0 {
			continue
		}
		for inBefore[i] != inAfter[j] {
			i-- // it ends: there is a reading
		}
		last[j] = i
		i--
	}
	for j := range first {
		if first[j] != last[j] {
			first[j] = -1
		}
	}
	return first
}

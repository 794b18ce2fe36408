package jsonedit

import (
	"bytes"
	"slices"
)

// alignment says which elements of an array, before an edit, are which after it.
type alignment struct {
	o, b, a []value // as read, as rendered before, and after; o and b belong together
	path    *path
	to      []int // for each of b its index in a, or -1
	from    []int // for each of a its index in b, or -1
}

func (al *alignment) link(i, j int) { al.to[i], al.from[j] = j, i }

// alike are elements that T renders equally.
type alike struct{ b, a []int }

// matchEqual finds the elements that are equal before and after. Among elements
// that T can't tell apart the order is kept. When there are fewer of them after
// the edit, which ones were removed matters if they hold unknown members: it is
// read from the others, or it is an error.
func (al *alignment) matchEqual() error {
	al.to = slices.Repeat([]int{-1}, len(al.b))
	al.from = slices.Repeat([]int{-1}, len(al.a))
	if al.linkAllButOne() {
		return nil
	}
	groups := make(map[string]*alike)
	groupOf := func(v value) *alike {
		g := groups[string(v.raw())]
		if g == nil {
			g = new(alike)
			groups[string(v.raw())] = g
		}
		return g
	}
	inB, inA := make([]*alike, len(al.b)), make([]*alike, len(al.a))
	for i, v := range al.b {
		inB[i] = groupOf(v)
		inB[i].b = append(inB[i].b, i)
	}
	for j, v := range al.a {
		inA[j] = groupOf(v)
		inA[j].a = append(inA[j].a, j)
	}
	var onlyOrder []int // of a: see removalOrder
	for i, g := range inB {
		if g.b[0] != i || len(g.a) == 0 {
			continue // done, or none is left
		}
		if len(g.a) >= len(g.b) || al.interchangeable(g) {
			al.linkInOrder(g)
			continue
		}
		if al.linkInPlace(g, inA) {
			continue
		}
		if onlyOrder == nil {
			onlyOrder = removalOrder(inB, inA)
		}
		for _, j := range g.a {
			if onlyOrder[j] < 0 {
				return al.alike(g)
			}
			al.link(onlyOrder[j], j)
		}
	}
	return nil
}

// linkAllButOne links all when a single element changed and nothing moved.
func (al *alignment) linkAllButOne() bool {
	if len(al.a) != len(al.b) {
		return false
	}
	changed := 0
	for i := range al.b {
		if !al.equalAt(i) {
			changed++
		}
	}
	if changed != 1 {
		return false
	}
	for i := range al.b {
		if al.equalAt(i) {
			al.link(i, i)
		}
	}
	return true
}

// linkInOrder links as many as there are: all at their own index where that
// leaves none, or else in order.
func (al *alignment) linkInOrder(g *alike) {
	if !slices.ContainsFunc(g.b, func(i int) bool { return !al.equalAt(i) }) {
		for _, i := range g.b {
			al.link(i, i)
		}
		return
	}
	for k := range min(len(g.a), len(g.b)) {
		al.link(g.b[k], g.a[k])
	}
}

func (al *alignment) equalAt(i int) bool {
	return i < len(al.a) && bytes.Equal(al.b[i].raw(), al.a[i].raw())
}

// linkInPlace links a group that lost some when those that are left are at their
// own index, and at that of the others is something that was nowhere before:
// they were changed in place.
func (al *alignment) linkInPlace(g *alike, inA []*alike) bool {
	same := 0
	for _, i := range g.b {
		switch {
		case al.equalAt(i):
			same++
		case i >= len(al.a) || len(inA[i].b) > 0:
			return false
		}
	}
	if same < len(g.a) {
		return false
	}
	for _, i := range g.b {
		if al.equalAt(i) {
			al.link(i, i)
		}
	}
	return true
}

// interchangeable reports whether it makes no difference which elements of the
// group are removed.
func (al *alignment) interchangeable(g *alike) bool {
	first := al.o[g.b[0]]
	equal, alike, unknown := true, true, false
	for _, i := range g.b {
		equal = equal && bytes.Equal(al.o[i].raw(), first.raw())
		alike = alike && same(al.o[i], first) // T may have cut a number, or a null
		if !unknown {
			_, unknown = firstUnknown(al.o[i], al.b[i], nil)
		}
	}
	return equal || alike && !unknown
}

// alike returns the error about elements that differ, but not in what T knows.
func (al *alignment) alike(g *alike) error {
	if err := al.ambiguous(g.b...); err != nil {
		return err
	}
	return &editError{al.path.at(g.b[0]), whyAlike}
}

// removalOrder links each element of a that was there before with one of b, as
// if some of b had only been removed. It is -1 where there is no such reading, or
// more than one.
func removalOrder(inB, inA []*alike) []int {
	first := slices.Repeat([]int{-1}, len(inA))
	last := slices.Repeat([]int{-1}, len(inA))
	i := 0
	for j, g := range inA {
		if len(g.b) == 0 {
			continue // new or changed
		}
		for i < len(inB) && inB[i] != g {
			i++
		}
		if i == len(inB) {
			return slices.Repeat([]int{-1}, len(inA))
		}
		first[j] = i
		i++
	}
	i = len(inB) - 1
	for j := len(inA) - 1; j >= 0; j-- {
		if len(inA[j].b) == 0 {
			continue
		}
		for inB[i] != inA[j] {
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

// pairChanged links the elements that changed at their own index. What is
// removed must not be something that moved and changed at once.
func (al *alignment) pairChanged() error {
	clues, gaps := al.findClues(), al.gaps()
	rest, all := make([]int, len(gaps)), 0 // of a: neither equal nor changed in place
	for k, g := range gaps {
		for _, j := range g.a {
			if !al.pairs(g, j, clues) {
				rest[k]++
				all++
			}
		}
	}
	for k, g := range gaps {
		for _, i := range g.b {
			switch {
			case al.pairs(g, i, clues):
				al.link(i, i)
			case rest[k] > 0 || all > 0 && !clues.keyed || clues.moved[i] || clues.here[i]:
				if err := al.ambiguous(i); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// pairs reports whether the element at i, which is different before and after,
// is the same one changed: nothing tells otherwise, and something in it tells so
// or everything around it stayed in place.
func (al *alignment) pairs(g gap, i int, c clues) bool {
	_, before := slices.BinarySearch(g.b, i)
	_, after := slices.BinarySearch(g.a, i)
	return before && after && !c.moved[i] && !c.other[i] && (c.here[i] || g.inPlace)
}

// ambiguous returns the error about an unknown member in one of these elements,
// nil when there is none.
func (al *alignment) ambiguous(at ...int) error {
	for _, i := range at {
		if unknown, found := firstUnknown(al.o[i], al.b[i], al.path.at(i)); found {
			return &editError{unknown, whyAmbiguous}
		}
	}
	return nil
}

// gap is a run of an array in which nothing is equal before and after.
type gap struct {
	b, a    []int
	inPlace bool // the indexes are the same
}

// gaps returns what is between the elements that are equal. Where those changed
// their order there is no between: all is one gap.
func (al *alignment) gaps() []gap {
	var all []gap
	var g gap
	next := 0 // in a
	flush := func(end int) {
		for ; next < end; next++ {
			if al.from[next] < 0 {
				g.a = append(g.a, next)
			}
		}
	}
	reordered := !slices.IsSorted(slices.DeleteFunc(slices.Clone(al.to), func(j int) bool { return j < 0 }))
	for i, j := range al.to {
		switch {
		case j < 0:
			g.b = append(g.b, i)
		case !reordered:
			flush(j)
			all = append(all, g)
			g = gap{}
		}
	}
	flush(len(al.a))
	all = append(all, g)
	for k := range all {
		all[k].inPlace = slices.Equal(all[k].b, all[k].a)
	}
	return all
}

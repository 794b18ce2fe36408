package jsonedit

import "slices"

// gap is a run of an array in which nothing is equal before and after.
type gap struct {
	before, after []int // the indices in it
	inPlace       bool  // they are the same
}

// gaps returns what is between the elements that are equal. Where those changed
// their order there is no between: all is one gap.
func (al *alignment) gaps() []gap {
	var all []gap
	var g gap
	next := 0 // in after
	flush := func(end int) {
		for ; next < end; next++ {
			if al.from[next] < 0 {
				g.after = append(g.after, next)
			}
		}
	}
	reordered := !slices.IsSorted(slices.DeleteFunc(slices.Clone(al.to), func(j int) bool { return j < 0 }))
	for i, j := range al.to {
		switch {
		case j < 0:
			g.before = append(g.before, i)
		case !reordered:
			flush(j)
			all = append(all, g)
			g = gap{}
		}
	}
	flush(len(al.after))
	all = append(all, g)
	for k := range all {
		all[k].inPlace = slices.Equal(all[k].before, all[k].after)
	}
	return all
}

// pairs reports whether the element at i, which is different before and after,
// is the same one changed: nothing tells otherwise, and something in it tells so
// or everything around it stayed in place.
func (g gap) pairs(i int, c clues) bool {
	_, before := slices.BinarySearch(g.before, i)
	_, after := slices.BinarySearch(g.after, i)
	return before && after && !c.moved[i] && !c.other[i] && (c.here[i] || g.inPlace)
}

package jsonedit

import "slices"

// alike are elements of an array that have something in common, by their indices.
type alike struct {
	before, after []int
	keyed         bool // it is the key
}

// link matches elements that are rendered alike, false where nothing says which are which.
func (m *matching) link(g *alike) bool {
	switch {
	case len(g.before) == 0 || len(g.after) == 0:
	case isWithin(g.before, g.after): // more may have come
		for _, i := range g.before {
			m.from[i] = i
		}
	case len(g.before) == 1 && len(g.after) == 1, len(g.after) <= len(g.before) && m.interchangeable(g), m.nothingLost(g):
		for k := range min(len(g.before), len(g.after)) {
			m.from[g.after[k]] = g.before[k]
		}
	default:
		return false
	}
	return true
}

// isWithin reports whether all of some indices are among others. Both are sorted.
func isWithin(some, others []int) bool {
	for _, i := range some {
		for len(others) > 0 && others[0] < i {
			others = others[1:]
		}
		if len(others) == 0 || others[0] != i {
			return false
		}
	}
	return true
}

// groupsRendered returns elements by how they are rendered, in the order of the array.
func (m *matching) groupsRendered(before, after []int) []*alike {
	all := make([]*alike, 0, len(before))
	groups := make(map[string]*alike, len(before))
	const many = 64
	var slab []alike  // one allocation for many groups
	var indices []int // and one for the first index of each on both sides
	groupOf := func(v value) *alike {
		g := groups[string(v.raw())]
		if g == nil {
			if len(slab) == 0 {
				slab, indices = make([]alike, many), make([]int, 2*many)
			}
			g, slab = &slab[0], slab[1:]
			g.before, g.after, indices = indices[:0:1], indices[1:1:2], indices[2:]
			groups[string(v.raw())] = g
			all = append(all, g)
		}
		return g
	}
	for _, i := range before {
		g := groupOf(m.before[i])
		g.before = append(g.before, i)
	}
	for _, j := range after {
		g := groupOf(m.after[j])
		g.after = append(g.after, j)
	}
	return all
}

// interchangeable reports whether it makes no difference which elements of the
// group are which.
func (m *matching) interchangeable(g *alike) bool {
	first := m.original[g.before[0]]
	return !slices.ContainsFunc(g.before, func(i int) bool { return !same(m.original[i], first) })
}

// nothingLost reports whether the elements of the group mean what T renders of them.
func (m *matching) nothingLost(g *alike) bool {
	return !slices.ContainsFunc(g.before, func(i int) bool {
		_, lost := change{original: m.original[i], before: m.before[i]}.firstLost()
		return lost
	})
}

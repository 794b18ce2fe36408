package jsonedit

import "slices"

// traitLevels is how deep an element is searched for what tells it from others.
const traitLevels = 3

// clues tell, for elements that are no longer equal, where they are after the
// edit: a changed element still holds something that no other one held before,
// such as an id. The maps are by index.
type clues struct {
	here  map[int]bool // something of the element is at the same index
	moved map[int]bool // something of the element is at another index
	other map[int]bool // something of another element is at this index
	keyed bool         // a member tells all elements apart, as an id does
}

// findClues looks for them where there is anything to be told apart.
func (al *alignment) findClues() clues {
	c := clues{here: make(map[int]bool), moved: make(map[int]bool), other: make(map[int]bool)}
	changed, left := unlinked(al.to), unlinked(al.from)
	if len(changed) == 0 || len(left) == 0 || len(changed) == 1 && slices.Equal(changed, left) {
		return c
	}
	owner := traitOwners(al.before)
	c.keyed = haveKey(al.before, owner)
	for _, j := range left {
		eachTrait(al.after[j], traitLevels, func(trait []byte) {
			i, ok := owner[string(trait)]
			switch {
			case !ok || i < 0 || al.to[i] >= 0:
			case i == j:
				c.here[i] = true
			default:
				c.moved[i], c.other[j] = true, true
			}
		})
	}
	return c
}

// unlinked returns the indices that have no counterpart.
func unlinked(links []int) []int {
	var all []int
	for i, counterpart := range links {
		if counterpart < 0 {
			all = append(all, i)
		}
	}
	return all
}

// traitOwners returns the element that has a trait alone, -1 where several have it.
func traitOwners(elements []value) map[string]int {
	owner := make(map[string]int)
	for i, v := range elements {
		eachTrait(v, traitLevels, func(trait []byte) {
			if other, ok := owner[string(trait)]; !ok {
				owner[string(trait)] = i
			} else if other != i {
				owner[string(trait)] = -1
			}
		})
	}
	return owner
}

// haveKey reports whether one member, a number or a string, tells all elements
// apart.
func haveKey(elements []value, owner map[string]int) bool {
	count := make(map[string]int)
	for i, v := range elements {
		if v.kind() != '{' {
			return false
		}
		for _, part := range v.parts() {
			if (part.kind() == '0' || part.kind() == '"') && owner[string(part.trait())] == i {
				count[string(part.quotedName())]++
			}
		}
	}
	for _, n := range count {
		if n == len(elements) {
			return true
		}
	}
	return false
}

// eachTrait calls f with the members of an element, name and value, that aren't
// empty: the members of an object, and of the objects in an array, so many levels
// deep. A number or a string may be an id, also 0 and "".
func eachTrait(v value, levels int, f func(trait []byte)) {
	for _, part := range v.parts() {
		switch {
		case v.kind() == '[':
			if levels > 0 && part.isContainer() {
				eachTrait(part, levels-1, f)
			}
		case part.kind() == '0', part.kind() == '"', part.isContainer() && !part.isZero():
			f(part.trait())
		}
	}
}

// trait returns a member, name and value, as it is in the text.
func (v value) trait() []byte {
	n := v.node()
	return v.doc.text[n.name:n.end]
}

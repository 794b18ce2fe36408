package jsonedit

import "slices"

// clues tell, for elements that are no longer equal, where they are after the
// edit: a changed element still holds something that no other one held before,
// such as an id.
type clues struct {
	here  map[int]bool // something of the element is at the same index
	moved map[int]bool // something of the element is at another index
	other map[int]bool // something of another element is at this index
	keyed bool         // a member tells all elements apart, as an id does
}

// findClues looks for them where there is anything to be told apart.
func (al *alignment) findClues() clues {
	c := clues{here: make(map[int]bool), moved: make(map[int]bool), other: make(map[int]bool)}
	var changed, left []int
	for i, j := range al.to {
		if j < 0 {
			changed = append(changed, i)
		}
	}
	for j, i := range al.from {
		if i < 0 {
			left = append(left, j)
		}
	}
	if len(changed) == 0 || len(left) == 0 || len(changed) == 1 && slices.Equal(changed, left) {
		return c
	}
	owner := make(map[string]int) // of what is in one element only; else -1
	for i, v := range al.b {
		eachTrait(v, 3, func(trait []byte) {
			if other, ok := owner[string(trait)]; !ok {
				owner[string(trait)] = i
			} else if other != i {
				owner[string(trait)] = -1
			}
		})
	}
	c.keyed = al.keyed(owner)
	for _, j := range left {
		eachTrait(al.a[j], 3, func(trait []byte) {
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

// keyed reports whether a member tells all elements apart.
func (al *alignment) keyed(owner map[string]int) bool {
	count := make(map[string]int)
	for i, v := range al.b {
		if v.kind() != '{' {
			return false
		}
		for _, part := range v.elements() {
			if n := part.node(); owner[string(v.doc.text[n.name:n.end])] == i && (part.kind() == '0' || part.kind() == '"') {
				count[string(part.quotedName())]++
			}
		}
	}
	for _, n := range count {
		if n == len(al.b) {
			return true
		}
	}
	return false
}

// eachTrait calls f with the members of an element, name and value, that aren't
// empty: those of an object, and of the objects in an array, so many levels deep.
// A number or a string may be an id, also 0 and "".
func eachTrait(v value, levels int, f func(trait []byte)) {
	for _, part := range v.elements() {
		n := part.node()
		switch {
		case v.kind() == '[':
			if levels > 0 && part.container() {
				eachTrait(part, levels-1, f)
			}
		case part.kind() == '0', part.kind() == '"', part.container() && !zeroValue(part):
			f(v.doc.text[n.name:n.end])
		}
	}
}

package jsonedit

import "bytes"

// rendersAll reports whether each element of rendered can be the rendering of the
// element of original at its index. T may render values in another form, such as
// times; that an element is rendered at another index shows otherwise. It is
// enough to look for a few: in another order the first one is somewhere else, too.
// original may have more elements.
func rendersAll(original, rendered []value) bool {
	var odd []int
	for i := range rendered {
		if !renders(original[i], rendered[i], 3) {
			odd = append(odd, i)
		}
	}
	elsewhere := odd
	for j := len(rendered); j < len(original); j++ {
		elsewhere = append(elsewhere, j)
	}
	// One large element against all others would take as long as there are others.
	// Where there is no time to look, the answer is no.
	left := 1 << 20
	for i := range original {
		left += 16 * len(original[i].raw())
	}
	for _, i := range odd[:min(len(odd), 8)] {
		for _, j := range elsewhere {
			if left -= len(original[j].raw()) + len(rendered[i].raw()); left < 0 || j != i && renders(original[j], rendered[i], 3) {
				return false
			}
		}
	}
	return true
}

// renders reports whether rendered looks like original rendered by a T that knows
// a part of it and changes no form. It looks into so many levels.
func renders(original, rendered value, levels int) bool {
	switch {
	case bytes.Equal(original.raw(), rendered.raw()):
		return true
	case original.absent() || original.kind() == 'n':
		return rendered.isZero()
	case original.kind() != rendered.kind():
		return false
	}
	switch original.kind() {
	case '0':
		return areClose(original, rendered)
	case '{':
		return levels == 0 || rendersInOrder(original, rendered, levels-1) || rendersMembers(original.members(), rendered.members(), levels-1)
	case '[':
		return levels == 0 || rendersElements(original.parts(), rendered.parts(), levels-1)
	}
	return levels == 0 || scalarKey(original) == scalarKey(rendered)
}

// rendersInOrder finds without names in a map what is so mostly: the members that T renders
// are few, and there in their order, among few others. Where it is false nothing is known.
func rendersInOrder(original, rendered value, levels int) bool {
	var known, others [16]value
	nKnown, nOthers := 0, 0
	end, renderedEnd := original.node().after, rendered.node().after
	r := rendered.index + 1
	for o := original.index + 1; o < end; o = original.doc.nodes[o].after {
		member := value{original.doc, o}
		part := value{rendered.doc, r}
		if r == renderedEnd || !bytes.Equal(member.quotedName(), part.quotedName()) {
			if nOthers == len(others) {
				return false
			}
			others[nOthers] = member
			nOthers++
			continue
		}
		if nKnown == len(known) || !renders(member, part, levels) {
			return false
		}
		known[nKnown] = part
		nKnown++
		r = rendered.doc.nodes[r].after
	}
	return r == renderedEnd && !mayShareNames(known[:nKnown], others[:nOthers])
}

// mayShareNames reports whether a member that is rendered may be decoded from more than one of
// the members of an object: those that are rendered, and others.
func mayShareNames(rendered, others []value) bool {
	for i, part := range rendered {
		name := part.quotedName()
		for _, other := range others {
			if bytes.EqualFold(name, other.quotedName()) || bytes.IndexByte(other.quotedName(), '\\') >= 0 {
				return true
			}
		}
		for _, before := range rendered[:i] {
			if bytes.Equal(name, before.quotedName()) {
				return true
			}
		}
		if bytes.IndexByte(name, '\\') >= 0 {
			return true
		}
	}
	return false
}

func rendersMembers(original, rendered named, levels int) bool {
	owned := original.ownedBy(rendered)
	for i, name := range rendered.names {
		var from value
		if indices := owned[name]; len(indices) > 0 {
			from = original.parts[indices[len(indices)-1]]
		}
		if !renders(from, rendered.parts[i], levels) {
			return false
		}
	}
	return true
}

func rendersElements(original, rendered []value, levels int) bool {
	for i := range min(len(original), len(rendered)) {
		if !renders(original[i], rendered[i], levels) {
			return false
		}
	}
	return true
}

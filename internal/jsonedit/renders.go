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
	var known, others [16]int32 // where the names begin
	nKnown, nOthers := 0, 0
	part := rendered.first()
	for member := original.first(); !member.absent(); member = member.next() {
		if part.absent() || !member.isCalled(part.quotedName()) {
			if nOthers == len(others) {
				return false
			}
			others[nOthers] = member.name
			nOthers++
			continue
		}
		if nKnown == len(known) || !renders(member, part, levels) {
			return false
		}
		known[nKnown] = part.name
		nKnown++
		part = part.next()
	}
	return part.absent() && !mayShareNames(rendered.doc.text, known[:nKnown], original.doc.text, others[:nOthers])
}

// mayShareNames reports whether a member that is rendered may be decoded from more than one of
// the members of an object: those that are rendered, and others. All are given by where their
// names begin in a text.
func mayShareNames(text []byte, rendered []int32, otherText []byte, others []int32) bool {
	for i, at := range rendered {
		name := text[at:endOfString(text, int(at))]
		for _, at := range others {
			other := otherText[at:endOfString(otherText, int(at))]
			if bytes.EqualFold(name, other) || bytes.IndexByte(other, '\\') >= 0 {
				return true
			}
		}
		for _, before := range rendered[:i] {
			if bytes.HasPrefix(text[before:], name) {
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
	owned := original.ownedBy(&rendered)
	for i, name := range rendered.names {
		var from value
		if last := owned.last(name); last >= 0 {
			from = original.parts[last]
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

package jsonedit

// look is the white space of a container, for what is put into it.
type look struct {
	first, next, closing []byte // before the first part, before others, before the bracket
	colon                []byte // between name and value
}

func lookOf(v value) look {
	parts := v.parts()
	if len(parts) == 0 {
		return look{colon: []byte(":")}
	}
	last := parts[len(parts)-1]
	l := look{first: spaceBefore(parts[0]), closing: spaceAfter(last)}
	l.next = l.first
	if len(parts) > 1 {
		l.next = spaceBefore(parts[1])
	}
	if n := last.node(); n.name > 0 {
		l.colon = v.doc.text[endOfString(v.doc.text, int(n.name)):n.start]
	}
	return l
}

// before returns the white space that comes before the i-th part.
func (l look) before(i int, part value) []byte {
	switch {
	case i == 0:
		return l.first
	case part.absent() || isFirst(part):
		return l.next
	}
	return spaceBefore(part)
}

// spaceBefore returns the white space before a member or element.
func spaceBefore(part value) []byte {
	end := part.head()
	start := end
	for isSpace(part.doc.text[start-1]) {
		start--
	}
	return part.doc.text[start:end:end]
}

// spaceAfter returns the white space after a member or element.
func spaceAfter(part value) []byte {
	start := int(part.node().end)
	end := skipSpace(part.doc.text, start)
	return part.doc.text[start:end:end]
}

func isFirst(part value) bool {
	return part.doc.text[part.head()-len(spaceBefore(part))-1] != ','
}

func isLast(part value) bool {
	return part.doc.text[int(part.node().end)+len(spaceAfter(part))] != ','
}

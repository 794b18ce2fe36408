package jsonedit

// look is the white space of a container, for what is put into it.
type look struct {
	first, next, closing []byte // before the first part, before others, before the bracket
	colon                []byte // between name and value
}

func lookOf(v value) look {
	first := v.first()
	if first.absent() {
		return look{colon: []byte(":")}
	}
	last := first
	for part := range v.all() {
		last = part
	}
	l := look{first: spaceBefore(first), closing: spaceAfter(last)}
	l.next = l.first
	if second := first.next(); !second.absent() {
		l.next = spaceBefore(second)
	}
	if last.name > 0 {
		l.colon = v.doc.text[endOfString(v.doc.text, int(last.name)):last.start]
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

// inPlaceOf returns the white space before a part that takes the place of another one.
func (l look) inPlaceOf(part value) []byte {
	if isFirst(part) {
		return l.first
	}
	return l.next
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
	start := int(part.end)
	end := skipSpace(part.doc.text, start)
	return part.doc.text[start:end:end]
}

func isFirst(part value) bool {
	return part.doc.text[part.head()-len(spaceBefore(part))-1] != ','
}

func isLast(part value) bool {
	return part.doc.text[int(part.end)+len(spaceAfter(part))] != ','
}

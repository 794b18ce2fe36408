package jsonedit

// edit is what becomes of one value of a document. A nil *edit leaves it
// as it is.
type edit struct {
	text  []byte // replaces the value; nil: see items
	items []item // the members or elements that the container then has, in order
}

// item is one member or element of a container that was edited.
type item struct {
	from value  // where it was in the document; absent: it is new
	edit *edit  // a new one has the text
	name []byte // of a new member, with its quotes
}

// appendTo appends the value as it is after the edit. What isn't edited is
// copied byte for byte, with the white space around it.
func (e *edit) appendTo(out []byte, v value) []byte {
	switch {
	case e == nil:
		return append(out, v.raw()...)
	case e.text != nil:
		return append(out, e.text...)
	}
	raw := v.raw()
	look := lookOf(v)
	out = append(out, raw[0])
	for i, item := range e.items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, look.before(i, item.from)...)
		switch {
		case item.from.absent() && item.name != nil:
			out = append(append(out, item.name...), look.colon...)
		case !item.from.absent():
			out = append(out, v.doc.text[item.from.head():item.from.node().start]...)
		}
		out = item.edit.appendTo(out, item.from)
		if !item.from.absent() && !isLast(item.from) {
			out = append(out, spaceAfter(item.from)...)
		}
	}
	if len(e.items) > 0 {
		out = append(out, look.closing...)
	}
	return append(out, raw[len(raw)-1])
}

// look is the white space of a container, for what is put into it.
type look struct {
	first, next, closing []byte // before the first part, before others, before the bracket
	colon                []byte // between name and value
}

func lookOf(v value) look {
	parts := v.elements()
	if len(parts) == 0 {
		return look{colon: []byte(":")}
	}
	last := parts[len(parts)-1]
	l := look{first: spaceBefore(parts[0]), closing: spaceAfter(last)}
	l.next = l.first
	if len(parts) > 1 {
		l.next = spaceBefore(parts[1])
	}
	if n := last.node(); n.nameEnd > 0 {
		l.colon = v.doc.text[n.nameEnd:n.start]
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
	end := start
	for isSpace(part.doc.text[end]) {
		end++
	}
	return part.doc.text[start:end:end]
}

func isFirst(part value) bool {
	return part.doc.text[part.head()-len(spaceBefore(part))-1] != ','
}

func isLast(part value) bool {
	return part.doc.text[int(part.node().end)+len(spaceAfter(part))] != ','
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// apply returns the whole document after the edit of its root.
func (d *Document) apply(e *edit) []byte {
	root := d.root().node()
	out := make([]byte, 0, len(d.text)+len(d.text)/8+64)
	out = append(out, d.text[:root.start]...)
	out = e.appendTo(out, d.root())
	return append(out, d.text[root.end:]...)
}

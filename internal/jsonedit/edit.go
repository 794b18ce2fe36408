package jsonedit

// edit is what becomes of one value of a document. A nil *edit leaves it as it
// is.
type edit struct {
	text  []byte // replaces the value; nil: see items
	items []item // the members or elements that the container then has, in order

	inPlace bool   // items are only those that change, each in its place: the others stay
	removed bool   // there is nothing any more
	isNew   bool   // another element had its place
	name    []byte // of a new member, with its quotes
}

// item is one member or element of a container that was edited.
type item struct {
	from value // where it was in the document; absent: it is new
	edit *edit // a new one has the text
}

func (i item) isRemoved() bool { return i.edit != nil && i.edit.removed }

// newItem returns a part of another text, as one that is new in the document.
func newItem(part value) item {
	added := item{edit: &edit{text: part.raw()}}
	if name := part.quotedName(); len(name) > 0 {
		added.edit.name = name
	}
	return added
}

// with returns the whole document after the edit of its root.
func (d *Document) with(e *edit) []byte {
	root := d.root()
	out := make([]byte, 0, len(d.text)+e.growth(root))
	out = append(out, d.text[:root.start]...)
	out = e.appendTo(out, root)
	return append(out, d.text[root.end:]...)
}

// growth is how many bytes the edit adds to a value at most, or nearly so.
func (e *edit) growth(v value) (n int) {
	switch {
	case e == nil:
		return 0
	case e.text != nil:
		return len(e.text) + len(e.name) - len(v.raw())
	}
	for _, part := range e.items {
		grows := part.edit.growth(part.from)
		if e.inPlace {
			n += grows
			continue
		}
		n += max(grows, 0) // something else may have gone
		if part.from.absent() {
			n += 16 // a comma, a colon and white space
		}
	}
	return n
}

// appendTo appends the value as it is after the edit. What isn't edited is
// copied byte for byte, with the white space around it.
func (e *edit) appendTo(out []byte, v value) []byte {
	switch {
	case e == nil:
		return append(out, v.raw()...)
	case e.text != nil:
		return append(out, e.text...)
	case e.inPlace:
		return e.appendInPlace(out, v)
	}
	raw := v.raw()
	look := lookOf(v)
	out = append(out, raw[0])
	for i, item := range e.items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, look.before(i, item.from)...)
		out = item.appendTo(out, look)
	}
	if len(e.items) > 0 {
		out = append(out, look.closing...)
	}
	return append(out, raw[len(raw)-1])
}

// appendInPlace appends a container of which some parts change in their places.
func (e *edit) appendInPlace(out []byte, v value) []byte {
	text, at := v.doc.text, int(v.start)
	for _, part := range e.items {
		from, end := int(part.from.start), int(part.from.end)
		var space []byte
		if part.edit.isNew {
			from -= len(spaceBefore(part.from))
			space = lookOf(v).inPlaceOf(part.from)
			if !isLast(part.from) {
				end += len(spaceAfter(part.from))
			}
		}
		out = append(append(out, text[at:from]...), space...)
		out = part.edit.appendTo(out, part.from)
		at = end
	}
	return append(out, text[at:v.end]...)
}

// appendTo appends the item as it is after its edit, with its name, and with the
// white space after it where more came.
func (i item) appendTo(out []byte, l look) []byte {
	if i.from.absent() {
		if i.edit.name != nil {
			out = append(append(out, i.edit.name...), l.colon...)
		}
		return i.edit.appendTo(out, i.from)
	}
	out = append(out, i.from.doc.text[i.from.head():i.from.start]...)
	out = i.edit.appendTo(out, i.from)
	if !isLast(i.from) {
		out = append(out, spaceAfter(i.from)...)
	}
	return out
}

// quotedName returns the name of a member, with its quotes. It is empty for an
// element.
func (i item) quotedName() []byte {
	if i.from.absent() {
		return i.edit.name
	}
	return i.from.quotedName()
}

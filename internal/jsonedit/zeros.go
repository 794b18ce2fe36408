package jsonedit

import "slices"

// leaving is an object that T leaves out after the edit: it was removed, or became zero.
type leaving struct {
	change
	edit   *edit // of the object
	parent *edit
	in     value // the object that lacks it, after the edit
	name   string
}

// settleZeros decides about objects that T leaves out. One of them became zero where T
// leaves it out also when the document still has it, with what T doesn't know: then it
// stays so. Otherwise it was removed.
func (d *diffing) settleZeros(whole *edit) {
	if len(d.zeroed) == 0 {
		return
	}
	for _, l := range d.zeroed {
		if l.edit.items = d.unknownItems(l.original, l.before); d.rules.Render != nil && len(l.edit.items) > 0 && !d.left[l.original.start] {
			l.edit.removed = false
		}
	}
	twins := d.twinsOf(d.root.after, d.root.original.doc.with(whole))
	members := make(map[value]named)
	parents := make(map[*edit]bool)
	for _, l := range d.zeroed {
		parents[l.parent] = true
		twin, there := twins[l.in.start]
		if _, known := members[twin]; there && !known {
			members[twin] = twin.members()
		}
		others := members[twin]
		if !there || !others.get(l.name).absent() {
			l.edit.removed = true
		}
	}
	for parent := range parents {
		parent.items = slices.DeleteFunc(parent.items, item.isRemoved)
	}
}

// unknownItems returns what T doesn't know of an object, and didn't move with it.
func (d *diffing) unknownItems(original, rendered value) (items []item) {
	members, known := original.members(), rendered.members()
	owned := members.ownedBy(&known)
	for i, member := range members.parts {
		if owned.unknown[i] {
			items = append(items, item{from: member})
			continue
		}
		if inner := d.unknownItems(member, owned.counterpart(i, &known)); len(inner) > 0 && !d.left[member.start] {
			items = append(items, item{from: member, edit: &edit{items: inner}})
		}
	}
	return items
}

// twinsOf returns, for each object in a value that T rendered, the one at its place in how
// T renders another text. It returns nothing where T can't read that.
func (d *diffing) twinsOf(v value, text []byte) map[int32]value {
	if d.rules.Render == nil {
		return nil
	}
	rendered, err := d.rules.Render(text)
	if err != nil {
		return nil
	}
	doc, err := Parse(rendered)
	if err != nil {
		return nil
	}
	twins := make(map[int32]value)
	pairUp(v, doc.root(), twins)
	return twins
}

func pairUp(v, twin value, twins map[int32]value) {
	switch {
	case v.kind() != twin.kind():
	case v.kind() == '{':
		twins[v.start] = twin
		others := twin.members()
		members := v.members()
		for i, name := range members.names {
			pairUp(members.parts[i], others.get(name), twins)
		}
	case v.kind() == '[':
		parts, others := v.parts(), twin.parts()
		for i := range min(len(parts), len(others)) {
			pairUp(parts[i], others[i], twins)
		}
	}
}

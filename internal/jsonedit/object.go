package jsonedit

import "bytes"

// objectEdit collects what becomes of the members of one object.
type objectEdit struct {
	change
	members named            // of the document
	owned   map[string][]int // the members that belong to each name of T
	edits   map[int]*edit    // by the index of the member
	gone    map[int]bool
	added   []item
	result  *edit
	alias   *alias // of the object; nil: nothing of it is in question
}

// editObject edits an object member by member.
func (d *diffing) editObject(c change) (*edit, error) {
	before, after := c.before.members(), c.after.members()
	if before.twice || after.twice {
		return d.replace(c)
	}
	d.stays = append(d.stays, c)
	o := &objectEdit{change: c, members: c.original.members(), edits: make(map[int]*edit), gone: make(map[int]bool), result: new(edit)}
	o.owned = o.members.ownedBy(before, after)
	for i, name := range after.names {
		old, now := before.get(name), after.parts[i]
		if bytes.Equal(old.raw(), now.raw()) {
			continue
		}
		if err := d.setMember(o, name, old, now); err != nil {
			return nil, err
		}
	}
	for _, name := range before.names {
		if after.get(name).absent() {
			d.removeMember(o, name, before.get(name))
		}
	}
	return o.finish(), nil
}

// setMember changes the member of a name, or adds it where the document has none.
func (d *diffing) setMember(o *objectEdit, name string, old, now value) error {
	indices := o.owned[name]
	if len(indices) == 0 {
		d.noteAlias(o, name, old)
		added := newItem(now)
		o.added = append(o.added, added)
		d.came = append(d.came, arrival{value: now, edit: added.edit, where: o.where.to(name)})
		return nil
	}
	last := indices[len(indices)-1] // T was decoded from this one
	where := o.where.to(o.members.names[last])
	if len(indices) > 1 && o.members.anyContainer(indices) {
		return editErrorAt(whyDouble, cureDouble, where.String())
	}
	e, err := d.edit(change{original: o.members.parts[last], before: old, after: now, where: where})
	if e != nil {
		o.edits[last] = e
	}
	return err
}

// removeMember drops all members of a name. One that may only have become zero stays
// for now: see settleZeros.
func (d *diffing) removeMember(o *objectEdit, name string, old value) {
	indices := o.owned[name]
	if len(indices) == 0 {
		d.noteAlias(o, name, old)
		return
	}
	last := indices[len(indices)-1]
	for _, i := range indices {
		o.gone[i] = true
	}
	left := change{original: o.members.parts[last], before: old, where: o.where.to(o.members.names[last])}
	d.gone = append(d.gone, left)
	if _, lost := left.firstLost(); lost && left.original.kind() == '{' && old.kind() == '{' {
		delete(o.gone, last)
		o.edits[last] = &edit{removed: true}
		d.zeroed = append(d.zeroed, &leaving{left, o.edits[last], o.result, o.after, name})
	}
}

// finish returns the edit of the object: its members in their order, then those
// that were added.
func (o *objectEdit) finish() *edit {
	if len(o.added)+len(o.edits)+len(o.gone) == 0 {
		return nil
	}
	items := make([]item, 0, len(o.members.parts)+len(o.added))
	for i, member := range o.members.parts {
		if !o.gone[i] {
			items = append(items, item{from: member, edit: o.edits[i]})
		}
	}
	o.result.items = append(items, o.added...)
	return o.result
}

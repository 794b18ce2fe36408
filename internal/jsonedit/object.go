package jsonedit

import "bytes"

// objectEdit collects what becomes of the members of one object.
type objectEdit struct {
	change
	members named   // of the document
	owned   owned   // the members that belong to each name of T
	edits   []*edit // by the index of the member; nil: none yet
	gone    []bool  // by the index of the member; nil: none yet
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
	o := &objectEdit{change: c, members: c.original.members(), result: new(edit)}
	o.owned = o.members.ownedBy(&before, &after)
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
	indices := o.owned.of(name)
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
		o.edit(last, e)
	}
	return err
}

// removeMember drops all members of a name. One that may only have become zero stays
// for now: see settleZeros.
func (d *diffing) removeMember(o *objectEdit, name string, old value) {
	indices := o.owned.of(name)
	if len(indices) == 0 {
		d.noteAlias(o, name, old)
		return
	}
	last := indices[len(indices)-1]
	if o.gone == nil {
		o.gone = make([]bool, len(o.members.parts))
	}
	for _, i := range indices {
		o.gone[i] = true
	}
	left := change{original: o.members.parts[last], before: old, where: o.where.to(o.members.names[last])}
	d.gone = append(d.gone, left)
	if _, lost := left.firstLost(); lost && left.original.kind() == '{' && old.kind() == '{' {
		leaves := &edit{removed: true}
		o.gone[last] = false
		o.edit(last, leaves)
		d.zeroed = append(d.zeroed, &leaving{left, leaves, o.result, o.after, name})
	}
}

// edit sets what becomes of a member.
func (o *objectEdit) edit(i int, e *edit) {
	if o.edits == nil {
		o.edits = make([]*edit, len(o.members.parts))
	}
	o.edits[i] = e
}

// finish returns the edit of the object: its members in their order, then those
// that were added. Where each member stays, only those that change are named.
func (o *objectEdit) finish() *edit {
	stays := len(o.added) == 0 && o.gone == nil
	if stays && o.edits == nil {
		return nil
	}
	if stays {
		o.result.inPlace = true
		for i, e := range o.edits {
			if e != nil {
				o.result.items = append(o.result.items, item{from: o.members.parts[i], edit: e})
			}
		}
		return o.result
	}
	items := make([]item, 0, len(o.members.parts)+len(o.added))
	for i, member := range o.members.parts {
		if o.gone != nil && o.gone[i] {
			continue
		}
		kept := item{from: member}
		if o.edits != nil {
			kept.edit = o.edits[i]
		}
		items = append(items, kept)
	}
	o.result.items = append(items, o.added...)
	return o.result
}

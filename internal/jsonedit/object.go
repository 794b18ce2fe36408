package jsonedit

import "bytes"

// objectEdit collects what becomes of the members of one object.
type objectEdit struct {
	members named            // of the document
	owned   map[string][]int // the members that belong to each name of T
	edits   map[int]*edit    // by the index of the member
	gone    map[int]bool
	added   []item
}

// editObject edits an object member by member.
func (c change) editObject(where *path) (*edit, error) {
	before, after := c.before.members(), c.after.members()
	if before.twice || after.twice {
		return c.replace(where)
	}
	o := &objectEdit{members: c.original.members(), edits: make(map[int]*edit), gone: make(map[int]bool)}
	o.owned = o.members.ownedBy(before, after)
	for i, name := range after.names {
		old, now := before.get(name), after.parts[i]
		if bytes.Equal(old.raw(), now.raw()) {
			continue
		}
		if err := o.set(name, old, now, where); err != nil {
			return nil, err
		}
	}
	for _, name := range before.names {
		if after.get(name).absent() {
			o.remove(name)
		}
	}
	return o.result(), nil
}

// set changes the member of a name, or adds it where the document has none.
func (o *objectEdit) set(name string, old, now value, where *path) error {
	indices := o.owned[name]
	if len(indices) == 0 {
		o.added = append(o.added, newItem(now))
		return nil
	}
	last := indices[len(indices)-1] // T was decoded from this one
	where = where.to(o.members.names[last])
	if len(indices) > 1 && o.members.anyContainer(indices) {
		return &editError{where, whyDouble}
	}
	e, err := change{o.members.parts[last], old, now}.edit(where)
	if e != nil {
		o.edits[last] = e
	}
	return err
}

// remove drops all members of a name.
func (o *objectEdit) remove(name string) {
	for _, i := range o.owned[name] {
		o.gone[i] = true
	}
}

// result returns the edit of the object: its members in their order, then those
// that were added.
func (o *objectEdit) result() *edit {
	if len(o.added)+len(o.edits)+len(o.gone) == 0 {
		return nil
	}
	items := make([]item, 0, len(o.members.parts)+len(o.added))
	for i, member := range o.members.parts {
		if !o.gone[i] {
			items = append(items, item{from: member, edit: o.edits[i]})
		}
	}
	return &edit{items: append(items, o.added...)}
}

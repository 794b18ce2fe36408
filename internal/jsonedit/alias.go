package jsonedit

import (
	"bytes"
	"fmt"
	"slices"
)

// alias is an object with members that T renders and the document hasn't, beside members
// that T doesn't render: the former may have been read from the latter.
type alias struct {
	in      value // how T renders the object
	names   []string
	unknown []value // of the document
	where   *path
}

// noteAlias takes note of a member that changed and has no counterpart in the document.
func (d *diffing) noteAlias(o *objectEdit, name string, old value) {
	if old.absent() || d.rules.Render == nil {
		return
	}
	if o.alias == nil {
		o.alias = &alias{in: o.before, unknown: o.unknown(), where: o.where}
		if len(o.alias.unknown) > 0 {
			d.aliases = append(d.aliases, o.alias)
		}
	}
	o.alias.names = append(o.alias.names, name)
}

// unknown returns the members that T doesn't render.
func (o *objectEdit) unknown() (all []value) {
	for i, member := range o.members.parts {
		if o.owned.unknown[i] {
			all = append(all, member)
		}
	}
	return all
}

// settleAliases returns an error where T renders a member otherwise, or not at all, once
// the members that it doesn't render have other names: it was read from one of them.
// A second member beside that would be another entry, or read or not as it pleases T.
func (d *diffing) settleAliases() error {
	if len(d.aliases) == 0 {
		return nil
	}
	twins := d.twinsOf(d.root.before, d.renamed())
	for _, a := range d.aliases {
		was, is := a.in.members(), twins[a.in.start].members()
		for _, name := range a.names {
			if !bytes.Equal(is.get(name).raw(), was.get(name).raw()) {
				return editErrorAt(whyAlias, cureAlias, a.where.to(name).String())
			}
		}
	}
	return nil
}

// renamed returns the document with other names for the members that T doesn't render in
// the objects that are in question.
func (d *diffing) renamed() []byte {
	var members []value
	for _, a := range d.aliases {
		members = append(members, a.unknown...)
	}
	slices.SortFunc(members, func(a, b value) int { return int(a.start - b.start) })
	text := d.root.original.doc.text
	var out []byte
	at := int32(0)
	for i, member := range members {
		out = append(append(out, text[at:member.name]...), fmt.Sprintf(`"?%d?"`, i)...)
		at = member.name + int32(len(member.quotedName()))
	}
	return append(out, text[at:]...)
}

package jsonedit

import (
	"bytes"
	"fmt"
	"slices"
)

// alias is a member that T renders and the document hasn't, beside members that T doesn't
// render: it may have been read from one of these.
type alias struct {
	in      value // how T renders the object
	name    string
	old     value
	unknown []value // of the document
	where   *path
}

// noteAlias takes note of a member that changed and has no counterpart in the document.
func (d *diffing) noteAlias(o *objectEdit, name string, old value) {
	if old.absent() || d.rules.Render == nil {
		return
	}
	known := make(map[int]bool)
	for _, indices := range o.owned {
		for _, i := range indices {
			known[i] = true
		}
	}
	a := alias{in: o.before, name: name, old: old, where: o.where.to(name)}
	for i, member := range o.members.parts {
		if !known[i] {
			a.unknown = append(a.unknown, member)
		}
	}
	if len(a.unknown) > 0 {
		d.aliases = append(d.aliases, a)
	}
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
		twin, there := twins[a.in.index]
		if !there || !bytes.Equal(twin.members().get(a.name).raw(), a.old.raw()) {
			return editErrorAt(whyAlias, cureAlias, a.where.String())
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
	slices.SortFunc(members, func(a, b value) int { return int(a.index - b.index) })
	text := d.root.original.doc.text
	var out []byte
	at := int32(0)
	for i, member := range slices.Compact(members) {
		n := member.node()
		out = append(append(out, text[at:n.name]...), fmt.Sprintf(`"?%d?"`, i)...)
		at = n.nameEnd
	}
	return append(out, text[at:]...)
}

package jsonedit

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Reasons of a editError. The first two are about members that T doesn't know.
const (
	whyDropped   = "the edit would drop it, and the edited type doesn't know it"
	whyAlike     = "the edited type renders it like another element, so the edit leaves open which of them it removes"
	whyAmbiguous = "the edit leaves open which array element it belongs to, and the edited type doesn't know it: move and change elements in separate edits"
	whyDouble    = "the document has it more than once, so it can't be edited"
)

// diffObject edits an object member by member.
func diffObject(o, b, a value, path *path) (*edit, error) {
	before, after := b.members(), a.members()
	if before.double || after.double {
		return replaceValue(o, b, a, path)
	}
	members := o.members()
	owned := members.ownedBy(before, after)
	edits := make(map[int]*edit) // by the index of the member
	gone := make(map[int]bool)
	var added []item
	for i, name := range after.names {
		old, value := before.get(name), after.all[i]
		at := owned[name]
		switch {
		case bytes.Equal(old.raw(), value.raw()):
		case len(at) == 0:
			added = append(added, item{name: value.quotedName(), edit: &edit{text: value.raw()}})
		default:
			last := at[len(at)-1]
			where := path.to(members.names[last])
			if len(at) > 1 && members.anyContainer(at) {
				return nil, &editError{where, whyDouble}
			}
			edit, err := diffValue(members.all[last], old, value, where)
			if err != nil {
				return nil, err
			}
			if edit != nil {
				edits[last] = edit
			}
		}
	}
	for _, name := range before.names {
		if after.get(name).absent() {
			for _, i := range owned[name] {
				gone[i] = true
			}
		}
	}
	if len(added)+len(edits)+len(gone) == 0 {
		return nil, nil
	}
	items := make([]item, 0, len(members.all)+len(added))
	for i, member := range members.all {
		if !gone[i] {
			items = append(items, item{from: member, edit: edits[i]})
		}
	}
	return &edit{items: append(items, added...)}, nil
}

// ownedBy returns which members of the document belong to each name that T
// renders: as encoding/json decodes, a member belongs to the name that is equal,
// or else to the one that is equal but for case.
func (m named) ownedBy(rendered ...named) map[string][]int {
	exact := make(map[string]bool)
	folded := make(map[string][]string)
	for _, r := range rendered {
		for _, name := range r.names {
			if !exact[name] {
				exact[name] = true
				f := foldName(name)
				folded[f] = append(folded[f], name)
			}
		}
	}
	owned := make(map[string][]int)
	for i, name := range m.names {
		if !exact[name] {
			alike := folded[foldName(name)]
			if len(alike) != 1 {
				continue // unknown; or a map, or fields that differ by case only
			}
			name = alike[0]
		}
		owned[name] = append(owned[name], i)
	}
	return owned
}

func (m named) anyContainer(at []int) bool {
	for _, i := range at {
		if m.all[i].container() {
			return true
		}
	}
	return false
}

// foldName returns the same text for names that encoding/json takes for one.
func foldName(name string) string {
	folded := make([]byte, 0, len(name))
	for _, r := range name {
		folded = utf8.AppendRune(folded, foldRune(r))
	}
	return string(folded)
}

// foldRune returns the smallest rune that is r but for case.
func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

// firstUnknown finds a member in o that T doesn't know, since b, which is how T
// renders o, doesn't have it. Where b is of another kind T renders in its own
// way: then every member counts.
func firstUnknown(o, b value, path *path) (*path, bool) {
	switch {
	case o.kind() == '{':
		members, rendered := o.members(), b.members()
		known := make(map[int]value)
		for name, at := range members.ownedBy(rendered) {
			for _, i := range at {
				known[i] = rendered.get(name)
			}
		}
		for i, member := range members.all {
			value, ok := known[i]
			where := path.to(members.names[i])
			if !ok {
				return where, true
			}
			if unknown, found := firstUnknown(member, value, where); found {
				return unknown, true
			}
		}
	case o.kind() == '[':
		elements, rendered := o.elements(), b.elements()
		if b.kind() != '[' || len(rendered) != len(elements) {
			rendered = make([]value, len(elements))
		}
		for i, element := range elements {
			if !element.container() {
				continue
			}
			if unknown, found := firstUnknown(element, rendered[i], path.at(i)); found {
				return unknown, true
			}
		}
	}
	return nil, false
}

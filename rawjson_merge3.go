package ifmatch

import (
	"fmt"
	"slices"
)

// merge3 merges two changes of a JSON document: from base to mine and from base
// to theirs. The result is theirs with the changes of mine put in; what mine
// didn't change is copied from theirs byte for byte. Overlapping changes are a
// *MergeError.
//
//  1. Objects merge member by member, at every depth, also those that both sides
//     added.
//  2. Arrays whose elements are told apart by one of the keys merge element by
//     element: see keyed.
//  3. Everything else is one value. It may have been changed by one side, or by
//     both to the same; see sameJSON.
//
// A side that removes a member and one that changes something in it overlap.
func merge3(base, mine, theirs []byte, keys []string) ([]byte, error) {
	var docs [3]*rawDoc
	for i, text := range [...][]byte{base, mine, theirs} {
		var err error
		if docs[i], err = parseRaw(text); err != nil {
			return nil, fmt.Errorf("ifmatch: merge: %s: %w", [...]string{"base", "mine", "theirs"}[i], err)
		}
	}
	return mergeDocs(docs[0], docs[1], docs[2], keys)
}

func mergeDocs(base, mine, theirs *rawDoc, keys []string) ([]byte, error) {
	m := merging{keys: keys}
	edit := m.value(triple{base.root(), mine.root(), theirs.root()}, nil)
	if len(m.overlaps) > 0 {
		slices.Sort(m.overlaps)
		return nil, &MergeError{Pointers: slices.Compact(m.overlaps)}
	}
	return theirs.apply(edit), nil
}

// triple is one value in the three documents; absent where one lacks it.
type triple struct{ base, mine, theirs rawValue }

// merging is one merge: what tells elements apart, and what overlaps.
type merging struct {
	keys     []string
	overlaps []string
}

func (m *merging) overlap(path *rawPath) *rawEdit {
	m.overlaps = append(m.overlaps, path.String())
	return nil
}

// value returns what becomes of a value that mine and theirs have.
func (m *merging) value(t triple, path *rawPath) *rawEdit {
	if kind := t.mine.kind(); kind == t.theirs.kind() && (t.base.absent() || t.base.kind() == kind) {
		if kind == '{' {
			base, mine, theirs := t.base.exactMembers(), t.mine.exactMembers(), t.theirs.exactMembers()
			if !base.double && !mine.double && !theirs.double {
				return m.parts(base, mine, theirs, path.to)
			}
		}
		if base, mine, theirs, ok := m.keyed(t); ok {
			return m.parts(base, mine, theirs, func(key string) *rawPath {
				if i, ok := theirs.last[key]; ok {
					return path.at(i)
				}
				return path.at(base.last[key])
			})
		}
	}
	switch {
	case !t.base.absent() && sameJSON(t.mine, t.base), sameJSON(t.mine, t.theirs):
		return nil
	case !t.base.absent() && sameJSON(t.theirs, t.base):
		return &rawEdit{text: t.mine.raw()}
	}
	return m.overlap(path)
}

// parts merges the members of an object, or the elements of an array by their
// keys: in the order of theirs, then those that mine added.
func (m *merging) parts(base, mine, theirs rawMembers, path func(name string) *rawPath) *rawEdit {
	items := make([]rawItem, 0, len(theirs.all))
	changed := false
	for i, name := range theirs.names {
		t := triple{base.get(name), mine.get(name), theirs.all[i]}
		item := rawItem{from: t.theirs}
		switch {
		case !t.mine.absent():
			item.edit = m.value(t, path(name))
		case t.base.absent(): // theirs added it
		case sameJSON(t.base, t.theirs):
			changed = true
			continue
		default:
			m.overlap(path(name))
		}
		changed = changed || item.edit != nil
		items = append(items, item)
	}
	for i, name := range mine.names {
		t := triple{base.get(name), mine.all[i], theirs.get(name)}
		switch {
		case !t.theirs.absent():
		case t.base.absent():
			item := rawItem{edit: &rawEdit{text: t.mine.raw()}}
			if t.mine.node().nameEnd > 0 {
				item.name = t.mine.rawName()
			}
			items = append(items, item)
			changed = true
		case !sameJSON(t.base, t.mine):
			m.overlap(path(name))
		}
	}
	if !changed {
		return nil
	}
	return &rawEdit{items: items}
}

// keyed returns the elements of three arrays by key: the first of the keys that
// is a string or a number in each element, and another one in each of an array.
func (m *merging) keyed(t triple) (base, mine, theirs rawMembers, ok bool) {
	for _, key := range m.keys {
		base, ok1 := elementsBy(key, t.base)
		mine, ok2 := elementsBy(key, t.mine)
		theirs, ok3 := elementsBy(key, t.theirs)
		if ok1 && ok2 && ok3 {
			return base, mine, theirs, true
		}
	}
	return rawMembers{}, rawMembers{}, rawMembers{}, false
}

// elementsBy returns the elements of an array as if they were members.
func elementsBy(key string, array rawValue) (rawMembers, bool) {
	if array.absent() {
		return rawMembers{}, true
	}
	if array.kind() != '[' {
		return rawMembers{}, false
	}
	m := rawMembers{all: array.elements()}
	m.names, m.last = make([]string, len(m.all)), make(map[string]int, len(m.all))
	for i, element := range m.all {
		members := element.exactMembers()
		value := members.get(key)
		if members.double || value.kind() != '"' && value.kind() != '0' {
			return rawMembers{}, false
		}
		name := scalarKey(value)
		if _, twice := m.last[name]; twice {
			return rawMembers{}, false
		}
		m.names[i], m.last[name] = name, i
	}
	return m, true
}

package jsonedit

import (
	"fmt"
	"slices"
)

// Merge merges two changes of a JSON document: from base to mine and from base
// to theirs. The result is theirs with the changes of mine put in; what mine
// didn't change is copied from theirs byte for byte. Overlapping changes are an
// *Overlap.
//
//  1. Objects merge member by member, at every depth, also those that both sides
//     added.
//  2. Arrays whose elements are told apart by one of the keys, which are names of
//     members, merge element by element. Each array uses the first key that fits.
//  3. Everything else is one value. It may have been changed by one side, or by
//     both to the same; see Same.
//
// A side that removes a member and one that changes something in it overlap.
func Merge(base, mine, theirs *Document, keys ...string) ([]byte, error) {
	m := merging{keys: keys}
	edit := m.value(triple{base.root(), mine.root(), theirs.root()}, nil)
	if len(m.overlaps) > 0 {
		slices.Sort(m.overlaps)
		return nil, &Overlap{Pointers: slices.Compact(m.overlaps)}
	}
	return theirs.apply(edit), nil
}

// Overlap is the error of Merge where both sides changed the same in different
// ways.
type Overlap struct {
	// Pointers are the JSON pointers (RFC 6901) of all that overlaps, sorted:
	// where it is in theirs, or in base where theirs lacks it. The empty one is
	// the whole document.
	Pointers []string
}

func (e *Overlap) Error() string {
	return fmt.Sprintf("changed on both sides: %q", e.Pointers)
}

// triple is one value in the three documents; absent where one lacks it.
type triple struct{ base, mine, theirs value }

// merging is one merge: what tells elements apart, and what overlaps.
type merging struct {
	keys     []string
	overlaps []string
}

func (m *merging) overlap(where *path) *edit {
	m.overlaps = append(m.overlaps, where.String())
	return nil
}

// value returns what becomes of a value that mine and theirs have.
func (m *merging) value(t triple, where *path) *edit {
	if kind := t.mine.kind(); kind == t.theirs.kind() && (t.base.absent() || t.base.kind() == kind) {
		if kind == '{' {
			base, mine, theirs := t.base.exactMembers(), t.mine.exactMembers(), t.theirs.exactMembers()
			if !base.double && !mine.double && !theirs.double {
				return m.parts(base, mine, theirs, where.to)
			}
		}
		if base, mine, theirs, ok := m.keyed(t); ok {
			return m.parts(base, mine, theirs, func(key string) *path {
				if i, ok := theirs.last[key]; ok {
					return where.at(i)
				}
				return where.at(base.last[key])
			})
		}
	}
	switch {
	case !t.base.absent() && same(t.mine, t.base), same(t.mine, t.theirs):
		return nil
	case !t.base.absent() && same(t.theirs, t.base):
		return &edit{text: t.mine.raw()}
	}
	return m.overlap(where)
}

// parts merges the members of an object, or the elements of an array by their
// keys: in the order of theirs, then those that mine added.
func (m *merging) parts(base, mine, theirs named, path func(name string) *path) *edit {
	items := make([]item, 0, len(theirs.all))
	changed := false
	for i, name := range theirs.names {
		t := triple{base.get(name), mine.get(name), theirs.all[i]}
		item := item{from: t.theirs}
		switch {
		case !t.mine.absent():
			item.edit = m.value(t, path(name))
		case t.base.absent(): // theirs added it
		case same(t.base, t.theirs):
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
			item := item{edit: &edit{text: t.mine.raw()}}
			if t.mine.node().nameEnd > 0 {
				item.name = t.mine.quotedName()
			}
			items = append(items, item)
			changed = true
		case !same(t.base, t.mine):
			m.overlap(path(name))
		}
	}
	if !changed {
		return nil
	}
	return &edit{items: items}
}

// keyed returns the elements of three arrays by key: the first of the keys that
// is a string or a number in each element, and another one in each of an array.
func (m *merging) keyed(t triple) (base, mine, theirs named, ok bool) {
	for _, key := range m.keys {
		base, ok1 := elementsBy(key, t.base)
		mine, ok2 := elementsBy(key, t.mine)
		theirs, ok3 := elementsBy(key, t.theirs)
		if ok1 && ok2 && ok3 {
			return base, mine, theirs, true
		}
	}
	return named{}, named{}, named{}, false
}

// elementsBy returns the elements of an array as if they were members.
func elementsBy(key string, array value) (named, bool) {
	if array.absent() {
		return named{}, true
	}
	if array.kind() != '[' {
		return named{}, false
	}
	m := named{all: array.elements()}
	m.names, m.last = make([]string, len(m.all)), make(map[string]int, len(m.all))
	for i, element := range m.all {
		members := element.exactMembers()
		value := members.get(key)
		if members.double || value.kind() != '"' && value.kind() != '0' {
			return named{}, false
		}
		name := scalarKey(value)
		if _, twice := m.last[name]; twice {
			return named{}, false
		}
		m.names[i], m.last[name] = name, i
	}
	return m, true
}

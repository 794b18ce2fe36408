package jsonedit

import (
	"fmt"
	"slices"
)

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

// Merge merges two changes of a JSON document: from base to mine and from base
// to theirs. The result is theirs with the changes of mine put in; what mine
// didn't change is copied from theirs byte for byte. Overlapping changes are an
// *Overlap.
//
//  1. Objects merge member by member, at every depth, also where both sides added
//     the object.
//  2. Arrays whose elements are told apart by one of the keys of the Rules merge
//     element by element: in the order of theirs, with the elements that mine added at
//     the end. Each array uses the first key that is a string or a number in each
//     element, and another one in each. With ByIndex, other arrays merge element by
//     element where not both sides changed their length.
//  3. Everything else is one value. It may have been changed by one side, or by
//     both to the same; see Same.
//
// Where one side removes a member and the other changes something in it, they
// overlap.
func Merge(base, mine, theirs *Document, rules Rules) ([]byte, error) {
	m := merging{rules: rules}
	e := m.mergeValue(sides{base.root(), mine.root(), theirs.root()}, nil)
	if len(m.overlaps) > 0 {
		slices.Sort(m.overlaps)
		return nil, &Overlap{Pointers: slices.Compact(m.overlaps)}
	}
	return theirs.with(e), nil
}

// sides are one value in the three documents; absent where one lacks it.
type sides struct{ base, mine, theirs value }

// merging is one merge: what tells elements apart, and what overlaps.
type merging struct {
	rules    Rules
	overlaps []string
}

func (m *merging) overlap(where *path) *edit {
	m.overlaps = append(m.overlaps, where.String())
	return nil
}

// mergeValue returns what becomes of a value that mine and theirs have.
func (m *merging) mergeValue(s sides, where *path) *edit {
	kind := s.mine.kind()
	if s.theirs.kind() == kind && (s.base.absent() || s.base.kind() == kind) {
		if members, ok := s.members(); ok {
			return m.mergeParts(members, where.to)
		}
		if elements, ok := s.elements(m.rules); ok {
			return m.mergeParts(elements, func(key string) *path { return where.at(elements.indexOf(key)) })
		}
	}
	switch {
	case !s.base.absent() && same(s.mine, s.base):
		return nil // theirs may have changed it
	case same(s.mine, s.theirs):
		return nil
	case !s.base.absent() && same(s.theirs, s.base):
		return &edit{text: s.mine.raw()}
	}
	return m.overlap(where)
}

// mergeParts merges the members of an object, or the elements of an array by
// their keys: in the order of theirs, with the parts that mine added at the end.
func (m *merging) mergeParts(all sideParts, where func(name string) *path) *edit {
	items := make([]item, 0, len(all.theirs.parts))
	changed := false
	for _, name := range all.theirs.names {
		s := all.get(name)
		kept := item{from: s.theirs}
		switch {
		case !s.mine.absent():
			kept.edit = m.mergeValue(s, where(name))
		case s.base.absent():
			// Theirs added it.
		case same(s.base, s.theirs):
			changed = true
			continue // mine removed it
		default:
			m.overlap(where(name))
		}
		changed = changed || kept.edit != nil
		items = append(items, kept)
	}
	for _, name := range all.mine.names {
		s := all.get(name)
		switch {
		case !s.theirs.absent():
			// It was merged above.
		case s.base.absent():
			items = append(items, newItem(s.mine))
			changed = true
		case !same(s.base, s.mine):
			m.overlap(where(name))
		}
	}
	if !changed {
		return nil
	}
	return &edit{items: items}
}

// sideParts are the parts of one container in the three documents.
type sideParts struct{ base, mine, theirs named }

// members returns the members of an object, false for what is none or has a name
// twice.
func (s sides) members() (sideParts, bool) {
	if s.mine.kind() != '{' {
		return sideParts{}, false
	}
	all := sideParts{s.base.exactMembers(), s.mine.exactMembers(), s.theirs.exactMembers()}
	return all, !all.base.twice && !all.mine.twice && !all.theirs.twice
}

// elements returns the elements of an array by the first key that fits, or by their index,
// false where neither does.
func (s sides) elements(rules Rules) (sideParts, bool) {
	for _, key := range rules.Keys {
		base, ok1 := s.base.elementsBy(key)
		mine, ok2 := s.mine.elementsBy(key)
		theirs, ok3 := s.theirs.elementsBy(key)
		if ok1 && ok2 && ok3 {
			return sideParts{base, mine, theirs}, true
		}
	}
	if !rules.ByIndex || s.mine.kind() != '[' {
		return sideParts{}, false
	}
	all := sideParts{s.base.elementsByIndex(), s.mine.elementsByIndex(), s.theirs.elementsByIndex()}
	base, mine, theirs := len(all.base.parts), len(all.mine.parts), len(all.theirs.parts)
	return all, base == mine || base == theirs || mine == theirs
}

// get returns the part of that name on each side.
func (p sideParts) get(name string) sides {
	return sides{p.base.get(name), p.mine.get(name), p.theirs.get(name)}
}

// indexOf returns where an element is in theirs, or in base where theirs lacks it.
func (p sideParts) indexOf(key string) int {
	if i := p.theirs.find(key); i >= 0 {
		return i
	}
	return p.base.find(key)
}

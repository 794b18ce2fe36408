package jsonedit

import (
	"fmt"
	"slices"
)

// matching says which elements of an array, before an edit, are which after it.
//
//  1. Where a key of the Rules fits, elements are the same when their key is. With
//     ByIndex elements of other arrays are the same when their index is.
//  2. Elements without a key, or with one that repeats, are told apart by how they are
//     rendered: one is the same where nothing else is rendered like it. Several that are
//     rendered alike are the same while their indices are.
//  3. What then is only before was removed, and what is only after is new.
//
// Where rule 2 finds both, an element may have changed, or another taken its place: that is
// an error where one of them has a member that would be lost. So is a change of how
// many are rendered alike, or of their indices, unless all of these mean the same. And so is
// what may have got another key: see checkRekeyed.
type matching struct {
	rules                   Rules
	original, before, after []value // as read, and as T renders them; original and before belong together
	where                   *path   // of the array
	key                     string  // the one of the Rules that fits; empty: none does
	from                    []int   // for each of after its index in before, or -1
}

// match finds the elements.
func (m *matching) match() error {
	m.from = slices.Repeat([]int{-1}, len(m.after))
	if m.key = m.rules.fittingKey(slices.Values(m.before)); m.key != "" {
		return m.matchGroups()
	}
	if m.rules.ByIndex {
		for j := range min(len(m.before), len(m.after)) {
			m.from[j] = j
		}
		return nil
	}
	err := m.matchAlike(countTo(len(m.before)), countTo(len(m.after)))
	m.linkScalars()
	return err
}

// matchGroups matches the elements of an array that has a key.
func (m *matching) matchGroups() error {
	groups := m.groups()
	for _, g := range groups {
		if g.keyed && len(g.before) == 1 && len(g.after) == 1 {
			m.from[g.after[0]] = g.before[0]
			continue
		}
		if err := m.matchAlike(g.before, g.after); err != nil {
			return err
		}
	}
	return m.checkRekeyed(groups)
}

// linkScalars lets scalars that changed in place keep the white space around them.
func (m *matching) linkScalars() {
	if len(m.before) != len(m.after) {
		return
	}
	linked := make([]bool, len(m.before))
	for _, i := range m.from {
		if i >= 0 {
			linked[i] = true
		}
	}
	for j, i := range m.from {
		if i < 0 && !linked[j] && !m.original[j].isContainer() && !m.after[j].isContainer() {
			m.from[j] = j
		}
	}
}

func countTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// groups returns the elements by their key, in the order of the array. All that have
// none are one group.
func (m *matching) groups() []*alike {
	var all []*alike
	groups := make(map[string]*alike, len(m.before))
	groupOf := func(v value) *alike {
		key, keyed := v.keyBy(m.key)
		g := groups[key]
		if g == nil {
			g = &alike{keyed: keyed}
			groups[key] = g
			all = append(all, g)
		}
		return g
	}
	for i, v := range m.before {
		g := groupOf(v)
		g.before = append(g.before, i)
	}
	for j, v := range m.after {
		g := groupOf(v)
		g.after = append(g.after, j)
	}
	return all
}

// matchAlike matches elements that only their rendering tells apart: rule 2.
func (m *matching) matchAlike(before, after []int) error {
	if len(before) == 0 || len(after) == 0 {
		return nil
	}
	gone, came := -1, false
	for _, g := range m.groupsRendered(before, after) {
		if len(g.before) > len(g.after) && gone < 0 {
			gone = g.before[0]
		}
		// A null takes the place of nothing: to set an element to null is to remove it.
		came = came || len(g.after) > len(g.before) && m.after[g.after[0]].kind() != 'n'
		if !m.link(g) {
			return m.unclear(g.before, whyAlike, g.before[0])
		}
	}
	if gone >= 0 && came {
		return m.unclear(before, whyAmbiguous, gone)
	}
	return nil
}

// unclear returns the error about elements of which an edit leaves open which are
// which: about the one at an index, or else about the first that would lose something.
// Where no member would be lost there is no error, unless elements are rendered alike that
// aren't.
func (m *matching) unclear(indices []int, why string, about int) error {
	member, found := m.lostAt(about)
	for _, i := range indices {
		if found {
			break
		}
		member, found = m.lostAt(i)
	}
	if !found {
		if why == whyAmbiguous {
			return nil
		}
		member = m.where.at(about)
	}
	return editErrorAt(why, m.cure(indices), member.String(), m.where.String())
}

// cure says what tells elements apart that nothing does.
func (m *matching) cure(indices []int) string {
	if m.key != "" {
		for _, i := range indices {
			if m.lacksKey(i) {
				return fmt.Sprintf("an element lacks %q, the member of MergeKey: make the changes in separate edits, or give each element one by an edit with MergeByIndex instead", m.key)
			}
		}
		return fmt.Sprintf("two elements have the same %q, the member of MergeKey: make the changes in separate edits, or let it differ by an edit with MergeByIndex instead", m.key)
	}
	for _, key := range m.rules.Keys {
		for _, v := range m.original {
			if !v.keyIn(key).absent() {
				return fmt.Sprintf("declare %q in the edited type, the member of MergeKey", key)
			}
		}
	}
	return cureArray
}

// lostAt finds a member that would be lost if an element were written as T renders it.
func (m *matching) lostAt(i int) (*path, bool) {
	if !m.original[i].isContainer() || writtenAlike(m.original[i], m.before[i]) {
		return nil, false
	}
	return change{original: m.original[i], before: m.before[i], where: m.where.at(i)}.firstLost()
}

package jsonedit

// checkRekeyed returns an error where an element that no key tells apart is gone, and one
// has come with another key, or with none: the edit may have given it that key.
func (m *matching) checkRekeyed(groups []*alike) error {
	stays := make([]bool, len(m.before))
	came := make(map[byte]bool) // by their kind
	for j, i := range m.from {
		if i >= 0 {
			stays[i] = true
		} else {
			came[m.after[j].kind()] = true
		}
	}
	for _, g := range groups {
		for _, i := range g.before {
			if stays[i] || !came[m.before[i].kind()] || g.keyed && len(g.before) == 1 && !m.lacksKey(i) {
				continue // its key says that it was removed
			}
			if _, lost := m.lostAt(i); lost {
				return m.unclear(g.before, whyAmbiguous, i)
			}
		}
	}
	return nil
}

// lacksKey reports whether an element has no key, or none but the zero that T renders where
// the document has nothing.
func (m *matching) lacksKey(i int) bool {
	if _, keyed := m.before[i].keyBy(m.key); !keyed {
		return true
	}
	return m.before[i].only(m.key).isZero() && m.original[i].only(m.key).absent()
}

package jsonedit

import "bytes"

// few is how many elements of an array an edit mostly changes at most, in their places.
const few = 4

// stay says that each element is the one at its index.
func (m *matching) stay() {
	for i := range m.from {
		m.from[i] = i
	}
}

// changedInPlace returns the indices of the elements that aren't rendered as before. It is
// false where there are more than few, or the array has another length.
func (m *matching) changedInPlace() (changed []int, ok bool) {
	if len(m.before) != len(m.after) {
		return nil, false
	}
	for i := range m.before {
		if !equalText(m.before[i], m.after[i]) {
			changed = append(changed, i)
		}
		if len(changed) > few {
			return nil, false
		}
	}
	return changed, true
}

// matchUnkeyed matches elements of an array without a key.
func (m *matching) matchUnkeyed() error {
	changed, alone := m.changedAlone()
	if !alone {
		return m.matchAlike(countTo(len(m.before)), countTo(len(m.after)))
	}
	m.stay()
	came := false
	for _, i := range changed {
		m.from[i] = -1
		came = came || m.after[i].kind() != 'n'
	}
	if came {
		return m.unclear(countTo(len(m.before)), whyAmbiguous, changed[0])
	}
	return nil
}

// changedAlone is changedInPlace where nothing that is gone is rendered like what is there now.
// What matchAlike makes of that is known without its groups.
func (m *matching) changedAlone() (changed []int, ok bool) {
	if changed, ok = m.changedInPlace(); !ok {
		return nil, false
	}
	for _, i := range changed {
		for j := range m.before {
			if equalText(m.before[i], m.after[j]) {
				return nil, false
			}
		}
	}
	return changed, true
}

// keepKeys matches the elements where few changed, and none of these its key, which no other
// element has. It is false where that isn't so.
func (m *matching) keepKeys() bool {
	changed, ok := m.changedInPlace()
	if !ok {
		return false
	}
	for _, i := range changed {
		key := m.before[i].keyIn(m.key)
		if key.absent() || !sameScalar(key, m.after[i].keyIn(m.key)) {
			return false
		}
		for j, other := range m.before {
			if i != j && (sameScalar(key, other.keyIn(m.key)) || sameScalar(key, m.after[j].keyIn(m.key))) {
				return false
			}
		}
	}
	m.stay()
	return true
}

// sameScalar reports whether the scalar x and another value mean the same.
func sameScalar(x, y value) bool {
	switch {
	case x.kind() != y.kind():
		return false
	case equalText(x, y):
		return true
	case isPlain(x.raw()) && isPlain(y.raw()):
		return false
	}
	return scalarKey(x) == scalarKey(y)
}

// isPlain reports whether a scalar means the same as no other plain one.
func isPlain(raw []byte) bool {
	if raw[0] == '"' {
		return bytes.IndexByte(raw, '\\') < 0
	}
	return !bytes.ContainsAny(raw, ".eE") && string(raw) != "-0"
}

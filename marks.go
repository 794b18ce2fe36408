package ifmatch

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
)

// Mark says whether a document holds the id of a write.
type Mark int

const (
	MarkUnknown Mark = iota // it can't be told
	MarkFound               // the write was applied
	MarkAbsent              // the write was not applied
)

var markNames = [...]string{"unknown", "found", "absent"}

// String returns the word of the mark, such as "found".
func (m Mark) String() string { return nameOf(markNames[:], int(m), "Mark") }

// maxMarks is how many write ids a document keeps.
const maxMarks = 64

// Marks makes every Update of a document exact, also when answers are lost:
// embed it in T. It keeps the ids of the last 64 writes in the document's member
// _ifmatch, an array of strings, the newest last. After a refusal or a lost
// answer the state is read and the id of the write is looked for: found, the
// write was applied; absent, it was not. It can't be told once 64 other writes
// came after it, or somebody wiped the ids. After a lost answer Update then ends
// with ErrOutcomeUnknown. A refusal is then believed: the write was not performed
// (RFC 9110 §13.1.1), unless a proxy performed it twice.
//
// The zero value is ready to use. All writers of a document should use it, or at
// least leave the member as it is.
type Marks struct {
	IDs []string `json:"_ifmatch,omitempty"`
}

// marks is promoted to the T that embeds Marks.
func (m *Marks) marks() *Marks { return m }

type marked interface{ marks() *Marks }

// marksOf returns the Marks in a document, nil where a pointer on the way to them
// is nil.
func marksOf[T any](doc *T) (m *Marks) {
	defer func() { recover() }() // promotion through a nil pointer panics
	if embeds, ok := any(doc).(marked); ok {
		return embeds.marks()
	}
	if embeds, ok := any(*doc).(marked); ok {
		return embeds.marks()
	}
	return nil
}

// put adds an id, and drops the oldest where there are too many.
func (m *Marks) put(id string) {
	if slices.Contains(m.IDs, id) {
		return
	}
	ids := append(slices.Clone(m.IDs), id)
	m.IDs = ids[max(0, len(ids)-maxMarks):]
}

// find looks for an id. Absent means absent as long as an id that was there
// before the write still is, or there was none and the list isn't full.
func (m *Marks) find(id string, before []string) Mark {
	if slices.Contains(m.IDs, id) {
		return MarkFound
	}
	if len(before) == 0 && len(m.IDs) < maxMarks {
		return MarkAbsent
	}
	if slices.ContainsFunc(m.IDs, func(there string) bool { return slices.Contains(before, there) }) {
		return MarkAbsent
	}
	return MarkUnknown
}

// marker puts the id of a write into a document and finds it again.
type marker[T any] struct {
	put  func(doc *T, id string)
	find func(doc *T, id string) Mark
}

// WithMarker makes every Update exact, as Marks does, for a T that can't embed
// Marks: put stores the id of a write in the document, and find tells whether a
// document has it. A T other than that of the Update is an error of each Get and
// Update. Both functions may be called concurrently for different documents.
//
// By default T is exact where it embeds Marks, and ErrOutcomeUnknown is returned
// otherwise whenever an answer was lost.
func WithMarker[T any](put func(doc *T, id string), find func(doc *T, id string) Mark) UpdateOption {
	m := &marker[T]{put, find}
	return updateFunc(func(s *updateSettings) { s.marker = m })
}

// marking is the marker of one Update: its id stays the same over all attempts.
type marking[T any] struct {
	id     string
	custom *marker[T]
	before []string // the last ids on the read before the write, where T embeds Marks
}

// newMarking returns nil where T has no marker.
func newMarking[T any](custom *marker[T]) *marking[T] {
	_, embeds := any(new(T)).(marked)
	_, pointerEmbeds := any(*new(T)).(marked)
	if custom == nil && !embeds && !pointerEmbeds {
		return nil
	}
	var id [16]byte
	rand.Read(id[:])
	return &marking[T]{id: hex.EncodeToString(id[:]), custom: custom}
}

// see keeps the ids of a document that was read, before it is edited.
func (m *marking[T]) see(doc *T) {
	if m == nil || m.custom != nil {
		return
	}
	m.before = nil
	if embedded := marksOf(doc); embedded != nil {
		ids := embedded.IDs // as many as the server likes
		m.before = slices.Clone(ids[max(0, len(ids)-maxMarks):])
	}
}

// put marks a document that is about to be written.
func (m *marking[T]) put(doc *T) {
	if m == nil {
		return
	}
	if m.custom != nil {
		m.custom.put(doc, m.id)
		return
	}
	if embedded := marksOf(doc); embedded != nil {
		embedded.IDs = slices.Clone(m.before) // whatever the edit made of them
		embedded.put(m.id)
	}
}

// in looks for the mark in a state. A document that isn't there has none.
func (m *marking[T]) in(s *state[T]) Mark {
	if m != nil && s.absent {
		return MarkAbsent
	}
	return m.find(&s.value)
}

// find looks for the mark in a document that was read.
func (m *marking[T]) find(doc *T) Mark {
	if m == nil {
		return MarkUnknown
	}
	if m.custom != nil {
		if mark := m.custom.find(doc, m.id); mark == MarkFound || mark == MarkAbsent {
			return mark
		}
		return MarkUnknown
	}
	if embedded := marksOf(doc); embedded != nil {
		return embedded.find(m.id, m.before)
	}
	return MarkUnknown
}

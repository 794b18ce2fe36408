package ifmatch

import (
	"fmt"

	"github.com/ifmatch-go/ifmatch/internal/edit"
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

// markList returns the list of the Marks in a document, nil where it has none.
func markList[T any](doc *T) *[]string {
	if m := marksOf(doc); m != nil {
		return &m.IDs
	}
	return nil
}

// marker is what WithMarker was given.
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

// markerOf returns how documents of type T hold marks. custom is the *marker[T] of
// WithMarker, nil without it.
func markerOf[T any](custom any) (edit.Marker[T], error) {
	if custom != nil {
		m, ok := custom.(*marker[T])
		if !ok || m.put == nil || m.find == nil {
			return edit.Marker[T]{}, fmt.Errorf("ifmatch: WithMarker: %T doesn't fit a document of %T, or a function is nil", custom, *new(T))
		}
		return edit.Marker[T]{Put: m.put, Find: m.look}, nil
	}
	_, embeds := any(new(T)).(marked)
	_, pointerEmbeds := any(*new(T)).(marked)
	if embeds || pointerEmbeds {
		return edit.Marker[T]{IDs: markList[T]}, nil
	}
	return edit.Marker[T]{}, nil
}

// look calls find, whatever that returns.
func (m *marker[T]) look(doc *T, id string) edit.Sighting {
	switch m.find(doc, id) {
	case MarkFound:
		return edit.Found
	case MarkAbsent:
		return edit.Absent
	}
	return edit.Unknown
}

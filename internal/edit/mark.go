package edit

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
)

// Sighting says what a look for a mark in a document showed.
type Sighting int

const (
	Unknown Sighting = iota // it can't be told
	Found                   // the write was applied
	Absent                  // the write was not applied
)

// maxIDs is how many ids a document keeps.
const maxIDs = 64

// Marker is how documents of type T hold the ids of writes: in a list, or as two
// functions of the user's say. The zero Marker is of a T that holds none.
type Marker[T any] struct {
	// IDs returns the list, the newest id last. It returns nil where this
	// document has no place for one.
	IDs func(doc *T) *[]string

	// Put and Find count where IDs is nil.
	Put  func(doc *T, id string)
	Find func(doc *T, id string) Sighting
}

// Mark is the id of one Update's write. It stays the same over all attempts. The
// zero Mark is of a T whose documents hold none: it is never found, and never
// absent.
type Mark[T any] struct {
	id     string
	marker Marker[T]
	before []string // the last ids in the document that was read before the write
}

// NewMark returns a mark with a new id.
func NewMark[T any](marker Marker[T]) *Mark[T] {
	if marker.IDs == nil && marker.Put == nil {
		return new(Mark[T])
	}
	return &Mark[T]{id: NewID(), marker: marker}
}

// NewID returns the id of a write: random, so that no other write has it.
func NewID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// Kept reports whether documents of type T hold the mark.
func (m *Mark[T]) Kept() bool { return m.id != "" }

// In looks for the mark in a document that was read. In one that isn't there it is
// Absent.
func (m *Mark[T]) In(d *Document[T]) Sighting {
	if m.Kept() && d.Absent {
		return Absent
	}
	return m.find(&d.Value)
}

// see keeps the ids of a document that was read, before it is edited.
func (m *Mark[T]) see(doc *T) {
	if m.marker.IDs == nil {
		return
	}
	m.before = nil
	if ids := m.marker.IDs(doc); ids != nil {
		m.before = last(*ids) // as many as the server likes
	}
}

// put marks a document that is about to be written.
func (m *Mark[T]) put(doc *T) {
	switch {
	case m.marker.IDs == nil && m.marker.Put == nil:
	case m.marker.IDs == nil:
		m.marker.Put(doc, m.id)
	default:
		if ids := m.marker.IDs(doc); ids != nil {
			*ids = with(m.before, m.id) // whatever the edit made of them
		}
	}
}

// find looks for the mark in a document.
func (m *Mark[T]) find(doc *T) Sighting {
	switch {
	case m.marker.IDs == nil && m.marker.Find == nil:
	case m.marker.IDs == nil:
		return m.marker.Find(doc, m.id)
	default:
		if ids := m.marker.IDs(doc); ids != nil {
			return look(*ids, m.id, m.before)
		}
	}
	return Unknown
}

// with returns the ids with another one, without the oldest where there are too
// many.
func with(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return slices.Clone(ids)
	}
	return last(append(slices.Clone(ids), id))
}

// last returns a copy of as many ids as a document keeps.
func last(ids []string) []string { return slices.Clone(ids[max(0, len(ids)-maxIDs):]) }

// look looks for an id among those of a document. before are the ids that were
// there before the write.
func look(ids []string, id string, before []string) Sighting {
	switch {
	case slices.Contains(ids, id):
		return Found
	case len(before) == 0 && len(ids) < maxIDs:
		return Absent // there was none, and the list isn't full
	case slices.ContainsFunc(ids, func(there string) bool { return slices.Contains(before, there) }):
		return Absent // what is older is still there
	}
	return Unknown // the id may have been there, and dropped since
}

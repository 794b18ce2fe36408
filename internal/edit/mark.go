package edit

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"unicode"
)

// markRoom is how many bytes a mark takes in a document of JSON at the most, without a list
// of marks before.
const markRoom = 64

// Sighting says what a look for a mark in a document showed.
type Sighting int

const (
	Unknown Sighting = iota // it can't be told
	Found                   // the write was applied
	Absent                  // it wasn't, where the document was seen to keep marks
)

// maxIDs is how many ids a document keeps.
const maxIDs = 64

// Marker is how documents of type T hold the ids of writes: in a list, in a text, or as two
// functions of the user's say. The zero Marker is of a T that holds none.
type Marker[T any] struct {
	// IDs returns the list, the newest id last. It returns nil where this
	// document has no place for one.
	IDs func(doc *T) *[]string

	// At is where a JSON document has the ids as one text, the newest last: a pointer
	// (RFC 6901). T need not know the member, and IDs isn't used then. Empty: there is none.
	At string

	// Put and Find count where IDs is nil.
	Put  func(doc *T, id string)
	Find func(doc *T, id string) Sighting
}

// Holds reports whether documents of type T hold marks.
func (m *Marker[T]) Holds() bool { return m.IDs != nil || m.At != "" || m.Put != nil }

// Lists reports whether documents hold the ids of the last writes, and not only what
// functions of the user's put there.
func (m *Marker[T]) Lists() bool { return m.IDs != nil || m.At != "" }

// Read returns the list of ids in a document that was read; nil where there is none.
// lacks says that the id is surely not in it. An empty id isn't looked for.
func (m *Marker[T]) Read(d *Document[T], id string) (ids []string, lacks bool) {
	switch {
	case m.At != "":
		words, err := idsAt(d.Text, m.At)
		if err == nil {
			ids = words // other words that come and go show nothing
		}
		// Where a name occurs twice on the way, nobody knows which is meant.
		told := err == nil || words != nil || errors.Is(err, errNoText)
		return ids, told && lacksID(words, id)
	case m.IDs == nil:
		return nil, id != "" && m.Find(&d.Value, id) == Absent
	}
	list := m.IDs(&d.Value)
	if list == nil {
		return nil, false
	}
	return *list, lacksID(*list, id)
}

// lacksID reports whether an id isn't in a list, in no spelling that a server may have made of
// it.
func lacksID(ids []string, id string) bool {
	return id != "" && !slices.ContainsFunc(ids, func(is string) bool { return is == id || resembles(is, id) })
}

// Mark is the id of one Update's write. It stays the same over all attempts. The
// zero Mark is of a T whose documents hold none: it is never found, and never
// absent.
type Mark[T any] struct {
	id     string
	marker Marker[T]
	before []string // the last ids in the document that was read before the write
	cut    bool     // there were more
}

// NewMark returns a mark with a new id.
func NewMark[T any](marker Marker[T]) Mark[T] {
	if !marker.Holds() {
		return Mark[T]{}
	}
	return Mark[T]{id: NewID(), marker: marker}
}

// NewID returns the id of a write: random, so that no other write has it.
func NewID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// Kept reports whether documents of type T hold the mark.
func (m *Mark[T]) Kept() bool { return m.id != "" }

// ID returns the id, empty where documents of type T hold none.
func (m *Mark[T]) ID() string { return m.id }

// Room is how many bytes the mark takes in a document of JSON at the most, without marks
// before.
func (m *Mark[T]) Room() int {
	if !m.isText() {
		return markRoom
	}
	alone, _ := withIDs([]byte("{}"), m.marker.At, []string{m.id})
	return len(alone)
}

// In looks for the mark in a document that was read. One that isn't there tells
// nothing: it may have taken the mark along.
func (m *Mark[T]) In(d *Document[T]) Sighting {
	switch {
	case d.Absent:
		return Unknown
	case m.isText():
		return m.findText(d.Text)
	}
	return m.find(&d.Value)
}

// see keeps the ids in the T of a document that was read, before it is edited.
func (m *Mark[T]) see(doc *T) {
	if m.marker.IDs == nil || m.isText() {
		return
	}
	if ids := m.marker.IDs(doc); ids != nil {
		m.note(*ids)
	} else {
		m.note(nil)
	}
}

// note keeps the last ids of a document that was read: there are as many as the server likes.
func (m *Mark[T]) note(ids []string) { m.before, m.cut = last(ids), len(ids) > maxIDs }

// put marks a T that is about to be written.
func (m *Mark[T]) put(doc *T) {
	switch {
	case !m.marker.Holds() || m.isText():
	case m.marker.IDs == nil:
		m.marker.Put(doc, m.id)
	default:
		if ids := m.marker.IDs(doc); ids != nil {
			*ids = with(m.before, m.id) // whatever the edit made of them
		}
	}
}

// find looks for the mark in a T.
func (m *Mark[T]) find(doc *T) Sighting {
	switch {
	case !m.marker.Holds():
	case m.marker.IDs == nil:
		return m.marker.Find(doc, m.id)
	default:
		if ids := m.marker.IDs(doc); ids != nil {
			return m.look(*ids)
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

// look looks for the id among those of a document. It is surely absent only where the
// list is the one from before the write, and has not lost what came after that.
func (m *Mark[T]) look(ids []string) Sighting {
	there := make(map[string]bool, len(m.before)) // the ids from before, and whether they are in the list
	for _, id := range m.before {
		there[id] = false
	}
	left, respelled := 0, false
	for _, id := range ids {
		if id == m.id {
			return Found
		}
		respelled = respelled || resembles(id, m.id)
		if seen, before := there[id]; before && !seen {
			there[id] = true
			left++
		}
	}
	switch {
	case respelled:
		return Unknown // it may be this id, in the server's own spelling
	case left == 0:
		return Unknown // it is another list, or has turned over
	case left == len(there) && len(ids) < maxIDs:
		return Absent // nothing was pushed out
	case len(ids) >= maxIDs && slices.IsSorted(ids):
		return Unknown // ids are random: the server sorts them, and a write pushed out any
	case m.inOrder(ids, there):
		return Absent // what is older is still there
	}
	return Unknown // the id may have been pushed out: a server may have another order
}

// minLikeness is how many characters two ids share at least where one may be the other.
const minLikeness = 8

// resembles reports whether an id in a document may be what a server has made of another
// one: cut, in capitals, with hyphens as a UUID has them, or with something around it.
func resembles(id, of string) bool {
	if len(id) < minLikeness || len(of) < minLikeness {
		return false
	}
	id, of = plain(id), plain(of)
	short, long := id, of
	if len(short) > len(long) {
		short, long = long, short
	}
	return len(short) >= minLikeness && strings.Contains(long, short)
}

// plain returns the letters and digits of an id, in small letters.
func plain(id string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, id)
}

// inOrder reports whether a list is what pushing out the oldest makes of the ids from
// before: the last of them, as they were, and then newer ones. there has those that are
// in the list.
func (m *Mark[T]) inOrder(ids []string, there map[string]bool) bool {
	rest := slices.Compact(slices.Clone(m.before))
	for len(rest) > 0 && !there[rest[0]] {
		rest = rest[1:] // pushed out
	}
	// Of a longer list only the last ids were noted, and older ones may come first.
	for m.cut && len(ids) > 0 && !there[ids[0]] {
		ids = ids[1:]
	}
	return len(ids) >= len(rest) && slices.Equal(ids[:len(rest)], rest) &&
		!slices.ContainsFunc(ids[len(rest):], func(id string) bool { return there[id] })
}

package edit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// idLength is how many hexadecimal digits an id has.
const idLength = 32

// isID reports whether a word in a text of marks may be an id: as Update makes it, or as a
// server writes it in capitals.
func isID(word string) bool {
	return len(word) == idLength && strings.Trim(word, "0123456789abcdefABCDEF") == ""
}

var (
	errNoText = errors.New("there is a value that isn't a text, and would be lost")
	errNoIDs  = errors.New("there is something else than ids of 32 hexadecimal digits, and would be lost")
)

// idsAt returns the words of the text that a document has at a pointer: ids, the newest
// last. White space of any kind separates them, since a server may write it in its own way.
// No member and null are no ids. An error says that something else is there; it has the
// pointer, and comes with the words that are there.
func idsAt(doc []byte, at string) (words []string, err error) {
	if len(doc) == 0 {
		return nil, nil // it isn't there
	}
	member, err := jsonedit.Find(doc, at)
	switch {
	case err != nil:
		return nil, fmt.Errorf("marks at %s: %w", at, err)
	case member.Kind() == jsonedit.String:
		words = strings.Fields(member.Text())
	case member.Raw() != nil && !isNull(member):
		return nil, fmt.Errorf("marks at %s: %w", at, errNoText)
	}
	if slices.ContainsFunc(words, func(w string) bool { return !isID(w) }) {
		return words, fmt.Errorf("marks at %s: %w", at, errNoIDs)
	}
	return words, nil
}

func isNull(m jsonedit.Member) bool { return bytes.Equal(m.Raw(), []byte("null")) }

// withIDs returns a document with ids in the text at a pointer, and nothing else changed. An
// object on the way that isn't there, or is null, is made. Where something else than ids is
// there, or no object on the way, that is an error.
func withIDs(doc []byte, at string, ids []string) ([]byte, error) {
	if _, err := idsAt(doc, at); err != nil {
		return nil, err
	}
	text := strings.Join(ids, " ")
	made, err := jsonedit.Put(doc, at, text, jsonedit.String)
	if err == nil {
		return made, nil
	}
	way := nullOnTheWay(doc, at)
	if way == "" {
		return nil, fmt.Errorf("marks at %s: %w", at, err)
	}
	object, err := jsonedit.Put([]byte("{}"), at[len(way):], text, jsonedit.String)
	if err != nil {
		return nil, err
	}
	return jsonedit.PutRaw(doc, way, object)
}

// nullOnTheWay returns the pointer to a null that is where an object on the way to a member
// could be; empty: there is none.
func nullOnTheWay(doc []byte, at string) string {
	for i := 1; i < len(at); i++ {
		if at[i] != '/' {
			continue
		}
		if way, err := jsonedit.Find(doc, at[:i]); err == nil && isNull(way) {
			return at[:i]
		}
	}
	return ""
}

// patchWithIDs returns a merge patch (RFC 7396) that also makes the text of marks what it is
// in the document to be stored. read is the document that the patch is for.
func patchWithIDs(patch []byte, at string, read, stored []byte) ([]byte, error) {
	text, err := jsonedit.Find(stored, at)
	if err != nil {
		return nil, err
	}
	// The edit has taken away what the text was in: all that was there goes, and it stays.
	if way := nullOnTheWay(patch, at); way != "" {
		was, err := jsonedit.Find(read, way)
		if err != nil {
			return nil, err
		}
		is, err := jsonedit.Find(stored, way)
		if err != nil {
			return nil, err
		}
		change := is.Raw()
		if raw := was.Raw(); len(raw) > 0 && raw[0] == '{' {
			change, err = jsonedit.MergePatch(raw, raw, change, jsonedit.Rules{})
		}
		if err != nil {
			return nil, err
		}
		return jsonedit.PutRaw(patch, way, change)
	}
	return jsonedit.PutRaw(patch, at, text.Raw())
}

// isText reports whether the mark is in a text of the document, and not in its T.
func (m *Mark[T]) isText() bool { return m.Kept() && m.marker.At != "" }

// findText looks for the mark in the text of a document. Beside something else than ids it
// may be found, and is never absent: who wrote that may have changed the ids, too.
func (m *Mark[T]) findText(doc []byte) Sighting {
	ids, err := idsAt(doc, m.marker.At)
	switch {
	case err == nil:
		return m.look(ids)
	case slices.Contains(ids, m.id):
		return Found
	}
	return Unknown
}

// withText returns a document with ids in the text of marks.
func (f *Format[T]) withText(doc []byte, m *Mark[T], ids []string) ([]byte, error) {
	made, err := withIDs(doc, m.marker.At, ids)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: update %q: %w: take that away, or use WithMarker", f.Name, err)
	}
	return made, nil
}

// putText puts the mark into a draft of d, as a text. The ids are those that were read,
// whatever the edit has made of them.
func (f *Format[T]) putText(made *Draft[T], d *Document[T], m *Mark[T]) error {
	ids, err := idsAt(d.Text, m.marker.At)
	if err != nil {
		ids = nil // then the edit has taken away what was there, or nothing is written
	}
	m.note(ids)
	stored, err := f.withText(made.Stored, m, with(m.before, m.id))
	if err != nil {
		return err
	}
	if f.Patch && !d.Absent {
		made.Body, err = patchWithIDs(made.Body, m.marker.At, d.Text, stored)
	} else {
		made.Body = stored
	}
	made.Stored = stored
	if err != nil {
		return fmt.Errorf("ifmatch: update %q: %w", f.Name, err)
	}
	return nil
}

// showText gives the value of a draft the text of marks, where T knows the member: value and
// document are of one state. Otherwise the value is as the edit left it.
func (f *Format[T]) showText(made *Draft[T], m *Mark[T]) error {
	read, err := f.Read(made.Stored)
	if err != nil {
		return err
	}
	shown, err := f.render(&read.Value)
	if err == nil && bytes.Contains(shown, []byte(m.id)) {
		made.Value = read.Value
	}
	return err
}

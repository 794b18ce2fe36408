// Package edit says what an edit makes of a document: the text to store, the text
// to send for it, and the mark in it by which the write is recognised later.
//
// A document is a text that is decoded into a T, edited as such, and rendered. Of
// JSON, what T doesn't know is kept. The package knows neither where documents are
// read from nor how they are written.
package edit

import (
	"fmt"

	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// Codec decodes and renders documents. Decode may keep b, and Encode may return
// what it keeps.
type Codec interface {
	Decode(b []byte, v any) error
	Encode(v any) ([]byte, error)
}

// Format is how documents of type T are decoded, edited and rendered. It may be
// used concurrently as far as its Codec may.
type Format[T any] struct {
	Codec
	Name  fmt.Stringer // of the document, for the texts of errors
	JSON  bool         // the Codec knows JSON: what T doesn't know is kept
	Patch bool         // what is sent is a JSON Merge Patch (RFC 7396); JSON only

	Traits

	Rules jsonedit.Rules // what is the same before and after an edit; JSON only. Without Render
}

// rules are the Rules with how a T renders a text.
func (f *Format[T]) rules() jsonedit.Rules {
	rules := f.Rules
	rules.Render = func(text []byte) ([]byte, error) {
		d, err := f.Read(text)
		if err != nil {
			return nil, err
		}
		return f.render(&d.Value)
	}
	return rules
}

// Document is a document as it was read.
type Document[T any] struct {
	Text   []byte
	Value  T    // decoded from Text
	Absent bool // there is none: a write creates it

	edited bool // an edit got Value itself
	ofStep bool // only Steps and Finish look at Value
	later  bool // Value isn't decoded yet
}

// Read decodes a text. The Document keeps the text.
func (f *Format[T]) Read(text []byte) (d Document[T], err error) {
	err = f.ReadInto(&d, text)
	return d, err
}

// ReadInto is Read into a zero Document, which stays zero where the error isn't nil.
func (f *Format[T]) ReadInto(d *Document[T], text []byte) error {
	if err := f.Decode(text, &d.Value); err != nil {
		*d = Document[T]{}
		return fmt.Errorf("ifmatch: decode %q: %w", f.Name, err)
	}
	d.Text = text
	return nil
}

// Kept returns a document for Step and Finish alone, of a text that was made by these or read
// before. Where T reads what it has rendered, and holds no marks, it isn't decoded: each edit
// gets a value of its own anyway, and an edit that is cut out may go on with that.
func (f *Format[T]) Kept(text []byte, marked bool) (Document[T], error) {
	if f.ReadsBack && !marked {
		return Document[T]{Text: text, later: true}, nil
	}
	return f.Read(text)
}

// value returns the value of the document, which no edit may get.
func (f *Format[T]) value(d *Document[T]) (*T, error) {
	if !d.later {
		return &d.Value, nil
	}
	read, err := f.Read(d.Text)
	d.Value, d.later = read.Value, false
	return &d.Value, err
}

// fresh decodes the document once more: an edit may change what it gets.
func (f *Format[T]) fresh(d *Document[T]) (*T, error) {
	if d.Absent {
		return new(T), nil
	}
	again, err := f.Read(d.Text)
	return &again.Value, err
}

func (f *Format[T]) render(v *T) ([]byte, error) {
	text, err := f.Encode(v)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: encode %T: %w", *v, err)
	}
	return text, nil
}

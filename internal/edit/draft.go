package edit

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// Draft is what edits made of a document.
type Draft[T any] struct {
	Value  T
	Body   []byte // what is sent; nil where Same
	Stored []byte // the document that it makes
	Same   bool   // nothing was changed
}

// Draft runs edit on a value of the document, puts the mark into what it made, and
// renders that. The first edit of a document may get the value that was decoded already,
// so after an error or a panic of edit nobody may look at it. Otherwise the document is
// left as it is. An error of edit is returned as it is.
func (f *Format[T]) Draft(d *Document[T], m *Mark[T], edit func(*T) error) (*Draft[T], error) {
	made := new(Draft[T])
	if err := f.DraftInto(made, d, m, edit); err != nil {
		return nil, err
	}
	return made, nil
}

// DraftInto is Draft into a zero Draft, which is of no use where the error isn't nil.
func (f *Format[T]) DraftInto(made *Draft[T], d *Document[T], m *Mark[T], edit func(*T) error) error {
	// What T renders in its own way is compared with the value as it was read.
	if d.Absent || d.edited || !f.ShowsAll {
		v, err := f.fresh(d)
		if err != nil {
			return err
		}
		return f.draft(made, d, v, m, edit)
	}
	d.edited = true
	err := f.draft(made, d, &d.Value, m, edit)
	if err == nil && made.Same {
		*d, err = f.Read(d.Text) // edit may have changed what isn't rendered
	}
	return err
}

// draft is DraftInto with an edit of v.
func (f *Format[T]) draft(made *Draft[T], d *Document[T], v *T, m *Mark[T], edit func(*T) error) error {
	before, err := f.render(v)
	if err != nil {
		return err
	}
	m.see(v)
	if err := edit(v); err != nil {
		return err
	}
	after, err := f.render(v)
	if err != nil {
		return err
	}
	if f.JSON && !d.Absent {
		if err := f.showsEdit(d, before, after, v); err != nil {
			return fmt.Errorf("ifmatch: update %q: %w", f.Name, err)
		}
	}
	if !d.Absent && bytes.Equal(before, after) {
		*made = Draft[T]{Value: *v, Stored: d.Text, Same: true}
		return nil
	}
	if m.Kept() && !m.isText() {
		m.put(v)
		if after, err = f.render(v); err != nil {
			return err
		}
	}
	made.Value = *v
	if made.Body, made.Stored, err = f.texts(d, before, after); err != nil {
		return fmt.Errorf("ifmatch: update %q: %w", f.Name, err)
	}
	if err := f.readsAs(made.Stored, after); err != nil {
		return fmt.Errorf("ifmatch: update %q: %w", f.Name, err)
	}
	return f.marked(made, d, m)
}

// Step runs one edit of several, and returns the document that the next one sees:
// d itself where edit changed nothing. What edit made must be such that it can
// be rendered, decoded again, and marked by functions of the user's. Where these
// fail or panic, that is the error of this edit and of no other. Finish puts the
// mark in.
func (f *Format[T]) Step(d *Document[T], m *Mark[T], edit func(*T) error) (next *Document[T], err error) {
	defer func() {
		if p := recover(); p != nil {
			next, err = nil, fmt.Errorf("ifmatch: update %q: encoding or decoding %T after the edit panicked: %v", f.Name, *new(T), p)
		}
	}()
	// An edit that is cut out may go on for long: nobody looks at what it got any more.
	v := &d.Value
	if d.ofStep && !d.edited && f.ShowsAll {
		d.edited = true
	} else if v, err = f.fresh(d); err != nil {
		return nil, err
	}
	var made Draft[T]
	if err := f.draft(&made, d, v, new(Mark[T]), edit); err != nil {
		return nil, err
	}
	if made.Same {
		return d, nil
	}
	read, err := f.Kept(made.Stored, m.Kept())
	if err != nil {
		return nil, err
	}
	read.ofStep = !read.later
	if err := f.takesMark(&read, m); err != nil {
		return nil, err
	}
	return &read, nil
}

// Finish puts the mark into what the steps from d to end made, and renders that. The draft has
// no Value where nothing needed one yet: what is stored is decoded for each caller. Without a
// step that changed something, end is d.
func (f *Format[T]) Finish(d, end *Document[T], m *Mark[T]) (*Draft[T], error) {
	if end == d {
		return &Draft[T]{Value: d.Value, Stored: d.Text, Same: true}, nil
	}
	made := &Draft[T]{Body: end.Text, Stored: end.Text}
	switch {
	case m.Kept() && !m.isText():
		if err := f.putMark(made, d, end, m); err != nil {
			return nil, err
		}
	case end.edited: // by an edit that failed, or changed nothing
		v, err := f.fresh(end)
		if err != nil {
			return nil, err
		}
		made.Value = *v
	default:
		made.Value = end.Value
	}
	if f.Patch && !d.Absent {
		patch, err := jsonedit.MergePatch(d.Text, d.Text, made.Stored, jsonedit.Rules{}) // of the documents themselves
		if err != nil {
			patch, err = f.patchOf(d, made) // which may have a name twice
		}
		if err != nil {
			return nil, err
		}
		made.Body = patch
	}
	return made, f.marked(made, d, m)
}

// marked puts the mark into the text of a draft of d, where it belongs there. Otherwise it
// returns an error where the mark isn't in the draft.
func (f *Format[T]) marked(made *Draft[T], d *Document[T], m *Mark[T]) error {
	if !m.isText() {
		return f.keepsMark(made.Stored, m)
	}
	if err := f.putText(made, d, m); err != nil {
		return err
	}
	return f.showText(made, m)
}

// putMark puts the mark into a draft that is made of end.
func (f *Format[T]) putMark(made *Draft[T], d, end *Document[T], m *Mark[T]) error {
	seen, err := f.fresh(d)
	if err != nil {
		return err
	}
	v, err := f.fresh(end)
	if err != nil {
		return err
	}
	before, err := f.render(v)
	if err != nil {
		return err
	}
	m.see(seen)
	m.put(v)
	after, err := f.render(v)
	if err != nil {
		return err
	}
	made.Value, made.Stored = *v, after
	if f.JSON {
		made.Stored, err = jsonedit.Patch(end.Text, before, after, f.rules())
	}
	made.Body = made.Stored
	return err
}

// texts returns what is sent to make after of the document, and what is stored
// then. before is how T renders the document.
func (f *Format[T]) texts(d *Document[T], before, after []byte) (body, stored []byte, err error) {
	if f.Patch && !f.JSON {
		return nil, nil, errors.New("WithPatch is for JSON")
	}
	if d.Absent || !f.JSON {
		return after, after, nil
	}
	// T knows all that is there, and how it is written.
	if !f.Patch && bytes.Equal(d.Text, before) {
		return after, after, nil
	}
	if stored, err = jsonedit.Patch(d.Text, before, after, f.rules()); err != nil || !f.Patch {
		return stored, stored, err
	}
	body, err = jsonedit.MergePatch(d.Text, before, after, f.rules())
	return body, stored, err
}

// patchOf is the merge patch from how T renders the document to how it renders the
// draft.
func (f *Format[T]) patchOf(d *Document[T], made *Draft[T]) ([]byte, error) {
	var texts [2][]byte
	for i, text := range [...][]byte{d.Text, made.Stored} {
		read, err := f.Read(text)
		if err != nil {
			return nil, err
		}
		if texts[i], err = f.render(&read.Value); err != nil {
			return nil, err
		}
	}
	before, after := texts[0], texts[1]
	return jsonedit.MergePatch(d.Text, before, after, f.rules())
}

// readsAs returns an error where T reads another value from the document that is
// stored than from what it rendered after the edit: the edit would be lost. T may
// read members that it doesn't write, or know one by several names.
func (f *Format[T]) readsAs(stored, after []byte) error {
	if f.ReadsBack || bytes.Equal(stored, after) {
		return nil
	}
	var got, want T
	if err := f.Decode(stored, &got); err != nil {
		return fmt.Errorf("decode what the edit made: %w", err)
	}
	read, err := f.Encode(&got)
	if err != nil {
		return fmt.Errorf("encode %T: %w", got, err)
	}
	if jsonedit.Same(read, after) {
		return nil
	}
	// It need not render the same twice, nor be able to read what it renders.
	if f.Decode(after, &want) != nil || reflect.DeepEqual(got, want) {
		return nil
	}
	if meant, err := f.Encode(&want); err != nil || jsonedit.Same(read, meant) {
		return err
	}
	return fmt.Errorf("%T would read the document otherwise than the edit left it: it reads a member by a name that it doesn't write", got)
}

// keepsMark returns an error where the document lacks the mark that was put into
// it: then an own write couldn't be told from another's.
func (f *Format[T]) keepsMark(stored []byte, m *Mark[T]) error {
	if !m.Kept() || f.ReadsBack && m.marker.IDs != nil && bytes.Contains(stored, []byte(m.id)) {
		return nil
	}
	var check T
	if err := f.Decode(stored, &check); err != nil {
		return fmt.Errorf("ifmatch: decode what was encoded of %T: %w", check, err)
	}
	if m.find(&check) != Found {
		return fmt.Errorf("ifmatch: %T doesn't keep the mark of Marks or WithMarker: embed Marks by value, and let the JSON have its member", check)
	}
	return nil
}

// takesMark returns an error where the document can't be marked, so that the edit
// that made it so is left out, and no other.
func (f *Format[T]) takesMark(d *Document[T], m *Mark[T]) (err error) {
	switch {
	case !m.Kept():
		return nil
	case m.isText():
		_, err := f.withText(d.Text, m, []string{m.id})
		return err
	case m.marker.IDs != nil:
		if m.marker.IDs(&d.Value) == nil {
			return fmt.Errorf("ifmatch: the edit leaves a %T without its Marks", d.Value)
		}
		return nil
	}
	v, err := f.fresh(d)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("ifmatch: WithMarker: put panicked after the edit: %v", p)
		}
	}()
	m.put(v)
	return nil
}

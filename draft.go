package ifmatch

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// draft is what an edit made of a state: the body to send and the value in it.
type draft[T any] struct {
	value  T
	body   []byte // what is sent
	stored []byte // the document that it makes
	same   bool   // as the state
}

// draft runs edit on a fresh copy of the state's value.
func (d *document[T]) draft(s *state[T], edit func(*T) error, m *marking[T]) (*draft[T], error) {
	fresh := new(T)
	if !s.absent {
		if err := d.set.codec.Decode(s.body, fresh); err != nil {
			return nil, fmt.Errorf("ifmatch: decode %q: %w", d.name, err)
		}
	}
	before, err := d.set.codec.Encode(fresh)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: encode %T: %w", *fresh, err)
	}
	m.see(fresh)
	if err := edit(fresh); err != nil {
		return nil, err
	}
	after, err := d.set.codec.Encode(fresh)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: encode %T: %w", *fresh, err)
	}
	if !s.absent && bytes.Equal(before, after) {
		return &draft[T]{value: *fresh, stored: s.body, same: true}, nil
	}
	if m != nil {
		m.put(fresh)
		if after, err = d.set.codec.Encode(fresh); err != nil {
			return nil, fmt.Errorf("ifmatch: encode %T: %w", *fresh, err)
		}
	}
	made := &draft[T]{value: *fresh}
	if made.body, made.stored, err = d.render(s, before, after); err != nil {
		return nil, fmt.Errorf("ifmatch: update %q: %w", d.name, withTooLarge(err))
	}
	if err := d.readsAs(made.stored, after); err != nil {
		return nil, fmt.Errorf("ifmatch: update %q: %w", d.name, err)
	}
	return made, d.keepsMark(made.stored, m)
}

// readsAs returns an error where T reads another value from the document that is
// stored than from what it rendered after the edit: the edit would be lost. T may
// read members that it doesn't write, or know one by several names.
func (d *document[T]) readsAs(stored, after []byte) error {
	if bytes.Equal(stored, after) {
		return nil
	}
	var got, want T
	if err := d.set.codec.Decode(stored, &got); err != nil {
		return fmt.Errorf("decode what the edit made: %w", err)
	}
	read, err := d.set.codec.Encode(&got)
	if err != nil {
		return fmt.Errorf("encode %T: %w", got, err)
	}
	if jsonedit.Same(read, after) {
		return nil
	}
	// It need not render the same twice, nor be able to read what it renders.
	if d.set.codec.Decode(after, &want) != nil || reflect.DeepEqual(got, want) {
		return nil
	}
	if meant, err := d.set.codec.Encode(&want); err != nil || jsonedit.Same(read, meant) {
		return err
	}
	return fmt.Errorf("%T would read the document otherwise than the edit left it: it reads a member by a name that it doesn't write", got)
}

// keepsMark returns an error where the document lacks the mark that was put into
// it: then an own write couldn't be told from another's.
func (d *document[T]) keepsMark(stored []byte, m *marking[T]) error {
	if m == nil {
		return nil
	}
	var check T
	if err := d.set.codec.Decode(stored, &check); err != nil {
		return fmt.Errorf("ifmatch: decode what was encoded of %T: %w", check, err)
	}
	if m.find(&check) != MarkFound {
		return fmt.Errorf("ifmatch: %T doesn't keep the mark of Marks or WithMarker: embed Marks by value, and let the JSON have its member", check)
	}
	return nil
}

// takesMark returns an error where Marks or the functions of WithMarker can't mark
// a document, so that the edit that made it so is left out, and no other.
func (d *document[T]) takesMark(s *state[T], m *marking[T]) (err error) {
	if m == nil {
		return nil
	}
	var fresh T
	if err := d.set.codec.Decode(s.body, &fresh); err != nil {
		return err
	}
	if m.custom == nil {
		if marksOf(&fresh) == nil {
			return fmt.Errorf("ifmatch: the edit leaves a %T without its Marks", fresh)
		}
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("ifmatch: WithMarker: put panicked after the edit: %v", p)
		}
	}()
	m.put(&fresh)
	return nil
}

// finish marks what the edits of a batch made of s, one after another.
func (d *document[T]) finish(s, end *state[T], m *marking[T]) (*draft[T], error) {
	made := &draft[T]{value: end.value, body: end.body, stored: end.body}
	if m != nil {
		var seen, fresh T
		if !s.absent {
			if err := d.set.codec.Decode(s.body, &seen); err != nil {
				return nil, err
			}
		}
		if err := d.set.codec.Decode(end.body, &fresh); err != nil {
			return nil, err
		}
		before, err := d.set.codec.Encode(&fresh)
		if err != nil {
			return nil, err
		}
		m.see(&seen)
		m.put(&fresh)
		after, err := d.set.codec.Encode(&fresh)
		if err != nil {
			return nil, err
		}
		if made.body, made.stored, err = d.renderWhole(end, before, after); err != nil {
			return nil, withTooLarge(err)
		}
		made.value = fresh
	}
	if d.set.patch && !s.absent {
		p, err := jsonedit.MergePatch(s.body, s.body, made.stored) // of the documents themselves
		if err != nil {
			p, err = d.patchOf(s, made) // which may have a name twice
		}
		if err != nil {
			return nil, withTooLarge(err)
		}
		made.body = p
	}
	return made, d.keepsMark(made.stored, m)
}

// patchOf is the merge patch from how T renders the state to how it renders the
// draft.
func (d *document[T]) patchOf(s *state[T], made *draft[T]) ([]byte, error) {
	before, err := d.set.codec.Encode(&s.value)
	if err != nil {
		return nil, err
	}
	after, err := d.set.codec.Encode(&made.value)
	if err != nil {
		return nil, err
	}
	return jsonedit.MergePatch(s.body, before, after)
}

func (d *document[T]) renderWhole(s *state[T], before, after []byte) (body, stored []byte, err error) {
	if _, isJSON := d.set.codec.(jsonCodec); !isJSON {
		return after, after, nil
	}
	stored, err = jsonedit.Patch(s.body, before, after)
	return stored, stored, err
}

// render returns the body that makes after of the state, and what is stored then.
func (d *document[T]) render(s *state[T], before, after []byte) (body, stored []byte, err error) {
	_, isJSON := d.set.codec.(jsonCodec)
	if d.set.patch && !isJSON {
		return nil, nil, errors.New("WithPatch is for JSON")
	}
	if s.absent || !isJSON {
		return after, after, nil
	}
	if stored, err = jsonedit.Patch(s.body, before, after); err != nil || !d.set.patch {
		return stored, stored, err
	}
	body, err = jsonedit.MergePatch(s.body, before, after)
	return body, stored, err
}

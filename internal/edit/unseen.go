package edit

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// showsEdit returns an error where an edit changed a value that is written in its own way,
// and that doesn't show: a secret that is always written as "***", say. The document has the
// value as it was read, and is what the edit made of it; before and after are how they are
// rendered.
func (f *Format[T]) showsEdit(d *Document[T], before, after []byte, is *T) error {
	w := walk{own: rendersItself, hasOwn: make(map[reflect.Type]bool)}
	if f.ShowsAll || !w.mayHaveOwn(reflect.TypeFor[T]()) {
		return nil
	}
	was, err := f.value(d)
	if err != nil {
		return err
	}
	at := make(map[string]int) // where in w.read a pointer is
	w.collect(reflect.ValueOf(was).Elem(), "", func(pointer string, v reflect.Value) {
		at[pointer] = len(w.read)
		w.read = append(w.read, v)
	})
	alone := bytes.Equal(before, after)
	var unseen []string
	gone, came := maps.Clone(at), []reflect.Value(nil)
	w.collect(reflect.ValueOf(is).Elem(), "", func(pointer string, v reflect.Value) {
		i, there := at[pointer]
		if there && (!v.IsZero() || w.read[i].IsZero()) { // a zero may be left out
			delete(gone, pointer)
		}
		switch {
		case !there:
			came = append(came, v)
		case equal(w.read[i], v) || !f.rendersEqually(w.read[i], v):
		case alone || !w.wasRead(v, i):
			unseen = append(unseen, pointer)
		}
	})
	if err := jsonedit.Hidden(d.Text, before, before, f.replaced(&w, gone, came)); err != nil {
		return err
	}
	return jsonedit.Hidden(d.Text, before, after, unseen)
}

// replaced returns where a value was that is gone, if another one has come that is rendered
// equally: by its rendering alone that one would be taken for it, and get its text.
func (f *Format[T]) replaced(w *walk, gone map[string]int, came []reflect.Value) []string {
	if len(gone) == 0 || len(came) == 0 {
		return nil
	}
	known := make(map[any]bool) // of what was read: what has no method Equal
	for _, v := range w.read {
		if v.Comparable() {
			known[v.Interface()] = true
		}
	}
	var others []reflect.Value
	for _, v := range came {
		if !v.Comparable() || !known[v.Interface()] {
			others = append(others, v)
		}
	}
	if len(others) == 0 {
		return nil
	}
	byText := make(map[string]string) // where one is that is gone, by its rendering
	for _, pointer := range slices.Sorted(maps.Keys(gone)) {
		if text, err := f.Encode(addressed(w.read[gone[pointer]])); err == nil {
			byText[string(text)] = pointer
		}
	}
	var all []string
	for _, v := range others {
		text, err := f.Encode(addressed(v))
		if err != nil {
			continue
		}
		if pointer, alike := byText[string(text)]; alike && !w.wasRead(v, gone[pointer]) {
			all = append(all, pointer)
		}
	}
	return all
}

// rendersEqually reports whether two values are rendered as one text.
func (f *Format[T]) rendersEqually(a, b reflect.Value) bool {
	x, err1 := f.Encode(addressed(a))
	y, err2 := f.Encode(addressed(b))
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// addressed returns a value in such a way that methods of its address are found.
func addressed(v reflect.Value) any {
	if v.CanAddr() {
		return v.Addr().Interface()
	}
	return v.Interface()
}

// walk goes through a value as JSON sees it, and stops at what renders itself.
type walk struct {
	own    func(reflect.Type) bool
	hasOwn map[reflect.Type]bool // whether a type has something in it that is so
	read   []reflect.Value       // what renders itself, of the document that was read
}

// wasRead reports whether a value was in the document, wherever: then it has moved. It
// looks near a place first.
func (w *walk) wasRead(v reflect.Value, near int) bool {
	for d := range len(w.read) {
		if i := near + d; i < len(w.read) && equal(w.read[i], v) {
			return true
		}
		if i := near - d; i >= 0 && equal(w.read[i], v) {
			return true
		}
	}
	return false
}

// mayHaveOwn reports whether a value of the type may have something in it that own is true
// of.
func (w *walk) mayHaveOwn(t reflect.Type) bool {
	has, known := w.hasOwn[t]
	if !known {
		has = w.reachesOwn(t, make(map[reflect.Type]bool))
		w.hasOwn[t] = has
	}
	return has
}

// reachesOwn is mayHaveOwn without the types in seen, of which it is known by the caller: types
// may hold each other.
func (w *walk) reachesOwn(t reflect.Type, seen map[reflect.Type]bool) (has bool) {
	if seen[t] {
		return false
	}
	seen[t] = true
	has = w.own(t)
	switch {
	case has || t.Kind() == reflect.Interface: // which JSON is decoded into has nothing such
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Array, t.Kind() == reflect.Map:
		has = w.reachesOwn(t.Elem(), seen)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			has = has || w.reachesOwn(t.Field(i).Type, seen)
		}
	}
	return has
}

// rendersItself reports whether a type has a method for it, of json or of encoding.
func rendersItself(t reflect.Type) bool {
	p := reflect.PointerTo(t) // which has the methods of t, too
	_, to := p.MethodByName("MarshalJSONTo")
	return to || p.Implements(reflect.TypeFor[json.Marshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextAppender]())
}

// readsItself reports whether a type may read other members than it renders, or may refuse
// what it has rendered. A type with a method for one way need not fit itself on the other.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	_, from := p.MethodByName("UnmarshalJSONFrom")
	_, to := p.MethodByName("MarshalJSONTo")
	switch {
	case t == reflect.TypeFor[time.Time]():
		return false
	case from || to || p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[json.Marshaler]()):
		return true
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return true
	// It is rendered as a text, and only a string is read from one.
	case rendersItself(t):
		return t.Kind() != reflect.String
	}
	return isUneven(t)
}

// isUneven reports whether encoding/json itself may not read what it renders of a type.
func isUneven(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return t.NumMethod() > 0 // only null is read into it
	case reflect.Map: // two names may be one key
		return t.Key().Kind() != reflect.String || reflect.PointerTo(t.Key()).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	case reflect.Struct: // an embedded pointer of a name that isn't exported can't be set
		for i := range t.NumField() {
			if f := t.Field(i); f.Anonymous && !f.IsExported() && f.Type.Kind() == reflect.Pointer {
				return true
			}
		}
	}
	return false
}

// Traits are what is known of a type T under encoding/json. The zero Traits are of one that
// may do anything.
type Traits struct {
	// ReadsBack says that T reads from a text what it has rendered there, whatever else is
	// in the text. Otherwise each draft is read, to see whether it does.
	ReadsBack bool

	// ShowsAll says that what an edit changes in a T shows in how it is rendered, or isn't
	// rendered at all.
	ShowsAll bool
}

// TraitsOf returns the Traits of T.
func TraitsOf[T any]() Traits {
	reads := walk{own: readsItself, hasOwn: make(map[reflect.Type]bool)}
	renders := walk{own: rendersItself, hasOwn: make(map[reflect.Type]bool)}
	return Traits{!reads.mayHaveOwn(reflect.TypeFor[T]()), !renders.mayHaveOwn(reflect.TypeFor[T]())}
}

// collect calls found with each value that renders itself, and the JSON pointer to it.
func (w *walk) collect(v reflect.Value, pointer string, found func(string, reflect.Value)) {
	if !v.IsValid() || !w.mayHaveOwn(v.Type()) {
		return
	}
	switch kind := v.Kind(); {
	case kind == reflect.Pointer:
		w.collect(v.Elem(), pointer, found)
	case rendersItself(v.Type()):
		found(pointer, v)
	case kind == reflect.Slice || kind == reflect.Array:
		for i := range v.Len() {
			w.collect(v.Index(i), pointer+"/"+strconv.Itoa(i), found)
		}
	case kind == reflect.Map:
		for _, key := range v.MapKeys() {
			w.collect(v.MapIndex(key), pointer+"/"+escape(nameOf(key)), found)
		}
	case kind == reflect.Struct:
		w.collectFields(v, pointer, found)
	}
}

func (w *walk) collectFields(v reflect.Value, pointer string, found func(string, reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		tag := field.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-" || !field.IsExported() && !field.Anonymous:
		case name == "" && field.Anonymous && !rendersItself(field.Type):
			w.collect(v.Field(i), pointer, found)
		case field.IsExported():
			if name == "" {
				name = field.Name
			}
			w.collect(v.Field(i), pointer+"/"+escape(name), found)
		}
	}
}

// nameOf returns how a key of a map is rendered.
func nameOf(key reflect.Value) string {
	if marshaler, ok := key.Interface().(encoding.TextMarshaler); ok && key.Kind() != reflect.String {
		text, _ := marshaler.MarshalText() // it was rendered before
		return string(text)
	}
	return fmt.Sprint(key.Interface())
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func escape(name string) string { return pointerEscapes.Replace(name) }

// equal reports whether two values that render themselves are the same. They may have a
// method for it, as times have.
func equal(a, b reflect.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	if method := a.MethodByName("Equal"); method.IsValid() && method.Type().NumIn() == 1 && method.Type().In(0) == b.Type() && method.Type().NumOut() == 1 && method.Type().Out(0).Kind() == reflect.Bool {
		return method.Call([]reflect.Value{b})[0].Bool()
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

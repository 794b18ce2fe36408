package edit

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// counting is encoding/json, and counts what it does.
type counting struct{ decodes, encodes int }

func (c *counting) Decode(b []byte, v any) error { c.decodes++; return json.Unmarshal(b, v) }

func (c *counting) Encode(v any) ([]byte, error) { c.encodes++; return json.Marshal(v) }

// noted holds marks, and what JSON doesn't show.
type noted struct {
	IDs    []string `json:"ids,omitempty"`
	N      int      `json:"n"`
	Hidden int      `json:"-"`
}

var (
	errNo = errors.New("no")
	inc   = func(d *noted) error { d.N++; d.Hidden++; return nil }
	same  = func(d *noted) error { d.Hidden++; return nil }
	fails = func(d *noted) error { d.N += 100; d.Hidden++; return errNo }
)

func formatOf[T any](c Codec) *Format[T] {
	return &Format[T]{Codec: c, Name: named("x"), JSON: true, Traits: TraitsOf[T]()}
}

// TestWorkOfADraft: a draft of a document that was read costs two encodes, and no decode. Of
// several edits each costs one decode.
func TestWorkOfADraft(t *testing.T) {
	marker := Marker[noted]{IDs: func(d *noted) *[]string { return &d.IDs }}
	for _, mark := range []Mark[noted]{{}, NewMark(marker)} {
		c := new(counting)
		f := formatOf[noted](c)
		d, _ := f.Read([]byte(`{"n":1}`))
		*c = counting{}
		if made, err := f.Draft(&d, &mark, inc); err != nil || made.Value.N != 2 {
			t.Error(made, err)
		}
		want := counting{0, 2}
		if mark.Kept() {
			want = counting{0, 3}
		}
		if *c != want {
			t.Errorf("marked %v: one edit took %+v, want %+v", mark.Kept(), *c, want)
		}
		d, _ = f.Read([]byte(`{"n":1}`))
		*c = counting{}
		end := &d
		for range 10 {
			next, err := f.Step(end, &mark, inc)
			if err != nil {
				t.Fatal(err)
			}
			end = next
		}
		want = counting{10, 20}
		if mark.Kept() {
			want.decodes++ // the last one is looked at, too
		}
		if *c != want {
			t.Errorf("marked %v: ten edits took %+v, want %+v", mark.Kept(), *c, want)
		}
	}
}

// TestEditsGetTheirOwn: what an edit does to its value, and doesn't show, is nobody else's.
func TestEditsGetTheirOwn(t *testing.T) {
	f := formatOf[noted](new(counting))
	d, _ := f.Read([]byte(`{"n":1}`))
	for range 2 {
		if made, err := f.Draft(&d, new(Mark[noted]), same); err != nil || !made.Same || d.Value.Hidden != 0 {
			t.Errorf("%+v, %v; the document has %+v", made, err, d.Value)
		}
	}
	for _, last := range []func(*noted) error{same, fails} {
		d, _ := f.Read([]byte(`{"n":1}`))
		end := &d
		for _, edit := range []func(*noted) error{last, inc, last, last, inc, last} {
			next, err := f.Step(end, new(Mark[noted]), func(v *noted) error {
				if v.Hidden != 0 {
					t.Errorf("got %+v", *v)
				}
				return edit(v)
			})
			if err == nil {
				end = next
			}
		}
		made, err := f.Finish(&d, end, new(Mark[noted]))
		stored, _ := f.Read(made.Stored)
		if want := (noted{N: 3}); err != nil || made.Value.Hidden != 0 || !reflect.DeepEqual(stored.Value, want) || string(made.Stored) != `{"n":3}` || d.Value.Hidden != 0 {
			t.Errorf("%+v, %v; %+v", made, err, d.Value)
		}
	}
}

// TestTraitsOf: what a type may do on its own.
func TestTraitsOf(t *testing.T) {
	type own struct{ V big.Int } // reads and renders itself
	type secret struct{ V textOnly }
	for _, row := range []struct {
		of   any
		got  Traits
		want Traits
	}{
		{"a list", TraitsOf[noted](), Traits{true, true}},
		{"any JSON", TraitsOf[map[string]any](), Traits{true, true}},
		{"a type that holds itself", TraitsOf[tree](), Traits{true, true}},
		{"a time", TraitsOf[time.Time](), Traits{true, false}},
		{"a number of its own", TraitsOf[own](), Traits{false, false}},
		{"a text of its own", TraitsOf[secret](), Traits{true, false}},
		{"a text that may be refused", TraitsOf[level](), Traits{false, true}},
		{"an object that is rendered as a text", TraitsOf[point](), Traits{false, false}},
		{"an object with another name", TraitsOf[titled](), Traits{false, false}},
		{"what nothing can be read into", TraitsOf[struct{ S fmt.Stringer }](), Traits{false, true}},
		{"a pointer that can't be set", TraitsOf[struct{ *tree }](), Traits{false, true}},
		{"in a list, by pointer", TraitsOf[[]*own](), Traits{false, false}},
		{"numbers as keys", TraitsOf[map[int]string](), Traits{false, true}},
		{"addresses as keys", TraitsOf[struct{ M map[netip.Addr]int }](), Traits{false, true}},
	} {
		if row.got != row.want {
			t.Errorf("%v: %+v, want %+v", row.of, row.got, row.want)
		}
	}
}

// TestUnreadable: what an edit makes is refused where the type can't read it again, or reads
// what was there before.
func TestUnreadable(t *testing.T) {
	refused(t, `{"v":"low","u":1}`, func(d *struct {
		V level `json:"v"`
	}) {
		d.V = "odd"
	})
	refused(t, `{"v":{"X":1},"u":1}`, func(d *struct {
		V point `json:"v"`
	}) {
		d.V.X = 2
	})
	refused(t, `{"v":{"name":"a"}}`, func(d *struct {
		V titled `json:"v"`
	}) {
		d.V.Name = "b"
	})
	refused(t, `{"v":null,"u":1}`, func(d *struct {
		V fmt.Stringer `json:"v"`
	}) {
		d.V = new(big.Float)
	})
	refused(t, `{"u":1}`, func(d *struct{ *tree }) { d.tree = new(tree) })
}

// refused checks that an edit of a document is an error, before it is sent.
func refused[T any](t *testing.T, doc string, change func(*T)) {
	t.Helper()
	f := formatOf[T](new(counting))
	d, err := f.Read([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	made, err := f.Draft(&d, new(Mark[T]), func(v *T) error { change(v); return nil })
	if err == nil {
		t.Errorf("%s of %s", made.Stored, doc)
	}
}

// level is one of a few words.
type level string

func (l *level) UnmarshalText(text []byte) error {
	if *l = level(text); *l != "low" && *l != "high" {
		return errNo
	}
	return nil
}

// point is rendered as a text, and read as an object.
type point struct{ X int }

func (p point) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "at %d", p.X), nil }

// titled is rendered under another name than it is read by.
type titled struct {
	Name string `json:"name"`
}

func (v titled) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"title": v.Name})
}

type tree struct {
	Kids []tree `json:"kids"`
}

type textOnly string

func (textOnly) MarshalText() ([]byte, error) { return []byte("***"), nil }

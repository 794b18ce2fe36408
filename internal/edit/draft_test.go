package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// counter is a document without marks.
type counter struct {
	N int `json:"n"`
}

// listed keeps the ids of writes in a list, which may be missing.
type listed struct {
	N   int      `json:"n"`
	No  bool     `json:"no,omitempty"`
	IDs []string `json:"ids,omitempty"`
}

var inList = Marker[listed]{IDs: func(doc *listed) *[]string {
	if doc.No {
		return nil
	}
	return &doc.IDs
}}

// labelled keeps the id of the last write.
type labelled struct {
	N     int    `json:"n"`
	Label string `json:"label,omitempty"`
}

var inField = Marker[labelled]{
	Put: func(doc *labelled, id string) {
		if doc.N < 0 {
			panic("no label")
		}
		doc.Label = id
	},
	Find: func(doc *labelled, id string) Sighting {
		if doc.Label == id {
			return Found
		}
		return Absent
	},
}

// textCodec is a codec for JSON. It may be made to fail.
type textCodec struct{ fails, panics bool }

var errCodec = errors.New("codec")

func (c *textCodec) Decode(b []byte, v any) error { return json.Unmarshal(b, v) }

func (c *textCodec) Encode(v any) ([]byte, error) {
	if c.panics {
		panic("codec")
	}
	if c.fails {
		return nil, errCodec
	}
	return json.Marshal(v)
}

// named is the name of a document.
type named string

func (n named) String() string { return string(n) }

func jsonOf[T any](patch bool) *Format[T] {
	return &Format[T]{Codec: &textCodec{}, Name: named("http://h.test/doc"), JSON: true, Patch: patch}
}

// read returns the document of a text; none where it is empty.
func read[T any](t *testing.T, f *Format[T], text string) *Document[T] {
	t.Helper()
	if text == "" {
		return &Document[T]{Absent: true}
	}
	d, err := f.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

func addOne(c *counter) error { c.N++; return nil }

// TestDraft: what is sent and stored (rules 25 and 26).
func TestDraft(t *testing.T) {
	nothing := func(*counter) error { return nil }
	const doc = "{ \"n\": 1,\n  \"big\": 90071992547409931, \"x\": null }"
	const added = "{ \"n\": 2,\n  \"big\": 90071992547409931, \"x\": null }"
	for name, row := range map[string]struct {
		doc          string
		patch, plain bool
		edit         func(*counter) error
		body, stored string // no body: nothing has changed
	}{
		"25: no change":                    {doc: doc, edit: nothing, stored: doc},
		"26: what T doesn't know survives": {doc: doc, edit: addOne, body: added, stored: added},
		"26: as a merge patch":             {doc: doc, patch: true, edit: addOne, body: `{"n":2}`, stored: added},
		"26: in another format":            {doc: doc, plain: true, edit: addOne, body: `{"n":2}`, stored: `{"n":2}`},
		"25: a create without a change":    {edit: nothing, body: `{"n":0}`, stored: `{"n":0}`},
		"25: a create":                     {edit: addOne, body: `{"n":1}`, stored: `{"n":1}`},
		"25: a create with patches":        {patch: true, edit: addOne, body: `{"n":1}`, stored: `{"n":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			f := jsonOf[counter](row.patch)
			f.JSON = !row.plain
			d := read(t, f, row.doc)
			made, err := f.Draft(d, new(Mark[counter]), row.edit)
			if err != nil {
				t.Fatal(err)
			}
			if string(made.Body) != row.body || string(made.Stored) != row.stored || made.Same != (row.body == "") {
				t.Errorf("%+v: %s, stored %s", made, made.Body, made.Stored)
			}
			if string(d.Text) != row.doc {
				t.Errorf("the document is %s now", d.Text)
			}
			// One step and Finish make the same of it.
			end, err := f.Step(d, new(Mark[counter]), row.edit)
			if err != nil {
				t.Fatal(err)
			}
			finished, err := f.Finish(d, end, new(Mark[counter]))
			if err != nil || !bytes.Equal(finished.Body, made.Body) || !bytes.Equal(finished.Stored, made.Stored) || finished.Same != made.Same {
				t.Errorf("%+v, %v", finished, err)
			}
		})
	}
}

// TestErrorOfAnEdit is returned as it is.
func TestErrorOfAnEdit(t *testing.T) {
	f, mine := jsonOf[counter](false), errors.New("mine")
	d := read(t, f, `{"n":1}`)
	if made, err := f.Draft(d, new(Mark[counter]), func(*counter) error { return mine }); made != nil || err != mine {
		t.Errorf("%+v, %v", made, err)
	}
	if next, err := f.Step(d, new(Mark[counter]), func(*counter) error { return mine }); next != nil || err != mine {
		t.Errorf("%+v, %v", next, err)
	}
}

// TestPatchInAnotherFormat is an error.
func TestPatchInAnotherFormat(t *testing.T) {
	f := jsonOf[counter](true)
	f.JSON = false
	if made, err := f.Draft(read(t, f, `{"n":1}`), new(Mark[counter]), addOne); err == nil || !strings.Contains(err.Error(), "WithPatch is for JSON") {
		t.Errorf("%+v, %v", made, err)
	}
}

// TestSteps: each edit sees what those before it made, and the mark is put in once.
func TestSteps(t *testing.T) {
	for _, patch := range []bool{false, true} {
		f := jsonOf[listed](patch)
		m := new(NewMark(inList))
		d := read(t, f, `{"n":1,"theirs":2,"ids":["x"]}`)
		end := d
		for i := range 3 {
			next, err := f.Step(end, m, func(l *listed) error {
				if l.N != i+1 || len(l.IDs) != 1 {
					t.Errorf("step %d got %+v", i, l)
				}
				l.N++
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			end = next
		}
		made, err := f.Finish(d, end, m)
		stored := `{"n":4,"theirs":2,"ids":["x","` + m.id + `"]}`
		body := stored
		if patch {
			body = `{"n":4,"ids":["x","` + m.id + `"]}`
		}
		if err != nil || string(made.Body) != body || string(made.Stored) != stored || made.Value.N != 4 || m.find(&made.Value) != Found {
			t.Errorf("%s, stored %s, %v", made.Body, made.Stored, err)
		}
	}
}

// TestMarkedDraft: whatever an edit makes of the list of ids, it holds those from
// before and the new one (rule 10).
func TestMarkedDraft(t *testing.T) {
	f := jsonOf[listed](false)
	for _, doc := range []string{`{"n":1,"ids":["x"]}`, ""} {
		m := new(NewMark(inList))
		want := `{"n":7,"ids":["x","` + m.id + `"]}`
		if doc == "" {
			want = `{"n":7,"ids":["` + m.id + `"]}`
		}
		made, err := f.Draft(read(t, f, doc), m, func(l *listed) error { *l = listed{N: 7, IDs: []string{"y"}}; return nil })
		if err != nil || string(made.Body) != want {
			t.Errorf("%s, %v", made.Body, err)
		}
	}
}

// TestDocumentsThatTakeNoMark: an edit that leaves no place for the mark fails.
func TestDocumentsThatTakeNoMark(t *testing.T) {
	f, m := jsonOf[listed](false), new(NewMark(inList))
	d := read(t, f, `{"n":1}`)
	drop := func(l *listed) error { l.No = true; return nil }
	if _, err := f.Draft(d, m, drop); err == nil || !strings.Contains(err.Error(), "doesn't keep the mark") {
		t.Error(err)
	}
	if _, err := f.Step(d, m, drop); err == nil || !strings.Contains(err.Error(), "without its Marks") {
		t.Error(err)
	}
	g, label := jsonOf[labelled](false), new(NewMark(inField))
	if _, err := g.Step(read(t, g, `{"n":1}`), label, func(l *labelled) error { l.N = -1; return nil }); err == nil || !strings.Contains(err.Error(), "put panicked after the edit: no label") {
		t.Error(err)
	}
}

// TestBrokenCodec: an error or a panic of the codec ends one step only.
func TestBrokenCodec(t *testing.T) {
	for _, panics := range []bool{false, true} {
		f, codec := jsonOf[counter](false), &textCodec{}
		f.Codec = codec
		d := read(t, f, `{"n":1}`)
		next, err := f.Step(d, new(Mark[counter]), func(c *counter) error {
			codec.fails, codec.panics = true, panics
			return addOne(c)
		})
		if next != nil || err == nil || errors.Is(err, errCodec) == panics {
			t.Errorf("%+v, %v", next, err)
		}
	}
}

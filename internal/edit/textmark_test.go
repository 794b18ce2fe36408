package edit

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	at    = "/meta/notes/x.test~1marks"
	idOne = "11111111111111111111111111111111"
	idTwo = "22222222222222222222222222222222"
)

// TestIDsAt: what the text of marks in a document holds (rule 10).
func TestIDsAt(t *testing.T) {
	for doc, row := range map[string]struct {
		words []string
		bad   bool
	}{
		"":                      {nil, false},
		`{}`:                    {nil, false},
		`{"meta":null}`:         {nil, false},
		`{"meta":"x"}`:          {nil, false}, // there is no such member; nothing can be put there
		`{"meta":{"notes":{}}}`: {nil, false},
		`{"meta":{"notes":{"x.test/marks":null}}}`:                                                      {nil, false},
		`{"meta":{"notes":{"x.test/marks":""}}}`:                                                        {[]string{}, false},
		`{"meta":{"notes":{"x.test/marks":"` + idOne + `"}}}`:                                           {[]string{idOne}, false},
		`{"meta":{"notes":{"x.test\/marks":" ` + idOne + `\n\t` + idTwo + `\r\n"}}}`:                    {[]string{idOne, idTwo}, false},
		`{"meta":{"notes":{"x.test/marks":"` + strings.Repeat("aA", 16) + `"}}}`:                        {[]string{strings.Repeat("aA", 16)}, false},
		`{"meta":{"notes":{"x.test/marks":"mine"}}}`:                                                    {[]string{"mine"}, true},
		`{"meta":{"notes":{"x.test/marks":"` + idOne + ` mine"}}}`:                                      {[]string{idOne, "mine"}, true},
		`{"meta":{"notes":{"x.test/marks":"` + idOne + idTwo + `"}}}`:                                   {[]string{idOne + idTwo}, true},
		`{"meta":{"notes":{"x.test/marks":"` + idOne + `,` + idTwo + `"}}}`:                             {[]string{idOne + "," + idTwo}, true},
		`{"meta":{"notes":{"x.test/marks":"` + idOne[1:] + `"}}}`:                                       {[]string{idOne[1:]}, true},
		`{"meta":{"notes":{"x.test/marks":"` + idOne[1:] + `g"}}}`:                                      {[]string{idOne[1:] + "g"}, true},
		`{"meta":{"notes":{"x.test/marks":7}}}`:                                                         {nil, true},
		`{"meta":{"notes":{"x.test/marks":["` + idOne + `"]}}}`:                                         {nil, true},
		`{"meta":{"notes":{"x.test/marks":{}}}}`:                                                        {nil, true},
		`{"meta":{"notes":{"x.test/marks":false}}}`:                                                     {nil, true},
		`{"meta":{"notes":{"x.test/marks":"` + idOne + `","x.test/marks":"` + idTwo + `"}}}`:            {nil, true},
		`{"meta":{},"meta":{"notes":{"x.test/marks":"` + idOne + `"}}}`:                                 {nil, true},
		`{"notes":{"x.test/marks":"mine"},"meta":{"notes":{"x.test/mark":"mine","x.test~1marks":"m"}}}`: {nil, false},
	} {
		words, err := idsAt([]byte(doc), at)
		if diff := cmp.Diff(row.words, words); diff != "" || (err != nil) != row.bad {
			t.Errorf("%s: %v\n%s", doc, err, diff)
		}
		if err != nil && !strings.Contains(err.Error(), at) {
			t.Errorf("%s: the place isn't named: %v", doc, err)
		}
	}
}

// TestWithIDs: the text of marks is put into a document, and nothing else changes; where it
// would replace something, it isn't (rules 10 and 26).
func TestWithIDs(t *testing.T) {
	both := `"x.test/marks":"` + idOne + ` ` + idTwo + `"`
	for doc, want := range map[string]string{
		`{}`:                                   `{"meta":{"notes":{` + both + `}}}`,
		`{ "n": 9007199254740993, "x": null }`: `{"meta":{"notes":{` + both + `}}, "n": 9007199254740993, "x": null }`,
		`{"n":1,"meta": { "a" : "\u0062" }}`:   `{"n":1,"meta": {"notes":{` + both + `}, "a" : "\u0062" }}`,
		`{"meta":{"notes":{"b":"c"},"z":[]}}`:  `{"meta":{"notes":{` + both + `,"b":"c"},"z":[]}}`,
		`{"meta":{"notes":{"b":"c", "x.test\/marks" : "` + idOne + `" }}}`: `{"meta":{"notes":{"b":"c", "x.test\/marks" : "` + idOne + ` ` + idTwo + `" }}}`,
		`{"meta":{"notes":{"x.test/marks":null}}}`:                         `{"meta":{"notes":{` + both + `}}}`,
		`{"meta": null,"n":1}`:                                             `{"meta": {"notes":{` + both + `}},"n":1}`,
		`{"meta":{"a":1, "notes":null}}`:                                   `{"meta":{"a":1, "notes":{` + both + `}}}`,
		`{"meta":"x"}`:                                                     "",
		`{"meta":{"notes":[null]}}`:                                        "",
		`{"meta":{"notes":{"x.test/marks":"mine"}}}`:                       "",
		`{"meta":{"notes":{"x.test/marks":[]}}}`:                           "",
		`{"meta":null,"meta":{}}`:                                          "",
		`[]`:                                                               "",
		`null`:                                                             "",
		`"x"`:                                                              "",
	} {
		made, err := withIDs([]byte(doc), at, []string{idOne, idTwo})
		if string(made) != want || (err != nil) != (want == "") {
			t.Errorf("%s: %s, %v", doc, made, err)
		}
		if err != nil && !strings.Contains(err.Error(), at) {
			t.Errorf("%s: the place isn't named: %v", doc, err)
		}
	}
	// A place at the top has nothing on the way.
	if made, err := withIDs([]byte(`{"n":1}`), "/m", []string{idOne}); string(made) != `{"m":"`+idOne+`","n":1}` || err != nil {
		t.Errorf("%s, %v", made, err)
	}
}

var inText = Marker[counter]{At: at}

// TestLookInText: what the text says of a write: as a list of ids, and nothing where something
// else is there (rule 10).
func TestLookInText(t *testing.T) {
	m := NewMark(inText)
	me := m.id
	m.note([]string{idOne})
	for text, want := range map[string]Sighting{
		me:                                     Found,
		idOne + " " + me:                       Found,
		idOne + "\n  " + me + " " + idTwo:      Found,
		idOne + " " + me + " mine":             Found, // whatever else is there, nobody else has that id
		idOne:                                  Absent,
		idOne + " " + idTwo:                    Absent,
		idTwo:                                  Unknown, // another list
		"":                                     Unknown,
		idOne + " " + strings.ToUpper(me):      Unknown, // in the server's own spelling
		idOne + me:                             Unknown, // without white space
		idOne + "," + me:                       Unknown,
		idOne + " " + idTwo + " mine":          Unknown, // somebody else wrote there
		idOne + " " + me[:20]:                  Unknown,
		strings.Join([]string{idOne, me}, "-"): Unknown,
	} {
		doc := Document[counter]{Text: []byte(`{"meta":{"notes":{"x.test/marks":"` + strings.ReplaceAll(text, "\n", `\n`) + `"}}}`)}
		if got := m.In(&doc); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for _, doc := range []string{`{}`, `{"meta":null}`, `{"meta":{"notes":{"x.test/marks":["` + me + `"]}}}`} {
		if got := m.In(&Document[counter]{Text: []byte(doc)}); got != Unknown {
			t.Errorf("%s: %v", doc, got)
		}
	}
	if got := m.In(&Document[counter]{Absent: true}); got != Unknown {
		t.Errorf("of a document that isn't there: %v", got)
	}
}

// TestReadText: the ids that a Record is shown, and that an awaited one isn't there.
func TestReadText(t *testing.T) {
	marker := inText
	for text, row := range map[string]struct {
		ids   []string
		lacks bool
	}{
		`"` + idOne + ` ` + idTwo + `"`:    {[]string{idOne, idTwo}, false},
		`"` + idOne + `"`:                  {[]string{idOne}, true},
		`"` + idTwo + ` mine"`:             {nil, false}, // it is there, and what comes and goes beside it shows nothing
		`7`:                                {nil, true},
		`null`:                             {nil, true},
		`"` + strings.ToUpper(idTwo) + `"`: {[]string{strings.ToUpper(idTwo)}, false}, // in the server's spelling
		`"","x.test/marks":""`:             {nil, false},
	} {
		doc := Document[counter]{Text: []byte(`{"meta":{"notes":{"x.test/marks":` + text + `}}}`)}
		ids, lacks := marker.Read(&doc, idTwo)
		if diff := cmp.Diff(row.ids, ids); diff != "" || lacks != row.lacks {
			t.Errorf("%s: lacks %v\n%s", text, lacks, diff)
		}
		if _, lacks := marker.Read(&doc, ""); lacks {
			t.Errorf("%s: no id is awaited, and one lacks", text)
		}
	}
}

// annotated knows where the marks are.
type annotated struct {
	N    int `json:"n"`
	Meta struct {
		Notes map[string]string `json:"notes,omitempty"`
	} `json:"meta"`
	Hidden int `json:"-"`
}

// TestTextDraft: whatever an edit makes of the text of marks, it holds the ids from before and
// the new one. What else the edit changes there is in it, too, and nothing else is changed
// (rules 10 and 26).
func TestTextDraft(t *testing.T) {
	const theirs = `"b": "c", "x.test/marks": "` + idOne + `"`
	const doc = `{ "n": 1, "meta": { "notes": { ` + theirs + ` }, "gen": 90071992547409931 }, "x": null }`
	set := func(edit func(notes map[string]string)) func(*annotated) error {
		return func(a *annotated) error {
			a.N++
			if a.Meta.Notes == nil {
				a.Meta.Notes = map[string]string{}
			}
			edit(a.Meta.Notes)
			return nil
		}
	}
	drop := func(a *annotated) error { a.N++; a.Meta.Notes = nil; return nil }
	for name, row := range map[string]struct {
		doc           string
		edit          func(*annotated) error
		stored, patch string // ME is the id; no text: an error
	}{
		"elsewhere": {doc, set(func(map[string]string) {}),
			strings.NewReplacer(idOne, idOne+" ME", `"n": 1`, `"n": 2`).Replace(doc), `{"meta":{"notes":{"x.test/marks":"` + idOne + ` ME"}},"n":2}`},
		"beside it": {doc, set(func(n map[string]string) { n["b"] = "d"; n["e"] = "f" }),
			`{ "n": 2, "meta": { "notes": { "b": "d", "x.test/marks": "` + idOne + ` ME", "e": "f" }, "gen": 90071992547409931 }, "x": null }`,
			`{"n":2,"meta":{"notes":{"x.test/marks":"` + idOne + ` ME","b":"d","e":"f"}}}`},
		"it is wiped": {doc, set(func(n map[string]string) { delete(n, "x.test/marks") }),
			`{ "n": 2, "meta": { "notes": {"x.test/marks":"` + idOne + ` ME", "b": "c" }, "gen": 90071992547409931 }, "x": null }`,
			`{"n":2,"meta":{"notes":{"x.test/marks":"` + idOne + ` ME"}}}`},
		"all are wiped": {doc, drop,
			`{ "n": 2, "meta": {"notes":{"x.test/marks":"` + idOne + ` ME"}, "gen": 90071992547409931 }, "x": null }`,
			`{"n":2,"meta":{"notes":{"x.test/marks":"` + idOne + ` ME","b":null}}}`},
		"ids of its own": {doc, set(func(n map[string]string) { n["x.test/marks"] = idTwo }),
			strings.NewReplacer(idOne, idOne+" ME", `"n": 1`, `"n": 2`).Replace(doc), `{"n":2,"meta":{"notes":{"x.test/marks":"` + idOne + ` ME"}}}`},
		"no object on the way": {`{"n":1,"y":2}`, set(func(map[string]string) {}),
			`{"meta":{"notes":{"x.test/marks":"ME"}},"n":2,"y":2}`, `{"meta":{"notes":{"x.test/marks":"ME"}},"n":2}`},
		"null on the way": {`{"n":1,"meta":{"notes":null,"z":1}}`, set(func(map[string]string) {}),
			`{"n":2,"meta":{"notes":{"x.test/marks":"ME"},"z":1}}`, `{"meta":{"notes":{"x.test/marks":"ME"}},"n":2}`},
		"a new document": {"", set(func(n map[string]string) { n["b"] = "c" }),
			`{"n":1,"meta":{"notes":{"x.test/marks":"ME","b":"c"}}}`, `{"n":1,"meta":{"notes":{"x.test/marks":"ME","b":"c"}}}`},
		"something else":                {`{"n":1,"meta":{"notes":{"x.test/marks":"mine"}}}`, set(func(map[string]string) {}), "", ""},
		"something else is put there":   {doc, set(func(n map[string]string) { n["x.test/marks"] = "mine" }), "", ""},
		"something else is taken away":  {`{"n":1,"meta":{"notes":{"x.test/marks":"mine"}}}`, drop, `{"n":2,"meta":{"notes":{"x.test/marks":"ME"}}}`, `{"n":2,"meta":{"notes":{"x.test/marks":"ME"}}}`},
		"a name twice":                  {`{"n":1,"meta":{"notes":{"x.test/marks":"","x.test/marks":""}}}`, set(func(map[string]string) {}), "", ""},
		"something else, and no change": {`{"n":1,"meta":{"notes":{"x.test/marks":"mine"}}}`, func(*annotated) error { return nil }, "same", "same"},
		"a name twice, elsewhere":       {`{"n":1,"n":1,"y":{"z":1,"z":2}}`, set(func(map[string]string) {}), `{"meta":{"notes":{"x.test/marks":"ME"}},"n":1,"n":2,"y":{"z":1,"z":2}}`, `{"meta":{"notes":{"x.test/marks":"ME"}},"n":2}`},
	} {
		for _, patch := range []bool{false, true} {
			f := jsonOf[annotated](patch)
			for _, how := range []string{"one", "steps"} {
				m := new(NewMark(Marker[annotated]{At: at}))
				d := read(t, f, row.doc)
				made, err := f.Draft(d, m, row.edit)
				if how == "steps" {
					d = read(t, f, row.doc)
					var end *Document[annotated]
					if end, err = f.Step(d, m, row.edit); err == nil {
						made, err = f.Finish(d, end, m)
					}
				}
				want, body := strings.ReplaceAll(row.stored, "ME", m.id), strings.ReplaceAll(row.stored, "ME", m.id)
				if patch && row.doc != "" {
					body = strings.ReplaceAll(row.patch, "ME", m.id)
				}
				switch {
				case want == "":
					if err == nil || !strings.Contains(err.Error(), at) {
						t.Errorf("%s, %s, patch %v: %v", name, how, patch, err)
					}
					continue
				case err != nil:
					t.Errorf("%s, %s, patch %v: %v", name, how, patch, err)
					continue
				case want == "same":
					if !made.Same {
						t.Errorf("%s, %s: %s", name, how, made.Body)
					}
					continue
				}
				if diff := cmp.Diff(want, string(made.Stored)); diff != "" {
					t.Errorf("%s, %s, patch %v: stored\n%s", name, how, patch, diff)
				}
				if diff := cmp.Diff(body, string(made.Body)); diff != "" {
					t.Errorf("%s, %s, patch %v: body\n%s", name, how, patch, diff)
				}
				if made.Same || m.In(&Document[annotated]{Text: made.Stored}) != Found {
					t.Errorf("%s, %s, patch %v: the mark isn't there", name, how, patch)
				}
			}
		}
	}
}

// TestPatchOfAWayThatWasNone: an edit may take away what isn't an object, where the text of
// marks makes one.
func TestPatchOfAWayThatWasNone(t *testing.T) {
	type loose struct {
		N    int `json:"n"`
		Meta any `json:"meta,omitempty"`
	}
	f := jsonOf[loose](true)
	m := new(NewMark(Marker[loose]{At: at}))
	made, err := f.Draft(read(t, f, `{"n":1,"meta":"x"}`), m, func(d *loose) error { d.N++; d.Meta = nil; return nil })
	want := `{"n":2,"meta":{"notes":{"x.test/marks":"` + m.id + `"}}}`
	if err != nil || string(made.Body) != want {
		t.Fatalf("%+v, %v", made, err)
	}
}

// TestTextInValue: the value of a draft has the text of marks where T knows its member, and is
// what the edit made otherwise.
func TestTextInValue(t *testing.T) {
	f := jsonOf[annotated](false)
	m := new(NewMark(Marker[annotated]{At: at}))
	made, err := f.Draft(read(t, f, `{"n":1}`), m, func(a *annotated) error { a.N++; return nil })
	if err != nil || !maps.Equal(made.Value.Meta.Notes, map[string]string{"x.test/marks": m.id}) {
		t.Errorf("%+v, %v", made, err)
	}
	g := jsonOf[noted](false)
	n := new(NewMark(Marker[noted]{At: at}))
	if made, err := g.Draft(read(t, g, `{"n":1}`), n, inc); err != nil || made.Value.Hidden != 1 || made.Value.IDs != nil {
		t.Errorf("%+v, %v", made, err)
	}
	// A T that can't read the text couldn't read the document again.
	type numbers struct {
		N    int                       `json:"n"`
		Meta map[string]map[string]int `json:"meta"`
	}
	h := jsonOf[numbers](false)
	bad := new(NewMark(Marker[numbers]{At: at}))
	if made, err := h.Draft(read(t, h, `{"n":1}`), bad, func(d *numbers) error { d.N++; return nil }); err == nil {
		t.Errorf("%s", made.Body)
	}
}

// TestTextKeepsTheLast: the text has the last ids, each once, and the new one.
func TestTextKeepsTheLast(t *testing.T) {
	var all []string
	for range 70 {
		all = append(all, NewID())
	}
	f := jsonOf[counter](false)
	m := new(NewMark(inText))
	d := read(t, f, `{"n":1,"meta":{"notes":{"x.test/marks":"`+strings.Join(all, " ")+`"}}}`)
	made, err := f.Draft(d, m, addOne)
	if err != nil {
		t.Fatal(err)
	}
	got, err := idsAt(made.Stored, at)
	if diff := cmp.Diff(append(slices.Clone(all[70-maxIDs+1:]), m.id), got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if !m.cut {
		t.Error("it isn't known that there were more")
	}
}

// TestRoom: a mark takes no more than its room in a document that has none.
func TestRoom(t *testing.T) {
	for doc, place := range map[string]string{`{"n":1}`: at, `{"n":2}`: "/" + strings.Repeat("é\"", 300), `{"n":3}`: "/m", `{"n":4,"meta":{}}`: at} {
		f := jsonOf[counter](false)
		m := new(NewMark(Marker[counter]{At: place}))
		made, err := f.Draft(read(t, f, doc), m, addOne)
		if err != nil || len(made.Stored) > len(doc)+m.Room() {
			t.Errorf("%s: %d bytes, room for %d, %v", made.Stored, len(made.Stored), m.Room(), err)
		}
	}
	if m := NewMark(inList); m.Room() != markRoom {
		t.Error(m.Room())
	}
}

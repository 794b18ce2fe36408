package ifmatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// board is an API whose documents have marks as a text among their notes.
var board = dialect.Dialect{Name: "board", MarksAt: "/meta/notes/x.test~1marks"}

// onBoard is a document of the board, as far as the tests look at it.
type onBoard struct {
	Meta struct {
		Notes map[string]string `json:"notes"`
	} `json:"meta"`
}

// textOf is the text of marks in a document.
func textOf(t *testing.T, body []byte) string {
	t.Helper()
	var doc onBoard
	if err := json.Unmarshal(body, &doc); err != nil && len(body) > 0 {
		t.Error(err)
	}
	return doc.Meta.Notes["x.test/marks"]
}

// withText is the document n, with a text of marks.
func withText(n int, text string) string {
	return fmt.Sprintf(`{"n":%d,"meta":{"notes":{"x.test/marks":%q}}}`, n, text)
}

// Ids of other writers.
var (
	idW = strings.Repeat("a", 32)
	idX = strings.Repeat("b", 32)
)

// textKeeper is what a server makes of the text of marks in a document that it is sent. old is
// the one that it has; nil where the write creates the document. An empty one isn't stored.
type textKeeper func(old *string, sent string) string

// inText is a keeper of a list, for a text.
func inText(keep keeper) textKeeper {
	return func(old *string, sent string) string {
		var was *[]string
		if old != nil {
			was = new(strings.Fields(*old))
		}
		return strings.Join(keep(was, strings.Fields(sent)), " ")
	}
}

// textKeepers are servers that treat the text in ways that a list can't be treated.
var textKeepers = map[string]textKeeper{
	"keeps all":           func(_ *string, sent string) string { return sent },
	"other white space":   func(_ *string, sent string) string { return strings.ReplaceAll(sent, " ", "\n\t") + "\r\n" },
	"no white space":      func(_ *string, sent string) string { return strings.ReplaceAll(sent, " ", "") },
	"commas":              func(_ *string, sent string) string { return strings.ReplaceAll(sent, " ", ",") },
	"only 70 bytes":       func(_ *string, sent string) string { return sent[:min(len(sent), 70)] },
	"only the last bytes": func(_ *string, sent string) string { return sent[max(0, len(sent)-40):] },
	"only the last id":    func(_ *string, sent string) string { return sent[max(0, len(sent)-32):] },
	"a note of its own":   func(_ *string, sent string) string { return sent + " (saved)" },
	"a secret":            func(*string, string) string { return "***" },
}

// keepText does with the text of marks what the server does.
func (k *filtered) keepText(body []byte, exists bool, sent map[string]json.RawMessage) {
	var was, is onBoard
	json.Unmarshal(body, &was)
	json.Unmarshal(sent["meta"], &is.Meta)
	old := new(was.Meta.Notes["x.test/marks"])
	if !exists {
		old = nil
	}
	delete(sent, "meta")
	if kept := k.text(old, is.Meta.Notes["x.test/marks"]); kept != "" {
		is.Meta.Notes["x.test/marks"] = kept
		sent["meta"], _ = json.Marshal(is.Meta)
	}
}

// TestNothingDoubledByText: TestNothingDoubled, with the ids in a text.
func TestNothingDoubledByText(t *testing.T) {
	keep := make(map[string]textKeeper)
	for name, of := range keepers {
		keep[name] = inText(of)
	}
	for name, of := range textKeepers {
		keep[name] = of
	}
	for name, keep := range keep {
		t.Run(name, func(t *testing.T) {
			for _, lose := range []string{"cut", "500", "502"}[:long(3, 1)] {
				for before := range 3 {
					for _, rival := range []bool{false, true} {
						for _, kind := range []string{"Update", "Resource"} {
							for _, text := range []string{"-", "", idW + " " + idX} {
								doc := `{"adds":{}}`
								if text != "-" {
									doc = strings.Replace(withText(0, text), `"n":0`, `"adds":{}`, 1)
								}
								withDocument(t, doc, doubling{text: keep, lose: lose, before: before, rival: rival, kind: kind}.run)
							}
							withDocument(t, "", doubling{text: keep, lose: lose, before: before, rival: rival, kind: kind}.run)
						}
					}
				}
			}
		})
	}
}

// TestUpdateWithTextMarks: a lost answer is recognised by the text, and the document has
// nothing else that is new (rules 10 and 26).
func TestUpdateWithTextMarks(t *testing.T) {
	const doc = "{ \"n\": 1,\n  \"big\": 90071992547409931, \"x\": null }"
	for name, faults := range map[string][]ifmatchtest.Fault{
		"nothing":            nil,
		"answer lost":        {ifmatchtest.LostAnswer(1)},
		"answers lost":       {ifmatchtest.LostAnswer(3)},
		"request lost":       {ifmatchtest.LostRequest(2)},
		"502 after commit":   {ifmatchtest.FailAfter(1, 502)},
		"500 after commit":   {ifmatchtest.FailAfter(1, 500)},
		"500 before commit":  {ifmatchtest.FailBefore(1, 500)},
		"replayed":           {ifmatchtest.Replay(1)},
		"lost for ever":      {ifmatchtest.LostRequest(4), ifmatchtest.LostAnswer(4)},
		"and the read fails": {ifmatchtest.LostAnswer(1), ifmatchtest.LostRequest(1).On("GET").After(1)},
	} {
		bothWays(t, doc, func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[markedCounter]) {
			origin.Inject(faults...)
			got, err := update(t.Context(), origin.Client(), addMarked, WithDialect(board))
			id := textOf(t, []byte(stateOf(origin)))
			want := strings.Replace(doc, `{ "n": 1`, fmt.Sprintf(`{"meta":{"notes":{"x.test/marks":%q}}, "n": 2`, id), 1)
			if err != nil || got.Value.N != 2 || got.Outcome.Effect != EffectApplied || len(id) != 32 || stateOf(origin) != want {
				t.Errorf("%s, %s: %+v, %v: %s: %s", name, kind, got, err, requests(origin), stateOf(origin))
			}
			if got.Value.IDs != nil || string(got.Raw) != want {
				t.Errorf("%s, %s: ids %v in the value, text %s", name, kind, got.Value.IDs, got.Raw)
			}
		})
	}
}

// TestTextMarksAbsent: after a lost request the edit runs again where the document was seen to
// keep the text, and not where it wasn't (rule 10).
func TestTextMarksAbsent(t *testing.T) {
	for name, row := range map[string]struct {
		seen, rival string // the text of the read before; what a rival makes of the document
		unknown     bool
	}{
		"seen to keep":              {idW, withText(40, idW+" "+idX), false},
		"not seen to keep":          {"", withText(40, idW+" "+idX), true},
		"wiped by the rival":        {idW, withText(40, ""), true},
		"something else, by a last": {idW, withText(40, idW+" mine"), true},
		"no text":                   {idW, `{"n":40}`, true},
		"another order":             {idW, withText(40, idX+" "+idW), false}, // nothing was pushed out
	} {
		for _, kind := range []string{"Update", "Resource"} {
			withDocument(t, withText(1, row.seen), func(t *testing.T, origin *ifmatchtest.Server, url string) {
				transport := NewTransport(origin.Client().Transport, Stop)
				c := &http.Client{Transport: transport}
				get := func() {
					if _, err := Get[markedCounter](t.Context(), c, url, WithDialect(board)); err != nil {
						t.Fatal(err)
					}
				}
				get()
				origin.Put("/doc", "application/json", []byte(withText(1, idW+" "+idX)))
				if row.seen != "" {
					get()
				}
				transport.base = firstWrite(origin.Client().Transport, false, func() {
					origin.Put("/doc", "application/json", []byte(row.rival))
				}).Transport
				var err error
				if kind == "Update" {
					_, err = Update(t.Context(), c, url, addMarked, WithDialect(board))
				} else {
					_, err = NewResource[markedCounter](c, url, WithDialect(board)).Update(t.Context(), addMarked)
				}
				applied := strings.Contains(stateOf(origin), `"n":41`)
				if errors.Is(err, ErrOutcomeUnknown) != row.unknown || err != nil != row.unknown || applied == row.unknown {
					t.Errorf("%s, %s: %v: %s: %s", name, kind, err, requests(origin), stateOf(origin))
				}
			})
		}
	}
}

// TestDropsTextMarks: a document that was seen to drop the text isn't written any more, and
// what was seen of a list says nothing of it (rule 10).
func TestDropsTextMarks(t *testing.T) {
	for name, keep := range map[string]textKeeper{"all": textKeepers["a secret"], "new ones": inText(keepers["drops new ones"]), "the newest": inText(keepers["drops the newest"])} {
		if name == "all" {
			keep = func(*string, string) string { return "" }
		}
		for _, kind := range []string{"Update", "Resource"} {
			withDocument(t, withText(1, idW), func(t *testing.T, origin *ifmatchtest.Server, url string) {
				server := &filtered{base: origin.Client().Transport, origin: origin, text: keep}
				c := &http.Client{Transport: NewTransport(server, Stop)}
				update := func(opts ...UpdateOption) (err error) {
					origin.ResetLog()
					if kind == "Update" {
						_, err = Update(t.Context(), c, url, addMarked, opts...)
					} else {
						_, err = NewResource[markedCounter](c, url, opts...).Update(t.Context(), addMarked)
					}
					return err
				}
				if err := update(WithDialect(board)); err != nil {
					t.Fatalf("%s, %s: a write that was accepted: %v", name, kind, err)
				}
				if err := update(WithDialect(board)); !errors.Is(err, errDropsMarks) || errors.Is(err, ErrOutcomeUnknown) || writesOf(origin) != 0 {
					t.Errorf("%s, %s: %v: %s", name, kind, err, requests(origin))
				}
				other := board
				other.MarksAt = "/marks"
				server.text, server.keep = nil, func(_ *[]string, sent []string) []string { return sent }
				for where, opt := range map[string]UpdateOption{"the list": nil, "another text": WithDialect(other)} {
					if err := update(opt); err != nil {
						t.Errorf("%s, %s, %s: %v", name, kind, where, err)
					}
				}
			})
		}
	}
}

// TestTextMarksOfOthers: what isn't ids is never written over: the error names the place, and
// nothing is sent. It can be read.
func TestTextMarksOfOthers(t *testing.T) {
	for doc, why := range map[string]string{
		withText(1, "please don't touch"):                   "something else than ids",
		withText(1, idW+" mine"):                            "something else than ids",
		`{"n":1,"meta":{"notes":{"x.test/marks":[]}}}`:      "isn't a text",
		`{"n":1,"meta":{"notes":{"x.test/marks":7}}}`:       "isn't a text",
		`{"n":1,"meta":{"notes":"none"}}`:                   "no object to put the member",
		`{"n":1,"meta":[]}`:                                 "no object to put the member",
		`{"n":1,"meta":{},"meta":{}}`:                       "occurs twice",
		`{"n":1,"meta":{"notes":{"a":1,"a":2,"notes":{}}}}`: "",
	} {
		bothWays(t, doc, func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[markedCounter]) {
			for _, patch := range []UpdateOption{nil, WithPatch()} {
				_, err := update(t.Context(), origin.Client(), addMarked, WithDialect(board), patch)
				if why == "" {
					if err != nil {
						t.Errorf("%s, %s: %v", kind, doc, err)
					}
					continue
				}
				if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), board.MarksAt) || writesOf(origin) != 0 || stateOf(origin) != doc {
					t.Errorf("%s, %s: %v: %s", kind, doc, err, requests(origin))
				}
				if _, err := update(t.Context(), origin.Client(), func(*markedCounter) error { return nil }, WithDialect(board), patch); err != nil {
					t.Errorf("%s, %s, without a change: %v", kind, doc, err)
				}
			}
		})
	}
}

// noter edits the notes that the marks are among.
type noter struct {
	N    int `json:"n"`
	Meta struct {
		Notes map[string]string `json:"notes,omitempty"`
	} `json:"meta"`
	Marks
}

func takeNote(name string) func(*noter) error {
	return func(d *noter) error {
		d.N++
		if d.Meta.Notes == nil {
			d.Meta.Notes = make(map[string]string)
		}
		d.Meta.Notes[name] = "x"
		return nil
	}
}

// TestTextMarksBesideEdits: an edit of what is beside the marks goes in with them, after a
// lost race and with a merge patch, too; it can't wipe the ids of others.
func TestTextMarksBesideEdits(t *testing.T) {
	const doc = `{"n":1,"meta":{"uid":90071992547409931,"notes":{"theirs":"y","x.test/marks":"IDW"}}}`
	start := strings.Replace(doc, "IDW", idW, 1)
	rival := func([]byte) []byte {
		return []byte(strings.NewReplacer("IDW", idW+" "+idX, `"n":1`, `"n":5`, `"y"`, `"z"`).Replace(doc))
	}
	for name, row := range map[string]struct {
		edit func(*noter) error
		want map[string]string
	}{
		"one more":  {takeNote("mine"), map[string]string{"theirs": "z", "mine": "x"}},
		"all wiped": {func(d *noter) error { d.N++; d.Meta.Notes = nil; return nil }, map[string]string{}},
	} {
		for _, patch := range []UpdateOption{nil, WithPatch()} {
			bothWays(t, start, func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[noter]) {
				origin.Inject(ifmatchtest.CompetingWriter(1, rival))
				got, err := update(t.Context(), origin.Client(), row.edit, WithDialect(board), patch)
				if err != nil {
					t.Fatalf("%s, %s: %v: %s", name, kind, err, requests(origin))
				}
				body := stateOf(origin)
				ids := strings.Split(textOf(t, []byte(body)), " ")
				if len(ids) != 3 || !slices.Equal(ids[:2], []string{idW, idX}) || !strings.Contains(body, `"uid":90071992547409931`) || !strings.Contains(body, `"n":6`) {
					t.Errorf("%s, %s: %s", name, kind, body)
				}
				notes := got.Value.Meta.Notes
				if notes["x.test/marks"] != strings.Join(ids, " ") {
					t.Errorf("%s, %s: the value has other marks than the text: %v", name, kind, notes)
				}
				var stored noter
				json.Unmarshal([]byte(body), &stored)
				for _, notes := range []map[string]string{notes, stored.Meta.Notes} {
					delete(notes, "x.test/marks")
					if !reflect.DeepEqual(notes, row.want) {
						t.Errorf("%s, %s: %v", name, kind, notes)
					}
				}
			})
		}
	}
}

// TestPatchOfTextMarks: the merge patch has the mark.
func TestPatchOfTextMarks(t *testing.T) {
	bothWays(t, `{"n":1,"d":1,"d":2}`, func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[markedCounter]) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		got, err := update(t.Context(), origin.Client(), addMarked, WithDialect(board), WithPatch())
		var patch []byte
		for _, r := range origin.Log() {
			if r.Method == http.MethodPatch {
				patch = r.Body
			}
		}
		if err != nil || string(patch) != strings.Replace(withText(0, textOf(t, patch)), `{"n":0,"meta"`, `{"meta"`, 1)[:len(patch)-len(`,"n":2}`)]+`,"n":2}` {
			t.Errorf("%s: %v: %s: %s", kind, err, requests(origin), patch)
		}
		if got.Value.N != 2 || !strings.Contains(stateOf(origin), textOf(t, patch)) {
			t.Errorf("%s: %+v: %s", kind, got, stateOf(origin))
		}
	})
}

// TestCreateTextMarked: a document that is created has the text; created once, although the
// answer was lost.
func TestCreateTextMarked(t *testing.T) {
	for _, patch := range []UpdateOption{nil, WithPatch()} {
		bothWays(t, "", func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[markedCounter]) {
			origin.Inject(ifmatchtest.LostAnswer(1))
			got, err := update(t.Context(), origin.Client(), addMarked, WithDialect(board), CreateIfAbsent(), patch)
			if err != nil || got.Value.N != 1 || got.Outcome.Cause != CauseOwnEarlierWrite || len(textOf(t, []byte(stateOf(origin)))) != 32 {
				t.Errorf("%s: %+v, %v: %s", kind, got, err, requests(origin))
			}
		})
	}
}

// TestTextMarkOfABatch: a write of many edits has one id, and the edit that leaves no place for
// it is left out.
func TestTextMarkOfABatch(t *testing.T) {
	withDocument(t, `{"n":0,"meta":{"notes":{}}}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		type loose struct {
			N    int `json:"n"`
			Meta any `json:"meta"`
			Marks
		}
		add := func(d *loose) error { d.N++; return nil }
		r := NewResource[loose](origin.Client(), url, WithDialect(board))
		together(t, r, origin, add, queued(t, r, nil, add), queued(t, r, nil, add),
			queued(t, r, errAny, func(d *loose) error { d.N += 100; d.Meta = "x"; return nil }),
			queued(t, r, errAny, func(d *loose) error {
				d.N += 100
				d.Meta = map[string]any{"notes": map[string]any{"x.test/marks": "mine"}}
				return nil
			}), queued(t, r, nil, add))
		if ids := strings.Fields(textOf(t, []byte(stateOf(origin)))); !strings.Contains(stateOf(origin), `"n":4`) || len(ids) != 2 || writesOf(origin) != 2 {
			t.Errorf("%v: %s: %s", ids, stateOf(origin), requests(origin))
		}
	})
}

// TestTextMarksFitABatch: a document with the mark is no larger than can be read again; the
// edits that leave no room for it go out with the next write, or are an error.
func TestTextMarksFitABatch(t *testing.T) {
	withDocument(t, `{"s":""}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		type long struct {
			S string `json:"s"`
			Marks
		}
		const most = 400
		r := NewResource[long](origin.Client(), url, WithDialect(board), WithMaxRepresentation(most))
		fill := func(n int) func(*long) error {
			return func(d *long) error { d.S = strings.Repeat("x", n); return nil }
		}
		together(t, r, origin, fill(1), queued(t, r, nil, fill(200)), queued(t, r, ErrTooLarge, fill(most-40)), queued(t, r, nil, fill(100)))
		if body := stateOf(origin); len(body) > most || !strings.Contains(body, strings.Repeat("x", 100)) {
			t.Errorf("%s: %s", body, requests(origin))
		}
	})
}

// TestMarkerBeforeMarksAt: WithMarker goes before the place of the dialect.
func TestMarkerBeforeMarksAt(t *testing.T) {
	bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[markedCounter]) {
		own := noting(func(m *markedCounter) *[]string { return &m.IDs }, false)
		_, err := update(t.Context(), origin.Client(), addMarked, WithDialect(board), own)
		if body := []byte(stateOf(origin)); err != nil || textOf(t, body) != "" || len(idsOf(t, body)) != 1 {
			t.Errorf("%s: %v: %s", kind, err, body)
		}
	})
	bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[counter]) {
		if _, err := update(t.Context(), origin.Client(), addOne, WithDialect(board)); err != nil || stateOf(origin) != `{"n":2}` {
			t.Errorf("%s, without Marks: %v: %s", kind, err, stateOf(origin))
		}
	})
}

// plainCodec says that its documents aren't JSON.
type plainCodec struct{ jsonCodec }

func (plainCodec) ContentType() string { return "application/x-plain" }

// TestMarksAtImpossible: what can't be is an error before anything is sent.
func TestMarksAtImpossible(t *testing.T) {
	both, wrong := board, board
	both.NoMarks = "no"
	wrong.MarksAt = "meta"
	for name, opts := range map[string]UpdateOptions{
		"another format": {WithDialect(board), WithCodec(plainCodec{})},
		"NoMarks, too":   {WithDialect(both)},
		"no pointer":     {WithDialect(wrong)},
	} {
		bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[markedCounter]) {
			if _, err := update(t.Context(), origin.Client(), addMarked, opts); err == nil || requests(origin) != "" {
				t.Errorf("%s, %s: %v: %s", name, kind, err, requests(origin))
			}
		})
	}
}

// TestAnswersWithoutTextMarks: an answer that has all that was sent and leaves out the marks,
// with what they are in, looks like the state that the server made, so its tag isn't taken for
// the tag of what was sent (rule 25).
func TestAnswersWithoutTextMarks(t *testing.T) {
	for body, tag := range map[string]string{`{"n":2,"at":1}`: "", `{"ok":true}`: `"v2"`} {
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				return replyTo(r, 200, `{"n":1}`, `Etag: "v1"`), nil
			}
			io.Copy(io.Discard, r.Body)
			return replyTo(r, 200, body, `Etag: "v2"`), nil
		})
		for _, opt := range []UpdateOption{nil, WithDialect(board), WithDialect(dialect.Dialect{MarksAt: "/m~01"}), WithDialect(dialect.Dialect{MarksAt: "/m~1/n"})} {
			got, err := Update(context.Background(), &http.Client{Transport: base}, "http://example.test/doc", addMarked, opt)
			if err != nil || got.ETag != tag {
				t.Errorf("%s: tag %q, %v", body, got.ETag, err)
			}
		}
	}
}

// TestWhiteSpaceOfTextMarks: a server may write the white space between ids in its own way. One
// that leaves none makes something else of them: the outcome of a lost answer is unknown then,
// nothing is applied twice, and the next Update names the place and sends nothing.
func TestWhiteSpaceOfTextMarks(t *testing.T) {
	for name, known := range map[string]bool{"keeps all": true, "other white space": true, "no white space": false, "commas": false, "a note of its own": true} {
		bothWays(t, withText(1, idW+" "+idX), func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[markedCounter]) {
			server := &filtered{base: origin.Client().Transport, origin: origin, text: textKeepers[name], lose: "cut"}
			c := &http.Client{Transport: NewTransport(server, Stop)}
			_, err := update(t.Context(), c, addMarked, WithDialect(board))
			if errors.Is(err, ErrOutcomeUnknown) == known || err != nil == known || !strings.Contains(stateOf(origin), `"n":2`) {
				t.Errorf("%s, %s: %v: %s: %s", name, kind, err, requests(origin), stateOf(origin))
			}
			origin.ResetLog()
			_, err = update(t.Context(), c, addMarked, WithDialect(board))
			if named := err != nil && strings.Contains(err.Error(), board.MarksAt); named != (!known || name == "a note of its own") || named && writesOf(origin) != 0 {
				t.Errorf("%s, %s: %v: %s", name, kind, err, requests(origin))
			}
		})
	}
}

// TestMarksOfAPart: at the URL of a part, such as the status of an object, the text is the one of
// the whole, and the API takes none there. That others gain ids shows nothing then: the own ones
// are missing, so a lost answer stays unknown.
func TestMarksOfAPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		version, whole, part, text, lose := 1, 0, 0, "", false
		origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
			if req.Method == http.MethodPut {
				var sent struct {
					N, Part int
					Notes   map[string]string
				}
				json.Unmarshal([]byte(body), &sent)
				if req.Header.Get("If-Match") != fmt.Sprintf(`"%d"`, version) {
					return 412, nil, ""
				}
				if version++; strings.HasSuffix(req.URL.Path, "/part") {
					part = sent.Part
				} else {
					whole, text = sent.N, sent.Notes["marks"]
				}
				if lose {
					lose = false
					return 0, nil, ""
				}
				return 204, http.Header{"Etag": {fmt.Sprintf(`"%d"`, version)}}, ""
			}
			return 200, http.Header{"Etag": {fmt.Sprintf(`"%d"`, version)}}, fmt.Sprintf(`{"n":%d,"part":%d,"notes":{"marks":%q}}`, whole, part, text)
		}}
		type doc struct {
			N    int `json:"n"`
			Part int `json:"part"`
			Marks
		}
		d := dialect.RFC9110()
		d.MarksAt = "/notes/marks"
		// As a status is read and written: what is accepted isn't read under its tag before others write.
		others, own := &http.Client{Transport: NewTransport(origin, Stop)}, &http.Client{Transport: NewTransport(origin, Stop)}
		write := func() {
			if _, err := Update(t.Context(), others, thing, func(x *doc) error { x.N++; return nil }, WithDialect(d)); err != nil {
				t.Fatal(err)
			}
		}
		writePart := func() error {
			_, err := Update(t.Context(), own, thing+"/part", func(x *doc) error { x.Part++; return nil }, WithDialect(d))
			return err
		}
		write()
		for range 2 {
			if err := writePart(); err != nil {
				t.Fatal(err)
			}
			write()
		}
		lose = true
		if err := writePart(); !errors.Is(err, ErrOutcomeUnknown) || part != 3 {
			t.Errorf("%v; the part is at %d after 3 edits", err, part)
		}
	})
}

// TestReportBesideTextMarks: an answer that is a report isn't taken for the state, where all that
// was sent is in the member that has the marks.
func TestReportBesideTextMarks(t *testing.T) {
	type doc struct {
		N    int `json:"n"`
		Meta struct {
			Label string `json:"label"`
		} `json:"meta"`
		Marks
	}
	synctest.Test(t, func(t *testing.T) {
		d := dialect.RFC9110()
		d.MarksAt = "/meta/notes/m"
		origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
			if req.Method == http.MethodPatch {
				return 200, http.Header{"Etag": {`"2"`}, "Preference-Applied": {"return=representation"}}, `{"ok":true}`
			}
			return 200, http.Header{"Etag": {`"1"`}}, `{"n":7,"meta":{"label":"a"}}`
		}}
		got, err := Update(t.Context(), &http.Client{Transport: NewTransport(origin, Stop)}, thing, func(x *doc) error { x.Meta.Label = "b"; return nil }, WithPatch(), WithDialect(d))
		if err != nil || got.Value.N != 7 || got.Value.Meta.Label != "b" || strings.Contains(string(got.Raw), "ok") {
			t.Errorf("%+v, %s, %v", got.Value, got.Raw, err)
		}
	})
}

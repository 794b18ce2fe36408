package ifmatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// keeper is what a server makes of the ids in a document that it is sent. old are those
// that it has; nil where the write creates the document.
type keeper func(old *[]string, sent []string) []string

// isNew tells the ids that are new in a document.
func isNew(old *[]string) func(id string) bool {
	return func(id string) bool { return old == nil || !slices.Contains(*old, id) }
}

// keepers are servers that treat the ids of marks in ways of their own.
var keepers = map[string]keeper{
	"drops all":        func(*[]string, []string) []string { return nil },
	"drops new ones":   func(old *[]string, sent []string) []string { return slices.DeleteFunc(sent, isNew(old)) },
	"drops the newest": func(_ *[]string, sent []string) []string { return sent[:max(0, len(sent)-1)] },
	"drops new ones once it is created": func(old *[]string, sent []string) []string {
		if old == nil {
			return sent
		}
		return slices.DeleteFunc(sent, isNew(old))
	},
	"keeps the list as it was created": func(old *[]string, sent []string) []string {
		if old == nil {
			return sent
		}
		return *old
	},
	"capitals": func(_ *[]string, sent []string) []string { return eachID(sent, strings.ToUpper) },
	"cuts": func(_ *[]string, sent []string) []string {
		return eachID(sent, func(id string) string { return id[:min(len(id), 20)] })
	},
	"sorts": func(_ *[]string, sent []string) []string { return slices.Sorted(slices.Values(sent)) },
	"newest first": func(old *[]string, sent []string) []string {
		fresh := slices.DeleteFunc(slices.Clone(sent), func(id string) bool { return !isNew(old)(id) })
		return append(fresh, slices.DeleteFunc(sent, isNew(old))...)
	},
}

// eachID returns the ids as a server spells them.
func eachID(ids []string, spelled func(string) string) []string {
	var all []string
	for _, id := range ids {
		all = append(all, spelled(id))
	}
	return all
}

// filtered is a server above a keeper. The next write that would be accepted is performed,
// and its answer is lost as lose says.
type filtered struct {
	base   http.RoundTripper
	origin *ifmatchtest.Server
	keep   keeper
	text   textKeeper // nil: the ids are in a list
	lose   string     // cut, 500, 502; empty: nothing is lost
	after  func()     // runs then; nil: nothing does
}

func (k *filtered) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPut {
		return k.base.RoundTrip(r)
	}
	var sent map[string]json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		return nil, err
	}
	r.Body.Close()
	body, _, exists := k.origin.State("/doc")
	if k.text != nil {
		k.keepText(body, exists, sent)
	} else {
		k.keepList(body, exists, sent)
	}
	made, _ := json.Marshal(sent)
	again := r.Clone(r.Context())
	again.Body, again.ContentLength, again.GetBody = io.NopCloser(bytes.NewReader(made)), int64(len(made)), nil
	resp, err := k.base.RoundTrip(again)
	if err != nil || resp.StatusCode >= 300 || k.lose == "" {
		return resp, err
	}
	lose := k.lose
	k.lose = ""
	if k.after != nil {
		k.after()
	}
	resp.Body.Close()
	switch lose {
	case "500":
		return replyTo(r, 500, ""), nil
	case "502":
		return replyTo(r, 502, ""), nil
	}
	return nil, errors.New("connection reset")
}

// keepList does with the list of ids what the server does.
func (k *filtered) keepList(body []byte, exists bool, sent map[string]json.RawMessage) {
	var was, ids Marks
	json.Unmarshal(body, &was)
	json.Unmarshal(sent["_ifmatch"], &ids.IDs)
	delete(sent, "_ifmatch")
	old := &was.IDs
	if !exists {
		old = nil
	}
	if kept := k.keep(old, ids.IDs); len(kept) > 0 {
		sent["_ifmatch"], _ = json.Marshal(kept)
	}
}

// TestNothingDoubled: whatever a server does with marks, no edit is applied twice after a
// lost answer, and what was acknowledged is there (rule 10).
func TestNothingDoubled(t *testing.T) {
	for name, keep := range keepers {
		t.Run(name, func(t *testing.T) {
			for _, lose := range []string{"cut", "500", "502"}[:long(3, 1)] {
				for before := range 3 {
					for _, rival := range []bool{false, true} {
						for _, kind := range []string{"Update", "Resource"} {
							for _, doc := range []string{`{"adds":{}}`, `{"adds":{},"_ifmatch":["W","X"]}`, ""} {
								withDocument(t, doc, doubling{keep: keep, lose: lose, before: before, rival: rival, kind: kind}.run)
							}
						}
					}
				}
			}
		})
	}
}

// doubling is some updates of one client, the last of which loses its answer.
type doubling struct {
	keep   keeper
	lose   string
	before int  // updates before that
	rival  bool // another one writes right after it
	kind   string

	text textKeeper // nil: the ids are in a list
}

func (d doubling) run(t *testing.T, origin *ifmatchtest.Server, url string) {
	k := &filtered{base: origin.Client().Transport, origin: origin, keep: d.keep, text: d.text}
	c := &http.Client{Transport: NewTransport(k, Stop)}
	opts := UpdateOptions{CreateIfAbsent()}
	if d.text != nil {
		opts = append(opts, WithDialect(board))
	}
	r := NewResource[tally](c, url, opts)
	update := func(name string) (err error) {
		if d.kind == "Resource" {
			_, err = r.Update(t.Context(), addTo(name))
		} else {
			_, err = Update(t.Context(), c, url, addTo(name), opts)
		}
		return err
	}
	want := map[string]int{}
	for i := range d.before {
		switch err := update(fmt.Sprint("before", i)); {
		case err == nil:
			want[fmt.Sprint("before", i)] = 1
		case !unwritable(err):
			t.Error(err)
		}
	}
	k.lose = d.lose
	if d.rival {
		k.after = func() {
			_, err := Update(t.Context(), &http.Client{Transport: k}, url, addTo("rival"), opts)
			switch {
			case err == nil:
				want["rival"] = 1
			case !unwritable(err):
				t.Error(err)
			}
		}
	}
	err := update("mine")
	switch {
	case unwritable(err) && !errors.Is(err, ErrOutcomeUnknown):
		delete(want, "rival") // nothing was sent
	case err == nil, errors.Is(err, ErrOutcomeUnknown):
		want["mine"] = 1 // it was performed
	default:
		t.Error(err)
	}
	var got tally
	body, _, _ := origin.State("/doc")
	if json.Unmarshal(body, &got); !maps.Equal(got.Adds, want) {
		t.Errorf("%+v: %v, %v, want %v: %s", d, err, got.Adds, want, requests(origin))
	}
}

// unwritable reports whether a document is written no more on account of its marks: they are
// dropped, or the server has made something else of their text.
func unwritable(err error) bool {
	return errors.Is(err, errDropsMarks) || err != nil && strings.Contains(err.Error(), "something else than ids")
}

// TestDropsMarks: a document that was seen to drop marks is written no more with marks, and
// the error says what to do (rule 10).
func TestDropsMarks(t *testing.T) {
	for _, kind := range []string{"Update", "Resource"} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(ifmatchtest.DropUnknown(noted{}))
			c := clientOn(origin)
			update := func(c *http.Client, edit func(*markedCounter) error, opts ...UpdateOption) error {
				if kind == "Update" {
					_, err := Update(t.Context(), c, url, edit, opts...)
					return err
				}
				_, err := NewResource[markedCounter](c, url, opts...).Update(t.Context(), edit)
				return err
			}
			if err := update(c, addMarked); err != nil {
				t.Fatalf("%s: a write that was accepted: %v", kind, err)
			}
			origin.ResetLog()
			err := update(c, addMarked)
			if err == nil || !strings.Contains(err.Error(), "WithMarker") || errors.Is(err, ErrOutcomeUnknown) || writesOf(origin) != 0 {
				t.Errorf("%s: %v: %s", kind, err, requests(origin))
			}
			for name, err := range map[string]error{
				"no change":         update(c, func(*markedCounter) error { return nil }),
				"another Transport": update(clientOn(origin), addMarked),
				"another marker":    update(c, addMarked, noting[markedCounter](func(m *markedCounter) *[]string { return &m.IDs }, true)),
			} {
				if err != nil {
					t.Errorf("%s, %s: %v", kind, name, err)
				}
			}
			if _, err := Update(t.Context(), c, url, addOne); err != nil {
				t.Errorf("%s, without marks: %v", kind, err)
			}
			// Somebody mended the server.
			for _, doc := range []string{`{"n":1,"_ifmatch":["x"]}`, `{"n":1,"_ifmatch":["x","y"]}`} {
				origin.Put("/doc", "application/json", []byte(doc))
				if _, err := Get[markedCounter](t.Context(), c, url); err != nil {
					t.Error(err)
				}
			}
			if err := update(c, addMarked); err != nil {
				t.Errorf("%s, after the list has gained an id: %v", kind, err)
			}
		})
	}
}

// noting is a WithMarker whose ids are in a list. It finds an id that was put there, or tells
// that it is absent where sure is set.
func noting[T any](list func(*T) *[]string, sure bool) UpdateOption {
	return WithMarker(func(doc *T, id string) { *list(doc) = append(*list(doc), id) }, func(doc *T, id string) Mark {
		switch {
		case slices.Contains(*list(doc), id):
			return MarkFound
		case sure:
			return MarkAbsent
		}
		return MarkUnknown
	})
}

// TestDropsOtherMarks: the same for WithMarker, whose find may not be able to tell.
func TestDropsOtherMarks(t *testing.T) {
	for _, sure := range []bool{true, false} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(ifmatchtest.DropUnknown(noted{}))
			marker := noting(func(m *markedCounter) *[]string { return &m.IDs }, sure)
			c := clientOn(origin)
			if _, err := Update(t.Context(), c, url, addMarked, marker); err != nil {
				t.Fatal(err)
			}
			if _, err := Update(t.Context(), c, url, addMarked, marker); errors.Is(err, errDropsMarks) != sure || err != nil && !sure {
				t.Errorf("sure %v: %v", sure, err)
			}
		})
	}
}

// TestDropsMarksOfAKeptState: a Resource that has kept a state doesn't write it with a mark,
// either, once the document was seen to drop one.
func TestDropsMarksOfAKeptState(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		all := func(_ *[]string, sent []string) []string { return sent }
		server := &filtered{base: origin.Client().Transport, origin: origin, keep: all}
		r := NewResource[markedCounter](&http.Client{Transport: NewTransport(server, Stop)}, url)
		update := func() error {
			origin.ResetLog()
			_, err := r.Update(t.Context(), addMarked)
			return err
		}
		update()
		update() // now it is seen that the server stores what it is sent
		server.keep = keepers["drops all"]
		if err := update(); err != nil || requests(origin) != "PUT 204" {
			t.Fatalf("on the state that is kept: %v: %s", err, requests(origin))
		}
		if _, err := r.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := update(); !errors.Is(err, errDropsMarks) || writesOf(origin) != 0 {
			t.Errorf("%v: %s", err, requests(origin))
		}
	})
}

// TestMarksOfTenants: the documents of two tenants at one URL may have the same tag. What one
// was seen to do says nothing of the other.
func TestMarksOfTenants(t *testing.T) {
	docs := map[string][]string{"blue": {`{"n":1}`}, "red": {`{"n":1}`, `{"n":7}`}} // all states; their number is the tag
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		doc := docs[r.Header.Get("X-Tenant")]
		tag := fmt.Sprintf("%q", fmt.Sprint(len(doc)))
		switch {
		case r.Method == http.MethodGet:
			return replyTo(r, 200, doc[len(doc)-1], "Etag: "+tag), nil
		case r.Header.Get("If-Match") != tag:
			return replyTo(r, 412, ""), nil
		}
		body, err := io.ReadAll(r.Body)
		docs[r.Header.Get("X-Tenant")] = append(doc, string(body))
		return replyTo(r, 204, "", fmt.Sprintf("Etag: %q", fmt.Sprint(len(doc)+1))), err
	})
	c := &http.Client{Transport: NewTransport(base, Stop)}
	for _, tenant := range []string{"blue", "red", "blue", "red"} {
		if _, err := Update(t.Context(), c, "http://example.test/doc", addMarked, WithHeader("X-Lang", "en"), WithHeader("X-Tenant", tenant)); err != nil {
			t.Errorf("%s: %v", tenant, err)
		}
	}
}

package ifmatch

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

type shelfItem struct {
	SKU string `json:"sku"`
	N   int    `json:"n"`
}

type shelf struct {
	Count int         `json:"count"`
	Items []shelfItem `json:"items,omitempty"`
}

// TestDocumentedEdit: docs/updates.md shows a document before and after an edit.
func TestDocumentedEdit(t *testing.T) {
	page, err := os.ReadFile("docs/updates.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "Before, and after:\n")
	blocks := strings.Split(section, "```")
	if len(blocks) < 4 {
		t.Fatal("the page shows no documents any more")
	}
	before, after := strings.TrimPrefix(blocks[1], "json\n"), strings.TrimPrefix(blocks[3], "json\n")
	bothWays(t, before, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[shelf]) {
		_, err := update(t.Context(), origin.Client(), func(s *shelf) error {
			s.Count--
			s.Items[1].N = 5
			s.Items = append(s.Items, shelfItem{"c", 3})
			return nil
		}, MergeKey("sku"))
		if got := stateOf(origin); err != nil || got != after {
			t.Errorf("%s: %s, %v; want %s", name, got, err, after)
		}
	})
}

// TestElements: what an Update and a Resource make of an edit of elements (rule 26).
func TestElements(t *testing.T) {
	const doc = `{"items":[{"sku":"bolt","n":2,"row":1}, {"sku":"nut","n":1,"row":2}]}`
	each := func(s *shelf) error {
		for i := range s.Items {
			s.Items[i].N++
		}
		return nil
	}
	for name, row := range map[string]struct {
		edit func(*shelf) error
		opts []UpdateOption
		want string // empty: an error
		cure string
	}{
		"without a key":           {each, nil, "", "MergeKey"},
		"by key":                  {each, []UpdateOption{MergeKey("sku")}, `{"items":[{"sku":"bolt","n":3,"row":1}, {"sku":"nut","n":2,"row":2}]}`, ""},
		"by the first that fits":  {each, []UpdateOption{MergeKey("id"), UpdateOptions{MergeKey("sku"), nil}}, `{"items":[{"sku":"bolt","n":3,"row":1}, {"sku":"nut","n":2,"row":2}]}`, ""},
		"by index":                {each, []UpdateOption{MergeByIndex()}, `{"items":[{"sku":"bolt","n":3,"row":1}, {"sku":"nut","n":2,"row":2}]}`, ""},
		"a key that isn't there":  {each, []UpdateOption{MergeKey("id")}, "", "MergeKey"},
		"a key that T hasn't":     {each, []UpdateOption{MergeKey("row")}, "", `declare "row"`},
		"an empty key":            {each, []UpdateOption{MergeKey("")}, "", "MergeKey"},
		"removal without a key":   {func(s *shelf) error { s.Items = s.Items[1:]; return nil }, nil, `{"items":[{"sku":"nut","n":1,"row":2}]}`, ""},
		"insertion without a key": {func(s *shelf) error { s.Items = append(s.Items, shelfItem{"c", 3}); return nil }, nil, `{"items":[{"sku":"bolt","n":2,"row":1}, {"sku":"nut","n":1,"row":2}, {"sku":"c","n":3}]}`, ""},
		"the last for another":    {func(s *shelf) error { s.Items = append(s.Items[:1], shelfItem{"c", 3}); return nil }, nil, "", "MergeKey"},
		"the last for another, by key": {func(s *shelf) error { s.Items = append(s.Items[:1], shelfItem{"c", 3}); return nil }, []UpdateOption{MergeKey("sku")},
			`{"items":[{"sku":"bolt","n":2,"row":1}, {"sku":"c","n":3}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, doc, func(t *testing.T, origin *ifmatchtest.Server, way string, update updating[shelf]) {
				got, err := update(t.Context(), origin.Client(), row.edit, row.opts...)
				want := row.want
				if want == "" {
					about := (*EditError)(nil)
					if !errors.As(err, &about) || len(about.Pointers) != 2 || about.Pointers[1] != "/items" || !strings.Contains(about.Cure, row.cure) || !strings.Contains(err.Error(), about.Cure) {
						t.Errorf("%s: %v, %+v", way, err, about)
					}
					if errors.Is(err, ErrConflict) || got.Outcome.Effect != EffectNotApplied {
						t.Errorf("%s: %+v", way, got.Outcome)
					}
					want, err = doc, nil
				}
				if stateOf(origin) != want || err != nil {
					t.Errorf("%s: %s, %v; want %s", way, stateOf(origin), err, want)
				}
			})
		})
	}
}

// TestEditErrorOfOne: an edit that the document can't take fails alone in a batch, and its
// error is the caller's.
func TestEditErrorOfOne(t *testing.T) {
	withDocument(t, `{"items":[{"sku":"a","n":1,"row":1}]}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[shelf](origin.Client(), url)
		_, err := r.Update(t.Context(), func(s *shelf) error { s.Items[0].N++; return nil })
		about := (*EditError)(nil)
		if !errors.As(err, &about) || !slices.Equal(about.Pointers, []string{"/items/0/row", "/items"}) {
			t.Fatal(err)
		}
		about.Pointers[0] = "x" // the error is the caller's
		inner := (*jsonedit.EditError)(nil)
		if !errors.As(err, &inner) || inner.Pointers[0] == "x" {
			t.Error(inner)
		}
		if _, err := r.Update(t.Context(), func(s *shelf) error { s.Count++; return nil }); err != nil || stateOf(origin) != `{"items":[{"sku":"a","n":1,"row":1}],"count":1}` {
			t.Error(stateOf(origin), err)
		}
	})
}

// TestRowsThatKeepAll: an element type that keeps what it doesn't declare needs no key; it
// keeps values, and the bytes of what wasn't changed.
func TestRowsThatKeepAll(t *testing.T) {
	type table struct {
		Rows []map[string]json.RawMessage `json:"rows"`
	}
	withDocument(t, `{"rows":[{"name":"a", "big":9007199254740993}, {"name":"b", "\u0062ig":1.0}]}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		_, err := Update(context.Background(), origin.Client(), url, func(v *table) error {
			v.Rows[0]["name"] = json.RawMessage(`"c"`)
			v.Rows = append(v.Rows, map[string]json.RawMessage{"name": json.RawMessage(`"d"`)})
			return nil
		})
		if want := `{"rows":[{"big":9007199254740993,"name":"c"}, {"name":"b", "\u0062ig":1.0}, {"name":"d"}]}`; err != nil || stateOf(origin) != want {
			t.Errorf("%s, %v; want %s", stateOf(origin), err, want)
		}
	})
}

// TestPatchByKey: a merge patch has the whole array, with the members that T doesn't know.
func TestPatchByKey(t *testing.T) {
	withDocument(t, `{"items":[{"sku":"a","n":1,"row":1},{"sku":"b","n":1,"row":2}],"x":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		_, err := Update(context.Background(), origin.Client(), url, func(s *shelf) error {
			slices.Reverse(s.Items)
			s.Items[0].N = 7
			return nil
		}, WithPatch(), MergeKey("sku"))
		if want := `{"items":[{"n":7,"row":2,"sku":"b"},{"n":1,"row":1,"sku":"a"}],"x":1}`; err != nil || stateOf(origin) != want {
			t.Errorf("%s, %v; want %s", stateOf(origin), err, want)
		}
	})
}

// TestMergeByIndex: MergeJSON takes it, too.
func TestMergeByIndex(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		base := []byte(`{"at":[[1,2],[3,4]]}`)
		tag := origin.Put("/doc", "application/json", base)
		origin.Put("/doc", "application/json", []byte(`{"at":[[1,2],[3,9]],"x":1}`))
		got := putMine(t, origin, MergeJSON(base, MergeByIndex()), tag, `{"at":[[8,2],[3,4]]}`, nil)
		if want := `{"at":[[8,2],[3,9]],"x":1}`; got.err != nil || stateOf(origin) != want {
			t.Errorf("%s, %v; want %s", stateOf(origin), got.err, want)
		}
	})
}

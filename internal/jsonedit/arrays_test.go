package jsonedit

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestPatchArrays(t *testing.T) {
	const three = `{"items":[{"id":1,"u":"a"}, {"id":2,"u":"b"}, {"id":3,"u":"c"}]}`
	setNames := func(d *sample) {
		for i := range d.Items {
			d.Items[i].Name = "x"
		}
	}
	runRows(t, Rules{}, []row[sample]{
		{"change one", three, func(d *sample) { d.Items[1].Name = "x" }, "", "/items/1/u"},
		{"change one of which nothing is unknown", `{"items":[{"id":1}, {"id":2,"u":"b"}]}`, func(d *sample) { d.Items[0].Name = "x" }, "", "/items/1/u"},
		{"change all", three, setNames, "", "/items/0/u"},
		{"append", three, func(d *sample) { d.Items = append(d.Items, element{ID: 4}) }, `{"items":[{"id":1,"u":"a"}, {"id":2,"u":"b"}, {"id":3,"u":"c"}, {"id":4}]}`, ""},
		{"append a copy", three, func(d *sample) { d.Items = append(d.Items, d.Items[1]) }, `{"items":[{"id":1,"u":"a"}, {"id":2,"u":"b"}, {"id":3,"u":"c"}, {"id":2}]}`, ""},
		{"put a copy before it", three, func(d *sample) { d.Items = slices.Insert(d.Items, 0, d.Items[1]) }, "", "/items/1/u"},
		{"prepend", three, func(d *sample) { d.Items = slices.Insert(d.Items, 0, element{ID: 4}) }, `{"items":[{"id":4}, {"id":1,"u":"a"}, {"id":2,"u":"b"}, {"id":3,"u":"c"}]}`, ""},
		{"remove first", three, func(d *sample) { d.Items = d.Items[1:] }, `{"items":[{"id":2,"u":"b"}, {"id":3,"u":"c"}]}`, ""},
		{"remove middle", three, func(d *sample) { d.Items = slices.Delete(d.Items, 1, 2) }, `{"items":[{"id":1,"u":"a"}, {"id":3,"u":"c"}]}`, ""},
		{"remove all", three, func(d *sample) { d.Items = nil }, `{}`, ""},
		{"reverse", three, func(d *sample) { slices.Reverse(d.Items) }, `{"items":[{"id":3,"u":"c"}, {"id":2,"u":"b"}, {"id":1,"u":"a"}]}`, ""},
		{"remove and append", three, func(d *sample) { d.Items = append(d.Items[1:], element{ID: 4}) }, "", "/items/0/u"},
		{"remove last and append", three, func(d *sample) { d.Items = append(d.Items[:2], element{ID: 4}) }, "", "/items/2/u"},
		{"swap and change both, nothing unknown", `{"items":[{"id":1},{"id":2},{"id":3}]}`, func(d *sample) {
			d.Items[0], d.Items[1] = element{2, "x"}, element{1, "x"}
		}, `{"items":[{"id":2,"name":"x"},{"id":1,"name":"x"},{"id":3}]}`, ""},
		{"start anew", three, func(d *sample) { d.Items = []element{{ID: 9}} }, "", "/items/0/u"},
		{"start anew, nothing unknown", `{"items":[{"id":1},{"id":2}]}`, func(d *sample) { d.Items = []element{{ID: 9}} }, `{"items":[{"id":9}]}`, ""},
		{"one of two alike removed", `{"items":[{"id":1,"u":1},{"id":1,"u":2}]}`, func(d *sample) { d.Items = d.Items[1:] }, "", "/items/0/u"},
		{"two alike removed", `{"items":[{"id":1,"u":1},{"id":1,"u":2},{"id":2,"u":3}]}`, func(d *sample) { d.Items = d.Items[2:] }, `{"items":[{"id":2,"u":3}]}`, ""},
		{"one of two alike removed, no matter", `{"items":[{"id":1,"u":1},{"id":1,"u":1.0}]}`, func(d *sample) { d.Items = d.Items[1:] }, `{"items":[{"id":1,"u":1}]}`, ""},
		{"one of two alike changed, no matter", `{"items":[{"id":1,"u":1},{"id":1,"u":1}]}`, func(d *sample) { d.Items[0].ID = 2 }, "", "/items/0/u"},
		{"one of two alike removed, their indices changed", `{"items":[{"id":1,"u":1},{"id":2},{"id":1,"u":2}]}`, func(d *sample) { d.Items = d.Items[1:] }, "", "/items/0/u"},
		{"one before two alike removed", `{"items":[{"id":2},{"id":1,"u":1},{"id":1,"u":2}]}`, func(d *sample) { d.Items = d.Items[1:] }, "", "/items/1/u"},
		{"one after two alike removed", `{"items":[{"id":1,"u":1},{"id":1,"u":2},{"id":2}]}`, func(d *sample) { d.Items = d.Items[:2] }, `{"items":[{"id":1,"u":1},{"id":1,"u":2}]}`, ""},
		{"changed to be alike", `{"items":[{"id":1,"u":1},{"id":2,"u":2}]}`, func(d *sample) { d.Items[0].ID = 2 }, "", "/items/0/u"},
		{"alike moved", `{"items":[{"id":1,"u":1},{"id":1,"u":2},{"id":2}]}`, func(d *sample) { d.Items = []element{{ID: 2}, {ID: 1}, {ID: 1}} }, "", "/items/0/u"},
		{"alike moved, nothing unknown", `{"items":[{"id":1},{"id":1,"name":""},{"id":2,"u":1}]}`, func(d *sample) { d.Items = []element{{ID: 2}, {ID: 1}, {ID: 1}} }, "", "/items/1/name"},
		{"numbers that T can't tell apart", `{"floats":[9007199254740993,9007199254740992]}`, func(d *sample) { d.Floats = d.Floats[1:] }, "", "/floats/0"},
		{"indented", "{\n  \"tags\": [\n    \"a\",\n    \"b\"\n  ]\n}", func(d *sample) { d.Tags = []string{"x", "a", "c"} }, "{\n  \"tags\": [\n    \"x\",\n    \"a\",\n    \"c\"\n  ]\n}", ""},
		{"indented, none is left", "{\"n\":1,\"tags\": [\n    \"a\" ]}", func(d *sample) { d.Tags = []string{} }, "{\"n\":1}", ""},
		{"scalars", `{"tags":["\u0061", "b" ,"c"]}`, func(d *sample) { d.Tags[1] = "x"; d.Tags = append(d.Tags, "d") }, `{"tags":["\u0061", "x","c", "d"]}`, ""},
		{"a scalar in its place", `{"tags":["\u0061", "b" ,"c"]}`, func(d *sample) { d.Tags[1] = "x" }, `{"tags":["\u0061", "x" ,"c"]}`, ""},
		{"numbers keep their digits", `{"floats":[9007199254740993,0.10,1E2]}`, func(d *sample) { d.Floats = append(d.Floats[1:], 7) }, `{"floats":[0.10,1E2,7]}`, ""},
		{"arrays in arrays", `{"deep":[[{"id":1,"u":1}],[{"id":2,"u":2}]]}`, func(d *sample) { d.Deep[0] = append(d.Deep[0], element{ID: 3}) }, "", "/deep/0/0/u"},
		{"arrays in arrays, swapped", `{"deep":[[{"id":1,"u":1}],[{"id":2,"u":2}]]}`, func(d *sample) { d.Deep[0], d.Deep[1] = d.Deep[1], d.Deep[0] }, `{"deep":[[{"id":2,"u":2}],[{"id":1,"u":1}]]}`, ""},
		{"null elements", `{"ptrs":[null,{"id":1,"u":1},null]}`, func(d *sample) { d.Ptrs = append(d.Ptrs[1:], &element{ID: 2}); d.Ptrs[0].Name = "x" }, "", "/ptrs/1/u"},
		{"null elements removed", `{"ptrs":[null,{"id":1,"u":1},null]}`, func(d *sample) { d.Ptrs = d.Ptrs[1:2] }, `{"ptrs":[{"id":1,"u":1}]}`, ""},
		{"an element set to null", `{"ptrs":[{"id":1,"u":1},{"id":2}]}`, func(d *sample) { d.Ptrs[0] = nil }, `{"ptrs":[null,{"id":2}]}`, ""},
		{"a null set", `{"ptrs":[null,{"id":2,"u":1}]}`, func(d *sample) { d.Ptrs[0] = &element{ID: 3} }, "", "/ptrs/1/u"},
		{"fixed length, longer", `{"fixed":[{"id":1,"u":1},{"id":2},{"id":3,"u":3}]}`, func(d *sample) { d.Fixed[0].Name = "x" }, "", "/fixed/0/u"},
		{"fixed length, shorter, added to", `{"fixed":[{"id":1,"u":1}]}`, func(d *sample) { d.Fixed[1].ID = 5 }, `{"fixed":[{"id":1,"u":1},{"id":5}]}`, ""},
		{"rendered sorted", `{"set":["c","a","b"],"u":1}`, func(d *sample) { d.Set = append(d.Set, "d") }, `{"set":["a","b","c","d"],"u":1}`, ""},
		{"rendered once", `{"set":["a","b","a"],"u":1}`, func(d *sample) { d.Set = d.Set[:1] }, `{"set":["a"],"u":1}`, ""},
		{"rendered in another form", `{"at":[{"at":"2024-05-01T00:00:00.000Z","u":1},{"at":"2024-06-01T00:00:00.000Z","u":2}]}`, func(d *sample) { d.At[1].N = 1 }, "", "/at/1/at"},
	})
}

// TestPatchKeyed: elements are the same where their key is.
func TestPatchKeyed(t *testing.T) {
	const three = `{"items":[{"id":1,"u":"a"}, {"id":2,"u":"b"}, {"id":3,"u":"c"}]}`
	runRows(t, Rules{Keys: []string{"sku", "id"}}, []row[sample]{
		{"change one", three, func(d *sample) { d.Items[1].Name = "x" }, `{"items":[{"id":1,"u":"a"}, {"id":2,"u":"b","name":"x"}, {"id":3,"u":"c"}]}`, ""},
		{"change all", three, func(d *sample) {
			for i := range d.Items {
				d.Items[i].Name = "x"
			}
		}, `{"items":[{"id":1,"u":"a","name":"x"}, {"id":2,"u":"b","name":"x"}, {"id":3,"u":"c","name":"x"}]}`, ""},
		{"remove and append", three, func(d *sample) { d.Items = append(d.Items[1:], element{ID: 4}) }, `{"items":[{"id":2,"u":"b"}, {"id":3,"u":"c"}, {"id":4}]}`, ""},
		{"remove last and append", three, func(d *sample) { d.Items = append(d.Items[:2], element{ID: 4}) }, `{"items":[{"id":1,"u":"a"}, {"id":2,"u":"b"}, {"id":4}]}`, ""},
		{"change one, swap others", three, func(d *sample) {
			d.Items[0], d.Items[2], d.Items[1].Name = d.Items[2], d.Items[0], "x"
		}, `{"items":[{"id":3,"u":"c"}, {"id":2,"u":"b","name":"x"}, {"id":1,"u":"a"}]}`, ""},
		{"remove first, change next", three, func(d *sample) { d.Items = d.Items[1:]; d.Items[0].Name = "x" }, `{"items":[{"id":2,"u":"b","name":"x"}, {"id":3,"u":"c"}]}`, ""},
		{"prepend, change next", three, func(d *sample) { d.Items = slices.Insert(d.Items, 0, element{ID: 4}); d.Items[1].Name = "x" }, `{"items":[{"id":4}, {"id":1,"u":"a","name":"x"}, {"id":2,"u":"b"}, {"id":3,"u":"c"}]}`, ""},
		{"move and change", three, func(d *sample) {
			d.Items = append(d.Items[1:], element{ID: 1, Name: "x"})
		}, `{"items":[{"id":2,"u":"b"}, {"id":3,"u":"c"}, {"id":1,"u":"a","name":"x"}]}`, ""},
		{"swap and change both", three, func(d *sample) {
			d.Items[0], d.Items[1] = element{2, "x"}, element{1, "x"}
		}, `{"items":[{"id":2,"u":"b","name":"x"}, {"id":1,"u":"a","name":"x"}, {"id":3,"u":"c"}]}`, ""},
		{"swap a member", `{"items":[{"id":1,"name":"a","u":1},{"id":2,"name":"b","u":2}]}`, func(d *sample) {
			d.Items[0].Name, d.Items[1].Name = "b", "a"
		}, `{"items":[{"id":1,"name":"b","u":1},{"id":2,"name":"a","u":2}]}`, ""},
		{"the key itself", `{"items":[{"id":1,"name":"a","u":1}]}`, func(d *sample) { d.Items[0].ID = 3 }, `{"items":[{"id":3,"name":"a"}]}`, ""},
		{"two with one key, removed", `{"items":[{"id":1,"u":1},{"id":1,"name":"a","u":2},{"id":2,"u":3}]}`, func(d *sample) { d.Items = d.Items[1:]; d.Items[1].Name = "x" }, `{"items":[{"id":1,"name":"a","u":2},{"id":2,"u":3,"name":"x"}]}`, ""},
		{"two with one key, changed", `{"items":[{"id":1,"u":1},{"id":1,"name":"a","u":2},{"id":2,"u":3}]}`, func(d *sample) { d.Items[0].Name = "x" }, "", "/items/0/u"},
		{"one made of two", `{"items":[{"id":1,"u":1}]}`, func(d *sample) { d.Items = []element{{1, "a"}, {1, "b"}} }, "", "/items/0/u"},
		{"new ones with one key", `{"items":[{"id":1,"u":1}]}`, func(d *sample) {
			d.Items[0].Name = "x"
			d.Items = append(d.Items, element{Name: "a"}, element{Name: "b"})
		}, `{"items":[{"id":1,"u":1,"name":"x"},{"id":0,"name":"a"},{"id":0,"name":"b"}]}`, ""},
		{"null elements", `{"ptrs":[null,{"id":1,"u":1},null]}`, func(d *sample) { d.Ptrs = append(d.Ptrs[1:], &element{ID: 2}); d.Ptrs[0].Name = "x" }, `{"ptrs":[{"id":1,"u":1,"name":"x"},null,{"id":2}]}`, ""},
		{"arrays in arrays", `{"deep":[[{"id":1,"u":1}],[{"id":2,"u":2}]]}`, func(d *sample) { d.Deep[1][0].Name = "x" }, "", "/deep/1/0/u"},
		{"one of two with one key gets another", `{"items":[{"id":1,"u":1},{"id":1,"name":"a","u":2}]}`, func(d *sample) { d.Items[1].ID = 5 }, "", "/items/1/u"},
		{"one of two with one key gets another, nothing unknown", `{"items":[{"id":1},{"id":1,"name":"a"}]}`, func(d *sample) { d.Items[1].ID = 5 }, `{"items":[{"id":1},{"id":5,"name":"a"}]}`, ""},
		{"a null set where another has a key", `{"ptrs":[null,{"id":1,"u":1}]}`, func(d *sample) { d.Ptrs[0] = &element{ID: 2} }, `{"ptrs":[{"id":2},{"id":1,"u":1}]}`, ""},
		{"a key that T doesn't declare", `{"at":[{"sku":1,"at":"2024-05-01T00:00:00Z"}]}`, func(d *sample) { d.At[0].N = 1 }, "", "/at/0/sku"},
	})
}

// TestPatchRekeyed: an element without a key that gets one isn't taken for a new one, and one
// that loses its key isn't taken for a new one, either, where more than it have that key.
func TestPatchRekeyed(t *testing.T) {
	const one = `{"todo":[{"title":"a","u":1},{"id":1,"u":2}]}`
	const repeated = `{"todo":[{"id":1,"title":"a","u":1},{"id":1,"u":2}]}`
	runRows(t, Rules{Keys: []string{"id"}}, []row[board]{
		{"one gets a key", one, func(d *board) { d.Todo[0].ID = 5 }, "", "/todo/0/u"},
		{"one gets a key, and moves", one, func(d *board) { d.Todo[0].ID = 5; slices.Reverse(d.Todo) }, "", "/todo/0/u"},
		{"one removed, a new one with a key", one, func(d *board) { d.Todo = append(d.Todo[1:], card{ID: 5}) }, "", "/todo/0/u"},
		{"one removed, another changed", one, func(d *board) { d.Todo = d.Todo[1:]; d.Todo[0].Title = "x" }, `{"todo":[{"id":1,"u":2,"title":"x"}]}`, ""},
		{"a new one with a key", one, func(d *board) { d.Todo = append(d.Todo, card{ID: 5}) }, `{"todo":[{"title":"a","u":1},{"id":1,"u":2},{"id":5}]}`, ""},
		{"nothing unknown", `{"todo":[{"title":"a"},{"id":1,"u":2}]}`, func(d *board) { d.Todo[0].ID = 5 }, `{"todo":[{"id":5,"title":"a"},{"id":1,"u":2}]}`, ""},
		{"one of two loses its key", repeated, func(d *board) { d.Todo[0].ID = 0 }, "", "/todo/0/u"},
	})
	runRows(t, Rules{Keys: []string{"id"}}, []row[sample]{
		{"one whose key T renders as zero", `{"items":[{"name":"a","u":1}]}`, func(d *sample) { d.Items[0].ID = 5 }, "", "/items/0/u"},
		{"one whose key is zero", `{"items":[{"id":0,"name":"a","u":1}]}`, func(d *sample) { d.Items[0].ID = 5 }, `{"items":[{"id":5,"name":"a"}]}`, ""},
	})
	runRows(t, Rules{ByIndex: true}, []row[board]{
		{"the way out", one, func(d *board) { d.Todo[0].ID = 5 }, `{"todo":[{"title":"a","u":1,"id":5},{"id":1,"u":2}]}`, ""},
	})
}

// TestPatchByIndex: elements are the same where their index is.
func TestPatchByIndex(t *testing.T) {
	const three = `{"items":[{"id":1,"u":"a"}, {"id":2,"u":"b"}, {"id":3,"u":"c"}]}`
	runRows(t, Rules{ByIndex: true}, []row[sample]{
		{"change one", three, func(d *sample) { d.Items[1].ID = 5 }, `{"items":[{"id":1,"u":"a"}, {"id":5,"u":"b"}, {"id":3,"u":"c"}]}`, ""},
		{"append and change", three, func(d *sample) { d.Items[0].ID = 5; d.Items = append(d.Items, element{ID: 1}) }, `{"items":[{"id":5,"u":"a"}, {"id":2,"u":"b"}, {"id":3,"u":"c"}, {"id":1}]}`, ""},
		{"remove last and change", three, func(d *sample) { d.Items[0].ID = 5; d.Items = d.Items[:2] }, `{"items":[{"id":5,"u":"a"}, {"id":2,"u":"b"}]}`, ""},
		{"arrays in arrays", `{"deep":[[{"id":1,"u":1}],[{"id":2,"u":2}]]}`, func(d *sample) { d.Deep[1][0].Name = "x"; d.Deep[0] = append(d.Deep[0], element{ID: 3}) }, `{"deep":[[{"id":1,"u":1},{"id":3}],[{"id":2,"u":2,"name":"x"}]]}`, ""},
		{"fixed length, longer", `{"fixed":[{"id":1,"u":1},{"id":2},{"id":3,"u":3}]}`, func(d *sample) { d.Fixed[0].Name = "x" }, `{"fixed":[{"id":1,"u":1,"name":"x"},{"id":2},{"id":3,"u":3}]}`, ""},
		{"fixed length, shorter", `{"fixed":[{"id":1,"u":1}]}`, func(d *sample) { d.Fixed[0].Name = "x" }, `{"fixed":[{"id":1,"u":1,"name":"x"}]}`, ""},
		{"rendered in another form", `{"at":[{"at":"2024-05-01T00:00:00.000Z","u":1},{"at":"2024-06-01T00:00:00.000Z","u":2}]}`, func(d *sample) { d.At[1].N = 1 },
			`{"at":[{"at":"2024-05-01T00:00:00.000Z","u":1},{"at":"2024-06-01T00:00:00.000Z","u":2,"n":1}]}`, ""},
	})
	runRows(t, Rules{Keys: []string{"id"}, ByIndex: true}, []row[sample]{
		{"keys in arrays by index", `{"deep":[[{"id":1,"u":1}],[{"id":2,"u":2},{"id":3,"u":3}]]}`, func(d *sample) { d.Deep[1] = d.Deep[1][1:]; d.Deep[1][0].Name = "x" }, `{"deep":[[{"id":1,"u":1}],[{"id":3,"u":3,"name":"x"}]]}`, ""},
	})
}

// sorted renders its items sorted: what comes at an index isn't what was read
// there.
type sorted struct {
	Items sortedItems `json:"items"`
}

type sortedItems []element

func (s sortedItems) MarshalJSON() ([]byte, error) {
	sorted := slices.SortedFunc(slices.Values(s), func(a, b element) int { return a.ID - b.ID })
	return json.Marshal(sorted)
}

func TestPatchSortedItems(t *testing.T) {
	runRows(t, Rules{}, []row[sorted]{
		{"another order", `{"items":[{"id":2,"u":"b"},{"id":1,"u":"a"}]}`, func(d *sorted) { d.Items[0].Name = "x" }, "", "/items/0/u"},
		{"nothing unknown", `{"items":[{"id":2},{"id":1}]}`, func(d *sorted) { d.Items[0].Name = "x" }, `{"items":[{"id":1},{"id":2,"name":"x"}]}`, ""},
	})
}

// Elements that a type leaves out aren't lost unseen.
func TestPatchDroppedElements(t *testing.T) {
	_, err := Patch([]byte(`[1,2,3]`), []byte(`[1,3]`), []byte(`[1,4]`), Rules{})
	if err == nil || !strings.Contains(err.Error(), `"/1"`) {
		t.Errorf("error %v", err)
	}
}

// TestChangedInPlace: where few elements change, the short way makes what the long one does.
func TestChangedInPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{`1`, `2`, `null`, `"a"`, `[1]`, `{"v":1}`, `{"v":2}`, `{"k":1}`, `{"k":1.0,"v":1}`, `{"k":"a"}`, `{"k":"a","v":2}`, `{"k":"\u0061"}`, `{"k":"\u0061","v":1}`, `{"k":0}`, `{"k":-0}`, `{"k":0,"v":1}`, `{"k":2,"v":1}`, `{"k":2,"v":2}`, `{"k":3}`, `{"k":3,"v":3}`}
	short, changed := 0, 0
	for n := range 40_000 {
		var original, before, after []string
		for range rng.IntN(6) {
			word := words[rng.IntN(len(words))]
			now := word
			if rng.IntN(3) == 0 {
				now = words[rng.IntN(len(words))]
			}
			before, after = append(before, word), append(after, now)
			if strings.HasPrefix(word, "{") && rng.IntN(3) == 0 {
				word = `{"u":0,` + word[1:]
			}
			spaces := []string{"", " ", "\n\t"}
			original = append(original, spaces[rng.IntN(3)]+word+spaces[rng.IntN(3)])
		}
		c := change{original: arrayOf(t, original), before: arrayOf(t, before), after: arrayOf(t, after)}
		var rules Rules
		if rng.IntN(2) == 0 {
			rules.Keys = []string{"k"}
		}
		rules.ByIndex = rng.IntN(4) == 0
		one, two := diffing{rules: rules, root: c}, diffing{rules: rules, root: c}
		e, done, err := one.editInPlace(c)
		if !done {
			continue
		}
		short++
		changed += len(one.came) + len(one.stays)
		long, want := two.editElements(c)
		if fmt.Sprint(err) != fmt.Sprint(want) || one.summary(e) != two.summary(long) {
			t.Fatalf("%d: %s (%s) edited to %s by %v: %s, %v; want %s, %v", n, before, original, after, rules, one.summary(e), err, two.summary(long), want)
		}
	}
	if short < 5000 || changed < 5000 {
		t.Errorf("the short way was taken %d times, with %d changes", short, changed)
	}
}

// summary is what an edit makes of the document, and what it leaves to be settled.
func (d *diffing) summary(e *edit) string {
	var b strings.Builder
	b.Write(e.appendTo(nil, d.root.original))
	for _, c := range d.came {
		fmt.Fprintf(&b, " came %s at %s;", c.value.raw(), c.where)
	}
	for _, c := range append(slices.Clone(d.gone), d.stays...) {
		fmt.Fprintf(&b, " %s as %s to %s at %s;", c.original.raw(), c.before.raw(), c.after.raw(), c.where)
	}
	return b.String()
}

func arrayOf(t *testing.T, texts []string) value {
	t.Helper()
	doc, err := Parse([]byte("[" + strings.Join(texts, ",") + "]"))
	if err != nil {
		t.Fatal(err)
	}
	return doc.root()
}

func elementsOf(t *testing.T, texts []string) []value { t.Helper(); return arrayOf(t, texts).parts() }

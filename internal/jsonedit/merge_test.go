package jsonedit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	const list = `{"l":[{"id":1,"a":1},{"id":2,"a":1},{"id":"2","a":1}]}`
	for _, row := range []struct{ name, base, mine, theirs, want, keys string }{
		{"different members", `{"a":1,"b":1}`, `{"a":2,"b":1}`, `{ "a":1, "b" : 2 }`, `{ "a":2, "b" : 2 }`, ""},
		{"nested", `{"o":{"a":1,"b":1}}`, `{"o":{"a":2,"b":1}}`, `{"o":{"b":2,"a":1}}`, `{"o":{"b":2,"a":2}}`, ""},
		{"same change", `{"a":1}`, `{"a":"\u00e9"}`, `{"a":"é"}`, `{"a":"é"}`, ""},
		{"same number", `{"a":1}`, `{"a":100}`, `{"a":1.00e+2}`, `{"a":1.00e+2}`, ""},
		{"same in another order", `{"a":1}`, `{"a":{"x":1,"y":[0,-0]}}`, `{"a":{"y":[-0,0.0],"x":1}}`, `{"a":{"y":[-0,0.0],"x":1}}`, ""},
		{"nothing of mine", `{"a":1.0}`, `{"a":1}`, "{\"a\":\t1.00 }\n", "{\"a\":\t1.00 }\n", ""},
		{"unchanged notation", `{"a":[1,2],"b":1}`, `{"b":2,"a":[1.0,2]}`, `{"a":[ 1,2e0 ],"b":1}`, `{"a":[ 1,2e0 ],"b":2}`, ""},
		{"great numbers", `{"a":9007199254740993,"b":1}`, `{"a":9007199254740992,"b":1}`, `{"a":9007199254740993,"b":2}`, `{"a":9007199254740992,"b":2}`, ""},
		{"huge exponents", `{"a":1e999999999}`, `{"a":1e999999998}`, `{"a":10e999999998}`, `{"a":1e999999998}`, ""},
		{"add", `{}`, `{"a":1}`, `{"b":1}`, `{"b":1,"a":1}`, ""},
		{"add, indented", `{}`, `{"a":{"x": 1}}`, "{\n\t\"b\": 1\n}", "{\n\t\"b\": 1,\n\t\"a\": {\"x\": 1}\n}", ""},
		{"both add an object", `{}`, `{"o":{"a":1}}`, `{"o":{"b":1}}`, `{"o":{"b":1,"a":1}}`, ""},
		{"both add another", `{}`, `{"o":{"a":1}}`, `{"o":{"a":2}}`, `/o/a`, ""},
		{"remove", `{"a":1,"b":1}`, `{"b":1}`, `{"a":1,"b":2}`, `{"b":2}`, ""},
		{"they remove", `{"a":1,"b":1}`, `{"a":1,"b":2}`, `{"b":1}`, `{"b":2}`, ""},
		{"both remove", `{"a":1,"b":1}`, `{"b":1}`, `{"b":1}`, `{"b":1}`, ""},
		{"remove what they change", `{"o":{"a":1},"b":1}`, `{"b":1}`, `{"o":{"a":2},"b":1}`, `/o`, ""},
		{"change what they remove", `{"o":{"a":1},"b":1}`, `{"o":{"a":2},"b":1}`, `{"b":1}`, `/o`, ""},
		{"null isn't absent", `{"a":null}`, `{}`, `{"a":null,"b":1}`, `{"b":1}`, ""},
		{"null overlaps", `{"a":1}`, `{"a":null}`, `{}`, `/a`, ""},
		{"all overlaps", `{"b":1,"a":{"x~/":1,"y":1}}`, `{"b":2,"a":{"x~/":2,"y":2}}`, `{"b":3,"a":{"x~/":3,"y":1}}`, `/a/x~0~1 /b`, ""},
		{"another kind", `{"a":{"x":1}}`, `{"a":[1]}`, `{"a":{"x":1}}`, `{"a":[1]}`, ""},
		{"two other kinds", `{"a":{"x":1}}`, `{"a":[1]}`, `{"a":{"x":2}}`, `/a`, ""},
		{"objects in place of a number", `{"a":1}`, `{"a":{"x":1}}`, `{"a":{"y":1}}`, `/a`, ""},
		{"whole document", `1`, `2`, `3`, `(all)`, ""},
		{"whole document changed", `1`, ` 2 `, "1\n", "2\n", ""},
		{"array is one value", `{"l":[1,2]}`, `{"l":[1,2,3]}`, `{"l":[0,1,2]}`, `/l`, ""},
		{"array changed", `{"l":[1,2],"a":1}`, `{"l":[1, 2, 3],"a":1}`, `{"l":[1,2],"a":2}`, `{"l":[1, 2, 3],"a":2}`, ""},
		{"name twice", `{"o":{"a":1,"a":2},"b":1}`, `{"o":{"a":1,"a":3},"b":1}`, `{"o":{"a":1,"a":2},"b":2}`, `{"o":{"a":1,"a":3},"b":2}`, ""},
		{"name twice, overlap", `{"o":{"a":1,"c":1}}`, `{"o":{"a":2,"c":1}}`, `{"o":{"a":1,"a":1,"c":1}}`, `/o`, ""},
		{"name twice, one changed", `{"o":{"a":1,"a":2}}`, `{"o":{"a":2,"a":2}}`, `{"o":{"a":1,"a":2},"b":1}`, `{"o":{"a":2,"a":2},"b":1}`, ""},
		{"escaped names", `{"\u0061":1}`, `{"a":2}`, `{"\u0061":1,"b":1}`, `{"\u0061":2,"b":1}`, ""},
		{"by key", list, `{"l":[{"id":1,"a":2},{"id":2,"a":1},{"id":"2","a":1}]}`, `{"l":[ {"id":"2","a":1}, {"id":2.0,"a":3}, {"id":1,"a":1}]}`, `{"l":[ {"id":"2","a":1}, {"id":2.0,"a":3}, {"id":1,"a":2}]}`, "id"},
		{"by key, added", list, `{"l":[{"id":9},{"id":1,"a":1},{"id":8},{"id":2,"a":1},{"id":"2","a":1}]}`, `{"l":[{"id":7},{"id":1,"a":1},{"id":2,"a":1},{"id":"2","a":1}]}`, `{"l":[{"id":7},{"id":1,"a":1},{"id":2,"a":1},{"id":"2","a":1},{"id":9},{"id":8}]}`, "id"},
		{"by key, removed", list, `{"l":[{"id":2,"a":1},{"id":"2","a":1}]}`, `{"l":[{"id":1,"a":1},{"id":2,"a":1}]}`, `{"l":[{"id":2,"a":1}]}`, "id"},
		{"by key, overlap", list, `{"l":[{"id":1,"a":2},{"id":2,"a":2}]}`, `{"l":[{"id":5},{"id":1,"a":3},{"id":"2","a":4}]}`, `/l/1 /l/1/a /l/2`, "id"},
		{"by key, both added", `{"l":[]}`, `{"l":[{"id":1,"a":1}]}`, `{"l":[{"id":1,"b":1}]}`, `{"l":[{"id":1,"b":1,"a":1}]}`, "id"},
		{"by key, array added", `{}`, `{"l":[{"id":1}]}`, `{"l":[{"id":2}]}`, `{"l":[{"id":2},{"id":1}]}`, "id"},
		{"by key, at every depth", `[{"id":1,"l":[{"id":1}]}]`, `[{"id":1,"l":[{"id":1,"a":1}]}]`, `[{"id":1,"l":[{"id":1,"b":1}]}]`, `[{"id":1,"l":[{"id":1,"b":1,"a":1}]}]`, "id"},
		{"key twice", `{"l":[{"id":1}]}`, `{"l":[{"id":1},{"id":1}]}`, `{"l":[{"id":1},{"id":2}]}`, `/l`, "id"},
		{"key missing", `{"l":[{"id":1}]}`, `{"l":[{"id":1},{}]}`, `{"l":[{"id":1},{"id":2}]}`, `/l`, "id"},
		{"key no scalar", `{"l":[{"id":1}]}`, `{"l":[{"id":1},{"id":[]}]}`, `{"l":[{"id":1},{"id":2}]}`, `/l`, "id"},
		{"several keys", `{"l":[{"n":"a"}],"m":[{"id":1}]}`, `{"l":[{"n":"a"},{"n":"b"}],"m":[{"id":1},{"id":2}]}`, `{"l":[{"n":"c"},{"n":"a"}],"m":[]}`, `{"l":[{"n":"c"},{"n":"a"},{"n":"b"}],"m":[{"id":2}]}`, "id,n"},
	} {
		var keys []string
		if row.keys != "" {
			keys = strings.Split(row.keys, ",")
		}
		if got := mergedOrOverlaps(t, row.base, row.mine, row.theirs, keys...); got != row.want {
			t.Errorf("%s: got  %s\nwant %s", row.name, got, row.want)
		}
	}
}

// mergedOrOverlaps returns the merged text, or the pointers of what overlaps:
// "(all)" is the empty one.
func mergedOrOverlaps(t *testing.T, base, mine, theirs string, keys ...string) string {
	t.Helper()
	got, err := mergeTexts([]byte(base), []byte(mine), []byte(theirs), keys)
	var overlap *Overlap
	switch {
	case err == nil:
		return string(got)
	case !errors.As(err, &overlap):
		t.Fatalf("%s, %s, %s: %v", base, mine, theirs, err)
	case slices.Equal(overlap.Pointers, []string{""}):
		return "(all)"
	}
	return strings.Join(overlap.Pointers, " ")
}

// mergeTexts merges three texts, any of which may be no JSON.
func mergeTexts(base, mine, theirs []byte, keys []string) ([]byte, error) {
	var docs [3]*Document
	for i, text := range [...][]byte{base, mine, theirs} {
		var err error
		if docs[i], err = Parse(text); err != nil {
			return nil, err
		}
	}
	return Merge(docs[0], docs[1], docs[2], keys...)
}

// TestMergeCorners: escapes, kinds, keys and numbers at the corners of a merge.
func TestMergeCorners(t *testing.T) {
	for _, row := range []struct{ base, mine, theirs, want, key string }{
		{`{"a/b":{"c~d":1}}`, `{"a/b":{"c~d":2}}`, `{"a/b":{"c~d":3}}`, `/a~1b/c~0d`, ""},
		{`1`, `2`, `1.0`, `2`, ""},
		{`1`, `1.0`, `2`, `2`, ""},
		{`{}`, `[]`, `{"a":1}`, `(all)`, ""},
		{`[{"id":1,"a":1},{"id":"1","a":1}]`, `[{"id":1.0,"a":2},{"id":"1","a":1}]`, `[{"id":"1","a":3},{"id":1,"a":1}]`, `[{"id":"1","a":3},{"id":1,"a":2}]`, "id"},
		{`[{"id":1},{"id":2}]`, `[{"id":2}]`, `[{"id":1,"x":1},{"id":2}]`, `/0`, "id"},
		{`[{"id":1,"x":1},{"id":2}]`, `[{"id":1,"x":2},{"id":2}]`, `[{"id":2}]`, `/0`, "id"},
		{`[]`, `[{"id":1}]`, `[{"id":2}]`, `[{"id":2},{"id":1}]`, "id"},
		{`[]`, `[{"id":1},{"id":1}]`, `[{"id":2}]`, `(all)`, "id"},
		{`{"a":9007199254740993}`, `{"a":9007199254740993,"b":1}`, `{"a":9007199254740992}`, `{"a":9007199254740992,"b":1}`, ""},
		{`{"a":9007199254740993}`, `{"a":9007199254740994}`, `{"a":9007199254740992}`, `/a`, ""},
		{`{"a":null}`, `{}`, `{"a":null,"b":1}`, `{"b":1}`, ""},
		{`{"a":null}`, `{"a":null}`, `{}`, `{}`, ""},
		{`{}`, `{"a":null}`, `{"a":null}`, `{"a":null}`, ""},
		{`{"a":[]}`, `{"a":[1]}`, `{"a":[]}`, `{"a":[1]}`, ""},
		{`{"a":[{"id":1}]}`, `{"a":[]}`, `{"a":[{"id":1},{"id":2}]}`, `{"a":[{"id":2}]}`, "id"},
		{`{"a":1e400}`, `{"a":1e400,"b":2}`, `{"a":10e399,"c":1}`, `{"a":10e399,"c":1,"b":2}`, ""},
		{`[{"id":1,"l":[{"id":5,"v":1}]}]`, `[{"id":1,"l":[{"id":5,"v":2}]}]`, `[{"id":0},{"id":1,"l":[{"id":4},{"id":5,"v":3}]}]`, `/1/l/1/v`, "id"},
	} {
		if got := mergedOrOverlaps(t, row.base, row.mine, row.theirs, strings.Fields(row.key)...); got != row.want {
			t.Errorf("%s | %s | %s: %s, want %s", row.base, row.mine, row.theirs, got, row.want)
		}
	}
}

// TestMergeNotUnicode: strings that encoding/json decodes to the same, since they
// aren't valid Unicode, are different ones.
func TestMergeNotUnicode(t *testing.T) {
	for _, row := range []struct{ base, mine, theirs, want string }{
		{"{\"n\":\"\xe9\"}", "{\"n\":\"\xe8\"}", "{\"n\":\"\xe9\",\"k\":1}", "{\"n\":\"\xe8\",\"k\":1}"},
		{`{"n":"\ud83d"}`, `{"n":"\ud83e"}`, `{"n":"\ud83d","k":1}`, `{"n":"\ud83e","k":1}`},
		{`{"n":"x"}`, `{"n":"\ud83e"}`, `{"n":"\ud83d"}`, ""},
		{`[{"id":"\ud83d","v":1}]`, `[{"id":"\ud83d","v":2}]`, `[{"id":"\ud83e","v":1}]`, ""},
		{`{"\ud83d":1}`, `{"\ud83d":2}`, `{"\ud83e":1}`, ""},
		{`{"n":"\uD83D\uDE00"}`, `{"n":"x"}`, `{"n":"😀","k":1}`, `{"n":"x","k":1}`},
		{`{"n":"\ufffd"}`, `{"n":"x"}`, `{"n":"�","k":1}`, `{"n":"x","k":1}`},
	} {
		got, err := mergeTexts([]byte(row.base), []byte(row.mine), []byte(row.theirs), []string{"id"})
		if string(got) != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%q, %q, %q: %q, %v", row.base, row.mine, row.theirs, got, err)
		}
	}
	_, err := mergeTexts([]byte(`{"\ud83d":1}`), []byte(`{"\ud83d":2}`), []byte(`{"\ud83d":3}`), nil)
	if e := (*Overlap)(nil); !errors.As(err, &e) || fmt.Sprint(e.Pointers) != `[/\ud83d]` {
		t.Error(err)
	}
}

func TestValidUnicode(t *testing.T) {
	for text, want := range map[string]bool{
		`""`: true, `"é\u00e9\\ud83d"`: true, `"\ud83d\ude00"`: true, `"\ufffd�"`: true,
		`"\ud83d"`: false, `"\ude00"`: false, `"\ud83dx\ude00"`: false, `"\ud83d\n"`: false,
		`"\ud83d\ud83d\ude00"`: false, "\"\xe9\"": false,
	} {
		if got := validUnicode([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// FuzzMerge checks what must hold for any three documents.
func FuzzMerge(f *testing.F) {
	for seed := range uint64(200) {
		base, mine, theirs := mergeDocuments(seed)
		f.Add([]byte(base), []byte(mine), []byte(theirs), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, base, mine, theirs []byte, keyed bool) {
		var keys []string
		if keyed {
			keys = []string{"a"}
		}
		checkMerge(t, base, mine, theirs, keys)
	})
}

func checkMerge(t *testing.T, base, mine, theirs []byte, keys []string) {
	t.Helper()
	got, err := mergeTexts(base, mine, theirs, keys)
	var overlap, other *Overlap
	if err != nil && !errors.As(err, &overlap) {
		return // not JSON
	}
	if err == nil && !json.Valid(got) {
		t.Fatalf("%s, %s, %s gave %s", base, mine, theirs, got)
	}
	if same, err := mergeTexts(base, base, theirs, keys); err != nil || !bytes.Equal(same, theirs) {
		t.Errorf("without mine: %s, %s gave %s, %v", base, theirs, same, err)
	}
	if same, err := mergeTexts(base, mine, mine, keys); err != nil || !bytes.Equal(same, mine) {
		t.Errorf("the same twice: %s, %s gave %s, %v", base, mine, same, err)
	}
	alone, err := mergeTexts(base, mine, base, keys)
	if err != nil || keys == nil && !sameText(t, alone, mine) {
		t.Errorf("mine alone: %s, %s gave %s, %v", base, mine, alone, err)
	}
	swapped, err := mergeTexts(base, theirs, mine, keys)
	errors.As(err, &other)
	if (overlap == nil) != (other == nil) {
		t.Fatalf("%s, %s, %s: overlap %v, the other way round %v", base, mine, theirs, overlap, other)
	}
	if keys != nil {
		return // the order is that of theirs
	}
	if overlap != nil && !slices.Equal(overlap.Pointers, other.Pointers) || overlap == nil && !sameText(t, got, swapped) {
		t.Errorf("%s, %s, %s: %s, %v; the other way round %s, %v", base, mine, theirs, got, overlap, swapped, other)
	}
}

func sameText(t *testing.T, x, y []byte) bool {
	t.Helper()
	d, err1 := Parse(x)
	e, err2 := Parse(y)
	if err1 != nil || err2 != nil {
		t.Fatalf("%s, %s: %v, %v", x, y, err1, err2)
	}
	return same(d.root(), e.root())
}

// mergeDocuments makes three documents of few names and values, so that they
// have much in common.
func mergeDocuments(seed uint64) (base, mine, theirs string) {
	r := rand.New(rand.NewPCG(seed, 2))
	var value func(depth int) any
	value = func(depth int) any {
		switch n := r.IntN(8); {
		case n < 3 && depth < 4:
			object := map[string]any{}
			for range r.IntN(4) {
				object[string('a'+rune(r.IntN(4)))] = value(depth + 1)
			}
			return object
		case n == 3 && depth < 4:
			list := []any{}
			for range r.IntN(3) {
				list = append(list, value(depth+1))
			}
			return list
		case n == 4:
			return nil
		}
		return float64(r.IntN(3))
	}
	var change func(v any, depth int) any
	change = func(v any, depth int) any {
		object, ok := v.(map[string]any)
		if !ok || r.IntN(5) == 0 {
			return value(depth)
		}
		changed := map[string]any{}
		for _, name := range []string{"a", "b", "c", "d"} {
			member, ok := object[name]
			switch n := r.IntN(6); {
			case n == 0: // removed
			case n == 1:
				changed[name] = change(member, depth+1)
			case ok:
				changed[name] = member
			}
		}
		return changed
	}
	root := value(0)
	text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	return text(root), text(change(root, 0)), text(change(root, 0))
}

// mergeModel is the same merge on decoded values.
func mergeModel(base, mine, theirs any, path string, overlaps *[]string) any {
	type absent struct{}
	m, ok1 := mine.(map[string]any)
	o, ok2 := theirs.(map[string]any)
	b, ok3 := base.(map[string]any)
	if _, gone := base.(absent); ok1 && ok2 && (ok3 || gone) {
		merged := map[string]any{}
		at := func(object map[string]any, name string) any {
			if v, ok := object[name]; ok {
				return v
			}
			return absent{}
		}
		for _, name := range []string{"a", "b", "c", "d"} {
			if v := mergeModel(at(b, name), at(m, name), at(o, name), path+"/"+name, overlaps); v != (any)(absent{}) {
				merged[name] = v
			}
		}
		return merged
	}
	switch {
	case reflect.DeepEqual(mine, base), reflect.DeepEqual(mine, theirs):
		return theirs
	case reflect.DeepEqual(theirs, base):
		return mine
	}
	*overlaps = append(*overlaps, path)
	return theirs
}

func TestMergeModel(t *testing.T) {
	clean := 0
	for seed := range uint64(5000) {
		base, mine, theirs := mergeDocuments(seed)
		var overlaps []string
		var b, m, o any
		json.Unmarshal([]byte(base), &b)
		json.Unmarshal([]byte(mine), &m)
		json.Unmarshal([]byte(theirs), &o)
		want := fmt.Sprintf("%s %v", marshal(t, mergeModel(b, m, o, "", &overlaps)), overlaps)
		got, err := mergeTexts([]byte(base), []byte(mine), []byte(theirs), nil)
		var overlap *Overlap
		if errors.As(err, &overlap) {
			if !slices.Equal(overlap.Pointers, overlaps) {
				t.Fatalf("%s, %s, %s: overlaps %q, want %q", base, mine, theirs, overlap.Pointers, overlaps)
			}
			continue
		}
		var v any
		json.Unmarshal(got, &v)
		if text := fmt.Sprintf("%s %v", marshal(t, v), overlaps); text != want {
			t.Fatalf("%s, %s, %s: got %s, want %s", base, mine, theirs, got, want)
		}
		clean++
		checkMerge(t, []byte(base), []byte(mine), []byte(theirs), nil)
		checkMerge(t, []byte(base), []byte(mine), []byte(theirs), []string{"a"})
	}
	if clean < 500 {
		t.Errorf("only %d of 5000 had no overlap", clean)
	}
}

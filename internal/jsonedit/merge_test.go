package jsonedit

import (
	"errors"
	"fmt"
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
	got, err := mergeTexts([]byte(base), []byte(mine), []byte(theirs), Rules{Keys: keys})
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
func mergeTexts(base, mine, theirs []byte, rules Rules) ([]byte, error) {
	var docs [3]*Document
	for i, text := range [...][]byte{base, mine, theirs} {
		var err error
		if docs[i], err = Parse(text); err != nil {
			return nil, err
		}
	}
	return Merge(docs[0], docs[1], docs[2], rules)
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
		got, err := mergeTexts([]byte(row.base), []byte(row.mine), []byte(row.theirs), Rules{Keys: []string{"id"}})
		if string(got) != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%q, %q, %q: %q, %v", row.base, row.mine, row.theirs, got, err)
		}
	}
	_, err := mergeTexts([]byte(`{"\ud83d":1}`), []byte(`{"\ud83d":2}`), []byte(`{"\ud83d":3}`), Rules{})
	if e := (*Overlap)(nil); !errors.As(err, &e) || fmt.Sprint(e.Pointers) != `[/\ud83d]` {
		t.Error(err)
	}
}

// TestMergeByIndex: elements are the same where their index is, unless both sides changed
// the length, each to another one.
func TestMergeByIndex(t *testing.T) {
	for _, row := range []struct{ base, mine, theirs, want string }{
		{`[1,2]`, `[9,2]`, `[1, 3]`, `[9, 3]`},
		{`[[1,2],[3,4]]`, `[[1,2],[3,5]]`, `[[0,2],[3,4]]`, `[[0,2],[3,5]]`},
		{`[1,2]`, `[1]`, `[5,2]`, `[5]`},
		{`[1,2]`, `[7,2]`, `[1]`, `[7]`},
		{`[1,2]`, `[1,7]`, `[1]`, `/1`},
		{`[1]`, `[1,2]`, `[1,2]`, `[1,2]`},
		{`[1]`, `[1,2]`, `[1,3]`, `/1`},
		{`[1,2,3]`, `[1,2]`, `[1,2,3,4]`, `(all)`},
		{`{}`, `{"a":[1]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"a":1}`, `{"a":[1]}`, `{"a":[2]}`, `/a`},
	} {
		got, err := mergeTexts([]byte(row.base), []byte(row.mine), []byte(row.theirs), Rules{ByIndex: true})
		if overlap := (*Overlap)(nil); errors.As(err, &overlap) {
			if got = []byte(strings.Join(overlap.Pointers, " ")); len(got) == 0 {
				got = []byte("(all)")
			}
		}
		if string(got) != row.want {
			t.Errorf("%s, %s, %s: %s, want %s", row.base, row.mine, row.theirs, got, row.want)
		}
	}
}

package jsonedit

import (
	"strings"
	"testing"
)

func TestPatchMembers(t *testing.T) {
	runRows(t, Rules{}, []row[sample]{
		{"nothing", " {\"f\" : 1.0e0,\t\"u\":null }\n", func(d *sample) {}, " {\"f\" : 1.0e0,\t\"u\":null }\n", ""},
		{"change", `{ "u":1, "n" : 1 , "v":[ ] }`, func(d *sample) { d.N = 2 }, `{ "u":1, "n" : 2 , "v":[ ] }`, ""},
		{"add", `{"u":12345678901234567890123,"x":1e400}`, func(d *sample) { d.N = 2 }, `{"u":12345678901234567890123,"x":1e400,"n":2}`, ""},
		{"add, indented", "{\n  \"u\": 1\n}\n", func(d *sample) { d.N, d.Name = 2, "x" }, "{\n  \"u\": 1,\n  \"name\": \"x\",\n  \"n\": 2\n}\n", ""},
		{"add to empty", `{ }`, func(d *sample) { d.N = 2 }, `{"n":2}`, ""},
		{"remove first", `{"n":1, "u":2}`, func(d *sample) { d.N = 0 }, `{"u":2}`, ""},
		{"remove last", "{\n  \"u\": 2,\n  \"n\": 1\n}", func(d *sample) { d.N = 0 }, "{\n  \"u\": 2\n}", ""},
		{"remove only", `{ "n":1 }`, func(d *sample) { d.N = 0 }, `{}`, ""},
		{"remove and add", `{"n":1,"u":2}`, func(d *sample) { d.N, d.Name = 0, "x" }, `{"u":2,"name":"x"}`, ""},
		{"lost by omitempty", `{"n":0,"name":"","tags":[],"u":0}`, func(d *sample) { d.N = 5; d.Tags = []string{"a"} }, `{"n":5,"name":"","tags":["a"],"u":0}`, ""},
		{"lost by omitzero", `{"point":{"u":1,"x":0}}`, func(d *sample) { d.Point.X = 3 }, `{"point":{"u":1,"x":3,"y":0}}`, ""},
		{"null for an object", `{"point":null,"ptr":null}`, func(d *sample) { d.Point.X = 3; d.Ptr = new(point) }, `{"point":{"x":3,"y":0},"ptr":{"x":0,"y":0}}`, ""},
		{"object removed", `{"ptr":{"x":1,"u":2},"v":1}`, func(d *sample) { d.Ptr = nil }, `{"v":1}`, ""},
		{"nested", `{"point":{"u":{"x":[1, 2]},"y":1}}`, func(d *sample) { d.Point.Y = 2 }, `{"point":{"u":{"x":[1, 2]},"y":2}}`, ""},
		{"other case", `{"NAME":"a","nAmE2":1}`, func(d *sample) { d.Name = "b" }, `{"NAME":"b","nAmE2":1}`, ""},
		{"other case removed", `{"u":1,"Name":"a"}`, func(d *sample) { d.Name = "" }, `{"u":1}`, ""},
		{"kelvin sign", `{"\u212aind":"a"}`, func(d *sample) { d.Kind = "b" }, `{"\u212aind":"b"}`, ""},
		{"embedded", `{"u":1,"kind":"a"}`, func(d *sample) { d.Kind = "b" }, `{"u":1,"kind":"b"}`, ""},
		{"escaped name", `{"n\u0061me":"a","\ud83d\ude00":1}`, func(d *sample) { d.Name = "<b>" }, `{"n\u0061me":"\u003cb\u003e","\ud83d\ude00":1}`, ""},
		{"twice", `{"n":1,"u":2,"n":3}`, func(d *sample) { d.N = 4 }, `{"n":1,"u":2,"n":4}`, ""},
		{"twice, null last", `{"n":1,"n":null}`, func(d *sample) { d.N = 4 }, `{"n":1,"n":4}`, ""},
		{"twice by case", `{"n":1,"N":3}`, func(d *sample) { d.N = 4 }, `{"n":1,"N":4}`, ""},
		{"twice, removed", `{"n":1,"u":2,"N":3}`, func(d *sample) { d.N = 0 }, `{"u":2}`, ""},
		{"object twice", `{"point":{"x":1,"u":2},"point":{"y":2}}`, func(d *sample) { d.Point.X = 4 }, "", "/point"},
		{"object twice, removed", `{"ptr":{"x":1,"u":2},"ptr":{"y":2}}`, func(d *sample) { d.Ptr = nil }, `{}`, ""},
		{"unknown twice", `{"u":1,"n":1,"u":2}`, func(d *sample) { d.N = 2 }, `{"u":1,"n":2,"u":2}`, ""},
		{"precision", `{"f":9007199254740993,"num":1.0000000000000000000001,"n":1}`, func(d *sample) { d.N = 2 }, `{"f":9007199254740993,"num":1.0000000000000000000001,"n":2}`, ""},
		{"json.Number", `{"num":1.10}`, func(d *sample) { d.Num = "1.1000" }, `{"num":1.1000}`, ""},
		{"map", `{"map":{"a":9007199254740993,"b":{"c":[ 1 ]}}}`, func(d *sample) { d.Map["b"].(map[string]any)["d"] = "x" }, `{"map":{"a":9007199254740993,"b":{"c":[ 1 ],"d":"x"}}}`, ""},
		{"map by case", `{"map":{"a":1,"A":2,"":3}}`, func(d *sample) { d.Map["A"] = 5; delete(d.Map, "") }, `{"map":{"a":1,"A":5}}`, ""},
		{"map of structs", `{"byName":{"a":{"n":1,"u":1},"b":{"n":2,"u":2}}}`, func(d *sample) { d.ByName["b"].N = 5; delete(d.ByName, "a") }, `{"byName":{"b":{"n":5,"u":2}}}`, ""},
		{"any of another kind", `{"any":{"a":1}}`, func(d *sample) { d.Any = "x" }, `{"any":"x"}`, ""},
		{"RawMessage", `{"raw":{ "a" : 1, "b":[1 ,2]}}`, func(d *sample) { d.Raw = []byte(`{"b":[1,2],"a":3}`) }, `{"raw":{ "a" : 3, "b":[1 ,2]}}`, ""},
		{"RawMessage, twice", `{"raw":{"a":1,"a":2}}`, func(d *sample) { d.Raw = []byte(`{"a":3}`) }, `{"raw":{"a":3}}`, ""},
		{"renders a string", `{"month":{"y":2020,"m":1}}`, func(d *sample) { d.Month.month = 2 }, "", "/month/y"},
		{"renders a string, unchanged", `{"month":{"y":2020,"m":1},"n":1}`, func(d *sample) { d.N = 2 }, `{"month":{"y":2020,"m":1},"n":2}`, ""},
		{"renders a string, is one", `{"month":"2020-1","u":1}`, func(d *sample) { d.Month.month = 2 }, `{"month":"2020-2","u":1}`, ""},
		{"renders an object", `{"both":"a","u":1}`, func(d *sample) { d.Both.Text = "b" }, `{"both":{"Text":"b"},"u":1}`, ""},
		{"invalid UTF-8", "{\"u\":\"\xff\",\"\xfe\":1,\"n\":1}", func(d *sample) { d.N = 2 }, "{\"u\":\"\xff\",\"\xfe\":1,\"n\":2}", ""},
	})
	runRows(t, Rules{}, []row[plain]{
		{"rendered zero values stay out", `{"u":1}`, func(d *plain) { d.Name = "a" }, `{"u":1,"name":"a"}`, ""},
		{"rendered zero object", `{"u":1}`, func(d *plain) { d.Point.X = 1 }, `{"u":1,"point":{"x":1,"y":0}}`, ""},
		{"partly there", `{"point":{"u":1}}`, func(d *plain) { d.Point.X = 1 }, `{"point":{"u":1,"x":1}}`, ""},
		{"set to null", `{"ptr":{"x":1,"u":1}}`, func(d *plain) { d.Ptr = nil }, `{"ptr":null}`, ""},
		{"array set to null", `{"items":[{"id":1,"u":1}]}`, func(d *plain) { d.Items = nil }, `{"items":null}`, ""},
		{"null stays", `{"ptr":null,"items":null,"name":null}`, func(d *plain) { d.Point.Y = 1 }, `{"ptr":null,"items":null,"name":null,"point":{"x":0,"y":1}}`, ""},
		{"the root is null", ` null `, func(d *plain) { d.Name = "a" }, ` {"name":"a","point":{"x":0,"y":0},"ptr":null,"items":null} `, ""},
	})
	runRows(t, Rules{Keys: []string{"id"}}, []row[[]element]{
		{"the root is an array", ` [ {"id":1,"u":1} , {"id":2} ]`, func(d *[]element) { (*d)[0].Name = "a" }, ` [ {"id":1,"u":1,"name":"a"} , {"id":2} ]`, ""},
	})
	runRows(t, Rules{}, []row[int]{{"the root is a number", "\n10\n", func(d *int) { *d = 7 }, "\n7\n", ""}})
}

func TestPatchBadJSON(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 1001) + "1" + strings.Repeat("}", 1001)
	fits := deep[5 : len(deep)-1]
	for name, row := range map[string]struct{ original, before, after, want, text string }{
		"empty":          {"", `{}`, `{"a":1}`, `{"a":1}`, ""},
		"white space":    {" \n", `{}`, `{}`, `{}`, ""},
		"empty, broken":  {"", `{}`, `{`, "", "edited value"},
		"broken":         {`{"a":1,}`, `{}`, `{}`, "", "the JSON document: not JSON at byte 8"},
		"two":            {`{} {}`, `{}`, `{}`, "", "not JSON at byte 4"},
		"byte order":     {"\ufeff{}", `{}`, `{}`, "", "not JSON at byte 1"},
		"before":         {`{}`, `x`, `{}`, "", "decoded value"},
		"after":          {`{}`, `{}`, `x`, "", "edited value"},
		"too deep":       {deep, `{}`, `{"a":1}`, "", "deeper than 1000"},
		"bomb":           {strings.Repeat("[", 1<<20), `{}`, `{"a":1}`, "", "not JSON"},
		"just fits":      {fits, fits, strings.Replace(fits, "1", "2", 1), strings.Replace(fits, "1", "2", 1), ""},
		"deep elements":  {strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "[]", "[1]", "", ""},
		"same, not JSON": {`nul`, `{}`, `{}`, "", "not JSON"},
	} {
		got, err := Patch([]byte(row.original), []byte(row.before), []byte(row.after), Rules{})
		if row.want == "" && err == nil && row.text != "" || err != nil && (row.want != "" || !strings.Contains(err.Error(), row.text)) || row.want != "" && string(got) != row.want {
			t.Errorf("%s: got %.100s, %v; want %.100s, %s", name, got, err, row.want, row.text)
		}
	}
}

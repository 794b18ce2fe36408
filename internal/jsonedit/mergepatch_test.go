package jsonedit

import "testing"

func TestMergePatch(t *testing.T) {
	for _, row := range []struct{ name, original, before, after, want string }{
		{"nothing", `{"a":1,"b":null}`, `{"a":1}`, `{"a":1}`, `{}`},
		{"change", `{"a":1,"u":[1]}`, `{"a":1}`, `{"a":2}`, `{"a":2}`},
		{"nested", `{"o":{"a":1,"u":1},"p":{"a":1}}`, `{"o":{"a":1},"p":{"a":1}}`, `{"o":{"a":2},"p":{"a":1}}`, `{"o":{"a":2}}`},
		{"remove", `{"A":1,"a":2,"b":1}`, `{"a":2,"b":1}`, `{"b":1}`, `{"A":null,"a":null}`},
		{"remove by case", `{"A":1}`, `{"a":1}`, `{}`, `{"A":null}`},
		{"remove what is there twice", `{"a":1,"a":2}`, `{"a":2}`, `{}`, `{"a":null}`},
		{"not there", `{}`, `{"a":1}`, `{}`, `{}`},
		{"add", `{"u":1}`, `{}`, `{"a":{"b":[null]}}`, `{"a":{"b":[null]}}`},
		{"array with unknown members", `{"l":[{"a":1,"u":9007199254740993}, {"a":2}]}`, `{"l":[{"a":1},{"a":2}]}`, `{"l":[{"a":1},{"a":3}]}`, `{"l":[{"a":1,"u":9007199254740993}, {"a":3}]}`},
		{"null in an array", `{"l":[1]}`, `{"l":[1]}`, `{"l":[null]}`, `{"l":[null]}`},
		{"object for null", `{"o":null}`, `{"o":{"a":0}}`, `{"o":{"a":1}}`, `{"o":{"a":1}}`},
		{"null", `{"o":{"a":1}}`, `{"o":{"a":1}}`, `{"o":{"a":null}}`, `error: ifmatch: JSON member "/o/a": ` + whyNull + ": leave WithPatch off"},
		{"null added", `{}`, `{}`, `{"o":{"x/y":null}}`, `error: ifmatch: JSON member "/o/x~1y": ` + whyNull + ": leave WithPatch off"},
		{"no object", `[1]`, `[1]`, `[2]`, `error: ifmatch: the JSON document: a merge patch (RFC 7396) changes members of an object, and it is none: leave WithPatch off`},
		{"no object, nothing", `[1]`, `[1]`, `[1]`, `error: ifmatch: the JSON document: a merge patch (RFC 7396) changes members of an object, and it is none: leave WithPatch off`},
		{"no object any more", `{"a":1}`, `{"a":1}`, `[2]`, `error: ifmatch: the JSON document: a merge patch (RFC 7396) changes members of an object, and it is none: leave WithPatch off`},
		{"one object for another", `{"o":{"a":1}}`, `{"o":{"a":1,"a":1}}`, `{"o":{"b":1}}`, `error: ifmatch: JSON member "/o": ` + whyReplace + ": leave WithPatch off"},
		{"empty", ``, `{}`, `{"a":1}`, `error: ifmatch: the JSON document: not JSON at byte 0: unexpected end of JSON input`},
	} {
		got, err := MergePatch([]byte(row.original), []byte(row.before), []byte(row.after), Rules{Keys: []string{"a"}, ByIndex: true})
		if err != nil {
			got = []byte("error: " + err.Error())
		}
		if string(got) != row.want {
			t.Errorf("%s: got  %s\nwant %s", row.name, got, row.want)
		}
	}
}

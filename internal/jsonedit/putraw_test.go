package jsonedit

import "testing"

// TestPutRaw: a text goes into its member as it is written, and nothing else changes.
func TestPutRaw(t *testing.T) {
	for _, test := range []struct{ text, pointer, raw, want string }{
		{`{"a": 1.0 ,"b":{ "c":[ ] }}`, "/b/c", `{ "x":1e2 }`, `{"a": 1.0 ,"b":{ "c":{ "x":1e2 } }}`},
		{`{}`, "/b/c", `null`, `{"b":{"c":null}}`},
		{`{"a":1}`, "", `[ ]`, `[ ]`},
		{`{"a":1}`, "/a", `no`, ""},
		{`{"a":1}`, "/a/b", `1`, ""},
		{`{"a":1,"a":2}`, "/a", `1`, ""},
		{`<`, "/a", `1`, ""},
	} {
		got, err := PutRaw([]byte(test.text), test.pointer, []byte(test.raw))
		if string(got) != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s in %s of %s: %s, %v; want %s", test.raw, test.pointer, test.text, got, err, test.want)
		}
	}
	if m, err := Find([]byte(`{"a":{"b":[1 ]}}`), "/a/b"); err != nil || string(m.Raw()) != "[1 ]" || cap(m.Raw()) != 4 {
		t.Errorf("%s, %v", m.Raw(), err)
	}
	if (Member{}).Raw() != nil {
		t.Error("no member has a text")
	}
}

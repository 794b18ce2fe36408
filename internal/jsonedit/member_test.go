package jsonedit

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestPut(t *testing.T) {
	for _, row := range []struct {
		pointer         string
		kind            Kind
		text, value     string
		want, complaint string
	}{
		{"/version", AnyKind, "{\n \"version\"\t: \"1\" ,\"x\":1e2}", `2"`, "{\n \"version\"\t: \"2\\\"\" ,\"x\":1e2}", ""},
		{"/version", AnyKind, `{"version":7}`, "8", `{"version":8}`, ""}, // what was a number stays one
		{"/version", AnyKind, `{"version":7}`, "b", `{"version":"b"}`, ""},
		{"/version", AnyKind, `{"version":null}`, "8", `{"version":"8"}`, ""},
		{"/version", AnyKind, `{"x":{"version":1}}`, "8", `{"version":"8","x":{"version":1}}`, ""},
		{"/version", AnyKind, ` { } `, "8", ` {"version":"8" } `, ""},
		{"/version", Number, `{}`, "8", `{"version":8}`, ""},
		{"/version", Number, `{}`, "8 ", `{"version":"8 "}`, ""},
		{"/version", Number, `{"version":[]}`, "8", `{"version":8}`, ""},
		{"/version", Number, `{"version":"7"}`, "8", `{"version":"8"}`, ""}, // and what was a string
		{"/version", String, `{"version":7}`, "8", `{"version":8}`, ""},
		{"/a~1b/~0v", AnyKind, `{"a/b":{"~v":"1"}}`, "2", `{"a/b":{"~v":"2"}}`, ""},
		{"/a~1b/~0v", AnyKind, `{"a/b":{}}`, "2", `{"a/b":{"~v":"2"}}`, ""},
		{"/a~1b/~0v", AnyKind, `{"a/b":{"x":{}},"n":1}`, "2", `{"a/b":{"~v":"2","x":{}},"n":1}`, ""},
		{"/a~1b/~0v", AnyKind, `{"n":1}`, "2", `{"a/b":{"~v":"2"},"n":1}`, ""},
		{"/a~1b/~0v", AnyKind, `{"a/b":null}`, "2", "", "no object to put the member /a~1b/~0v into"},
		{"/version", AnyKind, `[]`, "2", "", "no object to put"},
		{"/version", AnyKind, `{"version":1,"version":2}`, "3", "", "occurs twice"},
		{"/version", AnyKind, `{"version":1`, "3", "", "not JSON"},
		{"/version", AnyKind, ``, "3", "", "not JSON"},
	} {
		got, err := Put([]byte(row.text), row.pointer, row.value, row.kind)
		if string(got) != row.want || (err == nil) != (row.complaint == "") || err != nil && !strings.Contains(err.Error(), row.complaint) {
			t.Errorf("%s: %s, %v; want %s, %s", row.text, got, err, row.want, row.complaint)
		}
	}
}

func TestFind(t *testing.T) {
	for _, row := range []struct {
		pointer, text string
		kind          Kind
		want          string
	}{
		{"/a/b", `{"a":{"b":"\u0078"},"b":1}`, String, "x"},
		{"/b", `{"a":{"b":"x"},"b":-1.50e3 }`, Number, "-1.50e3"},
		{"/b", `{"b":{"b":1}}`, AnyKind, ""},
		{"/b", `{"b":null}`, AnyKind, ""},
		{"/b", `{"a":{"b":1}}`, AnyKind, ""},
		{"/b/0", `{"b":[1]}`, AnyKind, ""},
		{"/~01", `{"~1":1,"/":2}`, Number, "1"},
	} {
		m, err := Find([]byte(row.text), row.pointer)
		if err != nil || m.Kind() != row.kind || m.Text() != row.want {
			t.Errorf("%s in %s: %v %q, %v", row.pointer, row.text, m.Kind(), m.Text(), err)
		}
	}
	if _, err := Find([]byte(`{"a":{"b":1},"a":{}}`), "/a/b"); !errors.Is(err, ErrTwice) || err.Error() != "/a/b: a name on the way occurs twice" {
		t.Error(err)
	}
}

func TestPointsToMember(t *testing.T) {
	for pointer, want := range map[string]bool{"": false, "/": false, "/a": true, "/a/b": true, "a": false, "a/b": false} {
		if got := PointsToMember(pointer); got != want {
			t.Errorf("%q: %v", pointer, got)
		}
	}
}

// TestWithMembersOf: only what the other document has is taken, as it is written
// there, and only where there is an object for it.
func TestWithMembersOf(t *testing.T) {
	for _, row := range []struct{ text, other, want string }{
		{`{"v": 1,"x":1}`, `{"v":2.0,"m":{"v":"b"}}`, `{"m":{"v":"b"},"v": 2.0,"x":1}`},
		{`{"v":1}`, `{"x":2}`, `{"v":1}`},
		{`{"v":1,"m":[]}`, `{"v":{"x":1},"m":{"v":"b"}}`, `{"v":{"x":1},"m":[]}`},
		{`[1]`, `{"v":2}`, `[1]`},
		{`{"v":1,"v":2}`, `{"v":3}`, "/v: a name on the way occurs twice"},
		{`{"v":1}`, `{"v":2,"v":3}`, "/v: a name on the way occurs twice"},
	} {
		doc, err := Parse([]byte(row.text))
		if err != nil {
			t.Fatal(err)
		}
		other, err := Parse([]byte(row.other))
		if err != nil {
			t.Fatal(err)
		}
		got, err := doc.WithMembersOf(other, []string{"/v", "/m/v"})
		text := ""
		if err != nil {
			text = err.Error()
		} else {
			text = string(got.text)
		}
		if text != row.want || string(doc.text) != row.text {
			t.Errorf("%s with those of %s: %s, want %s", row.text, row.other, text, row.want)
		}
	}
}

// FuzzSetMember: what is around the member stays byte for byte, and the result
// has the value.
func FuzzSetMember(f *testing.F) {
	for _, text := range []string{`{"version":"1","b":[1,{"version":2}]}`, ` {"a":1.0 , "version" : 7 } `, `{}`, `{"version":{"x":1}}`, `[1]`, `{"\u0076ersion":1}`} {
		f.Add([]byte(text), "2-abc")
	}
	f.Add([]byte(`{"version":0}`), "0 ") // no number to put there
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		value = strings.ToValidUTF8(value, "")
		before, err := Find(text, "/version")
		out, putErr := Put(text, "/version", value, AnyKind)
		if putErr != nil {
			return
		}
		if err != nil {
			t.Fatalf("%s was changed to %s although it can't be read: %v", text, out, err)
		}
		if !before.absent() {
			if !bytes.HasPrefix(out, text[:before.start]) || !bytes.HasSuffix(out, text[before.end:]) {
				t.Fatalf("%s became %s", text, out)
			}
		}
		now, err := Find(out, "/version")
		if err != nil || now.Text() != value {
			t.Fatalf("%s became %s: %v", text, out, err)
		}
		if !json.Valid(out) {
			t.Fatalf("%s became %s", text, out)
		}
	})
}

package ifmatch

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

func TestSetMember(t *testing.T) {
	version := Token{Sent: InBody("/version"), Current: InBody("/version")}
	deep := Token{Sent: InBody("/a~1b/~0v"), Current: InBody("/v")}
	number := Token{Sent: InBody("/version"), Current: InBody("/version"), Number: true}
	for _, test := range []struct {
		token           Token
		text, value     string
		want, complaint string
	}{
		{version, "{\n \"version\"\t: \"1\" ,\"x\":1e2}", `2"`, "{\n \"version\"\t: \"2\\\"\" ,\"x\":1e2}", ""},
		{version, `{"version":7}`, "8", `{"version":8}`, ""}, // what was a number stays one
		{version, `{"version":7}`, "b", `{"version":"b"}`, ""},
		{version, `{"version":null}`, "8", `{"version":"8"}`, ""},
		{version, `{"x":{"version":1}}`, "8", `{"version":"8","x":{"version":1}}`, ""},
		{version, ` { } `, "8", ` {"version":"8" } `, ""},
		{number, `{}`, "8", `{"version":8}`, ""},
		{number, `{"version":"7"}`, "8", `{"version":"8"}`, ""}, // and what was a string
		{deep, `{"a/b":{"~v":"1"}}`, "2", `{"a/b":{"~v":"2"}}`, ""},
		{deep, `{"a/b":{}}`, "2", `{"a/b":{"~v":"2"}}`, ""},
		{deep, `{"a/b":{"x":{}},"n":1}`, "2", `{"a/b":{"~v":"2","x":{}},"n":1}`, ""},
		{deep, `{"n":1}`, "2", `{"a/b":{"~v":"2"},"n":1}`, ""},
		{deep, `{"a/b":null}`, "2", "", "no object to put"},
		{version, `[]`, "2", "", "no object to put"},
		{version, `{"version":1,"version":2}`, "3", "", "occurs twice"},
		{version, `{"version":1`, "3", "", "not JSON"},
		{version, ``, "3", "", "not JSON"},
	} {
		got, err := placed{Token: test.token}.setMember([]byte(test.text), test.value)
		if string(got) != test.want || (err == nil) != (test.complaint == "") || err != nil && !strings.Contains(err.Error(), test.complaint) {
			t.Errorf("%s: %s, %v; want %s, %s", test.text, got, err, test.want, test.complaint)
		}
	}
}

// FuzzSetMember: what is around the member stays byte for byte, and the result
// has the version.
func FuzzSetMember(f *testing.F) {
	for _, text := range []string{`{"version":"1","b":[1,{"version":2}]}`, ` {"a":1.0 , "version" : 7 } `, `{}`, `{"version":{"x":1}}`, `[1]`, `{"\u0076ersion":1}`} {
		f.Add([]byte(text), "2-abc")
	}
	f.Add([]byte(`{"version":0}`), "0 ") // no number to put there
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		token := Token{Sent: InBody("/version"), Current: InBody("/version")}
		if token.check(value) != nil {
			return
		}
		before, err := memberAt(text, "/version")
		out, setErr := placed{Token: token}.setMember(text, value)
		if setErr != nil {
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
		now, err := memberAt(out, "/version")
		if err != nil || textOf(now) != value {
			t.Fatalf("%s became %s: %v", text, out, err)
		}
		if !json.Valid(out) {
			t.Fatalf("%s became %s", text, out)
		}
	})
}

// FuzzSetQuery: the other parameters stay as they are, in their order.
func FuzzSetQuery(f *testing.F) {
	for _, query := range []string{"a=1&version=2&b=%7e", "version=1;2&&x", "", "v%65rsion=1", "%zz=1&version"} {
		f.Add(query, "7")
	}
	f.Fuzz(func(t *testing.T, query, value string) {
		u := &url.URL{Scheme: "http", Host: "api.test", RawQuery: query}
		if value == "" {
			return
		}
		set := setQuery(u, "version", value)
		if u.RawQuery != query {
			t.Fatal("the URL itself was changed")
		}
		if got := setQuery(set, "version", "").RawQuery; got != setQuery(u, "version", "").RawQuery {
			t.Fatalf("%q became %q: without the version %q", query, set.RawQuery, got)
		}
		if !strings.Contains(set.RawQuery, "="+url.QueryEscape(value)) {
			t.Fatalf("%q became %q", query, set.RawQuery)
		}
	})
}

package stored

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestPlaceOf (RFC 9110 §8.7): relative references, and other spellings of one URL.
func TestPlaceOf(t *testing.T) {
	target, _ := url.Parse("https://user:pw@Example.test:443/a/doc?v=1")
	for at, want := range map[string]Place{
		"":                                    Unsaid,
		"https://example.test/a/doc?v=1":      OfTarget,
		"https://EXAMPLE.test:443/a/doc?v=1":  OfTarget,
		"//example.test/a/doc?v=1":            OfTarget,
		"/a/doc?v=1":                          OfTarget,
		"doc?v=1":                             OfTarget,
		"./doc?v=1":                           OfTarget,
		"../a/doc?v=1":                        OfTarget,
		"?v=1":                                OfTarget,
		"/a/doc":                              OfAnother,
		"doc?v=2":                             OfAnother,
		"/doc?v=1":                            OfAnother,
		"/a/doc/_history/2?v=1":               OfAnother,
		"http://example.test/a/doc?v=1":       OfAnother,
		"https://example.test:8443/a/doc?v=1": OfAnother,
		"https://other.test/a/doc?v=1":        OfAnother,
		"mailto:doc":                          OfAnother,
		"http://[::1":                         OfAnother,
		"%zz":                                 OfAnother,
	} {
		if got := PlaceOf(target, http.Header{"Content-Location": {at}}); got != want {
			t.Errorf("%q: %d, want %d", at, got, want)
		}
	}
	for name, h := range map[string]http.Header{"none": {}, "nil": nil, "no line": {"Content-Location": nil}} {
		if got := PlaceOf(target, h); got != Unsaid {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := PlaceOf(target, http.Header{"Content-Location": {"/a/doc?v=1", "/other"}}); got != OfAnother {
		t.Errorf("two: %d", got)
	}
}

// TestSays (RFC 7240 §3, §4.2).
func TestSays(t *testing.T) {
	for lines, want := range map[string]bool{
		"return=representation":                     true,
		"Return = \"Representation\"":               true,
		"respond-async, return=representation; a=b": true,
		"wait=10|return=representation":             true,
		"return=minimal":                            false,
		"return":                                    false,
		"return=representation, return=minimal":     false,
		"x-return=representation":                   false,
		"":                                          false,
		"handling=strict; return=representation":    false,
		"odata.include-annotations=\"*\"":           false,
	} {
		if got := Says(http.Header{"Preference-Applied": strings.Split(lines, "|")}); got != want {
			t.Errorf("%q: %v", lines, got)
		}
	}
}

// TestLook: what a body looks like beside what was sent.
func TestLook(t *testing.T) {
	const doc = `{"n":2,"name":"a","note":null,"_ifmatch":["x"]}`
	for name, row := range map[string]struct {
		sent Sent
		body string
		kind string
		want Body
	}{
		"none":                                   {Sent{}, "", "", None},
		"the same bytes":                         {Sent{}, doc, "", Same},
		"the same, written otherwise":            {Sent{}, "\n{\"name\":\"\\u0061\", \"n\":2.0, \"note\":null, \"_ifmatch\":[\"x\"]}\n", "", Same},
		"a stamp":                                {Sent{}, `{"n":2,"name":"a","note":null,"_ifmatch":["x"],"at":1}`, "", Differs},
		"another value":                          {Sent{}, `{"n":3,"name":"a","note":null,"_ifmatch":["x"]}`, "", Differs},
		"without a null":                         {Sent{}, `{"n":2,"name":"a","_ifmatch":["x"]}`, "", Differs},
		"without a member":                       {Sent{}, `{"n":2,"_ifmatch":["x"],"at":1}`, "", Partial},
		"without the marks":                      {Sent{}, `{"n":2,"name":"a","at":1}`, "", Partial},
		"without the marks, which may be":        {Sent{Hidden: "/_ifmatch"}, `{"n":2,"name":"a","at":1}`, "", Differs},
		"with only what may be hidden":           {Sent{Hidden: "/_ifmatch"}, `{"_ifmatch":["x"]}`, "", Partial},
		"without what has more than marks":       {Sent{Hidden: "/meta/n~1m", Body: []byte(`{"n":2,"meta":{"n/m":"x","l":"b"}}`), Stored: []byte(`{"n":2,"meta":{"n/m":"x","l":"b"}}`)}, `{"n":2,"at":1}`, "", Partial},
		"without what has marks alone":           {Sent{Hidden: "/meta/n~1m", Body: []byte(`{"n":2,"meta":{"n/m":"x"}}`), Stored: []byte(`{"n":2,"meta":{"n/m":"x"}}`)}, `{"n":2,"at":1}`, "", Differs},
		"a report, to a patch of marks and more": {Sent{Hidden: "/meta/n~1m", Body: []byte(`{"meta":{"n/m":"x","l":"b"}}`), Stored: []byte(`{"n":2,"meta":{"n/m":"x","l":"b"}}`)}, `{"ok":true}`, "", Foreign},
		"a report":                               {Sent{}, `{"ok":true}`, "", Foreign},
		"a report with a name of ours":           {Sent{}, `{"ok":true,"name":"a"}`, "", Partial},
		"no members":                             {Sent{}, `{}`, "", Foreign},
		"text":                                   {Sent{}, `saved`, "text/plain", Foreign},
		"a page":                                 {Sent{}, `<html>`, "text/html", Foreign},
		"null":                                   {Sent{}, `null`, "", Foreign},
		"an array":                               {Sent{}, `[` + doc + `]`, "", Foreign},
		"a string":                               {Sent{}, `"ok"`, "", Foreign},
		"white space":                            {Sent{}, " \n", "", Foreign},
		"two documents":                          {Sent{}, doc + doc, "", Foreign},
		"cut":                                    {Sent{}, doc[:9], "", Foreign},
		"nested too deep":                        {Sent{}, strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), "", Foreign},
		"a name twice":                           {Sent{}, `{"n":2,"n":3,"name":"a","_ifmatch":[]}`, "", Differs},
		"JSON as text":                           {Sent{}, `{"n":3,"name":"a","note":null,"_ifmatch":[]}`, "text/plain", Differs},
		"nothing was sent":                       {Sent{Body: []byte(`{}`), Stored: []byte(`{}`)}, `{"ok":true}`, "", Differs},
		"of a patch, all of it":                  {Sent{Body: []byte(`{"n":2,"gone":null}`)}, `{"n":2,"at":1}`, "", Differs},
		"of a patch, the whole":                  {Sent{Body: []byte(`{"n":2}`)}, doc, "", Same},
		"of a patch, a report":                   {Sent{Body: []byte(`{"n":2}`)}, `{"ok":true}`, "", Foreign},
		"an array for an array":                  {Sent{Body: []byte(`[1]`), Stored: []byte(`[1]`)}, `[1,2]`, "", Differs},
		"a report for an array":                  {Sent{Body: []byte(`[1]`), Stored: []byte(`[1]`)}, `{"ok":true}`, "", Foreign},
		"a number for a number":                  {Sent{Body: []byte(`1`), Stored: []byte(`1`)}, `-2`, "", Differs},
		"a boolean for a boolean":                {Sent{Body: []byte(`true`), Stored: []byte(`true`)}, `false`, "", Differs},
	} {
		row.sent.JSON = true
		if row.sent.Stored == nil {
			row.sent.Stored = []byte(doc)
		}
		if row.sent.Body == nil {
			row.sent.Body = row.sent.Stored
		}
		if got := row.sent.Look([]byte(row.body), http.Header{"Content-Type": {row.kind}}); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
	other := Sent{Body: []byte("n: 1"), Stored: []byte("n: 1"), Media: "text/yaml; charset=utf-8"}
	for name, row := range map[string]struct {
		body, kind string
		want       Body
	}{
		"none":                 {"", "text/yaml", None},
		"the same bytes":       {"n: 1", "", Same},
		"of the same type":     {"n: 1\nat: 2", "Text/YAML", Differs},
		"a report in another":  {`{"ok":true}`, "application/json", Foreign},
		"a report without one": {"ok", "", Foreign},
	} {
		if got := other.Look([]byte(row.body), http.Header{"Content-Type": {row.kind}}); got != row.want {
			t.Errorf("YAML, %s: %d, want %d", name, got, row.want)
		}
	}
}

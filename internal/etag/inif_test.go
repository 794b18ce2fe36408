package etag

import "testing"

// TestInIf: one list with one tag, and nothing else; the resource before it stays.
func TestInIf(t *testing.T) {
	for _, test := range []struct {
		lines         []string
		resource, tag string
		with          string // another tag in its place; empty: the field is left alone
	}{
		{[]string{`(["v1"])`}, "", `"v1"`, `(["v2"])`},
		{[]string{` ([W/"v1"]) `}, "", `W/"v1"`, `(["v2"])`},
		{[]string{`</b> (["v1"])`}, "</b>", `"v1"`, `</b> (["v2"])`},
		{[]string{`<http://h/b>(["v1"])`}, "<http://h/b>", `"v1"`, `<http://h/b> (["v2"])`},
		{lines: nil},
		{lines: []string{`(["v1"])`, `(["v1"])`}},
		{lines: []string{`(<urn:x>)`}},
		{lines: []string{`(<urn:x> ["v1"])`}},
		{lines: []string{`(["v1"] ["v2"])`}},
		{lines: []string{`(["v1"]) (["v2"])`}},
		{lines: []string{`(Not ["v1"])`}},
		{lines: []string{`</b> (["v1"]) </c> (["v1"])`}},
		{lines: []string{`(["v1"]`}},
		{lines: []string{`([v1])`}},
		{lines: []string{`</b`}},
		{lines: []string{``}},
	} {
		resource, tag, ok := InIf(test.lines)
		if ok != (test.with != "") || resource != test.resource || tag != test.tag || ok && IfWith(resource, `"v2"`) != test.with {
			t.Errorf("%q: %q, %q, %v", test.lines, resource, tag, ok)
		}
	}
}

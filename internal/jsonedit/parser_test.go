package jsonedit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// texts are JSON, and what is nearly so.
var texts = []string{
	"", " ", "null", "true", "false", "nul", "truefalse", `""`, `"`, `"a`, `"\"`, `"\u12"`, `"\u12aF"`, `"\u12ag"`, `"\x"`, "\"\n\"", "\"\x7f\xff\"",
	"0", "-0", "-", "01", "1.", "1.5", ".5", "1e", "1e+", "1E-07", "1.5e9x", "--1", "+1", "0x1", "1 2",
	"{}", "{ }", "[]", "[ ]", "{]", "[}", "{", "[", "]", "}", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "[ 1 , 2 ] ", "[[],{}]", "[[}]",
	`{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{,}`, `{"a":1,"b"}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":1,2}`, `{"a" : [ { "b" : null } ] , "c" : -1.5e+10 } `, `{"a":1}}`, `[1]]`, `{"a":1}x`, "\u00a0[]", "[1]\v",
}

// FuzzParse: what is taken is what encoding/json takes, and each value is where it is.
func FuzzParse(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := Parse(text)
		if err != nil {
			if json.Valid(text) && !strings.Contains(err.Error(), "deeper") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q isn't JSON", text)
		}
		checkValues(t, doc.root())
	})
}

// checkValues fails where a value doesn't have its text.
func checkValues(t *testing.T, v value) {
	t.Helper()
	if !json.Valid(v.raw()) {
		t.Fatalf("%q at %d", v.raw(), v.start)
	}
	var raws []json.RawMessage
	if v.kind() == '[' {
		json.Unmarshal(v.raw(), &raws)
	}
	if v.kind() == '{' {
		for d := json.NewDecoder(strings.NewReader(string(v.raw()))); ; {
			var raw json.RawMessage
			token, _ := d.Token()
			if _, isName := token.(string); !isName && token != json.Delim('{') {
				break
			} else if isName {
				d.Decode(&raw)
				raws = append(raws, raw)
			}
		}
	}
	parts := v.parts()
	if !slices.EqualFunc(parts, raws, func(part value, raw json.RawMessage) bool { return string(part.raw()) == string(raw) }) {
		t.Fatalf("%q has %q", v.raw(), raws)
	}
	for _, part := range parts {
		if v.kind() == '{' && !json.Valid(part.quotedName()) || v.kind() == '[' && part.name != 0 {
			t.Fatalf("%q has a part called %q", v.raw(), part.quotedName())
		}
		checkValues(t, part)
	}
}

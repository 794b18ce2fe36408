package excerpt

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestOf(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"empty":           {" \n", ""},
		"text":            {"precondition failed\n", "precondition failed"},
		"lines":           {"one\r\n\ttwo\x1b[31m", "one two [31m"},
		"problem":         {`{"type":"about:blank","title":"Conflict","status":412,"detail":"version 7 is current"}`, "Conflict: version 7 is current"},
		"title alone":     {`{"title":"Conflict"}`, "Conflict"},
		"the same twice":  {`{"title":"x","detail":"x"}`, "x"},
		"OData":           {`{"error":{"code":"0x1","message":"The version has changed."}}`, "0x1: The version has changed."},
		"OData v3":        {`{"odata.error":{"code":"X","message":{"lang":"en","value":"The condition"}}}`, "X: The condition"},
		"Google":          {`{"error":{"code":412,"message":"conditionNotMet","errors":[]}}`, "conditionNotMet"},
		"CouchDB":         {`{"error":"conflict","reason":"Document update conflict."}`, "conflict: Document update conflict."},
		"SCIM":            {`{"schemas":["x"],"scimType":"y","detail":"failed"}`, "failed"},
		"FHIR":            {`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"conflict","diagnostics":"old"}]}`, "conflict: old"},
		"AWS JSON":        {`{"__type":"X","Message":"y"}`, "X: y"},
		"array":           {`[{"message":"m"}]`, "m"},
		"other JSON":      {`{"n":1}`, `{"n":1}`},
		"cut JSON":        {`{"title":"x`, `{"title":"x`},
		"S3":              {"<?xml version=\"1.0\"?><Error><Code>PreconditionFailed</Code><Message>At least one\nof them</Message><Condition>If-Match</Condition></Error>", "PreconditionFailed: At least one of them"},
		"WebDAV":          {`<d:error xmlns:d="DAV:" xmlns:s="x"><s:exception>Sabre\DAV</s:exception><s:message>An If-Match header</s:message></d:error>`, `Sabre\DAV: An If-Match header`},
		"HTML":            {"<!doctype html><html><head><title>412 Precondition Failed</title></head><body><p>x<br>y</body></html>", "412 Precondition Failed"},
		"cut XML":         {"<Error><Code>X</Code><Mess", "X"},
		"nothing in XML":  {"<a><b>c</b></a>", ""},
		"binary":          {"\x89PNG\r\n\x1a\n\x00\x00", ""},
		"bidi":            {"a\u202eb\u200bc", "abc"},
		"invalid UTF-8":   {"a\xffb", "ab"},
		"long":            {strings.Repeat("é", 300), strings.Repeat("é", 100) + "…"},
		"long, in a word": {strings.Repeat("x", 2000), ""},
		"escapes":         {`{"a":"b\/c\u0026d\u202e&#43;`, `{"a":"b/c&d+`},
		"HTML in a text":  {"a&#x2F;b &lt;c>", "a/b <c>"},
		"a space for all": {strings.Repeat("x ", 90), strings.TrimSpace(strings.Repeat("x ", 90))},
	} {
		if got := Of(http.Header{}, []byte(test.body), same); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if got := Of(http.Header{"Content-Encoding": {"gzip"}}, []byte("x"), same); got != "" {
		t.Errorf("encoded: %q", got)
	}
}

func same(text string) string { return text }

// TestOfCleansBeforeItCuts: the beginning of a secret isn't one that can be recognized.
func TestOfCleansBeforeItCuts(t *testing.T) {
	clean := func(text string) string { return strings.ReplaceAll(text, "s3cret-s3cret", "…") }
	for name, body := range map[string]string{
		"at the end":          strings.Repeat("a ", 96) + "s3cret-s3cret",
		"after much of space": "x" + strings.Repeat(" ", 1590) + "s3cret-s3cret",
		"in two":              "s3cret\u200b-s3cret",
	} {
		if got := Of(http.Header{}, []byte(body), clean); strings.Contains(got, "s3c") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// FuzzOf: one printable line within its bound, whatever the body is.
func FuzzOf(f *testing.F) {
	for _, body := range []string{"x", `{"error":{"message":{"value":"x"}}}`, "<a><code>x", `[[[[`, "\xff\xfe", "<!DOCTYPE a [<!ENTITY b \"c\">]><code>&b;</code>"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := Of(http.Header{}, body, same)
		if len(got) > most+len("…") || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", got)
		}
	})
}

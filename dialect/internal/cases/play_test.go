package cases

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/dialect"
)

const good = `{
	"name": "one", "do": "resend",
	"exchanges": [
		{"request": {"method": "PUT", "url": "https://x.example/a", "header": {"If-Match": "\"1\"", "X": null}, "body": {"n": 1}}, "sends": ["\"1\""],
		 "answer": {"status": 412, "body": {}}, "verdict": "as RFC 9110"},
		{"request": {"method": "HEAD"}, "answer": {"status": 200, "header": {"ETag": "\"2\""}}, "current": ["\"2\""]},
		{"request": {"method": "PUT", "header": {"If-Match": "\"2\""}, "body": "{\"n\": 1}"}, "sends": ["\"2\""],
		 "answer": {"status": 204}}
	],
	"end": {"status": 204, "effect": "applied", "cause": "changed"}
}`

const update = `{
	"name": "two", "do": "update", "change": {"n": 2}, "write": {"url": "https://x.example/a", "header": {"X-Key": "k"}},
	"exchanges": [
		{"request": {"method": "GET", "url": "https://x.example/a", "header": {"X-Key": "k"}},
		 "answer": {"status": 200, "header": {"ETag": "\"1\""}, "body": {"n": 1, "m": 1}}, "current": ["\"1\""]},
		{"request": {"method": "PUT", "header": {"If-Match": "\"1\""}, "body": {"n": 2, "m": 1}}, "sends": ["\"1\""], "answer": {"status": 204}}
	],
	"end": {"effect": "applied", "cause": "none", "state": {"m": 1, "n": 2}}
}`

// TestPlay: a case that holds has no problem, and each thing that is otherwise than a case
// has it is one.
func TestPlay(t *testing.T) {
	for _, test := range []struct{ of, old, new, problem string }{
		{good, "", "", ""},
		{update, "", "", ""},
		{good, `"PUT", "header": {"If-Match": "\"2`, `"POST", "header": {"If-Match": "\"2`, "method PUT, want POST"},
		{good, `"HEAD"}`, `"HEAD", "url": "/b"}`, "URL https://x.example/a, want https://x.example/b"},
		{good, `{"If-Match": "\"2\""}`, `{"If-Match": "\"3\""}`, `If-Match is ["\"2\""]`},
		{good, `"header": {"If-Match": "\"2\""}, `, ``, `If-Match is ["\"2\""], want none`},
		{good, `"X": null`, `"X": "y"`, ""}, // the request of the caller has what the first one has
		{good, `{"method": "HEAD"}`, `{"method": "HEAD", "header": {"Cache-Control": null}}`, "Cache-Control is"},
		{good, `"{\"n\": 1}"`, `"{\"n\":1}"`, `body {"n": 1}, want {"n":1}`},
		{good, `"sends": ["\"2\""]`, `"sends": ["\"3\""]`, "it has the versions"},
		{good, `"current": ["\"2\""]`, `"current": []`, "the answer has the versions"},
		{good, `"as RFC 9110"`, `"conflict"`, `verdict "as RFC 9110", want "conflict"`},
		{good, `{"status": 204}}`, `{"status": 204}, "verdict": "done"}`, `verdict "passes", want "done"`},
		{good, `"end": {"status": 204`, `"end": {"status": 200`, "status 204, want 200"},
		{good, `"effect": "applied"`, `"effect": "unknown"`, `effect "applied"`},
		{good, `"cause": "changed"`, `"cause": "gone"`, `cause "changed"`},
		{good, `"cause": "changed"`, `"cause": "changed", "error": "why"`, "error"},
		{good, `{"status": 204}}`, `{"lost": true}}`, "status 0"},
		{good, `"resend"`, `"stop"`, "1 requests, want 3"},
		{good, `"resend"`, `"dance"`, `"dance"`},
		{update, `"PUT"`, `"PATCH"`, "method PUT, want PATCH"},
		{update, `{"n": 2, "m": 1}}, "sends"`, `{"n": 2}}, "sends"`, "body"},
		{update, `"state": {"m": 1`, `"state": {"m": 2`, "state"},
		{update, `"cause": "none"`, `"cause": "none", "error": "why"`, "no error"},
		{update, `{"status": 204}`, `{"status": 500}`, "error"},
		{update, `"header": {"X-Key": "k"}},
	"exch`, `"header": {"X-Key": "l"}},
	"exch`, "X-Key is"},
	} {
		text := strings.Replace(test.of, test.old, test.new, 1)
		t.Run(test.new+test.problem, func(t *testing.T) {
			var c Case
			// It is played as it is in a file.
			name := filepath.Join(t.TempDir(), "cases.json")
			if err := os.WriteFile(name, []byte(`{"cases": [`+text+`]}`), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := Load(name)
			if err != nil {
				t.Fatal(err)
			}
			c = f.Cases[0]
			synctest.Test(t, func(t *testing.T) {
				got := strings.Join(Play(dialect.RFC9110(), &c), "\n")
				if test.problem == "" && got != "" || !strings.Contains(got, test.problem) || text == test.of && test.old != "" {
					t.Errorf("%s\nhas the problems %q; want %q", text, got, test.problem)
				}
			})
		})
	}
}

// TestLoad: a file that isn't of the format is an error, so that no word of it goes unread.
func TestLoad(t *testing.T) {
	for _, test := range []struct{ text, problem string }{
		{`{"cases": [` + good + `]}`, ""},
		{`{"cases": [` + good + `, ` + good + `]}`, "has no name of its own"},
		{`{"cases": [` + strings.Replace(good, `"sends"`, `"sent"`, 1) + `]}`, "unknown field"},
		{`{"cases": [` + strings.Replace(good, `"effect": "applied", `, ``, 1) + `]}`, "no effect"},
		{`{"cases": [{"name": "x"}]}`, "nothing is asked for"},
		{`{"cases": [`, "EOF"},
	} {
		name := filepath.Join(t.TempDir(), "cases.json")
		if err := os.WriteFile(name, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(name); (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s: %v, want %q", test.text, err, test.problem)
		}
	}
	if !json.Valid([]byte(good)) || !json.Valid([]byte(update)) {
		t.Error("the cases of this test aren't JSON")
	}
}

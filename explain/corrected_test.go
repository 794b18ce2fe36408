package explain

import (
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// TestCorrected: where the right precondition is known, the fix has it as a shell takes it,
// and a command sends it.
func TestCorrected(t *testing.T) {
	const read = `< ETag: "5e1c09"`
	for name, test := range map[string]struct {
		exchanges []Exchange
		fix       string
		field     string // of the corrected command; empty: there is none
	}{
		"no quotes":               {all(x("GET /doc", 200, read), x("PUT /doc", 412, "> If-Match: 5e1c09")), `-H 'If-Match: "5e1c09"'`, `'If-Match: "5e1c09"'`},
		"no quotes, and no read":  {all(x("PUT /doc", 412, "> If-Match: 5e1c09")), `-H 'If-Match: "5e1c09"'`, `'If-Match: "5e1c09"'`},
		"no quotes of a weak tag": {all(x("PUT /doc", 412, "> If-Match: W/5e1c09")), `-H 'If-Match: W/"5e1c09"'`, `'If-Match: W/"5e1c09"'`},
		"words":                   {all(x("PUT /doc", 412, "> If-Match: my tag")), `-H 'If-Match: "v1"'`, ""},
		"a star in quotes":        {all(x("PUT /doc", 412, `> If-Match: "*"`)), `send the star without quotes: -H 'If-Match: *'`, `'If-Match: *'`},
		"a suffix":                {all(x("GET /doc", 200, `< ETag: "v1-gzip"`, "< Content-Encoding: gzip"), x("PUT /doc", 412, `> If-Match: "v1-gzip"`)), "Accept-Encoding: identity", `'If-Match: "v1"'`},
		"a suffix, and no read":   {all(x("PUT /doc", 412, `> If-Match: "v1-gzip"`)), "Accept-Encoding: identity", ""},
		"a suffix among others":   {all(x("GET /doc", 200, `< ETag: "v1-gzip"`, "< Content-Encoding: gzip"), x("PUT /doc", 412, `> If-Match: "v1-gzip", "v2"`)), "Accept-Encoding: identity", ""},
		"weak":                    {all(x("GET /doc", 200, `< ETag: W/"v1"`), x("PUT /doc", 412, `> If-Match: W/"v1"`)), "Accept-Encoding: identity", ""},
		"another writer":          {all(x("GET /doc", 200, read), x("PUT /doc", 412, `> If-Match: "5e1c09"`), x("GET /doc", 200, `< ETag: "v2"`)), "GET the current state", ""},
	} {
		report := Explain(test.exchanges)
		if text := report.String(); !strings.Contains(text, test.fix) || strings.Contains(text, "quotes included") && test.field != "" {
			t.Errorf("%s: no %s in\n%s", name, test.fix, text)
		}
		for _, writer := range []string{"curl", "markdown"} {
			got := written(t, writer, report, Writing{})
			_, corrected, found := strings.Cut(got, ", corrected (IFM")
			if found != (test.field != "") || !strings.Contains(corrected, "-X PUT") != !found || !strings.Contains(corrected, test.field) {
				t.Errorf("%s: want %q in the corrected command:\n%s", name, test.field, got)
			}
			refused := "the request as it was refused\ncurl -g -i -X PUT"
			if !strings.Contains(got, refused) || strings.Contains(got, "Send it again") {
				t.Errorf("%s: no %q in\n%s", name, refused, got)
			}
		}
	}
}

// TestCorrectedRead: where the ETag is of a coding, a command shows the one without it.
func TestCorrectedRead(t *testing.T) {
	report := Explain(all(x("GET /doc", 200, `< ETag: W/"v1"`), x("PUT /doc", 412, `> If-Match: W/"v1"`, "> X-Api-Key: s3cr3t-s3cr3t", "> Content-Type: text/plain")))
	want := "-H 'Accept-Encoding: identity' -H 'User-Agent: test' -H 'X-Api-Key: …' https://api.test/doc\n"
	if got := written(t, "curl", report, Writing{}); !strings.Contains(got, "# the read that shows the ETag for it\ncurl -g -i -H 'Accept: */*' "+want) {
		t.Error(got)
	}
}

// TestBodyOfACommand: a body that isn't in a command is named.
func TestBodyOfACommand(t *testing.T) {
	const note = "# @body stands for your file"
	with := Explain(all(x("PUT /doc", 412, `> If-Match: "v1"`, ">> body")))
	if got := written(t, "curl", with, Writing{}); !strings.HasPrefix(got, note) {
		t.Error(got)
	}
	for _, got := range []string{written(t, "curl", with, Writing{Bodies: true}), written(t, "curl", Explain(all(x("DELETE /doc", 412, `> If-Match: "v1"`))), Writing{})} {
		if strings.Contains(got, note) {
			t.Error(got)
		}
	}
}

// TestFixesAreCleaned: a fix has no secret, and the cleaner changes none of the table.
func TestFixesAreCleaned(t *testing.T) {
	report := Explain(all(x("PUT /doc", 412, "> Authorization: Bearer s3cr3t-t0k3n", "> If-Match: s3cr3t-t0k3n")))
	for name := range writers {
		if got := written(t, name, report, Writing{}); strings.Contains(got, "s3cr3t") {
			t.Errorf("%s: %s", name, got)
		}
	}
	c := cleaner{redact.Cleaner{}}
	for _, e := range Entries() {
		for _, fix := range e.Fixes {
			if got := c.text(fix.Text); got != fix.Text {
				t.Errorf("%s: %q became %q", e.Code, fix.Text, got)
			}
		}
	}
}

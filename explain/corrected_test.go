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
		"no tag in a script":      {all(x("PUT /doc", 412, "> If-Match: undefined")), "byte for byte", ""},
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

// TestFixesFitTheRecording: nobody is told to send an ETag where there is none, nor to send
// the write again without a look where somebody else has written.
func TestFixesFitTheRecording(t *testing.T) {
	const day = "< Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT"
	const look = "[needs your decision]: look first at what"
	weak := x("PUT /doc", 412, `> If-Match: W/"v1"`)
	read := func(tag string, more ...string) Exchange { return x("GET /doc", 200, append(more, "< ETag: "+tag)...) }
	for name, test := range map[string]struct {
		exchanges []Exchange
		code      string
		look, tag bool
	}{
		"a date that was made up":     {all(x("GET /doc", 200, day), x("PUT /doc", 412, "> If-Unmodified-Since: Sun, 06 Nov 1994 07:00:00 GMT")), "IFM104", true, false},
		"a date that is refused":      {all(x("GET /doc", 200, day), x("PUT /doc", 412, "> If-Unmodified-Since: Sun, 06 Nov 1994 08:00:00 GMT"), x("GET /doc", 200, day)), "IFM007", false, false},
		"a date, and a writer":        {all(x("GET /doc", 200, day), x("PUT /doc", 412, "> If-Unmodified-Since: Sun, 06 Nov 1994 08:00:00 GMT"), x("GET /doc", 200, "< Last-Modified: Sun, 06 Nov 1994 09:00:00 GMT")), "IFM002", false, false},
		"the same, and an ETag":       {all(read(`"v1"`, day), x("PUT /doc", 412, "> If-Unmodified-Since: Sun, 06 Nov 1994 08:00:00 GMT"), read(`"v1"`, day)), "IFM007", false, true},
		"weak":                        {all(read(`W/"v1"`), weak), "IFM008", false, true},
		"weak, and another writer":    {all(read(`W/"v1"`, "<< a"), weak, read(`"v2"`, "<< b")), "IFM008", true, true},
		"weak, and the plain tag":     {all(read(`W/"v1"`, "<< a"), weak, read(`"v1"`, "<< a")), "IFM008", false, true},
		"weak, and the client wrote":  {all(read(`W/"v0"`, "<< a"), x("PUT /doc", 204), read(`W/"v1"`, "<< b"), weak), "IFM008", false, true},
		"weak, and the same bytes":    {all(read(`W/"v0"`, "<< a"), read(`W/"v1"`, "<< a"), weak), "IFM008", false, true},
		"an error page, and a writer": {all(read(`"v1"`, "<< a"), x("PUT /doc", 412, `> If-Match: "v1"`, `< ETag: "page"`), x("PUT /doc", 412, `> If-Match: "page"`), read(`"v2"`, "<< b")), "IFM102", true, true},
	} {
		report := Explain(test.exchanges)
		text := report.String()
		at := strings.Index(text, "1. "+test.code)
		finding, _, _ := strings.Cut(text[max(at, 0):], "\n\n")
		if at < 0 || strings.Contains(finding, look) != test.look || strings.Contains(finding, "[works as it stands]") && test.look {
			t.Errorf("%s: look first: %v\n%s", name, test.look, text)
		}
		for _, fix := range report.Findings[0].Fixes {
			if strings.Contains(fix.Text, "ETag") && !test.tag {
				t.Errorf("%s: %s", name, fix.Text)
			}
		}
	}
}

// TestLease: the fix names the header of the API, and no wait for what has no end.
func TestLease(t *testing.T) {
	const missing = "< X-Ms-Error-Code: LeaseIdMissing"
	for name, test := range map[string]struct {
		exchanges []Exchange
		infinite  bool
	}{
		"infinite":    {all(x("HEAD /doc", 200, "< X-Ms-Lease-Duration: infinite"), x("PUT /doc", 412, `> If-Match: "v1"`, missing)), true},
		"fixed":       {all(x("HEAD /doc", 200, "< X-Ms-Lease-Duration: fixed"), x("PUT /doc", 412, `> If-Match: "v1"`, missing)), false},
		"fixed since": {all(x("HEAD /doc", 200, "< X-Ms-Lease-Duration: infinite"), x("HEAD /doc", 200, "< X-Ms-Lease-Duration: fixed"), x("PUT /doc", 412, `> If-Match: "v1"`, missing)), false},
		"not known":   {all(x("PUT /doc", 412, `> If-Match: "v1"`, missing)), false},
	} {
		f := Explain(test.exchanges).Findings[0]
		text := ""
		for _, fix := range f.Fixes {
			text += fix.Text + "\n"
		}
		if f.Code != "IFM015" || f.RFC != "" || !strings.Contains(text, "x-ms-lease-id") || strings.Contains(text, "wait until it ends") == test.infinite || strings.Contains(text, "ask its holder") != test.infinite {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// TestRefreshDeniedSaysWhatCameFirst: the read was denied, and before that the write refused.
func TestRefreshDeniedSaysWhatCameFirst(t *testing.T) {
	f := Explain(all(told(x("PUT /doc", 412, `> If-Match: "v1"`), "ifmatch: x [IFM018]"))).Findings[0]
	if !strings.Contains(f.What, "first the write's precondition was refused") || !strings.Contains(f.What, "the read for the new tag was answered with 401") || !strings.Contains(f.Why, "another one by then") {
		t.Error(f.What, f.Why)
	}
}

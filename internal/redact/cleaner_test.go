package redact

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestCleanerFields: a field of a request is shown where it is known to be harmless, one of an
// answer where its name speaks of no secret.
func TestCleanerFields(t *testing.T) {
	c := Cleaner{Names: []string{"X-Mine", "etag2"}}
	for _, row := range []struct {
		name, value string
		request     bool
		want        string
	}{
		{"If-Match", `"v1"`, true, `"v1"`},
		{"if-none-match", "*", true, "*"},
		{"Accept", "*/*", true, "*/*"},
		{"Authorization", "Bearer abc", true, "Bearer …"},
		{"authorization", "abc", true, "…"},
		{"Authorization", "S3cr3t abc", true, "…"},
		{"Cookie", "a=b", true, "…"},
		{"X-Unknown", "abc", true, "…"},
		{"X-Unknown", "abc", false, "abc"},
		{"X-Mine", "abc", false, "…"},
		{"Set-Cookie", "a=b", false, "…"},
		{"X-Auth-Token", "a", false, "…"},
		{"X-Request-Id", "7f", true, "7f"},
		{"If", "(<urn:uuid:1> [\"v1\"])", true, `(<…> ["v1"])`},
		{"X-Ms-Lease-Id", "1", true, "…"},
		{"ETag", `"eyJhbGciOiJIUzI1.eyJzdWIi.abc"`, false, `"…"`},
		{"X-Info", "see https://me:pw@h.test/a?sig=1&rev=2", false, "see https://h.test/a?sig=…&rev=2"},
	} {
		if got := c.Field(row.name, row.value, row.request); got != row.want {
			t.Errorf("%s: %s: %s, want %s", row.name, row.value, got, row.want)
		}
	}
}

// TestCleanerTexts: what looks like a secret, and what a name tells.
func TestCleanerTexts(t *testing.T) {
	c := Cleaner{Names: []string{"pin"}}
	for text, want := range map[string]string{
		"plain words stay":                      "plain words stay",
		"sent Bearer abcdefgh to":               "sent Bearer … to",
		`{"password":"x","pin":"1234","a":"b"}`: `{"password":"…","pin":"…","a":"b"}`,
		"AKIAIOSFODNN7EXAMPLE":                  "…",
		"ghp_abcdefghijklmnopqrst":              "…",
		"ftp://me:pw@h/x":                       "ftp://h/x",
		"?a=1&X-Amz-Signature=abc&b=2":          "?a=1&X-Amz-Signature=…&b=2",
		"see http://[::1?sig=1, or so":          "see http://[::1 or so",
	} {
		if got := c.Text(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"https://me:pw@h.test/a?rev=2&code=x&y#z": "https://h.test/a?rev=2&code=…&…",
		"https://h.test/a?ifGenerationMatch=5":    "https://h.test/a?ifGenerationMatch=5",
		"http://%zz?sig=1":                        "http://%zz",
		"":                                        "",
	} {
		if got := c.URL(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestCleanerLearns: what was secret in one place is secret in all.
func TestCleanerLearns(t *testing.T) {
	var c Cleaner
	u, _ := url.Parse("https://h.test/?q=from-the-query&rev=12-known")
	c.Learn(u, http.Header{"X-Unknown": {"of-a-request"}, "Accept": {"text/html"}, "Cookie": {"sid=in-a-cookie; theme=light"}}, http.Header{"Set-Cookie": {"id=of-an-answer; HttpOnly"}})
	got := c.Text("from-the-query of-a-request in-a-cookie of-an-answer text/html HttpOnly 12-known")
	if got != "… … … … text/html HttpOnly 12-known" {
		t.Error(got)
	}
	// The longest one counts, whichever was learnt first.
	c.Learn(nil, http.Header{"X-A": {"secret-one"}}, nil)
	c.Learn(nil, http.Header{"X-A": {"secret-one-and-more"}}, nil)
	if got := c.Text("secret-one-and-more, secret-one"); strings.Contains(got, "more") || strings.Contains(got, "one") {
		t.Error(got)
	}
}

// TestCleanerLearnsOfURLs: a field with a URL is no secret as a whole, but what is secret in
// it is.
func TestCleanerLearnsOfURLs(t *testing.T) {
	var c Cleaner
	c.Learn(nil, http.Header{"Referer": {"https://www.shop.test/", "https://user-name:pass-word@h.test/a?key=of-a-query&rev=12-known"}, "Destination": {"http://%zz-no-url"}}, nil)
	for text, want := range map[string]string{
		"https://www.shop.test/cart/1":      "https://www.shop.test/cart/1",
		"h.test of-a-query 12-known":        "h.test … 12-known",
		"user-name, pass-word":              "…, …",
		"the server got http://%zz-no-url.": "the server got ….",
	} {
		if got := c.Text(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	c = Cleaner{Names: []string{"referer"}}
	if c.Learn(nil, http.Header{"Referer": {"named-secret"}}, nil); c.Text("named-secret") != "…" {
		t.Error("a field that is named as a secret wasn't learnt")
	}
}

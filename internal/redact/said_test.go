package redact

import (
	"net/http"
	"strings"
	"testing"
)

// TestSaid: what a server quotes of a request doesn't get out.
func TestSaid(t *testing.T) {
	req, err := http.NewRequest(http.MethodPut, "http://user-of-url:hunter22@a.test/doc?sig=abc%2bdef0&v=7", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{
		"Authorization": {"Bearer t0k3n-of-mine"}, "Cookie": {"sid=s3ss10n; lang=en"}, "X-Api-Key": {"k3y-k3y-k3y"}, "If-Match": {`"v1-quoted"`},
		"Proxy-Authorization": {"Basic c29tZWJvZHk6cDRzc3cwcmQ="}, "If": {`(<urn:uuid:l0ck> ["x"])`},
	}
	for text, want := range map[string]string{
		`the tag "v1-quoted" is old`:                  `the tag "v1-quoted" is old`,
		"your token t0k3n-of-mine is fine":            "your token … is fine",
		"Authorization: Bearer t0k3n-of-mine":         "Authorization: …",
		"sent sid=s3ss10n":                            "sent sid=…",
		"k3y-k3y-k3y and hunter22 and abc+def0":       "… and … and …",
		"abc%2Bdef0":                                  "…",
		"see https://u:p@b.test/x?token=1#f for more": "see https://b.test/x?token=… for more",
		"got Basic dXNlcjpwYXNz":                      "got Basic …",
		`{"access_token":"other","n":1}`:              `{"access_token":"…","n":1}`,
		"signature=zzz&x=1":                           "signature=…&x=1",
		"hunter22 of user-of-url":                     "… of …",
		"password p4ssw0rd of somebody":               "password … of …",
		"token urn:uuid:l0ck":                         "token …",
		"abc%2bdef0":                                  "…",
		"version 7 is current":                        "version 7 is current",
	} {
		if got := Said(text, req); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := Said("x", nil); got != "x" {
		t.Error(got)
	}
	if got := Said("secret: 1", nil); strings.Contains(got, "1") {
		t.Error(got)
	}
}

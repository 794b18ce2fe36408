package semantics

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// TestRetryAfter reads both forms, and odd ones.
func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-3": 0, "soon": 0, "1.5": 0,
		"1000000000000": 1<<63 - 1, "99999999999999999999999": 1<<63 - 1,
		"Sun, 06 Nov 1994 08:49:47 GMT": 10 * time.Second, "Sun, 06 Nov 1994 08:49:27 GMT": 0, "Sunday, 06-Nov-94 08:49:47 GMT": 10 * time.Second,
	} {
		h := http.Header{"Retry-After": {value}, "Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}}
		if got := RetryAfter(h); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// TestVendorWaits: the fields of vendors say it in milliseconds, and come before Retry-After.
func TestVendorWaits(t *testing.T) {
	for _, name := range []string{"retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"} {
		for value, want := range map[string]time.Duration{
			"250": 250 * time.Millisecond, " 7 ": 7 * time.Millisecond, "0": 9 * time.Second, "99999999999999999999999": 1<<63 - 1, "10000000000000": 1<<63 - 1,
			"": 9 * time.Second, "-3": 9 * time.Second, "soon": 9 * time.Second, "1.5": 9 * time.Second, "Sun, 06 Nov 1994 08:49:47 GMT": 9 * time.Second,
		} {
			h := http.Header{"Retry-After": {"9"}}
			h.Set(name, value)
			if got := RetryAfter(h); got != want {
				t.Errorf("%s: %q: %v, want %v", name, value, got, want)
			}
		}
	}
	if got := RetryAfter(http.Header{"Retry-After-Ms": {"0"}, "X-Ms-Retry-After-Ms": {"80"}}); got != 80*time.Millisecond {
		t.Errorf("a wait beside none: %v", got)
	}
}

// TestMethods (RFC 9110 §9.2): which change nothing, and which may be sent twice.
func TestMethods(t *testing.T) {
	for method, want := range map[string][2]bool{
		"": {true, true}, "GET": {true, true}, "HEAD": {true, true}, "PROPFIND": {true, true}, "CONNECT": {true, false},
		"PUT": {false, true}, "DELETE": {false, true}, "POST": {false, false}, "PATCH": {false, false}, "put": {false, false},
	} {
		if got := [2]bool{Safe(method), Idempotent(method)}; got != want {
			t.Errorf("%q: safe, idempotent: %v, want %v", method, got, want)
		}
	}
}

// TestStatuses: which leave the effect of a write open, and which are repeated.
func TestStatuses(t *testing.T) {
	for status, want := range map[int][2]bool{
		200: {false, false}, 412: {false, false}, 429: {false, true}, 500: {true, false}, 501: {false, false}, 502: {true, true},
		503: {true, true}, 504: {true, true}, 505: {false, false}, 520: {true, false}, 599: {true, false},
	} {
		if got := [2]bool{AmbiguousStatus(status), Transient(&http.Response{StatusCode: status}, nil)}; got != want {
			t.Errorf("%d: ambiguous, transient: %v, want %v", status, got, want)
		}
	}
}

// TestAboutTarget (RFC 9110 §8.7): whose validators an answer to a write has.
func TestAboutTarget(t *testing.T) {
	u, err := url.Parse("http://example.test/a%2Fb?c=d")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{
		"": true, "/a%2Fb?c=d": true, "http://example.test/a%2Fb?c=d": true,
		"/a%2Fb": false, "/a/b?c=d": false, "/other": false, "http://other.test/a%2Fb?c=d": false,
	} {
		h := http.Header{}
		if at != "" {
			h.Set("Content-Location", at)
		}
		if got := AboutTarget(u, h); got != want {
			t.Errorf("Content-Location %q: %v, want %v", at, got, want)
		}
	}
}

// TestCoded: identity is no coding, whatever its case (RFC 9110 §8.4.1).
func TestCoded(t *testing.T) {
	for value, want := range map[string]bool{"": false, "Identity": false, " gzip": true, "br": true} {
		if got := Coded(http.Header{"Content-Encoding": {value}}); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

// TestAboutTargetSpellings: relative references, other spellings of one URL, and several.
func TestAboutTargetSpellings(t *testing.T) {
	for target, at := range map[string]map[string]bool{
		"https://user@Example.test:443/a/doc?v=1": {
			"https://example.test/a/doc?v=1": true, "//EXAMPLE.test/a/doc?v=1": true, "doc?v=1": true, "../a/doc?v=1": true, "?v=1": true,
			"doc": false, "doc?v=2": false, "/doc?v=1": false, "http://example.test/a/doc?v=1": false, "https://example.test:80/a/doc?v=1": false,
			"mailto:doc": false, "http://[::1": false, "%zz": false, "/a/doc/2?v=1": false,
		},
		"http://example.test":                 {"/": true, "http://example.test:80": true, "http://example.test/": true, "http://example.test:443": false},
		"unix://sock/doc":                     {"/doc": true, "unix://sock:80/doc": false},
		"http://example.test/d%C3%A9?q=a%20b": {"/d%C3%A9?q=a%20b": true, "/d%C3%A9?q=a+b": false},
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		for location, want := range at {
			if got := AboutTarget(u, http.Header{"content-location": {location}}); got != want {
				t.Errorf("%s: Content-Location %q: %v, want %v", target, location, got, want)
			}
		}
		if AboutTarget(u, http.Header{"Content-Location": {target, target}}) || !AboutTarget(u, http.Header{"Content-Location": {""}}) || !AboutTarget(u, nil) {
			t.Errorf("%s: none, or two", target)
		}
	}
}

// TestStatus: a status of an API's own has no words, and no space for them.
func TestStatus(t *testing.T) {
	for status, want := range map[int]string{http.StatusConflict: "409 Conflict", 449: "449", 0: "0"} {
		if got := Status(status); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

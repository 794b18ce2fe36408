package lane

import (
	"net/url"
	"testing"
)

// TestTargetOf: the URL as it is sent, neither more nor less.
func TestTargetOf(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"http://example.test/doc", "http://example.test/doc", true},
		{"http://example.test/doc#part", "http://example.test/doc", true},
		{"http://user:pass@example.test/doc", "http://example.test/doc", true},
		{"http://example.test/doc", "https://example.test/doc", false},
		{"http://example.test/doc", "http://example.test:8080/doc", false},
		{"http://example.test/doc", "http://other.test/doc", false},
		{"http://example.test/doc", "http://example.test/Doc", false},
		{"http://example.test/doc", "http://example.test/doc?a=b", false},
		{"http://example.test/doc?a=b", "http://example.test/doc?a=c", false},
		{"http://example.test/a%2Fb", "http://example.test/a/b", false},
	} {
		a, errA := url.Parse(test.a)
		b, errB := url.Parse(test.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got := TargetOf(a, "") == TargetOf(b, ""); got != test.same {
			t.Errorf("%s and %s: the same target: %v", test.a, test.b, got)
		}
	}
}

// TestTargetOfHost: two sites of one server are strangers, and so are two requests whose
// Opaque is sent in place of the path.
func TestTargetOfHost(t *testing.T) {
	at := func(opaque string) *url.URL {
		return &url.URL{Scheme: "http", Host: "10.0.0.1", Path: "/doc", Opaque: opaque}
	}
	for _, test := range []struct {
		a, b Target
		same bool
	}{
		{TargetOf(at(""), "a.test"), TargetOf(at(""), "a.test"), true},
		{TargetOf(at(""), "10.0.0.1"), TargetOf(at(""), ""), true},
		{TargetOf(at(""), "a.test"), TargetOf(at(""), "b.test"), false},
		{TargetOf(at(""), "a.test"), TargetOf(at(""), ""), false},
		{TargetOf(at("//a.test/1"), ""), TargetOf(at("//a.test/1"), ""), true},
		{TargetOf(at("//a.test/1"), ""), TargetOf(at("//a.test/2"), ""), false},
		{TargetOf(at("//a.test/1"), ""), TargetOf(at(""), ""), false},
	} {
		if got := test.a == test.b; got != test.same {
			t.Errorf("%q and %q: the same target: %v", test.a, test.b, got)
		}
	}
}

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
		if got := TargetOf(a) == TargetOf(b); got != test.same {
			t.Errorf("%s and %s: the same target: %v", test.a, test.b, got)
		}
	}
}

package hosts

import (
	"net/http"
	"net/url"
	"testing"
)

// TestOf: the most specific pattern counts.
func TestOf(t *testing.T) {
	var table Table[string]
	for _, pattern := range []string{"api.test", "api.test:8443", "*.test", "*.deep.test", "[::1]", "[::1]:8080", "*"} {
		if !table.Set(pattern, pattern) {
			t.Fatalf("%s is a pattern", pattern)
		}
	}
	for at, want := range map[string]string{
		"http://api.test/": "api.test", "http://API.test./": "api.test", "https://api.test:8443/": "api.test:8443",
		"http://a.test/": "*.test", "http://a.b.deep.test/": "*.deep.test", "http://test/": "*", "http://other/": "*",
		"http://[::1]/": "[::1]", "http://[::1]:8080/": "[::1]:8080",
	} {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := table.Of(u); got != want || !ok {
			t.Errorf("%s: %q, %v, want %q", at, got, ok, want)
		}
		if n := testing.AllocsPerRun(20, func() { table.Of(u) }); n != 0 && u.Host == "a.test" {
			t.Errorf("%s: %v allocations", at, n)
		}
	}
	var none Table[string]
	if _, ok := none.Of(&url.URL{Host: "api.test"}); ok {
		t.Error("an empty table has a value")
	}
}

// TestDefaultPorts: a port that the scheme implies is found by its number.
func TestDefaultPorts(t *testing.T) {
	var table Table[int]
	table.Set("a.test:443", 1)
	table.Set("a.test:80", 2)
	for scheme, want := range map[string]int{"https": 1, "http": 2} {
		if got, _ := table.Of(&url.URL{Scheme: scheme, Host: "a.test"}); got != want {
			t.Errorf("%s: %d", scheme, got)
		}
	}
}

// TestNoPatterns are refused.
func TestNoPatterns(t *testing.T) {
	for _, text := range []string{"", "http://a.test", "a.test/", "*.a.test:80", "a*.test", "me@a.test", "*.", "a b"} {
		var table Table[int]
		if got := table.Set(text, 1); got != (text == "*.") {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestSameOrigin compares scheme, host, port and Host (RFC 9110 §4.3.1).
func TestSameOrigin(t *testing.T) {
	request := func(at, host string) *http.Request {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u, Host: host}
	}
	one := request("http://a.test/x", "")
	for _, test := range []struct {
		at, host string
		same     bool
	}{
		{"http://A.test/y?z", "", true}, {"http://a.test/", "a.test", true}, {"http://a.test/", "b.test", false},
		{"http://a.test:80/", "", false}, {"http://a.test:80/", "a.test", true}, {"https://a.test/", "", false}, {"http://a.test:8080/", "", false}, {"http://b.test/", "", false}, {"http:opaque", "", false},
	} {
		if got := SameOrigin(one, request(test.at, test.host)); got != test.same {
			t.Errorf("%s with Host %q: %v", test.at, test.host, got)
		}
	}
	// strings.EqualFold takes these pairs for the same, and IDNA doesn't.
	for a, b := range map[string]string{"straße.test": "straẞe.test", "βόλος.test": "βόλοσ.test", "api.test": "api.teſt", "k.test": "\u212a.test"} {
		if SameOrigin(request("http://"+a, ""), request("http://"+b, "")) || Lists([]string{"http://" + a}, request("http://"+b, "").URL) {
			t.Errorf("%s and %s are one origin", a, b)
		}
	}
}

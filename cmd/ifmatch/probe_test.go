package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestGuardOf(t *testing.T) {
	const monday, tuesday = "Mon, 02 Jan 2006 15:04:05 GMT", "Tue, 03 Jan 2006 15:04:05 GMT"
	for _, test := range []struct{ name, value, fresh, modified, want string }{
		{"", "", `"v2"`, "", `If-Match: "v2"`},
		{"If-Match", `"v1"`, `"v2"`, "", `If-Match: "v1"`},
		{"If-Match", "*", `"v2"`, "", `If-Match: "v2"`},
		{"If-Unmodified-Since", monday, `"v2"`, monday, "If-Unmodified-Since: " + monday},
		{"If-Unmodified-Since", monday, "", tuesday, "If-Unmodified-Since: " + monday},
		{"If-Unmodified-Since", tuesday, `"v2"`, monday, "later than"},
		{"If-Unmodified-Since", monday, `"v2"`, "", "no date"},
		{"If-Unmodified-Since", "yesterday", `"v2"`, monday, "no date"},
		{"If-None-Match", "*", `"v2"`, "", `If-Match: "v2"`},
		{"", "", "", monday, "no ETag"},
	} {
		caller := http.Header{}
		if test.name != "" {
			caller.Set(test.name, test.value)
		}
		header, err := guardOf(caller, test.fresh, test.modified)
		got := fmt.Sprint(err)
		for name, values := range header {
			got = name + ": " + strings.Join(values, " and ")
		}
		if !strings.Contains(got, test.want) || len(header) > 1 {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

// TestAddresses: each address of a host is asked, where there are several, up to a bound.
func TestAddresses(t *testing.T) {
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprint("192.0.2.", i))
	}
	for name, test := range map[string]struct {
		resolve []string
		found   []string // by the lookup
		proxy   string
		want    []string
	}{
		"none":            {},
		"one":             {found: many[:1]},
		"two":             {found: many[:2], want: many[:2]},
		"many":            {found: many, want: many[:mostAddress]},
		"given":           {resolve: []string{"api.test:443:192.0.2.7,[2001:db8::1]"}, found: many, want: []string{"192.0.2.7", "2001:db8::1"}},
		"given in turn":   {resolve: []string{"API.test:443:192.0.2.7", "api.test:443:192.0.2.8"}, want: []string{"192.0.2.7", "192.0.2.8"}},
		"of another port": {resolve: []string{"api.test:80:192.0.2.7,192.0.2.8"}},
		"by a proxy":      {proxy: "http://proxy.test:3128", found: many},
	} {
		to := connection{resolve: test.resolve, proxy: test.proxy}
		if err := to.open(); err != nil {
			t.Fatal(err)
		}
		to.lookup = func(_ context.Context, host string) ([]string, error) {
			if host != "api.test" || test.found == nil {
				return nil, errors.New("no such host")
			}
			return test.found, nil
		}
		r := &http.Request{Method: "GET", URL: &url.URL{Scheme: "https", Host: "api.test", Path: "/doc"}}
		if got := to.addresses(t.Context(), r); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestDiagnoseWritesThePage: the flags of explain hold, and the API is recognized.
func TestDiagnoseWritesThePage(t *testing.T) {
	o := newOrigin(t, func(o *origin, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("OData-Version", "4.0")
		strict(o, w, r)
	})
	name := filepath.Join(t.TempDir(), "report.html")
	ask("--format", "html", "-o", name, o.URL).want(t, statusDone, "", "")
	if page := content(t, name); !strings.HasPrefix(page, "<!DOCTYPE html>") || !strings.Contains(page, "API: OData") || !strings.Contains(page, "would go through") {
		t.Errorf("the page: %.300s", page)
	}
	ask(o.URL).want(t, statusDone, "API: OData", "")
	if got := ask("--dialect", "rfc9110", o.URL); strings.Contains(got.out, "OData") {
		t.Errorf("in spite of the flag: %s", got.out)
	}
	ask("-d", "@missing", o.URL).want(t, statusDone, "would go through", "") // it is never read
}

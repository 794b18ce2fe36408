package main

import (
	"fmt"
	"net/http"
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

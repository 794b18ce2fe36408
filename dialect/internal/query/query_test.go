package query

import (
	"net/http"
	"testing"
)

func TestWithout(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "$select=a": "", "%24select=a&x=%2f&b": "x=%2f&b", "a;b=1&$expand=c(d=1)": "a;b=1", "$selects=1": "$selects=1",
	} {
		req, err := http.NewRequest(http.MethodGet, "http://a.test/?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if req, err = Without("$select", "$expand")(req); err != nil || req.URL.RawQuery != want {
			t.Errorf("%q became %q, %v", query, req.URL.RawQuery, err)
		}
	}
}

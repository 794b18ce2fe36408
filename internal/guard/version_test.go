package guard

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// TestPutIntoBody: a version has the kind that the API gave it, or else the one that
// its token says. jsonedit.Put has the rest.
func TestPutIntoBody(t *testing.T) {
	version := dialect.Token{Sent: dialect.InBody("/version"), Current: dialect.InBody("/version")}
	number := dialect.Token{Sent: dialect.InBody("/version"), Current: dialect.InBody("/version"), Number: true}
	for _, test := range []struct {
		version         Version
		text, value     string
		want, complaint string
	}{
		{Version{Token: version}, `{}`, "8", `{"version":"8"}`, ""},
		{Version{Token: version}, `{"version":7}`, "8", `{"version":8}`, ""},
		{Version{Token: version, kind: jsonedit.Number}, `{}`, "8", `{"version":8}`, ""},
		{Version{Token: number}, `{}`, "8", `{"version":8}`, ""},
		{Version{Token: number, kind: jsonedit.String}, `{}`, "8", `{"version":"8"}`, ""},
		{Version{Token: number}, `{"version":"7"}`, "8", `{"version":"8"}`, ""},
		{Version{Token: version}, `[]`, "2", "", "the body: there is no object to put the member /version into"},
		{Version{Token: version}, `{"version":1,"version":2}`, "3", "", "the body: /version: a name on the way occurs twice"},
		{Version{Token: version}, ``, "3", "", "the body: not JSON"},
	} {
		test.version.Value = test.value
		got, err := PutIntoBody([]byte(test.text), []Version{test.version})
		if string(got) != test.want || (err == nil) != (test.complaint == "") || err != nil && !strings.Contains(err.Error(), test.complaint) {
			t.Errorf("%s: %s, %v; want %s, %s", test.text, got, err, test.want, test.complaint)
		}
	}
}

// FuzzSetQuery: the other parameters stay as they are, in their order.
func FuzzSetQuery(f *testing.F) {
	for _, query := range []string{"a=1&version=2&b=%7e", "version=1;2&&x", "", "v%65rsion=1", "%zz=1&version"} {
		f.Add(query, "7")
	}
	f.Fuzz(func(t *testing.T, query, value string) {
		u := &url.URL{Scheme: "http", Host: "api.test", RawQuery: query}
		if value == "" {
			return
		}
		set := setQuery(u, "version", value)
		if u.RawQuery != query {
			t.Fatal("the URL itself was changed")
		}
		if got := setQuery(set, "version", "").RawQuery; got != setQuery(u, "version", "").RawQuery {
			t.Fatalf("%q became %q: without the version %q", query, set.RawQuery, got)
		}
		if !strings.Contains(set.RawQuery, "="+url.QueryEscape(value)) {
			t.Fatalf("%q became %q", query, set.RawQuery)
		}
	})
}

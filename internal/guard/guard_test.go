package guard

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/internal/etag"
)

// FuzzGuard: whatever the caller's fields are, a rewritten guard is never weaker.
func FuzzGuard(f *testing.F) {
	f.Add(`"a"`, "", "", `"b"`)
	f.Add("", "*", "", `"b"`)
	f.Add(`"a"`, "", "Sun, 06 Nov 1994 08:49:37 GMT", `W/"b"`)
	f.Fuzz(func(t *testing.T, match, noneMatch, since, fresh string) {
		h := http.Header{}
		for name, value := range map[string]string{"If-Match": match, "if-none-match": noneMatch, "If-Unmodified-Since": since} {
			if value != "" {
				h[name] = []string{value}
			}
		}
		g := Of(h)
		if g.Kind != Tags && g.Kind != Date && g.Kind != None {
			return // never rewritten
		}
		v := etag.Of(http.Header{"Etag": {fresh}, "Last-Modified": {"Mon, 07 Nov 1994 08:49:37 GMT"}})
		if g.Kind == Tags && v.ETag == "" {
			return // the refresh gave nothing to put there
		}
		g.Rewrite(h, v)
		after := Of(h)
		switch {
		case g.Kind == Tags && (after.Kind != Tags || !cmp.Equal(after.Tags, []string{v.ETag}) || (after.Date != "") != (g.Date != "")):
			t.Fatalf("%v became %v", g, after)
		case g.Kind == Date && (after.Kind != Date || after.Date != v.LastModified):
			t.Fatalf("%v became %v", g, after)
		case after.Kind == None:
			t.Fatalf("%v became no guard", g)
		}
	})
}

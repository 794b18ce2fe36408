package ifmatch

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
		g := guardOf(h)
		if g.kind != guardTags && g.kind != guardDate && g.kind != guardNone {
			return // never rewritten
		}
		v := Validators(etag.Of(http.Header{"Etag": {fresh}, "Last-Modified": {"Mon, 07 Nov 1994 08:49:37 GMT"}}))
		if g.kind == guardTags && v.ETag == "" {
			return // the refresh gave nothing to put there
		}
		g.rewrite(h, v)
		after := guardOf(h)
		switch {
		case g.kind == guardTags && (after.kind != guardTags || !cmp.Equal(after.tags, []string{v.ETag}) || (after.date != "") != (g.date != "")):
			t.Fatalf("%v became %v", g, after)
		case g.kind == guardDate && (after.kind != guardDate || after.date != v.LastModified):
			t.Fatalf("%v became %v", g, after)
		case after.kind == guardNone:
			t.Fatalf("%v became no guard", g)
		}
	})
}

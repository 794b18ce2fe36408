package ifmatch

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTags(t *testing.T) {
	for _, test := range []struct {
		lines    []string
		tags     []string
		wildcard bool
		ok       bool
	}{
		{[]string{`"a"`}, []string{`"a"`}, false, true},
		{[]string{`W/"a"`}, []string{`W/"a"`}, false, true},
		{[]string{`w/"a"`}, nil, false, false},
		{[]string{`""`}, []string{`""`}, false, true},
		{[]string{`"a,b"`}, []string{`"a,b"`}, false, true},
		{[]string{`"a\"`, `"b"`}, []string{`"a\"`, `"b"`}, false, true},
		{[]string{` "a" ,, W/"b",` + "\t"}, []string{`"a"`, `W/"b"`}, false, true},
		{[]string{"\"\xe9\xff\""}, []string{"\"\xe9\xff\""}, false, true},
		{[]string{`"a*b"`, `"*"`}, []string{`"a*b"`, `"*"`}, false, true},
		{[]string{"*"}, nil, true, true},
		{[]string{" * "}, nil, true, true},
		{[]string{`*, "a"`}, nil, false, false},
		{[]string{"a"}, nil, false, false},
		{[]string{`"a`}, nil, false, false},
		{[]string{`"a" "b"`}, nil, false, false},
		{[]string{`"a b"`}, nil, false, false},
		{[]string{"\"a\x7f\""}, nil, false, false},
		{[]string{""}, nil, false, false},
		{[]string{`"` + strings.Repeat("x", maxTagLen) + `"`}, nil, false, false},
		{[]string{`"` + strings.Repeat("x", 2<<10) + `"`}, []string{`"` + strings.Repeat("x", 2<<10) + `"`}, false, true},
	} {
		tags, wildcard, ok := parseTags(test.lines)
		if !ok {
			tags, wildcard = nil, false
		}
		if !cmp.Equal(tags, test.tags) || wildcard != test.wildcard || ok != test.ok {
			t.Errorf("%q: %q, %v, %v", test.lines, tags, wildcard, ok)
		}
	}
}

func TestTwins(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{`"a"`, `"a"`, false}, {`"a"`, `W/"a"`, true}, {`"a-gzip"`, `"a"`, true}, {`W/"a-br"`, `"a-gzip"`, true}, {`"a"`, `"b"`, false}, {`"a-gzip"`, `"b"`, false},
	} {
		if got := twins(test.a, test.b); got != test.want {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}

func TestValidatorsOf(t *testing.T) {
	const date = "Sun, 06 Nov 1994 08:49:37 GMT"
	for _, test := range []struct {
		h    http.Header
		want Validators
	}{
		{http.Header{}, Validators{}},
		{http.Header{"Etag": {` "a" `}, "Last-Modified": {date}}, Validators{`"a"`, date}},
		{http.Header{"Etag": {`"a"`, `"a"`}}, Validators{}},
		{http.Header{"Etag": {`a`}}, Validators{}},
		{http.Header{"Etag": {`"*"`}}, Validators{}},
		{http.Header{"Etag": {"\"a\r\nX: y\""}}, Validators{}},
		{http.Header{"Last-Modified": {date, date}}, Validators{}},
		{http.Header{"Last-Modified": {"yesterday"}}, Validators{}},
		{http.Header{"Last-Modified": {"Sunday, 06-Nov-94 08:49:37 GMT"}}, Validators{"", date}},
		{http.Header{"Last-Modified": {date}, "Date": {"Sun, 06 Nov 1994 08:49:36 GMT"}}, Validators{}},
	} {
		if got := validatorsOf(test.h); got != test.want {
			t.Errorf("%v: %v, want %v", test.h, got, test.want)
		}
	}
}

// FuzzParseTags holds what a guard is built on: nothing but valid tags comes
// out, and written as one list they come out again.
func FuzzParseTags(f *testing.F) {
	for _, seed := range []string{`"a"`, `W/"a", "b"`, `*`, `"a,b"`, `"a\"`, `,,"a"`, `"`, "\"\xff\""} {
		f.Add(seed, `"c"`)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		tags, wildcard, ok := parseTags([]string{one, two})
		if !ok {
			return
		}
		if wildcard == (len(tags) > 0) {
			t.Fatalf("%q, wildcard %v", tags, wildcard)
		}
		for _, tag := range tags {
			if !validTag(tag) || strings.ContainsAny(tag, "\r\n\x00") {
				t.Fatalf("tag %q", tag)
			}
		}
		if wildcard {
			return
		}
		again, _, ok := parseTags([]string{strings.Join(tags, ", ")})
		if !ok || !cmp.Equal(tags, again) {
			t.Fatalf("%q came back as %q", tags, again)
		}
	})
}

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
		v := validatorsOf(http.Header{"Etag": {fresh}, "Last-Modified": {"Mon, 07 Nov 1994 08:49:37 GMT"}})
		if !g.satisfiable(v) {
			return
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

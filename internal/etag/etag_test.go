package etag

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseList(t *testing.T) {
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
		{[]string{`"` + strings.Repeat("x", MaxLen) + `"`}, nil, false, false},
		{[]string{`"` + strings.Repeat("x", 2<<10) + `"`}, []string{`"` + strings.Repeat("x", 2<<10) + `"`}, false, true},
	} {
		tags, wildcard, ok := ParseList(test.lines)
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
		if got := Twins(test.a, test.b); got != test.want {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}

// TestCodings: each known suffix of a content coding makes a twin.
func TestCodings(t *testing.T) {
	for _, c := range []string{"--gzip", "-gzip", "-gunzip", "-br", "-deflate", "-zstd", ";gzip", ";br", ":gzip"} {
		if !Twins(`"a`+c+`"`, `"a"`) {
			t.Errorf("%s is no coding", c)
		}
	}
}

// TestLongest: a tag of MaxLen bytes counts, a longer one doesn't.
func TestLongest(t *testing.T) {
	if Valid(`"` + strings.Repeat("x", 4095) + `"`) {
		t.Error("a tag of 4097 bytes")
	}
	if !Valid(`"` + strings.Repeat("x", 4094) + `"`) {
		t.Error("no tag of 4096 bytes")
	}
}

func TestOf(t *testing.T) {
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
		if got := Of(test.h); got != test.want {
			t.Errorf("%v: %v, want %v", test.h, got, test.want)
		}
	}
}

// FuzzParseList holds what a guard is built on: nothing but valid tags comes
// out, and written as one list they come out again.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{`"a"`, `W/"a", "b"`, `*`, `"a,b"`, `"a\"`, `,,"a"`, `"`, "\"\xff\""} {
		f.Add(seed, `"c"`)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		tags, wildcard, ok := ParseList([]string{one, two})
		if !ok {
			return
		}
		if wildcard == (len(tags) > 0) {
			t.Fatalf("%q, wildcard %v", tags, wildcard)
		}
		for _, tag := range tags {
			if !Valid(tag) || strings.ContainsAny(tag, "\r\n\x00") {
				t.Fatalf("tag %q", tag)
			}
		}
		if wildcard {
			return
		}
		again, _, ok := ParseList([]string{strings.Join(tags, ", ")})
		if !ok || !cmp.Equal(tags, again) {
			t.Fatalf("%q came back as %q", tags, again)
		}
	})
}

// TestMade: an answer is as old as its Date and its Age say.
func TestMade(t *testing.T) {
	const date = "Sat, 01 Jan 2000 00:01:00 GMT"
	for _, test := range []struct {
		date, age string
		want      int // seconds since the beginning of 2000; negative: not known
	}{
		{date, "", 60}, {date, "0", 60}, {date, "9", 51}, {date, " 9 ", 51}, {date, "9, 3", 51},
		{date, "-9", 60}, {date, "x", 60}, {date, "99999999999999999999", 60}, {"", "9", -1}, {"x", "", -1},
	} {
		h := http.Header{"Date": {test.date}, "Age": {test.age}}
		want := time.Date(2000, 1, 1, 0, 0, test.want, 0, time.UTC)
		if test.want < 0 {
			want = time.Time{}
		}
		if got := Made(h); !got.Equal(want) {
			t.Errorf("Date %q, Age %q: %v, want %v", test.date, test.age, got, want)
		}
	}
}

// TestText: what a terminal acts on isn't in the text of a tag, nor all of a long one.
func TestText(t *testing.T) {
	for tag, want := range map[string]string{
		`W/"v1"`: `W/"v1"`, "\"\u202ex\u009b\"": "\"\ufffdx\ufffd\"", "\"\x9b31m\"": "\"\ufffd31m\"",
		`"` + strings.Repeat("é", 300) + `"`: `"` + strings.Repeat("é", 99) + "\ufffd…",
	} {
		if got := Text(tag); got != want {
			t.Errorf("%q: %q, want %q", tag, got, want)
		}
	}
}

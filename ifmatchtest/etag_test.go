package ifmatchtest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const slowTag = `(?:W/)?"[!#-~\x80-\xff]*"`

var (
	slowList = regexp.MustCompile(`^[ \t]*(?:` + slowTag + `)?(?:[ \t]*,[ \t]*(?:` + slowTag + `)?)*[ \t]*$`)
	slowEach = regexp.MustCompile(slowTag)
	slowStar = regexp.MustCompile(`^[ \t]*\*[ \t]*$`)
)

// slowTags is parseTags by regular expression.
func slowTags(lines []string) (tags []string, star, ok bool) {
	// A byte for a rune: regexp knows no bytes above 127.
	var s strings.Builder
	for _, c := range []byte(strings.Join(lines, ", ")) {
		s.WriteRune(rune(c))
	}
	if slowStar.MatchString(s.String()) {
		return nil, true, true
	}
	if !slowList.MatchString(s.String()) {
		return nil, false, false
	}
	for _, wide := range slowEach.FindAllString(s.String(), -1) {
		var tag []byte
		for _, c := range wide {
			tag = append(tag, byte(c))
		}
		tags = append(tags, string(tag))
	}
	return tags, false, true
}

func TestParseTags(t *testing.T) {
	for _, tt := range []struct {
		lines []string
		tags  []string
		star  bool
		ok    bool
	}{
		{lines: []string{`"a"`}, tags: []string{`"a"`}, ok: true},
		{lines: []string{`W/"a"`, `"b,c" , "\"`}, tags: []string{`W/"a"`, `"b,c"`, `"\"`}, ok: true},
		{lines: []string{`"","*"`}, tags: []string{`""`, `"*"`}, ok: true},
		{lines: []string{"\"\x80\xff\""}, tags: []string{"\"\x80\xff\""}, ok: true},
		{lines: []string{``}, ok: true},
		{lines: []string{` , ,`}, ok: true},
		{lines: []string{` * `}, star: true, ok: true},
		{lines: []string{`*`, ``}},
		{lines: []string{`*`, `"a"`}},
		{lines: []string{`w/"a"`}},
		{lines: []string{`W/`}},
		{lines: []string{`"a`}},
		{lines: []string{`a`}},
		{lines: []string{`"a"x`}},
		{lines: []string{`"a" "b"`}},
		{lines: []string{"\"\x7f\""}},
	} {
		tags, star, ok := parseTags(tt.lines)
		if star != tt.star || ok != tt.ok || !slices.Equal(tags, tt.tags) {
			t.Errorf("parseTags(%q): got %q, %v, %v, want %q, %v, %v", tt.lines, tags, star, ok, tt.tags, tt.star, tt.ok)
		}
	}
}

// The table is that of RFC 9110 §8.8.3.2.
func TestComparison(t *testing.T) {
	for _, tt := range []struct {
		a, b         string
		strong, weak bool
	}{
		{`W/"1"`, `W/"1"`, false, true},
		{`W/"1"`, `W/"2"`, false, false},
		{`W/"1"`, `"1"`, false, true},
		{`"1"`, `W/"1"`, false, true},
		{`"1"`, `"1"`, true, true},
		{`"1"`, `"2"`, false, false},
	} {
		if got := strongMatch(tt.a, tt.b); got != tt.strong {
			t.Errorf("strongMatch(%s, %s): got %v", tt.a, tt.b, got)
		}
		if got := weakMatch(tt.a, tt.b); got != tt.weak {
			t.Errorf("weakMatch(%s, %s): got %v", tt.a, tt.b, got)
		}
	}
}

func FuzzParseTags(f *testing.F) {
	for _, tt := range rows {
		f.Add(tt.fields)
		_, v, _ := strings.Cut(tt.fields, ": ")
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, s string) {
		lines := strings.Split(s, "\n")
		tags, star, ok := parseTags(lines)
		wantTags, wantStar, wantOK := slowTags(lines)
		if star != wantStar || ok != wantOK || !slices.Equal(tags, wantTags) {
			t.Errorf("parseTags(%q): got %q, %v, %v, want %q, %v, %v", lines, tags, star, ok, wantTags, wantStar, wantOK)
		}
	})
}

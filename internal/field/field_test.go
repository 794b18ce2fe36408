package field

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSpellings: a field is found, replaced and dropped in all its spellings.
func TestSpellings(t *testing.T) {
	h := http.Header{"If-Match": {"a"}, "if-match": {"b"}, "If-None-Match": {}}
	if got := Lines(h, "If-Match"); !cmp.Equal(got, []string{"a", "b"}) {
		t.Errorf("lines %q", got)
	}
	if got := Lines(h, "If-None-Match"); got != nil {
		t.Errorf("a name without a value: %q", got)
	}
	if got := Canonical(h)["If-Match"]; len(got) != 2 {
		t.Errorf("canonical: %q", got)
	}
	Set(h, "If-Match", "c")
	if !cmp.Equal(h, http.Header{"If-Match": {"c"}, "If-None-Match": {}}) {
		t.Errorf("set: %v", h)
	}
	Drop(h, "If-Match")
	Drop(nil, "If-Match")
	if len(h) != 1 {
		t.Errorf("dropped: %v", h)
	}
}

// TestLinesLeavesTheHeader: what is read of several spellings isn't written into one.
func TestLinesLeavesTheHeader(t *testing.T) {
	lines := make([]string, 1, 2)
	lines[0] = "a"
	h := http.Header{"If-Match": lines, "if-match": {"b"}}
	Lines(h, "If-Match")
	if lines[:2][1] != "" {
		t.Error("the caller's slice was written to")
	}
}

// TestClone can be written to, also where there was no header.
func TestClone(t *testing.T) {
	Clone(nil).Set("A", "b")
	h := http.Header{"A": {"b"}}
	Clone(h)["A"][0] = "c"
	if h.Get("A") != "b" {
		t.Error("a clone shares its lines")
	}
}

package origin

import (
	"os"
	"strings"
	"testing"
)

// TestDocs: the dialect of one's own in docs/dialects.md is the one that is tested,
// and it is short.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../../docs/dialects.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../../example_dialect_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```go\n"+string(example)+"```") {
		t.Error("docs/dialects.md doesn't have the text of example_dialect_test.go")
	}
	if n := strings.Count(string(example), "\n"); n >= 60 {
		t.Errorf("the example has %d lines", n)
	}
}

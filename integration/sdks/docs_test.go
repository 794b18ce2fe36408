package sdks

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What docs/sdks.md shows is code of these tests, to the letter.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/sdks.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) == 0 {
		t.Error("docs/sdks.md shows no code")
	}
	for _, block := range blocks {
		for part := range strings.SplitSeq(block[1], "\n\n") {
			if !strings.Contains(code.String(), strings.TrimSpace(part)) {
				t.Errorf("this code is in docs/sdks.md and in no test:\n%s", part)
			}
		}
	}
}

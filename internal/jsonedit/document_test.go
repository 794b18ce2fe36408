package jsonedit

import (
	"strings"
	"testing"
)

// TestParseErrors: an error says what is wrong, and where.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":    "not JSON at byte 0: unexpected end of JSON input",
		"{":   "not JSON at byte 1: unexpected end of JSON input",
		"{} ": "",
		strings.Repeat("[", 1000) + strings.Repeat("]", 1000): "",
		strings.Repeat("[", 2000) + strings.Repeat("]", 2000): "nested deeper than 1000 levels",
	} {
		_, err := Parse([]byte(text))
		if err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%.10s: got %v, want %q", text, err, want)
		}
	}
}

package jsonedit

import "testing"

func TestValidUnicode(t *testing.T) {
	for text, want := range map[string]bool{
		`""`: true, `"é\u00e9\\ud83d"`: true, `"\ud83d\ude00"`: true, `"\ufffd�"`: true,
		`"\ud83d"`: false, `"\ude00"`: false, `"\ud83dx\ude00"`: false, `"\ud83d\n"`: false,
		`"\ud83d\ud83d\ude00"`: false, "\"\xe9\"": false,
	} {
		if got := validUnicode([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

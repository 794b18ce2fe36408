package jsonedit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// long returns all where IFMATCH_LONG asks for long tables, as CI does, and else some.
func long(all, some int) int {
	if os.Getenv("IFMATCH_LONG") != "" {
		return all
	}
	return some
}

// TestPatchLarge shows that nothing is quadratic: a document of 10 MiB takes about
// ten times as long as one of 1 MiB.
func TestPatchLarge(t *testing.T) {
	t.Parallel()
	size := long(1<<20, 1<<15)
	for name, makeDoc := range largeDocs {
		original, before, after := makeDoc(size)
		start := time.Now()
		got, err := Patch(original, before, after, Rules{Keys: []string{"id"}, ByIndex: name == "deep and wide"})
		took := time.Since(start)
		if err != nil || !json.Valid(got) || bytes.Equal(got, original) {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %d KiB took %v", name, len(original)>>10, took)
		if took > 30*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

// largeDocs make documents of about n bytes and edits that touch much.
var largeDocs = map[string]func(n int) (original, before, after []byte){
	"members": func(n int) (original, before, after []byte) {
		return largeObject(n, 0, true), largeObject(n, 0, false), largeObject(n, 1, false)
	},
	"reversed": func(n int) (original, before, after []byte) {
		elements := largeElements(n, true)
		plain := largeElements(n, false)
		reversed := slices.Clone(plain)
		slices.Reverse(reversed)
		return largeArray(elements), largeArray(plain), largeArray(reversed)
	},
	"changed": func(n int) (original, before, after []byte) {
		plain := largeElements(n, false)
		return largeArray(largeElements(n, true)), largeArray(plain), bytes.ReplaceAll(largeArray(plain), []byte(`"n":0`), []byte(`"n":1`))
	},
	"alike": func(n int) (original, before, after []byte) {
		zeros := slices.Repeat([]string{"0"}, n/2)
		return largeArray(zeros), largeArray(zeros), largeArray(append(slices.Clone(zeros[1:]), "1"))
	},
	"other form": func(n int) (original, before, after []byte) {
		a, b := slices.Repeat([]string{`{"t":"1.0"}`}, n/12), slices.Repeat([]string{`{"t":"1"}`}, n/12)
		return largeArray(a), largeArray(b), largeArray(append(slices.Clone(b), `{"t":"2"}`))
	},
	"deep": func(n int) (original, before, after []byte) {
		wrap := func(s string) []byte {
			return []byte(strings.Repeat(`{"a":[`, 490) + s + strings.Repeat(`]}`, 490))
		}
		text := `"` + strings.Repeat("x", n)
		return wrap(text + `"`), wrap(text + `"`), wrap(text + `y"`)
	},
	"deep and wide": func(n int) (original, before, after []byte) {
		wrap := func(s string) []byte {
			return []byte(strings.Repeat(`[`, 900) + s + strings.Repeat(`]`, 900))
		}
		plain := string(largeArray(largeElements(n, false)))
		return wrap(string(largeArray(largeElements(n, true)))), wrap(plain), wrap(strings.Replace(plain, `"n":0`, `"n":1`, 1))
	},
}

func largeElements(n int, unknown bool) []string {
	var all []string
	for i := range n / 25 {
		element := fmt.Sprintf(`{"id":%d,"n":0}`, i)
		if unknown {
			element = fmt.Sprintf(`{"id":%d,"n":0,"u":%d}`, i, i)
		}
		all = append(all, element)
	}
	return all
}

func largeArray(elements []string) []byte { return []byte("[" + strings.Join(elements, ",") + "]") }

func largeObject(n, value int, unknown bool) []byte {
	var all []string
	for i := range n / 25 {
		all = append(all, fmt.Sprintf(`"m%d":%d`, i, value))
		if unknown {
			all = append(all, fmt.Sprintf(`"u%d":%d`, i, value))
		}
	}
	return []byte("{" + strings.Join(all, ",") + "}")
}

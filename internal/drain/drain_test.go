package drain

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/internal/bodytest"
)

// answer is an answer with this body and Content-Length.
func answer(body io.Reader, length int64) (*http.Response, *bodytest.Source) {
	src := &bodytest.Source{R: body}
	return &http.Response{Body: src, ContentLength: length}, src
}

func TestUpTo(t *testing.T) {
	broken := errors.New("it broke")
	for name, test := range map[string]struct {
		size, limit, expected int64
		err, want             error
	}{
		"empty":                          {0, 10, 0, io.EOF, io.EOF},
		"empty, none allowed":            {0, 0, 0, io.EOF, io.EOF},
		"one, none allowed":              {1, 0, -1, io.EOF, ErrTooLarge},
		"below the limit":                {9, 10, 9, io.EOF, io.EOF},
		"at the limit":                   {10, 10, 10, io.EOF, io.EOF},
		"above the limit":                {11, 10, 11, io.EOF, ErrTooLarge},
		"above, announced as less":       {11, 10, 3, io.EOF, ErrTooLarge},
		"more than announced":            {5000, 10_000, 3, io.EOF, io.EOF},
		"less than announced":            {5, 10_000, 9000, io.EOF, io.EOF},
		"announced beyond all memory":    {5, math.MaxInt64, math.MaxInt64, io.EOF, io.EOF},
		"announced as much as fits":      {5, math.MaxInt64, math.MaxInt64 - 1, io.EOF, io.EOF},
		"more than the buffer, unknown":  {100_000, 1 << 20, -1, io.EOF, io.EOF},
		"far above the limit":            {100_000, 65_537, -1, io.EOF, ErrTooLarge},
		"no limit":                       {100_000, math.MaxInt64, -1, io.EOF, io.EOF},
		"no limit but an int":            {100_000, math.MaxInt, -1, io.EOF, io.EOF},
		"no limit on 32 bits":            {100_000, math.MaxInt32, -1, io.EOF, io.EOF},
		"beyond 32 bits":                 {100_000, math.MaxInt32 + 1, -1, io.EOF, io.EOF},
		"broken":                         {700, 1000, -1, broken, broken},
		"broken at the limit":            {10, 10, -1, broken, broken},
		"broken after the limit":         {11, 10, -1, broken, ErrTooLarge},
		"broken before the end, at once": {0, 10, 10, broken, broken},
	} {
		for _, glued := range []bool{false, true} {
			data := bodytest.Pattern(int(test.size))
			got, err := UpTo(&bodytest.Chunks{Data: data, N: 1000, Err: test.err, Glued: glued}, test.limit, test.expected)
			if err != test.want || !bytes.Equal(got, data[:min(test.size, test.limit)]) {
				t.Errorf("%s, glued %v: %d bytes, %v; want %d, %v", name, glued, len(got), err, min(test.size, test.limit), test.want)
			}
		}
	}
	if _, err := UpTo(idle{}, 10, -1); err != io.ErrNoProgress {
		t.Errorf("without progress: %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// TestUpToAllocatesWhatIsRead: a lie about the length costs a megabyte at most.
func TestUpToAllocatesWhatIsRead(t *testing.T) {
	got, err := UpTo(strings.NewReader("short"), math.MaxInt64, 1<<40)
	if err != io.EOF || cap(got) > 1<<20 {
		t.Errorf("%d bytes of memory, %v", cap(got), err)
	}
	if got, _ = UpTo(strings.NewReader("short"), 1<<20, 5); cap(got) != 6 {
		t.Errorf("%d bytes of memory for 5 that were announced", cap(got))
	}
}

func TestState(t *testing.T) {
	broken := errors.New("it broke")
	for name, test := range map[string]struct {
		body   io.Reader
		length int64
		is     error
		text   string // of the error; empty: none
	}{
		"whole":                   {strings.NewReader("0123456789"), 10, nil, ""},
		"whole, length unknown":   {strings.NewReader("0123456789"), -1, nil, ""},
		"announced as too large":  {strings.NewReader("0123456789a"), 11, ErrTooLarge, "ifmatch: body is too large: 11 bytes, and WithMaxRepresentation is 10"},
		"too large":               {strings.NewReader("0123456789a"), -1, ErrTooLarge, "ifmatch: body is too large: more than the 10 bytes of WithMaxRepresentation"},
		"breaks off":              {io.MultiReader(strings.NewReader("01"), &bodytest.Chunks{Err: broken}), 10, broken, "read state: it broke"},
		"breaks off at its limit": {io.MultiReader(strings.NewReader("0123456789"), &bodytest.Chunks{Err: broken}), -1, broken, "read state: it broke"},
	} {
		resp, src := answer(test.body, test.length)
		got, err := State(resp, 10)
		if test.text == "" {
			if err != nil || string(got) != "0123456789" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		} else if got != nil || !errors.Is(err, test.is) || err.Error() != test.text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if test.length == 11 && src.Given() != 0 {
			t.Errorf("%s: %d bytes of a body too large were read", name, src.Given())
		}
		src.Check(t)
	}
}

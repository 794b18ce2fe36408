package drain

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/bodytest"
)

func TestKeep(t *testing.T) {
	broken := errors.New("it broke")
	large := bodytest.Pattern(KeepLimit + 1)
	for name, test := range map[string]struct {
		body io.Reader
		want []byte
		end  error
	}{
		"whole":           {strings.NewReader("refused"), []byte("refused"), io.EOF},
		"empty":           {strings.NewReader(""), nil, io.EOF},
		"as large as can": {bytes.NewReader(large[:KeepLimit]), large[:KeepLimit], io.EOF},
		"too large":       {bytes.NewReader(large), large[:KeepLimit], ErrTooLarge},
		"breaks off":      {io.MultiReader(strings.NewReader("ref"), &bodytest.Chunks{Err: broken}), []byte("ref"), broken},
	} {
		resp, src := answer(test.body, -1)
		kept := Keep(resp, time.Hour, simply)
		if !bytes.Equal(kept.Data, test.want) || kept.End != test.end {
			t.Errorf("%s: %d bytes, %v", name, len(kept.Data), kept.End)
		}
		src.Check(t)
		for range 2 { // each reader is new
			got, err := io.ReadAll(struct{ io.Reader }{kept.Reader()})
			if err == nil {
				err = io.EOF
			}
			if !bytes.Equal(got, test.want) || err != test.end {
				t.Errorf("%s: read %d bytes, %v", name, len(got), err)
			}
			var copied bytes.Buffer
			if _, err = io.Copy(&copied, kept.Reader()); err == nil { // by WriteTo
				err = io.EOF
			}
			if !bytes.Equal(copied.Bytes(), test.want) || err != test.end {
				t.Errorf("%s: copied %d bytes, %v", name, copied.Len(), err)
			}
		}
	}
}

func TestKeepWithoutBody(t *testing.T) {
	unused := func(io.Closer) { t.Error("it was closed") }
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		if kept := Keep(&http.Response{Body: body}, time.Second, unused); kept.Data != nil || kept.End != io.EOF {
			t.Errorf("%v: %+v", body, kept)
		}
	}
}

// TestKeepEndsInTime: a body that hangs is closed when the time is up, and what
// was read of it is kept.
func TestKeepEndsInTime(t *testing.T) {
	for name, test := range map[string]struct {
		within, want time.Duration
		eof          bool
		data         int
		end          error
	}{
		"no time":            {0, 0, false, 0, ErrTooLong},
		"late already":       {-time.Second, 0, false, 0, ErrTooLong},
		"soon":               {time.Millisecond, time.Millisecond, false, 7, ErrTooLong},
		"at most a second":   {time.Hour, KeepTime, false, 7, ErrTooLong},
		"closed, then whole": {time.Hour, KeepTime, true, 7, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := bodytest.NewStuck(7)
				body.EOF = test.eof
				start := time.Now()
				kept := Keep(&http.Response{Body: body, ContentLength: -1}, test.within, simply)
				if took := time.Since(start); took != test.want {
					t.Errorf("took %v", took)
				}
				if len(kept.Data) != test.data || kept.End != test.end {
					t.Errorf("%d bytes, %v", len(kept.Data), kept.End)
				}
				if body.Closes() != 1 {
					t.Errorf("closed %d times", body.Closes())
				}
				if kept.End == ErrTooLong && !errors.Is(kept.End, os.ErrDeadlineExceeded) {
					t.Errorf("%v is no deadline", kept.End)
				}
			})
		})
	}
}

// TestKeepWaitsForClose: the close that ends the reading has ended when Keep
// returns, so that whoever it waited for may be used again.
func TestKeepWaitsForClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body, ended := bodytest.NewStuck(0), false
		Keep(&http.Response{Body: body, ContentLength: -1}, time.Second, func(body io.Closer) {
			body.Close()
			time.Sleep(time.Minute)
			ended = true
		})
		if !ended {
			t.Error("Keep returned before the close")
		}
	})
}

func TestBriefly(t *testing.T) {
	resp, src := answer(strings.NewReader("not found"), 9)
	if got := Briefly(resp); string(got) != "not found" {
		t.Errorf("%q", got)
	}
	src.Check(t)
	synctest.Test(t, func(t *testing.T) {
		start, body := time.Now(), bodytest.NewStuck(7)
		if got := Briefly(&http.Response{Body: body, ContentLength: 9}); len(got) != 7 || time.Since(start) != KeepTime {
			t.Errorf("%d bytes after %v", len(got), time.Since(start))
		}
	})
}

// TestSkip: what is small is read, so that the connection can be used again;
// what is announced as large isn't.
func TestSkip(t *testing.T) {
	for _, test := range []struct {
		size, length int64
		read         int64
	}{
		{10, 10, 10},
		{KeepLimit, KeepLimit, KeepLimit},
		{KeepLimit + 1, KeepLimit + 1, 0},
		{10, -1, 10},
		{3 * KeepLimit, -1, KeepLimit + 1},
	} {
		resp, src := answer(bytes.NewReader(bodytest.Pattern(int(test.size))), test.length)
		Skip(resp, time.Second)
		if got := src.Given(); got != test.read {
			t.Errorf("%+v: %d bytes were read", test, got)
		}
		src.Check(t)
	}
	Skip(&http.Response{ContentLength: KeepLimit + 1}, time.Second) // as HEAD is answered by some
}

// TestWhole: a body is whole when its end was read, within its own limit.
func TestWhole(t *testing.T) {
	large := bodytest.Pattern(KeepLimit + 100)
	for name, test := range map[string]struct {
		body   io.Reader
		length int64
		limit  int64
		bytes  int
		whole  bool
	}{
		"small":                   {strings.NewReader("kept"), -1, 10, 4, true},
		"empty":                   {strings.NewReader(""), 0, 10, 0, true},
		"at its limit":            {bytes.NewReader(large), -1, KeepLimit + 100, KeepLimit + 100, true},
		"above its limit":         {bytes.NewReader(large), -1, KeepLimit + 99, KeepLimit + 99, false},
		"announced as too large":  {bytes.NewReader(large), KeepLimit + 100, KeepLimit + 99, KeepLimit, false},
		"announced beyond little": {strings.NewReader("kept"), 4, 3, 3, false},
		"breaks off":              {io.MultiReader(strings.NewReader("ke"), &bodytest.Chunks{Err: io.ErrUnexpectedEOF}), 4, 10, 2, false},
	} {
		resp, src := answer(test.body, test.length)
		if got, whole := Whole(resp, test.limit); len(got) != test.bytes || whole != test.whole {
			t.Errorf("%s: %d bytes, whole %v", name, len(got), whole)
		}
		src.Check(t)
	}
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		if got, whole := Whole(&http.Response{Body: body}, 10); len(got) != 0 || !whole {
			t.Errorf("%v: %q, %v", body, got, whole)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		start, body := time.Now(), bodytest.NewStuck(7)
		if got, whole := Whole(&http.Response{Body: body, ContentLength: -1}, 1<<20); len(got) != 7 || whole || time.Since(start) != KeepTime {
			t.Errorf("%d bytes, whole %v after %v", len(got), whole, time.Since(start))
		}
	})
}

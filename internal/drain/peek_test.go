package drain

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/bodytest"
)

// TestPeekPutsBack: who reads the body after a look at it gets all of it, with
// its own end.
func TestPeekPutsBack(t *testing.T) {
	broken := errors.New("it broke")
	for _, size := range []int{0, 1, 1000, KeepLimit - 1, KeepLimit, KeepLimit + 1, 3 * KeepLimit} {
		for _, end := range []error{io.EOF, broken} {
			data := bodytest.Pattern(size)
			resp, src := answer(&bodytest.Chunks{Data: data, N: 5000, Err: end}, int64(size))
			short := size < KeepLimit && end == io.EOF
			if got, whole := Peek(resp); !bytes.Equal(got, data[:min(size, KeepLimit)]) || whole != short {
				t.Errorf("%d bytes, %v: saw %d, whole %v", size, end, len(got), whole)
			}
			if again, _ := Peek(resp); !bytes.Equal(again, data[:min(size, KeepLimit)]) {
				t.Errorf("%d bytes, %v: saw %d at the second look", size, end, len(again))
			}
			got, err := io.ReadAll(resp.Body)
			if err == nil {
				err = io.EOF
			}
			if !bytes.Equal(got, data) || err != end {
				t.Errorf("%d bytes, %v: read %d, %v", size, end, len(got), err)
			}
			resp.Body.Close()
			src.Check(t)
		}
	}
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		resp := &http.Response{Body: body}
		if got, whole := Peek(resp); got != nil || !whole || resp.Body != body {
			t.Errorf("%v: saw %q, whole %v, left %v", body, got, whole, resp.Body)
		}
	}
}

// TestPeekEndsInTime: a body that drips isn't waited for, and is read from its
// beginning all the same. Close ends what still reads.
func TestPeekEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := bodytest.NewStuck(7)
		resp := &http.Response{Body: body, ContentLength: -1}
		start := time.Now()
		if got, whole := Peek(resp); got != nil || whole || time.Since(start) != KeepTime {
			t.Errorf("saw %q, whole %v, after %v", got, whole, time.Since(start))
		}
		resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if !bytes.Equal(got, bodytest.Pattern(7)) || err != io.ErrClosedPipe {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if body.Closes() != 1 {
			t.Errorf("closed %d times", body.Closes())
		}
	})
}

// TestPeekLeavesADripAlone: what comes after KeepTime is given as it comes, not in one piece
// when KeepLimit is reached, and no goroutine is left that reads.
func TestPeekLeavesADripAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			for range 8 {
				io.WriteString(w, "drip ")
				time.Sleep(300 * time.Millisecond)
			}
			w.Close()
		}()
		resp := &http.Response{Body: r, ContentLength: -1}
		start := time.Now()
		if got, whole := Peek(resp); got != nil || whole {
			t.Errorf("saw %q, whole %v", got, whole)
		}
		all, b := "", make([]byte, 100)
		for {
			n, err := resp.Body.Read(b)
			all += string(b[:n])
			if late := time.Since(start) - max(KeepTime, time.Duration(len(all)/5-1)*300*time.Millisecond); n > 0 && late != 0 {
				t.Errorf("%q came %v late", all, late)
			}
			if err != nil {
				break
			}
		}
		if all != "drip drip drip drip drip drip drip drip " {
			t.Errorf("%q", all)
		}
	})
}

package ifmatch

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// watchedDone is a context that notes how deep the stack is where its Done is
// called, which is right before a call waits.
type watchedDone struct {
	context.Context
	bottom, waiting *uintptr
}

//go:noinline
func (w watchedDone) Done() <-chan struct{} {
	var here byte
	*w.waiting = *w.bottom - uintptr(unsafe.Pointer(&here))
	return w.Context.Done()
}

// TestWaitingStack: the frames between RoundTrip and a wait fit into what the
// collector leaves of a stack of 4 KiB. It halves one of 8 KiB where less than a
// quarter is in use, and counts 800 bytes that it keeps free and the 400 of the
// runtime below a select.
func TestWaitingStack(t *testing.T) {
	const most = 8<<10/4 - 800 - 400
	for name, status := range map[string]int{"412": 412, "503": 503} {
		synctest.Test(t, func(t *testing.T) {
			rt := NewTransport(roundTripper(func(req *http.Request) (*http.Response, error) {
				resp, err := refusingAll{}.RoundTrip(req)
				resp.StatusCode = status
				return resp, err
			}), Resend, WithBackoff(hourly), WithTransientBackoff(hourly), WithMaxElapsed(2*time.Hour))
			var bottom, waiting uintptr
			for range 2 { // the first call grows the stack
				ctx, cancel := context.WithCancel(t.Context())
				req, err := http.NewRequestWithContext(watchedDone{ctx, &bottom, &waiting}, http.MethodPut, "http://example.test/doc", strings.NewReader("mine"))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("If-Match", `"v1"`)
				time.AfterFunc(time.Minute, cancel)
				var here byte
				bottom = uintptr(unsafe.Pointer(&here))
				if _, err := rt.RoundTrip(req); err == nil {
					t.Fatal("no wait")
				}
			}
			t.Logf("%s: %d bytes of frames, at most %d", name, waiting, most)
			if waiting > most && !raceEnabled {
				t.Errorf("%s: %d bytes of frames stand on the stack while a call waits, at most %d are fine", name, waiting, most)
			}
		})
	}
}

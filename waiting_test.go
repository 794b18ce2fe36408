package ifmatch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// refusingAll refuses every write as net/http would hand it on: with a header
// and a body of the answer's own.
type refusingAll struct{}

func (refusingAll) RoundTrip(req *http.Request) (*http.Response, error) {
	deep(new([4 << 10]byte)[:1])
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	h := http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}, "Content-Length": {"20"},
	}
	text := strings.Clone("precondition failed\n")
	resp := &http.Response{
		Status: "412 Precondition Failed", StatusCode: http.StatusPreconditionFailed, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: req,
	}
	if semantics.Safe(req.Method) {
		h["Etag"] = []string{`"v2"`}
		resp.Status, resp.StatusCode, resp.Body = "200 OK", http.StatusOK, http.NoBody
	}
	return resp, nil
}

// deep grows the stack as the frames of net/http do. What a stack has grown to
// it keeps, but for what the collector can halve: to 4 KiB where the frames that
// wait take less than about 1.2 KiB.
//
//go:noinline
func deep(b []byte) byte {
	var frame [4 << 10]byte
	copy(frame[:], b)
	return frame[len(b)] + frame[4<<10-1]
}

// byHandWaiting is byHand with a wait before the refresh.
func byHandWaiting(base http.RoundTripper, req *http.Request, d time.Duration) (*http.Response, error) {
	resp, err := base.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusPreconditionFailed {
		return resp, err
	}
	io.CopyN(io.Discard, resp.Body, 64<<10)
	resp.Body.Close()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-req.Context().Done():
		return nil, fmt.Errorf("after %s: %w", resp.Status, req.Context().Err())
	}
	head := req.Clone(req.Context())
	head.Method, head.Body, head.GetBody, head.ContentLength = http.MethodHead, nil, nil, 0
	head.Header.Del("If-Match")
	fresh, err := base.RoundTrip(head)
	if err != nil {
		return nil, err
	}
	fresh.Body.Close()
	again := req.Clone(req.Context())
	if again.Body, err = req.GetBody(); err != nil {
		return nil, err
	}
	again.Header.Set("If-Match", fresh.Header.Get("ETag"))
	return base.RoundTrip(again)
}

// waitingCost is the memory of one call that waits, its stack included.
type waitingCost struct {
	heap, stack, goroutines float64
	cancelled               time.Duration // of real time, for all
}

// measureWaiting starts n calls, each to its own URL, lets them wait, measures
// and cancels them.
func measureWaiting(t *testing.T, n int, body []byte, do func(*http.Request) (*http.Response, error)) (cost waitingCost) {
	t.Helper()
	ask, clock := make(chan bool), make(chan time.Time) // outside the bubble, where time goes on
	go func() {
		for range ask {
			clock <- time.Now()
		}
	}()
	defer close(ask)
	realNow := func() time.Time { ask <- true; return <-clock }
	read := func() (m runtime.MemStats) {
		runtime.GC()
		runtime.GC() // stacks shrink at one, what that freed goes at the next
		runtime.ReadMemStats(&m)
		return m
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		requests := make([]*http.Request, n)
		for i := range requests {
			req, err := http.NewRequestWithContext(ctx, http.MethodPut, fmt.Sprintf("http://example.test/doc/%d", i), bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("If-Match", `"v1"`)
			req.Header.Set("Content-Type", "text/plain")
			requests[i] = req
		}
		errs := make(chan error, n)
		before, goroutines := read(), runtime.NumGoroutine()
		for _, req := range requests {
			go func() {
				_, err := do(req)
				errs <- err
			}()
		}
		synctest.Wait() // all of them wait
		after := read()
		cost.goroutines = float64(runtime.NumGoroutine()-goroutines) / float64(n)
		cost.heap = float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(n)
		cost.stack = float64(int64(after.StackInuse)-int64(before.StackInuse)) / float64(n)
		if len(errs) > 0 {
			t.Fatalf("a call ended: %v", <-errs)
		}
		bubble := time.Now()
		start := realNow()
		cancel()
		for range n {
			if err := <-errs; err == nil {
				t.Fatal("a cancelled call has no error")
			}
		}
		cost.cancelled = realNow().Sub(start)
		if took := time.Since(bubble); took != 0 {
			t.Errorf("cancelling took %v of the bubble's time", took)
		}
		runtime.KeepAlive(requests)
	})
	return cost
}

func hourly() backoff.BackOff { return backoff.NewConstantBackOff(time.Hour) }

// TestWaitingIsCheap compares calls in their backoff with the loop by hand: at
// most one and a half times the memory, stacks included, whatever the size of a
// body with GetBody; no goroutine but the caller's; cancelled at once. Below an
// http.Client each of them takes 8 KiB of stack: the frames of the Client and of
// the runtime alone are more than what the collector leaves in 4 KiB.
func TestWaitingIsCheap(t *testing.T) {
	n := 10_000
	ours := NewTransport(refusingAll{}, Resend, WithBackoff(hourly), WithMaxElapsed(2*time.Hour))
	sick := NewTransport(baseFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := refusingAll{}.RoundTrip(req)
		resp.Status, resp.StatusCode = "503 Service Unavailable", http.StatusServiceUnavailable
		return resp, err
	}), Resend, WithTransientBackoff(hourly), WithMaxElapsed(2*time.Hour), WithRetryBudget(1<<30, 1))
	byHand := baseFunc(func(r *http.Request) (*http.Response, error) { return byHandWaiting(refusingAll{}, r, time.Hour) })
	small, large := make([]byte, 1<<10), make([]byte, 1<<20)
	for _, way := range []struct {
		name string
		of   func(http.RoundTripper) func(*http.Request) (*http.Response, error)
	}{
		{"", func(rt http.RoundTripper) func(*http.Request) (*http.Response, error) { return rt.RoundTrip }},
		{", http.Client", func(rt http.RoundTripper) func(*http.Request) (*http.Response, error) {
			return (&http.Client{Transport: rt}).Do
		}},
	} {
		hand := measureWaiting(t, n, small, way.of(byHand))
		for name, test := range map[string]struct {
			body []byte
			rt   http.RoundTripper
		}{
			"412, 1 KiB": {small, ours},
			"412, 1 MiB": {large, ours},
			"503, 1 KiB": {small, sick},
		} {
			name += way.name
			got := measureWaiting(t, n, test.body, way.of(test.rt))
			ratio := (got.heap + got.stack) / (hand.heap + hand.stack)
			t.Logf("%s: by hand %.0f B heap + %.0f B stack, ifmatch %.0f + %.0f, ratio %.2f; cancelling %d took %v", name, hand.heap, hand.stack, got.heap, got.stack, ratio, n, got.cancelled)
			if got.goroutines != 1 {
				t.Errorf("%s: %.2f goroutines for each call, want the caller's alone", name, got.goroutines)
			}
			if ratio > 1.5 && !raceEnabled {
				t.Errorf("%s: a waiting call has %.2f times the memory of one by hand, at most 1.5 are fine", name, ratio)
			}
		}
	}
}

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
			rt := NewTransport(baseFunc(func(req *http.Request) (*http.Response, error) {
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

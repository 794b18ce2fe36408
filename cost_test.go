package ifmatch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// answering is a base that answers at once and allocates nothing.
type answering struct{ resp *http.Response }

func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body.Close()
	}
	return a.resp, nil
}

// watching is the leanest wrapper there can be: it looks at the status.
type watching struct{ base http.RoundTripper }

func (w watching) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.base.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusPreconditionFailed {
		panic("refused")
	}
	return resp, err
}

// happyRequests are a read, writes without a precondition, and writes under one.
func happyRequests(t testing.TB, ctx context.Context) map[string]*http.Request {
	t.Helper()
	requests := map[string]*http.Request{}
	add := func(name, method string, size int, tag string) {
		req, err := http.NewRequestWithContext(ctx, method, "memory://example.test/doc", bytes.NewReader(make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		if tag != "" {
			req.Header.Set("If-Match", tag)
		}
		requests[name] = req
	}
	add("GET", http.MethodGet, 0, "")
	add("PUT 1 KiB, unguarded", http.MethodPut, 1<<10, "")
	add("POST 1 KiB", http.MethodPost, 1<<10, "")
	add("PUT 1 KiB, a weak tag", http.MethodPut, 1<<10, `W/"v1"`)
	add("PUT 1 KiB", http.MethodPut, 1<<10, `"v1"`)
	add("PUT 1 MiB", http.MethodPut, 1<<20, `"v1"`)
	add("PATCH", http.MethodPatch, 1<<10, `"v1"`)
	add("DELETE", http.MethodDelete, 0, `"v1"`)
	return requests
}

// TestHappyPathCost: a read and a write without a precondition are handed on, and nothing is
// allocated. A write under a precondition is watched, which takes six allocations, and one
// more over a base that may answer a challenge by itself.
func TestHappyPathCost(t *testing.T) {
	foreign := answering{&http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}}
	direct := &http.Transport{}
	direct.RegisterProtocol("memory", foreign)
	perCall := WithOptions(context.Background(), OnConflict(Stop), WithMaxAttempts(8))
	for where, ctx := range map[string]context.Context{"plain": context.Background(), "with options": perCall} {
		for name, req := range happyRequests(t, ctx) {
			for baseName, base := range map[string]http.RoundTripper{"*http.Transport": direct, "foreign": foreign} {
				for _, policy := range []Policy{Stop, Resend, Rebuild(nil)} {
					tr := NewTransport(base, policy)
					got, bytes := allocated(func() { tr.RoundTrip(req) })
					want, baseBytes := allocated(func() { base.RoundTrip(req) })
					// Somebody else allocates now and then: the bytes count only where there are some.
					most, mostBytes := want, uint64(math.MaxUint64)
					if semantics.Conditional(req.Header) {
						most, mostBytes = want+6, baseBytes+1<<10
						if baseName == "foreign" {
							most++
						}
					}
					if got > most || bytes > mostBytes {
						t.Errorf("%s, %s, %s, %v: %v allocations and %d B, %v and %d B without the Transport", name, where, baseName, policy, got, bytes, want, baseBytes)
					}
				}
			}
		}
	}
}

// allocated returns how often and how much f allocates.
func allocated(f func()) (times float64, size uint64) {
	const rounds = 100
	var before, after runtime.MemStats
	times = testing.AllocsPerRun(rounds, f)
	runtime.ReadMemStats(&before)
	for range rounds {
		f()
	}
	runtime.ReadMemStats(&after)
	return times, (after.TotalAlloc - before.TotalAlloc) / rounds
}

func BenchmarkHappyPath(b *testing.B) {
	base := answering{&http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}}
	for kind, name := range map[string]string{"unguarded": "PUT 1 KiB, unguarded", "guarded": "PUT 1 KiB"} {
		req := happyRequests(b, context.Background())[name]
		benchmarkHappyPath(b, kind, base, req)
	}
}

func benchmarkHappyPath(b *testing.B, kind string, base http.RoundTripper, req *http.Request) {
	for name, rt := range map[string]http.RoundTripper{
		"watching": watching{base}, "ifmatch": NewTransport(base, Resend),
	} {
		b.Run(kind+"/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rt.RoundTrip(req)
			}
		})
	}
}

// byHand is the careful loop that people write, for one conflict.
func byHand(client *http.Client, req *http.Request) (*http.Response, error) {
	resp, err := client.Transport.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusPreconditionFailed {
		return resp, err
	}
	io.CopyN(io.Discard, resp.Body, 64<<10)
	resp.Body.Close()
	head := req.Clone(req.Context())
	head.Method, head.Body, head.GetBody, head.ContentLength = http.MethodHead, nil, nil, 0
	head.Header.Del("If-Match")
	head.Header.Del("Content-Type")
	head.Header.Set("Accept-Encoding", "identity")
	head.Header.Set("Cache-Control", "no-cache")
	fresh, err := client.Transport.RoundTrip(head)
	if err != nil {
		return nil, err
	}
	fresh.Body.Close()
	again := req.Clone(req.Context())
	if again.Body, err = req.GetBody(); err != nil {
		return nil, err
	}
	again.Header.Set("If-Match", fresh.Header.Get("ETag"))
	return client.Transport.RoundTrip(again)
}

// TestRecoveryAllocatesLittle compares one recovery with the loop by hand.
func TestRecoveryAllocatesLittle(t *testing.T) {
	const most = 2560 + 2*704 // two writes are watched, each for 672 B
	if raceEnabled {
		t.Log("counted without the race detector only, which allocates by itself")
		return
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v2"`)
		io.Copy(io.Discard, r.Body)
		if tag := r.Header.Get("If-Match"); tag != "" && tag != `"v2"` {
			http.Error(w, "Precondition Failed", http.StatusPreconditionFailed)
		}
	}))
	defer server.Close()
	for _, size := range []int{1 << 10, 1 << 20, 64 << 20}[:long(3, 2)] {
		data := make([]byte, size)
		measure := func(do func(*http.Request) (*http.Response, error)) uint64 {
			var before, after runtime.MemStats
			req, err := http.NewRequest(http.MethodPut, server.URL, bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("If-Match", `"v1"`)
			req.Header.Set("Content-Type", "text/plain")
			runtime.ReadMemStats(&before)
			resp, err := do(req)
			runtime.ReadMemStats(&after)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(resp, err)
			}
			resp.Body.Close()
			return after.TotalAlloc - before.TotalAlloc
		}
		client := server.Client()
		transport := NewTransport(client.Transport, Resend)
		// The lowest tenth, taken in turns: the server, the pools and the collector
		// allocate now and then in between, and net/http starts a timer of 248 B where
		// an answer arrives before its writer has said that it is through.
		var hand, got []uint64
		for range min(500, max(41, 1<<27/size)) {
			hand = append(hand, measure(func(r *http.Request) (*http.Response, error) { return byHand(client, r) }))
			got = append(got, measure(transport.RoundTrip))
		}
		slices.Sort(hand)
		slices.Sort(got)
		theirs, ours := int64(hand[len(hand)/10]), int64(got[len(got)/10])
		more := ours - theirs
		t.Logf("%d KiB: by hand %d B, ifmatch %d B, difference %d B", size>>10, theirs, ours, more)
		if more > most {
			t.Errorf("%d KiB: one recovery allocates %d B more than by hand, at most %d are fine", size>>10, more, most)
		}
	}
}

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

// TestWaitingIsCheap compares calls in their backoff with the loop by hand: at
// most one and a half times the memory, stacks included, whatever the size of a
// body with GetBody; no goroutine but the caller's; cancelled at once. Below an
// http.Client each of them takes 8 KiB of stack: the frames of the Client and of
// the runtime alone are more than what the collector leaves in 4 KiB.
func TestWaitingIsCheap(t *testing.T) {
	n := long(10_000, 1_000)
	ours := NewTransport(refusingAll{}, Resend, WithBackoff(hourly), WithMaxElapsed(2*time.Hour))
	failing := NewTransport(roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := refusingAll{}.RoundTrip(req)
		resp.Status, resp.StatusCode = "503 Service Unavailable", http.StatusServiceUnavailable
		return resp, err
	}), Resend, WithTransientBackoff(hourly), WithMaxElapsed(2*time.Hour), WithRetryBudget(1<<30, 1))
	byHand := roundTripper(func(r *http.Request) (*http.Response, error) { return byHandWaiting(refusingAll{}, r, time.Hour) })
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
			"503, 1 KiB": {small, failing},
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

// TestUpdateAllocatesLittle: on loopback, without a conflict, an Update allocates at most 1.15
// times as often as GET, the edit and PUT by hand, the server included in both.
func TestUpdateAllocatesLittle(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"n":0,"name":"x"}`)
			return
		}
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	type doc struct {
		N    int    `json:"n"`
		Name string `json:"name"`
	}
	byHand, _ := allocated(func() {
		if err := byHandOnce(server.Client(), server.URL, new(doc), func(d *doc) { d.N++ }); err != nil {
			t.Error(err)
		}
	})
	client := &http.Client{Transport: NewTransport(server.Client().Transport, Stop)}
	got, _ := allocated(func() {
		if _, err := Update(t.Context(), client, server.URL, func(d *doc) error { d.N++; return nil }); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%v allocations, %v by hand: %.2f", got, byHand, got/byHand)
	if got > 1.15*byHand && !raceEnabled { // the race detector allocates, too
		t.Errorf("%v allocations, %v by hand", got, byHand)
	}
}

// byHandOnce reads a document, edits it and writes it back under its tag.
func byHandOnce[T any](c *http.Client, url string, doc *T, edit func(*T)) error {
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err == nil {
		err = json.Unmarshal(body, doc)
	}
	if err != nil {
		return err
	}
	edit(doc)
	if body, err = json.Marshal(doc); err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("If-Match", resp.Header.Get("ETag"))
	if resp, err = c.Do(req); err != nil {
		return err
	}
	io.Copy(io.Discard, resp.Body)
	return resp.Body.Close()
}

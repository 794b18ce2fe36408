package ifmatch

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
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

func happyRequests(t testing.TB, ctx context.Context) map[string]*http.Request {
	t.Helper()
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.test/doc", nil)
	if err != nil {
		t.Fatal(err)
	}
	requests := map[string]*http.Request{"GET": get}
	for name, size := range map[string]int{"PUT 1 KiB": 1 << 10, "PUT 1 MiB": 1 << 20} {
		put, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://example.test/doc", bytes.NewReader(make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		put.Header.Set("If-Match", `"v1"`)
		requests[name] = put
	}
	return requests
}

func TestHappyPathAllocatesNothing(t *testing.T) {
	base := answering{&http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}}
	perCall := WithOptions(context.Background(), OnConflict(Stop), WithMaxAttempts(8))
	for where, ctx := range map[string]context.Context{"plain": context.Background(), "with options": perCall} {
		for name, req := range happyRequests(t, ctx) {
			for _, policy := range []Policy{Stop, Resend, Rebuild(nil)} {
				tr := NewTransport(base, policy)
				got := testing.AllocsPerRun(200, func() { tr.RoundTrip(req) })
				want := testing.AllocsPerRun(200, func() { base.RoundTrip(req) })
				if got != want {
					t.Errorf("%s %s %v: %v allocations, %v without the Transport", name, where, policy, got, want)
				}
			}
		}
	}
}

func BenchmarkHappyPath(b *testing.B) {
	base := answering{&http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}}
	req := happyRequests(b, context.Background())["PUT 1 KiB"]
	for name, rt := range map[string]http.RoundTripper{
		"watching": watching{base}, "ifmatch": NewTransport(base, Resend),
	} {
		b.Run(name, func(b *testing.B) {
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
	for _, size := range []int{1 << 10, 1 << 20, 64 << 20} {
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
		for range min(500, max(41, 1<<28/size)) {
			hand = append(hand, measure(func(r *http.Request) (*http.Response, error) { return byHand(client, r) }))
			got = append(got, measure(transport.RoundTrip))
		}
		slices.Sort(hand)
		slices.Sort(got)
		theirs, ours := int64(hand[len(hand)/10]), int64(got[len(got)/10])
		more := ours - theirs
		t.Logf("%d KiB: by hand %d B, ifmatch %d B, difference %d B", size>>10, theirs, ours, more)
		if more > 2560 {
			t.Errorf("%d KiB: one recovery allocates %d B more than by hand, at most 2560 are fine", size>>10, more)
		}
	}
}

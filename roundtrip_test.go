package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// TestContract runs the public suite, also where every refusal is sent again.
func TestContract(t *testing.T) {
	soon := WithTransientBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(time.Millisecond) })
	own := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		if _, err := c.Current(ctx); err != nil {
			return Decision{}, err
		}
		return c.Resend(), nil
	})
	for name, policy := range map[string]Policy{"Stop": Stop, "Resend": Resend, "own": own, "Unconditional": Unconditional} {
		t.Run(name, func(t *testing.T) {
			ifmatchtest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
				return NewTransport(base, policy, soon)
			})
		})
	}
	t.Run("two", func(t *testing.T) {
		ifmatchtest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
			return NewTransport(NewTransport(base, Stop, soon), Resend, soon)
		})
	})
}

// TestRefreshRequest looks at every field of the write and of the refresh.
func TestRefreshRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		kept := []string{"Authorization: Bearer x", "Cookie: a=b", "Accept: text/plain", "Accept-Language: de", "X-Ms-Version: 1", "Traceparent: 00"}
		dropped := []string{
			"Content-Language: de", "Content-Md5: x", "Prefer: return=minimal", "Range: bytes=0-1", "Te: trailers",
			"X-Amz-Meta-A: 1", "X-Amz-Checksum-Crc32: x", "X-Ms-Meta-A: 1", "X-Goog-Meta-A: 1", "Digest: x", "Repr-Digest: x",
			"X-Goog-Hash: x", "X-Ms-Blob-Type: BlockBlob", "X-Http-Method-Override: PUT", "Overwrite: T", "Destination: /x",
			"X-Amz-Copy-Source: /x", "X-Amz-Content-Sha256: x",
		}
		fields := append(append([]string{stale, "Accept-Encoding: br", "Cache-Control: max-age=5"}, kept...), dropped...)
		for _, policy := range []Policy{Resend, rebuilding} {
			origin.ResetLog()
			send(t, origin, policy, http.MethodPut, append(fields, `If-Match: "v0"`))
			log := origin.Log()
			if len(log) < 2 {
				t.Fatalf("%d requests", len(log))
			}
			h := log[1].Header
			for _, field := range kept {
				name, value, _ := strings.Cut(field, ": ")
				if h.Get(name) != value {
					t.Errorf("%s of the refresh: %q, want %q", name, h.Get(name), value)
				}
			}
			for _, field := range append(dropped, stale, "Content-Type: text/plain", "Content-Length: 4") {
				if name, _, _ := strings.Cut(field, ": "); h.Values(name) != nil {
					t.Errorf("the refresh carries %s: %q", name, h.Values(name))
				}
			}
			if len(log[1].Body) > 0 {
				t.Errorf("the refresh has a body")
			}
			for name, want := range map[string]string{"Accept-Encoding": "identity", "Cache-Control": "no-cache", "Pragma": "no-cache"} {
				if !cmp.Equal(h.Values(name), []string{want}) {
					t.Errorf("%s of the refresh: %q, want %q", name, h.Values(name), want)
				}
			}
		}
	})
}

// TestRewrittenWrite shows that nothing but the precondition changes.
func TestRewrittenWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		got := send(t, origin, Resend, http.MethodPut, []string{stale, `If-Match: "v0"`, longAgo, "X-Mine: 1", "Content-Md5: x"})
		log := origin.Log()
		if len(log) != 3 {
			t.Fatal(got.summary())
		}
		first, last := log[0].Header.Clone(), log[2].Header.Clone()
		if !cmp.Equal(last.Values("If-Match"), []string{`"v2"`}) {
			t.Errorf("If-Match %q", last.Values("If-Match"))
		}
		if modified := got.outcome.Exchanges[1].Received.LastModified; last.Get("If-Unmodified-Since") != modified || modified == "" {
			t.Errorf("If-Unmodified-Since %q, want the server's %q", last.Get("If-Unmodified-Since"), modified)
		}
		for _, h := range []http.Header{first, last} {
			h.Del("If-Match")
			h.Del("If-Unmodified-Since")
		}
		if diff := cmp.Diff(first, last); diff != "" {
			t.Errorf("other fields changed (-first +last):\n%s", diff)
		}
		if !bytes.Equal(log[0].Body, log[2].Body) {
			t.Errorf("body %q, then %q", log[0].Body, log[2].Body)
		}
	})
}

// TestReplaceForgetsOldBody is rule 18.
func TestReplaceForgetsOldBody(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		old := []string{"Content-Encoding: identity", "Content-Md5: x", "Digest: x", "Content-Digest: x", "Repr-Digest: x", "X-Amz-Checksum-Crc32: x", "X-Amz-Content-Sha256: x", "X-Goog-Hash: x",
			"X-Amz-Decoded-Content-Length: 1", "X-Amz-Sdk-Checksum-Algorithm: x", "X-Amz-Trailer: x", "X-Ms-Blob-Content-Md5: x", "X-Ms-Content-Crc64: x"}
		send(t, origin, rebuilding, http.MethodPut, append(old, stale))
		log := origin.Log()
		last := log[len(log)-1]
		for _, field := range old {
			if name, _, _ := strings.Cut(field, ": "); last.Header.Values(name) != nil {
				t.Errorf("the rebuilt write still carries %s", name)
			}
		}
		if last.Header.Get("Content-Type") != "text/plain" || string(last.Body) != "theirs+mine" {
			t.Errorf("%v %q", last.Header, last.Body)
		}
	})
}

// TestVaryAcceptEncoding: net/http would ask for gzip on the write.
func TestVaryAcceptEncoding(t *testing.T) {
	for given, want := range map[string]string{"": "identity", "br": "br"} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"v2"`)
				w.Header().Set("Vary", "accept-encoding")
			}).On("HEAD"))
			fields := []string{stale}
			if given != "" {
				fields = append(fields, "Accept-Encoding: "+given)
			}
			send(t, origin, Resend, http.MethodPut, fields)
			log := origin.Log()
			if got := log[len(log)-1].Header.Get("Accept-Encoding"); got != want {
				t.Errorf("Accept-Encoding %q on the repeated write, want %q", got, want)
			}
		})
	}
}

// TestPerCall lays options over those of the client, one by one.
func TestPerCall(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.CompetingWriter(0, nil))
		rt := NewTransport(origin.Client().Transport, Resend, WithMaxAttempts(2))
		for _, test := range []struct {
			opts []Option
			want int
		}{
			{nil, 2},
			{[]Option{WithMaxAttempts(3)}, 3},
			{[]Option{WithMaxAttempts(3), WithMaxAttempts(5)}, 5},
			{[]Option{WithMaxAttempts(3), OnConflict(Stop)}, 1},
			{[]Option{OnConflict(nil)}, 1},
			{[]Option{Options{OnConflict(Stop), nil, Options{OnConflict(Resend), WithMaxAttempts(6)}}}, 6},
			{[]Option{WithMaxAttempts(0)}, 4},
			{[]Option{WithMaxAttempts(-1), WithMaxElapsed(-1), WithMaxRepresentation(-1), WithBackoff(nil), WithRefreshRequest(nil), WithTrace(nil), WithLogger(nil), nil}, 4},
		} {
			got := sendVia(t, rt, newWrite(t, WithOptions(context.Background(), test.opts...), origin, http.MethodPut, []string{stale}))
			if got.outcome.Attempts != test.want {
				t.Errorf("%v attempts, want %d: %s", got.outcome.Attempts, test.want, got.summary())
			}
		}
		inner := WithOptions(WithOptions(context.Background(), WithMaxAttempts(3)), OnConflict(Resend))
		if got := sendVia(t, rt, newWrite(t, inner, origin, http.MethodPut, []string{stale})); got.outcome.Attempts != 3 {
			t.Errorf("nested contexts: %s", got.summary())
		}
	})
}

// TestKeptRefusal is the refusal after giving up: its body readable, cut at
// 64 KiB, untouched under Stop.
func TestKeptRefusal(t *testing.T) {
	large := strings.Repeat("x", 100<<10)
	for _, test := range []struct {
		policy Policy
		body   string
		want   int
		err    error
	}{
		{Resend, "short", 5, nil},
		{Resend, "", 0, nil},
		{Resend, large[:64<<10], 64 << 10, nil},
		{Resend, large, 64 << 10, ErrTooLarge},
		{Stop, large, 100 << 10, nil},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusPreconditionFailed)
				io.WriteString(w, test.body)
			}).On("PUT"))
			got := send(t, origin, test.policy, http.MethodPut, []string{stale}, WithMaxAttempts(1))
			if len(got.body) != test.want || !errors.Is(got.bodyErr, test.err) {
				t.Errorf("%v: %d bytes of %d, %v", test.policy, len(got.body), len(test.body), got.bodyErr)
			}
		})
	}
}

// TestDrippingRefusal: a body that never ends doesn't hold up what is done. It
// runs in real time: a Close beside a Read ends the Read 50 ms later since Go 1.27,
// and in a synctest bubble never (golang/go#81404).
func TestDrippingRefusal(t *testing.T) {
	t.Parallel()
	dripping := func(n int) ifmatchtest.Fault {
		return ifmatchtest.Reply(n, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusPreconditionFailed)
			io.WriteString(w, "refused")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}).On("PUT")
	}
	origin := newOrigin()
	defer origin.Close()
	origin.Inject(dripping(2))
	start := time.Now()
	got := send(t, origin, Resend, http.MethodPut, []string{stale})
	if got.summary() != "PUT 412, HEAD 200, PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed, overwrote" {
		t.Error(got.summary())
	}
	if took := time.Since(start); took < 2*time.Second || took > 4*time.Second {
		t.Errorf("took %v, a second for each dripping body", took)
	}
	origin.Inject(dripping(1))
	got = send(t, origin, Resend, http.MethodPut, []string{stale}, WithMaxAttempts(1))
	if got.body != "refused" || got.bodyErr == nil {
		t.Errorf("%q, %v", got.body, got.bodyErr)
	}
}

// TestNotReplayable: a body that can't be had again isn't sent again.
func TestNotReplayable(t *testing.T) {
	for name, getBody := range map[string]func() (io.ReadCloser, error){
		"fails": func() (io.ReadCloser, error) { return nil, io.ErrClosedPipe },
		"nil":   func() (io.ReadCloser, error) { return nil, nil },
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			req := newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
			req.GetBody = getBody
			got := sendVia(t, NewTransport(origin.Client().Transport, Resend), req)
			if got.err != nil || got.resp.StatusCode != 412 || got.outcome.Cause != CauseNotReplayable || !errors.Is(got.outcome.Err, ErrNotReplayable) {
				t.Errorf("%s: %s, %v, %v", name, got.summary(), got.err, got.outcome.Err)
			}
			if name == "fails" && !errors.Is(got.outcome.Err, io.ErrClosedPipe) {
				t.Errorf("the error of GetBody is lost: %v", got.outcome.Err)
			}
			if got.body == "" {
				t.Errorf("%s: the refusal has no body", name)
			}
			// A policy that makes the body itself needs none.
			req = newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
			req.GetBody = getBody
			if got := sendVia(t, NewTransport(origin.Client().Transport, rebuilding), req); got.outcome.Effect != EffectApplied {
				t.Errorf("%s, rebuild: %s", name, got.summary())
			}
		})
	}
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		// Nothing was copied: a 428 to a write without a precondition is rare.
		origin.Inject(ifmatchtest.RequirePrecondition())
		req := newWrite(t, context.Background(), origin, http.MethodPut, nil)
		req.GetBody = nil
		got := sendVia(t, NewTransport(origin.Client().Transport, Resend), req)
		if got.err != nil || got.resp.StatusCode != 428 || got.outcome.Cause != CauseNotReplayable || got.body == "" {
			t.Errorf("%s, %v", got.summary(), got.outcome.Err)
		}
	})
}

// TestGetBodyOfAnotherLength: net/http notices and the call ends.
func TestGetBodyOfAnotherLength(t *testing.T) {
	for _, second := range []string{"m", "mine and more"} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			req := newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(second)), nil }
			got := sendVia(t, NewTransport(origin.Client().Transport, Resend), req)
			if got.err == nil || got.outcome.Effect != EffectUnknown || stateOf(origin) == second {
				t.Errorf("%s, %v, state %q", got.summary(), got.err, stateOf(origin))
			}
		})
	}
}

// TestCancelledWait: an error at once that matches the context's and names the
// last status; a wait that outlives the deadline isn't begun.
func TestCancelledWait(t *testing.T) {
	slow := WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(time.Minute) })
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		why := errors.New("the user went home")
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(5*time.Second, func() { cancel(why) })
		start := time.Now()
		rt := NewTransport(origin.Client().Transport, Resend, slow, WithMaxElapsed(time.Hour))
		got := sendVia(t, rt, newWrite(t, ctx, origin, http.MethodPut, []string{stale}))
		var conflict *ConflictError
		if !errors.Is(got.err, context.Canceled) || !errors.Is(got.err, why) || !errors.Is(got.err, ErrConflict) || !errors.As(got.err, &conflict) {
			t.Fatalf("error %v", got.err)
		}
		if conflict.StatusCode != 412 || !strings.Contains(got.err.Error(), "412") || len(conflict.Body) == 0 {
			t.Errorf("%v: %d %q", got.err, conflict.StatusCode, conflict.Body)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
		if got.outcome.Waited != 5*time.Second || got.outcome.Effect != EffectNotApplied {
			t.Errorf("outcome %+v", got.outcome)
		}

		cancelled := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(cancelled) })
		req := newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
		req.Cancel = cancelled
		if got := sendVia(t, rt, req); !errors.Is(got.err, context.Canceled) {
			t.Errorf("Request.Cancel: %v", got.err)
		}

		ctx, cancelTimeout := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancelTimeout()
		start = time.Now()
		got = sendVia(t, rt, newWrite(t, ctx, origin, http.MethodPut, []string{stale}))
		if got.err != nil || got.resp.StatusCode != 412 || !errors.Is(got.outcome.Err, ErrElapsed) || !errors.Is(got.outcome.Err, context.DeadlineExceeded) || time.Since(start) != 0 {
			t.Errorf("deadline: %s, %v, %v", got.summary(), got.err, got.outcome.Err)
		}
		got = send(t, origin, Resend, http.MethodPut, []string{stale}, slow)
		if got.err != nil || got.resp.StatusCode != 412 || !errors.Is(got.outcome.Err, ErrElapsed) {
			t.Errorf("WithMaxElapsed: %s, %v", got.summary(), got.outcome.Err)
		}
	})
}

// TestSilentRefresh: a refresh that never ends does so with the limits; the
// refusal is returned, or the context's error.
func TestSilentRefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				io.WriteString(w, "beginning")
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		}).On("HEAD", "GET"))
		for _, policy := range []Policy{Resend, rebuilding} {
			start := time.Now()
			got := send(t, origin, policy, http.MethodPut, []string{stale}, WithMaxElapsed(10*time.Second))
			if got.err != nil || got.resp.StatusCode != 412 || got.body == "" || got.outcome.Cause != CauseRefreshFailed || !errors.Is(got.outcome.Err, ErrElapsed) {
				t.Errorf("%s, %v, %v", got.summary(), got.err, got.outcome.Err)
			}
			if took := time.Since(start); took != 10*time.Second {
				t.Errorf("took %v", took)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			got = sendVia(t, NewTransport(origin.Client().Transport, policy), newWrite(t, ctx, origin, http.MethodPut, []string{stale}))
			cancel()
			if !errors.Is(got.err, context.DeadlineExceeded) || !errors.Is(got.err, ErrConflict) {
				t.Errorf("context: %s, %v", got.summary(), got.err)
			}
		}
	})
}

// TestLargeState: a refresh that needs the tag reads at most 64 KiB, one that
// needs the state at most what is allowed.
func TestLargeState(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			var sent atomic.Int64
			origin.Inject(ifmatchtest.NoHead(405), ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"v2"`)
				if !chunked {
					w.Header().Set("Content-Length", "8388608")
				}
				for sent.Store(0); sent.Load() < 8<<20; sent.Add(1024) {
					if _, err := w.Write(make([]byte, 1024)); err != nil {
						return
					}
				}
			}).On("GET"))
			if got := send(t, origin, Resend, http.MethodPut, []string{stale}); got.outcome.Effect != EffectApplied {
				t.Error(got.summary(), got.outcome.Err)
			}
			// What was read, the buffers on the way, and what net/http drains of a
			// closed body since Go 1.27.
			if sent := sent.Load(); sent > 128<<10+256<<10 {
				t.Errorf("the server could send %d bytes", sent)
			}
			got := send(t, origin, rebuilding, http.MethodPut, []string{stale}, WithMaxRepresentation(1<<20))
			if got.err != nil || got.outcome.Cause != CauseRefreshFailed || !errors.Is(got.outcome.Err, ErrTooLarge) {
				t.Errorf("%s, %v", got.summary(), got.outcome.Err)
			}
		})
	}
}

// TestBackoff takes any policy of backoff/v4, stateful ones too.
func TestBackoff(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.CompetingWriter(0, nil))
		pace := WithBackoff(func() backoff.BackOff {
			return backoff.WithMaxRetries(backoff.NewConstantBackOff(2*time.Second), 2)
		})
		for range 2 { // a fresh one for each call
			start := time.Now()
			got := send(t, origin, Resend, http.MethodPut, []string{stale}, pace, WithMaxAttempts(9))
			if got.outcome.Attempts != 3 || !errors.Is(got.outcome.Err, ErrAttempts) || time.Since(start) != 4*time.Second || got.outcome.Waited != 4*time.Second {
				t.Errorf("%s, %v after %v", got.summary(), got.outcome.Err, time.Since(start))
			}
			for i, e := range got.outcome.Exchanges {
				if want := 2 * time.Second; e.Method == "HEAD" && e.Wait != want || e.Method == "PUT" && e.Wait != 0 {
					t.Errorf("exchange %d %v waited %v: the wait is before the refresh", i, e, e.Wait)
				}
			}
		}
	})
}

// TestRetryAfterOnRefusal is waited out before the refresh.
func TestRetryAfterOnRefusal(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.Refuse(1).WithHeader("Retry-After", "3"))
		start := time.Now()
		got := send(t, origin, Resend, http.MethodPut, []string{stale})
		if got.outcome.Effect != EffectApplied || time.Since(start) != 3*time.Second {
			t.Errorf("%s after %v", got.summary(), time.Since(start))
		}
	})
}

// TestTwoTransports: retries don't multiply, yet Stop below leaves the refusal
// to a policy above.
func TestTwoTransports(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.CompetingWriter(0, nil))
		lower := NewTransport(origin.Client().Transport, Resend)
		got := sendVia(t, NewTransport(lower, Resend), newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
		if got.summary() != "PUT 412, HEAD 200, PUT 412, HEAD 200, PUT 412, HEAD 200, PUT 412 | 412 | not applied, changed" || len(origin.Log()) != 7 {
			t.Errorf("%d requests: %s", len(origin.Log()), got.summary())
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		lower := NewTransport(origin.Client().Transport, Stop)
		got := sendVia(t, NewTransport(lower, Resend), newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
		if got.summary() != "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote" {
			t.Error(got.summary())
		}
	})
}

// TestZeroTransport uses http.DefaultTransport as found, and says so where that
// would loop.
func TestZeroTransport(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	origin := ifmatchtest.NewServer()
	defer origin.Close()
	origin.Put("/doc", "text/plain", []byte("theirs"))

	http.DefaultTransport = origin.Client().Transport
	if got := sendVia(t, new(Transport), newWrite(t, t.Context(), origin, http.MethodPut, []string{`If-Match: "v9"`})); got.summary() != "PUT 412 | 412 | not applied, changed" {
		t.Error(got.summary())
	}
	if got := sendVia(t, new(Transport), newWrite(t, WithOptions(t.Context(), OnConflict(Resend)), origin, http.MethodPut, []string{`If-Match: "v9"`})); got.outcome.Effect != EffectApplied {
		t.Error(got.summary())
	}
	// In place of the default: taken at construction, so nothing loops.
	http.DefaultTransport = NewTransport(nil, Resend)
	resp, err := http.DefaultClient.Do(newWrite(t, t.Context(), origin, http.MethodPut, []string{`If-Match: "v9"`}))
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp, err)
	}
	resp.Body.Close()

	for _, base := range []http.RoundTripper{new(Transport), nil} {
		http.DefaultTransport = base
		closed := 0
		req := newWrite(t, t.Context(), origin, http.MethodPut, nil)
		req.Body = closing{strings.NewReader("mine"), &closed}
		if _, err := new(Transport).RoundTrip(req); err == nil || !strings.Contains(err.Error(), "NewTransport") || closed != 1 {
			t.Errorf("base %v: error %v, body closed %d times", base, err, closed)
		}
		new(Transport).CloseIdleConnections()
	}
	http.DefaultTransport = nil
	if _, err := NewClient(Stop).Get(origin.URL); err == nil {
		t.Error("no error without any base")
	}
}

type closing struct {
	io.Reader
	closed *int
}

func (c closing) Close() error { *c.closed++; return nil }

// TestPolicies that misbehave: each has a defined end and sends nothing wrong.
func TestPolicies(t *testing.T) {
	why := errors.New("no idea how to merge")
	var old *Conflict
	tests := []struct {
		name   string
		policy PolicyFunc
		want   string
		err    error // in the chain of RoundTrip's error
		text   string
	}{
		{name: "nil", policy: nil, want: "PUT 412 | 412 | not applied, changed"},
		{name: "decides nothing", policy: func(ctx context.Context, c *Conflict) (Decision, error) { return Decision{}, nil }, want: "PUT 412 | 412 | not applied, changed"},
		{name: "asks and stops", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			v, err := c.Validators(ctx)
			if again, _ := c.Validators(ctx); again != v || v.ETag != `"v2"` || err != nil {
				t.Errorf("validators %v, then %v, %v", v, again, err)
			}
			return Decision{}, nil
		}, want: "PUT 412, HEAD 200 | 412 | not applied, changed"},
		{name: "reads and resends", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			current, err := c.Current(ctx)
			if err != nil || string(current.Body) != "theirs" || current.ETag != `"v2"` {
				t.Errorf("%v, %v", current, err)
			}
			current.Body, current.ETag = nil, `"forged"`
			return c.Resend(), nil
		}, want: "PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote"},
		{name: "asks, then reads", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Validators(ctx)
			c.Current(ctx)
			return c.Replace([]byte("merged")), nil
		}, want: "PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed"},
		{name: "fails", policy: func(ctx context.Context, c *Conflict) (Decision, error) { return c.Resend(), why }, want: "PUT 412 | error | not applied, changed", err: why},
		{name: "replaces unread", policy: func(ctx context.Context, c *Conflict) (Decision, error) { return c.Replace([]byte("x")), nil }, want: "PUT 412 | error | not applied, changed", text: "without having read Current"},
		{name: "replaces after validators only", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Validators(ctx)
			return c.Replace([]byte("x")), nil
		}, want: "PUT 412, HEAD 200 | error | not applied, changed", text: "without having read Current"},
		{name: "decision of another conflict", policy: func(ctx context.Context, c *Conflict) (Decision, error) { return old.Resend(), nil }, want: "PUT 412 | error | not applied, changed", text: "another Conflict"},
		{name: "changes the request", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Request.URL.Host, c.Request.Host, c.Request.Method = "elsewhere.test", "elsewhere.test", "DELETE"
			c.Request.Header.Set("If-Match", "*")
			c.Response.Header.Set("ETag", `"x"`)
			io.Copy(io.Discard, c.Response.Body)
			c.Response.Body.Close()
			return c.Resend(), nil
		}, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote"},
		{name: "changes the header", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Header().Set("X-Why", "conflict")
			c.Header().Set("If-Match", "*")
			c.Header().Set("If-None-Match", "*")
			c.Header().Set("Host", "elsewhere.test")
			return c.Resend(), nil
		}, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				old = &Conflict{}
				got := send(t, origin, test.policy, http.MethodPut, []string{stale})
				if got.summary() != test.want {
					t.Errorf("got  %s\nwant %s\n%v", got.summary(), test.want, got.err)
				}
				if test.err != nil && !errors.Is(got.err, test.err) || !strings.Contains(errorText(got.err), test.text) {
					t.Errorf("error %v", got.err)
				}
				if got.err == nil && got.resp.StatusCode == 412 && got.body == "" {
					t.Error("the refusal's body was lost")
				}
				for _, r := range origin.Log() {
					if r.Method == "PUT" && (r.Header.Get("If-Match") == "*" || r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Match") == "") {
						t.Errorf("sent %v", r.Header)
					}
				}
			})
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestPolicySetsKey: a new Idempotency-Key makes the write sendable again.
func TestPolicySetsKey(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		policy := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			if !c.Ambiguous {
				t.Error("net/http repeats a request with an Idempotency-Key: ambiguous")
			}
			c.Header().Set("Idempotency-Key", "second")
			return c.Resend(), nil
		})
		got := send(t, origin, policy, http.MethodPut, []string{stale, "Idempotency-Key: first"})
		if got.outcome.Effect != EffectApplied || origin.Log()[2].Header.Get("Idempotency-Key") != "second" {
			t.Error(got.summary())
		}
	})
}

// TestPanickingPolicy: the panic goes on and nothing stays open.
func TestPanickingPolicy(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		func() {
			defer func() {
				if recover() != "broken" {
					t.Error("the panic was lost")
				}
			}()
			send(t, origin, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
				c.Current(ctx)
				panic("broken")
			}), http.MethodPut, []string{stale})
		}()
		if got := send(t, origin, Resend, http.MethodPut, []string{stale}); got.outcome.Effect != EffectApplied {
			t.Error(got.summary())
		}
		if n := origin.Connections(); n != 1 {
			t.Errorf("%d connections: one was left open", n)
		}
	})
}

// TestWithRefreshRequest stays at the origin, whatever f does.
func TestWithRefreshRequest(t *testing.T) {
	for name, test := range map[string]struct {
		f    func(*http.Request) (*http.Request, error)
		want string
	}{
		"query": {func(r *http.Request) (*http.Request, error) { r.URL.RawQuery = "fresh=1"; return r, nil }, "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote"},
		"GET":   {func(r *http.Request) (*http.Request, error) { r.Method = ""; return r, nil }, "PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote"},
		"nil":   {func(r *http.Request) (*http.Request, error) { return nil, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"error": {func(r *http.Request) (*http.Request, error) { return r, io.ErrClosedPipe }, "PUT 412 | 412 | not applied, refresh failed"},
		"host":  {func(r *http.Request) (*http.Request, error) { r.URL.Host = "elsewhere.test"; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"Host":  {func(r *http.Request) (*http.Request, error) { r.Host = "elsewhere.test"; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"https": {func(r *http.Request) (*http.Request, error) { r.URL.Scheme = "https"; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"POST":  {func(r *http.Request) (*http.Request, error) { r.Method = "POST"; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"body": {func(r *http.Request) (*http.Request, error) {
			r.Body = io.NopCloser(strings.NewReader("x"))
			return r, nil
		}, "PUT 412 | 412 | not applied, refresh failed"},
		"no URL": {func(r *http.Request) (*http.Request, error) { r.URL = nil; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			got := send(t, origin, Resend, http.MethodPut, []string{stale, "Authorization: Bearer secret"}, WithRefreshRequest(test.f))
			if got.summary() != test.want {
				t.Errorf("%s: got  %s\nwant %s, %v", name, got.summary(), test.want, got.outcome.Err)
			}
			for _, r := range origin.Log() {
				if r.Method == "PUT" && r.Path != "/doc" {
					t.Errorf("%s: the write went to %s", name, r.Path)
				}
			}
		})
	}
}

// TestObservers: trace, logger and outcome tell the same, and no secret.
func TestObservers(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var seen []string
		var done Outcome
		trace := &Trace{
			Refused:    func(i RefusedInfo) { seen = append(seen, "refused "+i.Sent.ETag) },
			Refreshing: func(i RefreshInfo) { seen = append(seen, "refreshing "+i.Method) },
			Waiting:    func(i WaitInfo) { seen = append(seen, "waiting "+i.Reason) },
			Done:       func(o Outcome) { done = o },
		}
		var log bytes.Buffer
		rt := NewTransport(origin.Client().Transport, Resend, WithTrace(trace),
			WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		origin.Inject(ifmatchtest.WeakFor(time.Second))
		req := newWrite(t, WithOptions(context.Background(), WithTrace(trace), WithTrace(&Trace{})), origin, http.MethodPut, []string{stale, "Authorization: Bearer hush"})
		req.URL.RawQuery = "sig=hush&plain"
		req.URL.User = url.UserPassword("me", "hush")
		got := sendVia(t, rt, req)
		want := []string{"refused \"v1\"", "refused \"v1\"", "refreshing HEAD", "refreshing HEAD", "waiting validator of the last second", "waiting validator of the last second", "refreshing HEAD", "refreshing HEAD"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("trace (-want +got):\n%s", diff)
		}
		if len(done.Exchanges) != 4 || got.outcome.Effect != done.Effect || got.outcome.Waited != time.Second {
			t.Errorf("done %+v\noutcome %+v", done, got.outcome)
		}
		if o, ok := OutcomeOf(got.resp); !ok || o.Effect != EffectApplied || len(o.Exchanges) != 4 {
			t.Errorf("OutcomeOf %+v, %v", o, ok)
		}
		for _, e := range got.outcome.Exchanges {
			if strings.Contains(e.URL, "hush") || strings.Contains(e.URL, "plain") {
				t.Errorf("exchange names %s", e.URL)
			}
		}
		if text := log.String(); strings.Contains(text, "hush") || !strings.Contains(text, "conflict resolved") {
			t.Errorf("log:\n%s", text)
		}
	})
}

// TestOutcomeOfUntouched: only WithOutcome tells of an answer that came through.
func TestOutcomeOfUntouched(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		got := send(t, origin, Resend, http.MethodPut, []string{`If-Match: "v2"`})
		if _, ok := OutcomeOf(got.resp); ok || got.outcome.Attempts != 1 {
			t.Errorf("%v, %+v", ok, got.outcome)
		}
		if _, ok := OutcomeOf(nil); ok {
			t.Error("outcome of nil")
		}
		if _, ok := OutcomeOf(&http.Response{Header: http.Header{"X-Outcome": {"applied"}}}); ok {
			t.Error("outcome of a response without a request")
		}
		origin.Inject(ifmatchtest.LostAnswer(1))
		if got := send(t, origin, Stop, http.MethodPut, nil); got.err == nil || got.outcome.Effect != EffectUnknown {
			t.Errorf("%s, %v", got.summary(), got.err)
		}
	})
}

// TestNoGoroutineStays while waiting and after it.
func TestNoGoroutineStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := refusing{}
		rt := NewTransport(base, Resend, WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(time.Second) }))
		req, _ := http.NewRequest(http.MethodPut, "http://example.test/", strings.NewReader("x"))
		req.Header.Set("If-Match", `"v1"`)
		resp, err := rt.RoundTrip(req)
		if err != nil || resp.StatusCode != 412 {
			t.Fatal(resp, err)
		}
	}) // the bubble fails when a goroutine is left
}

// refusing answers every write with 412 and every read with another tag.
type refusing struct{}

func (refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body.Close()
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"` + time.Now().Format("150405.000") + `"`}}, Body: http.NoBody, Request: req}
	if !semantics.Safe(req.Method) {
		resp.StatusCode, resp.Body = http.StatusPreconditionFailed, io.NopCloser(strings.NewReader("refused"))
	}
	return resp, nil
}

// TestBadRequests behave as they do with the base alone.
func TestBadRequests(t *testing.T) {
	origin := ifmatchtest.NewServer()
	defer origin.Close()
	for name, change := range map[string]func(*http.Request){
		"nil URL":        func(r *http.Request) { r.URL = nil },
		"invalid method": func(r *http.Request) { r.Method = "PU T" },
		"nil header":     func(r *http.Request) { r.Header = nil },
		"no host":        func(r *http.Request) { r.URL = &url.URL{Scheme: "http"} },
		"bad field":      func(r *http.Request) { r.Header["If-Match"] = []string{"\n"} },
	} {
		closed := 0
		req := newWrite(t, t.Context(), origin, http.MethodPut, []string{stale})
		req.Body = closing{strings.NewReader("mine"), &closed}
		change(req)
		want, wantErr := origin.Client().Transport.RoundTrip(req.Clone(t.Context()))
		got, err := NewTransport(origin.Client().Transport, Resend).RoundTrip(req)
		if (want == nil) != (got == nil) || errorText(wantErr) != errorText(err) {
			t.Errorf("%s: %v, %v without, %v, %v with the Transport", name, want, wantErr, got, err)
		}
		for _, resp := range []*http.Response{want, got} {
			if resp != nil {
				resp.Body.Close()
			}
		}
		if closed != 2 {
			t.Errorf("%s: body closed %d times in two calls", name, closed)
		}
	}
	// A base that refuses even those must not make us panic.
	req := &http.Request{Method: http.MethodPut, Header: http.Header{"If-Match": {`"v1"`}}}
	if resp, err := NewTransport(refusing{}, Resend).RoundTrip(req); err == nil && resp.StatusCode != 412 {
		t.Error(resp, err)
	}
}

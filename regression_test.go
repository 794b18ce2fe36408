package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// Each of these once failed.

// TestHostileLength: a Content-Length that no memory can hold is no panic.
func TestHostileLength(t *testing.T) {
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := refusing{}.RoundTrip(r)
		resp.ContentLength = math.MaxInt64
		return resp, err
	})
	req, _ := http.NewRequest(http.MethodPut, "http://example.test/", strings.NewReader("x"))
	req.Header.Set("If-Match", `"v1"`)
	if resp, err := NewTransport(base, Resend).RoundTrip(req); err != nil || resp.StatusCode != http.StatusPreconditionFailed {
		t.Error(resp, err)
	}
}

// TestZeroTransportInTheDefault: a zero Transport that hides in
// http.DefaultTransport ends with an error, not with the stack.
func TestZeroTransportInTheDefault(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	zero := new(Transport)
	http.DefaultTransport = roundTripper(func(r *http.Request) (*http.Response, error) { return zero.RoundTrip(r) })
	if resp, err := http.Get("http://127.0.0.1:1/"); err == nil || !errors.Is(err, errZeroTransport) {
		t.Error(resp, err)
	}
}

// TestLargestMaxRepresentation: WithMaxRepresentation(math.MaxInt64) is no panic.
func TestLargestMaxRepresentation(t *testing.T) {
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("PANIC %v", r)
		}
	}()
	o := ifmatchtest.NewServer()
	defer o.Close()
	o.Put("/doc", "text/plain", []byte("a"))
	send(t, o, rebuilding, "PUT", []string{`If-Match: "v9"`}, WithMaxRepresentation(math.MaxInt64))
}

// TestOverwroteAfterFalseRefusal: a write under a fresh tag that is refused without reason still replaces an unseen state.
func TestOverwroteAfterFalseRefusal(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Refuse(1).After(1))
		got := send(t, o, Resend, "PUT", []string{stale})
		if !got.outcome.Overwrote || got.outcome.Cause == CauseFalseConflict {
			t.Errorf("%s", got.summary())
		}
	})
}

// TestValidatorsThenCurrent: what Current read counts, not that Validators saw the refused tag.
func TestValidatorsThenCurrent(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.StaleReads(2))
		send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Validators(ctx)
			c.Current(ctx)
			return c.Replace([]byte("merged")), nil
		}), "PUT", []string{stale})
		if stateOf(o) != "merged" {
			t.Error("state", stateOf(o))
		}
	})
}

// TestHeadForState: nothing is built on the empty body of a HEAD.
func TestHeadForState(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		send(t, o, rebuilding, "PUT", []string{stale}, WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
			r.Method = "HEAD"
			return r, nil
		}))
		if stateOf(o) == "+mine" {
			t.Error("lost update: built on nothing")
		}
	})
}

// TestOpaqueRefreshURL: Opaque is sent in place of the host.
func TestOpaqueRefreshURL(t *testing.T) {
	var hosts []string
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		var b strings.Builder
		r.Clone(r.Context()).WriteProxy(&b)
		hosts = append(hosts, strings.SplitN(b.String(), "\r\n", 2)[0])
		return refusing{}.RoundTrip(r)
	})
	req, _ := http.NewRequest("PUT", "http://example.test/doc", strings.NewReader("x"))
	req.Header.Set("If-Match", `"v1"`)
	req.Header.Set("Authorization", "Bearer secret")
	rt := NewTransport(base, Resend, WithMaxAttempts(2), WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
		r.URL.Opaque = "//elsewhere.test/x"
		return r, nil
	}))
	resp, _ := rt.RoundTrip(req)
	OutcomeOf(resp)
	for _, h := range hosts {
		if strings.Contains(h, "elsewhere") {
			t.Error(h)
		}
	}
}

// TestRequestBehindTheRefusal: a policy can't reach the caller's request through the refusal.
func TestRequestBehindTheRefusal(t *testing.T) {
	var hosts []string
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		hosts = append(hosts, r.Method+" "+r.URL.Host+" "+r.Header.Get("Authorization"))
		return refusing{}.RoundTrip(r)
	})
	req, _ := http.NewRequest("PUT", "http://example.test/doc", strings.NewReader("x"))
	req.Header.Set("If-Match", `"v1"`)
	req.Header.Set("Authorization", "Bearer secret")
	rt := NewTransport(base, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		c.Response.Request.URL.Host = "elsewhere.test"
		c.Response.Request.Header.Set("X-Changed", "1")
		return c.Resend(), nil
	}), WithMaxAttempts(2))
	rt.RoundTrip(req)
	if req.URL.Host != "example.test" || req.Header.Get("X-Changed") != "" {
		t.Error("caller's request modified", req.URL, req.Header)
	}
}

// TestContextUsedAgain: the outcome of one call is not that of the next with its context.
func TestContextUsedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		rt := NewTransport(o.Client().Transport, Resend)
		first := send(t, o, Resend, "PUT", []string{stale})
		ctx := first.resp.Request.Context()
		req := newWrite(t, ctx, o, "PUT", []string{stale})
		resp, err := rt.RoundTrip(req)
		if err != nil || resp.StatusCode != 204 {
			t.Error(resp.Status, err)
		}
		resp.Body.Close()
		req = newWrite(t, ctx, o, "PUT", nil)
		resp, _ = rt.RoundTrip(req)
		if out, ok := OutcomeOf(resp); ok {
			t.Error("outcome of an untouched answer:", out.Exchanges)
		}
		resp.Body.Close()
	})
}

// TestMovedOnPasses: a refusal of If-None-Match with tags is the caller's. No policy
// is asked, and nothing is sent, whatever the tags are.
func TestMovedOnPasses(t *testing.T) {
	for _, tags := range []string{`"v1"`, `W/"v1"`, `"v1", "v2"`} {
		inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
			o.Inject(ifmatchtest.Refuse(1))
			asked := false
			got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
				asked = true
				return c.Resend(), nil
			}), "PUT", []string{"If-None-Match: " + tags})
			if asked || got.summary() != "PUT 412 | 412 | not applied, unattributed" || got.outcome.Err == nil {
				t.Errorf("%s: asked %t, %s: %v", tags, asked, got.summary(), got.outcome.Err)
			}
		})
	}
}

// TestBackoffStopsInDoubt: backoff.Stop counts where the refused tag comes back.
func TestBackoffStopsInDoubt(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.StaleReads(0))
		got := send(t, o, Resend, "PUT", []string{stale}, WithBackoff(func() backoff.BackOff {
			return backoff.WithMaxRetries(backoff.NewConstantBackOff(time.Second), 1)
		}))
		if !errors.Is(got.outcome.Err, ErrAttempts) {
			t.Error(got.summary(), got.outcome.Err, got.outcome.Waited)
		}
	})
}

// TestBaseReturnsNothing: a base that returns neither response nor error is no panic.
func TestBaseReturnsNothing(t *testing.T) {
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("PANIC %v", r)
		}
	}()
	var o Outcome
	req, _ := http.NewRequestWithContext(WithOutcome(context.Background(), &o), "PUT", "http://example.test/doc", nil)
	NewTransport(roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil }), Resend).RoundTrip(req)
}

// TestPolicysOwnContext: the end of a policy's own context isn't that of the call: the refusal is returned.
func TestPolicysOwnContext(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Slow(0, 5*time.Second).On("HEAD"))
		got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			if _, err := c.Validators(ctx); err != nil {
				return Decision{}, err
			}
			return c.Resend(), nil
		}), "PUT", []string{stale})
		if got.err != nil {
			t.Error(got.summary(), got.err)
		}
	})
}

// TestPolicyWithAnotherContext: the call's limits hold whatever context a policy passes.
func TestPolicyWithAnotherContext(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Slow(0, 20*time.Second).On("HEAD"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		got := sendVia(t, NewTransport(o.Client().Transport, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			_, err := c.Validators(context.Background())
			return c.Resend(), err
		})), newWrite(t, ctx, o, "PUT", []string{stale}))
		if d := time.Since(start); d > time.Second {
			t.Error(d, got.summary(), got.err)
		}
	})
}

type uncomparable []string

func (uncomparable) Error() string { return "x" }

// TestUncomparableCause: errors.Is must not panic on a cause that can't be compared.
func TestUncomparableCause(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("PANIC %v", r)
			}
		}()
		ctx, cancel := context.WithCancelCause(context.Background())
		sendVia(t, NewTransport(o.Client().Transport, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			cancel(uncomparable{"a"})
			_, err := c.Validators(ctx)
			return c.Resend(), err
		})), newWrite(t, ctx, o, "PUT", []string{stale}))
	})
}

// TestUncomparableCauseRebuild: the same through Rebuild.
func TestUncomparableCauseRebuild(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("PANIC %v", r)
			}
		}()
		o.Inject(ifmatchtest.Slow(0, 5*time.Second).On("GET"))
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(uncomparable{"a"}) })
		sendVia(t, NewTransport(o.Client().Transport, rebuilding), newWrite(t, ctx, o, "PUT", []string{stale}))
	})
}

// TestReplaceKeepsNewEncoding: only what described the old body goes.
func TestReplaceKeepsNewEncoding(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Current(ctx)
			c.Header().Set("Content-Encoding", "gzip")
			return c.Replace([]byte("gzipped")), nil
		}), "PUT", []string{stale})
		log := o.Log()
		if log[len(log)-1].Header.Get("Content-Encoding") != "gzip" {
			t.Error("Content-Encoding of the new body is gone", got.summary())
		}
	})
}

// TestOnceMoreIsTheRefusedWrite: the caller's body goes out under the caller's fields.
func TestOnceMoreIsTheRefusedWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Refuse(1))
		send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Current(ctx)
			c.Header().Set("Content-Type", "application/json")
			return c.Replace([]byte("{}")), nil
		}), "PUT", []string{`If-Match: "v2"`})
		log := o.Log()
		last := log[len(log)-1]
		if string(last.Body) == "mine" && last.Header.Get("Content-Type") != "text/plain" {
			t.Error("caller's body under the policy's Content-Type")
		}
	})
}

// TestStaleCacheWithoutGetBody: a body that was copied ends the same way.
func TestStaleCacheWithoutGetBody(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.StaleReads(0))
		req := newWrite(t, context.Background(), o, "PUT", []string{stale})
		req.GetBody = nil
		got := sendVia(t, NewTransport(o.Client().Transport, rebuilding), req)
		if got.outcome.Cause != CauseStaleCache {
			t.Error(got.summary(), got.outcome.Err)
		}
	})
}

// TestCancelOfAnotherRefreshRequest: Request.Cancel ends a refresh that f made itself.
func TestCancelOfAnotherRefreshRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Slow(0, 20*time.Second).On("HEAD"))
		c := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(c) })
		req := newWrite(t, context.Background(), o, "PUT", []string{stale})
		req.Cancel = c
		start := time.Now()
		got := sendVia(t, NewTransport(o.Client().Transport, Resend, WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
			n, err := http.NewRequest(r.Method, r.URL.String(), nil)
			n.Header = r.Header
			return n, err
		})), req)
		if time.Since(start) > time.Second {
			t.Error(time.Since(start), got.summary(), got.err)
		}
	})
}

// TestWeakTagOfTheFuture: a weak tag whose Last-Modified is a second ahead of Date is waited for.
func TestWeakTagOfTheFuture(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		now := time.Now().UTC()
		o.Inject(replying("HEAD", 1, 200, `ETag: W/"v2"`, "Last-Modified: "+now.Add(time.Second).Format(http.TimeFormat), "Date: "+now.Format(http.TimeFormat)))
		got := send(t, o, Resend, "PUT", []string{stale})
		if got.outcome.Effect != EffectApplied {
			t.Error(got.summary())
		}
	})
}

// TestDeletedKey: a policy must set a new Idempotency-Key, not none.
func TestDeletedKey(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Header().Del("Idempotency-Key")
			return c.Resend(), nil
		}), "PUT", []string{stale, "Idempotency-Key: k"})
		if got.outcome.Effect == EffectApplied {
			t.Error(got.summary())
		}
	})
}

// TestConflictUsedLate: a Conflict that is kept sends nothing.
func TestConflictUsedLate(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		var kept *Conflict
		send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) { kept = c; return Decision{}, nil }), "PUT", []string{stale})
		_, err := kept.Validators(context.Background())
		if n := len(o.Log()); n != 1 {
			t.Error(n, "requests, one of them after the call", err)
		}
	})
}

// TestNestedFatalError: the error of a nested call in f isn't the call's own.
func TestNestedFatalError(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		got := send(t, o, Resend, "PUT", []string{stale}, WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
			n := newWrite(t, context.Background(), o, "PUT", []string{stale})
			_, err := NewTransport(o.Client().Transport, BuiltinPolicy(9)).RoundTrip(n)
			return nil, err
		}))
		if got.err != nil {
			t.Error(got.err)
		}
	})
}

// TestPanickingTrace: a trace that panics leaves no connection open.
func TestPanickingTrace(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		func() {
			defer func() { recover() }()
			send(t, o, Resend, "PUT", []string{stale}, WithTrace(&Trace{Refused: func(RefusedInfo) { panic(1) }}))
		}()
		send(t, o, Resend, "PUT", []string{stale})
		if o.Connections() != 1 {
			t.Error(o.Connections())
		}
	})
}

// TestNoAlias: the caller's header values don't reach a base through a repeated write.
func TestNoAlias(t *testing.T) {
	backing := []string{`"v2"`, "spare"}
	writes := 0
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == "PUT" {
			writes++
		}
		if writes == 2 {
			r.Header["If-Match"][0] = "changed"
		}
		resp, err := refusing{}.RoundTrip(r)
		resp.Header.Set("Etag", `"v2"`)
		return resp, err
	})
	req, _ := http.NewRequest("PUT", "http://example.test/doc", strings.NewReader("x"))
	req.Header["If-Match"] = backing[:1]
	NewTransport(base, Resend).RoundTrip(req)
	if backing[0] != `"v2"` {
		t.Error("caller's slice reached the base of a repeated write:", backing)
	}
}

// TestResendThroughAFunction: Resend is Resend, whoever calls its Resolve.
func TestResendThroughAFunction(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) { return Resend.Resolve(ctx, c) }), "PUT", []string{longAgo})
		if got.outcome.Waited != 0 {
			t.Error(got.summary(), got.outcome.Waited)
		}
	})
}

// TestEarlyRefusalOneConnection: refused while the body is being sent, with one connection allowed.
func TestEarlyRefusalOneConnection(t *testing.T) {
	for _, h2 := range []bool{true, false} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v2"`)
			if tag := r.Header.Get("If-Match"); tag != "" && tag != `"v2"` {
				http.Error(w, "no", http.StatusPreconditionFailed)
				return
			}
			io.Copy(io.Discard, r.Body)
		}))
		srv.EnableHTTP2 = h2
		srv.StartTLS()
		cl := srv.Client()
		cl.Transport.(*http.Transport).MaxConnsPerHost = 1
		rt := NewTransport(cl.Transport, Resend)
		_ = time.Now()
		for i := 0; i < 8; i++ {
			req, _ := http.NewRequest("PUT", srv.URL, bytes.NewReader(make([]byte, 8<<20)))
			req.Header.Set("If-Match", `"v1"`)
			ctx, c := context.WithTimeout(context.Background(), 5*time.Second)
			resp, err := rt.RoundTrip(req.WithContext(ctx))
			if err != nil || resp.StatusCode != 200 {
				t.Error(h2, i, resp, err)
			} else {
				resp.Body.Close()
			}
			c()
		}
		srv.Close()
	}
}

// TestNoWaitInVain: no wait after the last refresh.
func TestNoWaitInVain(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(replying("HEAD", 0, 500))
		var waits int
		got := send(t, o, Resend, "PUT", []string{stale}, WithTrace(&Trace{Waiting: func(WaitInfo) { waits++ }}))
		if waits != 3 {
			t.Error(waits, "waits for 4 refreshes", got.outcome.Waited)
		}
	})
}

// TestFieldsWithoutValues: a name without a value isn't sent and so doesn't count.
func TestFieldsWithoutValues(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		req := newWrite(t, context.Background(), o, "PUT", []string{stale})
		req.Header["X-Ms-Lease-Id"] = nil
		got := sendVia(t, NewTransport(o.Client().Transport, Resend), req)
		if got.outcome.Effect != EffectApplied {
			t.Error("a nil field that isn't sent:", got.summary())
		}
		req = newWrite(t, context.Background(), o, "PUT", nil)
		req.Header["if-match"] = []string{`"v0"`}
		req.Header["IF-match"] = []string{`"v1"`}
		got = sendVia(t, NewTransport(o.Client().Transport, Resend), req)
	})
}

package ifmatch

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// every returns a pace of one wait.
func every(d time.Duration) func() backoff.BackOff {
	return func() backoff.BackOff { return backoff.NewConstantBackOff(d) }
}

// TestBackoff: any policy of backoff/v4 will do, also one with a state.
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

type counting struct {
	d             time.Duration
	resets, nexts *int
}

func (c counting) NextBackOff() time.Duration { *c.nexts++; return c.d }
func (c counting) Reset()                     { *c.resets++ }

// TestBackoffBeforeEachRead: a refresh that gave the refused tag waits again, in the same pace.
func TestBackoffBeforeEachRead(t *testing.T) {
	var resets, nexts int
	pace := WithBackoff(func() backoff.BackOff { return counting{3 * time.Second, &resets, &nexts} })
	got, _ := scripted(t, Resend, []string{stale}, []Option{pace}, refuse(), ok(`Etag: "v1"`), ok(`Etag: "v2"`), ok())
	if got.outcome.Waited != 6*time.Second || resets != 1 {
		t.Errorf("%s, %v, %d resets", got.summary(), got.outcome.Waited, resets)
	}
}

// TestOneWaitForEachConflict: a policy that asks by HEAD and by GET waits once.
func TestOneWaitForEachConflict(t *testing.T) {
	var resets, nexts int
	pace := WithBackoff(func() backoff.BackOff { return counting{3 * time.Second, &resets, &nexts} })
	both := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		c.Validators(ctx)
		c.Current(ctx)
		return c.Resend(), nil
	})
	got, _ := scripted(t, both, []string{stale}, []Option{pace}, refuse(), ok(`Etag: "v2"`), ok(`Etag: "v2"`), ok())
	if got.outcome.Waited != 3*time.Second {
		t.Errorf("HEAD and GET of one conflict waited %v", got.outcome.Waited)
	}
}

// TestLongerOfBackoffAndRetryAfter: a Retry-After that is shorter than the backoff shortens nothing.
func TestLongerOfBackoffAndRetryAfter(t *testing.T) {
	var resets, nexts int
	pace := WithBackoff(func() backoff.BackOff { return counting{3 * time.Second, &resets, &nexts} })
	got, _ := scripted(t, Resend, []string{stale}, []Option{pace}, says{status: 412, fields: []string{"Retry-After: 1"}}, ok(`Etag: "v2"`), ok())
	if got.outcome.Waited != 3*time.Second {
		t.Errorf("the shorter Retry-After won: %v", got.outcome.Waited)
	}
}

// TestRetryAfterOnRefusal: it is waited out before the refresh.
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

// TestRefreshesWaitLonger: the repeats of a refresh that fails go on in one pace.
func TestRefreshesWaitLonger(t *testing.T) {
	growing := WithTransientBackoff(func() backoff.BackOff {
		return &backoff.ExponentialBackOff{InitialInterval: time.Second, Multiplier: 2, MaxInterval: time.Minute, Stop: backoff.Stop, Clock: backoff.SystemClock}
	})
	for _, bad := range []says{{err: errors.New("reset")}, {status: 503}} {
		got, _ := scripted(t, Resend, []string{stale}, []Option{growing}, refuse(), bad, bad, bad, ok(`Etag: "v2"`), ok())
		if got.outcome.Waited != (1+2+4)*time.Second {
			t.Errorf("waited %v: %s", got.outcome.Waited, got.summary())
		}
	}
}

// TestNoWaitAfterTheLastRefresh: no wait after the last refresh.
func TestNoWaitAfterTheLastRefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(replying("HEAD", 0, 500), replying("GET", 0, 500))
		var waits int
		got := send(t, o, Resend, "PUT", []string{stale}, WithTrace(&Trace{Waiting: func(WaitInfo) { waits++ }}))
		if waits != 3 {
			t.Error(waits, "waits for 4 refreshes", got.outcome.Waited)
		}
	})
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

// TestCancelledBeforeTheRefresh: a context that ends in the policy ends the call before it asks.
func TestCancelledBeforeTheRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`), ok()}}
		req, _ := http.NewRequestWithContext(ctx, "PUT", "http://example.test/", nil)
		req.Header.Set("If-Match", `"v1"`)
		got := sendVia(t, NewTransport(s, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) { cancel(); return c.Resend(), nil })), req)
		if len(s.got) != 1 || !errors.Is(got.err, ErrConflict) || !errors.Is(got.err, context.Canceled) {
			t.Errorf("cancelled before the refresh: %s, %v", got.summary(), got.err)
		}
	})
}

// TestRequestCancelEndsTheWait: at once, as the end of the context does.
func TestRequestCancelEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		req, _ := http.NewRequest("PUT", "http://example.test/", nil)
		req.Header.Set("If-Match", `"v1"`)
		req.Cancel = stop
		start := time.Now()
		got := sendVia(t, NewTransport(&scriptedBase{answers: []says{refuse()}}, Resend, WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(20 * time.Second) })), req)
		if time.Since(start) != time.Second || !errors.Is(got.err, context.Canceled) {
			t.Errorf("Request.Cancel: after %v, %v", time.Since(start), got.err)
		}
	})
}

// TestSlowPolicyMeetsTheLimit: what a policy decides after the limit isn't sent.
func TestSlowPolicyMeetsTheLimit(t *testing.T) {
	slowPolicy := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		_, err := c.Validators(ctx)
		time.Sleep(time.Minute)
		return c.Resend(), err
	})
	got, s := scripted(t, slowPolicy, []string{stale}, nil, refuse(), ok(`Etag: "v2"`), ok())
	if len(s.got) != 2 || !errors.Is(got.outcome.Err, ErrElapsed) {
		t.Errorf("%s, %v", got.summary(), got.outcome.Err)
	}
}

// TestPaceFollowsTheRoundTrip: waits are as long as the measured round trip demands.
func TestPaceFollowsTheRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var longest time.Duration
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			time.Sleep(200 * time.Millisecond)
			return refusing{}.RoundTrip(r)
		})
		for range 20 {
			req, _ := http.NewRequest("PUT", "http://example.test/", nil)
			req.Header.Set("If-Match", `"v1"`)
			got := sendVia(t, NewTransport(base, Resend), req)
			longest = max(longest, got.outcome.Waited)
		}
		if longest < 100*time.Millisecond {
			t.Errorf("waited at most %v after round trips of 200 ms", longest)
		}
	})
}

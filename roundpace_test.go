package ifmatch

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestPaceOfRounds: the rounds of an Update wait, and are bounded, as the attempts and the
// repeats of a call are (rule 13).
func TestPaceOfRounds(t *testing.T) {
	every := func(d time.Duration) func() backoff.BackOff {
		return func() backoff.BackOff { return backoff.NewConstantBackOff(d) }
	}
	second := UpdateOptions{WithTransientBackoff(every(time.Second)), WithBackoff(every(2 * time.Second))}
	never := func() backoff.BackOff { return &backoff.StopBackOff{} }
	const sick, marker = "sick", "marker"
	for name, row := range map[string]struct {
		server     string
		retryAfter string
		opts       UpdateOptions
		budget     Option
		writes     int
		waited     time.Duration
		cause      Cause
	}{
		"13: a round after a failure waits":               {sick, "", second, nil, 4, 3 * time.Second, CauseNone},
		"13: it is a repeat":                              {sick, "", append(second, WithoutRepeats()), nil, 1, 0, CauseNone},
		"13: it is an attempt":                            {sick, "", append(second, WithMaxAttempts(2)), nil, 2, time.Second, CauseNone},
		"13: it costs what a repeat costs":                {sick, "", second, WithRetryBudget(11, 5), 3, 2 * time.Second, CauseNone},
		"13: the backoff of repeats may stop it":          {sick, "", UpdateOptions{WithTransientBackoff(never)}, nil, 1, 0, CauseNone},
		"14: Retry-After on a failure is honoured":        {sick, "7", second, nil, 4, 21 * time.Second, CauseNone},
		"14: … up to the time that is left":               {sick, "7", append(second, WithMaxElapsed(10*time.Second)), nil, 2, 7 * time.Second, CauseNone},
		"22: a wait that can't end in time isn't begun":   {sick, "31", second, nil, 1, 0, CauseNone},
		"13: … and isn't paid where it isn't begun":       {sick, "31", second, WithRetryBudget(5, 5), 1, 0, CauseNone},
		"13: a round after a refusal waits":               {marker, "", second, nil, 4, 6 * time.Second, CauseSelfContradiction},
		"13: it is no repeat":                             {marker, "", append(second, WithoutRepeats()), WithRetryBudget(1, 5), 4, 6 * time.Second, CauseSelfContradiction},
		"13: … but an attempt":                            {marker, "", append(second, WithMaxAttempts(2)), nil, 2, 2 * time.Second, CauseSelfContradiction},
		"13: the backoff of conflicts may stop it":        {marker, "", UpdateOptions{WithBackoff(never)}, nil, 1, 0, CauseExists},
		"14: Retry-After on a refusal is honoured":        {marker, "7", second, nil, 4, 21 * time.Second, CauseSelfContradiction},
		"5: one refusal, and no read after it, is no lie": {marker, "", append(second, WithMaxAttempts(1)), nil, 1, 0, CauseExists},
	} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, "", func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[markedCounter]) {
				want := ErrConflict
				if row.server == sick {
					origin.Put("/doc", "application/json", []byte(`{"n":1}`))
					origin.Inject(ifmatchtest.FailBefore(0, 500).On(http.MethodPut).WithHeader("Retry-After", row.retryAfter))
					want = ErrOutcomeUnknown
				} else {
					origin.Inject(ifmatchtest.FailBefore(0, 412).On(http.MethodPut).WithHeader("Retry-After", row.retryAfter))
				}
				c := clientOn(origin)
				if row.budget != nil {
					c = clientOn(origin, row.budget)
				}
				begun := time.Now()
				got, err := update(t.Context(), c, addMarked, append(row.opts, CreateIfAbsent()))
				if took := time.Since(begun); !errors.Is(err, want) || writesOf(origin) != row.writes || took != row.waited || got.Outcome.Waited != row.waited {
					t.Errorf("%s: %d writes in %v, waited %v, %v: %s", kind, writesOf(origin), took, got.Outcome.Waited, err, requests(origin))
				}
				conflict := (*ConflictError)(nil)
				waits := time.Duration(0)
				for _, e := range got.Outcome.Exchanges {
					waits += e.Wait
				}
				if row.budget != nil && row.waited == 0 && !c.Transport.(*Transport).budget.Take() {
					t.Errorf("%s: a wait that wasn't begun was paid", kind)
				}
				if waits != row.waited {
					t.Errorf("%s: the exchanges have waited %v", kind, waits)
				}
				if got.Outcome.Cause != row.cause || errors.As(err, &conflict) &&
					(conflict.Outcome.Cause != row.cause || (row.cause == CauseSelfContradiction) != strings.Contains(err.Error(), "a read found none")) {
					t.Errorf("%s: %v, and in the error %v", kind, got.Outcome.Cause, err)
				}
			})
		})
	}
}

// TestDefaultPaceOfRounds: a server that is sick isn't stormed.
func TestDefaultPaceOfRounds(t *testing.T) {
	var waited time.Duration
	for range 20 {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(ifmatchtest.FailBefore(0, 500).On(http.MethodPut))
			var told []WaitInfo
			got, _ := Update(t.Context(), clientOn(origin), url, addMarked, WithTrace(&Trace{Waiting: func(w WaitInfo) { told = append(told, w) }}))
			if len(told) != 3 || told[2].Attempt != 3 || told[0].Reason != "a transient failure" {
				t.Errorf("%+v", told)
			}
			waited += got.Outcome.Waited
		})
	}
	// 100, 200 and 400 ms on average, and three rounds of each Update.
	if waited < 5*time.Second {
		t.Errorf("20 Updates waited %v", waited)
	}
}

// TestCancelledBetweenRounds: the end of the context ends the wait, and doesn't hide that
// the outcome is unknown.
func TestCancelledBetweenRounds(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.FailBefore(0, 500).On(http.MethodPut).WithHeader("Retry-After", "20"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		begun := time.Now()
		got, err := Update(ctx, clientOn(origin), url, addMarked)
		if took := time.Since(begun); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrOutcomeUnknown) || took != 5*time.Second || requests(origin) != "GET 200, PUT 500" {
			t.Errorf("%v after %v: %s", err, took, requests(origin))
		}
		if o := got.Outcome; o.Effect != EffectUnknown || !errors.Is(o.Err, context.Canceled) || o.Waited != 5*time.Second {
			t.Errorf("%v, %v, waited %v", o.Effect, o.Err, o.Waited)
		}
	})
}

// TestTimeOfRounds: a wait between rounds isn't begun where the context's deadline comes
// first, and what one round has used of WithMaxElapsed the next one hasn't (rules 13 and 22).
func TestTimeOfRounds(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.FailBefore(0, 500).On(http.MethodPut).WithHeader("Retry-After", "20"))
		ctx, cancel := context.WithTimeout(t.Context(), 19*time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := Update(ctx, clientOn(origin), url, addMarked); !errors.Is(err, ErrOutcomeUnknown) || time.Since(begun) != 0 {
			t.Errorf("%v after %v: %s", err, time.Since(begun), requests(origin))
		}
	})
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(
			ifmatchtest.FailBefore(1, 500).On(http.MethodPut).WithHeader("Retry-After", "6"),
			ifmatchtest.FailBefore(0, 412).On(http.MethodPut).WithHeader("Retry-After", "6").After(1),
		)
		begun := time.Now()
		_, err := Update(t.Context(), clientOn(origin), url, addMarked, WithMaxElapsed(10*time.Second))
		if took := time.Since(begun); !errors.Is(err, ErrOutcomeUnknown) || took != 6*time.Second || writesOf(origin) != 2 {
			t.Errorf("%v after %v: %s", err, took, requests(origin))
		}
	})
}

// TestPaceScales: the waits after a refusal grow with the round trip (rule 23).
func TestPaceScales(t *testing.T) {
	conflict := error(&ConflictError{})
	longest := map[time.Duration]time.Duration{}
	for _, roundTrip := range []time.Duration{time.Millisecond, time.Second} {
		for range 50 {
			var p roundPace
			for range 3 {
				d, _, more := p.next(conflict, roundTrip)
				if longest[roundTrip] = max(longest[roundTrip], d); !more {
					t.Fatal("no more")
				}
			}
		}
	}
	if longest[time.Second] < 10*longest[time.Millisecond] {
		t.Errorf("at most %v", longest)
	}
	withDocument(t, "", func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.FailBefore(0, 412).On(http.MethodPut), ifmatchtest.Slow(0, 2*time.Second))
		var longest time.Duration // a single wait is jittered, and may be short
		for range 20 {
			got, _ := Update(t.Context(), clientOn(origin), url, addMarked, CreateIfAbsent())
			longest = max(longest, got.Outcome.Waited)
		}
		if longest < 100*time.Millisecond {
			t.Errorf("waited at most %v for round trips of 2 s", longest)
		}
	})
}

// TestBoundOfLaterReads: a read after the first write ends after WithMaxElapsed, or half a
// minute where that is longer. The error matches ErrElapsed then, and not where the context
// ended.
func TestBoundOfLaterReads(t *testing.T) {
	for name, row := range map[string]struct {
		limit, cancelled, took time.Duration
	}{
		"half a minute":  {5 * time.Second, 0, defaultMaxElapsed},
		"WithMaxElapsed": {2 * time.Minute, 0, 2 * time.Minute},
		"the context":    {2 * time.Minute, time.Minute, time.Minute},
	} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(ifmatchtest.FailBefore(1, 500).On(http.MethodPut), ifmatchtest.Slow(0, time.Hour).On(http.MethodGet).After(1))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if row.cancelled > 0 {
				time.AfterFunc(row.cancelled, cancel)
			}
			begun := time.Now()
			now := WithTransientBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(0) })
			_, err := Update(ctx, clientOn(origin), url, addMarked, now, WithMaxElapsed(row.limit))
			if took := time.Since(begun); took != row.took || !errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrElapsed) != (row.cancelled == 0) {
				t.Errorf("%s: %v after %v: %s", name, err, took, requests(origin))
			}
		})
	}
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Slow(1, time.Hour).On(http.MethodGet))
		begun := time.Now()
		if _, err := NewResource[counter](clientOn(origin), url, WithMaxElapsed(2*time.Minute)).Update(t.Context(), addOne); !errors.Is(err, ErrElapsed) || time.Since(begun) != 2*time.Minute {
			t.Errorf("a Resource's first read: %v after %v", err, time.Since(begun))
		}
	})
}

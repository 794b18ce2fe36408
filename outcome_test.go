package ifmatch

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/doubt"
)

// TestEffectOfAStatus: 202 and 207 promise nothing, and after most 5xx the write may have been applied.
func TestEffectOfAStatus(t *testing.T) {
	for status, want := range map[int]Effect{200: EffectApplied, 202: EffectUnknown, 207: EffectUnknown, 303: EffectNotApplied, 500: EffectUnknown, 501: EffectNotApplied, 502: EffectUnknown, 503: EffectUnknown, 504: EffectUnknown} {
		if got := Effect(doubt.OfStatus(status)); got != want {
			t.Errorf("%d: %v", status, got)
		}
	}
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

// TestOutcomeOfTheLastCall: WithOutcome tells of that one, also where it comes through, and traces of one context are
// not those of another made from the same.
func TestOutcomeOfTheLastCall(t *testing.T) {
	var o Outcome
	ctx := WithOutcome(WithOptions(t.Context(), WithTrace(&Trace{}), WithTrace(&Trace{}), WithTrace(&Trace{})), &o)
	first, second := WithOptions(ctx, WithTrace(&Trace{Done: func(DoneInfo) { t.Error("another context's trace") }})), WithOptions(ctx, WithTrace(&Trace{}))
	_ = first
	for range 2 {
		s := &scriptedBase{answers: []says{ok()}}
		req, _ := http.NewRequestWithContext(second, "PUT", "http://example.test/", nil)
		NewTransport(s, Resend).RoundTrip(req)
		if len(o.Exchanges) != 1 {
			t.Errorf("%d exchanges", len(o.Exchanges))
		}
	}
	o.Attempts = 99
	s := &scriptedBase{answers: []says{ok()}}
	req, _ := http.NewRequestWithContext(second, "GET", "http://example.test/", nil)
	NewTransport(s, Resend).RoundTrip(req)
	if o.Attempts != 0 {
		t.Error("the outcome of the call before stayed")
	}
}

// TestOutcomeOfTheCallBefore: each call empties what WithOutcome was given.
func TestOutcomeOfTheCallBefore(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		before := Outcome{Effect: EffectApplied, Attempts: 7, Exchanges: make([]Exchange, 2)}
		o := before
		ctx, c, r := WithOutcome(t.Context(), &o), origin.Client(), NewResource[counter](origin.Client(), url)
		check := func(what string, want Effect, ok bool) {
			if !ok || o.Effect != want || o.Attempts != 0 || len(o.Exchanges) != 0 {
				t.Errorf("%s: %+v", what, o)
			}
			o = before
		}
		_, err := Get[counter](ctx, c, url)
		check("Get", EffectNotApplied, err == nil)
		_, err = r.Get(ctx)
		check("Get of a Resource", EffectNotApplied, err == nil)
		_, err = Update(ctx, c, url, addOne, OnConflict(Resend))
		check("a wrong option", EffectNotApplied, err != nil)
		origin.Inject(ifmatchtest.Slow(1, time.Minute).On(http.MethodPut))
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err = r.Update(ctx, addOne)
		check("a caller that gave up", EffectUnknown, errors.Is(err, ErrOutcomeUnknown) && errors.Is(err, context.DeadlineExceeded))
	})
}

// TestNothingWritten: what wasn't written is known to be not applied.
func TestNothingWritten(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c, why := origin.Client(), errors.New("no")
		fails := func(*counter) error { return why }
		untagged := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := c.Transport.RoundTrip(req)
			if err == nil {
				resp.Header.Del("ETag")
			}
			return resp, err
		})}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		r := NewResource[counter](c, url, WithEditLimit(time.Second))
		tests := map[string]struct {
			do   func(ctx context.Context) (Snapshot[counter], error)
			want error // nil: none
		}{
			"a read": {func(ctx context.Context) (Snapshot[counter], error) { return Get[counter](ctx, c, url) }, nil},
			"no change": {func(ctx context.Context) (Snapshot[counter], error) {
				return Update(ctx, c, url, func(*counter) error { return nil })
			}, nil},
			"no change, shared": {func(ctx context.Context) (Snapshot[counter], error) {
				return r.Update(ctx, func(*counter) error { return nil })
			}, nil},
			"an edit that fails":         {func(ctx context.Context) (Snapshot[counter], error) { return Update(ctx, c, url, fails) }, why},
			"an edit that fails, shared": {func(ctx context.Context) (Snapshot[counter], error) { return r.Update(ctx, fails) }, why},
			"a slow edit": {func(ctx context.Context) (Snapshot[counter], error) {
				return r.Update(ctx, func(*counter) error { time.Sleep(2 * time.Second); return nil })
			}, ErrEditLimit},
			"absent": {func(ctx context.Context) (Snapshot[counter], error) {
				return Update(ctx, c, origin.URL+"/none", addOne)
			}, errAny},
			"without a tag": {func(ctx context.Context) (Snapshot[counter], error) {
				return Update(ctx, untagged, url, addOne)
			}, ErrNoValidator},
			"a wrong option": {func(ctx context.Context) (Snapshot[counter], error) {
				return Update(ctx, c, url, addOne, OnConflict(Stop))
			}, errAny},
			"no edit":   {func(ctx context.Context) (Snapshot[counter], error) { return Update[counter](ctx, c, url, nil) }, errNilEdit},
			"cancelled": {func(context.Context) (Snapshot[counter], error) { return r.Update(ended, addOne) }, context.Canceled},
		}
		for name, test := range tests {
			o := Outcome{Attempts: 7}
			got, err := test.do(WithOutcome(t.Context(), &o))
			if (err == nil) != (test.want == nil) || test.want != nil && test.want != errAny && !errors.Is(err, test.want) {
				t.Errorf("%s: error %v, want %v", name, err, test.want)
			}
			if got.Outcome.Effect != EffectNotApplied || got.Outcome.Attempts != 0 {
				t.Errorf("%s: %+v", name, got.Outcome)
			}
			if name != "cancelled" && (o.Effect != EffectNotApplied || o.Attempts != 0) {
				t.Errorf("%s: WithOutcome has %+v", name, o)
			}
		}
		if strings.Contains(requests(origin), "PUT") {
			t.Error(requests(origin))
		}
	})
}

// TestOutcomeOfABatch: every caller's WithOutcome is filled, also with an error.
func TestOutcomeOfABatch(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](origin.Client(), url, WithMaxAttempts(2))
		var o Outcome
		got, err := r.Update(WithOutcome(context.Background(), &o), addOne)
		if err != nil || o.Effect != EffectApplied || o.Attempts != 1 || len(got.Outcome.Exchanges) != 1 {
			t.Errorf("%+v, %+v, %v", o, got.Outcome, err)
		}
		origin.Inject(ifmatchtest.CompetingWriter(0, addFour))
		got, err = r.Update(WithOutcome(context.Background(), &o), addOne)
		if !errors.Is(err, ErrConflict) || o.Effect != EffectNotApplied || o.Attempts < 2 || got.Outcome.Attempts != o.Attempts {
			t.Errorf("%+v, %+v, %v", o, got.Outcome, err)
		}
	})
}

// TestOutcomeOfAFailedEdit: whose edit isn't in the write is told so.
func TestOutcomeOfAFailedEdit(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.Slow(0, time.Second).On("GET"))
		r := NewResource[counter](origin.Client(), at)
		var all sync.WaitGroup
		for _, err := range []error{nil, nil, errors.New("out of stock")} {
			all.Go(func() {
				var o Outcome
				s, got := r.Update(WithOutcome(t.Context(), &o), func(c *counter) error { c.N++; return err })
				want := EffectApplied
				if err != nil {
					want = EffectNotApplied
				}
				if got != err || s.Outcome.Effect != want || o.Effect != want || o.Err != err {
					t.Errorf("%v: %v, %v, %v", got, s.Outcome.Effect, o.Effect, o.Err)
				}
			})
			time.Sleep(time.Millisecond) // in this order
		}
		all.Wait()
	})
}

// TestOutcomeOfALaterEdit: an Outcome has the error that is returned, not that of
// the create before.
func TestOutcomeOfALaterEdit(t *testing.T) {
	withDocument(t, ``, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.CompetingWriter(1, func([]byte) []byte { return []byte(`{"n":4}`) }))
		mine, runs := errors.New("mine"), 0
		s, err := Update(t.Context(), origin.Client(), at, func(c *counter) error {
			if runs++; runs == 2 {
				return mine
			}
			c.N++
			return nil
		}, CreateIfAbsent())
		if err != mine || s.Outcome.Err != mine || s.Outcome.Effect != EffectNotApplied {
			t.Errorf("%v, %+v", err, s.Outcome)
		}
	})
}

// TestOutcomeOfWhoLeaves: the Outcome says what the error says.
func TestOutcomeOfWhoLeaves(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.SlowAnswer(0, time.Minute).On("PUT"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var o Outcome
		s, err := NewResource[counter](origin.Client(), at).Update(WithOutcome(ctx, &o), addOne)
		if !errors.Is(err, ErrOutcomeUnknown) || s.Outcome.Err != err || o.Err != err || o.Effect != EffectUnknown {
			t.Errorf("%v, %+v", err, o)
		}
	})
}

package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// exchangesOf returns the requests of an outcome, such as "PUT 412, HEAD 200".
func exchangesOf(o Outcome) string { return result{outcome: o}.exchanges() }

// TestOutcomesNest: a call fills each Outcome of its context, whatever the context has
// beside them.
func TestOutcomesNest(t *testing.T) {
	nests := map[string]func(ctx context.Context, outer, inner *Outcome) context.Context{
		"two": func(ctx context.Context, outer, inner *Outcome) context.Context {
			return WithOutcome(WithOutcome(ctx, outer), inner)
		},
		"options between": func(ctx context.Context, outer, inner *Outcome) context.Context {
			return WithOutcome(WithOptions(WithOutcome(ctx, outer), WithMaxAttempts(9)), inner)
		},
		"a flow between": func(ctx context.Context, outer, inner *Outcome) context.Context {
			return WithOutcome(Remember(WithOutcome(ctx, outer)), inner)
		},
		"nil between": func(ctx context.Context, outer, inner *Outcome) context.Context {
			return WithOutcome(WithOutcome(WithOutcome(ctx, outer), nil), inner)
		},
		"nil last": func(ctx context.Context, outer, inner *Outcome) context.Context {
			return WithOutcome(WithOutcome(WithOutcome(ctx, outer), inner), nil)
		},
	}
	type call func(ctx context.Context, origin *ifmatchtest.Server, url string)
	do := func(policy Policy, method, text string, fields ...string) call {
		return func(ctx context.Context, origin *ifmatchtest.Server, url string) {
			req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range fields {
				name, value, _ := strings.Cut(f, ": ")
				req.Header.Set(name, value)
			}
			if resp, err := NewTransport(origin.Client().Transport, policy).RoundTrip(req); err == nil {
				resp.Body.Close()
			}
		}
	}
	calls := map[string]struct {
		do   call
		want string
	}{
		"a read":                {do(Stop, "GET", ""), "GET 200 | not applied"},
		"an accepted write":     {do(Stop, "PUT", "{}"), "PUT 204 | applied"},
		"a refusal":             {do(Stop, "PUT", "{}", `If-Match: "v0"`), "PUT 412 | not applied"},
		"a refusal handled":     {do(Resend, "PUT", "{}", `If-Match: "v0"`), "PUT 412, HEAD 200, PUT 204 | applied"},
		"a write that is unfit": {do(Resend, "PUT", "{}", "If-Match: "), " | not applied"},
		"Get": {func(ctx context.Context, origin *ifmatchtest.Server, url string) {
			Get[counter](ctx, origin.Client(), url)
		}, " | not applied"},
		"Update": {func(ctx context.Context, origin *ifmatchtest.Server, url string) {
			Update(ctx, clientOn(origin), url, addOne)
		}, "PUT 204 | applied"},
		"Resource": {func(ctx context.Context, origin *ifmatchtest.Server, url string) {
			NewResource[counter](clientOn(origin), url).Update(ctx, addOne)
		}, "PUT 204 | applied"},
		"a failed edit": {func(ctx context.Context, origin *ifmatchtest.Server, url string) {
			Update(ctx, clientOn(origin), url, func(*counter) error { return errFull })
		}, " | not applied"},
	}
	for nest, with := range nests {
		for name, test := range calls {
			t.Run(nest+", "+name, func(t *testing.T) {
				withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
					outer, inner := Outcome{Attempts: 7}, Outcome{Attempts: 7}
					test.do(with(t.Context(), &outer, &inner), origin, url)
					for _, o := range []Outcome{outer, inner} {
						if got := fmt.Sprintf("%s | %v", exchangesOf(o), o.Effect); got != test.want {
							t.Errorf("got %s, want %s", got, test.want)
						}
					}
				})
			})
		}
	}
}

// adding is a RoundTripper between, or above, that has an Outcome of its own.
type adding struct {
	base http.RoundTripper
	o    *Outcome
}

func (a adding) RoundTrip(req *http.Request) (*http.Response, error) {
	return a.base.RoundTrip(req.WithContext(WithOutcome(req.Context(), a.o)))
}

// TestOutcomesOfLayers: layers above, between and below have Outcomes of their own, and
// each gets what the Transports below it have done.
func TestOutcomesOfLayers(t *testing.T) {
	dials := WithTransientRetry(retryablehttp.ErrorPropagatedRetryPolicy)
	for name, test := range map[string]struct {
		lower, upper Policy
		below        []Option
		faults       []ifmatchtest.Fault
		undialed     int
		fields       []string
		above        string // and the caller's
		between      string
	}{
		"accepted":                 {lower: Stop, upper: Resend, above: "PUT 204 | applied", between: "PUT 204 | applied"},
		"handled below":            {lower: Resend, upper: Stop, fields: []string{stale}, above: "PUT 412, HEAD 200, PUT 204 | applied", between: "PUT 412, HEAD 200, PUT 204 | applied"},
		"handled above":            {lower: Stop, upper: Resend, fields: []string{stale}, above: "PUT 412, HEAD 200, PUT 204 | applied", between: "PUT 204 | applied"},
		"repeated below":           {lower: Stop, upper: Stop, fields: []string{fresh}, faults: []ifmatchtest.Fault{replying("PUT", 1, 429)}, above: "PUT 429, PUT 204 | applied", between: "PUT 429, PUT 204 | applied"},
		"in doubt below":           {lower: Stop, upper: Stop, fields: []string{fresh}, faults: []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}, above: "PUT failed, PUT 412 | unknown", between: "PUT failed, PUT 412 | unknown"},
		"never reached, unguarded": {lower: Stop, upper: Stop, below: []Option{dials}, undialed: 9, above: "PUT failed, PUT failed, PUT failed, PUT failed | not applied", between: "PUT failed, PUT failed, PUT failed, PUT failed | not applied"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(test.faults...)
				var above, between, done Outcome
				lower := NewTransport(dialingLate(origin, test.undialed), test.lower, test.below...)
				rt := adding{NewTransport(adding{lower, &between}, test.upper, WithTrace(&Trace{Done: func(d DoneInfo) { done = d.Outcome }})), &above}
				got := sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, test.fields))
				for who, o := range map[string]Outcome{"the caller's": got.outcome, "above": above, "the Trace's": done} {
					if s := fmt.Sprintf("%s | %v", exchangesOf(o), o.Effect); s != test.above {
						t.Errorf("%s: got  %s\nwant %s", who, s, test.above)
					}
				}
				if s := fmt.Sprintf("%s | %v", exchangesOf(between), between.Effect); s != test.between {
					t.Errorf("between: got  %s\nwant %s", s, test.between)
				}
			})
		})
	}
}

// TestOutcomesAreApart: what one observer appends to its Outcome isn't in another's.
func TestOutcomesAreApart(t *testing.T) {
	var outer, inner Outcome
	req, _ := http.NewRequestWithContext(WithOutcome(WithOutcome(t.Context(), &outer), &inner), "GET", "http://example.test/", nil)
	NewTransport(&scriptedBase{answers: []says{ok()}}, Stop).RoundTrip(req)
	outer.Exchanges = append(outer.Exchanges, Exchange{Method: "OUTER"})
	inner.Exchanges = append(inner.Exchanges, Exchange{Method: "INNER"})
	if outer.Exchanges[1].Method != "OUTER" {
		t.Errorf("%v", outer.Exchanges)
	}
}

// TestOwnRequestOfALayer: what a layer asks on its own account, with the context of the
// request, isn't told of the call.
func TestOwnRequestOfALayer(t *testing.T) {
	for _, own := range []struct{ method, url string }{
		{http.MethodPut, "http://example.test/token"},
		{http.MethodPost, "http://example.test/doc"},
		{http.MethodGet, "http://example.test/doc?audit"},
	} {
		noToken := errors.New("no token")
		ours := NewTransport(&scriptedBase{answers: []says{{err: noToken}}}, Stop)
		layer := roundTripper(func(r *http.Request) (*http.Response, error) {
			closeBody(r) // it was applied
			req, _ := http.NewRequestWithContext(r.Context(), own.method, own.url, nil)
			return ours.RoundTrip(req)
		})
		var o Outcome
		req := mustPut(t)
		req.Header.Del("If-Match")
		req = req.WithContext(WithOutcome(t.Context(), &o))
		_, err := NewTransport(layer, Stop).RoundTrip(req)
		if !errors.Is(err, noToken) || o.Effect != EffectUnknown || exchangesOf(o) != "PUT failed" || !strings.HasSuffix(o.Exchanges[0].URL, "/doc") {
			t.Errorf("%v: %+v, %v", own, o, err)
		}
	}
}

// TestRepeatedBetween: a layer that repeats by itself hides the first answer. What the
// Transport below tells of the last request isn't the outcome of the call.
func TestRepeatedBetween(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		base := origin.Client().Transport.(*http.Transport)
		dial, dials := base.DialContext, 0
		base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials++; dials > 1 {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
			}
			return dial(ctx, network, address)
		}
		lower := NewTransport(base, Stop, WithoutRepeats())
		layer := roundTripper(func(r *http.Request) (*http.Response, error) {
			lower.RoundTrip(r)
			again := r.Clone(r.Context())
			again.Body, _ = r.GetBody()
			return lower.RoundTrip(again)
		})
		got := sendVia(t, NewTransport(layer, Stop, WithoutRepeats()), newWrite(t, context.Background(), origin, http.MethodPut, nil))
		if got.err == nil || got.outcome.Effect != EffectUnknown || stateOf(origin) != "mine" {
			t.Errorf("%s, %v, state %q", got.summary(), got.err, stateOf(origin))
		}
	})
}

// TestRequestOfUntouched: the answer that comes back untouched has the caller's request.
func TestRequestOfUntouched(t *testing.T) {
	for _, method := range []string{"GET", "PUT"} {
		var o Outcome
		req, _ := http.NewRequestWithContext(WithOutcome(t.Context(), &o), method, "http://example.test/", nil)
		req.Header.Set("If-Match", `"v1"`)
		resp, err := NewTransport(NewTransport(&scriptedBase{answers: []says{ok()}}, Stop), Stop).RoundTrip(req)
		if err != nil || resp.Request != req || len(o.Exchanges) != 1 {
			t.Errorf("%s: %v, %v", method, err, exchangesOf(o))
		}
	}
}

// TestOutcomeOfAContextUsedAgain: the context of an answer's request observes like the
// caller's.
func TestOutcomeOfAContextUsedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var o Outcome
		rt := NewTransport(NewTransport(origin.Client().Transport, Stop), Resend)
		req := newWrite(t, WithOutcome(t.Context(), &o), origin, http.MethodPut, []string{stale})
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		second, err := rt.RoundTrip(newRead(t, resp.Request.Context(), origin))
		if err != nil {
			t.Fatal(err)
		}
		second.Body.Close()
		if exchangesOf(o) != "GET 200" {
			t.Error(exchangesOf(o))
		}
	})
}

// TestOutcomeOfTheLastHop: http.Client makes a RoundTrip of each hop, and each Outcome has
// the last one.
func TestOutcomeOfTheLastHop(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(redirect(http.StatusTemporaryRedirect))
		var outer, inner Outcome
		ctx := WithOutcome(WithOutcome(t.Context(), &outer), &inner)
		c := &http.Client{Transport: NewTransport(NewTransport(origin.Client().Transport, Stop), Resend)}
		resp, err := c.Do(newWrite(t, ctx, origin, http.MethodPut, []string{stale}))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for _, o := range []Outcome{outer, inner} {
			if exchangesOf(o) != "PUT 412, HEAD 200, PUT 204" || o.Effect != EffectApplied {
				t.Errorf("%s, %v", exchangesOf(o), o.Effect)
			}
		}
	})
}

// TestParallelCallsShareAContext: the outcome of the call that ends last stays, whatever
// the others told.
func TestParallelCallsShareAContext(t *testing.T) {
	for name, test := range map[string]struct {
		slow http.HandlerFunc
		want string
	}{
		"a refused write first": {func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				time.Sleep(time.Second)
			}
		}, "GET 200"},
		"a read first": {func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				time.Sleep(time.Second)
			}
		}, "PUT 412, HEAD 200, PUT 204"},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			transport := origin.Client().Transport
			base := roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := transport.RoundTrip(r)
				test.slow(nil, r)
				return resp, err
			})
			var outer, inner Outcome
			rt := NewTransport(NewTransport(base, Stop), Resend)
			ctx := WithOutcome(WithOptions(WithOutcome(t.Context(), &outer), WithMaxAttempts(5)), &inner)
			var all sync.WaitGroup
			for _, req := range []*http.Request{newWrite(t, ctx, origin, http.MethodPut, []string{stale}), newRead(t, ctx, origin)} {
				all.Go(func() {
					resp, err := rt.RoundTrip(req)
					if err != nil {
						t.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				})
			}
			all.Wait()
			if exchangesOf(outer) != test.want {
				t.Errorf("%s: %s, want %s", name, exchangesOf(outer), test.want)
			}
			if diff := cmp.Diff(exchangesOf(outer), exchangesOf(inner)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		})
	}
}

// TestManyCallsShareAContext finds races where the race detector is on: Transports, Update
// and Resource fill the same Outcomes.
func TestManyCallsShareAContext(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		var outer, inner Outcome
		ctx := WithOutcome(Remember(WithOutcome(t.Context(), &outer)), &inner)
		rt := NewTransport(NewTransport(origin.Client().Transport, Stop), Resend)
		c := &http.Client{Transport: rt}
		r := NewResource[counter](c, url)
		unfit := newRead(t, ctx, origin)
		unfit.Method = http.MethodPut
		unfit.Header["If-Match"] = []string{""}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { Update(ctx, c, url, addOne) })
			all.Go(func() { r.Update(ctx, addOne) })
			all.Go(func() { Get[counter](ctx, c, url) })
			all.Go(func() { rt.RoundTrip(unfit) })
			all.Go(func() {
				if resp, err := rt.RoundTrip(newRead(t, ctx, origin)); err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			})
		}
		all.Wait()
		if exchangesOf(outer) != exchangesOf(inner) {
			t.Errorf("%s, and %s", exchangesOf(outer), exchangesOf(inner))
		}
	})
}

// TestLoserOfAHedge: a layer sends twice and returns the first answer. The other one may
// end after the call, when the caller reads the Outcome.
func TestLoserOfAHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := make(chan int, 2)
		n <- 1
		n <- 2
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Duration(<-n) * time.Second)
			return replyTo(r, 200, ""), nil
		})
		lower := NewTransport(base, Stop)
		hedging := roundTripper(func(r *http.Request) (*http.Response, error) {
			first := make(chan *http.Response, 2)
			for range 2 {
				go func() {
					if resp, err := lower.RoundTrip(r); err == nil {
						first <- resp
					}
				}()
			}
			return <-first, nil
		})
		var o Outcome
		req, _ := http.NewRequestWithContext(WithOutcome(t.Context(), &o), http.MethodGet, "http://example.test/", nil)
		if _, err := NewTransport(hedging, Stop).RoundTrip(req); err != nil || exchangesOf(o) != "GET 200" {
			t.Errorf("%s, %v", exchangesOf(o), err)
		}
		o = Outcome{} // it is the caller's
		time.Sleep(5 * time.Second)
		if len(o.Exchanges) > 0 {
			t.Error("the loser filled it")
		}
	})
}

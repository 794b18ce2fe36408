package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestWhatIsRepeated is the table of rule 13: method, precondition, failure.
func TestWhatIsRepeated(t *testing.T) {
	teapot := func(_ context.Context, resp *http.Response, err error) (bool, error) {
		return err == nil && resp.StatusCode == http.StatusTeapot, errors.New("the bool decides")
	}
	checks := map[string]struct {
		opts []Option
		says func(failure int) bool // of what isn't guarded
	}{
		"default":        {nil, nil},
		"none":           {[]Option{WithoutRepeats()}, nil},
		"last wins":      {[]Option{WithTransientRetry(teapot), WithoutRepeats()}, nil},
		"default policy": {[]Option{WithTransientRetry(retryablehttp.DefaultRetryPolicy)}, widened},
		"error policy":   {[]Option{WithTransientRetry(retryablehttp.ErrorPropagatedRetryPolicy)}, widened},
		"the caller's":   {[]Option{WithTransientRetry(teapot)}, func(failure int) bool { return failure == 418 }},
		"nil":            {[]Option{WithTransientRetry(nil)}, nil},
		"nil, last":      {[]Option{WithTransientRetry(teapot), WithTransientRetry(nil)}, nil},
		"none, then nil": {[]Option{WithoutRepeats(), WithTransientRetry(nil)}, nil},
		"none, then one": {[]Option{WithoutRepeats(), WithTransientRetry(retryablehttp.DefaultRetryPolicy)}, widened},
	}
	guards := map[string]struct {
		fields  []string
		guarded bool
	}{
		"none":             {nil, false},
		"one strong tag":   {[]string{fresh}, true},
		"list":             {[]string{`If-Match: "v1", "v2"`}, false},
		"weak tag":         {[]string{`If-Match: W/"v2"`}, false},
		"any":              {[]string{"If-Match: *"}, false},
		"date":             {[]string{"If-Unmodified-Since: Fri, 31 Dec 2100 00:00:00 GMT"}, false},
		"create":           {[]string{"If-None-Match: *"}, true},
		"not that":         {[]string{`If-None-Match: "v1"`}, false},
		"tag and create":   {[]string{fresh, "If-None-Match: *"}, false},
		"tag, of a range":  {[]string{fresh, "Content-Range: bytes 0-3/4"}, false},
		"tag and a lease":  {[]string{fresh, "X-Ms-Lease-Id: 1"}, false},
		"tag on two lines": {[]string{fresh, `If-Match: "v1"`}, false},
	}
	// 0 is a connection that is cut.
	failures := []int{0, 200, 400, 403, 404, 408, 409, 418, 425, 429, 500, 501, 502, 503, 504, 524}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "POST", "PROPPATCH"} {
				for guardName, guard := range guards {
					for _, failure := range failures {
						want := 1
						switch {
						case name == "none" || name == "last wins":
						case check.says != nil:
							if idempotent := method != "PATCH" && method != "POST" && method != "PROPPATCH"; idempotent && check.says(failure) {
								want = 2
							}
						case guard.guarded && (method == "PUT" || method == "DELETE"):
							switch failure {
							case 0, 429, 502, 503, 504:
								want = 2
							}
						}
						base := &failing{failures: []int{failure}}
						rt := NewTransport(base, Resend, append(check.opts, WithTransientBackoff(every(0)))...)
						req, err := http.NewRequest(method, "http://example.test/doc?sig=hush", strings.NewReader("mine"))
						if err != nil {
							t.Fatal(err)
						}
						for _, field := range guard.fields {
							name, value, _ := strings.Cut(field, ": ")
							req.Header.Add(name, value)
						}
						got := sendVia(t, rt, req)
						if base.sent != want {
							t.Errorf("%s, %s, %d: %d requests, want %d: %s", method, guardName, failure, base.sent, want, got.summary())
						}
						if base.open != 0 {
							t.Errorf("%s, %s, %d: %d bodies of answers left open", method, guardName, failure, base.open)
						}
					}
				}
			}
		})
	}
}

// widened is what the policies of go-retryablehttp say yes to.
func widened(failure int) bool {
	return failure == 0 || failure == 429 || failure >= 500 && failure != 501
}

// failing is a base that gives these answers, and then 200. It counts the bodies
// of answers that are open.
type failing struct {
	failures   []int
	header     http.Header
	sent, open int
	seen       []*http.Request
}

func (f *failing) RoundTrip(req *http.Request) (*http.Response, error) {
	f.sent++
	f.seen = append(f.seen, req)
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	status := http.StatusOK
	if len(f.failures) > 0 {
		status, f.failures = f.failures[0], f.failures[1:]
	}
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	f.open++
	return &http.Response{
		StatusCode: status, Header: f.header.Clone(), Request: req, ContentLength: -1,
		Body: closer{strings.NewReader(http.StatusText(status)), func() { f.open-- }},
	}, nil
}

type closer struct {
	io.Reader
	close func()
}

func (c closer) Close() error { c.close(); return nil }

// TestCheckRetry sees what go-retryablehttp's policies expect.
func TestCheckRetry(t *testing.T) {
	var errs []error
	var statuses []int
	check := func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if ctx.Value(checkKey{}) != "the call's" || (resp == nil) == (err == nil) {
			t.Errorf("context %v, response %v, error %v", ctx, resp, err)
		}
		if errs = append(errs, err); resp != nil {
			statuses = append(statuses, resp.StatusCode)
		}
		return true, errors.New("an error that doesn't count")
	}
	base := &failing{failures: []int{0, 503}}
	rt := NewTransport(base, Resend, WithTransientRetry(check), WithTransientBackoff(every(0)), WithMaxAttempts(3))
	req, _ := http.NewRequestWithContext(context.WithValue(context.Background(), checkKey{}, "the call's"), http.MethodGet, "http://me:hush@example.test/doc?sig=hush", nil)
	got := sendVia(t, rt, req)
	var urlError *url.Error
	if len(errs) != 2 && len(errs) != 3 || !errors.As(errs[0], &urlError) || errs[0] != error(urlError) || !errors.Is(urlError, io.ErrUnexpectedEOF) || strings.Contains(urlError.URL, "hush") {
		t.Errorf("errors %v", errs)
	}
	if fmt.Sprint(statuses) != "[503 200]" || got.err != nil || got.resp.StatusCode != 200 {
		t.Errorf("statuses %v, %s", statuses, got.summary())
	}
}

type checkKey struct{}

// TestRepeatIsTheSame: nothing of the request changes, and its body is whole.
func TestRepeatIsTheSame(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.FailBefore(1, 503), ifmatchtest.LostRequest(1))
			req := newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh, "X-Mine: 1", "Content-Md5: x", "Accept-Encoding: br"})
			if streamed {
				req.GetBody = nil
			}
			before := req.Clone(context.Background())
			got := sendVia(t, NewTransport(origin.Client().Transport, Stop), req)
			log := origin.Log()
			if got.outcome.Effect != EffectApplied || len(log) != 3 || stateOf(origin) != "mine" {
				t.Fatal(got.summary())
			}
			for _, r := range log[1:] {
				if diff := cmp.Diff(log[0].Header, r.Header); diff != "" || string(r.Body) != "mine" || r.Method != http.MethodPut {
					t.Errorf("body %q, header (-first +repeat):\n%s", r.Body, diff)
				}
			}
			if diff := cmp.Diff(before.Header, req.Header); diff != "" {
				t.Errorf("the caller's header changed:\n%s", diff)
			}
		})
	}
}

// TestRepeatNeedsBody: what can't be had again isn't sent again.
func TestRepeatNeedsBody(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.FailBefore(0, 503))
		req := newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh})
		req.GetBody = func() (io.ReadCloser, error) { return nil, io.ErrClosedPipe }
		got := sendVia(t, NewTransport(origin.Client().Transport, Resend), req)
		if got.summary() != "PUT 503 | 503 | unknown, none" || got.body != "Service Unavailable\n" || !errors.Is(got.outcome.Err, ErrNotReplayable) {
			t.Errorf("%s, %q, %v", got.summary(), got.body, got.outcome.Err)
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		req := newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh})
		req.GetBody = func() (io.ReadCloser, error) { return nil, io.ErrClosedPipe }
		got := sendVia(t, NewTransport(origin.Client().Transport, Resend), req)
		if got.summary() != "PUT failed | error | unknown, none" || !errors.Is(got.err, io.EOF) || !errors.Is(got.err, ErrOutcomeUnknown) {
			t.Errorf("%s, %v", got.summary(), got.err)
		}
	})
}

// TestPatchAfterRefusal: from this call's first 412 on a PATCH under one strong
// tag can't be applied twice.
func TestPatchAfterRefusal(t *testing.T) {
	for _, test := range []struct {
		fields []string
		faults []ifmatchtest.Fault
		opts   []Option
		want   string
	}{
		{[]string{stale}, []ifmatchtest.Fault{ifmatchtest.LostRequest(1).After(1)}, nil, "PATCH 412, HEAD 200, PATCH failed, PATCH 204 | 204 | applied, changed, overwrote"},
		{[]string{`If-Match: "v0", "v1"`}, []ifmatchtest.Fault{ifmatchtest.FailBefore(1, 502).After(1)}, nil, "PATCH 412, HEAD 200, PATCH 502, PATCH 204 | 204 | applied, changed, overwrote"},
		{[]string{stale}, []ifmatchtest.Fault{ifmatchtest.LostAnswer(1).After(1)}, nil, "PATCH 412, HEAD 200, PATCH failed, PATCH 412 | error | unknown, unattributed"},
		{[]string{stale}, []ifmatchtest.Fault{ifmatchtest.LostAnswer(1).After(1)}, []Option{WithoutRepeats()}, "PATCH 412, HEAD 200, PATCH failed | error | unknown, changed"},
		{[]string{`If-Match: "v3"`}, []ifmatchtest.Fault{ifmatchtest.LostRequest(1)}, []Option{WithTransientRetry(retryablehttp.DefaultRetryPolicy)}, "PATCH failed | error | unknown, none"},
		{[]string{longAgo}, []ifmatchtest.Fault{ifmatchtest.LostRequest(1).After(1)}, nil, "PATCH 412, HEAD 200, PATCH failed | error | unknown, changed"},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Put("/doc", "application/json", []byte(`{"a":1}`))
			origin.Inject(test.faults...)
			req := newWrite(t, context.Background(), origin, http.MethodPatch, test.fields)
			req.Body, req.GetBody, req.ContentLength = bodyOf(`{"b":2}`)
			got := sendVia(t, NewTransport(origin.Client().Transport, Resend, test.opts...), req)
			if got.summary() != test.want {
				t.Errorf("%v: got  %s\nwant %s, %v", test.fields, got.summary(), test.want, got.err)
			}
		})
	}
}

// TestNoRepeats: WithoutRepeats() turns off the repeats of refreshes too.
func TestNoRepeats(t *testing.T) {
	for opts, want := range map[*[]Option]string{
		{WithoutRepeats()}: "PUT 412, HEAD 503 | 412 | not applied, refresh failed",
		{}:                 "PUT 412, HEAD 503, GET 200, PUT 204 | 204 | applied, changed, overwrote",
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.FailBefore(1, 503).On("HEAD"))
			if got := send(t, origin, Resend, http.MethodPut, []string{stale}, *opts...); got.summary() != want {
				t.Errorf("got  %s\nwant %s", got.summary(), want)
			}
			// By the call's own options too.
			origin.Inject(ifmatchtest.FailBefore(1, 503).On("PUT"))
			ctx := WithOptions(context.Background(), *opts...)
			writes := 2 - len(*opts)
			if got := sendVia(t, NewTransport(origin.Client().Transport, Stop), newWrite(t, ctx, origin, http.MethodPut, []string{`If-Match: "v9"`})); got.outcome.Attempts != writes {
				t.Errorf("%s, want %d writes", got.summary(), writes)
			}
		})
	}
}

// TestRetryAfterOfFailure: it counts in both forms, up to the time left.
func TestRetryAfterOfFailure(t *testing.T) {
	for _, test := range []struct {
		retryAfter string
		in         time.Duration // as a date
		waited     time.Duration // negative: the answer is returned at once
		opts       []Option
	}{
		{retryAfter: "", waited: time.Second},
		{retryAfter: "7", waited: 7 * time.Second},
		{retryAfter: "0", waited: time.Second},
		{in: 20 * time.Second, waited: 20 * time.Second},
		{in: -time.Hour, waited: time.Second},
		{in: time.Hour, waited: -1},
		{retryAfter: "soon", waited: time.Second},
		{retryAfter: "-5", waited: time.Second},
		{retryAfter: "1.5", waited: time.Second},
		{retryAfter: "30", waited: 30 * time.Second},
		{retryAfter: "31", waited: -1},
		{retryAfter: "31", waited: 31 * time.Second, opts: []Option{WithMaxElapsed(time.Minute)}},
		{retryAfter: "1000000000000", waited: -1},
		{retryAfter: "99999999999999999999999999", waited: -1},
	} {
		for _, status := range []int{429, 502, 503} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				value := test.retryAfter
				if test.in != 0 {
					value = time.Now().Add(test.in).UTC().Format(http.TimeFormat)
				}
				fault := ifmatchtest.FailBefore(1, status)
				if value != "" {
					fault = fault.WithHeader("Retry-After", value)
				}
				origin.Inject(fault)
				start := time.Now()
				got := send(t, origin, Stop, http.MethodPut, []string{fresh}, append(test.opts, WithTransientBackoff(every(time.Second)))...)
				took := time.Since(start)
				if test.waited < 0 {
					if took != 0 || got.err != nil || got.resp.StatusCode != status || got.body != http.StatusText(status)+"\n" || got.bodyErr != nil || len(origin.Log()) != 1 {
						t.Errorf("%q, %d: %s after %v, body %q, %v", value, status, got.summary(), took, got.body, got.err)
					}
					if _, touched := OutcomeOf(got.resp); touched {
						t.Errorf("%q, %d: the answer didn't come through untouched", value, status)
					}
					return
				}
				if took != test.waited || got.outcome.Effect != EffectApplied || got.outcome.Waited != took || got.outcome.Exchanges[1].Wait != took {
					t.Errorf("%q, %d: %s after %v, want %v", value, status, got.summary(), took, test.waited)
				}
			})
		}
	}
	// The context's deadline bounds it too.
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.FailBefore(1, 503).WithHeader("Retry-After", "7"))
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		start := time.Now()
		got := sendVia(t, NewTransport(origin.Client().Transport, Stop), newWrite(t, ctx, origin, http.MethodPut, []string{fresh}))
		if time.Since(start) != 0 || got.err != nil || got.resp.StatusCode != 503 || got.body == "" {
			t.Errorf("%s, %v", got.summary(), got.err)
		}
	})
}

// TestWriteInterval: where the API takes one write in a time, 429 is followed by a wait of that
// time and the pace of failures, or by Retry-After where that is longer.
func TestWriteInterval(t *testing.T) {
	d := dialect.RFC9110()
	d.WriteInterval = 3 * time.Second
	for name, test := range map[string]struct {
		status     int
		retryAfter string
		waited     time.Duration
	}{
		"too many writes":       {429, "", 4 * time.Second},
		"a longer Retry-After":  {429, "7", 7 * time.Second},
		"a shorter Retry-After": {429, "1", 4 * time.Second},
		"another failure":       {503, "", time.Second},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			fault := ifmatchtest.FailBefore(1, test.status)
			if test.retryAfter != "" {
				fault = fault.WithHeader("Retry-After", test.retryAfter)
			}
			origin.Inject(fault)
			start := time.Now()
			got := send(t, origin, Stop, http.MethodPut, []string{fresh}, WithDialect(d), WithTransientBackoff(every(time.Second)))
			if took := time.Since(start); took != test.waited || got.outcome.Effect != EffectApplied {
				t.Errorf("%s: %s after %v, want %v", name, got.summary(), took, test.waited)
			}
		})
	}
}

// TestRetryBudget: a server that is down isn't stormed, and it is trusted again
// as it answers.
func TestRetryBudget(t *testing.T) {
	put := func(t *testing.T, rt http.RoundTripper, method string, ctx context.Context) {
		req, err := http.NewRequestWithContext(ctx, method, "http://example.test/doc", strings.NewReader("mine"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-Match", `"v1"`)
		if resp, err := rt.RoundTrip(req); err == nil {
			resp.Body.Close()
		}
	}
	for _, test := range []struct {
		opts    []Option
		repeats int64
	}{
		{nil, 100},
		{[]Option{WithRetryBudget(0, 0)}, 100},
		{[]Option{WithRetryBudget(-1, -1)}, 100},
		{[]Option{WithRetryBudget(50, 10)}, 5},
		{[]Option{WithRetryBudget(7, 2)}, 3},
		{[]Option{WithRetryBudget(1, 5)}, 0},
		{[]Option{WithRetryBudget(1, 1), WithRetryBudget(20, 0)}, 4},
	} {
		for _, status := range []int{503, 0}[:long(2, 1)] {
			inBubble(t, func(t *testing.T, _ *ifmatchtest.Server) {
				base := &down{status: status}
				base.isDown.Store(true)
				rt := NewTransport(base, Stop, test.opts...)
				var all sync.WaitGroup
				for range 1000 {
					all.Go(func() { put(t, rt, http.MethodPut, context.Background()) })
				}
				all.Wait()
				if n := base.sent.Load(); n != 1000+test.repeats {
					t.Errorf("%d requests for 1000 calls, want %d more", n, test.repeats)
				}
				// What fails gives nothing back, whether it is repeated or not.
				base.sent.Store(0)
				for range 50 {
					put(t, rt, http.MethodGet, context.Background())
					put(t, rt, http.MethodPost, context.Background())
					put(t, rt, http.MethodPut, WithOptions(context.Background(), WithRetryBudget(1000, 1)))
				}
				if n := base.sent.Load(); n != 150 {
					t.Errorf("%d requests for 150 calls: failures refilled the budget", n)
				}
				// What succeeds gives one back, whatever it is.
				base.isDown.Store(false)
				for range 100 {
					put(t, rt, http.MethodGet, context.Background())
				}
				base.isDown.Store(true)
				base.sent.Store(0)
				for range 1000 {
					put(t, rt, http.MethodPut, context.Background())
				}
				want := min(test.repeats, 100/5)
				if n := base.sent.Load() - 1000; n != want {
					t.Errorf("%d repeats after 100 successes, want %d", n, want)
				}
			})
		}
	}
	// Repeats of refreshes take from it too, and each Transport has its own.
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.FailBefore(0, 503).On("HEAD", "GET"))
		rt := NewTransport(origin.Client().Transport, Resend, WithRetryBudget(2, 1))
		want := "PUT 412, HEAD 503, GET 503, GET 503 | 412 | not applied, refresh failed"
		if got := sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})); got.summary() != want {
			t.Errorf("got  %s\nwant %s", got.summary(), want)
		}
		want = "PUT 412, HEAD 503 | 412 | not applied, refresh failed"
		if got := sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})); got.summary() != want {
			t.Errorf("got  %s\nwant %s", got.summary(), want)
		}
		want = "PUT 412, HEAD 503, GET 503, GET 503, GET 503 | 412 | not applied, refresh failed"
		if got := send(t, origin, Resend, http.MethodPut, []string{stale}); got.summary() != want {
			t.Errorf("got  %s\nwant %s", got.summary(), want)
		}
	})
}

// down is a base that may be down.
type down struct {
	status int // 0: a connection that is cut
	isDown atomic.Bool
	sent   atomic.Int64
}

func (d *down) RoundTrip(req *http.Request) (*http.Response, error) {
	d.sent.Add(1)
	if req.Body != nil {
		req.Body.Close()
	}
	switch {
	case !d.isDown.Load():
		return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	case d.status == 0:
		return nil, io.EOF
	}
	return &http.Response{StatusCode: d.status, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// TestCountedApart: n writes that may end in a refusal, and n-1 repeats beside
// them, all within one WithMaxElapsed.
func TestCountedApart(t *testing.T) {
	play := func(statuses ...int) ifmatchtest.Fault {
		return ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
			status := statuses[0]
			if len(statuses) > 1 {
				statuses = statuses[1:]
			}
			w.WriteHeader(status)
		}).On(http.MethodPut)
	}
	for _, test := range []struct {
		n    int
		play []int
		want string
	}{
		{1, []int{503}, "PUT 503 | 503 | unknown, none"},
		{1, []int{412}, "PUT 412 | 412 | not applied, unexamined"},
		{3, []int{429}, "PUT 429, PUT 429, PUT 429 | 429 | not applied, none"},
		{3, []int{429, 412}, "PUT 429, PUT 412, HEAD 200, PUT 412, HEAD 200, PUT 412 | 412 | not applied, changed"},
		{3, []int{412, 429, 412, 429, 412}, "PUT 412, HEAD 200, PUT 429, PUT 412, HEAD 200, PUT 429, PUT 412 | 412 | not applied, changed"},
		{3, []int{429, 412, 429, 412, 429}, "PUT 429, PUT 412, HEAD 200, PUT 429, PUT 412, HEAD 200, PUT 429 | 429 | not applied, changed"},
		{2, []int{412, 429, 204}, "PUT 412, HEAD 200, PUT 429, PUT 204 | 204 | applied, changed, overwrote"},
		{2, []int{412, 429, 429}, "PUT 412, HEAD 200, PUT 429, PUT 429 | 429 | not applied, changed"},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(play(test.play...))
			reads := 0
			origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
				reads++
				w.Header().Set("ETag", fmt.Sprintf(`"r%d"`, reads))
			}).On(http.MethodHead))
			got := send(t, origin, Resend, http.MethodPut, []string{stale}, WithMaxAttempts(test.n))
			if got.summary() != test.want {
				t.Errorf("%d: got  %s\nwant %s", test.n, got.summary(), test.want)
			}
			if got.outcome.Attempts > 1 && got.outcome.Effect != EffectApplied && !errors.Is(got.outcome.Err, ErrAttempts) {
				t.Errorf("%d: Outcome.Err %v", test.n, got.outcome.Err)
			}
		})
	}
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		reads := 0
		origin.Inject(play(429, 412, 429, 412, 429, 412, 429), ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
			reads++
			w.Header().Set("ETag", fmt.Sprintf(`"r%d"`, reads))
		}).On(http.MethodHead))
		start := time.Now()
		got := send(t, origin, Resend, http.MethodPut, []string{stale}, WithMaxAttempts(99), WithMaxElapsed(11*time.Second),
			WithBackoff(every(3*time.Second)), WithTransientBackoff(every(2*time.Second)))
		want := "PUT 429, PUT 412, HEAD 200, PUT 429, PUT 412, HEAD 200, PUT 429 | 429 | not applied, changed"
		if got.summary() != want || time.Since(start) != 10*time.Second || !errors.Is(got.outcome.Err, ErrElapsed) {
			t.Errorf("got  %s\nwant %s\nafter %v, %v", got.summary(), want, time.Since(start), got.outcome.Err)
		}
	})
}

// TestCancelledRepeat: cancel ends the wait at once, and the error matches the
// context's, the last failure and, where that is so, ErrOutcomeUnknown.
func TestCancelledRepeat(t *testing.T) {
	why := errors.New("the user went home")
	for _, test := range []struct {
		name    string
		fault   ifmatchtest.Fault
		unknown bool
		status  int
	}{
		{"lost", ifmatchtest.LostAnswer(1), true, 0},
		{"503", ifmatchtest.FailBefore(1, 503), true, 503},
		{"429", ifmatchtest.FailBefore(1, 429), false, 429},
	} {
		for _, byChannel := range []bool{false, true} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(test.fault)
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				req := newWrite(t, ctx, origin, http.MethodPut, []string{fresh})
				if byChannel {
					channel := make(chan struct{})
					time.AfterFunc(5*time.Second, func() { close(channel) })
					req.Cancel = channel
				} else {
					time.AfterFunc(5*time.Second, func() { cancel(why) })
				}
				start := time.Now()
				got := sendVia(t, NewTransport(origin.Client().Transport, Stop, WithTransientBackoff(every(20*time.Second))), req)
				if took := time.Since(start); took != 5*time.Second || got.outcome.Waited != took {
					t.Errorf("%s: took %v", test.name, took)
				}
				if !errors.Is(got.err, context.Canceled) || !byChannel && !errors.Is(got.err, why) || errors.Is(got.err, ErrOutcomeUnknown) != test.unknown {
					t.Errorf("%s: %v", test.name, got.err)
				}
				var status *StatusError
				if test.status == 0 && !errors.Is(got.err, io.EOF) || test.status != 0 && (!errors.As(got.err, &status) || status.StatusCode != test.status) {
					t.Errorf("%s: the last failure is lost: %v", test.name, got.err)
				}
				if want := map[bool]Effect{true: EffectUnknown, false: EffectNotApplied}[test.unknown]; got.outcome.Effect != want || !errors.Is(got.outcome.Err, context.Canceled) {
					t.Errorf("%s: %s, %v", test.name, got.summary(), got.outcome.Err)
				}
				if len(origin.Log()) != 1 {
					t.Errorf("%s: %s", test.name, got.summary())
				}
			})
		}
	}
	// A wait that would outlive the deadline isn't begun.
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		start := time.Now()
		got := sendVia(t, NewTransport(origin.Client().Transport, Stop, WithTransientBackoff(every(20*time.Second))), newWrite(t, ctx, origin, http.MethodPut, []string{fresh}))
		if time.Since(start) != 0 || !errors.Is(got.err, ErrOutcomeUnknown) || !errors.Is(got.err, io.EOF) || !errors.Is(got.outcome.Err, ErrElapsed) {
			t.Errorf("%s, %v, %v", got.summary(), got.err, got.outcome.Err)
		}
	})
}

// TestTransientBackoff: any policy of backoff/v4 will do, also one with a state.
func TestTransientBackoff(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.FailBefore(0, 503))
		made := 0
		pace := WithTransientBackoff(func() backoff.BackOff {
			made++
			return backoff.WithMaxRetries(backoff.NewConstantBackOff(2*time.Second), 2)
		})
		rt := NewTransport(origin.Client().Transport, Stop, pace, WithMaxAttempts(9))
		for range 2 { // a fresh one for each call
			start := time.Now()
			got := sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh}))
			if got.summary() != "PUT 503, PUT 503, PUT 503 | 503 | unknown, none" || time.Since(start) != 4*time.Second || !errors.Is(got.outcome.Err, ErrAttempts) || got.body == "" {
				t.Errorf("%s after %v, %v", got.summary(), time.Since(start), got.outcome.Err)
			}
		}
		if sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPost, nil)); made != 2 {
			t.Errorf("%d made for 2 calls that needed one", made)
		}
		stopped := WithTransientBackoff(func() backoff.BackOff { return &backoff.StopBackOff{} })
		if got := send(t, origin, Stop, http.MethodPut, []string{fresh}, stopped); got.summary() != "PUT 503 | 503 | unknown, none" || got.body == "" {
			t.Error(got.summary())
		}
	})
	for name, opts := range map[string][]Option{"none": nil, "nil": {WithTransientBackoff(every(time.Hour)), WithTransientBackoff(nil)}, "nil from": {WithTransientBackoff(func() backoff.BackOff { return nil })}} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.FailBefore(0, 503))
			got := send(t, origin, Stop, http.MethodPut, []string{fresh}, append(opts, WithMaxAttempts(9), WithMaxElapsed(time.Hour))...)
			if got.outcome.Attempts != 9 {
				t.Fatalf("%s: %s", name, got.summary())
			}
			worst := 200 * time.Millisecond
			for i, e := range got.outcome.Exchanges[1:] {
				if e.Wait > worst+1 {
					t.Errorf("%s: wait %d is %v, at most %v", name, i, e.Wait, worst)
				}
				worst = min(2*worst, 10*time.Second)
			}
		})
	}
}

// TestLastAnswer: when the repeats are used up, the last answer is returned whole.
func TestLastAnswer(t *testing.T) {
	base := &failing{failures: []int{0, 503, 429, 504}}
	got := sendVia(t, NewTransport(base, Stop, WithTransientBackoff(every(0))), mustPut(t))
	if got.summary() != "PUT failed, PUT 503, PUT 429, PUT 504 | 504 | unknown, none" || got.body != "Gateway Timeout" || !errors.Is(got.outcome.Err, ErrAttempts) || !errors.Is(got.outcome.Err, ErrOutcomeUnknown) {
		t.Errorf("%s, %q, %v", got.summary(), got.body, got.outcome.Err)
	}
	base = &failing{failures: []int{503, 0, 0, 0}}
	got = sendVia(t, NewTransport(base, Stop, WithTransientBackoff(every(0))), mustPut(t))
	if got.summary() != "PUT 503, PUT failed, PUT failed, PUT failed | error | unknown, none" || !errors.Is(got.err, io.ErrUnexpectedEOF) || !errors.Is(got.err, ErrOutcomeUnknown) || base.open != 0 {
		t.Errorf("%s, %v, %d open", got.summary(), got.err, base.open)
	}
}

// TestRepeatRule is the decision of rule 13: facts in, who is repeated out.
func TestRepeatRule(t *testing.T) {
	for _, test := range []struct {
		name  string
		facts repeatFacts
		want  repeatRule
	}{
		{"13 nothing is known", repeatFacts{}, repeatNever},
		{"13 guarded", repeatFacts{guarded: true, idempotent: true}, repeatTransient},
		{"13 a PATCH that became guarded", repeatFacts{guarded: true}, repeatTransient},
		{"13 a read of ours", repeatFacts{ownRead: true, idempotent: true}, repeatTransient},
		{"13 idempotent, without a check", repeatFacts{idempotent: true}, repeatNever},
		{"13 idempotent, with a check", repeatFacts{idempotent: true, checks: true}, repeatChecked},
		{"13 guarded, with a check", repeatFacts{guarded: true, idempotent: true, checks: true}, repeatChecked},
		{"13 a guarded PATCH, with a check", repeatFacts{guarded: true, checks: true}, repeatChecked},
		{"13 a read of ours, with a check", repeatFacts{ownRead: true, idempotent: true, checks: true}, repeatChecked},
		{"13 POST, with a check", repeatFacts{checks: true}, repeatNever},
		{"13 repeats are off", repeatFacts{off: true, guarded: true, idempotent: true, checks: true}, repeatNever},
		{"13 repeats are off, nothing was compared", repeatFacts{off: true, guarded: true, idempotent: true, uncompared: true}, repeatNever},
		{"13 the body failed", repeatFacts{bodyFailed: true, guarded: true, idempotent: true}, repeatNever},
		{"13 the body failed, with a check", repeatFacts{bodyFailed: true, guarded: true, idempotent: true, checks: true}, repeatNever},
		{"13 nothing was compared, guarded", repeatFacts{uncompared: true, guarded: true, idempotent: true}, repeatAlways},
		{"13 nothing was compared, a guarded PATCH", repeatFacts{uncompared: true, guarded: true}, repeatAlways},
		{"13 nothing was compared, a read of ours", repeatFacts{uncompared: true, ownRead: true, idempotent: true}, repeatAlways},
		{"13 nothing was compared, If-Match: *", repeatFacts{uncompared: true, existing: true, idempotent: true}, repeatAlways},
		{"13 nothing was compared, PATCH under If-Match: *", repeatFacts{uncompared: true, existing: true}, repeatNever},
		{"13 nothing was compared, no guard", repeatFacts{uncompared: true, idempotent: true}, repeatNever},
		{"13 nothing was compared, no guard, with a check", repeatFacts{uncompared: true, idempotent: true, checks: true}, repeatNever},
		{"13 nothing was compared, guarded, with a check", repeatFacts{uncompared: true, guarded: true, idempotent: true, checks: true}, repeatAlways},
		{"13 If-Match: * alone", repeatFacts{existing: true, idempotent: true}, repeatNever},
		{"21 spent by a Transport below", repeatFacts{spent: true, guarded: true, idempotent: true, checks: true}, repeatNever},
		{"22 cancelled", repeatFacts{cancelled: true, guarded: true, idempotent: true, checks: true}, repeatNever},
	} {
		if got := test.facts.rule(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

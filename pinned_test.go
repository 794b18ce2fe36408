package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestPinnedPolicy: a policy of a context counts unless one is pinned; what was discarded is
// named in the refusal's text.
func TestPinnedPolicy(t *testing.T) {
	stop := Pinned(OnConflict(Stop))
	for name, test := range map[string]struct {
		opts   []Option // of the Transport
		ctx    func(context.Context) context.Context
		status int
		named  string
	}{
		"not pinned":         {nil, with(OnConflict(Resend)), 204, ""},
		"pinned":             {[]Option{stop}, with(OnConflict(Resend)), 412, "OnConflict"},
		"far above":          {[]Option{stop}, func(ctx context.Context) context.Context { return Remember(with(OnConflict(Resend))(ctx)) }, 412, "OnConflict"},
		"pinned below":       {[]Option{stop}, with(stop, Pinned(OnConflict(Resend))), 412, ""},
		"nothing overridden": {[]Option{stop}, with(WithMaxAttempts(9)), 412, ""},
		"something else":     {[]Option{Pinned(WithMaxAttempts(2))}, with(OnConflict(Resend)), 204, ""},
		"within":             {[]Option{Pinned(Options{Pinned(OnConflict(Stop)), WithMaxAttempts(3)})}, with(OnConflict(Resend), WithMaxAttempts(7)), 412, "OnConflict, WithMaxAttempts"},
		"pinned within":      {[]Option{Pinned(Pinned(OnConflict(Stop)), OnConflict(Resend))}, with(OnConflict(Unconditional)), 412, "OnConflict"},
		"pinned twice":       {[]Option{Pinned(WithMaxAttempts(3)), Pinned(Pinned(OnConflict(Stop)))}, with(OnConflict(Resend), WithMaxAttempts(7)), 412, "OnConflict, WithMaxAttempts"},
		"the later pin":      {[]Option{Pinned(OnConflict(Resend)), stop}, with(OnConflict(Resend)), 412, "OnConflict"},
		"both pins":          {[]Option{stop, Pinned(WithMaxAttempts(2))}, with(OnConflict(Resend)), 412, "OnConflict"},
		"after it":           {[]Option{stop, OnConflict(Resend)}, func(ctx context.Context) context.Context { return ctx }, 412, ""},
		"a nil policy":       {[]Option{Pinned(OnConflict(nil))}, with(OnConflict(Resend)), 412, "OnConflict"},
		"the bound policy":   {[]Option{Pinned(OnConflict(Resend))}, with(OnConflict(Stop)), 204, ""},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			rt := NewTransport(origin.Client().Transport, Stop, test.opts...)
			got := sendVia(t, rt, newWrite(t, test.ctx(t.Context()), origin, "PUT", []string{stale}))
			if got.err != nil || got.resp.StatusCode != test.status {
				t.Fatalf("%s: %s, %v", name, got.summary(), got.err)
			}
			if test.status != 412 {
				return
			}
			if !errors.Is(got.outcome.Err, ErrConflict) {
				t.Errorf("%s: %v", name, got.outcome.Err)
			}
			text := got.outcome.Err.Error()
			if named := strings.Contains(text, "Pinned"); named != (test.named != "") || !strings.Contains(text, test.named+" doesn't count") && named {
				t.Errorf("%s: %s", name, text)
			}
		})
	}
}

// with returns a function that gives a context options.
func with(opts ...Option) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context { return WithOptions(ctx, opts...) }
}

// TestPinnedError: where the call ends with an error, that names what was discarded.
func TestPinnedError(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		failing := PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, errFull })
		rt := NewTransport(origin.Client().Transport, Stop, Pinned(OnConflict(failing)))
		got := sendVia(t, rt, newWrite(t, WithOptions(t.Context(), OnConflict(Resend)), origin, "PUT", []string{stale}))
		if !errors.Is(got.err, errFull) || !strings.Contains(got.err.Error(), "OnConflict doesn't count") || got.outcome.Err == nil || !strings.Contains(got.outcome.Err.Error(), "OnConflict") {
			t.Errorf("%v; %v", got.err, got.outcome.Err)
		}
	})
}

// TestPinnable: each option that can be pinned counts over one of a context, and one that
// isn't pinned doesn't.
func TestPinnable(t *testing.T) {
	check := func(again bool) retryablehttp.CheckRetry {
		return func(context.Context, *http.Response, error) (bool, error) { return again, nil }
	}
	constant := func(d time.Duration) func() backoff.BackOff {
		return func() backoff.BackOff { return backoff.NewConstantBackOff(d) }
	}
	same := func(*http.Request) (*http.Request, error) { return nil, nil }
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, nil))
	for name, test := range map[string]struct {
		pinned, other Option
		of            func(s settings) any
	}{
		"OnConflict":                           {OnConflict(Resend), OnConflict(Unconditional), func(s settings) any { return s.policy }},
		"WithMaxAttempts":                      {WithMaxAttempts(2), WithMaxAttempts(9), func(s settings) any { return s.maxAttempts }},
		"WithMaxElapsed":                       {WithMaxElapsed(2), WithMaxElapsed(9), func(s settings) any { return s.maxElapsed }},
		"WithBackoff":                          {WithBackoff(constant(2)), WithBackoff(constant(9)), func(s settings) any { return s.newBackOff().NextBackOff() }},
		"WithRefreshRequest":                   {WithRefreshRequest(same), WithRefreshRequest(nil), func(s settings) any { return *s.refreshRequest != nil }},
		"WithMaxRepresentation":                {WithMaxRepresentation(2), WithMaxRepresentation(9), func(s settings) any { return s.maxRepresentation }},
		"WithMaxBuffer":                        {WithMaxBuffer(2), WithMaxBuffer(9), func(s settings) any { return s.maxBuffer }},
		"WithTransientRetry or WithoutRepeats": {WithTransientRetry(check(true)), WithoutRepeats(), func(s settings) any { return s.repeats.none }},
		"WithTransientBackoff":                 {WithTransientBackoff(constant(2)), WithTransientBackoff(constant(9)), func(s settings) any { return s.newTransientBackOff().NextBackOff() }},
		"WithExpectContinue":                   {WithExpectContinue(2), WithExpectContinue(9), func(s settings) any { return *s.expectContinue }},
		"WithRefreshCredentials":               {WithRefreshCredentials("https://a.test"), WithRefreshCredentials("https://b.test"), func(s settings) any { return s.credentialOrigins[0] }},
		"WithDialect or WithDialects": {WithDialect(dialect.Dialect{Name: "pinned"}), WithDialect(dialect.Dialect{Name: "other"}), func(s settings) any {
			return s.dialectFor(mustPut(t).URL, nil).Name
		}},
		"WithLogger": {WithLogger(logger), WithLogger(nil), func(s settings) any { return s.logger == logger }},
	} {
		effective := func(pins, ctx Option) (settings, []string) {
			tr := NewTransport(nil, Stop, pins)
			c := tr.newCall(nil, mustPut(t).WithContext(WithOptions(t.Context(), ctx)))
			return *c.settings, c.discarded
		}
		pinned, discarded := effective(Pinned(test.pinned), test.other)
		alone, none := effective(test.pinned, Options{})
		other, _ := effective(test.pinned, test.other)
		if a, b := test.of(pinned), test.of(alone); a != b || len(discarded) != 1 || discarded[0] != name || none != nil {
			t.Errorf("%s: pinned %v, want %v; discarded %q", name, a, b, discarded)
		}
		if test.of(other) == test.of(alone) {
			t.Errorf("%s: it doesn't show whether a context overrides it", name)
		}
		if again, discarded := effective(Pinned(WithMaxAttempts(3)), test.other); name != "WithMaxAttempts" && (test.of(again) != test.of(other) || discarded != nil) {
			t.Errorf("%s: overridden by a pin of something else", name)
		}
	}
	if n := len(pinnable); n != 13 {
		t.Errorf("%d options can be pinned: test each of them here", n)
	}
}

// TestPinnedAddsUp: traces of a context are called beside pinned ones; a budget counts.
func TestPinnedAddsUp(t *testing.T) {
	var asked []string
	trace := func(name string) Option {
		return WithTrace(&Trace{Done: func(DoneInfo) { asked = append(asked, name) }})
	}
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		rt := NewTransport(origin.Client().Transport, Stop, trace("own"), Pinned(trace("pinned"), WithRetryBudget(7, 3)))
		sendVia(t, rt, newWrite(t, WithOptions(t.Context(), trace("context")), origin, "PUT", []string{stale}))
		if strings.Join(asked, " ") != "own pinned context" {
			t.Errorf("called: %q", asked)
		}
		if rt.budget.Tokens != 7 || rt.budget.Cost != 3 {
			t.Errorf("budget %d, %d", rt.budget.Tokens, rt.budget.Cost)
		}
	})
}

// TestPinnedBudget: a pinned budget counts over one that isn't, in any order, and of two the
// later one counts. What isn't said of it is the default.
func TestPinnedBudget(t *testing.T) {
	budget := WithRetryBudget
	for name, test := range map[string]struct {
		opts         []Option
		tokens, cost int64
	}{
		"none":              {nil, 0, 0},
		"not pinned":        {[]Option{Pinned(WithMaxAttempts(2)), budget(7, 3)}, 7, 3},
		"before":            {[]Option{Pinned(budget(7, 3)), budget(9, 1)}, 7, 3},
		"after":             {[]Option{budget(9, 1), Pinned(budget(7, 3))}, 7, 3},
		"only tokens":       {[]Option{budget(9, 1), Pinned(budget(7, 0))}, 7, 0},
		"only a cost":       {[]Option{budget(9, 1), Pinned(budget(0, 3))}, 0, 3},
		"two":               {[]Option{Pinned(budget(9, 1)), Pinned(budget(7, 3))}, 7, 3},
		"and something":     {[]Option{Pinned(budget(7, 3)), Pinned(WithMaxAttempts(2))}, 7, 3},
		"within, and after": {[]Option{Pinned(Pinned(budget(7, 3)), budget(9, 1))}, 7, 3},
	} {
		rt := NewTransport(nil, Stop, test.opts...)
		if rt.budget.Tokens != test.tokens || rt.budget.Cost != test.cost {
			t.Errorf("%s: %d tokens, cost %d", name, rt.budget.Tokens, rt.budget.Cost)
		}
	}
}

// TestPinnedForReads: what is pinned binds what Get and Update do by themselves, too.
func TestPinnedForReads(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, Pinned(WithMaxRepresentation(3)))}
		for name, ctx := range map[string]context.Context{"no context": t.Context(), "a context": WithOptions(t.Context(), WithMaxRepresentation(100))} {
			if _, err := Get[counter](ctx, c, url, WithMaxRepresentation(100)); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestPinnedAndUpdate: the policy of an Update holds, within the pinned limits.
func TestPinnedAndUpdate(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, Pinned(OnConflict(Stop), WithMaxAttempts(2)))}
		again := func(n int) {
			origin.Inject(ifmatchtest.CompetingWriter(n, func(b []byte) []byte { return bytes.Replace(b, []byte("}"), []byte(`,"x":1}`), 1) }))
		}
		again(1)
		if got, err := Update(t.Context(), c, url, addOne); err != nil || got.Outcome.Attempts != 2 {
			t.Errorf("one race is lost: %v, %v", got.Outcome, err)
		}
		again(5)
		got, err := Update(WithOptions(t.Context(), WithMaxAttempts(9)), c, url, addOne, WithMaxAttempts(9))
		if !errors.Is(err, ErrAttempts) || got.Outcome.Attempts != 2 || !strings.Contains(err.Error(), "WithMaxAttempts doesn't count") {
			t.Errorf("more: %v, %v", got.Outcome, err)
		}
		r := NewResource[counter](c, url, WithMaxAttempts(9))
		again(5)
		if got, err := r.Update(t.Context(), addOne); !errors.Is(err, ErrAttempts) || got.Outcome.Attempts != 2 {
			t.Errorf("a Resource: %v, %v", got.Outcome, err)
		}
	})
}

// TestUpdateInContext: what a RoundTripper below an Update writes with its context, at another
// URL, is never edited as the document is, whatever Transport it uses.
func TestUpdateInContext(t *testing.T) {
	for _, opts := range [][]Option{nil, {Pinned(OnConflict(Stop))}} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Put("/lock", "application/json", []byte(`{"n":77}`))
			other := NewTransport(origin.Client().Transport, Stop, opts...)
			below := roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodPut {
					lock, err := http.NewRequestWithContext(req.Context(), http.MethodPut, origin.URL+"/lock", strings.NewReader("mine"))
					if err != nil {
						return nil, err
					}
					lock.Header.Set("If-Match", `"old"`)
					if got := sendVia(t, other, lock); got.resp.StatusCode != http.StatusPreconditionFailed {
						t.Errorf("%s, %v", got.summary(), got.err)
					}
				}
				return origin.Client().Transport.RoundTrip(req)
			})
			client := &http.Client{Transport: NewTransport(below, Stop)}
			if _, err := Update(t.Context(), client, url, addOne); err != nil {
				t.Error(err)
			}
			if got, _, _ := origin.State("/lock"); string(got) != `{"n":77}` {
				t.Errorf("the lock became %s", got)
			}
		})
	}
}

// TestRewrittenUpdate: what something between has rewritten, the URL or the body, is the write
// of the Update still, and no other policy decides for it.
func TestRewrittenUpdate(t *testing.T) {
	for name, rewrite := range map[string]func(r *http.Request, data []byte){
		"the URL":  func(r *http.Request, _ []byte) { r.URL.Path = "/doc" },
		"the body": func(r *http.Request, data []byte) { setBody(r, append([]byte(" "), data...)) },
	} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			below := NewTransport(origin.Client().Transport, Resend)
			c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				again := r.Clone(r.Context())
				if r.Method == http.MethodGet {
					again.URL.Path = "/doc"
				} else {
					data, err := io.ReadAll(r.Body)
					if err != nil {
						return nil, err
					}
					r.Body.Close()
					setBody(again, data)
					rewrite(again, data)
				}
				return below.RoundTrip(again)
			})}
			if name == "the URL" {
				url = origin.URL + "/alias"
			}
			origin.Inject(ifmatchtest.CompetingWriter(2, addFour))
			if got, err := Update(t.Context(), c, url, addOne); err != nil || got.Value.N != 442 || stateOf(origin) != `{"n":442}` && stateOf(origin) != ` {"n":442}` {
				t.Errorf("%s: %+v, %v: %s, %s", name, got.Value, err, stateOf(origin), requests(origin))
			}
		})
	}
}

// setBody gives a request another body.
func setBody(r *http.Request, data []byte) {
	r.ContentLength = int64(len(data))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	r.Body, _ = r.GetBody()
}

// TestMirrorOfAnUpdate: a write of the same body elsewhere has a policy of its own, where its
// context says so.
func TestMirrorOfAnUpdate(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Put("/mirror", "application/json", []byte(`{"n":77}`))
		other := NewTransport(origin.Client().Transport, Resend)
		below := roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut {
				body, err := r.GetBody()
				if err != nil {
					return nil, err
				}
				mirror, err := http.NewRequestWithContext(WithOptions(r.Context(), OnConflict(Stop)), http.MethodPut, origin.URL+"/mirror", body)
				if err != nil {
					return nil, err
				}
				mirror.Header.Set("If-Match", `"old"`)
				if got := sendVia(t, other, mirror); got.resp.StatusCode != http.StatusPreconditionFailed {
					t.Errorf("%s, %v", got.summary(), got.err)
				}
			}
			return origin.Client().Transport.RoundTrip(r)
		})
		if got, err := Update(t.Context(), &http.Client{Transport: NewTransport(below, Stop)}, url, addOne); err != nil || got.Value.N != 2 {
			t.Errorf("%+v, %v", got.Value, err)
		}
		if got, _, _ := origin.State("/mirror"); string(got) != `{"n":77}` {
			t.Errorf("the mirror became %s", got)
		}
	})
}

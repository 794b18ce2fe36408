package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// answeringWith answers writes with a status, a field and a long body.
func answeringWith(n, status, size int) ifmatchtest.Fault {
	return ifmatchtest.Reply(n, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Why", "because")
		w.WriteHeader(status)
		w.Write(bytes.Repeat([]byte("x"), size))
	}).On(http.MethodPut)
}

// writesOf is how many writes arrived.
func writesOf(origin *ifmatchtest.Server) (n int) {
	for _, r := range origin.Log() {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			n++
		}
	}
	return n
}

// TestUpdateConflictError: the error has the last refusal, the outcome of all
// attempts, and why there was no further one.
func TestUpdateConflictError(t *testing.T) {
	const limit = 64 << 10
	for name, test := range map[string]struct {
		faults   []ifmatchtest.Fault
		opts     []UpdateOption
		status   int
		body     int // bytes
		attempts int
		cause    Cause
		is       []error
	}{
		"attempts": {
			faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(2, addFour), answeringWith(0, 412, 100).After(2)},
			opts:   []UpdateOption{WithMaxAttempts(3)}, status: 412, body: 100, attempts: 3, cause: CauseChanged, is: []error{ErrAttempts},
		},
		"as long as is kept": {
			faults: []ifmatchtest.Fault{answeringWith(0, 412, limit)}, opts: []UpdateOption{WithMaxAttempts(1)},
			status: 412, body: limit, attempts: 1, cause: CauseUnexamined, is: []error{ErrAttempts},
		},
		"longer": {
			faults: []ifmatchtest.Fault{answeringWith(0, 412, limit+1)}, opts: []UpdateOption{WithMaxAttempts(1)},
			status: 412, body: limit, attempts: 1, cause: CauseUnexamined, is: []error{ErrAttempts},
		},
		"a tag that is refused for ever": {
			faults: []ifmatchtest.Fault{answeringWith(0, 412, 100)},
			status: 412, body: 100, attempts: 2, cause: CauseSelfContradiction,
		},
		"428 in spite of a precondition": {
			faults: []ifmatchtest.Fault{answeringWith(0, 428, 100)},
			status: 428, body: 100, attempts: 1, cause: CausePreconditionRequired,
		},
		"elapsed": {
			faults: []ifmatchtest.Fault{ifmatchtest.Slow(0, time.Second), ifmatchtest.CompetingWriter(0, addFour)},
			opts:   []UpdateOption{WithMaxElapsed(time.Second)}, status: 412, body: len("precondition failed\n"), attempts: 1, cause: -1, is: []error{ErrElapsed},
		},
		"gone": {
			faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, func([]byte) []byte { return nil })},
			status: 412, body: len("precondition failed\n"), attempts: 1, cause: CauseGone,
		},
		"no validator any more": {
			faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour), ifmatchtest.NoETag().On("GET").After(1)},
			status: 412, body: len("precondition failed\n"), attempts: 1, cause: CauseNoValidator, is: []error{ErrNoValidator},
		},
		"state grown too large": {
			faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, func([]byte) []byte { return []byte(`{"n":1,"x":"` + strings.Repeat("x", 99) + `"}`) })},
			opts:   []UpdateOption{WithMaxRepresentation(50)}, status: 412, body: len("precondition failed\n"), attempts: 1, cause: -1, is: []error{ErrTooLarge},
		},
		"may not be read any more": {
			faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour), replying("GET", 0, 403).After(1)},
			status: 412, body: len("precondition failed\n"), attempts: 1, cause: CauseRefreshDenied,
		},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(test.faults...)
				var o Outcome
				got, err := Update(WithOutcome(t.Context(), &o), origin.Client(), url, addOne, test.opts...)
				var conflict *ConflictError
				if !errors.As(err, &conflict) || !errors.Is(err, ErrConflict) || errors.Is(err, ErrOutcomeUnknown) {
					t.Fatalf("error %v: %s", err, requests(origin))
				}
				for _, want := range test.is {
					if !errors.Is(err, want) {
						t.Errorf("%v doesn't match %v", err, want)
					}
				}
				if conflict.Method != http.MethodPut || conflict.URL != url || conflict.StatusCode != test.status || len(conflict.Body) != test.body {
					t.Errorf("%s %s %d with %d bytes", conflict.Method, conflict.URL, conflict.StatusCode, len(conflict.Body))
				}
				if why := conflict.Header.Get("X-Why"); (why == "because") != (string(conflict.Body) != "precondition failed\n") {
					t.Errorf("X-Why %q with %.30q", why, conflict.Body)
				}
				if n := conflict.Outcome.Attempts; n != test.attempts || n != writesOf(origin) {
					t.Errorf("%d attempts, want %d: %s", n, test.attempts, requests(origin))
				}
				if conflict.Outcome.Effect != EffectNotApplied || test.cause >= 0 && conflict.Outcome.Cause != test.cause {
					t.Errorf("%v, %v", conflict.Outcome.Effect, conflict.Outcome.Cause)
				}
				sameEnd := func(a, b error) bool { return a == b }
				for where, other := range map[string]Outcome{"WithOutcome": o, "the Snapshot": got.Outcome} {
					if diff := cmp.Diff(conflict.Outcome, other, cmp.Comparer(sameEnd)); diff != "" {
						t.Errorf("%s tells another outcome:\n%s", where, diff)
					}
				}
			})
		})
	}
}

// TestUpdateStatusError: another final answer is a StatusError, to the read and
// to the write. Where the write may have been applied it is unknown beside that.
func TestUpdateStatusError(t *testing.T) {
	for name, test := range map[string]struct {
		method  string
		status  int
		unknown bool
		opts    []UpdateOption
	}{
		"read 401":                  {"GET", 401, false, nil},
		"read 403":                  {"GET", 403, false, []UpdateOption{CreateIfAbsent()}},
		"read 404":                  {"GET", 404, false, nil},
		"read 410":                  {"GET", 410, false, nil},
		"read 500":                  {"GET", 500, false, []UpdateOption{CreateIfAbsent()}},
		"read 503":                  {"GET", 503, false, nil},
		"read 206":                  {"GET", 206, false, nil},
		"read 204":                  {"GET", 204, false, []UpdateOption{CreateIfAbsent()}},
		"write 400":                 {"PUT", 400, false, nil},
		"write 403":                 {"PUT", 403, false, nil},
		"write 409":                 {"PUT", 409, false, nil},
		"write 413":                 {"PUT", 413, false, nil},
		"write 501":                 {"PUT", 501, false, nil},
		"write 500":                 {"PUT", 500, true, nil},
		"write 502":                 {"PUT", 502, true, nil},
		"write 504, without repeat": {"PUT", 504, true, []UpdateOption{WithoutRepeats()}},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X-Why", "because")
					w.WriteHeader(test.status)
					if test.status != 204 {
						w.Write(bytes.Repeat([]byte("x"), 100<<10))
					}
				}).On(test.method))
				edits := 0
				_, err := Update(t.Context(), origin.Client(), url+"?secret=s", func(c *counter) error { edits++; return addOne(c) }, test.opts...)
				var status *StatusError
				if !errors.As(err, &status) || errors.Is(err, ErrOutcomeUnknown) != test.unknown || errors.Is(err, ErrConflict) {
					t.Fatalf("error %v", err)
				}
				body := 64 << 10
				if test.status == 204 {
					body = 0
				}
				if status.Method != test.method || status.StatusCode != test.status || status.Header.Get("X-Why") != "because" || len(status.Body) != body {
					t.Errorf("%+v with %d bytes", status.StatusCode, len(status.Body))
				}
				if strings.Contains(err.Error(), "=s") {
					t.Errorf("the query's values are in %v", err)
				}
				if test.method == "GET" && (edits > 0 || writesOf(origin) > 0) || stateOf(origin) != `{"n":1}` {
					t.Errorf("%d edits, %s: %s", edits, requests(origin), stateOf(origin))
				}
			})
		})
	}
}

// TestUpdateErrorsThroughClients: net/http puts what a RoundTripper returns into
// a *url.Error; the sentinels and types are found behind it.
func TestUpdateErrorsThroughClients(t *testing.T) {
	cut := errors.New("cut")
	for name, wrap := range map[string]func(*ifmatchtest.Server, http.RoundTripper) *http.Client{
		"foreign": func(_ *ifmatchtest.Server, base http.RoundTripper) *http.Client { return &http.Client{Transport: base} },
		"ours":    func(_ *ifmatchtest.Server, base http.RoundTripper) *http.Client { return newClientOver(base) },
		"ours below a foreign one": func(_ *ifmatchtest.Server, base http.RoundTripper) *http.Client {
			return &http.Client{Transport: roundTripper(NewTransport(base, Resend).RoundTrip)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
				base := origin.Client().Transport
				c := wrap(origin, roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.Method != http.MethodPut {
						return base.RoundTrip(r)
					}
					resp, err := base.RoundTrip(r)
					if err == nil {
						resp.Body.Close()
					}
					return nil, cut
				}))
				_, err := Update(t.Context(), c, at, addOne)
				var through *url.Error
				if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, cut) || !errors.As(err, &through) || through.Op != "Put" {
					t.Errorf("answers lost for ever: %v", err)
				}
				if _, err = Update(t.Context(), c, at, func(c *counter) error { return addOne(c) }, WithoutRepeats()); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, cut) {
					t.Errorf("an answer lost: %v", err)
				}
			})
		})
	}
}

// newClientOver is a client of ours above base.
func newClientOver(base http.RoundTripper) *http.Client {
	return &http.Client{Transport: NewTransport(base, Stop)}
}

// TestClientTimeout: http.Client puts a text in place of the error when its
// Timeout is over. What it swallows is in the outcome.
func TestClientTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		faults    []ifmatchtest.Fault
		unknown   bool
		effect    Effect
		exchanges string
		is        []error // one of these is matched by Outcome.Err
	}{
		"the first write": {
			faults:  []ifmatchtest.Fault{ifmatchtest.SlowAnswer(0, time.Minute).On("PUT")},
			unknown: true, effect: EffectUnknown, exchanges: "PUT failed", is: []error{ErrOutcomeUnknown},
		},
		"the second write": {
			faults:  []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour), ifmatchtest.SlowAnswer(0, time.Minute).On("PUT").After(1)},
			unknown: true, effect: EffectUnknown, exchanges: "PUT 412, GET 200, PUT failed", is: []error{ErrOutcomeUnknown},
		},
		"the refresh": {
			faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour), ifmatchtest.Slow(0, time.Minute).On("GET").After(1)},
			effect: EffectNotApplied, exchanges: "PUT 412, GET failed",
			is: []error{context.DeadlineExceeded, context.Canceled}, // http.Client ends a call in two ways at once,
		},
	} {
		for _, ours := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
					origin.Inject(test.faults...)
					c := &http.Client{Transport: origin.Client().Transport, Timeout: time.Second}
					if ours {
						c = &http.Client{Transport: NewTransport(origin.Client().Transport, Resend), Timeout: time.Second}
					}
					var o Outcome
					start := time.Now()
					_, err := Update(WithOutcome(t.Context(), &o), c, at, addOne)
					var through *url.Error
					if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &through) || !through.Timeout() || time.Since(start) > 2*time.Second {
						t.Errorf("%v after %v", err, time.Since(start))
					}
					if errors.Is(err, ErrOutcomeUnknown) != test.unknown || o.Effect != test.effect || !slices.ContainsFunc(test.is, func(e error) bool { return errors.Is(o.Err, e) }) {
						t.Errorf("error %v; effect %v, %v", err, o.Effect, o.Err)
					}
					if got := (result{outcome: o}).exchanges(); got != test.exchanges {
						t.Errorf("exchanges %s, want %s", got, test.exchanges)
					}
				})
			})
		}
	}
}

// TestUpdateContextEnds: the error matches the context's error and its cause,
// wherever the end comes.
func TestUpdateContextEnds(t *testing.T) {
	why := errors.New("the user left")
	slowWrite, slowRead := ifmatchtest.SlowAnswer(0, time.Minute).On("PUT"), ifmatchtest.Slow(0, time.Minute).On("GET")
	for name, test := range map[string]struct {
		faults   []ifmatchtest.Fault
		unknown  bool
		conflict bool
	}{
		"before the read is answered":   {faults: []ifmatchtest.Fault{slowRead}},
		"before the write is answered":  {faults: []ifmatchtest.Fault{slowWrite}, unknown: true},
		"while the state is read again": {faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour), slowRead.After(1)}, conflict: true},
		"while it waits":                {faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour), ifmatchtest.WeakFor(time.Minute)}, conflict: true},
		"before the second is answered": {faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour), slowWrite.After(1)}, unknown: true},
	} {
		for end, begin := range map[string]func(context.Context) (context.Context, context.CancelFunc){
			"cancelled": func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				stop := time.AfterFunc(500*time.Millisecond, func() { cancel(why) })
				return ctx, func() { stop.Stop(); cancel(nil) }
			},
			"too late": func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(ctx, 500*time.Millisecond, why)
			},
		} {
			t.Run(name+", "+end, func(t *testing.T) {
				withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
					origin.Inject(test.faults...)
					ctx, cancel := begin(t.Context())
					defer cancel()
					start := time.Now()
					_, err := Update(ctx, origin.Client(), at, addOne)
					if took := time.Since(start); took > 500*time.Millisecond {
						t.Errorf("took %v", took)
					}
					want := context.Canceled
					if end == "too late" {
						want = context.DeadlineExceeded
					}
					if name == "while it waits" && end == "too late" && errors.Is(err, ErrElapsed) {
						return // a wait that can't end before the deadline isn't begun
					}
					if !errors.Is(err, want) || !errors.Is(err, why) {
						t.Errorf("error %v; is %v: %v, is the cause: %v", err, want, errors.Is(err, want), errors.Is(err, why))
					}
					if errors.Is(err, ErrOutcomeUnknown) != test.unknown || errors.Is(err, ErrConflict) != test.conflict {
						t.Errorf("error %v", err)
					}
				})
			})
		}
	}
}

// TestUpdateTimeout: the *url.Error of a deadline says that it is a timeout.
func TestUpdateTimeout(t *testing.T) {
	for name, faults := range map[string][]ifmatchtest.Fault{
		"read":          {ifmatchtest.Slow(0, time.Minute)},
		"write":         {ifmatchtest.SlowAnswer(0, time.Minute).On("PUT")},
		"refresh":       {ifmatchtest.CompetingWriter(1, addFour), ifmatchtest.Slow(0, time.Minute).On("GET").After(1)},
		"second write":  {ifmatchtest.CompetingWriter(1, addFour), ifmatchtest.SlowAnswer(0, time.Minute).On("PUT").After(1)},
		"write, marked": {ifmatchtest.LostRequest(1), ifmatchtest.SlowAnswer(0, time.Minute).On("PUT").After(1)},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
				origin.Inject(faults...)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := Update(ctx, origin.Client(), at, addMarked)
				var through *url.Error
				if !errors.As(err, &through) || !through.Timeout() || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// TestUnparsableURLs: no part of a password is in the error.
func TestUnparsableURLs(t *testing.T) {
	for _, url := range []string{"http://user:s3cret@host:bad/doc", "http://user:s3cret@ho st/doc", "http://user:s3cret@[::1/doc", "http://user:s3cret@host/%zz", "http://user:s3cret@host/\x7f", "ftp://user:s3cret@host/doc"} {
		_, err := Get[counter](context.Background(), nil, url)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// TestUpdateKeepsSecrets: neither the password nor the query of a URL is in an
// error of Get, Update and Resource.
func TestUpdateKeepsSecrets(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		dead := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Body != nil {
				req.Body.Close()
			}
			return nil, io.ErrUnexpectedEOF
		})}
		once := WithoutRepeats()
		answering := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodGet {
				return dead.Transport.RoundTrip(req)
			}
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"v1"`}}, Request: req,
				Body: io.NopCloser(strings.NewReader(`{"n":1}`)), ContentLength: 7,
			}, nil
		})}
		for _, url := range []string{
			"http://hushuser:hushpass@example.com/%zz?sig=hushsig",
			"http://hushuser:hushpass@example.com/doc?sig=hushsig",
		} {
			_, getErr := Get[counter](t.Context(), dead, url, once)
			_, updateErr := Update(t.Context(), answering, url, addOne, once)
			_, sharedErr := NewResource[counter](answering, url, once).Update(t.Context(), addOne)
			for what, err := range map[string]error{"Get": getErr, "Update": updateErr, "Resource": sharedErr} {
				if err == nil || strings.Contains(err.Error(), "hush") {
					t.Errorf("%s: %v", what, err)
				}
				if !strings.Contains(url, "%zz") && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s: %v is not the error of the base", what, err)
				}
			}
		}
	})
}

// TestSecretsInErrors: what the caller's URL, a Location and a client below hold
// is in no error.
func TestSecretsInErrors(t *testing.T) {
	check := func(what string, err error) {
		t.Helper()
		if err == nil || strings.Contains(fmt.Sprint(err), "s3c") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, bad := range []string{
		"http://user:s3c/ret@host/", "http://user:s3cret#x@host/", "http://user:s3c?ret@host/", "http://user:%s3cret@host/",
		"http://user:s3cret@host/\n", "http://[user:s3cret@host/?sig=s3c",
	} {
		_, err := Get[counter](t.Context(), nil, bad)
		check(bad, err)
	}
	for _, at := range []string{"http://[::1/?sig=s3cret", "http://%zz/?sig=s3cret", "http://host:x/?sig=s3cret", "foo://h/?sig=s3cret"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", at)
			w.WriteHeader(http.StatusFound)
		}))
		_, err := Get[counter](t.Context(), server.Client(), server.URL)
		check(at, err)
		server.Close()
	}
	below := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })}
	c := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := below.Get(req.URL.String())
		if err != nil {
			err = fmt.Errorf("below: %w", err)
		}
		return resp, err
	})}
	synctest.Test(t, func(t *testing.T) { // Get repeats after a wait
		_, err := Get[counter](t.Context(), c, "http://u:s3cret@h.test/doc?sig=s3cret")
		check("a client below", err)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), `below: Get "http://h.test/doc?sig=…"`) {
			t.Error(err)
		}
	})
}

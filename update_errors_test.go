package ifmatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// clientOn is a client of ours for the origin.
func clientOn(origin *ifmatchtest.Server, opts ...Option) *http.Client {
	return &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, opts...)}
}

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
			status: 412, body: limit, attempts: 1, cause: CauseChanged, is: []error{ErrAttempts},
		},
		"longer": {
			faults: []ifmatchtest.Fault{answeringWith(0, 412, limit+1)}, opts: []UpdateOption{WithMaxAttempts(1)},
			status: 412, body: limit, attempts: 1, cause: CauseChanged, is: []error{ErrAttempts},
		},
		"a tag that is refused for ever": {
			faults: []ifmatchtest.Fault{answeringWith(0, 412, 100)},
			status: 412, body: 100, attempts: 2, cause: CauseStaleCache,
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
		"write 504, without repeat": {"PUT", 504, true, []UpdateOption{WithTransientRetry(nil)}},
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
				if _, err = Update(t.Context(), c, at, func(c *counter) error { return addOne(c) }, WithTransientRetry(nil)); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, cut) {
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

// TestUpdateTooLarge: a state that is too large is not edited.
func TestUpdateTooLarge(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		ran := false
		_, err := Update(t.Context(), origin.Client(), url, func(c *counter) error { ran = true; return nil }, WithMaxRepresentation(6))
		if !errors.Is(err, ErrTooLarge) || ran {
			t.Errorf("%v; edit ran: %v", err, ran)
		}
		if got, err := Get[counter](t.Context(), origin.Client(), url, WithMaxRepresentation(7)); err != nil || got.Value.N != 1 {
			t.Errorf("as large as the limit: %+v, %v", got.Value, err)
		}
		if _, err := NewResource[counter](origin.Client(), url, WithMaxRepresentation(6)).Update(t.Context(), addOne); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Resource: %v", err)
		}
	})
}

// TestUpdateWithoutValidator: without a tag no write is sent, and never one with
// an empty If-Match.
func TestUpdateWithoutValidator(t *testing.T) {
	for name, fields := range map[string][]string{
		"none":       nil,
		"empty":      {"ETag: "},
		"two":        {`ETag: "a"`, `ETag: "b"`},
		"no quotes":  {"ETag: v1"},
		"only weak/": {`ETag: W/`},
		"a space":    {`ETag: "a b"`},
		"date only":  {"Last-Modified: Fri, 31 Dec 1999 00:00:00 GMT"},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
					for _, field := range fields {
						name, value, _ := strings.Cut(field, ": ")
						w.Header().Add(name, value)
					}
					w.Write([]byte(`{"n":1}`))
				}).On("GET"))
				for _, opts := range []UpdateOptions{nil, {WithPatch()}, {CreateIfAbsent()}} {
					if _, err := Update(t.Context(), origin.Client(), url, addOne, opts); !errors.Is(err, ErrNoValidator) {
						t.Errorf("error %v", err)
					}
					if _, err := NewResource[counter](origin.Client(), url, opts).Update(t.Context(), addOne); !errors.Is(err, ErrNoValidator) {
						t.Errorf("Resource: error %v", err)
					}
				}
				if writesOf(origin) > 0 {
					t.Errorf("requests %s", requests(origin))
				}
			})
		})
	}
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		// The answer to a write needs none, and the next write reads first.
		origin.Inject(ifmatchtest.NoETagAfterWrite())
		for i := range 3 {
			got, err := Update(t.Context(), origin.Client(), url, addOne)
			if err != nil || got.Validators != (Validators{}) || got.Value.N != i+2 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		r := NewResource[counter](origin.Client(), url)
		for i := range 3 {
			if got, err := r.Update(t.Context(), addOne); err != nil || got.Validators != (Validators{}) || got.Value.N != i+5 {
				t.Errorf("Resource: %+v, %v", got, err)
			}
		}
		for _, r := range origin.Log() {
			if tag, sent := r.Header["If-Match"]; r.Method == http.MethodPut && (!sent || len(tag) != 1 || tag[0] == "") {
				t.Errorf("PUT with If-Match %q", tag)
			}
		}
	})
}

// TestUpdateWeakTag: a tag that is only weak goes back byte for byte.
func TestUpdateWeakTag(t *testing.T) {
	for name, test := range map[string]struct {
		faults []ifmatchtest.Fault
		want   string // If-Match of the writes
		cause  Cause  // of the end; CauseNone: none
	}{
		"compared weakly":       {[]ifmatchtest.Fault{ifmatchtest.WeakTags()}, `W/"v1"`, CauseNone},
		"weakly, a rival":       {[]ifmatchtest.Fault{ifmatchtest.WeakTags(), ifmatchtest.CompetingWriter(1, addFour)}, `W/"v1" W/"v2"`, CauseNone},
		"compared strongly":     {[]ifmatchtest.Fault{ifmatchtest.WeakTagsStrict()}, `W/"v1" W/"v1"`, CauseWeakValidator},
		"Apache's first second": {[]ifmatchtest.Fault{ifmatchtest.WeakFor(time.Second)}, `W/"v1" "v1"`, CauseNone},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(test.faults...)
				_, err := Update(t.Context(), origin.Client(), url, addOne)
				var sent []string
				for _, r := range origin.Log() {
					if r.Method == http.MethodPut {
						sent = append(sent, r.Header["If-Match"]...)
					}
				}
				if got := strings.Join(sent, " "); got != test.want {
					t.Errorf("If-Match %s, want %s: %s", got, test.want, requests(origin))
				}
				var conflict *ConflictError
				switch {
				case test.cause == CauseNone && err == nil:
				case test.cause != CauseNone && errors.As(err, &conflict) && conflict.Outcome.Cause == test.cause && stateOf(origin) == `{"n":1}`:
				default:
					t.Errorf("error %v: %s", err, stateOf(origin))
				}
			})
		})
	}
}

// unmarked leaves the mark out of its JSON.
type unmarked struct {
	N int
	Marks
}

func (u unmarked) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]int{"n": u.N}) }

// nullable can set a member to null.
type nullable struct {
	N    *int           `json:"n"`
	Deep map[string]any `json:"deep,omitempty"`
}

// TestUpdateImpossible: what can't be sent as it is meant is an error, and
// nothing is sent.
func TestUpdateImpossible(t *testing.T) {
	other := WithMarker(func(*counter, string) {}, func(*counter, string) Mark { return MarkFound })
	forgets := WithMarker(func(*counter, string) {}, func(*counter, string) Mark { return MarkAbsent })
	nilFind := WithMarker[counter](func(*counter, string) {}, nil)
	setNull := func(n *nullable) error { n.N = nil; return nil }
	deepNull := func(n *nullable) error { n.Deep["a"] = nil; return nil }
	for name, update := range map[string]func(ctx context.Context, c *http.Client, url string) error{
		"the mark is dropped": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, func(u *unmarked) error { u.N++; return nil })
			return err
		},
		"the mark is dropped, created": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, strings.TrimSuffix(url, "doc")+"new", func(u *unmarked) error { u.N++; return nil }, CreateIfAbsent())
			return err
		},
		"the mark is dropped, Resource": func(ctx context.Context, c *http.Client, url string) error {
			_, err := NewResource[unmarked](c, url).Update(ctx, func(u *unmarked) error { u.N++; return nil })
			return err
		},
		"the mark is not found again": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, addOne, forgets)
			return err
		},
		"a marker for another type": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, addMarked, other)
			return err
		},
		"a marker for another type, Get": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Get[nullable](ctx, c, url, other)
			return err
		},
		"a marker for another type, Resource": func(ctx context.Context, c *http.Client, url string) error {
			_, err := NewResource[markedCounter](c, url, other).Update(ctx, addMarked)
			return err
		},
		"half a marker": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, addOne, nilFind)
			return err
		},
		"a patch with null": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, setNull, WithPatch())
			return err
		},
		"a patch with null within": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, deepNull, WithPatch())
			return err
		},
		"a patch with null, Resource": func(ctx context.Context, c *http.Client, url string) error {
			_, err := NewResource[nullable](c, url, WithPatch()).Update(ctx, setNull)
			return err
		},
		"no edit": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update[counter](ctx, c, url, nil)
			return err
		},
		"no edit, Resource": func(ctx context.Context, c *http.Client, url string) error {
			_, err := NewResource[counter](c, url).Update(ctx, nil)
			return err
		},
		"not a URL": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, ":", addOne)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1,"deep":{"a":1}}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				if err := update(t.Context(), origin.Client(), url); err == nil {
					t.Error("no error")
				}
				if _, _, made := origin.State("/new"); made || writesOf(origin) > 0 || stateOf(origin) != `{"n":1,"deep":{"a":1}}` {
					t.Errorf("requests %s: %s", requests(origin), stateOf(origin))
				}
			})
		})
	}
	// What was null before may stay, and a PUT may set it.
	withDocument(t, `{"n":1,"deep":{"a":null}}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		two := 2
		if _, err := Update(t.Context(), origin.Client(), url, func(n *nullable) error { n.N = &two; return nil }, WithPatch()); err != nil {
			t.Error(err)
		}
		if _, err := Update(t.Context(), origin.Client(), url, setNull); err != nil || stateOf(origin) != `{"deep":{"a":null},"n":null}` && stateOf(origin) != `{"n":null,"deep":{"a":null}}` {
			t.Errorf("%v: %s", err, stateOf(origin))
		}
	})
}

package ifmatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/internal/doubt"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// says is one answer of a scripted base: a status and header fields.
type says struct {
	status int
	fields []string
	err    error
}

// scriptedBase answers requests in order and keeps them; the last answer repeats.
type scriptedBase struct {
	answers []says
	got     []*http.Request
	at      []time.Time
}

func (s *scriptedBase) RoundTrip(r *http.Request) (*http.Response, error) {
	closeBody(r)
	s.got, s.at = append(s.got, r), append(s.at, time.Now())
	a := s.answers[min(len(s.got), len(s.answers))-1]
	if a.err != nil {
		return nil, a.err
	}
	h := http.Header{}
	for _, f := range a.fields {
		name, value, _ := strings.Cut(f, ": ")
		h.Add(name, value)
	}
	return &http.Response{StatusCode: a.status, Header: h, ContentLength: -1, Body: io.NopCloser(strings.NewReader("body")), Request: r}, nil
}

const (
	at0  = "Sat, 01 Jan 2000 00:00:00 GMT" // the bubble's beginning
	at1  = "Sat, 01 Jan 2000 00:00:01 GMT"
	at2  = "Sat, 01 Jan 2000 00:00:02 GMT"
	at9  = "Sat, 01 Jan 2000 00:00:09 GMT"
	old9 = "Fri, 31 Dec 1999 23:00:00 GMT"
)

func refuse() says             { return says{status: 412} }
func ok(fields ...string) says { return says{status: 200, fields: fields} }

// scripted makes one write through a script and returns what came of it.
func scripted(t *testing.T, policy Policy, fields []string, opts []Option, answers ...says) (result, *scriptedBase) {
	t.Helper()
	s := &scriptedBase{answers: answers}
	var r result
	synctest.Test(t, func(t *testing.T) {
		req, _ := http.NewRequest("PUT", "http://example.test/doc", strings.NewReader("mine"))
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			req.Header[name] = append(req.Header[name], value) // as spelled
		}
		r = sendVia(t, NewTransport(s, policy, opts...), req)
	})
	return r, s
}

// Holds: judge and guardOf tables, signedSchemes, presigned URLs, folding.
func TestStopsWithoutAsking(t *testing.T) {
	for field, cause := range map[string]Cause{
		"Authorization: aws4-hmac-sha256 C": CauseSignedAbove, "Authorization: AWS k:s": CauseSignedAbove,
		"Authorization: GOOG4-RSA-SHA256 C": CauseSignedAbove, "Authorization: GOOG1 k:s": CauseSignedAbove,
		"Authorization: HMAC-SHA256 C": CauseSignedAbove, "Authorization: DPoP t": CauseSignedAbove,
		"Authorization: Hawk id": CauseSignedAbove, "Authorization: Signature keyId=x": CauseSignedAbove,
		`Authorization: OAuth realm="x", oauth_signature="s"`: CauseSignedAbove, "Signature: x": CauseSignedAbove,
		"X-Idempotency-Key: k":           CauseNotReplayable,
		"If-Unmodified-Since: yesterday": CauseUnattributed, "If-Schedule-Tag-Match: \"x\"": CauseUnattributed,
		"Lock-Token: <x>": CauseUnattributed, "If-None-Exist: a=b": CauseUnattributed, "Isolation: snapshot": CauseUnattributed,
		"x-ms-if-tags: x": CauseUnattributed, "X-Goog-If-Generation-Match: 1": CauseUnattributed, "x-amz-if-match-size: 1": CauseUnattributed,
		"X-Amz-Copy-Source-If-Match: x": CauseUnattributed, "X-Ms-Source-If-Match: x": CauseUnattributed, "X-Ms-Blob-Condition-Maxsize: 1": CauseUnattributed,
	} {
		got, s := scripted(t, Resend, []string{stale, field}, nil, refuse(), ok(`Etag: "v2"`))
		if len(s.got) != 1 || got.outcome.Cause != cause {
			t.Errorf("%s: %d requests, %v", field, len(s.got), got.outcome.Cause)
		}
	}
	for _, fields := range [][]string{
		{"If-Unmodified-Since: yesterday"}, {"If-Unmodified-Since: " + at0, "If-Unmodified-Since: " + at1}, {"X-Ms-Lease-Id: 1"}, {"Lock-Token: x"},
		{`If-None-Match: "a"`, "If-Unmodified-Since: " + at0},
	} {
		got, s := scripted(t, Resend, fields, nil, refuse(), ok(`Etag: "v2"`, "Last-Modified: "+old9))
		if len(s.got) != 1 || got.resp.StatusCode != 412 {
			t.Errorf("%s: %d requests", fields, len(s.got))
		}
		if strings.HasPrefix(fields[0], "X-Ms") && got.outcome.Cause != CauseLocked {
			t.Errorf("%s: %v", fields, got.outcome.Cause)
		}
	}
	for _, query := range []string{"X-Amz-Signature=x", "x-amz-signature=x", "X-Goog-Signature=x", "Signature=x", "x-oss-signature=x"} {
		s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`)}}
		req, _ := http.NewRequest("PUT", "http://example.test/doc?a=b&"+query, nil)
		req.Header.Set("If-Match", `"v1"`)
		if got := sendVia(t, NewTransport(s, Resend), req); len(s.got) != 1 || got.outcome.Cause != CauseSignedAbove {
			t.Errorf("%s: %d requests, %v", query, len(s.got), got.outcome.Cause)
		}
	}
	for _, method := range []string{"OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"} {
		s := &scriptedBase{answers: []says{refuse()}}
		req, _ := http.NewRequest(method, "http://example.test/doc", nil)
		req.Header.Set("If-Match", `"v1"`)
		if got := sendVia(t, NewTransport(s, Resend), req); len(s.got) != 1 || got.outcome.Attempts != 0 {
			t.Errorf("%s: %d requests, %s", method, len(s.got), got.summary())
		}
	}
	if got, s := scripted(t, Resend, []string{stale, "Overwrite: T"}, nil, refuse(), ok(`Etag: "v2"`), ok()); len(s.got) != 3 {
		t.Error("Overwrite: T", got.summary())
	}
}

// Holds: satisfiable without the date, mixed spellings, date rewriting.
func TestGuardOnTheWire(t *testing.T) {
	got, s := scripted(t, Resend, []string{stale, "If-Unmodified-Since: " + old9}, nil, refuse(), ok(`Etag: "v2"`), ok(`Etag: "v2"`))
	if len(s.got) != 3 || got.outcome.Cause != CauseNoValidator {
		t.Errorf("no Last-Modified for the date: %s", got.summary())
	}
	_, s = scripted(t, Resend, []string{`if-match: "v0"`, `IF-MATCH: "v1"`}, nil, refuse(), ok(`Etag: "v2"`), ok())
	if last := s.got[len(s.got)-1]; len(s.got) != 3 || len(field.Lines(last.Header, "If-Match")) != 1 || last.Header.Get("If-Match") != `"v2"` {
		t.Errorf("%d requests, the last with %v", len(s.got), last.Header)
	}
}

// Holds: 407, 408, 204, repeatPace, Vary: * with the state.
func TestRefreshAnswers(t *testing.T) {
	if got, _ := scripted(t, Resend, []string{stale}, nil, refuse(), says{status: 407}); got.outcome.Cause != CauseRefreshDenied {
		t.Error(got.summary())
	}
	if got, _ := scripted(t, Resend, []string{stale}, nil, refuse(), says{status: 408}, ok(`Etag: "v2"`), ok()); got.exchanges() != "PUT 412, HEAD 408, HEAD 200, PUT 200" {
		t.Error(got.summary())
	}
	if got, _ := scripted(t, Resend, []string{stale}, nil, refuse(), says{status: 204, fields: []string{`Etag: "v9"`}}, ok(`Etag: "v2"`), ok()); got.exchanges() != "PUT 412, HEAD 204, GET 200, PUT 200" {
		t.Error(got.summary())
	}
	if got, _ := scripted(t, rebuilding, []string{stale}, nil, refuse(), ok(`Etag: "v2"`, "Vary: *"), ok()); got.exchanges() != "PUT 412, GET 200, PUT 200" {
		t.Error(got.summary())
	}
	growing := WithTransientBackoff(func() backoff.BackOff {
		return &backoff.ExponentialBackOff{InitialInterval: time.Second, Multiplier: 2, MaxInterval: time.Minute, Stop: backoff.Stop, Clock: backoff.SystemClock}
	})
	for _, bad := range []says{{err: errors.New("reset")}, {status: 503}} {
		got, _ := scripted(t, Resend, []string{stale}, []Option{growing}, refuse(), bad, bad, bad, ok(`Etag: "v2"`), ok())
		if got.outcome.Waited != (1+2+4)*time.Second {
			t.Errorf("waited %v: %s", got.outcome.Waited, got.summary())
		}
	}
	// A policy that goes on after a failed refresh sends nothing.
	_, s := scripted(t, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		c.Current(ctx)
		return c.Replace([]byte("x")), nil
	}), []string{stale}, nil, refuse(), ok(`Etag: "v2"`, "Vary: Content-Type"), says{status: 403})
	if len(s.got) > 3 {
		t.Error(len(s.got))
	}
}

// Holds: everything that counts in settle, and the boundary of a second.
func TestSettle(t *testing.T) {
	weak := func(tag, modified, date string) says {
		return ok(`Etag: W/"`+tag+`"`, "Last-Modified: "+modified, "Date: "+date)
	}
	for _, test := range []struct {
		name    string
		opts    []Option
		answers []says
		want    string
		waited  time.Duration
		err     error
	}{
		{"a rival during the wait", nil, []says{weak("a", at0, at0), weak("b", at1, at1), ok(`Etag: "b"`)}, "PUT 412, HEAD 200, HEAD 200, HEAD 200, PUT 200", 2 * time.Second, nil},
		{"age of exactly a second", nil, []says{weak("a", at0, at1), ok(`Etag: "a"`)}, "PUT 412, HEAD 200, HEAD 200, PUT 200", time.Second, nil},
		{"a rival is an attempt", []Option{WithMaxAttempts(2)}, []says{weak("a", at0, at0), weak("b", at1, at1)}, "PUT 412, HEAD 200, HEAD 200", time.Second, ErrAttempts},
		{"and begins a new count", []Option{WithMaxAttempts(9)}, []says{weak("a", at0, at0), weak("b", at1, at1), weak("c", at1, at1), weak("d", at2, at2), weak("e", at2, at2), ok(`Etag: "e"`)},
			"PUT 412, HEAD 200, HEAD 200, HEAD 200, HEAD 200, HEAD 200, HEAD 200, PUT 200", 5 * time.Second, nil},
	} {
		answers := append(append([]says{refuse()}, test.answers...), ok())
		got, _ := scripted(t, Resend, []string{stale}, test.opts, answers...)
		if got.exchanges() != test.want || got.outcome.Waited != test.waited || !errors.Is(got.outcome.Err, test.err) {
			t.Errorf("%s: %s, %v, %v", test.name, got.summary(), got.outcome.Waited, got.outcome.Err)
		}
	}
	// The rival counts in the next refusal as well.
	got, _ := scripted(t, Resend, []string{stale}, []Option{WithMaxAttempts(3)}, refuse(), weak("a", at0, at0), weak("b", at1, at1), ok(`Etag: "b"`), refuse())
	if got.outcome.Attempts != 2 || !errors.Is(got.outcome.Err, ErrAttempts) {
		t.Error(got.summary())
	}
	// A date without Date can't be trusted at once; the refused date is asked for again.
	got, _ = scripted(t, rebuilding, []string{"If-Unmodified-Since: " + old9}, nil, refuse(), ok("Last-Modified: "+at0), ok("Last-Modified: "+at0), ok())
	if got.exchanges() != "PUT 412, GET 200, GET 200, PUT 200" || got.outcome.Waited != time.Second {
		t.Error(got.summary(), got.outcome.Waited)
	}
	same := ok("Last-Modified: "+old9, "Date: "+at9)
	got, _ = scripted(t, Resend, []string{"If-Unmodified-Since: " + old9}, nil, refuse(), same, same, ok())
	if got.exchanges() != "PUT 412, HEAD 200, GET 200, PUT 200" || got.outcome.Cause != CauseFalseConflict {
		t.Error(got.summary())
	}
}

// Holds: the wait of stepDoubt, one wait for each conflict, max with Retry-After,
// the floor of the round trip, Reset, negative waits, the measured round trip.
func TestWaits(t *testing.T) {
	var resets, nexts int
	pace := WithBackoff(func() backoff.BackOff { return counting{3 * time.Second, &resets, &nexts} })
	got, _ := scripted(t, Resend, []string{stale}, []Option{pace}, refuse(), ok(`Etag: "v1"`), ok(`Etag: "v2"`), ok())
	if got.outcome.Waited != 6*time.Second || resets != 1 {
		t.Errorf("%s, %v, %d resets", got.summary(), got.outcome.Waited, resets)
	}
	both := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		c.Validators(ctx)
		c.Current(ctx)
		return c.Resend(), nil
	})
	got, _ = scripted(t, both, []string{stale}, []Option{pace}, refuse(), ok(`Etag: "v2"`), ok(`Etag: "v2"`), ok())
	if got.outcome.Waited != 3*time.Second {
		t.Errorf("HEAD and GET of one conflict waited %v", got.outcome.Waited)
	}
	got, _ = scripted(t, Resend, []string{stale}, []Option{pace}, says{status: 412, fields: []string{"Retry-After: 1"}}, ok(`Etag: "v2"`), ok())
	if got.outcome.Waited != 3*time.Second {
		t.Errorf("the shorter Retry-After won: %v", got.outcome.Waited)
	}
}

type counting struct {
	d             time.Duration
	resets, nexts *int
}

func (c counting) NextBackOff() time.Duration { *c.nexts++; return c.d }
func (c counting) Reset()                     { *c.resets++ }

// Holds: Host, Cancel, context and fields of the refresh; the port; f's body.
func TestRefreshRequestDetails(t *testing.T) {
	s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`), ok()}}
	cancel := make(chan struct{})
	newReq := func() *http.Request {
		req, _ := http.NewRequest("PUT", "http://127.0.0.1/doc", strings.NewReader("x"))
		req.Host, req.Cancel = "virtual.test", cancel
		for _, f := range []string{"If-Match", "X-HTTP-Method", "X-Method-Override", "X-Idempotency-Key", "Expect", "Upgrade"} {
			req.Header.Set(f, `"v1"`)
		}
		return req
	}
	policy := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		if c.Request.Body != nil {
			t.Error("Conflict.Request has a Body")
		}
		c.Response.Header.Set("Retry-After", "3600") // not what the call goes by
		c.Header().Set("X-Idempotency-Key", "new")
		_, err := c.Validators(ctx)
		return c.Resend(), err
	})
	own := WithRefreshRequest(func(r *http.Request) (*http.Request, error) { return r.WithContext(context.Background()), nil })
	req := newReq()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	sendVia(t, NewTransport(s, policy, own), req.WithContext(ctx))
	if len(s.got) != 3 {
		t.Fatalf("%d requests", len(s.got))
	}
	head := s.got[1]
	if _, limited := head.Context().Deadline(); !limited || head.Host != "virtual.test" || head.Cancel != (<-chan struct{})(cancel) {
		t.Errorf("deadline %v, host %q, Cancel %v", limited, head.Host, head.Cancel)
	}
	for name := range head.Header {
		if name != "Accept-Encoding" && name != "Cache-Control" && name != "Pragma" {
			t.Errorf("the refresh carries %s", name)
		}
	}
	if s.got[2].GetBody == nil {
		t.Error("the repeated write has no GetBody, so net/http can't replay it")
	}
	closed := 0
	for _, f := range []func(*http.Request) (*http.Request, error){
		func(r *http.Request) (*http.Request, error) { r.URL.Host = "127.0.0.1:8080"; return r, nil },
		func(r *http.Request) (*http.Request, error) {
			r.Body = closing{strings.NewReader("x"), &closed}
			return r, nil
		},
	} {
		s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`), ok()}}
		if sendVia(t, NewTransport(s, policy, WithRefreshRequest(f)), newReq()); len(s.got) != 1 {
			t.Errorf("%d requests", len(s.got))
		}
	}
	if closed != 1 {
		t.Errorf("f's body was closed %d times", closed)
	}
}

// Holds: inTime, cancelled before a wait, Request.Cancel ends the wait at once,
// keep within what is left.
func TestLimits(t *testing.T) {
	slowPolicy := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		_, err := c.Validators(ctx)
		time.Sleep(time.Minute)
		return c.Resend(), err
	})
	got, s := scripted(t, slowPolicy, []string{stale}, nil, refuse(), ok(`Etag: "v2"`), ok())
	if len(s.got) != 2 || !errors.Is(got.outcome.Err, ErrElapsed) {
		t.Errorf("%s, %v", got.summary(), got.outcome.Err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`), ok()}}
		req, _ := http.NewRequestWithContext(ctx, "PUT", "http://example.test/", nil)
		req.Header.Set("If-Match", `"v1"`)
		got := sendVia(t, NewTransport(s, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) { cancel(); return c.Resend(), nil })), req)
		if len(s.got) != 1 || !errors.Is(got.err, ErrConflict) || !errors.Is(got.err, context.Canceled) {
			t.Errorf("cancelled before the refresh: %s, %v", got.summary(), got.err)
		}
		stop := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		req, _ = http.NewRequest("PUT", "http://example.test/", nil)
		req.Header.Set("If-Match", `"v1"`)
		req.Cancel = stop
		start := time.Now()
		got = sendVia(t, NewTransport(&scriptedBase{answers: []says{refuse()}}, Resend, WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(20 * time.Second) })), req)
		if time.Since(start) != time.Second || !errors.Is(got.err, context.Canceled) {
			t.Errorf("Request.Cancel: after %v, %v", time.Since(start), got.err)
		}
		// A dripping refusal takes no longer than is left.
		for within, opt := range map[time.Duration]Option{300 * time.Millisecond: WithMaxElapsed(300 * time.Millisecond), 200 * time.Millisecond: nil} {
			r, w := io.Pipe()
			base := roundTripper(func(q *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 412, Header: http.Header{}, Body: r, ContentLength: -1, Request: q}, nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if opt == nil {
				ctx, cancel = context.WithTimeout(t.Context(), within)
			}
			req, _ := http.NewRequestWithContext(ctx, "PUT", "http://example.test/", nil)
			req.Header.Set("If-Match", `"v1"`)
			start := time.Now()
			resp, err := NewTransport(base, PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, nil }), opt).RoundTrip(req)
			if err != nil || time.Since(start) != within {
				t.Errorf("%v, %v after %v", resp, err, time.Since(start))
			} else if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, drain.ErrTooLong) { // WriteTo's end too
				t.Errorf("the kept body ends with %v", err)
			}
			w.Close()
			cancel()
		}
	})
}

// Holds: effectOf, attach, nil build, nil answer of the base, forgotten trailer,
// the count of a Transport below that gave up without keeping.
func TestSmallPromises(t *testing.T) {
	for status, want := range map[int]Effect{200: EffectApplied, 202: EffectUnknown, 207: EffectUnknown, 303: EffectNotApplied, 500: EffectUnknown, 501: EffectNotApplied, 502: EffectUnknown, 503: EffectUnknown, 504: EffectUnknown} {
		if got := Effect(doubt.OfStatus(status)); got != want {
			t.Errorf("%d: %v", status, got)
		}
	}
	if got, _ := scripted(t, Rebuild(nil), []string{stale}, nil, refuse()); !errors.Is(got.err, ErrConflict) {
		t.Error("nil build", got.err)
	}
	n := 0
	base := roundTripper(func(q *http.Request) (*http.Response, error) {
		if n++; n > 2 {
			return nil, nil
		}
		return (&scriptedBase{answers: []says{{status: map[bool]int{true: 200, false: 412}[q.Method == "HEAD"], fields: []string{`Etag: "v2"`}}}}).RoundTrip(q)
	})
	req, _ := http.NewRequest("PUT", "http://example.test/", nil)
	req.Header.Set("If-Match", `"v1"`)
	if resp, err := NewTransport(base, Resend).RoundTrip(req); resp != nil || err == nil {
		t.Error(resp, err)
	}
	req, _ = http.NewRequest("PUT", "http://example.test/", strings.NewReader("x"))
	req.Header.Set("If-Match", `"v1"`)
	req.Trailer, req.TransferEncoding = http.Header{"X-Sum": {"1"}}, []string{"chunked"}
	s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`), ok()}}
	sendVia(t, NewTransport(s, rebuilding), req)
	if last := s.got[2]; last.Trailer != nil || last.TransferEncoding != nil {
		t.Error("the old body's trailer or coding went with the new one")
	}
	// Unconditional below was refused without a guard: final for the one above.
	s = &scriptedBase{answers: []says{refuse()}}
	req, _ = http.NewRequest("PUT", "http://example.test/", nil)
	req.Header.Set("If-Match", `"v1"`)
	if sendVia(t, NewTransport(NewTransport(s, Unconditional), Resend), req); len(s.got) != 2 {
		t.Errorf("%d requests", len(s.got))
	}
	// WithOutcome is of the last call, also when that one fails early.
	var o Outcome
	ctx := WithOutcome(WithOptions(t.Context(), WithTrace(&Trace{}), WithTrace(&Trace{}), WithTrace(&Trace{})), &o)
	first, second := WithOptions(ctx, WithTrace(&Trace{Done: func(Outcome) { t.Error("another context's trace") }})), WithOptions(ctx, WithTrace(&Trace{}))
	_ = first
	for range 2 {
		s = &scriptedBase{answers: []says{ok()}}
		req, _ = http.NewRequestWithContext(second, "PUT", "http://example.test/", nil)
		NewTransport(s, Resend).RoundTrip(req)
		if len(o.Exchanges) != 1 {
			t.Errorf("%d exchanges", len(o.Exchanges))
		}
	}
	o.Attempts = 99
	req, _ = http.NewRequestWithContext(second, "GET", "http://example.test/", nil)
	NewTransport(s, Resend).RoundTrip(req)
	if o.Attempts != 0 {
		t.Error("the outcome of the call before stayed")
	}
}

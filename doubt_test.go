package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// resendingPolicy is a policy of the caller's own.
var resendingPolicy = PolicyFunc(func(_ context.Context, c *Conflict) (Decision, error) { return c.Resend(), nil })

// TestLostAnswer is the table of what a call says after an answer was lost.
func TestLostAnswer(t *testing.T) {
	type faults = []ifmatchtest.Fault
	lost := ifmatchtest.LostAnswer(1)
	mine := func([]byte) []byte { return []byte("mine") }
	other := func([]byte) []byte { return []byte("other") }
	const signed = "Authorization: AWS4-HMAC-SHA256 Credential=x"
	tests := []struct {
		name   string
		method string // PUT unless given
		fields []string
		policy Policy
		faults faults
		opts   []Option
		empty  bool // there is no state
		want   string
		state  string // afterwards; "mine" unless given
	}{
		// The content is what was sent.
		{name: "stop", policy: Stop, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "resend", policy: Resend, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "rebuild", policy: rebuilding, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "unconditional", policy: Unconditional, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "own policy", policy: resendingPolicy, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "own policy stops", policy: PolicyFunc(nil), want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "own policy replaces", policy: PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Current(ctx)
			return c.Replace([]byte("merged")), nil
		}), want: "PUT failed, PUT 412, GET 200 | error | unknown, unattributed"},
		{name: "unique, stop", policy: Stop, opts: []Option{WithUniqueBody()}, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "unique, rebuild", policy: rebuilding, opts: []Option{WithUniqueBody()}, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "502 after, resend", policy: Resend, faults: faults{ifmatchtest.FailAfter(1, 502)}, want: "PUT 502, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "504 after, stop", policy: Stop, faults: faults{ifmatchtest.FailAfter(1, 504)}, want: "PUT 504, PUT 412 | 504 | unknown, unattributed"},
		{name: "500 after", policy: Resend, faults: faults{ifmatchtest.FailAfter(1, 500)}, want: "PUT 500 | 500 | unknown, none"},
		{name: "524 after", policy: Resend, faults: faults{ifmatchtest.FailAfter(1, 524)}, want: "PUT 524 | 524 | unknown, none"},
		{name: "501", policy: Resend, faults: faults{ifmatchtest.FailBefore(1, 501)}, want: "PUT 501 | 501 | not applied, none", state: "theirs"},
		{name: "503 and 429 before, no ambiguity in a 429", policy: Resend, faults: faults{ifmatchtest.FailBefore(1, 429), ifmatchtest.CompetingWriter(1, other).After(1)}, want: "PUT 429, PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote"},

		// Somebody else's content.
		{name: "request lost", policy: Stop, faults: faults{ifmatchtest.LostRequest(1)}, want: "PUT failed, PUT 204 | 204 | applied, none"},
		{name: "rival behind, stop", policy: Stop, faults: faults{lost, ifmatchtest.CompetingAfter(1, other)}, want: "PUT failed, PUT 412 | error | unknown, unattributed", state: "other"},
		{name: "rival behind, unique", policy: Stop, opts: []Option{WithUniqueBody()}, faults: faults{lost, ifmatchtest.CompetingAfter(1, other)}, want: "PUT failed, PUT 412, GET 200 | error | unknown, unattributed", state: "other"},
		{name: "rival behind, resend", policy: Resend, faults: faults{lost, ifmatchtest.CompetingAfter(1, other)}, want: "PUT failed, PUT 412, GET 200, PUT 204 | 204 | applied, unattributed, overwrote"},
		{name: "rivals for ever, resend", policy: Resend, faults: faults{lost, ifmatchtest.CompetingWriter(0, nil).After(1), ifmatchtest.CompetingAfter(1, other)}, opts: []Option{WithMaxAttempts(2)},
			want: "PUT failed, PUT 412, GET 200, PUT 412, GET 200 | error | unknown, unattributed", state: "other\n\n"},
		{name: "two adders write the same", policy: Stop, faults: faults{ifmatchtest.LostRequest(1), ifmatchtest.CompetingWriter(1, mine).After(1)}, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "two adders, resend", policy: Resend, faults: faults{ifmatchtest.LostRequest(1), ifmatchtest.CompetingWriter(1, mine).After(1)}, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "own policy forges what it read", faults: faults{ifmatchtest.LostRequest(1), ifmatchtest.CompetingWriter(1, other).After(1)}, policy: PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			current, err := c.Current(ctx)
			current.Body = []byte("mine")
			return c.Resend(), err
		}), want: "PUT failed, PUT 412, GET 200, PUT 204 | 204 | applied, unattributed, overwrote"},

		// A stale read proves nothing.
		{name: "stale reads", policy: Resend, faults: faults{lost, ifmatchtest.StaleReads(0)}, want: "PUT failed, PUT 412, GET 200, GET 200, PUT 412, GET 200, GET 200 | error | unknown, unattributed"},
		{name: "stale read", policy: Resend, faults: faults{lost, ifmatchtest.StaleReads(1)}, want: "PUT failed, PUT 412, GET 200, GET 200 | 204 | applied, own earlier write"},
		{name: "refresh denied", policy: Resend, faults: faults{lost, ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) }).On("GET", "HEAD")}, want: "PUT failed, PUT 412, GET 403 | error | unknown, unattributed"},

		// Create-only: two creators may write the same.
		{name: "create", empty: true, fields: []string{"If-None-Match: *"}, policy: Stop, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "create, resend", empty: true, fields: []string{"If-None-Match: *"}, policy: Resend, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "create, own policy", empty: true, fields: []string{"If-None-Match: *"}, policy: resendingPolicy, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "create, unique", empty: true, fields: []string{"If-None-Match: *"}, policy: Stop, opts: []Option{WithUniqueBody()}, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "create, 502", empty: true, fields: []string{"If-None-Match: *"}, policy: Resend, faults: faults{ifmatchtest.FailAfter(1, 502)}, want: "PUT 502, PUT 412 | 502 | unknown, unattributed"},

		// DELETE: nothing is there.
		{name: "delete, stop", method: "DELETE", policy: Stop, want: "DELETE failed, DELETE 404 | error | unknown, unattributed", state: "(gone)"},
		{name: "delete, resend", method: "DELETE", policy: Resend, want: "DELETE failed, DELETE 404 | 204 | applied, own earlier write", state: "(gone)"},
		{name: "delete, unique", method: "DELETE", policy: Stop, opts: []Option{WithUniqueBody()}, want: "DELETE failed, DELETE 404 | 204 | applied, own earlier write", state: "(gone)"},
		{name: "delete, 412", method: "DELETE", policy: Resend, faults: faults{lost, ifmatchtest.Refuse(1)}, want: "DELETE failed, DELETE 412, HEAD 404, GET 404 | 204 | applied, own earlier write", state: "(gone)"},
		{name: "delete, created anew", method: "DELETE", policy: Resend, faults: faults{lost, ifmatchtest.CompetingAfter(1, other)}, want: "DELETE failed, DELETE 412, HEAD 200 | error | unknown, unattributed", state: "other"},
		{name: "delete of nothing", method: "DELETE", empty: true, policy: Resend, faults: faults{}, want: "DELETE 404 | 404 | not applied, none", state: "(gone)"},

		// Never sent twice.
		{name: "post", method: "POST", policy: Resend, want: "POST failed | error | unknown, none", state: "theirsmine"},
		{name: "post, once refused", method: "POST", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.LostAnswer(1).After(1)}, want: "POST 412, HEAD 200, POST failed | error | unknown, changed", state: "theirsmine"},
		{name: "post, 503", method: "POST", policy: Resend, opts: []Option{WithTransientRetry(retryablehttp.DefaultRetryPolicy)}, faults: faults{ifmatchtest.FailAfter(1, 503)}, want: "POST 503 | 503 | unknown, none", state: "theirsmine"},

		// Signed above: nothing of ours is sent.
		{name: "signed", policy: Resend, fields: []string{fresh, signed}, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "signed, unique", policy: Stop, fields: []string{fresh, signed}, opts: []Option{WithUniqueBody()}, want: "PUT failed, PUT 412 | error | unknown, unattributed"},

		// Another answer than a refusal isn't the end of doubt.
		{name: "403", policy: Stop, faults: faults{lost, ifmatchtest.FailBefore(1, 403)}, want: "PUT failed, PUT 403 | 403 | unknown, none"},
		{name: "412 of a range", policy: Stop, fields: []string{fresh, "Content-Range: bytes 0-3/4"}, opts: []Option{WithTransientRetry(retryablehttp.DefaultRetryPolicy)},
			faults: faults{ifmatchtest.FailBefore(1, 503), ifmatchtest.Refuse(1)}, want: "PUT 503, PUT 412 | 503 | unknown, none", state: "theirs"},
		{name: "moved on", policy: Resend, fields: []string{`If-None-Match: "v1"`}, opts: []Option{WithTransientRetry(retryablehttp.DefaultRetryPolicy)},
			faults: faults{ifmatchtest.LostRequest(1), ifmatchtest.Refuse(1)}, want: "PUT failed, PUT 412, GET 200 | error | unknown, unattributed", state: "theirs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				if test.empty {
					origin.Delete("/doc")
				}
				if test.faults == nil {
					test.faults = faults{lost}
				}
				origin.Inject(test.faults...)
				method, fields, state := test.method, test.fields, test.state
				if method == "" {
					method = http.MethodPut
				}
				if fields == nil {
					fields = []string{fresh}
				}
				if state == "" {
					state = "mine"
				}
				got := send(t, origin, test.policy, method, fields, test.opts...)
				if got.summary() != test.want || stateOf(origin) != state {
					t.Errorf("got  %s, state %q\nwant %s, state %q\nerr %v, %v", got.summary(), stateOf(origin), test.want, state, got.err, got.outcome.Err)
				}
				if unknown := got.outcome.Effect == EffectUnknown; unknown && len(got.outcome.Exchanges) > 1 && !errors.Is(got.outcome.Err, ErrOutcomeUnknown) {
					t.Errorf("Outcome.Err %v", got.outcome.Err)
				}
				if got.outcome.Effect == EffectApplied && got.outcome.Err != nil {
					t.Errorf("applied, and Outcome.Err %v", got.outcome.Err)
				}
			})
		})
	}
}

// TestStaleReadOfTheSame: the state that was written over held these bytes
// already, so a stale read looks like the write.
func TestStaleReadOfTheSame(t *testing.T) {
	for _, opts := range [][]Option{nil, {WithUniqueBody()}} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Put("/doc", "text/plain", []byte("mine"))
			origin.Inject(ifmatchtest.LostRequest(1), ifmatchtest.StaleReads(0),
				ifmatchtest.CompetingWriter(1, func([]byte) []byte { return []byte("other") }).After(1))
			got := send(t, origin, Resend, http.MethodPut, []string{`If-Match: "v3"`}, opts...)
			if got.outcome.Effect != EffectUnknown || stateOf(origin) != "other" {
				t.Errorf("%s, state %q", got.summary(), stateOf(origin))
			}
		})
	}
}

// TestFoundApplied: the answer to a write that was found applied is 204 with the
// current validators.
func TestFoundApplied(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		got := send(t, origin, Resend, http.MethodPut, []string{fresh})
		if got.err != nil {
			t.Fatal(got.err)
		}
		_, etag, _ := origin.State("/doc")
		h := got.resp.Header
		if got.resp.Status != "204 No Content" || h.Get("ETag") != etag || etag != `"v3"` || h.Get("Last-Modified") == "" || got.body != "" || got.resp.Request.Method != http.MethodPut {
			t.Errorf("%s %v %q", got.resp.Status, h, got.body)
		}
		if o, ok := OutcomeOf(got.resp); !ok || o.Effect != EffectApplied || o.Cause != CauseOwnEarlierWrite || o.Err != nil || len(o.Exchanges) != 3 || o.Attempts != 2 || o.Overwrote {
			t.Errorf("%+v, %v", o, ok)
		}
	})
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		for _, policy := range []Policy{Resend, resendingPolicy} {
			if method == http.MethodDelete && !traitsOf(policy).lastWriterWins {
				continue // a function isn't asked about a DELETE that finds nothing
			}
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(ifmatchtest.LostAnswer(1))
				got := send(t, origin, policy, method, []string{fresh})
				if got.err != nil || got.resp.StatusCode != http.StatusNoContent || got.body != "" || got.outcome.Effect != EffectApplied || got.outcome.Cause != CauseOwnEarlierWrite {
					t.Errorf("%s: %s %q, %v", method, got.summary(), got.body, got.err)
				}
				if o, ok := OutcomeOf(got.resp); !ok || o.Effect != EffectApplied {
					t.Errorf("%s: %+v, %v", method, o, ok)
				}
			})
		}
	}
}

// TestErrorOfLostAnswer: errors.Is finds the first connection error and
// ErrOutcomeUnknown, through http.Client too.
func TestErrorOfLostAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var outcome Outcome
		origin.Inject(ifmatchtest.LostAnswer(1))
		client := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop)}
		_, err := client.Do(newWrite(t, WithOutcome(context.Background(), &outcome), origin, http.MethodPut, []string{fresh}))
		if !errors.Is(err, io.EOF) || !errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrConflict) || !errors.Is(outcome.Err, ErrOutcomeUnknown) {
			t.Errorf("%v; %v", err, outcome.Err)
		}
		if !strings.Contains(err.Error(), "outcome unknown") || !strings.Contains(err.Error(), "EOF") {
			t.Errorf("%v", err)
		}
	})
	// Later errors don't hide the first one, nor it them.
	first, last := errors.New("first"), errors.New("last")
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		base := &script{base: origin.Client().Transport, errs: []error{first, last}}
		got := sendVia(t, NewTransport(base, Stop, WithMaxAttempts(2)), newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh}))
		if !errors.Is(got.err, first) || !errors.Is(got.err, last) || !errors.Is(got.err, ErrOutcomeUnknown) {
			t.Errorf("%v", got.err)
		}
	})
	// A write that is not repeated has the base's own error.
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		base := &script{base: origin.Client().Transport, errs: []error{first}}
		got := sendVia(t, NewTransport(base, Resend), newWrite(t, context.Background(), origin, http.MethodPost, nil))
		if got.err != first || got.outcome.Effect != EffectUnknown {
			t.Errorf("%v, %v", got.err, got.outcome.Effect)
		}
	})
}

// TestAmbiguousAnswer: the answer that left it open is returned as if nothing had been repeated.
func TestAmbiguousAnswer(t *testing.T) {
	for name, policy := range map[string]Policy{"Stop": Stop, "Rebuild": rebuilding, "Unconditional": Unconditional, "own": PolicyFunc(nil)} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.FailAfter(1, 502).WithHeader("Via", "1.1 proxy"))
			got := send(t, origin, policy, http.MethodPut, []string{fresh})
			if got.err != nil || got.resp.StatusCode != 502 || got.body != "Bad Gateway\n" || got.bodyErr != nil || got.resp.Header.Get("Via") != "1.1 proxy" {
				t.Errorf("%s: %s, %q, %v, %v", name, got.summary(), got.body, got.bodyErr, got.err)
			}
			if o, ok := OutcomeOf(got.resp); !ok || o.Effect != EffectUnknown || !errors.Is(o.Err, ErrOutcomeUnknown) || !strings.Contains(o.Err.Error(), "502 Bad Gateway") {
				t.Errorf("%s: %+v, %v", name, o, ok)
			}
		})
	}
}

// TestPolicySeesAmbiguity: in Conflict.Ambiguous, for the whole call. Rebuild's function isn't asked then.
func TestPolicySeesAmbiguity(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var seen []bool
		policy := PolicyFunc(func(_ context.Context, c *Conflict) (Decision, error) {
			seen = append(seen, c.Ambiguous)
			return c.Resend(), nil
		})
		// It lasts for the whole call.
		origin.Inject(ifmatchtest.LostAnswer(1).After(1), ifmatchtest.CompetingWriter(2, nil).After(2))
		got := send(t, origin, policy, http.MethodPut, []string{stale}, WithMaxAttempts(9))
		if fmt.Sprint(seen) != "[false true true]" || got.outcome.Effect != EffectApplied {
			t.Errorf("%v, %s", seen, got.summary())
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		built := 0
		policy := Rebuild(func(_ context.Context, current *Representation) ([]byte, error) {
			built++
			return append(current.Body, "+mine"...), nil
		})
		origin.Inject(ifmatchtest.LostAnswer(1).After(1))
		got := send(t, origin, policy, http.MethodPut, []string{stale})
		if built != 1 || stateOf(origin) != "theirs+mine" || got.summary() != "PUT 412, GET 200, PUT failed, PUT 412 | error | unknown, unattributed" {
			t.Errorf("built %d times, state %q: %s", built, stateOf(origin), got.summary())
		}
		// net/http may have sent a write with a key twice.
		built = 0
		got = send(t, origin, policy, http.MethodPut, []string{stale, "Idempotency-Key: k"})
		if built != 0 || got.summary() != "PUT 412 | 412 | unknown, not replayable" {
			t.Errorf("built %d times: %s", built, got.summary())
		}
	})
}

// TestAmbiguousBelow: a Transport above another doesn't repeat what that one has
// repeated, and believes what it says.
func TestAmbiguousBelow(t *testing.T) {
	refusedDial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for _, test := range []struct {
		name   string
		lower  Policy
		base   func(http.RoundTripper) http.RoundTripper
		faults []ifmatchtest.Fault
		want   string
		sent   int
	}{
		{"stop below", Stop, nil, []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}, "PUT failed, PUT 412 | error | unknown, unattributed", 2},
		{"resend below", Resend, nil, []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}, "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write", 3},
		{"502", Stop, nil, []ifmatchtest.Fault{ifmatchtest.FailAfter(1, 502)}, "PUT 502, PUT 412 | 502 | unknown, unattributed", 2},
		{"502 for ever", Stop, nil, []ifmatchtest.Fault{ifmatchtest.FailBefore(0, 502)}, "PUT 502, PUT 502, PUT 502, PUT 502 | 502 | unknown, none", 4},
		{"lost for ever", Stop, nil, []ifmatchtest.Fault{ifmatchtest.LostRequest(0)}, "PUT failed, PUT failed, PUT failed, PUT failed | error | unknown, none", 4},
		{"lost, then not reached", Stop, func(base http.RoundTripper) http.RoundTripper {
			return &script{base, []error{io.EOF, refusedDial, refusedDial, refusedDial}, 0}
		}, nil, "PUT failed, PUT failed, PUT failed, PUT failed | error | unknown, none", 0},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			base := origin.Client().Transport
			if test.base != nil {
				base = test.base(base)
			}
			origin.Inject(test.faults...)
			got := sendVia(t, NewTransport(NewTransport(base, test.lower), Resend), newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh}))
			if got.summary() != test.want || len(origin.Log()) != test.sent {
				t.Errorf("%s: got  %s with %d requests\nwant %s with %d", test.name, got.summary(), len(origin.Log()), test.want, test.sent)
			}
			if got.err != nil && !errors.Is(got.err, ErrOutcomeUnknown) {
				t.Errorf("%s: %v", test.name, got.err)
			}
		})
	}
	// What is known below isn't forgotten above, whoever looks.
	for _, below := range []error{
		&ConflictError{StatusCode: 412, Outcome: Outcome{Effect: EffectNotApplied}, Err: io.ErrClosedPipe},
		&interruptedError{context.Canceled, &StatusError{StatusCode: 429}},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			var seen Outcome
			upper := NewTransport(&script{errs: []error{below}}, Resend, WithoutRepeats(), WithTrace(&Trace{Done: func(d DoneInfo) { seen = d.Outcome }}))
			got := sendVia(t, upper, newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh}))
			if got.err != below || got.outcome.Effect != EffectNotApplied {
				t.Errorf("%v, %s, %+v", got.err, got.summary(), seen)
			}
		})
	}
}

// TestAmbiguityOutlastsRedirects: http.Client makes a RoundTrip of each hop, and the doubt of the first stays.
func TestAmbiguityOutlastsRedirects(t *testing.T) {
	for _, test := range []struct {
		status int
		hops   int
		policy Policy
		want   string
	}{
		{307, 1, Stop, "PUT 412 | error | unknown, unattributed"},
		{307, 1, rebuilding, "PUT 412 | error | unknown, unattributed"},
		{307, 1, Resend, "PUT 412, GET 200 | 204 | applied, own earlier write"},
		{308, 3, Stop, "PUT 412 | error | unknown, unattributed"},
		{303, 1, Stop, "GET 412 | error | unknown, none"}, // with the If-Match of the PUT
	} {
		for _, observed := range []bool{true, false} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(ifmatchtest.LostAnswer(1))
				for range test.hops {
					origin.Inject(redirect(test.status))
				}
				client := &http.Client{Transport: NewTransport(origin.Client().Transport, test.policy)}
				req := newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh})
				if observed {
					if got := sendVia(t, throughClient{client}, req); got.summary() != test.want || got.err != nil && !errors.Is(got.err, ErrOutcomeUnknown) || got.err != nil && !errors.Is(got.err, io.EOF) {
						t.Errorf("%d: got  %s, %v\nwant %s", test.status, got.summary(), got.err, test.want)
					}
					return
				}
				resp, err := client.Do(req)
				if strings.Contains(test.want, "error") != errors.Is(err, ErrOutcomeUnknown) || err == nil && resp.StatusCode != http.StatusNoContent {
					t.Errorf("%d, nobody looking: %v, %v", test.status, resp, err)
				}
			})
		}
	}
	// Post, redirect, get: the write was performed.
	for status, want := range map[int]string{302: "GET 200 | 200 | unknown, none", 303: "GET 200 | 200 | unknown, none", 301: "GET 200 | 200 | not applied, none"} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(redirect(status))
			client := &http.Client{Transport: NewTransport(origin.Client().Transport, Resend)}
			if got := sendVia(t, throughClient{client}, newWrite(t, context.Background(), origin, http.MethodPost, nil)); got.summary() != want {
				t.Errorf("%d: got  %s\nwant %s", status, got.summary(), want)
			}
		})
	}
}

// TestIdempotencyKeyLeavesDoubt: net/http replays what has an Idempotency-Key, also where the field has no value and
// isn't sent.
func TestIdempotencyKeyLeavesDoubt(t *testing.T) {
	refusedDial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for _, values := range [][]string{{"k"}, {}, nil} {
		for _, test := range []struct {
			method string
			policy Policy
			fault  ifmatchtest.Fault
			want   string
		}{
			{http.MethodPut, Stop, ifmatchtest.LostAnswer(1), "PUT 412 | 412 | unknown, unexamined"},
			{http.MethodPut, Resend, ifmatchtest.LostAnswer(1), "PUT 412 | 412 | unknown, not replayable"},
			{http.MethodPut, rebuilding, ifmatchtest.LostAnswer(1), "PUT 412 | 412 | unknown, not replayable"},
			{http.MethodDelete, Stop, ifmatchtest.LostAnswer(1), "DELETE 404 | 404 | unknown, none"},
			{http.MethodPut, Stop, ifmatchtest.FailBefore(1, 403), "PUT 403 | 403 | unknown, none"},
		} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				resp, err := origin.Client().Get(origin.URL + "/doc") // a connection that was used
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				origin.Inject(test.fault)
				req := newWrite(t, context.Background(), origin, test.method, []string{fresh})
				req.Header["Idempotency-Key"] = values
				if got := sendVia(t, NewTransport(origin.Client().Transport, test.policy), req); got.summary() != test.want {
					t.Errorf("%q: got  %s\nwant %s", values, got.summary(), test.want)
				}
			})
		}
		// The first connection may have been cut after the write was applied.
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			req := newWrite(t, context.Background(), origin, http.MethodPost, nil)
			req.Header["Idempotency-Key"] = values
			if got := sendVia(t, NewTransport(&script{errs: []error{refusedDial}}, Stop), req); got.outcome.Effect != EffectUnknown {
				t.Errorf("%q: %s", values, got.summary())
			}
		})
		// A policy that drops the key doesn't undo what was sent with it.
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			asked := 0
			policy := PolicyFunc(func(_ context.Context, c *Conflict) (Decision, error) {
				if asked++; asked > 1 || !c.Ambiguous {
					return Decision{}, nil
				}
				if delete(c.Header(), "Idempotency-Key"); len(values) > 0 {
					c.Header().Set("Idempotency-Key", "second") // rule 17
				}
				return c.Resend(), nil
			})
			origin.Inject(ifmatchtest.Refuse(1).After(1))
			req := newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
			req.Header["Idempotency-Key"] = values
			got := sendVia(t, NewTransport(origin.Client().Transport, policy), req)
			if got.outcome.Effect != EffectUnknown || asked != 2 || got.resp.StatusCode != http.StatusPreconditionFailed {
				t.Errorf("%q: %s, asked %d times", values, got.summary(), asked)
			}
		})
	}
}

// TestCancelledProof: a call that is cancelled while it looks for its own write
// says both.
func TestCancelledProof(t *testing.T) {
	for _, status := range []int{0, 502} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			fault := ifmatchtest.LostAnswer(1)
			if status != 0 {
				fault = ifmatchtest.FailAfter(1, status)
			}
			origin.Inject(fault, ifmatchtest.Slow(0, time.Minute).On("GET"))
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(15*time.Second, cancel)
			rt := NewTransport(origin.Client().Transport, Stop, WithUniqueBody())
			got := sendVia(t, rt, newWrite(t, ctx, origin, http.MethodPut, []string{fresh}))
			if !errors.Is(got.err, context.Canceled) || !errors.Is(got.err, ErrOutcomeUnknown) || got.outcome.Effect != EffectUnknown || status == 0 && !errors.Is(got.err, io.EOF) {
				t.Errorf("%d: %s, %v", status, got.summary(), got.err)
			}
		})
	}
}

// TestErrorsSayTimeout: http.Client wraps our errors, and asks them whether they are a timeout.
func TestErrorsSayTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.SlowAnswer(0, time.Minute).On("PUT"))
		client := &http.Client{Transport: NewTransport(origin.Client().Transport, Resend)}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, err := client.Do(newWrite(t, ctx, origin, http.MethodPut, []string{fresh}))
		var urlError *url.Error
		if !errors.As(err, &urlError) || !urlError.Timeout() || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("write under way: %v", err)
		}
	})
	for name, fault := range map[string]ifmatchtest.Fault{
		"lost": ifmatchtest.LostAnswer(1), "429": ifmatchtest.FailBefore(1, 429), "412": ifmatchtest.Refuse(1),
	} {
		for _, timeout := range []bool{true, false} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(fault)
				ctx, cancel := context.WithCancel(context.Background())
				time.AfterFunc(5*time.Second, cancel)
				if timeout {
					ctx = hiddenDeadline{ctx}
				}
				slow := Options{WithBackoff(every(20 * time.Second)), WithTransientBackoff(every(20 * time.Second))}
				client := &http.Client{Transport: NewTransport(origin.Client().Transport, Resend, slow)}
				_, err := client.Do(newWrite(t, ctx, origin, http.MethodPut, []string{fresh}))
				var urlError *url.Error
				if !errors.As(err, &urlError) || urlError.Timeout() != timeout || errors.Is(err, context.DeadlineExceeded) != timeout {
					t.Errorf("%s: %v, timeout %v, want %v", name, err, urlError.Timeout(), timeout)
				}
			})
		}
	}
	// Where the first failure timed out, and what followed didn't.
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		base := &script{base: origin.Client().Transport, errs: []error{os.ErrDeadlineExceeded, io.EOF}}
		client := &http.Client{Transport: NewTransport(base, Resend, WithMaxAttempts(2))}
		_, err := client.Do(newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh}))
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, io.EOF) || !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("%v", err)
		}
	})
}

// hiddenDeadline ends as a deadline does, without saying so before.
type hiddenDeadline struct{ context.Context }

func (c hiddenDeadline) Err() error {
	if c.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

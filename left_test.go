package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestLeft: what a Transport above may still do about an answer.
func TestLeft(t *testing.T) {
	nothing, all := left{}, left{handled: true, spent: true}
	for _, row := range []struct {
		rule  string
		facts leftFacts
		want  left
	}{
		{"21: Stop hands a refusal on", leftFacts{}, nothing},
		{"21: Stop hands it on after a repeat as well", leftFacts{again: true}, left{spent: true}},
		{"21: a policy other than Stop has had its turn", leftFacts{asked: true}, all},
		{"21: the same after a repeat", leftFacts{asked: true, again: true}, all},
		{"9: in doubt", leftFacts{inDoubt: true}, all},
		{"9: in doubt after a repeat", leftFacts{inDoubt: true, again: true}, all},
		{"4: the dialect has the last word", leftFacts{lastWord: true}, all},
		{"21: handled further below", leftFacts{below: left{handled: true}}, all},
		{"21: repeated further below", leftFacts{below: left{spent: true}}, left{spent: true}},
		{"21: left further below, and repeated here", leftFacts{again: true, below: left{}}, left{spent: true}},
	} {
		if got := row.facts.left(); got != row.want {
			t.Errorf("rule %s: %+v, want %+v", row.rule, got, row.want)
		}
	}
}

// TestStopBelowRepeats: a repeat below is no handling. The refusal after it goes to the
// policy above, whose attempts it doesn't count among.
func TestStopBelowRepeats(t *testing.T) {
	tooMany, expectation := replying("PUT", 1, 429), replying("PUT", 1, 417)
	rivals := ifmatchtest.CompetingWriter(0, nil)
	for name, test := range map[string]struct {
		lower, upper Policy
		below, above []Option
		undialed     int     // how often the first connection doesn't come
		errs         []error // of the first requests
		faults       []ifmatchtest.Fault
		want         string
		attempts     int
	}{
		"429, 412":          {lower: Stop, upper: Resend, faults: []ifmatchtest.Fault{tooMany}, want: "PUT 429, PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", attempts: 3},
		"429, 412, rebuilt": {lower: Stop, upper: rebuilding, faults: []ifmatchtest.Fault{tooMany}, want: "PUT 429, PUT 412, GET 200, PUT 204 | 204 | applied, changed", attempts: 3},
		"417, 412":          {lower: Stop, upper: Resend, below: []Option{WithExpectContinue(1)}, faults: []ifmatchtest.Fault{expectation}, want: "PUT 417, PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", attempts: 3},
		"not reached, 412":  {lower: Stop, upper: Resend, undialed: 1, want: "PUT failed, PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", attempts: 3},
		"429, 412, Stop":    {lower: Stop, upper: Stop, faults: []ifmatchtest.Fault{tooMany}, want: "PUT 429, PUT 412 | 412 | not applied, unexamined", attempts: 2},
		"two attempts":      {lower: Stop, upper: Resend, above: []Option{WithMaxAttempts(2)}, faults: []ifmatchtest.Fault{rivals, tooMany, tooMany.After(2)}, want: "PUT 429, PUT 412, HEAD 200, PUT 429, PUT 412 | 412 | not applied, changed", attempts: 4},
		"one attempt":       {lower: Stop, upper: Resend, above: []Option{WithMaxAttempts(1)}, faults: []ifmatchtest.Fault{tooMany}, want: "PUT 429, PUT 412 | 412 | not applied, unexamined", attempts: 2},
		"repeats, refused":  {lower: Stop, upper: Resend, below: []Option{WithMaxAttempts(2)}, faults: []ifmatchtest.Fault{replying("PUT", 2, 429)}, want: "PUT 429, PUT 429 | 429 | not applied, none", attempts: 2},

		// What is handled, or in doubt, is left alone.
		"429, Resend":        {lower: Resend, upper: Resend, below: []Option{WithMaxAttempts(2)}, faults: []ifmatchtest.Fault{rivals, tooMany}, want: "PUT 429, PUT 412, HEAD 200, PUT 412 | 412 | not applied, changed", attempts: 3},
		"429, one Resend":    {lower: Resend, upper: Resend, below: []Option{WithMaxAttempts(1)}, faults: []ifmatchtest.Fault{rivals, tooMany}, want: "PUT 429, PUT 412 | 412 | not applied, unexamined", attempts: 2},
		"one Resend":         {lower: Resend, upper: Resend, below: []Option{WithMaxAttempts(1)}, faults: []ifmatchtest.Fault{rivals}, want: "PUT 412 | 412 | not applied, unexamined", attempts: 1},
		"a function":         {lower: PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, nil }), upper: Resend, faults: []ifmatchtest.Fault{tooMany}, want: "PUT 429, PUT 412 | 412 | not applied, unexamined", attempts: 2},
		"503, 412 in doubt":  {lower: Stop, upper: Resend, faults: []ifmatchtest.Fault{replying("PUT", 1, 503)}, want: "PUT 503, PUT 412 | 503 | unknown, unattributed", attempts: 2},
		"lost, 412 in doubt": {lower: Stop, upper: Resend, errs: []error{io.EOF}, want: "PUT failed, PUT 412 | error | unknown, unattributed", attempts: 2},
	} {
		for _, observed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, observed %v", name, observed), func(t *testing.T) {
				inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
					origin.Inject(test.faults...)
					base := &script{dialingLate(origin, test.undialed), test.errs, 0}
					var done Outcome
					rt := NewTransport(NewTransport(base, test.lower, test.below...), test.upper, append(test.above, WithTrace(&Trace{Done: func(d DoneInfo) { done = d.Outcome }}))...)
					req := newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
					got := sendObserved(t, rt, req, observed)
					if got.err != nil && !observed {
						return // only WithOutcome tells of an error
					}
					if got.summary() != test.want || got.outcome.Attempts != test.attempts {
						t.Errorf("%d attempts, %s\nwant %s", got.outcome.Attempts, got.summary(), test.want)
					}
					if base.sent != len(got.outcome.Exchanges) {
						t.Errorf("%d requests, %s", base.sent, got.exchanges())
					}
					if got.outcome.Overwrote && done.Attempts != test.attempts {
						t.Errorf("the Trace has %d attempts", done.Attempts)
					}
				})
			})
		}
	}
}

// dialingLate is the transport of an origin whose first n connections don't come.
func dialingLate(origin *ifmatchtest.Server, n int) *http.Transport {
	base := origin.Client().Transport.(*http.Transport)
	dial := base.DialContext
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if n > 0 {
			n--
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		return dial(ctx, network, address)
	}
	return base
}

// TestHandledBelowTwo: what a policy has handled at the bottom stays so, also above a
// Transport between that repeats the write.
func TestHandledBelowTwo(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(replying("PUT", 1, 417), ifmatchtest.CompetingWriter(0, nil).After(1))
		bottom := NewTransport(origin.Client().Transport, Resend, WithMaxAttempts(2))
		between := NewTransport(bottom, Stop, WithExpectContinue(1))
		got := sendVia(t, NewTransport(between, Resend), newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
		if want := "PUT 417, PUT 412, HEAD 200, PUT 412 | 412 | not applied, changed"; got.summary() != want {
			t.Errorf("got  %s\nwant %s", got.summary(), want)
		}
	})
}

// sendObserved is sendVia where the call is observed. Where it isn't, OutcomeOf gives the
// outcome, and an error has none.
func sendObserved(t *testing.T, rt http.RoundTripper, req *http.Request, observed bool) result {
	t.Helper()
	if observed {
		return sendVia(t, rt, req)
	}
	var got result
	if got.resp, got.err = rt.RoundTrip(req); got.err == nil {
		got.outcome, _ = OutcomeOf(got.resp)
		got.resp.Body.Close()
	}
	return got
}

// TestDoubtBelowStays: an answer that applied nothing doesn't end the doubt about the
// attempt before it, which only the Transport below has seen.
func TestDoubtBelowStays(t *testing.T) {
	for _, observed := range []bool{true, false} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(replying("PUT", 1, 417), ifmatchtest.LostAnswer(1).After(1), replying("PUT", 1, 403).After(2))
			rt := NewTransport(NewTransport(origin.Client().Transport, Stop), Stop, WithExpectContinue(1))
			req := newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh})
			got := sendObserved(t, rt, req, observed)
			if want := "PUT 417, PUT failed, PUT 403 | 403 | unknown, none"; got.summary() != want || !errors.Is(got.outcome.Err, ErrOutcomeUnknown) {
				t.Errorf("observed %v: got  %s, %v\nwant %s", observed, got.summary(), got.outcome.Err, want)
			}
		})
	}
}

// TestSeenBelow: Stop in a flow of Remember hands on a refusal, and the policy above decides.
func TestSeenBelow(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		rt := NewTransport(NewTransport(origin.Client().Transport, Stop), Resend)
		ctx := Remember(context.Background())
		sendVia(t, rt, newRead(t, ctx, origin))
		origin.Put("/doc", "text/plain", []byte("others"))
		got := sendVia(t, rt, newWrite(t, ctx, origin, http.MethodPut, nil))
		if want := "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote"; got.summary() != want || stateOf(origin) != "mine" {
			t.Errorf("got  %s\nwant %s, state %q", got.summary(), want, stateOf(origin))
		}
	})
}

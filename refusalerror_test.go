package ifmatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestRefusalError: what is an error with the option, and what stays a response.
func TestRefusalError(t *testing.T) {
	failing := PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, errFull })
	lostOnce := func(status int) []ifmatchtest.Fault {
		return []ifmatchtest.Fault{ifmatchtest.FailAfter(1, status)}
	}
	stops := WithDialect(dialect.Dialect{Judge: func(a *dialect.Answer) dialect.Verdict { return a.Stops("a lease") }})
	for name, test := range map[string]struct {
		policy Policy
		opts   []Option
		method string // "": PUT
		fields []string
		faults []ifmatchtest.Fault
		want   string // conflict, unknown, or the status of a response
		effect Effect
	}{
		"Stop":              {policy: Stop, fields: []string{stale}, want: "conflict", effect: EffectNotApplied},
		"attempts":          {policy: Resend, opts: []Option{WithMaxAttempts(1)}, fields: []string{stale}, want: "conflict", effect: EffectNotApplied},
		"a policy's":        {policy: failing, fields: []string{stale}, want: "conflict", effect: EffectNotApplied},
		"create-only":       {policy: Resend, fields: []string{"If-None-Match: *"}, want: "conflict", effect: EffectNotApplied},
		"PATCH":             {policy: Stop, method: "PATCH", fields: []string{stale}, faults: []ifmatchtest.Fault{ifmatchtest.Refuse(1)}, want: "conflict", effect: EffectNotApplied},
		"POST":              {policy: Stop, method: "POST", fields: []string{stale}, want: "conflict", effect: EffectNotApplied},
		"428":               {policy: Stop, faults: []ifmatchtest.Fault{ifmatchtest.RequirePrecondition()}, want: "conflict", effect: EffectNotApplied},
		"a key":             {policy: Stop, fields: []string{stale, "Idempotency-Key: a"}, want: "conflict", effect: EffectUnknown},
		"went through":      {policy: Resend, fields: []string{stale}, want: "204", effect: EffectApplied},
		"nothing refused":   {policy: Stop, fields: []string{fresh}, want: "204", effect: EffectApplied},
		"403":               {policy: Stop, fields: []string{fresh}, faults: []ifmatchtest.Fault{replying("PUT", 1, 403)}, want: "403", effect: EffectNotApplied},
		"500":               {policy: Stop, fields: []string{fresh}, faults: []ifmatchtest.Fault{replying("PUT", 1, 500)}, want: "unknown"},
		"501":               {policy: Stop, fields: []string{fresh}, faults: []ifmatchtest.Fault{replying("PUT", 1, 501)}, want: "501", effect: EffectNotApplied},
		"500, unguarded":    {policy: Stop, faults: []ifmatchtest.Fault{replying("PUT", 1, 500)}, want: "unknown"},
		"500 to a POST":     {policy: Stop, method: "POST", faults: []ifmatchtest.Fault{replying("POST", 1, 500)}, want: "unknown"},
		"503 and 412":       {policy: Stop, fields: []string{fresh}, faults: lostOnce(503), want: "unknown"},
		"503 to the last":   {policy: Stop, fields: []string{fresh}, opts: []Option{WithoutRepeats()}, faults: lostOnce(503), want: "unknown"},
		"500 to a read":     {policy: Stop, method: "GET", faults: []ifmatchtest.Fault{replying("GET", 1, 500)}, want: "500", effect: EffectNotApplied},
		"412 to a read":     {policy: Stop, method: "GET", fields: []string{stale}, faults: []ifmatchtest.Fault{replying("GET", 1, 412)}, want: "412", effect: EffectNotApplied},
		"Content-Range":     {policy: Stop, fields: []string{stale, "Content-Range: bytes 0-3/4"}, faults: []ifmatchtest.Fault{ifmatchtest.Refuse(1)}, want: "412", effect: EffectNotApplied},
		"no precondition":   {policy: Resend, faults: []ifmatchtest.Fault{ifmatchtest.Refuse(1)}, want: "412", effect: EffectNotApplied},
		"none, under Stop":  {policy: Stop, faults: []ifmatchtest.Fault{ifmatchtest.Refuse(1)}, want: "412", effect: EffectNotApplied},
		"foreign":           {policy: Resend, fields: []string{`If: (["v1"])`}, faults: []ifmatchtest.Fault{ifmatchtest.Refuse(1)}, want: "conflict", effect: EffectNotApplied},
		"a verdict":         {policy: Resend, opts: []Option{stops}, fields: []string{stale}, want: "conflict", effect: EffectNotApplied},
		"see other":         {policy: Stop, fields: []string{fresh}, faults: []ifmatchtest.Fault{replying("PUT", 1, 303, "Location: /b")}, want: "303"},
		"taken on":          {policy: Stop, fields: []string{fresh}, faults: []ifmatchtest.Fault{replying("PUT", 1, 202)}, want: "202"},
		"a lost connection": {policy: Stop, fields: []string{fresh}, faults: []ifmatchtest.Fault{ifmatchtest.LostAnswer(4)}, want: "unknown"},
	} {
		for where, in := range map[string]func(context.Context) (context.Context, []Option){
			"the Transport": func(ctx context.Context) (context.Context, []Option) { return ctx, []Option{WithRefusalError()} },
			"the call": func(ctx context.Context) (context.Context, []Option) {
				return WithOptions(ctx, WithRefusalError()), nil
			},
		} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				ctx, opts := in(t.Context())
				origin.Inject(test.faults...)
				if test.method == "" {
					test.method = "PUT"
				}
				req := newWrite(t, ctx, origin, test.method, test.fields)
				got := sendVia(t, NewTransport(origin.Client().Transport, test.policy, append(opts, test.opts...)...), req)
				if got.outcome.Effect != test.effect {
					t.Errorf("%s, by %s: %s", name, where, got.summary())
				}
				how, conflict, status := "", (*ConflictError)(nil), (*StatusError)(nil)
				switch {
				case got.err == nil:
					how = got.resp.Status[:3]
				case errors.As(got.err, &conflict):
					how = "conflict"
					if conflict.StatusCode < 400 || conflict.Outcome.Effect != test.effect || conflict.Outcome.Err == nil || !errors.Is(conflict, ErrConflict) ||
						len(conflict.Body) == 0 || len(conflict.Header) == 0 || conflict.Method != test.method || conflict.URL != origin.URL+"/doc" {
						t.Errorf("%s, by %s: %+v", name, where, conflict)
					}
				case errors.Is(got.err, ErrOutcomeUnknown):
					how = "unknown"
					if is := errors.As(got.err, &status); is == (name == "a lost connection") {
						t.Errorf("%s, by %s: %v", name, where, got.err)
					}
				}
				if how != test.want {
					t.Errorf("%s, by %s: %s, want %s; %v", name, where, how, test.want, got.err)
				}
			})
		}
	}
}

// TestRefusalErrorCloses: the body of a refusal that became an error is closed, and what was
// read of it is in the error.
func TestRefusalErrorCloses(t *testing.T) {
	for status, text := range map[int]string{412: "refused", 500: "failed"} {
		body := &closeCount{Reader: strings.NewReader(text)}
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			resp := responseTo(req, status, "")
			resp.Body, resp.ContentLength = body, -1
			return resp, nil
		})
		resp, err := NewTransport(base, Stop, WithRefusalError()).RoundTrip(mustPut(t))
		var conflict *ConflictError
		var failed *StatusError
		read := ""
		switch {
		case errors.As(err, &conflict):
			read = string(conflict.Body)
		case errors.As(err, &failed):
			read = string(failed.Body)
		}
		if resp != nil || body.closed != 1 || read != text {
			t.Errorf("%d: %v, %v, closed %d times, %q", status, resp, err, body.closed, read)
		}
	}
}

// TestRefusalErrorAfterRedirect: a read that http.Client makes of a redirected write stays a
// response, although its 500 says nothing of the write.
func TestRefusalErrorAfterRedirect(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(replying("PUT", 1, 303, "Location: /b"), replying("GET", 1, 500).At("/b"))
		c := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, WithRefusalError())}
		var o Outcome
		resp, err := c.Do(newWrite(t, WithOutcome(t.Context(), &o), origin, "PUT", []string{fresh}))
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != 500 || o.Effect != EffectUnknown {
			t.Errorf("%d, %v", resp.StatusCode, o)
		}
	})
}

// TestRefusalErrorStacked: a Transport above a refusal that became an error repeats nothing
// and says what the one below said; a Transport that has the option passes on what one below
// has handled.
func TestRefusalErrorStacked(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		below := NewTransport(origin.Client().Transport, Stop, WithRefusalError())
		got := sendVia(t, NewTransport(below, Resend), newWrite(t, t.Context(), origin, "PUT", []string{stale}))
		if !errors.Is(got.err, ErrConflict) || got.outcome.Effect != EffectNotApplied || len(origin.Log()) != 1 {
			t.Errorf("above: %s, %v", got.summary(), got.err)
		}
		origin.Inject(ifmatchtest.CompetingWriter(9, nil))
		handles := NewTransport(origin.Client().Transport, Resend, WithMaxAttempts(2))
		got = sendVia(t, NewTransport(handles, Stop, WithRefusalError()), newWrite(t, t.Context(), origin, "PUT", []string{stale}))
		if got.err != nil || got.resp.StatusCode != 412 {
			t.Errorf("handled below: %s, %v", got.summary(), got.err)
		}
	})
}

// TestRefusalErrorAndUpdate: an Update goes on at a refusal, and ends as ever.
func TestRefusalErrorAndUpdate(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		// Nothing is left to write after the refusal, so it is no failure.
		origin.Inject(ifmatchtest.CompetingWriter(1, func([]byte) []byte { return []byte(`{"n":7}`) }))
		seven := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, WithRefusalError())}
		if got, err := Update(t.Context(), seven, url, func(c *counter) error { c.N = 7; return nil }); err != nil || got.Value.N != 7 {
			t.Errorf("%+v, %v", got, err)
		}
		c := &http.Client{Transport: above{NewTransport(origin.Client().Transport, Stop, WithRefusalError())}}
		origin.Inject(ifmatchtest.CompetingWriter(1, func(b []byte) []byte { return append([]byte(" "), b...) }))
		if got, err := Update(WithOptions(t.Context(), WithRefusalError()), c, url, addOne, WithRefusalError()); err != nil || got.Outcome.Attempts != 2 {
			t.Errorf("%v, %v", got.Outcome, err)
		}
		origin.Inject(ifmatchtest.CompetingWriter(9, func(b []byte) []byte { return append([]byte(" "), b...) }))
		_, err := Update(t.Context(), c, url, addOne, WithRefusalError(), WithMaxAttempts(2))
		if conflict := (*ConflictError)(nil); !errors.As(err, &conflict) || conflict.Outcome.Attempts != 2 || !errors.Is(err, ErrAttempts) {
			t.Errorf("%v", err)
		}
	})
}

// TestRefusalErrorOfClient: http.Client hands the error on.
func TestRefusalErrorOfClient(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		c := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, WithRefusalError())}
		resp, err := c.Do(newWrite(t, t.Context(), origin, "PUT", []string{stale}))
		if conflict := (*ConflictError)(nil); resp != nil || !errors.As(err, &conflict) || conflict.StatusCode != 412 {
			if resp != nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			t.Errorf("%v, %v", resp, err)
		}
	})
}

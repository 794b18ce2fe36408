package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// said is what a write gets of the register: a status and a text.
type said struct {
	status int
	text   string
}

// register is an API that says in the text of its answers what became of a write. The
// version is in the query: "7" is stale.
func register() dialect.Dialect {
	return dialect.Dialect{
		Name:     "register",
		Tokens:   []dialect.Token{{Sent: dialect.InQuery("cas"), Current: dialect.InHeader("X-Index"), Number: true, Create: "0"}},
		Statuses: []int{200, 202, 303, 304, 404, 409},
		Judge: func(a *dialect.Answer) dialect.Verdict {
			switch text := string(a.Body()); {
			case text == "false":
				return a.Conflict()
			case text == "busy":
				return a.Again()
			case text == "gone":
				return a.Gone("it is gone")
			case strings.HasPrefix(text, "operation"):
				return a.Pending(text)
			case text == "done":
				return a.Done()
			case a.StatusCode == http.StatusNotModified:
				return a.Exists("it is there")
			}
			return a.Passes()
		},
	}
}

// registerSays answers writes in order, the last one again and again, and reads with the
// next version.
func registerSays(answers ...said) *served {
	i := 0
	return &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
		if semantics.Safe(req.Method) {
			return 200, http.Header{"X-Index": {fmt.Sprint(8 + i)}, "Etag": {fmt.Sprintf(`"read-%d"`, i)}}, `{"n":1}`
		}
		a := answers[min(i, len(answers)-1)]
		i++
		return a.status, http.Header{"Etag": {`"written"`}}, a.text
	}}
}

// TestAnyStatus: what a dialect says of a success or a redirect is what became of the write,
// and the caller gets the whole answer.
func TestAnyStatus(t *testing.T) {
	const pending = "outcome unknown: dialect register: pending: operation 1"
	for name, test := range map[string]struct {
		method, query string
		policy        Policy
		answers       []said
		want          string
		text          string
		err           string // a part of Outcome.Err; empty: none
		tells         bool   // OutcomeOf has it
	}{
		"accepted":                    {"PUT", "?cas=8", Resend, []said{{200, "true"}}, "PUT 200 | 200 | applied, none", "true", "", false},
		"refused, Stop":               {"PUT", "?cas=7", Stop, []said{{200, "false"}}, "PUT 200 | 200 | not applied, changed", "false", "refused with 200 OK: sent version 7, policy Stop", true},
		"refused, Resend":             {"PUT", "?cas=7", Resend, []said{{200, "false"}, {200, "true"}}, "PUT 200, HEAD 200, PUT 200 | 200 | applied, changed, overwrote", "true", "", true},
		"refused each time":           {"PUT", "?cas=7", Resend, []said{{200, "false"}}, "PUT 200, HEAD 200, PUT 200, HEAD 200, PUT 200, HEAD 200, PUT 200 | 200 | not applied, changed", "false", "attempts are used up", true},
		"refused POST":                {"POST", "?cas=7", Resend, []said{{200, "false"}, {200, "true"}}, "POST 200, HEAD 200, POST 200 | 200 | applied, changed, overwrote", "true", "", true},
		"gone":                        {"PUT", "?cas=7", Resend, []said{{200, "gone"}}, "PUT 200 | 200 | not applied, gone", "gone", "register: it is gone", true},
		"a create refused with 304":   {"PUT", "?cas=0", Resend, []said{{304, ""}}, "PUT 304 | 304 | not applied, exists", "", "register: it is there", true},
		"a redirect passes":           {"PUT", "?cas=7", Resend, []said{{303, "see"}}, "PUT 303 | 303 | unknown, none", "see", "303 See Other", false},
		"a redirect refuses":          {"PUT", "?cas=7", Stop, []said{{303, "false"}}, "PUT 303 | 303 | not applied, changed", "false", "refused with 303", true},
		"done at 202":                 {"DELETE", "?cas=7", Resend, []said{{202, "done"}}, "DELETE 202 | 202 | applied, none", "done", "", true},
		"202 without a verdict":       {"DELETE", "?cas=7", Resend, []said{{202, ""}}, "DELETE 202 | 202 | unknown, none", "", "", false},
		"done at 404":                 {"DELETE", "?cas=7", Resend, []said{{404, "done"}}, "DELETE 404 | 404 | applied, none", "done", "", true},
		"pending":                     {"POST", "", Resend, []said{{200, "operation 1"}}, "POST 200 | 200 | unknown, none", "operation 1", pending, true},
		"pending at 409":              {"PUT", "?cas=7", Resend, []said{{409, "operation 1"}}, "PUT 409 | 409 | unknown, none", "operation 1", pending, true},
		"pending after a refusal":     {"PUT", "?cas=7", Resend, []said{{200, "false"}, {200, "operation 1"}}, "PUT 200, HEAD 200, PUT 200 | 200 | unknown, changed, overwrote", "operation 1", pending, true},
		"again":                       {"PUT", "?cas=7", Stop, []said{{200, "busy"}, {200, "true"}}, "PUT 200, PUT 200 | 200 | applied, none", "true", "", true},
		"again, unguarded":            {"PUT", "", Resend, []said{{200, "busy"}}, "PUT 200 | 200 | not applied, none", "busy", "the server compared nothing", true},
		"again, each time":            {"PUT", "?cas=7", Stop, []said{{200, "busy"}}, "PUT 200, PUT 200, PUT 200, PUT 200 | 200 | not applied, none", "busy", "attempts are used up", true},
		"lost, then refused, Stop":    {"PUT", "?cas=7", Stop, []said{{0, ""}, {200, "false"}}, "PUT failed, PUT 200 | error | unknown, unattributed", "", "outcome unknown", true},
		"lost, then accepted":         {"PUT", "?cas=7", Stop, []said{{0, ""}, {200, "true"}}, "PUT failed, PUT 200 | 200 | applied, none", "true", "", true},
		"lost, then pending":          {"PUT", "?cas=7", Stop, []said{{0, ""}, {200, "operation 1"}}, "PUT failed, PUT 200 | 200 | unknown, none", "operation 1", pending, true},
		"lost, then done":             {"DELETE", "?cas=7", Stop, []said{{0, ""}, {404, "done"}}, "DELETE failed, DELETE 404 | 404 | applied, none", "done", "", true},
		"lost, then nothing compared": {"PUT", "?cas=7", Stop, []said{{0, ""}, {200, "busy"}}, "PUT failed, PUT 200, PUT 200, PUT 200 | error | unknown, none", "", "outcome unknown", true},
		"503, then refused, Resend":   {"PUT", "?cas=7", Resend, []said{{503, ""}, {200, "false"}, {200, "true"}}, "PUT 503, PUT 200, GET 200, PUT 200 | 200 | applied, unattributed, overwrote", "true", "", true},
		"a read isn't judged":         {"GET", "", Resend, nil, `GET 200 | 200 | not applied, none`, `{"n":1}`, "", false},
		"a HEAD isn't judged":         {"HEAD", "", Resend, nil, `HEAD 200 | 200 | not applied, none`, `{"n":1}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := registerSays(test.answers...)
				r := sendTo(t, NewTransport(base, test.policy, WithDialect(register())), test.method, thingURL+test.query, "mine")
				_, tells := OutcomeOf(r.resp)
				if got := r.summary(); got != test.want || r.body != test.text || tells != (test.tells && r.err == nil) {
					t.Errorf("got  %s, %q, told %v\nwant %s, %q\n%v", got, r.body, tells, test.want, test.text, r.outcome.Err)
				}
				if err := r.outcome.Err; (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("%v, want %q", err, test.err)
				}
				if unknown := strings.Contains(test.err, "outcome unknown"); errors.Is(r.outcome.Err, ErrOutcomeUnknown) != unknown {
					t.Errorf("%v: matches ErrOutcomeUnknown: %v", r.outcome.Err, !unknown)
				}
			})
		})
	}
}

// TestRefusalErrorOfSuccess: WithRefusalError makes an error of a refusal by 200, and of
// nothing else that has the status of a success.
func TestRefusalErrorOfSuccess(t *testing.T) {
	for text, refused := range map[string]bool{"false": true, "true": false, "operation 1": false} {
		r := sendTo(t, NewTransport(registerSays(said{200, text}), Stop, WithDialect(register()), WithRefusalError()), "PUT", thingURL+"?cas=7", "mine")
		var conflict *ConflictError
		if errors.As(r.err, &conflict) != refused || refused && (conflict.StatusCode != 200 || string(conflict.Body) != "false") {
			t.Errorf("%s: %v", text, r.err)
		}
	}
}

// TestNoVerdictInTime: a success whose body drips, or is longer than what a refusal gets, may
// still refuse the write: the effect is unknown, and the caller gets the answer as it comes.
func TestNoVerdictInTime(t *testing.T) {
	long := strings.Repeat(" ", 64<<10) + "false"
	broken := errors.New("it broke")
	for name, test := range map[string]struct {
		status int
		body   func() io.ReadCloser
		asks   bool
		effect Effect
		text   string
		end    error
		after  time.Duration
	}{
		"a drip":               {200, func() io.ReadCloser { return drip(8) }, true, EffectUnknown, strings.Repeat("part ", 8), nil, time.Second},
		"a drip, of a refusal": {404, func() io.ReadCloser { return drip(8) }, true, EffectNotApplied, strings.Repeat("part ", 8), nil, time.Second},
		"a drip, not asked":    {200, func() io.ReadCloser { return drip(8) }, false, EffectApplied, strings.Repeat("part ", 8), nil, 0},
		"too long":             {200, func() io.ReadCloser { return io.NopCloser(strings.NewReader(long)) }, true, EffectUnknown, long, nil, 0},
		"breaks off": {200, func() io.ReadCloser {
			return io.NopCloser(io.MultiReader(strings.NewReader("tr"), iotest.ErrReader(broken)))
		}, true, EffectUnknown, "tr", broken, 0},
		"whole":              {200, func() io.ReadCloser { return io.NopCloser(strings.NewReader(long[5:])) }, true, EffectUnknown, long[5:], nil, 0},
		"whole, and shorter": {200, func() io.ReadCloser { return io.NopCloser(strings.NewReader(long[6:])) }, true, EffectApplied, long[6:], nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := register()
				d.Judge = func(a *dialect.Answer) dialect.Verdict {
					if test.asks && string(a.Body()) == "false" {
						return a.Conflict()
					}
					return a.Passes()
				}
				base := roundTripper(func(req *http.Request) (*http.Response, error) {
					closeBody(req)
					return &http.Response{StatusCode: test.status, Header: http.Header{}, Body: test.body(), ContentLength: -1, Request: req}, nil
				})
				var o Outcome
				req, _ := http.NewRequestWithContext(WithOutcome(t.Context(), &o), http.MethodPost, thingURL, strings.NewReader("mine"))
				start := time.Now()
				resp, err := NewTransport(base, Resend, WithDialect(d)).RoundTrip(req)
				if err != nil || time.Since(start) != test.after {
					t.Fatalf("%v after %v", err, time.Since(start))
				}
				if unknown := test.effect == EffectUnknown; o.Effect != test.effect || errors.Is(o.Err, ErrOutcomeUnknown) != unknown || o.Cause != CauseNone {
					t.Errorf("%v, %v, %v", o.Effect, o.Cause, o.Err)
				}
				b, end := io.ReadAll(resp.Body)
				resp.Body.Close()
				if string(b) != test.text || end != test.end {
					t.Errorf("%d bytes, %v; want %d, %v", len(b), end, len(test.text), test.end)
				}
			})
		})
	}
}

// TestVerdictsOfLayers: a Transport above that doesn't know the dialect tells what the one
// below knows, and doesn't go by the status.
func TestVerdictsOfLayers(t *testing.T) {
	for name, test := range map[string]struct {
		lower, upper Policy
		answers      []said
		want         string
		err          string
	}{
		"refused":                     {Stop, Resend, []said{{200, "false"}}, "PUT 200 | 200 | not applied, changed", "refused with 200"},
		"refused, handled below":      {Resend, Resend, []said{{200, "false"}}, "PUT 200, HEAD 200, PUT 200, HEAD 200, PUT 200, HEAD 200, PUT 200 | 200 | not applied, changed", "attempts"},
		"gone":                        {Resend, Resend, []said{{200, "gone"}}, "PUT 200 | 200 | not applied, gone", "it is gone"},
		"pending":                     {Stop, Resend, []said{{200, "operation 1"}}, "PUT 200 | 200 | unknown, none", "pending: operation 1"},
		"done":                        {Stop, Resend, []said{{202, "done"}}, "PUT 202 | 202 | applied, none", ""},
		"busy":                        {Stop, Resend, []said{{200, "busy"}}, "PUT 200 | 200 | not applied, none", "compared nothing"},
		"refused above, then by 200":  {Stop, Resend, []said{{412, ""}, {200, "false"}}, "PUT 412, HEAD 200, PUT 200 | 200 | not applied, changed", "refused with 200"},
		"refused above, then pending": {Stop, Resend, []said{{412, ""}, {200, "operation 1"}}, "PUT 412, HEAD 200, PUT 200 | 200 | unknown, changed, overwrote", "pending: operation 1"},
		"refused above, then done":    {Stop, Resend, []said{{412, ""}, {202, "done"}}, "PUT 412, HEAD 200, PUT 202 | 202 | applied, changed, overwrote", ""},
		"lost above, then refused":    {Stop, Resend, []said{{500, ""}, {200, "false"}}, "PUT 500 | 500 | unknown, none", "500"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := register()
				d.Tokens = nil // so that the one above knows the guard, too
				lower := NewTransport(registerSays(test.answers...), test.lower, WithDialect(d), WithoutRepeats())
				for _, between := range []http.RoundTripper{lower, above{lower}} {
					base := registerSays(test.answers...)
					lower.base = base
					r := putVia(t, NewTransport(between, test.upper, WithoutRepeats()), mine(), `If-Match: "a"`)
					if got := r.summary(); got != test.want {
						t.Errorf("got  %s\nwant %s\n%v", got, test.want, r.outcome.Err)
					}
					if err := r.outcome.Err; (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
						t.Errorf("%v, want %q", err, test.err)
					}
					// Without an observer nothing is made before the answer, and it has its record.
					lower.base = registerSays(test.answers...)
					req, _ := http.NewRequest(http.MethodPut, thing, mine())
					req.Header.Set("If-Match", `"a"`)
					resp, err := NewTransport(between, test.upper, WithoutRepeats()).RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					if o, ok := OutcomeOf(resp); name != "lost above, then refused" && (!ok || o.Effect != r.outcome.Effect || o.Cause != r.outcome.Cause) {
						t.Errorf("%v, %+v", ok, o)
					}
				}
			})
		})
	}
}

// TestUpdateOfAnyStatus: an Update edits again after a refusal by 200, and takes nothing for
// stored that isn't.
func TestUpdateOfAnyStatus(t *testing.T) {
	type marked struct {
		Marks
		N int `json:"n"`
	}
	for name, test := range map[string]struct {
		answers []said
		log     string
		is      error // nil: success
		effect  Effect
	}{
		"accepted":        {[]said{{200, "true"}}, "GET, PUT", nil, EffectApplied},
		"done at 202":     {[]said{{202, "done"}}, "GET, PUT", nil, EffectApplied},
		"refused once":    {[]said{{200, "false"}, {200, "true"}}, "GET, PUT, GET, PUT", nil, EffectApplied},
		"gone":            {[]said{{200, "gone"}}, "GET, PUT", ErrConflict, EffectNotApplied},
		"refused by 304":  {[]said{{304, ""}}, "GET, PUT", ErrConflict, EffectNotApplied},
		"pending":         {[]said{{200, "operation 1"}}, "GET, PUT", ErrOutcomeUnknown, EffectUnknown},
		"busy":            {[]said{{200, "busy"}}, "GET, PUT, PUT, PUT, PUT", nil, EffectApplied},
		"pending at last": {[]said{{200, "false"}, {200, "operation 1"}}, "GET, PUT, GET, PUT", ErrOutcomeUnknown, EffectUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answers := test.answers
				if name == "busy" {
					answers = []said{{200, "busy"}, {200, "busy"}, {200, "busy"}, {200, "true"}}
				}
				methods := func(base *served) string {
					var all []string
					for _, line := range base.log {
						method, _, _ := strings.Cut(line, " ")
						all = append(all, method)
					}
					return strings.Join(all, ", ")
				}
				base := registerSays(answers...)
				c := &http.Client{Transport: NewTransport(base, Stop, WithDialect(register()))}
				s, err := Update(t.Context(), c, thingURL, addOne)
				if !errors.Is(err, test.is) || s.Outcome.Effect != test.effect || methods(base) != test.log {
					t.Errorf("%v, %v, %s", err, s.Outcome.Effect, methods(base))
				}
				base = registerSays(answers...)
				c.Transport = NewTransport(base, Stop, WithDialect(register()))
				r := NewResource[counter](c, thingURL)
				if s, err = r.Update(t.Context(), addOne); !errors.Is(err, test.is) || s.Outcome.Effect != test.effect {
					t.Errorf("Resource: %v, %v, %s", err, s.Outcome.Effect, methods(base))
				}
				// The mark isn't there: while the operation runs nothing is sent again.
				if test.is == ErrOutcomeUnknown {
					base = registerSays(answers...)
					c.Transport = NewTransport(base, Stop, WithDialect(register()))
					_, err = Update(t.Context(), c, thingURL, func(m *marked) error { m.N++; return nil })
					if want := test.log + ", GET"; !errors.Is(err, ErrOutcomeUnknown) || methods(base) != want {
						t.Errorf("marked: %v, %s, want %s", err, methods(base), want)
					}
				}
			})
		})
	}
}

// TestRememberAnyStatus: the guard of a flow stays after a refusal by 200, goes after what is
// pending, and follows what is done.
func TestRememberAnyStatus(t *testing.T) {
	for _, test := range []struct {
		method string
		answer said
		next   string // guard of the next PUT; empty: none is sent
	}{
		{"PUT", said{200, "true"}, `If-Match: "written"`},
		{"PUT", said{200, "false"}, `If-Match: "read-0"`},
		{"PUT", said{200, "gone"}, `If-Match: "read-0"`},
		{"PUT", said{200, "operation 1"}, ""},
		{"PUT", said{304, ""}, `If-Match: "read-0"`},
		{"DELETE", said{200, "operation 1"}, ""},
		{"DELETE", said{202, "done"}, "If-None-Match: *"},
		{"DELETE", said{202, ""}, ""},
	} {
		base := registerSays(test.answer, said{204, ""})
		d := register()
		d.Tokens = nil
		c := NewClient(Stop, WithDialect(d), WithoutRepeats())
		c.Transport.(*Transport).base = base
		ctx := Remember(t.Context())
		do := func(method string) error {
			req, _ := http.NewRequestWithContext(ctx, method, thingURL, mine())
			if method == http.MethodGet {
				req.Body, req.GetBody, req.ContentLength = nil, nil, 0
			}
			resp, err := c.Do(req)
			if err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			return err
		}
		do(http.MethodGet)
		do(test.method)
		err := do(http.MethodPut)
		last := base.log[len(base.log)-1]
		if test.next == "" && (len(base.log) != 2 || !errors.Is(err, ErrNotRemembered)) || test.next != "" && (len(base.log) != 3 || last != "PUT "+test.next+" mine") {
			t.Errorf("%v: %v, %v", test, err, base.log)
		}
	}
}

// TestHandOverAnyStatus: the tag of an answer that refuses, or doesn't decide, isn't handed to
// the next writer.
func TestHandOverAnyStatus(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "done": true, "operation 1": false} {
		synctest.Test(t, func(t *testing.T) {
			d := register()
			d.Tokens = nil
			var mu sync.Mutex
			current, answers := `"a"`, 0
			base := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
				defer time.Sleep(100 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				h := http.Header{"Etag": {current}}
				switch {
				case semantics.Safe(req.Method):
					return 200, h, ""
				case req.Header.Get("If-Match") != current:
					return 200, nil, "false"
				}
				answers++
				current = fmt.Sprintf(`"b%d"`, answers)
				return 200, http.Header{"Etag": {current}}, text
			}}
			tr := NewTransport(base, Resend, WithDialect(d))
			done := make(chan struct{})
			for range 2 {
				go func() {
					putVia(t, tr, mine(), `If-Match: "stale"`)
					done <- struct{}{}
				}()
			}
			<-done
			<-done
			reads := 0
			for _, line := range base.log {
				if strings.HasPrefix(line, "HEAD") {
					reads++
				}
			}
			if handed := reads == 1; handed != want {
				t.Errorf("%s: %v", text, base.log)
			}
		})
	}
}

// TestClientFollowsUnjudged: http.Client follows a redirect that passes, and hands on a 304
// that refuses.
func TestClientFollowsUnjudged(t *testing.T) {
	for status, want := range map[int]string{303: "PUT 303, GET 200", 304: "PUT 304"} {
		var log []string
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			closeBody(req)
			got := status
			if req.Method == http.MethodGet {
				got = 200
			}
			log = append(log, fmt.Sprintf("%s %d", req.Method, got))
			return &http.Response{StatusCode: got, Header: http.Header{"Location": {"/other"}}, Body: http.NoBody, Request: req}, nil
		})
		c := &http.Client{Transport: NewTransport(base, Resend, WithDialect(register()))}
		var o Outcome
		req, _ := http.NewRequestWithContext(WithOutcome(context.Background(), &o), http.MethodPut, thingURL+"?cas=0", mine())
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := strings.Join(log, ", "); got != want || status == 304 && (o.Effect != EffectNotApplied || o.Cause != CauseExists) {
			t.Errorf("%d: %s, %v %v", status, got, o.Effect, o.Cause)
		}
	}
}

// TestUnaskedDialectCostsNothing: a dialect that isn't asked about successes costs a
// success nothing, and one that is asked is asked once.
func TestUnaskedDialectCostsNothing(t *testing.T) {
	asked := 0
	d := register()
	d.Judge = func(a *dialect.Answer) dialect.Verdict { asked++; return a.Passes() }
	d.Statuses = []int{404, 409, 412}
	body := &closeCount{Reader: strings.NewReader("true")}
	base := answering{&http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, ContentLength: 4}}
	req, _ := http.NewRequest(http.MethodPost, thingURL, nil)
	tr := NewTransport(base, Resend, WithDialect(d))
	own := NewTransport(base, Resend, WithDialect(dialect.Dialect{Tokens: d.Tokens}))
	with, _ := allocated(func() { tr.RoundTrip(req) })
	without, _ := allocated(func() { own.RoundTrip(req) })
	if with != without || asked != 0 {
		t.Errorf("%v allocations, %v without statuses; asked %d times", with, without, asked)
	}
	d.Statuses = append(d.Statuses, 200)
	sendTo(t, NewTransport(registerSays(said{200, "true"}), Resend, WithDialect(d)), "POST", thingURL, "mine")
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// TestNothingBesidePending: an Update sends nothing beside an operation that may still run,
// though the state is as it was before, and a lost answer would let it go on.
func TestNothingBesidePending(t *testing.T) {
	for text, want := range map[string]int{"operation 1": 1, "": 2} {
		synctest.Test(t, func(t *testing.T) {
			d := register()
			d.Tokens = nil
			writes := 0
			base := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
				if semantics.Safe(req.Method) {
					return 200, http.Header{"Etag": {`"a"`}}, `{"n":1}`
				}
				if writes++; text == "" && writes == 1 {
					return 500, nil, ""
				}
				return 200, nil, text
			}}
			c := &http.Client{Transport: NewTransport(base, Stop, WithDialect(d))}
			_, err := Update(t.Context(), c, thingURL, func(m *struct {
				Marks
				N int `json:"n"`
			}) error {
				m.N++
				return nil
			})
			if writes != want || errors.Is(err, ErrOutcomeUnknown) != (text != "") {
				t.Errorf("%q: %d writes, %v: %v", text, writes, err, base.log)
			}
		})
	}
}

package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

const thing = "http://api.test/thing"

var inField = inventedDialect(dialect.InHeader("X-If-Version"), dialect.InHeader("X-Version"))

// served is a transport that is made of what an origin does. Status 0 is a lost
// connection. The log has the method, the conditions and the body of each request.
type served struct {
	serve func(req *http.Request, body string) (int, http.Header, string)
	log   []string
	mu    sync.Mutex // guards log
}

func (s *served) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	line := []string{req.Method}
	for _, name := range []string{"X-If-Version", "If-Match", "If-None-Match"} {
		if value := req.Header.Get(name); value != "" {
			line = append(line, name+": "+value)
		}
	}
	s.mu.Lock()
	s.log = append(s.log, strings.TrimSpace(strings.Join(line, " ")+" "+string(body)))
	s.mu.Unlock()
	status, header, text := s.serve(req, string(body))
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: req}, nil
}

// alwaysRefuses answers each write so, and each read with these fields.
func alwaysRefuses(status int, text, field, current string) *served {
	return &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
		if semantics.Safe(req.Method) {
			return 200, http.Header{field: {current}}, `{"n":1}`
		}
		return status, nil, text
	}}
}

// putVia sends one PUT with these fields, spelled so.
func putVia(t *testing.T, rt http.RoundTripper, body io.Reader, fields ...string) result {
	t.Helper()
	return callVia(t, t.Context(), http.MethodPut, rt, body, fields...)
}

func callVia(t *testing.T, ctx context.Context, method string, rt http.RoundTripper, body io.Reader, fields ...string) result {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, thing, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header[name] = []string{value}
	}
	return sendVia(t, rt, req)
}

func mine() io.Reader { return strings.NewReader("mine") }

// above is somebody else's RoundTripper: the Transport below it can't be seen.
type above struct{ http.RoundTripper }

// TestDialectByHost: the most specific host counts, and what is set later.
func TestDialectByHost(t *testing.T) {
	named := func(name string) dialect.Dialect { return dialect.Dialect{Name: name} }
	tr := NewTransport(nil, Stop, WithDialect(named("rest")), WithDialects(map[string]dialect.Dialect{
		"api.test": named("host"), "API.test:81": named("port"), "*.blob.test": named("below"), "*.x.blob.test": named("deeper"),
	}))
	for url, want := range map[string]string{
		"http://api.test/": "host", "http://api.test:80/": "host", "http://Api.test:81/": "port", "http://a.blob.test/": "below",
		"http://a.x.blob.test/": "deeper", "http://a.b.blob.test/": "below", "http://blob.test/": "rest", "http://[::1]/": "rest",
	} {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := tr.dialectFor(req, nil); d.Name != want {
			t.Errorf("%s: %+v, want %s", url, d, want)
		}
		s := scopeOf(WithOptions(t.Context(), WithDialect(named("call"))))
		if d := tr.dialectFor(req, s); d.Name != "call" {
			t.Errorf("%s with the call's own: %+v", url, d)
		}
	}
}

// TestDialectHosts: a host is the same in each of its spellings, is looked up
// without an allocation, and what is no host or no dialect is an error in the Outcome, too.
func TestDialectHosts(t *testing.T) {
	for _, test := range []struct {
		key, url string
		found    bool
	}{
		{"api.test", "http://api.test./", true}, {"api.test.", "http://api.test/", true}, {"*.test", "http://api.test./", true},
		{"*.api.test", "http://a.b.api.test/", true}, {"*.api.test", "http://api.test/", false},
		{"[::1]", "http://[::1]/", true}, {"[::1]", "http://[::1]:8080/", true}, {"[::1]:8080", "http://[::1]:8080/", true}, {"::1", "http://[::1]:8080/", true},
		{"*.blob.test", "http://api.some-longer-name.storage.private.example-company.test/", false},
	} {
		var s settings
		WithDialects(map[string]dialect.Dialect{test.key: inField}).apply(&s)
		u := httptest.NewRequest(http.MethodGet, test.url, nil).URL
		rfc9110 := new(guard.Dialect)
		if d := s.dialectFor(u, rfc9110); (d != rfc9110) != test.found {
			t.Errorf("%s for %s: %v", test.key, test.url, d != rfc9110)
		}
		if n := testing.AllocsPerRun(20, func() { s.dialectFor(u, rfc9110) }); n != 0 {
			t.Errorf("%s for %s: %v allocations", test.key, test.url, n)
		}
	}
	for key, d := range map[string]dialect.Dialect{
		"": inField, "http://api.test": inField, "api.test/path": inField, "a*.test": inField, "*.test:80": inField, "user@api.test": inField,
		"api.test": {Statuses: []int{500}},
	} {
		s := alwaysRefuses(409, "", "X-Version", "7")
		r := putVia(t, NewTransport(s, Stop, WithDialects(map[string]dialect.Dialect{key: d})), mine())
		if r.err == nil || r.outcome.Err == nil || r.outcome.Effect != EffectNotApplied || len(s.log) != 0 {
			t.Errorf("%q: %v, %+v", key, r.err, r.outcome)
		}
	}
}

// TestHostsThatAreTheSame: with the default port, a dot at the end, or in another case.
func TestHostsThatAreTheSame(t *testing.T) {
	for _, test := range [][2]string{
		{"api.example.com:8443", "https://api.example.com.:8443/"},
		{"api.example.com:443", "https://api.example.com/"},
		{"api.example.com.:8443", "https://api.example.com:8443/"},
		{"[::1]:8443", "https://[::1]:8443/"}, {"::1", "https://[::1]:1/"}, {"[::1]", "https://[::1]/"},
		{"[2001:DB8::1]", "https://[2001:db8::1]/"}, {"[2001:db8::1]", "https://[2001:db8::1]/"},
		{"*.example.com", "https://a.b.example.com.:44/"},
		{"Api.Example.com", "https://API.example.COM/"},
		{" api.example.com", "https://api.example.com/"},
	} {
		var s settings
		WithDialects(map[string]dialect.Dialect{test[0]: {Name: "mine"}}).apply(&s)
		u, err := url.Parse(test[1])
		if err != nil {
			t.Fatal(err)
		}
		if d := s.dialectFor(u, new(guard.Dialect)); d.Name != "mine" {
			t.Errorf("%s: not found by %q", test[1], test[0])
		}
	}
}

// TestBadDialects: the error says what is wrong, and nothing is sent.
func TestBadDialects(t *testing.T) {
	for text, d := range map[string]dialect.Dialect{
		"both places": {Tokens: []dialect.Token{{Sent: dialect.InQuery("v")}}},
		"no query":    {Tokens: []dialect.Token{{Sent: dialect.InQuery("v"), Current: dialect.InQuery("v")}}},
		"RFC 6901":    {Tokens: []dialect.Token{{Sent: dialect.InBody("version"), Current: dialect.InBody("/version")}}},
		"Tag is for":  {Tokens: []dialect.Token{{Sent: dialect.InQuery("v"), Current: dialect.InBody("/v"), Tag: true}}},
		"Or is for":   {Tokens: []dialect.Token{{Sent: dialect.InQuery("v").Or(dialect.InQuery("w")), Current: dialect.InBody("/v")}}},
		"Or wants":    {Tokens: []dialect.Token{{Sent: dialect.InQuery("v"), Current: dialect.InHeader("V").Or(dialect.InQuery("v"))}}},
		"200 to 499":  {Statuses: []int{100}},
		"without a J": {Statuses: []int{200}},
	} {
		o := &versioned{}
		_, _, err := writeVersion(t, o, thing, "", "{}", WithDialect(d))
		if err == nil || !strings.Contains(err.Error(), text) || len(o.log) != 0 {
			t.Errorf("%s: %v, %v", text, err, o.log)
		}
	}
}

// TestVerdicts: what the dialect says decides, and what passes is untouched.
func TestVerdicts(t *testing.T) {
	d := inventedDialect(dialect.InBody("/version"), dialect.InBody("/version"))
	for name, test := range map[string]struct {
		origin *versioned
		policy Policy
		body   string
		status int
		cause  Cause
		effect Effect
		writes int
		text   string
	}{
		"other 409 passes":     {&versioned{version: 7, other: 9}, Resend, `{"version":7}`, 409, CauseNone, EffectNotApplied, 1, `{"code":"duplicate"}`},
		"stops":                {&versioned{version: 7, locked: true}, Resend, `{"version":7}`, 409, CauseLocked, EffectNotApplied, 1, `{"code":"locked"}`},
		"goes again":           {&versioned{version: 7, busy: 2}, Stop, `{"version":7}`, 200, CauseNone, EffectApplied, 3, "{}"},
		"goes not again":       {&versioned{version: 7, busy: 2}, Stop, `{"a":1}`, 409, CauseNone, EffectNotApplied, 1, `{"code":"busy"}`},
		"Stop":                 {&versioned{version: 7}, Stop, `{"version":3}`, 409, CauseChanged, EffectNotApplied, 1, `{"code":"stale"}`},
		"create only":          {&versioned{version: 7}, Resend, `{"version":0}`, 409, CauseExists, EffectNotApplied, 1, `{"code":"stale"}`},
		"no version":           {&versioned{version: 7}, Resend, `{"a":1}`, 409, CauseUnattributed, EffectNotApplied, 1, `{"code":"stale"}`},
		"no number":            {&versioned{version: 7}, Resend, `{"version":"x"}`, 409, CauseUnattributed, EffectNotApplied, 1, `{"code":"stale"}`},
		"not JSON":             {&versioned{version: 7}, Resend, `version 3`, 409, CauseUnattributed, EffectNotApplied, 1, `{"code":"stale"}`},
		"twice":                {&versioned{version: 7}, Resend, `{"version":3,"version":3}`, 409, CauseUnattributed, EffectNotApplied, 1, `{"code":"stale"}`},
		"answer is no JSON":    {&versioned{version: 7, answer: func(int) string { return "<html>" }}, Resend, `{"version":3}`, 409, CauseNoValidator, EffectNotApplied, 1, `{"code":"stale"}`},
		"answer has no number": {&versioned{version: 7, answer: func(int) string { return `{"version":"x"}` }}, Resend, `{"version":3}`, 409, CauseNoValidator, EffectNotApplied, 1, `{"code":"stale"}`},
		"answer has none":      {&versioned{version: 7, answer: func(int) string { return `{}` }}, Resend, `{"version":3}`, 409, CauseNoValidator, EffectNotApplied, 1, `{"code":"stale"}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := test.origin
			resp, out, err := writeVersion(t, o, thing, "", test.body, OnConflict(test.policy), WithDialect(d))
			if err != nil {
				t.Fatal(name, err)
			}
			text, err := io.ReadAll(resp.Body)
			if err != nil || string(text) != test.text || resp.StatusCode != test.status {
				t.Errorf("%s: %d %s, %v", name, resp.StatusCode, text, err)
			}
			if out.Cause != test.cause || out.Effect != test.effect || out.Attempts != test.writes {
				t.Errorf("%s: %v, %v, %d writes: %v", name, out.Cause, out.Effect, out.Attempts, out.Err)
			}
		})
	}
}

// TestJudgeSees: Judge and WriteIDs find a field however the caller spelled it, and the
// body that Judge gets is a copy.
func TestJudgeSees(t *testing.T) {
	d, seen := inField, ""
	d.WriteIDs = func(req *http.Request) bool { return req.Header.Get("X-Copy-From") == "" }
	d.Judge = func(a *dialect.Answer) dialect.Verdict {
		seen = a.Request.Header.Get("X-Copy-From")
		clear(a.Body())
		return a.Passes()
	}
	s := alwaysRefuses(409, "as it is", "X-Version", "7")
	r := putVia(t, NewTransport(s, Stop, WithDialect(d), WithWriteID()), mine(), "x-copy-from: /source", "X-If-Version: 6")
	if r.body != "as it is" || seen != "/source" || r.resp.Request.Header.Get("X-Write-Id") != "" {
		t.Errorf("%q, %v, saw %q", r.body, r.err, seen)
	}
}

// TestJudgePanics: both bodies are closed.
func TestJudgePanics(t *testing.T) {
	d := dialect.Dialect{Statuses: []int{409}, Judge: func(a *dialect.Answer) dialect.Verdict { a.Body(); panic("x") }}
	body, reqBody := &closeCount{Reader: strings.NewReader("no")}, &closeCount{Reader: strings.NewReader("mine")}
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		return &http.Response{StatusCode: 409, Header: http.Header{}, Body: body, ContentLength: -1, Request: req}, nil
	})
	func() {
		defer func() { recover() }()
		req, _ := http.NewRequest("PUT", thingURL, reqBody)
		req.Header.Set("If-Match", `"a"`)
		NewTransport(base, Resend, WithDialect(d)).RoundTrip(req)
	}()
	if body.closed == 0 || reqBody.closed != 1 {
		t.Errorf("response closed %d, request %d", body.closed, reqBody.closed)
	}
}

// drip is a body that comes in parts, one each 300 ms, and ends when it is closed.
func drip(parts int) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		for range parts {
			if _, err := io.WriteString(w, "part "); err != nil {
				return
			}
			time.Sleep(300 * time.Millisecond)
		}
		w.Close()
	}()
	return slowClose{r}
}

// slowClose ends a Read at once, and takes a while for itself.
type slowClose struct{ io.ReadCloser }

func (s slowClose) Close() error { defer time.Sleep(time.Millisecond); return s.ReadCloser.Close() }

// TestSlowAnswers: a body that comes slowly is handed on whole where the answer
// passes, and is in nobody's way where it doesn't.
func TestSlowAnswers(t *testing.T) {
	for _, refused := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := inField
			d.Judge = func(a *dialect.Answer) dialect.Verdict {
				clear(a.Body()) // the caller's is another
				if refused {
					return a.Conflict()
				}
				return a.Passes()
			}
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				resp := &http.Response{StatusCode: 200, Header: http.Header{"X-Version": {"7"}}, Body: http.NoBody, Request: req}
				if req.Body != nil {
					io.Copy(io.Discard, req.Body)
					req.Body.Close()
				}
				if req.Method == http.MethodPut && req.Header.Get("X-If-Version") != "7" {
					resp.StatusCode, resp.Body, resp.ContentLength = 409, drip(8), -1
				}
				return resp, nil
			})
			r := putVia(t, NewTransport(base, Resend, WithDialect(d)), io.MultiReader(mine()), "X-If-Version: 6")
			want, text := "PUT 409 | 409 | not applied, none", strings.Repeat("part ", 8)
			if refused {
				want, text = "PUT 409, HEAD 200, PUT 200 | 200 | applied, changed, overwrote", ""
			}
			if got := r.summary(); got != want || r.body != text || r.bodyErr != nil {
				t.Errorf("%s, %q, %v; %v, %v", got, r.body, r.bodyErr, r.err, r.outcome.Err)
			}
			time.Sleep(time.Minute) // drip ends
		})
	}
}

// TestEarlyRefusalReadsBody: a write's body, which base goes on sending until the
// refusal is closed, isn't waited for before that.
func TestEarlyRefusalReadsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 200, Header: http.Header{"X-Version": {"7"}}, Body: http.NoBody, Request: req}
			if req.Body == nil {
				return resp, nil
			}
			text, _ := io.ReadAll(io.LimitReader(req.Body, 12))
			if string(text) == `{"version":7` {
				req.Body.Close()
				return resp, nil
			}
			resp.StatusCode = 409
			resp.Body = struct {
				io.Reader
				io.Closer
			}{strings.NewReader("stale"), req.Body}
			return resp, nil
		})
		d := inventedDialect(dialect.InBody("/version"), dialect.InHeader("X-Version"))
		d.Judge = func(a *dialect.Answer) dialect.Verdict { return a.Conflict() }
		begun := time.Now()
		body := io.MultiReader(strings.NewReader(`{"version":6,"pad":"` + strings.Repeat("y", 1<<20) + `"}`))
		r := putVia(t, NewTransport(base, Resend, WithDialect(d), WithMaxElapsed(time.Minute)), body)
		if took := time.Since(begun); r.outcome.Effect != EffectApplied || took > 30*time.Second {
			t.Errorf("%s after %v: %v, %v", r.summary(), took, r.err, r.outcome.Err)
		}
	})
}

// TestStopBelowIsFinal: a Transport above one whose dialect stopped sends nothing.
func TestStopBelowIsFinal(t *testing.T) {
	d := dialect.Dialect{Judge: func(a *dialect.Answer) dialect.Verdict { return a.Locked("locked") }}
	for _, below := range []Policy{Stop, Resend} {
		s := alwaysRefuses(412, "locked", "Etag", `"b"`)
		r := putVia(t, NewTransport(above{NewTransport(s, below, WithDialect(d))}, Resend), mine(), `If-Match: "a"`)
		if r.err != nil || r.resp.StatusCode != 412 || r.outcome.Cause != CauseLocked || len(s.log) != 1 {
			t.Errorf("%s: %q", r.summary(), s.log)
		}
	}
}

// TestUnguardedRepeats: a condition that the dialect doesn't have guards no repeat,
// and a write of unknown effect ends as that, whatever its repeats were told.
func TestUnguardedRepeats(t *testing.T) {
	for field, sent := range map[string]int{`If-Match: "e1"`: 1, "If-None-Match: *": 1, "X-If-Version: 6": 0} { // 0: several
		synctest.Test(t, func(t *testing.T) {
			s, n := &served{}, 0
			s.serve = func(*http.Request, string) (int, http.Header, string) {
				if n++; n == 1 {
					return 0, nil, ""
				}
				return 409, nil, `{"code":"busy"}`
			}
			r := putVia(t, NewTransport(s, Stop, WithDialect(inField)), mine(), field)
			if r.err == nil || r.outcome.Effect != EffectUnknown || sent == 0 && !errors.Is(r.err, ErrOutcomeUnknown) {
				t.Errorf("%s: %s, %v", field, r.summary(), r.err)
			}
			if sent == 0 && n < 2 || sent > 0 && n != sent {
				t.Errorf("%s: sent %q", field, s.log)
			}
		})
	}
}

// TestDialectRefreshStays: a dialect can't send the refresh elsewhere.
func TestDialectRefreshStays(t *testing.T) {
	for name, f := range map[string]func(*http.Request){
		"host":   func(r *http.Request) { r.Host = "evil.example" },
		"port":   func(r *http.Request) { r.URL.Host = "api.example.com:444" },
		"scheme": func(r *http.Request) { r.URL.Scheme = "http" },
		"opaque": func(r *http.Request) { r.URL.Opaque = "//evil.example/x" },
		"dot":    func(r *http.Request) { r.URL.Host = "api.example.com." },
		"body":   func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("x")); r.ContentLength = 1 },
	} {
		d := dialect.Dialect{RefreshRequest: func(r *http.Request) (*http.Request, error) { f(r); return r, nil }}
		s := &atURL{answer: func(req *http.Request, _ string) (int, http.Header, string) { return 412, nil, "" }}
		r := sendTo(t, NewTransport(s, Resend, WithDialect(d)), "PUT", thingURL, "x", `If-Match: "a"`)
		if len(s.log) != 1 || r.outcome.Cause != CauseRefreshFailed {
			t.Errorf("%s: %v %v", name, s.log, r.outcome.Cause)
		}
	}
}

// TestRememberElsewhere: Remember adds no entity-tag where the version is elsewhere.
func TestRememberElsewhere(t *testing.T) {
	s := &served{serve: func(*http.Request, string) (int, http.Header, string) {
		return 200, http.Header{"X-Version": {"6"}, "Etag": {`"e6"`}}, ""
	}}
	rt := NewTransport(s, Stop, WithDialect(inField))
	ctx := Remember(t.Context())
	callVia(t, ctx, http.MethodGet, rt, nil)
	callVia(t, ctx, http.MethodPut, rt, mine(), "X-If-Version: 6")
	if got := s.log[len(s.log)-1]; got != "PUT X-If-Version: 6 mine" {
		t.Errorf("sent %q", got)
	}
}

// TestUnknownDialectBelow: an Update that can't know the dialect sends no write that
// would have its version where the API doesn't look.
func TestUnknownDialectBelow(t *testing.T) {
	for name, test := range map[string]struct {
		dialect dialect.Dialect
		status  int // of GET
		opts    []UpdateOption
	}{
		"version elsewhere": {inField, 200, nil},
		"no create":         {dialect.Dialect{NoCreate: true}, 404, []UpdateOption{CreateIfAbsent()}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &served{serve: func(*http.Request, string) (int, http.Header, string) {
				return test.status, http.Header{"Etag": {`"e1"`}, "X-Version": {"1"}}, `{"n":0}`
			}}
			c := &http.Client{Transport: above{NewTransport(s, Stop, WithDialect(test.dialect))}}
			_, err := Update(t.Context(), c, thing, addOne, test.opts...)
			if err == nil || !strings.Contains(err.Error(), "give WithDialect") || errors.Is(err, ErrOutcomeUnknown) || len(s.log) != 1 {
				t.Errorf("%v, %q", err, s.log)
			}
		})
	}
}

// TestUpdateEndsAsAnswered: the last answer of an Update says how it ended, and a
// state without a version is read, but not written.
func TestUpdateEndsAsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
			if semantics.Safe(req.Method) {
				return 200, http.Header{"X-Version": {fmt.Sprint(n + 1)}}, "{}"
			}
			if n++; n == 1 {
				return 409, nil, `{"code":"stale"}`
			}
			return 404, nil, "no table"
		}}
		d := inField
		d.Statuses = []int{404, 409}
		_, err := Update(t.Context(), &http.Client{Transport: s}, thing, addOne, WithDialect(d))
		if status := (*StatusError)(nil); !errors.As(err, &status) || status.StatusCode != 404 || errors.Is(err, ErrConflict) {
			t.Errorf("%T %v", err, err)
		}

		s = alwaysRefuses(500, "", "Etag", `"a"`) // has no version
		c := &http.Client{Transport: s}
		if got, err := Get[counter](t.Context(), c, thing, WithDialect(inField)); err != nil || got.Value.N != 1 {
			t.Errorf("%+v, %v", got.Value, err)
		}
		if _, err := Update(t.Context(), c, thing, addOne, WithDialect(inField)); !errors.Is(err, ErrNoValidator) || strings.Contains(fmt.Sprint(s.log), "PUT") {
			t.Errorf("%v: %q", err, s.log)
		}
	})
}

// TestCreateWithoutAPlace: where a dialect has no write that only creates, the
// error says so.
func TestCreateWithoutAPlace(t *testing.T) {
	d := bodyVersion(dialect.InBody("/v"))
	d.Tokens[0].Sent = dialect.InQuery("v")
	s := &atURL{answer: func(*http.Request, string) (int, http.Header, string) { return 404, nil, "" }}
	_, err := Update(t.Context(), &http.Client{Transport: s}, thingURL, addOne, WithDialect(d), CreateIfAbsent())
	if err == nil || !strings.Contains(err.Error(), "only creates") {
		t.Error(err)
	}
}

// TestAgain: nothing was compared, so a guarded write is sent again as it was.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &versioned{version: 7, busy: 2}
		resp, out, err := writeVersion(t, o, thing+"?version=7", "", `{}`, WithDialect(inventedDialect(dialect.InQuery("version"), dialect.InBody("/version"))))
		if err != nil || resp.StatusCode != 200 || out.Effect != EffectApplied || len(o.log) != 3 {
			t.Errorf("%v, %+v, %v", err, out, o.log)
		}
	})
}

// TestWriteID: an answer that was lost is recognised whatever was sent, and
// under every policy; an id that isn't there proves nothing.
func TestWriteID(t *testing.T) {
	d := inventedDialect(dialect.InQuery("version"), dialect.InHeader("X-Version"))
	for _, policy := range []Policy{Stop, Resend, Unconditional, PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, nil })} {
		for _, rival := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				o, lost := &versioned{version: 7}, true
				base := roundTripper(func(req *http.Request) (*http.Response, error) {
					resp, err := o.RoundTrip(req)
					if lost && req.Method == http.MethodPut {
						lost = false
						if rival {
							o.version, o.touched = o.version+1, "another"
						}
						return nil, errors.New("connection reset")
					}
					return resp, err
				})
				var out Outcome
				ctx := WithOutcome(t.Context(), &out)
				c := &http.Client{Transport: NewTransport(base, policy, WithDialect(d), WithWriteID())}
				req, err := http.NewRequestWithContext(ctx, http.MethodPut, thing+"?version=7", strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := c.Do(req)
				if err == nil {
					resp.Body.Close()
				}
				if !rival && (err != nil || resp.StatusCode != 204 || out.Effect != EffectApplied || out.Cause != CauseOwnEarlierWrite) {
					t.Errorf("%v: %v, %+v", policy, err, out)
				}
				if rival && policy != Policy(Resend) && !errors.Is(err, ErrOutcomeUnknown) {
					t.Errorf("%v, after a rival: %v, %+v", policy, err, out)
				}
			})
		}
	}
}

// TestFoundWriteIDHasNoTag: the answer made for a write that was found has no ETag
// that would be a version.
func TestFoundWriteIDHasNoTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, n := "", 0
		s := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
			if semantics.Safe(req.Method) {
				return 200, http.Header{"X-Version": {"8"}, "X-Write-Id": {id}}, ""
			}
			if n++; n == 1 {
				id = req.Header.Get("X-Write-Id")
				return 0, nil, ""
			}
			return 409, nil, `{"code":"stale"}`
		}}
		r := putVia(t, NewTransport(s, Stop, WithDialect(inField), WithWriteID()), mine(), "X-If-Version: 7")
		if r.err != nil || r.resp.StatusCode != 204 || r.resp.Header.Get("Etag") != "" {
			t.Errorf("%s, %v: %q", r.summary(), r.resp, s.log)
		}
	})
}

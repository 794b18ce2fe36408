package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestLast: how a call ends, by what is known when nothing follows its last answer.
func TestLast(t *testing.T) {
	for _, row := range []struct {
		rule  string
		facts lastFacts
		want  endingKind
	}{
		{"9: an answer that leaves nothing open", lastFacts{decided: endAnswered}, endAnswered},
		{"9: a refusal that nobody handles, with nothing open", lastFacts{decided: endAnswered, comparedNone: true}, endAnswered},
		{"9: an accepted write, whatever was open", lastFacts{decided: endAnswered, open: true}, endAnswered},
		{"9: a refusal that nobody handles after an attempt in doubt", lastFacts{decided: endAnswered, open: true, comparedNone: true}, endUnknown},
		{"9: an error after an attempt in doubt", lastFacts{decided: endAnswered, failed: true, open: true}, endAnswered},
		{"11: a repeated DELETE that finds nothing, where content counts", lastFacts{decided: endAnswered, open: true, deletedEarlier: true, contentCounts: true}, endApplied},
		{"11: a repeated DELETE that finds nothing", lastFacts{decided: endAnswered, open: true, deletedEarlier: true}, endUnknown},
		{"3: a refusal", lastFacts{decided: endRefused}, endRefused},
		{"9: a refusal after an attempt in doubt", lastFacts{decided: endRefused, open: true}, endUnknown},
		{"3: a policy that fails", lastFacts{decided: endFailed}, endFailed},
		{"22: a context that ends after an attempt in doubt", lastFacts{decided: endFailed, open: true}, endFailed},
		{"22: a context that ends before a repeat", lastFacts{decided: endInterrupted, open: true}, endInterrupted},
		{"10: an own write that was found", lastFacts{decided: endApplied, open: true}, endApplied},
	} {
		if got := row.facts.last(); got != row.want {
			t.Errorf("rule %s: %v, want %v", row.rule, got, row.want)
		}
	}
}

// TestUnannouncedTrailers: net/http sets trailers that weren't announced on the response
// that it returned, when its body is at the end. So that is the one which the caller gets.
func TestUnannouncedTrailers(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"v2"`)
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusPreconditionFailed)
		}
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"Checksum", "abc")
	})
	ctx := context.Background()
	for _, http2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(h)
		srv.EnableHTTP2 = http2
		srv.StartTLS()
		defer srv.Close()
		for _, test := range []struct {
			name   string
			ctx    context.Context
			method string
			opts   []Option
		}{
			{"a read", ctx, http.MethodGet, nil},
			{"a read of a flow", Remember(ctx), http.MethodGet, nil},
			{"a refusal under Stop", ctx, http.MethodPut, nil},
			{"a refusal that was kept", ctx, http.MethodPut, []Option{OnConflict(Resend), WithMaxAttempts(1)}},
		} {
			req, err := http.NewRequestWithContext(test.ctx, test.method, srv.URL+"/doc", nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.method == http.MethodPut {
				req.Header.Set("If-Match", `"v1"`)
			}
			resp, err := NewTransport(srv.Client().Transport, Stop, test.opts...).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(body) != "body" || err != nil || resp.Trailer.Get("Checksum") != "abc" {
				t.Errorf("%s, %s: body %q, %v, trailer %v", resp.Proto, test.name, body, err, resp.Trailer)
			}
		}
	}
}

// TestReplaced: who gets the validator of what was stored.
func TestReplaced(t *testing.T) {
	both := func(_ context.Context, current *Representation) ([]byte, error) {
		return append(bytes.Clone(current.Body), "+mine"...), nil
	}
	same := func(context.Context, *Representation) ([]byte, error) { return []byte("mine"), nil }
	other := func(context.Context, *Representation) ([]byte, error) { return []byte("rent"), nil }
	change := func(context.Context, *Representation) ([]byte, error) { return []byte(`{"b":3}`), nil }
	for name, test := range map[string]struct {
		method string
		policy Policy
		fields []string
		fault  ifmatchtest.Fault
		opts   []Option
		tag    string // on the answer
		stored string // Replaced.Body; "-": Replaced is nil
	}{
		"accepted at once":                  {"PUT", Rebuild(both), []string{fresh}, ifmatchtest.Fault{}, nil, `"v3"`, "-"},
		"Resend":                            {"PUT", Resend, []string{stale}, ifmatchtest.Fault{}, nil, `"v3"`, "-"},
		"Unconditional":                     {"PUT", Unconditional, []string{stale}, ifmatchtest.Fault{}, nil, `"v3"`, "-"},
		"Rebuild":                           {"PUT", Rebuild(both), []string{stale}, ifmatchtest.Fault{}, nil, "", "theirs+mine"},
		"Rebuild, the same bytes":           {"PUT", Rebuild(same), []string{stale}, ifmatchtest.Fault{}, nil, `"v3"`, "-"},
		"Rebuild, other bytes, same length": {"PUT", Rebuild(other), []string{stale}, ifmatchtest.Fault{}, nil, "", "rent"},
		"Rebuild, refused twice":            {"PUT", Rebuild(both), []string{stale}, replying("PUT", 2, 412), nil, "", "theirs+mine"},
		"Rebuild, found by its content":     {"PUT", Rebuild(both), []string{stale}, ifmatchtest.LostAnswer(1).After(1), []Option{WithUniqueBody()}, "", "theirs+mine"},
		"Rebuild, refused in the end":       {"PUT", Rebuild(both), []string{stale}, ifmatchtest.Fault{}, []Option{WithMaxAttempts(1)}, "", "-"},
		"PATCH, Resend":                     {"PATCH", Resend, []string{stale}, ifmatchtest.Fault{}, nil, "", ""},
		"PATCH, Unconditional":              {"PATCH", Unconditional, []string{stale}, ifmatchtest.Fault{}, nil, "", ""},
		"PATCH, Rebuild":                    {"PATCH", Rebuild(change), []string{stale}, ifmatchtest.Fault{}, nil, "", ""},
		"PATCH, accepted at once":           {"PATCH", Resend, []string{fresh}, ifmatchtest.Fault{}, nil, `"v3"`, "-"},
		"own, by its content":               {"PUT", Resend, []string{fresh}, ifmatchtest.LostAnswer(1), nil, `"v3"`, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				if test.method == "PATCH" {
					origin.Put("/doc", "application/json", []byte(`{"a":1}`))
				}
				origin.Inject(test.fault)
				fields := test.fields
				if test.method == "PATCH" && fields[0] == fresh {
					fields = []string{`If-Match: "v3"`}
					test.tag = `"v4"`
				}
				req := newWrite(t, context.Background(), origin, test.method, fields)
				if test.method == "PATCH" {
					req.Body, req.GetBody, req.ContentLength = bodyOf(`{"b":2}`)
				}
				got := sendVia(t, NewTransport(origin.Client().Transport, test.policy, test.opts...), req)
				if got.err != nil || got.resp.Header.Get("ETag") != test.tag {
					t.Fatalf("%s: ETag %q, want %q, %v", got.summary(), got.resp.Header.Get("ETag"), test.tag, got.err)
				}
				checkReplaced(t, got, test.stored)
				if test.tag == "" && got.resp.Header.Get("Last-Modified") != "" {
					t.Error("a Last-Modified is left on the answer")
				}
			})
		})
	}
}

// checkReplaced compares Outcome.Replaced; "-" is nil.
func checkReplaced(t *testing.T, got result, stored string) {
	t.Helper()
	r := got.outcome.Replaced
	switch {
	case stored == "-" && r != nil:
		t.Errorf("%s: Replaced %q", got.summary(), r.Body)
	case stored != "-" && r == nil:
		t.Errorf("%s: Replaced is nil", got.summary())
	case stored == "" && r.Body != nil:
		t.Errorf("%s: Replaced.Body %q of a state that nobody has", got.summary(), r.Body)
	case stored != "-" && (string(r.Body) != stored || r.ETag == "" || r.Header.Get("ETag") != r.ETag):
		t.Errorf("%s: Replaced %q under %q, header %v; want %q", got.summary(), r.Body, r.ETag, r.Header, stored)
	}
}

// TestStoredBelow: what a Transport below did to the state is told by the one above as
// well, where that has repeated the write.
func TestStoredBelow(t *testing.T) {
	for name, policy := range map[string]Policy{"Rebuild": rebuilding, "Resend": Resend} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			lower, busy := NewTransport(origin.Client().Transport, policy), true
			between := roundTripper(func(r *http.Request) (*http.Response, error) {
				if busy {
					busy = false
					closeBody(r)
					return responseTo(r, http.StatusTooManyRequests, ""), nil
				}
				return lower.RoundTrip(r)
			})
			got := sendVia(t, NewTransport(between, Stop), newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
			last, _ := OutcomeOf(got.resp)
			if got.err != nil || last.Attempts != 3 || last.Overwrote != (name == "Resend") || got.outcome.Overwrote != last.Overwrote {
				t.Errorf("%s: %s, %v", name, got.summary(), got.err)
			}
			stored := "-"
			if name == "Rebuild" {
				stored = "theirs+mine"
			}
			checkReplaced(t, got, stored)
			if last.Replaced != got.outcome.Replaced {
				t.Errorf("%s: OutcomeOf and WithOutcome differ", name)
			}
		})
	}
}

// TestNextSaveAfterRebuild: code that takes the tag of its own accepted PUT for the next
// one doesn't wipe what was merged.
func TestNextSaveAfterRebuild(t *testing.T) {
	for name, policy := range map[string]Policy{
		"Rebuild": Rebuild(func(_ context.Context, current *Representation) ([]byte, error) {
			return bytes.Replace(current.Body, []byte(`"a":1`), []byte(`"a":2`), 1), nil
		}),
		"MergeJSON": MergeJSON([]byte(`{"a":1}`)),
	} {
		withDocument(t, `{"a":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			tr := NewTransport(origin.Client().Transport, policy)
			save := func(body, tag string) (result, string) {
				req, err := http.NewRequest(http.MethodPut, url, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header["If-Match"] = []string{tag}
				req.Header.Set("Content-Type", "application/json")
				got := sendVia(t, tr, req)
				if got.err != nil {
					return got, ""
				}
				return got, got.resp.Header.Get("ETag")
			}
			_, tag, _ := origin.State("/doc")
			origin.Put("/doc", "application/json", []byte(`{"a":1,"theirs":true}`))
			first, tag := save(`{"a":2}`, tag)
			if first.err != nil || stateOf(origin) != `{"a":2,"theirs":true}` {
				t.Fatalf("%s: %s, %s", name, first.summary(), stateOf(origin))
			}
			second, _ := save(`{"a":3}`, tag)
			if !errors.Is(second.err, ErrNoValidator) || second.outcome.Effect != EffectNotApplied || len(second.outcome.Exchanges) > 0 {
				t.Errorf("%s: the second save: %s, %v", name, second.summary(), second.err)
			}
			if got := stateOf(origin); !strings.Contains(got, "theirs") {
				t.Errorf("%s: %s", name, got)
			}
		})
	}
}

// TestEmptyIfMatch: an If-Match without anything in it is sent nowhere.
func TestEmptyIfMatch(t *testing.T) {
	for name, test := range map[string]struct {
		method string
		lines  http.Header
		empty  bool
	}{
		"empty":              {"PUT", http.Header{"If-Match": {""}}, true},
		"white space":        {"PUT", http.Header{"If-Match": {" \t"}}, true},
		"commas":             {"PATCH", http.Header{"If-Match": {",", " , "}}, true},
		"another spelling":   {"DELETE", http.Header{"if-match": {""}}, true},
		"POST":               {"POST", http.Header{"If-Match": {""}}, true},
		"one line has a tag": {"PUT", http.Header{"If-Match": {"", `"a"`}}, false},
		"a star":             {"PUT", http.Header{"If-Match": {"*"}}, false},
		"not quoted":         {"PUT", http.Header{"If-Match": {"a"}}, false},
		"no line":            {"PUT", http.Header{"If-Match": {}}, false},
		"nil":                {"PUT", http.Header{"If-Match": nil}, false},
		"absent":             {"PUT", http.Header{}, false},
		"a read":             {"GET", http.Header{"If-Match": {""}}, false},
	} {
		for where, wrap := range map[string]func(http.RoundTripper) http.RoundTripper{
			"":           func(rt http.RoundTripper) http.RoundTripper { return NewTransport(rt, Resend) },
			", stacked":  func(rt http.RoundTripper) http.RoundTripper { return NewTransport(NewTransport(rt, Resend), Resend) },
			", Remember": func(rt http.RoundTripper) http.RoundTripper { return NewTransport(rt, Stop) },
		} {
			sent := 0
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				sent++
				return responseTo(req, http.StatusOK, ""), nil
			})
			ctx := context.Background()
			if where == ", Remember" {
				ctx = Remember(ctx)
			}
			closed := &closeCount{Reader: strings.NewReader("mine")}
			req, err := http.NewRequestWithContext(ctx, test.method, "http://example.test/doc", closed)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = test.lines
			got := sendVia(t, wrap(base), req)
			if test.empty != errors.Is(got.err, ErrNoValidator) || test.empty != (sent == 0) || test.empty && got.outcome.Effect != EffectNotApplied {
				t.Errorf("%s%s: %s, %v, sent %d times", name, where, got.summary(), got.err, sent)
			}
			if closed.closed != 1 {
				t.Errorf("%s%s: the body was closed %d times", name, where, closed.closed)
			}
		}
	}
}

// TestReplacedWithDialect: the version fields of a dialect come off as well.
func TestReplacedWithDialect(t *testing.T) {
	d := dialect.Dialect{Name: "versions", Tokens: []dialect.Token{{
		Sent: dialect.InHeader("X-If-Version"), Current: dialect.InHeader("X-Version"), Number: true,
	}}}
	version := "2"
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		var body []byte
		if req.Body != nil {
			body, _ = io.ReadAll(req.Body)
		}
		status := http.StatusOK
		switch {
		case req.Method == http.MethodGet:
			body = []byte("theirs")
		case req.Header.Get("X-If-Version") != version:
			status = http.StatusPreconditionFailed
		default:
			version = "3"
		}
		return responseTo(req, status, string(body), "X-Version", version), nil
	})
	req, err := http.NewRequest(http.MethodPut, "http://example.test/doc", strings.NewReader("mine"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-If-Version", "1")
	got := sendVia(t, NewTransport(base, Rebuild(append1), WithDialect(d)), req)
	if got.err != nil || got.resp.StatusCode != 200 || got.resp.Header.Get("X-Version") != "" {
		t.Fatalf("%s: %v", got.summary(), got.resp.Header)
	}
	if r := got.outcome.Replaced; r == nil || string(r.Body) != "theirs+mine" || r.Header.Get("X-Version") != "3" {
		t.Errorf("Replaced %+v", r)
	}
}

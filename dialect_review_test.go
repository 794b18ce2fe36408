package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// served is a transport that is made of what an origin does. Status 0 is a lost
// connection. The log has the method, the conditions and the body of each request.
type served struct {
	serve func(req *http.Request, body string) (int, http.Header, string)
	log   []string
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
	s.log = append(s.log, strings.TrimSpace(strings.Join(line, " ")+" "+string(body)))
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

// above is somebody else's RoundTripper: the Transport below it can't be seen.
type above struct{ http.RoundTripper }

var inField = inventedDialect(dialect.InHeader("X-If-Version"), dialect.InHeader("X-Version"))

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

// TestKeptVersion: what a Resource kept has the version where the dialect wants it.
func TestKeptVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		version, text, writes := 1, `{"n":0}`, 0
		s := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
			header := http.Header{"X-Version": {fmt.Sprint(version)}, "Etag": {fmt.Sprintf(`"e%d"`, version)}}
			if semantics.Safe(req.Method) {
				return 200, header, text
			}
			if v := req.Header.Get("X-If-Version"); v != "" && v != fmt.Sprint(version) { // any is taken without one
				return 409, header, `{"code":"stale"}`
			}
			version, text = version+1, body
			if writes++; writes == 1 {
				return 0, nil, ""
			}
			return 200, http.Header{"X-Version": {fmt.Sprint(version)}}, ""
		}}
		r := NewResource[markedCounter](&http.Client{Transport: NewTransport(s, Stop, WithDialect(inField))}, thing, WithDialect(inField))
		if _, err := r.Update(t.Context(), addMarked); err != nil {
			t.Fatal(err)
		}
		version, text = version+1, `{"n":100}` // somebody else writes
		if _, err := r.Update(t.Context(), addMarked); err != nil || !strings.Contains(text, `"n":101`) {
			t.Errorf("%s, %v: %q", text, err, s.log)
		}
	})
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

// TestNoVersions: what isn't a version isn't replaced by one, nor put in its place.
func TestNoVersions(t *testing.T) {
	match := inventedDialect(dialect.InHeader("If-Match"), dialect.InHeader("X-Version"))
	match.Tokens[0].Number = false
	for name, test := range map[string]struct {
		dialect        dialect.Dialect
		field, current string
		cause          Cause
	}{
		"padded create": {inField, "X-If-Version: 00", "7", CauseUnattributed},
		"padded":        {inField, "X-If-Version: 06", "7", CauseUnattributed},
		"create":        {inField, "X-If-Version: 6", "0", CauseNoValidator},
		"wildcard":      {match, "If-Match: 6", "*", CauseNoValidator},
	} {
		t.Run(name, func(t *testing.T) {
			s := alwaysRefuses(409, `{"code":"stale"}`, "X-Version", test.current)
			r := putVia(t, NewTransport(s, Resend, WithDialect(test.dialect)), mine(), test.field)
			if r.err != nil || r.resp.StatusCode != 409 || r.outcome.Cause != test.cause || r.outcome.Attempts != 1 {
				t.Errorf("%s: %q", r.summary(), s.log)
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
		rfc9110 := new(preparedDialect)
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

// TestStringVersion: a version that is a string stays one, also where it is a number.
func TestStringVersion(t *testing.T) {
	o := &versioned{version: 7}
	_, out, err := writeVersion(t, o, thing, "", `{"version":"6"}`, OnConflict(Resend), WithDialect(inventedDialect(dialect.InBody("/version"), dialect.InHeader("X-Version"))))
	if last := o.log[len(o.log)-1]; err != nil || last != `PUT /thing {"version":"7"} 200` {
		t.Errorf("%v, %+v, %q", err, out, o.log)
	}
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

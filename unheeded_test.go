package ifmatch

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// ignoring is an API that looks at no date.
func ignoring() dialect.Dialect {
	d := dialect.RFC9110()
	d.Name = "shelf"
	d.Ignores = func(req *http.Request) string {
		if req.Body != nil {
			panic("a body")
		}
		if req.Header.Get("If-Unmodified-Since") != "" && req.Header.Get("If-Match") == "" {
			return "If-Unmodified-Since; send If-Match"
		}
		return ""
	}
	return d
}

// TestIgnoredConditionIsNotSent: a write whose condition the API ignores would go out without
// its guard, so it doesn't go out, under no policy.
func TestIgnoredConditionIsNotSent(t *testing.T) {
	for name, test := range map[string]struct {
		method, field string
		want          string // of the error; empty: it is sent
	}{
		"a date":             {"PUT", longAgo, "dialect shelf: the API ignores If-Unmodified-Since; send If-Match"},
		"a date of a PATCH":  {"PATCH", longAgo, "the API ignores If-Unmodified-Since"},
		"a date of a DELETE": {"DELETE", longAgo, "the API ignores If-Unmodified-Since"},
		"a date of a POST":   {"POST", longAgo, "the API ignores If-Unmodified-Since"},
		"a lower-case field": {"PUT", "if-unmodified-since: " + at0, "the API ignores If-Unmodified-Since"},
		"a tag":              {"PUT", `If-Match: "1"`, ""},
		"a create":           {"PUT", "If-None-Match: *", ""},
		"a date of a GET":    {"GET", longAgo, ""},
		"nothing":            {"PUT", "X: y", ""},
	} {
		for _, policy := range []Policy{Stop, Resend, Unconditional} {
			origin := &served{serve: func(*http.Request, string) (int, http.Header, string) { return 204, nil, "" }}
			r := sendTo(t, NewTransport(origin, policy, WithDialect(ignoring())), test.method, thing, "x", test.field)
			if test.want == "" {
				if r.err != nil || len(origin.log) != 1 {
					t.Errorf("%s: %v, sent %q", name, r.err, origin.log)
				}
				continue
			}
			if r.err == nil || len(origin.log) > 0 || r.outcome.Effect != EffectNotApplied || r.outcome.Attempts != 0 || !strings.Contains(r.err.Error(), test.want) || !strings.Contains(r.err.Error(), thing) {
				t.Errorf("%s: %v, sent %q, %+v", name, r.err, origin.log, r.outcome)
			}
		}
	}
}

// TestIgnoredGuardOfAFlow: the guard that a flow puts on a write is looked at as the caller's
// own is.
func TestIgnoredGuardOfAFlow(t *testing.T) {
	d := dialect.RFC9110()
	d.Ignores = func(req *http.Request) string {
		if req.Header.Get("If-None-Match") == "*" {
			return "If-None-Match: *"
		}
		return ""
	}
	origin := &served{serve: func(*http.Request, string) (int, http.Header, string) { return 404, nil, "" }}
	client := &http.Client{Transport: NewTransport(origin, Stop, WithDialect(d))}
	ctx := Remember(t.Context())
	for _, method := range []string{"GET", "PUT"} {
		req, _ := http.NewRequestWithContext(ctx, method, thing, nil)
		resp, err := client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		if (err != nil) != (method == "PUT") {
			t.Errorf("%s: %v", method, err)
		}
	}
	if !slices.Equal(origin.log, []string{"GET"}) {
		t.Errorf("sent %q", origin.log)
	}
}

// TestIgnoresPanics: the body is closed.
func TestIgnoresPanics(t *testing.T) {
	d := dialect.RFC9110()
	d.Ignores = func(*http.Request) string { panic("a function of the dialect") }
	body := &closeCount{Reader: strings.NewReader("x")}
	req, _ := http.NewRequest(http.MethodPut, thing, body)
	func() {
		defer func() { recover() }()
		NewTransport(&served{}, Stop, WithDialect(d)).RoundTrip(req)
	}()
	if body.closed != 1 {
		t.Errorf("the body was closed %d times", body.closed)
	}
}

// TestSignedByItsOwnScheme (rule 8): an API may have a signature of its own that covers the
// method, and only its dialect knows it.
func TestSignedByItsOwnScheme(t *testing.T) {
	d := dialect.RFC9110()
	d.WriteIDField = "X-Id"
	d.SignedAbove = func(req *http.Request) string {
		if strings.HasPrefix(req.Header.Get("Authorization"), "own ") {
			return "the signature of the API"
		}
		return ""
	}
	for _, test := range []struct {
		d     dialect.Dialect
		field string
		log   []string
		cause Cause
	}{
		{d, "Authorization: own s", []string{`PUT If-Match: "1" x`}, CauseSignedAbove},
		{d, "authorization: own s", []string{`PUT If-Match: "1" x`}, CauseSignedAbove},
		{d, "Authorization: Bearer s", []string{`PUT If-Match: "1" x`, "HEAD", `PUT If-Match: "2" x`}, CauseUnexamined},
		{dialect.RFC9110(), "Authorization: own s", []string{`PUT If-Match: "1" x`, "HEAD", `PUT If-Match: "2" x`}, CauseChanged},
	} {
		id := false
		origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
			id = id || req.Header.Get("X-Id") != ""
			switch {
			case req.Method == http.MethodHead:
				return 200, http.Header{"Etag": {`"2"`}}, ""
			case req.Header.Get("If-Match") == `"2"`:
				return 204, nil, ""
			}
			return 412, nil, ""
		}}
		r := sendTo(t, NewTransport(origin, Resend, WithDialect(test.d), WithWriteID()), http.MethodPut, thing, "x", `If-Match: "1"`, test.field)
		if !slices.Equal(origin.log, test.log) || r.outcome.Cause != test.cause || id && test.cause == CauseSignedAbove {
			t.Errorf("%s: sent %q, want %q; id %v, %v", test.field, origin.log, test.log, id, r.outcome.Err)
		}
	}
}

// TestReadRefusedAfterAuthorizedWrite: where the server takes the credentials of the write and
// not of the read, the text hints at the signer.
func TestReadRefusedAfterAuthorizedWrite(t *testing.T) {
	const hint = "put the signer below"
	for _, test := range []struct {
		write, read int
		field       string
		want        bool
	}{
		{412, 401, "Authorization: Own s", true}, {412, 401, "authorization: Own s", true},
		{412, 403, "Authorization: Own s", false}, {412, 401, "X-Key: s", false}, {412, 404, "Authorization: Own s", false},
	} {
		origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
			if req.Method == http.MethodPut {
				return test.write, nil, ""
			}
			return test.read, nil, ""
		}}
		r := sendTo(t, NewTransport(origin, Resend), http.MethodPut, thing, "x", `If-Match: "1"`, test.field)
		if text := fmt.Sprint(r.outcome.Err); strings.Contains(text, hint) != test.want || r.resp.StatusCode != test.write {
			t.Errorf("%+v: %s", test, text)
		}
	}
}

// TestReadRefusedElsewhere: another origin, which got no credentials, says nothing of those of the
// write. The text names the option that takes them there.
func TestReadRefusedElsewhere(t *testing.T) {
	const signer, option = "put the signer below", "WithRefreshCredentials"
	for _, test := range []struct {
		to   string
		opts []Option
		want string
	}{
		{"http://read.test/thing", nil, option},
		{"http://read.test/thing?key=s", nil, option},
		{"http://read.test/thing", []Option{WithRefreshCredentials("http://read.test")}, signer},
		{thing + "/state", nil, signer},
	} {
		d := dialect.RFC9110()
		d.RefreshOrigins = []string{"http://read.test"}
		d.RefreshRequest = func(req *http.Request) (*http.Request, error) {
			var err error
			req.URL, err = req.URL.Parse(test.to)
			req.Host = ""
			return req, err
		}
		origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
			if req.Method == http.MethodPut {
				return 412, nil, ""
			}
			return 401, nil, ""
		}}
		r := sendTo(t, NewTransport(origin, Resend, append(test.opts, WithDialect(d))...), http.MethodPut, thing, "x", `If-Match: "1"`, "Authorization: Own s")
		text := fmt.Sprint(r.outcome.Err)
		if r.outcome.Cause != CauseRefreshDenied || strings.Contains(text, signer) != (test.want == signer) || strings.Contains(text, option) != (test.want == option) {
			t.Errorf("%s, %d options: %s", test.to, len(test.opts), text)
		}
	}
}

// TestReadRefusedUnderAHost: a read under the Host of the write carries its credentials.
func TestReadRefusedUnderAHost(t *testing.T) {
	origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
		if req.Method == http.MethodPut {
			return 412, nil, ""
		}
		return 401, nil, req.Header.Get("Authorization")
	}}
	req, _ := http.NewRequest(http.MethodPut, thing, strings.NewReader("x"))
	req.Host, req.Header = "virtual.test", http.Header{"If-Match": {`"1"`}, "Authorization": {"Own s"}}
	r := sendVia(t, NewTransport(origin, Resend), req)
	if text := fmt.Sprint(r.outcome.Err); r.outcome.Cause != CauseRefreshDenied || strings.Contains(text, "WithRefreshCredentials") || !strings.Contains(text, "put the signer below") {
		t.Error(text)
	}
}

// TestVendorWaits (rule 14): a wait in milliseconds is kept as Retry-After is, after a failure
// and after a refusal, and not begun where it would outlast the limits.
func TestVendorWaits(t *testing.T) {
	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms", "X-Amz-Retry-After"} {
		for _, status := range []int{429, 412} {
			for _, ms := range []string{"700", "99999999"} {
				synctest.Test(t, func(t *testing.T) {
					first := true
					origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
						if req.Method == http.MethodHead {
							return 200, http.Header{"Etag": {`"2"`}}, ""
						}
						if first {
							first = false
							return status, http.Header{name: {ms}}, ""
						}
						return 204, nil, ""
					}}
					start := time.Now()
					r := sendTo(t, NewTransport(origin, Resend), http.MethodPut, thing, "x", `If-Match: "1"`)
					took := time.Since(start)
					late := ms != "700"
					if late && (r.resp.StatusCode != status || took > 0 || !errors.Is(r.outcome.Err, ErrElapsed)) || !late && (r.resp.StatusCode != 204 || took < 700*time.Millisecond || took > 900*time.Millisecond) {
						t.Errorf("%s: %s after %d: %d in %v, %v", name, ms, status, r.resp.StatusCode, took, r.outcome.Err)
					}
				})
			}
		}
	}
}

// TestIgnoredGuardAfterARefusal: what a refresh puts on the next write is looked at, too.
func TestIgnoredGuardAfterARefusal(t *testing.T) {
	d := dialect.RFC9110()
	d.WeakTags = true
	d.Ignores = func(req *http.Request) string {
		if strings.HasPrefix(req.Header.Get("If-Match"), "W/") {
			return "a weak If-Match"
		}
		return ""
	}
	origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
		if req.Method == http.MethodPut {
			return 412, nil, ""
		}
		return 200, http.Header{"Etag": {`W/"2"`}}, "{}"
	}}
	r := sendTo(t, NewTransport(origin, Resend, WithDialect(d)), http.MethodPut, thing, "x", `If-Match: "1"`)
	if writes := strings.Count(strings.Join(origin.log, ","), "PUT"); writes != 1 || r.resp == nil || r.resp.StatusCode != 412 || !strings.Contains(fmt.Sprint(r.outcome.Err), "the API ignores a weak If-Match") {
		t.Errorf("sent %q; %s, %v", origin.log, r.summary(), r.outcome.Err)
	}
}

// TestOwnCreateUnderNoCreate: where the API ignores If-None-Match: *, a create of the caller's
// own would replace what is there, so it isn't sent.
func TestOwnCreateUnderNoCreate(t *testing.T) {
	d := dialect.RFC9110()
	d.Name, d.NoCreate = "shelf", true
	for name, test := range map[string]struct {
		method string
		fields []string
		flow   bool
		sent   bool
	}{
		"a PUT":                {"PUT", []string{"If-None-Match: *"}, false, false},
		"a PATCH":              {"PATCH", []string{"If-None-Match: *"}, false, false},
		"a MERGE":              {"MERGE", []string{"If-None-Match: *"}, false, false},
		"spaces":               {"PUT", []string{"If-None-Match:  * "}, false, false},
		"a lower-case field":   {"PUT", []string{"if-none-match: *"}, false, false},
		"with a tag":           {"PUT", []string{"If-None-Match: *", `If-Match: "1"`}, false, false},
		"in a flow":            {"PUT", []string{"If-None-Match: *"}, true, false},
		"a POST makes its own": {"POST", []string{"If-None-Match: *"}, false, true},
		"not that state":       {"PUT", []string{`If-None-Match: "1"`}, false, true},
		"no field":             {"PUT", nil, false, true},
		"a tag":                {"PUT", []string{`If-Match: "1"`}, false, true},
		"a read":               {"GET", []string{"If-None-Match: *"}, false, true},
	} {
		for _, policy := range []Policy{Stop, Resend} {
			origin := &served{serve: func(*http.Request, string) (int, http.Header, string) { return 204, nil, "" }}
			rt := NewTransport(origin, policy, WithDialect(d))
			ctx := t.Context()
			if test.flow {
				ctx = Remember(ctx)
			}
			body := &closeCount{Reader: strings.NewReader("x")}
			req, _ := http.NewRequestWithContext(ctx, test.method, thing, body)
			for _, f := range test.fields {
				name, value, _ := strings.Cut(f, ": ")
				req.Header[name] = []string{value}
			}
			r := sendVia(t, rt, req)
			if sent := len(origin.log) > 0; sent != test.sent || (r.err == nil) != sent {
				t.Errorf("%s: sent %q, %v", name, origin.log, r.err)
			}
			if !test.sent && (r.err == nil || r.outcome.Effect != EffectNotApplied || !strings.Contains(r.err.Error(), "If-None-Match: *") || !strings.Contains(r.err.Error(), "shelf") || errors.Is(r.err, ErrNotRemembered) || body.closed != 1) {
				t.Errorf("%s: %v, %+v, closed %d times", name, r.err, r.outcome, body.closed)
			}
		}
	}
}

// TestIgnoresGetsACopy: what the function of a dialect changes isn't sent.
func TestIgnoresGetsACopy(t *testing.T) {
	d := dialect.RFC9110()
	d.Ignores = func(req *http.Request) string { req.URL.RawQuery = "changed"; return "" }
	sent := ""
	origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
		sent = req.URL.RawQuery
		return 204, nil, ""
	}}
	sendTo(t, NewTransport(origin, Stop, WithDialect(d)), http.MethodPut, thing, "x", `If-Match: "1"`)
	if sent != "" {
		t.Errorf("the query %q was sent", sent)
	}
}

// TestReadIsNotAskedOfIgnores: a read by POST has no condition, and needs none.
func TestReadIsNotAskedOfIgnores(t *testing.T) {
	d := dialect.RFC9110()
	d.Ignores = func(req *http.Request) string {
		if req.Method == http.MethodPost && req.Header.Get("If-Match") == "" {
			return "a POST without If-Match"
		}
		return ""
	}
	d.RefreshRequest = func(req *http.Request) (*http.Request, error) {
		req.Method = http.MethodPost
		return req, nil
	}
	origin := &served{serve: func(*http.Request, string) (int, http.Header, string) {
		return 200, http.Header{"Etag": {`"1"`}}, `{"n":1}`
	}}
	got, err := Get[counter](t.Context(), &http.Client{Transport: NewTransport(origin, Stop)}, thing, WithDialect(d))
	if err != nil || got.Value.N != 1 {
		t.Errorf("%+v, %v; sent %q", got.Value, err, origin.log)
	}
}

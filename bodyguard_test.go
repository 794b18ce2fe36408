package ifmatch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// faulty is an origin before which, or after which, writes fail.
type faulty struct {
	*versioned
	faults []string // of the first writes: "-": none, "503", "cut" before it, "lost" after it, "twice": it was sent twice
}

func (f *faulty) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet || req.Method == http.MethodHead || len(f.faults) == 0 {
		return f.versioned.RoundTrip(req)
	}
	fault := f.faults[0]
	if f.faults = f.faults[1:]; fault == "-" {
		return f.versioned.RoundTrip(req)
	}
	if trace := httptrace.ContextClientTrace(req.Context()); fault == "twice" && trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
		trace.WroteHeaders()
	}
	if fault == "lost" || fault == "twice" {
		resp, err := f.versioned.RoundTrip(req)
		if fault == "twice" {
			return resp, err
		}
		resp.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	io.Copy(io.Discard, req.Body)
	req.Body.Close()
	if fault == "cut" {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: 503, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("sick")), ContentLength: 4, Request: req}, nil
}

// TestVersionInBodyGuards: a version in the body guards as one in a header does. A write
// without one is neither repeated, nor is its error another than the base's.
func TestVersionInBodyGuards(t *testing.T) {
	const with, without = `{"version":7,"a":1}`, `{"a":1}`
	for name, test := range map[string]struct {
		method, body string
		faults       string
		policy       Policy
		opts         []Option
		once         bool // the body can't be had again by GetBody
		want         string
		says         bool // the error, or Outcome.Err, matches ErrOutcomeUnknown
	}{
		"503":                       {"PUT", with, "503", Stop, nil, false, "PUT 503, PUT 200 | 200 | applied, none", false},
		"503, Resend":               {"PUT", with, "503", Resend, nil, false, "PUT 503, PUT 200 | 200 | applied, none", false},
		"503, copied":               {"PUT", with, "503", Stop, nil, true, "PUT 503, PUT 200 | 200 | applied, none", false},
		"503, no version":           {"PUT", without, "503", Stop, nil, false, "PUT 503 | 503 | unknown, none", false},
		"503, no version, copied":   {"PUT", without, "503", Stop, nil, true, "PUT 503 | 503 | unknown, none", false},
		"503, too large":            {"PUT", with, "503", Stop, []Option{WithMaxRepresentation(4)}, false, "PUT 503 | 503 | unknown, none", false},
		"503, WithoutRepeats":       {"PUT", with, "503", Stop, []Option{WithoutRepeats()}, false, "PUT 503 | 503 | unknown, none", false},
		"503, a DELETE":             {"DELETE", with, "503", Stop, nil, false, "DELETE 503, DELETE 200 | 200 | applied, none", false},
		"503, a POST":               {"POST", with, "503", Resend, nil, false, "POST 503 | 503 | unknown, none", false},
		"503, a PATCH":              {"PATCH", with, "503", Stop, nil, false, "PATCH 503 | 503 | unknown, none", false},
		"503, a PATCH, refused":     {"PATCH", `{"version":3,"a":1}`, "-,503", Resend, nil, false, "PATCH 409, GET 200, PATCH 503, PATCH 200 | 200 | applied, changed, overwrote", false},
		"cut":                       {"PUT", with, "cut", Stop, nil, false, "PUT failed, PUT 200 | 200 | applied, none", false},
		"cut, create only":          {"PUT", `{"version":0}`, "cut", Stop, nil, false, "PUT failed, PUT 409 | error | unknown, unattributed", true},
		"cut, twice the version":    {"PUT", `{"version":7,"version":7}`, "cut", Stop, nil, false, "PUT failed | error | unknown, none", false},
		"cut, no JSON":              {"PUT", `version 7`, "cut", Stop, nil, false, "PUT failed | error | unknown, none", false},
		"lost":                      {"PUT", with, "lost", Stop, nil, false, "PUT failed, PUT 409 | error | unknown, unattributed", true},
		"lost, Resend":              {"PUT", with, "lost", Resend, nil, false, "PUT failed, PUT 409, GET 200, PUT 200 | 200 | applied, unattributed, overwrote", false},
		"lost each time":            {"PUT", with, "cut,cut,cut,cut", Stop, nil, false, "PUT failed, PUT failed, PUT failed, PUT failed | error | unknown, none", true},
		"lost, WithoutRepeats":      {"PUT", with, "lost", Stop, []Option{WithoutRepeats()}, false, "PUT failed | error | unknown, none", true},
		"lost, too large":           {"PUT", with, "lost", Stop, []Option{WithMaxRepresentation(4)}, false, "PUT failed | error | unknown, none", true},
		"lost, no version":          {"PUT", without, "lost", Resend, nil, false, "PUT failed | error | unknown, none", false},
		"lost, a POST":              {"POST", with, "lost", Resend, nil, false, "POST failed | error | unknown, none", true},
		"lost, a POST, copied":      {"POST", with, "lost", Resend, nil, true, "POST failed | error | unknown, none", true},
		"lost, a POST, no version":  {"POST", without, "lost", Resend, nil, false, "POST failed | error | unknown, none", false},
		"lost, a PATCH":             {"PATCH", with, "lost", Stop, nil, false, "PATCH failed | error | unknown, none", true},
		"sent twice, then refused":  {"PUT", `{"version":3}`, "twice", Stop, nil, false, "PUT 409 | error | unknown, unattributed", true},
		"sent twice, then accepted": {"PUT", with, "twice", Stop, nil, false, "PUT 200 | 200 | applied, none", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := &faulty{&versioned{version: 7}, strings.Split(test.faults, ",")}
				tr := NewTransport(base, test.policy, append(test.opts, WithDialect(inventedDialect(dialect.InBody("/version"), dialect.InBody("/version"))))...)
				var body io.Reader = strings.NewReader(test.body)
				if test.once {
					body = io.MultiReader(body)
				}
				r := callVia(t, t.Context(), test.method, tr, body)
				if got := r.summary(); got != test.want {
					t.Errorf("got  %s\nwant %s\n%v, %v", got, test.want, r.err, r.outcome.Err)
				}
				if r.err != nil && errors.Is(r.err, ErrOutcomeUnknown) != test.says || r.err == nil && test.says {
					t.Errorf("%v: matches ErrOutcomeUnknown: %v", r.err, !test.says)
				}
				if r.err != nil && !test.says && r.err != io.ErrUnexpectedEOF {
					t.Errorf("%v, want the base's own error", r.err)
				}
				if r.err == nil && r.resp.StatusCode == 503 && (r.body != "sick" || r.bodyErr != nil) {
					t.Errorf("%q, %v", r.body, r.bodyErr)
				}
			})
		})
	}
}

// TestLostConditionalWrite: the lost answer to a write under a precondition says that the
// outcome is unknown, whatever the method, where the API looks at the precondition.
func TestLostConditionalWrite(t *testing.T) {
	inQuery := WithDialect(inventedDialect(dialect.InQuery("version"), dialect.InHeader("X-Version")))
	for _, test := range []struct {
		method, url, field string
		opt                Option
		want               bool
	}{
		{"POST", thing, "", nil, false},
		{"POST", thing, `If-Match: "a"`, nil, true},
		{"POST", thing, `If-Match: W/"a"`, nil, true},
		{"POST", thing, "If-Unmodified-Since: Fri, 31 Dec 1999 00:00:00 GMT", nil, true},
		{"PATCH", thing, `If-Match: "a"`, nil, true},
		{"PROPPATCH", thing, "If: (<urn:x>)", nil, false}, // a lock
		{"PUT", thing, `If-Match: a`, nil, true},
		{"PUT", thing, `If-Match: "a", "b"`, nil, true},
		{"GET", thing, `If-Match: "a"`, nil, false},
		{"POST", thing + "?version=7", "", inQuery, true},
		{"POST", thing, "", inQuery, false},
		{"POST", thing, `If-Match: "a"`, inQuery, false}, // the API doesn't look there
	} {
		for _, observed := range []bool{false, true} {
			opts := []Option{WithoutRepeats()}
			if test.opt != nil {
				opts = append(opts, test.opt)
			}
			lost := roundTripper(func(req *http.Request) (*http.Response, error) { closeBody(req); return nil, io.ErrUnexpectedEOF })
			req, _ := http.NewRequestWithContext(t.Context(), test.method, test.url, strings.NewReader("mine"))
			if name, value, ok := strings.Cut(test.field, ": "); ok {
				req.Header.Set(name, value)
			}
			var o Outcome
			if observed {
				req = req.WithContext(WithOutcome(t.Context(), &o))
			}
			_, err := NewTransport(lost, Stop, opts...).RoundTrip(req)
			if errors.Is(err, ErrOutcomeUnknown) != test.want || !test.want && err != io.ErrUnexpectedEOF {
				t.Errorf("%s %s %s, observed %v: %v", test.method, test.url, test.field, observed, err)
			}
		}
	}
}

// TestLostCreateWithoutVersion: a PUT without a version is a create where the API takes it for
// one, so its lost answer says that the outcome is unknown. It isn't repeated.
func TestLostCreateWithoutVersion(t *testing.T) {
	creates := func(change func(*dialect.Dialect)) dialect.Dialect {
		d := inventedDialect(dialect.InBody("/version"), dialect.InBody("/version"))
		d.Tokens[0].Create = ""
		change(&d)
		return d
	}
	for name, test := range map[string]struct {
		method, body string
		change       func(*dialect.Dialect)
		want         bool
	}{
		"a PUT":                         {"PUT", `{"a":1}`, func(*dialect.Dialect) {}, true},
		"a POST makes one of its own":   {"POST", `{"a":1}`, func(*dialect.Dialect) {}, false},
		"a PATCH makes nothing":         {"PATCH", `{"a":1}`, func(*dialect.Dialect) {}, false},
		"a DELETE makes nothing":        {"DELETE", `{"a":1}`, func(*dialect.Dialect) {}, false},
		"no JSON":                       {"PUT", `a`, func(*dialect.Dialect) {}, false},
		"it replaces what is there":     {"PUT", `{"a":1}`, func(d *dialect.Dialect) { d.NoCreate = true }, false},
		"a create has a version":        {"PUT", `{"a":1}`, func(d *dialect.Dialect) { d.Tokens[0].Create = "0" }, false},
		"such a write has no version":   {"PUT", `{"a":1}`, func(d *dialect.Dialect) { d.Tokens[0].For = func(*http.Request) bool { return false } }, false},
		"the version isn't in the body": {"PUT", `{"a":1}`, func(d *dialect.Dialect) { d.Tokens[0].Sent = dialect.InQuery("version") }, false},
	} {
		base := &faulty{&versioned{version: 7}, []string{"cut"}}
		r := callVia(t, t.Context(), test.method, NewTransport(base, Resend, WithDialect(creates(test.change))), strings.NewReader(test.body))
		if got, want := r.summary(), test.method+" failed | error | unknown, none"; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if errors.Is(r.err, ErrOutcomeUnknown) != test.want || !errors.Is(r.err, io.ErrUnexpectedEOF) || !test.want && r.err != io.ErrUnexpectedEOF {
			t.Errorf("%s: %v, %v", name, r.err, r.outcome.Err)
		}
	}
}

// TestVersionInBodyNeverSent: what never left the process wasn't applied, and is repeated.
func TestVersionInBodyNeverSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			dials++
			return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
		}}
		tr := NewTransport(base, Stop, WithDialect(inventedDialect(dialect.InBody("/version"), dialect.InBody("/version"))))
		r := callVia(t, t.Context(), http.MethodPut, tr, strings.NewReader(`{"version":7}`))
		if r.outcome.Effect != EffectNotApplied || errors.Is(r.err, ErrOutcomeUnknown) || dials != 4 {
			t.Errorf("%v, %v, %d dials", r.outcome.Effect, r.err, dials)
		}
	})
}

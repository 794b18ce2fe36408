package ifmatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// versioned is an origin of an invented API: a document with a version, which a
// write carries in its body, in the query or in a field. A stale one is a 409 with
// the code "stale"; another 409 is none.
type versioned struct {
	mu      sync.Mutex
	version int
	state   map[string]any // without the version
	log     []string
	other   int                      // so many 409 with another code come first
	busy    int                      // and so many with "busy"
	answer  func(version int) string // to GET; JSON by default
	locked  bool
	touched string // the field X-Write-Id of the last write
}

func (o *versioned) RoundTrip(req *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	status, header, text := o.serve(req, body)
	o.log = append(o.log, strings.TrimSpace(fmt.Sprintf("%s %s %s%s %d", req.Method, req.URL.RequestURI(), req.Header.Get("X-If-Version"), body, status)))
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: req,
	}, nil
}

func (o *versioned) serve(req *http.Request, body []byte) (int, http.Header, string) {
	header := http.Header{"X-Version": {fmt.Sprint(o.version)}}
	switch req.Method {
	case http.MethodHead:
		header.Set("X-Write-Id", o.touched)
		return 200, header, ""
	case http.MethodGet:
		if o.answer != nil {
			return 200, header, o.answer(o.version)
		}
		all := map[string]any{"version": o.version}
		for name, value := range o.state {
			all[name] = value
		}
		text, _ := json.Marshal(all)
		return 200, header, string(text)
	}
	switch {
	case o.locked:
		return 409, header, `{"code":"locked"}`
	case o.other > 0:
		o.other--
		return 409, header, `{"code":"duplicate"}`
	case o.busy > 0:
		o.busy--
		return 409, header, `{"code":"busy"}`
	}
	var sent struct{ Version json.Number }
	json.Unmarshal(body, &sent)
	given := cmp.Or(req.URL.Query().Get("version"), req.Header.Get("X-If-Version"), sent.Version.String())
	if given != fmt.Sprint(o.version) {
		return 409, header, `{"code":"stale"}`
	}
	o.version++
	json.Unmarshal(body, &o.state)
	delete(o.state, "version")
	o.touched = req.Header.Get("X-Write-Id")
	return 200, header, "{}"
}

// inventedDialect carries its version in these places.
func inventedDialect(sent, current dialect.Place) dialect.Dialect {
	return dialect.Dialect{
		Name:     "invented",
		Tokens:   []dialect.Token{{Sent: sent, Current: current, Create: "0", Number: true}},
		Statuses: []int{409},
		Judge: func(a *dialect.Answer) dialect.Verdict {
			var body struct{ Code string }
			json.Unmarshal(a.Body(), &body)
			switch body.Code {
			case "stale":
				return a.Conflict()
			case "locked":
				return a.Locked("somebody has a lock")
			case "busy":
				return a.Again()
			}
			return a.Passes()
		},
		WriteIDField: "X-Write-Id",
	}
}

func writeVersion(t *testing.T, o *versioned, url, field, body string, opts ...Option) (*http.Response, Outcome, error) {
	t.Helper()
	var out Outcome
	c := NewClient(Stop)
	c.Transport = NewTransport(o, Stop)
	ctx := WithOutcome(WithOptions(t.Context(), opts...), &out)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if field != "" {
		req.Header.Set("X-If-Version", field)
	}
	resp, err := c.Do(req)
	if err == nil {
		t.Cleanup(func() { resp.Body.Close() })
	}
	return resp, out, err
}

const thing = "http://api.test/thing"

// TestTokenPlaces: a stale version is rewritten where it stands, and nothing else.
func TestTokenPlaces(t *testing.T) {
	body, header := dialect.InBody("/version"), dialect.InHeader("X-Version")
	for name, test := range map[string]struct {
		sent, current    dialect.Place
		url, field, body string
		log              []string
	}{
		"body": {body, body, thing, "", "{ \"version\" : 3,\n\t\"a\":1.0,\"b\":\"\\u00e9\" }", []string{
			"PUT /thing { \"version\" : 3,\n\t\"a\":1.0,\"b\":\"\\u00e9\" } 409", "GET /thing  200",
			"PUT /thing { \"version\" : 7,\n\t\"a\":1.0,\"b\":\"\\u00e9\" } 200",
		}},
		"body from a field": {body, header, thing, "", `{"version":3}`, []string{
			`PUT /thing {"version":3} 409`, "HEAD /thing  200", `PUT /thing {"version":7} 200`,
		}},
		"query": {dialect.InQuery("version"), body, thing + "?a=1;2&version=3&b=%7E", "", "{}", []string{
			"PUT /thing?a=1;2&version=3&b=%7E {} 409", "GET /thing?a=1;2&b=%7E  200", "PUT /thing?a=1;2&version=7&b=%7E {} 200",
		}},
		"field": {dialect.InHeader("X-If-Version"), header, thing, "3", "{}", []string{
			"PUT /thing 3{} 409", "HEAD /thing  200", "PUT /thing 7{} 200",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := &versioned{version: 7}
			resp, out, err := writeVersion(t, o, test.url, test.field, test.body, OnConflict(Resend), WithDialect(inventedDialect(test.sent, test.current)))
			if err != nil || resp.StatusCode != 200 || out.Cause != CauseChanged || out.Effect != EffectApplied || !out.Overwrote {
				t.Fatalf("%v, %+v", err, out)
			}
			if diff := gocmp.Diff(test.log, o.log); diff != "" {
				t.Error(diff)
			}
		})
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
		"goes again":           {&versioned{version: 7, busy: 2}, Stop, `{"version":7}`, 409, CauseNone, EffectNotApplied, 1, `{"code":"busy"}`}, // a version in the body guards no repeat
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
		t.Run(name, func(t *testing.T) {
			o := test.origin
			resp, out, err := writeVersion(t, o, thing, "", test.body, OnConflict(test.policy), WithDialect(d))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			if err != nil || string(text) != test.text || resp.StatusCode != test.status {
				t.Errorf("%d %s, %v", resp.StatusCode, text, err)
			}
			if out.Cause != test.cause || out.Effect != test.effect || out.Attempts != test.writes {
				t.Errorf("%v, %v, %d writes: %v", out.Cause, out.Effect, out.Attempts, out.Err)
			}
		})
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

// TestUpdateWithDialect: Update and Resource take the version from where the
// dialect has it, and put it where it belongs.
func TestUpdateWithDialect(t *testing.T) {
	type doc struct{ N int }
	for name, d := range map[string]dialect.Dialect{
		"body": inventedDialect(dialect.InBody("/version"), dialect.InBody("/version")), "query": inventedDialect(dialect.InQuery("version"), dialect.InBody("/version")),
		"field": inventedDialect(dialect.InHeader("X-If-Version"), dialect.InHeader("X-Version")),
	} {
		t.Run(name, func(t *testing.T) {
			o := &versioned{version: 7, state: map[string]any{"N": 1}}
			c := &http.Client{Transport: o}
			rival := true
			got, err := Update(context.Background(), c, thing, func(d *doc) error {
				if rival {
					rival = false
					o.version++ // somebody else writes
					o.state["N"] = 40
				}
				d.N++
				return nil
			}, WithDialect(d))
			if err != nil || got.Value.N != 41 || fmt.Sprint(o.state["N"]) != "41" || o.version != 9 {
				t.Errorf("%+v, %v, %v: %v", got.Value, err, o.state, o.log)
			}
			r := NewResource[doc](c, thing, WithDialect(d))
			for range 3 {
				if _, err = r.Update(context.Background(), func(d *doc) error { d.N++; return nil }); err != nil {
					t.Fatal(err)
				}
			}
			if fmt.Sprint(o.state["N"]) != "44" || o.version != 12 {
				t.Errorf("%v: %v", o.state, o.log)
			}
			o.locked = true
			_, err = Update(context.Background(), c, thing, func(d *doc) error { d.N++; return nil }, WithDialect(d))
			if conflict := (*ConflictError)(nil); !errors.As(err, &conflict) || conflict.Outcome.Cause != CauseLocked {
				t.Errorf("%v", err)
			}
		})
	}
}

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

// TestBadDialects: the error says what is wrong, and nothing is sent.
func TestBadDialects(t *testing.T) {
	for text, d := range map[string]dialect.Dialect{
		"both places": {Tokens: []dialect.Token{{Sent: dialect.InQuery("v")}}},
		"no query":    {Tokens: []dialect.Token{{Sent: dialect.InQuery("v"), Current: dialect.InQuery("v")}}},
		"RFC 6901":    {Tokens: []dialect.Token{{Sent: dialect.InBody("version"), Current: dialect.InBody("/version")}}},
		"Tag is for":  {Tokens: []dialect.Token{{Sent: dialect.InQuery("v"), Current: dialect.InBody("/v"), Tag: true}}},
		"Or is for":   {Tokens: []dialect.Token{{Sent: dialect.InQuery("v").Or(dialect.InQuery("w")), Current: dialect.InBody("/v")}}},
		"Or wants":    {Tokens: []dialect.Token{{Sent: dialect.InQuery("v"), Current: dialect.InHeader("V").Or(dialect.InQuery("v"))}}},
		"400 to 499":  {Statuses: []int{200}},
	} {
		o := &versioned{}
		_, _, err := writeVersion(t, o, thing, "", "{}", WithDialect(d))
		if err == nil || !strings.Contains(err.Error(), text) || len(o.log) != 0 {
			t.Errorf("%s: %v, %v", text, err, o.log)
		}
	}
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

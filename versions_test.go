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
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
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

const thingURL = "https://api.example.com/thing"

type atURL struct {
	log    []string
	answer func(req *http.Request, body string) (int, http.Header, string)
}

func (s *atURL) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	s.log = append(s.log, strings.TrimSpace(req.Method+" "+req.URL.RequestURI()+" "+string(body)))
	status, h, text := s.answer(req, string(body))
	if h == nil {
		h = http.Header{}
	}
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: req}, nil
}

func sendTo(t *testing.T, rt http.RoundTripper, method, u, body string, fields ...string) result {
	t.Helper()
	var o Outcome
	req, err := http.NewRequestWithContext(WithOutcome(t.Context(), &o), method, u, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	}
	for _, f := range fields {
		n, v, _ := strings.Cut(f, ": ")
		req.Header[n] = []string{v}
	}
	resp, err := rt.RoundTrip(req)
	r := result{resp: resp, err: err, outcome: o}
	if err == nil {
		b, _ := io.ReadAll(resp.Body)
		r.body = string(b)
	}
	return r
}

// bodyVersion is an API with the version in a member, and 409 for another one.
func bodyVersion(current dialect.Place) dialect.Dialect {
	return dialect.Dialect{
		Name: "x", Tokens: []dialect.Token{{Sent: dialect.InBody("/v"), Current: current}}, Statuses: []int{http.StatusConflict, http.StatusPreconditionRequired},
		Judge: func(a *dialect.Answer) dialect.Verdict {
			if a.StatusCode == http.StatusPreconditionRequired {
				return a.AsRFC9110()
			}
			return a.Conflict()
		},
	}
}

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

// TestForOfAQuery: a parameter with the name of a version is one only in the writes that For
// names.
func TestForOfAQuery(t *testing.T) {
	inQ := dialect.Token{Sent: dialect.InQuery("v"), Current: dialect.InBody("/edition"), Number: true, For: func(r *http.Request) bool { return r.Method == "DELETE" }}
	inB := dialect.Token{Sent: dialect.InBody("/edition"), Current: dialect.InBody("/edition"), Number: true, For: func(r *http.Request) bool { return r.Method == "PUT" }}
	d := dialect.Dialect{Tokens: []dialect.Token{inB, inQ}, Statuses: []int{409}, Judge: func(a *dialect.Answer) dialect.Verdict { return a.Conflict() }}
	s := &atURL{}
	s.answer = func(req *http.Request, body string) (int, http.Header, string) {
		if req.Method == "GET" {
			return 200, nil, `{"edition":8}`
		}
		if strings.Contains(body, `"edition":8`) {
			return 200, nil, ""
		}
		return 409, nil, ""
	}
	sendTo(t, NewTransport(s, Resend, WithDialect(d)), "PUT", thingURL+"?v=2", `{"edition":7}`)
	want := `[PUT /thing?v=2 {"edition":7} GET /thing?v=2 PUT /thing?v=2 {"edition":8}]`
	if got := fmt.Sprint(s.log); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestForAfter428: a version goes into the first place that fits the write.
func TestForAfter428(t *testing.T) {
	inB := dialect.Token{Sent: dialect.InBody("/edition"), Current: dialect.InBody("/edition"), Number: true, For: func(r *http.Request) bool { return r.Method == "PUT" }}
	inQ := dialect.Token{Sent: dialect.InQuery("edition"), Current: dialect.InBody("/edition"), Number: true, For: func(r *http.Request) bool { return r.Method != "PUT" }}
	d := dialect.Dialect{Tokens: []dialect.Token{inB, inQ}}
	s := &atURL{}
	s.answer = func(req *http.Request, body string) (int, http.Header, string) {
		switch {
		case req.Method == "GET":
			return 200, nil, `{"edition":8}`
		case req.URL.Query().Get("edition") == "8":
			return 200, nil, ""
		}
		return 428, nil, ""
	}
	sendTo(t, NewTransport(s, Resend, WithDialect(d)), "PATCH", thingURL, `[{"op":"remove","path":"/a"}]`)
	want := `[PATCH /thing [{"op":"remove","path":"/a"}] GET /thing PATCH /thing?edition=8 [{"op":"remove","path":"/a"}]]`
	if got := fmt.Sprint(s.log); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
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

// TestStringVersion: a version that is a string stays one, also where it is a number.
func TestStringVersion(t *testing.T) {
	o := &versioned{version: 7}
	_, out, err := writeVersion(t, o, thing, "", `{"version":"6"}`, OnConflict(Resend), WithDialect(inventedDialect(dialect.InBody("/version"), dialect.InHeader("X-Version"))))
	if last := o.log[len(o.log)-1]; err != nil || last != `PUT /thing {"version":"7"} 200` {
		t.Errorf("%v, %+v, %q", err, out, o.log)
	}
}

// TestKindOfAMember: a member that is put into a merge patch has the kind that the API gave it.
func TestKindOfAMember(t *testing.T) {
	v := dialect.InBody("/v")
	for name, test := range map[string]struct {
		number bool
		v      string
	}{"number": {false, `7`}, "string": {true, `"7"`}} {
		t.Run(name, func(t *testing.T) {
			d := dialect.Dialect{Tokens: []dialect.Token{{Sent: v, Current: v, Number: test.number}}}
			s := &atURL{}
			s.answer = func(req *http.Request, body string) (int, http.Header, string) {
				if req.Method == "GET" {
					return 200, nil, `{"n":1,"v":` + test.v + `}`
				}
				return 200, nil, ""
			}
			type doc struct {
				N int `json:"n"`
			}
			c := &http.Client{Transport: NewTransport(s, Stop, WithDialect(d))}
			_, err := Update(t.Context(), c, thingURL, func(d *doc) error { d.N++; return nil }, WithPatch())
			want := `PATCH /thing {"v":` + test.v + `,"n":2}`
			if err != nil || s.log[len(s.log)-1] != want {
				t.Errorf("%v got %s want %s", err, s.log[len(s.log)-1], want)
			}
		})
	}
}

// TestKindOfTheFreshVersion: a version that is put into a body has the kind that
// the refresh gave it, whatever Number says.
func TestKindOfTheFreshVersion(t *testing.T) {
	for _, test := range []struct {
		number   bool
		old, new string
	}{{false, `7`, `8`}, {true, `"7"`, `"8"`}} {
		for _, sent := range []string{fmt.Sprintf(`{"n":0,"v":%s}`, test.old), `{"n":0}`} {
			synctest.Test(t, func(t *testing.T) {
				accepted := ""
				s := &atURL{}
				s.answer = func(req *http.Request, body string) (int, http.Header, string) {
					switch {
					case req.Method == http.MethodGet:
						return 200, nil, fmt.Sprintf(`{"n":1,"v":%s}`, test.new)
					case strings.Contains(body, test.old):
						return 409, nil, ""
					case !strings.Contains(body, `"v"`):
						return 428, nil, ""
					}
					accepted = body
					return 200, nil, ""
				}
				d := bodyVersion(dialect.InBody("/v"))
				d.Tokens[0].Number = test.number
				rebuild := Rebuild(func(context.Context, *Representation) ([]byte, error) { return []byte(`{"n":2}`), nil })
				sendTo(t, NewTransport(s, rebuild, WithDialect(d)), http.MethodPut, thingURL, sent)
				if !strings.Contains(accepted, `"v":`+test.new) {
					t.Errorf("number %t, sent %s: %s", test.number, sent, accepted)
				}
			})
		}
	}
}

// TestNestedVersionInAPatch: the objects around a version are made where the patch has none.
func TestNestedVersionInAPatch(t *testing.T) {
	v := dialect.InBody("/metadata/resourceVersion")
	d := dialect.Dialect{Tokens: []dialect.Token{{Sent: v, Current: v}}}
	s := &atURL{}
	s.answer = func(req *http.Request, body string) (int, http.Header, string) {
		return 200, nil, `{"metadata":{"resourceVersion":"7"},"n":1}`
	}
	type doc struct {
		N int `json:"n"`
	}
	c := &http.Client{Transport: NewTransport(s, Stop, WithDialect(d))}
	_, err := Update(t.Context(), c, thingURL, func(d *doc) error { d.N++; return nil }, WithPatch())
	if err != nil {
		t.Errorf("%v %q", err, s.log)
	}
}

// TestVersionInALargeBody: nothing is sent whose two versions might disagree.
func TestVersionInALargeBody(t *testing.T) {
	b := dialect.InBody("/_rev")
	d := dialect.Dialect{Tokens: []dialect.Token{{Sent: b, Current: b}, {Sent: dialect.InQuery("rev"), Current: b}}, Statuses: []int{409}, Judge: func(a *dialect.Answer) dialect.Verdict { return a.Conflict() }}
	s := &atURL{answer: func(req *http.Request, body string) (int, http.Header, string) {
		if req.Method == "GET" {
			return 200, nil, `{"_rev":"2-b"}`
		}
		return 409, nil, ""
	}}
	r := sendTo(t, NewTransport(s, Resend, WithDialect(d), WithMaxRepresentation(64)), "PUT", thingURL+"?rev=1-a", `{"_rev":"1-a","x":"`+strings.Repeat("y", 100)+`"}`)
	if len(s.log) != 1 || !errors.Is(r.outcome.Err, ErrNotReplayable) || !errors.Is(r.outcome.Err, ErrTooLarge) {
		t.Errorf("%d requests: %s: %v", len(s.log), r.summary(), r.outcome.Err)
	}
}

// TestMergeWithAVersionInTheBody: the version is no edit of anybody's.
func TestMergeWithAVersionInTheBody(t *testing.T) {
	v := dialect.InBody("/_rev")
	d := dialect.Dialect{Tokens: []dialect.Token{{Sent: v, Current: v}}, Statuses: []int{409}, Judge: func(a *dialect.Answer) dialect.Verdict { return a.Conflict() }}
	for _, base := range []string{`{"a":1,"b":1,"_rev":"1-a"}`, `{"a":1,"b":1}`} {
		s := &atURL{}
		s.answer = func(req *http.Request, body string) (int, http.Header, string) {
			if req.Method == "GET" {
				return 200, nil, `{"a":1,"b":2,"_rev":"2-b"}`
			}
			if strings.Contains(body, "2-b") {
				return 200, nil, ""
			}
			return 409, nil, ""
		}
		r := sendTo(t, NewTransport(s, MergeJSON([]byte(base)), WithDialect(d)), "PUT", thingURL, `{"a":9,"b":1,"_rev":"1-a"}`)
		if r.err != nil || r.resp.StatusCode != 200 {
			t.Errorf("base %s: %v %q", base, r.err, s.log)
		}
	}
}

// TestVersionOnly: what a refresh has beside the version isn't what such a write
// replaces. No policy gets it, no Update reads it, and it proves nothing.
func TestVersionOnly(t *testing.T) {
	d := dialect.RFC9110()
	d.Name, d.VersionOnly = "x", func(req *http.Request) bool { return req.URL.Path == "/thing" }
	for name, test := range map[string]struct {
		policy Policy
		lost   bool
		cause  Cause
	}{
		"Resend":                      {Resend, false, CauseChanged},
		"Resend, after a lost answer": {Resend, true, CauseUnattributed},
		"Rebuild": {Rebuild(func(_ context.Context, current *Representation) ([]byte, error) {
			t.Error("Rebuild was asked")
			return current.Body, nil
		}), false, CauseRefreshFailed},
	} {
		synctest.Test(t, func(t *testing.T) {
			writes := 0
			s := &atURL{}
			s.answer = func(req *http.Request, body string) (int, http.Header, string) {
				switch {
				case req.Method != http.MethodPut:
					return 200, http.Header{"Etag": {`"2"`}}, "x" // as it was sent
				case req.Header.Get("If-Match") == `"2"`:
					return 204, nil, ""
				}
				if writes++; writes == 1 && test.lost {
					return 503, nil, ""
				}
				return 412, nil, ""
			}
			var o Outcome
			req, err := http.NewRequestWithContext(WithOutcome(t.Context(), &o), http.MethodPut, "http://a.test/thing", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("If-Match", `"1"`)
			resp, err := NewTransport(s, test.policy, WithDialect(d)).RoundTrip(req)
			if err == nil {
				resp.Body.Close()
			}
			if o.Cause != test.cause || err != nil && (test.cause == CauseChanged || test.cause == CauseUnattributed) {
				t.Errorf("%s: %v, %v", name, o, err)
			}
		})
	}
	if _, err := Get[counter](t.Context(), &http.Client{Transport: &atURL{}}, "http://a.test/thing", WithDialect(d)); err == nil || !strings.Contains(err.Error(), "but not the state") {
		t.Error(err)
	}
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

// TestUpdateFromALaggingReplica: where the reads give the refused version again,
// the next draft carries it, too. Without any the API would compare nothing.
func TestUpdateFromALaggingReplica(t *testing.T) {
	type doc struct {
		N int `json:"n"`
	}
	type whole struct {
		N int `json:"n"`
		V int `json:"v"`
	}
	add := func(d *doc) error { d.N++; return nil }
	for name, update := range map[string]func(ctx context.Context, c *http.Client, d, header dialect.Dialect) error{
		"a patch": func(ctx context.Context, c *http.Client, d, _ dialect.Dialect) error {
			_, err := Update(ctx, c, thingURL, add, WithDialect(d), WithPatch())
			return err
		},
		"a header": func(ctx context.Context, c *http.Client, _, d dialect.Dialect) error {
			_, err := Update(ctx, c, thingURL, add, WithDialect(d))
			return err
		},
		"a Resource": func(ctx context.Context, c *http.Client, d, _ dialect.Dialect) error {
			_, err := NewResource[doc](c, thingURL, WithDialect(d), WithPatch()).Update(ctx, add)
			return err
		},
		"the version set to 0": func(ctx context.Context, c *http.Client, d, _ dialect.Dialect) error {
			_, err := Update(ctx, c, thingURL, func(d *whole) error { *d = whole{N: d.N + 1}; return nil }, WithDialect(d))
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &atURL{}
			s.answer = func(req *http.Request, body string) (int, http.Header, string) {
				switch {
				case req.Method == http.MethodGet:
					return 200, http.Header{"X-Version": {"7"}}, `{"n":1,"v":7}`
				case strings.Contains(body, `"v":7`), strings.Contains(body, `"v":"7"`):
					return 409, nil, ""
				}
				t.Errorf("%s: sent %s", name, body)
				return 200, nil, ""
			}
			err := update(t.Context(), &http.Client{Transport: s}, bodyVersion(dialect.InBody("/v")), bodyVersion(dialect.InHeader("X-Version")))
			if !errors.Is(err, ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

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

// TestKeptVersionInTheQuery: no write goes out without the version that the
// dialect has in the query, also not after a mark that was found.
func TestKeptVersionInTheQuery(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			if r.Method == http.MethodPut {
				if !r.URL.Query().Has("ver") {
					t.Error("a write without the version")
				}
				r.Header.Set("If-Match", fmt.Sprintf(`"v%s"`, r.URL.Query().Get("ver")))
			}
			r.URL.RawQuery = ""
			resp, err := origin.Client().Transport.RoundTrip(r)
			if err == nil {
				resp.Header.Set("X-Ver", strings.Trim(resp.Header.Get("Etag"), `"v`))
				resp.Header.Del("Etag")
				resp.Request = nil
			}
			return resp, err
		})}
		r := NewResource[markedCounter](c, url, WithDialect(dialect.Dialect{Name: "q", Statuses: []int{412}, Tokens: []dialect.Token{
			{Sent: dialect.InQuery("ver"), Current: dialect.InHeader("X-Ver"), Number: true, Create: "0"}}}))
		origin.Inject(ifmatchtest.FailAfter(1, 500).On(http.MethodPut))
		for n := 1; n <= 3; n++ {
			if got, err := r.Update(t.Context(), addMarked); err != nil || got.Value.N != n || !strings.Contains(stateOf(origin), fmt.Sprintf(`"n":%d`, n)) {
				t.Errorf("%+v, %v: %s", got.Value, err, requests(origin))
			}
		}
	})
}

package ifmatch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// vault is an API like Vault's KV v2: a read has the state and its version deeper than a
// write, which has options beside the state.
type vault struct {
	state   string
	version int
	log     []string
	rival   func(v *vault) // before the next write; nil: none
	lose    int            // so many answers to writes that were performed
	read    string         // what a read answers; empty: the state
}

func (v *vault) serve(req *http.Request, body string) (int, http.Header, string) {
	if req.Method == http.MethodHead {
		return 405, nil, ""
	}
	if req.Method == http.MethodGet {
		if v.read != "" {
			return 200, nil, v.read
		}
		return 200, nil, fmt.Sprintf(`{"lease":"", "data":{"data":%s,"metadata":{"version":%d}}}`, v.state, v.version)
	}
	v.log = append(v.log, req.Method+" "+req.URL.Path+" "+body)
	if v.rival != nil {
		rival := v.rival
		v.rival = nil
		rival(v)
	}
	var sent struct {
		Options struct{ CAS json.Number }
		Data    json.RawMessage
	}
	json.Unmarshal([]byte(body), &sent)
	if sent.Options.CAS.String() != fmt.Sprint(v.version) {
		return 400, nil, "did not match"
	}
	v.state, v.version = string(sent.Data), v.version+1
	if v.lose > 0 {
		v.lose--
		return 0, nil, ""
	}
	return 200, nil, fmt.Sprintf(`{"data":{"version":%d}}`, v.version)
}

func kv2() dialect.Dialect {
	return dialect.Dialect{
		Name:      "KV",
		Tokens:    []dialect.Token{{Sent: dialect.InBody("/options/cas"), Current: dialect.InBody("/data/metadata/version"), Number: true, Create: "0"}},
		Statuses:  []int{400},
		Judge:     func(a *dialect.Answer) dialect.Verdict { return a.Conflict() },
		ReadState: "/data/data", WriteState: "/data",
	}
}

// grow is a rival that counts on.
func grow(v *vault) {
	v.state, v.version = strings.Replace(v.state, `"n": 1`, `"n": 10`, 1), v.version+1
}

// TestStateInAnEnvelope: Update edits the state, and not what is around it. What T doesn't
// know survives byte for byte.
func TestStateInAnEnvelope(t *testing.T) {
	for name, test := range map[string]struct {
		v        vault
		log, has string
		complain string
	}{
		"quiet": {v: vault{}, log: `PUT /thing {"options":{"cas":3},"data":{ "n": 2, "x": 1.0 }}`, has: `{ "n": 2, "x": 1.0 }`},
		"a rival": {v: vault{rival: grow}, log: `PUT /thing {"options":{"cas":3},"data":{ "n": 2, "x": 1.0 }}, ` +
			`PUT /thing {"options":{"cas":4},"data":{ "n": 11, "x": 1.0 }}`, has: `{ "n": 11, "x": 1.0 }`},
		"no place":         {v: vault{read: `{"data":{"n":1}}`}, complain: "dialect KV: the answer has no state at /data/data"},
		"the state itself": {v: vault{read: `{"n":1}`}, complain: "the answer has no state at /data/data"},
		"no JSON":          {v: vault{read: `<html>`}, complain: "not JSON"},
		"a name twice":     {v: vault{read: `{"data":{"data":{},"data":{}}}`}, complain: "occurs twice"},
	} {
		v := &test.v
		v.state, v.version = `{ "n": 1, "x": 1.0 }`, 3
		s, err := Update(context.Background(), &http.Client{Transport: &served{serve: v.serve}}, thing, addOne, WithDialect(kv2()))
		if got := strings.Join(v.log, ", "); got != test.log || (err == nil) != (test.complain == "") || err != nil && !strings.Contains(err.Error(), test.complain) {
			t.Errorf("%s: sent %s, want %s; %v", name, got, test.log, err)
		}
		if err == nil && (v.state != test.has || string(s.Raw) != test.has) {
			t.Errorf("%s: stored %s, snapshot %s, want %s", name, v.state, s.Raw, test.has)
		}
		if err != nil && s.Outcome.Effect != EffectNotApplied {
			t.Errorf("%s: %+v", name, s.Outcome)
		}
	}
}

// TestPoliciesInAnEnvelope: a policy has the state, and what it makes goes into the body
// that was refused; the rest of that stays.
func TestPoliciesInAnEnvelope(t *testing.T) {
	const body = `{"a":[1.0], "data":{"n": 5}, "options":{ "cas":2 , "z":0}}`
	rebuilt := Rebuild(func(_ context.Context, current *Representation) ([]byte, error) {
		return []byte(strings.Replace(string(current.Body), "1", "7", 1)), nil
	})
	merge := MergeJSON([]byte(`{"n": 1}`))
	for name, test := range map[string]struct {
		policy Policy
		body   string
		opts   []Option
		v      vault
		log    string // after the first write
		want   string
	}{
		"Resend":                {Resend, body, nil, vault{}, `PUT /thing {"a":[1.0], "data":{"n": 5}, "options":{ "cas":3 , "z":0}}`, "PUT 400, GET 200, PUT 200 | 200 | applied, changed, overwrote"},
		"Rebuild":               {rebuilt, body, nil, vault{}, `PUT /thing {"a":[1.0], "data":{"n": 7,"x":1}, "options":{ "cas":3 , "z":0}}`, "PUT 400, GET 200, PUT 200 | 200 | applied, changed"},
		"MergeJSON":             {merge, body, nil, vault{}, `PUT /thing {"a":[1.0], "data":{"n": 5,"x":1}, "options":{ "cas":3 , "z":0}}`, "PUT 400, GET 200, PUT 200 | 200 | applied, changed"},
		"Rebuild, no place":     {rebuilt, body, nil, vault{read: `{"data":{"metadata":{"version":3}}}`}, "", "PUT 400, GET 200 | 400 | not applied, refresh failed"},
		"Resend needs no place": {Resend, body, nil, vault{read: `{"data":{"metadata":{"version":3}}}`}, `PUT /thing {"a":[1.0], "data":{"n": 5}, "options":{ "cas":3 , "z":0}}`, "PUT 400, GET 200, PUT 200 | 200 | applied, changed, overwrote"},
	} {
		v := &test.v
		v.state, v.version = `{"n": 1,"x":1}`, 3
		r := sendTo(t, NewTransport(&served{serve: v.serve}, test.policy, append(test.opts, WithDialect(kv2()))...), http.MethodPut, thing, test.body)
		if got := strings.Join(v.log[1:], ", "); got != test.log || r.summary() != test.want {
			t.Errorf("%s: sent %s\n%s\nwant %s\n%s\n%v", name, got, r.summary(), test.log, test.want, r.outcome.Err)
		}
		if stored := r.outcome.Replaced; stored != nil && string(stored.Body) != v.state {
			t.Errorf("%s: replaced by %s, stored %s", name, stored.Body, v.state)
		}
	}
}

// TestOwnWriteInAnEnvelope (rule 11): states are compared, by their meaning: the API has its
// own way of writing them.
func TestOwnWriteInAnEnvelope(t *testing.T) {
	for name, test := range map[string]struct {
		stored string // what the API makes of the state
		want   string
	}{
		"as it was sent":     {`{"n":5,"id":"a"}`, "applied, own earlier write"},
		"in another order":   {`{"id":"a", "n":5.0}`, "applied, own earlier write"},
		"another one":        {`{"n":6,"id":"a"}`, "unknown"},
		"around the state":   {`{"data":{"n":5,"id":"a"}}`, "unknown"},
		"a state and more":   {`{"n":5,"id":"a","x":1}`, "unknown"},
		"nothing to compare": {`null`, "unknown"},
	} {
		synctest.Test(t, func(t *testing.T) {
			lost := false
			v := &vault{state: `{"n":1}`, version: 3}
			origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
				if req.Method == http.MethodPut && !lost {
					lost = true
					v.state, v.version = test.stored, 4
					return 503, nil, ""
				}
				return v.serve(req, body)
			}}
			d := kv2()
			d.Tokens = append(d.Tokens, dialect.Token{Sent: dialect.InQuery("cas"), Current: dialect.InBody("/data/metadata/version")})
			r := sendTo(t, NewTransport(origin, Stop, WithDialect(d), WithUniqueBody()), http.MethodPut, thing+"?cas=3", `{"data":{"n":5,"id":"a"}}`)
			if got := r.outcome.Effect.String() + ", " + r.outcome.Cause.String(); !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: %s, want %s; %s", name, got, test.want, r.summary())
			}
		})
	}
}

// TestWriteRequest: Update writes by another method, to another path, with the state in a
// place of its own and the version in the query of the new URL.
func TestWriteRequest(t *testing.T) {
	var log []string
	version := 1
	origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
		log = append(log, strings.TrimSpace(req.Method+" "+req.URL.RequestURI()+" "+req.Header.Get("X-Kind")+" "+body))
		switch {
		case req.Method == http.MethodGet:
			return 200, nil, fmt.Sprintf(`{"n":%d,"etag":"%d"}`, version, version)
		case version == 1:
			version = 2
			return 412, nil, ""
		}
		return 200, nil, `{"n":3}`
	}}
	d := dialect.Dialect{
		Name:       "policies",
		Tokens:     []dialect.Token{{Sent: dialect.InBody("/policy/etag"), Current: dialect.InBody("/etag"), For: func(req *http.Request) bool { return req.Method == http.MethodPost }}},
		WriteState: "/policy",
		WriteRequest: func(req *http.Request) (*http.Request, error) {
			req.Method, req.URL.Path = http.MethodPost, req.URL.Path+":set"
			req.Header.Set("X-Kind", "policy")
			return req, nil
		},
		RefreshRequest: func(req *http.Request) (*http.Request, error) {
			req.Method, req.URL.Path = http.MethodGet, strings.TrimSuffix(req.URL.Path, ":set")
			return req, nil
		},
	}
	_, err := Update(context.Background(), &http.Client{Transport: origin}, thing, addOne, WithDialect(d))
	want := []string{"GET /thing", `POST /thing:set policy {"policy":{"n":2,"etag":"1"}}`, "GET /thing policy", `POST /thing:set policy {"policy":{"n":3,"etag":"2"}}`}
	if got := fmt.Sprint(log); err != nil || got != fmt.Sprint(want) {
		t.Errorf("sent\n%s\nwant\n%s\n%v", got, fmt.Sprint(want), err)
	}
	for complaint, bad := range map[string]func(req *http.Request) (*http.Request, error){
		"no request":     func(*http.Request) (*http.Request, error) { return nil, nil },
		"boom":           func(*http.Request) (*http.Request, error) { return nil, fmt.Errorf("boom") },
		"writes nothing": func(req *http.Request) (*http.Request, error) { req.Method = ""; return req, nil },
		"another origin": func(req *http.Request) (*http.Request, error) { req.URL.Host = "x.test"; return req, nil },
		"has a body": func(req *http.Request) (*http.Request, error) {
			return http.NewRequest(http.MethodPost, req.URL.String(), strings.NewReader("x"))
		},
	} {
		log, d.WriteRequest, d.Tokens[0].For = nil, bad, nil
		_, err := Update(context.Background(), &http.Client{Transport: origin}, thing, addOne, WithDialect(d))
		if err == nil || !strings.Contains(err.Error(), "WriteRequest: ") || !strings.Contains(err.Error(), complaint) || len(log) != 1 {
			t.Errorf("%s: %v, sent %q", complaint, err, log)
		}
	}
}

// TestToldStateInAnEnvelope (rule 25): where the API says that its answer has the state, the
// Snapshot has the state of it, and the version beside that.
func TestToldStateInAnEnvelope(t *testing.T) {
	d := kv2()
	d.ReturnsState = func(*http.Request) bool { return true }
	for answer, want := range map[string]string{
		`{"data":{"data":{"n":2,"stamp":1},"metadata":{"version":4}}}`: `{"n":2,"stamp":1} 4`,
		`{"data":{"version":4}}`: `{"n":2} `,
	} {
		v := &vault{state: `{"n":1}`, version: 3}
		origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
			status, h, text := v.serve(req, body)
			if req.Method == http.MethodPut {
				text = answer
			}
			return status, h, text
		}}
		s, err := Update(context.Background(), &http.Client{Transport: origin}, thing, addOne, WithDialect(d))
		if got := string(s.Raw) + " " + s.ETag; err != nil || got != want {
			t.Errorf("%s: %s, want %s; %v", answer, got, want, err)
		}
	}
}

// TestReportInsteadOfAnEnvelope (rule 27): an answer without the state's place is a report,
// so the tag beside it is of what was sent.
func TestReportInsteadOfAnEnvelope(t *testing.T) {
	d := dialect.RFC9110()
	d.ReadState = "/_source"
	origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
		if req.Method == http.MethodGet {
			return 200, http.Header{"Etag": {`"1"`}}, `{"_source":{"n":1}}`
		}
		return 200, http.Header{"Etag": {`"2"`}}, `{"n":7,"result":"updated"}`
	}}
	s, err := Update(context.Background(), &http.Client{Transport: origin}, thing, addOne, WithDialect(d))
	if err != nil || s.ETag != `"2"` || string(s.Raw) != `{"n":2}` || origin.log[1] != `PUT If-Match: "1" {"n":2}` {
		t.Errorf("%+v, %v, %q", s, err, origin.log)
	}
}

// TestMergedVersionInAnEnvelope: a version that is a part of the state differs in all states,
// and is nobody's change.
func TestMergedVersionInAnEnvelope(t *testing.T) {
	d := dialect.Dialect{Name: "policies", WriteState: "/policy", Tokens: []dialect.Token{{Sent: dialect.InBody("/policy/etag"), Current: dialect.InBody("/etag")}}}
	origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
		switch {
		case req.Method == http.MethodGet:
			return 200, nil, `{"n":1,"x":2,"etag":"b"}`
		case strings.Contains(body, `"a"`):
			return 412, nil, ""
		}
		return 200, nil, ""
	}}
	r := sendTo(t, NewTransport(origin, MergeJSON([]byte(`{"n":1,"x":1,"etag":"0"}`)), WithDialect(d)), http.MethodPut, thing, `{"policy":{"n":5,"x":1,"etag":"a"},"mask":1}`)
	if want := `PUT {"policy":{"n":5,"x":2,"etag":"b"},"mask":1}`; r.err != nil || r.resp.StatusCode != 200 || origin.log[len(origin.log)-1] != want {
		t.Errorf("sent %q, want %s; %v", origin.log, want, r.outcome.Err)
	}
}

package fhir

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/origin"
)

// server is a FHIR server with one resource, as the specification has it.
type server struct {
	stu3    bool // 409 for another version, and 412 without If-Match
	version int
	text    string
	deleted bool
	refuses *origin.Answer // each write, where it isn't nil
	answer  *origin.Answer // to GET
	tag     string         // in place of W/"version"
}

func newServer(s *server) *origin.Origin {
	s.version, s.text = cmp.Or(s.version, 7), cmp.Or(s.text, `{"resourceType":"Basic","n":1}`)
	return &origin.Origin{Serve: s.serve, Fields: []string{"If-Match", "If-None-Match", "If-None-Exist"}}
}

func (s *server) etag() string { return cmp.Or(s.tag, fmt.Sprintf(`W/"%d"`, s.version)) }

// outcome is an OperationOutcome with one error of this code.
func outcome(code string) string {
	return `{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational"},{"severity":"error","code":"` + code + `"}]}`
}

func (s *server) serve(req *http.Request, body []byte) origin.Answer {
	match, noneMatch := req.Header.Get("If-Match"), req.Header.Get("If-None-Match")
	switch {
	case req.Method == http.MethodHead && !s.deleted:
		return origin.Tagged(200, s.etag(), "")
	case req.Method == http.MethodHead:
		return origin.JSON(410, "")
	case req.Method == http.MethodGet && s.answer != nil:
		return *s.answer
	case req.Method == http.MethodGet && s.deleted:
		return origin.JSON(410, outcome("deleted"))
	case req.Method == http.MethodGet:
		return origin.Tagged(200, s.etag(), s.text)
	case s.refuses != nil:
		return *s.refuses
	case match == "" && s.stu3:
		return origin.JSON(412, outcome("processing"))
	case match != "" && match != s.etag() && s.stu3:
		return origin.JSON(409, outcome("conflict"))
	case match != "" && match != s.etag(), noneMatch == "*" && !s.deleted:
		return origin.JSON(412, outcome("conflict"))
	}
	s.version++
	s.deleted = req.Method == http.MethodDelete
	if req.Method == http.MethodPatch { // a merge patch, as this server takes it
		var all map[string]any
		json.Unmarshal([]byte(s.text), &all)
		json.Unmarshal(body, &all)
		body, _ = json.Marshal(all)
	}
	s.text = string(body)
	return origin.Tagged(200, s.etag(), s.text)
}

const resource = "http://fhir.test/Basic/1"

var double = ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
	var b struct{ N int }
	err := json.Unmarshal(current.Body, &b)
	return fmt.Appendf(nil, `{"n":%d}`, 2*b.N), err
})

func TestWrites(t *testing.T) {
	stale := http.Header{"If-Match": {`W/"3"`}}
	with := func(code string, status int) *server {
		a := origin.JSON(status, outcome(code))
		return &server{refuses: &a}
	}
	get := func(a origin.Answer) *server { return &server{answer: &a, tag: "none"} }
	for name, test := range map[string]struct {
		server *server
		origin.Case
	}{
		"R4, Stop": {&server{}, origin.Case{Header: stale, Policy: ifmatch.Stop, Status: 412, Cause: ifmatch.CauseUnexamined}},
		"R4, Resend": {&server{}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /Basic/1 If-Match: W/"3" {"n":5} 412`, "HEAD /Basic/1 200", `PUT /Basic/1 If-Match: W/"7" {"n":5} 200`,
		}}},
		"a strong tag was sent": {&server{}, origin.Case{Header: http.Header{"If-Match": {`"3"`}}, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /Basic/1 If-Match: "3" {"n":5} 412`, "HEAD /Basic/1 200", `PUT /Basic/1 If-Match: W/"7" {"n":5} 200`,
		}}},
		"STU3, Stop": {&server{stu3: true}, origin.Case{Header: stale, Policy: ifmatch.Stop, Status: 409, Cause: ifmatch.CauseUnexamined}},
		"STU3, Resend": {&server{stu3: true}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /Basic/1 If-Match: W/"3" {"n":5} 409`, "HEAD /Basic/1 200", `PUT /Basic/1 If-Match: W/"7" {"n":5} 200`,
		}}},
		"STU3, Rebuild": {&server{stu3: true, text: `{"n":21}`}, origin.Case{Header: stale, Policy: double, Status: 200, Cause: ifmatch.CauseChanged, Text: `{"n":42}`, Log: []string{
			`PUT /Basic/1 If-Match: W/"3" {"n":5} 409`, "GET /Basic/1 200", `PUT /Basic/1 If-Match: W/"7" {"n":42} 200`,
		}}},
		"STU3, no If-Match": {&server{stu3: true}, origin.Case{Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CausePreconditionRequired, Log: []string{
			`PUT /Basic/1 {"n":5} 412`, "HEAD /Basic/1 200", `PUT /Basic/1 If-Match: W/"7" {"n":5} 200`,
		}}},
		"STU3, no If-Match, Stop": {&server{stu3: true}, origin.Case{Policy: ifmatch.Stop, Status: 412, Cause: ifmatch.CausePreconditionRequired}},
		"create only":             {&server{}, origin.Case{Header: http.Header{"If-None-Match": {"*"}}, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseExists}},
		"deleted": {&server{deleted: true}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseGone, Log: []string{
			`PUT /Basic/1 If-Match: W/"3" {"n":5} 412`, "HEAD /Basic/1 410",
		}}},
		"If-None-Exist, several": {with("processing", 412), origin.Case{
			Method: "POST", URL: "http://fhir.test/Basic", Header: http.Header{"If-None-Exist": {"identifier=1"}}, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed,
			Why: "conditional operation",
		}},
		"multiple-matches": {with("multiple-matches", 412), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed, Why: "several resources match"}},
		"conditional update, several": {with("processing", 412), origin.Case{
			URL: "http://fhir.test/Basic?identifier=1", Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed,
		}},
		"conditional update with If-Match": {with("", 412), origin.Case{
			URL: "http://fhir.test/Basic?identifier=1", Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed,
		}},
		"_format is no condition": {&server{}, origin.Case{URL: resource + "?_format=json", Header: stale, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /Basic/1?_format=json If-Match: W/"3" {"n":5} 412`, "HEAD /Basic/1?_format=json 200", `PUT /Basic/1?_format=json If-Match: W/"7" {"n":5} 200`,
		}}},
		"lock":                    {with("lock-error", 409), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseLocked}},
		"409 without If-Match":    {with("duplicate", 409), origin.Case{Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNone}},
		"409, a business rule":    {with("business-rule", 409), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseUnattributed}},
		"412, an unknown code":    {with("moon-phase", 412), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed}},
		"412 to POST":             {with("processing", 412), origin.Case{Method: "POST", Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed}},
		"the answer has no tag":   {get(origin.JSON(200, `{"n":1}`)), origin.Case{Header: stale, Policy: double, Status: 412, Cause: ifmatch.CauseNoValidator}},
		"a tag that is none":      {get(origin.Tagged(200, `W/7`, `{"n":1}`)), origin.Case{Header: stale, Policy: double, Status: 412, Cause: ifmatch.CauseNoValidator}},
		"a Bundle, without a tag": {get(origin.JSON(200, `{"resourceType":"Bundle"}`)), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator}},
		"the answer is above the bound": {get(origin.Tagged(200, `W/"7"`, strings.Repeat("a", 2000))), origin.Case{
			Header: stale, Policy: double, Options: ifmatch.Options{ifmatch.WithMaxRepresentation(1000)}, Status: 412, Cause: ifmatch.CauseRefreshFailed,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newServer(test.server)
			c := test.Case
			c.URL, c.Body = cmp.Or(c.URL, resource), `{"n":5}`
			c.Effect = ifmatch.EffectNotApplied
			switch {
			case c.Status == 200:
				c.Text, c.Effect = cmp.Or(c.Text, c.Body), ifmatch.EffectApplied
			case test.server.refuses != nil:
				c.Text = test.server.refuses.Body
			case c.Cause == ifmatch.CausePreconditionRequired:
				c.Text = outcome("processing")
			default:
				c.Text = outcome("conflict")
			}
			if test.server.answer != nil { // the writes are what counts
				c.Log = append([]string{`PUT /Basic/1 If-Match: W/"3" {"n":5} 412`}, map[bool][]string{
					true: {"GET /Basic/1 200"}, false: {"HEAD /Basic/1 200", "GET /Basic/1 200"},
				}[c.Policy != ifmatch.Policy(ifmatch.Resend)]...)
			}
			o.Run(t, Dialect(), c)
		})
	}
}

// TestIssueCode: JSON and XML are read, what isn't an OperationOutcome leaves it to
// the status, and one that can't be read is no version conflict for certain.
func TestIssueCode(t *testing.T) {
	const inXML = `<?xml version="1.0"?><OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="warning"/><code value="informational"/></issue>` +
		`<issue><severity value="error"/><code value="lock-error"/></issue></OperationOutcome>`
	for body, want := range map[string]ifmatch.Cause{
		"": ifmatch.CauseUnexamined, "<html>": ifmatch.CauseUnexamined, `[1]`: ifmatch.CauseUnexamined, strings.Repeat("[", 100000): ifmatch.CauseUnexamined,
		`{"resourceType":"OperationOutcome"}`: ifmatch.CauseUnexamined, `{"resourceType":"OperationOutcome","issue":[{}]}`: ifmatch.CauseUnexamined,
		outcome("conflict"): ifmatch.CauseUnexamined, outcome("lock-error"): ifmatch.CauseLocked, outcome("not-found"): ifmatch.CauseUnattributed,
		inXML: ifmatch.CauseLocked, strings.ReplaceAll(inXML, "lock-error", "conflict"): ifmatch.CauseUnexamined,
		inXML[:100]: ifmatch.CauseUnattributed,
		`{"resourceType":"OperationOutcome","text":"` + strings.Repeat("x", 70000) + `"}`: ifmatch.CauseUnattributed,
	} {
		base := roundTrip(func(req *http.Request) *http.Response {
			if req.Method == http.MethodPut {
				return &http.Response{StatusCode: 409, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
			}
			return &http.Response{StatusCode: 200, Header: http.Header{"Etag": {`W/"3"`}}, Body: http.NoBody}
		})
		var out ifmatch.Outcome
		req, _ := http.NewRequestWithContext(ifmatch.WithOutcome(t.Context(), &out), http.MethodPut, resource, strings.NewReader("x"))
		req.Header.Set("If-Match", `W/"3"`)
		resp, err := ifmatch.NewTransport(base, ifmatch.Stop, ifmatch.WithDialect(Dialect())).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if out.Cause != want {
			t.Errorf("%.60s: %v, %v", body, out.Cause, out.Err)
		}
	}
}

// TestSlowOutcome: a body that isn't there in time may be about a lock.
func TestSlowOutcome(t *testing.T) {
	for length, want := range map[string]bool{"0": true, "": false, "100": false} {
		h := http.Header{"Content-Type": {"application/fhir+json"}, "Content-Length": {length}}
		if _, ok := codeIn(nil, h); ok != want {
			t.Errorf("%q: %t", length, ok)
		}
	}
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	resp := f(req)
	resp.Request = req
	return resp, nil
}

// TestWholeState: Rebuild gets the resource, not the elements that the answer to the
// write was to have.
func TestWholeState(t *testing.T) {
	var refreshed string
	base := roundTrip(func(req *http.Request) *http.Response {
		if req.Method == http.MethodPut {
			return &http.Response{StatusCode: 412, Header: http.Header{}, Body: http.NoBody}
		}
		refreshed = req.URL.RawQuery
		return &http.Response{StatusCode: 404, Header: http.Header{}, Body: http.NoBody}
	})
	req, _ := http.NewRequest(http.MethodPut, resource+"?_elements=a&_format=json&_summary=true", strings.NewReader("x"))
	req.Header.Set("If-Match", `W/"3"`)
	resp, err := ifmatch.NewTransport(base, ifmatch.Resend, ifmatch.WithDialect(Dialect())).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if refreshed != "_format=json" {
		t.Error(refreshed)
	}
}

func TestUpdates(t *testing.T) {
	for _, stu3 := range []bool{false, true} {
		for name, opts := range map[string]ifmatch.UpdateOptions{"PUT": nil, "patch": {ifmatch.WithPatch()}} {
			t.Run(fmt.Sprint(name, ", STU3: ", stu3), func(t *testing.T) {
				origin.Writers(t, newServer(&server{stu3: stu3}), resource, Dialect(), slices.Clone(opts)...)
			})
		}
	}
	t.Run("create", func(t *testing.T) { origin.Create(t, newServer(&server{deleted: true}), resource, Dialect()) })
}

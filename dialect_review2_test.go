package ifmatch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
)

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
		if d := s.dialectFor(u, new(preparedDialect)); d.Name != "mine" {
			t.Errorf("%s: not found by %q", test[1], test[0])
		}
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

type countedClose struct {
	io.Reader
	n int
}

func (c *countedClose) Close() error { c.n++; return nil }

// TestJudgePanics: both bodies are closed.
func TestJudgePanics(t *testing.T) {
	d := dialect.Dialect{Statuses: []int{409}, Judge: func(a *dialect.Answer) dialect.Verdict { a.Body(); panic("x") }}
	body, reqBody := &countedClose{Reader: strings.NewReader("no")}, &countedClose{Reader: strings.NewReader("mine")}
	base := baseFunc(func(req *http.Request) (*http.Response, error) {
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
	if body.n == 0 || reqBody.n != 1 {
		t.Errorf("response closed %d, request %d", body.n, reqBody.n)
	}
}

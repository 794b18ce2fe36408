package refresh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// TestHeader: what selects and authorizes goes, conditions and what describes the body
// don't, however they are spelled.
func TestHeader(t *testing.T) {
	accept := append(make([]string, 0, 3), "text/plain", "text/html")
	write := http.Header{
		"Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "Accept": accept, "x-ms-version": {"1"},
		"if-match": {`"v1"`}, "If": {"(<urn:x>)"}, "content-type": {"text/plain"}, "X-Amz-Meta-A": {"1"}, "X-HTTP-Method": {"MERGE"},
		"accept-encoding": {"br"}, "Cache-Control": {"max-age=5"}, "Prefer": {"return=minimal"}, "Idempotency-Key": {"k"},
	}
	want := http.Header{
		"Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "Accept": {"text/plain", "text/html"}, "x-ms-version": {"1"},
		"Accept-Encoding": {"identity"}, "Cache-Control": {"no-cache"}, "Pragma": {"no-cache"},
	}
	if diff := cmp.Diff(want, Header(write, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want["Prefer"] = []string{"return=minimal"}
	h := Header(write, true)
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("with Prefer (-want +got):\n%s", diff)
	}
	if h.Add("Accept", "mine"); accept[:3][2] != "" {
		t.Errorf("an added value went to the write: %q", accept[:3])
	}
}

// TestCarries goes through both tables: a whole name drops that field alone, a prefix
// all that begin with it.
func TestCarries(t *testing.T) {
	for _, name := range drops {
		if Carries(name) || !Carries(name+"x") && name != "If" {
			t.Errorf("%s is carried, or %sx isn't", name, name)
		}
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s isn't canonical", name)
		}
	}
	for _, prefix := range dropPrefixes {
		if Carries(prefix) || Carries(prefix+"x") || !Carries("X"+prefix) {
			t.Errorf("the prefix %s", prefix)
		}
		if !strings.HasPrefix(http.CanonicalHeaderKey(prefix+"x"), prefix) {
			t.Errorf("%s isn't canonical", prefix)
		}
	}
}

// closing counts how often it is closed.
type closing struct {
	io.Reader
	closed *int
}

func (c closing) Close() error { *c.closed++; return nil }

// TestChange: a refresh stays one, goes to the origin of the write (rule 19) and keeps
// the limits.
func TestChange(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "limits")
	newRequest := func(method, url string) *http.Request {
		req, err := http.NewRequestWithContext(ctx, method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	write := newRequest(http.MethodPut, "http://origin.test/doc")
	cancel := make(chan struct{})
	write.Cancel = cancel
	failure, closed := errors.New("failure"), 0
	for name, test := range map[string]struct {
		needState bool
		change    func(r *http.Request) (*http.Request, error)
		method    string // of the result
		err       string
	}{
		"nothing":     {false, func(r *http.Request) (*http.Request, error) { return r, nil }, "HEAD", ""},
		"another URL": {false, func(r *http.Request) (*http.Request, error) { r.URL.Path = "/other"; return r, nil }, "HEAD", ""},
		"the port of http": {false, func(r *http.Request) (*http.Request, error) {
			r.URL.Host, r.Host = "origin.test:80", "origin.test"
			return r, nil
		}, "HEAD", ""},
		"GET":                {true, func(r *http.Request) (*http.Request, error) { r.Method = "GET"; return r, nil }, "GET", ""},
		"no method":          {true, func(r *http.Request) (*http.Request, error) { r.Method = ""; return r, nil }, "GET", ""},
		"HEAD for the state": {true, func(r *http.Request) (*http.Request, error) { return r, nil }, "", "HEAD has no state, and this refresh needs it"},
		"another request": {false, func(*http.Request) (*http.Request, error) {
			return http.NewRequest("HEAD", "http://origin.test/x", nil)
		}, "HEAD", ""},
		"no body": {false, func(r *http.Request) (*http.Request, error) { r.Body = http.NoBody; return r, nil }, "HEAD", ""},
		"a body": {false, func(r *http.Request) (*http.Request, error) {
			r.Body = closing{strings.NewReader("x"), &closed}
			return r, nil
		}, "", "the request has a body"},
		"nil":                   {false, func(*http.Request) (*http.Request, error) { return nil, nil }, "", "it returned no request"},
		"no URL":                {false, func(r *http.Request) (*http.Request, error) { r.URL = nil; return r, nil }, "", "it returned no request"},
		"a failure":             {false, func(r *http.Request) (*http.Request, error) { return r, failure }, "", "failure"},
		"a failure and nothing": {false, func(*http.Request) (*http.Request, error) { return nil, failure }, "", "failure"},
		"POST":                  {false, func(r *http.Request) (*http.Request, error) { r.Method = "POST"; return r, nil }, "", `method "POST": only HEAD and GET ask for a state`},
		"another host":          {false, func(r *http.Request) (*http.Request, error) { r.URL.Host = "elsewhere.test"; return r, nil }, "", `"http://elsewhere.test/doc" is another origin, and credentials stay with theirs`},
		"another Host":          {false, func(r *http.Request) (*http.Request, error) { r.Host = "elsewhere.test"; return r, nil }, "", `"http://origin.test/doc" is another origin, and credentials stay with theirs`},
		"https":                 {false, func(r *http.Request) (*http.Request, error) { r.URL.Scheme = "https"; return r, nil }, "", `"https://origin.test/doc" is another origin, and credentials stay with theirs`},
	} {
		req := newRequest(http.MethodHead, "http://origin.test/doc")
		before := *req
		got, err := Change(req, write, test.change, May{NeedState: test.needState})
		if err != nil {
			if err.Error() != test.err || got != nil {
				t.Errorf("%s: %v, want %q", name, err, test.err)
			}
			continue
		}
		if got.Method != test.method || test.err != "" || got.Context().Value(key{}) != "limits" || got.Cancel != (<-chan struct{})(cancel) {
			t.Errorf("%s: %s, context %v, want %s, %q", name, got.Method, got.Context(), test.method, test.err)
		}
		if req.Method != before.Method || req.URL.String() != "http://origin.test/doc" || req.Body != before.Body {
			t.Errorf("%s: changed the request that it was given: %v", name, req)
		}
	}
	if closed != 1 {
		t.Errorf("the body was closed %d times", closed)
	}
}

// TestChangeByDialect (rule 19): a dialect may read by another method, with a body, and at the
// origins that it lists; there nothing goes along that the caller had set.
func TestChangeByDialect(t *testing.T) {
	const doc = "http://origin.test/doc"
	own := func(r *http.Request) { r.Header.Add("Cookie", "own=1"); r.Header.Set("X-Own", "o") }
	for name, test := range map[string]struct {
		method, url, body string
		more              func(*http.Request)
		credentials       string
		want              string // method, URL, body, Cookie, X-Own; or the error
	}{
		"a POST with a body":      {"POST", doc + ":get", "{}", nil, "", "POST http://origin.test/doc:get {} [user=u] origin.test"},
		"PROPFIND":                {"PROPFIND", doc, "", nil, "", "PROPFIND http://origin.test/doc  [user=u] origin.test"},
		"GET with a body":         {"GET", doc, "{}", nil, "", "the request has a body"},
		"PUT":                     {"PUT", doc, "{}", nil, "", `method "PUT" changes the state, or may: a refresh is a safe method or POST`},
		"put":                     {"put", doc, "{}", nil, "", `method "put" changes the state, or may: a refresh is a safe method or POST`},
		"MOVE":                    {"MOVE", doc, "{}", nil, "", `method "MOVE" changes the state, or may: a refresh is a safe method or POST`},
		"PATCH":                   {"PATCH", doc, "{}", nil, "", `method "PATCH" changes the state, or may: a refresh is a safe method or POST`},
		"DELETE":                  {"DELETE", doc, "{}", nil, "", `method "DELETE" changes the state, or may: a refresh is a safe method or POST`},
		"a listed origin":         {"POST", "http://u:p@listed.test/s", "{}", own, "", "POST http://listed.test/s {} [] o"}, // Cookie may be a credential, whatever is in it
		"a token in the query":    {"GET", "http://listed.test/s?token=t&own=o", "", nil, "", "GET http://listed.test/s?own=o  []"},
		"a field of the write":    {"GET", "http://listed.test/s", "", func(r *http.Request) { r.Header.Set("X-Own", "o"); r.Header.Set("X-Write", "w") }, "", "GET http://listed.test/s  [] o"},
		"the Host of another one": {"GET", "http://listed.test/s", "", func(r *http.Request) { r.Host = "origin.test" }, "", "GET http://listed.test/s  []"},
		"with credentials":        {"GET", "http://listed.test/s", "", own, "http://listed.test", "GET http://listed.test/s  [user=u own=1] o"},
		"not listed":              {"POST", "http://other.test/s", "{}", nil, "http://other.test", `"http://other.test/s" is another origin, and credentials stay with theirs`},
		"relative":                {"GET", "/s", "{}", nil, "", "the request has a body"},
		"relative, no body":       {"POST", "/s", "{}", nil, "", `"/s" is another origin, and credentials stay with theirs`},
		"opaque":                  {"POST", "http:origin.test/doc", "{}", nil, "", `"http:origin.test/doc" is another origin, and credentials stay with theirs`},
		"a line in the query":     {"POST", doc, "{}", func(r *http.Request) { r.URL.RawQuery = "a\r\nX: y" }, "", "the URL has a control character"},
		"a line in the host":      {"POST", doc, "{}", func(r *http.Request) { r.URL.Host = "origin.test\r\nX: y" }, "", `"http://origin.test%0D%0AX:%20y/doc" is another origin, and credentials stay with theirs`},
	} {
		closed := 0
		req, _ := http.NewRequest(http.MethodHead, doc, nil)
		req.Header.Set("Cookie", "user=u")
		if strings.Contains(test.url, "token=") {
			req.URL.RawQuery = "token=t"
		}
		write := req.Clone(t.Context())
		write.Header.Set("X-Write", "w")
		may := May{Credentials: []string{test.credentials}, Write: dialect.NewWrite(write, func() []byte { return nil })}
		made, err := Change(req, req, func(given *http.Request) (*http.Request, error) {
			req, _ := http.NewRequest(test.method, test.url, nil)
			req.Header = given.Header
			if test.body != "" {
				req.Body = closing{strings.NewReader(test.body), &closed}
			}
			if test.more != nil {
				test.more(req)
			}
			return req, nil
		}, may.OfDialect([]string{"http://LISTED.test:80"}))
		if err != nil {
			if err.Error() != test.want || closed != 1 {
				t.Errorf("%s: %v, want %s; its body was closed %d times", name, err, test.want, closed)
			}
			continue
		}
		var body []byte
		if made.Body != nil {
			body, _ = io.ReadAll(made.Body)
		}
		got := strings.TrimSpace(fmt.Sprintf("%s %s %s %v %s%s", made.Method, made.URL, body, made.Header["Cookie"], made.Header.Get("X-Own")+made.Header.Get("X-Write"), made.Host))
		if got != test.want || closed != 0 {
			t.Errorf("%s: %s, want %s; its body was closed %d times", name, got, test.want, closed)
		}
	}
}

// TestChangeAfterDialect: the caller's own change comes after that of the dialect. It keeps
// origin, method and body of what it gets, and goes nowhere else.
func TestChangeAfterDialect(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*http.Request) (*http.Request, error)
		want   string
		closed int
	}{
		"as it is":       {func(r *http.Request) (*http.Request, error) { return r, nil }, "POST http://listed.test/s {} 2 a", 0},
		"another header": {func(r *http.Request) (*http.Request, error) { r.Header.Set("X-Key", "b"); return r, nil }, "POST http://listed.test/s {} 2 b", 0},
		"another path":   {func(r *http.Request) (*http.Request, error) { r.URL.Path = "/t"; return r, nil }, "POST http://listed.test/t {} 2 a", 0},
		"by GET":         {func(r *http.Request) (*http.Request, error) { r.Method = "GET"; return r, nil }, "GET http://listed.test/s  0 a", 1},
		"back":           {func(r *http.Request) (*http.Request, error) { r.URL.Host = "origin.test"; return r, nil }, "POST http://origin.test/s {} 2 a", 0},
		"elsewhere":      {func(r *http.Request) (*http.Request, error) { r.URL.Host = "third.test"; return r, nil }, `"http://third.test/s" is another origin, and credentials stay with theirs`, 1},
		"another method": {func(r *http.Request) (*http.Request, error) { r.Method = "PROPFIND"; return r, nil }, `method "PROPFIND": only HEAD and GET ask for a state`, 1},
		"a failure":      {func(r *http.Request) (*http.Request, error) { return nil, errors.New("failure") }, "failure", 1},
		"its own body": {func(r *http.Request) (*http.Request, error) {
			r.Body = io.NopCloser(strings.NewReader("x"))
			return r, nil
		}, "the request has a body", 1},
		"sees no body": {func(r *http.Request) (*http.Request, error) {
			if r.Body != nil || r.GetBody != nil || r.ContentLength != 0 {
				return nil, errors.New("a body")
			}
			return r, nil
		}, "POST http://listed.test/s {} 2 a", 0},
	} {
		closed := 0
		origin, _ := http.NewRequest(http.MethodHead, "http://origin.test/doc", nil)
		before, _ := http.NewRequest(http.MethodPost, "http://listed.test/s", nil)
		before.Host = "" // as Change leaves it
		before.Body, before.ContentLength = closing{strings.NewReader("{}"), &closed}, 2
		before.Header.Set("X-Key", "a")
		made, err := Change(before, origin, test.change, May{})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			var body []byte
			if made.Body != nil {
				body, _ = io.ReadAll(made.Body)
			}
			got = fmt.Sprintf("%s %s %s %d %s", made.Method, made.URL, body, made.ContentLength, made.Header.Get("X-Key"))
		}
		if got != test.want || closed != test.closed {
			t.Errorf("%s: %s, closed %d; want %s, %d", name, got, closed, test.want, test.closed)
		}
	}
}

// TestFromCache: an answer is from a cache only where it shows that.
func TestFromCache(t *testing.T) {
	earlier := header([]string{"Date: " + at1})
	for field, want := range map[string]bool{
		"ETag: \"v1\"": false, "Date: " + at1: false, "Date: " + at2: false, "Date: x": false, "Cache-Control: max-age=9": false,
		"Date: " + at0: true, "Age: 0": true, "Cache-Status: x; hit": true, "Proxy-Status: x": true, "X-Cache: MISS": true, "Via: 1.1 x": true,
	} {
		if got := FromCache(header([]string{field}), earlier); got != want {
			t.Errorf("%s: %v", field, got)
		}
	}
	if FromCache(header([]string{"Date: " + at0}), http.Header{}) {
		t.Error("older than an answer without a Date")
	}
}

// TestSameResource: a query may have more in it, and nothing else may differ.
func TestSameResource(t *testing.T) {
	for _, test := range []struct {
		asked, written string
		want           bool
	}{
		{"http://a.test/doc", "http://a.test/doc", true}, {"http://a.test/doc?t=1", "http://a.test/doc", true},
		{"http://a.test/doc?t=1&id=5", "http://a.test/doc?id=5", true}, {"http://a.test/doc?id=6", "http://a.test/doc?id=5", false},
		{"http://a.test/doc?id=5&id=6", "http://a.test/doc?id=5", false}, {"http://a.test/doc", "http://a.test/doc?id=5", false},
		{"http://a.test/other", "http://a.test/doc", false}, {"http://a.test/a%2Fb", "http://a.test/a/b", false}, {"a:b", "a:c", false},
	} {
		asked, _ := url.Parse(test.asked)
		written, _ := url.Parse(test.written)
		if got := SameResource(asked, written); got != test.want {
			t.Errorf("%s for %s: %v", test.asked, test.written, got)
		}
	}
}

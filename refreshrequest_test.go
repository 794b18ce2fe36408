package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// policyAPI is an API whose state is read by POST with a body, as Google's policies are.
func policyAPI() dialect.Dialect {
	return dialect.Dialect{
		Name:       "policies",
		Tokens:     []dialect.Token{{Sent: dialect.InBody("/policy/etag"), Current: dialect.InBody("/etag")}},
		Statuses:   []int{409},
		Judge:      func(a *dialect.Answer) dialect.Verdict { return a.Conflict() },
		WriteState: "/policy",
		WriteRequest: func(req *http.Request) (*http.Request, error) {
			req.Method, req.URL.Path = http.MethodPost, req.URL.Path+":set"
			return req, nil
		},
		RefreshRequest: func(req *http.Request) (*http.Request, error) {
			u := *req.URL
			u.Path = strings.TrimSuffix(u.Path, ":set") + ":get"
			read, err := http.NewRequest(http.MethodPost, u.String(), strings.NewReader(`{"version":3}`))
			if err == nil {
				read.Header = req.Header.Clone()
			}
			return read, err
		},
	}
}

// TestRefreshByPost: Update reads by POST, also where that has to be repeated, and so does the
// refresh after a refusal. Neither counts as a write.
func TestRefreshByPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		version, sick := 1, 1
		origin := &served{}
		origin.serve = func(req *http.Request, body string) (int, http.Header, string) {
			switch {
			case strings.HasSuffix(req.URL.Path, ":get") && sick > 0:
				sick--
				return 503, nil, ""
			case strings.HasSuffix(req.URL.Path, ":get"):
				return 200, nil, fmt.Sprintf(`{"n":%d,"etag":"v%d"}`, version, version)
			case version == 1:
				version = 2
				return 409, nil, ""
			}
			return 200, nil, ""
		}
		var attempts []string
		trace := &Trace{Attempting: func(i AttemptingInfo) { attempts = append(attempts, i.URL) }}
		s, err := Update(context.Background(), &http.Client{Transport: origin}, thing, addOne, WithDialect(policyAPI()), WithTrace(trace))
		want := []string{
			`POST {"version":3}`, `POST {"version":3}`, `POST {"policy":{"n":2,"etag":"v1"}}`,
			`POST {"version":3}`, `POST {"policy":{"n":3,"etag":"v2"}}`,
		}
		if err != nil || !slices.Equal(origin.log, want) || s.Outcome.Attempts != 2 || len(attempts) != 2 {
			t.Errorf("sent %q, want %q; %+v, %v, attempts %q", origin.log, want, s.Outcome, err, attempts)
		}
	})
}

// TestRefreshKnowsTheWrite: the refresh of a MOVE asks for its destination, and the refresh of a
// write whose body names a branch asks for that branch.
func TestRefreshKnowsTheWrite(t *testing.T) {
	d := dialect.RFC9110()
	d.RefreshRequest = func(req *http.Request) (*http.Request, error) {
		write := dialect.WriteOf(req)
		if write == nil {
			return nil, fmt.Errorf("no write")
		}
		req.URL.Path = write.Request.Header.Get("Destination")
		req.URL.RawQuery = "body=" + string(write.Body()) + "&method=" + write.Request.Method
		write.Request.Header.Set("X-Changed", "changed")
		write.Request.URL.Path, write.Request.Method = "/changed", "CHANGED"
		return req, nil
	}
	var asked []string
	origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
		if req.Method == http.MethodHead {
			asked = append(asked, req.URL.RequestURI())
			if dialect.WriteOf(req) != nil {
				t.Error("what goes out has the write in its context")
			}
			return 200, http.Header{"Etag": {`"2"`}}, ""
		}
		if req.Header.Get("If-Match") == `"2"` {
			if req.Method != "MOVE" || req.URL.String() != thing || req.Header["X-Changed"] != nil {
				t.Errorf("the dialect has changed the write: %s %s %v", req.Method, req.URL, req.Header)
			}
			return 201, nil, ""
		}
		return 412, nil, ""
	}}
	r := sendTo(t, NewTransport(origin, Resend, WithDialect(d)), "MOVE", thing, "main", `If-Match: "1"`, "Destination: /there")
	if r.err != nil || r.resp.StatusCode != 201 || !slices.Equal(asked, []string{"/there?body=main&method=MOVE"}) {
		t.Errorf("%s, asked %q, %v", r.summary(), asked, r.outcome.Err)
	}
}

// TestRefreshAtAnotherOrigin (rule 19): a refresh goes to another origin only where the dialect
// lists it, and takes no credentials along unless an option names that origin.
func TestRefreshAtAnotherOrigin(t *testing.T) {
	for name, test := range map[string]struct {
		listed []string
		opts   []Option
		to     string
		want   string // the fields of the refresh; empty: none is sent
	}{
		"not listed":               {nil, nil, "http://x.test/s", ""},
		"another one":              {[]string{"http://y.test"}, nil, "http://x.test/s", ""},
		"another port":             {[]string{"http://x.test:81"}, nil, "http://x.test/s", ""},
		"another scheme":           {[]string{"https://x.test"}, nil, "http://x.test/s", ""},
		"an option lists none":     {nil, []Option{WithRefreshCredentials("http://x.test")}, "http://x.test/s", ""},
		"listed":                   {[]string{"http://X.test:80"}, nil, "http://u:p@x.test/s", "Accept=a X-Own=o"},
		"listed, with credentials": {[]string{"http://x.test"}, []Option{WithRefreshCredentials("http://x.test")}, "http://x.test/s", "Accept=a Authorization=secret X-Key=k X-Own=o"},
		"credentials for another":  {[]string{"http://x.test"}, []Option{WithRefreshCredentials("http://y.test")}, "http://x.test/s", "Accept=a X-Own=o"},
		"taken back":               {[]string{"http://x.test"}, []Option{WithRefreshCredentials("http://x.test"), WithRefreshCredentials()}, "http://x.test/s", "Accept=a X-Own=o"},
	} {
		d := dialect.RFC9110()
		d.RefreshOrigins = test.listed
		d.RefreshRequest = func(req *http.Request) (*http.Request, error) {
			to, err := http.NewRequest(req.Method, test.to, nil)
			if err == nil {
				to.Header = req.Header.Clone()
				to.Header.Set("X-Own", "o")
			}
			return to, err
		}
		got := ""
		origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
			if req.Method == http.MethodPut {
				return 412, nil, ""
			}
			var all []string
			for _, name := range []string{"Accept", "Authorization", "X-Key", "X-Own"} {
				if v := req.Header.Get(name); v != "" {
					all = append(all, name+"="+v)
				}
			}
			if got = strings.Join(all, " "); req.URL.User != nil {
				got += " " + req.URL.User.String()
			}
			return 404, nil, ""
		}}
		r := sendTo(t, NewTransport(origin, Resend, append(test.opts, WithDialect(d))...), http.MethodPut, thing, "x", `If-Match: "1"`, "Authorization: secret", "X-Key: k", "Accept: a")
		if got != test.want {
			t.Errorf("%s: %q, want %q; %v", name, got, test.want, r.outcome.Err)
		}
		if text := fmt.Sprint(r.outcome.Err); !strings.Contains(text, "//x.test/s") || strings.Contains(text, "u:p@") {
			t.Errorf("%s: the error doesn't name the URL that was asked: %s", name, text)
		}
	}
}

// TestRefreshCredentialsForNoOrigin: a text that is no origin would never match, so the refresh
// isn't sent, and the error says which argument it is, without its text.
func TestRefreshCredentialsForNoOrigin(t *testing.T) {
	for _, text := range []string{"", "api.test", "https://u:secret@api.test", "https://api.test/", "https://api.test:0", "https://api.test:65536", "https://*.test", "ftp://api.test", "https://api.test?", "https://"} {
		origin := &served{serve: func(*http.Request, string) (int, http.Header, string) { return 412, nil, "" }}
		rt := NewTransport(origin, Resend, WithRefreshCredentials("https://api.test:8443", text))
		r := sendTo(t, rt, http.MethodPut, thing, "x", `If-Match: "1"`)
		if err := fmt.Sprint(r.outcome.Err); len(origin.log) != 1 || r.outcome.Cause != CauseRefreshFailed || !strings.Contains(err, "argument 2") || strings.Contains(err, "secret") {
			t.Errorf("%q: %v, sent %q", text, err, origin.log)
		}
		if _, err := Get[counter](t.Context(), &http.Client{Transport: rt}, thing); err == nil || len(origin.log) != 1 {
			t.Errorf("%q: Get: %v, sent %q", text, err, origin.log)
		}
	}
}

// TestRefreshByPostIsNoWrite: no Transport on the way takes the answer to such a read for a
// refusal, or counts it as a write, and it has its text where it fails.
func TestRefreshByPostIsNoWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := policyAPI()
		d.Statuses = []int{409, 428}
		d.Judge = func(a *dialect.Answer) dialect.Verdict {
			if a.StatusCode == 428 {
				return a.Required()
			}
			return a.Conflict()
		}
		for _, status := range []int{409, 428, 503, 0} {
			origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
				if strings.HasSuffix(req.URL.Path, ":get") {
					return status, nil, ""
				}
				return 409, nil, ""
			}}
			var told []string
			tell := func(what, u string) { told = append(told, what+u[len(thing):]) }
			trace := &Trace{
				Attempting: func(i AttemptingInfo) { tell("attempting ", i.URL) },
				Attempted:  func(i AttemptedInfo) { tell("attempted ", i.Exchange.URL) },
				Refused:    func(i RefusedInfo) { tell("refused ", i.URL) },
				Done: func(i DoneInfo) {
					if i.Outcome.Effect != EffectNotApplied {
						t.Errorf("%d: %+v", status, i.Outcome)
					}
				},
			}
			below := NewTransport(origin, Stop, WithDialect(d), WithTrace(trace))
			above := NewTransport(below, Resend, WithDialect(d))
			r := sendTo(t, above, http.MethodPost, thing+":set", `{"policy":{"etag":"v1"}}`)
			if want := []string{"attempting :set", "attempted :set", "refused :set"}; !slices.Equal(told, want) || !strings.Contains(fmt.Sprint(r.outcome.Err), thing+":get") {
				t.Errorf("%d: told %q, sent %q, %v", status, told, origin.log, r.outcome.Err)
			}
			told = nil
			_, err := Get[counter](t.Context(), &http.Client{Transport: above}, thing, WithDialect(d))
			if told != nil || !strings.Contains(fmt.Sprint(err), thing+":get") || errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("Get, %d: told %q, %v", status, told, err)
			}
		}
	})
}

// TestRewrittenReadIsNoWrite: something between may rewrite the URL of a read by POST, or its
// body. What it asks on its own account in the read's context, a token say, is no read.
func TestRewrittenReadIsNoWrite(t *testing.T) {
	for name, test := range map[string]struct {
		body    string // of the read
		rewrite func(*http.Request)
		counts  bool
	}{
		"nothing":                {"{}", func(*http.Request) {}, false},
		"another host":           {"{}", func(req *http.Request) { req.URL.Host = "gate.test" }, false},
		"another path":           {"{}", func(req *http.Request) { req.URL.Path = "/gate" + req.URL.Path }, false},
		"another body":           {"{}", func(req *http.Request) { setBody(req, []byte("x")) }, false},
		"no body, another host":  {"", func(req *http.Request) { req.URL.Host = "gate.test" }, false},
		"no body, another path":  {"", func(req *http.Request) { req.URL.Path = "/token" }, true},
		"another path and body":  {"{}", func(req *http.Request) { req.URL.Path = "/token"; setBody(req, []byte("[]")) }, true},
		"another length":         {"{}", func(req *http.Request) { req.URL.Path = "/token"; setBody(req, []byte("{}\n")) }, true},
		"a body that can't open": {"{}", func(req *http.Request) { req.URL.Path, req.GetBody = "/token", nil }, true},
		"a body that is nil": {"{}", func(req *http.Request) {
			req.URL.Path, req.GetBody = "/token", func() (io.ReadCloser, error) { return nil, nil }
		}, true},
		"another method": {"{}", func(req *http.Request) { req.Method = http.MethodPut }, true},
		"a long body":    {strings.Repeat(" ", mostCompared), func(req *http.Request) { req.URL.Path = "/x" }, true},
	} {
		attempts := 0
		trace := &Trace{Attempting: func(AttemptingInfo) { attempts++ }}
		below := NewTransport(&served{serve: func(*http.Request, string) (int, http.Header, string) { return 200, nil, `{"n":1,"etag":"v1"}` }}, Stop, WithTrace(trace))
		between := roundTripper(func(req *http.Request) (*http.Response, error) {
			sent := req.Clone(req.Context())
			test.rewrite(sent)
			resp, err := below.RoundTrip(sent)
			if err == nil {
				resp.Request = req
			}
			return resp, err
		})
		d := policyAPI()
		d.RefreshRequest = func(req *http.Request) (*http.Request, error) {
			req.Method = http.MethodPost
			setBody(req, []byte(test.body))
			return req, nil
		}
		if _, err := Get[counter](t.Context(), &http.Client{Transport: between}, thing, WithDialect(d)); err != nil || (attempts > 0) != test.counts {
			t.Errorf("%s: counted as a write %d times, %v", name, attempts, err)
		}
	}
}

// TestRefreshIsNotRedirected (rule 19): a redirect of a refresh isn't followed, whatever its
// method is, nor is one of the read of an Update that is a POST. Nothing is written then.
func TestRefreshIsNotRedirected(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"http://evil.test/thing:get", thing + "2:get"} {
			var hosts []string
			origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
				hosts = append(hosts, req.Method+" "+req.URL.String())
				switch {
				case req.URL.String() == to:
					return 200, nil, `{"n":1,"etag":"v9"}`
				case strings.HasSuffix(req.URL.Path, ":get"):
					return status, http.Header{"Location": {to}}, ""
				}
				return 409, nil, ""
			}}
			r := sendTo(t, NewTransport(origin, Resend, WithDialect(policyAPI())), http.MethodPost, thing+":set", `{"policy":{"etag":"v1"}}`, "Authorization: secret")
			if want := []string{"POST " + thing + ":set", "POST " + thing + ":get"}; !slices.Equal(hosts, want) || r.outcome.Cause != CauseRefreshFailed {
				t.Errorf("%d: %s, sent %q, want %q", status, r.summary(), hosts, want)
			}
			_, err := Update(context.Background(), &http.Client{Transport: origin}, thing, addOne, WithDialect(policyAPI()))
			if text := fmt.Sprint(err); !strings.Contains(text, fmt.Sprintf("POST %q: redirected to %q", thing+":get", to)) || !slices.Equal(hosts[2:], []string{"POST " + thing + ":get"}) {
				t.Errorf("%d: Update: %v, sent %q", status, err, hosts[2:])
			}
		}
	}
}

// destinations is a dialect whose refresh asks for the Destination of the write, as it stands
// there: what it may be is for the Transport to say.
func destinations() dialect.Dialect {
	d := dialect.RFC9110()
	d.RefreshRequest = func(req *http.Request) (*http.Request, error) {
		to, err := url.Parse(dialect.WriteOf(req).Request.Header.Get("Destination"))
		if err != nil {
			return nil, err
		}
		req.URL, req.Host = to, ""
		return req, nil
	}
	return d
}

// TestRefreshOfHostileDestination (rule 19): a Destination is a text of the write. The refresh
// goes nowhere but to the origin of the write, and errors hold no secret of it, and not all of
// a long one.
func TestRefreshOfHostileDestination(t *testing.T) {
	for name, test := range map[string]struct{ destination, sent, text string }{
		"there":           {"http://api.test/there", "http://api.test/there", ""},
		"with its port":   {"http://api.test:80/there", "", "is another origin"}, // in another spelling than the Host of the write
		"another case":    {"http://API.test/there", "http://API.test/there", ""},
		"another origin":  {"http://evil.test/there", "", `refresh by HEAD "http://api.test/doc": ifmatch: WithRefreshRequest: dialect RFC 9110: "http://evil.test/there" is another origin`},
		"another scheme":  {"https://api.test/there", "", "is another origin"},
		"another port":    {"http://api.test:81/there", "", "is another origin"},
		"userinfo":        {"http://api.test:secret@evil.test/there", "", `"http://evil.test/there" is another origin`},
		"userinfo there":  {"http://u:secret@api.test/there", "http://u:secret@api.test/there", ""},
		"relative":        {"/there", "", `"/there" is another origin`},
		"without scheme":  {"//api.test/there", "", "is another origin"},
		"opaque":          {"http:evil.test", "", "is another origin"},
		"CRLF":            {"http://api.test/\r\nX: secret", "", "invalid control character"},
		"CRLF, escaped":   {"http://api.test/%0D%0AX:%20y", "http://api.test/%0D%0AX:%20y", ""},
		"CRLF in host":    {"http://api.test%0d%0a/x", "", `invalid URL escape`},
		"nothing":         {"", "", "is another origin"},
		"huge, elsewhere": {"http://evil.test/" + strings.Repeat("x", 1<<20), "", "is another origin"},
		"huge":            {"http://api.test/" + strings.Repeat("x", 1<<20), "http://api.test/" + strings.Repeat("x", 1<<20), ""},
	} {
		var asked []string
		origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
			if req.Method == "MOVE" {
				return 412, nil, ""
			}
			asked = append(asked, req.URL.String())
			return 414, nil, ""
		}}
		r := sendTo(t, NewTransport(origin, Resend, WithDialect(destinations())), "MOVE", "http://api.test/doc", "", `If-Match: "1"`, "Destination: "+test.destination)
		if got := strings.Join(asked, " "); got != test.sent || r.outcome.Attempts != 1 || r.outcome.Cause != CauseRefreshFailed {
			t.Errorf("%s: asked %.100q, want %.100q; %s", name, got, test.sent, r.summary())
		}
		text := fmt.Sprint(r.outcome.Err)
		if !strings.Contains(text, test.text) || strings.Contains(text, "secret") || strings.ContainsAny(text, "\r\n") || len(text) > 3000 {
			t.Errorf("%s: %.2000s", name, text)
		}
	}
}

// TestMissingElsewhere: that a state isn't at another origin, where the refresh had no
// credentials, says nothing of the document: no DELETE was applied by it.
func TestMissingElsewhere(t *testing.T) {
	origins := []string{"http://x.test"}
	d := dialect.RFC9110()
	d.RefreshOrigins = origins
	d.RefreshRequest = func(req *http.Request) (*http.Request, error) {
		req.URL.Host = "x.test"
		return req, nil
	}
	deletes, asked := 0, ""
	origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
		if req.Method != http.MethodDelete {
			asked = req.URL.Host
			return 404, nil, ""
		}
		if deletes++; deletes == 1 {
			return 0, nil, "" // the answer is lost
		}
		return 412, nil, ""
	}}
	tr := NewTransport(origin, Resend, WithDialect(d), WithTransientBackoff(every(time.Millisecond)))
	origins[0] = "http://evil.test" // the dialect was copied
	r := sendTo(t, tr, http.MethodDelete, thing, "", `If-Match: "1"`, "Authorization: secret")
	if asked != "x.test" || r.outcome.Effect != EffectUnknown {
		t.Errorf("%s was asked; %s, %v", asked, r.summary(), r.outcome.Err)
	}
}

package webdav

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/origin"
)

func davError(code, namespace string) string {
	return `<?xml version="1.0"?><d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:exception>Refused</s:exception><x:` + code + ` xmlns:x="` + namespace + `"><d:href>/other</d:href></x:` + code + `></d:error>`
}

// TestVerdicts: a first write is refused so. The tag of the collection's member is
// "new" from then on.
func TestVerdicts(t *testing.T) {
	const caldav, carddav = "urn:ietf:params:xml:ns:caldav", "urn:ietf:params:xml:ns:carddav"
	const sabre = `<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:exception>Sabre\DAV\Exception\PreconditionFailed</s:exception><s:header>If-Match</s:header></d:error>`
	stale := http.Header{"If-Match": {`"old"`}}
	resent := []string{`PUT /cal/1.ics If-Match: "old" x 412`, "HEAD /cal/1.ics 200", `PUT /cal/1.ics If-Match: "new" x 204`}
	locked := http.Header{"If": {"(<urn:uuid:1>)"}}
	for name, test := range map[string]struct {
		status int
		text   string
		origin.Case
	}{
		"If-Match":                      {412, "", origin.Case{Header: stale, Cause: ifmatch.CauseChanged, Log: resent}},
		"If-Match, sabre's explanation": {412, sabre, origin.Case{Header: stale, Cause: ifmatch.CauseChanged, Log: resent}},
		"If-Match, not XML":             {412, "<<<", origin.Case{Header: stale, Cause: ifmatch.CauseChanged, Log: resent}},
		"If-Match, Stop":                {412, "", origin.Case{Header: stale, Cause: ifmatch.CauseUnexamined, Policy: ifmatch.Stop}},
		"create only":                   {412, "", origin.Case{Header: http.Header{"If-None-Match": {"*"}}, Cause: ifmatch.CauseExists}},
		"428":                           {428, "", origin.Case{Header: stale, Cause: ifmatch.CausePreconditionRequired}},
		"423":                           {423, davError("lock-token-submitted", "DAV:"), origin.Case{Header: stale, Cause: ifmatch.CauseLocked}},
		"423 without a body":            {423, "", origin.Case{Cause: ifmatch.CauseLocked}},
		"If":                            {412, "", origin.Case{Header: locked, Cause: ifmatch.CauseLocked}},
		"If and If-Match":               {412, "", origin.Case{Header: http.Header{"If": {"(<urn:uuid:1>)"}, "If-Match": {`"old"`}}, Cause: ifmatch.CauseUnattributed}},
		"Lock-Token":                    {412, "", origin.Case{Method: "UNLOCK", Header: http.Header{"Lock-Token": {"<urn:uuid:1>"}}, Cause: ifmatch.CauseLocked}},
		"LOCK, out of scope":            {412, davError("lock-token-matches-request-uri", "DAV:"), origin.Case{Method: "LOCK", Header: locked, Cause: ifmatch.CauseLocked}},
		"Overwrite: F":                  {412, "", origin.Case{Method: "MOVE", Header: http.Header{"Overwrite": {"F"}, "Destination": {"/cal/2.ics"}}, Cause: ifmatch.CauseExists}},
		"no-uid-conflict, 409":          {409, davError("no-uid-conflict", caldav), origin.Case{Header: stale, Cause: ifmatch.CauseExists}},
		"no-uid-conflict, 403":          {403, davError("no-uid-conflict", carddav), origin.Case{Cause: ifmatch.CauseExists}},
		"no-uid-conflict, 412":          {412, davError("no-uid-conflict", caldav), origin.Case{Header: stale, Cause: ifmatch.CauseExists}},
		"valid-calendar-data":           {403, davError("valid-calendar-data", caldav), origin.Case{Header: stale, Cause: ifmatch.CauseUnattributed}},
		"an unknown code":               {412, davError("moon-phase", caldav), origin.Case{Header: stale, Cause: ifmatch.CauseUnattributed}},
		"403 without a code":            {403, sabre, origin.Case{Header: stale, Cause: ifmatch.CauseNone}},
		"409, no collection":            {409, "", origin.Case{Header: stale, Cause: ifmatch.CauseNone}},
	} {
		t.Run(name, func(t *testing.T) {
			refusing := true
			o := &origin.Origin{Fields: []string{"If-Match", "If", "Lock-Token"}}
			o.Serve = func(req *http.Request, _ []byte) origin.Answer {
				switch {
				case req.Method == http.MethodHead:
					return origin.Tagged(200, `"new"`, "")
				case refusing:
					refusing = false
					return origin.Answer{Status: test.status, Body: test.text}
				}
				return origin.Answer{Status: 204}
			}
			c := test.Case
			c.URL, c.Body, c.Text, c.Status = "http://dav.test/cal/1.ics", "x", test.text, test.status
			if c.Policy == nil {
				c.Policy = ifmatch.Resend
			}
			c.Effect = ifmatch.EffectNotApplied
			if c.Log != nil {
				c.Text, c.Status, c.Effect = "", 204, ifmatch.EffectApplied
			}
			o.Run(t, Dialect(), c)
		})
	}
}

// TestReason: the outcome names the code.
func TestReason(t *testing.T) {
	o := &origin.Origin{Serve: func(*http.Request, []byte) origin.Answer {
		return origin.Answer{Status: 403, Body: davError("max-resource-size", "urn:ietf:params:xml:ns:caldav")}
	}}
	var out ifmatch.Outcome
	ctx := ifmatch.WithOutcome(context.Background(), &out)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://dav.test/", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := ifmatch.NewTransport(o, ifmatch.Resend, ifmatch.WithDialect(Dialect())).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if out.Err == nil || !strings.Contains(out.Err.Error(), "max-resource-size") {
		t.Errorf("got %v", out.Err)
	}
}

func TestPrecondition(t *testing.T) {
	for body, want := range map[string]string{
		"": "", "x": "", "<": "", "<error/>": "", `<error xmlns="DAV:"/>`: "", `<error xmlns="DAV:"><a xmlns="y"><b xmlns="DAV:"/></a></error>`: "",
		`<error xmlns="DAV:"><need-privileges/></error>`: "need-privileges", `<a><error xmlns="DAV:"><b/></error></a>`: "",
		`<!DOCTYPE x [<!ENTITY a "b">]><error xmlns="DAV:">&a;<b/></error>`: "",
		strings.Repeat("<a>", 20000):                                        "",
	} {
		if got := errorIn([]byte(body)).code; got != want {
			t.Errorf("%.60s: got %q, want %q", body, got, want)
		}
	}
}

func TestUpdates(t *testing.T) {
	n, version := "", 1
	o := &origin.Origin{}
	o.Serve = func(req *http.Request, body []byte) origin.Answer {
		tag := `"` + strings.Repeat("v", version) + `"`
		switch {
		case req.Method == http.MethodGet && n == "":
			return origin.JSON(404, "")
		case req.Method == http.MethodGet:
			return origin.Tagged(200, tag, n)
		case req.Header.Get("If-None-Match") == "*" && n != "", req.Header.Get("If-Match") != "" && req.Header.Get("If-Match") != tag:
			return origin.Answer{Status: 412}
		}
		n, version = string(body), version+1
		return origin.Answer{Status: 204}
	}
	origin.Create(t, o, "http://dav.test/1", Dialect())
	origin.Writers(t, o, "http://dav.test/1", Dialect())
}

// TestRefreshed: the tag of an If is rewritten only where it is for what the refresh reads.
func TestRefreshed(t *testing.T) {
	const parts, file = "http://h/dav/uploads/u/7/.file", "http://h/dav/files/b"
	for _, test := range []struct {
		method, url, field, destination string
		want                            bool
	}{
		{"PUT", file, `(["v1"])`, "", true},
		{"PUT", file, `</dav/files/b> (["v1"])`, "", true},
		{"PUT", file, `</dav/files/c> (["v1"])`, "", false},
		{"PUT", file, `<http://other/dav/files/b> (["v1"])`, "", false},
		{"MOVE", file, `(["v1"])`, "/c", true},
		{"MOVE", file, `</c> (["v1"])`, "http://h/c", true},
		{"MOVE", file, `</d> (["v1"])`, "http://h/c", false},
		{"PUT", "http://h/a/b", `</a%2Fb> (["v1"])`, "", false},
		{"PUT", "http://h/a%2fb", `</a%2Fb> (["v1"])`, "", true},
		{"PUT", "http://h/a%2Fb/c", `</a/b%2Fc> (["v1"])`, "", false},
		{"PUT", "http://h/~b", `</%7Eb> (["v1"])`, "", true},
		{"MOVE", parts, `(["v1"])`, file, false},
		{"MOVE", parts, `</dav/uploads/u/7/.file> (["v1"])`, file, false},
		{"MOVE", parts, `<` + file + `> (["v1"])`, file, true},
	} {
		req, _ := http.NewRequest(test.method, test.url, nil)
		req.Header.Set("If", test.field)
		if test.destination != "" {
			req.Header.Set("Destination", test.destination)
		}
		if refreshed(req) != test.want {
			t.Errorf("%+v", test)
		}
	}
}

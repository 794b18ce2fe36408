package gcs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/storetest"
)

// store is one object as Cloud Storage has it, by its JSON API where the path
// says so, otherwise by the XML API.
type store struct {
	generation, metageneration int // 0: there is none
	body                       string
	writeID                    string
	reason                     string // of the 412, or its code
	metadata                   string // the answer to a refresh, where it isn't the right one
	number                     string // the same for the fields of the XML API
	read                       int    // the status of the answer to a refresh
}

func (s *store) serve(req *http.Request, body string) (int, http.Header, string) {
	if strings.Contains(req.URL.Path, "/storage/v1/") {
		return s.serveJSON(req, body)
	}
	return s.serveXML(req, body)
}

func (s *store) serveJSON(req *http.Request, body string) (int, http.Header, string) {
	query := req.URL.Query()
	if req.Method == http.MethodGet {
		switch {
		case s.read != 0:
			return s.read, nil, "{}"
		case s.generation == 0 || strings.Contains(req.URL.Path, "/upload/"):
			return 404, nil, "{}"
		case s.metadata != "":
			return 200, nil, s.metadata
		}
		if query.Get("alt") == "media" {
			return 200, http.Header{"X-Goog-Generation": {fmt.Sprint(s.generation)}, "X-Goog-Metageneration": {fmt.Sprint(s.metageneration)}}, s.body
		}
		return 200, http.Header{"Etag": {`"CO0="`}}, fmt.Sprintf(`{"name":"n","generation":"%d","metageneration":"%d"}`, s.generation, s.metageneration)
	}
	if !s.matches(query.Get("ifGenerationMatch"), query.Get("ifMetagenerationMatch")) {
		if s.reason == "text" {
			return 412, nil, "Precondition Failed"
		}
		return 412, nil, `{"error":{"code":412,"message":"m","errors":[{"domain":"global","reason":"` + s.reason + `"}]}}`
	}
	return s.write(req, body)
}

func (s *store) serveXML(req *http.Request, body string) (int, http.Header, string) {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		if s.generation == 0 {
			return 404, nil, ""
		}
		header := http.Header{"Etag": {`"md5"`}, "X-Goog-Generation": {fmt.Sprint(s.generation)}, "X-Goog-Metageneration": {fmt.Sprint(s.metageneration)}, "X-Goog-Meta-Ifmatch-Write": {s.writeID}}
		if s.number != "" {
			header.Set("X-Goog-Generation", s.number)
		}
		return 200, header, s.body
	}
	if !s.matches(req.Header.Get("X-Goog-If-Generation-Match"), req.Header.Get("X-Goog-If-Metageneration-Match")) {
		if s.reason == "conditionNotMet" {
			return 412, nil, refusedXML
		}
		return 412, nil, "<Error><Code>" + s.reason + "</Code></Error>"
	}
	return s.write(req, body)
}

func (s *store) matches(generation, metageneration string) bool {
	return (generation == "" || generation == fmt.Sprint(s.generation)) && (metageneration == "" || metageneration == fmt.Sprint(s.metageneration))
}

func (s *store) write(req *http.Request, body string) (int, http.Header, string) {
	if req.Method == http.MethodPatch {
		s.metageneration++
	} else {
		s.generation, s.metageneration = s.generation+1, 1
	}
	s.body, s.writeID = body, req.Header.Get("X-Goog-Meta-Ifmatch-Write")
	return 200, nil, ""
}

const (
	origin      = "http://gcs.test"
	upload      = "/upload/storage/v1/b/bucket/o?uploadType=media&name=n"
	object      = "/storage/v1/b/bucket/o/n"
	refusedJSON = `{"error":{"code":412,"message":"m","errors":[{"domain":"global","reason":"conditionNotMet"}]}}`
	refusedXML  = `<?xml version='1.0' encoding='UTF-8'?><Error><Code>PreconditionFailed</Code><Message>m</Message></Error>`
)

func there() *store {
	return &store{generation: 7, metageneration: 3, body: "theirs", reason: "conditionNotMet"}
}

func with(change func(*store)) *store {
	s := there()
	change(s)
	return s
}

func TestJSON(t *testing.T) {
	alone := func(target, last string) []string {
		return []string{"POST " + target + " mine " + last[:3], last}
	}
	unread := func(read int, last string) []string {
		return []string{"POST " + upload + "&ifGenerationMatch=5 mine 412", fmt.Sprintf("GET %s %d", object, read), last}
	}
	for name, test := range map[string]struct {
		store *store
		storetest.Case
	}{
		"Stop": {there(), storetest.Case{Policy: ifmatch.Stop, URL: upload + "&ifGenerationMatch=5", Text: refusedJSON, Want: alone(upload+"&ifGenerationMatch=5", "412: not applied, unexamined")}},
		"an upload": {there(), storetest.Case{URL: upload + "&ifGenerationMatch=5&userProject=p%2F", Want: []string{
			"POST " + upload + "&ifGenerationMatch=5&userProject=p%2F mine 412", "GET " + object + "?userProject=p%2F 200",
			"POST " + upload + "&ifGenerationMatch=7&userProject=p%2F mine 200", "200: applied, changed",
		}}},
		"an upload with a name to escape": {there(), storetest.Case{URL: "/prefix/resumable/upload/storage/v1/b/bucket/o?name=a%2Fb+c%25&ifGenerationMatch=5", Want: []string{
			"POST /prefix/resumable/upload/storage/v1/b/bucket/o?name=a%2Fb+c%25&ifGenerationMatch=5 mine 412", "GET /prefix/storage/v1/b/bucket/o/a%2Fb%20c%25 200",
			"POST /prefix/resumable/upload/storage/v1/b/bucket/o?name=a%2Fb+c%25&ifGenerationMatch=7 mine 200", "200: applied, changed",
		}}},
		"an upload without a name": {there(), storetest.Case{URL: "/upload/storage/v1/b/bucket/o?ifGenerationMatch=5", Text: refusedJSON, Want: alone("/upload/storage/v1/b/bucket/o?ifGenerationMatch=5", "412: not applied, refresh failed")}},
		"create only":              {there(), storetest.Case{URL: upload + "&ifGenerationMatch=0", Text: refusedJSON, Want: alone(upload+"&ifGenerationMatch=0", "412: not applied, exists")}},
		"deleted":                  {with(func(s *store) { s.generation = 0 }), storetest.Case{URL: upload + "&ifGenerationMatch=5", Want: unread(404, "412: not applied, gone")}},
		"metadata": {there(), storetest.Case{Method: "PATCH", URL: object + "?ifMetagenerationMatch=1&fields=name&projection=full", Want: []string{
			"PATCH " + object + "?ifMetagenerationMatch=1&fields=name&projection=full mine 412", "GET " + object + " 200",
			"PATCH " + object + "?ifMetagenerationMatch=3&fields=name&projection=full mine 200", "200: applied, changed",
		}}},
		"both versions": {there(), storetest.Case{Method: "DELETE", URL: object + "?ifMetagenerationMatch=1&generation=7&ifGenerationMatch=5", Want: []string{
			"DELETE " + object + "?ifMetagenerationMatch=1&generation=7&ifGenerationMatch=5 mine 412", "GET " + object + "?generation=7 200",
			"DELETE " + object + "?ifMetagenerationMatch=3&generation=7&ifGenerationMatch=7 mine 200", "200: applied, changed",
		}}},
		"Rebuild of content": {there(), storetest.Case{Policy: storetest.Rebuild(), URL: upload + "&ifGenerationMatch=5&alt=json&userProject=p", Want: []string{
			"POST " + upload + "&ifGenerationMatch=5&alt=json&userProject=p mine 412", "GET " + object + "?alt=media&userProject=p 200",
			"POST " + upload + "&ifGenerationMatch=7&alt=json&userProject=p theirs+mine 200", "200: applied, changed",
		}}},
		"Rebuild of metadata": {there(), storetest.Case{Policy: storetest.Rebuild(), Method: "PUT", URL: object + "?ifMetagenerationMatch=1", Want: []string{
			"PUT " + object + "?ifMetagenerationMatch=1 mine 412", "GET " + object + " 200",
			"PUT " + object + `?ifMetagenerationMatch=3 {"name":"n","generation":"7","metageneration":"3"}+mine 200`, "200: applied, changed",
		}}},
		"compose": {there(), storetest.Case{URL: object + "/compose?ifGenerationMatch=5", Want: []string{
			"POST " + object + "/compose?ifGenerationMatch=5 mine 412", "GET " + object + " 200", "POST " + object + "/compose?ifGenerationMatch=7 mine 200", "200: applied, changed",
		}}},
		"rewriteTo": {there(), storetest.Case{URL: "/storage/v1/b/from/o/a%2Fb/rewriteTo/b/bucket/o/c%2Fd?ifGenerationMatch=5&rewriteToken=t", Want: []string{
			"POST /storage/v1/b/from/o/a%2Fb/rewriteTo/b/bucket/o/c%2Fd?ifGenerationMatch=5&rewriteToken=t mine 412", "GET /storage/v1/b/bucket/o/c%2Fd 200",
			"POST /storage/v1/b/from/o/a%2Fb/rewriteTo/b/bucket/o/c%2Fd?ifGenerationMatch=7&rewriteToken=t mine 200", "200: applied, changed",
		}}},
		"copyTo": {there(), storetest.Case{URL: "/storage/v1/b/from/o/a/copyTo/b/bucket/o/n?ifGenerationMatch=5", Want: []string{
			"POST /storage/v1/b/from/o/a/copyTo/b/bucket/o/n?ifGenerationMatch=5 mine 412", "GET " + object + " 200",
			"POST /storage/v1/b/from/o/a/copyTo/b/bucket/o/n?ifGenerationMatch=7 mine 200", "200: applied, changed",
		}}},
		"moveTo": {there(), storetest.Case{URL: "/storage/v1/b/bucket/o/a/moveTo/o/n?ifGenerationMatch=5", Want: []string{
			"POST /storage/v1/b/bucket/o/a/moveTo/o/n?ifGenerationMatch=5 mine 412", "GET " + object + " 200",
			"POST /storage/v1/b/bucket/o/a/moveTo/o/n?ifGenerationMatch=7 mine 200", "200: applied, changed",
		}}},
		"the source of a copy":      {there(), storetest.Case{URL: object + "/copyTo/b/c/o/d?ifGenerationMatch=5&ifSourceGenerationMatch=1", Reason: "ifSourceGenerationMatch", Want: alone(object+"/copyTo/b/c/o/d?ifGenerationMatch=5&ifSourceGenerationMatch=1", "412: not applied, unattributed")}},
		"NotMatch":                  {there(), storetest.Case{URL: upload + "&ifGenerationMatch=5&ifMetagenerationNotMatch=1", Reason: "ifMetagenerationNotMatch", Want: alone(upload+"&ifGenerationMatch=5&ifMetagenerationNotMatch=1", "412: not applied, unattributed")}},
		"a part of an upload":       {there(), storetest.Case{Method: "PUT", URL: upload + "&ifGenerationMatch=5&upload_id=u", Want: []string{"PUT " + upload + "&ifGenerationMatch=5&upload_id=u mine 412", "412: not applied, changed"}}},
		"another reason":            {with(func(s *store) { s.reason = "new" }), storetest.Case{URL: upload + "&ifGenerationMatch=5", Reason: `"new"`, Want: alone(upload+"&ifGenerationMatch=5", "412: not applied, unattributed")}},
		"no JSON":                   {with(func(s *store) { s.reason = "text" }), storetest.Case{URL: upload + "&ifGenerationMatch=5", Text: "Precondition Failed", Want: alone(upload+"&ifGenerationMatch=5", "412: not applied, unattributed")}},
		"no number sent":            {there(), storetest.Case{URL: upload + "&ifGenerationMatch=x", Want: alone(upload+"&ifGenerationMatch=x", "412: not applied, unattributed")}},
		"two versions":              {there(), storetest.Case{URL: upload + "&ifGenerationMatch=5&ifGenerationMatch=6", Want: alone(upload+"&ifGenerationMatch=5&ifGenerationMatch=6", "412: not applied, unattributed")}},
		"a field beside":            {there(), storetest.Case{URL: upload + "&ifGenerationMatch=5", Header: []string{`If-Match: "1"`}, Want: alone(upload+"&ifGenerationMatch=5", "412: not applied, conflicting preconditions")}},
		"the refresh is no JSON":    {with(func(s *store) { s.metadata = "<html>" }), storetest.Case{URL: upload + "&ifGenerationMatch=5", Text: refusedJSON, Want: unread(200, "412: not applied, no validator")}},
		"the refresh has no number": {with(func(s *store) { s.metadata = `{"generation":"7x"}` }), storetest.Case{URL: upload + "&ifGenerationMatch=5", Text: refusedJSON, Want: unread(200, "412: not applied, no validator")}},
		"the refresh has two":       {with(func(s *store) { s.metadata = `{"generation":"7","generation":"8"}` }), storetest.Case{URL: upload + "&ifGenerationMatch=5", Want: unread(200, "412: not applied, no validator")}},
		"the refresh has none":      {with(func(s *store) { s.metadata = `{"kind":"storage#object"}` }), storetest.Case{URL: upload + "&ifGenerationMatch=5", Want: unread(200, "412: not applied, no validator")}},
		"the refresh is too large": {with(func(s *store) { s.metadata = `{"generation":"7"}` + strings.Repeat(" ", 100) }), storetest.Case{
			URL: upload + "&ifGenerationMatch=5", Options: []ifmatch.Option{ifmatch.WithMaxRepresentation(99)}, Text: refusedJSON, Want: unread(200, "412: not applied, refresh failed"),
		}},
		"the refresh is denied": {with(func(s *store) { s.read = 403 }), storetest.Case{URL: upload + "&ifGenerationMatch=5", Want: unread(403, "412: not applied, refresh denied")}},
		"signed above":          {there(), storetest.Case{URL: upload + "&ifGenerationMatch=5&X-Goog-Signature=s", Text: refusedJSON, Want: alone(upload+"&ifGenerationMatch=5&X-Goog-Signature=s", "412: not applied, signed above")}},
		"an answer lost": {there(), storetest.Case{Lose: 1, Policy: ifmatch.Stop, Method: "DELETE", URL: object + "?ifGenerationMatch=7", Want: []string{
			"DELETE " + object + "?ifGenerationMatch=7 mine lost", "DELETE " + object + "?ifGenerationMatch=7 mine 412", "outcome unknown: unknown, unattributed",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.Case
			c.Serve, c.Dialect, c.Body, c.URL = test.store.serve, JSON(), "mine", origin+c.URL
			if c.Method == "" {
				c.Method = "POST"
			}
			if c.Policy == nil {
				c.Policy = ifmatch.Resend
			}
			c.Run(t)
		})
	}
}

func TestXML(t *testing.T) {
	const generation, metageneration = "X-Goog-If-Generation-Match: ", "X-Goog-If-Metageneration-Match: "
	alone := func(version, last string) []string {
		return []string{"PUT /bucket/n " + generation + version + " mine 412", last}
	}
	for name, test := range map[string]struct {
		store *store
		storetest.Case
	}{
		"Stop": {there(), storetest.Case{Policy: ifmatch.Stop, Header: []string{generation + "5"}, Text: refusedXML, Want: alone("5", "412: not applied, unexamined")}},
		"Resend": {there(), storetest.Case{URL: "/bucket/n?userProject=p&uploadId=u", Header: []string{generation + "5"}, Want: []string{
			"PUT /bucket/n?userProject=p&uploadId=u " + generation + "5 mine 412", "HEAD /bucket/n?userProject=p 200",
			"PUT /bucket/n?userProject=p&uploadId=u " + generation + "7 mine 200", "200: applied, changed",
		}}},
		"both versions": {there(), storetest.Case{Header: []string{generation + "5", metageneration + "1"}, Want: []string{
			"PUT /bucket/n " + generation + "5 " + metageneration + "1 mine 412", "HEAD /bucket/n 200",
			"PUT /bucket/n " + generation + "7 " + metageneration + "3 mine 200", "200: applied, changed",
		}}},
		"Rebuild": {there(), storetest.Case{Policy: storetest.Rebuild(), Header: []string{generation + "5"}, Want: []string{
			"PUT /bucket/n " + generation + "5 mine 412", "GET /bucket/n 200", "PUT /bucket/n " + generation + "7 theirs+mine 200", "200: applied, changed",
		}}},
		"create only": {there(), storetest.Case{Header: []string{generation + "0"}, Text: refusedXML, Want: alone("0", "412: not applied, exists")}},
		"deleted": {with(func(s *store) { s.generation = 0 }), storetest.Case{Header: []string{generation + "5"}, Text: refusedXML, Want: []string{
			"PUT /bucket/n " + generation + "5 mine 412", "HEAD /bucket/n 404", "GET /bucket/n 404", "412: not applied, gone",
		}}},
		"another code":         {with(func(s *store) { s.reason = "New" }), storetest.Case{Header: []string{generation + "5"}, Reason: `"New"`, Want: alone("5", "412: not applied, unattributed")}},
		"no code":              {with(func(s *store) { s.reason = "" }), storetest.Case{Header: []string{generation + "5"}, Want: alone("5", "412: not applied, unattributed")}},
		"the source of a copy": {there(), storetest.Case{Header: []string{generation + "5", "X-Goog-Copy-Source-If-Generation-Match: 1"}, Want: alone("5", "412: not applied, unattributed")}},
		"NotMatch":             {there(), storetest.Case{Header: []string{generation + "5", "X-Goog-If-Generation-Not-Match: 1"}, Want: alone("5", "412: not applied, unattributed")}},
		"no number sent":       {there(), storetest.Case{Header: []string{generation + "five"}, Want: alone("five", "412: not applied, unattributed")}},
		"no number beside": {there(), storetest.Case{Header: []string{generation + "5", metageneration + "one"}, Want: []string{
			"PUT /bucket/n " + generation + "5 " + metageneration + "one mine 412", "412: not applied, unattributed",
		}}},
		"the refresh has no number": {with(func(s *store) { s.number = "seven" }), storetest.Case{Header: []string{generation + "5"}, Text: refusedXML, Want: []string{
			"PUT /bucket/n " + generation + "5 mine 412", "HEAD /bucket/n 200", "GET /bucket/n 200", "412: not applied, no validator",
		}}},
		"signed above": {there(), storetest.Case{Header: []string{generation + "5", "Authorization: GOOG4-HMAC-SHA256 Credential=c"}, Text: refusedXML, Want: alone("5", "412: not applied, signed above")}},
		"an answer lost, with a write id": {there(), storetest.Case{Lose: 1, Policy: ifmatch.Stop, Options: []ifmatch.Option{ifmatch.WithWriteID()}, Header: []string{generation + "7"}, Want: []string{
			"PUT /bucket/n " + generation + "7 mine lost", "PUT /bucket/n " + generation + "7 mine 412", "HEAD /bucket/n 200", "204: applied, own earlier write",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.Case
			if c.URL == "" {
				c.URL = "/bucket/n"
			}
			c.Serve, c.Dialect, c.Method, c.Body, c.URL = test.store.serve, XML(), "PUT", "mine", origin+c.URL
			c.Shown = []string{"X-Goog-If-Generation-Match", "X-Goog-If-Metageneration-Match"}
			if c.Policy == nil {
				c.Policy = ifmatch.Resend
			}
			c.Run(t)
		})
	}
}

type base struct {
	store *store
	sent  *[]string
}

func (b base) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	status, header, text := b.store.serve(req, string(body))
	*b.sent = append(*b.sent, fmt.Sprint(req.Method, " ", req.URL.RequestURI(), " ", req.Header.Get("X-Goog-If-Generation-Match"), " ", status))
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: req,
	}, nil
}

// TestUpdate: the XML API's Update is of the content, the JSON API's of the
// metadata.
func TestUpdate(t *testing.T) {
	for name, test := range map[string]struct {
		dialect dialect.Dialect
		target  string
		store   *store
		sent    string
	}{
		"XML":          {XML(), "/bucket/n", with(func(s *store) { s.body = "{}" }), "[GET /bucket/n  200 PUT /bucket/n 7 200]"},
		"XML, created": {XML(), "/bucket/n", &store{}, "[GET /bucket/n  404 PUT /bucket/n 0 200]"},
		"JSON":         {JSON(), object, there(), "[GET " + object + "  200 PUT " + object + "?ifGenerationMatch=7&ifMetagenerationMatch=3  200]"},
	} {
		t.Run(name, func(t *testing.T) {
			var sent []string
			c := &http.Client{Transport: base{test.store, &sent}}
			_, err := ifmatch.Update(context.Background(), c, origin+test.target, func(v *map[string]any) error {
				*v = map[string]any{"a": 1}
				return nil
			}, ifmatch.WithDialect(test.dialect), ifmatch.CreateIfAbsent())
			if got := fmt.Sprint(sent); err != nil || got != test.sent {
				t.Errorf("%v\ngot  %s\nwant %s", err, got, test.sent)
			}
		})
	}
}

// TestOddPaths: whatever the path is, the refresh is a request or an error.
func TestOddPaths(t *testing.T) {
	for _, path := range []string{
		"/", "/storage/v1/b/", "/storage/v1/b/B", "/storage/v1/b/B/o/N/rewriteTo", "/storage/v1/b/B/o/N/rewriteTo/b", "/storage/v1/b/B/o/N/moveTo",
		"/storage/v1/b/B/o/N/copyTo/b/C", "/upload/storage/v1/b/", "/upload/storage/v1/b/?name=%zz", "//storage/v1/b/B/o/%2E%2E/compose",
	} {
		u, err := url.Parse(origin + path)
		if err != nil {
			t.Fatal(err)
		}
		if req, err := toMetadata(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}); (req == nil) == (err == nil) {
			t.Errorf("%s: %v, %v", path, req, err)
		}
	}
}

// TestWhatIsNoGuard: the metageneration begins anew with each generation, so alone
// it guards no repeat, nor does an entity-tag; and 00 isn't the generation 0.
func TestWhatIsNoGuard(t *testing.T) {
	const generation, metageneration = "X-Goog-If-Generation-Match: ", "X-Goog-If-Metageneration-Match: "
	for name, test := range map[string]struct {
		dialect   dialect.Dialect
		policy    ifmatch.Policy
		lose      int
		url, sent string
		want      []string
	}{
		"metageneration": {XML(), ifmatch.Stop, 1, "/bucket/n", metageneration + "3", []string{
			"PUT /bucket/n " + metageneration + "3 mine lost", "outcome unknown: unknown, none",
		}},
		"metageneration, JSON": {JSON(), ifmatch.Stop, 1, object + "?ifMetagenerationMatch=3", "", []string{
			"PUT " + object + "?ifMetagenerationMatch=3 mine lost", "outcome unknown: unknown, none",
		}},
		"If-Match":              {XML(), ifmatch.Stop, 1, "/bucket/n", `If-Match: "md5"`, []string{`PUT /bucket/n If-Match: "md5" mine lost`, "error: unknown, none"}},
		"If-None-Match":         {XML(), ifmatch.Stop, 0, "/bucket/n", "If-None-Match: *", []string{"error: not applied, none"}}, // it isn't sent
		"If-None-Match, spaces": {XML(), ifmatch.Stop, 0, "/bucket/n", "If-None-Match:  * ", []string{"error: not applied, none"}},
		"padded": {XML(), ifmatch.Resend, 0, "/bucket/n", generation + "00", []string{
			"PUT /bucket/n " + generation + "00 mine 412", "412: not applied, unattributed",
		}},
		"padded, JSON": {JSON(), ifmatch.Resend, 0, upload + "&ifGenerationMatch=00", "", []string{
			"PUT " + upload + "&ifGenerationMatch=00 mine 412", "412: not applied, unattributed",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := there()
			c := storetest.Case{
				Serve: s.serve, Lose: test.lose, Dialect: test.dialect, Policy: test.policy, Method: "PUT", URL: origin + test.url, Body: "mine", Want: test.want,
				Rival: func() { s.generation, s.metageneration, s.body = 9, 3, "rival's" },
				Shown: []string{"X-Goog-If-Generation-Match", "X-Goog-If-Metageneration-Match", "If-Match", "If-None-Match"},
			}
			if test.sent != "" {
				c.Header = []string{test.sent}
			}
			c.Run(t)
			if test.lose > 0 && s.body != "rival's" {
				t.Errorf("a repeat replaced the rival's state: %q", s.body)
			}
		})
	}
}

// watched shows each request before it is sent.
type watched struct {
	base
	show func(*http.Request)
}

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	w.show(req)
	return w.base.RoundTrip(req)
}

// TestRememberGeneration: Remember adds no entity-tag where the version is elsewhere.
func TestRememberGeneration(t *testing.T) {
	var sent []string
	rt := ifmatch.NewTransport(watched{base{there(), &sent}, func(req *http.Request) {
		if tag := req.Header.Get("If-Match"); tag != "" {
			t.Errorf("%s with If-Match: %s", req.Method, tag)
		}
	}}, ifmatch.Stop, ifmatch.WithDialect(XML()))
	ctx := ifmatch.Remember(t.Context())
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		req, err := http.NewRequestWithContext(ctx, method, origin+"/bucket/n", strings.NewReader("mine"))
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodPut {
			req.Header.Set("X-Goog-If-Generation-Match", "7")
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if len(sent) != 2 {
		t.Errorf("sent %q", sent)
	}
}

type serving func(*http.Request) (int, string)

func (f serving) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	st, text := f(req)
	return &http.Response{StatusCode: st, Header: http.Header{}, ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

// TestSignedGet: the read of Get goes out as it was signed.
func TestSignedGet(t *testing.T) {
	r := serving(func(req *http.Request) (int, string) {
		if req.URL.Query().Get("X-Goog-Signature") == "" {
			return 403, ""
		}
		return 200, `{"n":1}`
	})
	_, err := ifmatch.Get[struct{ N int }](t.Context(), &http.Client{Transport: ifmatch.NewTransport(r, ifmatch.Stop)}, "https://storage.googleapis.com/b/k?X-Goog-Signature=abc", ifmatch.WithDialect(XML()))
	if err != nil && strings.Contains(err.Error(), "403") {
		t.Error(err)
	}
}

// TestPatchType: WithPatch sends what Objects: patch documents.
func TestPatchType(t *testing.T) {
	var ct string
	r := serving(func(req *http.Request) (int, string) {
		if req.Method == "GET" {
			return 200, `{"generation":"1","metageneration":"2","cacheControl":"a"}`
		}
		ct = req.Header.Get("Content-Type")
		return 200, `{}`
	})
	_, err := ifmatch.Update(t.Context(), &http.Client{Transport: ifmatch.NewTransport(r, ifmatch.Stop, ifmatch.WithDialect(JSON()))}, "https://storage.googleapis.com/storage/v1/b/b/o/k?fields=cacheControl,generation,metageneration&prettyPrint=false", func(d *struct {
		CacheControl string `json:"cacheControl"`
	}) error {
		d.CacheControl = "b"
		return nil
	}, ifmatch.WithPatch())
	if err != nil || ct != "application/json" {
		t.Errorf("%v, %s", err, ct)
	}
}

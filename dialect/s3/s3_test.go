package s3

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/storetest"
)

// store is one object as S3 has it.
type store struct {
	version int // 0: there is none
	body    string
	writeID string
	busy    int    // so many writes run into another operation
	code    string // of the 412
	missing string // the code of the 404; NoSuchKey by default
	denied  bool   // reads are
}

func fault(status int, code string) (int, http.Header, string) {
	if code == "" {
		return status, nil, ""
	}
	return status, nil, xmlHeader + "<Error><Code>" + code + "</Code><Message>m</Message></Error>"
}

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func (s *store) tag() string { return fmt.Sprintf(`"%d"`, s.version) }

func (s *store) serve(req *http.Request, body string) (int, http.Header, string) {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		switch {
		case s.denied:
			return fault(403, "AccessDenied")
		case req.Header.Get("X-Amz-Server-Side-Encryption") != "":
			return fault(400, "InvalidArgument")
		case s.version == 0:
			return fault(404, "NoSuchKey")
		}
		return 200, http.Header{"Etag": {s.tag()}, "X-Amz-Meta-Ifmatch-Write": {s.writeID}}, s.body
	}
	match, none := req.Header.Get("If-Match"), req.Header.Get("If-None-Match")
	switch {
	case s.busy > 0:
		s.busy--
		return fault(409, "ConditionalRequestConflict")
	case strings.Contains(req.URL.Path, "/full/"):
		return fault(409, "InvalidBucketState")
	case s.missing != "":
		return fault(404, s.missing)
	case match != "" && s.version == 0:
		return fault(404, "NoSuchKey")
	case match != "" && match != s.tag(), none != "" && s.version > 0:
		return fault(412, s.code)
	}
	s.version, s.body, s.writeID = s.version+1, body, req.Header.Get("X-Amz-Meta-Ifmatch-Write")
	return 200, http.Header{"Etag": {s.tag()}}, ""
}

const (
	object  = "http://s3.test/bucket/key"
	refused = xmlHeader + "<Error><Code>PreconditionFailed</Code><Message>m</Message></Error>"
	stale   = `If-Match: "1"`
)

func TestDialect(t *testing.T) {
	there := func() *store { return &store{version: 2, body: "theirs", code: "PreconditionFailed"} }
	with := func(change func(*store)) *store {
		s := there()
		change(s)
		return s
	}
	for name, test := range map[string]struct {
		store *store
		storetest.Case
	}{
		"Stop": {there(), storetest.Case{Header: []string{stale}, Text: refused, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "412: not applied, unexamined",
		}}},
		"Resend": {there(), storetest.Case{Policy: ifmatch.Resend, Header: []string{stale}, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "HEAD /bucket/key 200", `PUT /bucket/key If-Match: "2" mine 200`, "200: applied, changed",
		}}},
		"Rebuild": {there(), storetest.Case{Policy: storetest.Rebuild(), Header: []string{stale}, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "GET /bucket/key 200", `PUT /bucket/key If-Match: "2" theirs+mine 200`, "200: applied, changed",
		}}},
		"without a code": {with(func(s *store) { s.code = "" }), storetest.Case{Policy: ifmatch.Resend, Header: []string{stale}, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "HEAD /bucket/key 200", `PUT /bucket/key If-Match: "2" mine 200`, "200: applied, changed",
		}}},
		"create only": {there(), storetest.Case{Policy: ifmatch.Resend, Header: []string{"If-None-Match: *"}, Text: refused, Want: []string{
			"PUT /bucket/key If-None-Match: * mine 412", "412: not applied, exists",
		}}},
		"deleted": {&store{}, storetest.Case{Policy: ifmatch.Resend, Header: []string{stale}, Reason: "NoSuchKey", Want: []string{
			`PUT /bucket/key If-Match: "1" mine 404`, "404: not applied, gone",
		}}},
		"the source of a copy is missing": {&store{}, storetest.Case{Policy: ifmatch.Resend, Header: []string{stale, "X-Amz-Copy-Source: /a/b"}, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 404`, "404: not applied, none",
		}}},
		"another 404": {&store{missing: "NoSuchUpload"}, storetest.Case{Policy: ifmatch.Resend, Header: []string{stale}, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 404`, "404: not applied, none",
		}}},
		"404 without a condition": {&store{missing: "NoSuchKey"}, storetest.Case{Policy: ifmatch.Resend, Want: []string{
			"PUT /bucket/key mine 404", "404: not applied, none",
		}}},
		"the source of a copy": {there(), storetest.Case{Policy: ifmatch.Resend, Header: []string{stale, `X-Amz-Copy-Source-If-Match: "9"`}, Reason: "X-Amz-Copy-Source-If-Match", Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "412: not applied, unattributed",
		}}},
		"by size": {there(), storetest.Case{Policy: ifmatch.Resend, Header: []string{stale, "X-Amz-If-Match-Size: 9"}, Reason: "X-Amz-If-Match-Size", Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "412: not applied, unattributed",
		}}},
		"unknown code": {with(func(s *store) { s.code = "New" }), storetest.Case{Policy: ifmatch.Resend, Header: []string{stale}, Reason: `unknown code "New"`, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "412: not applied, unattributed",
		}}},
		"another operation, under a tag": {with(func(s *store) { s.busy = 2 }), storetest.Case{Header: []string{`If-Match: "2"`}, Want: []string{
			`PUT /bucket/key If-Match: "2" mine 409`, `PUT /bucket/key If-Match: "2" mine 409`, `PUT /bucket/key If-Match: "2" mine 200`, "200: applied, none",
		}}},
		"another operation, create only": {&store{busy: 1}, storetest.Case{Header: []string{"If-None-Match: *"}, Want: []string{
			"PUT /bucket/key If-None-Match: * mine 409", "PUT /bucket/key If-None-Match: * mine 200", "200: applied, none",
		}}},
		"another operation, unguarded": {with(func(s *store) { s.busy = 1 }), storetest.Case{Policy: ifmatch.Resend, Want: []string{
			"PUT /bucket/key mine 409", "409: not applied, none",
		}}},
		"another operation, for ever": {with(func(s *store) { s.busy = 99 }), storetest.Case{Header: []string{`If-Match: "2"`}, Options: []ifmatch.Option{ifmatch.WithMaxAttempts(2)}, Want: []string{
			`PUT /bucket/key If-Match: "2" mine 409`, `PUT /bucket/key If-Match: "2" mine 409`, "409: not applied, none",
		}}},
		"another 409": {there(), storetest.Case{URL: "http://s3.test/full/key", Header: []string{stale}, Policy: ifmatch.Resend, Want: []string{
			`PUT /full/key If-Match: "1" mine 409`, "409: not applied, none",
		}}},
		"CompleteMultipartUpload": {there(), storetest.Case{Method: "POST", URL: object + "?uploadId=u", Policy: ifmatch.Resend, Header: []string{stale}, Want: []string{
			`POST /bucket/key?uploadId=u If-Match: "1" mine 412`, "HEAD /bucket/key 200", `POST /bucket/key?uploadId=u If-Match: "2" mine 200`, "200: applied, changed",
		}}},
		"CompleteMultipartUpload beside another operation": {with(func(s *store) { s.busy = 1 }), storetest.Case{Method: "POST", URL: object + "?uploadId=u", Policy: ifmatch.Resend, Header: []string{stale}, Want: []string{
			`POST /bucket/key?uploadId=u If-Match: "1" mine 409`, "409: not applied, none",
		}}},
		"x-id and versionId": {there(), storetest.Case{Method: "DELETE", URL: object + "?x-id=DeleteObject&versionId=a%2Bb", Policy: ifmatch.Resend, Header: []string{stale}, Want: []string{
			`DELETE /bucket/key?x-id=DeleteObject&versionId=a%2Bb If-Match: "1" mine 412`, "HEAD /bucket/key?versionId=a%2Bb 200",
			`DELETE /bucket/key?x-id=DeleteObject&versionId=a%2Bb If-Match: "2" mine 200`, "200: applied, changed",
		}}},
		"encrypted": {there(), storetest.Case{
			Policy: ifmatch.Resend, Header: []string{stale, "X-Amz-Server-Side-Encryption: aws:kms", "X-Amz-Server-Side-Encryption-Customer-Key: k"},
			Shown: []string{"If-Match", "X-Amz-Server-Side-Encryption-Customer-Key"}, Want: []string{
				`PUT /bucket/key If-Match: "1" X-Amz-Server-Side-Encryption-Customer-Key: k mine 412`, "HEAD /bucket/key X-Amz-Server-Side-Encryption-Customer-Key: k 200",
				`PUT /bucket/key If-Match: "2" X-Amz-Server-Side-Encryption-Customer-Key: k mine 200`, "200: applied, changed",
			},
		}},
		"reads are denied": {with(func(s *store) { s.denied = true }), storetest.Case{Policy: ifmatch.Resend, Header: []string{stale}, Text: refused, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "HEAD /bucket/key 403", "GET /bucket/key 403", "412: not applied, refresh denied",
		}}},
		"signed above": {there(), storetest.Case{Policy: ifmatch.Resend, Header: []string{stale, "Authorization: AWS4-HMAC-SHA256 Credential=c"}, Text: refused, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "412: not applied, signed above",
		}}},
		"presigned": {there(), storetest.Case{URL: object + "?X-Amz-Signature=s", Policy: ifmatch.Resend, Header: []string{stale}, Text: refused, Want: []string{
			`PUT /bucket/key?X-Amz-Signature=s If-Match: "1" mine 412`, "412: not applied, signed above",
		}}},
		"a huge refusal": {with(func(s *store) { s.code = strings.Repeat("x", 1<<20) }), storetest.Case{Policy: ifmatch.Resend, Header: []string{stale}, Want: []string{
			`PUT /bucket/key If-Match: "1" mine 412`, "HEAD /bucket/key 200", `PUT /bucket/key If-Match: "2" mine 200`, "200: applied, changed",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.Case
			c.Serve, c.Dialect, c.Body = test.store.serve, Dialect(), "mine"
			if c.Method == "" {
				c.Method = "PUT"
			}
			if c.URL == "" {
				c.URL = object
			}
			if c.Shown == nil {
				c.Shown = []string{"If-Match", "If-None-Match"}
			}
			c.Run(t)
		})
	}
}

// TestWriteID: a lost answer is recognised under every policy; a rival's later
// write isn't taken for ours.
func TestWriteID(t *testing.T) {
	for name, policy := range map[string]ifmatch.Policy{"Stop": ifmatch.Stop, "Resend": ifmatch.Resend, "Rebuild": storetest.Rebuild()} {
		lost := storetest.Case{
			Dialect: Dialect(), Policy: policy, Lose: 1, Method: "PUT", URL: object, Header: []string{`If-Match: "2"`}, Body: "mine",
			Shown: []string{"If-Match"}, Options: []ifmatch.Option{ifmatch.WithWriteID()},
		}
		sent := []string{`PUT /bucket/key If-Match: "2" mine lost`, `PUT /bucket/key If-Match: "2" mine 412`, "HEAD /bucket/key 200"}
		t.Run(name, func(t *testing.T) {
			c := lost
			c.Serve = (&store{version: 2, code: "PreconditionFailed"}).serve
			c.Want = append(sent[:3:3], "204: applied, own earlier write")
			c.Run(t)
		})
		t.Run(name+", after a rival", func(t *testing.T) {
			s := &store{version: 2, code: "PreconditionFailed"}
			c := lost
			c.Serve, c.Rival = s.serve, func() { s.version, s.body, s.writeID = 9, "rival's", "another" }
			c.Want = append(sent[:3:3], "outcome unknown: unknown, unattributed")
			if policy == ifmatch.Policy(ifmatch.Resend) { // the last writer wins
				c.Want = append(sent[:3:3], "GET /bucket/key 200", `PUT /bucket/key If-Match: "9" mine 200`, "200: applied, changed")
			}
			c.Run(t)
		})
	}
}

// TestWriteIDs: only a write that sets the object's metadata has a write id.
func TestWriteIDs(t *testing.T) {
	for target, identified := range map[string]bool{
		"": true, "?x-id=PutObject": true, "?partNumber=1&uploadId=u": false, "?tagging": false,
	} {
		req, err := http.NewRequest(http.MethodPut, object+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := Dialect().WriteIDs(req); got != identified {
			t.Errorf("%s: %t", target, got)
		}
		req.Header.Set("X-Amz-Copy-Source", "/a/b")
		if Dialect().WriteIDs(req) {
			t.Errorf("%s: a copy", target)
		}
	}
}

// answering answers each request, which it counts.
type answering struct {
	f func(r *http.Request, n int) (int, string)
	n int
}

func (a *answering) RoundTrip(req *http.Request) (*http.Response, error) {
	a.n++
	status, text := a.f(req, a.n)
	return &http.Response{
		StatusCode: status, Header: http.Header{"Etag": {`"e"`}}, Request: req,
		ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)),
	}, nil
}

// TestPresignedGet: the read of Get goes out as it was signed.
func TestPresignedGet(t *testing.T) {
	base := &answering{f: func(req *http.Request, _ int) (int, string) {
		if req.URL.Query().Get("X-Amz-Signature") == "" {
			return http.StatusForbidden, ""
		}
		return http.StatusOK, `{"n":1}`
	}}
	c := &http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop, ifmatch.WithDialect(Dialect()))}
	got, err := ifmatch.Get[struct{ N int }](t.Context(), c, "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=A&X-Amz-Signature=abc")
	if err != nil || got.Value.N != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestBusyUnderAStar: a 409 that says that nothing was compared is repeated under
// If-Match: *, too.
func TestBusyUnderAStar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &answering{f: func(_ *http.Request, n int) (int, string) {
			if n == 1 {
				return http.StatusConflict, `<Error><Code>ConditionalRequestConflict</Code></Error>`
			}
			return http.StatusNoContent, ""
		}}
		var o ifmatch.Outcome
		req, err := http.NewRequestWithContext(ifmatch.WithOutcome(t.Context(), &o), http.MethodDelete, "https://b.s3.amazonaws.com/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-Match", "*")
		resp, err := ifmatch.NewTransport(base, ifmatch.Resend, ifmatch.WithDialect(Dialect())).RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusNoContent || base.n != 2 {
			t.Errorf("%v, %v after %d: %+v", resp, err, base.n, o)
		}
	})
}

// TestMinIO: a DELETE that MinIO would not guard isn't sent; any other write is.
func TestMinIO(t *testing.T) {
	for _, test := range []struct{ method, field, value, says string }{
		{"DELETE", "If-Match", `"1"`, "If-Match on a DELETE"},
		{"DELETE", "If-None-Match", `"1"`, "If-None-Match on a DELETE"},
		{"DELETE", "If-Unmodified-Since", "Thu, 01 Jan 2026 00:00:00 GMT", "If-Unmodified-Since on a DELETE"},
		{"DELETE", "X-Amz-If-Match-Size", "9", "X-Amz-If-Match-Size on a DELETE"},
		{"DELETE", "X-Amz-If-Match-Last-Modified-Time", "Thu, 01 Jan 2026 00:00:00 GMT", "X-Amz-If-Match-Last-Modified-Time on a DELETE"},
		{"DELETE", "Accept", "*/*", ""},
		{"PUT", "If-Match", `"1"`, ""},
		{"PUT", "If-None-Match", "*", ""},
		{"POST", "If-Match", `"1"`, ""},
	} {
		t.Run(test.method+" "+test.field, func(t *testing.T) {
			sent := 0
			base := counted(func(req *http.Request) (*http.Response, error) {
				sent++
				return &http.Response{StatusCode: 200, Body: http.NoBody, Request: req}, nil
			})
			req, err := http.NewRequest(test.method, object, strings.NewReader("mine"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(test.field, test.value)
			resp, err := ifmatch.NewTransport(base, ifmatch.Resend, ifmatch.WithDialect(MinIO())).RoundTrip(req)
			switch {
			case test.says == "" && (err != nil || resp.StatusCode != 200 || sent != 1):
				t.Errorf("%d sent, %v", sent, err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || sent != 0):
				t.Errorf("%d sent, %v; want an error with %q", sent, err, test.says)
			}
		})
	}
}

type counted func(*http.Request) (*http.Response, error)

func (f counted) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

package azureblob

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/storetest"
)

// store is one blob as Azure has it.
type store struct {
	version int // 0: there is none
	body    string
	writeID string
	leased  bool
	code    string // of the next refusals, in place of the right one; "none": no code at all
}

func fault(status int, code string) (int, http.Header, string) {
	if code == "none" {
		return status, nil, ""
	}
	return status, http.Header{"X-Ms-Error-Code": {code}}, fmt.Sprintf("<Error><Code>%.64s</Code></Error>", code)
}

func (s *store) tag() string { return fmt.Sprintf(`"0x%d"`, s.version) }

func (s *store) serve(req *http.Request, body string) (int, http.Header, string) {
	match, none, query := req.Header.Get("If-Match"), req.Header.Get("If-None-Match"), req.URL.Query()
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		switch {
		case s.version == 0:
			return fault(404, "BlobNotFound")
		case query.Has("comp"):
			return 200, http.Header{"Etag": {`"of another resource"`}}, "another resource"
		case req.Header.Get("X-Ms-Range") != "" && req.Method == http.MethodGet:
			return 206, http.Header{"Etag": {s.tag()}}, s.body[:1]
		}
		return 200, http.Header{"Etag": {s.tag()}, "X-Ms-Meta-Ifmatchwrite": {s.writeID}}, s.body
	}
	refusal := func(status int, code string) (int, http.Header, string) {
		if s.code != "" {
			code = s.code
		}
		return fault(status, code)
	}
	switch position := req.Header.Get("X-Ms-Blob-Condition-Appendpos"); {
	case s.leased && req.Header.Get("X-Ms-Lease-Id") == "":
		return refusal(412, "LeaseIdMissing")
	case s.leased && req.Header.Get("X-Ms-Lease-Id") != "ours":
		return refusal(412, "LeaseIdMismatchWithBlobOperation")
	case none == "*" && s.version > 0:
		return refusal(409, "BlobAlreadyExists")
	case match != "" && match != s.tag():
		return refusal(412, "ConditionNotMet")
	case position != "" && position != fmt.Sprint(len(s.body)):
		return refusal(412, "AppendPositionConditionNotMet")
	case s.code != "":
		return refusal(409, "")
	}
	if query.Get("comp") == "appendblock" {
		body = s.body + body
	}
	s.version, s.body, s.writeID = s.version+1, body, req.Header.Get("X-Ms-Meta-Ifmatchwrite")
	return 201, http.Header{"Etag": {s.tag()}}, ""
}

const (
	blob    = "http://blob.test/account/container/blob"
	sas     = "sv=2019-12-12&ss=bt&sig=a%2Bb%3D"
	stale   = `If-Match: "0x1"`
	fresh   = `If-Match: "0x2"`
	refused = "<Error><Code>ConditionNotMet</Code></Error>"
)

func TestDialect(t *testing.T) {
	there := func() *store { return &store{version: 2, body: "theirs"} }
	coded := func(code string) *store { return &store{version: 2, body: "theirs", code: code} }
	leased := &store{version: 2, body: "theirs", leased: true}
	recovered := []string{
		`PUT /account/container/blob If-Match: "0x1" mine 412`, "HEAD /account/container/blob 200",
		`PUT /account/container/blob If-Match: "0x2" mine 201`, "201: applied, changed",
	}
	alone := func(last string) []string {
		return []string{`PUT /account/container/blob If-Match: "0x1" mine ` + last[:3], last}
	}
	for name, test := range map[string]struct {
		store *store
		storetest.Case
	}{
		"Stop":   {there(), storetest.Case{Policy: ifmatch.Stop, Header: []string{stale}, Text: refused, Want: alone("412: not applied, unexamined")}},
		"Resend": {there(), storetest.Case{Header: []string{stale}, Want: recovered}},
		"Rebuild": {there(), storetest.Case{Policy: storetest.Rebuild(), Header: []string{stale}, Want: []string{
			`PUT /account/container/blob If-Match: "0x1" mine 412`, "GET /account/container/blob 200",
			`PUT /account/container/blob If-Match: "0x2" theirs+mine 201`, "201: applied, changed",
		}}},
		"without a code": {coded("none"), storetest.Case{Header: []string{stale}, Want: []string{
			`PUT /account/container/blob If-Match: "0x1" mine 412`, "HEAD /account/container/blob 200",
			`PUT /account/container/blob If-Match: "0x2" mine 409`, "409: not applied, changed",
		}}},
		"create only": {there(), storetest.Case{Header: []string{"If-None-Match: *"}, Text: "<Error><Code>BlobAlreadyExists</Code></Error>", Want: []string{
			"PUT /account/container/blob If-None-Match: * mine 409", "409: not applied, exists",
		}}},
		"a copy onto what exists": {coded("BlobAlreadyExists"), storetest.Case{Header: []string{fresh}, Want: []string{
			`PUT /account/container/blob If-Match: "0x2" mine 409`, "409: not applied, none",
		}}},
		"a sequence number, and a stale tag": {there(), storetest.Case{URL: blob + "?comp=page", Header: []string{stale, "X-Ms-If-Sequence-Number-Le: 1"}, Want: []string{
			`PUT /account/container/blob?comp=page If-Match: "0x1" mine 412`, "HEAD /account/container/blob 200",
			`PUT /account/container/blob?comp=page If-Match: "0x2" mine 201`, "201: applied, changed",
		}}},
		"create only, by 412": {coded("none"), storetest.Case{
			Serve:  func(req *http.Request, _ string) (int, http.Header, string) { return fault(412, "ConditionNotMet") },
			Header: []string{"If-None-Match: *"}, Text: refused, Want: []string{"PUT /account/container/blob If-None-Match: * mine 412", "412: not applied, exists"},
		}},
		"deleted": {&store{}, storetest.Case{Header: []string{stale}, Text: refused, Want: []string{
			`PUT /account/container/blob If-Match: "0x1" mine 412`, "HEAD /account/container/blob 404", "GET /account/container/blob 404", "412: not applied, gone",
		}}},
		"unknown code":      {coded("New"), storetest.Case{Header: []string{stale}, Reason: `"New"`, Want: alone("412: not applied, unattributed")}},
		"a size":            {coded("MaxBlobSizeConditionNotMet"), storetest.Case{Header: []string{stale}, Reason: "MaxBlobSize", Want: alone("412: not applied, unattributed")}},
		"a sequence number": {coded("SequenceNumberConditionNotMet"), storetest.Case{Header: []string{stale}, Reason: "SequenceNumber", Want: alone("412: not applied, unattributed")}},
		"a source":          {coded("SourceConditionNotMet"), storetest.Case{Header: []string{stale}, Reason: "Source", Want: alone("412: not applied, unattributed")}},
		"a target":          {coded("TargetConditionNotMet"), storetest.Case{Header: []string{stale}, Reason: "Target", Want: alone("412: not applied, unattributed")}},
		"another 409":       {coded("SnapshotsPresent"), storetest.Case{Header: []string{fresh}, Want: []string{`PUT /account/container/blob If-Match: "0x2" mine 409`, "409: not applied, none"}}},
		"a lease in a 409":  {coded("LeaseAlreadyPresent"), storetest.Case{Header: []string{fresh}, Want: []string{`PUT /account/container/blob If-Match: "0x2" mine 409`, "409: not applied, locked"}}},
		"no lease": {leased, storetest.Case{Header: []string{fresh}, Reason: "LeaseIdMissing", Want: []string{
			`PUT /account/container/blob If-Match: "0x2" mine 412`, "412: not applied, locked",
		}}},
		"another lease": {leased, storetest.Case{Header: []string{fresh, "X-Ms-Lease-Id: theirs"}, Want: []string{
			`PUT /account/container/blob If-Match: "0x2" X-Ms-Lease-Id: theirs mine 412`, "412: not applied, locked",
		}}},
		"our lease, a stale tag": {&store{version: 2, leased: true}, storetest.Case{Header: []string{stale, "X-Ms-Lease-Id: ours"}, Want: []string{
			`PUT /account/container/blob If-Match: "0x1" X-Ms-Lease-Id: ours mine 412`, "HEAD /account/container/blob 200",
			`PUT /account/container/blob If-Match: "0x2" X-Ms-Lease-Id: ours mine 201`, "201: applied, changed",
		}}},
		"a lease, without a code": {&store{version: 2, leased: true, code: "none"}, storetest.Case{Header: []string{fresh, "X-Ms-Lease-Id: theirs"}, Want: []string{
			`PUT /account/container/blob If-Match: "0x2" X-Ms-Lease-Id: theirs mine 412`, "412: not applied, unattributed",
		}}},
		"tags": {there(), storetest.Case{Header: []string{stale, "X-Ms-If-Tags: a=1"}, Reason: "X-Ms-If-Tags", Want: alone("412: not applied, unattributed")}},
		"an append position": {there(), storetest.Case{URL: blob + "?comp=appendblock", Header: []string{fresh, "X-Ms-Blob-Condition-Appendpos: 9"}, Reason: "AppendPosition", Want: []string{
			`PUT /account/container/blob?comp=appendblock If-Match: "0x2" mine 412`, "412: not applied, unattributed",
		}}},
		"an append under a stale tag": {there(), storetest.Case{URL: blob + "?comp=appendblock", Header: []string{stale}, Want: []string{
			`PUT /account/container/blob?comp=appendblock If-Match: "0x1" mine 412`, "412: not applied, changed",
		}}},
		"an append that was lost": {there(), storetest.Case{Lose: 1, URL: blob + "?comp=appendblock", Header: []string{fresh}, Want: []string{
			`PUT /account/container/blob?comp=appendblock If-Match: "0x2" mine lost`, `PUT /account/container/blob?comp=appendblock If-Match: "0x2" mine 412`,
			"outcome unknown: unknown, unattributed",
		}}},
		"a block list, with a signature": {there(), storetest.Case{URL: blob + "?comp=blocklist&" + sas + "&versionid=2026%3a1&timeout=9", Header: []string{stale}, Want: []string{
			`PUT /account/container/blob?comp=blocklist&` + sas + `&versionid=2026%3a1&timeout=9 If-Match: "0x1" mine 412`,
			"HEAD /account/container/blob?" + sas + "&versionid=2026%3a1&timeout=9 200",
			`PUT /account/container/blob?comp=blocklist&` + sas + `&versionid=2026%3a1&timeout=9 If-Match: "0x2" mine 201`, "201: applied, changed",
		}}},
		"a page": {there(), storetest.Case{URL: blob + "?comp=page", Header: []string{stale, "X-Ms-Range: bytes=0-511"}, Want: []string{
			`PUT /account/container/blob?comp=page If-Match: "0x1" mine 412`, "HEAD /account/container/blob 200",
			`PUT /account/container/blob?comp=page If-Match: "0x2" mine 201`, "201: applied, changed",
		}}},
		"a page made of the state": {there(), storetest.Case{Policy: storetest.Rebuild(), URL: blob + "?comp=page", Header: []string{stale}, Text: refused, Want: []string{
			`PUT /account/container/blob?comp=page If-Match: "0x1" mine 412`, "412: not applied, refresh failed",
		}}},
		"an append without a code": {coded("none"), storetest.Case{URL: blob + "?comp=appendblock", Header: []string{stale}, Want: []string{
			`PUT /account/container/blob?comp=appendblock If-Match: "0x1" mine 412`, "412: not applied, changed",
		}}},
		"signed above":         {there(), storetest.Case{Header: []string{stale, "Authorization: SharedKey a:b"}, Text: refused, Want: alone("412: not applied, signed above")}},
		"a code of a megabyte": {coded(strings.Repeat("x", 1<<20)), storetest.Case{Header: []string{stale}, Want: alone("412: not applied, unattributed")}},
		"a code without a status": {there(), storetest.Case{
			Serve:  func(*http.Request, string) (int, http.Header, string) { return fault(400, "ConditionNotMet") },
			Header: []string{stale}, Text: refused, Want: alone("400: not applied, none"),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.Case
			c.Dialect, c.Method, c.Body, c.Shown = Dialect(), "PUT", "mine", []string{"If-Match", "If-None-Match", "X-Ms-Lease-Id"}
			if c.Serve == nil {
				c.Serve = test.store.serve
			}
			if c.Policy == nil {
				c.Policy = ifmatch.Resend
			}
			if c.URL == "" {
				c.URL = blob
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
			Dialect: Dialect(), Policy: policy, Lose: 1, Method: "PUT", URL: blob, Header: []string{fresh}, Body: "mine",
			Options: []ifmatch.Option{ifmatch.WithWriteID()},
		}
		sent := []string{"PUT /account/container/blob mine lost", "PUT /account/container/blob mine 412", "HEAD /account/container/blob 200"}
		t.Run(name, func(t *testing.T) {
			c := lost
			c.Serve = (&store{version: 2}).serve
			c.Want = append(sent[:3:3], "204: applied, own earlier write")
			c.Run(t)
		})
		t.Run(name+", after a rival", func(t *testing.T) {
			s := &store{version: 2}
			c := lost
			c.Serve, c.Rival = s.serve, func() { s.version, s.body, s.writeID = 9, "rival's", "another" }
			c.Want = append(sent[:3:3], "outcome unknown: unknown, unattributed")
			if policy == ifmatch.Policy(ifmatch.Resend) { // the last writer wins
				c.Want = append(sent[:3:3], "GET /account/container/blob 200", "PUT /account/container/blob mine 201", "201: applied, changed")
			}
			c.Run(t)
		})
	}
}

// TestWriteIDs: only a write that sets the object's metadata has a write id.
func TestWriteIDs(t *testing.T) {
	for target, identified := range map[string]bool{
		"?" + sas: true, "?comp=blocklist&" + sas: true, "?comp=metadata": true, "?comp=block&blockid=MQ": false, "?comp=lease": false,
		"?restype=container&comp=metadata": false,
	} {
		req, err := http.NewRequest(http.MethodPut, blob+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := Dialect().WriteIDs(req); got != identified {
			t.Errorf("%s: %t", target, got)
		}
		req.Header.Set("X-Ms-Copy-Source", "/a/b")
		if Dialect().WriteIDs(req) {
			t.Errorf("%s: a copy", target)
		}
	}
}

// TestLowerCaseNames: the SDK spells the names of its fields in lower case. A copy
// gets no write id, and a lease is told apart, all the same.
func TestLowerCaseNames(t *testing.T) {
	for name, test := range map[string]struct {
		field, tag string
		identified bool
		writes     int
		cause      ifmatch.Cause
	}{
		"copy":                {"x-ms-copy-source", `"0x2"`, false, 1, ifmatch.CauseNone},
		"another field":       {"x-ms-version", `"0x2"`, true, 1, ifmatch.CauseNone},
		"lease":               {"x-ms-lease-id", `"0x1"`, true, 2, ifmatch.CauseUnexamined},
		"sequence number":     {"x-ms-if-sequence-number-le", `"0x1"`, true, 2, ifmatch.CauseUnexamined},
		"of a copy's source":  {"x-ms-source-if-match", `"0x1"`, true, 1, ifmatch.CauseUnattributed},
		"lease, no code":      {"x-ms-lease-id", `"0x1"`, true, 1, ifmatch.CauseUnattributed},
		"of an append's size": {"x-ms-blob-condition-maxsize", `"0x1"`, true, 1, ifmatch.CauseUnattributed},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{version: 2, body: "theirs"}
			if strings.HasSuffix(name, "no code") {
				s.code = "none"
			}
			writes, identified := 0, false
			base := roundTrip(func(req *http.Request) (int, http.Header, string) {
				if req.Method == http.MethodPut {
					writes++
					identified = req.Header.Get(WriteIDField) != ""
				}
				return s.serve(req, "mine")
			})
			var out ifmatch.Outcome
			req, err := http.NewRequestWithContext(ifmatch.WithOutcome(t.Context(), &out), http.MethodPut, blob, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header[test.field] = []string{"1"}
			req.Header.Set("If-Match", test.tag)
			if _, err := ifmatch.NewTransport(base, ifmatch.Resend, ifmatch.WithDialect(Dialect()), ifmatch.WithWriteID()).RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			if identified != test.identified || writes != test.writes || out.Cause != test.cause {
				t.Errorf("identified %t, %d writes, %v: %v", identified, writes, out.Cause, out.Err)
			}
		})
	}
}

// roundTrip is a transport without bodies.
type roundTrip func(*http.Request) (int, http.Header, string)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	status, header, _ := f(req)
	return &http.Response{StatusCode: status, Header: header, Body: http.NoBody, Request: req}, nil
}

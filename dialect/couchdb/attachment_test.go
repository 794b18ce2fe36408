package couchdb

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/origin"
)

// TestAttachmentBody: the body of an attachment is no document, also where it looks
// like one: only the revision beside it is rewritten.
func TestAttachmentBody(t *testing.T) {
	const body = `{"_id":"other","_rev":"9-ab09","v":1}`
	for name, test := range map[string]struct {
		query  string
		header http.Header
		log    []string
	}{
		"query": {"?rev=3-ab03", nil, []string{
			"PUT /db/doc/photo.png?rev=3-ab03 " + body + " 409", "GET /db/doc 200", "PUT /db/doc/photo.png?rev=7-ab07 " + body + " 201",
		}},
		"If-Match": {"", http.Header{"If-Match": {"3-ab03"}}, []string{
			"PUT /db/doc/photo.png If-Match: 3-ab03 " + body + " 409", "GET /db/doc 200", "PUT /db/doc/photo.png If-Match: 7-ab07 " + body + " 201",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			newDatabase(&database{}).Run(t, Dialect(), origin.Case{
				URL: document + "/photo.png" + test.query, Header: test.header, Body: body, Policy: ifmatch.Resend,
				Status: 201, Cause: ifmatch.CauseChanged, Effect: ifmatch.EffectApplied, Text: `{"ok":true,"id":"doc","rev":"8-ab08"}`, Log: test.log,
			})
		})
	}
}

// TestDeleteAttachmentWithBody: the revision goes into the query, whatever body there is.
func TestDeleteAttachmentWithBody(t *testing.T) {
	var log []string
	r := serving(func(req *http.Request, body string) (int, string) {
		log = append(log, req.Method+" "+req.URL.RequestURI()+" "+body)
		switch {
		case req.Method == "GET":
			return 200, `{"_rev":"2-b"}`
		case req.URL.Query().Get("rev") == "2-b":
			return 200, `{}`
		}
		return 409, `{"error":"conflict"}`
	})
	req, _ := http.NewRequest("DELETE", "https://couch.example/db/d/photo.png", strings.NewReader(`{}`))
	resp, err := ifmatch.NewTransport(r, ifmatch.Resend, ifmatch.WithDialect(Dialect())).RoundTrip(req)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("%v %q", err, log)
	}
}

// TestAttachmentIsNotItsDocument: the document is never handed out, nor written, in
// place of its attachment.
func TestAttachmentIsNotItsDocument(t *testing.T) {
	base := serving(func(req *http.Request, body string) (int, string) {
		if req.Method == http.MethodPut {
			if strings.Contains(req.URL.RawQuery, "7-ab07") {
				t.Errorf("written: %s", body)
			}
			return 409, `{"error":"conflict","reason":"Document update conflict."}`
		}
		return 200, `{"_id":"doc","_rev":"7-ab07","_attachments":{}}`
	})
	for name, policy := range map[string]ifmatch.Policy{
		"Rebuild":   ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) { return current.Body, nil }),
		"MergeJSON": ifmatch.MergeJSON([]byte(`{"c":1}`)),
	} {
		var out ifmatch.Outcome
		req, err := http.NewRequestWithContext(ifmatch.WithOutcome(t.Context(), &out), http.MethodPut, document+"/data.json?rev=3-ab03", strings.NewReader(`{"c":2}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := ifmatch.NewTransport(base, policy, ifmatch.WithDialect(Dialect())).RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		if out.Cause != ifmatch.CauseRefreshFailed {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
	client := &http.Client{Transport: base}
	if _, err := ifmatch.Update(t.Context(), client, document+"/data.json", func(d *map[string]any) error { return nil }, ifmatch.WithDialect(Dialect())); err == nil {
		t.Error("Update has read the document")
	}
}

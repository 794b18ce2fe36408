package couchdb

import (
	"net/http"
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

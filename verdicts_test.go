package ifmatch_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/azureblob"
	"github.com/ifmatch-go/ifmatch/dialect/azuretable"
	"github.com/ifmatch-go/ifmatch/dialect/couchdb"
	"github.com/ifmatch-go/ifmatch/dialect/fhir"
	"github.com/ifmatch-go/ifmatch/dialect/gcs"
	"github.com/ifmatch-go/ifmatch/dialect/odata"
	"github.com/ifmatch-go/ifmatch/dialect/s3"
	"github.com/ifmatch-go/ifmatch/dialect/scim"
	"github.com/ifmatch-go/ifmatch/dialect/webdav"
)

// refusing answers each write with one answer.
type refusing struct {
	status int
	fields []string // "Name: value"
	body   string
}

func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	return &http.Response{
		StatusCode: r.status, Header: fieldsOf(r.fields), Body: io.NopCloser(strings.NewReader(r.body)),
		ContentLength: int64(len(r.body)), Request: req,
	}, nil
}

func fieldsOf(lines []string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// TestVerdictsBecomeCauses: each answer that a dialect judges has its cause, and a
// refusal that no fresh version cures has a reason. Under Stop only the answer
// decides; what passes has no cause.
func TestVerdictsBecomeCauses(t *testing.T) {
	const (
		changed, gone, exists    = ifmatch.CauseChanged, ifmatch.CauseGone, ifmatch.CauseExists
		unexamined               = ifmatch.CauseUnexamined
		locked, required, passes = ifmatch.CauseLocked, ifmatch.CausePreconditionRequired, ifmatch.CauseNone
		unattributed             = ifmatch.CauseUnattributed
		asked                    = "" // the policy decides
	)
	dialects := map[string]ifmatch.Option{
		"azureblob": ifmatch.WithDialect(azureblob.Dialect()), "azuretable": ifmatch.WithDialect(azuretable.Dialect()),
		"couchdb": ifmatch.WithDialect(couchdb.Dialect()), "fhir": ifmatch.WithDialect(fhir.Dialect()),
		"gcs.JSON": ifmatch.WithDialect(gcs.JSON()), "gcs.XML": ifmatch.WithDialect(gcs.XML()),
		"odata": ifmatch.WithDialect(odata.Dialect()), "s3": ifmatch.WithDialect(s3.Dialect()),
		"scim": ifmatch.WithDialect(scim.Dialect()), "webdav": ifmatch.WithDialect(webdav.Dialect()),
		"expired": ifmatch.WithDialect(dialect.Dialect{Judge: (*dialect.Answer).Expired}),
	}
	match, create := []string{`If-Match: "a"`}, []string{"If-None-Match: *"}
	code := func(code string) refusing { return refusing{412, []string{"X-Ms-Error-Code: " + code}, ""} }
	with := func(r refusing, status int) refusing { r.status = status; return r }
	body := func(status int, body string) refusing { return refusing{status, nil, body} }
	xml := func(status int, code string) refusing { return body(status, "<Error><Code>"+code+"</Code></Error>") }
	reason := func(reason string) refusing { return body(412, `{"error":{"errors":[{"reason":"`+reason+`"}]}}`) }
	couch := func(status int, code string) refusing { return body(status, `{"error":"`+code+`","reason":"why"}`) }
	issue := func(status int, code string) refusing {
		return body(status, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"`+code+`"}]}`)
	}
	scimType := func(code string) refusing { return body(409, `{"scimType":"`+code+`"}`) }
	dav := func(status int, code string) refusing {
		return body(status, `<error xmlns="DAV:"><`+code+`/></error>`)
	}
	for _, test := range []struct {
		dialect, method, path string
		fields                []string
		answer                refusing
		cause                 ifmatch.Cause
		why                   string // of Outcome.Err, after the name of the dialect
	}{
		{"azureblob", "PUT", "/c/b", match, code("ConditionNotMet"), unexamined, asked},
		{"azureblob", "PUT", "/c/b", match, code(""), unexamined, asked},
		{"azureblob", "PUT", "/c/b", match, with(code("ConditionNotMet"), 409), passes, asked},
		{"azureblob", "PUT", "/c/b", create, code("ConditionNotMet"), exists, "ifmatch: create only: the resource exists"},
		{"azureblob", "PUT", "/c/b", create, with(code("BlobAlreadyExists"), 409), exists, "ifmatch: Azure Blob: create only: BlobAlreadyExists"},
		{"azureblob", "PUT", "/c/b", match, with(code("BlobAlreadyExists"), 409), passes, asked},
		{"azureblob", "PUT", "/c/b", match, code("LeaseIdMissing"), locked, `ifmatch: Azure Blob: "LeaseIdMissing"`},
		{"azureblob", "PUT", "/c/b", match, with(code("LeaseAlreadyPresent"), 409), locked, `ifmatch: Azure Blob: "LeaseAlreadyPresent"`},
		{"azureblob", "PUT", "/c/b?comp=appendblock", match, code("ConditionNotMet"), changed, "ifmatch: Azure Blob: an Append Block isn't sent again under another tag: it might be appended twice"},
		{"azureblob", "PUT", "/c/b?comp=appendblock", match, code(""), changed, "ifmatch: Azure Blob: an Append Block isn't sent again under another tag: it might be appended twice"},
		{"azureblob", "PUT", "/c/b", match, code("TargetConditionNotMet"), unattributed, `ifmatch: Azure Blob: "TargetConditionNotMet" isn't about an ETag or a date`},
		{"azureblob", "PUT", "/c/b", []string{`If-Match: "a"`, "X-Ms-Lease-Id: 1"}, code(""), unattributed, "ifmatch: Azure Blob: without a code there is no telling whether X-Ms-Lease-Id failed"},

		{"azuretable", "PUT", "/t()", match, code("UpdateConditionNotSatisfied"), unexamined, asked},
		{"azuretable", "PUT", "/t()", match, code(""), unexamined, asked},
		{"azuretable", "PUT", "/t()", match, body(412, `{"odata.error":{"code":"UpdateConditionNotSatisfied"}}`), unexamined, asked},
		{"azuretable", "PUT", "/t()", match, code("Other"), unattributed, `ifmatch: Azure Table: "Other" isn't about an ETag`},
		{"azuretable", "PUT", "/t()", match, with(code("ResourceNotFound"), 404), gone, "ifmatch: Azure Table: ResourceNotFound: there is no entity"},
		{"azuretable", "PUT", "/t()", match, with(code("EntityNotFound"), 404), gone, "ifmatch: Azure Table: EntityNotFound: there is no entity"},
		{"azuretable", "PUT", "/t()", match, with(code("TableNotFound"), 404), passes, asked},
		{"azuretable", "PUT", "/t()", nil, with(code("ResourceNotFound"), 404), passes, asked},

		{"couchdb", "PUT", "/db", nil, couch(412, "file_exists"), exists, "ifmatch: CouchDB: the database exists"},
		{"couchdb", "PUT", "/db/doc?rev=1-a", nil, couch(412, "missing_stub"), unattributed, "ifmatch: CouchDB: 412 missing_stub: why"},
		{"couchdb", "PUT", "/db/doc?rev=1-a", nil, couch(409, "other"), unattributed, "ifmatch: CouchDB: 409 other: why"},
		{"couchdb", "PUT", "/db/doc?rev=1-a", nil, body(409, ""), unattributed, "ifmatch: CouchDB: 409 without an error that CouchDB has: "},
		{"couchdb", "COPY", "/db/doc", nil, couch(409, "conflict"), unattributed, "ifmatch: CouchDB: the revision that counts is that in Destination, which is left alone"},
		{"couchdb", "PUT", "/db/doc?rev=1-a", nil, couch(409, "conflict"), changed, asked},
		{"couchdb", "PUT", "/db/doc", []string{"If-Match: 1-a"}, couch(409, "conflict"), changed, asked},
		{"couchdb", "PUT", "/db/doc", nil, couch(409, "conflict"), exists, "ifmatch: create only: the resource exists"},
		{"couchdb", "DELETE", "/db/doc", nil, couch(409, "conflict"), required, asked},
		{"couchdb", "PUT", "/db/doc/a", nil, couch(409, "conflict"), exists, "ifmatch: CouchDB: the document exists, and an attachment needs its revision"},

		{"fhir", "PUT", "/P/1", nil, issue(409, "conflict"), passes, asked},
		{"fhir", "PUT", "/P/1", match, issue(409, "conflict"), unexamined, asked},
		{"fhir", "PUT", "/P/1", match, issue(412, "processing"), unexamined, asked},
		{"fhir", "PUT", "/P/1", match, issue(412, "invalid"), unexamined, asked},
		{"fhir", "PUT", "/P/1", match, body(412, ""), unexamined, asked},
		{"fhir", "PUT", "/P/1", nil, body(428, ""), required, asked},
		{"fhir", "PUT", "/P/1", match, body(428, ""), required, "ifmatch: the server demands another precondition than the one that was sent"},
		{"fhir", "PUT", "/P/1", match, body(412, "OperationOutcome {"), unattributed, "ifmatch: FHIR: there is an OperationOutcome, and it can't be read: it may be about a lock"},
		{"fhir", "PUT", "/P/1", match, issue(412, "lock-error"), locked, "ifmatch: FHIR: somebody holds a lock on the resource"},
		{"fhir", "PUT", "/P/1", match, issue(412, "multiple-matches"), unattributed, "ifmatch: FHIR: several resources match"},
		{"fhir", "PUT", "/P/1", match, issue(412, "value"), unattributed, `ifmatch: FHIR: the issue code "value" is no version conflict`},
		{"fhir", "PUT", "/P?name=x", match, body(412, ""), unattributed, "ifmatch: FHIR: the search of a conditional operation failed, or matched several resources"},
		{"fhir", "POST", "/P", []string{"If-None-Exist: name=x"}, body(412, ""), unattributed, "ifmatch: FHIR: the search of a conditional operation failed, or matched several resources"},
		{"fhir", "DELETE", "/P/1", nil, body(412, ""), required, asked},
		{"fhir", "PUT", "/P/1", create, body(412, ""), exists, "ifmatch: create only: the resource exists"},

		{"gcs.JSON", "PUT", "/storage/v1/b/b/o/o?ifGenerationMatch=1", nil, reason("conditionNotMet"), unexamined, asked},
		{"gcs.JSON", "PUT", "/storage/v1/b/b/o/o?ifGenerationMatch=0", nil, reason("conditionNotMet"), exists, "ifmatch: create only: the resource exists"},
		{"gcs.JSON", "PUT", "/storage/v1/b/b/o/o?ifGenerationMatch=1", nil, reason("other"), unattributed, `ifmatch: GCS JSON: unknown reason "other"`},
		{"gcs.JSON", "PUT", "/storage/v1/b/b/o/o?ifGenerationMatch=1", nil, body(412, "{}"), unattributed, "ifmatch: GCS JSON: no reason is given"},
		{"gcs.JSON", "PUT", "/storage/v1/b/b/o/o?ifGenerationNotMatch=1", nil, reason("conditionNotMet"), unattributed, "ifmatch: GCS JSON: there is no telling whether ifGenerationNotMatch failed"},
		{"gcs.JSON", "PUT", "/storage/v1/b/b/o/o?ifSourceGenerationMatch=1", nil, reason("conditionNotMet"), unattributed, "ifmatch: GCS JSON: there is no telling whether ifSourceGenerationMatch failed"},
		{"gcs.JSON", "PUT", "/upload/storage/v1/b/b/o?upload_id=1&ifGenerationMatch=1", nil, reason("conditionNotMet"), changed, "ifmatch: GCS JSON: the condition was set when the resumable upload began: begin another one"},

		{"gcs.XML", "PUT", "/b/o", []string{"X-Goog-If-Generation-Match: 1"}, xml(412, "PreconditionFailed"), unexamined, asked},
		{"gcs.XML", "PUT", "/b/o", []string{"X-Goog-If-Generation-Match: 1"}, xml(412, "Other"), unattributed, `ifmatch: GCS XML: unknown code "Other"`},

		{"odata", "PUT", "/P(1)", match, body(412, ""), unexamined, asked},
		{"odata", "PUT", "/P(1)", []string{"If-Match: *"}, body(412, ""), unexamined, "ifmatch: there may be no current representation"},
		{"odata", "PUT", "/P(1)", nil, body(428, ""), required, asked},
		{"odata", "POST", "/$batch", match, body(412, ""), passes, asked},

		{"s3", "PUT", "/b/o", match, xml(412, "PreconditionFailed"), unexamined, asked},
		{"s3", "PUT", "/b/o", match, body(412, ""), unexamined, asked},
		{"s3", "PUT", "/b/o", match, xml(412, "Other"), unattributed, `ifmatch: S3: unknown code "Other"`},
		{"s3", "PUT", "/b/o", match, xml(404, "NoSuchKey"), gone, "ifmatch: S3: NoSuchKey: there is no object"},
		{"s3", "PUT", "/b/o", nil, xml(404, "NoSuchKey"), passes, asked},
		{"s3", "PUT", "/b/o", []string{`If-Match: "a"`, "X-Amz-Copy-Source: /b/s"}, xml(404, "NoSuchKey"), passes, asked},
		{"s3", "PUT", "/b/o", match, xml(404, "NoSuchBucket"), passes, asked},
		{"s3", "PUT", "/b/o", match, xml(409, "ConditionalRequestConflict"), passes, "again"},
		{"s3", "POST", "/b/o?uploadId=1", match, xml(409, "ConditionalRequestConflict"), passes, asked},
		{"s3", "PUT", "/b/o", match, xml(409, "OperationAborted"), passes, "again"},
		{"s3", "PUT", "/b/o", match, xml(409, "InvalidBucketState"), passes, asked},

		{"scim", "PUT", "/Users/1", match, body(412, ""), unexamined, asked},
		{"scim", "PUT", "/Users/1", nil, body(428, ""), required, asked},
		{"scim", "PUT", "/Users/1", match, body(409, ""), changed, asked},
		{"scim", "PUT", "/Users/1", nil, body(409, ""), passes, asked},
		{"scim", "PUT", "/Users/1", match, scimType("uniqueness"), passes, asked},
		{"scim", "PUT", "/Users/1", match, scimType("mutability"), unattributed, `ifmatch: SCIM: 409 with the scimType "mutability"`},
		{"scim", "PUT", "/Users/1", match, body(409, "<html>"), unattributed, "ifmatch: SCIM: 409 with a body that isn't SCIM's"},

		{"webdav", "PUT", "/a", match, body(412, ""), unexamined, asked},
		{"webdav", "PUT", "/a", nil, body(428, ""), required, asked},
		{"webdav", "PUT", "/a", match, body(423, ""), locked, "ifmatch: WebDAV: the resource is locked, and the write has no token of that lock"},
		{"webdav", "PUT", "/a", match, dav(412, "lock-token-submitted"), locked, "ifmatch: WebDAV: lock-token-submitted"},
		{"webdav", "PUT", "/a", match, dav(409, "lock-token-matches-request-uri"), locked, "ifmatch: WebDAV: lock-token-matches-request-uri"},
		{"webdav", "PUT", "/a", match, dav(403, "no-conflicting-lock"), locked, "ifmatch: WebDAV: no-conflicting-lock"},
		{"webdav", "PUT", "/a", match, dav(409, "no-uid-conflict"), exists, "ifmatch: WebDAV: no-uid-conflict"},
		{"webdav", "PUT", "/a", match, dav(403, "need-privileges"), unattributed, "ifmatch: WebDAV: need-privileges"},
		{"webdav", "PUT", "/a", match, body(403, ""), passes, asked},
		{"webdav", "PUT", "/a", match, body(409, ""), passes, asked},
		{"webdav", "PUT", "/a", []string{"If: (<urn:uuid:1>)"}, body(412, ""), locked, "ifmatch: the condition in If is not understood, so it is left alone"},

		{"expired", "PUT", "/a", match, body(412, ""), ifmatch.CauseTokenExpired, asked},
		{"expired", "PUT", "/a", create, body(412, ""), exists, "ifmatch: create only: the resource exists"},
	} {
		name := test.dialect + " " + test.method + " " + test.path + " " + strings.Join(test.fields, " ") + " " +
			http.StatusText(test.answer.status) + strings.Join(test.answer.fields, "") + test.answer.body
		var out ifmatch.Outcome
		req, err := http.NewRequestWithContext(ifmatch.WithOutcome(t.Context(), &out), test.method, "http://api.test"+test.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = fieldsOf(test.fields)
		rt := ifmatch.NewTransport(test.answer, ifmatch.Stop, dialects[test.dialect], ifmatch.WithMaxAttempts(1))
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		resp.Body.Close()
		if out.Cause != test.cause {
			t.Errorf("%s: %v, want %v", name, out.Cause, test.cause)
		}
		switch {
		case test.why == "again":
			if !errors.Is(out.Err, ifmatch.ErrAttempts) {
				t.Errorf("%s: %v, want a repeat that WithMaxAttempts forbids", name, out.Err)
			}
		case test.why != asked:
			if why := errors.Unwrap(out.Err); why == nil || why.Error() != test.why {
				t.Errorf("%s: %v, want %s", name, out.Err, test.why)
			}
		case test.cause != passes:
			if errors.Unwrap(out.Err) != ifmatch.ErrConflict {
				t.Errorf("%s: %v, want the policy to be asked", name, out.Err)
			}
		case errors.Is(out.Err, ifmatch.ErrConflict) || errors.Is(out.Err, ifmatch.ErrAttempts):
			t.Errorf("%s: %v, want it to pass", name, out.Err)
		}
	}
}

package dialects

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/couchdb"
)

// docRev is the revision of a document as it is now.
func docRev(t *testing.T, url string) string {
	t.Helper()
	_, text := docPlain(t, 200, "GET", url, "", nil)
	var doc struct {
		Rev string `json:"_rev"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Rev
}

// docCouch makes a document that was changed once, and returns its URL and the
// revision that it had at first.
func docCouch(t *testing.T) (url, old string) {
	t.Helper()
	url = docServer(t, "pouch") + "doc-" + docID()
	docPlain(t, 201, "PUT", url, `{"stock":1}`, docJSON)
	old = docRev(t, url)
	docPlain(t, 201, "PUT", url+"?rev="+old, `{"stock":2}`, docJSON)
	return url, old
}

func TestCouchDBWrites(t *testing.T) {
	for name, test := range map[string]struct {
		policy             ifmatch.Policy
		method, path, body string // OLD is the first revision
		header             http.Header
		delete             bool
		status             int
		cause              ifmatch.Cause
		exchanges          []string
	}{
		"body, Stop":         {ifmatch.Stop, "PUT", "", `{"_rev":"OLD","stock":5}`, docJSON, false, 409, ifmatch.CauseChanged, []string{"PUT 409"}},
		"body, Resend":       {ifmatch.Resend, "PUT", "", `{"_rev":"OLD","stock":5}`, docJSON, false, 201, ifmatch.CauseChanged, []string{"PUT 409", "GET 200", "PUT 201"}},
		"query, Resend":      {ifmatch.Resend, "PUT", "?rev=OLD", `{"stock":5}`, docJSON, false, 201, ifmatch.CauseChanged, []string{"PUT 409", "GET 200", "PUT 201"}},
		"DELETE":             {ifmatch.Resend, "DELETE", "?rev=OLD", "", nil, false, 200, ifmatch.CauseChanged, []string{"DELETE 409", "GET 200", "DELETE 200"}},
		"attachment, Resend": {ifmatch.Resend, "PUT", "/photo.png?rev=OLD", "png", http.Header{"Content-Type": {"image/png"}}, false, 201, ifmatch.CauseChanged, []string{"PUT 409", "GET 200", "PUT 201"}},
		"create only":        {ifmatch.Resend, "PUT", "", `{"stock":5}`, docJSON, false, 409, ifmatch.CauseExists, []string{"PUT 409"}},
		"missing stub": {
			ifmatch.Resend, "PUT", "", `{"_rev":"OLD","_attachments":{"a":{"stub":true,"revpos":1}}}`, docJSON, false,
			412, ifmatch.CauseUnattributed, []string{"PUT 412"},
		},
		"deleted": {ifmatch.Resend, "PUT", "", `{"_rev":"OLD","stock":5}`, docJSON, true, 409, ifmatch.CauseGone, []string{"PUT 409", "GET 404"}},
	} {
		t.Run(name, func(t *testing.T) {
			url, old := docCouch(t)
			if test.delete {
				docPlain(t, 200, "DELETE", url+"?rev="+docRev(t, url), "", nil)
			}
			put := strings.NewReplacer("OLD", old)
			status, text, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(couchdb.Dialect())}, test.policy, test.method, url+put.Replace(test.path), put.Replace(test.body), test.header)
			docExpect(t, status, out, test.status, test.cause, test.exchanges...)
			if test.status >= 400 && !strings.Contains(text, `"error"`) {
				t.Errorf("the refusal has the body %q", text)
			}
		})
	}
}

// TestCouchDBIfMatch: express-pouchdb takes no If-Match, not even a fresh one, as
// CouchDB does. The call ends all the same.
func TestCouchDBIfMatch(t *testing.T) {
	url, old := docCouch(t)
	status, _, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(couchdb.Dialect())}, ifmatch.Resend, "PUT", url, `{"stock":5}`, docHeader("If-Match", old))
	if status != 409 || out.Effect != ifmatch.EffectNotApplied || out.Cause != ifmatch.CauseSelfContradiction {
		t.Errorf("got %d, %v, %v: %v", status, out.Effect, out.Cause, out.Exchanges)
	}
}

func TestCouchDBDatabaseExists(t *testing.T) {
	url := docServer(t, "pouch")
	status, text, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(couchdb.Dialect())}, ifmatch.Resend, "PUT", url, "", nil)
	docExpect(t, status, out, 412, ifmatch.CauseExists, "PUT 412")
	if !strings.Contains(text, "file_exists") {
		t.Errorf("got %s", text)
	}
}

func TestCouchDBUpdates(t *testing.T) {
	url, _ := docCouch(t)
	docWriters(t, url, couchdb.Dialect())
	docCreate(t, docServer(t, "pouch")+"new-"+docID(), couchdb.Dialect())
}

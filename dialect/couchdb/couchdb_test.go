package couchdb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/origin"
)

// database is a CouchDB with one document, /db/doc, as its documentation has it.
// The ETag of what it answers is one of the page, as express-pouchdb has it.
type database struct {
	n       int
	doc     map[string]any
	deleted bool
	refuses *origin.Answer // each write, where it isn't nil
	answer  *origin.Answer // to GET
}

func newDatabase(d *database) *origin.Origin {
	if d.n == 0 {
		d.n = 7
	}
	if d.doc == nil {
		d.doc = map[string]any{"n": 1}
	}
	return &origin.Origin{Serve: d.serve, Fields: []string{"If-Match"}}
}

func (d *database) rev() string { return fmt.Sprintf("%d-ab%02x", d.n, d.n) }

const conflict = `{"error":"conflict","reason":"Document update conflict."}`

func (d *database) serve(req *http.Request, body []byte) origin.Answer {
	switch {
	case req.Method == http.MethodHead:
		return origin.Tagged(200, `W/"page"`, "")
	case req.Method == http.MethodGet && d.answer != nil:
		return *d.answer
	case req.Method == http.MethodGet && d.deleted:
		return origin.JSON(404, `{"error":"not_found","reason":"deleted"}`)
	case req.Method == http.MethodGet && req.Header.Get("Accept") != "application/json":
		return origin.JSON(406, `{"error":"not_acceptable"}`)
	case req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/photo.png"):
		return origin.Tagged(200, `"md5"`, "png")
	case req.Method == http.MethodGet:
		all := maps.Clone(d.doc)
		all["_id"], all["_rev"] = "doc", d.rev()
		text, _ := json.Marshal(all)
		return origin.Tagged(200, `W/"page"`, string(text))
	case d.refuses != nil:
		return *d.refuses
	}
	attachment := strings.HasSuffix(req.URL.Path, "/photo.png")
	sent := map[string]any{}
	if !attachment {
		json.Unmarshal(body, &sent)
	}
	for name := range sent {
		if name[0] == '_' && name != "_rev" && name != "_id" {
			return origin.JSON(400, `{"error":"doc_validation","reason":"Bad special document member: `+name+`"}`)
		}
	}
	inBody, _ := sent["_rev"].(string)
	rev := cmp.Or(req.URL.Query().Get("rev"), strings.Trim(req.Header.Get("If-Match"), `"`), inBody)
	if rev == "" && !d.deleted || rev != "" && (d.deleted || rev != d.rev()) {
		return origin.JSON(409, conflict)
	}
	d.n++
	d.deleted = req.Method == http.MethodDelete
	if !attachment {
		delete(sent, "_rev")
		delete(sent, "_id")
		d.doc = sent
	}
	return origin.Tagged(201, `"`+d.rev()+`"`, `{"ok":true,"id":"doc","rev":"`+d.rev()+`"}`)
}

const document = "http://couch.test/db/doc"

var double = ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
	var b struct {
		Rev string `json:"_rev"`
		N   int    `json:"n"`
	}
	err := json.Unmarshal(current.Body, &b)
	return fmt.Appendf(nil, `{"_rev":%q,"n":%d}`, b.Rev, 2*b.N), err
})

func TestWrites(t *testing.T) {
	const spaced = "{ \"_rev\" :\t\"3-ab03\",\n\"n\" : 5.0, \"t\":\"\\u00e9<\" }"
	const staleBody = `{"_rev":"3-ab03","n":5}`
	large := strings.Repeat("png", 1000)
	refuses := func(status int, body string) *database {
		a := origin.JSON(status, body)
		return &database{refuses: &a}
	}
	get := func(body string) *database {
		a := origin.Tagged(200, `W/"page"`, body)
		return &database{answer: &a}
	}
	gaveUp := []string{`PUT /db/doc {"_rev":"3-ab03","n":5} 409`, "GET /db/doc 200"}
	for name, test := range map[string]struct {
		db *database
		origin.Case
	}{
		"body, Stop": {&database{}, origin.Case{Body: staleBody, Policy: ifmatch.Stop, Status: 409, Cause: ifmatch.CauseChanged}},
		"body, Resend, byte for byte": {&database{}, origin.Case{Body: spaced, Policy: ifmatch.Resend, Status: 201, Cause: ifmatch.CauseChanged, Log: []string{
			"PUT /db/doc " + spaced + " 409", "GET /db/doc 200", "PUT /db/doc " + strings.Replace(spaced, "3-ab03", "7-ab07", 1) + " 201",
		}}},
		"body, Rebuild": {&database{doc: map[string]any{"n": 21}}, origin.Case{Body: staleBody, Policy: double, Status: 201, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /db/doc {"_rev":"3-ab03","n":5} 409`, "GET /db/doc 200", `PUT /db/doc {"_rev":"7-ab07","n":42} 201`,
		}}},
		"query, Resend": {&database{}, origin.Case{URL: document + "?rev=3-ab03&batch=ok", Body: `{"n":5}`, Policy: ifmatch.Resend, Status: 201, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /db/doc?rev=3-ab03&batch=ok {"n":5} 409`, "GET /db/doc?batch=ok 200", `PUT /db/doc?rev=7-ab07&batch=ok {"n":5} 201`,
		}}},
		"If-Match, Resend": {&database{}, origin.Case{Header: http.Header{"If-Match": {"3-ab03"}}, Body: `{"n":5}`, Policy: ifmatch.Resend, Status: 201, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /db/doc If-Match: 3-ab03 {"n":5} 409`, "GET /db/doc 200", `PUT /db/doc If-Match: 7-ab07 {"n":5} 201`,
		}}},
		"If-Match with quotes": {&database{}, origin.Case{Header: http.Header{"If-Match": {`"3-ab03"`}}, Body: `{"n":5}`, Policy: ifmatch.Resend, Status: 201, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /db/doc If-Match: "3-ab03" {"n":5} 409`, "GET /db/doc 200", `PUT /db/doc If-Match: 7-ab07 {"n":5} 201`,
		}}},
		"query and body": {&database{}, origin.Case{URL: document + "?rev=3-ab03", Body: staleBody, Policy: ifmatch.Resend, Status: 201, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /db/doc?rev=3-ab03 {"_rev":"3-ab03","n":5} 409`, "GET /db/doc 200", `PUT /db/doc?rev=7-ab07 {"_rev":"7-ab07","n":5} 201`,
		}}},
		"DELETE": {&database{}, origin.Case{Method: "DELETE", URL: document + "?rev=3-ab03", Policy: ifmatch.Resend, Status: 201, Cause: ifmatch.CauseChanged, Log: []string{
			"DELETE /db/doc?rev=3-ab03 409", "GET /db/doc 200", "DELETE /db/doc?rev=7-ab07 201",
		}}},
		"DELETE without rev": {&database{}, origin.Case{Method: "DELETE", Policy: ifmatch.Resend, Status: 201, Cause: ifmatch.CausePreconditionRequired, Log: []string{
			"DELETE /db/doc 409", "GET /db/doc 200", "DELETE /db/doc?rev=7-ab07 201",
		}}},
		"DELETE without rev, Stop": {&database{}, origin.Case{Method: "DELETE", Policy: ifmatch.Stop, Status: 409, Cause: ifmatch.CausePreconditionRequired}},
		"attachment": {&database{}, origin.Case{
			URL: document + "/photo.png?rev=3-ab03", Header: http.Header{"Content-Type": {"image/png"}, "Accept": {"image/png"}}, Body: "png", Policy: ifmatch.Resend,
			Status: 201, Cause: ifmatch.CauseChanged,
			Log: []string{"PUT /db/doc/photo.png?rev=3-ab03 png 409", "GET /db/doc 200", "PUT /db/doc/photo.png?rev=7-ab07 png 201"},
		}},
		"attachment above the bound": {&database{}, origin.Case{
			URL: document + "/photo.png?rev=3-ab03", Body: large, Policy: ifmatch.Resend, Options: ifmatch.Options{ifmatch.WithMaxRepresentation(1000)},
			Status: 201, Cause: ifmatch.CauseChanged,
			Log: []string{"PUT /db/doc/photo.png?rev=3-ab03 " + large + " 409", "GET /db/doc 200", "PUT /db/doc/photo.png?rev=7-ab07 " + large + " 201"},
		}},
		"attachment without rev": {&database{}, origin.Case{URL: document + "/photo.png", Body: "png", Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseExists}},
		"create only":            {&database{}, origin.Case{Body: `{"n":5}`, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseExists}},
		"create only, Stop":      {&database{}, origin.Case{Body: `{"n":5}`, Policy: ifmatch.Stop, Status: 409, Cause: ifmatch.CauseExists}},
		"deleted": {&database{deleted: true}, origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseGone, Log: []string{
			`PUT /db/doc {"_rev":"3-ab03","n":5} 409`, "GET /db/doc 404",
		}}},
		"the database exists": {refuses(412, `{"error":"file_exists"}`), origin.Case{URL: "http://couch.test/db", Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseExists}},
		"missing_stub":        {refuses(412, `{"error":"missing_stub"}`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed}},
		"an unknown 412":      {refuses(412, `{"error":"moon"}`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed}},
		"an unknown 409":      {refuses(409, `{"error":"moon"}`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseUnattributed}},
		"409 that isn't JSON": {refuses(409, "<html>"), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseUnattributed}},
		"COPY": {refuses(409, conflict), origin.Case{
			Method: "COPY", URL: document + "?rev=3-ab03", Header: http.Header{"Destination": {"other?rev=1-aa"}}, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseUnattributed,
		}},
		"a function of a design document": {refuses(409, conflict), origin.Case{
			URL: "http://couch.test/db/_design/d/_update/f/doc?rev=3-ab03", Body: `{}`, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseRefreshFailed,
		}},
		"the body that was sent is no rev":        {refuses(409, conflict), origin.Case{Body: `{"_rev":"latest"}`, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseUnattributed}},
		"the body that was sent isn't JSON":       {refuses(409, conflict), origin.Case{Body: `--multipart`, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseUnattributed}},
		"the body that was sent has two":          {refuses(409, conflict), origin.Case{Body: `{"_rev":"3-ab03","_rev":"3-ab03"}`, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseUnattributed}},
		"the body that was sent is too large":     {refuses(409, conflict), origin.Case{Body: `{"_rev":"3-ab03","a":"` + strings.Repeat("a", 2000) + `"}`, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNotReplayable, Options: ifmatch.Options{ifmatch.WithMaxRepresentation(1000)}}},
		"the body is too large, create, and Stop": {refuses(409, conflict), origin.Case{Body: `{"a":"` + strings.Repeat("a", 2000) + `"}`, Policy: ifmatch.Stop, Status: 409, Cause: ifmatch.CauseNotReplayable, Options: ifmatch.Options{ifmatch.WithMaxRepresentation(1000)}}},
		"the answer isn't JSON":                   {get("<html>"), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"the answer is an array":                  {get(`[{"_rev":"7-ab07"}]`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"the answer has no rev":                   {get(`{}`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"the answer has two":                      {get(`{"_rev":"7-ab07","_rev":"8-ab08"}`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"the answer has a number":                 {get(`{"_rev":7}`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"the answer has a rev that is none":       {get(`{"_rev":"latest"}`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"the answer has a rev with a line in it":  {get(`{"_rev":"7-ab\r\nX: y"}`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"the answer has a rev with quotes":        {get(`{"_rev":"\"7-ab07\""}`), origin.Case{Body: staleBody, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"the answer is above the bound": {get(`{"_rev":"7-ab07","a":"` + strings.Repeat("a", 2000) + `"}`), origin.Case{
			Body: staleBody, Policy: ifmatch.Resend, Options: ifmatch.Options{ifmatch.WithMaxRepresentation(1000)}, Status: 409, Cause: ifmatch.CauseRefreshFailed, Log: gaveUp,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.Case
			c.URL, c.Effect = cmp.Or(c.URL, document), ifmatch.EffectNotApplied
			switch {
			case c.Status == 201:
				c.Text, c.Effect = `{"ok":true,"id":"doc","rev":"8-ab08"}`, ifmatch.EffectApplied
			case test.db.refuses != nil:
				c.Text = test.db.refuses.Body
			default:
				c.Text = conflict
			}
			newDatabase(test.db).Run(t, Dialect(), c)
		})
	}
}

// TestDocumentOf has the URLs of CouchDB.
func TestDocumentOf(t *testing.T) {
	for raw, want := range map[string]struct {
		path       string
		attachment bool
	}{
		"/db/doc": {"/db/doc", false}, "/db/doc/": {"/db/doc", true}, "/db/a%2Fb": {"/db/a%2Fb", false}, "/db/doc/a.png": {"/db/doc", true}, "/db/doc/a/b.png": {"/db/doc", true},
		"/db/_design/d": {"/db/_design/d", false}, "/db/_design/d/a.js": {"/db/_design/d", true}, "/db/_local/x": {"/db/_local/x", false}, "/db/_design/d/_view/v": {},
		"/db": {}, "/": {}, "/db/": {}, "//doc": {}, "/db/_bulk_docs": {}, "/db/_security": {}, "/db/_design/": {}, "/db/_design": {},
	} {
		u, err := url.Parse("http://couch.test" + raw)
		if err != nil {
			t.Fatal(err)
		}
		if path, attachment := root("/").documentOf(u); path != want.path || attachment != want.attachment {
			t.Errorf("%s: got %q, %t", raw, path, attachment)
		}
	}
}

// TestBelow: behind a prefix, however it is spelled.
func TestBelow(t *testing.T) {
	const prefixed = "http://couch.test/a/b/db/doc"
	for _, prefix := range []string{"/a/b/", "a/b", "/a/b"} {
		origin.Writers(t, newDatabase(&database{}), prefixed, Below(prefix))
		newDatabase(&database{}).Run(t, Below(prefix), origin.Case{
			URL: prefixed + "/photo.png?rev=3-ab03", Body: "png", Policy: ifmatch.Resend,
			Status: 201, Cause: ifmatch.CauseChanged, Effect: ifmatch.EffectApplied, Text: `{"ok":true,"id":"doc","rev":"8-ab08"}`,
			Log: []string{"PUT /a/b/db/doc/photo.png?rev=3-ab03 png 409", "GET /a/b/db/doc 200", "PUT /a/b/db/doc/photo.png?rev=7-ab07 png 201"},
		})
	}
	newDatabase(&database{}).Run(t, Below("/x"), origin.Case{
		URL: prefixed + "?rev=3-ab03", Body: "{}", Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseRefreshFailed, Effect: ifmatch.EffectNotApplied, Text: conflict,
	})
}

func TestUpdates(t *testing.T) {
	t.Run("add", func(t *testing.T) { origin.Writers(t, newDatabase(&database{}), document, Dialect()) })
	t.Run("create", func(t *testing.T) { origin.Create(t, newDatabase(&database{deleted: true}), document, Dialect()) })
	t.Run("patch", func(t *testing.T) {
		d := &database{}
		o := newDatabase(d)
		serve := o.Serve
		o.Serve = func(req *http.Request, body []byte) origin.Answer {
			if req.Method == http.MethodPatch {
				return origin.JSON(405, `{"error":"method_not_allowed"}`) // CouchDB has no PATCH
			}
			return serve(req, body)
		}
		_, err := ifmatch.Update(t.Context(), &http.Client{Transport: o}, document, func(s *origin.Stock) error { s.N++; return nil }, ifmatch.WithDialect(Dialect()), ifmatch.WithPatch())
		var status *ifmatch.StatusError
		if !errors.As(err, &status) || status.StatusCode != 405 || d.n != 7 {
			t.Errorf("got %v, want status 405", err)
		}
	})
}

// TestMarks: a document keeps the ids in a member whose name CouchDB takes.
func TestMarks(t *testing.T) {
	type stock struct {
		N int `json:"n"`
		ifmatch.Marks
	}
	d := &database{doc: map[string]any{"n": 0, "theirs": "x"}}
	origin.Marks(t, newDatabase(d), document, Dialect(), func(s *stock) error { s.N++; return nil }, func() ([]byte, int) {
		text, _ := json.Marshal(d.doc)
		n, _ := d.doc["n"].(float64)
		return text, int(n)
	})
	if d.doc["theirs"] != "x" {
		t.Error(d.doc)
	}
}

// TestUnreplayable: a body that can't be had again isn't looked into, and nothing
// is sent.
func TestUnreplayable(t *testing.T) {
	o := newDatabase(&database{})
	var out ifmatch.Outcome
	body := struct{ io.Reader }{strings.NewReader(`{"_rev":"3-ab03"}`)}
	req, err := http.NewRequestWithContext(ifmatch.WithOutcome(t.Context(), &out), http.MethodPut, document, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := ifmatch.NewTransport(o, ifmatch.Stop, ifmatch.WithDialect(Dialect()), ifmatch.WithoutRepeats()).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 409 || out.Cause != ifmatch.CauseNotReplayable || len(o.Log()) != 1 {
		t.Errorf("got %s, %v, %q", resp.Status, out.Cause, o.Log())
	}
}

type serving func(*http.Request, string) (int, string)

func (f serving) RoundTrip(req *http.Request) (*http.Response, error) {
	var b []byte
	if req.Body != nil {
		b, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	st, text := f(req, string(b))
	return &http.Response{StatusCode: st, Header: http.Header{}, ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

// TestMergeWithRevInQuery: the revision is no edit, also where the base has it and the body has not.
func TestMergeWithRevInQuery(t *testing.T) {
	var log []string
	r := serving(func(req *http.Request, body string) (int, string) {
		log = append(log, req.Method+" "+req.URL.RequestURI()+" "+body)
		switch {
		case req.Method == "GET":
			return 200, `{"_id":"d","_rev":"2-b","a":1,"b":2}`
		case req.URL.Query().Get("rev") == "2-b":
			return 201, `{}`
		}
		return 409, `{"error":"conflict"}`
	})
	base := []byte(`{"_id":"d","_rev":"1-a","a":1,"b":1}`)
	tr := ifmatch.NewTransport(r, ifmatch.MergeJSON(base), ifmatch.WithDialect(Dialect()))
	req, _ := http.NewRequest("PUT", "https://couch.example/db/d?rev=1-a", strings.NewReader(`{"a":9,"b":1}`))
	resp, err := tr.RoundTrip(req)
	if err != nil || resp.StatusCode != 201 {
		t.Errorf("%v %q", err, log)
	}
}

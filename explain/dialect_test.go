package explain

import (
	"maps"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// TestVerdicts: what the dialect that is given says of an answer.
func TestVerdicts(t *testing.T) {
	judged := func(judge func(*dialect.Answer) dialect.Verdict) Option {
		return WithDialect(dialect.Dialect{Name: "mine", Statuses: []int{409, 412}, Judge: judge})
	}
	put := func(status int) []Exchange {
		return []Exchange{x("PUT /doc", status, `> If-Match: "v1"`, `<< {"code":7}`)}
	}
	for name, test := range map[string]struct {
		judge func(*dialect.Answer) dialect.Verdict
		want  string
	}{
		"exists":   {func(a *dialect.Answer) dialect.Verdict { return a.Exists("there") }, "certain IFM005"},
		"gone":     {func(a *dialect.Answer) dialect.Verdict { return a.Gone("away") }, "certain IFM006"},
		"changed":  {func(a *dialect.Answer) dialect.Verdict { return a.Changed("other") }, "certain IFM002"},
		"locked":   {func(a *dialect.Answer) dialect.Verdict { return a.Locked("by you") }, "certain IFM015"},
		"stops":    {func(a *dialect.Answer) dialect.Verdict { return a.Stops("rule 7") }, "certain IFM022"},
		"expired":  {func(a *dialect.Answer) dialect.Verdict { return a.Expired() }, "certain IFM016"},
		"required": {func(a *dialect.Answer) dialect.Verdict { return a.Required() }, "certain IFM013"},
		"conflict": {func(a *dialect.Answer) dialect.Verdict { return a.Conflict() }, "likely IFM002"},
		"again":    {func(a *dialect.Answer) dialect.Verdict { return a.Again() }, "nothing"},
		"passes":   {func(a *dialect.Answer) dialect.Verdict { return a.Passes() }, "nothing"},
	} {
		report := Explain(put(409), judged(test.judge))
		if got := report.codes(); got != test.want || report.Dialect != "mine" {
			t.Errorf("%s: %s, want %s\n%s", name, got, test.want, report)
		}
		for _, f := range report.Findings {
			if strings.HasSuffix(f.What, ": ") {
				t.Errorf("%s: %q", name, f.What)
			}
		}
	}
	if got := Explain(put(409)).codes(); got != "nothing" {
		t.Errorf("409 without a dialect: %s", got)
	}
	if got := Explain([]Exchange{x("PUT /doc", 412, `> If-Match: W/"v1"`)}, WithDialect(dialect.Dialect{Name: "weak", WeakTags: true})).codes(); got != "possible IFM001" {
		t.Errorf("weak tags of an API that takes them: %s", got)
	}
}

// TestDialects: each dialect that is recognized has a name, and is recognized by its host or
// by the shape of its answers.
func TestDialects(t *testing.T) {
	all := Dialects()
	for name, d := range all {
		if err := d.Check(); err != nil || name != strings.ToLower(name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, e := range map[string]Exchange{
		"Azure Blob": x("PUT https://a.blob.core.windows.net/c/b", 412, "< X-Ms-Error-Code: ConditionNotMet"), "S3": x("PUT https://b.s3.amazonaws.com/k", 412),
		"OData": x("PATCH /x", 412, "< OData-Version: 4.0"), "FHIR": x("PUT /Patient/1", 412, "> Content-Type: application/fhir+json"), "WebDAV": x("PROPFIND /x", 207),
		"CouchDB": x("PUT /db/doc", 409, "< Server: CouchDB/3.3"), "": x("PUT /doc", 412),
	} {
		if got := Explain([]Exchange{e}).Dialect; got != want {
			t.Errorf("%s: recognized as %q", want, got)
		}
	}
}

// TestTagOfARefusal: where the API sends the current tag with a refusal, that is no tag of an
// error page, and where nobody says so it isn't certain.
func TestTagOfARefusal(t *testing.T) {
	d := dialect.RFC9110()
	d.Tokens[0].Refusal = func(a *dialect.Answer) string { return a.Header.Get("ETag") }
	all := []Exchange{x("PUT /doc", 412, `> If-Match: "v1"`, `< ETag: "v2"`), x("PUT /doc", 412, `> If-Match: "v2"`, `< ETag: "v3"`)}
	if got := Explain(all, WithDialect(d)).codes(); strings.Contains(got, "IFM102") {
		t.Error(got)
	}
	if got := Explain(all).codes(); !strings.Contains(got, "likely IFM102") {
		t.Error(got)
	}
	after := append(all[:1:1], x("GET /doc", 200, `< ETag: "v4"`))
	if got := Explain(after, WithDialect(d)).codes(); strings.Contains(got, "IFM102") {
		t.Error(got)
	}
	if got := Explain(after).codes(); !strings.Contains(got, "possible IFM102") {
		t.Error(got)
	}
}

// TestSignatureOfADialect: a read that carries the signature of the refused write is denied for
// that, also where only the dialect knows it; the credentials may well read.
func TestSignatureOfADialect(t *testing.T) {
	const key, bearer = "> Authorization: type%3dmaster%26ver%3d1.0%26sig%3dabc", "> Authorization: Bearer abc"
	const doc = "https://a.documents.azure.com/dbs/d/colls/c/docs/1"
	const stored = "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature="
	const aws = "> Authorization: AWS4-HMAC-SHA256 Signature=1"
	refused := func(url string, more ...string) Exchange {
		return x("PUT "+url, 412, append(more, `> If-Match: "v1"`)...)
	}
	for name, test := range map[string]struct {
		exchanges []Exchange
		want      string
	}{
		"a key":                  {[]Exchange{refused(doc, key), x("GET "+doc, 401, key)}, "certain IFM017"},
		"a resource token":       {[]Exchange{refused(doc, bearer), x("GET "+doc, 401, bearer)}, "certain IFM018"},
		"a signature of its own": {[]Exchange{refused(doc, key), x("GET "+doc, 401, strings.Replace(key, "abc", "def", 1))}, "certain IFM018"},
		"another API":            {[]Exchange{refused("/doc", key), x("GET /doc", 401, key)}, "certain IFM018"},
		"a scheme of all APIs":   {[]Exchange{refused("/doc", aws), x("GET /doc", 403, aws)}, "certain IFM017"},
		"a read without":         {[]Exchange{refused("/doc", "> Signature: s"), x("GET /doc", 401)}, "certain IFM018"},
		"signed anew":            {[]Exchange{refused("/doc", "> Signature: s"), x("GET /doc", 401, "> Signature: t")}, "certain IFM018"},
		"a URL signed for it":    {[]Exchange{refused(stored + "a"), x("GET "+stored+"b", 403)}, "certain IFM018"},
		"the URL of the write":   {[]Exchange{refused(stored + "a"), x("GET "+stored+"a", 403)}, "certain IFM017"},
		"a URL, and then a key":  {[]Exchange{refused("/doc?X-Amz-Signature=a", bearer), x("GET /doc", 403, aws)}, "certain IFM018"},
		"a proxy":                {[]Exchange{refused("/doc", aws), x("GET /doc", 407, aws)}, "certain IFM018"},
		"a write":                {[]Exchange{refused(doc, key), x("PUT "+doc, 403, key, `> If-Match: "v2"`, "<< SignatureDoesNotMatch")}, "certain IFM017, possible IFM001"},
	} {
		report := Explain(test.exchanges)
		if got := report.codes(); got != test.want {
			t.Errorf("%s: %s, want %s\n%s", name, got, test.want, report)
		}
	}
}

// TestMarksOfDialects: which documents keep marks in a text, and which can't have any. The others
// have the member _ifmatch.
func TestMarksOfDialects(t *testing.T) {
	got := map[string]string{}
	for name, d := range Dialects() {
		switch {
		case d.NoMarks != "":
			got[name] = "none"
		case d.MarksAt != "":
			got[name] = d.MarksAt
		}
	}
	want := map[string]string{
		"firestore": "none", "googleiam": "none", "github": "none", "contentful": "none",
		"azuretable": "/ifmatch_marks", "couchdb": "/ifmatch_marks", "kubernetes": "/metadata/annotations/ifmatch-go.github.io~1marks",
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

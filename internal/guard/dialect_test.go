package guard

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/etag"
)

const fresh = `If-Match: "v2"`

// write returns a request with these fields, spelled so.
func write(t *testing.T, method, url string, fields ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range fields {
		name, value, _ := strings.Cut(line, ": ")
		req.Header[name] = append(req.Header[name], value)
	}
	return req
}

// TestRFC9110: the zero Dialect reads as a Dialect that is set to RFC 9110 does.
func TestRFC9110(t *testing.T) {
	named := Prepare(dialect.RFC9110())
	if named.Err != nil || Prepare(dialect.Dialect{}).Name != named.Name {
		t.Errorf("%+v", named)
	}
	for _, d := range []*Dialect{new(Dialect), Prepare(dialect.Dialect{}), named} {
		for status := 200; status < 600; status++ {
			if got, want := d.RefusesWith(status), status == 412 || status == 428; got != want {
				t.Errorf("%s: refuses with %d: %t", d.Name, status, got)
			}
		}
		req := write(t, "PUT", "http://a.test/?version=1", fresh)
		if g := d.Of(req); g.Kind != Tags || !g.Names(`"v2"`) || g.Versions != nil {
			t.Errorf("%s: %+v", d.Name, g)
		}
		if d.OwnPlaces() || d.LooksIntoBody(req) || d.HidesState(req) || d.FirstPlaces(req, true) != nil || d.CreatePlaces(req) != nil {
			t.Errorf("%s has places of its own", d.Name)
		}
		if d.PatchType() != "application/merge-patch+json" {
			t.Errorf("%s: %s", d.Name, d.PatchType())
		}
	}
}

// own has a version in each kind of place, and a part of the state in one more.
func own() *Dialect {
	return Prepare(dialect.Dialect{
		Name: "own",
		Tokens: []dialect.Token{
			{Sent: dialect.InHeader("X-If"), Current: dialect.InHeader("X-Version").Or(dialect.InBody("/v")), Number: true, Create: "0"},
			{Sent: dialect.InQuery("v"), Current: dialect.InBody("/v")},
			{Sent: dialect.InBody("/v"), Current: dialect.InBody("/v"), For: func(req *http.Request) bool { return req.Method == "PUT" }},
			{Sent: dialect.InHeader("If-Match"), Current: dialect.InBody("/v")},
			{Sent: dialect.InHeader("X-Part"), Current: dialect.InHeader("X-Part"), Also: true},
		},
		Conditions: []string{"x-ms-lease-id"},
	})
}

// TestOf: each precondition has its kind, and what is no version is left alone.
func TestOf(t *testing.T) {
	const date, other = "If-Unmodified-Since: Fri, 31 Dec 2100 00:00:00 GMT", "If-Unmodified-Since: yesterday"
	for _, test := range []struct {
		name   string
		own    bool
		query  string
		fields []string
		want   Guard // without its Versions
	}{
		{"none", false, "", nil, Guard{}},
		{"1 a tag", false, "", []string{fresh}, Guard{Kind: Tags, Tags: []string{`"v2"`}}},
		{"1 a list on two lines", false, "", []string{fresh, `if-match: W/"v1"`}, Guard{Kind: Tags, Tags: []string{`"v2"`, `W/"v1"`}}},
		{"1 a tag and a date", false, "", []string{fresh, date}, Guard{Kind: Tags, Tags: []string{`"v2"`}, Date: date[21:]}},
		{"1 a date", false, "", []string{date}, Guard{Kind: Date, Date: date[21:]}},
		{"2 any", false, "", []string{"If-Match: *"}, Guard{Kind: Exists}},
		{"2 any, quoted", false, "", []string{`If-Match: "*"`}, Guard{Kind: Exists, Quoted: true}},
		{"2 create only", false, "", []string{"If-None-Match: *"}, Guard{Kind: Create}},
		{"2 a tag and create only", false, "", []string{fresh, "If-None-Match: *"}, Guard{Kind: Conflicting}},
		{"4 moved on", false, "", []string{`If-None-Match: "v2"`}, Guard{Kind: Foreign, Field: "If-None-Match"}},
		{"4 moved on, and a date", false, "", []string{`If-None-Match: "v2"`, date}, Guard{Kind: Conflicting}},
		{"4 an unquoted tag", false, "", []string{"If-Match: v2"}, Guard{Kind: Foreign, Field: "If-Match"}},
		{"4 no date", false, "", []string{other}, Guard{Kind: Foreign, Field: "If-Unmodified-Since"}},
		{"4 a tag and no date", false, "", []string{fresh, other}, Guard{Kind: Foreign, Field: "If-Unmodified-Since"}},
		{"4 If", false, "", []string{"if: (<urn:x>)"}, Guard{Kind: Foreign, Field: "If", Reason: ReasonLocked}},
		{"4 If and a tag", false, "", []string{"If: (<urn:x>)", fresh}, Guard{Kind: Foreign, Field: "If"}},
		{"4 If, a tag in it", false, "", []string{`If: (["v1"])`}, Guard{Kind: Foreign, Field: "If", Reason: ReasonUnexamined}},
		{"4 If, a tag of another resource", false, "", []string{`If: <http://a.test/x> (["a>(<b>"] [W/"c"])`}, Guard{Kind: Foreign, Field: "If", Reason: ReasonUnexamined}},
		{"4 If, a tag and no lock at all", false, "", []string{`If: (["v1"] Not <DAV:no-lock>)`}, Guard{Kind: Foreign, Field: "If", Reason: ReasonUnexamined}},
		{"4 If, a tag and a lock", false, "", []string{`If: <http://a.test/x> (["v1"] <urn:x>)`}, Guard{Kind: Foreign, Field: "If", Reason: ReasonConflicting}},
		{"4 If, a lock on the second line", false, "", []string{`If: (["v1"])`, `If: (<urn:x>)`}, Guard{Kind: Foreign, Field: "If", Reason: ReasonConflicting}},
		{"4 If, cut off", false, "", []string{`If: (["v1`}, Guard{Kind: Foreign, Field: "If", Reason: ReasonUnexamined}},
		{"4 Overwrite: F", false, "", []string{"Overwrite: f"}, Guard{Kind: Foreign, Field: "Overwrite", Reason: ReasonExists}},
		{"4 Overwrite: T", false, "", []string{"Overwrite: T"}, Guard{}},
		{"4 a vendor's", false, "", []string{"x-goog-if-generation-match: 1"}, Guard{Kind: Foreign, Field: "X-Goog-If-Generation-Match"}},
		{"own, in a field", true, "", []string{"x-if: 7"}, Guard{Kind: Tags, Tags: []string{"7"}}},
		{"own, in the query", true, "a=1&v=%37", nil, Guard{Kind: Tags, Tags: []string{"7"}}},
		{"own, two", true, "v=7", []string{"X-If: 7", "X-Part: p"}, Guard{Kind: Tags, Tags: []string{"7, 7, p"}}},
		{"own, create only", true, "", []string{"X-If: 0"}, Guard{Kind: Create, Tags: []string{"0"}}},
		{"own, create only and another", true, "v=7", []string{"X-If: 0"}, Guard{Kind: Conflicting, Tags: []string{"0, 7"}}},
		{"own, any", true, "", []string{"If-Match: *"}, Guard{Kind: Exists}},
		{"own, twice", true, "v=7&v=7", nil, Guard{Kind: Foreign, Field: "the query parameter v"}},
		{"own, no number", true, "", []string{"X-If: 07"}, Guard{Kind: Foreign, Field: "the field X-If"}},
		{"own, and create only of RFC 9110", true, "v=7", []string{"If-None-Match: *"}, Guard{Kind: Conflicting}},
		{"own, and a lock", true, "v=7", []string{"Lock-Token: x"}, Guard{Kind: Foreign, Field: "Lock-Token", Reason: ReasonLocked}},
		{"own, and a condition that is told apart", true, "v=7", []string{"X-Ms-Lease-Id: x"}, Guard{Kind: Tags, Tags: []string{"7"}}},
	} {
		d := new(Dialect)
		if test.own {
			d = own()
		}
		got := d.Of(write(t, "PUT", "http://a.test/?"+test.query, test.fields...))
		if (got.Versions != nil) != (test.own && test.want.Tags != nil) {
			t.Errorf("%s: %d versions", test.name, len(got.Versions))
		}
		got.Versions = nil
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

// TestPlaces: a version goes into the first place that fits, and into those beside
// it that cover another part of the state.
func TestPlaces(t *testing.T) {
	d := own()
	put, deletion := write(t, "PUT", "http://a.test/"), write(t, "DELETE", "http://a.test/")
	sent := func(places []Version) (all []string) {
		for _, p := range places {
			all = append(all, p.Sent.String()+"="+p.Value)
		}
		return all
	}
	if got := sent(d.FirstPlaces(put, true)); !slices.Equal(got, []string{"the field X-If=", "the field X-Part="}) {
		t.Errorf("first: %q", got)
	}
	if got := sent(d.CreatePlaces(put)); !slices.Equal(got, []string{"the field X-If=0"}) {
		t.Errorf("create: %q", got)
	}
	d.Tokens = d.Tokens[2:] // the first is in the body now
	if got := sent(d.FirstPlaces(put, false)); !slices.Equal(got, []string{"the field If-Match=", "the field X-Part="}) {
		t.Errorf("without a body: %q", got)
	}
	if !d.CreatesWithoutVersion(put) || d.CreatesWithoutVersion(deletion) {
		t.Error("a write without a version creates only where it would have it in its body")
	}
	if d.NoCreate = true; d.CreatesWithoutVersion(put) {
		t.Error("nothing creates only, and a write without a version does")
	}
	d.NoCreate = false
	if !d.LooksIntoBody(put) || d.LooksIntoBody(deletion) || d.LooksIntoBody(write(t, "GET", "http://a.test/")) {
		t.Error("only a PUT has a version in its body")
	}
	for g, want := range map[*Guard]bool{
		{}: false, {Kind: Tags}: true, {Kind: Tags, Versions: make([]Version, 1)}: false, {Kind: Create}: true,
	} {
		if d.Misplaces(g) != want {
			t.Errorf("%+v is misplaced: %t", g, !want)
		}
	}
}

// TestCurrent: the version is read from where the token says, and what isn't one is
// never taken.
func TestCurrent(t *testing.T) {
	d := own()
	g := d.Of(write(t, "PUT", "http://a.test/", "X-If: 6"))
	for _, test := range []struct {
		name      string
		field     string // X-Version
		body      string
		want      string
		complaint string
	}{
		{"in the field", "7", "", "7", ""},
		{"in the body", "", `{"v":7}`, "7", ""},
		{"a text in the body", "", `{"v":"7"}`, "7", ""},
		{"an object", "", `{"v":{}}`, "", "no version in the member /v"},
		{"nowhere", "", "{}", "", "no version in the member /v"},
		{"no JSON", "", "<html>", "", "not JSON"},
		{"twice", "", `{"v":7,"v":7}`, "", "occurs twice"},
		{"no number", "x", "", "", "is no number"},
		{"create", "0", "", "", "names no version"},
		{"too long", strings.Repeat("1", etag.MaxLen+1), "", "", "bytes"},
	} {
		h := http.Header{}
		if test.field != "" {
			h.Set("X-Version", test.field)
		}
		if got, want := d.ReadsBody(&g, h), test.field == ""; got != want {
			t.Errorf("%s: the body is read: %t", test.name, got)
		}
		v, versions, err := d.Current(&g, h, []byte(test.body))
		if v.ETag != test.want || (err == nil) != (test.complaint == "") || err != nil && !strings.Contains(err.Error(), test.complaint) || Text(versions) != test.want {
			t.Errorf("%s: %q, %v; want %q, %s", test.name, v.ETag, err, test.want, test.complaint)
		}
	}
}

// TestInIf: the one entity-tag in If is a version, and what else If has is left alone. A tag
// of an answer can't end the list.
func TestInIf(t *testing.T) {
	d := Prepare(dialect.Dialect{Tokens: []dialect.Token{{Sent: dialect.InIf(), Current: dialect.InHeader("ETag")}}})
	for field, want := range map[string]string{
		`If: (["v1"])`:           `(["v2"])`,
		`If: </b> (["v1"])`:      `</b> (["v2"])`,
		`If: (<urn:x>)`:          "",
		`If: (["v1"] ["v2"])`:    "",
		`If: (<urn:x> ["v1"])`:   "",
		`If: </b> (Not ["v1"])`:  "",
		`If: (["v1"]) (<urn:x>)`: "",
	} {
		req := write(t, "PUT", "http://a.test/", field)
		g := d.Of(req)
		if want == "" {
			if g.Kind != Foreign || g.Field != "If" || g.Versions != nil {
				t.Errorf("%s: %+v", field, g)
			}
			continue
		}
		_, versions, err := d.Current(&g, http.Header{"Etag": {`"v2"`}}, nil)
		if err == nil {
			err = Put(req, versions)
		}
		if got := req.Header["If"]; err != nil || g.Tags[0] != `"v1"` || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, %v, %v; want %s", field, got, g.Tags, err, want)
		}
		if _, _, err := d.Current(&g, http.Header{"Etag": {`"v2"]) (Not ["x"`}}, nil); !errors.Is(err, etag.ErrNoValidator) {
			t.Errorf("%s: a tag that ends the list: %v", field, err)
		}
		if DropVersions(req.Header, req.URL, g.Versions); req.Header["If"] != nil {
			t.Errorf("%s: a refresh has it", field)
		}
	}
}

// TestPutKeepsAnIf: a version goes into an If that has one entity-tag, or into a new one. A lock
// token isn't written over.
func TestPutKeepsAnIf(t *testing.T) {
	all := []Version{{Token: dialect.Token{Sent: dialect.InIf(), Current: dialect.InHeader("ETag")}, Value: `"v2"`}}
	for field, want := range map[string]string{
		"If":              `(["v2"])`,
		`If: (["v1"])`:    `(["v2"])`,
		`If: (<urn:x>)`:   "",
		`if: (<urn:x>)`:   "",
		`If: (Not ["a"])`: "",
	} {
		req := write(t, "PUT", "http://a.test/")
		if name, value, ok := strings.Cut(field, ": "); ok {
			req.Header[name] = []string{value}
		}
		err := Put(req, all)
		if got := req.Header.Get("If"); (err != nil) != (want == "") || want != "" && got != want {
			t.Errorf("%s: %q, %v", field, got, err)
		}
	}
}

// TestForFindsEachField: the function of a token finds a field by its name, however the write
// spells that.
func TestForFindsEachField(t *testing.T) {
	d := Prepare(dialect.Dialect{Tokens: []dialect.Token{{Sent: dialect.InIf(), Current: dialect.InHeader("ETag"), For: func(req *http.Request) bool {
		return !strings.HasPrefix(req.Header.Get("If"), "<")
	}}}})
	for _, name := range []string{"If", "if", "IF"} {
		req := write(t, "PUT", "http://a.test/")
		req.Header[name] = []string{`</b> (["v1"])`}
		if g := d.Of(req); g.Kind != Foreign || g.Field != "If" {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

// TestGuards is the part of rule 13 that says whether a repeat could apply a
// write twice.
func TestGuards(t *testing.T) {
	rfc9110 := dialect.RFC9110()
	inQuery := dialect.Dialect{Tokens: []dialect.Token{{Sent: dialect.InQuery("version"), Current: dialect.InHeader("Etag")}}}
	weak := dialect.Dialect{WeakTags: true}
	noCreate := dialect.Dialect{NoCreate: true}
	partial := dialect.Dialect{Tokens: []dialect.Token{{Sent: dialect.InHeader("X-Part"), Current: dialect.InHeader("X-Part"), Partial: true}}}
	for _, test := range []struct {
		name    string
		dialect dialect.Dialect
		refused bool // this call was, before
		method  string
		query   string
		fields  []string
		want    bool
	}{
		{"13 PUT, one strong tag", rfc9110, false, "PUT", "", []string{fresh}, true},
		{"13 DELETE, one strong tag", rfc9110, false, "DELETE", "", []string{fresh}, true},
		{"13 POST", rfc9110, true, "POST", "", []string{fresh}, false},
		{"13 an unknown method", rfc9110, true, "PROPPATCH", "", []string{fresh}, false},
		{"13 a safe method", rfc9110, true, "GET", "", []string{fresh}, false},
		{"13 no guard", rfc9110, false, "PUT", "", nil, false},
		{"13 two tags", rfc9110, false, "PUT", "", []string{`If-Match: "v1", "v2"`}, false},
		{"13 a weak tag", rfc9110, false, "PUT", "", []string{`If-Match: W/"v2"`}, false},
		{"13 any", rfc9110, false, "PUT", "", []string{"If-Match: *"}, false},
		{"13 a date", rfc9110, false, "PUT", "", []string{"If-Unmodified-Since: Fri, 31 Dec 2100 00:00:00 GMT"}, false},
		{"13 PUT, create only", rfc9110, false, "PUT", "", []string{"If-None-Match: *"}, true},
		{"13 a tag and create only", rfc9110, false, "PUT", "", []string{fresh, "If-None-Match: *"}, false},
		{"13 a tag and a lease", rfc9110, false, "PUT", "", []string{fresh, "X-Ms-Lease-Id: 1"}, false},
		{"13 a tag, a part", rfc9110, false, "PUT", "", []string{fresh, "content-range: bytes 0-3/4"}, false},
		{"13 PATCH, before a refusal", rfc9110, false, "PATCH", "", []string{fresh}, false},
		{"13 PATCH, after a refusal", rfc9110, true, "PATCH", "", []string{fresh}, true},
		{"13 PATCH, after a refusal, a weak tag", rfc9110, true, "PATCH", "", []string{`If-Match: W/"v2"`}, false},
		{"13 PATCH, after a refusal, create only", rfc9110, true, "PATCH", "", []string{"If-None-Match: *"}, false},
		{"13 the API compares weak tags", weak, false, "PUT", "", []string{`If-Match: W/"v2"`}, true},
		{"13 the API compares weak tags, two", weak, false, "PUT", "", []string{`If-Match: W/"v1", W/"v2"`}, false},
		{"13 the API compares weak tags, any", weak, false, "PUT", "", []string{"If-Match: *"}, false},
		{"13 the API compares weak tags, create only", weak, false, "PUT", "", []string{"If-None-Match: *"}, true},
		{"13 the API has no create only", noCreate, false, "PUT", "", []string{"If-None-Match: *"}, false},
		{"13 the API has no create only, a tag", noCreate, false, "PUT", "", []string{fresh}, true},
		{"13 a version of the dialect", inQuery, false, "PUT", "version=7", nil, true},
		{"13 a tag where the API doesn't look", inQuery, false, "PUT", "", []string{fresh}, false},
		{"13 create only where the API doesn't look", inQuery, false, "PUT", "", []string{"If-None-Match: *"}, false},
		{"13 a version of a part of the state", partial, false, "PUT", "", []string{"X-Part: 1"}, false},
	} {
		req := write(t, test.method, "http://example.test/doc?"+test.query, test.fields...)
		if got := Prepare(test.dialect).Guards(req, test.refused); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestOfLeavesTheHeader: a spelling that is read isn't written into the header.
func TestOfLeavesTheHeader(t *testing.T) {
	d := Prepare(dialect.Dialect{Name: "x", Tokens: []dialect.Token{{Sent: dialect.InHeader("If-Match"), Current: dialect.InHeader("ETag"), Tag: true, Write: dialect.Strong}}})
	req, _ := http.NewRequest(http.MethodPut, "http://a.test/", nil)
	req.Header.Set("If-Match", `W/"v1"`)
	if g := d.Of(req); !g.Respelled || req.Header.Get("If-Match") != `W/"v1"` {
		t.Errorf("%+v; the header has %s", g, req.Header.Get("If-Match"))
	}
}

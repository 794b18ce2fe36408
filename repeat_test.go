package ifmatch

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// TestRepeatRule is the decision of rule 13: facts in, who is repeated out.
func TestRepeatRule(t *testing.T) {
	for _, test := range []struct {
		name  string
		facts repeatFacts
		want  repeatRule
	}{
		{"13 nothing is known", repeatFacts{}, repeatNever},
		{"13 guarded", repeatFacts{guarded: true, idempotent: true}, repeatTransient},
		{"13 a PATCH that became guarded", repeatFacts{guarded: true}, repeatTransient},
		{"13 a read of ours", repeatFacts{ownRead: true, idempotent: true}, repeatTransient},
		{"13 idempotent, without a check", repeatFacts{idempotent: true}, repeatNever},
		{"13 idempotent, with a check", repeatFacts{idempotent: true, checks: true}, repeatChecked},
		{"13 guarded, with a check", repeatFacts{guarded: true, idempotent: true, checks: true}, repeatChecked},
		{"13 a guarded PATCH, with a check", repeatFacts{guarded: true, checks: true}, repeatChecked},
		{"13 a read of ours, with a check", repeatFacts{ownRead: true, idempotent: true, checks: true}, repeatChecked},
		{"13 POST, with a check", repeatFacts{checks: true}, repeatNever},
		{"13 repeats are off", repeatFacts{off: true, guarded: true, idempotent: true, checks: true}, repeatNever},
		{"13 repeats are off, nothing was compared", repeatFacts{off: true, guarded: true, idempotent: true, uncompared: true}, repeatNever},
		{"13 the body failed", repeatFacts{bodyFailed: true, guarded: true, idempotent: true}, repeatNever},
		{"13 the body failed, with a check", repeatFacts{bodyFailed: true, guarded: true, idempotent: true, checks: true}, repeatNever},
		{"13 nothing was compared, guarded", repeatFacts{uncompared: true, guarded: true, idempotent: true}, repeatAlways},
		{"13 nothing was compared, a guarded PATCH", repeatFacts{uncompared: true, guarded: true}, repeatAlways},
		{"13 nothing was compared, a read of ours", repeatFacts{uncompared: true, ownRead: true, idempotent: true}, repeatAlways},
		{"13 nothing was compared, If-Match: *", repeatFacts{uncompared: true, existing: true, idempotent: true}, repeatAlways},
		{"13 nothing was compared, PATCH under If-Match: *", repeatFacts{uncompared: true, existing: true}, repeatNever},
		{"13 nothing was compared, no guard", repeatFacts{uncompared: true, idempotent: true}, repeatNever},
		{"13 nothing was compared, no guard, with a check", repeatFacts{uncompared: true, idempotent: true, checks: true}, repeatNever},
		{"13 nothing was compared, guarded, with a check", repeatFacts{uncompared: true, guarded: true, idempotent: true, checks: true}, repeatAlways},
		{"13 If-Match: * alone", repeatFacts{existing: true, idempotent: true}, repeatNever},
		{"21 final for a Transport below", repeatFacts{final: true, guarded: true, idempotent: true, checks: true}, repeatNever},
		{"22 cancelled", repeatFacts{cancelled: true, guarded: true, idempotent: true, checks: true}, repeatNever},
	} {
		if got := test.facts.rule(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestGuardedWrite is the part of rule 13 that says whether a repeat could apply a
// write twice.
func TestGuardedWrite(t *testing.T) {
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
		req, err := http.NewRequest(test.method, "http://example.test/doc?"+test.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range test.fields {
			name, value, _ := strings.Cut(field, ": ")
			req.Header[name] = append(req.Header[name], value)
		}
		if got := guardedWrite(req, prepareDialect(test.dialect), test.refused); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

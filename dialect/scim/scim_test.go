package scim

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/origin"
)

// service is a SCIM service with one user, as RFC 7644 has it: PUT replaces but
// never creates, PATCH takes a PatchOp, meta.version is the tag.
type service struct {
	conflict int // the status for another version
	version  int
	n        int
	deleted  bool
	bare     bool           // no ETag field
	refuses  *origin.Answer // each write, where it isn't nil
	answer   *origin.Answer // to GET
}

func newService(s *service) *origin.Origin {
	s.version, s.conflict, s.n = cmp.Or(s.version, 7), cmp.Or(s.conflict, 412), cmp.Or(s.n, 1)
	return &origin.Origin{Serve: s.serve, Fields: []string{"If-Match", "If-None-Match"}}
}

func (s *service) tag() string { return fmt.Sprintf(`W/"r%d"`, s.version) }

func (s *service) user() string {
	return fmt.Sprintf(`{"schemas":["urn:x:User"],"n":%d,"meta":{"resourceType":"User","version":"W/\"r%d\""}}`, s.n, s.version)
}

func (s *service) state() origin.Answer {
	if s.bare {
		return origin.JSON(200, s.user())
	}
	return origin.Tagged(200, s.tag(), s.user())
}

func failure(status int, scimType string) string {
	text := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"` + fmt.Sprint(status) + `"`
	if scimType != "" {
		text += `,"scimType":"` + scimType + `"`
	}
	return text + "}"
}

func (s *service) serve(req *http.Request, body []byte) origin.Answer {
	match := req.Header.Get("If-Match")
	switch {
	case req.Method == http.MethodHead:
		return origin.JSON(501, "") // RFC 7644 has no HEAD
	case req.Method == http.MethodGet && s.answer != nil:
		return *s.answer
	case s.deleted && match == "" || s.deleted && req.Method == http.MethodGet:
		return origin.JSON(404, failure(404, ""))
	case req.Method == http.MethodGet:
		return s.state()
	case s.refuses != nil:
		return *s.refuses
	case match != "" && (s.deleted || match != s.tag()):
		return origin.JSON(s.conflict, failure(s.conflict, ""))
	case req.Method == http.MethodPatch:
		return origin.JSON(400, failure(400, "invalidSyntax"))
	}
	var sent struct{ N int }
	json.Unmarshal(body, &sent)
	s.version, s.n = s.version+1, sent.N
	return s.state()
}

const user = "http://scim.test/Users/1"

var double = ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
	var b struct{ N int }
	err := json.Unmarshal(current.Body, &b)
	return fmt.Appendf(nil, `{"n":%d}`, 2*b.N), err
})

func TestWrites(t *testing.T) {
	stale := http.Header{"If-Match": {`W/"r3"`}}
	with := func(status int, body string) *service {
		a := origin.JSON(status, body)
		return &service{refuses: &a}
	}
	get := func(body string) *service {
		a := origin.JSON(200, body)
		return &service{answer: &a}
	}
	resent := func(status int) []string {
		return []string{
			fmt.Sprintf(`PUT /Users/1 If-Match: W/"r3" {"n":5} %d`, status), "HEAD /Users/1 501", "GET /Users/1 200",
			`PUT /Users/1 If-Match: W/"r7" {"n":5} 200`,
		}
	}
	gaveUp := resent(412)[:3]
	for name, test := range map[string]struct {
		service *service
		origin.Case
	}{
		"412, Stop":   {&service{}, origin.Case{Header: stale, Policy: ifmatch.Stop, Status: 412, Cause: ifmatch.CauseUnexamined}},
		"412, Resend": {&service{}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Log: resent(412)}},
		"412, Rebuild": {&service{n: 21}, origin.Case{Header: stale, Policy: double, Status: 200, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /Users/1 If-Match: W/"r3" {"n":5} 412`, "GET /Users/1 200", `PUT /Users/1 If-Match: W/"r7" {"n":42} 200`,
		}}},
		"a strong tag was sent": {&service{}, origin.Case{Header: http.Header{"If-Match": {`"r3"`}}, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Log: []string{
			`PUT /Users/1 If-Match: "r3" {"n":5} 412`, "HEAD /Users/1 501", "GET /Users/1 200", `PUT /Users/1 If-Match: W/"r7" {"n":5} 200`,
		}}},
		"409, Stop":            {&service{conflict: 409}, origin.Case{Header: stale, Policy: ifmatch.Stop, Status: 409, Cause: ifmatch.CauseChanged}},
		"409, Resend":          {&service{conflict: 409}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Log: resent(409)}},
		"409, meta.version":    {&service{conflict: 409, bare: true}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Log: resent(409)}},
		"409 without a body":   {with(409, ""), origin.Case{Header: stale, Policy: ifmatch.Stop, Status: 409, Cause: ifmatch.CauseChanged}},
		"409, uniqueness":      {with(409, failure(409, "uniqueness")), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNone}},
		"409 without If-Match": {with(409, failure(409, "")), origin.Case{Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseNone}},
		"409, an unknown code": {with(409, failure(409, "moonPhase")), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseUnattributed}},
		"409 that isn't JSON":  {with(409, "<html>"), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 409, Cause: ifmatch.CauseUnattributed}},
		"412 without If-Match": {with(412, failure(412, "")), origin.Case{Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed}},
		"create only":          {with(412, failure(412, "")), origin.Case{Header: http.Header{"If-None-Match": {"*"}}, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseExists}},
		"deleted": {&service{deleted: true}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseGone, Log: []string{
			`PUT /Users/1 If-Match: W/"r3" {"n":5} 412`, "HEAD /Users/1 501", "GET /Users/1 404",
		}}},
		"the answer isn't JSON": {get("<html>"), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"no version":            {get(`{"meta":{}}`), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"meta isn't an object":  {get(`{"meta":[1]}`), origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator, Log: gaveUp}},
		"a version that is no tag": {get(`{"meta":{"version":"r7"}}`), origin.Case{
			Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator, Log: gaveUp,
		}},
		"above the bound": {get(`{"meta":{"version":"W/\"r7\""},"a":"` + strings.Repeat("a", 2000) + `"}`), origin.Case{
			Header: stale, Policy: ifmatch.Resend, Options: ifmatch.Options{ifmatch.WithMaxRepresentation(1000)},
			Status: 412, Cause: ifmatch.CauseRefreshFailed, Log: gaveUp,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newService(test.service)
			c := test.Case
			c.URL, c.Body, c.Effect = user, `{"n":5}`, ifmatch.EffectNotApplied
			switch {
			case c.Status == 200:
				c.Effect, c.Text = ifmatch.EffectApplied, strings.Replace(`{"schemas":["urn:x:User"],"n":5,"meta":{"resourceType":"User","version":"W/\"r8\""}}`, "5", map[bool]string{true: "42", false: "5"}[strings.Contains(name, "Rebuild")], 1)
			case test.service.refuses != nil:
				c.Text = test.service.refuses.Body
			default:
				c.Text = failure(c.Status, "")
			}
			o.Run(t, Dialect(), c)
		})
	}
}

func TestUpdates(t *testing.T) {
	for _, conflict := range []int{409, 412} {
		for _, bare := range []bool{false, true} {
			t.Run(fmt.Sprint(conflict, ", only meta.version: ", bare), func(t *testing.T) {
				origin.Writers(t, newService(&service{conflict: conflict, bare: bare}), user, Dialect())
			})
		}
	}
}

// TestNotInSCIM: a merge patch isn't a PatchOp, and PUT creates nothing (RFC 7644
// §3.5.1). The service says so, and nothing is written.
func TestNotInSCIM(t *testing.T) {
	for name, test := range map[string]struct {
		service *service
		option  ifmatch.UpdateOption
		status  int
	}{
		"WithPatch":      {&service{}, ifmatch.WithPatch(), 400},
		"CreateIfAbsent": {&service{deleted: true}, ifmatch.CreateIfAbsent(), 404},
	} {
		t.Run(name, func(t *testing.T) {
			o := newService(test.service)
			_, err := ifmatch.Update(t.Context(), &http.Client{Transport: o}, user, func(s *origin.Stock) error { s.N++; return nil }, ifmatch.WithDialect(Dialect()), test.option)
			var status *ifmatch.StatusError
			if !errors.As(err, &status) || status.StatusCode != test.status {
				t.Errorf("got %v, want status %d", err, test.status)
			}
			if log := o.Log(); len(log) != 2 || !slices.ContainsFunc(log, func(line string) bool { return strings.HasPrefix(line, "GET ") }) {
				t.Errorf("got %q", log)
			}
		})
	}
}

// TestReturnsResource (RFC 7644 §3.5.1, §3.5.2, §3.9): which answers have the entire resource.
func TestReturnsResource(t *testing.T) {
	returns := Dialect().ReturnsState
	for write, want := range map[string]bool{
		"PUT /Users/1": true, "PATCH /Users/1": true, "PUT /Users/1?x=y": true,
		"PUT /Users/1?attributes=userName": false, "PATCH /Users/1?excludedAttributes=groups": false,
		"POST /Users": false, "DELETE /Users/1": false,
	} {
		method, path, _ := strings.Cut(write, " ")
		req, err := http.NewRequest(method, "http://scim.test"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := returns(req); got != want {
			t.Errorf("%s: %v", write, got)
		}
	}
}

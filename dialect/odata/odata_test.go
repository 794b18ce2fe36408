package odata

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/origin"
)

// service is an OData service with one entity, as SAP CAP was seen to answer: no
// HEAD, weak tags, 428 without one.
type service struct {
	version int
	entity  map[string]any
	gone    bool
	bare    string                // the member that has the tag, which is then not in the ETag field
	answer  func() *origin.Answer // to GET, where it isn't the entity
}

func newService(s *service) *origin.Origin {
	if s.entity == nil {
		s.entity = map[string]any{"n": 1}
	}
	return &origin.Origin{Serve: s.serve, Fields: []string{"If-Match", "If-None-Match", "Isolation"}}
}

func (s *service) tag() string { return fmt.Sprintf(`W/"%d"`, s.version) }

func (s *service) state(status int) origin.Answer {
	entity := maps.Clone(s.entity)
	entity[cmp.Or(s.bare, "@odata.etag")] = s.tag()
	text, _ := json.Marshal(entity)
	if s.bare != "" {
		return origin.JSON(status, string(text))
	}
	return origin.Tagged(status, s.tag(), string(text))
}

const refused = `{"error":{"code":"412"}}`

func (s *service) serve(req *http.Request, body []byte) origin.Answer {
	match, noneMatch := req.Header.Get("If-Match"), req.Header.Get("If-None-Match")
	switch {
	case strings.HasSuffix(req.URL.Path, "$batch"):
		return origin.JSON(412, refused)
	case req.Method == http.MethodHead:
		return origin.JSON(405, "")
	case req.Method == http.MethodGet && s.answer != nil:
		return *s.answer()
	case req.Method == http.MethodGet && s.gone:
		return origin.JSON(404, `{}`)
	case req.Method == http.MethodGet:
		return s.state(200)
	case match == "" && noneMatch == "":
		return origin.JSON(428, refused)
	case noneMatch == "*" && !s.gone, match != "" && (s.gone || match != "*" && match != s.tag()):
		return origin.JSON(412, refused)
	case req.Header.Get("Content-Type") != "" && req.Header.Get("Content-Type") != "application/json":
		return origin.JSON(415, "")
	}
	created := s.gone
	s.version++
	s.gone = req.Method == http.MethodDelete
	if req.Method == http.MethodPut {
		s.entity = map[string]any{}
	}
	if json.Unmarshal(body, &s.entity); len(body) == 0 {
		return origin.JSON(204, "")
	}
	maps.DeleteFunc(s.entity, func(name string, _ any) bool { return strings.HasPrefix(name, "@") })
	if created {
		return s.state(201)
	}
	return s.state(200)
}

const book = "http://odata.test/Books(1)"

var double = ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
	var b struct{ N int }
	err := json.Unmarshal(current.Body, &b)
	return fmt.Appendf(nil, `{"n":%d}`, 2*b.N), err
})

func TestWrites(t *testing.T) {
	stale := http.Header{"If-Match": {`W/"3"`}}
	answer := func(a origin.Answer) func() *origin.Answer { return func() *origin.Answer { return &a } }
	noTag := []string{`PATCH /Books(1) If-Match: W/"3" {"n":5} 412`, "HEAD /Books(1) 405", "GET /Books(1) 200"}
	for name, test := range map[string]struct {
		service *service
		origin.Case
	}{
		"Stop": {&service{}, origin.Case{Header: stale, Policy: ifmatch.Stop, Status: 412, Cause: ifmatch.CauseUnexamined}},
		"Resend": {&service{}, origin.Case{
			Header: stale, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Effect: ifmatch.EffectApplied,
			Text: `{"@odata.etag":"W/\"8\"","n":5}`,
			Log:  append(slices.Clone(noTag), `PATCH /Books(1) If-Match: W/"7" {"n":5} 200`),
		}},
		"Resend, the tag only in @odata.etag": {&service{bare: "@odata.etag"}, origin.Case{
			Header: stale, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Effect: ifmatch.EffectApplied,
			Text: `{"@odata.etag":"W/\"8\"","n":5}`,
			Log:  append(slices.Clone(noTag), `PATCH /Books(1) If-Match: W/"7" {"n":5} 200`),
		}},
		"Resend, the tag only in @etag": {&service{bare: "@etag"}, origin.Case{
			Header: stale, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Effect: ifmatch.EffectApplied,
			Text: `{"@etag":"W/\"8\"","n":5}`,
			Log:  append(slices.Clone(noTag), `PATCH /Books(1) If-Match: W/"7" {"n":5} 200`),
		}},
		"Resend, a strong tag was sent": {&service{}, origin.Case{
			Header: http.Header{"If-Match": {`"3"`}}, Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CauseChanged, Effect: ifmatch.EffectApplied,
			Text: `{"@odata.etag":"W/\"8\"","n":5}`,
			Log:  []string{`PATCH /Books(1) If-Match: "3" {"n":5} 412`, "HEAD /Books(1) 405", "GET /Books(1) 200", `PATCH /Books(1) If-Match: W/"7" {"n":5} 200`},
		}},
		"Resend after 428": {&service{}, origin.Case{
			Policy: ifmatch.Resend, Status: 200, Cause: ifmatch.CausePreconditionRequired, Effect: ifmatch.EffectApplied, Text: `{"@odata.etag":"W/\"8\"","n":5}`,
			Log: []string{`PATCH /Books(1) {"n":5} 428`, "HEAD /Books(1) 405", "GET /Books(1) 200", `PATCH /Books(1) If-Match: W/"7" {"n":5} 200`},
		}},
		"Stop after 428": {&service{}, origin.Case{Policy: ifmatch.Stop, Status: 428, Cause: ifmatch.CausePreconditionRequired}},
		"Rebuild": {&service{entity: map[string]any{"n": 21}}, origin.Case{
			Method: "PUT", Header: stale, Policy: double, Status: 200, Cause: ifmatch.CauseChanged, Effect: ifmatch.EffectApplied, Text: `{"@odata.etag":"W/\"8\"","n":42}`,
			Log: []string{`PUT /Books(1) If-Match: W/"3" {"n":5} 412`, "GET /Books(1) 200", `PUT /Books(1) If-Match: W/"7" {"n":42} 200`},
		}},
		"create only": {&service{}, origin.Case{
			Method: "PUT", Header: http.Header{"If-None-Match": {"*"}}, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseExists,
		}},
		"update only, missing": {&service{gone: true}, origin.Case{
			Header: http.Header{"If-Match": {"*"}}, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnexamined,
		}},
		"deleted": {&service{gone: true}, origin.Case{
			Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseGone,
			Log: []string{`PATCH /Books(1) If-Match: W/"3" {"n":5} 412`, "HEAD /Books(1) 405", "GET /Books(1) 404"},
		}},
		"DELETE": {&service{}, origin.Case{
			Method: "DELETE", Header: stale, Body: "-", Policy: ifmatch.Resend, Status: 204, Cause: ifmatch.CauseChanged, Effect: ifmatch.EffectApplied,
			Log: []string{`DELETE /Books(1) If-Match: W/"3" 412`, "HEAD /Books(1) 405", "GET /Books(1) 200", `DELETE /Books(1) If-Match: W/"7" 204`},
		}},
		"$batch": {&service{}, origin.Case{
			Method: "POST", URL: "http://odata.test/$batch", Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNone,
		}},
		"Isolation": {&service{}, origin.Case{
			Header: http.Header{"If-Match": {`W/"3"`}, "Isolation": {"snapshot"}}, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseUnattributed,
		}},
		"not JSON":           {&service{answer: answer(origin.JSON(200, "<html>"))}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator, Log: noTag}},
		"no tag":             {&service{answer: answer(origin.JSON(200, `{"n":1}`))}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator, Log: noTag}},
		"a tag that is none": {&service{answer: answer(origin.JSON(200, `{"@odata.etag":"W/7"}`))}, origin.Case{Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator, Log: noTag}},
		"a tag for a header injection": {&service{answer: answer(origin.JSON(200, `{"@odata.etag":"\"7\"\r\nX: y"}`))}, origin.Case{
			Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator, Log: noTag,
		}},
		"two tags": {&service{answer: answer(origin.JSON(200, `{"@odata.etag":"W/\"7\"","@odata.etag":"W/\"8\""}`))}, origin.Case{
			Header: stale, Policy: ifmatch.Resend, Status: 412, Cause: ifmatch.CauseNoValidator, Log: noTag,
		}},
		"above the bound": {&service{answer: answer(origin.JSON(200, `{"a":"`+strings.Repeat("a", 2000)+`"}`))}, origin.Case{
			Header: stale, Policy: ifmatch.Resend, Options: ifmatch.Options{ifmatch.WithMaxRepresentation(1000)},
			Status: 412, Cause: ifmatch.CauseRefreshFailed, Log: noTag,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			test.service.version = 7
			c := test.Case
			c.Method, c.URL = cmp.Or(c.Method, "PATCH"), cmp.Or(c.URL, book)
			switch c.Body {
			case "":
				c.Body = `{"n":5}`
			case "-":
				c.Body = ""
			}
			if c.Status == 412 || c.Status == 428 {
				c.Text, c.Effect = refused, ifmatch.EffectNotApplied
			}
			newService(test.service).Run(t, Dialect(), c)
		})
	}
}

func TestUpdates(t *testing.T) {
	for name, opts := range map[string]ifmatch.UpdateOptions{"PUT": nil, "patch": {ifmatch.WithPatch()}} {
		for _, bare := range []string{"", "@odata.etag"} {
			t.Run(name+bare, func(t *testing.T) {
				origin.Writers(t, newService(&service{version: 7, bare: bare}), book, Dialect(), opts...)
			})
		}
	}
	t.Run("create", func(t *testing.T) {
		o := newService(&service{version: 7, gone: true})
		origin.Create(t, o, book, Dialect())
	})
}

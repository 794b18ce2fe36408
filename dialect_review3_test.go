package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// bodyVersion is an API with the version in a member, and 409 for another one.
func bodyVersion(current dialect.Place) dialect.Dialect {
	return dialect.Dialect{
		Name: "x", Tokens: []dialect.Token{{Sent: dialect.InBody("/v"), Current: current}}, Statuses: []int{http.StatusConflict, http.StatusPreconditionRequired},
		Judge: func(a *dialect.Answer) dialect.Verdict {
			if a.StatusCode == http.StatusPreconditionRequired {
				return a.AsRFC9110()
			}
			return a.Conflict()
		},
	}
}

// TestUpdateFromALaggingReplica: where the reads give the refused version again,
// the next draft carries it, too. Without any the API would compare nothing.
func TestUpdateFromALaggingReplica(t *testing.T) {
	type doc struct {
		N int `json:"n"`
	}
	type whole struct {
		N int `json:"n"`
		V int `json:"v"`
	}
	add := func(d *doc) error { d.N++; return nil }
	for name, update := range map[string]func(ctx context.Context, c *http.Client, d, header dialect.Dialect) error{
		"a patch": func(ctx context.Context, c *http.Client, d, _ dialect.Dialect) error {
			_, err := Update(ctx, c, thingURL, add, WithDialect(d), WithPatch())
			return err
		},
		"a header": func(ctx context.Context, c *http.Client, _, d dialect.Dialect) error {
			_, err := Update(ctx, c, thingURL, add, WithDialect(d))
			return err
		},
		"a Resource": func(ctx context.Context, c *http.Client, d, _ dialect.Dialect) error {
			_, err := NewResource[doc](c, thingURL, WithDialect(d), WithPatch()).Update(ctx, add)
			return err
		},
		"the version set to 0": func(ctx context.Context, c *http.Client, d, _ dialect.Dialect) error {
			_, err := Update(ctx, c, thingURL, func(d *whole) error { *d = whole{N: d.N + 1}; return nil }, WithDialect(d))
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &atURL{}
			s.answer = func(req *http.Request, body string) (int, http.Header, string) {
				switch {
				case req.Method == http.MethodGet:
					return 200, http.Header{"X-Version": {"7"}}, `{"n":1,"v":7}`
				case strings.Contains(body, `"v":7`), strings.Contains(body, `"v":"7"`):
					return 409, nil, ""
				}
				t.Errorf("%s: sent %s", name, body)
				return 200, nil, ""
			}
			err := update(t.Context(), &http.Client{Transport: s}, bodyVersion(dialect.InBody("/v")), bodyVersion(dialect.InHeader("X-Version")))
			if !errors.Is(err, ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestKindOfTheFreshVersion: a version that is put into a body has the kind that
// the refresh gave it, whatever Number says.
func TestKindOfTheFreshVersion(t *testing.T) {
	for _, test := range []struct {
		number   bool
		old, new string
	}{{false, `7`, `8`}, {true, `"7"`, `"8"`}} {
		for _, sent := range []string{fmt.Sprintf(`{"n":0,"v":%s}`, test.old), `{"n":0}`} {
			synctest.Test(t, func(t *testing.T) {
				accepted := ""
				s := &atURL{}
				s.answer = func(req *http.Request, body string) (int, http.Header, string) {
					switch {
					case req.Method == http.MethodGet:
						return 200, nil, fmt.Sprintf(`{"n":1,"v":%s}`, test.new)
					case strings.Contains(body, test.old):
						return 409, nil, ""
					case !strings.Contains(body, `"v"`):
						return 428, nil, ""
					}
					accepted = body
					return 200, nil, ""
				}
				d := bodyVersion(dialect.InBody("/v"))
				d.Tokens[0].Number = test.number
				rebuild := Rebuild(func(context.Context, *Representation) ([]byte, error) { return []byte(`{"n":2}`), nil })
				sendTo(t, NewTransport(s, rebuild, WithDialect(d)), http.MethodPut, thingURL, sent)
				if !strings.Contains(accepted, `"v":`+test.new) {
					t.Errorf("number %t, sent %s: %s", test.number, sent, accepted)
				}
			})
		}
	}
}

// TestVersionOnly: what a refresh has beside the version isn't what such a write
// replaces. No policy gets it, no Update reads it, and it proves nothing.
func TestVersionOnly(t *testing.T) {
	d := dialect.RFC9110()
	d.Name, d.VersionOnly = "x", func(req *http.Request) bool { return req.URL.Path == "/thing" }
	for name, test := range map[string]struct {
		policy Policy
		lost   bool
		cause  Cause
	}{
		"Resend":                      {Resend, false, CauseChanged},
		"Resend, after a lost answer": {Resend, true, CauseChanged},
		"Rebuild": {Rebuild(func(_ context.Context, current *Representation) ([]byte, error) {
			t.Error("Rebuild was asked")
			return current.Body, nil
		}), false, CauseRefreshFailed},
	} {
		synctest.Test(t, func(t *testing.T) {
			writes := 0
			s := &atURL{}
			s.answer = func(req *http.Request, body string) (int, http.Header, string) {
				switch {
				case req.Method != http.MethodPut:
					return 200, http.Header{"Etag": {`"2"`}}, "x" // as it was sent
				case req.Header.Get("If-Match") == `"2"`:
					return 204, nil, ""
				}
				if writes++; writes == 1 && test.lost {
					return 503, nil, ""
				}
				return 412, nil, ""
			}
			var o Outcome
			req, err := http.NewRequestWithContext(WithOutcome(t.Context(), &o), http.MethodPut, "http://a.test/thing", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("If-Match", `"1"`)
			resp, err := NewTransport(s, test.policy, WithDialect(d)).RoundTrip(req)
			if err == nil {
				resp.Body.Close()
			}
			if o.Cause != test.cause || err != nil && test.cause == CauseChanged {
				t.Errorf("%s: %v, %v", name, o, err)
			}
		})
	}
	if _, err := Get[counter](t.Context(), &http.Client{Transport: &atURL{}}, "http://a.test/thing", WithDialect(d)); err == nil || !strings.Contains(err.Error(), "but not the state") {
		t.Error(err)
	}
}

// TestCreateWithoutAPlace: where a dialect has no write that only creates, the
// error says so.
func TestCreateWithoutAPlace(t *testing.T) {
	d := bodyVersion(dialect.InBody("/v"))
	d.Tokens[0].Sent = dialect.InQuery("v")
	s := &atURL{answer: func(*http.Request, string) (int, http.Header, string) { return 404, nil, "" }}
	_, err := Update(t.Context(), &http.Client{Transport: s}, thingURL, addOne, WithDialect(d), CreateIfAbsent())
	if err == nil || !strings.Contains(err.Error(), "only creates") {
		t.Error(err)
	}
}

package ifmatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// telling is an API whose refusals have the current version and state: 409 with both in an
// object beside the error.
func telling() dialect.Dialect {
	type refusal struct {
		Version json.Number
		State   json.RawMessage
	}
	read := func(a *dialect.Answer) (r refusal) {
		json.Unmarshal(a.Body(), &r)
		return r
	}
	return dialect.Dialect{
		Name: "telling",
		Tokens: []dialect.Token{{
			Sent: dialect.InHeader("X-If-Version"), Current: dialect.InHeader("X-Version"), Number: true,
			Refusal: func(a *dialect.Answer) string { return read(a).Version.String() },
		}},
		Statuses:     []int{http.StatusConflict},
		Judge:        (*dialect.Answer).Conflict,
		RefusalState: func(a *dialect.Answer) []byte { return read(a).State },
	}
}

// tells is a server of such an API. Somebody else writes before each of the first races writes.
type tells struct {
	version, n, races int
	refusal           func(*tells) (http.Header, string) // nil: as telling wants it
	lose              int                                // answers to writes that get lost
	kind              string                             // of the document; empty: application/json
	log               []string
	accepted          []string
}

func (s *tells) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	s.log = append(s.log, req.Method)
	state := fmt.Sprintf(`{"n":%d,"kept":true}`, s.n)
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return responseTo(req, 200, state, "X-Version", fmt.Sprint(s.version), "Content-Type", cmp.Or(s.kind, "application/json")), nil
	}
	if s.races > 0 {
		s.races, s.version, s.n = s.races-1, s.version+1, s.n+40
		state = fmt.Sprintf(`{"n":%d,"kept":true}`, s.n)
	}
	if sent := req.Header.Get("X-If-Version"); sent != fmt.Sprint(s.version) {
		if s.lose > 0 {
			s.lose--
			return nil, io.ErrUnexpectedEOF
		}
		if s.refusal != nil {
			h, text := s.refusal(s)
			resp := responseTo(req, 409, text)
			resp.Header = h
			return resp, nil
		}
		return responseTo(req, 409, fmt.Sprintf(`{"error":"stale","version":%d,"state":%s}`, s.version, state), "Content-Type", "application/problem+json"), nil
	}
	s.version++
	s.accepted = append(s.accepted, req.Header.Get("Content-Type")+" "+string(body))
	var doc counter
	json.Unmarshal(body, &doc)
	s.n = doc.N
	return responseTo(req, 204, "", "X-Version", fmt.Sprint(s.version)), nil
}

func (s *tells) sent() string { return strings.Join(s.log, " ") }

// TestRefusalTakesThePlaceOfARefresh: where the refusal has the version, and the state where
// that is needed, the next write follows at once. In all other cases the server is asked.
func TestRefusalTakesThePlaceOfARefresh(t *testing.T) {
	rebuild := Rebuild(func(_ context.Context, r *Representation) ([]byte, error) {
		var doc counter
		if err := json.Unmarshal(r.Body, &doc); err != nil {
			return nil, err
		}
		clear(r.Body) // it is the policy's
		return json.Marshal(counter{doc.N + 1})
	})
	own := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) { return c.Resend(), nil })
	says := func(text string) func(*tells) (http.Header, string) {
		return func(s *tells) (http.Header, string) { return http.Header{}, text }
	}
	noState := says(`{"version":2}`)
	large := func(s *tells) (http.Header, string) {
		return http.Header{}, fmt.Sprintf(`{"version":%d,"state":{"n":41,"fill":%q}}`, s.version, strings.Repeat("x", 64<<10))
	}
	for name, test := range map[string]struct {
		policy  Policy
		refusal func(*tells) (http.Header, string)
		races   int
		opts    []Option
		change  func(*dialect.Dialect)
		want    string
		n       int
	}{
		"Resend":                     {Resend, nil, 1, nil, nil, "PUT PUT", 5},
		"Rebuild":                    {rebuild, nil, 1, nil, nil, "PUT PUT", 41},
		"a policy may take any time": {own, nil, 1, nil, nil, "PUT HEAD PUT", 5},
		"an empty state": {rebuild, nil, 1, nil, func(d *dialect.Dialect) {
			d.RefusalState = func(*dialect.Answer) []byte { return []byte{} }
		}, "PUT GET PUT", 41},
		"Resend, without a state":   {Resend, noState, 1, nil, nil, "PUT PUT", 5},
		"Rebuild, without a state":  {rebuild, noState, 1, nil, nil, "PUT GET PUT", 41},
		"a refusal that is cut off": {rebuild, large, 1, nil, nil, "PUT GET PUT", 41},
		"a state that is cut off": {rebuild, func(s *tells) (http.Header, string) {
			return http.Header{"X-Version": {fmt.Sprint(s.version)}}, fmt.Sprintf(`{"n":9,"fill":%q}`, strings.Repeat("x", 64<<10))
		}, 1, nil, func(d *dialect.Dialect) {
			d.Tokens[0].Refusal = func(a *dialect.Answer) string { return a.Header.Get("X-Version") }
			d.RefusalState = (*dialect.Answer).Body
		}, "PUT GET PUT", 41},
		"without a version":         {Resend, says(`{"state":{"n":9}}`), 1, nil, nil, "PUT HEAD PUT", 5},
		"the version that was sent": {Resend, says(`{"version":1}`), 1, nil, nil, "PUT HEAD PUT", 5},
		"what isn't JSON":           {Resend, says("<h1>"), 1, nil, nil, "PUT HEAD PUT", 5},
		"a version that is none":    {Resend, says(`{"version":1e3}`), 1, nil, nil, "PUT HEAD PUT", 5},
		// The wait makes it old.
		"Retry-After": {Resend, func(s *tells) (http.Header, string) {
			return http.Header{"Retry-After": {"1"}}, `{"version":2}`
		}, 1, nil, nil, "PUT HEAD PUT", 5},
		"the second refusal comes after a wait": {Resend, nil, 2, nil, nil, "PUT PUT HEAD PUT", 5},
		"the caller says what is read": {Resend, nil, 1, []Option{WithRefreshRequest(func(req *http.Request) (*http.Request, error) {
			return req, nil
		})}, nil, "PUT HEAD PUT", 5},
		"a dialect without Refusal":      {Resend, nil, 1, nil, func(d *dialect.Dialect) { d.Tokens[0].Refusal, d.RefusalState = nil, nil }, "PUT HEAD PUT", 5},
		"a dialect without RefusalState": {rebuild, nil, 1, nil, func(d *dialect.Dialect) { d.RefusalState = nil }, "PUT GET PUT", 41},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := telling()
			if test.change != nil {
				test.change(&d)
			}
			s := &tells{version: 1, races: test.races, refusal: test.refusal}
			opts := append([]Option{WithDialect(d)}, test.opts...)
			r := sendTo(t, NewTransport(s, test.policy, opts...), http.MethodPut, thing, `{"n":5}`, "X-If-Version: 1")
			if r.err != nil || r.outcome.Effect != EffectApplied || r.outcome.Cause != CauseChanged || s.sent() != test.want || s.n != test.n || len(s.accepted) != 1 {
				t.Errorf("%s: sent %s, want %s; %d: %v, %+v", name, s.sent(), test.want, s.n, r.err, r.outcome)
			}
		})
	}
}

// TestRefusalOfALostWrite: a refusal after an attempt without an answer may be older than what
// that attempt does yet, so the state is read.
func TestRefusalOfALostWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tells{version: 1, races: 1, lose: 1}
		r := sendTo(t, NewTransport(s, Resend, WithDialect(telling())), http.MethodPut, thing, `{"n":5}`, "X-If-Version: 1")
		if r.err != nil || s.sent() != "PUT PUT GET PUT" {
			t.Errorf("sent %s; %v, %+v", s.sent(), r.err, r.outcome)
		}
	})
}

// TestRefusalOfOthers: an id is looked for in the metadata, which a refusal hasn't, and after
// a redirect the refusal is of another URL.
func TestRefusalOfOthers(t *testing.T) {
	d := telling()
	d.WriteIDField = "X-Meta-Id"
	for name, test := range map[string]struct {
		redirects int
		opts      []Option
		want      string
	}{
		"neither":        {0, nil, "PUT PUT"},
		"under an id":    {0, []Option{WithWriteID()}, "PUT HEAD PUT"},
		"after redirect": {1, nil, "PUT PUT HEAD PUT"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &tells{version: 1, races: 1}
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				if test.redirects > 0 {
					test.redirects--
					s.log = append(s.log, req.Method)
					return responseTo(req, 307, "", "Location", thing), nil
				}
				return s.RoundTrip(req)
			})
			client := &http.Client{Transport: NewTransport(base, Resend, append(test.opts, WithDialect(d))...)}
			req, _ := http.NewRequest(http.MethodPut, thing, strings.NewReader(`{"n":5}`))
			req.Header.Set("X-If-Version", "1")
			resp, err := client.Do(req)
			if err != nil || resp.StatusCode != 204 || s.sent() != test.want {
				t.Errorf("%s: sent %s, want %s; %v", name, s.sent(), test.want, err)
			}
		})
	}
}

// TestUpdateTakesTheStateOfARefusal: the edit is made anew on that state, unknown members
// survive, and the type of the refusal isn't the type of the document.
func TestUpdateTakesTheStateOfARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tells{version: 1, races: 1}
		got, err := Update(t.Context(), &http.Client{Transport: NewTransport(s, Stop)}, thing, addOne, WithDialect(telling()))
		if err != nil || got.Value.N != 41 || s.sent() != "GET PUT PUT" || len(s.accepted) != 1 || s.accepted[0] != `application/json {"n":41,"kept":true}` {
			t.Errorf("%+v, %v; sent %s, %q", got.Value, err, s.sent(), s.accepted)
		}
	})
}

// TestShownStateIsNotTheRefusal: what a policy does with the state that a refusal had changes
// nothing of the refusal that the caller gets.
func TestShownStateIsNotTheRefusal(t *testing.T) {
	read := false
	give := Rebuild(func(_ context.Context, r *Representation) ([]byte, error) {
		read = true
		clear(r.Body)
		r.Header.Set("X-Mine", "1")
		return nil, io.ErrNoProgress
	})
	synctest.Test(t, func(t *testing.T) {
		d := telling()
		state := d.RefusalState
		d.RefusalState = func(a *dialect.Answer) []byte {
			defer clear(a.Body()) // what a dialect gets is a copy, too
			return state(a)
		}
		s := &tells{version: 1, races: 1}
		r := sendTo(t, NewTransport(s, give, WithDialect(d)), http.MethodPut, thing, `{"n":5}`, "X-If-Version: 1")
		var conflict *ConflictError
		if !errors.As(r.err, &conflict) || !read || s.sent() != "PUT" {
			t.Fatalf("%v; sent %s", r.err, s.sent())
		}
		if string(conflict.Body) != `{"error":"stale","version":2,"state":{"n":40,"kept":true}}` || conflict.Header.Get("X-Mine") != "" {
			t.Errorf("%q, %v", conflict.Body, conflict.Header)
		}
	})
}

// TestTypeOfAShownState: the document keeps its own media type, whatever the type of the refusal.
func TestTypeOfAShownState(t *testing.T) {
	for name, whole := range map[string]bool{"a member": false, "the whole body": true} {
		synctest.Test(t, func(t *testing.T) {
			d := telling()
			s := &tells{version: 1, races: 1, kind: "application/vnd.shop+json"}
			if whole {
				d.Tokens[0].Refusal = func(a *dialect.Answer) string { return a.Header.Get("X-Version") }
				d.RefusalState = (*dialect.Answer).Body
				s.refusal = func(s *tells) (http.Header, string) {
					return http.Header{"X-Version": {fmt.Sprint(s.version)}, "Content-Type": {"text/json"}}, fmt.Sprintf(`{"n":%d}`, s.n)
				}
			}
			_, err := Update(t.Context(), &http.Client{Transport: NewTransport(s, Stop)}, thing, addOne, WithDialect(d))
			if err != nil || s.sent() != "GET PUT PUT" || !strings.HasPrefix(s.accepted[0], s.kind+" ") {
				t.Errorf("%s: %v; sent %s, %q", name, err, s.sent(), s.accepted)
			}
		})
	}
}

// TestShownTagOfTheSameState: a refused tag that named the current state in another spelling
// overwrites nothing, as after a refresh.
func TestShownTagOfTheSameState(t *testing.T) {
	for sent, overwrote := range map[string]bool{`"v1-gzip"`: false, `W/"v1"`: false, `"v0"`: true} {
		synctest.Test(t, func(t *testing.T) {
			d := dialect.RFC9110()
			d.Tokens[0].Refusal = func(a *dialect.Answer) string { return a.Header.Get("ETag") }
			origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
				if req.Header.Get("If-Match") == `"v1"` {
					return 204, nil, ""
				}
				return 412, http.Header{"Etag": {`"v1"`}}, ""
			}}
			r := sendTo(t, NewTransport(origin, Resend, WithDialect(d)), http.MethodPut, thing, "x", "If-Match: "+sent)
			if r.err != nil || len(origin.log) != 2 || r.outcome.Overwrote != overwrote {
				t.Errorf("%s: overwrote %t, want %t; sent %q, %v", sent, r.outcome.Overwrote, overwrote, origin.log, r.err)
			}
		})
	}
}

// TestShownWeakTag: it may guard nothing, so a read shows which one there is.
func TestShownWeakTag(t *testing.T) {
	for weakTags, want := range map[bool]string{false: "PUT HEAD PUT", true: "PUT PUT"} {
		synctest.Test(t, func(t *testing.T) {
			d := dialect.RFC9110()
			d.WeakTags = weakTags
			d.Tokens[0].Refusal = func(a *dialect.Answer) string { return a.Header.Get("ETag") }
			var methods []string
			origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
				methods = append(methods, req.Method)
				switch {
				case req.Method == http.MethodHead:
					return 200, http.Header{"Etag": {`"2"`}}, ""
				case len(methods) > 1:
					return 204, nil, ""
				}
				return 412, http.Header{"Etag": {`W/"2"`}}, ""
			}}
			r := sendTo(t, NewTransport(origin, Resend, WithDialect(d)), http.MethodPut, thing, "x", `If-Match: W/"1"`)
			if got := strings.Join(methods, " "); got != want || r.err != nil {
				t.Errorf("WeakTags %t: sent %s, want %s; %v", weakTags, got, want, r.err)
			}
		})
	}
}

// TestShownRoundTrip (rule 23): the pace follows the round trip of the write, where no refresh
// measures one.
func TestShownRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waited time.Duration
		for range 20 {
			s := &tells{version: 1, races: 2}
			slow := roundTripper(func(req *http.Request) (*http.Response, error) {
				time.Sleep(200 * time.Millisecond)
				return s.RoundTrip(req)
			})
			r := sendTo(t, NewTransport(slow, Resend, WithDialect(telling())), http.MethodPut, thing, `{"n":5}`, "X-If-Version: 1")
			waited += r.outcome.Waited
		}
		if waited < 20*50*time.Millisecond {
			t.Errorf("%v in 20 calls: the second refusal is followed by up to 400 ms", waited)
		}
	})
}

// TestShownTextTellsNoRefresh: no cure speaks of a refresh that wasn't sent.
func TestShownTextTellsNoRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tells{version: 1, races: 9}
		r := sendTo(t, NewTransport(s, Resend, WithDialect(telling()), WithMaxAttempts(2)), http.MethodPut, thing, `{"n":5}`, "X-If-Version: 1", "Accept: application/json", "Content-Type: application/json")
		if text := fmt.Sprint(r.outcome.Err); s.sent() != "PUT PUT" || strings.Contains(text, "refresh") || strings.Contains(text, "Accept") {
			t.Errorf("sent %s: %s", s.sent(), text)
		}
	})
}

package ifmatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

func responseTo(req *http.Request, status int, body string, fields ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(fields); i += 2 {
		h.Set(fields[i], fields[i+1])
	}
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	return &http.Response{StatusCode: status, Header: h, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: req}
}

type shape interface{ area() int }

type circle struct {
	R int `json:"r"`
}

func (c *circle) area() int { return c.R }

type drawing struct {
	N     int   `json:"n"`
	Shape shape `json:"shape"`
}

type withDefaults struct {
	N       int `json:"n"`
	Retries int `json:"retries,omitempty"`
}

type kindred struct {
	N    int `json:"n"`
	kind string
}

type markedDoc struct {
	Marks
	N int `json:"n"`
}

func (d *drawing) UnmarshalJSON(b []byte) error {
	var raw struct {
		N     int
		Shape json.RawMessage
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	var k struct{ Type string }
	json.Unmarshal(raw.Shape, &k)
	if k.Type != "circle" {
		return fmt.Errorf("unknown shape %q", k.Type)
	}
	c := new(circle)
	d.N, d.Shape = raw.N, c
	return json.Unmarshal(raw.Shape, c)
}

func (d *withDefaults) UnmarshalJSON(b []byte) error {
	type plain withDefaults
	p := plain{Retries: 3}
	err := json.Unmarshal(b, &p)
	*d = withDefaults(p)
	return err
}

func (d *kindred) UnmarshalJSON(b []byte) error {
	var p struct {
		N    int
		Kind string
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	if p.Kind == "" {
		return fmt.Errorf("no kind")
	}
	d.N, d.kind = p.N, p.Kind
	return nil
}

func (d kindred) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		N int `json:"n"`
	}{d.N})
}

// TestRedirectedAndReplayed: a write that was redirected, applied there and sent once more on the way is
// not said to be not applied.
func TestRedirectedAndReplayed(t *testing.T) {
	for _, lost := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			doc, tag, n := []byte(`{"n":1}`), `"1"`, 0
			base := baseFunc(func(req *http.Request) (*http.Response, error) {
				if req.Method == "GET" {
					return responseTo(req, 200, string(doc), "ETag", tag), nil
				}
				if req.URL.Path == "/a" {
					return responseTo(req, 307, "", "Location", "/b"), nil
				}
				if n++; n == 1 {
					doc, _ = io.ReadAll(req.Body)
					req.Body.Close()
					tag = `"2"`
					if lost {
						return nil, io.ErrUnexpectedEOF
					}
				}
				return responseTo(req, 412, ""), nil // the replay
			})
			c := &http.Client{Transport: NewTransport(base, Stop)}
			s, err := Update(t.Context(), c, "http://a.test/a", func(d *markedDoc) error { d.N++; return nil })
			var got markedDoc
			json.Unmarshal(doc, &got)
			if got.N != 2 || s.Outcome.Effect == EffectNotApplied || err != nil && !errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("lost %v: it was applied, and Update says %v, %v", lost, s.Outcome.Effect, err)
			}
		})
	}
}

// TestLimitsOfANestedUpdate: what is left to an Update does not bound another one that is made with the
// context of its requests.
func TestLimitsOfANestedUpdate(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, target string) {
		inner := 0
		var innerErr error
		other := &http.Client{Transport: NewTransport(baseFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == "GET" {
				return responseTo(req, 200, `{"n":1}`, "ETag", `"`+strings.Repeat("x", inner+1)+`"`), nil
			}
			inner++
			if inner < 6 {
				return responseTo(req, 412, ""), nil
			}
			return responseTo(req, 204, ""), nil
		}), Stop)}
		once := false
		c := &http.Client{Transport: NewTransport(baseFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == "PUT" && !once {
				once = true
				_, innerErr = Update(req.Context(), other, "http://other.test/x", addOne, WithMaxAttempts(10), WithMaxElapsed(time.Hour))
			}
			return origin.Client().Transport.RoundTrip(req)
		}), Stop)}
		_, err := Update(t.Context(), c, target, addOne, WithMaxAttempts(2))
		if err != nil || innerErr != nil {
			t.Errorf("%v; inner after %d: %v", err, inner, innerErr)
		}
	})
}

// TestLogOfAForeignError: the error of somebody else, which has the URL, is logged without the query.
func TestLogOfAForeignError(t *testing.T) {
	var log bytes.Buffer
	base := baseFunc(func(req *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Put", URL: req.URL.String(), Err: errors.New("connection reset")}
	})
	tr := NewTransport(base, Stop, WithMaxAttempts(2), WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	req, _ := http.NewRequest("PUT", "http://a.test/x?sig=SECRET", strings.NewReader("x"))
	req.Header.Set("If-Match", `"a"`)
	tr.RoundTrip(req)
	if strings.Contains(log.String(), "SECRET") {
		t.Error(log.String())
	}
}

// TestLogIsCutBetweenRunes: a long text stays valid.
func TestLogIsCutBetweenRunes(t *testing.T) {
	if got := bounded("x" + strings.Repeat("é", 1000)); !utf8.ValidString(got) {
		t.Errorf("%q", got[500:])
	}
}

// TestReadsWhatItDoesNotWrite: a T may read members that it doesn't declare, as
// long as the document reads as the edit left it.
func TestReadsWhatItDoesNotWrite(t *testing.T) {
	check := func(name, got string, err error, want string) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
	got, _, err := updated(t, `{"n":1,"shape":{"type":"circle","r":2}}`, func(d *drawing) error { d.N++; return nil })
	check("a union", got, err, `{"n":2,"shape":{"type":"circle","r":2}}`)
	got, _, err = updated(t, `{"n":1,"retries":0}`, func(d *withDefaults) error { d.N++; return nil })
	check("a default", got, err, `{"n":2,"retries":0}`)
	got, _, err = updated(t, `{"n":1,"kind":"x"}`, func(d *kindred) error { d.N++; return nil })
	check("a member that has to be there", got, err, `{"n":2,"kind":"x"}`)
	got, _, err = updated(t, `{"n":1,"a":1,"a": 2}`, func(d *json.RawMessage) error {
		*d = json.RawMessage(strings.Replace(string(*d), `"n":1`, `"n":2`, 1))
		return nil
	})
	check("the text itself", got, err, `{"n":2,"a":1,"a":2}`)
	got, _, err = updated(t, `{"v":["a","\u0061","b"]}`, func(d *struct {
		V []string `json:"v"`
	}) error {
		d.V = d.V[1:]
		return nil
	})
	check("equal strings", got, err, `{"v":["a","b"]}`)
}

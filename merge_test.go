package ifmatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// putMine sends body under the tag of what was read.
func putMine(t *testing.T, origin *ifmatchtest.Server, policy Policy, tag, body string, change func(*http.Request), opts ...Option) result {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, origin.URL+"/doc", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-Match", tag)
	if change != nil {
		change(req)
	}
	return sendVia(t, NewTransport(origin.Client().Transport, policy, opts...), req)
}

// TestMergeError: the text names the first five places, and the error is a conflict.
func TestMergeError(t *testing.T) {
	err := error(&MergeError{Pointers: []string{"", "/a~1b", "/c", "/d", "/e", "/f", "/g"}})
	if want := `ifmatch: merge: changed on both sides: "", "/a~1b", "/c", "/d", "/e" and 2 more`; err.Error() != want {
		t.Errorf("got %s", err)
	}
	if !errors.Is(err, ErrConflict) || errors.Is(err, ErrOutcomeUnknown) {
		t.Error("it matches ErrConflict, and nothing else")
	}
}

// TestMergeTwoWriters: changes of both sides at different places are in, and the text of theirs stays.
func TestMergeTwoWriters(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		base := []byte(`{"title":"a","tags":[{"id":1}]}`)
		tag := origin.Put("/doc", "application/json", base)
		origin.Put("/doc", "application/json", []byte(`{ "title": "b", "tags":[{"id":2}, {"id":1}] }`))
		policy := MergeJSON(base, nil, MergeKey("id"))
		copy(base, "broken") // it was copied
		got := putMine(t, origin, policy, tag, `{"title":"a","tags":[{"id":1,"n":1},{"id":3}],"x":1}`, nil)
		if want := "PUT 412, GET 200, PUT 204 | 204 | applied, changed"; got.summary() != want {
			t.Errorf("got %s, want %s: %v", got.summary(), want, got.err)
		}
		if got, want := stateOf(origin), `{ "title": "b", "tags":[{"id":2}, {"id":1,"n":1}, {"id":3}], "x":1 }`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// TestMergeOverlap: what both sides changed is named, and nothing is written.
func TestMergeOverlap(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		tag := origin.Put("/doc", "application/json", []byte(`{"a":1,"b":1,"c":1}`))
		origin.Put("/doc", "application/json", []byte(`{"a":2,"b":1}`))
		got := putMine(t, origin, MergeJSON([]byte(`{"a":1,"b":1,"c":1}`)), tag, `{"a":3,"b":3,"c":3}`, nil)
		var overlap *MergeError
		if !errors.As(got.err, &overlap) || !slices.Equal(overlap.Pointers, []string{"/a", "/c"}) || !errors.Is(got.err, ErrConflict) {
			t.Fatalf("error %v", got.err)
		}
		var conflict *ConflictError
		if !errors.As(got.err, &conflict) || conflict.StatusCode != 412 || conflict.Outcome.Effect != EffectNotApplied {
			t.Errorf("%+v", conflict)
		}
		if got.exchanges() != "PUT 412, GET 200" || stateOf(origin) != `{"a":2,"b":1}` {
			t.Errorf("%s: %s", got.exchanges(), stateOf(origin))
		}
	})
}

// TestMergeThreeWriters: each refusal merges from the caller's own base and body. What came from others at the first one
// may change again.
func TestMergeThreeWriters(t *testing.T) {
	const base, mine = `{"a":1,"b":1,"c":1}`, `{"a":2,"b":1,"c":1}`
	noGetBody := func(r *http.Request) { r.GetBody = nil }
	for name, test := range map[string]struct {
		change func(*http.Request)
		opts   []Option
	}{
		"GetBody":        {nil, nil},
		"spooled":        {noGetBody, nil},
		"spooled, file":  {noGetBody, []Option{WithMaxBuffer(1)}},
		"unknown length": {func(r *http.Request) { r.GetBody, r.ContentLength = nil, -1 }, nil},
		"expect":         {nil, []Option{WithExpectContinue(1)}},
		"as options":     {func(r *http.Request) { r.GetBody = nil }, []Option{OnConflict(MergeJSON([]byte(base)))}},
		"wrapped": {noGetBody, []Option{OnConflict(PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			return MergeJSON([]byte(base)).Resolve(ctx, c)
		}))}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				tag := origin.Put("/doc", "application/json", []byte(base))
				steps := []string{`{"a":1,"b":2,"c":1}`, `{"a":1,"b":3,"c":1,"d":{}}`, `{"b":4,"a":1,"c":1}`}
				origin.Inject(ifmatchtest.CompetingWriter(3, func([]byte) []byte {
					next := steps[0]
					steps = steps[1:]
					return []byte(next)
				}))
				got := putMine(t, origin, MergeJSON([]byte(base)), tag, mine, test.change, test.opts...)
				if want := "PUT 412, GET 200, PUT 412, GET 200, PUT 412, GET 200, PUT 204 | 204 | applied, changed"; got.summary() != want {
					t.Errorf("got %s, want %s: %v", got.summary(), want, got.err)
				}
				if got, want := stateOf(origin), `{"b":4,"a":2,"c":1}`; got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		})
	}
}

// TestMergeImpossible: what can't be merged is an error, and nothing is sent.
func TestMergeImpossible(t *testing.T) {
	gzipped := func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }
	for name, test := range map[string]struct {
		base, mine, theirs string
		change             func(*http.Request)
		exchanges, text    string
	}{
		"base":             {`{"a"}`, `{}`, `{}`, nil, "PUT 412", `MergeJSON: base: not JSON at byte 5`},
		"base is empty":    {``, `{}`, `{}`, nil, "PUT 412", `MergeJSON: base: not JSON`},
		"mine":             {`{}`, `{]`, `{}`, nil, "PUT 412", `the request's body: not JSON at byte 2`},
		"mine is coded":    {`{}`, "\x1f\x8b", `{}`, gzipped, "PUT 412", `Content-Encoding "gzip"`},
		"theirs":           {`{}`, `{}`, `<html>`, nil, "PUT 412, GET 200", `the current state: not JSON at byte 1`},
		"mine is too long": {`{}`, `"` + strings.Repeat("x", 1000) + `"`, `{}`, nil, "PUT 412", "too large"},
		"PATCH": {`{}`, `{}`, `{}`, func(r *http.Request) {
			r.Method = "PATCH"
			r.Header.Set("Content-Type", "application/merge-patch+json")
		}, "PATCH 412", "PATCH"},
		"no body":       {`{}`, ``, `{}`, func(r *http.Request) { r.Method = "DELETE" }, "DELETE 412", "there is none"},
		"GetBody fails": {`{}`, `{}`, `{}`, func(r *http.Request) { r.GetBody = func() (io.ReadCloser, error) { return nil, io.ErrClosedPipe } }, "PUT 412", "closed pipe"},
		"GetBody gives nil": {`{}`, `{}`, `{}`, func(r *http.Request) { r.GetBody = func() (io.ReadCloser, error) { return nil, nil } }, "PUT 412",
			"returned nil"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				tag := origin.Put("/doc", "application/json", []byte(`{}`))
				origin.Put("/doc", "application/json", []byte(test.theirs))
				got := putMine(t, origin, MergeJSON([]byte(test.base)), tag, test.mine, test.change, WithMaxRepresentation(100))
				if got.exchanges() != test.exchanges || !errors.Is(got.err, ErrConflict) || !strings.Contains(got.err.Error(), test.text) || stateOf(origin) != test.theirs {
					t.Errorf("%s, %v; want %s, %s", got.summary(), got.err, test.exchanges, test.text)
				}
			})
		})
	}
	if _, err := MergeJSON(nil).Resolve(t.Context(), new(Conflict)); err == nil {
		t.Error("no error outside of a call")
	}
}

// TestMergeAmbiguous: a write that may have been applied isn't merged with itself.
func TestMergeAmbiguous(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		tag := origin.Put("/doc", "application/json", []byte(`{"a":1}`))
		origin.Inject(ifmatchtest.LostAnswer(1))
		got := putMine(t, origin, MergeJSON([]byte(`{"a":1}`)), tag, `{"a":2}`, nil)
		if !errors.Is(got.err, ErrOutcomeUnknown) || got.outcome.Effect != EffectUnknown || got.exchanges() != "PUT failed, PUT 412" {
			t.Errorf("%s: %v", got.summary(), got.err)
		}
	})
}

// halfReader is a server that refuses a write when it has read three bytes.
type halfReader struct{ state string }

func (h halfReader) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusPreconditionFailed, Header: http.Header{"Etag": {`"v2"`}}, Body: http.NoBody, Request: req}
	if semantics.Safe(req.Method) {
		resp.StatusCode, resp.Body = http.StatusOK, io.NopCloser(strings.NewReader(h.state))
		return resp, nil
	}
	defer req.Body.Close()
	_, err := io.ReadFull(req.Body, make([]byte, 3))
	if req.Header.Get("If-Match") == `"v2"` {
		sent, _ := io.ReadAll(req.Body)
		resp.StatusCode, resp.Status = http.StatusOK, string(sent)
	}
	return resp, err
}

// TestMergeUnreadBody: a body that was refused early is read to its end for the merge. One whose source hangs doesn't
// outlive the limits.
func TestMergeUnreadBody(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			body, w := io.Pipe()
			go func() {
				w.Write([]byte(`{"a":1,`))
				if !hangs {
					w.Write([]byte(`"b":2}`))
					w.Close()
				}
			}()
			req, _ := http.NewRequest(http.MethodPut, origin.URL, body)
			req.Header.Set("If-Match", `"v1"`)
			start := time.Now()
			got := sendVia(t, NewTransport(halfReader{`{"a":1,"c":3}`}, MergeJSON([]byte(`{"a":1}`)), WithMaxElapsed(5*time.Second)), req)
			if !hangs && (got.err != nil || got.resp.Status != `":1,"c":3,"b":2}`) {
				t.Errorf("%s: %v", got.summary(), got.err)
			}
			if hangs && (!errors.Is(got.err, ErrConflict) || time.Since(start) > 5*time.Second) {
				t.Errorf("%s after %v: %v", got.summary(), time.Since(start), got.err)
			}
		})
	}
}

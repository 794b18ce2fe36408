package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// flow makes the calls of one flow.
type flow struct {
	t      *testing.T
	ctx    context.Context
	rt     http.RoundTripper
	origin *ifmatchtest.Server
}

// call sends a request; a write without a body of its own has "mine".
func (f flow) call(method, path string, fields ...string) result {
	f.t.Helper()
	var body io.Reader
	if !semantics.Safe(method) && method != http.MethodDelete {
		body = strings.NewReader("mine")
	}
	req, err := http.NewRequestWithContext(f.ctx, method, f.origin.URL+path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Add(name, value)
	}
	return sendVia(f.t, f.rt, req)
}

func newFlow(t *testing.T, origin *ifmatchtest.Server, policy Policy, opts ...Option) flow {
	return flow{t, Remember(context.Background()), NewTransport(origin.Client().Transport, policy, opts...), origin}
}

// sentTag is the If-Match that arrived last.
func sentTag(origin *ifmatchtest.Server) string {
	log := origin.Log()
	return strings.Join(log[len(log)-1].Header["If-Match"], " and ")
}

// TestRememberGuards: what this flow read last guards what it writes.
func TestRememberGuards(t *testing.T) {
	identity := "Accept-Encoding: identity"
	for name, test := range map[string]struct {
		path   string // "": /doc
		faults []ifmatchtest.Fault
		calls  func(f flow)
		method string // "": PUT
		fields []string
		want   string
	}{
		"GET":            {calls: func(f flow) { f.call("GET", "/doc") }, want: `"v2"`},
		"HEAD":           {calls: func(f flow) { f.call("HEAD", "/doc") }, want: `"v2"`},
		"empty method":   {calls: func(f flow) { f.call("", "/doc") }, want: `"v2"`},
		"PATCH":          {calls: func(f flow) { f.call("GET", "/doc") }, method: "PATCH", want: `"v2"`},
		"DELETE":         {calls: func(f flow) { f.call("GET", "/doc") }, method: "DELETE", want: `"v2"`},
		"POST":           {calls: func(f flow) { f.call("GET", "/doc") }, method: "POST", want: ""},
		"nothing read":   {calls: func(f flow) {}, want: ""},
		"another URL":    {calls: func(f flow) { f.origin.Put("/b", "", nil); f.call("GET", "/b") }, want: ""},
		"another query":  {calls: func(f flow) { f.call("GET", "/doc") }, path: "/doc?a=b", want: ""},
		"the newest":     {calls: func(f flow) { f.call("GET", "/doc"); f.origin.Put("/doc", "", nil); f.call("GET", "/doc") }, want: `"v3"`},
		"own write":      {calls: func(f flow) { f.call("GET", "/doc"); f.call("PUT", "/doc") }, want: `"v3"`},
		"own first":      {calls: func(f flow) { f.call("PUT", "/doc") }, want: `"v3"`},
		"own two writes": {calls: func(f flow) { f.call("GET", "/doc"); f.call("PUT", "/doc"); f.call("PUT", "/doc") }, want: `"v4"`},
		"If-Match":       {calls: func(f flow) { f.call("GET", "/doc") }, fields: []string{`If-Match: "v1"`}, want: `"v1"`},
		"If-None-Match":  {calls: func(f flow) { f.call("GET", "/doc") }, fields: []string{`If-None-Match: *`}, want: ""},
		"a date": {
			calls:  func(f flow) { f.call("GET", "/doc") },
			fields: []string{"If-Unmodified-Since: " + time.Unix(0, 0).UTC().Format(http.TimeFormat)}, want: "",
		},
		"foreign":       {calls: func(f flow) { f.call("GET", "/doc") }, fields: []string{`If: (["v1"])`}, want: ""},
		"Content-Range": {calls: func(f flow) { f.call("GET", "/doc") }, fields: []string{"Content-Range: bytes 0-3/4"}, want: ""},
		"signed":        {calls: func(f flow) { f.call("GET", "/doc") }, fields: []string{"Authorization: SharedKey a:b"}, want: ""},
		"Range":         {calls: func(f flow) { f.call("GET", "/doc", "Range: bytes=0-1") }, want: ""},
		"Range ignored": {
			faults: []ifmatchtest.Fault{replying("GET", 1, 200, `ETag: "x"`)},
			calls:  func(f flow) { f.call("GET", "/doc", "Range: bytes=0-1") }, want: "",
		},
		"304": {calls: func(f flow) { f.call("GET", "/doc", `If-None-Match: "v2"`) }, want: ""},
		"304 keeps": {
			calls: func(f flow) { f.call("GET", "/doc"); f.call("GET", "/doc", `If-None-Match: "v2"`) }, want: `"v2"`,
		},
		"weak": {faults: []ifmatchtest.Fault{ifmatchtest.WeakTags()}, calls: func(f flow) { f.call("GET", "/doc") }, want: ""},
		"decoded by net/http": {
			faults: []ifmatchtest.Fault{ifmatchtest.GzipTags()}, calls: func(f flow) { f.call("GET", "/doc") }, want: "",
		},
		"coded": {
			faults: []ifmatchtest.Fault{ifmatchtest.GzipTags()},
			calls:  func(f flow) { f.call("GET", "/doc", "Accept-Encoding: gzip") }, want: "",
		},
		"identity of a server that codes": {
			faults: []ifmatchtest.Fault{ifmatchtest.GzipTags()}, calls: func(f flow) { f.call("GET", "/doc", identity) }, want: `"v2"`,
		},
		"HEAD without a tag": {
			faults: []ifmatchtest.Fault{ifmatchtest.HeadWithoutETag()},
			calls:  func(f flow) { f.call("GET", "/doc"); f.call("HEAD", "/doc") }, want: `"v2"`,
		},
		"GET without a tag": {
			faults: []ifmatchtest.Fault{ifmatchtest.NoETag().On("GET")},
			calls:  func(f flow) { f.call("PUT", "/doc"); f.call("GET", "/doc") }, want: "",
		},
		"write without a tag": {
			faults: []ifmatchtest.Fault{ifmatchtest.NoETagAfterWrite()},
			calls:  func(f flow) { f.call("GET", "/doc"); f.call("PUT", "/doc") }, want: "",
		},
		"deleted":    {calls: func(f flow) { f.call("GET", "/doc"); f.call("DELETE", "/doc") }, want: ""},
		"404":        {calls: func(f flow) { f.call("GET", "/doc"); f.origin.Delete("/doc"); f.call("GET", "/doc") }, want: ""},
		"410":        {faults: []ifmatchtest.Fault{replying("HEAD", 1, 410)}, calls: func(f flow) { f.call("GET", "/doc"); f.call("HEAD", "/doc") }, want: ""},
		"failed GET": {faults: []ifmatchtest.Fault{replying("HEAD", 1, 500)}, calls: func(f flow) { f.call("GET", "/doc"); f.call("HEAD", "/doc") }, want: `"v2"`},
		"412": {
			calls: func(f flow) { f.call("GET", "/doc"); f.origin.Put("/doc", "", nil); f.call("PUT", "/doc") }, want: "",
		},
		"403": {faults: []ifmatchtest.Fault{replying("PUT", 1, 403)}, calls: func(f flow) { f.call("GET", "/doc"); f.call("PUT", "/doc") }, want: ""},
		"500": {faults: []ifmatchtest.Fault{replying("PUT", 1, 500)}, calls: func(f flow) { f.call("GET", "/doc"); f.call("PUT", "/doc") }, want: ""},
		"lost": {
			faults: []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)},
			calls:  func(f flow) { f.call("GET", "/doc"); f.call("PATCH", "/doc") }, want: "",
		},
		"accepted for later": {
			faults: []ifmatchtest.Fault{replying("PUT", 1, 202, `ETag: "later"`)},
			calls:  func(f flow) { f.call("GET", "/doc"); f.call("PUT", "/doc") }, want: "",
		},
		"tag of another": {
			faults: []ifmatchtest.Fault{replying("PUT", 1, 200, `ETag: "x"`, "Content-Location: /other")},
			calls:  func(f flow) { f.call("GET", "/doc"); f.call("PUT", "/doc") }, want: "",
		},
		"repeated ETag": {
			faults: []ifmatchtest.Fault{replying("GET", 1, 200, `ETag: "x"`, `ETag: "y"`)},
			calls:  func(f flow) { f.call("GET", "/doc") }, want: "",
		},
		"failed POST": {
			faults: []ifmatchtest.Fault{replying("POST", 1, 500)},
			calls:  func(f flow) { f.call("GET", "/doc"); f.call("POST", "/doc") }, want: `"v2"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				f := newFlow(t, origin, Stop)
				origin.Inject(test.faults...)
				test.calls(f)
				if test.method == "" {
					test.method = http.MethodPut
				}
				if test.path == "" {
					test.path = "/doc"
				}
				before := origin.Log()
				f.call(test.method, test.path, test.fields...)
				arrived := origin.Log()[len(before):]
				if got := strings.Join(arrived[0].Header["If-Match"], " and "); got != test.want {
					t.Errorf("If-Match %q, want %q", got, test.want)
				}
			})
		})
	}
}

// TestRememberLeavesTheRequest: the caller's request isn't changed, and its body
// is closed once; the outcome shows what was sent.
func TestRememberLeavesTheRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Resend)
		f.call("GET", "/doc")
		var o Outcome
		req := newWrite(t, WithOutcome(f.ctx, &o), origin, http.MethodPut, nil)
		header, body := req.Header.Clone(), &closeCount{Reader: strings.NewReader("mine")}
		req.Body = body
		resp, err := f.rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if fmt.Sprint(req.Header) != fmt.Sprint(header) || req.Body != body || body.closed != 1 {
			t.Errorf("request changed: %v, closed %d times", req.Header, body.closed)
		}
		if _, ok := OutcomeOf(resp); ok || len(o.Exchanges) != 1 || o.Exchanges[0].Sent.ETag != `"v2"` || o.Effect != EffectApplied {
			t.Errorf("outcome %+v, of the response: %v", o, ok)
		}
	})
}

// TestRememberLeavesUpgrades: only the body of a 200 is wrapped.
func TestRememberLeavesUpgrades(t *testing.T) {
	for status, wrapped := range map[int]bool{101: false, 200: true, 203: false, 206: false} {
		body := io.ReadCloser(struct{ io.ReadWriteCloser }{})
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Etag": {`"a"`}}, Body: body, ContentLength: -1}, nil
		})
		req, _ := http.NewRequestWithContext(Remember(context.Background()), http.MethodGet, "http://example.test/", nil)
		resp, err := NewTransport(base, Stop).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if (resp.Body != body) != wrapped {
			t.Errorf("%d: body %T", status, resp.Body)
		}
	}
}

// TestRememberRefusal: the refusal of a write that the flow guarded goes to the
// policy.
func TestRememberRefusal(t *testing.T) {
	for name, test := range map[string]struct {
		policy Policy
		read   string // HEAD: no digest
		want   string
		state  string
	}{
		"Stop":            {Stop, "HEAD", "PUT 412 | 412 | not applied, unexamined", "others"},
		"Resend":          {Resend, "HEAD", "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", "mine"},
		"Rebuild":         {Rebuild(append1), "HEAD", "PUT 412, GET 200, PUT 204 | 204 | applied, changed", "others+mine"},
		"Unconditional":   {Unconditional, "HEAD", "PUT 412, PUT 204 | 204 | applied, unexamined, overwrote", "mine"},
		"Stop, read":      {Stop, "GET", "PUT 412, GET 200 | 412 | not applied, changed", "others"},
		"Resend, read":    {Resend, "GET", "PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote", "mine"},
		"Rebuild, read":   {Rebuild(append1), "GET", "PUT 412, GET 200, PUT 204 | 204 | applied, changed", "others+mine"},
		"Uncond., read":   {Unconditional, "GET", "PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote", "mine"},
		"function, read":  {PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) { return c.Resend(), nil }), "GET", "PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote", "mine"},
		"function, stops": {PolicyFunc(nil), "GET", "PUT 412, GET 200 | 412 | not applied, changed", "others"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				f := newFlow(t, origin, test.policy)
				f.call(test.read, "/doc")
				origin.Put("/doc", "text/plain", []byte("others"))
				got := f.call("PUT", "/doc")
				if got.summary() != test.want || stateOf(origin) != test.state {
					t.Errorf("%s, state %q", got.summary(), stateOf(origin))
				}
				if got.resp.StatusCode == 412 && (got.body != "precondition failed\n" || got.bodyErr != nil || !errors.Is(got.outcome.Err, ErrConflict)) {
					t.Errorf("refusal %q, %v; %v", got.body, got.bodyErr, got.outcome.Err)
				}
				f.call("PUT", "/doc")
				if applied, tag := got.resp.StatusCode == 204, sentTag(origin); applied != (tag == `"v4"`) || !applied && tag != "" {
					t.Errorf("after %d: If-Match %q", got.resp.StatusCode, tag)
				}
			})
		})
	}
}

// TestRememberPatch: a patch that was refused falsely is sent again, and one over
// another content isn't.
func TestRememberPatch(t *testing.T) {
	for name, test := range map[string]struct {
		now   string
		want  string
		state string
	}{
		"the same": {`{"n":1}`, "PATCH 412, GET 200, PATCH 204 | 204 | applied, false conflict", `{"n":1,"x":1}`},
		"another":  {`{"n":2}`, "PATCH 412, GET 200 | 412 | not applied, changed", `{"n":2}`},
	} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			f := newFlow(t, origin, Stop)
			f.call("GET", "/doc")
			origin.Put("/doc", "application/json", []byte(test.now))
			req, err := http.NewRequestWithContext(f.ctx, http.MethodPatch, url, strings.NewReader(`{"x":1}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/merge-patch+json")
			if got := sendVia(t, f.rt, req); got.summary() != test.want || stateOf(origin) != test.state {
				t.Errorf("%s: %s, %s", name, got.summary(), stateOf(origin))
			}
		})
	}
}

// TestRememberFalseConflict: the tag is another, the content is what the flow
// read: nothing can be lost, whatever the policy.
func TestRememberFalseConflict(t *testing.T) {
	asked := PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, errors.New("was asked") })
	const accepted = "PUT 412, GET 200, PUT 204 | 204 | applied, false conflict"
	for name, test := range map[string]struct {
		policy Policy
		opts   []Option
		method string // "": PUT
		fields []string
		again  int // further new tags
		want   string
		err    error
	}{
		"Stop":                {policy: Stop, want: accepted},
		"Resend":              {policy: Resend, want: accepted},
		"Rebuild":             {policy: Rebuild(nil), want: accepted},
		"Unconditional":       {policy: Unconditional, want: accepted},
		"policy of the user":  {policy: asked, want: accepted},
		"DELETE":              {policy: Stop, method: "DELETE", want: "DELETE 412, GET 200, DELETE 204 | 204 | applied, false conflict"},
		"own If-Match":        {policy: Stop, fields: []string{`If-Match: "v2"`}, want: accepted},
		"another If-Match":    {policy: Stop, fields: []string{`If-Match: "v1"`}, want: "PUT 412 | 412 | not applied, unexamined", err: ErrConflict},
		"two tags":            {policy: Stop, fields: []string{`If-Match: "v1", "v2"`}, want: "PUT 412 | 412 | not applied, unexamined", err: ErrConflict},
		"fixed key":           {policy: Stop, fields: []string{"Idempotency-Key: a"}, want: "PUT 412 | 412 | unknown, unexamined", err: ErrConflict},
		"POST":                {policy: Stop, method: "POST", fields: []string{`If-Match: "v2"`}, want: "POST 412 | 412 | not applied, unexamined", err: ErrConflict},
		"one attempt":         {policy: Stop, opts: []Option{WithMaxAttempts(1)}, want: "PUT 412 | 412 | not applied, unexamined", err: ErrConflict},
		"larger than is read": {policy: Stop, opts: []Option{WithMaxRepresentation(3)}, want: "PUT 412 | 412 | not applied, unexamined", err: ErrConflict},
		"as large as is read": {policy: Stop, opts: []Option{WithMaxRepresentation(6)}, want: accepted},
		"without repeats":     {policy: Stop, opts: []Option{WithoutRepeats()}, want: accepted},
		"twice":               {policy: Stop, again: 1, want: "PUT 412, GET 200, PUT 412, GET 200, GET 200, PUT 204 | 204 | applied, false conflict"},
		"ever again":          {policy: Stop, again: 9, want: "PUT 412, GET 200, PUT 412, GET 200, GET 200, PUT 412, GET 200, GET 200, PUT 412 | 412 | not applied, unexamined", err: ErrConflict},
	} {
		for _, replayable := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, GetBody %v", name, replayable), func(t *testing.T) {
				inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
					f := newFlow(t, origin, test.policy, test.opts...)
					f.call("GET", "/doc")
					origin.Put("/doc", "text/plain", []byte("theirs")) // the same bytes, tag "v3"
					if test.again > 0 {
						origin.Inject(ifmatchtest.CompetingWriter(test.again, func(b []byte) []byte { return b }).After(1))
					}
					if test.method == "" {
						test.method = http.MethodPut
					}
					req := newWrite(t, f.ctx, origin, test.method, test.fields)
					if !replayable {
						req.GetBody = nil
					}
					got := sendVia(t, f.rt, req)
					if got.summary() != test.want || !errors.Is(got.outcome.Err, test.err) {
						t.Errorf("%s, %v; want %s, %v", got.summary(), got.outcome.Err, test.want, test.err)
					}
					if got.err != nil || got.resp.StatusCode == 412 {
						return
					}
					want := "mine"
					if test.method == http.MethodDelete {
						want = "(gone)"
					}
					if stateOf(origin) != want {
						t.Errorf("state %q", stateOf(origin))
					}
				})
			})
		}
	}
}

// TestRememberContentComesBack: that the content is what the flow read counts
// neither for a body that was made from another state, nor after an attempt that
// may have been applied.
func TestRememberContentComesBack(t *testing.T) {
	back := ifmatchtest.CompetingWriter(1, func([]byte) []byte { return []byte("theirs") }).After(1)
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Rebuild(append1))
		f.call("GET", "/doc")
		origin.Put("/doc", "text/plain", []byte("others"))
		origin.Inject(back)
		got := f.call("PUT", "/doc")
		if got.summary() != "PUT 412, GET 200, PUT 412, GET 200, PUT 204 | 204 | applied, changed" || stateOf(origin) != "theirs+mine" {
			t.Errorf("%s, state %q", got.summary(), stateOf(origin))
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		f.call("GET", "/doc")
		origin.Inject(ifmatchtest.LostAnswer(1), back)
		got := f.call("PUT", "/doc")
		if !errors.Is(got.err, ErrOutcomeUnknown) || stateOf(origin) != "theirs" {
			t.Errorf("%s, %v, state %q", got.summary(), got.err, stateOf(origin))
		}
	})
}

// TestRememberOtherContent: a flow that read something else since doesn't take
// the content of an earlier read for its own.
func TestRememberOtherContent(t *testing.T) {
	for _, weak := range []bool{false, true} {
		content, version, odd := "A", 1, false
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			tag := fmt.Sprintf(`"%d"`, version)
			if req.Method == "PUT" {
				if req.Header.Get("If-Match") == tag {
					t.Errorf("weak %v: written", weak)
				}
				return responseTo(req, 412, ""), nil
			}
			if odd && weak {
				tag = "W/" + tag
			}
			resp := responseTo(req, 200, content, "ETag", tag)
			resp.Uncompressed = odd && !weak
			return resp, nil
		})
		c := &http.Client{Transport: NewTransport(base, Stop)}
		ctx := Remember(t.Context())
		read := func() {
			req, _ := http.NewRequestWithContext(ctx, "GET", "http://h.test/doc", nil)
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		read()
		content, version, odd = "B", 2, true
		read()
		content, version, odd = "A", 3, false
		req, _ := http.NewRequestWithContext(ctx, "PUT", "http://h.test/doc", strings.NewReader("made from B"))
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}

// TestRememberDigestOfWholeBody: a body that wasn't read to its end has no digest.
func TestRememberDigestOfWholeBody(t *testing.T) {
	for name, test := range map[string]struct {
		read func(resp *http.Response)
		want bool
	}{
		"whole":     {func(resp *http.Response) { io.Copy(io.Discard, resp.Body); resp.Body.Close() }, true},
		"byte-wise": {func(resp *http.Response) { io.ReadAll(iotest.OneByteReader(resp.Body)); resp.Body.Close() }, true},
		"half":      {func(resp *http.Response) { io.ReadFull(resp.Body, make([]byte, 3)); resp.Body.Close() }, false},
		"closed":    {func(resp *http.Response) { resp.Body.Close() }, false},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			req, _ := http.NewRequestWithContext(f.ctx, http.MethodGet, origin.URL+"/doc", nil)
			resp, err := f.rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			test.read(resp)
			origin.Put("/doc", "text/plain", []byte("theirs"))
			if got := f.call("PUT", "/doc"); (got.outcome.Cause == CauseFalseConflict) != test.want {
				t.Errorf("%s: %s", name, got.summary())
			}
		})
	}
}

// TestRememberKeepsDigest: another look that gives the same tag keeps the digest;
// another tag drops it, and so does the flow's own write.
func TestRememberKeepsDigest(t *testing.T) {
	for name, test := range map[string]struct {
		then func(f flow)
		want bool
	}{
		"HEAD":  {func(f flow) { f.call("HEAD", "/doc") }, true},
		"304":   {func(f flow) { f.call("GET", "/doc", `If-None-Match: "v2"`) }, true},
		"206":   {func(f flow) { f.call("GET", "/doc", "Range: bytes=0-1") }, true},
		"v3":    {func(f flow) { f.origin.Put("/doc", "", []byte("theirs")); f.call("HEAD", "/doc") }, false},
		"write": {func(f flow) { f.call("PUT", "/doc") }, false},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			f.call("GET", "/doc")
			test.then(f)
			origin.Put("/doc", "text/plain", []byte(stateOf(origin))) // the same bytes, another tag
			if got := f.call("PUT", "/doc"); !strings.HasPrefix(got.exchanges(), "PUT 412") || (got.outcome.Cause == CauseFalseConflict) != test.want {
				t.Errorf("%s: %s", name, got.summary())
			}
		})
	}
}

// TestRememberRefreshFails: where the current state can't be had the policy is
// asked as ever, and Stop returns the refusal.
func TestRememberRefreshFails(t *testing.T) {
	for name, test := range map[string]struct {
		policy Policy
		fault  ifmatchtest.Fault
		opts   []Option
		want   string
	}{
		"Stop, denied":          {Stop, replying("GET", 1, 403), nil, "PUT 412, GET 403 | 412 | not applied, unexamined"},
		"Resend, denied":        {Resend, replying("GET", 1, 403), nil, "PUT 412, GET 403 | 412 | not applied, refresh denied"},
		"Unconditional, denied": {Unconditional, replying("GET", 1, 403), nil, "PUT 412, GET 403, PUT 204 | 204 | applied, unexamined, overwrote"},
		"Stop, 503":             {Stop, replying("GET", 1, 503), nil, "PUT 412, GET 503, GET 200, PUT 204 | 204 | applied, false conflict"},
		"Resend, gone":          {Resend, replying("GET", 1, 404), nil, "PUT 412, GET 404 | 412 | not applied, gone"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				f := newFlow(t, origin, test.policy, test.opts...)
				f.call("GET", "/doc")
				origin.Put("/doc", "text/plain", []byte("theirs"))
				origin.Inject(test.fault)
				if got := f.call("PUT", "/doc"); got.summary() != test.want {
					t.Errorf("%s; %v", got.summary(), got.outcome.Err)
				}
			})
		})
	}
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) { // grown too large meanwhile: HEAD can say
		f := newFlow(t, origin, Resend, WithMaxRepresentation(6))
		f.call("GET", "/doc")
		origin.Put("/doc", "text/plain", []byte("much larger"))
		if got := f.call("PUT", "/doc"); got.summary() != "PUT 412, GET 200, HEAD 200, PUT 204 | 204 | applied, changed, overwrote" {
			t.Errorf("%s; %v", got.summary(), got.outcome.Err)
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) { // cancelled while the state is read
		f := newFlow(t, origin, Stop)
		f.call("GET", "/doc")
		origin.Put("/doc", "text/plain", []byte("theirs"))
		origin.Inject(ifmatchtest.Slow(0, time.Minute).On("GET"))
		ctx, cancel := context.WithTimeoutCause(f.ctx, time.Second, nil)
		defer cancel()
		got := sendVia(t, f.rt, newWrite(t, ctx, origin, http.MethodPut, nil))
		if !errors.Is(got.err, context.DeadlineExceeded) || !errors.Is(got.err, ErrConflict) {
			t.Errorf("%s; %v", got.summary(), got.err)
		}
	})
}

// TestRememberAmbiguous: after an attempt that may have been applied equal content
// isn't looked for.
func TestRememberAmbiguous(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		f.call("GET", "/doc")
		origin.Inject(ifmatchtest.LostAnswer(1))
		got := f.call("PUT", "/doc")
		if !errors.Is(got.err, ErrOutcomeUnknown) || got.outcome.Cause == CauseFalseConflict {
			t.Errorf("%s; %v", got.summary(), got.err)
		}
		f.call("PUT", "/doc")
		if tag := sentTag(origin); tag != "" {
			t.Errorf("If-Match %s after a write with unknown effect", tag)
		}
	})
}

// TestRememberCancelledWrite: a write that ended with its context may have been
// applied, so its URL is forgotten.
func TestRememberCancelledWrite(t *testing.T) {
	for name, fault := range map[string]ifmatchtest.Fault{
		"applied": ifmatchtest.SlowAnswer(1, time.Minute), "not applied": ifmatchtest.Slow(1, time.Minute).On("PUT"),
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			f.call("GET", "/doc")
			origin.Inject(fault)
			ctx, cancel := context.WithTimeout(f.ctx, time.Second)
			defer cancel()
			got := sendVia(t, f.rt, newWrite(t, ctx, origin, http.MethodPut, nil))
			if !errors.Is(got.err, context.DeadlineExceeded) {
				t.Errorf("%s: %s, %v", name, got.summary(), got.err)
			}
			f.call("PUT", "/doc")
			if tag := sentTag(origin); tag != "" {
				t.Errorf("%s: If-Match %s", name, tag)
			}
		})
	}
}

// TestRememberFlowsAreIsolated: two flows, and a flow within a flow, never see
// each other's tags; a context made from a flow's is of that flow.
func TestRememberFlowsAreIsolated(t *testing.T) {
	type key struct{}
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		rt := NewTransport(origin.Client().Transport, Stop)
		one := flow{t, Remember(context.Background()), rt, origin}
		two := flow{t, Remember(context.Background()), rt, origin}
		within := flow{t, Remember(one.ctx), rt, origin}
		none := flow{t, context.Background(), rt, origin}
		part := flow{t, context.WithValue(one.ctx, key{}, 1), rt, origin}
		one.call("GET", "/doc")
		for name, f := range map[string]flow{"two": two, "within": within, "none": none} {
			f.call("DELETE", "/doc", "Content-Range: x") // any request with nothing to apply
			f.call("PUT", "/other")
			origin.Inject(replying("PUT", 1, 409))
			f.call("PUT", "/doc")
			if tag := sentTag(origin); tag != "" {
				t.Errorf("%s sent %s", name, tag)
			}
		}
		origin.Inject(replying("PUT", 1, 304))
		part.call("PUT", "/doc")
		if tag := sentTag(origin); tag != `"v2"` {
			t.Errorf("part of the flow sent %q", tag)
		}
		origin.Put("/doc", "", nil)
		two.call("GET", "/doc")
		one.call("PUT", "/doc")
		if tag := sentTag(origin); tag != `"v2"` && tag != "" {
			t.Errorf("one sent %s, which two saw", tag)
		}
	})
}

// TestRememberWithOptions: Remember, WithOptions and WithOutcome go together in
// any order.
func TestRememberWithOptions(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		rt := NewTransport(origin.Client().Transport, Stop)
		background := context.Background()
		for i, ctx := range []context.Context{
			WithOptions(Remember(background), OnConflict(Resend)),
			Remember(WithOptions(background, OnConflict(Resend))),
		} {
			f := flow{t, ctx, rt, origin}
			f.call("GET", "/doc")
			origin.Put("/doc", "text/plain", fmt.Append(nil, "others", i))
			if got := f.call("PUT", "/doc"); got.summary() != "PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote" {
				t.Errorf("%d: %s", i, got.summary())
			}
		}
	})
}

// TestRememberRedirect: the tag of A never guards a write to B.
func TestRememberRedirect(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		client := &http.Client{Transport: f.rt}
		origin.Put("/b", "text/plain", []byte("b"))
		f.call("GET", "/doc")
		origin.Inject(replying("PUT", 0, 307, "Location: /b").At("/doc"))
		put := func() {
			t.Helper()
			resp, err := client.Do(newWrite(t, f.ctx, origin, http.MethodPut, nil))
			if err != nil || resp.StatusCode != 204 {
				t.Fatal(resp, err)
			}
			resp.Body.Close()
		}
		put()
		if tag := sentTag(origin); tag != "" {
			t.Errorf("B was sent %s", tag)
		}
		put() // B's own tag, of the accepted write
		log := origin.Log()
		if a, b := log[len(log)-2].Header.Get("If-Match"), sentTag(origin); a != `"v2"` || b != `"v2"` {
			t.Errorf("A was sent %q, B %q", a, b)
		}
	})
}

// TestRememberRedirectedRead: what a read was redirected to is B's, and A's tag
// isn't known.
func TestRememberRedirectedRead(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			origin.Put("/b", "text/plain", []byte("b"))
			origin.Inject(replying("GET", 1, status, "Location: /b").At("/doc"))
			resp, err := (&http.Client{Transport: f.rt}).Do(newRead(t, f.ctx, origin))
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			f.call("PUT", "/doc")
			if tag := sentTag(origin); tag != "" {
				t.Errorf("%d: A was sent %s", status, tag)
			}
			f.call("PUT", "/b")
			if tag := sentTag(origin); tag != `"v1"` {
				t.Errorf("%d: B was sent %q", status, tag)
			}
		})
	}
}

// TestRememberIsBounded: of more than 256 the oldest is dropped.
func TestRememberIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		f.call("GET", "/doc")
		f.call("HEAD", "/doc?first")
		for i := range 256 - 2 {
			f.call("HEAD", fmt.Sprint("/doc?", i))
		}
		f.call("HEAD", "/doc") // looked at again: not the oldest any more
		f.call("HEAD", "/doc?one=more")
		for path, want := range map[string]string{"/doc": `"v2"`, "/doc?first": "", "/doc?0": `"v2"`, "/doc?one=more": `"v2"`} {
			origin.Inject(replying("PUT", 1, 304))
			f.call("PUT", path)
			if tag := sentTag(origin); tag != want {
				t.Errorf("%s: If-Match %q, want %q", path, tag, want)
			}
		}
	})
}

// TestRememberConcurrently: one flow's context may be used by many goroutines.
// No update of one is lost unseen: each write is guarded.
func TestRememberConcurrently(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Resend)
		f.call("GET", "/doc")
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				for range 4 {
					path := fmt.Sprint("/doc", []string{"", "?a", "?b"}[i%3])
					f.call("GET", path)
					if got := f.call("PUT", path); got.outcome.Effect != EffectApplied && !errors.Is(got.outcome.Err, ErrAttempts) {
						t.Error(got.summary(), got.err, got.outcome.Err)
					}
				}
			})
		}
		all.Wait()
	})
}

// TestRememberLosesNothing: flows that share a Transport read, add and write by
// hand, without a word about preconditions. Whoever wrote over a state that only
// another flow has seen would lose that one's add.
func TestRememberLosesNothing(t *testing.T) {
	const flows, each = 8, 5
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.Slow(0, roundTripTime))
		origin.Put("/doc", "text/plain", []byte("0"))
		rt := NewTransport(origin.Client().Transport, Stop)
		var all sync.WaitGroup
		for i := range flows {
			all.Go(func() {
				c, ctx := &http.Client{Transport: rt}, Remember(context.Background())
				for done := 0; done < each; {
					resp, err := c.Do(newRead(t, ctx, origin))
					if err != nil {
						t.Error(err)
						return
					}
					body, _ := io.ReadAll(resp.Body)
					resp.Body.Close()
					n, _ := strconv.Atoi(string(body))
					time.Sleep(time.Duration(i) * roundTripTime / 3) // the user thinks
					req, _ := http.NewRequestWithContext(ctx, http.MethodPut, origin.URL+"/doc", strings.NewReader(strconv.Itoa(n+1)))
					if resp, err = c.Do(req); err != nil {
						t.Error(err)
						return
					}
					resp.Body.Close()
					switch resp.StatusCode {
					case http.StatusNoContent:
						done++
					case http.StatusPreconditionFailed:
					default:
						t.Errorf("status %d", resp.StatusCode)
					}
				}
			})
		}
		all.Wait()
		if state := stateOf(origin); state != strconv.Itoa(flows*each) {
			t.Errorf("state %s, want %d", state, flows*each)
		}
	})
}

// TestRememberTwoTransports: a Transport above another shares the flow.
func TestRememberTwoTransports(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		f.rt = NewTransport(f.rt, Stop)
		f.call("GET", "/doc")
		origin.Put("/doc", "text/plain", []byte("theirs"))
		got := f.call("PUT", "/doc")
		if got.err != nil || got.resp.StatusCode != 204 || got.outcome.Cause != CauseFalseConflict {
			t.Errorf("%s; %v", got.summary(), got.err)
		}
		if f.call("PUT", "/doc"); sentTag(origin) != `"v4"` {
			t.Errorf("If-Match %q", sentTag(origin))
		}
	})
}

// TestRememberAboveRebuild: the guard of a flow stays where a Transport below has stored
// another body, so that the next write wipes nothing.
func TestRememberAboveRebuild(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		tr := NewTransport(NewTransport(origin.Client().Transport, rebuilding), rebuilding)
		ctx := Remember(context.Background())
		if read := sendVia(t, tr, newRead(t, ctx, origin)); read.err != nil {
			t.Fatal(read.err)
		}
		for _, theirs := range []string{"first", "second"} {
			origin.Put("/doc", "text/plain", []byte(theirs))
			got := sendVia(t, tr, newWrite(t, ctx, origin, http.MethodPut, nil))
			if got.err != nil || stateOf(origin) != theirs+"+mine" {
				t.Errorf("%s, %v: the state is %q", got.summary(), got.err, stateOf(origin))
			}
		}
	})
}

// TestRememberGetUpdate: Get and Update read and write as ever, and what Get read
// guards the flow's other writes.
func TestRememberGetUpdate(t *testing.T) {
	type doc struct{ N int }
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		client := &http.Client{Transport: f.rt}
		origin.Put("/doc", "application/json", []byte(`{"N":1}`))
		if _, err := Get[doc](f.ctx, client, origin.URL+"/doc"); err != nil {
			t.Fatal(err)
		}
		origin.Put("/doc", "application/json", []byte(`{"N":1}`))
		s, err := Update(f.ctx, client, origin.URL+"/doc", func(d *doc) error { d.N++; return nil })
		if err != nil || s.Value.N != 2 || stateOf(origin) != `{"N":2}` {
			t.Fatal(s, err, stateOf(origin))
		}
		f.call("PUT", "/doc")
		if tag := sentTag(origin); tag != s.ETag {
			t.Errorf("If-Match %q, Update got %s", tag, s.ETag)
		}
		origin.Put("/doc", "application/json", []byte(`{"N":1}`))
		origin.Inject(ifmatchtest.CompetingWriter(1, func(b []byte) []byte { return b }))
		edits := 0
		s, err = Update(f.ctx, client, origin.URL+"/doc", func(d *doc) error { d.N++; edits++; return nil })
		if err != nil || edits != 2 || s.Outcome.Cause != CauseFalseConflict {
			t.Errorf("%d edits, %v, %v: an Update resolves its own refusals", edits, s.Outcome.Cause, err)
		}
	})
}

// TestRememberAndResource: a Resource writes for many callers, so it neither
// uses nor changes what a caller's flow has seen. What the flow then writes over
// it is refused.
func TestRememberAndResource(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		f := newFlow(t, origin, Stop)
		r := NewResource[counter](&http.Client{Transport: f.rt}, url)
		if got, err := r.Get(f.ctx); err != nil || got.Value.N != 1 { // the caller's own read
			t.Fatal(got, err)
		}
		for i := range 3 {
			if got, err := r.Update(f.ctx, addOne); err != nil || got.Value.N != i+2 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if got := f.call("PUT", "/doc"); got.resp.StatusCode != 412 || stateOf(origin) != `{"n":4}` {
			t.Errorf("%s: %s", got.summary(), stateOf(origin))
		}
		for _, r := range origin.Log()[len(origin.Log())-2:] { // the write, and a look at what refused it
			if tag := r.Header.Get("If-Match"); r.Method == http.MethodPut && tag != `"v1"` {
				t.Errorf("If-Match %s: %s", tag, requests(origin))
			}
		}
	})
}

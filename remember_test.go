package ifmatch

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/webdav"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/memory"
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

// guardOf is the precondition under which a call of the flow arrives: none, or "closed"
// where the call is ErrNotRemembered, and nothing arrives.
func (f flow) guardOf(method, path string, fields ...string) string {
	f.t.Helper()
	before := len(f.origin.Log())
	got := f.call(method, path, fields...)
	arrived := f.origin.Log()[before:]
	if errors.Is(got.err, ErrNotRemembered) {
		if len(arrived) != 0 || got.outcome.Effect != EffectNotApplied || !errors.Is(got.outcome.Err, ErrNotRemembered) {
			f.t.Errorf("%v, and %s arrived; %v", got.err, arrived[0].Method, got.outcome)
		}
		return "closed"
	}
	if got.err != nil || len(arrived) == 0 {
		f.t.Fatalf("%s: %v", got.summary(), got.err)
	}
	h := arrived[0].Header
	guard := strings.Join(append(h["If-Match"], h["If-None-Match"]...), " and ")
	if got.outcome.Unguarded != (guard == "" && method != "POST" && !strings.Contains(strings.Join(fields, " "), ": ")) {
		f.t.Errorf("guard %q, Unguarded %v", guard, got.outcome.Unguarded)
	}
	return guard
}

// sentTag is the If-Match that arrived last.
func sentTag(origin *ifmatchtest.Server) string {
	log := origin.Log()
	return strings.Join(log[len(log)-1].Header["If-Match"], " and ")
}

// TestRememberGuards: what guards the next write to a URL, after what the flow has seen.
func TestRememberGuards(t *testing.T) {
	const identity = "Accept-Encoding: identity"
	get := func(f flow) { f.call("GET", "/doc") }
	then := func(method string, fields ...string) func(flow) {
		return func(f flow) { f.call("GET", "/doc"); f.call(method, "/doc", fields...) }
	}
	faults := func(all ...ifmatchtest.Fault) []ifmatchtest.Fault { return all }
	for name, test := range map[string]struct {
		path   string // "": /doc
		faults []ifmatchtest.Fault
		calls  func(f flow)
		method string // "": PUT
		fields []string
		want   string
	}{
		"GET":                                {calls: get, want: `"v2"`},
		"empty method":                       {calls: func(f flow) { f.call("", "/doc") }, want: `"v2"`},
		"PATCH":                              {calls: get, method: "PATCH", want: `"v2"`},
		"DELETE":                             {calls: get, method: "DELETE", want: `"v2"`},
		"POST":                               {calls: get, method: "POST", want: ""},
		"never met":                          {calls: func(f flow) {}, want: ""},
		"another URL":                        {calls: func(f flow) { f.origin.Put("/b", "", nil); f.call("GET", "/b") }, want: ""},
		"another query":                      {calls: get, path: "/doc?a=b", want: ""},
		"the newest":                         {calls: func(f flow) { get(f); f.origin.Put("/doc", "", nil); get(f) }, want: `"v3"`},
		"own write":                          {calls: then("PUT"), want: `"v3"`},
		"own first":                          {calls: func(f flow) { f.call("PUT", "/doc") }, want: `"v3"`},
		"own two writes":                     {calls: func(f flow) { get(f); f.call("PUT", "/doc"); f.call("PUT", "/doc") }, want: `"v4"`},
		"under If-Match":                     {calls: func(f flow) { f.call("PUT", "/doc", `If-Match: "v2"`) }, want: `"v3"`},
		"If-Match":                           {calls: get, fields: []string{`If-Match: "v1"`}, want: `"v1"`},
		"If-None-Match":                      {calls: get, fields: []string{`If-None-Match: *`}, want: "*"},
		"a date":                             {calls: get, fields: []string{"If-Unmodified-Since: " + time.Unix(0, 0).UTC().Format(http.TimeFormat)}, want: ""},
		"foreign":                            {calls: get, fields: []string{`If: (["v1"])`}, want: ""},
		"no date":                            {calls: get, fields: []string{"If-Unmodified-Since: yesterday"}, want: `"v2"`},
		"no tag":                             {calls: get, fields: []string{"If-None-Match: "}, want: `"v2" and `},
		"no tag of nothing":                  {faults: faults(replying("GET", 1, 404)), calls: get, fields: []string{"If-None-Match: "}, want: "*"},
		"Overwrite of a PUT":                 {calls: get, fields: []string{"Overwrite: F"}, want: `"v2"`},
		"Overwrite beside a date":            {calls: get, fields: []string{"Overwrite: F", "If-Unmodified-Since: " + time.Unix(0, 0).UTC().Format(http.TimeFormat)}, want: ""},
		"no date beside a tag":               {calls: get, fields: []string{`If-Match: "v1"`, "If-Unmodified-Since: yesterday"}, want: `"v1"`},
		"Content-Range":                      {calls: get, fields: []string{"Content-Range: bytes 0-3/4"}, want: ""},
		"signed":                             {calls: get, fields: []string{"Authorization: SharedKey a:b"}, want: ""},
		"HEAD":                               {calls: func(f flow) { f.call("HEAD", "/doc") }, want: "closed"},
		"HEAD after":                         {calls: func(f flow) { get(f); f.origin.Put("/doc", "", nil); f.call("HEAD", "/doc") }, want: `"v2"`},
		"Range":                              {calls: func(f flow) { f.call("GET", "/doc", "Range: bytes=0-1") }, want: "closed"},
		"304":                                {calls: func(f flow) { f.call("GET", "/doc", `If-None-Match: "v2"`) }, want: "closed"},
		"304 keeps":                          {calls: then("GET", `If-None-Match: "v2"`), want: `"v2"`},
		"weak":                               {faults: faults(ifmatchtest.WeakTags()), calls: get, want: "closed"},
		"repeated ETag":                      {faults: faults(replying("GET", 1, 200, `ETag: "x"`, `ETag: "y"`)), calls: get, want: "closed"},
		"a failed GET":                       {faults: faults(replying("GET", 1, 500)), calls: get, want: ""},
		"a denied GET":                       {faults: faults(replying("GET", 1, 403).After(1)), calls: then("GET"), want: `"v2"`},
		"404":                                {calls: func(f flow) { get(f); f.origin.Delete("/doc"); get(f) }, want: "*"},
		"410":                                {faults: faults(replying("GET", 1, 410)), calls: get, want: "*"},
		"HEAD says 404":                      {faults: faults(replying("HEAD", 1, 404)), calls: func(f flow) { f.call("HEAD", "/doc") }, want: "*"},
		"no HEAD":                            {faults: faults(replying("HEAD", 1, 404)), calls: then("HEAD"), want: `"v2"`},
		"OPTIONS":                            {calls: func(f flow) { f.call("OPTIONS", "/doc") }, want: ""},
		"deleted":                            {calls: then("DELETE"), want: "*"},
		"deletes":                            {calls: func(f flow) { get(f); f.origin.Delete("/doc"); get(f) }, method: "DELETE", want: "*"},
		"to be deleted":                      {faults: faults(replying("DELETE", 1, 202)), calls: then("DELETE"), want: "closed"},
		"created":                            {calls: func(f flow) { f.origin.Delete("/doc"); get(f); f.call("PUT", "/doc") }, want: `"v3"`},
		"own PATCH":                          {faults: faults(replying("PATCH", 1, 200, `ETag: "x"`)), calls: then("PATCH"), want: "closed"},
		"own POST":                           {faults: faults(replying("POST", 1, 201, `ETag: "x"`)), calls: then("POST"), want: "closed"},
		"POST first":                         {faults: faults(replying("POST", 1, 201)), calls: func(f flow) { f.call("POST", "/doc") }, want: "closed"},
		"a failed POST":                      {faults: faults(replying("POST", 1, 500)), calls: then("POST"), want: `"v2"`},
		"a MOVE":                             {faults: faults(replying("MOVE", 1, 201)), calls: then("MOVE"), want: "closed"},
		"403":                                {faults: faults(replying("PUT", 1, 403)), calls: then("PUT"), want: `"v2"`},
		"404 to a write":                     {faults: faults(replying("PUT", 1, 404)), calls: then("PUT"), want: `"v2"`},
		"refused, first":                     {faults: faults(replying("PUT", 1, 428)), calls: func(f flow) { f.call("PUT", "/doc") }, want: ""},
		"409 first":                          {faults: faults(replying("PUT", 1, 409)), calls: func(f flow) { f.call("PUT", "/doc") }, want: ""},
		"for later":                          {faults: faults(replying("PUT", 1, 202, `ETag: "later"`)), calls: then("PUT"), want: "closed"},
		"tag of another":                     {faults: faults(replying("PUT", 1, 200, `ETag: "x"`, "Content-Location: /other")), calls: then("PUT"), want: "closed"},
		"303 to a PUT":                       {faults: faults(replying("PUT", 1, 303, "Location: /b")), calls: then("PUT"), want: "closed"},
		"307 to a PUT":                       {faults: faults(replying("PUT", 1, 307, "Location: /b")), calls: then("PUT"), want: `"v2"`},
		"GET without tag":                    {faults: faults(ifmatchtest.NoETag().On("GET")), calls: func(f flow) { f.call("PUT", "/doc"); get(f) }, want: "closed"},
		"plain, of a server that compresses": {faults: faults(ifmatchtest.GzipTags()), calls: get, want: `"v2"`},
		"coded, as the caller wants it": {
			faults: faults(ifmatchtest.GzipTags()), calls: func(f flow) { f.call("GET", "/doc", "Accept-Encoding: gzip") }, want: "closed",
		},
		"identity, as the caller wants it": {faults: faults(ifmatchtest.GzipTags()), calls: func(f flow) { f.call("GET", "/doc", identity) }, want: `"v2"`},
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
				if got := f.guardOf(test.method, test.path, test.fields...); got != test.want {
					t.Errorf("under %q, want %q", got, test.want)
				}
			})
		})
	}
}

// TestRememberFailsClosed: nothing that went wrong lets a write of the flow replace what
// somebody else wrote: it is refused, or isn't sent.
func TestRememberFailsClosed(t *testing.T) {
	theirs := func(f flow) { f.origin.Put("/doc", "text/plain", []byte("theirs, too")) }
	read := func(f flow) { f.call("GET", "/doc") }
	for name, test := range map[string]struct {
		policy Policy
		faults []ifmatchtest.Fault
		calls  func(f flow)
		want   string // of the write after that: 412, or closed
	}{
		"an answer without an ETag": {Stop, []ifmatchtest.Fault{ifmatchtest.NoETagAfterWrite()}, func(f flow) { read(f); f.call("PUT", "/doc"); theirs(f) }, "closed"},
		"a 412":                     {Stop, nil, func(f flow) { read(f); theirs(f); f.call("PUT", "/doc") }, "412"},
		"two":                       {Stop, nil, func(f flow) { read(f); theirs(f); f.call("PUT", "/doc"); f.call("PUT", "/doc") }, "412"},
		"a 500":                     {Stop, []ifmatchtest.Fault{ifmatchtest.FailAfter(1, 500)}, func(f flow) { read(f); f.call("PUT", "/doc"); theirs(f) }, "412"},
		"a lost answer":             {Stop, []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}, func(f flow) { read(f); f.call("PATCH", "/doc"); theirs(f) }, "412"},
		"a lost request":            {Stop, []ifmatchtest.Fault{ifmatchtest.LostRequest(4)}, func(f flow) { read(f); f.call("PUT", "/doc"); theirs(f) }, "412"},
		"HEAD":                      {Stop, nil, func(f flow) { read(f); theirs(f); f.call("HEAD", "/doc") }, "412"},
		"a body that nobody read": {Stop, nil, func(f flow) {
			read(f)
			theirs(f)
			resp, err := f.rt.RoundTrip(newRead(f.t, f.ctx, f.origin))
			if err != nil {
				f.t.Fatal(err)
			}
			resp.Body.Close()
		}, "412"},
		"nothing was there": {Stop, nil, func(f flow) { f.origin.Delete("/doc"); read(f); theirs(f) }, "412"},
		"its own DELETE":    {Stop, nil, func(f flow) { read(f); f.call("DELETE", "/doc"); theirs(f) }, "412"},
		"Rebuild":           {rebuilding, nil, func(f flow) { read(f); theirs(f); f.call("PUT", "/doc"); f.ctx = WithOptions(f.ctx, OnConflict(Stop)) }, "412"},
		"MergeJSON": {MergeJSON([]byte(`{"a":1}`)), nil, func(f flow) {
			f.origin.Put("/doc", "application/json", []byte(`{"a":1}`))
			read(f)
			f.origin.Put("/doc", "application/json", []byte(`{"a":1,"theirs":true}`))
			req := newWrite(f.t, f.ctx, f.origin, "PUT", []string{"Content-Type: application/json"})
			req.Header.Set("Content-Type", "application/json")
			req.Body, req.GetBody, req.ContentLength = io.NopCloser(strings.NewReader(`{"a":2}`)), nil, 7
			if got := sendVia(f.t, f.rt, req); got.outcome.Replaced == nil {
				f.t.Errorf("%s, %v", got.summary(), got.outcome.Err)
			}
		}, "412"},
		"an Update": {Stop, nil, func(f flow) {
			f.origin.Put("/doc", "application/json", []byte(`{"n":1}`))
			read(f)
			f.origin.Put("/doc", "application/json", []byte(`{"n":1,"theirs":true}`))
			if _, err := Update(f.ctx, &http.Client{Transport: f.rt}, f.origin.URL+"/doc", addOne); err != nil {
				f.t.Error(err)
			}
		}, "412"},
		"an Update alone": {Stop, nil, func(f flow) {
			f.origin.Put("/doc", "application/json", []byte(`{"n":1}`))
			if _, err := Update(f.ctx, &http.Client{Transport: f.rt}, f.origin.URL+"/doc", addOne); err != nil {
				f.t.Error(err)
			}
		}, "closed"},
		"a Resource alone": {Stop, nil, func(f flow) {
			f.origin.Put("/doc", "application/json", []byte(`{"n":1}`))
			if _, err := NewResource[counter](&http.Client{Transport: f.rt}, f.origin.URL+"/doc").Update(f.ctx, addOne); err != nil {
				f.t.Error(err)
			}
		}, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				f := newFlow(t, origin, test.policy)
				origin.Inject(test.faults...)
				test.calls(f)
				origin.Inject() // no more faults
				before := stateOf(origin)
				got := sendVia(t, f.rt, newWrite(t, WithOptions(f.ctx, OnConflict(Stop)), origin, "PUT", nil))
				how := "closed"
				if !errors.Is(got.err, ErrNotRemembered) {
					how = fmt.Sprint(got.resp.StatusCode)
				}
				if how != test.want || stateOf(origin) != before {
					t.Errorf("%s, %v; %q became %q", got.summary(), got.err, before, stateOf(origin))
				}
			})
		})
	}
}

// TestRememberSpellings: what one spelling of a URL has seen guards a write of another.
func TestRememberSpellings(t *testing.T) {
	for read, written := range map[string]string{
		"/%7Eme": "/~me", "/d/../x": "/x", "/x": "/d/%2e%2E/x", "/a%2fb": "/a%2Fb", "/?q=%7e": "/?q=~", "/a!": "/a%21",
	} {
		for _, dot := range []string{"", "."} {
			var sent []string
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				sent = append(sent, req.Method+" "+req.Header.Get("If-Match"))
				return responseTo(req, 200, "theirs", "ETag", `"v1"`), nil
			})
			ctx, rt := Remember(t.Context()), NewTransport(base, Stop)
			for _, call := range [][2]string{{"GET", "http://example.test" + read}, {"PUT", "http://Example.test" + dot + ":80" + written}} {
				req, err := http.NewRequestWithContext(ctx, call[0], call[1], nil)
				if err != nil {
					t.Fatal(err)
				}
				sendVia(t, rt, req)
			}
			if want := []string{"GET ", `PUT "v1"`}; fmt.Sprint(sent) != fmt.Sprint(want) {
				t.Errorf("%s and %s%s: sent %q", read, written, dot, sent)
			}
		}
	}
}

// TestRememberWholeBody: the tag of a body counts whose end was seen, or that json.Decoder has
// read but for white space.
func TestRememberWholeBody(t *testing.T) {
	for name, test := range map[string]struct {
		use  func(resp *http.Response)
		want string
	}{
		"whole":      {func(resp *http.Response) { io.Copy(io.Discard, resp.Body); resp.Body.Close() }, `"v1"`},
		"decoded":    {func(resp *http.Response) { json.NewDecoder(resp.Body).Decode(new(any)); resp.Body.Close() }, `"v1"`},
		"closed":     {func(resp *http.Response) { resp.Body.Close() }, "closed"},
		"not closed": {func(resp *http.Response) { io.ReadFull(resp.Body, make([]byte, 3)) }, "closed"},
	} {
		withDocument(t, `{"n":1}`+"\n\n", func(t *testing.T, origin *ifmatchtest.Server, url string) {
			f := newFlow(t, origin, Stop)
			resp, err := f.rt.RoundTrip(newRead(t, f.ctx, origin))
			if err != nil {
				t.Fatal(err)
			}
			test.use(resp)
			if got := f.guardOf("PUT", "/doc"); got != test.want {
				t.Errorf("%s: under %q, want %q", name, got, test.want)
			}
			resp.Body.Close()
		})
	}
}

// TestRememberSlowBody: Close waits 50 ms for the end of a body, and no longer.
func TestRememberSlowBody(t *testing.T) {
	for pause, want := range map[time.Duration]string{30 * time.Millisecond: `"v9"`, time.Minute: "closed"} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			origin.Inject(ifmatchtest.Reply(1, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"v9"`)
				io.WriteString(w, "{}")
				w.(http.Flusher).Flush()
				select {
				case <-time.After(pause):
				case <-r.Context().Done():
				}
			}))
			resp, err := f.rt.RoundTrip(newRead(t, f.ctx, origin))
			if err != nil {
				t.Fatal(err)
			}
			json.NewDecoder(resp.Body).Decode(new(any))
			begun := time.Now()
			if resp.Body.Close(); time.Since(begun) != min(pause, 50*time.Millisecond) {
				t.Errorf("closed after %v", time.Since(begun))
			}
			if got := f.guardOf("PUT", "/doc"); got != want {
				t.Errorf("%v: under %q, want %q", pause, got, want)
			}
		})
	}
}

// TestRememberCompressing: of a server that compresses whatever it is asked for, the caller
// gets the plain body, as from http.Transport, and the URL is closed.
func TestRememberCompressing(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, "theirs")
	z.Close()
	for _, plain := range []bool{false, true} { // DisableCompression below
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			below := origin.Client().Transport.(*http.Transport)
			below.DisableCompression = plain
			f := newFlow(t, origin, Stop)
			f.rt = &Transport{base: below}
			origin.Inject(ifmatchtest.Reply(2, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"v2-gzip"`)
				w.Header().Set("Content-Encoding", "gzip")
				w.Write(zipped.Bytes())
			}).On("GET"))
			got := f.call("GET", "/doc")
			want := "theirs"
			if plain {
				want = zipped.String()
			}
			if got.body != want || got.bodyErr != nil || got.resp.Uncompressed == plain || got.resp.Header.Get("Content-Encoding") != map[bool]string{true: "gzip"}[plain] {
				t.Errorf("DisableCompression %v: %q, %v, %v", plain, got.body, got.bodyErr, got.resp.Header)
			}
			if asked := origin.Log()[len(origin.Log())-1].Header.Get("Accept-Encoding"); asked != "identity" {
				t.Errorf("asked for %q", asked)
			}
			if got := f.guardOf("PUT", "/doc"); got != "closed" {
				t.Errorf("DisableCompression %v: under %q", plain, got)
			}
		})
	}
}

// TestRememberTells: the error says why nothing guards the write, and what to do.
func TestRememberTells(t *testing.T) {
	for name, test := range map[string]struct {
		fault ifmatchtest.Fault
		calls func(f flow)
		opts  []Option
		want  string
	}{
		"HEAD":      {ifmatchtest.Fault{}, func(f flow) { f.call("HEAD", "/doc") }, nil, "GET it whole"},
		"gzip":      {ifmatchtest.GzipTags(), func(f flow) { f.call("GET", "/doc", "Accept-Encoding: gzip") }, nil, "Accept-Encoding: identity"},
		"no tag":    {ifmatchtest.NoETag(), func(f flow) { f.call("GET", "/doc") }, nil, "no ETag"},
		"weak":      {ifmatchtest.WeakTags(), func(f flow) { f.call("GET", "/doc") }, nil, "weak ETag"},
		"answer":    {ifmatchtest.NoETagAfterWrite(), func(f flow) { f.call("PUT", "/doc") }, nil, "GET it again"},
		"elsewhere": {ifmatchtest.Fault{}, func(f flow) { f.call("GET", "/doc") }, []Option{WithDialect(inField)}, "doesn't look at If-Match"},
		"no create": {ifmatchtest.Fault{}, func(f flow) { f.origin.Delete("/doc"); f.call("GET", "/doc") }, []Option{WithDialect(dialect.Dialect{NoCreate: true})}, "no write that only creates"},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop, test.opts...)
			if name != "HEAD" && name != "elsewhere" && name != "no create" {
				origin.Inject(test.fault)
			}
			test.calls(f)
			before := len(origin.Log())
			body := &closeCount{Reader: strings.NewReader("mine")}
			req := newWrite(t, f.ctx, origin, "PUT", nil)
			req.Body = body
			got := sendVia(t, NewTransport(f.rt, Resend, test.opts...), req)
			if !errors.Is(got.err, ErrNotRemembered) || len(origin.Log()) != before || body.closed != 1 {
				t.Fatalf("%s: %v, closed %d times", name, got.err, body.closed)
			}
			for _, part := range []string{"PUT", origin.URL, test.want, "precondition of its own", "Forget"} {
				if !strings.Contains(got.err.Error(), part) {
					t.Errorf("%s: %v lacks %q", name, got.err, part)
				}
			}
		})
	}
}

// TestRememberDialectBelow: a guard that a Transport above puts where the API doesn't look
// isn't sent by the one that knows the dialect.
func TestRememberDialectBelow(t *testing.T) {
	for name, test := range map[string]struct {
		dialect dialect.Dialect
		there   bool
		fields  []string
		want    string
	}{
		"elsewhere":       {inField, true, nil, "closed"},
		"no create":       {dialect.Dialect{NoCreate: true}, false, nil, "closed"},
		"the caller's":    {inField, true, []string{`If-Match: "v1"`}, `"v1"`},
		"as in RFC 9110":  {dialect.Dialect{}, true, nil, `"v2"`},
		"it can create":   {dialect.Dialect{}, false, nil, "*"},
		"a version of it": {inField, true, []string{"X-If-Version: 6"}, ""},
		"a create":        {inField, false, nil, "closed"},
		"its own":         {inField, true, []string{`If-Match: "v2"`}, `"v2"`},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop, WithDialect(test.dialect))
			f.rt = NewTransport(above{f.rt}, Stop)
			if !test.there {
				origin.Delete("/doc")
			}
			f.call("GET", "/doc")
			if name == "a version of it" || name == "its own" {
				f.rt = f.rt.(*Transport).base.(above).RoundTripper
			}
			if got := f.guardOf("PUT", "/doc", test.fields...); got != test.want {
				t.Errorf("%s: under %q, want %q", name, got, test.want)
			}
		})
	}
}

// TestForget: a URL that was forgotten is one that the flow never met.
func TestForget(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		f.call("HEAD", "/doc")
		Forget(f.ctx, "%zz") // nothing
		Forget(context.Background(), origin.URL+"/doc")
		if got := f.guardOf("PUT", "/doc"); got != "closed" {
			t.Errorf("before: under %q", got)
		}
		Forget(f.ctx, origin.URL+"/doc")
		if got := f.guardOf("PUT", "/doc"); got != "" {
			t.Errorf("after: under %q", got)
		}
	})
}

// TestRememberWeakTags: where the dialect says so a weak tag guards, too.
func TestRememberWeakTags(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.WeakTags())
		f := newFlow(t, origin, Stop, WithDialect(dialect.Dialect{WeakTags: true}))
		f.call("GET", "/doc")
		if got := f.guardOf("PUT", "/doc"); got != `W/"v2"` {
			t.Errorf("after a read: under %q", got)
		}
		if got := f.guardOf("PUT", "/doc"); got != `W/"v3"` {
			t.Errorf("after a write: under %q", got)
		}
	})
}

// TestRememberVersionInBody: a version in the body of a write is a precondition of its own,
// where it can be seen.
func TestRememberVersionInBody(t *testing.T) {
	place := dialect.Token{Sent: dialect.InBody("/rev"), Current: dialect.InBody("/rev")}
	for body, want := range map[string]bool{`{"rev":"7"}`: true, `{"rev":""}`: false, `{}`: false, `{`: false} {
		for _, again := range []bool{true, false} { // GetBody is set
			var sent []string
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				text := ""
				if req.Body != nil {
					b, _ := io.ReadAll(req.Body)
					text = string(b)
				}
				sent = append(sent, req.Method+" "+req.Header.Get("If-Match")+text)
				return responseTo(req, 200, `{"rev":"7"}`, "ETag", `"v1"`), nil
			})
			ctx, rt := Remember(t.Context()), NewTransport(base, Stop, WithDialect(dialect.Dialect{Name: "a test", Tokens: []dialect.Token{place}}))
			callVia(t, ctx, "GET", rt, nil)
			req, err := http.NewRequestWithContext(ctx, "PUT", thing, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if !again {
				req.GetBody = nil
			}
			got := sendVia(t, rt, req)
			if sees := want && again; sees != (len(sent) == 2 && sent[1] == "PUT "+body) || sees == errors.Is(got.err, ErrNotRemembered) {
				t.Errorf("%s, GetBody %v: sent %q, %v", body, again, sent, got.err)
			}
		}
	}
}

// TestRememberVersionUnseen: a body that can't be had, or not whole, shows no version. Each one
// that is had is closed.
func TestRememberVersionUnseen(t *testing.T) {
	place := dialect.Token{Sent: dialect.InBody("/rev"), Current: dialect.InBody("/rev")}
	for name, test := range map[string]struct {
		body io.Reader // nil: there is none
		err  error
		want bool
	}{
		"seen":      {strings.NewReader(`{"rev":"7"}`), nil, true},
		"an error":  {nil, errFull, false},
		"both":      {strings.NewReader(`{"rev":"7"}`), errFull, false},
		"no body":   {nil, nil, false},
		"too large": {strings.NewReader(`{"rev":"7"}` + strings.Repeat(" ", 100)), nil, false},
		"broken":    {io.MultiReader(strings.NewReader(`{"rev":"7"}`), iotest.ErrReader(errFull)), nil, false},
		"not JSON":  {strings.NewReader(`{"rev":"7"`), nil, false},
	} {
		write, had := mustPut(t), &closeCount{Reader: test.body}
		write.GetBody = func() (io.ReadCloser, error) {
			if test.body == nil {
				return nil, test.err
			}
			return had, test.err
		}
		tr := NewTransport(nil, Stop, WithDialect(dialect.Dialect{Tokens: []dialect.Token{place}}), WithMaxRepresentation(50))
		if got := tr.versionInBody(write, tr.dialectFor(write, nil)); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
		if test.body != nil && test.err == nil && had.closed != 1 {
			t.Errorf("%s: closed %d times", name, had.closed)
		}
	}
}

// TestRememberDialectPanics: where a function of the dialect panics the body of the write is
// closed, once, and nothing is sent.
func TestRememberDialectPanics(t *testing.T) {
	place := dialect.Token{Sent: dialect.InHeader("X-Version"), Current: dialect.InHeader("X-Version"), For: func(req *http.Request) bool {
		if req.Method == http.MethodPut {
			panic("the dialect")
		}
		return true
	}}
	base := roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("sent")
		return nil, errFull
	})
	tr := NewTransport(base, Stop, WithDialect(dialect.Dialect{Tokens: []dialect.Token{place}}))
	write, body := mustPut(t), &closeCount{Reader: mine()}
	write.Body, write.GetBody = body, nil
	visit := new(memory.Flow).Visit(write, false)
	func() {
		defer func() {
			if got := recover(); got != "the dialect" {
				t.Error(got)
			}
		}()
		tr.guardInFlow(write, visit, tr.dialectFor(write, nil))
	}()
	if body.closed != 1 {
		t.Errorf("closed %d times", body.closed)
	}
}

// TestBesideFlow: a part of a flow that the flow doesn't see ends with the call that it was
// made for, not with a part within it; a flow that begins in such a part sees all.
func TestBesideFlow(t *testing.T) {
	ctx := Remember(t.Context())
	beside := func(ctx context.Context) bool { s := scopeOf(ctx); return s.besideFlow() }
	outer, endOuter := besideFlow(ctx)
	inner, endInner := besideFlow(outer)
	if beside(ctx) || !beside(outer) || !beside(inner) || beside(Remember(inner)) {
		t.Error("before an end")
	}
	if endInner(); !beside(outer) || !beside(inner) {
		t.Error("a part within has ended the part around it")
	}
	if endOuter(); beside(outer) || beside(inner) {
		t.Error("after the end")
	}
	again, end := besideFlow(inner)
	if !beside(again) || beside(inner) {
		t.Error("a context whose part has ended is used again")
	}
	if end(); beside(again) {
		t.Error("after the second end")
	}
	for name, ctx := range map[string]context.Context{"no scope": t.Context(), "no flow": WithOptions(t.Context(), WithMaxAttempts(2))} {
		if got, end := besideFlow(ctx); got != ctx {
			t.Errorf("%s: another context", name)
		} else {
			end()
		}
	}
}

// TestRememberRead: the answer to a read of a flow is an answer to the caller's request, and
// the context that the read was sent with ends with it, also where base fails or panics.
func TestRememberRead(t *testing.T) {
	for _, how := range []string{"answered", "fails", "panics", "of another request"} {
		var sent *http.Request
		other := mustPut(t)
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			sent = req
			switch how {
			case "fails":
				return nil, errFull
			case "panics":
				panic(how)
			case "of another request":
				return responseTo(other, 200, "theirs"), nil
			}
			return responseTo(req, 200, "theirs"), nil
		})
		req, err := http.NewRequestWithContext(Remember(t.Context()), http.MethodGet, thing, nil)
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() { recover() }()
			resp, err := NewTransport(base, Stop).RoundTrip(req)
			if (err != nil) != (how == "fails") {
				t.Errorf("%s: %v", how, err)
			}
			if err != nil {
				return
			}
			want := req
			if how == "of another request" {
				want = other
			}
			if resp.Request != want || sent == req {
				t.Errorf("%s: an answer to %p, not %p", how, resp.Request, want)
			}
			resp.Body.Close()
		}()
		if sent.Context().Err() == nil {
			t.Errorf("%s: the context of the read goes on", how)
		}
	}
}

// TestRememberRefusal: the refusal of a write that the flow guarded goes to the policy.
func TestRememberRefusal(t *testing.T) {
	resend := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) { return c.Resend(), nil })
	for name, test := range map[string]struct {
		policy Policy
		want   string
		state  string
		next   string // guards the flow's next write
	}{
		"Stop":            {Stop, "PUT 412 | 412 | not applied, unexamined", "others", `"v2"`},
		"Resend":          {Resend, "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", "mine", `"v4"`},
		"Rebuild":         {Rebuild(append1), "PUT 412, GET 200, PUT 204 | 204 | applied, changed", "others+mine", `"v2"`},
		"Unconditional":   {Unconditional, "PUT 412, PUT 204 | 204 | applied, unexamined, overwrote", "mine", `"v4"`},
		"function":        {resend, "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", "mine", `"v4"`},
		"function, stops": {PolicyFunc(nil), "PUT 412 | 412 | not applied, unexamined", "others", `"v2"`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				f := newFlow(t, origin, test.policy)
				f.call("GET", "/doc")
				origin.Put("/doc", "text/plain", []byte("others"))
				got := f.call("PUT", "/doc")
				if got.summary() != test.want || stateOf(origin) != test.state {
					t.Errorf("%s, state %q", got.summary(), stateOf(origin))
				}
				if got.resp.StatusCode == 412 && (got.body != "precondition failed\n" || got.bodyErr != nil || !errors.Is(got.outcome.Err, ErrConflict)) {
					t.Errorf("refusal %q, %v; %v", got.body, got.bodyErr, got.outcome.Err)
				}
				if guard := f.guardOf("PUT", "/doc"); guard != test.next {
					t.Errorf("after that: under %q, want %q", guard, test.next)
				}
			})
		})
	}
}

// TestRememberFoundAgain: the tag of an own write that was found again guards where its
// bytes were seen, and not where only its id was.
func TestRememberFoundAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop, WithUniqueBody())
		f.call("GET", "/doc")
		origin.Inject(ifmatchtest.LostAnswer(1))
		if got := f.call("PUT", "/doc"); got.outcome.Cause != CauseOwnEarlierWrite {
			t.Fatal(got.summary(), got.err)
		}
		if guard := f.guardOf("PUT", "/doc"); guard != `"v3"` {
			t.Errorf("under %q", guard)
		}
	})
	version, id, lost := 1, "", false
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		tag := fmt.Sprintf(`"v%d"`, version)
		switch {
		case req.Method != http.MethodPut:
			return responseTo(req, 200, "", "ETag", tag, "X-Meta-Id", id), nil
		case req.Header.Get("If-Match") != tag:
			return responseTo(req, 412, ""), nil
		case !lost:
			version, id, lost = version+1, req.Header.Get("X-Meta-Id"), true
			return responseTo(req, 503, ""), nil
		}
		return responseTo(req, 204, ""), nil
	})
	rt := NewTransport(base, Stop, WithDialect(dialect.Dialect{WriteIDField: "X-Meta-Id"}), WithWriteID())
	ctx := Remember(t.Context())
	callVia(t, ctx, "GET", rt, nil)
	if got := callVia(t, ctx, "PUT", rt, mine()); got.outcome.Cause != CauseOwnEarlierWrite {
		t.Fatal(got.summary(), got.err)
	}
	if got := callVia(t, ctx, "PUT", rt, mine()); !errors.Is(got.err, ErrNotRemembered) {
		t.Errorf("after the id was seen: %s", got.summary())
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

// TestRememberAmbiguous: after an attempt that may have been applied the guard stays.
func TestRememberAmbiguous(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		f.call("GET", "/doc")
		origin.Inject(ifmatchtest.LostAnswer(1))
		got := f.call("PUT", "/doc")
		if !errors.Is(got.err, ErrOutcomeUnknown) {
			t.Errorf("%s; %v", got.summary(), got.err)
		}
		if guard := f.guardOf("PUT", "/doc"); guard != `"v2"` {
			t.Errorf("under %q after a write with unknown effect", guard)
		}
	})
}

// TestRememberCancelledWrite: a write that ended with its context may have been applied, and
// the next one is refused then.
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
			if guard := f.guardOf("PUT", "/doc"); guard != `"v2"` {
				t.Errorf("%s: under %q", name, guard)
			}
		})
	}
}

// TestRememberFlowsAreIsolated: two flows, and a flow within a flow, never see each other's
// tags; a context made from a flow's is of that flow, and so is the context of an answer.
func TestRememberFlowsAreIsolated(t *testing.T) {
	type key struct{}
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		rt := NewTransport(origin.Client().Transport, Stop)
		one := flow{t, Remember(context.Background()), rt, origin}
		read := one.call("GET", "/doc")
		for name, f := range map[string]flow{
			"two":    {t, Remember(context.Background()), rt, origin},
			"within": {t, Remember(one.ctx), rt, origin},
			"none":   {t, context.Background(), rt, origin},
		} {
			origin.Inject(replying("PUT", 1, 409))
			f.call("PUT", "/doc")
			if tag := sentTag(origin); tag != "" {
				t.Errorf("%s sent %s", name, tag)
			}
		}
		refused := one.call("PUT", "/doc", `If-Match: "v1"`)
		for name, ctx := range map[string]context.Context{
			"a part": context.WithValue(one.ctx, key{}, 1), "the answer to a read": read.resp.Request.Context(), "a refusal": refused.resp.Request.Context(),
		} {
			f := flow{t, ctx, rt, origin}
			if guard := f.guardOf("PUT", "/doc", "X-Test: a"); guard != sentTag(origin) || guard == "" {
				t.Errorf("%s of the flow: under %q", name, guard)
			}
			f.call("GET", "/doc")
		}
	})
}

// TestRememberWithOptions: Remember, WithOptions and WithOutcome go together in any order.
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
			if got := f.call("PUT", "/doc"); got.summary() != "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote" {
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

// TestRememberRedirectedRead: what a read was redirected to is B's, and A isn't met.
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
			if guard := f.guardOf("PUT", "/doc"); guard != "" {
				t.Errorf("%d: A was sent %s", status, guard)
			}
			if guard := f.guardOf("PUT", "/b"); guard != `"v1"` {
				t.Errorf("%d: B was sent %q", status, guard)
			}
		})
	}
}

// TestRememberManyURLs: a flow remembers more than a few hundred URLs.
func TestRememberManyURLs(t *testing.T) {
	tags := map[string]string{}
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		tags[req.Method+req.URL.Path] = req.Header.Get("If-Match")
		return responseTo(req, 200, "", "ETag", `"`+req.URL.Path+`"`), nil
	})
	ctx, rt := Remember(t.Context()), NewTransport(base, Stop)
	for _, method := range []string{"GET", "PUT"} {
		for i := range 300 {
			req, _ := http.NewRequestWithContext(ctx, method, fmt.Sprint("http://example.test/", i), nil)
			sendVia(t, rt, req)
		}
	}
	for i := range 300 {
		if tag := tags[fmt.Sprint("PUT/", i)]; tag != fmt.Sprintf(`"/%d"`, i) {
			t.Errorf("%d was written under %q", i, tag)
		}
	}
}

// TestRememberConcurrently: one flow's context may be used by many goroutines. Each write
// is guarded, or isn't sent.
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
		for _, r := range origin.Log() {
			if r.Method == http.MethodPut && r.Header.Get("If-Match") == "" {
				t.Error("an unguarded write")
			}
		}
	})
}

// TestRememberTwoTransports: a Transport above another shares the flow, and what the upper
// one reads for a policy is no read of the flow.
func TestRememberTwoTransports(t *testing.T) {
	for name, policy := range map[string]Policy{"Stop": Stop, "Rebuild": rebuilding, "Resend": Resend} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			f.rt = NewTransport(f.rt, policy)
			if guard := f.guardOf("PUT", "/doc"); guard != "" {
				t.Errorf("%s: a URL that the flow never met: under %q", name, guard)
			}
			f.call("GET", "/doc")
			origin.Put("/doc", "text/plain", []byte("theirs"))
			f.call("PUT", "/doc")
			want := `"v3"`
			if name == "Resend" {
				want = `"v5"` // its own bytes
			}
			if guard := f.guardOf("PUT", "/doc"); guard != want {
				t.Errorf("%s: under %q, want %q", name, guard, want)
			}
		})
	}
}

// TestRememberInPolicy: what a policy itself reads with its context isn't what the flow has
// seen.
func TestRememberInPolicy(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var f flow
		f = newFlow(t, origin, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			sendVia(t, f.rt, newRead(t, ctx, origin))
			return Decision{}, nil
		}))
		f.call("GET", "/doc")
		origin.Put("/doc", "text/plain", []byte("others"))
		f.call("PUT", "/doc")
		if guard := f.guardOf("PUT", "/doc"); guard != `"v2"` {
			t.Errorf("under %q", guard)
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

// TestRememberGetUpdate: what Get read guards the flow's other writes; an Update reads and
// writes as ever, and moves no guard.
func TestRememberGetUpdate(t *testing.T) {
	type doc struct{ N int }
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		client := &http.Client{Transport: f.rt}
		origin.Put("/doc", "application/json", []byte(`{"N":1}`))
		if _, err := Get[doc](f.ctx, client, origin.URL+"/doc"); err != nil {
			t.Fatal(err)
		}
		if guard := f.guardOf("PUT", "/doc", "X-Test: a"); guard != `"v3"` {
			t.Errorf("after Get: under %q", guard)
		}
		origin.Put("/doc", "application/json", []byte(`{"N":1}`))
		s, err := Update(f.ctx, client, origin.URL+"/doc", func(d *doc) error { d.N++; return nil })
		if err != nil || s.Value.N != 2 || stateOf(origin) != `{"N":2}` {
			t.Fatal(s, err, stateOf(origin))
		}
		if guard := f.guardOf("PUT", "/doc"); guard != `"v4"` { // of the flow's own write
			t.Errorf("after Update: under %q", guard)
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

// TestRememberInResource: what a Resource reads with the values of a flow's context isn't what
// the flow has seen.
func TestRememberInResource(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		f := newFlow(t, origin, Stop)
		r := NewResource[counter](&http.Client{Transport: f.rt}, url, WithContextValues(f.ctx))
		f.call("GET", "/doc")
		if _, err := r.Update(t.Context(), addOne); err != nil {
			t.Fatal(err)
		}
		if got := f.guardOf("PUT", "/doc"); got != `"v1"` {
			t.Errorf("under %q", got)
		}
	})
}

// TestRememberAndResource: a Resource writes for many callers, so it uses nothing that a
// caller's flow has seen, and moves no guard of it. What the flow then writes over it is
// refused.
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
		if tag := sentTag(origin); tag != `"v1"` {
			t.Errorf("If-Match %s: %s", tag, requests(origin))
		}
	})
}

// TestRememberProtocols: a flow is guarded over real connections of each protocol as it is
// in a bubble.
func TestRememberProtocols(t *testing.T) {
	onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop, quick...)
		guards := func(when, want string) {
			t.Helper()
			if guard := f.guardOf("PUT", "/doc"); guard != want {
				t.Errorf("%s: under %q, want %q", when, guard, want)
			}
		}
		guards("never met", "")
		guards("its own write", `"v3"`)
		read := f.call("GET", "/doc")
		if read.resp.ProtoMajor != 2 && strings.HasPrefix(origin.URL, "https") || read.body != "mine" {
			t.Errorf("%s: %q", read.resp.Proto, read.body)
		}
		origin.Put("/doc", "text/plain", []byte("theirs"))
		for range 2 {
			guards("refused", `"v4"`)
		}
		f.call("HEAD", "/doc")
		guards("HEAD", `"v4"`)
		f.call("GET", "/doc", "Range: bytes=0-1")
		guards("a part", `"v4"`)
		origin.Inject(ifmatchtest.GzipTags())
		f.call("GET", "/doc")
		guards("on a server that compresses", `"v5"`)
		f.call("GET", "/doc")
		origin.Inject(ifmatchtest.LostAnswer(1))
		if got := f.call("PUT", "/doc"); !errors.Is(got.err, ErrOutcomeUnknown) {
			t.Errorf("a lost answer: %s, %v", got.summary(), got.err)
		}
		guards("a lost answer", `"v6"`)
		f.call("GET", "/doc")
		f.call("DELETE", "/doc")
		origin.Put("/doc", "text/plain", []byte("theirs"))
		guards("deleted, and created by others", "*")
		if state := stateOf(origin); state != "theirs" {
			t.Errorf("state %q", state)
		}
	})
}

// TestRememberCancelledRead: a read that its context cut off has seen nothing whole, whatever
// arrived, and moves no guard. One that was read to its end has, whatever comes then.
func TestRememberCancelledRead(t *testing.T) {
	const theirs = "what others wrote"
	onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
		for name, test := range map[string]struct {
			sent, reads int // before the context ends
			announced   bool
			met         bool
			want        string
		}{
			"unread":               {len(theirs) - 1, 0, true, true, `"v1"`},
			"midway":               {len(theirs) - 1, 4, true, true, `"v1"`},
			"before the last byte": {len(theirs) - 1, len(theirs) - 1, true, true, `"v1"`},
			"before the end":       {len(theirs), len(theirs), false, true, `"v1"`},
			"at the end":           {len(theirs), len(theirs), true, true, `"v2"`},
			"never met":            {len(theirs) - 1, 4, true, false, "closed"},
		} {
			path := "/" + strings.ReplaceAll(name, " ", "-")
			f := newFlow(t, origin, Stop)
			if origin.Put(path, "text/plain", []byte("ours")); test.met {
				f.call("GET", path)
			}
			tag := origin.Put(path, "text/plain", []byte(theirs))
			origin.Inject(ifmatchtest.Reply(1, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", tag)
				if test.announced {
					w.Header().Set("Content-Length", strconv.Itoa(len(theirs)))
				}
				io.WriteString(w, theirs[:test.sent])
				if w.(http.Flusher).Flush(); test.want != tag {
					<-r.Context().Done()
				}
			}).On("GET").At(path))
			readAndCancel(t, f, path, test.reads)
			if guard := f.guardOf("PUT", path); guard != test.want {
				t.Errorf("%s: under %q, want %q", name, guard, test.want)
			}
			if state, _, _ := origin.State(path); test.want != tag && string(state) != theirs {
				t.Errorf("%s: the state is %q", name, state)
			}
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		f.call("GET", "/doc")
		origin.Put("/doc", "text/plain", []byte("others"))
		origin.Inject(ifmatchtest.SlowAnswer(1, time.Minute).On("GET"))
		ctx, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		if got := sendVia(t, f.rt, newRead(t, ctx, origin)); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("%s, %v", got.summary(), got.err)
		}
		if guard := f.guardOf("PUT", "/doc"); guard != `"v2"` {
			t.Errorf("before the answer: under %q", guard)
		}
	})
}

// readAndCancel reads n bytes of an answer in a flow, ends the context, and reads on.
func readAndCancel(t *testing.T, f flow, path string, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.origin.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := f.rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, n)); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	cancel()
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// TestRememberCrowd: many goroutines use one flow at once, over real connections: they read,
// leave bodies unread, write, delete, and give up midway, while others write. No write of a
// URL that the flow has met arrives without a guard.
func TestRememberCrowd(t *testing.T) {
	onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
		const goroutines, rounds = 12, 10
		paths := []string{"/one", "/two", "/three"}
		f := newFlow(t, origin, Resend, quick...)
		for _, path := range append(paths, "/forgotten") {
			origin.Put(path, "application/json", []byte(`{"n":1}`))
			f.call("GET", path)
		}
		client := &http.Client{Transport: f.rt}
		var all sync.WaitGroup
		for i := range goroutines {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), 14))
				for range rounds {
					stepInFlow(t, f, client, paths[random.IntN(len(paths))], random)
				}
			})
		}
		all.Wait()
		writes := 0
		for _, r := range origin.Log() {
			if semantics.Safe(r.Method) || r.Path == "/forgotten" {
				continue
			}
			if writes++; r.Header.Get("If-Match") == "" && r.Header.Get("If-None-Match") == "" {
				t.Errorf("%s %s: an unguarded write", r.Method, r.Path)
			}
		}
		if writes < goroutines*rounds/8 {
			t.Errorf("%d writes arrived", writes)
		}
	})
}

// stepInFlow makes one call of the flow, of a kind chosen at random.
func stepInFlow(t *testing.T, f flow, client *http.Client, path string, random *rand.Rand) {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	method, reads, midway := "GET", int64(1<<20), false
	switch random.IntN(14) {
	case 0, 1:
	case 2:
		reads = random.Int64N(3) // and is closed
	case 3:
		reads, midway = 1, true
	case 4, 5, 6:
		method = "PUT"
	case 7:
		method = "PUT"
		time.AfterFunc(time.Duration(random.IntN(2000))*time.Microsecond, cancel)
	case 8:
		method = "DELETE"
	case 9:
		f.origin.Put(path, "application/json", []byte(`{"n":2}`))
		return
	case 10:
		path = "/forgotten"
		Forget(f.ctx, f.origin.URL+path)
	case 11:
		Update(ctx, client, f.origin.URL+path, addOne) // others make errors of some
		return
	case 12, 13:
		method = "PATCH" // closes the URL
	}
	var body io.Reader
	if method == "PUT" || method == "PATCH" {
		body = strings.NewReader(`{"n":3}`)
	}
	req, err := http.NewRequestWithContext(ctx, method, f.origin.URL+path, body)
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/merge-patch+json")
	resp, err := f.rt.RoundTrip(req)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrNotRemembered) {
			t.Errorf("%s %s: %v", method, path, err)
		}
		return
	}
	io.CopyN(io.Discard, resp.Body, reads)
	if midway {
		cancel()
		io.Copy(io.Discard, resp.Body)
	}
	resp.Body.Close()
}

// TestRememberTagInAnotherField: the guard is the tag that the API compares, where an answer has
// another one in ETag, or none.
func TestRememberTagInAnotherField(t *testing.T) {
	for name, header := range map[string]http.Header{
		"changed on the way": {"Etag": {`"v1-gzip"`}, "Oc-Etag": {`"v1"`}},
		"dropped":            {"Oc-Etag": {`"v1"`}},
		"the only one":       {"Etag": {`"v1"`}},
		"no tag in it":       {"Etag": {`"v1"`}, "Oc-Etag": {"v1"}},
		"the second field":   {"X-Tag": {`"v1"`}},
		"in the other order": {"Etag": {`"v1"`}, "X-Tag": {`"v2"`}},
	} {
		d := webdav.Dialect()
		if header["X-Tag"] != nil {
			d = dialect.RFC9110()
			d.Tokens[0].Current = dialect.InHeader("ETag").Or(dialect.InHeader("X-Tag"))
		}
		s := &served{serve: func(*http.Request, string) (int, http.Header, string) { return 200, header.Clone(), "" }}
		rt := NewTransport(s, Stop, WithDialect(d))
		ctx := Remember(t.Context())
		callVia(t, ctx, http.MethodGet, rt, nil)
		callVia(t, ctx, http.MethodPut, rt, mine())
		if got := s.log[len(s.log)-1]; got != `PUT If-Match: "v1" mine` {
			t.Errorf("%s: sent %q", name, got)
		}
	}
}

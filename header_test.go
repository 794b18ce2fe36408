package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/media"
)

// TestWithHeader: each request has the field, also those that follow a refusal, and reads
// have no field of writes.
func TestWithHeader(t *testing.T) {
	const tenant = "X-Tenant"
	opts := []UpdateOption{
		WithHeader("x-tenant", "first"), WithHeader("X-Tenant", "blue"), WithHeader("X-Gone", "a"), WithHeader("X-Gone", ""),
		WithHeader("Accept", "application/vnd.api+json"), WithHeader("Content-Type", "application/vnd.api+json"),
		WithHeader("Prefer", "return=minimal"), WithHeader("X-Amz-Meta-By", "me"), WithHeader("X-Nothing", ""),
		WithHeader("Content-Language", "de"),
	}
	check := func(t *testing.T, origin *ifmatchtest.Server, n int) {
		t.Helper()
		log := origin.Log()
		for _, r := range log {
			read := r.Method == http.MethodGet
			for key, want := range map[string]string{
				tenant: "blue", "Accept": "application/vnd.api+json", "X-Gone": "", "X-Nothing": "", "Accept-Encoding": "identity",
				"Content-Type": "application/vnd.api+json", "Prefer": "return=minimal", "X-Amz-Meta-By": "me", "Content-Language": "de",
			} {
				if read && onWritesOnly(key) || !read && key == "Accept-Encoding" {
					want = ""
				}
				got, sent := r.Header[key]
				if key != "Accept-Encoding" && (strings.Join(got, ", ") != want || sent != (want != "")) {
					t.Errorf("%s: %s %q, want %q", r.Method, key, got, want)
				}
			}
		}
		if len(log) != n {
			t.Errorf("%d requests", len(log))
		}
		origin.ResetLog()
	}
	rival := func(b []byte) []byte { return append([]byte(" "), b...) }
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		if _, err := Get[counter](t.Context(), origin.Client(), url, opts...); err != nil {
			t.Error(err)
		}
		check(t, origin, 1)
		origin.Inject(ifmatchtest.CompetingWriter(1, rival))
		if _, err := Update(t.Context(), origin.Client(), url, addOne, opts...); err != nil {
			t.Error(err)
		}
		check(t, origin, 4)
		r := NewResource[counter](origin.Client(), url, opts...)
		if _, err := r.Update(t.Context(), addOne); err != nil {
			t.Error(err)
		}
		if _, err := r.Get(t.Context()); err != nil {
			t.Error(err)
		}
		check(t, origin, 4) // with the look at what is stored
	})
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) { // a patch
		if _, err := Update(t.Context(), origin.Client(), url, addOne, WithPatch(), WithHeader("Content-Type", "application/json")); err != nil {
			t.Error(err)
		}
		if r := origin.Log()[1]; r.Method != http.MethodPatch || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
	})
}

// TestWithHeaderReserved: what Update sets itself is an error of every Get and Update, before
// anything is sent.
func TestWithHeaderReserved(t *testing.T) {
	for _, key := range []string{
		"If-Match", "if-none-match", "If-Unmodified-Since", "If", "Range", "Content-Range", "Content-Length", "Content-Encoding",
		"Host", "Connection", "Transfer-Encoding", "Expect", "Idempotency-Key", "Accept-Encoding", "Cache-Control", "Pragma",
		"Digest", "Content-Digest", "X-Http-Method-Override", "X-Goog-If-Generation-Match",
	} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			o := WithHeader(key, "x")
			_, one := Get[counter](t.Context(), origin.Client(), url, o)
			_, two := Update(t.Context(), origin.Client(), url, addOne, o)
			_, three := NewResource[counter](origin.Client(), url, o).Update(t.Context(), addOne)
			for _, err := range []error{one, two, three} {
				if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", http.CanonicalHeaderKey(key))) {
					t.Errorf("%s: %v", key, err)
				}
			}
			if len(origin.Log()) != 0 {
				t.Errorf("%s: something was sent", key)
			}
		})
	}
}

// TestWithHeaderUnsendable: nothing that is no field reaches a base, which may take it for
// several.
func TestWithHeaderUnsendable(t *testing.T) {
	for _, set := range [][2]string{
		{"X-Tenant", "a\r\nIf-Match: *"}, {"X-Tenant", "a\nb"}, {"X-Tenant", "a\x00"}, {"X-Tenant: a\r\nIf-Match", "*"},
		{"if-match ", "*"}, {"if-match:", "*"}, {"", "a"},
	} {
		base := roundTripper(func(*http.Request) (*http.Response, error) {
			t.Errorf("%q: something was sent", set)
			return nil, errors.New("sent")
		})
		client := &http.Client{Transport: NewTransport(base, Stop)}
		if _, err := Update(t.Context(), client, "http://example.test/", addOne, WithHeader(set[0], set[1])); err == nil || !strings.Contains(err.Error(), "WithHeader") {
			t.Errorf("%q: %v", set, err)
		}
	}
	if !field.Sendable("X-Tenant", "a\tb, \"ä\"") {
		t.Error("a field that can be sent")
	}
}

// TestWithContextValues: a write of a Resource has the values of the context that NewResource
// was given, and neither its end nor its deadline; nothing of a caller's context.
func TestWithContextValues(t *testing.T) {
	type key struct{}
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		var seen []any
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPut {
				_, bounded := req.Context().Deadline()
				seen = append(seen, req.Context().Value(key{}), bounded)
			}
			return origin.Client().Transport.RoundTrip(req)
		})
		given, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "given"), time.Minute)
		defer cancel()
		c := &http.Client{Transport: NewTransport(base, Stop)}
		callers := context.WithValue(t.Context(), key{}, "a caller's")
		var none context.Context
		for name, opts := range map[string][]UpdateOption{"given": {WithContextValues(given)}, "none": nil, "nil": {WithContextValues(given), WithContextValues(none)}} {
			r := NewResource[counter](c, url, opts...)
			cancel()
			seen = nil
			_, err := r.Update(callers, addOne)
			want := any(nil)
			if name == "given" {
				want = name
			}
			if err != nil || len(seen) != 2 || seen[0] != want || seen[1] != false {
				t.Errorf("%s: %v, %v", name, seen, err)
			}
		}
		limited := WithOptions(given, WithMaxAttempts(1))
		origin.Inject(ifmatchtest.CompetingWriter(1, nil))
		if got, err := NewResource[counter](c, url, WithContextValues(limited)).Update(callers, addOne); !errors.Is(err, ErrAttempts) || got.Outcome.Attempts != 1 {
			t.Errorf("its options: %v, %v", got.Outcome, err)
		}
	})
}

// typed is a server with one document, which has a media type. It notes the types of what it
// is sent.
type typed struct {
	kind  string // of the document, as reads say it; empty: none
	wants string // in Content-Type, or the answer is 415; empty: anything
	doc   string
	after string // Content-Type and body of the answer to a write, between them a space
	rival string // the kind of what a rival writes before the next write; empty: nobody does

	version int
	sent    []string // METHOD Accept Content-Type
}

func (s *typed) RoundTrip(req *http.Request) (*http.Response, error) {
	s.sent = append(s.sent, strings.TrimSpace(req.Method+" "+req.Header.Get("Accept")+" "+req.Header.Get("Content-Type")))
	switch {
	case req.Method == http.MethodGet && s.doc == "":
		return replyTo(req, 404, `{"title":"not found"}`, "Content-Type: application/problem+json"), nil
	case req.Method == http.MethodGet:
		return replyTo(req, 200, s.doc, fmt.Sprintf(`ETag: "%d"`, s.version), "Content-Type: "+s.kind), nil
	case s.wants != "" && s.wants != req.Header.Get("Content-Type"):
		return replyTo(req, 415, ""), nil
	}
	if s.rival != "" {
		s.kind, s.rival, s.version = s.rival, "", s.version+1
	}
	if tag := req.Header.Get("If-Match"); tag != fmt.Sprintf(`"%d"`, s.version) && req.Header.Get("If-None-Match") == "" {
		return replyTo(req, 412, ""), nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	s.doc = string(body)
	s.version++
	kind, text, _ := strings.Cut(s.after, " ")
	return replyTo(req, 200, text, fmt.Sprintf(`ETag: "%d"`, s.version), "Content-Type: "+kind), nil
}

// writes are the types of the writes.
func (s *typed) writes() (types []string) {
	for _, line := range s.sent {
		if !strings.HasPrefix(line, "GET") {
			types = append(types, line)
		}
	}
	return types
}

// vendorJSON is a codec of a user's for JSON of another media type.
type vendorJSON struct{ jsonCodec }

func (vendorJSON) ContentType() string { return "application/vnd.go.cd.v3+json" }

// TestMediaType: what is asked for and what a write has (rule 26). The type that was read is
// written back, where it is JSON.
func TestMediaType(t *testing.T) {
	const shop, fixed = "application/vnd.shop.v2+json", "application/vnd.api+json; ext=\"a\""
	for name, row := range map[string]struct {
		kind string
		opts UpdateOptions
		want string // each write
	}{
		"JSON":                           {"application/json", nil, "PUT application/json application/json"},
		"JSON with a charset":            {"application/json; charset=utf-8", nil, "PUT application/json application/json"},
		"text/json":                      {"text/json", nil, "PUT application/json text/json"},
		"a vendor's":                     {shop, nil, "PUT application/json " + shop},
		"a vendor's with a charset":      {shop + ";charset=UTF-8; v=\"1\"", nil, "PUT application/json " + shop + "; v=\"1\""},
		"no JSON type":                   {"text/plain; charset=utf-8", nil, "PUT application/json application/json"},
		"none":                           {"", nil, "PUT application/json application/json"},
		"no type at all":                 {"/", nil, "PUT application/json application/json"},
		"WithMediaType":                  {shop, UpdateOptions{WithMediaType(fixed)}, "PUT " + fixed + " " + fixed},
		"WithMediaType, no JSON":         {shop, UpdateOptions{WithMediaType("application/yaml")}, "PUT application/yaml application/yaml"},
		"WithMediaType, taken back":      {shop, UpdateOptions{WithMediaType(fixed), WithMediaType("")}, "PUT application/json " + shop},
		"WithHeader over it":             {shop, UpdateOptions{WithHeader("Accept", "a/b"), WithHeader("Content-Type", "c/d"), WithMediaType(fixed)}, "PUT a/b c/d"},
		"a codec's JSON":                 {"application/vnd.go.cd.v3+json", UpdateOptions{WithCodec(vendorJSON{})}, "PUT application/vnd.go.cd.v3+json application/vnd.go.cd.v3+json"},
		"another JSON for a codec":       {shop, UpdateOptions{WithCodec(vendorJSON{})}, "PUT application/vnd.go.cd.v3+json " + shop},
		"no JSON for a codec":            {"text/plain", UpdateOptions{WithCodec(vendorJSON{})}, "PUT application/vnd.go.cd.v3+json application/vnd.go.cd.v3+json"},
		"a codec that isn't JSON":        {shop, UpdateOptions{WithCodec(yamlCodec{})}, "PUT application/yaml application/yaml"},
		"a codec and WithMediaType":      {shop, UpdateOptions{WithCodec(yamlCodec{}), WithMediaType("text/yaml")}, "PUT text/yaml text/yaml"},
		"WithPatch":                      {shop, UpdateOptions{WithPatch()}, "PATCH application/json application/merge-patch+json"},
		"WithPatch and WithMediaType":    {shop, UpdateOptions{WithPatch(), WithMediaType(fixed)}, "PATCH " + fixed + " application/merge-patch+json"},
		"WithPatch and a codec for JSON": {shop, UpdateOptions{WithPatch(), WithCodec(vendorJSON{})}, "PATCH application/vnd.go.cd.v3+json application/merge-patch+json"},
	} {
		// The answers to writes have another type, which is nothing to go by.
		s := &typed{kind: row.kind, doc: `{"n":1,"theirs":2}`, after: `application/vnd.report+json {"ok":true}`}
		c := &http.Client{Transport: s}
		if _, err := Update(t.Context(), c, "http://origin.test/doc", addOne, row.opts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r := NewResource[counter](c, "http://origin.test/doc", row.opts)
		for range 3 { // the last is made from kept state
			s.kind = row.kind
			s.doc = strings.Replace(s.doc, `"n":2}`, `"n":2,"theirs":2}`, 1)
			if _, err := r.Update(t.Context(), addOne); err != nil {
				t.Errorf("%s: Resource: %v", name, err)
			}
		}
		got := s.writes()
		for i, line := range got {
			if line != row.want {
				t.Errorf("%s: write %d is %q, want %q", name, i, line, row.want)
			}
		}
		accept, _, _ := strings.Cut(strings.TrimPrefix(s.sent[0], "GET "), " a/b")
		if len(got) != 4 || !strings.HasPrefix(row.want, got[0][:strings.Index(got[0], " ")]+" "+accept) {
			t.Errorf("%s: %q", name, s.sent)
		}
	}
}

// yamlCodec says that it isn't JSON; the documents of the tests are both.
type yamlCodec struct{ jsonCodec }

func (yamlCodec) ContentType() string { return "application/yaml" }

// TestMediaTypeOfCodecs: whether members that T doesn't know are kept is for the codec's media
// type to say, and for no other.
func TestMediaTypeOfCodecs(t *testing.T) {
	for name, row := range map[string]struct {
		opts UpdateOptions
		want string
	}{
		"the default":                         {nil, `{ "n":2, "theirs":9007199254740993 }`},
		"a codec of JSON":                     {UpdateOptions{WithCodec(vendorJSON{})}, `{ "n":2, "theirs":9007199254740993 }`},
		"the default, as another type":        {UpdateOptions{WithMediaType("application/yaml")}, `{ "n":2, "theirs":9007199254740993 }`},
		"another codec":                       {UpdateOptions{WithCodec(yamlCodec{})}, `{"n":2}`},
		"another codec, as a JSON media type": {UpdateOptions{WithCodec(yamlCodec{}), WithMediaType("application/a+json")}, `{"n":2}`},
	} {
		s := &typed{kind: "application/vnd.go.cd.v3+json", doc: `{ "n":1, "theirs":9007199254740993 }`}
		if _, err := Update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne, row.opts); err != nil || s.doc != row.want {
			t.Errorf("%s: %s, %v", name, s.doc, err)
		}
	}
	s := &typed{kind: "application/yaml", doc: `{"n":1}`}
	if _, err := Update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne, WithCodec(yamlCodec{}), WithPatch()); err == nil || len(s.writes()) != 0 {
		t.Errorf("a merge patch of YAML: %v, %q", err, s.sent)
	}
}

// TestMediaTypeOfANewDocument: the 404 has a type, which isn't the document's.
func TestMediaTypeOfANewDocument(t *testing.T) {
	for want, opts := range map[string]UpdateOptions{
		"PUT application/json application/json":                           {CreateIfAbsent()},
		"PUT application/vnd.api+json application/vnd.api+json":           {CreateIfAbsent(), WithMediaType("application/vnd.api+json")},
		"PUT application/vnd.go.cd.v3+json application/vnd.go.cd.v3+json": {CreateIfAbsent(), WithCodec(vendorJSON{}), WithPatch()},
	} {
		for _, resource := range []bool{false, true} {
			s := &typed{after: "application/vnd.report+json {}"}
			update := Update[counter]
			if resource {
				r := NewResource[counter](&http.Client{Transport: s}, "http://origin.test/doc", opts)
				update = func(ctx context.Context, _ *http.Client, _ string, edit func(*counter) error, _ ...UpdateOption) (Snapshot[counter], error) {
					return r.Update(ctx, edit)
				}
			}
			if _, err := update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne, opts); err != nil || s.writes()[0] != want {
				t.Errorf("%q, want %q: %v", s.sent, want, err)
			}
		}
	}
}

// TestMediaTypeAfterARefusal: a draft has the type of the state that it was made from.
func TestMediaTypeAfterARefusal(t *testing.T) {
	for want, opts := range map[string]UpdateOptions{
		"PUT application/json application/vnd.v3+json":        nil,
		"PUT application/a+json application/a+json":           {WithMediaType("application/a+json")},
		"PUT application/json c/d":                            {WithHeader("Content-Type", "c/d")},
		"PATCH application/json application/merge-patch+json": {WithPatch()},
		"PUT application/yaml application/yaml":               {WithCodec(yamlCodec{})},
	} {
		s := &typed{kind: "application/vnd.v2+json; charset=utf-8", doc: `{"n":1}`, rival: "application/vnd.v3+json"}
		got, err := Update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne, opts)
		if err != nil || got.Outcome.Attempts != 2 || s.writes()[1] != want {
			t.Errorf("%q, want %q: %v, %v", s.sent, want, got.Outcome, err)
		}
	}
	// The first write is of the state before.
	s := &typed{kind: "application/vnd.v2+json", doc: `{"n":1}`, rival: "text/json"}
	r := NewResource[counter](&http.Client{Transport: s}, "http://origin.test/doc")
	for range 3 {
		if _, err := r.Update(t.Context(), addOne); err != nil {
			t.Error(err)
		}
	}
	want := []string{"vnd.v2+json", "text/json", "text/json", "text/json"}
	for i, line := range s.writes() {
		if !strings.HasSuffix(line, want[i]) {
			t.Errorf("write %d: %q, want %s", i, line, want[i])
		}
	}
}

// TestMediaTypeThatServersDemand: a server that refuses any other type, as GoCD (404) and
// JSON:API do (415). Nothing of its document is lost.
func TestMediaTypeThatServersDemand(t *testing.T) {
	const kind = "application/vnd.go.cd.v3+json"
	for name, opts := range map[string]UpdateOptions{"read": nil, "given": {WithMediaType(kind)}, "the codec's": {WithCodec(vendorJSON{})}} {
		s := &typed{kind: kind + "; charset=utf-8", wants: kind, doc: `{"name":"admins","n":1,"plugins":[{"id":"ldap"}],"serial":9007199254740993}`}
		s.after = kind + " " + strings.Replace(s.doc, `"n":1`, `"n":2`, 1)
		got, err := Update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne, opts)
		if err != nil || got.Value.N != 2 || s.doc != `{"name":"admins","n":2,"plugins":[{"id":"ldap"}],"serial":9007199254740993}` {
			t.Errorf("%s: %s, %v (%q)", name, s.doc, err, s.sent)
		}
	}
}

// TestWithMediaTypeInvalid: what no document can have is an error of each call, before
// anything is sent.
func TestWithMediaTypeInvalid(t *testing.T) {
	for _, kind := range []string{"json", "*/*", "application/*", "application/json, text/json", "application/json;q=0.1", "application/json\r\n", "application/json; a", " "} {
		s := &typed{kind: "application/json", doc: `{"n":1}`}
		c, o := &http.Client{Transport: s}, WithMediaType(kind)
		_, one := Get[counter](t.Context(), c, "http://origin.test/doc", o)
		_, two := Update(t.Context(), c, "http://origin.test/doc", addOne, o)
		r := NewResource[counter](c, "http://origin.test/doc", o)
		_, three := r.Update(t.Context(), addOne)
		_, four := r.Get(t.Context())
		for i, err := range []error{one, two, three, four} {
			if err == nil || !strings.HasPrefix(err.Error(), "ifmatch: WithMediaType: ") {
				t.Errorf("%q, %d: %v", kind, i, err)
			}
		}
		if len(s.sent) != 0 {
			t.Errorf("%q: sent %q", kind, s.sent)
		}
	}
}

// TestLoginPage: a 200 that isn't the document is an error that names what it is. JSON under a
// type that isn't JSON is a document all the same.
func TestLoginPage(t *testing.T) {
	for name, row := range map[string]struct {
		kind, doc string
		opts      UpdateOptions
		want      string // in the error; empty: none
	}{
		"a page":               {"text/html; charset=utf-8", "<html>log in", nil, `the answer is "text/html; charset=utf-8", and application/json was asked for`},
		"a page for a type":    {"text/html", "<html>log in", UpdateOptions{WithMediaType("application/a+json")}, `the answer is "text/html", and application/a+json was asked for`},
		"a long type":          {"text/html; a=" + strings.Repeat("b", 1000), "<", nil, `bbb", and`},
		"broken JSON":          {"application/vnd.a+json", `{"n":`, nil, "unexpected end"},
		"no type":              {"", "<", nil, "invalid character"},
		"JSON as another type": {"text/plain; charset=utf-8", `{"n":1}`, nil, ""},
	} {
		s := &typed{kind: row.kind, doc: row.doc}
		_, one := Get[counter](t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", row.opts)
		_, two := Update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne, row.opts)
		for _, err := range []error{one, two} {
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil && (len(err.Error()) > 400 || strings.Contains(err.Error(), "asked for") && media.Back(http.Header{"Content-Type": {row.kind}}) != "") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestMediaTypeOfAMerge: MergeJSON writes what it made as the caller's own type.
func TestMediaTypeOfAMerge(t *testing.T) {
	const kind = "application/vnd.shop.v2+json; charset=utf-8"
	s := &typed{kind: "application/json", doc: `{"n":1,"theirs":2}`, version: 1}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://origin.test/doc", strings.NewReader(`{"n":7}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-Match", `"0"`)
	req.Header.Set("Content-Type", kind)
	resp, err := NewTransport(s, MergeJSON([]byte(`{"n":1}`))).RoundTrip(req)
	if err != nil || resp.StatusCode != 200 || s.doc != `{"n":7,"theirs":2}` {
		t.Fatalf("%s, %v", s.doc, err)
	}
	for _, line := range s.writes() {
		if !strings.HasSuffix(line, kind) {
			t.Errorf("%q", line)
		}
	}
}

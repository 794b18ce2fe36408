package ifmatch

import (
	"bytes"
	"compress/gzip"
	"context"
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

// stamper is a server that stamps what it is sent, unless plain is set, and answers a write as
// answer says.
type stamper struct {
	doc     string
	version int
	plain   bool
	answer  func(s *stamper, req *http.Request) *http.Response // with the header that tagged sets
	log     []string
}

func (s *stamper) tag() string { return fmt.Sprintf(`"%d"`, s.version) }

// reply is an answer with the current tag.
func (s *stamper) reply(req *http.Request, status int, body string, fields ...string) *http.Response {
	return replyTo(req, status, body, append([]string{"ETag: " + s.tag()}, fields...)...)
}

func (s *stamper) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		s.log = append(s.log, "GET")
		return s.reply(req, 200, s.doc, "Content-Type: application/json"), nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if tag := req.Header.Get("If-Match"); tag != s.tag() {
		s.log = append(s.log, req.Method+" 412")
		return replyTo(req, 412, ""), nil
	}
	s.log = append(s.log, req.Method)
	s.version++
	s.doc = string(body)
	if !s.plain {
		at := strings.LastIndex(s.doc, `,"at":`)
		if at < 0 {
			at = strings.LastIndex(s.doc, "}")
		}
		s.doc = fmt.Sprintf(`%s,"at":%d}`, s.doc[:at], s.version)
	}
	return s.answer(s, req), nil
}

const sentCount = `{"n":2}`

// TestSnapshotIsOneState: after a write Value, Raw and tag are of one state, whatever the
// answer holds (rule 25).
func TestSnapshotIsOneState(t *testing.T) {
	const located, preferred = "Content-Location: /doc", "Preference-Applied: return=representation"
	const sent, told = sentCount, `{"n":2,"at":2}` // the second is what the server stores
	says := func(status int, body string, fields ...string) func(*stamper, *http.Request) *http.Response {
		return func(s *stamper, req *http.Request) *http.Response { return s.reply(req, status, body, fields...) }
	}
	broken := errors.New("it broke")
	cut := func(fields ...string) func(*stamper, *http.Request) *http.Response {
		return func(s *stamper, req *http.Request) *http.Response {
			resp := s.reply(req, 200, "", fields...)
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"ok":true}`), errReader{broken}))
			return resp
		}
	}
	gzipped := func(undone bool, fields ...string) func(*stamper, *http.Request) *http.Response {
		return func(s *stamper, req *http.Request) *http.Response {
			if undone {
				resp := s.reply(req, 200, told, fields...)
				resp.Uncompressed = true
				return resp
			}
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			w.Write([]byte(told))
			w.Close()
			return s.reply(req, 200, b.String(), append(fields, "Content-Encoding: gzip")...)
		}
	}
	large := `{"n":2,"pad":"` + strings.Repeat("x", 2<<20) + `"}`
	for name, row := range map[string]struct {
		answer func(*stamper, *http.Request) *http.Response
		raw    string // of the Snapshot
		tag    bool
	}{
		"204":                               {says(204, ""), sent, true},
		"200, empty":                        {says(200, ""), sent, true},
		"201, empty":                        {says(201, ""), sent, true},
		"204 with a sign":                   {says(204, "", located, preferred), sent, true},
		"a report":                          {says(200, `{"ok":true}`), sent, true},
		"text":                              {says(200, "saved", "Content-Type: text/plain"), sent, true},
		"a page":                            {says(200, "<html>", "Content-Type: text/html"), sent, true},
		"null":                              {says(200, "null"), sent, true},
		"an array":                          {says(200, "[1,2]"), sent, true},
		"what was sent":                     {says(200, " {\"n\": 2.0}"), sent, true},
		"a stamp":                           {says(200, told), sent, false},
		"a stamp, created":                  {says(201, told), sent, false},
		"a stamp, as text":                  {says(200, told, "Content-Type: text/plain; charset=utf-8"), sent, false},
		"another value":                     {says(200, `{"n":3}`), sent, false},
		"return=minimal":                    {says(200, told, "Preference-Applied: return=minimal"), sent, false},
		"a stamp, located":                  {says(200, told, located), told, true},
		"a stamp, located from its root":    {says(200, told, "Content-Location: http://ORIGIN.test:80/doc"), told, true},
		"a stamp, located beside it":        {says(200, told, "Content-Location: doc"), told, true},
		"a stamp, created and located":      {says(201, told, located), told, true},
		"a stamp, preferred":                {says(200, told, preferred), told, true},
		"a stamp, preferred, as a new type": {says(200, told, preferred, "Content-Type: application/vnd.a+json"), told, true},
		"what was sent, preferred":          {says(200, ` {"n":2}`, preferred), ` {"n":2}`, true},
		"located elsewhere":                 {says(200, told, "Content-Location: /other"), sent, false},
		"located elsewhere, preferred":      {says(200, told, "Content-Location: /doc/2", preferred), sent, false},
		"located elsewhere, empty":          {says(204, "", "Content-Location: /other"), sent, false},
		"203":                               {says(203, ""), sent, false},
		"206 with a sign":                   {says(206, told, located, preferred), sent, false},
		"a report under 206 with a sign":    {says(206, `{"ok":true}`, located, preferred), sent, true},
		"203 with a sign":                   {says(203, told, located, preferred), sent, false},
		"a report, located":                 {says(200, `{"ok":true}`, located), sent, false},
		"a page, preferred":                 {says(200, "<html>", preferred, "Content-Type: text/html"), sent, false},
		"null, preferred":                   {says(200, "null", preferred), sent, false},
		"an array, preferred":               {says(200, "[1,2]", preferred), sent, false},
		"not for T, preferred":              {says(200, `{"n":"two"}`, preferred), sent, false},
		"cut":                               {cut(), sent, false},
		"cut, located":                      {cut(located), sent, false},
		"gzip":                              {gzipped(false), sent, false},
		"gzip, located":                     {gzipped(false, located), sent, false},
		"gzip, undone by net/http":          {gzipped(true, located), sent, false},
		"too large":                         {says(200, large), sent, false},
		"too large, preferred":              {says(200, large, preferred), sent, false},
	} {
		for _, resource := range []bool{false, true} {
			s := &stamper{doc: `{"n":1}`, version: 1, answer: row.answer}
			c := &http.Client{Transport: NewTransport(s, Stop, WithMaxRepresentation(1<<20))}
			got, err := runUpdate(t.Context(), resource, c, addOne)
			want := Validators{}
			if row.tag {
				want.ETag = s.tag()
			}
			if err != nil || got.Value.N != 2 || string(got.Raw) != row.raw || got.Validators != want || got.Outcome.Effect != EffectApplied {
				t.Errorf("%s, Resource %v: %.99s %+v, %v", name, resource, got.Raw, got.Validators, err)
			}
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func runUpdate(ctx context.Context, resource bool, c *http.Client, edit func(*counter) error, opts ...UpdateOption) (Snapshot[counter], error) {
	if resource {
		return NewResource[counter](c, "http://origin.test/doc", opts...).Update(ctx, edit)
	}
	return Update(ctx, c, "http://origin.test/doc", edit, opts...)
}

// TestSlowAnswer: a body that never ends holds up an accepted write for no longer than a
// second, and leaves the tag out.
func TestSlowAnswer(t *testing.T) {
	for _, sign := range []string{"X: y", "Content-Location: /doc"} {
		synctest.Test(t, func(t *testing.T) {
			s := &stamper{doc: `{"n":1}`, version: 1, answer: func(s *stamper, req *http.Request) *http.Response {
				resp := s.reply(req, 200, "", sign)
				r, w := io.Pipe()
				go w.Write([]byte(`{"n":`))
				resp.Body = r
				return resp
			}}
			start := time.Now()
			got, err := Update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne)
			if err != nil || string(got.Raw) != sentCount || got.ETag != "" || time.Since(start) != time.Second {
				t.Errorf("%s: %s %+v, %v after %v", sign, got.Raw, got.Validators, err, time.Since(start))
			}
		})
	}
}

// TestDialectTellsState: a dialect may say that answers have the state, also where its version
// is in the body.
func TestDialectTellsState(t *testing.T) {
	whole := func(s *stamper, req *http.Request) *http.Response { return s.reply(req, 200, s.doc) }
	tells := dialect.RFC9110()
	tells.ReturnsState = func(req *http.Request) bool { return req.Method == http.MethodPut && req.Body == nil }
	for name, row := range map[string]struct {
		d    dialect.Dialect
		raw  string
		etag string
	}{
		"as RFC 9110":    {dialect.RFC9110(), sentCount, ""},
		"the answer has": {tells, `{"n":2,"at":2}`, `"2"`},
	} {
		s := &stamper{doc: `{"n":1}`, version: 1, answer: whole}
		got, err := Update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne, WithDialect(row.d))
		if err != nil || string(got.Raw) != row.raw || got.ETag != row.etag {
			t.Errorf("%s: %s %q, %v", name, got.Raw, got.ETag, err)
		}
	}
	inBody := dialect.Dialect{
		Name:         "versions",
		Tokens:       []dialect.Token{{Sent: dialect.InHeader("X-Version"), Current: dialect.InBody("/at"), Number: true}},
		Statuses:     []int{http.StatusPreconditionFailed},
		ReturnsState: func(*http.Request) bool { return true },
	}
	s := &stamper{doc: `{"n":1,"at":1}`, version: 1, answer: whole}
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("If-Match", fmt.Sprintf("%q", req.Header.Get("X-Version")))
		return s.RoundTrip(req)
	})
	got, err := Update(t.Context(), &http.Client{Transport: base}, "http://origin.test/doc", addOne, WithDialect(inBody))
	if err != nil || string(got.Raw) != `{"n":2,"at":2}` || got.ETag != "2" {
		t.Errorf("a version of its own: %s %q, %v", got.Raw, got.ETag, err)
	}
}

// TestResourceKeepsOneState: what a Resource keeps between two writes is what the server has,
// so that no stamp is written back as it was before (rule 27).
func TestResourceKeepsOneState(t *testing.T) {
	located := func(s *stamper, req *http.Request) *http.Response {
		return s.reply(req, 200, s.doc, "Content-Location: /doc")
	}
	bare := func(s *stamper, req *http.Request) *http.Response { return s.reply(req, 200, s.doc) }
	report := func(s *stamper, req *http.Request) *http.Response { return s.reply(req, 200, `{"ok":true}`) }
	for name, row := range map[string]struct {
		answer func(*stamper, *http.Request) *http.Response
		plain  bool
		opts   UpdateOptions
		want   string // the requests of four Updates
	}{
		"a stamp":                 {bare, false, nil, "GET PUT, GET PUT, GET PUT, GET PUT"},
		"a stamp that isn't told": {report, false, nil, "GET PUT GET, PUT GET, PUT GET, PUT GET"},
		"a stamp that is told":    {located, false, nil, "GET PUT GET, PUT, PUT, PUT"},
		"no stamp":                {bare, true, nil, "GET PUT GET, PUT, PUT, PUT"},
		"a report":                {report, true, nil, "GET PUT GET, PUT, PUT, PUT"},
		"a patch":                 {bare, true, UpdateOptions{WithPatch()}, "GET PATCH, GET PATCH, GET PATCH, GET PATCH"},
	} {
		s := &stamper{doc: `{"n":0,"at":1}`, version: 1, answer: row.answer, plain: row.plain}
		r := NewResource[counter](&http.Client{Transport: s}, "http://origin.test/doc", row.opts)
		var all []string
		for i := range 4 {
			got, err := r.Update(t.Context(), addOne)
			if err != nil || got.Value.N != i+1 {
				t.Errorf("%s: %+v, %v", name, got.Value, err)
			}
			all = append(all, strings.Join(s.log, " "))
			s.log = nil
		}
		if got := strings.Join(all, ", "); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

// TestResourceEndsKeeping: a server that begins to stamp, or to tell another state, is read
// again, also where its later answers hold nothing.
func TestResourceEndsKeeping(t *testing.T) {
	none := func(s *stamper, req *http.Request) *http.Response { return s.reply(req, 204, "") }
	for name, row := range map[string]struct {
		once func(*stamper, *http.Request) *http.Response
		want string // the requests of it and of the two after it
	}{
		"a stamp shows": {func(s *stamper, req *http.Request) *http.Response { return s.reply(req, 200, s.doc) }, "PUT, GET PUT GET, PUT GET"},
		"a stamp is told": {func(s *stamper, req *http.Request) *http.Response {
			return s.reply(req, 200, s.doc, "Content-Location: /doc")
		}, "PUT GET, PUT GET, PUT GET"},
		"it can't be read": {func(s *stamper, req *http.Request) *http.Response {
			r := s.reply(req, 200, "")
			r.Body = io.NopCloser(errReader{io.ErrUnexpectedEOF})
			return r
		}, "PUT, GET PUT GET, PUT GET"},
		"it is about another": {func(s *stamper, req *http.Request) *http.Response {
			return s.reply(req, 200, "", "Content-Location: /x")
		}, "PUT, GET PUT GET, PUT GET"},
	} {
		s := &stamper{doc: `{"n":0}`, version: 1, answer: none, plain: true}
		r := NewResource[counter](&http.Client{Transport: s}, "http://origin.test/doc")
		for range 2 {
			if _, err := r.Update(t.Context(), addOne); err != nil {
				t.Fatal(err)
			}
		}
		s.plain = false
		var all []string
		for i := range 3 {
			s.log, s.answer = nil, none
			if i == 0 {
				s.answer = row.once
			}
			if _, err := r.Update(t.Context(), addOne); err != nil {
				t.Error(err)
			}
			all = append(all, strings.Join(s.log, " "))
		}
		if got := strings.Join(all, ", "); got != row.want || !strings.HasPrefix(s.doc, `{"n":5`) {
			t.Errorf("%s: %s, want %s (%s)", name, got, row.want, s.doc)
		}
	}
}

// TestRaw: it is the text of the state, and the caller's own.
func TestRaw(t *testing.T) {
	const doc = "{ \"n\": 1, \"theirs\": 9007199254740993 }"
	s := &stamper{doc: doc, version: 1, plain: true, answer: func(s *stamper, req *http.Request) *http.Response { return s.reply(req, 204, "") }}
	c := &http.Client{Transport: s}
	got, err := Get[counter](t.Context(), c, "http://origin.test/doc")
	if err != nil || string(got.Raw) != doc {
		t.Errorf("Get: %s, %v", got.Raw, err)
	}
	same, err := Update(t.Context(), c, "http://origin.test/doc", func(*counter) error { return nil })
	if err != nil || string(same.Raw) != doc {
		t.Errorf("unchanged: %s, %v", same.Raw, err)
	}
	s.log = nil
	r := NewResource[counter](c, "http://origin.test/doc")
	for i := range 4 {
		got, err := r.Update(t.Context(), addOne)
		if err != nil || string(got.Raw) != s.doc || string(got.Raw) != strings.Replace(doc, "1", fmt.Sprint(i+2), 1) {
			t.Errorf("Resource: %s, %v", got.Raw, err)
		}
		for j := range got.Raw {
			got.Raw[j] = 'x' // what is kept stays as it is
		}
	}
	if log := strings.Join(s.log, " "); log != "GET PUT GET PUT PUT PUT" {
		t.Errorf("requests %s: what is kept was changed by a caller", log)
	}
	absent := roundTripper(func(req *http.Request) (*http.Response, error) { return replyTo(req, 404, "{}"), nil })
	none, err := Get[counter](t.Context(), &http.Client{Transport: absent}, "http://origin.test/doc", CreateIfAbsent())
	if err != nil || none.Raw != nil {
		t.Errorf("absent: %q, %v", none.Raw, err)
	}
	failed, err := Get[counter](t.Context(), &http.Client{Transport: absent}, "http://origin.test/doc")
	if err == nil || failed.Raw != nil {
		t.Errorf("failed: %q, %v", failed.Raw, err)
	}
}

// TestRawIsTheBaseOfAMerge: what an Update returned is what the next save was made from.
func TestRawIsTheBaseOfAMerge(t *testing.T) {
	s := &stamper{doc: `{"n":1,"name":"a"}`, version: 1, answer: func(s *stamper, req *http.Request) *http.Response {
		return s.reply(req, 200, s.doc, "Content-Location: /doc")
	}}
	got, err := Update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne)
	if err != nil {
		t.Fatal(err)
	}
	// A rival writes, and the caller saves what a person made of the Raw.
	s.doc, s.version = `{"n":2,"name":"b","at":3}`, 3
	mine := strings.Replace(string(got.Raw), `"n":2`, `"n":9`, 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://origin.test/doc", strings.NewReader(mine))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-Match", got.ETag)
	resp, err := NewTransport(s, MergeJSON(got.Raw)).RoundTrip(req)
	if err != nil || resp.StatusCode != 200 || s.doc != `{"n":9,"name":"b","at":4}` {
		t.Errorf("%s, %v", s.doc, err)
	}
}

// TestAnswerOfARedirectedWrite: what another URL says is no state of this one, whatever sign
// it has.
func TestAnswerOfARedirectedWrite(t *testing.T) {
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		switch {
		case req.URL.Path == "/doc" && req.Method == http.MethodPut:
			return replyTo(req, 307, "", "Location: /other"), nil
		case req.URL.Path == "/doc":
			return replyTo(req, 200, `{"n":1}`, `ETag: "1"`), nil
		}
		return replyTo(req, 200, `{"n":2,"at":1}`, `ETag: "2"`, "Content-Location: /doc", "Preference-Applied: return=representation"), nil
	})
	for _, resource := range []bool{false, true} {
		got, err := runUpdate(t.Context(), resource, &http.Client{Transport: base}, addOne)
		if err == nil || !strings.Contains(err.Error(), "redirected") || got.Raw != nil || got.ETag != "" {
			t.Errorf("Resource %v: %+v, %v", resource, got, err)
		}
	}
}

// TestAcceptedIsNoSuccess: 202 promises nothing, whatever sign it has.
func TestAcceptedIsNoSuccess(t *testing.T) {
	s := &stamper{doc: `{"n":1}`, version: 1, answer: func(s *stamper, req *http.Request) *http.Response {
		return s.reply(req, 202, s.doc, "Content-Location: /doc")
	}}
	got, err := Update(t.Context(), &http.Client{Transport: s}, "http://origin.test/doc", addOne)
	if err == nil || got.Raw != nil || got.ETag != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWritesAskForIdentity: the tag of a compressed answer would guard no plain state.
func TestWritesAskForIdentity(t *testing.T) {
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		if got := req.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("%s: %q", req.Method, got)
		}
		return replyTo(req, 200, `{"n":1}`, `ETag: "1"`), nil
	})
	if _, err := Update(t.Context(), &http.Client{Transport: base}, "http://origin.test/doc", addOne); err != nil {
		t.Error(err)
	}
}

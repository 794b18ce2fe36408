// Package origin is a server in memory for the tests of the dialects.
package origin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
)

// Answer is what an origin answers.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// JSON is an answer with this body.
func JSON(status int, body string) Answer {
	return Answer{status, http.Header{"Content-Type": {"application/json"}}, body}
}

// Tagged is an answer with this body and this entity-tag.
func Tagged(status int, tag, body string) Answer {
	return Answer{status, http.Header{"Content-Type": {"application/json"}, "Etag": {tag}}, body}
}

// Origin is an http.RoundTripper that answers what Serve says, one request at a
// time, and logs method, path with query, these Fields, body and status.
type Origin struct {
	Serve  func(req *http.Request, body []byte) Answer
	Fields []string

	mu  sync.Mutex // guards what Serve works on, and log
	log []string
}

// RoundTrip serves a request.
func (o *Origin) RoundTrip(req *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	a := o.Serve(req, body)
	line := []string{req.Method, req.URL.RequestURI()}
	for _, name := range o.Fields {
		if values := req.Header.Values(name); values != nil {
			line = append(line, name+": "+strings.Join(values, " | "))
		}
	}
	if len(body) > 0 {
		line = append(line, string(body))
	}
	o.log = append(o.log, strings.Join(append(line, fmt.Sprint(a.Status)), " "))
	if a.Header == nil {
		a.Header = http.Header{}
	}
	return &http.Response{
		StatusCode: a.Status, Status: fmt.Sprint(a.Status, " ", http.StatusText(a.Status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.Header, Body: io.NopCloser(strings.NewReader(a.Body)), ContentLength: int64(len(a.Body)), Request: req,
	}, nil
}

// Case is one write, and what has to become of it.
type Case struct {
	Method, URL string // PUT by default
	Header      http.Header
	Body        string
	Policy      ifmatch.Policy
	Options     ifmatch.Options

	Status int
	Cause  ifmatch.Cause
	Effect ifmatch.Effect
	Why    string   // part of Outcome.Err
	Text   string   // of the answer that the caller gets
	Log    []string // all requests; nil: only the write
}

// Run sends the write of a case through the dialect and compares.
func (o *Origin) Run(t *testing.T, d dialect.Dialect, c Case) {
	t.Helper()
	if c.Method == "" {
		c.Method = http.MethodPut
	}
	var out ifmatch.Outcome
	ctx := ifmatch.WithOutcome(context.Background(), &out)
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, strings.NewReader(c.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range c.Header {
		req.Header[name] = values
	}
	resp, err := ifmatch.NewTransport(o, c.Policy, ifmatch.WithDialect(d), c.Options).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || string(text) != c.Text || resp.StatusCode != c.Status {
		t.Errorf("got %d %s, %v; want %d %s", resp.StatusCode, text, err, c.Status, c.Text)
	}
	if out.Cause != c.Cause || out.Effect != c.Effect {
		t.Errorf("got %v, %v (%v); want %v, %v", out.Cause, out.Effect, out.Err, c.Cause, c.Effect)
	}
	if !strings.Contains(fmt.Sprint(out.Err), c.Why) {
		t.Errorf("got %v, want %s", out.Err, c.Why)
	}
	if c.Log == nil {
		if len(o.log) != 1 {
			t.Errorf("got %q; want one request", o.log)
		}
	} else if diff := cmp.Diff(c.Log, o.log); diff != "" {
		t.Errorf("requests, - want, + got:\n%s", diff)
	}
}

// Log returns the requests so far.
func (o *Origin) Log() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.log...)
}

// Stock is the document that Writers update.
type Stock struct {
	N     int    `json:"n"`
	Title string `json:"title,omitempty"`
}

// The writers of Writers, and how often each of them adds 1.
const writers, additions = 8, 5

// Writers has 8 of them add 1, 5 times each: by Update with a client of their own,
// by Update over one Transport, and by a Resource. No addition may be lost.
func Writers(t *testing.T, base http.RoundTripper, url string, d dialect.Dialect, opts ...ifmatch.UpdateOption) {
	t.Helper()
	ctx := context.Background()
	add := func(s *Stock) error { s.N++; return nil }
	opts = append([]ifmatch.UpdateOption{ifmatch.WithDialect(d), ifmatch.WithMaxAttempts(64)}, opts...)
	shared := &http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop)}
	resource := ifmatch.NewResource[Stock](shared, url, opts...)
	before, err := ifmatch.Get[Stock](ctx, shared, url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	want := before.Value.N
	for name, update := range map[string]func() error{
		"Update, a client each": func() error {
			_, err := ifmatch.Update(ctx, &http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop)}, url, add, opts...)
			return err
		},
		"Update": func() error {
			_, err := ifmatch.Update(ctx, shared, url, add, opts...)
			return err
		},
		"Resource": func() error {
			_, err := resource.Update(ctx, add)
			return err
		},
	} {
		addFromAll(t, name, update)
		want += writers * additions
		after, err := ifmatch.Get[Stock](ctx, shared, url, opts...)
		if err != nil || after.Value.N != want {
			t.Fatalf("%s: the document has %d (%v), want %d", name, after.Value.N, err, want)
		}
	}
}

// addFromAll has all writers call add at the same time, each of them as often as it
// has additions.
func addFromAll(t *testing.T, name string, add func() error) {
	t.Helper()
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range additions {
				if err := add(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	all.Wait()
}

// Create has 8 writers add 1 to a document that isn't there: each creates it, or
// adds to what another one created.
func Create(t *testing.T, base http.RoundTripper, url string, d dialect.Dialect) {
	t.Helper()
	var all sync.WaitGroup
	client := &http.Client{Transport: base}
	for range 8 {
		all.Go(func() {
			_, err := ifmatch.Update(context.Background(), client, url, func(s *Stock) error { s.N++; return nil },
				ifmatch.WithDialect(d), ifmatch.CreateIfAbsent(), ifmatch.WithMaxAttempts(64))
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if s, err := ifmatch.Get[Stock](context.Background(), client, url, ifmatch.WithDialect(d)); err != nil || s.Value.N != 8 {
		t.Errorf("the document has %d (%v), want 8", s.Value.N, err)
	}
}

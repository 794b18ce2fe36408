// Package storetest sends a write through the dialect of a store to an origin in
// the test, and tells what was sent and what came of it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
)

// Serve is what an origin does: it returns the answer to a request.
type Serve func(req *http.Request, body string) (status int, header http.Header, text string)

// A Case is one write, and what is expected.
type Case struct {
	Serve   Serve
	Lose    int    // so many answers to writes are lost after the origin made them
	Rival   func() // runs after the first that was lost
	Shown   []string
	Dialect dialect.Dialect
	Policy  ifmatch.Policy // nil: Stop
	Options []ifmatch.Option

	Method, URL string
	Header      []string // "Name: value"
	Body        string

	// Want has a line for each request, with method, path and query, the fields
	// named in Shown, body and status, and one with the caller's status,
	// effect and cause.
	Want []string
	// Text is the body that the caller gets.
	Text string
	// Reason is in Outcome.Err.
	Reason string
}

// Run sends the write and compares.
func (c Case) Run(t *testing.T) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		var out ifmatch.Outcome
		o := &origin{Case: c}
		ctx := ifmatch.WithOutcome(context.Background(), &out)
		req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, strings.NewReader(c.Body))
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range c.Header {
			name, value, _ := strings.Cut(field, ": ")
			req.Header.Set(name, value)
		}
		resp, err := ifmatch.NewTransport(o, c.Policy, append(c.Options, ifmatch.WithDialect(c.Dialect))...).RoundTrip(req)
		last, text := "error", ""
		if err == nil {
			b, failed := io.ReadAll(resp.Body)
			resp.Body.Close()
			if failed != nil {
				t.Error(failed)
			}
			last, text = fmt.Sprint(resp.StatusCode), string(b)
		}
		if errors.Is(err, ifmatch.ErrOutcomeUnknown) {
			last = "outcome unknown"
		}
		got := append(o.log, fmt.Sprintf("%s: %s, %s", last, out.Effect, out.Cause))
		if diff := cmp.Diff(c.Want, got); diff != "" {
			t.Errorf("%v\n%s", out.Err, diff)
		}
		if c.Text != "" && text != c.Text {
			t.Errorf("body %q, want %q", text, c.Text)
		}
		if c.Reason != "" && (out.Err == nil || !strings.Contains(out.Err.Error(), c.Reason)) {
			t.Errorf("%v; want %q", out.Err, c.Reason)
		}
	})
}

type origin struct {
	Case
	log []string
}

func (o *origin) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	status, header, text := o.Serve(req, string(body))
	line := []string{req.Method, req.URL.RequestURI()}
	for _, name := range o.Shown {
		if value := req.Header.Get(name); value != "" {
			line = append(line, name+": "+value)
		}
	}
	if len(body) > 0 {
		line = append(line, string(body))
	}
	if o.Lose > 0 && !slices.Contains([]string{http.MethodGet, http.MethodHead}, req.Method) {
		o.Lose--
		o.log = append(o.log, strings.Join(append(line, "lost"), " "))
		if o.Rival != nil {
			o.Rival()
			o.Rival = nil
		}
		return nil, errors.New("connection reset by peer")
	}
	o.log = append(o.log, strings.Join(append(line, fmt.Sprint(status)), " "))
	if header == nil {
		header = http.Header{}
	}
	if req.Method == http.MethodHead {
		text = ""
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: req,
	}, nil
}

// Rebuild is a policy that adds to the current state.
func Rebuild() ifmatch.Policy {
	return ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		return append(slices.Clone(current.Body), "+mine"...), nil
	})
}

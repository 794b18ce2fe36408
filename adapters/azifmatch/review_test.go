package azifmatch_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/adapters/azifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/azureblob"
)

// network answers each request with 201.
type network func(*http.Request)

func (n network) Do(req *http.Request) (*http.Response, error) {
	n(req)
	return &http.Response{StatusCode: 201, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// A copy takes over the metadata of its source, so it has no mark: the SDK spells
// its fields in lower case.
func TestCopyHasNoMark(t *testing.T) {
	for field, identified := range map[string]bool{"x-ms-copy-source": false, "x-ms-blob-type": true} {
		sent := 0
		client := newClient(t, network(func(req *http.Request) {
			sent++
			if got := req.Header.Get(azureblob.WriteIDField) != ""; got != identified {
				t.Errorf("%s: identified %t", field, got)
			}
		}), []policy.Policy{azifmatch.New(ifmatch.Resend, ifmatch.WithDialect(azureblob.Dialect()), ifmatch.WithWriteID())}, nil)
		req, err := runtime.NewRequest(t.Context(), http.MethodPut, "https://account.blob.core.windows.net/container/blob")
		if err != nil {
			t.Fatal(err)
		}
		req.Raw().Header[field] = []string{"https://account.blob.core.windows.net/container/source"}
		req.Raw().Header["If-Match"] = []string{`"0x1"`}
		if _, err := client.Pipeline().Do(req); err != nil || sent != 1 {
			t.Errorf("%s: %v, sent %d times", field, err, sent)
		}
	}
}

type flaky struct{ sent, status int }

func (f *flaky) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
	}
	f.sent++
	status := 204
	if f.sent == 1 {
		status = f.status
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// TestStarKeepsRetries: the SDK repeats what ifmatch leaves alone.
func TestStarKeepsRetries(t *testing.T) {
	for _, test := range []struct {
		tag    string
		status int
	}{{"*", 503}, {"*", 500}, {`"*"`, 503}, {`"e"`, 503}} {
		f := &flaky{status: test.status}
		options := policy.ClientOptions{Transport: f, PerCallPolicies: []policy.Policy{azifmatch.New(ifmatch.Resend)},
			Retry: policy.RetryOptions{RetryDelay: time.Millisecond}}
		p := runtime.NewPipeline("t", "v", runtime.PipelineOptions{}, &options)
		req, err := runtime.NewRequest(t.Context(), http.MethodPut, "https://a.table.core.windows.net/t")
		if err != nil {
			t.Fatal(err)
		}
		req.SetBody(struct {
			*bytes.Reader
			io.Closer
		}{bytes.NewReader([]byte("mine")), io.NopCloser(nil)}, "application/json")
		req.Raw().Header.Set("If-Match", test.tag)
		resp, err := p.Do(req)
		if err != nil || resp.StatusCode != 204 {
			t.Errorf("%v: %v, %v after %d", test, err, resp.StatusCode, f.sent)
		}
	}
}

// endless counts what is read of it.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) { e.n += int64(len(p)); return len(p), nil }
func (e *endless) Close() error               { return nil }

type answering func(*http.Request) *http.Response

func (f answering) Do(r *http.Request) (*http.Response, error) { return f(r), nil }

// TestStateIsBounded: the SDK doesn't read a state whole before WithMaxRepresentation
// can bound it.
func TestStateIsBounded(t *testing.T) {
	state := new(endless)
	network := answering(func(r *http.Request) *http.Response {
		if r.Method == http.MethodGet {
			return &http.Response{StatusCode: 200, Header: http.Header{"Etag": {`"b"`}}, Body: state, ContentLength: -1, Request: r}
		}
		return &http.Response{StatusCode: 412, Header: http.Header{"X-Ms-Error-Code": {"ConditionNotMet"}}, Body: http.NoBody, Request: r}
	})
	rebuild := ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) { return current.Body, nil })
	client := newClient(t, network, []policy.Policy{azifmatch.New(rebuild, ifmatch.WithMaxRepresentation(1000))}, nil)
	var out ifmatch.Outcome
	resp, err := put(ifmatch.WithOutcome(t.Context(), &out), client, "https://a.test/c/b", `"a"`, streaming.NopCloser(strings.NewReader("x")))
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(out.Err, ifmatch.ErrTooLarge) || state.n > 64<<10 {
		t.Errorf("%d bytes were read: %v, %v", state.n, out.Err, err)
	}
}

package azifmatch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/adapters/azifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/azureblob"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// stream is a body that says when it is closed.
type stream struct {
	io.ReadSeeker
	closed int
}

func (s *stream) Close() error {
	s.closed++
	return nil
}

// signer stands for the SDK's signing policy: it marks the request with what it covers.
type signer struct{}

func (signer) Do(req *policy.Request) (*http.Response, error) {
	h := req.Raw().Header
	h.Set("Authorization", fmt.Sprintf("SharedKey %s %s %s", req.Raw().Method, h.Get("If-Match"), h.Get("Content-Length")))
	return req.Next()
}

// covered lets through what fits its signature.
func covered(req *http.Request) bool {
	length := ""
	if req.ContentLength > 0 {
		length = fmt.Sprint(req.ContentLength)
	}
	return req.Header.Get("Authorization") == fmt.Sprintf("SharedKey %s %s %s", req.Method, req.Header.Get("If-Match"), length)
}

// wire counts what is sent, and checks its signature.
type wire struct {
	t       *testing.T
	base    *http.Client
	methods []string
}

func (w *wire) Do(req *http.Request) (*http.Response, error) {
	w.methods = append(w.methods, req.Method)
	if !covered(req) {
		w.t.Errorf("%s: the signature %q doesn't cover it", req.Method, req.Header.Get("Authorization"))
	}
	return w.base.Do(req)
}

// put sends body through client under the tag, if there is one.
func put(ctx context.Context, client *azcore.Client, url, tag string, body io.ReadSeekCloser) (*http.Response, error) {
	req, err := runtime.NewRequest(ctx, http.MethodPut, url)
	if err != nil {
		return nil, err
	}
	if err := req.SetBody(body, "text/plain"); err != nil {
		return nil, err
	}
	if tag != "" {
		req.Raw().Header.Set("If-Match", tag)
	}
	return client.Pipeline().Do(req)
}

func newClient(t *testing.T, network policy.Transporter, perCall, perRetry []policy.Policy) *azcore.Client {
	t.Helper()
	client, err := azcore.NewClient("test", "v0.0.0", runtime.PipelineOptions{PerRetry: []policy.Policy{signer{}}}, &policy.ClientOptions{
		Transport:        network,
		Retry:            policy.RetryOptions{RetryDelay: time.Millisecond},
		PerCallPolicies:  perCall,
		PerRetryPolicies: perRetry,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestPolicy(t *testing.T) {
	rebuild := ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		return append(current.Body, " and ours"...), nil
	})
	var none ifmatchtest.Fault
	for _, c := range []struct {
		name       string
		onConflict ifmatch.Policy
		ifMatch    string // "stale", "fresh" or none
		fault      ifmatchtest.Fault
		methods    string
		status     int // 0: an error
		state      string
		outcome    string
	}{
		{"stop", ifmatch.Stop, "stale", none, "PUT", 412, "theirs", "not applied unexamined"},
		{"nil is stop", nil, "stale", none, "PUT", 412, "theirs", "not applied unexamined"},
		{"resend", ifmatch.Resend, "stale", none, "PUT HEAD PUT", 204, "ours", "applied changed"},
		{"rebuild", rebuild, "stale", none, "PUT GET PUT", 204, "theirs and ours", "applied changed"},
		{"accepted", ifmatch.Resend, "fresh", none, "PUT", 204, "ours", "applied none"},
		{"repeated by ifmatch alone", ifmatch.Stop, "fresh", ifmatchtest.FailBefore(99, 503), "PUT PUT PUT PUT", 503, "theirs", "unknown none"},
		{"lost answer", rebuild, "fresh", ifmatchtest.LostAnswer(1), "PUT PUT", 0, "ours", "unknown unattributed"},
		{"no condition", ifmatch.Resend, "", ifmatchtest.FailBefore(1, 503), "PUT PUT", 204, "ours", "unknown none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := ifmatchtest.NewServer()
			defer server.Close()
			stale := server.Put("/doc", "text/plain", []byte("first"))
			fresh := server.Put("/doc", "text/plain", []byte("theirs"))
			server.Inject(c.fault)
			w := &wire{t: t, base: server.Client()}
			client := newClient(t, w, []policy.Policy{azifmatch.New(c.onConflict)}, nil)
			var outcome ifmatch.Outcome
			body := &stream{ReadSeeker: strings.NewReader("ours")}
			tag := map[string]string{"stale": stale, "fresh": fresh}[c.ifMatch]
			resp, err := put(ifmatch.WithOutcome(t.Context(), &outcome), client, server.URL+"/doc", tag, body)
			status := 0
			if err == nil {
				status = resp.StatusCode
			} else if !errors.Is(err, ifmatch.ErrOutcomeUnknown) {
				t.Errorf("got %v, want ErrOutcomeUnknown", err)
			}
			if status != c.status {
				t.Errorf("got %d, %v, want %d", status, err, c.status)
			}
			if got := strings.Join(w.methods, " "); got != c.methods {
				t.Errorf("sent %s, want %s", got, c.methods)
			}
			if state, _, _ := server.State("/doc"); string(state) != c.state {
				t.Errorf("state: got %q, want %q", state, c.state)
			}
			if got := fmt.Sprint(outcome.Effect, " ", outcome.Cause); got != c.outcome {
				t.Errorf("outcome: got %s, want %s", got, c.outcome)
			}
			if body.closed != 1 {
				t.Errorf("body closed %d times", body.closed)
			}
		})
	}
}

// TestAfterSigner: a policy after the signer sees a signature that it would break.
func TestAfterSigner(t *testing.T) {
	server := ifmatchtest.NewServer()
	defer server.Close()
	stale := server.Put("/doc", "text/plain", []byte("first"))
	server.Put("/doc", "text/plain", []byte("theirs"))
	w := &wire{t: t, base: server.Client()}
	client := newClient(t, w, nil, []policy.Policy{azifmatch.New(ifmatch.Resend)})
	var outcome ifmatch.Outcome
	body := &stream{ReadSeeker: strings.NewReader("ours")}
	resp, err := put(ifmatch.WithOutcome(t.Context(), &outcome), client, server.URL+"/doc", stale, body)
	if err != nil || resp.StatusCode != 412 || outcome.Cause != ifmatch.CauseSignedAbove {
		t.Errorf("got %v, %v, cause %v, want 412 and %v", resp, err, outcome.Cause, ifmatch.CauseSignedAbove)
	}
	if got := strings.Join(w.methods, " "); got != "PUT" {
		t.Errorf("sent %s, want PUT", got)
	}
}

// TestEarlyRefusal: a server may refuse before it has read the body. Then net/http may still be reading the one that was
// sent, while the next is.
func TestEarlyRefusal(t *testing.T) {
	server := ifmatchtest.NewServer()
	defer server.Close()
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	for range 10 {
		stale := server.Put("/doc", "text/plain", []byte("first"))
		server.Put("/doc", "text/plain", []byte("theirs"))
		server.Inject(ifmatchtest.EarlyRefusal(1))
		client := newClient(t, &wire{t: t, base: server.Client()}, []policy.Policy{azifmatch.New(ifmatch.Resend)}, nil)
		body := &stream{ReadSeeker: bytes.NewReader(text)}
		resp, err := put(t.Context(), client, server.URL+"/doc", stale, body)
		if err != nil || resp.StatusCode != 204 {
			t.Fatalf("got %v, %v, want 204", resp, err)
		}
		if state, _, _ := server.State("/doc"); !bytes.Equal(state, text) {
			t.Fatal("the body that was stored isn't the one that was sent")
		}
		if body.closed != 1 {
			t.Errorf("body closed %d times", body.closed)
		}
	}
}

// network answers each request with 201.
type network func(*http.Request)

func (n network) Do(req *http.Request) (*http.Response, error) {
	n(req)
	return &http.Response{StatusCode: 201, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// TestCopyHasNoMark: a copy takes over the metadata of its source, so it has no mark. The SDK spells its fields in lower
// case.
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

// Package azifmatch puts ifmatch into the pipeline of a client of the Azure SDK
// for Go, above the policy that signs.
//
// With a shared key the SDK signs If-Match, and its signing policy comes before
// the user's PerRetryPolicies and the Transport: a precondition that is rewritten
// there no longer fits its signature. Only PerCallPolicies are above the signer:
//
//	options := &azblob.ClientOptions{}
//	options.PerCallPolicies = append(options.PerCallPolicies, azifmatch.New(ifmatch.Resend))
//	client, err := azblob.NewClientWithSharedKeyCredential(url, credential, options)
//
// It fits every credential: a SAS, a bearer token, a shared key.
package azifmatch

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/ifmatch-go/ifmatch"
)

// New returns a policy for PerCallPolicies of a client's options. It handles the
// writes with If-Match, If-None-Match or If-Unmodified-Since as a Transport with
// the same policy and options does; a nil onConflict is ifmatch.Stop. Each of
// their attempts goes through the rest of the pipeline, and so is signed and
// logged on its own. The options of a call's context count, too, and
// ifmatch.WithOutcome in it tells what was done.
//
// The SDK doesn't repeat those writes: its RetryOptions, TryTimeout included, hold
// for one attempt of everything else only. ifmatch repeats them, since it must know
// of an attempt whose answer was lost. A PATCH isn't repeated after a failure.
//
// Nor does anybody repeat one under several tags, a weak tag or a date, and a 408
// or 500, which the SDK would.
//
// All other requests, and writes with If-Match: *, go on as if the policy weren't there: ifmatch.Remember guards
// nothing here. Set the condition in the options of the call.
//
// The policy may be shared by clients and used concurrently. Where it comes after
// the signer by mistake, a refusal ends with ifmatch.CauseSignedAbove.
func New(onConflict ifmatch.Policy, opts ...ifmatch.Option) policy.Policy {
	return &conditional{ifmatch.NewTransport(pipeline{}, onConflict, opts...)}
}

type conditional struct {
	transport *ifmatch.Transport
}

// pipelineKey is for the context of a write: the request as the pipeline has it.
type pipelineKey struct{}

func (p *conditional) Do(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	if !guarded(raw) {
		return req.Next()
	}
	write := raw.WithContext(context.WithValue(raw.Context(), pipelineKey{}, req))
	if req.Body() != nil {
		// The SDK's GetBody gives the same reader each time.
		src := &source{body: req.Body(), size: raw.ContentLength}
		defer func() {
			src.close()
			req.Close() // as the SDK's retry policy would, were it to get this body
		}()
		write.GetBody = src.open
		write.Body, _ = src.open()
	}
	return p.transport.RoundTrip(write)
}

// guarded reports whether the request is a write under a precondition that can be
// rewritten, or that makes it one that only creates.
func guarded(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return false
	}
	if tag := r.Header.Get("If-Match"); tag == "*" || tag == `"*"` {
		return false // nothing in it can be rewritten, and the SDK may repeat it
	}
	for _, name := range [...]string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// pipeline sends a write or a refresh through the policies after ours.
type pipeline struct{}

func (pipeline) RoundTrip(r *http.Request) (*http.Response, error) {
	outer, ok := r.Context().Value(pipelineKey{}).(*policy.Request)
	if !ok {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errors.New("azifmatch: WithRefreshRequest must keep the context of its request")
	}
	next := outer.Clone(policy.WithRetryOptions(r.Context(), policy.RetryOptions{MaxRetries: -1}))
	raw := next.Raw()
	raw.Method, raw.URL, raw.Host, raw.Header = r.Method, r.URL, r.Host, r.Header.Clone()
	var body io.ReadSeekCloser
	if r.Body != nil {
		body = &rewinder{reader: r.Body, open: r.GetBody, size: r.ContentLength}
		defer body.Close()
	}
	// Content-Length is a field of the header to the SDK, and is signed.
	raw.GetBody = nil
	if err := next.SetBody(body, raw.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	if raw.GetBody != nil {
		raw.GetBody = r.GetBody
	}
	if raw.Method == http.MethodGet {
		runtime.SkipBodyDownload(next) // WithMaxRepresentation bounds what is read of it
	}
	return next.Next()
}

package ifmatchtest_test

import (
	"io"
	"net/http"
)

// contractWrapper passes requests on.
type contractWrapper struct {
	base http.RoundTripper
}

func (w *contractWrapper) RoundTrip(req *http.Request) (*http.Response, error) {
	return w.base.RoundTrip(req)
}

func (w *contractWrapper) CloseIdleConnections() {
	if c, ok := w.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// contractRepeater repeats a refused write once, under the entity-tag that it
// learns by HEAD, and a request that was answered with 503 or an error. It
// keeps the contract; its functions can be exchanged for some that don't.
type contractRepeater struct {
	contractWrapper
	discard func(*http.Response)                       // what to do with a response that isn't returned
	rewind  func(*http.Request) (io.ReadCloser, error) // the body of the repeat
}

func newContractRepeater(base http.RoundTripper) *contractRepeater {
	return &contractRepeater{
		contractWrapper: contractWrapper{base: base},
		discard: func(resp *http.Response) {
			io.CopyN(io.Discard, resp.Body, 64<<10)
			resp.Body.Close()
		},
		rewind: func(req *http.Request) (io.ReadCloser, error) { return req.GetBody() },
	}
}

func (r *contractRepeater) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.base.RoundTrip(req)
	if req.Method != http.MethodPut || req.Header == nil || req.GetBody == nil || req.Context().Err() != nil {
		return resp, err
	}
	if err != nil {
		return r.repeat(req, req.Header.Get("If-Match"))
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		r.discard(resp)
		return r.repeat(req, req.Header.Get("If-Match"))
	}
	if resp.StatusCode != http.StatusPreconditionFailed {
		return resp, nil
	}
	r.discard(resp)
	tag, err := r.refresh(req)
	if err != nil {
		return nil, err
	}
	return r.repeat(req, tag)
}

// refresh asks for the current entity-tag.
func (r *contractRepeater) refresh(req *http.Request) (string, error) {
	head := req.Clone(req.Context())
	head.Method, head.Body, head.GetBody, head.ContentLength, head.Trailer = http.MethodHead, nil, nil, 0, nil
	head.Header.Del("If-Match")
	head.Header.Del("Expect")
	resp, err := r.base.RoundTrip(head)
	if err != nil {
		return "", err
	}
	r.discard(resp)
	return resp.Header.Get("ETag"), nil
}

// repeat sends req again, under tag.
func (r *contractRepeater) repeat(req *http.Request, tag string) (*http.Response, error) {
	body, err := r.rewind(req)
	if err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Body = body
	again.Trailer = req.Trailer // not a copy: the body may set them
	again.Header.Set("If-Match", tag)
	return r.base.RoundTrip(again)
}

package ifmatchtest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// contractBroken is one wrapper for each way to break the contract, with the
// lines that must fail.
var contractBroken = []struct {
	name  string
	lines []string
	wrap  func(base http.RoundTripper) http.RoundTripper
}{
	{"mutates-header", []string{"request-untouched"}, contractBefore(func(req *http.Request) {
		req.Header.Set("X-Attempt", "1")
	})},
	{"appends-to-header-values", []string{"request-untouched"}, contractBefore(func(req *http.Request) {
		_ = append(req.Header["X-Spare"], "two")
	})},
	{"mutates-and-restores", []string{"request-untouched"}, contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		method := req.Method
		req.Method = http.MethodPost
		defer func() { req.Method = method }()
		return base.RoundTrip(req)
	})},
	{"replaces-body", []string{"request-untouched"}, contractBefore(func(req *http.Request) {
		if req.Body != nil {
			req.Body = struct{ io.ReadCloser }{req.Body}
		}
	})},
	{"remembers-requests", []string{"request-reused"}, contractRemembers},
	{"buffers-request", []string{"request-streamed", "expect-continue"}, contractCopying(func(req *http.Request) {
		data, _ := io.ReadAll(req.Body)
		req.Body.Close()
		req.Body = io.NopCloser(bytes.NewReader(data))
	})},
	{"hides-close", []string{"body-closed-once", "bad-request"}, contractCopying(func(req *http.Request) {
		req.Body = io.NopCloser(req.Body)
	})},
	{"closes-twice", []string{"body-closed-once"}, contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			defer req.Body.Close()
		}
		return base.RoundTrip(req)
	})},
	{"repeats-without-rewinding", []string{"body-whole"}, func(base http.RoundTripper) http.RoundTripper {
		r := newContractRepeater(base)
		r.rewind = func(req *http.Request) (io.ReadCloser, error) { return req.Body, nil }
		return r
	}},
	{"leaks-response", []string{"responses-closed", "one-connection"}, contractDiscarding(func(*http.Response) {})},
	{"closes-without-draining", []string{"responses-closed"}, contractDiscarding(func(resp *http.Response) {
		resp.Body.Close()
	})},
	{"drains-for-ever", []string{"drain-bounded"}, contractDiscarding(func(resp *http.Response) {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	})},
	{"response-and-error", []string{"response-or-error"}, contractAfter(func(resp *http.Response) (*http.Response, error) {
		if resp.StatusCode == http.StatusPreconditionFailed {
			return resp, errors.New("conflict")
		}
		return resp, nil
	})},
	{"neither-response-nor-error", []string{"response-or-error"}, contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, _ := base.RoundTrip(req)
		return resp, nil
	})},
	{"buffers-answer", []string{"response-unread", "response-streamed"}, contractAfter(func(resp *http.Response) (*http.Response, error) {
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(data))
		return resp, nil
	})},
	{"cancels-when-it-returns", []string{"response-streamed"}, contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		ctx, cancel := context.WithCancel(req.Context())
		defer cancel()
		return base.RoundTrip(req.WithContext(ctx))
	})},
	{"drops-response-request", []string{"response-fields"}, contractAfter(func(resp *http.Response) (*http.Response, error) {
		resp.Request = nil
		return resp, nil
	})},
	{"follows-redirects", []string{"redirects-returned", "credentials-stay"}, func(base http.RoundTripper) http.RoundTripper {
		client := &http.Client{Transport: base}
		return contractFunc(func(req *http.Request) (*http.Response, error) {
			return client.Do(req)
		})
	}},
	{"clones-trailers", []string{"trailers"}, contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		return base.RoundTrip(req.Clone(req.Context()))
	})},
	{"hides-writer", []string{"switching-protocols"}, contractAfter(func(resp *http.Response) (*http.Response, error) {
		resp.Body = struct{ io.ReadCloser }{resp.Body}
		return resp, nil
	})},
	{"drops-context", []string{"informational", "cancel"}, contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second) // so that the suite ends
		context.AfterFunc(ctx, cancel)
		return base.RoundTrip(req.WithContext(ctx))
	})},
	{"closes-idle-connections", []string{"idle-connections"}, contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if err != nil {
			(&contractWrapper{base}).CloseIdleConnections()
		}
		return resp, err
	})},
	{"hides-close-idle-connections", []string{"idle-connections"}, func(base http.RoundTripper) http.RoundTripper {
		return contractFunc(base.RoundTrip)
	}},
	{"leaks-goroutine", []string{"no-goroutine-left"}, contractBefore(func(*http.Request) {
		go time.Sleep(time.Minute)
	})},
	{"one-at-a-time", []string{"concurrent"}, contractOneAtATime},
	{"panics-without-url", []string{"bad-request"}, contractBefore(func(req *http.Request) {
		_ = req.URL.Host
	})},
}

// contractFunc is a RoundTripper made of a function.
type contractFunc func(*http.Request) (*http.Response, error)

func (f contractFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// contractHooked is a contractWrapper with another RoundTrip.
type contractHooked struct {
	contractWrapper
	send func(base http.RoundTripper, req *http.Request) (*http.Response, error)
}

func (h *contractHooked) RoundTrip(req *http.Request) (*http.Response, error) {
	return h.send(h.base, req)
}

// contractInstead makes wrappers whose RoundTrip is send.
func contractInstead(send func(base http.RoundTripper, req *http.Request) (*http.Response, error)) func(http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper {
		return &contractHooked{contractWrapper{base}, send}
	}
}

// contractBefore makes wrappers that do something to the caller's request.
func contractBefore(f func(*http.Request)) func(http.RoundTripper) http.RoundTripper {
	return contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		f(req)
		return base.RoundTrip(req)
	})
}

// contractCopying makes wrappers that change a copy of a request with a body.
func contractCopying(f func(*http.Request)) func(http.RoundTripper) http.RoundTripper {
	return contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		req = req.WithContext(req.Context())
		if req.Body != nil {
			f(req)
		}
		return base.RoundTrip(req)
	})
}

// contractAfter makes wrappers that do something to the response.
func contractAfter(f func(*http.Response) (*http.Response, error)) func(http.RoundTripper) http.RoundTripper {
	return contractInstead(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		return f(resp)
	})
}

// contractDiscarding makes repeaters that treat responses which they don't
// return in their own way.
func contractDiscarding(discard func(*http.Response)) func(http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper {
		r := newContractRepeater(base)
		r.discard = discard
		return r
	}
}

// contractRemembers makes wrappers that send each request value once.
func contractRemembers(base http.RoundTripper) http.RoundTripper {
	var seen sync.Map
	return contractFunc(func(req *http.Request) (*http.Response, error) {
		if _, ok := seen.LoadOrStore(req, true); ok {
			return nil, errors.New("sent before")
		}
		return base.RoundTrip(req)
	})
}

// contractOneAtATime makes wrappers that refuse a call while another runs.
func contractOneAtATime(base http.RoundTripper) http.RoundTripper {
	var busy sync.Mutex
	return contractFunc(func(req *http.Request) (*http.Response, error) {
		if !busy.TryLock() {
			return nil, errors.New("busy")
		}
		defer busy.Unlock()
		return base.RoundTrip(req)
	})
}

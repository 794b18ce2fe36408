package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/hashicorp/go-retryablehttp"
	"k8s.io/client-go/util/retry"
	"resty.dev/v3"

	"github.com/ifmatch-go/ifmatch"
)

// errRefused is a 412.
var errRefused = errors.New("refused")

// adders are ways to add, by name. Each gets a client of its own for base.
var adders = map[string]func(base http.RoundTripper) adder{
	"Update":           addByUpdate,
	"Resource":         addByResource,
	"by hand":          addByHand,
	"backoff":          addByBackoff,
	"failsafe-go":      addByFailsafe,
	"client-go":        addByClientGo,
	"go-retryablehttp": addByRetryableHTTP,
	"resty":            addByResty,
}

func addOne(d *document) error { d.N++; return nil }

func addByUpdate(base http.RoundTripper) adder {
	client := &http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop)}
	return func(ctx context.Context, url string) error {
		_, err := ifmatch.Update(ctx, client, url, addOne)
		return err
	}
}

func addByResource(base http.RoundTripper) adder {
	client := &http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop)}
	var resources sync.Map
	return func(ctx context.Context, url string) error {
		r, ok := resources.Load(url)
		if !ok {
			r, _ = resources.LoadOrStore(url, ifmatch.NewResource[document](client, url))
		}
		_, err := r.(*ifmatch.Resource[document]).Update(ctx, addOne)
		return err
	}
}

// once reads a document, adds to it, and writes it under its tag. It keeps no member that the
// type doesn't know: that is the least that anybody does.
func once(ctx context.Context, client *http.Client, url string) error {
	tag, body, err := edited(ctx, client, url)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("If-Match", tag)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return refusal(resp.StatusCode)
}

// edited reads a document and adds to it.
func edited(ctx context.Context, client *http.Client, url string) (tag string, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", nil, err
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return "", nil, err
	}
	addOne(&d)
	body, err = json.Marshal(d)
	return resp.Header.Get("ETag"), body, err
}

func refusal(status int) error {
	switch {
	case status == http.StatusPreconditionFailed:
		return errRefused
	case status/100 != 2:
		return fmt.Errorf("status %d", status)
	}
	return nil
}

func addByHand(base http.RoundTripper) adder {
	client := &http.Client{Transport: base}
	return func(ctx context.Context, url string) error {
		for range 16 {
			if err := once(ctx, client, url); err != errRefused {
				return err
			}
		}
		return errRefused
	}
}

func addByBackoff(base http.RoundTripper) adder {
	client := &http.Client{Transport: base}
	return func(ctx context.Context, url string) error {
		b := backoff.NewExponentialBackOff(backoff.WithInitialInterval(time.Millisecond))
		return backoff.Retry(func() error {
			err := once(ctx, client, url)
			if err != nil && err != errRefused {
				return backoff.Permanent(err)
			}
			return err
		}, b)
	}
}

func addByFailsafe(base http.RoundTripper) adder {
	client := &http.Client{Transport: base}
	policy := retrypolicy.NewBuilder[any]().HandleErrors(errRefused).WithMaxRetries(15).
		WithBackoff(time.Millisecond, 100*time.Millisecond).Build()
	return func(ctx context.Context, url string) error {
		return failsafe.With(policy).RunWithExecution(func(failsafe.Execution[any]) error { return once(ctx, client, url) })
	}
}

func addByClientGo(base http.RoundTripper) adder {
	client := &http.Client{Transport: base}
	pace := retry.DefaultRetry // 10 ms at first
	pace.Steps, pace.Duration = 16, time.Millisecond
	return func(ctx context.Context, url string) error {
		return retry.OnError(pace, func(err error) bool { return err == errRefused }, func() error { return once(ctx, client, url) })
	}
}

// addByRetryableHTTP makes a refused PUT anew in a hook. Each attempt takes its body from a
// function, so the hook leaves it there.
func addByRetryableHTTP(base http.RoundTripper) adder {
	reader := &http.Client{Transport: base}
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: base}
	client.Logger = nil
	client.RetryWaitMin, client.RetryWaitMax, client.RetryMax = time.Millisecond, 100*time.Millisecond, 15
	client.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		return err == nil && resp.StatusCode == http.StatusPreconditionFailed, nil
	}
	type (
		newest struct{ body []byte }
		key    struct{}
	)
	client.PrepareRetry = func(req *http.Request) error {
		tag, body, err := edited(req.Context(), reader, req.URL.String())
		if err != nil {
			return err
		}
		req.Header.Set("If-Match", tag)
		req.ContentLength = int64(len(body))
		req.Context().Value(key{}).(*newest).body = body
		return nil
	}
	return func(ctx context.Context, url string) error {
		tag, body, err := edited(ctx, reader, url)
		if err != nil {
			return err
		}
		last := &newest{body}
		ctx = context.WithValue(ctx, key{}, last)
		req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPut, url,
			func() (io.Reader, error) { return bytes.NewReader(last.body), nil })
		if err != nil {
			return err
		}
		req.Header.Set("If-Match", tag)
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return refusal(resp.StatusCode)
	}
}

// addByResty makes a refused PUT anew in a hook.
func addByResty(base http.RoundTripper) adder {
	reader := &http.Client{Transport: base}
	client := resty.NewWithClient(&http.Client{Transport: base})
	client.SetRetryCount(15).SetRetryWaitTime(time.Millisecond).SetRetryMaxWaitTime(100 * time.Millisecond)
	client.AddRetryConditions(func(resp *resty.Response, err error) bool {
		return err == nil && resp.StatusCode() == http.StatusPreconditionFailed
	})
	return func(ctx context.Context, url string) error {
		tag, body, err := edited(ctx, reader, url)
		if err != nil {
			return err
		}
		resp, err := client.R().SetContext(ctx).SetBody(body).SetHeader("If-Match", tag).
			AddRetryHooks(func(resp *resty.Response, err error) {
				if tag, body, err := edited(ctx, reader, url); err == nil {
					resp.Request.SetHeader("If-Match", tag).SetBody(body)
				}
			}).Put(url)
		if err != nil {
			return err
		}
		return refusal(resp.StatusCode())
	}
}

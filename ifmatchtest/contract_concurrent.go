package ifmatchtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
)

// contractConcurrent proves that calls on one RoundTripper don't disturb each
// other: 32 goroutines send 10 requests each, and each gets its own answer.
func contractConcurrent(t *testing.T, wrap contractWrap) {
	document := &contractDocument{}
	origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Call", r.Header.Get("X-Call"))
		document.ServeHTTP(w, r)
	}))
	rt := wrap(newContractTransport(t))
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := range 10 {
				if err := contractMixed(t.Context(), rt, origin.URL, g, i); err != nil {
					t.Errorf("goroutine %d, request %d: %v", g, i, err)
				}
			}
		})
	}
	contractWithin(t, "a call", wg.Wait)
}

// contractMixed sends one of several kinds of requests and checks that its answer
// is the answer to this call.
func contractMixed(ctx context.Context, rt http.RoundTripper, origin string, g, i int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, contractPatience)
	defer cancel()
	call := fmt.Sprintf("%d-%d", g, i)
	req := contractKind(ctx, origin, g, i, call)
	req.Header.Set("X-Call", call)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("%s: %w", req.Method, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if got := resp.Header.Get("X-Call"); got != call {
		return fmt.Errorf("%s got the answer to call %q", req.Method, got)
	}
	refused := req.Method == http.MethodPut && resp.StatusCode == http.StatusPreconditionFailed
	if resp.StatusCode != http.StatusOK && !refused {
		return fmt.Errorf("%s got %s", req.Method, resp.Status)
	}
	return nil
}

// contractKind makes request i of goroutine g: a read of what all share, or a read
// or write of what this goroutine has alone.
func contractKind(ctx context.Context, origin string, g, i int, data string) *http.Request {
	own := fmt.Sprintf("%s/%d", origin, g)
	upload := &contractUpload{data: data}
	switch i % 5 {
	case 0:
		return contractRequest(ctx, http.MethodGet, origin+"/shared")
	case 1:
		return contractRequest(ctx, http.MethodHead, own)
	case 2:
		return upload.request(ctx, http.MethodPost, own, true)
	case 3:
		return upload.request(ctx, http.MethodPut, own, true)
	default:
		return upload.request(ctx, http.MethodPut, own, false)
	}
}

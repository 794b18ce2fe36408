package ifmatch

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestMoreMutants(t *testing.T) {
	// An invalid date is a precondition, so a 428 beside it isn't the policy's.
	if got, s := scripted(t, Resend, []string{"If-Unmodified-Since: yesterday"}, nil, says{status: 428}, ok(`Etag: "v2"`), ok()); len(s.got) != 1 {
		t.Error(got.summary())
	}
	// A known length beyond the limit isn't read at all.
	for _, policy := range []Policy{Resend, rebuilding} {
		read := &counted{}
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 412, Header: http.Header{"Etag": {`"v2"`}}, Body: http.NoBody, Request: r}
			if r.Method == "GET" {
				resp.StatusCode, resp.Body, resp.ContentLength = 200, read, 8<<20
			} else if r.Method == "HEAD" {
				resp.StatusCode = 405
			}
			return resp, nil
		})
		req, _ := http.NewRequest("PUT", "http://example.test/", nil)
		req.Header.Set("If-Match", `"v1"`)
		NewTransport(base, policy, WithMaxRepresentation(1<<20), WithMaxAttempts(2)).RoundTrip(req)
		if read.n > 0 || read.closed != 1 {
			t.Errorf("%d bytes read, closed %d times", read.n, read.closed)
		}
	}
	// The pace follows the measured round trip.
	synctest.Test(t, func(t *testing.T) {
		var longest time.Duration
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			time.Sleep(200 * time.Millisecond)
			return refusing{}.RoundTrip(r)
		})
		for range 20 {
			req, _ := http.NewRequest("PUT", "http://example.test/", nil)
			req.Header.Set("If-Match", `"v1"`)
			got := sendVia(t, NewTransport(base, Resend), req)
			longest = max(longest, got.outcome.Waited)
		}
		if longest < 100*time.Millisecond {
			t.Errorf("waited at most %v after round trips of 200 ms", longest)
		}
	})
}

type counted struct {
	n      int
	closed int
}

func (c *counted) Read(p []byte) (int, error) { c.n += len(p); return len(p), nil }
func (c *counted) Close() error               { c.closed++; return nil }

var _ io.ReadCloser = (*counted)(nil)

package gcs

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
)

type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func atOnce() backoff.BackOff { return &backoff.ZeroBackOff{} }

// TestWriteInterval: an object takes one write a second, so that after 429 the next one goes out
// no sooner, also where the answer doesn't say so.
func TestWriteInterval(t *testing.T) {
	for name, d := range map[string]dialect.Dialect{
		"https://storage.googleapis.com/b/o": XML(), "https://storage.googleapis.com/storage/v1/b/b/o/o?ifGenerationMatch=7": JSON(),
	} {
		synctest.Test(t, func(t *testing.T) {
			var sent []time.Time
			server := answers(func(req *http.Request) (*http.Response, error) {
				sent = append(sent, time.Now())
				status := http.StatusTooManyRequests
				if len(sent) > 1 {
					status = http.StatusOK
				}
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
			})
			req, err := http.NewRequest(http.MethodPut, name, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			if d.Name == XML().Name {
				req.Header.Set("X-Goog-If-Generation-Match", "7")
			}
			resp, err := ifmatch.NewTransport(server, ifmatch.Stop, ifmatch.WithDialect(d), ifmatch.WithTransientBackoff(atOnce)).RoundTrip(req)
			if err != nil || resp.StatusCode != http.StatusOK || len(sent) != 2 || sent[1].Sub(sent[0]) < time.Second {
				t.Errorf("%s: %v, %v, sent at %v", d.Name, resp, err, sent)
			}
		})
	}
}

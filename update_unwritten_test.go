package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestNothingWritten: what wasn't written is known to be not applied.
func TestNothingWritten(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c, why := origin.Client(), errors.New("no")
		fails := func(*counter) error { return why }
		untagged := &http.Client{Transport: baseFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := c.Transport.RoundTrip(req)
			if err == nil {
				resp.Header.Del("ETag")
			}
			return resp, err
		})}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		r := NewResource[counter](c, url, WithEditLimit(time.Second))
		tests := map[string]struct {
			do   func(ctx context.Context) (Snapshot[counter], error)
			want error // nil: none
		}{
			"a read": {func(ctx context.Context) (Snapshot[counter], error) { return Get[counter](ctx, c, url) }, nil},
			"no change": {func(ctx context.Context) (Snapshot[counter], error) {
				return Update(ctx, c, url, func(*counter) error { return nil })
			}, nil},
			"no change, shared": {func(ctx context.Context) (Snapshot[counter], error) {
				return r.Update(ctx, func(*counter) error { return nil })
			}, nil},
			"an edit that fails":         {func(ctx context.Context) (Snapshot[counter], error) { return Update(ctx, c, url, fails) }, why},
			"an edit that fails, shared": {func(ctx context.Context) (Snapshot[counter], error) { return r.Update(ctx, fails) }, why},
			"a slow edit": {func(ctx context.Context) (Snapshot[counter], error) {
				return r.Update(ctx, func(*counter) error { time.Sleep(2 * time.Second); return nil })
			}, ErrEditLimit},
			"absent": {func(ctx context.Context) (Snapshot[counter], error) {
				return Update(ctx, c, origin.URL+"/none", addOne)
			}, errAny},
			"without a tag": {func(ctx context.Context) (Snapshot[counter], error) {
				return Update(ctx, untagged, url, addOne)
			}, ErrNoValidator},
			"a wrong option": {func(ctx context.Context) (Snapshot[counter], error) {
				return Update(ctx, c, url, addOne, OnConflict(Stop))
			}, errAny},
			"no edit":   {func(ctx context.Context) (Snapshot[counter], error) { return Update[counter](ctx, c, url, nil) }, errNilEdit},
			"cancelled": {func(context.Context) (Snapshot[counter], error) { return r.Update(ended, addOne) }, context.Canceled},
		}
		for name, test := range tests {
			o := Outcome{Attempts: 7}
			got, err := test.do(WithOutcome(t.Context(), &o))
			if (err == nil) != (test.want == nil) || test.want != nil && test.want != errAny && !errors.Is(err, test.want) {
				t.Errorf("%s: error %v, want %v", name, err, test.want)
			}
			if got.Outcome.Effect != EffectNotApplied || got.Outcome.Attempts != 0 {
				t.Errorf("%s: %+v", name, got.Outcome)
			}
			if name != "cancelled" && (o.Effect != EffectNotApplied || o.Attempts != 0) {
				t.Errorf("%s: WithOutcome has %+v", name, o)
			}
		}
		if strings.Contains(requests(origin), "PUT") {
			t.Error(requests(origin))
		}
	})
}

// TestZeroResource: it can't be used, and says so.
func TestZeroResource(t *testing.T) {
	var r Resource[counter]
	_, err := r.Update(t.Context(), addOne)
	_, err2 := r.Get(t.Context())
	for _, err := range []error{err, err2} {
		if err == nil || !strings.Contains(err.Error(), "NewResource") {
			t.Error(err)
		}
	}
}

// TestUpdateKeepsSecrets: neither the password nor the query of a URL is in an
// error of Get, Update and Resource.
func TestUpdateKeepsSecrets(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		dead := &http.Client{Transport: baseFunc(func(req *http.Request) (*http.Response, error) {
			if req.Body != nil {
				req.Body.Close()
			}
			return nil, io.ErrUnexpectedEOF
		})}
		once := WithTransientRetry(nil)
		answering := &http.Client{Transport: baseFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodGet {
				return dead.Transport.RoundTrip(req)
			}
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"v1"`}}, Request: req,
				Body: io.NopCloser(strings.NewReader(`{"n":1}`)), ContentLength: 7,
			}, nil
		})}
		for _, url := range []string{
			"http://hushuser:hushpass@example.com/%zz?sig=hushsig",
			"http://hushuser:hushpass@example.com/doc?sig=hushsig",
		} {
			_, getErr := Get[counter](t.Context(), dead, url, once)
			_, updateErr := Update(t.Context(), answering, url, addOne, once)
			_, sharedErr := NewResource[counter](answering, url, once).Update(t.Context(), addOne)
			for what, err := range map[string]error{"Get": getErr, "Update": updateErr, "Resource": sharedErr} {
				if err == nil || strings.Contains(err.Error(), "hush") {
					t.Errorf("%s: %v", what, err)
				}
				if !strings.Contains(url, "%zz") && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s: %v is not the error of the base", what, err)
				}
			}
		}
	})
}

// TestLogOfFailures: a failure isn't called a conflict, and the reason is logged,
// as much of it as is good for a log.
func TestLogOfFailures(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var log bytes.Buffer
		logger := WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
		origin.Inject(replying(http.MethodPut, 1, http.StatusServiceUnavailable))
		got := send(t, origin, Resend, http.MethodPut, []string{`If-Match: "v2"`}, logger)
		if text := log.String(); got.exchanges() != "PUT 503, PUT 204" || !strings.Contains(text, "failure resolved") || strings.Contains(text, "conflict") {
			t.Errorf("%s\n%s", got.exchanges(), text)
		}
		log.Reset()
		long := errors.New(strings.Repeat("long ", 1000))
		fails := PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, long })
		send(t, origin, fails, http.MethodPut, []string{stale}, logger)
		if text := log.String(); !strings.Contains(text, "conflict not resolved") || !strings.Contains(text, "err=\"long long") || len(text) > 1000 {
			t.Errorf("%d bytes: %.300s", len(text), text)
		}
	})
}

package ifmatchtest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// contractCancel proves that a call ends soon after its context, its deadline
// or its Cancel channel, whatever it is waiting for, and with the context's
// error.
func contractCancel(t *testing.T, wrap contractWrap) {
	t.Run("before", func(t *testing.T) {
		origin := newContractOrigin(t, &contractDocument{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := contractWriteError(ctx, t, wrap, origin.URL); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want one that is context.Canceled", err)
		}
	})
	t.Run("silent-origin", func(t *testing.T) { contractCancelWaiting(t, wrap) })
	t.Run("deadline", func(t *testing.T) {
		origin, _ := newContractSilent(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := contractWriteError(ctx, t, wrap, origin.URL); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want one that is context.DeadlineExceeded", err)
		}
	})
	t.Run("request-cancel", func(t *testing.T) { contractCancelChannel(t, wrap) })
	t.Run("silent-refresh", func(t *testing.T) { contractCancelRefresh(t, wrap) })
	t.Run("response-body", func(t *testing.T) { contractCancelResponse(t, wrap) })
}

// contractWriteError sends a write under ctx and returns its error.
func contractWriteError(ctx context.Context, t *testing.T, wrap contractWrap, url string) error {
	t.Helper()
	upload := &contractUpload{data: "the new state"}
	_, err := contractDo(t, wrap(newContractTransport(t)), upload.request(ctx, http.MethodPut, url, true))
	return err
}

// newContractSilent starts an origin that reads requests and doesn't answer.
// The channel is closed when the first has arrived.
func newContractSilent(t *testing.T) (*contractOrigin, <-chan struct{}) {
	t.Helper()
	arrived := make(chan struct{})
	var once sync.Once
	origin := newContractOrigin(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		once.Do(func() { close(arrived) })
		<-r.Context().Done()
	}))
	return origin, arrived
}

// contractCancelWaiting cancels a call that waits for an answer.
func contractCancelWaiting(t *testing.T, wrap contractWrap) {
	origin, arrived := newContractSilent(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		select {
		case <-arrived:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := contractWriteError(ctx, t, wrap, origin.URL); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want one that is context.Canceled", err)
	}
}

// contractCancelChannel closes the Cancel channel of a call that waits for an
// answer. Any error will do.
func contractCancelChannel(t *testing.T, wrap contractWrap) {
	origin, arrived := newContractSilent(t)
	upload := &contractUpload{data: "the new state"}
	req := upload.request(t.Context(), http.MethodPut, origin.URL, true)
	req.Cancel = arrived //nolint:staticcheck // deprecated, and yet a field of each request
	if _, err := contractDo(t, wrap(newContractTransport(t)), req); err == nil {
		t.Error("RoundTrip returned no error")
	}
}

// contractCancelRefresh cancels a call when the origin has refused a write and
// doesn't answer a read. A call that returned the refusal before is fine.
func contractCancelRefresh(t *testing.T, wrap contractWrap) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		cancel()
		<-r.Context().Done()
	}))
	upload := &contractUpload{data: "the new state"}
	resp, err := contractDo(t, wrap(newContractTransport(t)), upload.request(ctx, http.MethodPut, origin.URL, true))
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want none or one that is context.Canceled", err)
	}
	if err == nil && resp.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("status %d, want 412", resp.StatusCode)
	}
}

// contractCancelResponse cancels the context after RoundTrip has returned, when
// the rest of the response body isn't there yet.
func contractCancelResponse(t *testing.T, wrap contractWrap) {
	origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first ")
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(contractStall):
		}
	}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp := contractMust(t, wrap(newContractTransport(t)), contractRequest(ctx, http.MethodGet, origin.URL))
	cancel()
	var err error
	contractWithin(t, "reading the response body", func() { _, err = io.Copy(io.Discard, resp.Body) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("reading the response body ended with %v, want an error that is context.Canceled", err)
	}
}

package sdks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/gcs"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
)

// gcsClient returns a client over ifmatch. In place of network stands what adds
// the token; it may as well be above, since a token covers no condition.
func gcsClient(ctx context.Context, endpoint string, network http.RoundTripper, onConflict ifmatch.Policy, opts ...ifmatch.Option) (*storage.Client, error) {
	httpClient := &http.Client{Transport: ifmatch.NewTransport(network, onConflict, opts...)}
	return storage.NewClient(ctx, option.WithHTTPClient(httpClient), option.WithEndpoint(endpoint), storage.WithJSONReads())
}

// gcsPut writes text, if the object's generation is the given one where it isn't 0.
func gcsPut(ctx context.Context, object *storage.ObjectHandle, text string, generation int64) (int64, error) {
	if generation != 0 {
		object = object.If(storage.Conditions{GenerationMatch: generation})
	}
	w := object.NewWriter(ctx)
	if _, err := io.WriteString(w, text); err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	return w.Attrs().Generation, nil
}

// The condition is in the query, which is another dialect than RFC 9110: as long as
// none is set, such a write passes through, whatever the policy.
func TestGCSWithoutDialect(t *testing.T) {
	needs(t, "gcs")
	for _, policy := range []ifmatch.BuiltinPolicy{ifmatch.Stop, ifmatch.Resend} {
		t.Run(policy.String(), func(t *testing.T) {
			var network wire
			client, err := gcsClient(t.Context(), env(t, "GCS")+"storage/v1/", &network, policy)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			object := client.Bucket(env(t, "GCS_BUCKET")).Object(fmt.Sprintf("sdk/%v", policy))
			stale, err := gcsPut(t.Context(), object, "first", 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := gcsPut(t.Context(), object, "theirs", stale); err != nil {
				t.Fatal(err)
			}
			network.take()

			var outcome ifmatch.Outcome
			_, err = gcsPut(ifmatch.WithOutcome(t.Context(), &outcome), object, "ours", stale)
			var refusal *googleapi.Error
			if !errors.As(err, &refusal) || refusal.Code != http.StatusPreconditionFailed {
				t.Errorf("got %v, want 412", err)
			}
			network.expect(t, "POST 412")
			ended(t, outcome, ifmatch.EffectNotApplied, ifmatch.CauseUnattributed)
		})
	}
}

// With the dialect the generation in the query is rewritten, and nothing else of
// the SDK's upload.
func TestGCSWithDialect(t *testing.T) {
	needs(t, "gcs")
	var network wire
	client, err := gcsClient(t.Context(), env(t, "GCS")+"storage/v1/", &network, ifmatch.Resend, ifmatch.WithDialect(gcs.JSON()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	object := client.Bucket(env(t, "GCS_BUCKET")).Object("sdk/with dialect")
	stale, err := gcsPut(t.Context(), object, "first", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gcsPut(t.Context(), object, "theirs", stale); err != nil {
		t.Fatal(err)
	}
	network.take()

	var outcome ifmatch.Outcome
	if _, err := gcsPut(ifmatch.WithOutcome(t.Context(), &outcome), object, "ours", stale); err != nil {
		t.Fatal(err)
	}
	network.expect(t, "POST 412, GET 200, POST 200")
	ended(t, outcome, ifmatch.EffectApplied, ifmatch.CauseChanged)
	r, err := object.NewReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if text, err := io.ReadAll(r); err != nil || string(text) != "ours" {
		t.Errorf("got %q, %v", text, err)
	}
}

package sdks

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/adapters/azifmatch"
)

// blobClient returns a client whose conditional writes are ifmatch's.
func blobClient(url string, key *azblob.SharedKeyCredential, network policy.Transporter, onConflict ifmatch.Policy) (*azblob.Client, error) {
	var options azblob.ClientOptions
	options.Transport = network // nil: the SDK's own
	options.PerCallPolicies = []policy.Policy{azifmatch.New(onConflict)}
	return azblob.NewClientWithSharedKeyCredential(url, key, &options)
}

func sharedKey(t *testing.T) *azblob.SharedKeyCredential {
	t.Helper()
	key, err := azblob.NewSharedKeyCredential(env(t, "AZURE_ACCOUNT"), env(t, "AZURE_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// blobPut writes text, under If-Match where there is a tag.
func blobPut(ctx context.Context, client *azblob.Client, name, text string, tag *azcore.ETag) (*azcore.ETag, error) {
	options := &azblob.UploadBufferOptions{AccessConditions: &blob.AccessConditions{
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: tag},
	}}
	answer, err := client.UploadBuffer(ctx, "container", name, []byte(text), options)
	return answer.ETag, err
}

func blobGet(t *testing.T, client *azblob.Client, name string) string {
	t.Helper()
	answer, err := client.DownloadStream(t.Context(), "container", name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blobStale makes a blob that has changed since the tag that it returns.
func blobStale(t *testing.T, client *azblob.Client, name string) *azcore.ETag {
	t.Helper()
	stale, err := blobPut(t.Context(), client, name, "first", nil)
	if err == nil {
		_, err = blobPut(t.Context(), client, name, "theirs", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return stale
}

func TestBlob(t *testing.T) {
	needs(t, "azurite")
	for _, c := range []struct {
		name   string
		policy ifmatch.Policy
		fail   int
		sent   string
		state  string
		effect ifmatch.Effect
		cause  ifmatch.Cause
		status int // of the SDK's error; 0: none
	}{
		{"stop", ifmatch.Stop, 0, "PUT 412", "theirs", ifmatch.EffectNotApplied, ifmatch.CauseUnexamined, 412},
		{"resend", ifmatch.Resend, 0, "PUT 412, HEAD 200, PUT 201", "ours", ifmatch.EffectApplied, ifmatch.CauseChanged, 0},
		{"rebuild", appendOurs, 0, "PUT 412, GET 200, PUT 201", "theirs and ours", ifmatch.EffectApplied, ifmatch.CauseChanged, 0},
		{"one 503", ifmatch.Resend, 1, "PUT 503, PUT 412, GET 200, PUT 201", "ours", ifmatch.EffectApplied, ifmatch.CauseUnattributed, 0},
		// three repeats, by ifmatch; the SDK makes none on top
		{"down", ifmatch.Resend, 99, "PUT 503, PUT 503, PUT 503, PUT 503", "theirs", ifmatch.EffectUnknown, ifmatch.CauseNone, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			var network wire
			client, err := blobClient(env(t, "AZURE_BLOB"), sharedKey(t), &http.Client{Transport: &network}, c.policy)
			if err != nil {
				t.Fatal(err)
			}
			name := "sdk/a name+" + c.name
			stale := blobStale(t, client, name)
			network.take()

			network.fail = c.fail
			var outcome ifmatch.Outcome
			_, err = blobPut(ifmatch.WithOutcome(t.Context(), &outcome), client, name, "ours", stale)
			network.expect(t, c.sent)
			ended(t, outcome, c.effect, c.cause)
			var answer *azcore.ResponseError
			switch {
			case c.status == 0 && err != nil:
				t.Error(err)
			case c.status != 0 && (!errors.As(err, &answer) || answer.StatusCode != c.status):
				t.Errorf("got %v, want %d", err, c.status)
			case c.status == 412 && !bloberror.HasCode(err, bloberror.ConditionNotMet):
				t.Errorf("got %v, want ConditionNotMet", err)
			}
			if got := blobGet(t, client, name); got != c.state {
				t.Errorf("state: got %q, want %q", got, c.state)
			}
		})
	}
	logged(t, "AZURE_LOG", `^PUT \S*a%20name\+resend 412 "\\"0x`)
	logged(t, "AZURE_LOG", `^PUT \S*a%20name\+resend 201 "\\"0x`)
}

// Below the signer: as the SDK's Transport, and as one of the PerRetryPolicies,
// which a client with a shared key runs after its signing policy.
func TestBlobSignedAbove(t *testing.T) {
	needs(t, "azurite")
	for _, name := range []string{"transport", "per retry"} {
		t.Run(name, func(t *testing.T) {
			var network wire
			var options azblob.ClientOptions
			options.Transport = &http.Client{Transport: &network}
			if name == "transport" {
				options.Transport = &http.Client{Transport: ifmatch.NewTransport(&network, ifmatch.Resend)}
			} else {
				options.PerRetryPolicies = []policy.Policy{azifmatch.New(ifmatch.Resend)}
			}
			client, err := azblob.NewClientWithSharedKeyCredential(env(t, "AZURE_BLOB"), sharedKey(t), &options)
			if err != nil {
				t.Fatal(err)
			}
			stale := blobStale(t, client, "sdk/above "+name)
			network.take()
			var outcome ifmatch.Outcome
			_, err = blobPut(ifmatch.WithOutcome(t.Context(), &outcome), client, "sdk/above "+name, "ours", stale)
			if !bloberror.HasCode(err, bloberror.ConditionNotMet) {
				t.Errorf("got %v, want ConditionNotMet", err)
			}
			network.expect(t, "PUT 412")
			signedAbove(t, outcome, "SharedKey")
		})
	}
}

// A SAS covers no header, so a Transport can be below.
func TestBlobSAS(t *testing.T) {
	needs(t, "azurite")
	network := new(wire)
	var options azblob.ClientOptions
	options.Transport = &http.Client{Transport: ifmatch.NewTransport(network, ifmatch.Resend)}
	options.Retry.MaxRetries = -1 // ifmatch repeats guarded writes, and knows which were ambiguous
	client, err := azblob.NewClientWithNoCredential(env(t, "AZURE_BLOB")+"?"+env(t, "AZURE_SAS"), &options)
	if err != nil {
		t.Fatal(err)
	}
	stale := blobStale(t, client, "sdk/sas")
	network.take()
	var outcome ifmatch.Outcome
	if _, err := blobPut(ifmatch.WithOutcome(t.Context(), &outcome), client, "sdk/sas", "ours", stale); err != nil {
		t.Error(err)
	}
	network.expect(t, "PUT 412, HEAD 200, PUT 201")
	ended(t, outcome, ifmatch.EffectApplied, ifmatch.CauseChanged)
	if got := blobGet(t, client, "sdk/sas"); got != "ours" {
		t.Errorf("state: got %q", got)
	}
}

// A policy's own error comes out of the SDK's call.
func TestBlobPolicyError(t *testing.T) {
	needs(t, "azurite")
	declined := errors.New("declined")
	policy := ifmatch.Rebuild(func(context.Context, *ifmatch.Representation) ([]byte, error) { return nil, declined })
	client, err := blobClient(env(t, "AZURE_BLOB"), sharedKey(t), nil, policy)
	if err != nil {
		t.Fatal(err)
	}
	stale := blobStale(t, client, "sdk/declined")
	_, err = blobPut(t.Context(), client, "sdk/declined", "ours", stale)
	var conflict *ifmatch.ConflictError
	if !errors.Is(err, declined) || !errors.As(err, &conflict) {
		t.Errorf("got %v, want a ConflictError with the policy's own", err)
	}
}

// One client, many writers: each adds a line of its own to what is there.
func TestBlobWriters(t *testing.T) {
	needs(t, "azurite")
	client, err := blobClient(env(t, "AZURE_BLOB"), sharedKey(t), nil, ifmatch.Stop)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := blobPut(t.Context(), client, "sdk/lines", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		line := fmt.Sprintf("line %d\n", i)
		add := ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
			return append(bytes.Clone(current.Body), line...), nil
		})
		wg.Go(func() {
			ctx := ifmatch.WithOptions(t.Context(), ifmatch.OnConflict(add), ifmatch.WithMaxAttempts(16))
			if _, err := blobPut(ctx, client, "sdk/lines", line, tag); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	text := blobGet(t, client, "sdk/lines")
	for i := range 16 {
		if line := fmt.Sprintf("line %d\n", i); strings.Count(text, line) != 1 {
			t.Errorf("%q is there %d times, want once", line, strings.Count(text, line))
		}
	}
}

// What described the old body doesn't go with a new one.
func TestBlobDigest(t *testing.T) {
	needs(t, "azurite")
	client, err := blobClient(env(t, "AZURE_BLOB"), sharedKey(t), nil, appendOurs)
	if err != nil {
		t.Fatal(err)
	}
	stale := blobStale(t, client, "sdk/digest")
	old, want := md5.Sum([]byte("ours")), md5.Sum([]byte("theirs and ours"))
	_, err = client.UploadBuffer(t.Context(), "container", "sdk/digest", []byte("ours"), &azblob.UploadBufferOptions{
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: stale}},
		HTTPHeaders:      &blob.HTTPHeaders{BlobContentMD5: old[:]},
	})
	if err != nil {
		t.Fatal(err)
	}
	properties, err := client.ServiceClient().NewContainerClient("container").NewBlobClient("sdk/digest").GetProperties(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := properties.ContentMD5; len(got) > 0 && !bytes.Equal(got, want[:]) {
		t.Errorf("MD5 of the blob: got %x, want %x; that of the replaced body is %x", got, want, old)
	}
}

// A lease refuses with 412, too, and no tag cures that.
func TestBlobLease(t *testing.T) {
	needs(t, "azurite")
	client, err := blobClient(env(t, "AZURE_BLOB"), sharedKey(t), nil, ifmatch.Resend)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := blobPut(t.Context(), client, "sdk/leased", "theirs", nil)
	if err != nil {
		t.Fatal(err)
	}
	leased := client.ServiceClient().NewContainerClient("container").NewBlobClient("sdk/leased")
	holder, err := lease.NewBlobClient(leased, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.AcquireLease(t.Context(), 15, nil); err != nil {
		t.Fatal(err)
	}
	defer holder.ReleaseLease(t.Context(), nil)
	var outcome ifmatch.Outcome
	_, err = blobPut(ifmatch.WithOutcome(t.Context(), &outcome), client, "sdk/leased", "ours", tag)
	if !bloberror.HasCode(err, bloberror.LeaseIDMissing) {
		t.Errorf("got %v, want LeaseIdMissing", err)
	}
	if outcome.Effect != ifmatch.EffectNotApplied {
		t.Errorf("outcome: got %v, want not applied", outcome.Effect)
	}
	if got := blobGet(t, client, "sdk/leased"); got != "theirs" {
		t.Errorf("state: got %q", got)
	}
}

package sdks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/adapters/azifmatch"
)

// addOne raises the count of an entity: what the Rebuild policy gets is the JSON
// that the service returns, with its annotations, which mustn't go back.
var addOne = ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
	var entity aztables.EDMEntity
	if err := json.Unmarshal(current.Body, &entity); err != nil {
		return nil, err
	}
	count, _ := entity.Properties["Count"].(int32)
	entity.Properties["Count"] = count + 1
	return json.Marshal(entity)
})

// tableClient returns a client whose conditional writes are ifmatch's.
func tableClient(t *testing.T, network http.RoundTripper, perCall, perRetry []policy.Policy) *aztables.Client {
	t.Helper()
	key, err := aztables.NewSharedKeyCredential(env(t, "AZURE_ACCOUNT"), env(t, "AZURE_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	var options aztables.ClientOptions
	options.Transport = &http.Client{Transport: network}
	options.PerCallPolicies = perCall
	options.PerRetryPolicies = perRetry
	client, err := aztables.NewClientWithSharedKey(env(t, "AZURE_TABLE")+env(t, "AZURE_TABLE_NAME"), key, &options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// tablePut replaces the entity, under If-Match where there is a tag.
func tablePut(ctx context.Context, client *aztables.Client, row string, count int32, tag *azcore.ETag) (azcore.ETag, error) {
	entity, err := json.Marshal(aztables.EDMEntity{
		Entity:     aztables.Entity{PartitionKey: "sdk", RowKey: row},
		Properties: map[string]any{"Count": count},
	})
	if err != nil {
		return "", err
	}
	if tag == nil {
		answer, err := client.UpsertEntity(ctx, entity, &aztables.UpsertEntityOptions{UpdateMode: aztables.UpdateModeReplace})
		return answer.ETag, err
	}
	answer, err := client.UpdateEntity(ctx, entity, &aztables.UpdateEntityOptions{IfMatch: tag, UpdateMode: aztables.UpdateModeReplace})
	return answer.ETag, err
}

func tableCount(t *testing.T, client *aztables.Client, row string) any {
	t.Helper()
	answer, err := client.GetEntity(t.Context(), "sdk", row, nil)
	if err != nil {
		t.Fatal(err)
	}
	var entity aztables.EDMEntity
	if err := json.Unmarshal(answer.Value, &entity); err != nil {
		t.Fatal(err)
	}
	return entity.Properties["Count"]
}

// tableStale makes an entity that has changed since the tag that it returns.
func tableStale(t *testing.T, client *aztables.Client, row string) *azcore.ETag {
	t.Helper()
	stale, err := tablePut(t.Context(), client, row, 1, nil)
	if err == nil {
		_, err = tablePut(t.Context(), client, row, 10, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &stale
}

func TestTable(t *testing.T) {
	needs(t, "azurite")
	for _, c := range []struct {
		name    string
		policy  ifmatch.Policy
		sent    string
		count   int32
		effect  ifmatch.Effect
		refused bool
	}{
		{"stop", ifmatch.Stop, "PUT 412", 10, ifmatch.EffectNotApplied, true},
		// the service answers HEAD with 400
		{"resend", ifmatch.Resend, "PUT 412, HEAD 400, GET 200, PUT 204", 2, ifmatch.EffectApplied, false},
		{"rebuild", addOne, "PUT 412, GET 200, PUT 204", 11, ifmatch.EffectApplied, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var network wire
			client := tableClient(t, &network, []policy.Policy{azifmatch.New(c.policy)}, nil)
			stale := tableStale(t, client, c.name)
			network.take()

			var outcome ifmatch.Outcome
			_, err := tablePut(ifmatch.WithOutcome(t.Context(), &outcome), client, c.name, 2, stale)
			network.expect(t, c.sent)
			cause := ifmatch.CauseChanged
			if c.refused {
				cause = ifmatch.CauseWeakValidator // of RFC 9110's rules: no dialect is set
			}
			ended(t, outcome, c.effect, cause)
			var refusal *azcore.ResponseError
			if !c.refused && err != nil {
				t.Error(err)
			} else if c.refused && (!errors.As(err, &refusal) || refusal.ErrorCode != "UpdateConditionNotSatisfied") {
				t.Errorf("got %v, want UpdateConditionNotSatisfied", err)
			}
			if got := tableCount(t, client, c.name); got != c.count {
				t.Errorf("count: got %v, want %d", got, c.count)
			}
		})
	}
}

func TestTableSignedAbove(t *testing.T) {
	needs(t, "azurite")
	var network wire
	client := tableClient(t, &network, nil, []policy.Policy{azifmatch.New(ifmatch.Resend)})
	stale := tableStale(t, client, "above")
	network.take()
	var outcome ifmatch.Outcome
	_, err := tablePut(ifmatch.WithOutcome(t.Context(), &outcome), client, "above", 2, stale)
	if err == nil {
		t.Error("got no error")
	}
	network.expect(t, "PUT 412")
	signedAbove(t, outcome, "SharedKeyLite")
}

// A merge is a PATCH, and an update without a tag says If-Match: *.
func TestTableMerge(t *testing.T) {
	needs(t, "azurite")
	var network wire
	client := tableClient(t, &network, []policy.Policy{azifmatch.New(ifmatch.Resend)}, nil)
	stale := tableStale(t, client, "merge")
	network.take()
	entity := []byte(`{"PartitionKey":"sdk","RowKey":"merge","Note":"ours"}`)
	if _, err := client.UpdateEntity(t.Context(), entity, &aztables.UpdateEntityOptions{IfMatch: stale, UpdateMode: aztables.UpdateModeMerge}); err != nil {
		t.Error(err)
	}
	network.expect(t, "PATCH 412, HEAD 400, GET 200, PATCH 204")
	if got := tableCount(t, client, "merge"); got != int32(10) {
		t.Errorf("count: got %v, want theirs, 10", got)
	}
	network.take()
	if _, err := client.UpdateEntity(t.Context(), entity, nil); err != nil {
		t.Error(err)
	}
	if tag := network.written.Get("If-Match"); tag != "*" {
		t.Errorf("update without a tag: If-Match %q, want *", tag)
	}
	if _, err := client.DeleteEntity(t.Context(), "sdk", "merge", nil); err != nil {
		t.Error(err)
	}
	if tag := network.written.Get("If-Match"); tag != "*" {
		t.Errorf("delete without a tag: If-Match %q, want *", tag)
	}
}

package dialects

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/commercetools"
)

// These tests run against an emulator that others wrote from the documentation, so they
// say nothing of commercetools itself. It compares no version in a DELETE.

type shopGroup struct {
	Version int
	Name    string
}

func shopRead(t *testing.T, url string) (g shopGroup) {
	t.Helper()
	_, text := docPlain(t, 200, "GET", url, "", nil)
	if err := json.Unmarshal([]byte(text), &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func shopRename(version int, name string) string {
	return fmt.Sprintf(`{"version":%d,"actions":[{"action":"changeName","name":%q}]}`, version, name)
}

// shopMake makes a group of version 2.
func shopMake(t *testing.T) (url string) {
	t.Helper()
	groups := docServer(t, "commercetools") + "customer-groups"
	key := "doc-" + docID()
	docPlain(t, 201, "POST", groups, fmt.Sprintf(`{"groupName":"first","key":%q}`, key), docJSON)
	url = groups + "/key=" + key
	docPlain(t, 200, "POST", url, shopRename(1, "theirs"), docJSON)
	return url
}

func TestCommercetoolsWrites(t *testing.T) {
	rebuild := ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		var g shopGroup
		err := json.Unmarshal(current.Body, &g)
		return []byte(shopRename(0, g.Name+" and mine")), err
	})
	for name, test := range map[string]struct {
		policy    ifmatch.Policy
		body      string
		status    int
		cause     ifmatch.Cause
		exchanges []string
		left      shopGroup
	}{
		"a fresh version": {ifmatch.Resend, shopRename(2, "mine"), 200, ifmatch.CauseNone, []string{"POST 200"}, shopGroup{3, "mine"}},
		"Stop":            {ifmatch.Stop, shopRename(1, "mine"), 409, ifmatch.CauseChanged, []string{"POST 409"}, shopGroup{2, "theirs"}},
		"Resend":          {ifmatch.Resend, shopRename(1, "mine"), 200, ifmatch.CauseChanged, []string{"POST 409", "POST 200"}, shopGroup{3, "mine"}},
		"Rebuild":         {rebuild, shopRename(1, "mine"), 200, ifmatch.CauseChanged, []string{"POST 409", "GET 200", "POST 200"}, shopGroup{3, "theirs and mine"}},
		"another refusal": {ifmatch.Resend, `{"version":1,"actions":[{"action":"none"}]}`, 400, ifmatch.CauseNone, []string{"POST 400"}, shopGroup{2, "theirs"}},
	} {
		t.Run(name, func(t *testing.T) {
			url := shopMake(t)
			status, _, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(commercetools.Dialect())}, test.policy, "POST", url, test.body, docJSON)
			docExpect(t, status, out, test.status, test.cause, test.exchanges...)
			if got := shopRead(t, url); got != test.left {
				t.Errorf("the group is %+v, want %+v", got, test.left)
			}
		})
	}
}

// TestCommercetoolsWriters: each of 8 writes under one version is applied once.
func TestCommercetoolsWriters(t *testing.T) {
	url := shopMake(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			opts := ifmatch.Options{ifmatch.WithDialect(commercetools.Dialect()), ifmatch.WithMaxAttempts(100)}
			status, text, out := docSend(t, opts, ifmatch.Resend, "POST", url, shopRename(2, fmt.Sprint("writer ", i)), docJSON)
			if status != 200 || out.Effect != ifmatch.EffectApplied {
				t.Errorf("got %d %s, %v", status, text, out.Effect)
			}
		})
	}
	all.Wait()
	if got := shopRead(t, url); got.Version != 10 {
		t.Errorf("the version is %d, want 10", got.Version)
	}
}

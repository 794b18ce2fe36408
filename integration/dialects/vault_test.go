package dialects

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/vault"
)

func vaultHeader(t *testing.T) http.Header {
	t.Helper()
	return http.Header{"X-Vault-Token": {storeEnv(t, "VAULT_TOKEN")}}
}

// vaultSecret makes a secret of two versions, the second of which is current, and
// returns its URL.
func vaultSecret(t *testing.T) string {
	t.Helper()
	url := docServer(t, "vault") + "secret/data/doc-" + docID()
	docPlain(t, 200, "POST", url, `{"data":{"stock":1}}`, vaultHeader(t))
	docPlain(t, 200, "POST", url, `{"options":{"cas":1},"data":{"stock":2}}`, vaultHeader(t))
	return url
}

// vaultHas compares a secret and its version.
func vaultHas(t *testing.T, url string, version int, stock int) {
	t.Helper()
	_, text := docPlain(t, 200, "GET", url, "", vaultHeader(t))
	var got struct {
		Data struct {
			Data     map[string]int
			Metadata struct{ Version int }
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Data.Data) != 1 || got.Data.Data["stock"] != stock || got.Data.Metadata.Version != version {
		t.Errorf("the secret is %s, want version %d and stock %d", text, version, stock)
	}
}

func TestVaultWrites(t *testing.T) {
	for name, test := range map[string]struct {
		policy    ifmatch.Policy
		method    string
		body      string
		status    int
		cause     ifmatch.Cause
		exchanges []string
		version   int
		stock     int
	}{
		"a fresh version":   {ifmatch.Resend, "PUT", `{"options":{"cas":2},"data":{"stock":5}}`, 200, ifmatch.CauseNone, []string{"PUT 200"}, 3, 5},
		"Stop":              {ifmatch.Stop, "POST", `{"options":{"cas":1},"data":{"stock":5}}`, 400, ifmatch.CauseChanged, []string{"POST 400"}, 2, 2},
		"Resend":            {ifmatch.Resend, "POST", `{"options":{"cas":1},"data":{"stock":5}}`, 200, ifmatch.CauseChanged, []string{"POST 400", "GET 200", "POST 200"}, 3, 5},
		"Resend, PUT":       {ifmatch.Resend, "PUT", `{"options":{"cas":1},"data":{"stock":5}}`, 200, ifmatch.CauseChanged, []string{"PUT 400", "GET 200", "PUT 200"}, 3, 5},
		"Rebuild":           {docDouble(), "PUT", `{"options":{"cas":1},"data":{"stock":5}}`, 200, ifmatch.CauseChanged, []string{"PUT 400", "GET 200", "PUT 200"}, 3, 4},
		"create only":       {ifmatch.Resend, "PUT", `{"options":{"cas":0},"data":{"stock":5}}`, 400, ifmatch.CauseExists, []string{"PUT 400"}, 2, 2},
		"another 400":       {ifmatch.Resend, "PUT", `{"options":{"cas":1}}`, 400, ifmatch.CauseNone, []string{"PUT 400"}, 2, 2},
		"without a version": {ifmatch.Resend, "PUT", `{"data":{"stock":5}}`, 200, ifmatch.CauseNone, []string{"PUT 200"}, 3, 5},
	} {
		t.Run(name, func(t *testing.T) {
			url := vaultSecret(t)
			status, text, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(vault.Dialect())}, test.policy, test.method, url, test.body, vaultHeader(t))
			docExpect(t, status, out, test.status, test.cause, test.exchanges...)
			if t.Failed() {
				t.Log(text)
			}
			vaultHas(t, url, test.version, test.stock)
		})
	}
}

// TestVaultRequired: a secret whose metadata demand a version.
func TestVaultRequired(t *testing.T) {
	url := vaultSecret(t)
	docPlain(t, 204, "POST", strings.Replace(url, "/data/", "/metadata/", 1), `{"cas_required":true}`, vaultHeader(t))
	opts := ifmatch.Options{ifmatch.WithDialect(vault.Dialect())}
	status, _, out := docSend(t, opts, ifmatch.Stop, "PUT", url, `{"data":{"stock":5}}`, vaultHeader(t))
	docExpect(t, status, out, 400, ifmatch.CausePreconditionRequired, "PUT 400")
	status, _, out = docSend(t, opts, ifmatch.Resend, "PUT", url, `{"data":{"stock":5}}`, vaultHeader(t))
	docExpect(t, status, out, 200, ifmatch.CausePreconditionRequired, "PUT 400", "GET 200", "PUT 200")
	vaultHas(t, url, 3, 5)
}

// TestVaultDeleted: the newest version is deleted, and the history goes on.
func TestVaultDeleted(t *testing.T) {
	url := vaultSecret(t)
	docPlain(t, 204, "DELETE", url, "", vaultHeader(t))
	opts := ifmatch.Options{ifmatch.WithDialect(vault.Dialect())}
	status, _, out := docSend(t, opts, ifmatch.Resend, "PUT", url, `{"options":{"cas":1},"data":{"stock":5}}`, vaultHeader(t))
	docExpect(t, status, out, 400, ifmatch.CauseGone, "PUT 400", "GET 404")
	status, _, out = docSend(t, opts, ifmatch.Resend, "PUT", url, `{"options":{"cas":0},"data":{"stock":5}}`, vaultHeader(t))
	docExpect(t, status, out, 400, ifmatch.CauseExists, "PUT 400")
	status, _, out = docSend(t, opts, ifmatch.Resend, "PUT", url, `{"options":{"cas":2},"data":{"stock":6}}`, vaultHeader(t))
	docExpect(t, status, out, 200, ifmatch.CauseNone, "PUT 200")
	vaultHas(t, url, 3, 6)
}

// TestVaultOne: version 1 of the engine knows no options: they are the user's own.
func TestVaultOne(t *testing.T) {
	url := docServer(t, "vault") + "kv/doc-" + docID()
	status, _, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(vault.Dialect())}, ifmatch.Resend, "PUT", url, `{"options":{"cas":7}}`, vaultHeader(t))
	docExpect(t, status, out, 204, ifmatch.CauseNone, "PUT 204")
	if _, text := docPlain(t, 200, "GET", url, "", vaultHeader(t)); !strings.Contains(text, `"options":{"cas":7}`) {
		t.Errorf("got %s", text)
	}
}

func TestVaultUpdates(t *testing.T) {
	url := vaultSecret(t)
	token := ifmatch.WithHeader("X-Vault-Token", storeEnv(t, "VAULT_TOKEN"))
	docWriters(t, url, vault.Dialect(), token)
	docCreate(t, docServer(t, "vault")+"secret/data/new-"+docID(), vault.Dialect(), token)
}

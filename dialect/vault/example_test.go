package vault_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/vault"
)

// One password of a secret is changed, while somebody else changes the other one.
func ExampleDialect() {
	secret, version := `{"a":"old","b":"old"}`, 3
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprintf(w, `{"data":{"data":%s,"metadata":{"version":%d}}}`, secret, version)
			return
		}
		var sent struct {
			Options struct{ CAS int }
			Data    json.RawMessage
		}
		json.NewDecoder(r.Body).Decode(&sent)
		if sent.Options.CAS != version {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"errors":["check-and-set parameter did not match the current version"]}`)
			return
		}
		secret, version = string(sent.Data), version+1
		fmt.Fprintf(w, `{"data":{"version":%d}}`, version)
	}))
	defer server.Close()

	url := server.URL + "/v1/secret/data/app"
	_, err := ifmatch.Update(context.Background(), nil, url, func(s *map[string]string) error {
		if version == 3 {
			secret, version = `{"a":"old","b":"theirs"}`, 4 // somebody else is faster
		}
		(*s)["a"] = "new"
		return nil
	}, ifmatch.WithDialect(vault.Dialect()), ifmatch.WithHeader("X-Vault-Token", "s.token"))
	fmt.Println(secret, version, err)
	// Output: {"a":"new","b":"theirs"} 5 <nil>
}

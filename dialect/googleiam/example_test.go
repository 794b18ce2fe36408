package googleiam_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/googleiam"
)

// A member is added to a policy while somebody else changes it.
func ExampleDialect() {
	type binding struct {
		Role    string   `json:"role"`
		Members []string `json:"members"`
	}
	type policy struct {
		Etag     string    `json:"etag"`
		Bindings []binding `json:"bindings"`
	}
	current := policy{Etag: "BwA="}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ":setIamPolicy") {
			var sent struct{ Policy policy }
			json.NewDecoder(r.Body).Decode(&sent)
			if sent.Policy.Etag != current.Etag {
				w.WriteHeader(http.StatusConflict)
				fmt.Fprint(w, `{"error":{"code":409,"status":"ABORTED"}}`)
				return
			}
			current = policy{"BwC=", sent.Policy.Bindings}
		}
		json.NewEncoder(w).Encode(current)
	}))
	defer server.Close()

	type bindings struct{ Bindings []binding }
	_, err := ifmatch.Update(context.Background(), nil, server.URL+"/v3/projects/p:setIamPolicy", func(p *bindings) error {
		if current.Etag == "BwA=" {
			current = policy{"BwB=", []binding{{"roles/viewer", []string{"user:b@example.com"}}}} // somebody else is faster
		}
		p.Bindings = append(p.Bindings, binding{"roles/editor", []string{"user:a@example.com"}})
		return nil
	}, ifmatch.WithDialect(googleiam.Dialect()))
	fmt.Println(current, err)
	// Output: {BwC= [{roles/viewer [user:b@example.com]} {roles/editor [user:a@example.com]}]} <nil>
}

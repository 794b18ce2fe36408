package kubernetes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/kubernetes"
)

// A ConfigMap is changed while somebody else changes it.
func ExampleDialect() {
	type configMap struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Data map[string]string `json:"data"`
	}
	var stored configMap
	stored.Metadata.ResourceVersion, stored.Data = "100", map[string]string{"level": "info"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			var sent configMap
			json.NewDecoder(r.Body).Decode(&sent)
			if sent.Metadata.ResourceVersion != stored.Metadata.ResourceVersion {
				w.WriteHeader(http.StatusConflict)
				fmt.Fprint(w, `{"kind":"Status","reason":"Conflict","message":"the object has been modified"}`)
				return
			}
			stored.Data, stored.Metadata.ResourceVersion = sent.Data, "108"
		}
		json.NewEncoder(w).Encode(stored)
	}))
	defer server.Close()

	url := server.URL + "/api/v1/namespaces/default/configmaps/app"
	type data struct{ Data map[string]string }
	_, err := ifmatch.Update(context.Background(), nil, url, func(m *data) error {
		if stored.Metadata.ResourceVersion == "100" { // somebody else is faster
			stored.Data, stored.Metadata.ResourceVersion = map[string]string{"level": "info", "color": "on"}, "107"
		}
		m.Data["level"] = "debug"
		return nil
	}, ifmatch.WithDialect(kubernetes.Dialect()))
	fmt.Println(stored.Data, stored.Metadata.ResourceVersion, err)
	// Output: map[color:on level:debug] 108 <nil>
}

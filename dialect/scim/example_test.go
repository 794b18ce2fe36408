package scim_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/scim"
)

// A resource is counted up. The service says 409 where another one says 412.
func ExampleDialect() {
	state, version := `{"logins":1}`, 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf(`W/"%d"`, version))
		w.Header().Set("Content-Type", "application/scim+json")
		if r.Method != http.MethodPut {
			fmt.Fprint(w, state)
			return
		}
		if r.Header.Get("If-Match") != fmt.Sprintf(`W/"%d"`, version) {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409"}`)
			return
		}
		sent, _ := io.ReadAll(r.Body)
		state, version = string(sent), version+1
	}))
	defer server.Close()

	_, err := ifmatch.Update(context.Background(), nil, server.URL+"/Users/1", func(d *struct{ Logins int }) error {
		if version == 1 {
			state, version = `{"logins":40}`, 2 // somebody else is faster
		}
		d.Logins++
		return nil
	}, ifmatch.WithDialect(scim.Dialect()))
	fmt.Println(state, err)
	// Output: {"logins":41} <nil>
}

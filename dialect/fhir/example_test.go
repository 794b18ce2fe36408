package fhir_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/fhir"
)

// A resource is counted up on a server of STU3, where a stale version is 409.
func ExampleDialect() {
	state, version := `{"count":1}`, 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf(`W/"%d"`, version))
		w.Header().Set("Content-Type", "application/fhir+json")
		if r.Method != http.MethodPut {
			fmt.Fprint(w, state)
			return
		}
		if r.Header.Get("If-Match") != fmt.Sprintf(`W/"%d"`, version) {
			w.WriteHeader(http.StatusConflict)
			return
		}
		sent, _ := io.ReadAll(r.Body)
		state, version = string(sent), version+1
	}))
	defer server.Close()

	_, err := ifmatch.Update(context.Background(), nil, server.URL+"/Basic/1", func(d *struct{ Count int }) error {
		if version == 1 {
			state, version = `{"count":40}`, 2 // somebody else is faster
		}
		d.Count++
		return nil
	}, ifmatch.WithDialect(fhir.Dialect()))
	fmt.Println(state, err)
	// Output: {"count":41} <nil>
}

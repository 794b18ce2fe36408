package odata_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/odata"
)

// An entity is counted up under its weak tag, which the service compares.
func ExampleDialect() {
	state, version := `{"Stock":1}`, 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf(`W/"%d"`, version))
		if r.Method != http.MethodPut {
			fmt.Fprint(w, state)
			return
		}
		if r.Header.Get("If-Match") != fmt.Sprintf(`W/"%d"`, version) {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		sent, _ := io.ReadAll(r.Body)
		state, version = string(sent), version+1
	}))
	defer server.Close()

	_, err := ifmatch.Update(context.Background(), nil, server.URL+"/odata/Books(1)", func(d *struct{ Stock int }) error {
		if version == 1 {
			state, version = `{"Stock":40}`, 2 // somebody else is faster
		}
		d.Stock++
		return nil
	}, ifmatch.WithDialect(odata.Dialect()))
	fmt.Println(state, err)
	// Output: {"Stock":41} <nil>
}

package azuretable_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/azuretable"
)

// An entity is counted up under its weak tag, which the service compares.
func ExampleDialect() {
	state, version := `{"N":1}`, 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf(`W/"datetime'%d'"`, version))
		if r.Method != http.MethodPut {
			fmt.Fprint(w, state)
			return
		}
		if r.Header.Get("If-Match") != fmt.Sprintf(`W/"datetime'%d'"`, version) {
			w.Header().Set("X-Ms-Error-Code", "UpdateConditionNotSatisfied")
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		sent, _ := io.ReadAll(r.Body)
		state, version = string(sent), version+1
	}))
	defer server.Close()

	_, err := ifmatch.Update(context.Background(), nil, server.URL+"/items(PartitionKey='p',RowKey='r')", func(d *struct{ N int }) error {
		if version == 1 {
			state, version = `{"N":40}`, 2 // somebody else is faster
		}
		d.N++
		return nil
	}, ifmatch.WithDialect(azuretable.Dialect()))
	fmt.Println(state, err)
	// Output: {"N":41} <nil>
}

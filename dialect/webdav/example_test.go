package webdav_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/webdav"
)

// A file is counted up. The server has a body of its own for a refusal.
func ExampleDialect() {
	state, version := `{"n":1}`, 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, version))
		if r.Method != http.MethodPut {
			fmt.Fprint(w, state)
			return
		}
		if r.Header.Get("If-Match") != fmt.Sprintf(`"%d"`, version) {
			w.WriteHeader(http.StatusPreconditionFailed)
			fmt.Fprint(w, `<D:error xmlns:D="DAV:" xmlns:s="http://sabredav.org/ns"><s:exception>x</s:exception><s:header>If-Match</s:header></D:error>`)
			return
		}
		sent, _ := io.ReadAll(r.Body)
		state, version = string(sent), version+1
	}))
	defer server.Close()

	_, err := ifmatch.Update(context.Background(), nil, server.URL+"/dav/counter.json", func(d *struct{ N int }) error {
		if version == 1 {
			state, version = `{"n":40}`, 2 // somebody else is faster
		}
		d.N++
		return nil
	}, ifmatch.WithDialect(webdav.Dialect()))
	fmt.Println(state, err)
	// Output: {"n":41} <nil>
}

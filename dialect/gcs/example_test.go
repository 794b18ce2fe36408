package gcs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/gcs"
)

// A document is counted up through the XML API, under its generation.
func ExampleXML() {
	state, version := `{"n":1}`, 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Goog-Generation", fmt.Sprint(version))
		if r.Method != http.MethodPut {
			fmt.Fprint(w, state)
			return
		}
		if r.Header.Get("X-Goog-If-Generation-Match") != fmt.Sprint(version) {
			w.WriteHeader(http.StatusPreconditionFailed)
			fmt.Fprint(w, "<Error><Code>PreconditionFailed</Code></Error>")
			return
		}
		sent, _ := io.ReadAll(r.Body)
		state, version = string(sent), version+1
	}))
	defer server.Close()

	_, err := ifmatch.Update(context.Background(), nil, server.URL+"/bucket/counter.json", func(d *struct{ N int }) error {
		if version == 1 {
			state, version = `{"n":40}`, 2 // somebody else is faster
		}
		d.N++
		return nil
	}, ifmatch.WithDialect(gcs.XML()))
	fmt.Println(state, err)
	// Output: {"n":41} <nil>
}

package firebase_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/firebase"
)

// A counter that somebody else counts up, too.
func ExampleDialect() {
	value, tag := `{"n":10}`, "tagA"
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Firebase-ETag") == "true" {
			w.Header().Set("ETag", tag)
		}
		if r.Method == http.MethodPut {
			if r.Header.Get("If-Match") != tag {
				w.WriteHeader(http.StatusPreconditionFailed)
				fmt.Fprint(w, value)
				return
			}
			body, _ := io.ReadAll(r.Body)
			value, tag = string(body), "tagC"
		}
		fmt.Fprint(w, value)
	}))
	defer database.Close()

	_, err := ifmatch.Update(context.Background(), nil, database.URL+"/counter.json", func(c *struct{ N int }) error {
		if tag == "tagA" {
			value, tag = `{"n":40}`, "tagB" // somebody else is faster
		}
		c.N++
		return nil
	}, ifmatch.WithDialect(firebase.Dialect()))
	fmt.Println(value, err)
	// Output: {"n":41} <nil>
}

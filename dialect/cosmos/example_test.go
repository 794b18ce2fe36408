package cosmos_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/cosmos"
)

// A document is changed; the server is busy with another operation once, and then has
// another version.
func ExampleDialect() {
	tag, answers := `"a1"`, 0
	account := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			switch answers++; {
			case answers == 1:
				w.WriteHeader(449) // Retry With
				return
			case answers == 2:
				tag = `"b2"` // somebody else is faster
			}
			fmt.Println("PUT under", r.Header.Get("If-Match"))
			if r.Header.Get("If-Match") != tag {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
		}
		w.Header().Set("ETag", tag)
		fmt.Fprintf(w, `{"id":"1","n":1,"_etag":%q}`, tag)
	}))
	defer account.Close()

	url := account.URL + "/dbs/shop/colls/carts/docs/1"
	got, err := ifmatch.Update(context.Background(), nil, url, func(d *struct{ N int }) error {
		d.N++
		return nil
	}, ifmatch.WithDialect(cosmos.Dialect()), ifmatch.WithHeader("x-ms-documentdb-partitionkey", `["1"]`))
	fmt.Println(got.Outcome.Attempts, got.Outcome.Effect, err)
	// Output:
	// PUT under "a1"
	// PUT under "b2"
	// 3 applied <nil>
}

package firestore_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/firestore"
)

// A field is changed while somebody else changes another one.
func ExampleDialect() {
	fields, at := `{"a":{"stringValue":"old"}}`, "2026-01-01T00:00:00.000001Z"
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			if r.URL.Query().Get("currentDocument.updateTime") != at {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"error":{"code":400,"status":"FAILED_PRECONDITION","message":"the stored version (2) does not match the required base version (1)"}}`)
				return
			}
			body, _ := io.ReadAll(r.Body)
			fmt.Println("stored:", string(body))
		}
		fmt.Fprintf(w, `{"name":"carts/1","fields":%s,"updateTime":%q}`, fields, at)
	}))
	defer database.Close()

	type field struct {
		StringValue string `json:"stringValue"`
	}
	url := database.URL + "/v1/projects/p/databases/(default)/documents/carts/1"
	_, err := ifmatch.Update(context.Background(), nil, url, func(d *struct{ A field }) error {
		// Somebody else is faster.
		fields, at = `{"a":{"stringValue":"old"},"b":{"stringValue":"theirs"}}`, "2026-01-01T00:00:00.000002Z"
		d.A.StringValue = "new"
		return nil
	}, ifmatch.WithDialect(firestore.Dialect()))
	fmt.Println(err)
	// Output:
	// stored: {"fields":{"a":{"stringValue":"new"},"b":{"stringValue":"theirs"}}}
	// <nil>
}

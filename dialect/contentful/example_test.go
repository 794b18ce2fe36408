package contentful_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/contentful"
)

// The title of an entry is changed while somebody else adds a field.
func ExampleDialect() {
	fields, version := `{"title":{"en-US":"Hello"}}`, 5
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			if r.Header.Get("X-Contentful-Version") != fmt.Sprint(version) {
				w.WriteHeader(http.StatusConflict)
				fmt.Fprint(w, `{"sys":{"type":"Error","id":"VersionMismatch"}}`)
				return
			}
			body, _ := io.ReadAll(r.Body)
			fmt.Println("stored:", string(body))
			version++
		}
		fmt.Fprintf(w, `{"sys":{"version":%d},"fields":%s}`, version, fields)
	}))
	defer server.Close()

	type entry struct {
		Fields struct {
			Title map[string]string `json:"title"`
		} `json:"fields"`
	}
	url := server.URL + "/spaces/s/environments/master/entries/hello"
	_, err := ifmatch.Update(context.Background(), nil, url, func(e *entry) error {
		if version == 5 {
			fields, version = `{"title":{"en-US":"Hello"},"color":{"en-US":"red"}}`, 6 // somebody else is faster
		}
		e.Fields.Title["en-US"] = "Hello, world"
		return nil
	}, ifmatch.WithDialect(contentful.Dialect()), ifmatch.WithMediaType("application/vnd.contentful.management.v1+json"))
	fmt.Println(version, err)
	// Output:
	// stored: {"sys":{"version":6},"fields":{"title":{"en-US":"Hello, world"},"color":{"en-US":"red"}}}
	// 7 <nil>
}

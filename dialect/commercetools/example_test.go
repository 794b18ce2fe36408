package commercetools_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/commercetools"
)

// An action is posted that is right whatever the cart holds by now.
func ExampleDialect() {
	version := 6 // and the caller has seen 4
	project := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Version int }
		json.NewDecoder(r.Body).Decode(&sent)
		if r.Method == http.MethodPost && sent.Version != version {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, `{"statusCode":409,"errors":[{"code":"ConcurrentModification","currentVersion":%d}]}`, version)
			return
		}
		fmt.Fprintf(w, `{"id":"c1","version":%d}`, version)
	}))
	defer project.Close()

	c := ifmatch.NewClient(ifmatch.Resend, ifmatch.WithDialect(commercetools.Dialect()))
	resp, err := c.Post(project.URL+"/shop/carts/c1", "application/json", strings.NewReader(`{"version":4,"actions":[{"action":"recalculate"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	out, _ := ifmatch.OutcomeOf(resp)
	fmt.Println(resp.StatusCode, out.Effect, out.Cause)
	// Output: 200 applied changed
}

package azureblob_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/azureblob"
)

// A blob is counted up, though somebody else writes it meanwhile.
func ExampleDialect() {
	state, version := `{"n":1}`, 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf(`"0x%d"`, version))
		if r.Method != http.MethodPut {
			fmt.Fprint(w, state)
			return
		}
		if r.Header.Get("If-Match") != fmt.Sprintf(`"0x%d"`, version) {
			w.Header().Set("X-Ms-Error-Code", "ConditionNotMet")
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		sent, _ := io.ReadAll(r.Body)
		state, version = string(sent), version+1
	}))
	defer server.Close()

	_, err := ifmatch.Update(context.Background(), nil, server.URL+"/container/counter.json", func(d *struct{ N int }) error {
		if version == 1 {
			state, version = `{"n":40}`, 2 // somebody else is faster
		}
		d.N++
		return nil
	}, ifmatch.WithDialect(azureblob.Dialect()))
	fmt.Println(state, err)
	// Output: {"n":41} <nil>
}

package ifmatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
)

// The shelf API has the version of a document in its member "edition". A write of
// another edition is a 409 with the code "stale"; a 409 with another code passes.
func ExampleWithDialect() {
	edition := dialect.InBody("/edition")
	shelf := dialect.Dialect{
		Name:     "shelf",
		Tokens:   []dialect.Token{{Sent: edition, Current: edition, Number: true}},
		Statuses: []int{http.StatusConflict},
		Judge: func(a *dialect.Answer) dialect.Verdict {
			var answer struct{ Code string }
			if json.Unmarshal(a.Body(), &answer); answer.Code == "stale" { // what isn't JSON has no code
				return a.Conflict()
			}
			return a.Passes()
		},
	}
	type document struct{ Copies, Edition int }
	current := document{Copies: 1, Edition: 7}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var sent document
		json.NewDecoder(req.Body).Decode(&sent)
		switch {
		case req.Method == http.MethodPut && sent.Edition != current.Edition:
			http.Error(w, `{"code":"stale"}`, http.StatusConflict)
			return
		case req.Method == http.MethodPut:
			current = document{sent.Copies, sent.Edition + 1}
		}
		fmt.Fprintf(w, `{"copies":%d,"edition":%d}`, current.Copies, current.Edition)
	}))
	defer srv.Close()
	_, err := ifmatch.Update(context.Background(), nil, srv.URL, func(d *struct{ Copies int }) error {
		if current.Edition == 7 {
			current = document{Copies: 40, Edition: 8} // somebody else is faster
		}
		d.Copies++
		return nil
	}, ifmatch.WithDialect(shelf))
	fmt.Println(current, err)
	// Output: {41 9} <nil>
}

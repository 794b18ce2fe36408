package couchdb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/couchdb"
)

// A document is counted up under its revision, though somebody else writes it meanwhile.
func ExampleDialect() {
	type document struct {
		Rev string `json:"_rev"`
		N   int    `json:"n"`
	}
	current := document{"1-a", 1}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			json.NewEncoder(w).Encode(current)
			return
		}
		var sent document
		json.NewDecoder(r.Body).Decode(&sent)
		if sent.Rev != current.Rev {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"error":"conflict","reason":"Document update conflict."}`)
			return
		}
		current = document{"3-c", sent.N}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()

	_, err := ifmatch.Update(context.Background(), nil, server.URL+"/db/counter", func(d *struct{ N int }) error {
		if current.Rev == "1-a" {
			current = document{"2-b", 40} // somebody else is faster
		}
		d.N++
		return nil
	}, ifmatch.WithDialect(couchdb.Dialect()))
	fmt.Println(current, err)
	// Output: {3-c 41} <nil>
}

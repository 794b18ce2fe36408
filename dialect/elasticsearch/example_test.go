package elasticsearch_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/elasticsearch"
)

// A document is changed while somebody else changes it.
func ExampleDialect() {
	source, seqNo := `{"stock":10}`, 5
	cluster := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprintf(w, `{"_id":"1","_seq_no":%d,"_primary_term":1,"found":true,"_source":%s}`, seqNo, source)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if r.URL.Query().Get("if_seq_no") != fmt.Sprint(seqNo) || r.URL.Query().Get("if_primary_term") != "1" {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"error":{"type":"version_conflict_engine_exception"},"status":409}`)
			return
		}
		source, seqNo = string(body), seqNo+1
		fmt.Fprintf(w, `{"result":"updated","_seq_no":%d,"_primary_term":1}`, seqNo)
	}))
	defer cluster.Close()

	_, err := ifmatch.Update(context.Background(), nil, cluster.URL+"/products/_doc/1", func(p *struct{ Stock int }) error {
		if seqNo == 5 {
			source, seqNo = `{"stock":40}`, 6 // somebody else is faster
		}
		p.Stock--
		return nil
	}, ifmatch.WithDialect(elasticsearch.Dialect()))
	fmt.Println(source, seqNo, err)
	// Output: {"stock":39} 7 <nil>
}

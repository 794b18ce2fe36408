package dialect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/s3"
)

// A Judge is tested without a Transport.
func ExampleNewAnswer() {
	write, _ := http.NewRequest(http.MethodPut, "http://store.test/bucket/key", nil)
	write.Header.Set("If-Match", `"v1"`)
	body := func() []byte { return []byte("<Error><Code>NoSuchKey</Code></Error>") }

	verdict := s3.Dialect().Judge(dialect.NewAnswer(write, http.StatusNotFound, http.Header{}, body))
	fmt.Println(verdict.Kind() == dialect.KindGone, verdict.Reason())
	// Output: true NoSuchKey: there is no object
}

// A shop keeps texts, and numbers their revisions. It answers each PUT with 200: "stored", or
// "outdated" where the revision in the query isn't the current one.
func ExampleDialect_refusedBySuccess() {
	shop := dialect.Dialect{
		Name:     "shop",
		Tokens:   []dialect.Token{{Sent: dialect.InQuery("rev"), Current: dialect.InHeader("X-Rev"), Number: true}},
		Statuses: []int{http.StatusOK},
		Judge: func(a *dialect.Answer) dialect.Verdict {
			if string(a.Body()) == "outdated" {
				return a.Conflict()
			}
			return a.Passes() // the body is put back in front of what the caller reads
		},
	}
	text, rev := `{"n":1}`, 1
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Rev", fmt.Sprint(rev))
		switch body, _ := io.ReadAll(r.Body); {
		case r.Method != http.MethodPut:
			fmt.Fprint(w, text)
		case r.URL.Query().Get("rev") != fmt.Sprint(rev):
			fmt.Fprint(w, "outdated")
		default:
			text, rev = string(body), rev+1
			fmt.Fprint(w, "stored")
		}
	}))
	defer srv.Close()
	_, err := ifmatch.Update(context.Background(), nil, srv.URL, func(d *struct{ N int }) error {
		if rev == 1 {
			text, rev = `{"n":40}`, 2 // somebody else is faster
		}
		d.N++
		return nil
	}, ifmatch.WithDialect(shop))
	fmt.Println(text, rev, err)
	// Output: {"n":41} 3 <nil>
}

// A registry has an entry in an envelope: "entry" beside "serial" in what is read, "set" beside
// "ifSerial" in what is written. Another serial is 409.
func ExampleDialect_stateInEnvelope() {
	registry := dialect.Dialect{
		Name:       "registry",
		Tokens:     []dialect.Token{{Sent: dialect.InBody("/ifSerial"), Current: dialect.InBody("/serial"), Number: true}},
		Statuses:   []int{http.StatusConflict},
		Judge:      (*dialect.Answer).Conflict,
		ReadState:  "/entry",
		WriteState: "/set",
	}
	entry, serial := `{"n":1}`, 1
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent struct {
			IfSerial int
			Set      json.RawMessage
		}
		switch json.NewDecoder(r.Body).Decode(&sent); {
		case r.Method != http.MethodPut:
			fmt.Fprintf(w, `{"entry":%s,"serial":%d}`, entry, serial)
		case sent.IfSerial != serial:
			w.WriteHeader(http.StatusConflict)
		default:
			entry, serial = string(sent.Set), serial+1
		}
	}))
	defer srv.Close()
	_, err := ifmatch.Update(context.Background(), nil, srv.URL, func(d *struct{ N int }) error {
		if serial == 1 {
			entry, serial = `{"n":40}`, 2 // somebody else is faster
		}
		d.N++
		return nil
	}, ifmatch.WithDialect(registry))
	fmt.Println(entry, serial, err)
	// Output: {"n":41} 3 <nil>
}

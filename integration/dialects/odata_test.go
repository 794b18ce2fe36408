package dialects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/odata"
)

// docServer returns the address of a server, and skips the test where run.sh
// wasn't asked for it. One that was and isn't up fails the test by name.
func docServer(t *testing.T, name string) string {
	t.Helper()
	all := strings.Fields(os.Getenv("IFMATCH_SERVERS_WANTED"))
	if len(all) == 0 {
		t.Fatal("IFMATCH_SERVERS_WANTED is not set: these tests are started by run.sh")
	}
	if !slices.Contains(all, name) {
		t.Skipf("%s was not asked for", name)
	}
	address := os.Getenv("IFMATCH_" + strings.ToUpper(name))
	if address == "" {
		t.Fatalf("%s was asked for and is not up", name)
	}
	return address
}

// docID is new in each run, so that servers may stay up.
func docID() string { return fmt.Sprint(1 + rand.Int32N(2_000_000_000)) }

// docSend sends one write through a Transport with a dialect.
func docSend(t *testing.T, opts ifmatch.Options, policy ifmatch.Policy, method, url, body string, header http.Header) (int, string, ifmatch.Outcome) {
	t.Helper()
	var out ifmatch.Outcome
	ctx, cancel := context.WithTimeout(ifmatch.WithOutcome(context.Background(), &out), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := (&http.Client{Transport: ifmatch.NewTransport(nil, policy, opts)}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), out
}

// docPlain sends a request without ifmatch, and wants this status.
func docPlain(t *testing.T, want int, method, url, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s %s: got %s %.300s, %v; want %d", method, url, resp.Status, text, err, want)
	}
	return resp, string(text)
}

// docExpect compares what became of a write.
func docExpect(t *testing.T, status int, o ifmatch.Outcome, wantStatus int, cause ifmatch.Cause, exchanges ...string) {
	t.Helper()
	got := make([]string, len(o.Exchanges))
	for i, e := range o.Exchanges {
		got[i] = e.String()
	}
	if status != wantStatus || o.Cause != cause || !slices.Equal(got, exchanges) {
		t.Errorf("got %d, %v, %q (%v); want %d, %v, %q", status, o.Cause, got, o.Err, wantStatus, cause, exchanges)
	}
}

type docStock struct {
	Stock int `json:"stock"`
}

// docDouble is a policy that doubles the stock that is there.
func docDouble() ifmatch.Policy {
	return ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		var s docStock
		err := json.Unmarshal(current.Body, &s)
		return fmt.Appendf(nil, `{"stock":%d}`, 2*s.Stock), err
	})
}

// docWriters is docWritersOf for documents that are a docStock.
func docWriters(t *testing.T, url string, d dialect.Dialect, opts ...ifmatch.UpdateOption) {
	t.Helper()
	docWritersOf(t, url, d, func(s *docStock) *int { return &s.Stock }, opts...)
}

// docWritersOf has 8 writers add 1 to a number of a document, 5 times each, by Update
// and by a Resource, and then compares it.
func docWritersOf[T any](t *testing.T, url string, d dialect.Dialect, number func(*T) *int, opts ...ifmatch.UpdateOption) {
	t.Helper()
	opts = append([]ifmatch.UpdateOption{ifmatch.WithDialect(d), ifmatch.WithMaxAttempts(100), ifmatch.WithMaxElapsed(time.Minute)}, opts...)
	ctx := context.Background()
	add := func(s *T) error { *number(s)++; return nil }
	before, err := ifmatch.Get[T](ctx, nil, url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	resource := ifmatch.NewResource[T](nil, url, opts...)
	var all sync.WaitGroup
	for i := range 8 {
		client := &http.Client{Transport: ifmatch.NewTransport(nil, ifmatch.Stop)}
		all.Go(func() {
			for range 5 {
				var err error
				if i < 4 {
					_, err = ifmatch.Update(ctx, client, url, add, opts...)
				} else {
					_, err = resource.Update(ctx, add)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	after, err := ifmatch.Get[T](ctx, nil, url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *number(&after.Value), *number(&before.Value)+40; got != want {
		t.Errorf("the document has %d, want %d", got, want)
	}
}

var docJSON = http.Header{"Content-Type": {"application/json"}}

func docHeader(name, value string) http.Header {
	h := docJSON.Clone()
	h.Set(name, value)
	return h
}

// docBook makes an entity that is new, and returns its URL and its tag.
func docBook(t *testing.T) (url, tag string) {
	t.Helper()
	books := docServer(t, "cap")
	id := docID()
	resp, _ := docPlain(t, 201, "POST", books, `{"ID":`+id+`,"stock":1}`, docJSON)
	tag = resp.Header.Get("ETag")
	time.Sleep(2 * time.Millisecond) // the tag is a time in milliseconds
	return books + "(" + id + ")", tag
}

func TestODataWrites(t *testing.T) {
	const old = `W/"2001-01-01T00:00:00.000Z"`
	for name, test := range map[string]struct {
		policy    ifmatch.Policy
		header    http.Header
		deleted   bool
		status    int
		cause     ifmatch.Cause
		stock     int
		exchanges []string
	}{
		"Stop":                 {ifmatch.Stop, docHeader("If-Match", old), false, 412, ifmatch.CauseUnexamined, 1, []string{"PATCH 412"}},
		"Resend":               {ifmatch.Resend, docHeader("If-Match", old), false, 200, ifmatch.CauseChanged, 5, []string{"PATCH 412", "HEAD 405", "GET 200", "PATCH 200"}},
		"Rebuild":              {docDouble(), docHeader("If-Match", old), false, 200, ifmatch.CauseChanged, 2, []string{"PATCH 412", "GET 200", "PATCH 200"}},
		"428, Stop":            {ifmatch.Stop, docJSON, false, 428, ifmatch.CausePreconditionRequired, 1, []string{"PATCH 428"}},
		"428, Resend":          {ifmatch.Resend, docJSON, false, 200, ifmatch.CausePreconditionRequired, 5, []string{"PATCH 428", "HEAD 405", "GET 200", "PATCH 200"}},
		"create only":          {ifmatch.Resend, docHeader("If-None-Match", "*"), false, 412, ifmatch.CauseExists, 1, []string{"PATCH 412"}},
		"deleted":              {ifmatch.Resend, docHeader("If-Match", old), true, 412, ifmatch.CauseGone, 0, []string{"PATCH 412", "HEAD 405", "GET 404"}},
		"update only, deleted": {ifmatch.Resend, docHeader("If-Match", "*"), true, 404, ifmatch.CauseNone, 0, []string{"PATCH 404"}},
	} {
		t.Run(name, func(t *testing.T) {
			url, tag := docBook(t)
			if test.deleted {
				docPlain(t, 204, "DELETE", url, "", docHeader("If-Match", tag))
			}
			status, _, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(odata.Dialect())}, test.policy, "PATCH", url, `{"stock":5}`, test.header)
			docExpect(t, status, out, test.status, test.cause, test.exchanges...)
			if test.deleted {
				docPlain(t, 404, "GET", url, "", nil)
				return
			}
			var s docStock
			_, text := docPlain(t, 200, "GET", url, "", nil)
			if err := json.Unmarshal([]byte(text), &s); err != nil || s.Stock != test.stock {
				t.Errorf("the entity has %d (%v), want %d", s.Stock, err, test.stock)
			}
		})
	}
}

// TestODataBatch: the requests in it have answers of their own, which nobody
// touches.
func TestODataBatch(t *testing.T) {
	url, _ := docBook(t)
	root, book, _ := strings.Cut(url, "/Books")
	body := `{"requests":[{"id":"1","method":"PATCH","url":"Books` + book + `","headers":{"content-type":"application/json","if-match":"W/\"old\""},"body":{"stock":9}}]}`
	status, text, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(odata.Dialect())}, ifmatch.Resend, "POST", root+"/$batch", body, docJSON)
	docExpect(t, status, out, 200, ifmatch.CauseNone, "POST 200")
	if !strings.Contains(text, "412") {
		t.Errorf("got %s", text)
	}
}

func TestODataUpdates(t *testing.T) {
	for name, opts := range map[string]ifmatch.UpdateOptions{"PUT": nil, "WithPatch": {ifmatch.WithPatch()}} {
		t.Run(name, func(t *testing.T) {
			url, _ := docBook(t)
			docWriters(t, url, odata.Dialect(), opts...)
		})
	}
	t.Run("a merge patch is application/json", func(t *testing.T) {
		url, _ := docBook(t)
		_, err := ifmatch.Update(t.Context(), nil, url, func(s *docStock) error { s.Stock++; return nil }, ifmatch.WithPatch())
		var status *ifmatch.StatusError
		if !errors.As(err, &status) || status.StatusCode != 415 {
			t.Errorf("without the dialect: got %v, want 415", err)
		}
	})
	t.Run("CreateIfAbsent", func(t *testing.T) {
		docCreate(t, docServer(t, "cap")+"("+docID()+")", odata.Dialect())
	})
}

// docCreate has 8 writers add 1 to a document that isn't there. Where the server
// itself fails under two that create (CAP answers 500), it is unknown what became
// of one.
func docCreate(t *testing.T, url string, d dialect.Dialect, opts ...ifmatch.UpdateOption) {
	t.Helper()
	opts = append([]ifmatch.UpdateOption{ifmatch.WithDialect(d)}, opts...)
	var all sync.WaitGroup
	var done, unknown atomic.Int32
	for range 8 {
		all.Go(func() {
			_, err := ifmatch.Update(context.Background(), nil, url, func(s *docStock) error { s.Stock++; return nil },
				ifmatch.UpdateOptions(opts), ifmatch.CreateIfAbsent(), ifmatch.WithMaxAttempts(100))
			switch {
			case err == nil:
				done.Add(1)
			case errors.Is(err, ifmatch.ErrOutcomeUnknown):
				unknown.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	s, err := ifmatch.Get[docStock](context.Background(), nil, url, opts...)
	if least := int(done.Load()); err != nil || least == 0 || s.Value.Stock < least || s.Value.Stock > least+int(unknown.Load()) {
		t.Errorf("the document has %d (%v); %d writers were done, of %d it is unknown", s.Value.Stock, err, least, unknown.Load())
	}
}

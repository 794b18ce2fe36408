package ifmatch

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestLast: how a call ends, by what is known when nothing follows its last answer.
func TestLast(t *testing.T) {
	for _, row := range []struct {
		rule  string
		facts lastFacts
		want  endingKind
	}{
		{"9: an answer that leaves nothing open", lastFacts{decided: endAnswered}, endAnswered},
		{"9: a refusal that nobody handles, with nothing open", lastFacts{decided: endAnswered, comparedNone: true}, endAnswered},
		{"9: an accepted write, whatever was open", lastFacts{decided: endAnswered, open: true}, endAnswered},
		{"9: a refusal that nobody handles after an attempt in doubt", lastFacts{decided: endAnswered, open: true, comparedNone: true}, endUnknown},
		{"9: an error after an attempt in doubt", lastFacts{decided: endAnswered, failed: true, open: true}, endAnswered},
		{"11: a repeated DELETE that finds nothing, where content counts", lastFacts{decided: endAnswered, open: true, deletedEarlier: true, contentCounts: true}, endApplied},
		{"11: a repeated DELETE that finds nothing", lastFacts{decided: endAnswered, open: true, deletedEarlier: true}, endUnknown},
		{"3: a refusal", lastFacts{decided: endRefused}, endRefused},
		{"9: a refusal after an attempt in doubt", lastFacts{decided: endRefused, open: true}, endUnknown},
		{"3: a policy that fails", lastFacts{decided: endFailed}, endFailed},
		{"22: a context that ends after an attempt in doubt", lastFacts{decided: endFailed, open: true}, endFailed},
		{"22: a context that ends before a repeat", lastFacts{decided: endInterrupted, open: true}, endInterrupted},
		{"10: an own write that was found", lastFacts{decided: endApplied, open: true}, endApplied},
	} {
		if got := row.facts.last(); got != row.want {
			t.Errorf("rule %s: %v, want %v", row.rule, got, row.want)
		}
	}
}

// TestUnannouncedTrailers: net/http sets trailers that weren't announced on the response
// that it returned, when its body is at the end. So that is the one which the caller gets.
func TestUnannouncedTrailers(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"v2"`)
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusPreconditionFailed)
		}
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"Checksum", "abc")
	})
	ctx := context.Background()
	for _, http2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(h)
		srv.EnableHTTP2 = http2
		srv.StartTLS()
		defer srv.Close()
		for _, test := range []struct {
			name   string
			ctx    context.Context
			method string
			opts   []Option
		}{
			{"a read", ctx, http.MethodGet, nil},
			{"a read of a flow", Remember(ctx), http.MethodGet, nil},
			{"a refusal under Stop", ctx, http.MethodPut, nil},
			{"a refusal that was kept", ctx, http.MethodPut, []Option{OnConflict(Resend), WithMaxAttempts(1)}},
		} {
			req, err := http.NewRequestWithContext(test.ctx, test.method, srv.URL+"/doc", nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.method == http.MethodPut {
				req.Header.Set("If-Match", `"v1"`)
			}
			resp, err := NewTransport(srv.Client().Transport, Stop, test.opts...).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(body) != "body" || err != nil || resp.Trailer.Get("Checksum") != "abc" {
				t.Errorf("%s, %s: body %q, %v, trailer %v", resp.Proto, test.name, body, err, resp.Trailer)
			}
		}
	}
}

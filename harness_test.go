package ifmatch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// inBubble runs f with an origin on which /doc was written twice: "v1" is stale
// and "v2" is current. Time is the bubble's.
func inBubble(t *testing.T, f func(t *testing.T, origin *ifmatchtest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin()
		defer origin.Close()
		f(t, origin)
	})
}

// newOrigin returns the origin of inBubble, which the caller closes.
func newOrigin() *ifmatchtest.Server {
	origin := ifmatchtest.NewMemoryServer()
	origin.Put("/doc", "text/plain", []byte("first"))
	origin.Put("/doc", "text/plain", []byte("theirs"))
	return origin
}

// result is what a call gave.
type result struct {
	resp    *http.Response
	body    string
	bodyErr error
	err     error
	outcome Outcome
}

// exchanges returns the requests that were sent, such as "PUT 412, HEAD 200".
func (r result) exchanges() string {
	var all []string
	for _, e := range r.outcome.Exchanges {
		all = append(all, e.String())
	}
	return strings.Join(all, ", ")
}

// summary is what the tables compare.
func (r result) summary() string {
	status := "error"
	if r.err == nil {
		status = fmt.Sprint(r.resp.StatusCode)
	}
	s := fmt.Sprintf("%s | %s | %s, %s", r.exchanges(), status, r.outcome.Effect, r.outcome.Cause)
	if r.outcome.Overwrote {
		s += ", overwrote"
	}
	return s
}

// send makes one call to /doc with the text "mine" and these header fields.
func send(t *testing.T, origin *ifmatchtest.Server, policy Policy, method string, fields []string, opts ...Option) result {
	t.Helper()
	return sendVia(t, NewTransport(origin.Client().Transport, policy, opts...), newWrite(t, context.Background(), origin, method, fields))
}

func newWrite(t *testing.T, ctx context.Context, origin *ifmatchtest.Server, method string, fields []string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, origin.URL+"/doc", strings.NewReader("mine"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Add(name, value)
	}
	return req
}

func sendVia(t *testing.T, rt http.RoundTripper, req *http.Request) result {
	t.Helper()
	var r result
	r.resp, r.err = rt.RoundTrip(req.WithContext(WithOutcome(req.Context(), &r.outcome)))
	if r.err == nil {
		var b []byte
		b, r.bodyErr = io.ReadAll(r.resp.Body)
		r.body = string(b)
		r.resp.Body.Close()
	}
	return r
}

// append1 is a Rebuild function that adds to the current state.
func append1(_ context.Context, current *Representation) ([]byte, error) {
	return append(current.Body, "+mine"...), nil
}

func stateOf(origin *ifmatchtest.Server) string {
	body, _, ok := origin.State("/doc")
	if !ok {
		return "(gone)"
	}
	return string(body)
}

// bodyOf returns what http.NewRequest sets for a body that can be had again.
func bodyOf(s string) (io.ReadCloser, func() (io.ReadCloser, error), int64) {
	get := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
	body, _ := get()
	return body, get, int64(len(s))
}

// replying answers the next n requests with this method by status and fields.
func replying(method string, n, status int, fields ...string) ifmatchtest.Fault {
	return ifmatchtest.Reply(n, func(w http.ResponseWriter, r *http.Request) {
		for _, field := range fields {
			name, value, _ := strings.Cut(field, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(status)
	}).On(method)
}

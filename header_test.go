package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// TestWithHeader: each request has the field, also those that follow a refusal, and reads
// have no field of writes.
func TestWithHeader(t *testing.T) {
	const tenant = "X-Tenant"
	opts := []UpdateOption{
		WithHeader("x-tenant", "first"), WithHeader("X-Tenant", "blue"), WithHeader("X-Gone", "a"), WithHeader("X-Gone", ""),
		WithHeader("Accept", "application/vnd.api+json"), WithHeader("Content-Type", "application/vnd.api+json"),
		WithHeader("Prefer", "return=minimal"), WithHeader("X-Amz-Meta-By", "me"), WithHeader("X-Nothing", ""),
	}
	check := func(t *testing.T, origin *ifmatchtest.Server, n int) {
		t.Helper()
		log := origin.Log()
		for _, r := range log {
			read := r.Method == http.MethodGet
			for key, want := range map[string]string{
				tenant: "blue", "Accept": "application/vnd.api+json", "X-Gone": "", "X-Nothing": "", "Accept-Encoding": "identity",
				"Content-Type": "application/vnd.api+json", "Prefer": "return=minimal", "X-Amz-Meta-By": "me",
			} {
				if read && onWritesOnly(key) || !read && key == "Accept-Encoding" {
					want = ""
				}
				if got := strings.Join(r.Header[key], ", "); got != want && key != "Accept-Encoding" {
					t.Errorf("%s: %s %q, want %q", r.Method, key, got, want)
				}
			}
		}
		if len(log) != n {
			t.Errorf("%d requests", len(log))
		}
		origin.ResetLog()
	}
	rival := func(b []byte) []byte { return append([]byte(" "), b...) }
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		if _, err := Get[counter](t.Context(), origin.Client(), url, opts...); err != nil {
			t.Error(err)
		}
		check(t, origin, 1)
		origin.Inject(ifmatchtest.CompetingWriter(1, rival))
		if _, err := Update(t.Context(), origin.Client(), url, addOne, opts...); err != nil {
			t.Error(err)
		}
		check(t, origin, 4)
		r := NewResource[counter](origin.Client(), url, opts...)
		if _, err := r.Update(t.Context(), addOne); err != nil {
			t.Error(err)
		}
		if _, err := r.Get(t.Context()); err != nil {
			t.Error(err)
		}
		check(t, origin, 4) // with the look at what is stored
	})
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) { // a patch
		if _, err := Update(t.Context(), origin.Client(), url, addOne, WithPatch(), WithHeader("Content-Type", "application/json")); err != nil {
			t.Error(err)
		}
		if r := origin.Log()[1]; r.Method != http.MethodPatch || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
	})
}

// TestWithHeaderReserved: what Update sets itself is an error of every Get and Update, before
// anything is sent.
func TestWithHeaderReserved(t *testing.T) {
	for _, key := range []string{
		"If-Match", "if-none-match", "If-Unmodified-Since", "If", "Range", "Content-Range", "Content-Length", "Content-Encoding",
		"Host", "Connection", "Transfer-Encoding", "Expect", "Idempotency-Key", "Accept-Encoding", "Cache-Control", "Pragma",
		"Digest", "Content-Digest", "X-Http-Method-Override", "X-Goog-If-Generation-Match",
	} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			o := WithHeader(key, "x")
			_, one := Get[counter](t.Context(), origin.Client(), url, o)
			_, two := Update(t.Context(), origin.Client(), url, addOne, o)
			_, three := NewResource[counter](origin.Client(), url, o).Update(t.Context(), addOne)
			for _, err := range []error{one, two, three} {
				if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", http.CanonicalHeaderKey(key))) {
					t.Errorf("%s: %v", key, err)
				}
			}
			if len(origin.Log()) != 0 {
				t.Errorf("%s: something was sent", key)
			}
		})
	}
}

// TestWithHeaderUnsendable: nothing that is no field reaches a base, which may take it for
// several.
func TestWithHeaderUnsendable(t *testing.T) {
	for _, set := range [][2]string{
		{"X-Tenant", "a\r\nIf-Match: *"}, {"X-Tenant", "a\nb"}, {"X-Tenant", "a\x00"}, {"X-Tenant: a\r\nIf-Match", "*"},
		{"if-match ", "*"}, {"if-match:", "*"}, {"", "a"},
	} {
		base := roundTripper(func(*http.Request) (*http.Response, error) {
			t.Errorf("%q: something was sent", set)
			return nil, errors.New("sent")
		})
		client := &http.Client{Transport: NewTransport(base, Stop)}
		if _, err := Update(t.Context(), client, "http://example.test/", addOne, WithHeader(set[0], set[1])); err == nil || !strings.Contains(err.Error(), "WithHeader") {
			t.Errorf("%q: %v", set, err)
		}
	}
	if !field.Sendable("X-Tenant", "a\tb, \"ä\"") {
		t.Error("a field that can be sent")
	}
}

// TestWithContextValues: a write of a Resource has the values of the context that NewResource
// was given, and neither its end nor its deadline; nothing of a caller's context.
func TestWithContextValues(t *testing.T) {
	type key struct{}
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		var seen []any
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPut {
				_, bounded := req.Context().Deadline()
				seen = append(seen, req.Context().Value(key{}), bounded)
			}
			return origin.Client().Transport.RoundTrip(req)
		})
		given, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "given"), time.Minute)
		defer cancel()
		c := &http.Client{Transport: NewTransport(base, Stop)}
		callers := context.WithValue(t.Context(), key{}, "a caller's")
		var none context.Context
		for name, opts := range map[string][]UpdateOption{"given": {WithContextValues(given)}, "none": nil, "nil": {WithContextValues(given), WithContextValues(none)}} {
			r := NewResource[counter](c, url, opts...)
			cancel()
			seen = nil
			_, err := r.Update(callers, addOne)
			want := any(nil)
			if name == "given" {
				want = name
			}
			if err != nil || len(seen) != 2 || seen[0] != want || seen[1] != false {
				t.Errorf("%s: %v, %v", name, seen, err)
			}
		}
		limited := WithOptions(given, WithMaxAttempts(1))
		origin.Inject(ifmatchtest.CompetingWriter(1, nil))
		if got, err := NewResource[counter](c, url, WithContextValues(limited)).Update(callers, addOne); !errors.Is(err, ErrAttempts) || got.Outcome.Attempts != 1 {
			t.Errorf("its options: %v, %v", got.Outcome, err)
		}
	})
}

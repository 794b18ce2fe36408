package ifmatchtest

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// contractDo makes one round trip as http.Client would: of a response and an
// error it keeps the error. The response is closed at the end of the test, if
// the test didn't close it.
func contractDo(t *testing.T, rt http.RoundTripper, req *http.Request) (*http.Response, error) {
	t.Helper()
	resp, err := contractCall(t, rt, req)
	if resp != nil && resp.Body != nil {
		t.Cleanup(func() { resp.Body.Close() })
	}
	if err != nil {
		return nil, err
	}
	if resp == nil {
		t.Fatal("RoundTrip returned neither a response nor an error")
	}
	if resp.Body == nil {
		t.Fatal("RoundTrip returned a response without a Body")
	}
	return resp, nil
}

// contractMust is contractDo for a request that can't fail.
func contractMust(t *testing.T, rt http.RoundTripper, req *http.Request) *http.Response {
	t.Helper()
	resp, err := contractDo(t, rt, req)
	if err != nil {
		t.Fatalf("RoundTrip of %s %s: %v", req.Method, req.URL, err)
	}
	return resp
}

// contractCall makes one round trip and returns what it returned. It fails the
// test if the call panics or doesn't return.
func contractCall(t *testing.T, rt http.RoundTripper, req *http.Request) (resp *http.Response, err error) {
	t.Helper()
	contractWithin(t, "RoundTrip", func() { resp, err = rt.RoundTrip(req) })
	return resp, err
}

// contractFinish reads the response to its end, closes it, and returns what
// was read.
func contractFinish(t *testing.T, resp *http.Response) string {
	t.Helper()
	var body []byte
	var err error
	contractWithin(t, "reading the response body", func() {
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	})
	if err != nil {
		t.Fatalf("reading the response body: %v", err)
	}
	return string(body)
}

// contractWithin runs f, named by what, and fails the test if f panics or
// doesn't end.
func contractWithin(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		f()
	}()
	select {
	case p := <-done:
		if p != nil {
			t.Fatalf("%s panicked: %v", what, p)
		}
	case <-time.After(contractPatience):
		t.Fatalf("%s didn't end within %v", what, contractPatience)
	}
}

// contractEventually reports whether cond becomes true in time.
func contractEventually(patience time.Duration, cond func() bool) bool {
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

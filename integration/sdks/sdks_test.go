// Package sdks shows where ifmatch goes in the clients that others wrote for real
// servers. What docs/sdks.md quotes is from here.
package sdks

import (
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// env is the value of IFMATCH_name, which run.sh sets.
func env(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv("IFMATCH_" + name)
	if value == "" {
		t.Fatalf("IFMATCH_%s is not set: its server was asked for and is not up", name)
	}
	return value
}

// needs skips a test whose server wasn't asked for.
func needs(t *testing.T, server string) {
	t.Helper()
	names := strings.Fields(os.Getenv("IFMATCH_SERVERS_WANTED"))
	if len(names) == 0 {
		t.Fatal("IFMATCH_SERVERS_WANTED is not set: these tests are started by run.sh")
	}
	if !slices.Contains(names, server) {
		t.Skipf("%s was not asked for", server)
	}
}

// A wire is the bottom of a client: what is below SDK, ifmatch and signer.
type wire struct {
	base http.RoundTripper // nil: http.DefaultTransport

	mu      sync.Mutex
	sent    []string    // method and status
	written http.Header // of the last write
	fail    int         // writes that are answered with 503 in place of the server
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	write := req.Method != http.MethodGet && req.Method != http.MethodHead
	fail := write && w.fail > 0
	if fail {
		w.fail--
	}
	w.mu.Unlock()
	resp, err := w.answer(req, fail)
	w.mu.Lock()
	defer w.mu.Unlock()
	if write {
		w.written = req.Header.Clone()
	}
	status := "error"
	if err == nil {
		status = resp.Status[:3]
	}
	w.sent = append(w.sent, req.Method+" "+status)
	return resp, err
}

func (w *wire) answer(req *http.Request, fail bool) (*http.Response, error) {
	if fail {
		if req.Body != nil {
			req.Body.Close()
		}
		return &http.Response{
			Status: "503 Service Unavailable", StatusCode: 503, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: http.NoBody, Request: req,
		}, nil
	}
	if w.base != nil {
		return w.base.RoundTrip(req)
	}
	return http.DefaultTransport.RoundTrip(req)
}

// take returns what was sent since the last call.
func (w *wire) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	sent := strings.Join(w.sent, ", ")
	w.sent = nil
	return sent
}

// expect compares what was sent since the last look.
func (w *wire) expect(t *testing.T, want string) {
	t.Helper()
	if got := w.take(); got != want {
		t.Errorf("sent: got %s, want %s", got, want)
	}
}

// logged waits until the server's own log has a line that matches.
func logged(t *testing.T, log, pattern string) {
	t.Helper()
	file, line := env(t, log), regexp.MustCompile("(?m)"+pattern)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if err == nil && line.Match(text) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("no line matches %s in %s (%v)", pattern, log, err)
			return
		}
	}
}

// ended compares what a call ended with.
func ended(t *testing.T, got ifmatch.Outcome, effect ifmatch.Effect, cause ifmatch.Cause) {
	t.Helper()
	if got.Effect != effect || got.Cause != cause {
		t.Errorf("outcome: got %v, %v (%v), want %v, %v", got.Effect, got.Cause, got.Err, effect, cause)
	}
}

// signedAbove checks that the outcome tells where ifmatch was put by mistake.
func signedAbove(t *testing.T, got ifmatch.Outcome, scheme string) {
	t.Helper()
	ended(t, got, ifmatch.EffectNotApplied, ifmatch.CauseSignedAbove)
	want := "ifmatch: the Authorization scheme " + scheme + " shows that the request was signed above the Transport, " +
		"so nothing in it can be rewritten"
	if why := errors.Unwrap(got.Err); why == nil || why.Error() != want || !strings.HasSuffix(got.Err.Error(), "[IFM017]") {
		t.Errorf("outcome: got the error %v, want %s", got.Err, want)
	}
}

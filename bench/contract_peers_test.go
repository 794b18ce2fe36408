package bench_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// peers are other people's retrying RoundTrippers, with short waits.
var peers = []struct {
	name  string
	wrap  func(base http.RoundTripper) http.RoundTripper
	fails []string // the subtests of the contract that fail, sorted
}{
	{"go-retryablehttp", newRetryableHTTP, retryableHTTPFails},
	{"failsafe-go", newFailsafe, failsafeFails},
}

func newRetryableHTTP(base http.RoundTripper) http.RoundTripper {
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: base}
	client.Logger = nil
	client.RetryWaitMin = time.Millisecond
	client.RetryWaitMax = 2 * time.Millisecond
	client.RetryMax = 3
	return &retryablehttp.RoundTripper{Client: client}
}

func newFailsafe(base http.RoundTripper) http.RoundTripper {
	policy := failsafehttp.NewRetryPolicyBuilder().
		WithMaxRetries(3).
		WithBackoff(time.Millisecond, 2*time.Millisecond).
		Build()
	return failsafehttp.NewRoundTripper(base, policy)
}

// peerEnv names the peer that TestPeer runs.
const peerEnv = "IFMATCH_BENCH_PEER"

// The peers fail the lines of the RoundTripper contract that are listed in
// testdata, and no others. A failed subtest can't be caught in its own
// process, so that each peer runs in a child.
func TestContractPeers(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range peers {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			got, out := failedLines(t, self, peer.name)
			for _, line := range without(peer.fails, got) {
				t.Errorf("%s passed, and is listed in contract_expected_test.go", line)
			}
			for _, line := range without(got, peer.fails) {
				t.Errorf("%s failed, and isn't listed in contract_expected_test.go", line)
			}
			if t.Failed() {
				t.Logf("output of the suite:\n%s", out)
			}
		})
	}
}

// TestPeer is the child of TestContractPeers.
func TestPeer(t *testing.T) {
	name := os.Getenv(peerEnv)
	if name == "" {
		t.Skip("run by TestContractPeers")
	}
	for _, peer := range peers {
		if peer.name == name {
			ifmatchtest.TestRoundTripper(t, peer.wrap)
			return
		}
	}
	t.Fatalf("no peer %q", name)
}

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: TestPeer/(\S+) `)

// failedLines runs TestPeer and returns the subtests that failed and have no
// subtests themselves, sorted, and what the suite printed.
func failedLines(t *testing.T, self, peer string) (lines []string, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, self, "-test.run=^TestPeer$", "-test.v")
	child.Env = append(os.Environ(), peerEnv+"="+peer)
	output, err := child.CombinedOutput()
	out = string(output)
	if err == nil {
		return nil, out
	}
	if strings.Contains(out, "\npanic: ") || !strings.Contains(out, "--- FAIL: TestPeer ") {
		t.Fatalf("the suite didn't run to its end: %v\n%s", err, out)
	}
	var all []string
	for _, m := range failed.FindAllStringSubmatch(out, -1) {
		all = append(all, m[1])
	}
	for _, line := range all {
		parent := slices.ContainsFunc(all, func(other string) bool { return strings.HasPrefix(other, line+"/") })
		if !parent {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines, out
}

// without returns what is in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

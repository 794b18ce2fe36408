package ifmatchtest_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

func TestContractTransport(t *testing.T) {
	ifmatchtest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper { return base })
}

func TestContractPassThrough(t *testing.T) {
	ifmatchtest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
		return &contractWrapper{base: base}
	})
}

// A wrapper that repeats requests keeps the contract as well.
func TestContractRepeater(t *testing.T) {
	ifmatchtest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
		return newContractRepeater(base)
	})
}

// contractBrokenEnv names the wrapper that TestContractBroken runs.
const contractBrokenEnv = "IFMATCHTEST_BROKEN_WRAPPER"

// Each broken wrapper fails the lines that are there to catch it. A failed
// subtest can't be caught in its own process, so that each runs in a child.
func TestContractCatches(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for what broken wrappers never do")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range contractBroken {
		for _, line := range broken.lines {
			t.Run(broken.name+"/"+line, func(t *testing.T) {
				t.Parallel()
				child := exec.CommandContext(t.Context(), self,
					"-test.run=^TestContractBroken$/^"+line+"$", "-test.v", "-test.failfast", "-test.timeout=1m")
				child.Env = append(os.Environ(), contractBrokenEnv+"="+broken.name)
				out, err := child.CombinedOutput()
				if err == nil {
					t.Errorf("line %s passed with the wrapper %s", line, broken.name)
				}
				if !strings.Contains(string(out), "--- FAIL: TestContractBroken/"+line+" ") {
					t.Errorf("line %s didn't fail with the wrapper %s:\n%s", line, broken.name, out)
				}
				if strings.Contains(string(out), "\npanic: ") {
					t.Errorf("the suite panicked:\n%s", out)
				}
			})
		}
	}
}

// TestContractBroken is the child of TestContractCatches.
func TestContractBroken(t *testing.T) {
	name := os.Getenv(contractBrokenEnv)
	if name == "" {
		t.Skip("run by TestContractCatches")
	}
	for _, broken := range contractBroken {
		if broken.name == name {
			ifmatchtest.TestRoundTripper(t, broken.wrap)
			return
		}
	}
	t.Fatalf("no wrapper %q", name)
}

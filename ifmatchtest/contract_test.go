package ifmatchtest_test

import (
	"context"
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
	type row struct {
		wrapper, line string
		ended         chan childEnd
	}
	var rows []row
	turn := make(chan struct{}, 8) // a child waits most of its time, so that more run than there are cores
	for i, broken := range contractBroken {
		if os.Getenv("IFMATCH_LONG") == "" && i%4 > 0 {
			continue // each row is a process, and waits; CI has them all
		}
		for _, line := range broken.lines {
			ended := make(chan childEnd, 1)
			rows = append(rows, row{broken.name, line, ended})
			go func() {
				turn <- struct{}{}
				defer func() { <-turn }()
				ended <- runBroken(t.Context(), self, broken.name, line)
			}()
		}
	}
	for _, row := range rows {
		t.Run(row.wrapper+"/"+row.line, func(t *testing.T) {
			end := <-row.ended
			if end.err == nil {
				t.Errorf("line %s passed with the wrapper %s", row.line, row.wrapper)
			}
			if !strings.Contains(end.out, "--- FAIL: TestContractBroken/"+row.line+" ") {
				t.Errorf("line %s didn't fail with the wrapper %s:\n%s", row.line, row.wrapper, end.out)
			}
			if strings.Contains(end.out, "\npanic: ") {
				t.Errorf("the suite panicked:\n%s", end.out)
			}
		})
	}
}

// A childEnd is what a child printed, and how it ended.
type childEnd struct {
	out string
	err error
}

// runBroken runs one line of the suite on a broken wrapper, in a child.
func runBroken(ctx context.Context, self, wrapper, line string) childEnd {
	child := exec.CommandContext(ctx, self,
		"-test.run=^TestContractBroken$/^"+line+"$", "-test.v", "-test.failfast", "-test.timeout=1m")
	child.Env = append(os.Environ(), contractBrokenEnv+"="+wrapper)
	out, err := child.CombinedOutput()
	return childEnd{string(out), err}
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

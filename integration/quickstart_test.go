package integration

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestQuickstart runs the command that the README shows, against Apache.
func TestQuickstart(t *testing.T) {
	if !isWanted(t, "apache") {
		return
	}
	t.Parallel()
	url := env(t, "APACHE") + fmt.Sprintf("quickstart-%d.txt", nextID())
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", "./examples/quickstart", "-url", url)
	cmd.Dir = ".."
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	// a round mostly begins within a second of a write, and then asks twice
	for _, line := range []string{
		`Resend +PUT 412, HEAD 200(, HEAD 200)?, PUT 204 +applied `,
		`Rebuild +PUT 412, GET 200(, GET 200)?, PUT 204 +applied `,
		`Stop +PUT 412 +not applied `,
		`Read back after each: as it should be\.`,
	} {
		if !regexp.MustCompile(`(?m)^` + line).Match(text) {
			t.Errorf("the output has no line %q", line)
		}
	}
	if !strings.HasPrefix(string(text), url) || t.Failed() {
		t.Errorf("output:\n%s", text)
	}
}

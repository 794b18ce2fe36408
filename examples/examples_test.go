// Package examples holds the tests of the programs below it.
package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOutput: each example prints what its output.txt has. With IFMATCH_LONG all are run;
// otherwise they are vetted, since linking each of them takes longer than most tests.
// The quickstart has a test of its own.
func TestOutput(t *testing.T) {
	outputs, err := filepath.Glob("*/output.txt")
	if err != nil {
		t.Fatal(err)
	}
	mains, err := filepath.Glob("*/main.go")
	if err != nil || len(outputs) != len(mains)-1 {
		t.Errorf("%d outputs of %d examples, %v", len(outputs), len(mains), err)
	}
	if os.Getenv("IFMATCH_LONG") == "" || testing.Short() {
		if out, err := exec.CommandContext(t.Context(), "go", "vet", "./...").CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for _, output := range outputs {
		dir := filepath.Dir(output)
		t.Run(dir, func(t *testing.T) {
			want, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			program := exec.CommandContext(t.Context(), "go", "run", "./"+dir)
			program.Stderr = os.Stderr
			if got, err := program.Output(); err != nil || string(got) != string(want) {
				t.Errorf("%v, output:\n%s\nwant:\n%s", err, got, want)
			}
		})
	}
}

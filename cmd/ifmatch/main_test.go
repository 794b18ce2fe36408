package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ifmatch-go/ifmatch/explain"
)

// built is the command as go build makes it.
func built(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ifmatch.exe")
	if out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return name
}

func TestProgram(t *testing.T) {
	name := built(t)
	t.Run("explains, and ends with a status", func(t *testing.T) {
		cmd := exec.Command(name, "explain")
		cmd.Stdin = strings.NewReader(content(t, plain))
		if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "(certain, IFM002)") || strings.Contains(string(out), "\x1b") {
			t.Errorf("%q, %v", out, err)
		}
		cmd = exec.Command(name, "explain", filepath.Join(t.TempDir(), "missing"))
		if cmd.Run(); cmd.ProcessState.ExitCode() != statusInput {
			t.Errorf("status %d for a missing file", cmd.ProcessState.ExitCode())
		}
	})
	t.Run("starts within 50 ms", func(t *testing.T) {
		best := time.Hour
		for range 40 { // a busy machine is slow at times
			begun, cmd := time.Now(), exec.Command(name, "explain", "IFM012")
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			// It waits for nothing, so that its own time counts where others have the machine.
			best = min(best, time.Since(begun), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		}
		if best > 50*time.Millisecond {
			t.Errorf("the fastest start took %v", best)
		}
	})
}

func TestIsTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, stream := range map[string]any{"a file": file, "a reader": strings.NewReader("")} {
		if isTerminal(stream) {
			t.Errorf("%s is no terminal", name)
		}
	}
}

func TestManWritesAPageForEachCommand(t *testing.T) {
	directory := t.TempDir()
	try("", "man", directory).want(t, statusDone, "", "")
	page := content(t, filepath.Join(directory, "ifmatch-explain.1"))
	for _, part := range []string{`.TH "IFMATCH-EXPLAIN" "1"`, ".SH EXAMPLE", `\-\-format`, "NO_COLOR"} {
		if !strings.Contains(strings.ReplaceAll(page, "--", `\-\-`), part) {
			t.Errorf("the page has no %s", part)
		}
	}
	content(t, filepath.Join(directory, "ifmatch.1"))
	try("", "man", filepath.Join(directory, "missing")).want(t, statusOutput, "", "manual pages can't be written")
	try("", "man").want(t, statusUsage, "", "accepts 1 arg")
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		try("", "completion", shell).want(t, statusDone, "ifmatch", "")
	}
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"exp"}, []string{"explain"}},
		{[]string{"explain", "--format", ""}, formatNames()},
		{[]string{"explain", "--dialect", ""}, dialects()},
		{[]string{"explain", "IFM0"}, []string{"IFM012\tunstable validator"}},
	} {
		got := try("", append([]string{cobra.ShellCompRequestCmd}, test.args...)...)
		for _, want := range test.want {
			if !strings.Contains("\n"+got.out, "\n"+want) {
				t.Errorf("%q completes to %q, without %q", test.args, got.out, want)
			}
		}
	}
}

func TestEachCommandHasHelp(t *testing.T) {
	try("").want(t, statusDone, "explain ", "")
	try("", "--help").want(t, statusDone, "Examples:\n"+rootExamples, "")
	for _, cmd := range newRoot(&world{}).Commands() {
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.Name())
		}
		try("", cmd.Name(), "--help").want(t, statusDone, cmd.Example, "")
	}
}

// statuses are what docs/command.md says of each.
var statuses = map[string]string{
	"0":            "the report is written; of `diagnose`: and the write would go through",
	"1":            "the output can't be written",
	"2":            "an argument or a flag is wrong",
	"3":            "the input can't be read",
	"4":            "the input has no exchange in it",
	"5":            "the host can't be reached, or doesn't answer in time",
	"6":            "GET shows no state, such as 401, 404 or a redirect",
	"7":            "nothing was found, and nothing shows that the write would go through",
	"11–32, 41–53": "of `diagnose`: the first finding, by its code; see below",
}

// The documentation names what there is.
func TestDocs(t *testing.T) {
	page := content(t, "../../docs/command.md")
	for status, text := range statuses {
		if want := "| " + status + " | " + text + " |"; !strings.Contains(page, want) {
			t.Errorf("docs/command.md has no line %q", want)
		}
	}
	for _, name := range append(formatNames(), dialects()...) {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/command.md has no %s", name)
		}
	}
	for _, e := range explain.Entries() {
		if want := fmt.Sprintf("| %s | %s | %d |", e.Code, e.Name, statusOfCode(e.Code)); !strings.Contains(page, want) {
			t.Errorf("docs/command.md has no line %q", want)
		}
	}
	cmd, _, err := newRoot(&world{}).Find([]string{"diagnose"})
	if err != nil {
		t.Fatal(err)
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(page, "`--"+f.Name) && !strings.Contains(page, "`-"+f.Shorthand) {
			t.Errorf("docs/command.md has no --%s", f.Name)
		}
	})
	const install = "go -C cmd/ifmatch install ."
	for _, name := range []string{"../../docs/command.md", "../../README.md"} {
		if !strings.Contains(content(t, name), install) {
			t.Errorf("%s has no %q", name, install)
		}
	}
}

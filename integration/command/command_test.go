package command

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// program is the command, as go build makes it.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	// Tests wait most of the time, for Apache's second among others.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	directory, err := os.MkdirTemp("", "ifmatch")
	if err == nil {
		program = filepath.Join(directory, "ifmatch")
		err = runIn("../../cmd/ifmatch", "go", "build", "-o", program, ".")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(directory)
	os.Exit(code)
}

func runIn(directory, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = directory
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// TestCauses has each cause that a server here can show: the command explains what curl
// printed, the same as an archive, and what it asks the server itself.
func TestCauses(t *testing.T) {
	wanted := strings.Fields(os.Getenv("IFMATCH_SERVERS_WANTED"))
	if len(wanted) == 0 {
		t.Fatal("IFMATCH_SERVERS_WANTED is not set: these tests are started by run.sh")
	}
	for _, c := range causes {
		t.Run(c.server+", "+c.name, func(t *testing.T) {
			if !slices.Contains(wanted, c.server) {
				t.Skipf("%s was not asked for", c.server)
			}
			if !c.forgets {
				t.Parallel()
				c.run(t, true)
				return
			}
			for range 5 {
				if c.run(t, false) {
					return
				}
			}
			c.run(t, true)
		})
	}
}

// run records and explains one cause, and reports whether all was as wanted. Unless it is the
// last time, what differs is no failure: a cache has forgotten meanwhile.
func (c *cause) run(t *testing.T, last bool) bool {
	complain := t.Logf
	if last {
		complain = t.Errorf
	}
	name, ok := fmt.Sprintf("explained-%d-%d", os.Getpid(), names.Add(1)), true
	s := &session{t: t, address: env(t, c.address), path: c.prefix + name + cmp.Or(c.suffix, ".json"), fields: c.fields}
	s.origin = s.address
	if c.origin != "" {
		s.origin = env(t, c.origin)
	}
	if c.query != "" {
		s.query = "?" + env(t, c.query)
	}
	asked := c.record(s)
	pause := "1.1" // Apache's first second is over then
	if c.forgets {
		pause = "0"
	}
	args := slices.Concat([]string{"diagnose", "--pause", pause}, c.fields, asked, []string{s.url(s.address)})
	if got, status := ask(t, "", args...); got+" "+strconv.Itoa(status) != c.diagnosed() {
		ok = false
		complain("diagnose: %s %d, want %s\n%s", got, status, c.diagnosed(), told("", append(args, "-v")...))
	}
	for format, text := range map[string]string{"curl": s.text.String(), "har": s.archive()} {
		if got, status := ask(t, text, "explain"); got != c.code || status != 0 {
			ok = false
			complain("explain of %s: %s %d, want %s\n%s\n%s", format, got, status, c.code, told(text, "explain"), text)
		}
	}
	return ok
}

// diagnosed is the code that diagnose finds, if any, and its exit status.
func (c *cause) diagnosed() string {
	digits, isCode := strings.CutPrefix(c.found, "IFM")
	n, _ := strconv.Atoi(digits)
	switch {
	case !isCode:
		return " " + c.found
	case n > 100:
		return fmt.Sprint(c.found, " ", n-60)
	}
	return fmt.Sprint(c.found, " ", n+10)
}

// ask runs the command, and returns the code of its first finding and its exit status.
func ask(t *testing.T, in string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append(args, "--json")...)
	cmd.Stdin = strings.NewReader(in)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var report struct{ Findings []struct{ Code string } }
	if err := json.Unmarshal(out, &report); err != nil {
		t.Errorf("%q: %v: %s", args, err, failure.String())
	}
	if len(report.Findings) == 0 {
		return "", cmd.ProcessState.ExitCode()
	}
	return report.Findings[0].Code, cmd.ProcessState.ExitCode()
}

// told is what the command says for a reader.
func told(in string, args ...string) string {
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(in)
	out, _ := cmd.CombinedOutput() // its status says the finding
	return string(out)
}

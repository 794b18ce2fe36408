package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestMain takes the proxies of the environment away: the servers of the tests are here.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		os.Unsetenv(name)
		os.Unsetenv(strings.ToLower(name))
	}
	os.Exit(m.Run())
}

// tried is what a run of the command gave.
type tried struct {
	status   int
	out, err string
}

// try is a run of the command without a terminal, and with this standard input.
func try(in string, args ...string) tried {
	return tryIn(world{in: strings.NewReader(in)}, args...)
}

// tryIn is a run in a world whose gaps are filled.
func tryIn(w world, args ...string) tried {
	var out, err bytes.Buffer
	if w.in == nil {
		w.in = strings.NewReader("")
	}
	if w.out == nil {
		w.out = &out
	}
	if w.getenv == nil {
		w.getenv = func(string) string { return "" }
	}
	if w.isTerminal == nil {
		w.isTerminal = func(any) bool { return false }
	}
	w.err = &err
	status := run(args, w)
	return tried{status, out.String(), err.String()}
}

// want fails unless the run ended so, and its texts have these parts.
func (r tried) want(t *testing.T, status int, out, err string) {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, want %d; standard error: %s", r.status, status, r.err)
	}
	if !strings.Contains(r.out, out) || out == "" && r.out != "" {
		t.Errorf("standard output %q, want %q in it", r.out, out)
	}
	if !strings.Contains(r.err, err) || err == "" && r.err != "" {
		t.Errorf("standard error %q, want %q in it", r.err, err)
	}
}

const recordings = "../../explain/testdata/recordings/"

func content(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

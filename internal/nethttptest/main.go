// Command nethttptest runs net/http's own tests, of the Go release in use,
// with an ifmatch.Transport in front of the *http.Transport that the tests'
// clients send through. It shows that ours can stand in place of
// http.DefaultClient's.
//
// Run it from the module root, so that the tests can import this module:
//
//	go run ./internal/nethttptest                  # the proof
//	go run ./internal/nethttptest -wrapper=none    # the same with a wrapper that does nothing
//	go run ./internal/nethttptest -check-left-out  # that the tests left out have to be
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// A full run with no more requests through the wrapper was not swapped.
	minRequests = 1000
	maxFlakes   = 2 // more failed tests than this are not taken for flaky
	// How often -check-left-out runs each test: behind a wrapper they race two
	// timers and fail in a fifth to four fifths of the runs.
	leftOutRuns = 100
)

// leftOut lists the tests that fail behind any wrapper, with the reason.
var leftOut = map[string]string{
	"TestClientTimeout":         clientTimeout,
	"TestClientTimeout_Headers": clientTimeout,
}

const clientTimeout = "it wants \"Client.Timeout\" in the error; unless the client's transport is an *http.Transport, " +
	"http.setRequestCancel lets the context's deadline race the timer that puts it there"

// swap is a textual change to net/http's test files.
type swap struct {
	what, re, with string
	want           map[string]int // how often re occurs in each file, in countedIn
}

const countedIn = "go1.26"

var swaps = []swap{
	// The client of nearly all tests. httptest.Server.Client hands out the
	// same *Client, so tests that ask the server for it get ours, too.
	// It comes last, for the helper to set up the *Transport before.
	{"helper's client", `(?m)^\tt\.Cleanup\(func\(\) \{\n\t\tcst\.close\(\)$`, "\tcst.c.Transport = swapIn(cst.tr)\n${0}",
		map[string]int{"clientserver_test.go": 1}},
	{"TestMain", `(?m)^\tv := m\.Run\(\)$`, "\thttp.DefaultClient.Transport = swapIn(http.DefaultTransport)\n${0}\n\tswapReport()",
		map[string]int{"main_test.go": 1}},
	// Tests reach for the *Transport behind a client to configure it,
	{"type assertion", `((?:\w+(?:\(\))?\.)+Transport)\.\(\*Transport\)`, `swapBase(${1})`,
		map[string]int{"alpn_test.go": 1, "client_test.go": 9, "serve_test.go": 7, "transport_test.go": 52}},
	// make clients of their own,
	{"Client literal", `(?ms)(&Client\{Transport: )([&\w{}]+|&Transport\{\n.*?^\t\})\}$`, `${1}swapIn(${2})}`,
		map[string]int{"client_test.go": 10, "clientserver_test.go": 1, "serve_test.go": 1, "transport_test.go": 10}},
	{"Transport field", `(?ms)^(\t+Transport: +)([\w{}]+|(?:&Transport\{|testRoundTripper\().*?^\t\t\}\)?),$`, `${1}swapIn(${2}),`,
		map[string]int{"alpn_test.go": 1, "client_test.go": 2, "transport_test.go": 3}},
	{"empty Client", `&http\.Client\{\}`, `&http.Client{Transport: swapIn(http.DefaultTransport)}`,
		map[string]int{"csrf_test.go": 1}},
	{"reverse proxy", `(\brp\.Transport = )(backend\.tr)`, `${1}swapIn(${2})`,
		map[string]int{"clientserver_test.go": 1}},
	// or call a transport without a client.
	{"RoundTrip call", `\b((?:\w+\.)*tr?)\.RoundTrip\(`, `swapIn(${1}).RoundTrip(`,
		map[string]int{"client_test.go": 2, "clientserver_test.go": 1, "transport_dial_test.go": 1, "transport_test.go": 18}},
}

// apply makes the change in the text of a file.
func (s swap) apply(file, text string) (string, error) {
	re := regexp.MustCompile(s.re)
	if got, want := len(re.FindAllStringIndex(text, -1)), s.want[file]; got != want {
		return "", fmt.Errorf("%s: pattern %q found %d times, want %d (counted in %s); see what changed, then correct swaps",
			file, s.what, got, want, countedIn)
	}
	return re.ReplaceAllString(text, s.with), nil
}

// swapSource is a file added to package http_test; WRAPPED and IMPORT depend
// on the wrapper.
const swapSource = `package http_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	IMPORT
)

var swapRequests atomic.Int64

type swapTransport struct{ base, wrapped http.RoundTripper }

func (s *swapTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	swapRequests.Add(1)
	return s.wrapped.RoundTrip(req)
}

func (s *swapTransport) CloseIdleConnections() {
	if c, ok := s.wrapped.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func swapIn(base http.RoundTripper) http.RoundTripper { return &swapTransport{base, WRAPPED} }

func swapBase(rt http.RoundTripper) *http.Transport {
	if s, ok := rt.(*swapTransport); ok {
		rt = s.base
	}
	return rt.(*http.Transport)
}

func swapReport() { fmt.Printf("\nswapRequests=%d\n", swapRequests.Load()) }
`

// writeOverlay writes the changed test files to dir, and the description that
// go test -overlay takes, whose path it returns.
func writeOverlay(dir, goroot, wrapper string) (string, error) {
	src := filepath.Join(goroot, "src", "net", "http")
	fill := strings.NewReplacer("IMPORT", `"github.com/ifmatch-go/ifmatch"`, "WRAPPED", "ifmatch.NewTransport(base, ifmatch.Resend)")
	if wrapper == "none" {
		fill = strings.NewReplacer("IMPORT", "", "WRAPPED", "base")
	}
	texts := map[string]string{"zz_swap_test.go": fill.Replace(swapSource)}
	for _, s := range swaps {
		for file := range s.want {
			if texts[file] == "" {
				b, err := os.ReadFile(filepath.Join(src, file))
				if err != nil {
					return "", err
				}
				texts[file] = string(b)
			}
			var err error
			if texts[file], err = s.apply(file, texts[file]); err != nil {
				return "", err
			}
		}
	}
	replace := map[string]string{}
	for file, text := range texts {
		replace[filepath.Join(src, file)] = filepath.Join(dir, file)
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	b, _ := json.Marshal(map[string]any{"Replace": replace}) // strings cannot fail
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o600)
}

// result is the outcome of a go test. Tests are top-level ones.
type result struct {
	times    map[string]map[string]int // by action (pass, fail, skip) and test
	output   map[string]string         // by test, with its subtests'; "" is all other
	requests int                       // through the wrapper; -1: the tests did not come to their end
	err      error                     // of the go command
}

func (r result) names(action string) []string { return slices.Sorted(maps.Keys(r.times[action])) }

// goTest runs net/http's tests with the further arguments.
func goTest(verbose bool, args ...string) result {
	// Vetting the standard library is not our business.
	args = append([]string{"test", "-json", "-short", "-vet=off", "-timeout=3m"}, args...)
	out, err := exec.Command("go", append(args, "net/http")...).CombinedOutput()
	r := result{map[string]map[string]int{"pass": {}, "fail": {}, "skip": {}}, map[string]string{}, -1, err}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, len(out)+1)
	inPanic := false
	for lines.Scan() {
		var ev struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &ev) != nil {
			ev.Output = lines.Text() + "\n" // words of the go command
		}
		test, _, isSub := strings.Cut(ev.Test, "/")
		if byTest := r.times[ev.Action]; byTest != nil && test != "" && !isSub {
			byTest[test]++
		}
		// A panic of the test binary as a whole, as at the timeout, is put
		// down to whichever test printed last.
		inPanic = inPanic || strings.HasPrefix(ev.Output, "panic: test timed out")
		if inPanic {
			test = ""
		}
		r.output[test] += ev.Output
		fmt.Sscanf(ev.Output, "swapRequests=%d", &r.requests) // leaves it alone on other lines
		if verbose {
			fmt.Print(ev.Output)
		}
	}
	return r
}

func exactly(names []string) string { return "^(" + strings.Join(names, "|") + ")$" }

// prove runs the tests behind the wrapper and returns an error for any failure.
func prove(verbose bool, run string, args []string) error {
	start, out := time.Now(), slices.Sorted(maps.Keys(leftOut))
	r := goTest(verbose, append(args, "-count=1", "-run="+run, "-skip="+exactly(out))...)
	failed, flaky := r.names("fail"), []string(nil)
	if n := len(failed); 0 < n && n <= maxFlakes && r.requests >= 0 {
		again := goTest(verbose, append(args, "-count=1", "-run="+exactly(failed))...)
		flaky = again.names("pass")
		failed = slices.DeleteFunc(failed, func(name string) bool { return slices.Contains(flaky, name) })
	}
	fmt.Printf("passed %d, failed %d, flaky %d, skipped by net/http itself %d, left out %d; %d requests through the wrapper; %.0fs\n",
		len(r.names("pass")), len(failed), len(flaky), len(r.names("skip")), len(out), r.requests, time.Since(start).Seconds())
	for _, name := range out {
		fmt.Printf("left out: %s: %s\n", name, leftOut[name])
	}
	for _, name := range append(flaky, failed...) {
		fmt.Printf("%s failed; passed when run again: %t\n%s", name, slices.Contains(flaky, name), r.output[name])
	}
	switch {
	case len(failed) > 0:
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	case r.requests < 0 || len(r.times["pass"]) == 0 || r.err != nil && len(flaky) == 0:
		return fmt.Errorf("go test: %v\n%s", r.err, r.output[""])
	case run == "" && r.requests <= minRequests:
		return fmt.Errorf("%d requests through the wrapper, want over %d", r.requests, minRequests)
	}
	return nil
}

// proveLeftOut returns an error unless each left-out test fails behind a
// wrapper that does nothing, and does not without.
func proveLeftOut(verbose bool, args []string) error {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(leftOut)) {
		once := []string{"-run=" + exactly([]string{name}), fmt.Sprintf("-count=%d", leftOutRuns)}
		wrapped, bare := goTest(verbose, append(once, args...)...), goTest(verbose, once...)
		fmt.Printf("%s: of %d runs, %d failed with the do-nothing wrapper, %d passed without it\n",
			name, leftOutRuns, wrapped.times["fail"][name], bare.times["pass"][name])
		if wrapped.times["fail"][name] == 0 || bare.times["pass"][name] != leftOutRuns {
			wrong = append(wrong, name)
			fmt.Print(wrapped.output[""], bare.output[""])
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("left out wrongly: %s", strings.Join(wrong, ", "))
	}
	return nil
}

// options are what the command line asks for.
type options struct {
	wrapper       string // ifmatch or none
	run           string // a pattern of tests; all of them where it is empty
	checkLeftOut  bool
	race, verbose bool
}

// parseOptions reads the command line. A wrong one ends the program.
func parseOptions() options {
	var o options
	flag.StringVar(&o.wrapper, "wrapper", "ifmatch", "ifmatch, or none for a wrapper that does nothing")
	flag.BoolVar(&o.checkLeftOut, "check-left-out", false, "check that each left-out test fails with -wrapper=none")
	flag.BoolVar(&o.race, "race", false, "run the tests with the race detector")
	flag.StringVar(&o.run, "run", "", "run only the tests that match the `pattern`")
	flag.BoolVar(&o.verbose, "v", false, "print the tests' output")
	flag.Parse()
	if o.checkLeftOut {
		o.wrapper = "none"
	}
	if o.wrapper != "ifmatch" && o.wrapper != "none" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	return o
}

// test runs the tests with an overlay in a folder of its own, which it removes.
func test(o options) error {
	env, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	goroot, version, _ := strings.Cut(strings.TrimSpace(string(env)), "\n")
	dir, err := os.MkdirTemp("", "nethttptest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("net/http's own tests of %s, with -short, wrapper %s\n", version, o.wrapper)
	overlay, err := writeOverlay(dir, goroot, o.wrapper)
	if err != nil {
		return err
	}
	args := []string{"-overlay=" + overlay, fmt.Sprintf("-race=%t", o.race)}
	if o.checkLeftOut {
		return proveLeftOut(o.verbose, args)
	}
	return prove(o.verbose, o.run, args)
}

func main() {
	if err := test(parseOptions()); err != nil {
		fmt.Fprintln(os.Stderr, "nethttptest:", err)
		os.Exit(1)
	}
}

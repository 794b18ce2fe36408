package integration

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
)

// TestMain compares docs/servers.md with what the tests saw, once all have run
// and none failed. With IFMATCH_WRITE=1 it writes it.
func TestMain(m *testing.M) {
	flag.Parse()
	// Tests wait most of the time: for a cache to expire, for Apache's second.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	code := m.Run()
	if code == 0 && !slices.ContainsFunc([]string{"test.run", "test.skip", "test.list"}, isSet) {
		if err := seen.check("../docs/servers.md", os.Getenv("IFMATCH_WRITE") == "1"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// isSet says whether a flag leaves out some tests.
func isSet(name string) bool { return flag.Lookup(name).Value.String() != "" }

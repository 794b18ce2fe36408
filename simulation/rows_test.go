package simulation

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var flagRows = flag.String("simulation.rows", "", "a coverage profile of a run with -coverpkg=github.com/ifmatch-go/ifmatch/internal/...: which rows it didn't reach")

// deciding are the files of the library that decide.
var deciding = []string{
	"doubt/doubt.go", "doubt/read.go", "doubt/refusal.go", "evidence/evidence.go", "guard/judge.go", "marks/record.go",
	"refresh/machine.go", "refresh/stability.go", "refresh/state.go", "rounds/rounds.go",
}

// unmet are the rows that no history reaches, by the beginning of their line, and why.
var unmet = map[string][]string{
	"no Transport is below another": {
		"doubt/doubt.go: case a.UnknownBelow:", "doubt/doubt.go: case a.KnownBelow:", "doubt/doubt.go: case a.OpenBelow &&",
	},
	"no write has a key, and none is redirected": {
		"doubt/doubt.go: case a.Repeated && a.Keyed:", "doubt/doubt.go: case a.Diverted:", "doubt/doubt.go: case semantics.SeeOther",
	},
	"each answer has a Date": {"doubt/read.go: case r.Made.IsZero()"},
	"no policy is a function": {
		"doubt/refusal.go: case r.Decision != Resends:", "doubt/refusal.go: case !r.LastWriterWins && r.Own == Unasked:",
	},
	"no base is an http.Transport, or logs in": {
		"evidence/evidence.go: case !traced && s.Invalid:", "evidence/evidence.go: case s.Silent:", "evidence/evidence.go: case s.LoggedIn:",
	},
	"the clients send one tag, or create": {
		"guard/judge.go: return ReasonRequired, errRequired", "guard/judge.go: case Exists:", "guard/judge.go: if g.Quoted {",
		"guard/judge.go: return ReasonUnexamined, errStar", "guard/judge.go: case Conflicting:", "guard/judge.go: case Foreign:",
		"guard/judge.go: return ReasonUnattributed", "refresh/state.go: case len(f.Refused) == 0 &&", "refresh/state.go: func (m *Machine) readDate",
		"refresh/state.go: if young &&", "refresh/state.go: if v.LastModified == f.RefusedDate", "refresh/state.go: return other(f, a)",
		"refresh/state.go: return m.readDate(f, a)", "refresh/state.go: case name == \"Prefer\"", "refresh/state.go: if m.enter(preferring)",
		"refresh/state.go: return Step{Do: Done}", "refresh/state.go: default:",
	},
	"there is no dialect": {
		"refresh/state.go: case a.NoVersion != nil:", "refresh/state.go: case f.Versions:", "refresh/state.go: if slices.Contains(f.Refused, a.Validators.ETag)",
	},
	"a read has a tag where the write had one": {
		"refresh/state.go: case len(f.Refused) > 0 &&", "refresh/state.go: if err := unusable(f, a)", "refresh/state.go: if a.Method == http.MethodHead",
		"refresh/state.go: return stop(NoValidator, err)", "refresh/state.go: if err != nil || !ok",
	},
	"no state is too large, and no read fails for good": {
		"refresh/machine.go: if m.asked >= MaxRequests {", "refresh/machine.go: func (m *Machine) Forget()", "refresh/machine.go: return stop(Failed, nil)",
		"refresh/machine.go: return stop(Failed, a.Err)",
	},
}

// TestRows: each row of a decision table is reached by some history, or is named in unmet.
func TestRows(t *testing.T) {
	if *flagRows == "" {
		t.Skip("-simulation.rows names no profile")
	}
	profile, err := os.ReadFile(*flagRows)
	if err != nil {
		t.Fatal(err)
	}
	missed, files := map[string]bool{}, map[string]int{}
	for line := range strings.Lines(string(profile)) {
		block := profiled.FindStringSubmatch(line)
		if block == nil || !slices.Contains(deciding, block[1]) {
			continue
		}
		if files[block[1]]++; block[3] == "0" {
			missed[block[1]+": "+lineOf(t, block[1], block[2])] = true
		}
	}
	for _, table := range deciding {
		if files[table] == 0 {
			t.Errorf("%s isn't in the profile", table)
		}
	}
	for row := range missed {
		if !slices.ContainsFunc(slices.Concat(slices.Collect(maps.Values(unmet))...), func(begin string) bool { return strings.HasPrefix(row, begin) }) {
			t.Errorf("no history reaches %s", row)
		}
	}
	fmt.Printf("%d rows aren't reached\n", len(missed))
}

// profiled is a block of a profile: its file, its first line, and how often it ran.
var profiled = regexp.MustCompile(`^github\.com/ifmatch-go/ifmatch/internal/(\S+\.go):(\d+)\.\d+,\d+\.\d+ \d+ (\d+)`)

// lineOf is a line of a source file, without white space around it.
func lineOf(t *testing.T, file, number string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "internal", file))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(number)
	lines := strings.Split(string(source), "\n")
	if err != nil || n > len(lines) {
		t.Fatalf("%s has no line %s: the profile is of another state", file, number)
	}
	return strings.TrimSpace(lines[n-1])
}

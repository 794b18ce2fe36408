package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ifmatch-go/ifmatch/explain"
)

// statusOfCode is the exit status that says a code: 11 to 32 for IFM001 to IFM022, and from 41
// on for IFM101 and up.
func statusOfCode(code string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(code, "IFM")) // Entry.Code has digits there
	if n > 100 {
		return n - 60
	}
	return n + 10
}

// facts are what the probes have shown, as far as the first finding doesn't say it.
type facts struct {
	first    string // the code of the first finding; empty: there is none
	answered bool   // some probe had an answer
	state    int    // the status of the GET that is to show the state; 0: no answer
	enforces bool   // a GET under a bogus tag was refused
	creates  bool   // the caller's write only creates
	passed   bool   // the caller's condition, or each tag that was seen, passed in a GET
	wrote    int    // the status of the write; 0: none was answered
	sent     bool   // a write was sent
	unshown  error  // why --write can't show more, or couldn't; nil: it can
}

// conclude is the exit status of a diagnosis, and its verdict; an empty one is that of the
// report.
func conclude(f facts) (int, string) {
	switch {
	case f.first != "":
		return statusOfCode(f.first), ""
	case !f.answered:
		return statusNoAnswer, "no request was answered"
	case f.sent && f.wrote >= 200 && f.wrote < 300:
		return statusDone, "the write goes through: the same bytes were written back, and accepted"
	case f.sent && f.wrote == 0:
		return statusOpen, "the write had no answer: nobody knows whether it was performed"
	case f.sent:
		return statusOpen, fmt.Sprintf("the write was answered with %d, and not because of a precondition", f.wrote)
	case f.creates && (f.state == 404 || f.state == 410):
		return statusDone, "the write would go through as far as its precondition says: it only creates, and nothing is there"
	case f.state != 200:
		return statusNoState, fmt.Sprintf("GET was answered with %d, which shows no state to write on", f.state)
	case f.enforces && f.passed:
		return statusDone, "the write would go through as far as its precondition says: a GET under it passes, and one under a bogus tag is refused"
	}
	return statusOpen, "nothing was refused that should pass, and no GET shows whether the write would go through; --write " + f.proposal()
}

// proposal is what --write does where no GET shows enough.
func (f *facts) proposal() string {
	if f.unshown != nil {
		return fmt.Sprintf("can't show it either: %v", f.unshown)
	}
	return "finds out by writing the same bytes back"
}

// firstCode is the code of the first finding, or empty.
func firstCode(r *explain.Report) string {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Code
}

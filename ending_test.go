package ifmatch

import (
	"testing"
)

// TestLast: how a call ends, by what is known when nothing follows its last answer.
func TestLast(t *testing.T) {
	for _, row := range []struct {
		rule  string
		facts lastFacts
		want  endingKind
	}{
		{"9: an answer that leaves nothing open", lastFacts{decided: endAnswered}, endAnswered},
		{"9: a refusal that nobody handles, with nothing open", lastFacts{decided: endAnswered, comparedNone: true}, endAnswered},
		{"9: an accepted write, whatever was open", lastFacts{decided: endAnswered, open: true}, endAnswered},
		{"9: a refusal that nobody handles after an attempt in doubt", lastFacts{decided: endAnswered, open: true, comparedNone: true}, endUnknown},
		{"9: an error after an attempt in doubt", lastFacts{decided: endAnswered, failed: true, open: true}, endAnswered},
		{"11: a repeated DELETE that finds nothing, where content counts", lastFacts{decided: endAnswered, open: true, deletedEarlier: true, contentCounts: true}, endApplied},
		{"11: a repeated DELETE that finds nothing", lastFacts{decided: endAnswered, open: true, deletedEarlier: true}, endUnknown},
		{"3: a refusal", lastFacts{decided: endRefused}, endRefused},
		{"9: a refusal after an attempt in doubt", lastFacts{decided: endRefused, open: true}, endUnknown},
		{"3: a policy that fails", lastFacts{decided: endFailed}, endFailed},
		{"22: a context that ends after an attempt in doubt", lastFacts{decided: endFailed, open: true}, endFailed},
		{"22: a context that ends before a repeat", lastFacts{decided: endInterrupted, open: true}, endInterrupted},
		{"10: an own write that was found", lastFacts{decided: endApplied, open: true}, endApplied},
	} {
		if got := row.facts.last(); got != row.want {
			t.Errorf("rule %s: %v, want %v", row.rule, got, row.want)
		}
	}
}

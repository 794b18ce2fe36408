package guard

import (
	"strings"
	"testing"
)

// TestJudge is rules 2 and 4, and what rule 3 leaves to the policy: why a write was
// refused, and whether a fresh validator may help.
func TestJudge(t *testing.T) {
	for _, test := range []struct {
		name   string
		guard  Guard
		status int
		want   Reason
		why    string // empty: the policy decides
	}{
		{"3 a tag", Guard{Kind: Tags, Tags: []string{`"a"`}}, 412, ReasonUnexamined, ""},
		{"3 a date", Guard{Kind: Date, Date: "x"}, 412, ReasonUnexamined, ""},
		{"3 a version, with another status", Guard{Kind: Tags, Versions: make([]Version, 1)}, 409, ReasonUnexamined, ""},
		{"2 create only", Guard{Kind: Create}, 412, ReasonExists, "create only"},
		{"2 any", Guard{Kind: Exists}, 412, ReasonUnexamined, "there may be no current representation"},
		{"2 any, in quotes", Guard{Kind: Exists, Quoted: true}, 412, ReasonUnexamined, "the star is in quotes"},
		{"2 both kinds", Guard{Kind: Conflicting}, 412, ReasonConflicting, "several preconditions"},
		{"4 no precondition", Guard{}, 412, ReasonUnattributed, "without a precondition"},
		{"4 a condition of another kind", Guard{Kind: Foreign, Field: "Isolation"}, 412, ReasonUnattributed, "in Isolation"},
		{"4 a lock", Guard{Kind: Foreign, Field: "If", Reason: ReasonLocked}, 412, ReasonLocked, "in If"},
		{"4 an existing destination", Guard{Kind: Foreign, Field: "Overwrite", Reason: ReasonExists}, 412, ReasonExists, "in Overwrite"},
		{"4 428 without a precondition", Guard{}, 428, ReasonRequired, ""},
		{"4 428 with a tag", Guard{Kind: Tags}, 428, ReasonRequired, "another precondition"},
		{"4 428 with create only", Guard{Kind: Create}, 428, ReasonRequired, "another precondition"},
		{"4 428 with a condition of another kind", Guard{Kind: Foreign, Reason: ReasonLocked}, 428, ReasonRequired, "another precondition"},
		{"an unknown kind", Guard{Kind: Foreign + 1}, 412, ReasonUnattributed, "without a precondition"},
	} {
		got, why := Judge(&test.guard, test.status)
		if got != test.want || (why == nil) != (test.why == "") || why != nil && !strings.Contains(why.Error(), test.why) {
			t.Errorf("%s: %v, %v; want %v, %q", test.name, got, why, test.want, test.why)
		}
	}
}

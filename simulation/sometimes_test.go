package simulation

import (
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch"
)

// enough histories reach all that is in sometimes.
const enough = 100_000

// sometimes is what must be reached by some history.
func sometimes() []string {
	all := []string{"death"}
	for _, kind := range hits {
		all = append(all, "fault: "+kind)
	}
	for e := ifmatch.EffectUnknown; e <= ifmatch.EffectApplied; e++ {
		all = append(all, "effect: "+e.String())
	}
	for c := ifmatch.CauseNone; !strings.HasPrefix(c.String(), "Cause("); c++ {
		if !slices.Contains(never, c) {
			all = append(all, "cause: "+c.String())
		}
	}
	for _, api := range []string{"update", "resource", "rebuild", "merge", "stop", "resend", "unconditional", "remember"} {
		all = append(all, "api: "+api)
	}
	return all
}

// never are the causes that no history has: the servers and clients for them are missing.
var never = []ifmatch.Cause{
	ifmatch.CauseStaleDate, ifmatch.CauseCodedValidator, ifmatch.CauseConflictingPreconditions, ifmatch.CauseLocked,
	ifmatch.CauseTokenExpired, ifmatch.CauseSignedAbove, ifmatch.CauseNotReplayable,
}

// unreached is what of sometimes no history had.
func unreached(reached map[string]int) []string {
	return slices.DeleteFunc(sometimes(), func(what string) bool { return reached[what] > 0 })
}

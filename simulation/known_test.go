package simulation

import (
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
)

// known is a fault of the library that is still there. The list only shrinks: a mended
// fault that is still on it fails TestKnown, and one that isn't on it fails
// TestSimulation.
type known struct {
	name string
	is   func(h *history, v violation) bool
	seed uint64 // of a history that has it
}

// knowns is the list.
var knowns = []known{
	{"marks: an edit is applied twice where the server drops its mark", func(h *history, v violation) bool {
		prunes := h.w.plan.Server.Prunes || h.w.plan.Server.PrunesNew
		return prunes && (v.kind == "doubled" || v.kind == "stored" || v.kind == "order") && h.someMarks()
	}, 69},
	{"json: what belongs to an element goes to another", func(_ *history, v violation) bool {
		return v.kind == "member" && strings.Contains(v.text, "row of")
	}, 94},
	{"remember: a write goes out without a guard", func(_ *history, v violation) bool {
		return v.kind == "unguarded" && v.of.client.API == "remember"
	}, 66},
	{"remember: a write replaces what its flow hasn't read", func(_ *history, v violation) bool {
		return v.kind == "lost" && v.of != nil && v.of.client.API == "remember"
	}, 140},
	{"validators: the caller gets that of a body which it doesn't have", func(_ *history, v violation) bool {
		return v.kind == "validator"
	}, 14},
	{"outcome: a write that didn't go through has no Err", func(_ *history, v violation) bool {
		return v.kind == "no error"
	}, 15},
	{"causes: changed, and nobody wrote", func(_ *history, v violation) bool {
		return v.kind == "cause" && v.of.told.Cause == ifmatch.CauseChanged
	}, 1},
	{"causes: a stale cache, and there is none", func(_ *history, v violation) bool {
		return v.kind == "cause" && v.of.told.Cause == ifmatch.CauseStaleCache
	}, 65},
	{"outcome: a write found again doesn't tell that it replaced an unseen state", func(_ *history, v violation) bool {
		return v.kind == "overwrote" && v.of.told.Cause == ifmatch.CauseOwnEarlierWrite
	}, 936},
}

func (h *history) someMarks() bool {
	for _, c := range h.w.plan.Clients {
		if c.Marks {
			return true
		}
	}
	return false
}

// knownAs returns the name of the known fault that explains a violation; empty: none.
func knownAs(h *history, v violation) string {
	for _, k := range knowns {
		if k.is(h, v) {
			return k.name
		}
	}
	return ""
}

// names are the known faults in a history, and what is new in it.
func (h *history) names() (old map[string]bool, fresh []violation) {
	old = map[string]bool{}
	for _, v := range h.wrong {
		if name := knownAs(h, v); name != "" {
			old[name] = true
		} else {
			fresh = append(fresh, v)
		}
	}
	return old, fresh
}

// TestKnown: each known fault is still found.
func TestKnown(t *testing.T) {
	for _, k := range knowns {
		t.Run(k.name, func(t *testing.T) {
			h := run(t, draw(k.seed, *flagOps))
			if old, _ := h.names(); !old[k.name] {
				t.Errorf("seed %d doesn't have it any more: mended, or the simulation has changed", k.seed)
			}
		})
	}
}

package simulation

import (
	"slices"
	"strings"
	"testing"
)

// known is a fault of the library that is still there. The list only shrinks: a mended
// fault that is still on it fails TestKnown, and one that isn't on it fails
// TestSimulation.
type known struct {
	name string
	is   func(h *history, v violation) bool
	plan *plan // of a history that has it
}

// knowns is the list.
var knowns = []known{
	{"json: what belongs to an element goes to another", func(_ *history, v violation) bool {
		return v.kind == "member" && strings.Contains(v.text, "row of")
	}, &plan{
		Seed: 110, Object: mixed, Listed: true,
		Clients: []client{{API: "update"}},
		Actors:  []int{0},
		Ops:     []op{{Verb: "swap"}},
	}},
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
			h := run(t, k.plan)
			if old, _ := h.names(); !old[k.name] {
				t.Errorf("it isn't found any more; take it off the list where it is mended:\n%s", h.log())
			}
		})
	}
}

// isFresh tells histories that have a new violation of a kind.
func isFresh(kind string) func(*history) bool {
	return func(h *history) bool {
		_, fresh := h.names()
		return slices.ContainsFunc(fresh, func(v violation) bool { return v.kind == kind })
	}
}

// TestShrink: the smallest plan has nothing in it that could be left out.
func TestShrink(t *testing.T) {
	for _, k := range knowns {
		small := shrink(t, k.plan, func(h *history) bool {
			old, _ := h.names()
			return old[k.name]
		})
		if a, b := len(small.Ops)+len(small.Faults), len(k.plan.Ops)+len(k.plan.Faults); a < b {
			t.Errorf("%s: of %d operations and faults %d are enough: %v", k.name, b, a, small)
		}
	}
}

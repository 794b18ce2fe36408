package simulation

import (
	"slices"
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

// knowns is the list. It is empty: nothing that was found is left.
var knowns []known

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

// TestShrink: the smallest plan has nothing in it that could be left out. The plan is of
// clients that are wrong on purpose.
func TestShrink(t *testing.T) {
	wrong := broken{client: client{API: "forgetful"}, object: mixed, rates: rates{slow: .3}}
	small := shrink(t, wrong.plan(1), isFresh("member"))
	if len(small.Ops) != 1 || len(small.Faults) != 0 || len(small.Rates) != 0 || !isFresh("member")(run(t, small)) {
		t.Errorf("one operation without a fault is enough: %v", small)
	}
}

package simulation

import (
	"errors"
	"flag"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/ifmatch-go/ifmatch"
)

var flagLimit = flag.Duration("simulation.limit", 2*time.Second, "how long porcupine may take for one history")

// linearize asks porcupine whether there is an order of the operations that explains what
// the callers were told.
func (h *history) linearize() {
	doubled := func(r *running) bool { return h.hides(r) && h.stored(r) > 1 } // rightly, and no order explains it
	if h.w.plan.Object == mixed || h.w.plan.Object != register && slices.ContainsFunc(h.ops, doubled) {
		return
	}
	ops := h.operations()
	for i := range ops {
		in := ops[i].Input.(input)
		in.rank = ops[i].Return
		ops[i].Input = in
	}
	result, info := porcupine.CheckOperationsVerbose(model(h.w.plan.Object, ops, state{}), ops, *flagLimit)
	h.drawing = func(to string) error { return porcupine.VisualizePath(model(h.w.plan.Object, ops, state{}), info, to) }
	switch result {
	case porcupine.Illegal:
		h.fail("order", nil, "there is no order of the operations that explains what the callers were told")
	case porcupine.Unknown:
		h.w.reach("porcupine: no answer in time")
	}
}

// operations are what porcupine is asked about. What the server did decides what became of
// an operation with an unknown end, as far as it shows that.
func (h *history) operations() []porcupine.Operation {
	var ops, open []porcupine.Operation
	add := func(r *running, in input, out output) {
		ops = append(ops, porcupine.Operation{ClientId: 3 * r.Actor, Input: in, Call: r.call, Output: out, Return: r.ret})
	}
	seen := map[string]bool{string(h.w.server.body): true} // of a register
	for _, r := range h.ops {
		seen[r.read.items] = true
	}
	for _, r := range h.ops {
		if r.in.read {
			if r.failed == nil && !r.killed {
				add(r, r.in, output{seen: true, state: r.read})
			}
			continue
		}
		n := 1
		if h.counted(r) {
			n = h.stored(r)
		}
		switch effect := h.effect(r); {
		case effect == ifmatch.EffectNotApplied && errors.Is(r.told.err, errFull):
			add(r, r.in, output{full: true})
		case effect == ifmatch.EffectNotApplied:
		case h.w.plan.Object == register && !seen[r.in.item]:
			// Nobody saw it: it makes no difference.
		case effect == ifmatch.EffectApplied && h.w.plan.Object != register:
			shows := r.told.shown == after && h.w.plan.Object != set
			add(r, r.in, output{seen: shows, state: r.told.state})
			if r.told.shown != nothing && !shows {
				ops = append(ops, porcupine.Operation{ClientId: 3*r.Actor + 1, Input: input{read: true}, Call: r.call,
					Output: output{seen: true, state: r.told.state}, Return: r.ret})
			}
		default:
			for range n {
				open = append(open, porcupine.Operation{ClientId: 1000 + len(open), Input: r.in, Call: r.call, Output: output{unknown: !h.counted(r)}})
			}
		}
	}
	return h.close(ops, open)
}

// effect is what the caller was told, as far as it counts.
func (h *history) effect(r *running) ifmatch.Effect {
	if r.killed || h.hides(r) && r.told.Effect == ifmatch.EffectNotApplied {
		return ifmatch.EffectUnknown
	}
	return r.told.Effect
}

// close adds a last read, and what may have happened at any time before it or after.
func (h *history) close(ops, open []porcupine.Operation) []porcupine.Operation {
	last := state{}
	if body := h.w.server.body; h.w.plan.Object == register {
		last.items = string(body)
	} else if body != nil {
		last = decode(body)
	}
	call, ret := h.w.tick(), h.w.tick()
	ops = append(ops, porcupine.Operation{ClientId: 999, Input: input{read: true}, Call: call, Output: output{seen: true, state: last}, Return: ret})
	end := h.w.tick()
	for _, op := range open {
		op.Return = end
		if op.Input.(input).item != "" && !op.Output.(output).unknown {
			op.Return = ret // it happened
			ops[len(ops)-1].Call = min(ops[len(ops)-1].Call, call)
		}
		ops = append(ops, op)
	}
	return ops
}

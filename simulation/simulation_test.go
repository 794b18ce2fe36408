package simulation

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"
)

var (
	flagTime     = flag.Duration("simulation.time", 10*time.Second, "how long new histories are begun")
	flagStart    = flag.Uint64("simulation.start", 1, "the first seed")
	flagSeed     = flag.Uint64("simulation.seed", 0, "only the history of this seed")
	flagOps      = flag.Int("simulation.ops", 24, "operations in a history, at most")
	flagDraw     = flag.String("simulation.draw", "", "with a seed: draw what porcupine found into this HTML file")
	flagFailures = flag.Int("simulation.failures", 10, "stop after so many new violations")
)

// TestDeterministic: one seed gives one history, byte by byte. What happens at the same instant
// has an order only where one goroutine runs at a time.
func TestDeterministic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for seed := uint64(1); seed <= 200; seed++ {
		first, second := run(t, draw(seed, *flagOps)).log(), run(t, draw(seed, *flagOps)).log()
		if first != second {
			t.Fatalf("seed %d gives\n%s\nand\n%s", seed, first, second)
		}
	}
}

// totals are what TestSimulation counts.
type totals struct {
	histories, ops, fresh int
	known, reached        map[string]int
}

// String is one line.
func (s *totals) String() string {
	known := 0
	for _, n := range s.known {
		known += n
	}
	return fmt.Sprintf("%d histories, %d operations: %d times one of %d known faults, %d new violations; not reached: %q",
		s.histories, s.ops, known, len(s.known), s.fresh, unreached(s.reached))
}

// TestSimulation runs new histories until the time is over.
func TestSimulation(t *testing.T) {
	if *flagSeed != 0 {
		one(t, draw(*flagSeed, *flagOps))
		return
	}
	s := &totals{known: map[string]int{}, reached: map[string]int{}}
	t.Cleanup(func() { fmt.Println(s) })
	end := time.Now().Add(*flagTime)
	for seed := *flagStart; time.Now().Before(end) && s.fresh < *flagFailures; seed++ {
		h := run(t, draw(seed, *flagOps))
		old, fresh := h.names()
		s.histories++
		s.ops += len(h.ops)
		for name := range old {
			s.known[name]++
		}
		for what, n := range h.w.reached {
			s.reached[what] += n
		}
		for _, v := range fresh {
			s.fresh++
			t.Errorf("%v\nreplay: go test . -run TestSimulation -simulation.ops=%d -simulation.seed=%d", v, *flagOps, seed)
		}
		if len(fresh) > 0 {
			small := shrink(t, draw(seed, *flagOps), isFresh(fresh[0].kind))
			t.Logf("as a test:\n%s", small.asTest())
		}
	}
	if missing := unreached(s.reached); len(missing) > 0 && s.histories >= enough {
		t.Errorf("%d histories don't reach %q", s.histories, missing)
	}
}

// one runs one history and says all about it.
func one(t *testing.T, p *plan) {
	h := run(t, p)
	p = p.listed(h.w.faults)
	fmt.Printf("%v\n%s", p, h.log())
	if *flagDraw != "" && h.drawing != nil {
		if err := h.drawing(*flagDraw); err != nil {
			t.Error(err)
		}
	}
	for _, v := range h.wrong {
		if name := knownAs(h, v); name != "" {
			t.Logf("known, %s: %v", name, v)
		} else {
			t.Error(v)
		}
	}
}

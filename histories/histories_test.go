package histories

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

var (
	flagTime     = flag.Duration("histories.time", 10*time.Second, "how long new histories are begun")
	flagSeed     = flag.Uint64("histories.seed", 0, "replay the history of this seed")
	flagRepeat   = flag.Int("histories.repeat", 50, "how often, since the scheduler isn't in the seed")
	flagStart    = flag.Uint64("histories.start", 1, "the first seed")
	flagOps      = flag.Int("histories.ops", 60, "operations in a history")
	flagDraw     = flag.String("histories.draw", "", "with a seed: draw the history into this HTML file")
	flagKind     = flag.String("histories.kind", "", "only this kind, such as counter/update+marks")
	flagLimit    = flag.Duration("histories.limit", 20*time.Second, "how long one check may take")
	flagFailures = flag.Uint64("histories.failures", 10, "stop after so many bad histories")
	flagLog      = flag.Bool("histories.log", false, "with a seed: print what callers were told")
)

func decode(body []byte) state {
	var d content
	if err := json.Unmarshal(body, &d); err != nil {
		return state{items: err.Error()}
	}
	return stateOf(&d)
}

func kindOf(seed uint64) kind {
	k := kinds[rand.New(rand.NewPCG(seed, 2)).IntN(len(kinds))]
	return k
}

// totals counts for the one line at the end.
type totals struct {
	mu                                                                     sync.Mutex
	histories                                                              map[string]int
	unknown                                                                map[string]int
	ops                                                                    int
	applied, reads, notApplied, found, twice, hidden, bad, gaveUp, overrun int
}

func (s *totals) add(h *history) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.histories[h.kind.String()]++
	s.unknown[h.kind.String()] += h.unknown
	s.ops += h.applied + h.notApplied + h.unknown + h.reads
	s.applied += h.applied
	s.reads += h.reads
	s.notApplied += h.notApplied
	s.found += h.found
	s.hidden += h.hidden
	s.gaveUp += h.gaveUp
}

func (s *totals) String() string {
	n, unknown := 0, 0
	var all []string
	for k, count := range s.histories {
		n += count
		unknown += s.unknown[k]
		all = append(all, fmt.Sprintf("%s %d in %d", k, s.unknown[k], count))
	}
	sort.Strings(all)
	return fmt.Sprintf("%d histories, %d operations: %d applied (%d recognised after a lost answer), %d not applied, %d reads, %d unknown (%s; %d of them a refusal of a replayed request, %d with Marks although all reads were answered); %d histories where a Resend was applied twice, %d where a replayed write was and its mark had left the list; %d bad",
		n, s.ops, s.applied, s.found, s.notApplied, s.reads, unknown, strings.Join(all, ", "), s.hidden, s.gaveUp, s.twice, s.overrun, s.bad)
}

// verdict is empty for a good history.
func verdict(h *history, s *totals) (string, porcupine.LinearizationInfo) {
	result, info := h.check(*flagLimit)
	if h.overrun && result == porcupine.Illegal {
		if s != nil {
			s.mu.Lock()
			s.overrun++
			s.mu.Unlock()
		}
		return "", info
	}
	if result == porcupine.Illegal && h.kind.api == "resend" {
		if result, info = h.again().check(*flagLimit); result == porcupine.Ok && s != nil {
			s.mu.Lock()
			s.twice++
			s.mu.Unlock()
		}
	}
	switch {
	case result == porcupine.Unknown:
		return fmt.Sprintf("the checker didn't end in %v (%d unknown)", *flagLimit, h.unknown), info
	case result != porcupine.Ok:
		return strings.Join(append([]string{errIllegal.Error()}, h.wrong...), "; "), info
	case len(h.wrong) > 0:
		return strings.Join(h.wrong, "; "), info
	}
	return "", info
}

// TestHistories drives histories until the time is over, or one again and again.
func TestHistories(t *testing.T) {
	if *flagSeed != 0 {
		replay(t, *flagSeed)
		return
	}
	s := &totals{histories: map[string]int{}, unknown: map[string]int{}}
	t.Cleanup(func() { fmt.Println(s) })
	var next, failed atomic.Uint64
	next.Store(*flagStart - 1)
	end := time.Now().Add(*flagTime)
	for i := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for time.Now().Before(end) && failed.Load() < *flagFailures {
				seed := next.Add(1)
				k := kindOf(seed)
				if *flagKind != "" && k.String() != *flagKind {
					continue
				}
				h := drive(t, seed, k, *flagOps)
				s.add(h)
				if wrong, _ := verdict(h, s); wrong != "" {
					failed.Add(1)
					s.mu.Lock()
					s.bad++
					s.mu.Unlock()
					t.Errorf("%v: %s\nreplay: go test . -run TestHistories -histories.ops=%d -histories.seed=%d -histories.draw=/tmp/history.html", k, wrong, *flagOps, seed)
				}
			}
		})
	}
}

// replay drives one history repeatedly and draws the first bad one, or the last.
func replay(t *testing.T, seed uint64) {
	k := kindOf(seed)
	for i := range *flagRepeat {
		h := drive(t, seed, k, *flagOps)
		wrong, info := verdict(h, nil)
		if wrong != "" {
			t.Errorf("%v, run %d, %d writers: %s", k, i, h.writers, wrong)
		}
		if wrong == "" && i+1 < *flagRepeat {
			continue
		}
		if *flagLog {
			fmt.Println(strings.Join(h.log, "\n"))
		}
		if *flagDraw != "" {
			if err := porcupine.VisualizePath(model(k.object, h.ops), info, *flagDraw); err != nil {
				t.Error(err)
			}
		}
		return
	}
}

// TestBroken checks the checker: clients that are wrong are caught.
func TestBroken(t *testing.T) {
	if *flagSeed != 0 {
		t.Skip("one seed")
	}
	for _, k := range brokenKinds {
		t.Run(k.String(), func(t *testing.T) {
			end := time.Now().Add(*flagTime)
			for seed := uint64(1); time.Now().Before(end); seed++ {
				h := drive(t, seed, k, min(*flagOps, 30))
				if result, _ := h.check(2 * time.Second); result == porcupine.Illegal {
					t.Logf("caught by seed %d", seed)
					return
				}
			}
			t.Errorf("not caught in %v", *flagTime)
		})
	}
}

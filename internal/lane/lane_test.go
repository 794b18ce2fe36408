package lane

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var doc = Target{Scheme: "http", Host: "example.test", Path: "/doc"}

// until is a Wait that ctx ends.
func until(ctx context.Context) Wait {
	return func(wake <-chan struct{}, d time.Duration) error {
		var after <-chan time.Time
		if d >= 0 {
			after = time.After(d)
		}
		select {
		case <-wake:
		case <-after:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
}

// enter waits as long as it takes.
func enter(t *testing.T, l *Lanes) Turn {
	t.Helper()
	turn, err := l.Enter(t.Context(), doc, until(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

// gone fails where somebody is still in a lane.
func gone(t *testing.T, l *Lanes) {
	t.Helper()
	if n := l.Len(); n != 0 {
		t.Errorf("%d lanes are left", n)
	}
}

// timeline notes when what happened.
type timeline struct {
	mu     sync.Mutex
	start  time.Time
	events []string
}

func begin() *timeline { return &timeline{start: time.Now()} }

func (l *timeline) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, fmt.Sprint(what, " ", time.Since(l.start)))
}

func (l *timeline) check(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(l.events, want) {
		t.Errorf("it went\n%q, want\n%q", l.events, want)
	}
}

// writer is one of a crowd. It enters after a time, and leaves some time after
// its turn began.
type writer struct {
	name    string
	after   time.Duration
	holds   time.Duration
	patient time.Duration     // how long it waits in the lane; zero: as long as it takes
	then    func(Turn) string // at the beginning of its turn; what it returns is noted
}

// crowd lets the writers run and notes when their turns begin, or their patience ends.
func crowd(t *testing.T, writers ...writer) *timeline {
	t.Helper()
	var l Lanes
	seen := begin()
	var all sync.WaitGroup
	for _, w := range writers {
		all.Go(func() {
			time.Sleep(w.after)
			ctx := t.Context()
			if w.patient > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, w.patient)
				defer cancel()
			}
			turn, err := l.Enter(ctx, doc, until(ctx))
			if err != nil {
				if turn != (Turn{}) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: turn %v, %v", w.name, turn, err)
				}
				seen.note(w.name + " gives up")
				return
			}
			seen.note(w.name)
			if w.then != nil {
				if what := w.then(turn); what != "" {
					seen.note(w.name + " " + what)
				}
			}
			time.Sleep(w.holds)
			turn.Leave()
		})
	}
	all.Wait()
	gone(t, &l)
	return seen
}

const ms = time.Millisecond

// TestFirstComeFirstServed: the turns begin in the order of arrival, each when the
// one before ends, and writers that keep coming don't overtake.
func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd(t,
			writer{name: "a", holds: 100 * ms},
			writer{name: "b", after: 1 * ms, holds: 100 * ms},
			writer{name: "c", after: 2 * ms, holds: 100 * ms},
			writer{name: "d", after: 150 * ms, holds: 100 * ms},
			writer{name: "e", after: 250 * ms, holds: 100 * ms},
			writer{name: "f", after: 900 * ms},
		).check(t, "a 0s", "b 100ms", "c 200ms", "d 300ms", "e 400ms", "f 900ms")
	})
}

// TestLease: a writer that takes longer than a second is overtaken by the next
// one, not by all, and the next one has a whole lease of its own.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd(t,
			writer{name: "slow", holds: 10 * time.Second},
			writer{name: "b", after: 1 * ms, holds: 10 * time.Second},
			writer{name: "c", after: 2 * ms, holds: 300 * ms},
			writer{name: "d", after: 3 * ms, holds: 300 * ms},
			writer{name: "late", after: 2500 * ms, holds: 8 * time.Second},
			writer{name: "later", after: 2600 * ms},
		).check(t, "slow 0s", "b 1s", "c 2s", "d 2.3s", "late 2.6s", "later 3.6s")
	})
}

// TestOvertakenLeaves: a writer that was overtaken ends nobody's turn, lengthens
// nobody's lease and leaves nothing.
func TestOvertakenLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overtaken := func(turn Turn) string {
			time.Sleep(1200 * ms)
			turn.Extend(time.Hour)
			turn.HandOver(Handed{Tag: `"overtaken"`})
			return ""
		}
		take := func(turn Turn) string { return "gets " + turn.Handed().Tag }
		crowd(t,
			writer{name: "slow", then: overtaken},
			writer{name: "b", after: 1 * ms, holds: 5 * time.Second, then: take},
			writer{name: "c", after: 2 * ms, then: take},
		).check(t, "slow 0s", "b 1s", "b gets  1s", "c 2s", "c gets  2s")
	})
}

// TestLeavingTheQueue: a writer that gives up doesn't hold up those behind it,
// wherever it stood, and they keep their order.
func TestLeavingTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd(t, // behind a writer that leaves
			writer{name: "a", holds: 500 * ms},
			writer{name: "b", after: 1 * ms, patient: 99 * ms},
			writer{name: "c", after: 2 * ms, holds: 100 * ms},
			writer{name: "d", after: 3 * ms, patient: 197 * ms},
			writer{name: "e", after: 4 * ms, holds: 100 * ms},
			writer{name: "f", after: 5 * ms, patient: 645 * ms},
		).check(t, "a 0s", "b gives up 100ms", "d gives up 200ms", "c 500ms", "e 600ms", "f gives up 650ms")
		crowd(t, // behind one that is overtaken: the next one has to watch the lease
			writer{name: "a", holds: time.Minute},
			writer{name: "b", after: 1 * ms, patient: 99 * ms},
			writer{name: "c", after: 2 * ms, patient: 198 * ms},
			writer{name: "d", after: 3 * ms},
		).check(t, "a 0s", "b gives up 100ms", "c gives up 200ms", "d 1s")
		crowd(t, // the queue is empty again
			writer{name: "a", holds: 500 * ms},
			writer{name: "b", after: 1 * ms, patient: 99 * ms},
			writer{name: "c", after: 500 * ms},
		).check(t, "a 0s", "b gives up 100ms", "c 500ms")
	})
}

// TestAdmittedAsItGivesUp: a writer that is admitted in the moment in which it
// gives up passes its turn on, and what it got with it.
func TestAdmittedAsItGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lanes
		first := enter(t, &l)
		first.HandOver(Handed{Tag: `"v2"`})
		goOn, errGivesUp := make(chan bool), errors.New("gives up")
		var all sync.WaitGroup
		all.Go(func() {
			_, err := l.Enter(t.Context(), doc, func(wake <-chan struct{}, d time.Duration) error {
				<-goOn
				return errGivesUp
			})
			if err != errGivesUp {
				t.Error(err)
			}
		})
		synctest.Wait()
		start := time.Now()
		all.Go(func() {
			turn := enter(t, &l)
			if got := turn.Handed().Tag; got != `"v2"` || time.Since(start) != 0 {
				t.Errorf("got %q after %v", got, time.Since(start))
			}
			turn.Leave()
		})
		synctest.Wait()
		first.Leave()
		close(goOn)
		all.Wait()
		gone(t, &l)
	})
}

// TestNoWakeUpIsLost: what happens between a writer's look and its wait isn't
// missed. Behind a writer that has got its turn, the next one watches the lease.
func TestNoWakeUpIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		during func(first Turn, cancel func())
		want   time.Duration
	}{
		"the holder leaves":         {func(first Turn, cancel func()) { first.Leave() }, time.Second},
		"the one before gives up":   {func(first Turn, cancel func()) { cancel() }, time.Second},
		"both":                      {func(first Turn, cancel func()) { first.Leave(); cancel() }, 0},
		"both, the other way round": {func(first Turn, cancel func()) { cancel(); synctest.Wait(); first.Leave() }, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var l Lanes
			first := enter(t, &l)
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() {
				if turn, err := l.Enter(ctx, doc, until(ctx)); err == nil {
					<-ctx.Done() // holds its turn for as long as it can
					turn.Leave()
				}
			})
			synctest.Wait()
			start := time.Now()
			looked := false
			turn, err := l.Enter(t.Context(), doc, func(wake <-chan struct{}, d time.Duration) error {
				if !looked {
					looked = true
					test.during(first, cancel)
					synctest.Wait()
				}
				return until(t.Context())(wake, d)
			})
			if took := time.Since(start); err != nil || took != test.want {
				t.Errorf("%s: after %v, %v", name, took, err)
			}
			cancel()
			turn.Leave()
			first.Leave()
			all.Wait()
			gone(t, &l)
		})
	}
}

// TestWaitAsLongAsTheLease: a Wait gets the rest of the lease where its writer is
// the next one, and no time behind others.
func TestWaitAsLongAsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lanes
		first := enter(t, &l)
		time.Sleep(400 * ms)
		var all sync.WaitGroup
		for _, want := range []time.Duration{600 * ms, untilWoken} {
			all.Go(func() {
				_, err := l.Enter(t.Context(), doc, func(wake <-chan struct{}, d time.Duration) error {
					if d != want || wake == nil {
						t.Errorf("a wait of %v, want %v", d, want)
					}
					time.Sleep(time.Millisecond)
					return context.Canceled
				})
				if err != context.Canceled {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		first.Leave()
		gone(t, &l)
	})
}

// TestEnterOccupied: a writer that lost no race waits behind those that did, and
// makes no lane.
func TestEnterOccupied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lanes
		free, err := l.EnterOccupied(t.Context(), doc, until(t.Context()))
		if err != nil || free != (Turn{}) || l.Len() != 0 {
			t.Fatalf("a free lane: %v, %v, %d lanes", free, err, l.Len())
		}
		first := enter(t, &l)
		time.AfterFunc(300*ms, first.Leave)
		start := time.Now()
		turn, err := l.EnterOccupied(t.Context(), doc, until(t.Context()))
		if err != nil || turn == (Turn{}) || time.Since(start) != 300*ms {
			t.Errorf("an occupied one: %v, %v after %v", turn, err, time.Since(start))
		}
		errLate := errors.New("late")
		late, err := l.EnterOccupied(t.Context(), doc, func(<-chan struct{}, time.Duration) error { return errLate })
		if late != (Turn{}) || err != errLate {
			t.Errorf("a wait that fails: %v, %v", late, err)
		}
		turn.Leave()
		gone(t, &l)
	})
}

// TestLaneVanishes with the last in it, and only then, whichever way they go.
func TestLaneVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lanes
		first := enter(t, &l)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := l.Enter(ctx, doc, until(ctx)); err == nil {
				t.Error("no error")
			}
		})
		synctest.Wait()
		cancel()
		all.Wait()
		if l.Len() != 1 {
			t.Error("the lane vanished with the queue")
		}
		all.Go(func() { enter(t, &l).Leave() })
		time.Sleep(1500 * ms) // the first is overtaken by one that leaves
		all.Wait()
		gone(t, &l)
		first.Leave()
		gone(t, &l)
		next := enter(t, &l) // a new lane
		first.Leave()
		if l.Len() != 1 {
			t.Error("one of the lane before ended this one")
		}
		next.Leave()
		gone(t, &l)
	})
}

// TestManyTargets don't wait for each other.
func TestManyTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		var l Lanes
		start := time.Now()
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				target := Target{Path: fmt.Sprint("/", i), Query: fmt.Sprint(i % 7)}
				turn, err := l.Enter(t.Context(), target, func(<-chan struct{}, time.Duration) error { return errors.New("has to wait") })
				if err != nil {
					t.Error(i, err)
				}
				time.Sleep(500 * ms)
				turn.Leave()
			})
		}
		time.Sleep(ms)
		if l.Len() != n {
			t.Errorf("%d lanes", l.Len())
		}
		all.Wait()
		if took := time.Since(start); took != 500*ms {
			t.Errorf("took %v", took)
		}
		gone(t, &l)
	})
}

// TestAllInTheirTurn: however writers arrive, give up and leave, turns at one
// target don't overlap while leases last, and nobody is forgotten.
func TestAllInTheirTurn(t *testing.T) {
	const writers, rounds, targets = 40, 25, 3
	synctest.Test(t, func(t *testing.T) {
		var l Lanes
		var holders [targets]atomic.Int32
		var turns, gaveUp atomic.Int32
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				for range rounds {
					at := rand.IntN(targets)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if rand.IntN(3) == 0 { // some before they have waited, some in the moment of their turn
						time.AfterFunc(time.Duration(rand.IntN(20))*5*ms, cancel)
					}
					turn, err := l.Enter(ctx, Target{Path: fmt.Sprint("/", at)}, until(ctx))
					if err != nil {
						gaveUp.Add(1)
						continue
					}
					turns.Add(1)
					if holders[at].Add(1) != 1 {
						t.Error("two turns at one target")
					}
					time.Sleep(time.Duration(rand.IntN(3)) * 5 * ms)
					holders[at].Add(-1)
					turn.Leave()
				}
			})
		}
		all.Wait()
		gone(t, &l)
		t.Logf("%d turns, %d gave up", turns.Load(), gaveUp.Load())
		if turns.Load() == 0 || gaveUp.Load() == 0 {
			t.Error("no turn, or nobody gave up")
		}
	})
}

// TestConcurrently is TestAllInTheirTurn in real time, for the race detector, with
// all that a Turn can do. Writers that hand over share what isn't theirs alone.
func TestConcurrently(t *testing.T) {
	const writers, rounds = 16, 400
	var l Lanes
	shared := 0 // guarded by the lane alone
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				if i%4 == 3 {
					go cancel()
				}
				turn, err := l.Enter(ctx, doc, until(ctx))
				if err == nil {
					turn.Extend(time.Minute)
					turn.Handed()
					nested, err := l.Enter(turn.Within(ctx), doc, until(ctx))
					if err != nil {
						t.Error(err)
					}
					nested.Leave()
					shared++
					turn.HandOver(Handed{Tag: `"v2"`})
					turn.Leave()
				}
				cancel()
			}
		})
	}
	all.Wait()
	gone(t, &l)
	if least := writers / 4 * 3 * rounds; shared < least {
		t.Errorf("%d turns, at least %d were wanted", shared, least)
	}
}

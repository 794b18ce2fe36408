package lane

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestExtend: the lease is as much longer as was said, for the one that asked for
// it only, and one that has ended isn't lengthened.
func TestExtend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		extend := func(all ...time.Duration) func(Turn) string {
			return func(turn Turn) string {
				for _, d := range all {
					turn.Extend(d)
				}
				return ""
			}
		}
		crowd(t,
			writer{name: "a", holds: time.Minute, then: extend(time.Second, 500*ms, 0, -time.Hour)},
			writer{name: "b", after: 1 * ms, holds: time.Minute},
			writer{name: "c", after: 2 * ms},
		).check(t, "a 0s", "b 2.5s", "c 3.5s")
		crowd(t, // while the next one waits for the old end
			writer{name: "a", holds: time.Minute, then: func(turn Turn) string {
				time.Sleep(900 * ms)
				turn.Extend(time.Second)
				return "extends"
			}},
			writer{name: "b", after: 1 * ms},
		).check(t, "a 0s", "a extends 900ms", "b 2s")
		crowd(t, // when it has ended, and nobody was there to overtake
			writer{name: "a", holds: time.Minute, then: func(turn Turn) string {
				time.Sleep(3 * time.Second)
				turn.Extend(3 * time.Second)
				return "extends"
			}},
			writer{name: "b", after: 3500 * ms},
		).check(t, "a 0s", "a extends 3s", "b 4s")
	})
}

// TestMeasured: the lease is four round trips, and never less than a second.
func TestMeasured(t *testing.T) {
	for roundTrip, want := range map[time.Duration]string{
		0: "b 1s", 250 * ms: "b 1s", 251 * ms: "b 1.004s", 900 * ms: "b 3.6s",
	} {
		synctest.Test(t, func(t *testing.T) {
			crowd(t,
				writer{name: "a", holds: time.Minute, then: func(turn Turn) string { turn.Measured(roundTrip); return "" }},
				writer{name: "b", after: 1 * ms},
			).check(t, "a 0s", want)
		})
	}
}

// TestHandOver: what a writer leaves is for the next one only, and is got once.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		give := func(tag string) func(Turn) string {
			return func(turn Turn) string {
				got, again := turn.Handed(), turn.Handed()
				if again != (Handed{}) {
					t.Errorf("got %v twice", again)
				}
				if tag != "" {
					turn.HandOver(Handed{Tag: tag})
				}
				return "gets " + got.Tag
			}
		}
		crowd(t,
			writer{name: "a", holds: 10 * ms, then: give(`"v2"`)},
			writer{name: "b", after: 1 * ms, holds: 10 * ms, then: give("")},
			writer{name: "c", after: 2 * ms, holds: 10 * ms, then: give(`"v3"`)},
			writer{name: "d", after: 3 * ms, holds: 10 * ms, then: give("")},
		).check(t, "a 0s", "a gets  0s", `b 10ms`, `b gets "v2" 10ms`, "c 20ms", "c gets  20ms", `d 30ms`, `d gets "v3" 30ms`)
		crowd(t, // nobody is there when it leaves
			writer{name: "a", then: give(`"v2"`)},
			writer{name: "b", after: 1 * ms, then: give("")},
		).check(t, "a 0s", "a gets  0s", "b 1ms", "b gets  1ms")
		crowd(t, // overtaken
			writer{name: "a", holds: 1500 * ms, then: give(`"v2"`)},
			writer{name: "b", after: 1 * ms, holds: time.Second, then: give("")},
			writer{name: "c", after: 2 * ms, then: give("")},
		).check(t, "a 0s", "a gets  0s", "b 1s", "b gets  1s", "c 2s", "c gets  2s")
		crowd(t, // it was got by one that is overtaken
			writer{name: "a", holds: 10 * ms, then: give(`"v2"`)},
			writer{name: "b", after: 1 * ms, holds: 1500 * ms, then: give("")},
			writer{name: "c", after: 2 * ms, then: give("")},
		).check(t, "a 0s", "a gets  0s", "b 10ms", `b gets "v2" 10ms`, "c 1.01s", "c gets  1.01s")
	})
}

// TestHandedOn: what a writer neither takes nor replaces goes on to the next one.
func TestHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got Handed
		write, state := new(http.Request), new(State)
		crowd(t,
			writer{name: "a", holds: 10 * ms, then: func(turn Turn) string { turn.HandOver(Handed{Tag: `"v2"`, Write: write, State: state}); return "" }},
			writer{name: "b", after: 1 * ms, holds: 10 * ms},
			writer{name: "c", after: 2 * ms, holds: 10 * ms, then: func(turn Turn) string { got = turn.Handed(); return "" }},
		)
		if got != (Handed{Tag: `"v2"`, Write: write, State: state}) {
			t.Errorf("got %v", got)
		}
		crowd(t,
			writer{name: "a", holds: 10 * ms, then: func(turn Turn) string { turn.HandOver(Handed{Tag: `"v2"`, Write: write, State: state}); return "" }},
			writer{name: "b", after: 1 * ms, holds: 10 * ms, then: func(turn Turn) string { turn.HandOver(Handed{}); return "" }},
			writer{name: "c", after: 2 * ms, then: func(turn Turn) string { got = turn.Handed(); return "" }},
		)
		if got != (Handed{}) {
			t.Errorf("got %v, which was replaced", got)
		}
	})
}

// TestNested: calls that a policy makes don't queue up behind the writer that
// waits for them, at any depth, and leave its turn to it.
func TestNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l, other Lanes
		never := func(wake <-chan struct{}, d time.Duration) error { return errors.New("has to wait") }
		skips := func(l *Lanes, ctx context.Context, target Target) bool {
			turn, err := l.Enter(ctx, target, never)
			if err == nil {
				turn.Leave()
			}
			occupied, errOccupied := l.EnterOccupied(ctx, target, never)
			if errOccupied == nil {
				occupied.Leave()
			}
			if (err == nil) != (errOccupied == nil) {
				t.Errorf("Enter: %v; EnterOccupied: %v", err, errOccupied)
			}
			return err == nil
		}
		turn := enter(t, &l)
		second, err := l.Enter(t.Context(), Target{Path: "/second"}, never)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere, err := other.Enter(t.Context(), doc, never)
		if err != nil {
			t.Fatal(err)
		}
		within := turn.Within(t.Context())
		both := second.Within(within)
		for name, test := range map[string]struct {
			lanes  *Lanes
			ctx    context.Context
			target Target
			want   bool
		}{
			"its own target":            {&l, within, doc, true},
			"a context made from it":    {&l, context.WithoutCancel(within), doc, true},
			"no context of a policy":    {&l, t.Context(), doc, false},
			"another target":            {&l, within, Target{Path: "/second"}, false},
			"another Lanes":             {&other, within, doc, false},
			"two turns, the inner one":  {&l, both, Target{Path: "/second"}, true},
			"two turns, the outer one":  {&l, both, doc, true},
			"the outer one's context":   {&l, within, Target{Path: "/second"}, false},
			"no turn, so nothing added": {&l, Turn{}.Within(t.Context()), doc, false},
		} {
			if got := skips(test.lanes, test.ctx, test.target); got != test.want {
				t.Errorf("%s: skips the lane: %v", name, got)
			}
		}
		if l.Len() != 2 {
			t.Errorf("a nested call ended the turn of the writer that made it")
		}
		for _, turn := range []Turn{turn, second, elsewhere} {
			turn.Leave()
		}
		gone(t, &l)
		gone(t, &other)
	})
}

// TestNestedLease: the waits of a nested call are the outer writer's.
func TestNestedLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lanes
		outer := enter(t, &l)
		within := outer.Within(t.Context())
		nested, err := l.Enter(within, doc, until(within))
		if err != nil {
			t.Fatal(err)
		}
		if nested.Within(within) != within {
			t.Error("a nested call's context isn't the one that it came with")
		}
		nested.Extend(time.Second)
		nested.Measured(500 * ms) // a second more
		nested.Leave()
		start := time.Now()
		next := enter(t, &l)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("the next one waited for %v", took)
		}
		outer.Leave()
		next.Leave()
		gone(t, &l)
	})
}

// TestNestedHandOver: a nested call neither gets nor leaves what is handed over.
func TestNestedHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lanes
		outer := enter(t, &l)
		outer.HandOver(Handed{Tag: `"v2"`})
		within := outer.Within(t.Context())
		nested, err := l.Enter(within, doc, until(within))
		if err != nil {
			t.Fatal(err)
		}
		if got := nested.Handed(); got != (Handed{}) {
			t.Errorf("the nested call got %v", got)
		}
		nested.HandOver(Handed{Tag: `"v3"`})
		nested.Leave()
		time.AfterFunc(ms, outer.Leave)
		next := enter(t, &l)
		if got := next.Handed().Tag; got != `"v2"` {
			t.Errorf("the next one got %q", got)
		}
		next.Leave()
		gone(t, &l)
	})
}

// TestLeaveTwice: the second time doesn't end the turn of the next one.
func TestLeaveTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lanes
		first := enter(t, &l)
		go func() {
			time.Sleep(ms)
			first.Leave()
			first.Leave()
		}()
		second := enter(t, &l)
		time.AfterFunc(500*ms, second.Leave)
		start := time.Now()
		third := enter(t, &l)
		if took := time.Since(start); took != 500*ms {
			t.Errorf("the third waited for %v", took)
		}
		third.Leave()
		third.Leave()
		gone(t, &l)
		fourth := enter(t, &l)
		third.Leave()
		if l.Len() != 1 {
			t.Error("a turn of long ago ended the lane")
		}
		fourth.Leave()
	})
}

// TestZeroTurn is outside of every lane.
func TestZeroTurn(t *testing.T) {
	var turn Turn
	turn.Extend(time.Hour)
	turn.Measured(time.Hour)
	turn.HandOver(Handed{Tag: `"v2"`})
	if got := turn.Handed(); got != (Handed{}) {
		t.Errorf("got %v", got)
	}
	if ctx := t.Context(); turn.Within(ctx) != ctx {
		t.Error("another context")
	}
	turn.Leave()
}

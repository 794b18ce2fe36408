package main

import (
	"testing"
)

// noise is how much worse a mean of the runs below may look by chance.
const noise = 0.025

const testWriters = 16_000

// TestAims holds what docs/pace.md claims of the library's pace: ahead means
// neither later nor with more writes, beyond noise.
func TestAims(t *testing.T) {
	ns := []int{2, 3, 4, 6, 8, 16, 32, 64, 128, 256, 512, 1000}
	schemes := append([]scheme{ours}, study...)
	cells := table(ns, schemes, testWriters)
	// What is allowed where the library isn't ahead: the share by which it may be
	// later, and by which it may send more writes.
	type allowance struct{ later, more float64 }
	behind := map[string]map[int]allowance{
		"full jitter":  {3: {later: 0.05}, 4: {later: 0.04}},
		"decorrelated": {8: {later: 0.06}, 16: {later: 0.16}, 32: {later: 0.26}, 64: {later: 0.22}},
		"equal jitter": {256: {more: 0.03}, 512: {more: 0.09}, 1000: {more: 0.16}},
	}
	for i, n := range ns {
		own := cells[i][0]
		for s, with := range study {
			other, allowed := cells[i][s+1], behind[with.name][n]
			later, more := own.overFloor/other.overFloor-1, own.writes/other.writes-1
			if later > allowed.later+noise || more > allowed.more+noise {
				t.Errorf("N = %d: %.3f floors, %.2f writes; %s %.3f, %.2f", n, own.overFloor, own.writes, with.name, other.overFloor, other.writes)
			}
		}
	}
}

// TestNoneAhead: nobody, who doesn't wait included, is ahead of the library's pace
// in time and writes at once; and who hardly waits pays for it.
func TestNoneAhead(t *testing.T) {
	ns := []int{2, 3, 4, 8, 16, 32, 64, 128, 256, 512}
	schemes := []scheme{ours, none, exponential, equalJitter, fullJitter, decorrelated, clientGo}
	for i, row := range table(ns, schemes, testWriters/4) {
		own := row[0]
		for s, other := range row[1:] {
			if other.overFloor < own.overFloor*(1-2*noise) && other.writes < own.writes*(1-2*noise) {
				t.Errorf("N = %d: %.3f floors, %.2f writes; %s %.3f, %.2f", ns[i], own.overFloor, own.writes, schemes[s+1].name, other.overFloor, other.writes)
			}
		}
		for _, s := range []int{1, 6} {
			if row[s].writes < own.writes*(1-noise) {
				t.Errorf("N = %d: %.2f writes; %s %.2f", ns[i], own.writes, schemes[s].name, row[s].writes)
			}
		}
	}
}

// TestLane: with a lane whose lease includes the waits, and with tags handed over,
// P processes are no worse than P single writers. The first attempt, which is
// optimistic and outside the lane, isn't held against them where P is less than 4.
func TestLane(t *testing.T) {
	ps := []int{1, 2, 4, 8, 16, 32, 64}
	single := table(ps, []scheme{ours}, testWriters)
	type test struct{ p, n int }
	var tests []test
	for _, p := range ps {
		tests = append(tests, test{p, 256}, test{p, 1000})
	}
	cells := make([]cell, len(tests))
	inParallel(len(tests), func(i int) {
		s := scenario{writers: tests[i].n, processes: tests[i].p, lease: minLease, handOver: true, keepWaits: true}
		cells[i] = mean(s, ours, runsFor(s.writers, testWriters))
	})
	for i, test := range tests {
		got, want := cells[i], single[i/2][0]
		allowed := want.writes
		if test.p < 4 {
			allowed++
		}
		if got.overFloor > want.overFloor*(1+noise) || got.writes > allowed*(1+noise) {
			t.Errorf("%d writers in %d processes: %.3f floors, %.2f writes; as many single writers %.3f, %.2f", test.n, test.p, got.overFloor, got.writes, want.overFloor, want.writes)
		}
	}
}

// TestLimits holds what the default limits are chosen by: 4 attempts are enough
// for 4 writers that start at once, 16 for 128.
func TestLimits(t *testing.T) {
	if c := mean(scenario{writers: 4}, ours, 1000); c.over4 > 0.001 {
		t.Errorf("4 writers: %.2f %% need more than 4 attempts", 100*c.over4)
	}
	if c := mean(scenario{writers: 128}, ours, 100); c.over16 > 0.001 {
		t.Errorf("128 writers: %.2f %% need more than 16 attempts", 100*c.over16)
	}
}

// TestKnown checks the simulation against what can be worked out by hand.
func TestKnown(t *testing.T) {
	// A writer alone takes four hops and one write.
	if c := mean(scenario{writers: 1}, none, 1000); c.writes != 1 || c.overFloor < 0.99 || c.overFloor > 1.01 {
		t.Errorf("1 writer: %.3f floors, %.2f writes", c.overFloor, c.writes)
	}
	// Two that retry at once: one of them loses once, 8 hops in all.
	if c := mean(scenario{writers: 2}, none, 1000); c.writes != 1.5 || c.overFloor < 8./6 || c.overFloor > 8.5/6 {
		t.Errorf("2 writers: %.3f floors, %.2f writes", c.overFloor, c.writes)
	}
	// All in one lane: each loses once, then they go one after the other, a round
	// trip each where the tag is handed over, two where it is read.
	for _, handOver := range []bool{false, true} {
		want := 2.0
		if handOver {
			want = 1
		}
		c := mean(scenario{writers: 1000, processes: 1, lease: minLease, handOver: handOver}, ours, 5)
		if c.writes < 1.98 || c.writes > 2 || c.overFloor < 0.98*want || c.overFloor > 1.02*want {
			t.Errorf("one lane: %.3f floors, %.2f writes", c.overFloor, c.writes)
		}
	}
}

// TestDeterministic: the same seed gives the same run, another one another.
func TestDeterministic(t *testing.T) {
	s := scenario{writers: 64, processes: 8, lease: minLease, handOver: true}
	if a, b := simulate(s, ours, 1), simulate(s, ours, 1); a != b {
		t.Errorf("two runs with one seed: %+v, %+v", a, b)
	}
	if a, b := simulate(s, ours, 1), simulate(s, ours, 2); a == b {
		t.Errorf("one run with two seeds: %+v", a)
	}
}

package pace

import (
	"math/rand/v2"
	"testing"
	"time"
)

// longest makes each wait as long as it can be.
func longest() float64 { return 1 }

func TestNextWorst(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		roundTrip time.Duration
		worst     []time.Duration
	}{
		{0, []time.Duration{0, 2 * ms, 3500 * time.Microsecond, 6125 * time.Microsecond}},
		{-time.Second, []time.Duration{0, 2 * ms}},
		{ms, []time.Duration{0, 2 * ms, 3500 * time.Microsecond, 6125 * time.Microsecond}},
		{20 * ms, []time.Duration{0, 40 * ms, 70 * ms, 122500 * time.Microsecond, 214375 * time.Microsecond, 375 * ms, 657 * ms, 1149 * ms, 2 * time.Second, 2 * time.Second}},
		{100 * ms, []time.Duration{0, 200 * ms, 350 * ms, 613 * ms, 1072 * ms, 1876 * ms, 2 * time.Second, 2 * time.Second}},
		{250 * ms, []time.Duration{0, 500 * ms, 875 * ms, 1531 * ms, 2 * time.Second, 2 * time.Second}},
		{time.Hour, []time.Duration{0, 500 * ms, 875 * ms}},
	} {
		p := Pace{Float64: longest}
		for i, want := range test.worst {
			if got := p.Next(test.roundTrip); (got-want).Abs() > ms/2 && got != want {
				t.Errorf("round trip %v: worst wait %d is %v, want %v", test.roundTrip, i+1, got, want)
			}
		}
	}
}

// The round trip may change during a call: the newest counts.
func TestNextFollowsRoundTrip(t *testing.T) {
	p := Pace{Float64: longest}
	p.Next(0)
	if got, want := p.Next(10*time.Millisecond), 20*time.Millisecond; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := p.Next(100*time.Millisecond), 350*time.Millisecond; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNextNeverGrowsBeyondTheCap(t *testing.T) {
	p := Pace{Float64: longest}
	for range 10_000 {
		if got := p.Next(time.Millisecond); got < 0 || got > Last*time.Millisecond {
			t.Fatalf("wait %v", got)
		}
	}
	for range 100 {
		if got := p.Next(time.Hour); got < 0 || got > Cap {
			t.Fatalf("wait %v", got)
		}
	}
}

// Waits are uniform: about a tenth of them falls into each tenth of the interval.
func TestNextIsFullyJittered(t *testing.T) {
	const calls, roundTrip = 20_000, 20 * time.Millisecond
	random := rand.New(rand.NewPCG(1, 2))
	for _, float64s := range []func() float64{random.Float64, nil} {
		var tenths [4][10]int
		for range calls {
			p := Pace{Float64: float64s}
			p.Next(roundTrip)
			interval := First * roundTrip.Seconds()
			for i := range tenths {
				d := p.Next(roundTrip).Seconds()
				if d >= interval {
					t.Fatalf("wait %v is not below the interval %v", d, interval)
				}
				tenths[i][int(10*d/interval)]++
				interval *= Growth
			}
		}
		for i, counts := range tenths {
			for j, n := range counts {
				if n < calls/10*9/10 || n > calls/10*11/10 {
					t.Errorf("wait %d: %d of %d in tenth %d", i+2, n, calls, j)
				}
			}
		}
	}
}

func TestNextAllocates(t *testing.T) {
	var p Pace
	if n := testing.AllocsPerRun(100, func() { p.Next(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

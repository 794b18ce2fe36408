// Package pace says how long a call waits, after a lost race and after a failure,
// and whether a budget allows one more repeat. It knows neither requests nor
// answers, and doesn't wait itself.
//
// A writer that lost a race waits before it looks at the state again. It knows
// little about the crowd. Tags are opaque, so it can't count the writes of others;
// and it leaves when it wins, so all it ever learns is that it lost once more.
// What it does know is the round trip, and that a conflict window is one round trip
// long: from the server's answer to the read until the write arrives there. With n
// others that try at random within an interval of n round trips, about one in two
// attempts wins. The interval therefore starts at two round trips and grows with
// each loss, until it holds a crowd of a hundred.
//
// The numbers were found by simulation: see docs/pace.md and bench/pace.
package pace

import (
	"math/rand/v2"
	"time"
)

// The interval in round trips, and the bounds of what counts as a round trip.
const (
	First    = 2.0  // after the second lost race
	Growth   = 1.75 // with each further one
	Last     = 100.0
	Shortest = time.Millisecond       // of round trips: shorter ones count as this
	Longest  = 250 * time.Millisecond // longer ones count as this
	Cap      = 2 * time.Second        // of the interval
)

// Pace is the waits of one call, which loses one race after another. The first
// is none. Later ones are fully jittered: uniform between nothing and an
// interval, which is capped before the jitter. After lost race n ≥ 2, with the
// round trip r,
//
//	interval = min(r × 2 × 1.75^(n-2), r × 100, 2 s)
//
// In the worst case, and half of that on average:
//
//	lost race   r = 1 ms   r = 20 ms   r = 100 ms   r = 250 ms
//	1           0          0           0            0
//	2           2 ms       40 ms       200 ms       500 ms
//	3           3.5 ms     70 ms       350 ms       875 ms
//	4           6.1 ms     123 ms      613 ms       1.5 s
//	5           10.7 ms    214 ms      1.1 s        2 s
//	6           18.8 ms    375 ms      1.9 s        2 s
//	7           32.8 ms    657 ms      2 s          2 s
//	8           57.4 ms    1.1 s       2 s          2 s
//	9 …         100 ms     2 s         2 s          2 s
//
// The zero value is ready to use. A Pace must not be used concurrently.
type Pace struct {
	// Float64 returns random numbers in [0, 1). Nil means the top-level function
	// of math/rand/v2.
	Float64 func() float64

	interval float64 // in round trips, before the cap; 0: no race was lost yet
}

// Next returns the wait after a lost race. The round trip is the one that the
// call measured last; less than a millisecond, which includes an unknown one,
// counts as a millisecond, and more than 250 ms as 250 ms.
func (p *Pace) Next(roundTrip time.Duration) time.Duration {
	switch p.interval {
	case 0:
		p.interval = First / Growth
		return 0 // the race was lost to somebody who is done
	default:
		p.interval = min(p.interval*Growth, Last)
	}
	r := min(max(roundTrip, Shortest), Longest)
	interval := min(p.interval*float64(r), float64(Cap))
	random := p.Float64
	if random == nil {
		random = rand.Float64
	}
	return time.Duration(random() * interval)
}

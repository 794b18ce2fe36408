package pace

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Dice is a backoff that stands for the default waits, jittered with the random numbers
// of Float64 in place of those of math/rand/v2: for a simulation, which has to get the
// same waits again. Its own methods do nothing.
type Dice struct {
	// Float64 returns random numbers in [0, 1). It must be set.
	Float64 func() float64
}

// NextBackOff returns zero, and is never asked.
func (*Dice) NextBackOff() time.Duration { return 0 }

// Reset does nothing.
func (*Dice) Reset() {}

// diceOf returns the random numbers of a backoff that is a Dice, nil for any other.
func diceOf(b backoff.BackOff) (float64s func() float64, is bool) {
	if d, ok := b.(*Dice); ok {
		return d.Float64, true
	}
	return nil, false
}

// diced jitters the intervals of a backoff that has no jitter of its own.
type diced struct {
	*backoff.ExponentialBackOff
	float64s func() float64
}

// NextBackOff returns a wait that is uniform between nothing and twice the interval.
func (d diced) NextBackOff() time.Duration {
	interval := d.ExponentialBackOff.NextBackOff()
	if interval == backoff.Stop {
		return backoff.Stop
	}
	return time.Duration(d.float64s() * (2*float64(interval) + 1))
}

package pace

import (
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// TestDice: dice change the random numbers of the default waits, and nothing else.
func TestDice(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		thrown          float64
		races, failures []time.Duration
	}{
		{0, []time.Duration{0, 0, 0}, []time.Duration{0, 0, 0}},
		{.5, []time.Duration{0, 20 * ms, 35 * ms}, []time.Duration{100 * ms, 200 * ms, 400 * ms}},
	} {
		dice := func() backoff.BackOff { return &Dice{Float64: func() float64 { return row.thrown }} }
		r, f := Races{RoundTrip: 20 * ms}, Failures{}
		for i := range row.races {
			if got, more := r.Next(dice); got != row.races[i] || !more {
				t.Errorf("dice %v: race %d: %v, %v, want %v", row.thrown, i+1, got, more, row.races[i])
			}
			if got, more := f.Next(dice); got != row.failures[i] || !more {
				t.Errorf("dice %v: failure %d: %v, %v, want %v", row.thrown, i+1, got, more, row.failures[i])
			}
		}
		if !r.Bounded() {
			t.Errorf("dice %v: the waits of the default pace aren't bounded", row.thrown)
		}
	}
}

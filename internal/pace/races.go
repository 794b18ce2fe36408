package pace

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Races is the pace of one call that loses one race after another: the waits of
// the caller's backoff, or else of a [Pace]. The zero value is ready to use. It
// must not be used concurrently.
type Races struct {
	// RoundTrip is the one that the call measured last; zero: none yet.
	RoundTrip time.Duration

	started bool
	custom  backoff.BackOff // nil: the crowd's pace
	crowd   Pace
}

// Next returns the wait after a lost race, never a negative one, and false where
// the caller's backoff has had enough. The first Next calls newBackOff; nil from it
// stands for a Pace.
func (r *Races) Next(newBackOff func() backoff.BackOff) (time.Duration, bool) {
	if !r.started {
		r.started = true
		custom := newBackOff()
		if float64s, is := diceOf(custom); is {
			r.crowd.Float64, custom = float64s, nil
		}
		if r.custom = custom; r.custom != nil {
			r.custom.Reset()
		}
	}
	if r.custom != nil {
		return next(r.custom)
	}
	return r.crowd.Next(r.RoundTrip), true
}

// Bounded reports whether the waits are those of a Pace, none of which is longer
// than [Cap]. The caller's backoff may wait for any time.
func (r *Races) Bounded() bool { return r.custom == nil }

// next asks a backoff for its next wait: a negative one is none, and
// [backoff.Stop] is the end.
func next(b backoff.BackOff) (time.Duration, bool) {
	d := b.NextBackOff()
	return max(d, 0), d != backoff.Stop
}

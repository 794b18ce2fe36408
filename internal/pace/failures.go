package pace

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// The interval after the first failure, and the cap of the interval. A server in
// trouble needs longer than a race.
const (
	FirstFailure = 100 * time.Millisecond
	FailureCap   = 5 * time.Second
)

// Failures is the pace of one call that repeats requests after failures: the waits
// of the caller's backoff, or else fully jittered ones, uniform between nothing and
// twice an interval that begins at [FirstFailure], doubles, and ends at
// [FailureCap]. The zero value is ready to use. It must not be used concurrently.
type Failures struct {
	backoff backoff.BackOff // nil: nothing failed yet
}

// Next returns the wait after a failure, never a negative one, and false where the
// caller's backoff has had enough. The first Next calls newBackOff; nil from it
// stands for the jittered waits.
func (f *Failures) Next(newBackOff func() backoff.BackOff) (time.Duration, bool) {
	if f.backoff == nil {
		if f.backoff = newBackOff(); f.backoff == nil {
			f.backoff = fullJitter()
		}
		if float64s, is := diceOf(f.backoff); is {
			plain := fullJitter()
			plain.RandomizationFactor = 0
			f.backoff = diced{plain, float64s}
		}
		f.backoff.Reset()
	}
	return next(f.backoff)
}

func fullJitter() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     FirstFailure,
		RandomizationFactor: 1,
		Multiplier:          2,
		MaxInterval:         FailureCap,
		Stop:                backoff.Stop,
		Clock:               backoff.SystemClock,
	}
}

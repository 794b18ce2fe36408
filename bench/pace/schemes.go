package main

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/pace"
)

// A scheme makes, for one writer, the function that is called after each lost
// race with the round trip that was measured, and returns the wait.
type scheme struct {
	name string
	new  func(*rand.Rand) func(roundTrip time.Duration) time.Duration
}

const ms = time.Millisecond

// Those of the AWS Architecture Blog's study start from 5 ms and are capped at
// 2 s, both before the jitter.
const (
	awsBase = 5 * ms
	awsCap  = 2000 * ms
)

func awsInterval(lost int) time.Duration {
	return time.Duration(math.Min(float64(awsCap), float64(awsBase)*math.Pow(2, float64(lost))))
}

// byCount is a scheme that depends on the number of lost races only.
func byCount(name string, wait func(lost int, random *rand.Rand) time.Duration) scheme {
	return scheme{name, func(random *rand.Rand) func(time.Duration) time.Duration {
		lost := 0
		return func(time.Duration) time.Duration {
			lost++
			return wait(lost, random)
		}
	}}
}

func uniform(random *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(random.Float64()*float64(to-from))
}

var (
	none = byCount("none", func(int, *rand.Rand) time.Duration { return 0 })

	exponential = byCount("exponential", func(lost int, _ *rand.Rand) time.Duration { return awsInterval(lost) })

	equalJitter = byCount("equal jitter", func(lost int, random *rand.Rand) time.Duration {
		return uniform(random, awsInterval(lost)/2, awsInterval(lost))
	})

	fullJitter = byCount("full jitter", func(lost int, random *rand.Rand) time.Duration {
		return uniform(random, 0, awsInterval(lost))
	})

	decorrelated = scheme{"decorrelated", func(random *rand.Rand) func(time.Duration) time.Duration {
		sleep := awsBase
		return func(time.Duration) time.Duration {
			sleep = min(awsCap, uniform(random, awsBase, 3*sleep))
			return sleep
		}
	}}

	// retry.DefaultRetry of k8s.io/client-go/util/retry: 10 ms, factor 1, jitter
	// 0.1. Its limit of 5 steps is left out, as are all limits here.
	clientGo = byCount("client-go", func(_ int, random *rand.Rand) time.Duration {
		return uniform(random, 10*ms, 11*ms)
	})

	// before is the pace that the library had before this study: at once, then
	// uniform up to twice an interval that starts at the round trip, doubles and is
	// capped at 1 s.
	before = scheme{"before", func(random *rand.Rand) func(time.Duration) time.Duration {
		interval := time.Duration(0)
		return func(roundTrip time.Duration) time.Duration {
			if interval == 0 {
				interval = -1
				return 0
			}
			if interval < 0 {
				interval = min(max(roundTrip, ms), 250*ms)
			} else {
				interval = min(2*interval, time.Second)
			}
			return uniform(random, 0, 2*interval)
		}
	}}

	// ours is the library's.
	ours = scheme{"ifmatch", func(random *rand.Rand) func(time.Duration) time.Duration {
		p := &pace.Pace{Float64: random.Float64}
		return p.Next
	}}

	// patient is ours without the immediate first retry.
	patient = scheme{"ifmatch, first retry jittered", func(random *rand.Rand) func(time.Duration) time.Duration {
		p := &pace.Pace{Float64: random.Float64}
		p.Next(0)
		return p.Next
	}}
)

// study are the schemes of the study that wait.
var study = []scheme{exponential, equalJitter, fullJitter, decorrelated}

// all are those in the tables and plots.
var all = []scheme{none, exponential, equalJitter, fullJitter, decorrelated, clientGo, before, ours}

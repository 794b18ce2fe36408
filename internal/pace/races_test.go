package pace

import (
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// none stands for the default.
func none() backoff.BackOff { return nil }

// TestRacesByDefault holds the table in the doc of ifmatch.WithBackoff.
func TestRacesByDefault(t *testing.T) {
	for _, test := range []struct {
		roundTrip time.Duration
		worst     []time.Duration
	}{
		{0, []time.Duration{0, 2 * time.Millisecond, 3500 * time.Microsecond, 6125 * time.Microsecond, 10719 * time.Microsecond}},
		{20 * time.Millisecond, []time.Duration{0, 40 * time.Millisecond, 70 * time.Millisecond, 122500 * time.Microsecond, 214375 * time.Microsecond}},
		{time.Hour, []time.Duration{0, 500 * time.Millisecond, 875 * time.Millisecond, 1531250 * time.Microsecond, 2 * time.Second, 2 * time.Second}},
	} {
		longest := make([]time.Duration, len(test.worst))
		for range 2000 {
			p := Races{RoundTrip: test.roundTrip}
			for i, worst := range test.worst {
				d, more := p.Next(none)
				if !more || d < 0 || d > worst+1 {
					t.Fatalf("round trip %v: wait %d is %v, at most %v", test.roundTrip, i, d, worst)
				}
				longest[i] = max(longest[i], d)
			}
		}
		for i, worst := range test.worst {
			if longest[i] < worst*9/10 {
				t.Errorf("round trip %v: wait %d is at most %v in 2000, want nearly %v", test.roundTrip, i, longest[i], worst)
			}
		}
	}
}

// scriptedBackOff gives these waits one after another, and counts its resets.
type scriptedBackOff struct {
	waits  []time.Duration
	resets int
}

func (s *scriptedBackOff) Reset() { s.resets++ }

func (s *scriptedBackOff) NextBackOff() time.Duration {
	d := s.waits[0]
	s.waits = s.waits[1:]
	return d
}

// TestBackOffOfTheCaller: it is made once and reset once, a negative wait is none,
// and Stop is the end. Races and Failures don't differ in that.
func TestBackOffOfTheCaller(t *testing.T) {
	races, failures := new(Races), new(Failures)
	for name, pace := range map[string]func(func() backoff.BackOff) (time.Duration, bool){"races": races.Next, "failures": failures.Next} {
		custom := &scriptedBackOff{waits: []time.Duration{time.Hour, -2, 0, backoff.Stop}}
		made := 0
		for _, want := range []struct {
			d    time.Duration
			more bool
		}{{time.Hour, true}, {0, true}, {0, true}, {0, false}} {
			d, more := pace(func() backoff.BackOff { made++; return custom })
			if d != want.d || more != want.more {
				t.Errorf("%s: wait %v, %v, want %v", name, d, more, want)
			}
		}
		if made != 1 || custom.resets != 1 {
			t.Errorf("%s: made %d times, reset %d times", name, made, custom.resets)
		}
	}
	if races.Bounded() {
		t.Error("the waits of the caller's backoff count as bounded")
	}
	if races = new(Races); !races.Bounded() {
		t.Error("the waits of a Pace count as unbounded")
	}
}

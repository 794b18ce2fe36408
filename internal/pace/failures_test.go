package pace

import (
	"testing"
	"time"
)

// TestFailuresByDefault holds the waits in the doc of ifmatch.WithTransientBackoff.
func TestFailuresByDefault(t *testing.T) {
	const ms = time.Millisecond
	worst := []time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 10 * time.Second, 10 * time.Second}
	longest, least := make([]time.Duration, len(worst)), make([]time.Duration, len(worst))
	for n := range 2000 {
		var f Failures
		for i := range worst {
			d, more := f.Next(none)
			if !more || d < 0 || d > worst[i]+1 {
				t.Fatalf("wait %d is %v, at most %v", i, d, worst[i])
			}
			longest[i] = max(longest[i], d)
			if n == 0 || d < least[i] {
				least[i] = d
			}
		}
	}
	for i := range worst {
		if longest[i] < worst[i]*9/10 || least[i] > worst[i]/10 {
			t.Errorf("wait %d is between %v and %v in 2000, want nearly all between 0 and %v", i, least[i], longest[i], worst[i])
		}
	}
}

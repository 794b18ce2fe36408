//go:build unix

package edit

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// processorTime returns the processor time that the process has taken, the collector included.
func processorTime() time.Duration {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestMeasureDraft prints the processor time of a draft, as a multiple of the edit by hand and
// of the floor: the median of 11 rounds, each of which does all three in turn.
func TestMeasureDraft(t *testing.T) {
	if os.Getenv("IFMATCH_MEASURE") == "" {
		t.Log("for IFMATCH_MEASURE")
		return
	}
	for _, size := range []int{1 << 10, 100 << 10, 9 << 20} {
		for s := range shares(size) {
			t.Run(fmt.Sprintf("%dKiB/%s", size>>10, s.name), func(t *testing.T) {
				hand, floor := s.measure(max(1, 2<<20/size), s.draft(t))
				t.Logf("%.2f times by hand, %.2f times the floor", hand, floor)
			})
		}
	}
}

// measure returns what so many drafts take, as multiples of the edit by hand and of the floor.
func (s *share) measure(times int, draft func()) (hand, floor float64) {
	took := func(f func()) float64 {
		begun := processorTime()
		for range times {
			f()
		}
		return float64(processorTime() - begun)
	}
	var hands, floors []float64
	for range 11 {
		a, b, c := took(s.byHand), took(draft), took(s.floor)
		hands, floors = append(hands, b/a), append(floors, b/c)
	}
	slices.Sort(hands)
	slices.Sort(floors)
	return hands[5], floors[5]
}

package commit

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// slowly returns an edit that takes a second and adds one.
func slowly(runs *int) func(*int) error {
	return func(n *int) error {
		time.Sleep(time.Second)
		*n++
		*runs++
		return nil
	}
}

// bounded makes each batch draft once for each of the bools, within the bound. A bool says
// that the draft before it is in doubt. The last draft is written, unless w says otherwise.
func bounded(doc *number, bound time.Duration, w Written, inDoubt ...bool) {
	doc.fate = func(b *Batch[int, answer]) Written {
		b.Bound(bound)
		n := 0
		for _, d := range inDoubt {
			n = doc.draft(b, d)
		}
		doc.n = n
		doc.writes = append(doc.writes, n)
		time.Sleep(doc.took)
		return w
	}
}

// crowd lets an edit go out alone, and then n edits wait, that each take a second.
func crowd(doc *number, n int, want func(i int, got answer, how Ending, runs int)) {
	var all group
	all.start(func() { doc.Do(context.Background(), add(1)) })
	for i := range n {
		all.start(func() {
			runs := 0
			got, how := doc.Do(context.Background(), slowly(&runs))
			want(i, got, how, runs)
		})
	}
	all.Wait()
}

// TestBound: a draft takes no more edits once its time is over. The others go out with
// the writes that follow, in the order of arrival, and each is in one write.
func TestBound(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		bounded(doc, 3*time.Second, WrittenLast, false)
		crowd(doc, 8, func(i int, got answer, how Ending, runs int) {
			if want := min(4+i/3*3, 9); got.n != want || got.Err != nil || how != Answered || runs != 1 {
				t.Errorf("edit %d got %+v, %v, after %d runs, want %d", i, got, how, runs, want)
			}
		})
		if diff := cmp.Diff([]int{1, 4, 7, 9}, doc.writes); diff != "" {
			t.Error(diff)
		}
	})
}

// TestOneEditAtLeast: an edit that takes longer than the bound goes out all the same.
func TestOneEditAtLeast(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		bounded(doc, time.Millisecond, WrittenLast, false, false)
		crowd(doc, 3, func(i int, got answer, how Ending, runs int) {
			if got.n != i+2 || how != Answered {
				t.Errorf("edit %d got %+v, %v", i, got, how)
			}
		})
	})
}

// TestDraftsHalve: a refused draft is followed by one that may take half the time. What is
// put off then is run again on the state after this write.
func TestDraftsHalve(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		bounded(doc, 4*time.Second, WrittenLast, false, false)
		crowd(doc, 4, func(i int, got answer, how Ending, runs int) {
			if want, wantRuns := 3+i/2*2, 2+i/2; got.n != want || how != Answered || runs != wantRuns {
				t.Errorf("edit %d got %+v, %v, after %d runs, want %d after %d", i, got, how, runs, want, wantRuns)
			}
		})
		if diff := cmp.Diff([]int{1, 3, 5}, doc.writes); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNoBoundInDoubt: a draft that follows one in doubt holds all of its edits, however
// long they take: some of them may be written already.
func TestNoBoundInDoubt(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		bounded(doc, 4*time.Second, WrittenLast, false, true)
		crowd(doc, 4, func(i int, got answer, how Ending, runs int) {
			if got.n != 5 || how != Answered || runs != 2 {
				t.Errorf("edit %d got %+v, %v, after %d runs", i, got, how, runs)
			}
		})
	})
}

// TestPutOffAfterAll: where it isn't known which draft was written, an edit that only some
// drafts hold isn't run again: it may be written already.
func TestPutOffAfterAll(t *testing.T) {
	for _, w := range []Written{WrittenSome, WrittenUnknown} {
		bubble(t, func(t *testing.T, doc *number) {
			bounded(doc, 4*time.Second, w, false, false)
			crowd(doc, 5, func(i int, got answer, how Ending, runs int) {
				// The first two are in both drafts, the next two in one, the fifth in none.
				if want := [...]int{2, 2, 1, 1, 2}[i]; got.Unknown != (i == 2 || i == 3) || how != Answered || runs != want {
					t.Errorf("%v: edit %d got %+v, %v, after %d runs, want %d", w, i, got, how, runs, want)
				}
			})
			if diff := cmp.Diff([]int{1, 3, 4}, doc.writes); diff != "" {
				t.Errorf("%v: %s", w, diff)
			}
		})
	}
}

// TestPutOffIsWithdrawn: an edit that no draft holds waits in the queue again, so its caller
// may take it back; one that a refused draft holds may be written.
func TestPutOffIsWithdrawn(t *testing.T) {
	for _, row := range []struct {
		drafts []bool // the second ends after one edit
		ahead  int
		want   Ending
	}{{[]bool{false}, 2, Withdrawn}, {[]bool{false, false}, 1, Abandoned}} {
		bubble(t, func(t *testing.T, doc *number) {
			doc.took = 10 * time.Second
			bounded(doc, 2*time.Second, WrittenLast, row.drafts...)
			var all group
			all.start(func() { doc.Do(t.Context(), add(1)) })
			for range row.ahead {
				all.start(func() { doc.Do(t.Context(), slowly(new(int))) })
			}
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second) // the second write is under way
			defer cancel()
			runs := 0
			all.start(func() {
				if _, how := doc.Do(ctx, slowly(&runs)); how != row.want {
					t.Errorf("%d drafts: %v after %d runs, want %v", len(row.drafts), how, runs, row.want)
				}
			})
			all.Wait()
		})
	}
}

// TestWatchOfWhatIsLeft: a write is cancelled once nobody waits for it, though some wait that
// were put off.
func TestWatchOfWhatIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		var cancelled atomic.Int64
		first := true
		doc.fate = func(b *Batch[int, answer]) Written {
			if first {
				first = false
				time.Sleep(roundTrip)
				return WrittenNone
			}
			start := time.Now()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			defer b.Watch(cancel)()
			synctest.Wait() // it waits for the first caller
			b.Bound(2 * time.Second)
			doc.draft(b, false)
			select {
			case <-ctx.Done():
				cancelled.CompareAndSwap(0, int64(time.Since(start)))
			case <-time.After(time.Minute):
			}
			return WrittenNone
		}
		in, stop := context.WithTimeout(t.Context(), roundTrip+5*time.Second)
		defer stop()
		var all group
		all.start(func() { doc.Do(t.Context(), add(1)) })
		for range 2 {
			all.start(func() { doc.Do(in, slowly(new(int))) })
		}
		for range 2 {
			all.start(func() { doc.Do(t.Context(), slowly(new(int))) })
		}
		all.Wait()
		if got := time.Duration(cancelled.Load()); got != 5*time.Second {
			t.Errorf("cancelled after %v", got)
		}
	})
}

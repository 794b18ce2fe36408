package commit

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	roundTrip = time.Second      // of a write
	limit     = 10 * time.Second // of an edit
)

// answer is what a caller gets: the number after all edits, or a failure.
type answer struct {
	n int
	Failure
}

// number is a document that a queue writes.
type number struct {
	*Queue[int, answer]
	n      int
	writes []int         // the number after each
	took   time.Duration // by each write

	// fate writes a batch, and says what was written. A test may change it.
	fate func(b *Batch[int, answer]) Written
}

func newNumber() *number {
	doc := &number{took: roundTrip}
	doc.fate = func(b *Batch[int, answer]) Written {
		doc.n = doc.draft(b, false)
		doc.writes = append(doc.writes, doc.n)
		time.Sleep(doc.took)
		return WrittenLast
	}
	doc.Queue = New(limit, leftOut, doc.write)
	return doc
}

func leftOut(f Failure) answer { return answer{Failure: f} }

func (d *number) write(b *Batch[int, answer]) {
	b.LeaveOut(d.fate(b), leftOut)
	b.Answer(func() answer { return answer{n: d.n} })
}

// draft returns the number after all edits that don't fail.
func (d *number) draft(b *Batch[int, answer], inDoubt bool) int {
	n := d.n
	b.Draft(inDoubt, func(run func(*int) error) (bool, error) {
		next := n
		if err := run(&next); err != nil {
			return false, err
		}
		changed := next != n
		n = next
		return changed, nil
	})
	return n
}

// add returns an edit that adds k.
func add(k int) func(*int) error { return func(n *int) error { *n += k; return nil } }

func bubble(t *testing.T, f func(t *testing.T, doc *number)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newNumber()) })
}

// group runs callers that arrive one after another.
type group struct{ sync.WaitGroup }

func (g *group) start(f func()) {
	g.Go(f)
	synctest.Wait()
}

func (g *group) do(t *testing.T, doc *number, want answer, edit func(*int) error) {
	t.Helper()
	g.start(func() {
		got, how := doc.Do(t.Context(), edit)
		if how != Answered || got.n != want.n || got.Unknown != want.Unknown || !errors.Is(got.Err, want.Err) {
			t.Errorf("%+v, %v, want %+v", got, how, want)
		}
	})
}

// TestEditsShareAWrite: what queues while a write is in flight goes out as one,
// in the order of arrival.
func TestEditsShareAWrite(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		var all group
		all.do(t, doc, answer{n: 1}, add(1))
		for i := range 20 {
			all.do(t, doc, answer{n: 21}, func(n *int) error {
				if *n != i+1 {
					t.Errorf("edit %d got %d", i, *n)
				}
				*n++
				return nil
			})
		}
		all.Wait()
		if diff := cmp.Diff([]int{1, 21}, doc.writes); diff != "" {
			t.Error(diff)
		}
	})
}

// TestMostEditsOfAWrite: more than MaxBatch take another write.
func TestMostEditsOfAWrite(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		var all group
		for range 1 + MaxBatch + 1 {
			all.start(func() { doc.Do(t.Context(), add(1)) })
		}
		all.Wait()
		if diff := cmp.Diff([]int{1, 1 + MaxBatch, 2 + MaxBatch}, doc.writes); diff != "" {
			t.Error(diff)
		}
	})
}

// TestWorkerEnds: nothing is left of a queue that nobody waits in, and it works
// again afterwards.
func TestWorkerEnds(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		for i := range 3 {
			if got, how := doc.Do(t.Context(), add(1)); got.n != i+1 || how != Answered {
				t.Errorf("%+v, %v", got, how)
			}
			synctest.Wait()
			if doc.working || doc.waiting != nil {
				t.Errorf("working %v, %d wait", doc.working, len(doc.waiting))
			}
		}
	})
}

// TestAfterIdle: the function is called once nobody has waited for long, after each use
// again, and never while somebody waits.
func TestAfterIdle(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		var rests atomic.Int64
		doc.AfterIdle(time.Minute, func() { rests.Add(1) })
		use := func(takes time.Duration) {
			doc.took = takes
			doc.Do(t.Context(), add(1))
			synctest.Wait()
		}
		check := func(when string, want int64) {
			t.Helper()
			synctest.Wait()
			if got := rests.Load(); got != want {
				t.Errorf("%s: called %d times, want %d", when, got, want)
			}
		}
		time.Sleep(2 * time.Minute)
		check("unused", 0)
		use(time.Second)
		time.Sleep(59 * time.Second)
		check("before a minute", 0)
		use(time.Second)
		time.Sleep(59 * time.Second)
		check("before a minute, again", 0)
		use(3 * time.Minute)
		check("after a long write", 0)
		time.Sleep(time.Hour)
		check("after a minute", 1)
		use(time.Second)
		time.Sleep(time.Hour)
		check("after another use", 2)
	})
}

// TestWorkerThatIsEnded: a write function that ends its goroutine doesn't stop
// the next batch.
func TestWorkerThatIsEnded(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		accept := doc.fate
		doc.fate = func(b *Batch[int, answer]) Written {
			doc.fate = accept
			defer b.Answer(func() answer { return answer{n: -1} })
			time.Sleep(roundTrip)
			runtime.Goexit()
			return WrittenNone
		}
		var all group
		all.do(t, doc, answer{n: -1}, add(1))
		all.do(t, doc, answer{n: 1}, add(1))
		all.Wait()
	})
}

// TestWithdraw: an edit that is still queued when its caller's context ends isn't
// run.
func TestWithdraw(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		var all group
		all.do(t, doc, answer{n: 1}, add(1))
		ctx, cancel := context.WithTimeout(t.Context(), roundTrip/2)
		defer cancel()
		got, how := doc.Do(ctx, func(*int) error { t.Error("the edit ran"); return nil })
		if how != Withdrawn || got != (answer{}) {
			t.Errorf("%+v, %v", got, how)
		}
		all.Wait()
	})
}

// TestAbandon: an edit that is on its way when its caller's context ends may be
// written.
func TestAbandon(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		ctx, cancel := context.WithTimeout(t.Context(), roundTrip/2)
		defer cancel()
		got, how := doc.Do(ctx, add(1))
		if how != Abandoned || got != (answer{}) {
			t.Errorf("%+v, %v", got, how)
		}
		time.Sleep(roundTrip)
		synctest.Wait()
		if doc.n != 1 {
			t.Error(doc.n)
		}
	})
}

// TestLeaverOfABatch: a caller who leaves while its batch runs gets neither a
// result nor the failure that says it gave up.
func TestLeaverOfABatch(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		go doc.Do(t.Context(), add(1))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		leaver := make(chan *ticket[int, answer], 1)
		go func() {
			got, how := doc.Do(t.Context(), func(n *int) error {
				doc.mu.Lock() // the leaver gets no further for now
				cancel()
				for t := <-leaver; !t.gone(); {
					runtime.Gosched()
				}
				*n += 10
				doc.took = 0 // a bubble's clock stands while somebody waits for a lock
				return nil
			})
			doc.mu.Unlock()
			if how != Answered || got.Err != nil {
				t.Errorf("%+v, %v", got, how)
			}
		}()
		synctest.Wait()
		go func() {
			synctest.Wait()
			doc.mu.Lock()
			leaver <- doc.waiting[1]
			doc.mu.Unlock()
		}()
		got, how := doc.Do(ctx, add(100))
		if how != Abandoned || got != (answer{}) || doc.n != 11 {
			t.Errorf("%+v, %v: %d", got, how, doc.n)
		}
	})
}

// TestManyLeave: to leave the queue doesn't cost more the longer it is.
func TestManyLeave(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		doc.working = true // by the test
		tickets := make([]*ticket[int, answer], 20000)
		for i := range tickets {
			tickets[i] = &ticket[int, answer]{left: make(chan struct{})}
			doc.enqueue(tickets[i])
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range tickets {
			if !doc.withdraw(tickets[i]) {
				t.Fatal(i, "was not queued")
			}
		}
		runtime.ReadMemStats(&after)
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 10<<20 {
			t.Errorf("it allocated %d bytes", bytes)
		}
		doc.work()
		if doc.writes != nil || doc.working || len(doc.waiting) != 0 {
			t.Errorf("%d in the queue: %v", len(doc.waiting), doc.writes)
		}
	})
}

// TestQueueForgetsTheGone: callers that gave up while they were queued leave
// nothing behind, and those between them are served.
func TestQueueForgetsTheGone(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		doc.took = 20 * time.Second
		var all sync.WaitGroup
		update := func(ctx context.Context) {
			all.Go(func() {
				if got, how := doc.Do(ctx, add(1)); (how != Answered || got.Err != nil) && ctx.Err() == nil {
					t.Errorf("%+v, %v", got, how)
				}
			})
		}
		update(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i := range 1000 {
			if i%100 == 50 {
				update(t.Context())
			}
			update(ctx)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		doc.mu.Lock()
		queued := len(doc.waiting)
		doc.mu.Unlock()
		if queued > 20 {
			t.Errorf("%d are queued, 10 of them wait", queued)
		}
		all.Wait()
		if doc.n != 11 || !slices.Equal(doc.writes, []int{1, 11}) {
			t.Errorf("%d after %v", doc.n, doc.writes)
		}
	})
}

// TestGiveUp: a caller that leaves has the answer that was there when it left, and no other.
func TestGiveUp(t *testing.T) {
	for name, row := range map[string]struct {
		before func(*ticket[int, int])
		want   int
		how    Ending
	}{
		"still queued":              {func(t *ticket[int, int]) { t.queued = true }, 0, Withdrawn},
		"in a write":                {func(*ticket[int, int]) {}, 0, Abandoned},
		"answered at the same time": {func(t *ticket[int, int]) { t.answer(7, nil) }, 7, Answered},
		"left out at the same time": {func(t *ticket[int, int]) { t.answer(7, errPanicked) }, 7, Answered},
		"in one draft of several":   {func(t *ticket[int, int]) { t.answer(7, errDiffering) }, 0, Abandoned},
		"answered since nobody waits": {func(t *ticket[int, int]) {
			go func() { <-t.left; t.answer(7, nil) }()
		}, 0, Abandoned},
	} {
		q := New(time.Second, func(Failure) int { return 0 }, func(*Batch[int, int]) {})
		k := newTicket[int, int](nil)
		row.before(k)
		if got, how := q.giveUp(k); got != row.want || how != row.how {
			t.Errorf("%s: %d, %v; want %d, %v", name, got, how, row.want, row.how)
		}
	}
}

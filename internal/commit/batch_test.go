package commit

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errFull = errors.New("full")

// TestFailedEdits change nothing for the others.
func TestFailedEdits(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		var all group
		all.do(t, doc, answer{n: 1}, add(1))
		all.do(t, doc, answer{n: 3}, add(1))
		all.do(t, doc, answer{Failure: Failure{Err: errFull}}, func(n *int) error { *n += 100; return errFull })
		all.start(func() {
			defer func() {
				if p := recover(); p != "broken" {
					t.Errorf("the caller's panic is %v", p)
				}
			}()
			doc.Do(t.Context(), func(n *int) error { *n += 100; panic("broken") })
		})
		all.start(func() {
			doc.Do(t.Context(), func(n *int) error { *n += 100; runtime.Goexit(); return nil })
			t.Error("the caller's goroutine goes on")
		})
		all.do(t, doc, answer{Failure: Failure{Err: ErrLimit}}, func(n *int) error { time.Sleep(2 * limit); return nil })
		all.do(t, doc, answer{n: 3}, add(1))
		all.Wait()
	})
}

// TestEditLimit: the others don't wait longer than the limit for an edit, and its
// caller gets the failure once the edit returns.
func TestEditLimit(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		start := time.Now()
		var all group
		all.do(t, doc, answer{n: 1}, add(1))
		all.start(func() {
			got, how := doc.Do(t.Context(), func(n *int) error { time.Sleep(time.Minute); *n += 100; return nil })
			if how != Answered || !errors.Is(got.Err, ErrLimit) || got.Err.Error() != ErrLimit.Error()+": more than 10s" {
				t.Errorf("%+v, %v", got, how)
			}
			if took := time.Since(start); took != roundTrip+time.Minute {
				t.Errorf("the slow one took %v", took)
			}
		})
		all.start(func() {
			doc.Do(t.Context(), add(1))
			if took := time.Since(start); took != roundTrip+limit+roundTrip {
				t.Errorf("the other took %v", took)
			}
		})
		all.Wait()
		if doc.n != 2 {
			t.Error(doc.n)
		}
	})
}

// TestNestedEdit: an edit that queues another one is cut out, and the inner one
// is run later.
func TestNestedEdit(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		got, how := doc.Do(t.Context(), func(n *int) error {
			*n += 100
			if got, how := doc.Do(t.Context(), add(1)); got.n != 1 || how != Answered {
				t.Errorf("the inner one: %+v, %v", got, how)
			}
			return nil
		})
		if how != Answered || !errors.Is(got.Err, ErrLimit) || got.Unknown {
			t.Errorf("%+v, %v", got, how)
		}
	})
}

// twice makes two drafts of each batch before it is said what was written.
func twice(doc *number, inDoubt bool, w Written) {
	doc.fate = func(b *Batch[int, answer]) Written {
		doc.draft(b, false)
		doc.n = doc.draft(b, inDoubt)
		return w
	}
}

// onRun returns an edit that calls f when it is run for the nth time, and adds 1
// otherwise.
func onRun(nth int, f func() error) func(*int) error {
	runs := 0
	return func(n *int) error {
		if runs++; runs == nth {
			return f()
		}
		*n++
		return nil
	}
}

// TestEditsRunAgain: each draft runs all edits that may still be written.
func TestEditsRunAgain(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		twice(doc, false, WrittenLast)
		var all group
		all.do(t, doc, answer{n: 1}, add(1))
		all.do(t, doc, answer{Failure: Failure{Err: errFull}}, onRun(2, func() error { return errFull }))
		all.do(t, doc, answer{n: 2}, onRun(1, func() error { return errFull }))
		all.Wait()
	})
}

// TestCutOutOfALaterDraft: an edit that is cut out of a draft, and that a draft
// before holds, is only known not to be written where no draft before may have
// been accepted.
func TestCutOutOfALaterDraft(t *testing.T) {
	for _, inDoubt := range []bool{false, true} {
		bubble(t, func(t *testing.T, doc *number) {
			twice(doc, inDoubt, WrittenLast)
			var all group
			slow := func() error { time.Sleep(2 * limit); return nil }
			all.do(t, doc, answer{Failure: Failure{ErrLimit, inDoubt}}, onRun(2, slow))
			all.Wait()
			all.do(t, doc, answer{Failure: Failure{Err: ErrLimit}}, onRun(1, slow)) // no draft holds it
			all.Wait()
		})
	}
}

// TestPanickingApply: a draft that ends with a panic is none.
func TestPanickingApply(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		var all group
		all.do(t, doc, answer{n: 1}, add(1))
		doc.fate = func(b *Batch[int, answer]) Written {
			defer func() { recover() }()
			doc.n = -1
			b.Draft(false, func(run func(*int) error) (bool, error) {
				if err := run(new(int)); err != nil {
					return false, err
				}
				panic("broken")
			})
			return WrittenLast
		}
		all.do(t, doc, answer{n: -1}, func(*int) error { return errFull })
		all.do(t, doc, answer{n: -1}, add(1))
		all.Wait()
	})
}

// TestWatch: a write is cancelled as soon as nobody waits for it, and not before.
func TestWatch(t *testing.T) {
	bubble(t, func(t *testing.T, doc *number) {
		var cancelled atomic.Int64 // how long the last write took until then
		doc.fate = func(b *Batch[int, answer]) Written {
			start := time.Now()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			defer b.Watch(cancel)()
			time.Sleep(roundTrip) // the others queue
			doc.draft(b, false)
			select {
			case <-ctx.Done():
				cancelled.Store(int64(time.Since(start)))
			case <-time.After(time.Minute):
			}
			return WrittenNone
		}
		in := func(d time.Duration) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			t.Cleanup(cancel)
			return ctx
		}
		var all group
		all.start(func() { doc.Do(in(roundTrip/2), add(1)) })
		all.start(func() { doc.Do(in(5*time.Second), add(1)) })
		all.start(func() { doc.Do(in(7*time.Second), add(1)) })
		time.Sleep(time.Second)
		synctest.Wait()
		if cancelled := time.Duration(cancelled.Load()); cancelled != roundTrip {
			t.Errorf("the first write was cancelled after %v", cancelled)
		}
		all.Wait()
		synctest.Wait()
		if cancelled := time.Duration(cancelled.Load()); cancelled != 6*time.Second {
			t.Errorf("the second write was cancelled after %v", cancelled)
		}
		all.do(t, doc, answer{n: 0}, add(1))
		all.Wait()
		if cancelled := time.Duration(cancelled.Load()); cancelled != 6*time.Second {
			t.Errorf("a write that was waited for was cancelled after %v", cancelled)
		}
	})
}

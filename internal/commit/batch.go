package commit

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrLimit says that an edit took too long and was cut out of its batch.
var ErrLimit = errors.New("ifmatch: the edit took too long")

var errLeft = errors.New("ifmatch: the caller gave up")

// Batch is the edits that go out as one write. It belongs to the goroutine that
// the write function is called on.
type Batch[T, R any] struct {
	queue   *Queue[T, R]
	tickets []*ticket[T, R]
}

// Watch calls cancel once nobody waits for the batch any more. stop ends the
// watching and must be called. cancel isn't called after stop has returned.
func (b *Batch[T, R]) Watch(cancel func()) (stop func()) {
	ended := make(chan struct{})
	var over sync.WaitGroup
	over.Go(func() {
		for _, t := range b.tickets {
			select {
			case <-t.left:
			case <-t.done: // without the others it may be waited for no more
			case <-ended:
				return
			}
		}
		cancel()
	})
	return func() { close(ended); over.Wait() }
}

// Draft runs the edits one after another, in the order of their arrival. apply is
// called for each edit. It calls run with the document as the edits before have
// left it. It returns whether the edit changed the document, and why the edit
// isn't in the draft. inDoubt says that an earlier draft of this batch may have
// been accepted.
func (b *Batch[T, R]) Draft(inDoubt bool, apply func(run func(*T) error) (changed bool, err error)) {
	tries := make([]try, len(b.tickets))
	after := false
	for i, t := range b.tickets {
		switch {
		case t.answered:
			continue
		case t.gone():
			tries[i] = try{err: errLeft}
			continue
		}
		changed, err := apply(func(doc *T) error { return b.runOn(doc, t, inDoubt) })
		if err != nil {
			tries[i] = try{err, after}
			continue
		}
		after = after || changed
	}
	for i, t := range b.tickets { // only now: a draft that panicked is none
		if !t.answered {
			t.tries = append(t.tries, tries[i])
		}
	}
}

// runOn lets the caller of t run its edit, for as long as the limit allows.
func (b *Batch[T, R]) runOn(doc *T, t *ticket[T, R], inDoubt bool) error {
	timer := time.NewTimer(b.queue.limit)
	defer timer.Stop()
	select {
	case t.turn <- doc:
	case <-t.left:
		return errLeft
	case <-timer.C:
		return ErrLimit
	}
	select {
	case err := <-t.ran:
		if err == errPanicked || err == errExited {
			b.cutOut(t, err, inDoubt) // nobody is there to run it again
		}
		return err
	case <-timer.C:
		err := fmt.Errorf("%w: more than %v", ErrLimit, b.queue.limit)
		b.cutOut(t, err, inDoubt)
		return err
	}
}

// cutOut answers a ticket whose edit isn't run again. An earlier draft that may
// have been accepted may hold it.
func (b *Batch[T, R]) cutOut(t *ticket[T, R], err error, inDoubt bool) {
	held := slices.ContainsFunc(t.tries, func(in try) bool { return in.err == nil })
	t.answer(b.queue.cutOut(Failure{err, inDoubt && held}), err)
}

// LeaveOut answers the tickets whose edits aren't in what was written. result
// makes the result of one.
func (b *Batch[T, R]) LeaveOut(w Written, result func(Failure) R) {
	for _, t := range b.tickets {
		if t.answered {
			continue
		}
		if f, leftOut := judge(w, t.tries); leftOut {
			t.answer(result(f), f.Err)
		}
	}
}

// Answer answers all tickets that have no result yet. result makes a result for
// each of them.
func (b *Batch[T, R]) Answer(result func() R) {
	for _, t := range b.tickets {
		if !t.answered {
			t.answer(result(), nil)
		}
	}
}

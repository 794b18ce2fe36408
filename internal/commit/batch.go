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

// errPutOff says that a draft would have taken too long with the edit.
var errPutOff = errors.New("ifmatch: the edit goes out with the next write")

// Batch is the edits that go out as one write. It belongs to the goroutine that
// the write function is called on.
type Batch[T, R any] struct {
	queue   *Queue[T, R]
	tickets []*ticket[T, R]
	bound   time.Duration   // of the next draft
	putOff  []*ticket[T, R] // drafts before the last hold them: they go back when the batch has ended

	mu     sync.Mutex    // guards what follows, for Watch
	size   int           // of tickets
	shrunk chan struct{} // closed when size has become smaller; nil: nobody watches
}

func newBatch[T, R any](q *Queue[T, R], tickets []*ticket[T, R]) *Batch[T, R] {
	return &Batch[T, R]{queue: q, tickets: tickets, size: len(tickets)}
}

// Watch calls cancel once nobody waits for the batch any more. stop ends the
// watching and must be called. cancel isn't called after stop has returned.
func (b *Batch[T, R]) Watch(cancel func()) (stop func()) {
	ended := make(chan struct{})
	tickets := b.tickets // Draft takes some from the end
	var over sync.WaitGroup
	over.Go(func() {
		for i := 0; ; {
			size, shrunk := b.extent()
			if i >= size {
				break
			}
			select {
			case <-tickets[i].left:
				i++
			case <-tickets[i].done: // without the others it may be waited for no more
				i++
			case <-shrunk:
			case <-ended:
				return
			}
		}
		cancel()
	})
	return func() { close(ended); over.Wait() }
}

// extent returns the size of the batch, and a channel that is closed when that changes.
func (b *Batch[T, R]) extent() (size int, shrunk <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shrunk == nil {
		b.shrunk = make(chan struct{})
	}
	return b.size, b.shrunk
}

// Bound sets how long a draft may take. Once that is over, no further edit is run:
// the edits that are left go out with the next write. At least one edit is run. Each
// draft after the first may take half as long as the one before: what took too long
// to win a race would lose the next one, too. Zero, the default, is no bound.
func (b *Batch[T, R]) Bound(d time.Duration) { b.bound = d }

// Draft runs the edits one after another, in the order of their arrival. apply is
// called for each edit. It calls run with the document as the edits before have
// left it. It returns whether the edit changed the document, and why the edit
// isn't in the draft. inDoubt says that an earlier draft of this batch may have
// been accepted: then no edit is put off, since that draft may hold it.
func (b *Batch[T, R]) Draft(inDoubt bool, apply func(run func(*T) error) (changed bool, err error)) {
	tries := make([]try, 0, len(b.tickets))
	ran, after := false, false
	begun := time.Now()
	for _, t := range b.tickets {
		if ran && !inDoubt && b.bound > 0 && time.Since(begun) >= b.bound {
			break
		}
		switch {
		case t.answered:
			tries = append(tries, try{err: t.why})
			continue
		case t.gone():
			tries = append(tries, try{err: errLeft})
			continue
		}
		ran = true
		changed, err := apply(func(doc *T) error { return b.runOn(doc, t, inDoubt) })
		if err != nil {
			tries = append(tries, try{err, after})
			continue
		}
		tries = append(tries, try{})
		after = after || changed
	}
	if b.bound > 1 {
		b.bound /= 2
	}
	for i, in := range tries { // only now: a draft that panicked is none
		b.tickets[i].tries = append(b.tickets[i].tries, in)
	}
	b.shrink(len(tries))
}

// shrink puts off the edits from the nth on. An edit that no draft holds is queued again at
// once: its caller may withdraw it.
func (b *Batch[T, R]) shrink(n int) {
	if n == len(b.tickets) {
		return
	}
	var unsent, sent []*ticket[T, R]
	for _, t := range b.tickets[n:] {
		switch {
		case t.answered:
		case t.held():
			t.tries = append(t.tries, try{err: errPutOff})
			sent = append(sent, t)
		default:
			t.tries = nil
			unsent = append(unsent, t)
		}
	}
	b.tickets, b.putOff = b.tickets[:n], append(sent, b.putOff...)
	b.queue.requeue(unsent)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size = n
	if b.shrunk != nil {
		close(b.shrunk)
		b.shrunk = nil
	}
}

// end queues the edits again that were put off. The write function may have answered some
// of them.
func (b *Batch[T, R]) end() {
	again := slices.DeleteFunc(b.putOff, func(t *ticket[T, R]) bool { return t.answered })
	for _, t := range again {
		t.tries = nil
	}
	b.queue.requeue(again)
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
	t.answer(b.queue.cutOut(Failure{err, inDoubt && t.held()}), err)
}

// LeaveOut answers the tickets whose edits aren't in what was written. result
// makes the result of one. An edit that was put off is answered only where it isn't known
// whether it is in what was written.
func (b *Batch[T, R]) LeaveOut(w Written, result func(Failure) R) {
	for _, t := range slices.Concat(b.tickets, b.putOff) {
		if t.answered {
			continue
		}
		if f, leftOut := judge(w, t.tries); leftOut {
			t.answer(result(f), f.Err)
		}
	}
}

// Answer answers all tickets of the batch that have no result yet. result makes a result
// for each of them.
func (b *Batch[T, R]) Answer(result func() R) {
	for _, t := range b.tickets {
		if !t.answered {
			t.answer(result(), nil)
		}
	}
}

// Package commit lets edits that wait share one write: a group commit.
//
// Edits queue while a write is in flight. Then all edits that wait go out together.
// The queue hands them to its write function as a Batch. The batch runs them one
// after another, each on its own caller's goroutine, and gives each caller a
// result.
//
// The package knows neither what a document is, nor how it is stored, nor HTTP.
// A queue of Queue[T, R] edits documents of type T, and its callers get results of
// type R.
package commit

import (
	"context"
	"slices"
	"sync"
	"time"
)

// MaxBatch is how many edits go out as one write at the most.
const MaxBatch = 256

// Queue is the edits that wait for the next write. Make one with New. It is safe
// for concurrent use. Its goroutine lives only while somebody waits.
type Queue[T, R any] struct {
	limit  time.Duration
	cutOut func(Failure) R
	write  func(*Batch[T, R])

	mu        sync.Mutex // guards what follows
	waiting   []*ticket[T, R]
	withdrawn int // tickets in waiting whose callers have given up
	working   bool
	idle      *time.Timer // nil: before the first batch, and without AfterIdle

	idleTime time.Duration
	rest     func()
}

// New returns an empty queue. An edit that runs longer than limit is cut out of
// its batch. So is an edit that panics or ends its goroutine. cutOut makes the
// result of such an edit. write writes one batch, and answers all tickets in it.
// It is called by one goroutine at a time. Where it ends that goroutine, another
// one goes on with the next batch.
func New[T, R any](limit time.Duration, cutOut func(Failure) R, write func(*Batch[T, R])) *Queue[T, R] {
	return &Queue[T, R]{limit: limit, cutOut: cutOut, write: write}
}

// AfterIdle makes the queue call f once nobody has waited for d. f never runs beside the
// write function. It must not wait, nor use the queue. AfterIdle must be called before the
// queue is used.
func (q *Queue[T, R]) AfterIdle(d time.Duration, f func()) { q.idleTime, q.rest = d, f }

// fallIdle begins the time after which the queue is idle. q.mu is held.
func (q *Queue[T, R]) fallIdle() {
	switch {
	case q.rest == nil:
	case q.idle == nil:
		q.idle = time.AfterFunc(q.idleTime, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			if !q.working { // it may have begun just now
				q.rest()
			}
		})
	default:
		q.idle.Reset(q.idleTime)
	}
}

// Ending says how the wait of a caller ended.
type Ending int

const (
	Abandoned Ending = iota // the context ended, and the edit may be in a write
	Withdrawn               // the context ended, and the edit won't be run
	Answered                // the caller has a result
)

// Do queues an edit and waits for the result of the write that it goes out with.
// It runs the edit on this goroutine, once for each draft of that write. An edit
// that panics or ends the goroutine does so here. The result is zero unless the
// Ending is Answered.
func (q *Queue[T, R]) Do(ctx context.Context, edit func(*T) error) (R, Ending) {
	t := newTicket[T, R](edit)
	q.enqueue(t)
	for {
		select {
		case doc := <-t.turn:
			t.run(doc)
		case <-t.done:
			return t.result, Answered
		case <-ctx.Done():
			return q.giveUp(t)
		}
	}
}

// giveUp ends the wait of a caller whose context ended.
func (q *Queue[T, R]) giveUp(t *ticket[T, R]) (none R, how Ending) {
	select {
	case <-t.done: // it was answered at the same time
		if t.why != errDiffering {
			return t.result, Answered
		}
		return none, Abandoned
	default:
	}
	// What comes once the caller has left is an answer to nobody: it may be that of a write
	// that was cut off since nobody waits.
	if q.withdraw(t) {
		return none, Withdrawn
	}
	return none, Abandoned
}

// enqueue starts the worker where there is none.
func (q *Queue[T, R]) enqueue(t *ticket[T, R]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.queued = true
	q.waiting = append(q.waiting, t)
	if !q.working {
		q.working = true
		if q.idle != nil {
			q.idle.Stop()
		}
		go q.work()
	}
}

// withdraw takes a ticket out of the queue. It reports false where the edit is
// already on its way.
func (q *Queue[T, R]) withdraw(t *ticket[T, R]) bool {
	close(t.left)
	q.mu.Lock()
	defer q.mu.Unlock()
	if !t.queued {
		return false
	}
	t.queued, t.edit = false, nil // the worker skips it
	// To take out one ticket costs a pass over all. So that is done once for many.
	if q.withdrawn++; q.withdrawn > len(q.waiting)/2 {
		q.waiting = slices.DeleteFunc(q.waiting, func(t *ticket[T, R]) bool { return !t.queued })
		q.withdrawn = 0
	}
	return true
}

// work writes batch after batch, and ends with the last one.
func (q *Queue[T, R]) work() {
	clean := false
	defer func() {
		if !clean {
			go q.work() // the write function ended the goroutine
		}
	}()
	for {
		tickets := q.take()
		if tickets == nil {
			clean = true
			return
		}
		q.writeOne(newBatch(q, tickets))
	}
}

// writeOne writes a batch. What was put off is queued again, also where the write function
// ends the goroutine.
func (q *Queue[T, R]) writeOne(b *Batch[T, R]) {
	defer b.end()
	q.write(b)
}

// requeue puts tickets of the batch under way before all others, without those whose callers
// have given up.
func (q *Queue[T, R]) requeue(tickets []*ticket[T, R]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var again []*ticket[T, R]
	for _, t := range tickets {
		if !t.gone() {
			t.queued = true
			again = append(again, t)
		}
	}
	if again != nil {
		q.waiting = append(again, q.waiting...)
	}
}

// take returns the tickets of the next batch. It returns nil where nobody waits:
// then the worker ends.
func (q *Queue[T, R]) take() []*ticket[T, R] {
	q.mu.Lock()
	defer q.mu.Unlock()
	var tickets []*ticket[T, R]
	for len(q.waiting) > 0 && len(tickets) < MaxBatch {
		if t := q.waiting[0]; t.queued {
			t.queued = false
			tickets = append(tickets, t)
		} else {
			q.withdrawn--
		}
		q.waiting[0], q.waiting = nil, q.waiting[1:]
	}
	if tickets == nil {
		q.working, q.waiting = false, nil
		q.fallIdle()
	}
	return tickets
}

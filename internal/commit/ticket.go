package commit

import (
	"errors"
	"slices"
)

// ticket is one edit that waits for its result.
type ticket[T, R any] struct {
	edit func(*T) error
	turn chan *T       // the document to edit, from the batch
	ran  chan error    // how the edit ended, to the batch
	done chan struct{} // closed when the ticket has its result
	left chan struct{} // closed when the caller has given up

	queued bool // guarded by the queue's mu

	// The batch's own until done is closed.
	tries    []try // one for each draft
	answered bool
	why      error // why the edit was left out; nil: it was not
	result   R
}

func newTicket[T, R any](edit func(*T) error) *ticket[T, R] {
	return &ticket[T, R]{
		edit: edit,
		turn: make(chan *T), ran: make(chan error), done: make(chan struct{}), left: make(chan struct{}),
	}
}

var (
	errPanicked = errors.New("ifmatch: the edit panicked")
	errExited   = errors.New("ifmatch: the edit ended its goroutine")
)

// run runs the edit on its caller's goroutine and reports how it ended, also
// where it doesn't return.
func (t *ticket[T, R]) run(doc *T) {
	err := errExited
	defer func() {
		if p := recover(); p != nil {
			t.report(errPanicked)
			panic(p)
		}
		t.report(err)
	}()
	err = t.edit(doc)
}

// report doesn't wait for a batch that has gone on without the edit.
func (t *ticket[T, R]) report(err error) {
	select {
	case t.ran <- err:
	case <-t.done:
	}
}

// answer gives the caller its result, unless it has one.
func (t *ticket[T, R]) answer(result R, why error) {
	if t.answered {
		return
	}
	t.answered = true
	t.result, t.why = result, why
	close(t.done)
}

// held reports whether a draft holds the edit.
func (t *ticket[T, R]) held() bool {
	return slices.ContainsFunc(t.tries, func(in try) bool { return in.err == nil })
}

// gone reports whether the caller has given up.
func (t *ticket[T, R]) gone() bool {
	select {
	case <-t.left:
		return true
	default:
		return false
	}
}

package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// ErrEditLimit says that an edit took longer than WithEditLimit and was left out
// of the write.
var ErrEditLimit = errors.New("ifmatch: the edit took too long")

// maxBatch is how many edits go out as one write at the most.
const maxBatch = 256

// WithEditLimit bounds how long one edit may hold up the others of a Resource.
// One that takes longer is left out of the write, and its Update returns
// ErrEditLimit once the edit returns.
//
// By default, and when d is zero or negative, it is 5 seconds.
func WithEditLimit(d time.Duration) UpdateOption {
	if d <= 0 {
		d = defaultEditLimit
	}
	return updateFunc(func(s *updateSettings) { s.editLimit = d })
}

// Resource is one document with many writers in this process: edits queue while
// a write is in flight and then go out together as one write. Make one with
// NewResource, and share it; all that a zero Resource does is return errors. It
// is safe for concurrent use.
type Resource[T any] struct {
	doc *document[T]
	err error // of the options or the URL

	mu      sync.Mutex // guards what follows
	queue   []*ticket[T]
	left    int // of the queue, those whose callers have given up
	working bool

	// Of the goroutine that works.
	kept     *state[T] // what is known to be stored; nil: read first
	faithful bool      // the server was seen to store exactly what was sent
}

// NewResource returns a Resource for the document at url. A nil c is
// http.DefaultClient. Invalid options are an error of every Get and Update.
func NewResource[T any](c *http.Client, url string, opts ...UpdateOption) *Resource[T] {
	doc, err := newDocument[T](c, url, opts)
	return &Resource[T]{doc: doc, err: err}
}

// Get reads the document past caches, as the function Get does.
func (r *Resource[T]) Get(ctx context.Context) (Snapshot[T], error) {
	if err := r.unusable(); err != nil {
		return unwritten[T](ctx, err)
	}
	return r.doc.get(ctx)
}

// unusable is the error of a Resource that can do nothing.
func (r *Resource[T]) unusable() error {
	if r.doc == nil && r.err == nil {
		return errors.New("ifmatch: a Resource must be made with NewResource")
	}
	return r.err
}

// Update runs edit and writes the result, as the function Update does, together
// with the edits of other callers: at most 256 go out as one write, in the order
// of arrival, each run on its own caller's goroutine. A refusal runs all of them
// again on the new state; each takes effect exactly once in the write that is
// accepted. The Snapshot is the state after all of them.
//
// An edit that fails, panics or ends its goroutine changes nothing for the
// others. One that takes longer than WithEditLimit is left out with ErrEditLimit.
// An edit may call Update of the same Resource: the inner one runs in a later
// write, and the outer ends with ErrEditLimit.
//
// The write uses the options of the Resource and no caller's context; its outcome
// is that of all who share it, but for the Effect and the error of an edit that
// was left out. With an error the Snapshot is zero but for its Outcome. The end
// of ctx ends this caller's wait: its edit isn't run if it was still queued, and
// otherwise the error matches ErrOutcomeUnknown beside the context's.
func (r *Resource[T]) Update(ctx context.Context, edit func(*T) error) (Snapshot[T], error) {
	tell(ctx, Outcome{})
	err := r.unusable()
	if err == nil && edit == nil {
		err = errNilEdit
	}
	if err == nil && ctx.Err() != nil {
		err = endOf(ctx)
	}
	if err != nil {
		return unwritten[T](ctx, err)
	}
	t := &ticket[T]{edit: edit, run: make(chan *T), ran: make(chan error), done: make(chan struct{}), left: make(chan struct{})}
	r.enqueue(t)
	for {
		select {
		case doc := <-t.run:
			t.runEdit(doc)
		case <-t.done:
			return t.result(ctx)
		case <-ctx.Done():
			if r.leave(t) {
				return unwritten[T](ctx, endOf(ctx))
			}
			select {
			case <-t.done: // it ended at the same time
				if !errors.Is(t.err, errLeft) && !errors.Is(t.err, errDiffering) {
					return t.result(ctx)
				}
			default:
			}
			err := fmt.Errorf("ifmatch: update %q: %w: %w", r.doc.name, ErrOutcomeUnknown, endOf(ctx))
			tell(ctx, Outcome{Err: err})
			return Snapshot[T]{Outcome: Outcome{Err: err}}, err
		}
	}
}

// ticket is one Update that waits.
type ticket[T any] struct {
	edit func(*T) error
	run  chan *T       // the document to edit, from the worker
	ran  chan error    // how the edit ended, to the worker
	done chan struct{} // closed when the ticket has its result
	left chan struct{} // closed when the caller has given up

	snapshot Snapshot[T]
	err      error
	ended    bool // of the worker: the result is set
	queued   bool // guarded by the Resource's mu
}

var (
	errEditPanicked = errors.New("ifmatch: the edit panicked")
	errEditExited   = errors.New("ifmatch: the edit ended its goroutine")
)

// runEdit runs the edit on its caller's goroutine and says how it ended, also
// where it doesn't return.
func (t *ticket[T]) runEdit(doc *T) {
	err := errEditExited
	defer func() {
		if p := recover(); p != nil {
			t.tell(errEditPanicked)
			panic(p)
		}
		t.tell(err)
	}()
	err = t.edit(doc)
}

// tell doesn't wait for a worker that has gone on without the edit.
func (t *ticket[T]) tell(err error) {
	select {
	case t.ran <- err:
	case <-t.done:
	}
}

// end gives the caller its result.
func (t *ticket[T]) end(s Snapshot[T], err error) {
	if t.ended {
		return
	}
	t.ended = true
	t.snapshot, t.err = s, err
	close(t.done)
}

// result is what the caller gets, and what its WithOutcome is filled with.
func (t *ticket[T]) result(ctx context.Context) (Snapshot[T], error) {
	tell(ctx, t.snapshot.Outcome)
	return t.snapshot, t.err
}

// gone reports whether the caller has given up.
func (t *ticket[T]) gone() bool {
	select {
	case <-t.left:
		return true
	default:
		return false
	}
}

// enqueue starts the worker where there is none.
func (r *Resource[T]) enqueue(t *ticket[T]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.queued = true
	r.queue = append(r.queue, t)
	if !r.working {
		r.working = true
		go r.work()
	}
}

// leave takes a ticket out of the queue. It reports false where its edit is
// already on its way.
func (r *Resource[T]) leave(t *ticket[T]) bool {
	close(t.left)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.queued {
		return false
	}
	t.queued, t.edit = false, nil // the worker skips it
	if r.left++; r.left > len(r.queue)/2 {
		r.queue = slices.DeleteFunc(r.queue, func(t *ticket[T]) bool { return !t.queued })
		r.left = 0
	}
	return true
}

// work writes batch after batch, and ends with the last one.
func (r *Resource[T]) work() {
	clean := false
	defer func() {
		if !clean {
			go r.work() // a codec, say, ended the goroutine
		}
	}()
	for {
		tickets := r.take()
		if tickets == nil {
			clean = true
			return
		}
		r.write(tickets)
	}
}

// take returns the next batch of those who still wait, nil where nobody does: then
// the worker ends.
func (r *Resource[T]) take() []*ticket[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	var tickets []*ticket[T]
	for len(r.queue) > 0 && len(tickets) < maxBatch {
		if t := r.queue[0]; t.queued {
			t.queued = false
			tickets = append(tickets, t)
		} else {
			r.left--
		}
		r.queue[0], r.queue = nil, r.queue[1:]
	}
	if tickets == nil {
		r.working, r.queue = false, nil
	}
	return tickets
}

package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/commit"
)

// ErrEditLimit says that an edit took longer than WithEditLimit and was left out
// of the write.
var ErrEditLimit = commit.ErrLimit

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

	queue *commit.Queue[T, share[T]]

	// Of the goroutine that writes.
	kept     *state[T] // what is known to be stored; nil: read first
	faithful bool      // the server was seen to store exactly what was sent
}

// share is what one caller gets of a write that many share.
type share[T any] struct {
	snapshot Snapshot[T]
	err      error
}

// NewResource returns a Resource for the document at url. A nil c is
// http.DefaultClient. Invalid options are an error of every Get and Update.
func NewResource[T any](c *http.Client, url string, opts ...UpdateOption) *Resource[T] {
	doc, err := newDocument[T](c, url, opts)
	r := &Resource[T]{doc: doc, err: err}
	if err == nil {
		r.queue = commit.New(doc.set.editLimit, cutOut[T], r.write)
	}
	return r
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
	got, how := r.queue.Do(ctx, edit)
	switch how {
	case commit.Answered:
		tell(ctx, got.snapshot.Outcome)
		return got.snapshot, got.err
	case commit.Withdrawn:
		return unwritten[T](ctx, endOf(ctx))
	}
	err = fmt.Errorf("ifmatch: update %q: %w: %w", r.doc.name, ErrOutcomeUnknown, endOf(ctx))
	tell(ctx, Outcome{Err: err})
	return Snapshot[T]{Outcome: Outcome{Err: err}}, err
}

// cutOut is the result for an edit that took too long, or didn't return.
func cutOut[T any](f commit.Failure) share[T] {
	err, o := errorOf(f), Outcome{Effect: EffectNotApplied}
	if f.Unknown {
		o.Effect = EffectUnknown
	}
	o.Err = err
	return share[T]{Snapshot[T]{Outcome: o}, err}
}

// errorOf is the error for an edit that isn't in what was written.
func errorOf(f commit.Failure) error {
	if f.Unknown {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, f.Err)
	}
	return f.Err
}

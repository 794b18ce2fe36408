package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/commit"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/etag"
)

// Resource is one document with many writers in this process: edits queue while
// a write is in flight and then go out together as one write. Make one with
// NewResource for each document, and share it: it is safe for concurrent use. The
// methods of a zero Resource return errors. It has a goroutine only while somebody
// waits, so it need not be closed.
//
// Once the server was seen to store exactly what is sent, the state is kept from one
// write to the next, and a write costs one request. What others write in between isn't
// lost: the kept tag is refused then. A Resource that wasn't written for a minute lets go of
// the state.
type Resource[T any] struct {
	doc *document[T]
	err error // of the options or the URL

	queue *commit.Queue[T, share[T]] // nil where err isn't

	// Used only by the goroutine that writes, of which there is one at a time. The queue
	// hands them from one to the next.
	kept     *state[T] // what is known to be stored; nil: read first
	faithful bool      // the server was seen to store exactly what was sent
	truthful bool      // it was seen to store exactly what an answer said that it does

	roundTrip time.Duration // of the last request
}

// share is what one caller gets of a write that many share. No two shares have memory in
// common: a caller may change what it got.
type share[T any] struct {
	snapshot Snapshot[T]
	err      error
}

// NewResource returns a Resource for the document at url, and sends nothing. A nil c is
// http.DefaultClient. Invalid options, and a url that can't be parsed, are an error of
// every Get and Update.
func NewResource[T any](c *http.Client, url string, opts ...UpdateOption) *Resource[T] {
	doc := new(document[T])
	r := &Resource[T]{err: doc.open(c, url, opts)}
	if r.err == nil {
		r.doc = doc
		r.queue = commit.New(doc.set.editLimit, cutOut[T], r.writeBatch)
		r.queue.AfterIdle(idleTime, func() { r.kept = nil }) // the document may be large
	}
	return r
}

// idleTime is how long the state is kept where nobody writes.
const idleTime = time.Minute

// Get reads the document past caches, as the function Get does. It doesn't wait for edits,
// and never answers from the state that is kept. Unlike the writes it uses ctx and its
// options.
func (r *Resource[T]) Get(ctx context.Context) (Snapshot[T], error) {
	if err := r.unusable(); err != nil {
		return unwritten[T](ctx, err)
	}
	return r.doc.get(ctx)
}

// unusable is the error of a Resource that can do nothing, nil for any other.
func (r *Resource[T]) unusable() error {
	if r.doc == nil && r.err == nil {
		return errors.New("ifmatch: a Resource must be made with NewResource")
	}
	return r.err
}

// Update runs edit and writes the result, as the function Update does, together
// with the edits of other callers: they go out as one write, in the order of arrival, each
// run on its own caller's goroutine. One write has at most 256 edits, and no more than run
// within two round trips, or 10 milliseconds where these are shorter; the others follow with
// the next write. A refusal runs them again on the new state, within half of that time. Each
// takes effect exactly once. The Snapshot is the state after all edits of the write.
//
// An edit that fails, panics or ends its goroutine changes nothing for the
// others. One that takes longer than WithEditLimit is left out with ErrEditLimit.
// An edit may call Update of the same Resource: the inner one runs in a later
// write, and the outer ends with ErrEditLimit.
//
// The write uses the options of the Resource. It uses no caller's context, neither its
// options nor its deadline: one caller who gives up must not cancel the writes of
// others. Each read before a write, the first included, ends after WithMaxElapsed, or half a
// minute where that is longer; the error then matches ErrElapsed. WithContextValues gives it values. All callers that share a write get the Outcome of that write. For an edit
// that was left out, its Effect and Err are the edit's own. With an error, only the
// Outcome of the Snapshot is set.
//
// The end of ctx ends this caller's wait. An edit that was still queued isn't run
// then. Otherwise the error matches ErrOutcomeUnknown, too: the write may go on without
// the caller. It is cancelled once no caller waits.
func (r *Resource[T]) Update(ctx context.Context, edit func(*T) error) (Snapshot[T], error) {
	report(ctx, Outcome{})
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
		if got.snapshot.Outcome.Effect != EffectNotApplied {
			meetBeside(ctx, r.doc.target)
		}
		report(ctx, got.snapshot.Outcome)
		return got.snapshot, got.err
	case commit.Withdrawn:
		return unwritten[T](ctx, endOf(ctx))
	}
	err = fmt.Errorf("ifmatch: update %q: %w: %w", r.doc.name, ErrOutcomeUnknown, endOf(ctx))
	report(ctx, Outcome{Err: err})
	return Snapshot[T]{Outcome: Outcome{Err: err}}, err
}

// cutOut is the share of an edit that took too long, or didn't return. The write may still
// be under way then, so the outcome has no exchanges.
func cutOut[T any](f commit.Failure) share[T] {
	err, o := errorOf(f), Outcome{Effect: EffectNotApplied}
	if f.Unknown {
		o.Effect = EffectUnknown
	}
	o.Err = err
	return share[T]{Snapshot[T]{Outcome: o}, err}
}

// errorOf is the error for an edit that isn't in what was written, or may be in it all the
// same.
func errorOf(f commit.Failure) error {
	if f.Unknown {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, f.Err)
	}
	return f.Err
}

// writeBatch writes a batch, and gives every caller a result. What panics or ends the
// goroutine here is a codec, a marker or an option; edits run elsewhere. Without a
// result the callers would wait for ever, so each gets an error.
func (r *Resource[T]) writeBatch(edits *commit.Batch[T, share[T]]) {
	b := newBatch(r, edits)
	finished := false
	defer func() {
		if finished {
			return
		}
		// No write was sent, or nobody knows what became of it.
		err, effect := fmt.Errorf("a codec, marker or option panicked or ended its goroutine: %v", recover()), EffectNotApplied
		if b.updater.sent() {
			err, effect = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err), EffectUnknown
		}
		err = fmt.Errorf("ifmatch: update %q: %w", r.doc.name, err)
		b.updater.total.Effect, b.updater.total.Err = effect, err
		b.failAll(err)
	}()
	b.commit()
	finished = true
}

// batch is one write of a Resource, and the edits that go out with it: an Update whose edit
// is the edits of all callers. It belongs to the goroutine that writes.
type batch[T any] struct {
	*Resource[T]
	edits   *commit.Batch[T, share[T]]
	updater *updater[T]
	made    *edit.Draft[T] // the last draft; nil before the first of a run
}

// minDraftTime is how long the edits of one write may take at least. What they take is time
// in which another process may write.
const minDraftTime = 10 * time.Millisecond

// newBatch returns a batch that has sent nothing.
func newBatch[T any](r *Resource[T], edits *commit.Batch[T, share[T]]) *batch[T] {
	b := &batch[T]{Resource: r, edits: edits}
	b.updater = new(updater[T])
	r.doc.begin(r.doc.set.background(), b.updater)
	b.updater.make, b.updater.shared = b.draft, true
	edits.Bound(max(minDraftTime, 2*r.roundTrip))
	return b
}

// commit writes the batch and answers its edits: first the edits that aren't in what
// was written, each with its own error, then the others. The write has a context of its own,
// which ends once no caller waits.
func (b *batch[T]) commit() {
	// The values may be of a flow, which sees nothing of what a Resource reads and writes.
	ctx, end := besideFlow(b.doc.set.background())
	defer end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := b.edits.Watch(cancel)
	defer stop()
	done, err := b.accepted(ctx)
	b.roundTrip = b.updater.roundTrip()
	if err != nil {
		b.failAll(err)
		return
	}
	written := commit.WrittenLast
	if done.found {
		written = commit.WrittenSome
	}
	b.edits.LeaveOut(written, b.leftOut)
	if done.wrote {
		b.keepState(ctx, done.state)
	}
	b.edits.Answer(func() share[T] { return share[T]{snapshot: done.forOne(b.doc.set.codec)} })
}

// accepted writes the batch on the state that is kept, and on a fresh read where
// that doesn't end it. What is kept is used up: commit keeps what comes of the write.
func (b *batch[T]) accepted(ctx context.Context) (*committed[T], error) {
	kept := b.kept
	b.kept = nil
	if kept != nil {
		b.doc.recall(ctx, kept) // others may have read since
	}
	done, err := b.acceptedOn(ctx, kept)
	if kept != nil && done == nil && ctx.Err() == nil && b.mayDecide(err) {
		// Nothing was written on a state that was only kept: the server may
		// have moved on.
		done, err = b.acceptedOn(ctx, nil)
	}
	if err == nil && done == nil {
		err = context.Canceled // no caller waits any more
	}
	return done, err
}

// mayDecide reports whether a fresh read may end better than the run on a kept
// state, which ended with err: no write is in doubt, attempts are left, and the
// server has said nothing final.
func (b *batch[T]) mayDecide(err error) bool {
	final := (*StatusError)(nil)
	return !errors.Is(err, ErrOutcomeUnknown) && b.updater.attempts > 0 &&
		!(b.updater.total.Attempts > 0 && errors.As(err, &final))
}

// failAll answers the edits with an error of the write. An edit that failed by
// itself, and so is in no draft, gets its own error.
func (b *batch[T]) failAll(err error) {
	written := commit.WrittenNone
	if errors.Is(err, ErrOutcomeUnknown) {
		written = commit.WrittenUnknown
	}
	b.edits.LeaveOut(written, b.leftOut)
	b.edits.Answer(func() share[T] { return share[T]{Snapshot[T]{Outcome: b.updater.total.clone()}, err} })
}

// leftOut is the share of an edit that isn't in what was written. It has the exchanges of
// the write, and the effect of the edit.
func (b *batch[T]) leftOut(f commit.Failure) share[T] {
	err, o := errorOf(f), b.updater.total.clone()
	o.Effect, o.Err = EffectNotApplied, err
	if errors.Is(err, ErrOutcomeUnknown) {
		o.Effect = EffectUnknown
	}
	return share[T]{Snapshot[T]{Outcome: o}, err}
}

// committed is how a batch ended that the server accepted, or that changed nothing.
type committed[T any] struct {
	snapshot Snapshot[T] // for the callers
	state    *state[T]   // what the server has now
	wrote    bool        // the batch did, so the state may be kept
	found    bool        // by the mark, which all drafts have: it isn't known which was written
}

// forOne returns the snapshot for one caller: no two share anything in it.
func (c *committed[T]) forOne(codec Codec) Snapshot[T] {
	own := c.snapshot
	own.Header = own.Header.Clone()
	own.Outcome = own.Outcome.clone()
	own.Raw = bytes.Clone(own.Raw)
	if len(c.state.Text) > 0 {
		own.Value = *new(T)
		codec.Decode(c.state.Text, &own.Value) // it was decoded before
	}
	return own
}

// clone returns an outcome whose exchanges are the caller's own.
func (o Outcome) clone() Outcome {
	o.Exchanges = slices.Clone(o.Exchanges)
	return o
}

// acceptedOn runs the batch until the server accepts. It returns nil where nothing
// was written on a kept state: then nobody has a result yet.
func (b *batch[T]) acceptedOn(ctx context.Context, kept *state[T]) (*committed[T], error) {
	u := b.updater
	before := u.total.Attempts
	b.made = nil
	snapshot, err := b.doc.inTurn(ctx, u, kept)
	wrote := err == nil && u.total.Attempts > before && b.made != nil && !b.made.Same
	if kept != nil && !wrote && u.found == nil {
		return nil, err // run it again before anyone gets a result
	}
	switch {
	case err != nil:
		return nil, err
	case u.found != nil:
		// The state was read, so it doesn't show that the server stores what is sent.
		return &committed[T]{snapshot, u.found, false, true}, nil
	}
	if !wrote {
		return &committed[T]{snapshot, &state[T]{Document: edit.Document[T]{Text: b.made.Stored}}, false, false}, nil
	}
	return &committed[T]{snapshot, u.last.made, true, false}, nil
}

// draft runs the edits of a batch one after another, each on what the one before has made,
// and marks the result once: the mark is of the write, not of an edit. An edit that fails
// leaves the document as the one before has made it.
func (b *batch[T]) draft(s *state[T], inDoubt bool) (*edit.Draft[T], error) {
	format, mark, end := &b.doc.format, &b.updater.mark, &s.Document
	most := b.updater.most
	if mark.Kept() {
		most = max(most-int64(mark.Room()), 1)
	}
	b.edits.Draft(inDoubt, func(run func(*T) error) (changed bool, err error) {
		next, err := format.Step(end, mark, run)
		if err != nil {
			return false, askable(err)
		}
		if changed = next != end; changed {
			err = fits(b.doc.name, next.Text, most)
		}
		if err != nil {
			return false, err
		}
		end = next
		return changed, nil
	})
	made, err := format.Finish(&s.Document, end, mark)
	b.made = made
	return made, askable(err)
}

// keepState keeps the state for the next write, once the server was seen to store
// exactly what was sent, or what its answer said. Otherwise the next write reads first: an
// edit of a state that the server hasn't stored would drop what the server put in.
func (r *Resource[T]) keepState(ctx context.Context, s *state[T]) {
	seen := &r.faithful
	if s.told {
		seen = &r.truthful
	}
	r.faithful = r.faithful && s.asSent
	// A weak tag guards nothing, and only the server knows what a patch makes, or an API's
	// own version.
	if s.ETag == "" || etag.Weak(s.ETag) || r.doc.set.patch && !s.told || r.doc.dialect(ctx).OwnPlaces() {
		return
	}
	if !*seen {
		// The callers wait for this read, although their edits are written: so it is
		// short, and isn't repeated.
		ctx, cancel := context.WithTimeout(WithOptions(ctx, WithoutRepeats()), 2*drain.KeepTime)
		defer cancel()
		stored, err := r.doc.read(ctx)
		if err != nil {
			return
		}
		// It is read already: the next write is an edit of this state, and reads none.
		if stored.ETag != s.ETag || !bytes.Equal(stored.Text, s.Text) {
			if strongTag(stored.Validators) != "" {
				r.kept = stored
			}
			return
		}
		*seen = true
	}
	// The callers' snapshots have the value: the next edits get one of their own.
	if kept, err := r.doc.format.Kept(s.Text, r.doc.marker.Holds()); err == nil {
		r.kept = &state[T]{
			Validators: s.Validators, Document: kept, header: s.header, media: s.media,
			versions: s.versions, unversioned: s.unversioned,
		}
	}
}

package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ifmatch-go/ifmatch/internal/commit"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/etag"
)

// write sends the edits of a batch as one write. What panics or ends the
// goroutine here is a codec, a marker or an option: every caller gets an error.
func (r *Resource[T]) write(edits *commit.Batch[T, share[T]]) {
	b := &batch[T]{Resource: r, edits: edits, mark: edit.NewMark(r.doc.marker)}
	finished := false
	defer func() {
		if finished {
			return
		}
		err := fmt.Errorf("a codec, marker or option panicked or ended its goroutine: %v", recover())
		if b.attempt != nil && b.attempt.sent {
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		b.fail(fmt.Errorf("ifmatch: update %q: %w", r.doc.name, err))
	}()
	b.send()
	finished = true
}

// batch is one write of a Resource, and the edits that go out with it.
type batch[T any] struct {
	*Resource[T]
	edits   *commit.Batch[T, share[T]]
	mark    *edit.Mark[T] // of all that is sent for them
	attempt *attempt[T]
	total   Outcome
}

func (b *batch[T]) send() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := b.edits.Watch(cancel)
	defer stop()
	done, err := b.commit(ctx)
	if err != nil {
		b.fail(err)
		return
	}
	written := commit.WrittenLast
	if done.found {
		written = commit.WrittenSome
	}
	b.edits.LeaveOut(written, b.leftOut)
	if done.wrote {
		b.keep(ctx, done.state)
	}
	b.edits.Answer(func() share[T] { return share[T]{snapshot: done.forOne(b.doc.set.codec)} })
}

// commit writes the batch on the state that is kept, and on a fresh read where
// that doesn't end it.
func (b *batch[T]) commit(ctx context.Context) (*committed[T], error) {
	kept := b.kept
	b.kept = nil
	done, err := b.commitOn(ctx, kept)
	if kept != nil && done == nil && ctx.Err() == nil && b.mayDecide(err) {
		// Nothing was written on a state that was only kept: the server may
		// have moved on.
		done, err = b.commitOn(ctx, nil)
	}
	if err == nil && done == nil {
		err = context.Canceled // nobody waits any more
	}
	return done, err
}

// mayDecide reports whether a fresh read may end better than a run on a kept state
// that ended with err: nothing is open, attempts are left, and the server has said
// nothing final about the write.
func (b *batch[T]) mayDecide(err error) bool {
	final := (*StatusError)(nil)
	return !errors.Is(err, ErrOutcomeUnknown) && b.attempt.limits.maxAttempts > 0 &&
		!(b.total.Attempts > 0 && errors.As(err, &final))
}

// fail answers all with an error of the write. An edit that was in no draft has
// its own error.
func (b *batch[T]) fail(err error) {
	written := commit.WrittenNone
	if errors.Is(err, ErrOutcomeUnknown) {
		written = commit.WrittenUnknown
	}
	b.edits.LeaveOut(written, b.leftOut)
	b.edits.Answer(func() share[T] { return share[T]{Snapshot[T]{Outcome: b.total.clone()}, err} })
}

// leftOut is the result for an edit that isn't in what was written.
func (b *batch[T]) leftOut(f commit.Failure) share[T] {
	err, o := errorOf(f), b.total.clone()
	o.Effect, o.Err = EffectNotApplied, err
	if errors.Is(err, ErrOutcomeUnknown) {
		o.Effect = EffectUnknown
	}
	return share[T]{Snapshot[T]{Outcome: o}, err}
}

// committed is what a batch ended with.
type committed[T any] struct {
	snapshot Snapshot[T]
	state    *state[T]
	wrote    bool
	found    bool // by the mark, which all drafts have
}

// forOne returns the snapshot for one caller: no two share anything in it.
func (c *committed[T]) forOne(codec Codec) Snapshot[T] {
	own := c.snapshot
	own.Header = own.Header.Clone()
	own.Outcome = own.Outcome.clone()
	if len(c.state.Text) > 0 {
		own.Value = *new(T)
		codec.Decode(c.state.Text, &own.Value) // it was decoded before
	}
	return own
}

func (o Outcome) clone() Outcome {
	o.Exchanges = slices.Clone(o.Exchanges)
	return o
}

// commitOn runs the batch until the server accepts. It returns nil where nothing
// was written on a kept state: then nobody has a result yet.
func (b *batch[T]) commitOn(ctx context.Context, kept *state[T]) (*committed[T], error) {
	var made *edit.Draft[T]
	a := &attempt[T]{doc: b.doc, mark: b.mark, total: b.total, sent: b.total.Attempts > 0}
	if b.attempt != nil {
		a.until = b.attempt.until
	}
	b.attempt = a
	before := b.total.Attempts
	a.make = func(s *state[T]) (*edit.Draft[T], error) {
		var err error
		made, err = b.draft(s)
		return made, err
	}
	snapshot, err := a.run(ctx, kept)
	b.total = a.total
	wrote := err == nil && a.total.Attempts > before && made != nil && !made.Same
	if kept != nil && !wrote && a.found == nil {
		return nil, err // run it again before anyone gets a result
	}
	switch {
	case err != nil:
		return nil, err
	case a.found != nil:
		return &committed[T]{snapshot, a.found, true, true}, nil
	}
	stored := &state[T]{Validators: snapshot.Validators, Document: edit.Document[T]{Text: made.Stored}, header: snapshot.Header}
	return &committed[T]{snapshot, stored, wrote, false}, nil
}

// draft runs the edits of a batch one after another, and marks what they make all
// at once.
func (b *batch[T]) draft(s *state[T]) (*edit.Draft[T], error) {
	format, end := &b.doc.format, &s.Document
	b.edits.Draft(b.attempt.inDoubt, func(run func(*T) error) (changed bool, err error) {
		next, err := format.Step(end, b.mark, run)
		if err != nil {
			return false, withTooLarge(err)
		}
		changed = next != end
		end = next
		return changed, nil
	})
	made, err := format.Finish(&s.Document, end, b.mark)
	return made, withTooLarge(err)
}

// keep keeps the state for the next write, once the server was seen to store
// exactly what was sent.
func (r *Resource[T]) keep(ctx context.Context, s *state[T]) {
	if s.ETag == "" || etag.Weak(s.ETag) || r.doc.set.patch || r.doc.dialect(ctx).ownPlaces() {
		return // what a patch makes, or an API's own version, is the server's to say
	}
	if !r.faithful {
		// The callers wait for it, although their edits are written.
		ctx, cancel := context.WithTimeout(WithOptions(ctx, WithTransientRetry(nil)), 2*drain.KeepTime)
		defer cancel()
		stored, err := r.doc.read(ctx)
		if err != nil || stored.ETag != s.ETag || !bytes.Equal(stored.Text, s.Text) {
			return
		}
		r.faithful = true
	}
	if kept, err := r.doc.decode(s.Validators, s.header, s.Text); err == nil {
		kept.placed, kept.unversioned = s.placed, s.unversioned
		r.kept = kept
	}
}

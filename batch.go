package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/etag"
)

// write sends the edits of a batch as one write. What panics or ends the
// goroutine here is a codec, a marker or an option: every caller gets an error.
func (r *Resource[T]) write(tickets []*ticket[T]) {
	b := &batch[T]{Resource: r, tickets: tickets, mark: newMarking(r.doc.marker)}
	finished := false
	defer func() {
		if finished {
			return
		}
		err := fmt.Errorf("a codec, marker or option panicked or ended its goroutine: %v", recover())
		if b.attempt != nil && b.attempt.sent {
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		b.endAll(fmt.Errorf("ifmatch: update %q: %w", r.doc.name, err))
	}()
	b.send()
	finished = true
}

// batch is the edits that go out as one write.
type batch[T any] struct {
	*Resource[T]
	tickets []*ticket[T]
	mark    *marking[T] // of all that is sent for them
	attempt *attempt[T]
	drafts  []map[*ticket[T]]failure // of each draft, the edits that aren't in it
	total   Outcome
}

// failure is why an edit isn't in a draft.
type failure struct {
	err   error
	after bool // the edits of others: without them it might not have failed
}

func (b *batch[T]) send() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := b.watch(cancel)
	defer stop()
	kept := b.kept
	b.kept = nil
	done, err := b.commit(ctx, kept)
	if kept != nil && done == nil && ctx.Err() == nil && b.mayDecide(err) {
		// Nothing was written on a state that was only kept: the server may
		// have moved on.
		done, err = b.commit(ctx, nil)
	}
	if err == nil && done == nil {
		err = context.Canceled // nobody waits any more
	}
	if err != nil {
		b.endAll(err)
		return
	}
	for _, t := range b.tickets {
		if failed := b.failed(t, done.found); failed != nil {
			t.end(Snapshot[T]{Outcome: b.leftOut(failed)}, failed)
		}
	}
	if done.wrote {
		b.keep(ctx, done.state)
	}
	for _, t := range b.tickets {
		t.end(done.forOne(b.doc.set.codec), nil)
	}
}

// mayDecide reports whether a fresh read may end better than a run on a kept state
// that ended with err: nothing is open, attempts are left, and the server has said
// nothing final about the write.
func (b *batch[T]) mayDecide(err error) bool {
	final := (*StatusError)(nil)
	return !errors.Is(err, ErrOutcomeUnknown) && b.attempt.limits.maxAttempts > 0 &&
		!(b.total.Attempts > 0 && errors.As(err, &final))
}

// endAll ends all with an error of the write. An edit that was in no draft has its
// own, unless it failed on what others had made, which wasn't written.
func (b *batch[T]) endAll(err error) {
	for _, t := range b.tickets {
		failed := b.failed(t, errors.Is(err, ErrOutcomeUnknown))
		if failed == nil || errors.Is(failed, errDiffering) || b.failedAfterOthers(t) {
			t.end(Snapshot[T]{Outcome: b.total.clone()}, err)
			continue
		}
		t.end(Snapshot[T]{Outcome: b.leftOut(failed)}, failed)
	}
}

// leftOut is the outcome for an edit that isn't in what was written.
func (b *batch[T]) leftOut(failed error) Outcome {
	o := b.total.clone()
	o.Effect, o.Err = EffectNotApplied, failed
	if errors.Is(failed, ErrOutcomeUnknown) {
		o.Effect = EffectUnknown
	}
	return o
}

func (b *batch[T]) failedAfterOthers(t *ticket[T]) bool {
	return slices.ContainsFunc(b.drafts, func(left map[*ticket[T]]failure) bool { return left[t].after })
}

var errDiffering = fmt.Errorf("%w: the edit failed on one of the states that were written on, and on another it didn't", ErrOutcomeUnknown)

// failed is why an edit isn't in what was written, nil where it is. That is said
// by the last draft, but where any of them may be the one that was accepted.
func (b *batch[T]) failed(t *ticket[T], any bool) error {
	var last error
	failures := 0
	for _, left := range b.drafts {
		if last = left[t].err; last != nil {
			failures++
		}
	}
	if any && failures > 0 && failures < len(b.drafts) {
		return errDiffering
	}
	return last
}

// watch cancels a write that nobody waits for any more.
func (b *batch[T]) watch(cancel func()) (stop func()) {
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
	if len(c.state.body) > 0 {
		own.Value = *new(T)
		codec.Decode(c.state.body, &own.Value) // it was decoded before
	}
	return own
}

func (o Outcome) clone() Outcome {
	o.Exchanges = slices.Clone(o.Exchanges)
	return o
}

// commit runs the batch until the server accepts. It returns nil where nothing
// was written on a kept state: then nobody has a result yet.
func (b *batch[T]) commit(ctx context.Context, kept *state[T]) (*committed[T], error) {
	var made *draft[T]
	a := &attempt[T]{doc: b.doc, mark: b.mark, total: b.total, sent: b.total.Attempts > 0}
	if b.attempt != nil {
		a.until = b.attempt.until
	}
	b.attempt = a
	before := b.total.Attempts
	a.make = func(s *state[T]) (*draft[T], error) {
		var err error
		made, err = b.draft(s)
		return made, err
	}
	snapshot, err := a.run(ctx, kept)
	b.total = a.total
	wrote := err == nil && a.total.Attempts > before && made != nil && !made.same
	if kept != nil && !wrote && a.found == nil {
		return nil, err // run it again before anyone gets a result
	}
	switch {
	case err != nil:
		return nil, err
	case a.found != nil:
		return &committed[T]{snapshot, a.found, true, true}, nil
	}
	stored := &state[T]{Validators: snapshot.Validators, header: snapshot.Header, body: made.stored}
	return &committed[T]{snapshot, stored, wrote, false}, nil
}

// draft runs the edits of a batch one after another, and marks what they make.
func (b *batch[T]) draft(s *state[T]) (*draft[T], error) {
	current, left := s, make(map[*ticket[T]]failure)
	for _, t := range b.tickets {
		if t.ended {
			continue
		}
		if t.gone() {
			left[t] = failure{errLeft, false}
			continue
		}
		after := current != s
		next, err := b.edit(t, current)
		if err != nil {
			left[t] = failure{err, after}
			continue
		}
		current = next
	}
	b.drafts = append(b.drafts, left)
	if current == s {
		return &draft[T]{value: s.value, stored: s.body, same: true}, nil
	}
	// All of it at once, from the state to the end, with the one mark.
	return b.doc.finish(s, current, b.mark)
}

// edit runs one edit of a batch on s, and returns the state that the next one
// sees. What it made must be such that it can be encoded, decoded again, and
// marked by a function of the caller's: where that fails, or panics, it is this
// edit's error and nobody else's.
func (b *batch[T]) edit(t *ticket[T], s *state[T]) (next *state[T], err error) {
	defer func() {
		if p := recover(); p != nil {
			next, err = nil, fmt.Errorf("ifmatch: update %q: encoding or decoding %T after the edit panicked: %v", b.doc.name, *new(T), p)
		}
	}()
	made, err := b.doc.draft(s, func(doc *T) error { return b.runOn(t, doc) }, nil)
	if err != nil || made.same {
		return s, err
	}
	if next, err = b.doc.decode(s.Validators, s.header, made.stored); err != nil {
		return nil, err
	}
	next.placed, next.unversioned = s.placed, s.unversioned
	return next, b.doc.takesMark(next, b.mark)
}

// runOn lets the caller of t run its edit, for as long as the limit says.
func (b *batch[T]) runOn(t *ticket[T], doc *T) error {
	timer := time.NewTimer(b.doc.set.editLimit)
	defer timer.Stop()
	select {
	case t.run <- doc:
	case <-t.left:
		return errLeft
	case <-timer.C:
		return ErrEditLimit
	}
	select {
	case err := <-t.ran:
		if err == errEditPanicked || err == errEditExited {
			b.cutOut(t, err) // nobody is there to run it again
		}
		return err
	case <-timer.C:
		err := fmt.Errorf("%w: more than %v", ErrEditLimit, b.doc.set.editLimit)
		b.cutOut(t, err)
		return err
	}
}

// cutOut ends a ticket whose edit isn't run again. An earlier draft that may have
// been accepted may hold it.
func (b *batch[T]) cutOut(t *ticket[T], err error) {
	for _, left := range b.drafts {
		if _, failed := left[t]; !failed && b.attempt.inDoubt {
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
			t.end(Snapshot[T]{Outcome: Outcome{Err: err}}, err)
			return
		}
	}
	t.end(unwritten[T](context.Background(), err))
}

var errLeft = errors.New("ifmatch: the caller gave up")

// keep keeps the state for the next write, once the server was seen to store
// exactly what was sent.
func (r *Resource[T]) keep(ctx context.Context, s *state[T]) {
	if s.ETag == "" || etag.Weak(s.ETag) || r.doc.set.patch || r.doc.dialect(ctx).ownPlaces() {
		return // what a patch makes, or an API's own version, is the server's to say
	}
	if !r.faithful {
		// The callers wait for it, although their edits are written.
		ctx, cancel := context.WithTimeout(WithOptions(ctx, WithTransientRetry(nil)), 2*keepTime)
		defer cancel()
		stored, err := r.doc.read(ctx)
		if err != nil || stored.ETag != s.ETag || !bytes.Equal(stored.body, s.body) {
			return
		}
		r.faithful = true
	}
	if kept, err := r.doc.decode(s.Validators, s.header, s.body); err == nil {
		kept.placed, kept.unversioned = s.placed, s.unversioned
		r.kept = kept
	}
}

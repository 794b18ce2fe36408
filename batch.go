package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// write sends the edits of a batch as one write. What panics or ends the
// goroutine here is a codec, a marker or an option: every caller gets an error.
func (r *Resource[T]) write(batch []*ticket[T]) {
	finished := false
	defer func() {
		if finished {
			return
		}
		err := fmt.Errorf("ifmatch: update %q: %w: a codec, marker or option panicked or ended its goroutine: %v", r.doc.name, ErrOutcomeUnknown, recover())
		for _, t := range batch {
			t.end(Snapshot[T]{}, err)
		}
	}()
	r.send(batch)
	finished = true
}

func (r *Resource[T]) send(batch []*ticket[T]) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := r.watch(batch, cancel)
	defer stop()
	kept := r.kept
	r.kept = nil
	mark := newMarking(r.doc.marker) // of all that is sent for this batch
	var total Outcome
	done, err := r.commit(ctx, batch, kept, mark, &total)
	if kept != nil && done == nil && ctx.Err() == nil && !errors.Is(err, ErrOutcomeUnknown) {
		// Nothing was written on a state that was only kept: the server may
		// have moved on.
		done, err = r.commit(ctx, batch, nil, mark, &total)
	}
	if err != nil {
		for _, t := range batch {
			t.end(Snapshot[T]{Outcome: total.clone()}, err)
		}
		return
	}
	if done.wrote {
		r.keep(ctx, done.state)
	}
	for _, t := range batch {
		t.end(done.forOne(r.doc.set.codec), nil)
	}
}

// watch cancels a write that nobody waits for any more.
func (r *Resource[T]) watch(batch []*ticket[T], cancel func()) (stop func()) {
	ended := make(chan struct{})
	var over sync.WaitGroup
	over.Go(func() {
		for _, t := range batch {
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
// was written on a kept state: then nobody has a result yet. What was sent is
// added to total.
func (r *Resource[T]) commit(ctx context.Context, batch []*ticket[T], kept *state[T], mark *marking[T], total *Outcome) (*committed[T], error) {
	var made *draft[T]
	results := make(map[*ticket[T]]error)
	a := &attempt[T]{doc: r.doc, mark: mark, total: *total}
	before := total.Attempts
	a.make = func(s *state[T]) (*draft[T], error) {
		clear(results)
		var err error
		made, err = r.draft(s, batch, results, mark)
		return made, err
	}
	snapshot, err := a.run(ctx, kept)
	*total = a.total
	wrote := err == nil && a.total.Attempts > before && made != nil && !made.same
	if kept != nil && !wrote && a.found == nil {
		return nil, err // run it again before anyone gets a result
	}
	for t, failed := range results {
		t.end(Snapshot[T]{}, failed)
	}
	switch {
	case err != nil:
		return nil, err
	case a.found != nil:
		return &committed[T]{snapshot, a.found, true}, nil
	}
	stored := &state[T]{Validators: snapshot.Validators, header: snapshot.Header, body: made.stored}
	return &committed[T]{snapshot, stored, wrote}, nil
}

// draft runs the edits of a batch one after another, and marks what they make.
func (r *Resource[T]) draft(s *state[T], batch []*ticket[T], results map[*ticket[T]]error, mark *marking[T]) (*draft[T], error) {
	current, changed := s, false
	for _, t := range batch {
		if t.ended || t.gone() {
			continue
		}
		made, err := r.doc.draft(current, func(doc *T) error { return r.runOn(t, doc) }, nil)
		if err == nil && !made.same {
			if current, err = r.next(current, made); err == nil {
				changed = true
			}
		}
		if err != nil {
			results[t] = err
		}
	}
	if !changed {
		return &draft[T]{value: s.value, stored: s.body, same: true}, nil
	}
	// All of it at once, from the state to the end, with the one mark.
	return r.doc.finish(s, current, mark)
}

// next is the state that the next edit of a batch sees.
func (r *Resource[T]) next(s *state[T], made *draft[T]) (*state[T], error) {
	next, err := r.doc.decode(s.Validators, s.header, made.stored)
	if err != nil {
		return s, err
	}
	return next, nil
}

// runOn lets the caller of t run its edit, for as long as the limit says.
func (r *Resource[T]) runOn(t *ticket[T], doc *T) error {
	timer := time.NewTimer(r.doc.set.editLimit)
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
			t.end(Snapshot[T]{}, err) // nobody is there to run it again
		}
		return err
	case <-timer.C:
		t.end(Snapshot[T]{}, fmt.Errorf("%w: more than %v", ErrEditLimit, r.doc.set.editLimit))
		return ErrEditLimit
	}
}

var errLeft = errors.New("ifmatch: the caller gave up")

// keep keeps the state for the next write, once the server was seen to store
// exactly what was sent.
func (r *Resource[T]) keep(ctx context.Context, s *state[T]) {
	if s.ETag == "" || weakTag(s.ETag) || r.doc.set.patch {
		return // what a patch makes is the server's to say
	}
	if !r.faithful {
		stored, err := r.doc.read(ctx)
		if err != nil || stored.ETag != s.ETag || !bytes.Equal(stored.body, s.body) {
			return
		}
		r.faithful = true
	}
	if kept, err := r.doc.decode(s.Validators, s.header, s.body); err == nil {
		r.kept = kept
	}
}

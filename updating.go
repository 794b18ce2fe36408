package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/lane"
)

// attempt is one Update under way.
type attempt[T any] struct {
	doc   *document[T]
	make  func(*state[T]) (*edit.Draft[T], error)
	mark  *edit.Mark[T]
	draft *edit.Draft[T] // sent last
	ended *Snapshot[T]   // found without another write
	found *state[T]      // holds the mark
	err   error          // of edit, or of rendering what it made

	limits settings // what is left of WithMaxAttempts and WithMaxElapsed
	until  time.Time
	total  Outcome // of all runs of the Transport's loop
	open   error   // of the write that may have been applied; nil: none
	sent   bool    // something was

	inDoubt bool // a draft before the one that is made now may have been accepted
}

// update runs the loop that the Transport's own doesn't cover: a lost answer
// that the mark decides, and a document that somebody else created.
func (d *document[T]) update(ctx context.Context, change func(*T) error) (Snapshot[T], error) {
	mark := edit.NewMark(d.marker)
	a := &attempt[T]{doc: d, mark: mark, make: func(s *state[T]) (*edit.Draft[T], error) {
		made, err := d.format.Draft(&s.Document, mark, change)
		return made, withTooLarge(err)
	}}
	return a.run(ctx, nil)
}

// maxRounds bounds how often the Transport's loop is run.
const maxRounds = 4

// run writes until the server accepts. It begins with the state that is kept
// from the write before, where there is one.
func (a *attempt[T]) run(ctx context.Context, kept *state[T]) (Snapshot[T], error) {
	defer func() { tell(ctx, a.total) }()
	turn := a.doc.lineUp(ctx)
	defer turn.Leave()
	ctx = turn.Within(ctx)
	a.limits = a.doc.limits(ctx)
	a.limits.maxAttempts -= a.total.Attempts // of a run on a kept state
	if !a.until.IsZero() {
		a.limits.maxElapsed = max(time.Until(a.until), 1)
	}
	there := false // was the document when it was read last
	for round := 1; ; round++ {
		s, err := kept, error(nil)
		if s == nil {
			s, err = a.read(ctx)
		}
		if err != nil {
			return a.stop(ctx, err)
		}
		mark := edit.Absent
		if a.sent { // in the first round too: a batch may have been sent before
			mark = a.mark.In(&s.Document)
		}
		if s.Absent && there {
			mark = edit.Unknown // deleted, and the mark with it
		}
		switch {
		case mark == edit.Found:
			return a.applied(s)
		case mark == edit.Unknown && a.open != nil:
			return a.fail(ctx, a.open)
		}
		there, a.inDoubt = !s.Absent, a.open != nil
		if a.draft, err = a.make(s); err != nil {
			return a.stop(ctx, err)
		}
		if a.draft.Same {
			if a.open != nil {
				return a.fail(ctx, a.open)
			}
			a.total.Effect, a.total.Err = EffectNotApplied, nil
			same := s.snapshot()
			same.Outcome = a.total
			return same, nil
		}
		begun := time.Now()
		snapshot, err := a.write(ctx, s)
		if err == nil {
			return snapshot, nil
		}
		if a.until.IsZero() {
			a.until = begun.Add(a.limits.maxElapsed)
		}
		if round == maxRounds || !a.goesOn(ctx, s, err) {
			if s := a.lookAgain(ctx, err); s != nil {
				return a.applied(s)
			}
			return a.fail(ctx, err)
		}
		if errors.Is(err, ErrOutcomeUnknown) {
			a.open = err // until a write is accepted: a read that lacks the mark may be stale
		}
		kept, a.limits.maxElapsed = nil, max(time.Until(a.until), 1)
	}
}

// read reads the document within WithMaxElapsed, or half a minute where that is
// longer: who waits for the batch of a Resource has no context to end it.
func (a *attempt[T]) read(ctx context.Context) (*state[T], error) {
	within, cancel := context.WithTimeout(ctx, max(a.limits.maxElapsed, defaultMaxElapsed))
	defer cancel()
	s, err := a.doc.read(within)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrElapsed, err)
	}
	return s, err
}

// write runs the Transport's loop once.
func (a *attempt[T]) write(ctx context.Context, s *state[T]) (Snapshot[T], error) {
	snapshot, o, err := a.send(ctx, s)
	a.limits.maxAttempts -= o.Attempts
	o.Exchanges = append(a.total.Exchanges, o.Exchanges...)
	o.Attempts += a.total.Attempts
	o.Waited += a.total.Waited
	a.total, snapshot.Outcome = o, o
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		conflict.Outcome = o
	}
	return snapshot, err
}

// goesOn reports whether another run may end better: the mark decides about a
// lost answer, and a document that somebody else created can be updated.
func (a *attempt[T]) goesOn(ctx context.Context, s *state[T], err error) bool {
	if a.err != nil || ctx.Err() != nil || a.limits.maxAttempts <= 0 || !time.Now().Before(a.until) {
		return false
	}
	lost := a.mark.Kept() && errors.Is(err, ErrOutcomeUnknown)
	return lost || s.Absent && a.doc.set.create && a.total.Cause == CauseExists
}

// lookAgain returns the state that holds the mark, after a write that ended
// without success: where there is a marker it is looked for at every refusal.
func (a *attempt[T]) lookAgain(ctx context.Context, err error) *state[T] {
	if !a.mark.Kept() || ctx.Err() != nil || a.err != nil && a.open == nil {
		return nil
	}
	if a.open == nil && !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, ErrConflict) {
		return nil
	}
	if s, failed := a.read(ctx); failed == nil && a.mark.In(&s.Document) == edit.Found {
		return s
	}
	return nil
}

// applied ends an Update whose mark is in the document.
func (a *attempt[T]) applied(s *state[T]) (Snapshot[T], error) {
	a.found = s
	a.total.Effect, a.total.Cause, a.total.Err = EffectApplied, CauseOwnEarlierWrite, nil
	snapshot := s.snapshot()
	snapshot.Outcome = a.total
	return snapshot, nil
}

// stop is fail for an error that isn't of the last write.
func (a *attempt[T]) stop(ctx context.Context, err error) (Snapshot[T], error) {
	a.total.Err = err
	return a.fail(ctx, err)
}

// fail ends an Update with an error: after a write whose answer was lost it is
// unknown what became of that.
func (a *attempt[T]) fail(ctx context.Context, err error) (Snapshot[T], error) {
	if a.open != nil {
		if !errors.Is(err, ErrOutcomeUnknown) {
			err = fmt.Errorf("ifmatch: update %q: %w: %w", a.doc.name, ErrOutcomeUnknown, err)
		}
		a.total.Effect, a.total.Err = EffectUnknown, err
	}
	if !a.sent {
		a.total.Effect, a.total.Err = EffectNotApplied, err
	}
	return Snapshot[T]{Outcome: a.total}, ended(ctx, err)
}

// lineUp takes its turn in the lane of the document before it is read, where
// others who lost a race are in it: a read made now would be stale when they are
// through. The turn is zero where nobody is, and where the wait is too long.
func (d *document[T]) lineUp(ctx context.Context) lane.Turn {
	t, ours := d.client.Transport.(*Transport)
	if !ours {
		return lane.Turn{}
	}
	var until time.Time // from the first wait on
	turn, _ := t.lanes.EnterOccupied(ctx, lane.TargetOf(d.target), func(wake <-chan struct{}, left time.Duration) error {
		if until.IsZero() {
			set := d.effective(ctx)
			until = time.Now().Add(set.elapsed(traits{update: true}))
		}
		if err := awaitWithin(ctx, nil, wake, left, time.Until(until)); err != nil {
			return err
		}
		return ctx.Err()
	})
	return turn
}

// limits are WithMaxAttempts and WithMaxElapsed of the whole Update.
func (d *document[T]) limits(ctx context.Context) settings {
	set := d.effective(ctx)
	of := traits{update: true}
	return settings{maxAttempts: set.attempts(of), maxElapsed: set.elapsed(of)}
}

package ifmatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/lane"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/rounds"
)

// updater is one Update under way. It reads the document, edits it and writes it,
// round by round, and goes on as internal/rounds decides:
//
//	inRounds ─► current ─► make ─► submit ─► store.write ─► accepted
//	    ▲                                 refused: afterRefusal ─► the next draft
//	    └───────── Again ─────────────────────┘ lost, or created by somebody else
//
// A refusal is handled inside of a round, by the one retry loop of the call. A round more
// is for what a call can't do: look for a mark after its end, or read a document that
// somebody else has created.
//
// It knows the document through its store only, and belongs to one goroutine.
type updater[T any] struct {
	store  store[T]
	name   redact.Name  // of the document, for texts
	create bool         // by CreateIfAbsent
	mark   edit.Mark[T] // of this Update, the same in all its drafts

	// make edits a state, which stays as it is. inDoubt says that a draft before may
	// have been written. Where make is nil, change does with format.
	make   func(s *state[T], inDoubt bool) (*edit.Draft[T], error)
	change func(*T) error
	format *edit.Format[T]

	handed lane.Handed // by the Update before in the lane; zero: nothing
	stores bool        // the server was seen to store a state as the handed one

	shared bool // by the callers of a Resource
	pace   roundPace
	waited time.Duration // since the last submission

	most     int64         // bytes of a document that can be read again; zero: any number
	attempts int           // what is left of WithMaxAttempts
	elapsed  time.Duration // what is left of WithMaxElapsed
	until    time.Time     // when that ends; zero before the first failure

	last    *submission[T] // nil before the first
	guard   string         // the strong tag of all writes so far; empty: they have no such tag, or several
	made    bool           // a draft was to create the document
	denied  bool           // a read found nothing, after a refusal that said that the document exists
	doubt   error          // of a write that may have been applied, until one is accepted; nil: none
	found   *state[T]      // the state that was read and holds the mark; nil: not found
	total   Outcome        // of all rounds: what the caller is told
	refused Cause          // of the last refusal; CauseNone: there was none

	// The first of each, in one piece of memory with the Update: most need no other.
	firstDraft      edit.Draft[T]
	firstSubmission submission[T]
}

// begin makes u an Update of the document that has all its limits left, and nothing to do: the
// same WithMaxAttempts and WithMaxElapsed hold for all its rounds together.
func (d *document[T]) begin(ctx context.Context, u *updater[T]) {
	set, of := d.effective(ctx), traits{update: true}
	*u = updater[T]{
		store: d, name: d.name, create: d.set.create, mark: edit.NewMark(d.markerIn(ctx)),
		most: set.maxRepresentation, attempts: set.attempts(of), elapsed: set.elapsed(of), pace: d.pace(set),
	}
}

// maxRounds bounds the rounds. One follows a lost answer, one a document that somebody
// else has created; more of either in one Update shows a server that doesn't settle.
const maxRounds = 4

// inRounds reads, edits and writes until the server accepts, or nothing can follow. It
// begins with the state that is kept from the write before, where there is one. It may
// be called again after it left no doubt: limits and outcome go on.
//
// A doubt outlives its round. A read that lacks the mark lets the Update go on, but it
// may be older than the write in doubt; so only a write that is accepted, or the mark,
// ends the doubt.
func (u *updater[T]) inRounds(ctx context.Context, kept *state[T]) (Snapshot[T], error) {
	u.found = nil
	for round := 1; ; round++ {
		s, err := u.current(ctx, kept)
		if err != nil {
			return u.breakOff(ctx, err)
		}
		switch u.sight(s).Next() {
		case rounds.Applied:
			return u.applied(s), nil
		case rounds.Unknown:
			return u.fail(ctx, u.doubt)
		}
		kept = nil
		draft, step, err := u.edit(s, u.doubt != nil)
		if err != nil {
			return u.breakOff(ctx, err)
		}
		switch step {
		case rounds.Same:
			return u.unchanged(s), nil
		case rounds.Unknown:
			return u.fail(ctx, u.doubt)
		}
		snapshot, err := u.submit(ctx, s, draft)
		if err == nil {
			return snapshot, nil
		}
		step, err = u.follow(ctx, err, round)
		switch step {
		case rounds.Fail:
			return u.fail(ctx, err)
		case rounds.Look:
			return u.lookAgain(ctx, err)
		}
		if errors.Is(err, ErrOutcomeUnknown) {
			u.doubt = err
		}
	}
}

// current returns the state that a round begins with: the one that is kept, or else
// a fresh one.
func (u *updater[T]) current(ctx context.Context, kept *state[T]) (*state[T], error) {
	// Zero would mean that nothing is spent, and the limit would begin anew.
	if !u.until.IsZero() {
		u.elapsed = max(time.Until(u.until), 1)
	}
	if kept != nil {
		u.stores = u.handed.State != nil && u.handed.State.Seen
		return kept, nil
	}
	s, err := u.readInTime(ctx)
	if err == nil {
		u.stores = u.seesStored(s)
	}
	u.denied = u.denied || err == nil && s.Absent && u.total.Cause == CauseExists
	return s, err
}

// readInTime reads the document. The first read of the function Update is bounded by its
// context alone, as that of Get is. All others end after WithMaxElapsed, or half a minute
// where that is longer: the context of a Resource has no deadline, and its callers wait. The
// error matches ErrElapsed where the time was up, and not where ctx ended.
func (u *updater[T]) readInTime(ctx context.Context) (*state[T], error) {
	if u.until.IsZero() && !u.shared {
		return u.store.read(ctx)
	}
	within, cancel := context.WithTimeout(ctx, max(u.elapsed, defaultMaxElapsed))
	defer cancel()
	s, err := u.store.read(within)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrElapsed, err)
	}
	return s, err
}

// sight is what the state at the beginning of a round shows of the writes before. Where
// nothing was sent, there is no mark to look for. A write may have been sent before the
// first round, too, where inRounds is called again.
func (u *updater[T]) sight(s *state[T]) rounds.Sight {
	if !u.sent() {
		return rounds.Sight{}
	}
	return rounds.Sight{
		Sent: true, InDoubt: u.doubt != nil, Mark: u.mark.In(&s.Document), Keeps: s.keepsMarks,
		Same: u.guard != "" && u.guard == strongTag(s.Validators),
	}
}

// sent reports whether a draft was sent.
func (u *updater[T]) sent() bool { return u.last != nil && u.last.sent }

// submit writes a draft, and at each refusal the draft that follows. It adds what that took
// to the total, and takes it off the limits. The time begins to run with the first
// submission that fails.
func (u *updater[T]) submit(ctx context.Context, s *state[T], draft *edit.Draft[T]) (Snapshot[T], error) {
	u.found = nil
	u.made = u.made || s.Absent
	u.noteGuard(s, !u.sent())
	sub := &u.firstSubmission
	if u.last != nil {
		sub = new(submission[T])
	}
	*sub = submission[T]{
		on: s, draft: draft, of: u, marked: u.mark.Kept(), id: u.mark.ID(), overState: !u.made,
		attempts: u.attempts, elapsed: u.elapsed, sent: u.sent(),
	}
	u.last = sub
	begun := time.Now()
	snapshot, o, err := u.store.write(ctx, u.last)
	if err != nil && u.until.IsZero() {
		u.until = begun.Add(u.elapsed)
	}
	conflict := conflictIn(err)
	if conflict != nil && o.Cause == CauseExists && u.denied {
		o.Cause, o.Err = CauseSelfContradiction, contradicted(o.Err)
		conflict.Err = o.Err
	}
	u.attempts -= o.Attempts
	u.addRound(&o, err)
	snapshot.Outcome = o
	// The error was made by the last call, and knows that call alone.
	if conflict != nil {
		conflict.Outcome = o
	}
	return snapshot, err
}

// conflictIn returns the refusal in an error, nil where there is none.
func conflictIn(err error) *ConflictError {
	if err == nil {
		return nil
	}
	conflict := (*ConflictError)(nil)
	errors.As(err, &conflict)
	return conflict
}

// edit makes a draft of a state, and returns whether it is to be written. A write to a
// document that drops marks fails before it is sent: after a lost answer nobody could tell
// what became of it, although the caller wants to know. Where the edit changes nothing, there
// is nothing to mark.
func (u *updater[T]) edit(s *state[T], inDoubt bool) (*edit.Draft[T], rounds.Step, error) {
	draft, err := u.draft(s, inDoubt)
	if err != nil {
		return nil, rounds.Fail, err
	}
	step := rounds.AfterEdit(draft.Same, inDoubt)
	if step == rounds.Write {
		err = fits(u.name, draft.Stored, u.most)
	}
	if err != nil {
		return nil, rounds.Fail, err
	}
	if step == rounds.Write && s.dropsMarks && u.mark.Kept() {
		return nil, rounds.Fail, fmt.Errorf("ifmatch: update %q: %w", u.name, errDropsMarks)
	}
	return draft, step, nil
}

// draft makes a draft of a state.
func (u *updater[T]) draft(s *state[T], inDoubt bool) (*edit.Draft[T], error) {
	if u.make != nil {
		return u.make(s, inDoubt)
	}
	made := &u.firstDraft
	if u.last != nil {
		made = new(edit.Draft[T])
	}
	*made = edit.Draft[T]{} // an attempt before may have failed
	return made, askable(u.format.DraftInto(made, &s.Document, &u.mark, u.change))
}

// addRound adds the outcome of a round to those before, with the cause of a refusal before it
// where it went through, and tells of the wait before it where that was: at its first request.
func (u *updater[T]) addRound(o *Outcome, err error) {
	if len(o.Exchanges) > 0 {
		o.Exchanges[0].Wait += u.waited
	}
	u.waited = 0
	if len(u.total.Exchanges) > 0 {
		o.Exchanges = append(u.total.Exchanges, o.Exchanges...)
	}
	o.Attempts += u.total.Attempts
	o.Waited += u.total.Waited
	if u.refused = cmp.Or(o.Cause, u.refused); err == nil {
		o.Cause = u.refused
	}
	u.total = *o
}

// noteGuard takes note of what guards the write of a draft that was made from a state.
func (u *updater[T]) noteGuard(s *state[T], first bool) {
	tag := strongTag(s.Validators)
	if !first && tag != u.guard {
		tag = ""
	}
	u.guard = tag
}

// afterRefusal looks for the mark in the state that refused a draft, and edits that
// state. It looks also where no answer was lost: something on the way may have sent the
// draft twice, and the refusal is then the answer to the second one.
func (u *updater[T]) afterRefusal(ctx context.Context, r setback[T]) sequel[T] {
	if r.elsewhere != nil {
		return sequel[T]{err: u.refusedElsewhere(r)}
	}
	inDoubt := r.inDoubt || u.doubt != nil
	seen := rounds.Sight{Sent: true, InDoubt: inDoubt, Mark: u.mark.In(&r.state.Document), Keeps: r.state.keepsMarks, Stale: r.stale}
	switch seen.Next() {
	case rounds.Applied:
		u.found = r.state
		return sequel[T]{end: r.state, applied: true}
	case rounds.Unknown:
		return sequel[T]{}
	}
	draft, step, err := u.edit(r.state, inDoubt)
	// The edit may have taken long, and nobody waits for the write any more.
	if err == nil && ctx.Err() != nil {
		err = endOf(ctx)
	}
	if err != nil {
		return sequel[T]{err: err}
	}
	switch step {
	// The state is as the edit wants it already: nothing is written.
	case rounds.Same:
		return sequel[T]{end: r.state}
	case rounds.Unknown:
		return sequel[T]{}
	}
	u.noteGuard(r.state, false)
	return sequel[T]{draft: draft}
}

// refusedElsewhere is the error of a draft that another document refused, which
// http.Client was redirected to. That document isn't edited: nobody meant it. Where it
// may hold the mark, something on the way may have sent the draft twice, so the outcome
// is unknown.
func (u *updater[T]) refusedElsewhere(r setback[T]) error {
	if !u.mark.Kept() || r.state != nil && u.mark.In(&r.state.Document) == edit.Absent {
		return r.elsewhere
	}
	u.doubt = fmt.Errorf("%w: %w", ErrOutcomeUnknown, r.elsewhere)
	return u.doubt
}

// failure is what is known of a submission that ended with an error, for rounds to decide
// on. Spent counts what this Update has left, of rounds, attempts and time.
func (u *updater[T]) failure(ctx context.Context, err error, round int) rounds.Failure {
	return rounds.Failure{
		Cancelled: ctx.Err() != nil,
		Broken:    u.last.broken,
		Spent:     round == maxRounds || u.attempts <= 0 || !time.Now().Before(u.until),
		Marked:    u.mark.Kept(),
		InDoubt:   u.doubt != nil,
		Lost:      errors.Is(err, ErrOutcomeUnknown),
		Pending:   errors.As(err, new(*pendingError)),
		Refused:   errors.Is(err, ErrConflict),
		Exists:    u.last.on.Absent && u.create && (u.total.Cause == CauseExists || u.total.Cause == CauseSelfContradiction),
	}
}

// lookAgain reads once more. Where the mark is there, the Update was applied; otherwise
// it ends with err. A mark that is absent proves nothing here: the read may be stale.
func (u *updater[T]) lookAgain(ctx context.Context, err error) (Snapshot[T], error) {
	if s, failed := u.readInTime(ctx); failed == nil && u.mark.In(&s.Document) == edit.Found {
		return u.applied(s), nil
	}
	return u.fail(ctx, err)
}

// applied ends an Update whose mark is in the document, with the state that was read: it
// has the edit, and perhaps the edits of others since.
func (u *updater[T]) applied(s *state[T]) Snapshot[T] {
	u.found = s
	u.total.Effect, u.total.Cause, u.total.Err = EffectApplied, CauseOwnEarlierWrite, nil
	return u.snapshot(s)
}

// unchanged ends an Update whose edit changes nothing, with the state that was read.
func (u *updater[T]) unchanged(s *state[T]) Snapshot[T] {
	u.total.Effect, u.total.Err = EffectNotApplied, nil
	return u.snapshot(s)
}

// snapshot is a state for the caller, with the outcome of all rounds.
func (u *updater[T]) snapshot(s *state[T]) Snapshot[T] {
	snapshot := s.snapshot()
	snapshot.Outcome = u.total
	return snapshot
}

// breakOff ends an Update with the error of a read or an edit. No call has told of it.
func (u *updater[T]) breakOff(ctx context.Context, err error) (Snapshot[T], error) {
	u.total.Err = err
	return u.fail(ctx, err)
}

// fail ends an Update with an error. Where a write is in doubt, the error says so, whatever
// went wrong since. Where none was sent, the effect is known.
func (u *updater[T]) fail(ctx context.Context, err error) (Snapshot[T], error) {
	if u.doubt != nil {
		if !errors.Is(err, ErrOutcomeUnknown) {
			err = fmt.Errorf("ifmatch: update %q: %w: %w", u.name, ErrOutcomeUnknown, err)
		}
		u.total.Effect, u.total.Err = EffectUnknown, err
	}
	if !u.sent() {
		u.total.Effect, u.total.Err = EffectNotApplied, err
	}
	return Snapshot[T]{Outcome: u.total}, withEnd(ctx, err)
}

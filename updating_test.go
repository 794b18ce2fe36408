package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/marks"
)

type cancelKey struct{}

// fakeStore is a store in memory. It treats the first drafts as a script says, and
// accepts the others.
type fakeStore struct {
	text   string // of the document; empty: there is none
	stale  string // what the next read returns instead
	script []treatment
	format edit.Format[markedCounter]
	seen   marks.Record
	log    []string
}

// state is a read of this text. Its tag is the text.
func (f *fakeStore) state(text string) *state[markedCounter] {
	if text == "" {
		return &state[markedCounter]{Document: edit.Document[markedCounter]{Absent: true}}
	}
	read, err := f.format.Read([]byte(text))
	if err != nil {
		panic(err)
	}
	s := &state[markedCounter]{Validators: Validators{ETag: text}, Document: read}
	f.seen.Read(s.Value.IDs, false)
	s.know(f.seen, marks.Key{List: true})
	return s
}

func (f *fakeStore) read(context.Context) (*state[markedCounter], error) {
	f.log = append(f.log, "read")
	text := f.text
	if f.stale != "" {
		text, f.stale = f.stale, ""
	}
	if text == "broken" {
		return nil, errors.New("can't be read")
	}
	return f.state(text), nil
}

func (f *fakeStore) write(ctx context.Context, w *submission[markedCounter]) (Snapshot[markedCounter], Outcome, error) {
	w.sent = true
	if w.overState {
		f.seen.Sent(w.id)
	}
	var o Outcome
	for {
		o.Attempts++
		got, again, err := f.treat(ctx, w, &o)
		if !again {
			return got, o, err
		}
	}
}

// treat treats one draft, and reports whether another one follows.
func (f *fakeStore) treat(ctx context.Context, w *submission[markedCounter], o *Outcome) (got Snapshot[markedCounter], again bool, err error) {
	now := treatment{answer: "accepted", stored: true}
	if len(f.script) > 0 {
		now, f.script = f.script[0], f.script[1:]
	}
	f.log = append(f.log, now.answer)
	time.Sleep(now.takes)
	if now.stored {
		f.text = string(w.draft.Stored)
	}
	if now.rival != "" {
		f.text = strings.TrimPrefix(now.rival, "gone")
	}
	if now.cancel {
		ctx.Value(cancelKey{}).(context.CancelFunc)()
	}
	o.Effect = EffectNotApplied
	switch now.answer {
	case "accepted":
		o.Effect = EffectApplied
		return Snapshot[markedCounter]{Value: w.draft.Value}, false, nil
	case "lost":
		o.Effect = EffectUnknown
		return got, false, fmt.Errorf("%w: cut", ErrOutcomeUnknown)
	case "status":
		return got, false, &StatusError{StatusCode: http.StatusForbidden}
	case "exists":
		o.Cause = CauseExists
		return got, false, &ConflictError{}
	}
	o.Cause = CauseChanged
	return f.refuse(ctx, w, now, o)
}

// refuse asks what follows, and does it.
func (f *fakeStore) refuse(ctx context.Context, w *submission[markedCounter], now treatment, o *Outcome) (got Snapshot[markedCounter], again bool, err error) {
	r := setback[markedCounter]{state: f.state(f.text), inDoubt: now.inDoubt, stale: now.stale != ""}
	if r.stale {
		r.state = f.state(now.stale)
	}
	if now.answer == "elsewhere" {
		r.elsewhere = errors.New("elsewhere")
	}
	next := w.afterRefusal(ctx, r)
	switch {
	case next.err != nil:
		w.broken = true
		return got, false, next.err
	case next.applied:
		o.Effect, o.Cause = EffectApplied, CauseOwnEarlierWrite
		return next.end.snapshot(), false, nil
	case next.end != nil:
		return next.end.snapshot(), false, nil
	case next.draft != nil && o.Attempts < w.attempts:
		w.draft = next.draft
		return got, true, nil
	case now.inDoubt:
		o.Effect = EffectUnknown
		return got, false, fmt.Errorf("%w: refused", ErrOutcomeUnknown)
	}
	return got, false, &ConflictError{}
}

// roundsOf is one Update.
type roundsOf struct {
	text     string // the document; none: there is none, and Update may create it
	kept     string
	script   []treatment
	stale    string // what the second read returns
	unmarked bool
	edit     func(*markedCounter) error // default: add one
	attempts int                        // default: 16

	log    string
	n      int // stored
	err    error
	effect Effect
	cause  Cause
}

// updater is the Update of a row, on a store.
func (row roundsOf) updater(f *fakeStore) *updater[markedCounter] {
	u := &updater[markedCounter]{store: f, create: row.text == "", attempts: 16, elapsed: defaultMaxElapsed}
	if !row.unmarked {
		u.mark = edit.NewMark(edit.Marker[markedCounter]{IDs: markList[markedCounter]})
	}
	if row.attempts > 0 {
		u.attempts = row.attempts
	}
	change := row.edit
	if change == nil {
		change = addMarked
	}
	u.make = func(s *state[markedCounter], inDoubt bool) (*edit.Draft[markedCounter], error) {
		f.stale, row.stale = row.stale, ""
		return f.format.Draft(&s.Document, &u.mark, change)
	}
	return u
}

func (row roundsOf) run(t *testing.T) {
	f := &fakeStore{text: row.text, script: row.script, format: edit.Format[markedCounter]{Codec: jsonCodec{}, JSON: true}}
	var kept *state[markedCounter]
	if row.kept != "" {
		kept = f.state(row.kept)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got, err := row.updater(f).inRounds(context.WithValue(ctx, cancelKey{}, cancel), kept)
	checkUpdateError(t, err, row.err)
	var stored counter
	if f.text != "" && f.text != "broken" {
		stored.N = f.state(f.text).Value.N
	}
	log, o := strings.Join(f.log, " "), got.Outcome
	if log != row.log || stored.N != row.n || err == nil && got.Value.N != row.n {
		t.Errorf("%s, n is %d, and %d in the snapshot; want %s, %d", log, stored.N, got.Value.N, row.log, row.n)
	}
	writes := len(f.log) - strings.Count(log, "read")
	if o.Effect != row.effect || o.Cause != row.cause || o.Attempts != writes {
		t.Errorf("%v, %v, %d attempts; want %v, %v, %d", o.Effect, o.Cause, o.Attempts, row.effect, row.cause, writes)
	}
}

func upTo5(c *markedCounter) error {
	if c.N < 5 {
		c.N++
	}
	return nil
}

// failsAgain returns an edit that adds one, and fails when it is run again.
func failsAgain() func(c *markedCounter) error {
	runs := 0
	return func(c *markedCounter) error {
		if runs++; runs > 1 {
			return errFull
		}
		return addMarked(c)
	}
}

func everyRounds() map[string]roundsOf {
	const doc = docOfRounds
	return map[string]roundsOf{
		"25: accepted":                 {text: doc, log: "read accepted", n: 2, effect: EffectApplied},
		"25: no change":                {text: wiped, edit: upTo5, log: "read", n: 7, effect: EffectNotApplied},
		"25: the edit fails":           {text: doc, edit: func(*markedCounter) error { return errFull }, log: "read", n: 1, err: errFull, effect: EffectNotApplied},
		"25: a refusal":                {text: doc, script: []treatment{refused}, log: "read refused accepted", n: 41, effect: EffectApplied, cause: CauseChanged},
		"25: a refusal, and no change": {text: doc, edit: upTo5, script: []treatment{refused}, log: "read refused", n: 40, effect: EffectNotApplied, cause: CauseChanged},
		"25: the edit fails after a refusal": {text: doc, edit: failsAgain(), script: []treatment{refused},
			log: "read refused", n: 40, err: errFull, effect: EffectNotApplied, cause: CauseChanged},
		"25: no attempt is left": {text: doc, script: []treatment{refused, refused}, attempts: 2,
			log: "read refused refused read", n: 40, err: ErrConflict, effect: EffectNotApplied, cause: CauseChanged},
		"25: another final answer":   {text: doc, script: []treatment{status}, log: "read status", n: 1, err: errStatus, effect: EffectNotApplied},
		"25: the read fails":         {text: "broken", log: "read", err: errAny, effect: EffectNotApplied},
		"27: a kept state":           {text: doc, kept: doc, log: "accepted", n: 2, effect: EffectApplied},
		"27: a kept state, refused":  {text: doc, kept: doc, script: []treatment{refused}, log: "refused accepted", n: 41, effect: EffectApplied, cause: CauseChanged},
		"27: a kept state, and lost": {text: doc, kept: doc, script: []treatment{lost}, log: "lost read accepted", n: 2, effect: EffectApplied},

		// Rule 2: a document that somebody else creates.
		"2: a create":                 {log: "read accepted", n: 1, effect: EffectApplied},
		"2: somebody else creates it": {script: []treatment{exists}, log: "read exists read accepted", n: 41, effect: EffectApplied, cause: CauseExists},
		"2: … and deletes it again":   {script: []treatment{createdAndDeleted}, log: "read exists read accepted", n: 1, effect: EffectApplied, cause: CauseExists},
		"2: … each time": {script: []treatment{createdAndDeleted, createdAndDeleted, createdAndDeleted}, attempts: 3,
			log: "read exists read exists read exists read", err: ErrConflict, effect: EffectNotApplied, cause: CauseSelfContradiction},
		"2: … and nobody may look again": {script: []treatment{exists.with(func(t *treatment) { t.cancel = true })},
			log: "read exists", n: 40, err: ErrConflict, effect: EffectNotApplied, cause: CauseExists},

		// Rule 10: the mark decides about an answer that is lost.
		"10: lost, and performed":     {text: doc, script: []treatment{lostLate}, log: "read lost read", n: 2, effect: EffectApplied, cause: CauseOwnEarlierWrite},
		"10: lost, and not performed": {text: doc, script: []treatment{lost}, log: "read lost read accepted", n: 2, effect: EffectApplied},
		"10: lost, and the mark is wiped": {text: doc, script: []treatment{lostLate.with(func(t *treatment) { t.rival = wiped })},
			log: "read lost read", n: 7, err: ErrOutcomeUnknown, effect: EffectUnknown},
		"10: lost, and deleted": {text: doc, script: []treatment{lostLate.with(func(t *treatment) { t.rival = "gone" })},
			log: "read lost read", err: ErrOutcomeUnknown, effect: EffectUnknown},
		"10: a lost create, which may have been deleted": {script: []treatment{lost}, log: "read lost read", err: ErrOutcomeUnknown, effect: EffectUnknown},
		"10: a create, applied":                          {script: []treatment{lostLate}, log: "read lost read", n: 1, effect: EffectApplied, cause: CauseOwnEarlierWrite},
		"10: lost, then refused and found there": {text: doc, stale: doc, script: []treatment{lostLate, {answer: "refused"}},
			log: "read lost read refused", n: 2, effect: EffectApplied, cause: CauseOwnEarlierWrite},
		"10: refused and found": {text: doc, script: []treatment{{answer: "refused", stored: true}},
			log: "read refused", n: 2, effect: EffectApplied, cause: CauseOwnEarlierWrite},
		"10: refused in doubt, and absent": {text: doc, script: []treatment{refused.with(func(t *treatment) { t.inDoubt, t.rival = true, `{"n":3,"_ifmatch":["x","r"]}` })},
			log: "read refused accepted", n: 4, effect: EffectApplied, cause: CauseChanged},
		"10: refused in doubt, and the mark may have been dropped": {text: doc, script: []treatment{refused.with(func(t *treatment) { t.inDoubt, t.rival = true, `{"n":2,"_ifmatch":["x"]}` })},
			log: "read refused read", n: 2, err: ErrOutcomeUnknown, effect: EffectUnknown, cause: CauseChanged},
		"10: refused in doubt, and the document had no marks": {text: `{"n":1}`, script: []treatment{refused.with(func(t *treatment) { t.inDoubt, t.rival = true, `{"n":3,"_ifmatch":["r"]}` })},
			log: "read refused read", n: 3, err: ErrOutcomeUnknown, effect: EffectUnknown, cause: CauseChanged},
		"10: lost, and the mark may have been dropped": {text: doc, script: []treatment{lost.with(func(t *treatment) { t.rival = `{"n":2,"_ifmatch":["x"]}` })},
			log: "read lost read", n: 2, err: ErrOutcomeUnknown, effect: EffectUnknown},
		"10: refused in doubt, in a stale read": {text: doc, script: []treatment{{answer: "refused", inDoubt: true, stale: doc}},
			log: "read refused read accepted", n: 2, effect: EffectApplied, cause: CauseChanged},
		"10: refused in doubt, and then lost": {text: doc, script: []treatment{{answer: "refused", inDoubt: true, stale: doc}, lost},
			log: "read refused read lost read accepted", n: 2, effect: EffectApplied, cause: CauseChanged},
		"10: refused for good, and performed": {text: doc, attempts: 1, script: []treatment{{answer: "refused", stored: true, stale: doc}},
			log: "read refused read", n: 2, effect: EffectApplied, cause: CauseOwnEarlierWrite},
		"10: refused elsewhere": {text: doc, script: []treatment{{answer: "elsewhere"}},
			log: "read elsewhere", n: 1, err: errAny, effect: EffectNotApplied, cause: CauseChanged},
		"10: refused elsewhere, where the mark can't be told": {text: doc, script: []treatment{{answer: "elsewhere", rival: wiped}},
			log: "read elsewhere read", n: 7, err: ErrOutcomeUnknown, effect: EffectUnknown, cause: CauseChanged},
		"10: lost, then another final answer": {text: doc, stale: doc, script: []treatment{lostLate, status},
			log: "read lost read status read", n: 2, effect: EffectApplied, cause: CauseOwnEarlierWrite},

		// Rule 12: what isn't known is said so.
		"12: lost, without marks": {text: doc, unmarked: true, script: []treatment{lostLate}, log: "read lost", n: 2, err: ErrOutcomeUnknown, effect: EffectUnknown},
		"12: refused in doubt, without marks": {text: doc, unmarked: true, script: []treatment{refused.with(func(t *treatment) { t.inDoubt = true })},
			log: "read refused", n: 40, err: ErrOutcomeUnknown, effect: EffectUnknown, cause: CauseChanged},
		"12: refused without marks": {text: doc, unmarked: true, script: []treatment{refused}, log: "read refused accepted", n: 41, effect: EffectApplied, cause: CauseChanged},
		"12: lost, and no change now": {text: doc, edit: upTo5, script: []treatment{lost.with(func(t *treatment) { t.rival = `{"n":7,"_ifmatch":["x","r"]}` })},
			log: "read lost read", n: 7, err: ErrOutcomeUnknown, effect: EffectUnknown},
		"12: lost, and the edit fails now": {text: doc, edit: failsAgain(), script: []treatment{lost},
			log: "read lost read", n: 1, err: ErrOutcomeUnknown, effect: EffectUnknown},
		"12: lost, and the read fails": {text: doc, script: []treatment{lost.with(func(t *treatment) { t.rival = "broken" })},
			log: "read lost read", err: ErrOutcomeUnknown, effect: EffectUnknown},
		"12: lost, then another final answer": {text: doc, script: []treatment{lost, status},
			log: "read lost read status read", n: 1, err: ErrOutcomeUnknown, effect: EffectUnknown},

		// Rules 13 and 22: limits, and callers that give up.
		"13: lost again and again": {text: doc, script: []treatment{lost, lost, lost, lost, lost},
			log: "read lost read lost read lost read lost read", n: 1, err: ErrOutcomeUnknown, effect: EffectUnknown},
		"13: lost, and no attempt is left": {text: doc, script: []treatment{lost, lost}, attempts: 1,
			log: "read lost read", n: 1, err: ErrOutcomeUnknown, effect: EffectUnknown},
		"13: lost, and no time is left": {text: doc, script: []treatment{lost.with(func(t *treatment) { t.takes = time.Hour })},
			log: "read lost read", n: 1, err: ErrOutcomeUnknown, effect: EffectUnknown},
		"22: lost, and cancelled": {text: doc, script: []treatment{lostLate.with(func(t *treatment) { t.cancel = true })},
			log: "read lost", n: 2, err: ErrOutcomeUnknown, effect: EffectUnknown},
		"22: refused, and cancelled": {text: doc, script: []treatment{refused.with(func(t *treatment) { t.cancel = true })},
			log: "read refused", n: 40, err: context.Canceled, effect: EffectNotApplied, cause: CauseChanged},
	}
}

// TestRounds: what an Update does with the answers to its writes, and how it ends.
func TestRounds(t *testing.T) {
	for name, row := range everyRounds() {
		t.Run(name, func(t *testing.T) { synctest.Test(t, row.run) })
	}
}

package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/internal/pace"
	"github.com/ifmatch-go/ifmatch/internal/rounds"
)

// roundPace is what another round of an Update waits for, and what it may cost: as much as
// in a call. After a refusal it is an attempt. After a failure it is a repeat, too. The
// zero roundPace is that of a store that has no limits.
type roundPace struct {
	once     bool // by WithoutRepeats: no round follows a failure
	races    pace.Races
	failures pace.Failures
	budget   *pace.Budget // of repeats after failures; nil: none

	newBackOff, newTransientBackOff func() backoff.BackOff // nil: the default pace
	traces                          []*Trace               // told before a wait
}

// pace returns the pace of an Update's rounds, by the options in force.
func (d *document[T]) pace(set settings) roundPace {
	p := roundPace{once: set.repeats.none, newBackOff: set.newBackOff, newTransientBackOff: set.newTransientBackOff}
	if t, ours := d.client.Transport.(*Transport); ours {
		p.budget = &t.budget
	}
	p.traces = set.traces
	return p
}

// next returns the wait before the round that follows a submission which ended with err,
// and its reason. It is false where no round may follow. roundTrip is the one that was
// measured last.
func (p *roundPace) next(err error, roundTrip time.Duration) (d time.Duration, reason string, more bool) {
	newRaces, newFailures := p.newBackOff, p.newTransientBackOff
	if newRaces == nil {
		newRaces = defaultBackOff
	}
	if newFailures == nil {
		newFailures = defaultBackOff
	}
	if errors.Is(err, ErrOutcomeUnknown) {
		if p.once {
			return 0, "", false
		}
		d, more = p.failures.Next(newFailures)
		reason = "a transient failure"
	} else {
		p.races.RoundTrip = roundTrip
		d, more = p.races.Next(newRaces)
		reason = waitPace
	}
	d, reason = atLeast(d, reason, headerOf(err))
	return d, reason, more
}

// pay takes the cost of a repeat after err from the budget, and reports whether there was
// as much. A round after a refusal costs nothing.
func (p *roundPace) pay(err error) bool {
	return p.budget == nil || !errors.Is(err, ErrOutcomeUnknown) || p.budget.Take()
}

// headerOf is the header of the answer that an error was made of; nil: there is none.
func headerOf(err error) http.Header {
	if status := (*StatusError)(nil); errors.As(err, &status) {
		return status.Header
	}
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		return conflict.Header
	}
	return nil
}

// follow returns how the Update goes on after a submission that ended with err. Where
// another round follows, the wait for it is over. The error is err, and that of the
// context, too, where it ended during the wait.
func (u *updater[T]) follow(ctx context.Context, err error, round int) (rounds.Step, error) {
	f := u.failure(ctx, err, round)
	if f.Next() != rounds.Again {
		return f.Next(), err
	}
	if f.Spent = !u.pause(ctx, err); ctx.Err() != nil {
		f.Cancelled = true
		err = fmt.Errorf("%w; %w", err, endOf(ctx))
		u.total.Err = err
	}
	return f.Next(), err
}

// pause waits for the next round, and reports whether it may begin. A wait that can't end
// in time isn't begun. The wait is before the read: after it, the state would be old.
func (u *updater[T]) pause(ctx context.Context, err error) bool {
	d, reason, more := u.pace.next(err, u.roundTrip())
	end := u.until
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	if !more || d > time.Until(end) || !u.pace.pay(err) {
		return false
	}
	if d <= 0 {
		return true
	}
	for _, t := range u.pace.traces {
		if t.Waiting != nil {
			t.Waiting(WaitInfo{ctx, reason, d, u.total.Attempts})
		}
	}
	begun := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	u.waited = time.Since(begun)
	u.total.Waited += u.waited
	return ctx.Err() == nil
}

// roundTrip is how long the last request took; zero: it wasn't measured.
func (u *updater[T]) roundTrip() time.Duration {
	if n := len(u.total.Exchanges); n > 0 {
		return u.total.Exchanges[n-1].Duration
	}
	return 0
}

package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/internal/pace"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// WithBackoff sets the pace of conflicts: newBackOff is called once for each
// call that has a conflict, then Reset on what it returns, and then NextBackOff
// before each refresh that a lost race demands, the first included.
// backoff.Stop ends the retrying with ErrAttempts; a negative wait is no wait.
// newBackOff may be called concurrently; the BackOff belongs to one call, so it
// may have a state.
//
// By default, when newBackOff is nil, and when it returns nil, the first retry
// is immediate and later waits are fully jittered: uniform between nothing and an
// interval that starts at two of the round trips r that this call measured (at
// least 1 ms, at most 250 ms), grows by 1.75 each time and is capped, before the
// jitter, at 100 round trips and at 2 s. In the worst case:
//
//	before attempt   r = 1 ms   r = 20 ms   r = 250 ms and more
//	2                0          0           0
//	3                2 ms       40 ms       500 ms
//	4                3.5 ms     70 ms       875 ms
//	5                6.1 ms     123 ms      1.5 s
//	6                10.7 ms    214 ms      2 s
//	n, at most       100 ms     2 s         2 s
//
// With the default of 4 attempts that is at most 1.4 s in all. Retry-After on a
// refusal and the waits for a strong validator come on top. The numbers come from
// a simulation: see docs/pace.md.
func WithBackoff(newBackOff func() backoff.BackOff) Option {
	if newBackOff == nil {
		newBackOff = defaultBackOff
	}
	return optionFunc(func(s *settings) { s.newBackOff = newBackOff })
}

// defaultBackOff stands for the default paces, of races and of failures. Package pace
// has them, since the one of races needs the round trip that the call has measured.
func defaultBackOff() backoff.BackOff { return nil }

// spent is what a call has spent of its limits. The zero value has spent nothing: it
// stays so until the first refusal or failure.
type spent struct {
	deadline    time.Time // of the last attempt's start; zero until the first refusal or failure
	races       pace.Races
	failures    pace.Failures
	repeats     int // after failures
	settleRaces int // lost while waiting for a strong validator
}

// noteRepeat counts a repeat after a failure. It is a write sent, but no attempt that was
// refused.
func (c *call) noteRepeat() {
	c.spent.repeats++
	c.startClock()
}

// noteLostRace counts a race that was lost while a state settled. No write was refused
// there, but it costs an attempt all the same: else a busy document would be read for
// ever.
func (s *spent) noteLostRace() { s.settleRaces++ }

// measure takes note of a round trip, for the pace of races. The first one that was
// measured also sets how long the lease of the lane lasts.
func (c *call) measure(roundTrip time.Duration) {
	if c.spent.races.RoundTrip == 0 {
		c.turn.Measured(roundTrip)
	}
	c.spent.races.RoundTrip = roundTrip
}

// startDeadline starts the limits with the first refusal or failure: what the first
// attempt took doesn't count. Later calls do nothing.
func (c *call) startDeadline() {
	if c.spent.deadline.IsZero() {
		c.spent.deadline = time.Now().Add(c.elapsed(c.traits))
	}
}

// startClock starts the limits, where the answer at hand isn't the last one.
func (c *call) startClock() {
	c.startDeadline()
	c.told.handle()
}

// attemptsLeft are the attempts that may still end in a refusal: of the writes sent,
// repeats after failures, those that a Transport below has made, and writes under a handed
// tag don't count; races that were lost while a state settled do.
func (c *call) attemptsLeft() int {
	return c.attempts(c.traits) - (c.told.outcome.Attempts - int(c.told.below) - c.spent.repeats - c.turn.handedTries + c.spent.settleRaces)
}

// exhausted reports whether no attempt is left.
func (c *call) exhausted() bool { return c.attemptsLeft() <= 0 }

// left is the time until the limits or the context's deadline, whichever is first. It is
// negative after it, and very negative before startDeadline.
func (c *call) left() time.Duration {
	left := time.Until(c.spent.deadline)
	if deadline, ok := c.req.Context().Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	return left
}

// waitForPace waits as the pace of conflicts and the refusal demand.
func (c *call) waitForPace(ctx context.Context, reason string) ending {
	d, reason, end := c.nextPace(reason)
	if end.ends() {
		return end
	}
	return c.wait(ctx, d, reason)
}

// nextPace returns the wait that the pace of conflicts and the refusal demand, and its
// reason. Only the pace itself is lengthened by Retry-After: a wait for another reason
// follows a later answer than the refusal. The ending ends where the backoff has had
// enough.
func (c *call) nextPace(reason string) (time.Duration, string, ending) {
	d, more := c.spent.races.Next(c.newBackOff)
	if !more {
		return 0, "", because(CauseNone, fmt.Errorf("%w: the backoff stopped", ErrAttempts))
	}
	if reason == waitPace {
		d, reason = atLeast(d, reason, c.refused.resp.Header)
	}
	return d, reason, ending{}
}

// atLeast returns a wait and its reason: what an answer with this header demands in
// Retry-After, where that is longer than d.
func atLeast(d time.Duration, reason string, h http.Header) (time.Duration, string) {
	if demanded := semantics.RetryAfter(h); demanded > d {
		return demanded, waitRetryAfter
	}
	return d, reason
}

// Reasons of waits that lengthen the lease of a lane: they are imposed from outside, or
// bounded, so the writers behind would gain nothing by overtaking. A Trace tells them.
const (
	waitRetryAfter = "Retry-After"
	waitSettle     = "validator of the last second"
	waitPace       = "pace" // only our own, which is bounded
)

// timeFor returns the error of a wait that can't end in time, nil where it can. Such a
// wait isn't begun: the caller gets the answer at hand now, and no timeout later.
func (c *call) timeFor(ctx context.Context, d time.Duration) error {
	now := time.Now()
	for _, ctx := range [...]context.Context{ctx, c.req.Context()} {
		if deadline, ok := ctx.Deadline(); ok && d > deadline.Sub(now) {
			return fmt.Errorf("%w for a wait of %v: %w", ErrElapsed, d, context.DeadlineExceeded)
		}
	}
	if d > c.spent.deadline.Sub(now) {
		return fmt.Errorf("%w for a wait of %v", ErrElapsed, d)
	}
	return nil
}

// wait ends after d, or with the contexts of the policy and of the call. A wait that
// can't end in time isn't begun: the error of the ending then matches ErrElapsed. The
// zero ending says that d is over, also where d is zero or negative.
func (c *call) wait(ctx context.Context, d time.Duration, reason string) ending {
	if end := c.cancelled(ctx); end.ends() {
		return end
	}
	if d <= 0 {
		return ending{}
	}
	if err := c.timeFor(ctx, d); err != nil {
		return because(CauseNone, err)
	}
	// The caller's own backoff may wait for any time, and holds up nobody.
	if reason == waitRetryAfter || reason == waitSettle || reason == waitPace && c.spent.races.Bounded() {
		c.turn.Extend(d)
	}
	c.traceWaiting(reason, d)
	c.told.addWait(c.sleep(ctx, d))
	return c.cancelled(ctx)
}

// sleep ends after d, or with one of the contexts or Request.Cancel, and returns how long
// it took. It doesn't say which: cancelled does.
func (c *call) sleep(ctx context.Context, d time.Duration) time.Duration {
	start := time.Now()
	timer := time.NewTimer(d)
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-c.req.Context().Done():
	case <-c.req.Cancel:
	}
	timer.Stop()
	return time.Since(start)
}

// await ends when wake is signalled or after d, and with the context or the limits: then
// the ending ends. A negative d is no bound.
func (c *call) await(wake <-chan struct{}, d time.Duration) ending {
	select {
	case <-wake:
		return c.cancelled(c.req.Context()) // nothing was waited for
	default:
	}
	start := time.Now()
	err := awaitWithin(c.req.Context(), c.req.Cancel, wake, d, c.spent.deadline.Sub(start))
	c.told.addWait(time.Since(start))
	if end := c.cancelled(c.req.Context()); end.ends() {
		return end
	}
	if err != nil {
		return because(CauseNone, err)
	}
	return ending{}
}

// awaitDone waits until done is closed, as long as the context and the limits allow. It is
// the replay.Await of a call.
func (c *call) awaitDone(done <-chan struct{}) error { return c.await(done, -1).err }

// awaitWithin ends when wake is signalled, after d where d isn't negative, and with
// the context or cancel. Where the limit ends it the error is ErrElapsed,
// otherwise it is nil, also for an ended context. A nil cancel never ends it.
func awaitWithin(ctx context.Context, cancel, wake <-chan struct{}, d, limit time.Duration) error {
	late := d < 0 || d > limit
	if late {
		d = limit
	}
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
		if late {
			return ErrElapsed
		}
	case <-ctx.Done():
	case <-cancel:
	}
	return nil
}

// cancelled is how a cancelled call ends, and the zero ending as long as the call isn't
// cancelled. ctx is the context of the policy, or the call's own.
func (c *call) cancelled(ctx context.Context) ending {
	if c.req.Context().Err() != nil {
		return ending{kind: endFailed, err: endOf(c.req.Context())}
	}
	select {
	case <-c.req.Cancel:
		return ending{kind: endFailed, err: fmt.Errorf("%w: %w", context.Canceled, errRequestCancelled)}
	default:
	}
	// The policy's own context ended, and the caller still wants an answer: the refusal.
	if err := ctx.Err(); err != nil {
		return because(CauseNone, err)
	}
	return ending{}
}

var errRequestCancelled = errors.New("Request.Cancel was closed")

// inTime is how a call ends that has no time for another attempt, and the zero ending
// where there is time.
func (c *call) inTime() ending {
	if !time.Now().Before(c.spent.deadline) {
		return because(CauseNone, ErrElapsed)
	}
	return ending{}
}

package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// WithBackoff sets the pace of conflicts: newBackOff is called once for each
// call that meets a conflict, Reset on what it returns, and then NextBackOff
// before each refresh that a lost race demands, the first included.
// backoff.Stop ends the retrying with ErrAttempts; a negative wait is none.
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

// defaultBackOff stands for the pace that is made from the measured round trip.
func defaultBackOff() backoff.BackOff { return nil }

// waitForPace waits as the pace of conflicts and the refusal demand.
func (c *call) waitForPace(ctx context.Context, reason string) error {
	d, reason, err := c.nextPace(reason)
	if err != nil {
		return err
	}
	return c.wait(ctx, d, reason)
}

// nextPace returns the wait that the pace of conflicts and the refusal demand,
// and its reason.
func (c *call) nextPace(reason string) (time.Duration, string, error) {
	d, more := c.pace.Next(c.newBackOff)
	if !more {
		return 0, "", fmt.Errorf("%w: the backoff stopped", ErrAttempts)
	}
	if reason == waitPace {
		d, reason = atLeast(d, reason, c.refusal.Header)
	}
	return d, reason, nil
}

// atLeast returns a wait and its reason: what an answer with this header demands in
// Retry-After, where that is longer than d.
func atLeast(d time.Duration, reason string, h http.Header) (time.Duration, string) {
	if demanded := semantics.RetryAfter(h); demanded > d {
		return demanded, waitRetryAfter
	}
	return d, reason
}

// Reasons of waits that lengthen the lease of a lane: they are imposed.
const (
	waitRetryAfter = "Retry-After"
	waitSettle     = "validator of the last second"
	waitPace       = "pace" // only our own, which is bounded
)

// timeFor returns the error of a wait that can't end in time; it then isn't
// begun.
func (c *call) timeFor(ctx context.Context, d time.Duration) error {
	now := time.Now()
	for _, ctx := range [...]context.Context{ctx, c.req.Context()} {
		if deadline, ok := ctx.Deadline(); ok && d > deadline.Sub(now) {
			return fmt.Errorf("%w for a wait of %v: %w", ErrElapsed, d, context.DeadlineExceeded)
		}
	}
	if d > c.deadline.Sub(now) {
		return fmt.Errorf("%w for a wait of %v", ErrElapsed, d)
	}
	return nil
}

// wait ends after d, or with the contexts of the policy and of the call. A wait that can't end in time isn't
// begun: the error then matches ErrElapsed.
func (c *call) wait(ctx context.Context, d time.Duration, reason string) error {
	if err := c.cancelled(ctx); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	if err := c.timeFor(ctx, d); err != nil {
		return err
	}
	if reason == waitRetryAfter || reason == waitSettle || reason == waitPace && c.pace.Bounded() {
		c.turn.Extend(d)
	}
	c.traceWaiting(reason, d)
	c.addWaited(c.sleep(ctx, d))
	return c.cancelled(ctx)
}

// sleep ends after d, or with the contexts, and returns how long it took.
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

func (c *call) addWaited(d time.Duration) {
	c.waited += d
	c.outcome.Waited += d
}

// cancelled returns the error of a cancelled call, nil as long as it isn't.
func (c *call) cancelled(ctx context.Context) error {
	if err := c.req.Context().Err(); err != nil {
		return &fatalError{context.Cause(c.req.Context()), err}
	}
	select {
	case <-c.req.Cancel:
		return &fatalError{errRequestCancelled, context.Canceled}
	default:
		return ctx.Err() // of the policy's own context, which isn't fatal
	}
}

var errRequestCancelled = errors.New("Request.Cancel was closed")

// fatalError ends the call with an error instead of the refusal.
type fatalError struct{ cause, kind error }

func (e *fatalError) Error() string {
	if e.kind == nil || e.cause.Error() == e.kind.Error() {
		return e.cause.Error()
	}
	return e.kind.Error() + ": " + e.cause.Error()
}

func (e *fatalError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.cause}
	}
	return []error{e.cause, e.kind}
}

// inTime returns the error of a call that has no time for another attempt.
func (c *call) inTime() error {
	if !time.Now().Before(c.deadline) {
		return ErrElapsed
	}
	return nil
}

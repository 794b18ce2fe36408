package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// maxRefreshes bounds the refresh requests for one refusal. A race that is lost
// while waiting begins a new count, and counts as an attempt.
const maxRefreshes = 4

// settleTime is how long a state must be old before its weak tag or its date can
// be trusted: HTTP's dates have a resolution of one second (RFC 9110 §8.8.2.2),
// and Apache httpd answers with a weak tag for as long after each write.
const settleTime = time.Second

// refresh learns the current validators, and the state where that is asked for,
// once for each conflict.
type refresh struct {
	fresh     Validators
	versions  []string    // for the places of a dialect; fresh.ETag has them in one text
	header    http.Header // of the answer that gave them
	state     *Representation
	err       error      // why nothing could be learnt
	known     bool       // fresh is set
	started   bool       // the wait before the first request has begun
	resend    bool       // the decision is Resend
	unchanged bool       // fresh is what was refused, also when asked again
	doubted   bool       // the refused validator was seen, and asked for again
	reread    bool       // an answer that is no state was asked for again
	prefer    bool       // Vary names Prefer, so the refresh carries it too
	identity  bool       // Vary names Accept-Encoding, so the write asks for identity too
	asked     int        // requests sent in this count
	awaited   Validators // what a wait of settleTime was for
}

// step is what follows an answer to a refresh request.
type step int

const (
	stepDone   step = iota // the validators are known
	stepStop               // nothing can be learnt
	stepUseGet             // HEAD can't say: ask by GET, at once
	stepAgain              // ask the same again, at once
	stepRepeat             // the server is sick: wait, ask the same again
	stepSettle             // the state is too new: wait for settleTime, ask the same again
	stepDoubt              // the refused validator: wait, ask by GET
)

// answer is what a refresh request gave.
type answer struct {
	method string
	status int
	header http.Header
	body   []byte
	err    error // of the connection, or of reading the body
}

// learn refreshes unless that was done before.
func (r *refresh) learn(ctx context.Context, c *Conflict, needState bool) error {
	if r.err != nil || r.known && (!needState || r.state != nil) {
		return r.err
	}
	if needState && c.call.dialect.versionOnly(c.call.write) {
		r.err = c.call.stop(CauseRefreshFailed, refreshError(c, answer{method: http.MethodGet}, c.call.dialect.errVersionOnly()))
		return r.err
	}
	if r.begin(c, needState) {
		r.err = c.call.waitForPace(ctx, waitPace)
	}
	if r.err == nil && (!r.known || needState) {
		r.err = r.run(ctx, c, needState)
	}
	return r.err
}

// begin reports whether the refresh is to be waited for: that is before its
// first request, never between refresh and write.
func (r *refresh) begin(c *Conflict, needState bool) bool {
	if r.known || r.started {
		return false
	}
	r.started = true
	if tag := c.call.takeHandedTag(c.guard, needState); tag != "" {
		r.fresh, r.known = Validators{ETag: tag}, true
		return false
	}
	return true
}

// run asks until the validators are known or can't be.
func (r *refresh) run(ctx context.Context, c *Conflict, needState bool) error {
	r.unchanged, r.doubted = false, false
	method := http.MethodHead
	if needState || c.call.asksBody(c.guard) {
		method = http.MethodGet
	}
	for {
		if r.asked == maxRefreshes {
			return c.call.stop(CauseRefreshFailed, fmt.Errorf("ifmatch: refresh %q: no usable answer to %d requests", redact.URL(c.call.write.URL), maxRefreshes))
		}
		r.asked++
		a := c.call.ask(ctx, r, method, needState)
		step, err := r.read(c, a, needState)
		if r.asked == maxRefreshes && (step == stepRepeat || step == stepSettle || step == stepDoubt) {
			continue // no wait in vain
		}
		switch step {
		case stepDone:
			return nil
		case stepStop:
			return err
		case stepUseGet:
			method = http.MethodGet
		case stepRepeat:
			if err = c.call.repeatRefresh(ctx, a); err != nil {
				c.call.outcome.Cause = CauseRefreshFailed
			}
		case stepSettle:
			err = c.call.wait(ctx, settleTime, waitSettle)
		case stepDoubt:
			method = http.MethodGet
			err = c.call.waitForPace(ctx, "the refused validator again")
		}
		if err != nil {
			return err
		}
	}
}

// repeatRefresh waits until a failed refresh may be repeated.
func (c *call) repeatRefresh(ctx context.Context, a answer) error {
	if c.repeats.none {
		return fmt.Errorf("%w: WithTransientRetry(nil)", ErrAttempts)
	}
	d, more := c.repeatPace.Next(c.newTransientBackOff)
	if !more || !c.transport.budget.Take() {
		return fmt.Errorf("%w: no repeat of the refresh", ErrAttempts)
	}
	d, reason := atLeast(d, "the refresh failed", a.header)
	return c.wait(ctx, d, reason)
}

// read says what follows from an answer.
func (r *refresh) read(c *Conflict, a answer, needState bool) (step, error) {
	if a.err != nil {
		return r.readError(c, a)
	}
	head := a.method == http.MethodHead
	switch a.status {
	case http.StatusOK:
		return r.readState(c, a, needState)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return stepStop, c.call.stop(CauseRefreshDenied, refreshError(c, a, nil))
	case http.StatusGone:
		return stepStop, c.call.stop(CauseGone, refreshError(c, a, nil))
	case http.StatusNotFound:
		if head {
			return stepUseGet, nil
		}
		return stepStop, c.call.stop(CauseGone, refreshError(c, a, nil))
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusNoContent:
		if head {
			return stepUseGet, nil
		}
	case http.StatusNonAuthoritativeInfo, http.StatusPartialContent, http.StatusNotModified:
		// Never a state to build on. A 203 was changed by a proxy on the way
		// (RFC 9110 §15.3.4): its validators aren't taken either.
		if !r.reread {
			r.reread = true
			return stepUseGet, nil
		}
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return stepRepeat, nil
	default:
		if a.status >= 500 {
			return stepRepeat, nil
		}
	}
	return stepStop, c.call.stop(CauseRefreshFailed, refreshError(c, a, nil))
}

// readError says what follows from a refresh whose connection or body failed.
func (r *refresh) readError(c *Conflict, a answer) (step, error) {
	err := refreshError(c, a, a.err)
	if cancelled := c.call.cancelled(c.call.req.Context()); cancelled != nil {
		return stepStop, cancelled
	}
	if late := c.call.inTime(); late != nil {
		return stepStop, c.call.stop(CauseRefreshFailed, fmt.Errorf("%w: %w", late, err))
	}
	if !semantics.Transient(nil, a.err) || errors.Is(a.err, ErrTooLarge) || errors.Is(a.err, errRefreshRequest) {
		return stepStop, c.call.stop(CauseRefreshFailed, err)
	}
	return stepRepeat, nil
}

// refreshError names the refresh and what was wrong with its answer.
func refreshError(c *Conflict, a answer, cause error) error {
	text := fmt.Sprintf("ifmatch: refresh by %s %q", a.method, redact.URL(c.call.write.URL))
	switch {
	case a.status == 0 || a.status == http.StatusOK:
		return fmt.Errorf("%s: %w", text, cause)
	case cause != nil:
		return fmt.Errorf("%s: %d %s: %w", text, a.status, http.StatusText(a.status), cause)
	}
	return fmt.Errorf("%s: %d %s", text, a.status, http.StatusText(a.status))
}

// ready makes sure that the validators which the decision needs are known.
func (c *Conflict) ready(ctx context.Context, d Decision) error {
	if d.kind != decideUnconditional {
		c.refresh.resend = d.kind == decideResend
		return c.refresh.learn(ctx, c, d.kind == decideReplace)
	}
	return nil // nothing to ask; the pace counted
}

// rewrite puts the fresh validators into the header of the next write.
func (c *Conflict) rewrite(h http.Header) {
	restorePreconditions(h, c.call.write.Header)
	if c.refresh.versions == nil { // those of a dialect have places of their own
		c.guard.rewrite(h, c.refresh.fresh)
	}
	if c.refresh.identity && field.Lines(h, "Accept-Encoding") == nil {
		// net/http would ask for gzip, and the server might then compare with
		// the tag of the compressed representation.
		h["Accept-Encoding"] = []string{"identity"}
	}
}

package ifmatch

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// Trace is a set of functions that observe what becomes of writes: each attempt, what is
// done about a refusal or a failure, and how the call ends. Any of them may be nil; the
// zero Trace observes nothing. They run on the goroutine of the RoundTrip, one after
// another for one call and concurrently for several, and should return soon: the call
// waits for them. They can't change what is done. If one panics, the panic goes on to the
// caller of RoundTrip.
//
// Each info has the context of the caller's request, for spans and loggers. Reads of the
// caller's own aren't observed. Without a Trace nothing of this costs anything.
type Trace struct {
	// Attempting is called before each write is sent, the first included.
	Attempting func(AttemptingInfo)

	// Attempted is called when a write was answered, or failed.
	Attempted func(AttemptedInfo)

	// AnswerLost is called after Attempted for the first write of a call whose effect
	// is unknown: it may have been applied.
	AnswerLost func(AnswerLostInfo)

	// Refused is called for each refusal, under every policy, before the policy
	// is asked.
	Refused func(RefusedInfo)

	// Refreshing is called before each refresh request, repeats included.
	Refreshing func(RefreshInfo)

	// Waiting is called before each wait for a time: of the pace, of
	// Retry-After, of a validator that is too new. The wait for other writers
	// of this process isn't told; Outcome.Waited includes it.
	Waiting func(WaitInfo)

	// Done is called when the call of a write ends, also where the write met nothing, so
	// that a rate can be computed; and when a read of Get, Update or Resource ends that
	// was repeated after a failure. It isn't called for a write of which nothing was sent,
	// since the dialect or the precondition is invalid.
	Done func(DoneInfo)
}

// AttemptingInfo describes a write that is about to be sent.
type AttemptingInfo struct {
	Context context.Context // of the caller's request
	Method  string
	URL     string     // without user information and query values
	Attempt int        // writes sent so far, this one included
	Sent    Validators // what its precondition names
}

// AttemptedInfo describes a write that was answered, or failed.
type AttemptedInfo struct {
	Context  context.Context // of the caller's request
	Attempt  int             // writes sent so far, this one included
	Exchange Exchange        // the write and its answer, as the Outcome has them
}

// AnswerLostInfo describes a write that may have been applied although its answer doesn't
// say so.
type AnswerLostInfo struct {
	Context    context.Context // of the caller's request
	Method     string
	URL        string // without user information and query values
	Attempt    int    // writes sent so far, this one included
	StatusCode int    // 0 without an answer
	Err        error  // nil with an answer
}

// RefusedInfo describes a refusal.
type RefusedInfo struct {
	Context    context.Context // of the caller's request
	Method     string
	URL        string // without user information and query values
	StatusCode int
	Attempt    int        // writes sent so far
	Sent       Validators // what the precondition named
}

// RefreshInfo describes a refresh request that is about to be sent.
type RefreshInfo struct {
	Context context.Context // of the caller's request
	Method  string
	URL     string // without user information and query values
	Attempt int    // writes sent so far
}

// WaitInfo describes a wait that is about to begin.
type WaitInfo struct {
	Context  context.Context // of the caller's request
	Reason   string          // such as "pace", "Retry-After" or "validator of the last second"
	Duration time.Duration
	Attempt  int // writes sent so far
}

// DoneInfo describes a call that has ended.
type DoneInfo struct {
	Context context.Context // of the caller's request

	// Outcome is the one that the caller can have. It shares its Exchanges with that one,
	// so leave them as they are.
	Outcome Outcome
}

// traceAttempting tells of a write that is about to be sent. Where a function of the caller
// panics, nobody else closes the body.
func (c *call) traceAttempting(write *http.Request) {
	if len(c.traces) == 0 {
		return
	}
	returned := false
	defer func() {
		if !returned {
			closeBody(write)
			c.release()
		}
	}()
	for _, t := range c.traces {
		if t.Attempting != nil {
			g := c.dialect.Of(write)
			t.Attempting(AttemptingInfo{c.req.Context(), write.Method, redact.URL(write.URL), c.told.outcome.Attempts, Validators(g.Sent())})
		}
	}
	returned = true
}

// traceAttempted tells of a write that was recorded just now.
func (c *call) traceAttempted() {
	if c.reads(c.sent.write) {
		return // a read, or a write that a redirect made one
	}
	for _, t := range c.traces {
		if t.Attempted != nil {
			all := c.told.outcome.Exchanges
			t.Attempted(AttemptedInfo{c.req.Context(), c.told.outcome.Attempts, all[len(all)-1]})
		}
	}
}

// traceAnswerLost tells of the first attempt whose effect is unknown. It is logged as it
// happens, since the call may go on for long, and may never return.
func (c *call) traceAnswerLost(resp *http.Response, err error) {
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
	for _, t := range c.traces {
		if t.AnswerLost != nil {
			t.AnswerLost(AnswerLostInfo{c.req.Context(), c.sent.write.Method, redact.URL(c.sent.write.URL), c.told.outcome.Attempts, status, redact.Brief(err)})
		}
	}
	if err == nil {
		c.log(slog.LevelWarn, "ifmatch: answer lost: the write may have been applied", slog.Int("status", status))
		return
	}
	c.log(slog.LevelWarn, "ifmatch: answer lost: the write may have been applied", slog.String("err", c.logged(err)))
}

// traceRefused tells of a refusal and of the guard that was refused. What is told is
// redacted here, so that no observer can log a secret.
func (c *call) traceRefused(g *guard.Guard, status int) {
	for _, t := range c.traces {
		if t.Refused != nil {
			t.Refused(RefusedInfo{c.req.Context(), c.sent.write.Method, redact.URL(c.sent.write.URL), status, c.told.outcome.Attempts, Validators(g.Sent())})
		}
	}
	if !c.logger.Enabled(c.req.Context(), slog.LevelDebug) {
		return
	}
	c.log(slog.LevelDebug, "ifmatch: write refused", slog.Int("status", status),
		slog.String("sent", sentText(g, c.sent.write.Header)), slog.String("policy", policyName(c.policy)),
		slog.String("cause", c.refused.cause.String()), slog.String("cure", cmp.Or(c.cureFor(c.refused.cause), c.refused.cause.about().Cure)))
}

// traceRefreshing tells of a refresh that is about to be sent. url is redacted already.
func (c *call) traceRefreshing(method, url string) {
	for _, t := range c.traces {
		if t.Refreshing != nil {
			t.Refreshing(RefreshInfo{c.req.Context(), method, url, c.told.outcome.Attempts})
		}
	}
	c.log(slog.LevelDebug, "ifmatch: refreshing", slog.String("with", method))
}

// traceWaiting tells of a wait that will be begun. A wait that can't end in time isn't
// told.
func (c *call) traceWaiting(reason string, d time.Duration) {
	for _, t := range c.traces {
		if t.Waiting != nil {
			t.Waiting(WaitInfo{c.req.Context(), reason, d, c.told.outcome.Attempts})
		}
	}
	c.log(slog.LevelDebug, "ifmatch: waiting", slog.String("reason", reason), slog.Duration("wait", d))
}

// traceDone tells of the end of a call.
func (c *call) traceDone() {
	if !c.told.handled && c.reads(c.req) {
		return // a read that met nothing
	}
	for _, t := range c.traces {
		if t.Done != nil {
			t.Done(DoneInfo{c.req.Context(), c.told.outcome})
		}
	}
	if c.told.handled {
		c.logDone()
	}
}

// logDone logs the end of a call whose first answer wasn't its last. An end with an error
// is a warning: somebody should look at it. A write that only creates, and met what is
// there, is none: that is what it asked.
func (c *call) logDone() {
	met := "failure" // it may have met both: the conflict is what the caller asks about
	if c.refused.count > 0 {
		met = "conflict"
	}
	attrs := []slog.Attr{
		slog.String("effect", c.told.outcome.Effect.String()),
		slog.String("cause", c.told.outcome.Cause.String()),
		slog.Int("requests", len(c.told.outcome.Exchanges)),
		slog.Duration("waited", c.told.outcome.Waited),
	}
	var refused *refusedError
	err := c.told.outcome.Err
	if errors.As(err, &refused) {
		attrs, err = append(attrs, refused.attrs()...), refused.why
	}
	if err != nil {
		attrs = append(attrs, slog.String("err", c.logged(err)))
	}
	switch {
	case c.told.outcome.Err != nil && c.told.outcome.Cause != CauseExists:
		c.log(slog.LevelWarn, "ifmatch: "+met+" not resolved", attrs...)
	case c.told.outcome.Overwrote:
		c.log(slog.LevelInfo, "ifmatch: "+met+" resolved: a state that the caller had not seen was replaced", attrs...)
	default:
		c.log(slog.LevelInfo, "ifmatch: "+met+" resolved", attrs...)
	}
}

// logged is the text of an error as it may be logged. What a URL of the call keeps secret
// is taken out, in each spelling that net/http or a policy may have put into the text.
// The text is cut where it is long, since a server may have written most of it.
func (c *call) logged(err error) string {
	text := err.Error()
	// The write may go to another URL than the call: a version in its query is a new one.
	for _, u := range []*url.URL{c.req.URL, c.sent.write.URL} {
		text = strings.ReplaceAll(text, u.String(), redact.URL(u))
		text = strings.ReplaceAll(text, u.Redacted(), redact.URL(u))
		if u.RawQuery != "" {
			text = strings.ReplaceAll(text, u.RawQuery, "…")
		}
	}
	// A policy of the caller's may have called another URL.
	if e := (*url.Error)(nil); errors.As(err, &e) && e.URL != "" {
		text = strings.ReplaceAll(text, e.URL, "…")
	}
	return bounded(text)
}

// bounded is the beginning of a text, cut between two runes: half a rune would be invalid
// in the log.
func bounded(text string) string {
	if len(text) <= mostLogged {
		return text
	}
	return strings.ToValidUTF8(text[:mostLogged], "") + "…"
}

// mostLogged is how many bytes of an error are logged.
const mostLogged = 512

// log writes one record about the call. It asks the handler first, so that nothing is put
// together in vain.
func (c *call) log(level slog.Level, message string, attrs ...slog.Attr) {
	ctx := c.req.Context()
	if !c.logger.Enabled(ctx, level) {
		return
	}
	attrs = append([]slog.Attr{
		slog.String("method", c.sent.write.Method),
		slog.String("url", redact.URL(c.sent.write.URL)),
		slog.Int("attempt", c.told.outcome.Attempts),
	}, attrs...)
	c.logger.LogAttrs(ctx, level, message, attrs...)
}

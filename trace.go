package ifmatch

import (
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// Trace is a set of functions that observe what is done about a refused write, or
// about a failure that is repeated. Any of them may be nil; the zero Trace observes
// nothing. They run on the goroutine of the RoundTrip, one after another for one
// call and concurrently for several, and should return soon: the call waits for
// them. They can't change what is done. If one panics, the panic goes on to the
// caller of RoundTrip.
//
// An answer that comes back untouched, and is no refusal, isn't observed.
type Trace struct {
	// Refused is called for each refusal, under every policy, before the policy
	// is asked.
	Refused func(RefusedInfo)

	// Refreshing is called before each refresh request, repeats included.
	Refreshing func(RefreshInfo)

	// Waiting is called before each wait for a time: of the pace, of
	// Retry-After, of a validator that is too new. The wait for other writers
	// of this process isn't told; Outcome.Waited includes it.
	Waiting func(WaitInfo)

	// Done is called when a call ends that met a refusal, or a failure that was
	// repeated, with the same Outcome that the caller can have. It shares its
	// Exchanges with that one, so leave them as they are.
	Done func(Outcome)
}

// RefusedInfo describes a refusal.
type RefusedInfo struct {
	Method     string
	URL        string // without user information and query values
	StatusCode int
	Attempt    int        // writes sent so far
	Sent       Validators // what the precondition named
}

// RefreshInfo describes a refresh request that is about to be sent.
type RefreshInfo struct {
	Method  string
	URL     string // without user information and query values
	Attempt int    // writes sent so far
}

// WaitInfo describes a wait that is about to begin.
type WaitInfo struct {
	Reason   string // such as "pace", "Retry-After" or "validator of the last second"
	Duration time.Duration
	Attempt  int // writes sent so far
}

// traceRefused tells of a refusal and of the guard that was refused. What is told is
// redacted here, so that no observer can log a secret.
func (c *call) traceRefused(g *guard.Guard, status int) {
	for _, t := range c.traces {
		if t.Refused != nil {
			t.Refused(RefusedInfo{c.sent.write.Method, redact.URL(c.sent.write.URL), status, c.told.outcome.Attempts, Validators(g.Sent())})
		}
	}
	c.log(slog.LevelDebug, "ifmatch: write refused", slog.Int("status", status))
}

// traceRefreshing tells of a refresh that is about to be sent. url is redacted already.
func (c *call) traceRefreshing(method, url string) {
	for _, t := range c.traces {
		if t.Refreshing != nil {
			t.Refreshing(RefreshInfo{method, url, c.told.outcome.Attempts})
		}
	}
	c.log(slog.LevelDebug, "ifmatch: refreshing", slog.String("with", method))
}

// traceWaiting tells of a wait that will be begun. A wait that can't end in time isn't
// told.
func (c *call) traceWaiting(reason string, d time.Duration) {
	for _, t := range c.traces {
		if t.Waiting != nil {
			t.Waiting(WaitInfo{reason, d, c.told.outcome.Attempts})
		}
	}
	c.log(slog.LevelDebug, "ifmatch: waiting", slog.String("reason", reason), slog.Duration("wait", d))
}

// traceDone tells of the end of a call whose first answer wasn't its last. An end with an
// error is logged as a warning: somebody should look at it.
func (c *call) traceDone() {
	for _, t := range c.traces {
		if t.Done != nil {
			t.Done(c.told.outcome)
		}
	}
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
	if err := c.told.outcome.Err; err != nil {
		c.log(slog.LevelWarn, "ifmatch: "+met+" not resolved", append(attrs, slog.String("err", c.logged(err)))...)
		return
	}
	c.log(slog.LevelInfo, "ifmatch: "+met+" resolved", attrs...)
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

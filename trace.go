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
// about a failure that is repeated. Any of them may be
// nil. They run on the caller's goroutine, one after another for one call and
// concurrently for several, and should return soon: the call waits for them.
type Trace struct {
	// Refused is called for each refusal that is looked at.
	Refused func(RefusedInfo)

	// Refreshing is called before each refresh request.
	Refreshing func(RefreshInfo)

	// Waiting is called before each wait.
	Waiting func(WaitInfo)

	// Done is called when a call ends that met a refusal, or a failure that was
	// repeated, with the same Outcome that the caller can have.
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

func (c *call) traceRefused(g *guard.Guard, status int) {
	for _, t := range c.traces {
		if t.Refused != nil {
			t.Refused(RefusedInfo{c.sent.write.Method, redact.URL(c.sent.write.URL), status, c.told.outcome.Attempts, Validators(g.Sent())})
		}
	}
	c.log(slog.LevelDebug, "ifmatch: write refused", slog.Int("status", status))
}

func (c *call) traceRefreshing(method, url string) {
	for _, t := range c.traces {
		if t.Refreshing != nil {
			t.Refreshing(RefreshInfo{method, url, c.told.outcome.Attempts})
		}
	}
	c.log(slog.LevelDebug, "ifmatch: refreshing", slog.String("with", method))
}

func (c *call) traceWaiting(reason string, d time.Duration) {
	for _, t := range c.traces {
		if t.Waiting != nil {
			t.Waiting(WaitInfo{reason, d, c.told.outcome.Attempts})
		}
	}
	c.log(slog.LevelDebug, "ifmatch: waiting", slog.String("reason", reason), slog.Duration("wait", d))
}

func (c *call) traceDone() {
	for _, t := range c.traces {
		if t.Done != nil {
			t.Done(c.told.outcome)
		}
	}
	met := "failure"
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

// logged is the text of an error without what a URL of the call keeps secret, or
// its beginning: a server may have written much of it.
func (c *call) logged(err error) string {
	text := err.Error()
	for _, u := range []*url.URL{c.req.URL, c.sent.write.URL} {
		text = strings.ReplaceAll(text, u.String(), redact.URL(u))
		text = strings.ReplaceAll(text, u.Redacted(), redact.URL(u))
		if u.RawQuery != "" {
			text = strings.ReplaceAll(text, u.RawQuery, "…")
		}
	}
	if e := (*url.Error)(nil); errors.As(err, &e) && e.URL != "" {
		text = strings.ReplaceAll(text, e.URL, "…")
	}
	return bounded(text)
}

func bounded(text string) string {
	if len(text) <= mostLogged {
		return text
	}
	return strings.ToValidUTF8(text[:mostLogged], "") + "…"
}

const mostLogged = 512

// log asks the handler first, so that nothing is put together in vain.
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

package ifmatch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
	"github.com/ifmatch-go/ifmatch/internal/replay"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// mayRefuse reports whether resp may refuse a write, and nobody below has dealt
// with that yet. Safe methods and requests with Content-Range pass through: their
// 412 is no lost update.
func mayRefuse(req *http.Request, resp *http.Response, d *guard.Dialect) bool {
	if resp == nil || !d.RefusesWith(resp.StatusCode) {
		return false
	}
	if req.URL == nil || semantics.Safe(req.Method) || field.Lines(req.Header, "Content-Range") != nil {
		return false
	}
	// A final refusal of a Transport of ours below stays one, so that the
	// retries of two don't multiply.
	r := recordOf(resp)
	return r == nil || !r.final
}

// isRefused reports whether resp refuses the write, and notes what the dialect says of
// it.
func (c *call) isRefused(resp *http.Response) bool {
	c.refused.noteVerdict(dialect.Verdict{})
	if !mayRefuse(c.sent.write, resp, c.dialect) {
		return false
	}
	if c.dialect.Judge == nil { // as in RFC 9110, where the status says all
		return true
	}
	verdict := c.verdictOn(resp)
	c.refused.noteVerdict(verdict)
	return verdict.Kind() != dialect.KindPasses && verdict.Kind() != dialect.KindAgain
}

// readGuard looks for a version in the body of a refused write, where the dialect
// has one there and there is no other. The body of a write that can't be had
// again isn't looked into: there is nothing to send then.
func (c *call) readGuard() error {
	if !c.dialect.LooksIntoBody(c.sent.write) || c.sent.payload.Empty() || c.sent.guard.Kind != guard.None && c.sent.guard.Versions == nil {
		return nil
	}
	elsewhere := c.sent.guard.Versions != nil // then the body may be anything
	body, err := c.bodyOf(&c.sent.payload)
	if err != nil {
		return unless(elsewhere && !maybeJSON(c.sent.write.Header), err)
	}
	inBody, err := c.dialect.VersionsIn(body, c.sent.write)
	if err != nil {
		return unless(elsewhere && !errors.Is(err, jsonedit.ErrTwice), fmt.Errorf("ifmatch: dialect %s: the body that was sent: %w", c.dialect.Name, err))
	}
	verdict := c.refused.verdict.Kind()
	switch all := slices.Concat(c.sent.guard.Versions, inBody); {
	case all != nil:
		c.sent.foundInBody(guard.OfVersions(all))
	case c.dialect.CreatesWithoutVersion(c.sent.write) && (verdict == dialect.KindConflict || verdict == dialect.KindExpired):
		c.sent.foundInBody(guard.Guard{Kind: guard.Create})
	}
	return nil
}

// maybeJSON reports whether a body may be JSON by its Content-Type.
func maybeJSON(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return kind == "" || strings.HasSuffix(strings.ToLower(strings.TrimSpace(kind)), "json")
}

func unless(condition bool, err error) error {
	if condition {
		return nil
	}
	return err
}

// bodyOf returns the body of a write that was sent, at most WithMaxRepresentation
// bytes of it.
func (c *call) bodyOf(sent *replay.Body) ([]byte, error) {
	if err := sent.Reason(); err != nil {
		return nil, err
	}
	if sent.Empty() {
		return nil, nil
	}
	if sent.Length() > c.maxRepresentation {
		return nil, fmt.Errorf("%w: %w: a body of %d bytes may carry a version, and WithMaxRepresentation is %d", ErrNotReplayable, ErrTooLarge, sent.Length(), c.maxRepresentation)
	}
	body, err := sent.Open(c.awaitDone)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := drain.UpTo(body, c.maxRepresentation, sent.Length())
	if err != io.EOF {
		return nil, fmt.Errorf("%w: read body: %w", ErrNotReplayable, err)
	}
	return data, nil
}

// putVersions puts the fresh versions into the places of the next write, where they
// aren't those of RFC 9110. It returns the body to send.
func (c *call) putVersions(next *http.Request, p replay.Body, fresh []guard.Version) (replay.Body, error) {
	guard.Put(next, fresh)
	if !guard.InBody(fresh) {
		return p, nil
	}
	body, err := c.bodyOf(&p)
	if err == nil {
		body, err = guard.PutIntoBody(body, fresh)
	}
	if err != nil {
		return p, fmt.Errorf("ifmatch: dialect %s: %w", c.dialect.Name, err)
	}
	replay.DropDescription(next, c.sent.write.Header)
	return replay.From(body), nil
}

// fixedKey reports whether the next write has no Idempotency-Key of its own where the
// refused one had one: the server may replay the stored refusal.
func fixedKey(refused, next http.Header) bool {
	for _, name := range semantics.IdempotencyKeys {
		old := field.Lines(refused, name)
		fresh := field.Lines(next, name)
		if old != nil && (fresh == nil || slices.Equal(old, fresh)) {
			return true
		}
	}
	return false
}

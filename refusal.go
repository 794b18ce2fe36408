package ifmatch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/replay"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// mayRefuse reports whether resp may refuse a write, and no Transport below has dealt
// with that yet. It goes by request and header alone, and reads no body.
func mayRefuse(req *http.Request, resp *http.Response, d *guard.Dialect) bool {
	if resp == nil || !d.RefusesWith(resp.StatusCode) {
		return false
	}
	// The 412 of a read is no lost update, and a part of a representation can't be
	// built anew from a whole one.
	if req.URL == nil || semantics.Safe(req.Method) || field.Lines(req.Header, "Content-Range") != nil {
		return false
	}
	// What a Transport of ours below has handled stays so. The attempts of two policies
	// would multiply.
	r := recordOf(resp)
	return r == nil || !r.left.handled
}

// passesThrough reports whether the caller gets a refusal untouched: its body isn't read,
// no policy is asked, and nothing is sent.
func (c *call) passesThrough(g *guard.Guard) bool {
	switch {
	// The refusal may speak of the call's own write, so it can't be the answer as it is.
	case c.doubt.first != nil:
		return false
	// The policy hands on each refusal, and a write id has no question.
	case c.traits.stops && c.sent.writeID == "":
		return true
	}
	// A 412 that isn't about a precondition. After the policy has dropped the
	// precondition the refusal is one of a series.
	return c.refused.cause == CauseUnattributed && g.Kind == guard.None && c.sent.basis == ofCaller
}

// whyStop returns the ending of a refusal which shows that nothing sent again can help.
// The zero ending leaves the refusal to the policy.
func (c *call) whyStop(g *guard.Guard) ending {
	scheme := c.dialect.Signed(c.req)
	switch {
	// With another precondition the signature would be wrong.
	case scheme != "":
		return because(CauseSignedAbove, fmt.Errorf("ifmatch: %s shows that the request was signed above the Transport, so nothing in it can be rewritten", scheme))
	// The caller's tag named a state of the first origin. The state here is another
	// document's, and a fresh tag of it would let the write replace that. Update has an
	// answer of its own: it looks for its mark.
	case !c.traits.update && leftOrigin(c.req):
		return because(CauseNone, fmt.Errorf("ifmatch: redirected to %s %q, which is another origin: use that URL", c.req.Method, redact.URL(c.req.URL)))
	// The refresh gave the refused validator twice, and it is refused once more.
	case c.sent.sameAgain:
		return because(c.persistentCause(g), errors.New("ifmatch: the server refuses the validator that it gives"))
	// A date that was read just now is refused: the server compares it in its own way,
	// to the fraction of a second say.
	case c.sent.basis != ofCaller && c.sent.basis != ofNothing && g.Kind == guard.Date:
		return because(CauseStaleDate, errors.New("ifmatch: the server refuses its own Last-Modified"))
	case c.exhausted():
		return because(CauseNone, ErrAttempts)
	}
	return ending{}
}

// leftOrigin reports whether redirects, which http.Client follows, led a request to
// another origin than the one that the caller's own request went to. Where a base leaves
// out Response.Request, the first origin isn't known, and counts as another.
func leftOrigin(req *http.Request) bool {
	first := req
	for first.Response != nil {
		if first = first.Response.Request; first == nil || first.URL == nil {
			return true
		}
	}
	return first != req && !hosts.SameOrigin(first, req)
}

// persistentCause is why a validator is refused that the refresh confirmed, as its form
// and the answer to the refresh show.
func (c *call) persistentCause(g *guard.Guard) Cause {
	var confirmed learnt
	if last := c.refused.conflict; last != nil {
		confirmed = last.refresh
	}
	return Cause(cause.OfConfirmed(g, confirmed.Fresh, c.dialect.WeakTags, confirmed.cached))
}

// readGuard looks for a version in the body of a refused write, where the dialect
// has one there, and adds it to the guard of the write. Only a refused write is
// looked into: the happy path opens no body twice. The error says why the body can't be
// read; the write can't be sent again then.
func (c *call) readGuard() error {
	// The dialect has none there, or RFC 9110's precondition guards the write.
	if !c.dialect.LooksIntoBody(c.sent.write) || c.sent.payload.Empty() || c.sent.guard.Kind != guard.None && c.sent.guard.Versions == nil {
		return nil
	}
	// What was found in the body before is looked for anew.
	before := slices.DeleteFunc(slices.Clone(c.sent.guard.Versions), guard.Version.InBody)
	elsewhere := len(before) > 0 // then the body may be anything
	body, err := c.bodyOf(&c.sent.payload)
	if err != nil {
		return unless(elsewhere && !maybeJSON(c.sent.write.Header), err)
	}
	inBody, err := c.dialect.VersionsIn(body, c.sent.write)
	if err != nil {
		return unless(elsewhere && !errors.Is(err, jsonedit.ErrTwice), fmt.Errorf("ifmatch: dialect %s: the body that was sent: %w", c.dialect.Name, err))
	}
	verdict := c.refused.verdict.Kind()
	switch all := slices.Concat(before, inBody); {
	case all != nil:
		c.sent.foundInBody(guard.OfVersions(all))
	// The API takes a write without a version for one that only creates, and there is
	// something already.
	case c.dialect.CreatesWithoutVersion(c.sent.write) && (verdict == dialect.KindConflict || verdict == dialect.KindExpired):
		c.sent.foundInBody(guard.Guard{Kind: guard.Create})
	}
	return nil
}

// conditional reports whether the write has a precondition, in a place where the API looks, or
// is one by having none: a create. A body that can't be looked into at once may have one, where
// the dialect has versions there.
func (c *call) conditional() bool {
	switch {
	case c.sent.guard.Kind == guard.Foreign:
		return semantics.Conditional(c.sent.write.Header) // a lock is another matter
	case c.sent.guard.Kind != guard.None:
		return !c.dialect.Misplaces(&c.sent.guard)
	case c.sent.payload.Empty() || !c.dialect.LooksIntoBody(c.sent.write):
		return false
	case c.sent.payload.Copied():
		return true // base may still read it, and the call is at its end
	}
	err := c.readGuard()
	if errors.Is(err, ErrNotReplayable) || c.sent.guard.Kind != guard.None {
		return true
	}
	// The API takes it for one that only creates. A POST makes a document of its own, as a rule.
	return err == nil && c.sent.write.Method == http.MethodPut && c.dialect.CreatesWithoutVersion(c.sent.write)
}

// maybeJSON reports whether a body may be JSON by its Content-Type. Without one it may
// be.
func maybeJSON(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return kind == "" || strings.HasSuffix(strings.ToLower(strings.TrimSpace(kind)), "json")
}

// unless is err where the condition doesn't hold, and nil where it does.
func unless(condition bool, err error) error {
	if condition {
		return nil
	}
	return err
}

// bodyOf returns the whole body of a write that was sent, nil where it had none. A body
// of more than WithMaxRepresentation bytes is an error: it would have to be in memory
// as a whole. So is one that can't be opened anew. Each error matches ErrNotReplayable.
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

// putState puts the state that a policy has made into the body that was refused, where that
// has more than the state.
func (c *call) putState(d *Decision) error {
	if d.kind != decideReplace || c.dialect.WriteState == "" {
		return nil
	}
	body, err := c.bodyOf(&c.sent.payload)
	if err == nil {
		body, err = c.dialect.WithState(body, d.body)
	}
	d.body = body
	return err
}

// putVersions puts the fresh versions into the places of the next write: fields and the
// query are changed in next, the body is returned. Where fresh is nil, as in RFC 9110,
// next and the body stay as they are.
func (c *call) putVersions(next *http.Request, p replay.Body, fresh []guard.Version) (replay.Body, error) {
	err := guard.Put(next, fresh)
	if err == nil && !guard.InBody(fresh) {
		return p, nil
	}
	var body []byte
	if err == nil {
		body, err = c.bodyOf(&p)
	}
	if err == nil {
		body, err = guard.PutIntoBody(body, fresh)
	}
	if err != nil {
		return p, fmt.Errorf("ifmatch: dialect %s: %w", c.dialect.Name, err)
	}
	// Digests, codings and trailers described the old bytes.
	replay.DropDescription(next, c.sent.write.Header)
	return replay.From(body), nil
}

// fixedKey reports whether the next write has no Idempotency-Key of its own where the
// refused one had one. The server may then answer with the stored refusal, without
// looking at the fresh precondition.
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

// heeded is what follows a refusal: next, unless the API ignores the guard that it has by now.
func (c *call) heeded(next *http.Request, end ending) (*http.Request, ending) {
	if end.ends() {
		return nil, end
	}
	if err := unguardedBy(next, c.dialect); err != nil {
		closeBody(next)
		return nil, because(c.refused.cause, err)
	}
	return next, end
}

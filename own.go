package ifmatch

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/internal/field"
)

// ownWrite ends a call whose write was found to have been applied.
type ownWrite struct{ conflict *Conflict }

func (ownWrite) Error() string { return "ifmatch: applied by an earlier attempt" }

// isOwn reports whether the current state is what this call wanted: the body
// that was sent, or nothing after DELETE. It shows that the state is as wanted,
// not who made it so. A read that carries the refused tag is stale and shows
// nothing.
func (c *call) isOwn(conflict *Conflict) bool {
	if signedAbove(c.req) != "" {
		return false // nothing can be asked
	}
	ctx := c.policyContext()
	cause := c.outcome.Cause
	defer func() { c.outcome.Cause = cause }()
	switch c.write.Method {
	case http.MethodDelete:
		err := conflict.refresh.learn(ctx, conflict, false)
		return err != nil && c.outcome.Cause == CauseGone
	case http.MethodPut:
		if c.payload.Length() > c.maxRepresentation || !c.payload.Replayable() || c.dialect.versionOnly(c.write) {
			return false
		}
		err := conflict.refresh.learn(ctx, conflict, true)
		if errors.Is(err, ErrTooLarge) {
			conflict.refresh.forget() // HEAD may still say
		}
		return err == nil && !conflict.refresh.Unchanged && conflict.holdsOwn()
	}
	return false
}

// holdsOwn reports whether the state that was read is the body that was sent. It
// is compared before the policy has it, who may change it.
func (c *Conflict) holdsOwn() bool {
	if !c.compared && c.refresh.state != nil {
		c.compared, c.own = true, c.call.sent(c.refresh.state)
	}
	return c.own
}

// sent reports whether the representation is the body that was sent.
func (c *call) sent(current *Representation) bool {
	if !slices.Equal(field.Lines(c.write.Header, "Content-Encoding"), field.Lines(current.Header, "Content-Encoding")) {
		return false
	}
	if c.payload.Empty() {
		return len(current.Body) == 0
	}
	if !c.payload.SentWhole() {
		return false
	}
	body, err := c.payload.Open(c.awaitDone)
	if err != nil {
		return false
	}
	defer body.Close()
	theirs := bytes.NewReader(current.Body)
	mine := io.LimitReader(body, int64(len(current.Body))+1)
	return equalStreams(mine, theirs)
}

// equalStreams compares without holding either whole.
func equalStreams(a, b io.Reader) bool {
	one, two := make([]byte, 16<<10), make([]byte, 16<<10)
	for {
		n, errA := io.ReadFull(a, one)
		m, errB := io.ReadFull(b, two)
		if !bytes.Equal(one[:n], two[:m]) {
			return false
		}
		endA, endB := errA == io.EOF || errA == io.ErrUnexpectedEOF, errB == io.EOF || errB == io.ErrUnexpectedEOF
		if endA || endB {
			return endA && endB
		}
		if errA != nil || errB != nil {
			return false
		}
	}
}

// applied ends the call with the response to a write that was found applied.
func (c *call) applied(conflict *Conflict) (*http.Response, error) {
	c.outcome.Effect, c.outcome.Cause, c.outcome.Err = EffectApplied, CauseOwnEarlierWrite, nil
	c.outcome.Overwrote = c.first != nil && c.first.blind
	resp := &http.Response{
		Status: "204 No Content", StatusCode: http.StatusNoContent,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: c.write,
	}
	if v := conflict.refresh.Fresh; v.ETag != "" && conflict.guard.placed == nil {
		resp.Header["Etag"] = []string{v.ETag}
	}
	if v := conflict.refresh.Fresh; v.LastModified != "" {
		resp.Header["Last-Modified"] = []string{v.LastModified}
	}
	c.done()
	return c.returned(resp, true), nil
}

// deletedEarlier reports whether a repeated DELETE found nothing.
func (c *call) deletedEarlier(resp *http.Response) bool {
	return c.first != nil && c.first.resp != resp && c.write.Method == http.MethodDelete &&
		(resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone)
}

// endDelete ends the call of a repeated DELETE that found nothing: that the
// resource is gone doesn't show who deleted it.
func (c *call) endDelete(resp *http.Response) (*http.Response, error) {
	c.startClock()
	c.refusal, c.kept = resp, nil
	c.keepRefusal()
	if c.uniqueBody || c.traits.lastWriterWins {
		return c.applied(c.newConflict(c.guard))
	}
	c.outcome.Cause = CauseUnattributed
	return c.unknown(errAmbiguousPolicy)
}

package ifmatch

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// digestedBody is the body of a read. Its digest counts once the caller has seen
// the end.
type digestedBody struct {
	io.ReadCloser
	visit         visit
	tag           string
	sum           hash.Hash // nil: ended, or too long
	read          int64
	limit, length int64
}

func (b *digestedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.sum == nil {
		return n, err
	}
	if b.read += int64(n); b.read > b.limit {
		b.sum = nil
		return n, err
	}
	b.sum.Write(p[:n])
	switch {
	case err == io.EOF:
		b.end()
	case err != nil:
		b.sum = nil
	}
	return n, err
}

// end notes the digest of a body that was as long as announced.
func (b *digestedBody) end() {
	if b.length < 0 || b.read == b.length {
		b.visit.digested(b.tag, [sha256.Size]byte(b.sum.Sum(nil)))
	}
	b.sum = nil
}

// recalls reports whether the refused write was guarded by a state that the flow
// has seen whole, so that a look at the current one may show a false conflict.
func (c *call) recalls(g guard) bool {
	return c.seen.digest != nil && c.first == nil && !c.keyed && !c.traits.update &&
		c.refusal.StatusCode == http.StatusPreconditionFailed &&
		g.kind == guardTags && len(g.tags) == 1 && g.names(c.seen.tag) &&
		!c.exhausted() && c.payload.Replayable() && !c.dialect.versionOnly(c.write)
}

// resolveSeen decides on a refusal where the current state is the one that the
// flow has seen. Otherwise the decision is zero and the policy's turn; what was
// learnt stays with the conflict.
func (c *call) resolveSeen(conflict *Conflict) (Decision, error) {
	cause := c.outcome.Cause
	err := conflict.refresh.learn(c.req.Context(), conflict, true)
	if fatal := (*fatalError)(nil); errors.As(err, &fatal) {
		return Decision{}, err
	}
	switch {
	case errors.Is(err, ErrTooLarge):
		c.outcome.Cause = cause
		conflict.refresh.forget() // HEAD may still say, without another wait
		conflict.refresh.started = true
	case err != nil:
		if c.traits.asksNothing {
			c.outcome.Cause = cause // it needs no refresh
		}
	case !semantics.Coded(conflict.refresh.state.Header) && !etag.Weak(conflict.refresh.Fresh.ETag) &&
		sha256.Sum256(conflict.refresh.state.Body) == *c.seen.digest:
		return Decision{conflict: conflict, kind: decideSeen}, nil
	}
	return Decision{}, nil
}

package ifmatch

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// causesOfVerdicts has what each verdict comes to. Where it has CauseNone, the
// precondition that was sent says why.
var causesOfVerdicts = [...]Cause{
	dialect.KindConflict: CauseChanged,
	dialect.KindRequired: CausePreconditionRequired,
	dialect.KindExpired:  CauseTokenExpired,
	dialect.KindExists:   CauseExists,
	dialect.KindGone:     CauseGone,
	dialect.KindChanged:  CauseChanged,
	dialect.KindLocked:   CauseLocked,
	dialect.KindStops:    CauseUnattributed,
}

// verdictOn asks the dialect what an answer means. What it reads of the body is
// put back.
func (c *call) verdictOn(resp *http.Response) dialect.Verdict {
	request := c.sent.write.Clone(c.req.Context())
	request.Body, request.GetBody, request.Header = nil, nil, field.Canonical(request.Header)
	return c.dialect.Judge(dialect.NewAnswer(request, resp.StatusCode, field.Clone(resp.Header), func() []byte { return slices.Clone(drain.Peek(resp)) }))
}

// causeOf reads from the exchange why the write was refused. An error says that there is
// nothing for a policy to handle.
func (c *call) causeOf(g guard, resp *http.Response) (Cause, error) {
	verdict := c.refused.verdict.Kind()
	switch {
	case stops(c.refused.verdict):
		return causesOfVerdicts[verdict], fmt.Errorf("ifmatch: %s: %s", c.dialect.Name, c.refused.verdict.Reason())
	case verdict == dialect.KindRequired:
		return judge(c.sent.write, g, http.StatusPreconditionRequired)
	case verdict == dialect.KindConflict || verdict == dialect.KindExpired:
		cause, why := judge(c.sent.write, g, http.StatusPreconditionFailed)
		if why == nil {
			cause = causesOfVerdicts[verdict]
		}
		return cause, why
	}
	return judge(c.sent.write, g, resp.StatusCode)
}

// stops reports whether nothing is sent after a verdict: no fresh version cures
// the refusal.
func stops(v dialect.Verdict) bool {
	switch v.Kind() {
	case dialect.KindExists, dialect.KindGone, dialect.KindChanged, dialect.KindLocked, dialect.KindStops:
		return true
	}
	return false
}

package ifmatch

import (
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// WithWriteMark puts an id of its own into each PUT under a precondition whose
// dialect has a MarkField: object metadata that the API stores with the object. The id stays the same over
// all attempts of a call. At a refusal the object is asked for its id, under every
// policy, also under Stop: where it is that of the call, an earlier attempt was
// applied, and the call ends as applied with CauseOwnEarlierWrite. That is proof,
// whatever was sent. Where it isn't, nothing is proved: somebody else may have
// written since.
//
// The refusal that the caller gets may then be cut at 64 KiB, also under Stop.
//
// Without a MarkField, under a signature made above the Transport, and where the
// request has the field already, nothing is added. It is off by default.
func WithWriteMark() Option { return optionFunc(func(s *settings) { s.writeMark = true }) }

// newMark returns the id of a write that is marked, empty for any other.
func (c *call) newMark() string {
	if !c.writeMark || c.dialect == nil || c.dialect.MarkField == "" || c.req.Method != http.MethodPut {
		return ""
	}
	if c.dialect.guardOf(c.req).kind == guardNone || field.Lines(c.req.Header, c.dialect.MarkField) != nil || signedAboveURL(c.req) {
		return ""
	}
	if marks := c.dialect.Marks; marks != nil {
		request := c.req.WithContext(c.req.Context())
		request.Header = field.Canonical(c.req.Header)
		if !marks(request) {
			return ""
		}
	}
	return edit.NewID()
}

// bearsMark reports whether the current state is what this call wrote.
func (c *call) bearsMark(conflict *Conflict) bool {
	if c.mark == "" {
		return false
	}
	cause := c.outcome.Cause
	defer func() { c.outcome.Cause = cause }()
	err := conflict.refresh.learn(c.policyContext(), conflict, false)
	lines := field.Lines(conflict.refresh.header, c.dialect.MarkField)
	return err == nil && len(lines) == 1 && lines[0] == c.mark
}

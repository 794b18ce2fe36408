package ifmatch

import (
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// WithWriteID gives each write an id, in metadata that the API stores with the
// object: each PUT under a precondition, where the dialect has a WriteIDField. The id
// stays the same over all attempts of a call. At a refusal the object is asked for
// its id, under every policy, also under Stop. Where the object has the id of the
// call, an earlier attempt was applied, and the call ends as applied with
// CauseOwnEarlierWrite: that is proof, whatever was sent. Another id proves nothing:
// somebody else may have written since.
//
// A write id is in an object's metadata. A mark is in a document: see Marks.
//
// The refusal that the caller gets may then be cut at 64 KiB, also under Stop.
//
// Without a WriteIDField, under a signature made above the Transport, and where the
// request has the field already, nothing is added. It is off by default.
func WithWriteID() Option { return optionFunc(func(s *settings) { s.writeIDs = true }) }

// newWriteID returns the id of a write that gets one, empty for any other.
func (c *call) newWriteID() string {
	if !c.writeIDs || c.dialect.WriteIDField == "" || c.req.Method != http.MethodPut {
		return ""
	}
	if c.dialect.guardOf(c.req).kind == guardNone || field.Lines(c.req.Header, c.dialect.WriteIDField) != nil || signedAboveURL(c.req) {
		return ""
	}
	if may := c.dialect.WriteIDs; may != nil {
		request := c.req.WithContext(c.req.Context())
		request.Header = field.Canonical(c.req.Header)
		if !may(request) {
			return ""
		}
	}
	return edit.NewID()
}

// bearsWriteID reports whether the object has the id of this call.
func (c *call) bearsWriteID(conflict *Conflict) bool {
	if c.writeID == "" {
		return false
	}
	cause := c.outcome.Cause
	defer func() { c.outcome.Cause = cause }()
	err := conflict.refresh.learn(c.policyContext(), conflict, false)
	lines := field.Lines(conflict.refresh.header, c.dialect.WriteIDField)
	return err == nil && len(lines) == 1 && lines[0] == c.writeID
}

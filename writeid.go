package ifmatch

import (
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
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

// takesWriteID reports whether a write may have an id in its object's metadata.
func takesWriteID(req *http.Request, d *guard.Dialect) bool {
	if d.WriteIDField == "" || req.Method != http.MethodPut {
		return false
	}
	if d.Of(req).Kind == guard.None || field.Lines(req.Header, d.WriteIDField) != nil || guard.SignedAbove(req) != "" {
		return false
	}
	if d.WriteIDs == nil {
		return true
	}
	request := req.WithContext(req.Context())
	request.Header = field.Canonical(req.Header)
	return d.WriteIDs(request)
}

// bearsWriteID reports whether the object has the id of this call. What the refresh says
// of the refusal beside that doesn't count: it wasn't asked for that.
func (c *call) bearsWriteID(conflict *Conflict) bool {
	if c.sent.writeID == "" {
		return false
	}
	end := conflict.refresh.learn(c.policyContext(), conflict, false)
	conflict.refresh.end.cause = 0
	lines := field.Lines(conflict.refresh.header, c.dialect.WriteIDField)
	return !end.ends() && len(lines) == 1 && lines[0] == c.sent.writeID
}

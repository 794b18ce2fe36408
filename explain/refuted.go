package explain

import (
	"bytes"
	"slices"

	"github.com/ifmatch-go/ifmatch/internal/cause"
)

// refutes are the codes that aren't true, or whose fixes do harm, where the first one leads and
// both are about one resource. Where one state has several tags, another tag shows no other
// state, and a write under the current tag is refused by chance again.
var refutes = map[string][]string{
	code(cause.UnstableValidator): {code(cause.FalseConflict), code(cause.Unexamined), code(cause.Changed)},
}

// dropRefuted takes out findings that the leading one refutes.
func (r *Report) dropRefuted(s *scene) {
	if len(r.Findings) == 0 || r.Findings[0].Certainty < Likely {
		return
	}
	first := &r.Findings[0]
	codes, about := refutes[first.Code], s.steps[first.Exchange]
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		return slices.Contains(codes, f.Code) && f.Certainty < Certain && sameResource(s.steps[f.Exchange], about)
	})
}

// isOwn reports whether a read shows what a write of this client sent, so that nobody else has
// written since.
func (r *refusal) isOwn(read *step) bool {
	return r.found(Likely, code(cause.OwnEarlierWrite)) && slices.ContainsFunc(append(slices.Clone(r.before), r.step), func(e *step) bool {
		sent := bytes.TrimSpace(e.RequestBody)
		return e.write() && e.Whole && read.Whole && len(sent) > 0 && bytes.Equal(sent, bytes.TrimSpace(read.ResponseBody))
	})
}

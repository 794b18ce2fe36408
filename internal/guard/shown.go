package guard

import (
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// Shown is what a refusal has of the current state, beside that it refuses.
type Shown struct {
	etag.Validators
	Versions []Version // for the places of a dialect; nil: the tag is as in RFC 9110
	State    []byte    // nil: it has none, or that isn't wanted
}

// Shows reports whether refusals of the API have the current version.
func (d *Dialect) Shows() bool { return d.shows }

// ShownBy returns what a refusal has of the current state, for the guard of the write that it
// refuses. It reports false where that isn't all that the next write needs. whole says that
// the Body of the answer is all of it.
func (d *Dialect) ShownBy(a *dialect.Answer, v dialect.Verdict, g *Guard, whole, needState bool) (Shown, bool) {
	if !d.shows || !comparesIn(a, v) || g.Kind != Tags || g.Date != "" {
		return Shown{}, false
	}
	shown, ok := d.versionShown(a, g)
	switch {
	// It may be weak for a moment only, or it guards nothing: a read shows which.
	case ok && shown.Versions == nil && etag.Weak(shown.ETag) && !d.WeakTags:
		return Shown{}, false
	case !ok || !needState:
		return shown, ok
	}
	if d.RefusalState == nil || !whole {
		return Shown{}, false
	}
	shown.State = slices.Clone(d.RefusalState(a))
	return shown, len(shown.State) > 0
}

// comparesIn reports whether a refusal says that the server has compared the version.
func comparesIn(a *dialect.Answer, v dialect.Verdict) bool {
	switch v.Kind() {
	case dialect.KindConflict, dialect.KindExpired:
		return true
	case dialect.KindAsRFC9110:
		return a.StatusCode == http.StatusPreconditionFailed
	}
	return false
}

// versionShown returns the versions in a refusal. The tag of RFC 9110 is the first that is
// there.
func (d *Dialect) versionShown(a *dialect.Answer, g *Guard) (Shown, bool) {
	if g.Versions == nil {
		for _, t := range d.Tokens {
			if tag := shownTag(t, a); tag != "" {
				return Shown{Validators: etag.Validators{ETag: tag}}, true
			}
		}
		return Shown{}, false
	}
	versions := make([]Version, len(g.Versions))
	for i, v := range g.Versions {
		if v.Refusal == nil {
			return Shown{}, false
		}
		v.Value, v.kind = v.Refusal(a), jsonedit.AnyKind
		read, err := v.spelled(v.Sent)
		if err != nil {
			return Shown{}, false
		}
		versions[i] = read
	}
	return Shown{Validators: etag.Validators{ETag: Text(versions)}, Versions: versions}, true
}

// shownTag is the entity-tag in a refusal, empty where the token has none there.
func shownTag(t dialect.Token, a *dialect.Answer) string {
	if !t.Tag || t.Refusal == nil {
		return ""
	}
	switch tag := t.Refusal(a); {
	case t.Write != nil && tag != "":
		return asTag(t.Write, tag)
	case etag.Valid(tag):
		return tag
	}
	return ""
}

package explain

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
)

// freshens are fixes that send the same write under what a new read gives. Where somebody else
// has written between, that replaces what the other one wrote.
var freshens = []string{pageRead, urlRead, mediaRead, tagRead, identityRead, waitRead, tagForDate}

// decide fits the fixes of all findings to what was recorded: without an ETag none is to be
// sent, and after another writer somebody has to look at the change first.
func (r *refusal) decide() {
	rival, tagged := r.rival(), r.guard.Kind != guard.Date || r.tagged()
	for i := range r.findings {
		f := &r.findings[i]
		f.Fixes = fitted(f.Fixes, rival, tagged)
	}
}

// fitted are fixes, the easiest first.
func fitted(fixes []Fix, rival, tagged bool) []Fix {
	var made []Fix
	for _, fix := range fixes {
		switch {
		case fix.Text == tagForDate && !tagged:
			continue
		case fix.Kind != Provider && !tagged:
			fix.Text = strings.ReplaceAll(fix.Text, "ETag", "Last-Modified")
		case rival && fix.Kind == AsIs && slices.Contains(freshens, fix.Text):
			fix = decision("look first at what somebody else has changed; then " + fix.Text)
		}
		made = append(made, fix)
	}
	slices.SortStableFunc(made, func(a, b Fix) int { return int(a.Kind) - int(b.Kind) })
	return made
}

// tagged reports whether an answer at the resource has an ETag, or no read was recorded that
// shows that there is none.
func (r *refusal) tagged() bool {
	var seen bool
	for _, e := range slices.Concat(r.before, r.after) {
		if e.got.ETag != "" {
			return true
		}
		seen = seen || e.read() && e.ResponseHeader != nil
	}
	return !seen
}

// rival reports whether two reads in a row show two states, and this client has changed nothing
// between them.
func (r *refusal) rival() bool {
	var last *step
	for _, e := range slices.Concat(r.before, r.readsAfter()) {
		switch {
		case e.write() && (e.accepted() || e.StatusCode == 0 || e.StatusCode >= http.StatusInternalServerError):
			last = nil
		case !e.read() || e.got == (etag.Validators{}):
		case last != nil && refresh.Differ(last.got, e.got) && !etag.Twins(last.got.ETag, e.got.ETag) && !sameBytes(last, e) && !r.isOwn(e):
			return true
		default:
			last = e
		}
	}
	return false
}

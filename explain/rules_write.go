package explain

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/doubt"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
)

// written: an earlier write of the same client did it, or this one was performed although it
// was refused.
func (r *refusal) written() {
	if r.safe() || r.guard.Kind != guard.Tags && r.guard.Kind != guard.Create && r.guard.Kind != guard.Date {
		return
	}
	own := code(cause.OwnEarlierWrite)
	if first := r.earlier(); first != nil {
		evidence := []Evidence{first.asked(), first.condition(), first.answered(), r.condition(), r.answered()}
		if first.accepted() {
			r.add(own, r.demoted(r.movedOn(first), codeLag), "The same precondition was sent before, and that write was accepted: it moved the state on.", append(evidence, first.validator())...)
			return
		}
		const what = "An earlier write under the same precondition has no answer that says whether it was performed; the refusal may be due to it."
		if stored := r.stored(first); stored != nil {
			r.add(own, Likely, "It was applied: nothing is to be done. An earlier write under the same precondition lost its answer, and a read shows what it sent.",
				append(evidence, stored.asked(), stored.validator())...).Fixes = appliedFixes()
			return
		}
		r.add(own, Possible, what, evidence...)
		return
	}
	if stored := r.stored(r.step); stored != nil {
		r.add(own, Likely, "It was applied: nothing is to be done. A read after the refusal shows what the refused write sent, so something on the way sent it twice.",
			r.asked(), r.condition(), r.answered(), stored.asked(), stored.validator()).Fixes = appliedFixes()
	}
}

// movedOn is how certain it is that an accepted write moved the state on: a read since may show
// the tag or the date from before it.
func (r *refusal) movedOn(first *step) Certainty {
	if slices.ContainsFunc(r.before, func(e *step) bool {
		return e.index > first.index && e.read() && (r.names(e.got.ETag) || r.guard.Kind == guard.Date && e.got.LastModified == r.guard.Date)
	}) {
		return Likely
	}
	return Certain
}

// appliedFixes are those where a read shows that the write was applied.
func appliedFixes() []Fix {
	return []Fix{asIs("nothing: the state is what was sent"), asIs("after an answer that was lost, GET and compare before the write is sent again")}
}

// earlier is the last write before the refusal that had the same precondition and that was
// performed, or may have been; nil: there is none.
func (r *refusal) earlier() *step {
	for _, e := range slices.Backward(r.before) {
		if r.guard.Kind == guard.Create && e.Method == http.MethodDelete && e.accepted() {
			return nil // what was created before is gone
		}
		if e.Method != r.Method || !e.sees() || !sameGuard(&e.guard, &r.guard) {
			continue
		}
		attempt := doubt.Attempt{Safe: e.safe(), Failed: e.StatusCode == 0, Status: e.StatusCode}
		if e.accepted() || attempt.Opens() {
			return e
		}
	}
	return nil
}

func sameGuard(a, b *guard.Guard) bool {
	return a.Kind == b.Kind && slices.Equal(a.Tags, b.Tags) && a.Date == b.Date
}

// stored is a read after the refusal that has what a write sent; nil: there is none.
func (r *refusal) stored(write *step) *step {
	if len(write.RequestBody) == 0 || !write.Whole {
		return nil
	}
	for _, e := range r.readsAfter() {
		if e.read() && e.Whole && bytes.Equal(bytes.TrimSpace(e.ResponseBody), bytes.TrimSpace(write.RequestBody)) && r.wasOther(write) {
			return e
		}
	}
	return nil
}

// wasOther reports whether no read before a write had what it sends: otherwise the write
// changes nothing, and a read shows nothing of it.
func (r *refusal) wasOther(write *step) bool {
	return !slices.ContainsFunc(r.before, func(e *step) bool {
		return e.index < write.index && e.read() && bytes.Equal(bytes.TrimSpace(e.ResponseBody), bytes.TrimSpace(write.RequestBody))
	})
}

// exists: a write that only creates met what is there.
func (r *refusal) exists() {
	reason, _ := guard.Judge(&r.guard, r.StatusCode)
	if reason != guard.ReasonExists || r.found(Likely, code(cause.Exists)) {
		return
	}
	evidence := []Evidence{r.condition(), r.answered()}
	certainty, what := Certain, "The write only creates, and something is there."
	for _, e := range r.readsAfter() {
		if e.StatusCode == http.StatusNotFound || e.StatusCode == http.StatusGone {
			r.add(code(cause.SelfContradiction), Certain, "The server refuses to create the resource since it is there, and a read finds nothing.", append(evidence, e.asked(), e.answered())...)
			return
		}
		if e.read() {
			evidence = append(evidence, e.asked(), e.validator())
		}
	}
	if r.found(Likely, code(cause.OwnEarlierWrite)) {
		certainty = Possible
	}
	r.add(code(cause.Exists), certainty, what, evidence...)
}

// demoted is a certainty that falls to Possible where one of the codes explains the refusal
// better.
func (r *refusal) demoted(certainty Certainty, codes ...string) Certainty {
	if r.found(Likely, codes...) {
		return Possible
	}
	return certainty
}

// better are the codes that explain why a tag isn't current better than that somebody has
// written.
var better = []string{
	code(cause.OwnEarlierWrite), code(cause.UnstableValidator), code(cause.CodedValidator), code(cause.WeakValidator), code(cause.StaleCache),
	code(cause.PreconditionRequired), code(cause.ConflictingPreconditions), code(cause.Locked), code(cause.Exists), code(cause.Unattributed), code(cause.SelfContradiction),
	codeLag, codeErrorPage, codeElsewhere, codeOtherMedia, codeClockDate, codeQuotes, codeForReads, codeHidden,
}

// afterwards: what the reads after the refusal show, as a Transport reads them.
func (r *refusal) afterwards() {
	l := r.look()
	if l.by == nil {
		return
	}
	certainty := Likely
	if l.sure {
		certainty = Certain
	}
	named := r.guard.Kind == guard.Tags || r.guard.Kind == guard.Date
	why, evidence := r.meaning(&l, named), []Evidence{r.condition(), r.answered(), l.by.asked(), l.by.answered(), l.by.validator()}
	what := seen[why] // without a cause there is no code, so nothing is added
	switch {
	case r.found(Possible, code(why)), why == cause.Changed && (r.isOwn(l.by) || r.found(Likely, code(cause.StaleDate))):
		return
	case why == cause.StaleCache:
		evidence = append(evidence, r.signs(l.by)...)
	case why == cause.FalseConflict && l.same:
		passed := r.passedLater()
		certainty, what, evidence = Certain, "The same write passed later under the same precondition: nothing had changed.", append(slices.Delete(evidence, 3, 4), passed.asked(), passed.answered())
	case why == cause.SignedAbove:
		what = "After the refusal " + r.dialect.Signed(r.req) + " is on a read, too, which it wasn't made for."
	case l.by.accepted():
		evidence = slices.Delete(evidence, 3, 4) // its status is no news
	}
	r.add(code(why), r.demoted(certainty, better...), what, evidence...)
}

// seen are the sentences of what a read after the refusal shows.
var seen = map[cause.Cause]string{
	cause.Changed:                  "A read after the refusal shows another state than the one that the write names.",
	cause.FalseConflict:            "A read after the refusal shows another tag for the same bytes.",
	cause.UnstableValidator:        "Reads in a row gave the same bytes and different tags.",
	cause.WeakValidator:            "A read after the refusal shows only a weak tag.",
	cause.CodedValidator:           "The tag in the write and the current one differ by a content coding alone.",
	cause.RefreshDenied:            "The credentials may write, and may not read.",
	cause.SignedAbove:              "", // it names the signature
	cause.Gone:                     "A read after the refusal finds nothing at the URL.",
	cause.NoValidator:              "A read after the refusal shows no validator that the write can name.",
	cause.RefreshFailed:            "The read after the refusal gave no usable answer.",
	cause.StaleDate:                "The server refuses the Last-Modified that it gives itself.",
	cause.StaleCache:               "A read after the refusal still gives the refused tag, and shows that it came from a cache.",
	cause.SelfContradiction:        "The server refuses the tag that its own reads give.",
	cause.ConflictingPreconditions: "The tag is the current one and the date isn't: either condition can have failed.",
}

// signedFor reports whether a read carries what signed the refused write. That covers the method
// or the fields, which aren't those of a read.
func (r *refusal) signedFor(read *step) bool {
	return r.dialect.Signed(r.req) != "" && r.dialect.Signed(read.req) != "" &&
		read.StatusCode != http.StatusProxyAuthRequired && guard.SameSignature(read.req, r.req)
}

// denied is the cause that a read which was denied leads to.
func (r *refusal) denied(read *step, named bool) cause.Cause {
	switch {
	case !named && r.guard.Kind != guard.Exists:
		return cause.None // no tag is missing
	case r.signedFor(read):
		return cause.SignedAbove
	case read.sees() && read.RequestHeader.Get("Authorization") == "" && r.RequestHeader.Get("Authorization") != "":
		return cause.RefreshFailed // it didn't carry what the write did, so that was denied nothing
	}
	return cause.RefreshDenied
}

// meaning is the cause that the reads after the refusal lead to; None where they lead to
// none. named says that the write names a validator.
func (r *refusal) meaning(l *learnt, named bool) cause.Cause {
	why, star := cause.OfRefresh(l.step.Reason), r.guard.Kind == guard.Exists
	switch {
	case l.same && named && r.passedLater() != nil:
		return cause.FalseConflict
	case l.same && named:
		return cause.OfConfirmed(&r.guard, l.fresh, r.dialect.WeakTags, len(r.signs(l.by)) > 0)
	case !l.sure && notThere(l.by) && (named || star):
		return cause.Gone
	case !l.sure && named:
		return r.guess(l)
	case why == cause.RefreshDenied:
		return r.denied(l.by, named)
	case named, star && why == cause.Gone:
		return why
	}
	return cause.None
}

// passedLater is the same write under the same precondition, which was accepted after the
// refusal; nil: there is none.
func (r *refusal) passedLater() *step {
	for _, e := range r.after {
		if e.Method == r.Method && e.sees() && e.accepted() && sameGuard(&e.guard, &r.guard) {
			return e
		}
	}
	return nil
}

// starred: If-Match: * is refused although a read finds something.
func (r *refusal) starred() {
	if r.guard.Kind != guard.Exists || r.guard.Quoted || r.StatusCode != http.StatusPreconditionFailed {
		return
	}
	for _, e := range r.readsAfter() {
		if e.read() {
			r.add(code(cause.SelfContradiction), Certain, "If-Match: * asks that something be there, and a read finds something: the server doesn't take the star.",
				r.condition(), r.answered(), e.asked(), e.answered())
			return
		}
	}
}

// guess is the cause that the last read speaks for where a Transport would read once more.
func (r *refusal) guess(l *learnt) cause.Cause {
	switch l.step.Do {
	case refresh.Compare:
		if before := r.facts().Known.Before; before != (refresh.Digest{}) && before == l.by.digest {
			return cause.FalseConflict
		}
		return cause.Changed
	case refresh.Settle:
		if r.namesTwin(l.fresh.ETag) {
			return cause.WeakValidator
		}
		return cause.Changed
	case refresh.Repeat:
		return cause.RefreshFailed
	}
	return cause.None
}

func notThere(e *step) bool {
	return e.StatusCode == http.StatusNotFound || e.StatusCode == http.StatusGone
}

// outdated: what was seen before the write shows already that its tag was old.
func (r *refusal) outdated() {
	if r.guard.Kind != guard.Tags || r.found(Likely, append(better, code(cause.Changed), code(cause.FalseConflict), code(cause.Gone))...) {
		return
	}
	gave := r.gave(r.before)
	for _, e := range slices.Backward(r.before) {
		fresh := e.got.ETag
		if fresh == "" || e.failed() || r.names(fresh) || r.namesTwin(fresh) || gave != nil && e.index < gave.index {
			continue
		}
		certainty, what := Likely, "A read before the write shows another tag than the one that the write names."
		if gave != nil {
			certainty, what = Certain, "The tag is an old one: an answer before the write shows a newer one."
		}
		r.add(code(cause.Changed), certainty, what, r.condition(), e.asked(), e.validator(), r.answered())
		return
	}
	if tag := r.got.ETag; tag != "" && !r.names(tag) && r.StatusCode == http.StatusPreconditionFailed && !r.found(Possible, codeErrorPage) {
		r.add(code(cause.Changed), Possible, "The refusal carries another tag than the write names; it may be the current one.", r.condition(), r.responseLine("ETag", ""))
	}
}

// unexamined: a precondition was refused, and nothing that was recorded shows why.
func (r *refusal) unexamined() {
	if len(r.findings) > 0 {
		return
	}
	looked := "nobody looked at the state"
	if len(r.readsAfter()) > 0 {
		looked = "no read shows the state"
	}
	what := "A precondition was refused, and " + looked + "."
	if !r.sees() {
		what = "Something was refused, and the recording doesn't have the request."
	}
	if r.guard.Kind == guard.Exists {
		what = "If-Match: * was refused: there may be nothing at the URL, and " + looked + "."
	}
	lines := []Evidence{r.condition(), r.answered(), r.said("")}
	if by := r.gave(r.before); by != nil {
		lines = append(lines, by.asked(), by.validator())
	}
	r.add(code(cause.Unexamined), Possible, what, lines...)
}

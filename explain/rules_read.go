package explain

import (
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
)

// states are the reads of the resource that show a tag, and the writes, in order.
func (r *refusal) states() []*step {
	var all []*step
	for _, e := range slices.Concat(r.before, []*step{r.step}, r.readsAfter()) {
		if e.read() && e.got.ETag != "" || e == r.step || e.write() {
			all = append(all, e)
		}
	}
	return all
}

// unstable: two reads in a row gave the same bytes and different tags, with nothing sent
// between. Twice is certain, as for a Transport: once may be a rival that saved the same
// bytes again.
func (r *refusal) unstable() {
	var pairs int
	var evidence []Evidence
	nodes := false
	states := r.states()
	for i := 1; i < len(states); i++ {
		a, b := states[i-1], states[i]
		if !a.read() || !b.read() || !refresh.Differ(a.got, b.got) || !sameBytes(a, b) {
			continue
		}
		if pairs++; pairs <= 2 {
			lines := nodeLines(a, b)
			nodes = nodes || lines != nil && a.got.LastModified != ""
			evidence = append(append(evidence, a.validator(), b.validator()), lines...)
		}
	}
	certainty := Likely
	if pairs >= 2 || nodes {
		certainty = Certain
	}
	r.add(code(cause.UnstableValidator), certainty, "Reads in a row gave the same bytes and different tags, with nothing sent between.", evidence...)
}

// sameBytes reports whether two answers had the same body: by the bodies, or by length and
// date where one wasn't recorded.
func sameBytes(a, b *step) bool {
	if a.digest != (refresh.Digest{}) && b.digest != (refresh.Digest{}) {
		return a.digest == b.digest
	}
	length := a.ResponseHeader.Get("Content-Length")
	return length != "" && length == b.ResponseHeader.Get("Content-Length") && a.got.LastModified != "" && a.got.LastModified == b.got.LastModified
}

// nodeFields name the server that answered.
var nodeFields = [...]string{"X-Served-By", "X-Backend", "X-Backend-Server", "X-Server", "X-Node", "X-Upstream", "X-Instance", "X-Pod", "X-Host"}

// nodeLines are the lines that show that two nodes answered.
func nodeLines(a, b *step) []Evidence {
	for _, name := range nodeFields {
		one, two := a.responseLine(name, ""), b.responseLine(name, "")
		if one.Line != "" && two.Line != "" && one.Line != two.Line {
			return []Evidence{one, two}
		}
	}
	return nil
}

// lagging: after an accepted write a read gave the tag from before it.
func (r *refusal) lagging() {
	by := r.gave(r.before)
	if by == nil || !by.read() || len(r.signs(by)) > 0 {
		return
	}
	for _, e := range slices.Backward(r.before) {
		if e.index >= by.index || e.got.ETag == "" || r.names(e.got.ETag) || !e.accepted() || e.read() && sameBytes(e, by) {
			continue
		}
		if !r.older(e) {
			return
		}
		// A cache that shows nothing looks the same.
		r.add(codeLag, Likely, "A newer state had been seen, and then a read gave the tag of an older one.", append([]Evidence{e.asked(), e.validator(), by.asked(), by.validator(), r.condition(), r.answered()}, nodeLines(e, by)...)...)
		return
	}
}

// older reports whether the state that the refused write names was seen before another one.
func (r *refusal) older(newer *step) bool {
	if newer.write() && slices.ContainsFunc(r.guard.Tags, newer.names) {
		return true // it was replaced by that write
	}
	return slices.ContainsFunc(r.before, func(e *step) bool {
		return e.index < newer.index && (r.names(e.got.ETag) || slices.ContainsFunc(r.guard.Tags, e.names))
	})
}

// cached: a cache gave the tag that was refused.
func (r *refusal) cached() {
	if r.found(Likely, code(cause.CodedValidator), codeLag) {
		return
	}
	reads := slices.Concat(r.before, r.readsAfter())
	for _, e := range slices.Backward(reads) {
		if !e.read() || !r.names(e.got.ETag) {
			continue
		}
		signs := r.signs(e)
		if len(signs) == 0 {
			continue
		}
		certainty, hit := Possible, isHit(e)
		if hit {
			certainty = Likely
		}
		evidence := append([]Evidence{e.asked(), e.validator()}, signs...)
		if other := r.otherState(reads, e); other != nil {
			evidence = append(evidence, other.asked(), other.validator())
			if other.index < e.index || hit && changedBefore(other, e) {
				certainty = Certain
			}
		} else if e.index > r.index && hit {
			certainty = Certain // it is still given after the refusal
		}
		r.add(code(cause.StaleCache), certainty, "The tag in If-Match came from a cache, and isn't the current one.", append(evidence, r.condition(), r.answered())...)
		return
	}
}

// otherState is a read that shows another tag than the refused one, and doesn't come from a
// cache; nil: there is none.
func (r *refusal) otherState(reads []*step, cached *step) *step {
	for _, e := range reads {
		if e != cached && e.read() && e.got.ETag != "" && !r.names(e.got.ETag) && !isHit(e) && !etag.Twins(e.got.ETag, cached.got.ETag) {
			return e
		}
	}
	return nil
}

// changedBefore reports whether the state that one read shows was there already when a cache
// gave another one.
func changedBefore(current, cached *step) bool {
	modified, err := http.ParseTime(current.got.LastModified)
	at := cached.Sent
	if at.IsZero() {
		date, _ := etag.Date(cached.ResponseHeader)               // zero: no state is from before it
		at = date.Add(date.Sub(etag.Made(cached.ResponseHeader))) // RFC 9111 §4.2.3: the Date of the origin, and the Age since
	}
	return err == nil && modified.Before(at)
}

// signs are the lines of an answer that show a cache.
func (r *refusal) signs(e *step) []Evidence {
	var all []Evidence
	for _, sign := range refresh.CacheSigns(e.ResponseHeader) {
		all = append(all, e.responseLine(sign.Field, sign.Value))
	}
	if e.Stored != "" {
		all = append(all, Evidence{Exchange: e.index, Part: PartResponse, Line: "answered from " + e.Stored})
	}
	if e.index > r.index && refresh.Before(e.ResponseHeader, r.ResponseHeader) {
		all = append(all, e.responseLine("Date", ""), r.responseLine("Date", ""))
	}
	return all
}

// isHit reports whether an answer shows that a stored one was used, and not only that there
// is a cache on the way.
func isHit(e *step) bool {
	return e.Stored != "" || slices.ContainsFunc(refresh.CacheSigns(e.ResponseHeader), func(s refresh.CacheSign) bool { return s.Stored })
}

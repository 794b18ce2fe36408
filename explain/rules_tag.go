package explain

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/guard"
)

// weak: nothing but weak tags in If-Match.
func (r *refusal) weak() {
	if !r.guard.AllWeak() || r.dialect.WeakTags || r.StatusCode != http.StatusPreconditionFailed || r.takesWeak() {
		return
	}
	evidence := []Evidence{r.requestLine("If-Match", "W/"), r.answered()}
	what := "The tag in If-Match is weak, and If-Match compares strongly."
	if by := r.gave(r.before); by != nil {
		evidence = append(evidence, by.validator())
		if young(by) {
			what = "The tag in If-Match is weak, since it was read within a second of a write; later it is strong."
			evidence = append(evidence, by.responseLine("Last-Modified", ""), by.responseLine("Date", ""))
		} else if line := by.responseLine("Content-Encoding", ""); line.Line != "" {
			what = "The tag in If-Match is weak: a server or a proxy that compressed the answer made it so."
			evidence = append(evidence, line)
		}
	}
	r.add(code(cause.WeakValidator), Certain, what, evidence...)
}

// weakened: the tag was read as a weak one, and sent as a strong one.
func (r *refusal) weakened() {
	read := r.lastRead()
	if read == nil || r.dialect.WeakTags || r.gave(r.before) != nil {
		return
	}
	if tag := read.got.ETag; etag.Weak(tag) && r.namesTwin(tag) {
		r.add(code(cause.WeakValidator), Likely, "A read before the write shows the tag in If-Match as a weak one.", r.condition(), read.asked(), read.validator(), r.answered())
	}
}

// namesTwin reports whether the write lists a tag that differs from another one by a content
// coding or W/ alone.
func (r *refusal) namesTwin(tag string) bool {
	return slices.ContainsFunc(r.guard.Tags, func(sent string) bool { return etag.Twins(sent, tag) })
}

// young reports whether an answer was made within a second of the last change.
func young(e *step) bool {
	modified, err := http.ParseTime(e.ResponseHeader.Get("Last-Modified"))
	date, ok := etag.Date(e.ResponseHeader)
	return err == nil && ok && date.Sub(modified).Seconds() <= 1
}

// takesWeak reports whether the server has accepted a weak tag.
func (r *refusal) takesWeak() bool {
	return slices.ContainsFunc(r.before, func(e *step) bool { return e.write() && e.accepted() && e.guard.AllWeak() }) ||
		slices.ContainsFunc(r.after, func(e *step) bool { return e.write() && e.accepted() && e.guard.AllWeak() })
}

// coded: the tag of a compressed representation.
func (r *refusal) coded() {
	if r.guard.Versions != nil {
		return
	}
	for _, tag := range r.guard.Tags {
		base, suffixed := etag.WithoutCoding(tag)
		if twin := r.twin(tag); twin != nil && !etag.Weak(tag) {
			r.add(code(cause.CodedValidator), Certain, "The tag in If-Match is of a compressed representation; the resource itself has "+etag.Text(twin.got.ETag)+".",
				r.requestLine("If-Match", tail(tag, base)), twin.validator(), r.gaveLine(tag, "Content-Encoding"), r.answered()).corrected = r.plainTag(Certain)
			return
		}
		if !suffixed {
			continue
		}
		certainty := Likely
		if by := r.gave(r.before); by != nil && (by.ResponseHeader.Get("Content-Encoding") != "" || strings.Contains(by.RequestHeader.Get("Accept-Encoding"), "gzip")) {
			certainty = Certain
		}
		if r.moved(tag) {
			certainty = Likely // the plain tag would have been refused, too
		}
		r.add(code(cause.CodedValidator), certainty, "The tag in If-Match has the suffix of a content coding: it is of a compressed representation.",
			r.requestLine("If-Match", tail(tag, base)), r.gaveLine(tag, "ETag"), r.gaveLine(tag, "Content-Encoding"), r.answered()).corrected = r.plainTag(certainty)
		return
	}
}

// plainTag is the one tag that the write names without the suffix of a content coding: it names
// the same state, so a write under it replaces nothing else. It is empty where that isn't
// certain.
func (r *refusal) plainTag(certainty Certainty) string {
	if base, suffixed := etag.WithoutCoding(r.guard.Tags[0]); suffixed && certainty == Certain && len(r.guard.Tags) == 1 && !etag.Weak(r.guard.Tags[0]) {
		return `"` + base + `"`
	}
	return ""
}

// moved reports whether a read after the refusal shows another state than the one of a tag.
func (r *refusal) moved(tag string) bool {
	return slices.ContainsFunc(r.readsAfter(), func(e *step) bool {
		return e.read() && e.got.ETag != "" && e.got.ETag != tag && !etag.Twins(e.got.ETag, tag)
	})
}

// tail is what a tag has beside its opaque text without a content coding.
func tail(tag, base string) string {
	_, rest, _ := strings.Cut(tag, base)
	return strings.TrimSuffix(rest, `"`)
}

// twin is a read, at any time, whose tag differs from the one that was sent by a content
// coding or W/ alone; nil: there is none.
func (r *refusal) twin(tag string) *step {
	for _, e := range slices.Concat(r.readsAfter(), r.before) {
		if e.read() && e.got.ETag != "" && etag.Twins(tag, e.got.ETag) && coding(tag) != coding(e.got.ETag) {
			return e
		}
	}
	return nil
}

// coding reports whether a tag has the suffix of a content coding.
func coding(tag string) bool {
	_, suffixed := etag.WithoutCoding(tag)
	return suffixed
}

// gaveLine is a line of the answer that gave a tag which the write names.
func (r *refusal) gaveLine(tag, name string) Evidence {
	for _, e := range slices.Backward(r.before) {
		if e.got.ETag == tag && !e.failed() {
			return e.responseLine(name, "")
		}
	}
	return Evidence{}
}

// ofErrorPage: the tag of an earlier refusal's own page, or a trap for the next write. Some APIs
// send the current tag with a refusal, and then somebody else was faster once more: so it is
// certain only where a read has a tag of the other kind, weak or strong.
func (r *refusal) ofErrorPage() {
	if r.dialect.Shows() {
		return
	}
	if sent := r.RequestHeader.Get("If-Match"); sent != "" && r.gave(r.before) == nil {
		for _, e := range slices.Backward(r.before) {
			if e.StatusCode >= 400 && e.ResponseHeader.Get("Etag") == sent {
				r.add(codeErrorPage, r.certaintyOfPage(sent), "The tag in If-Match was in the answer of a refusal, and such an answer mostly has a tag of its own page.",
					r.condition(), e.answered(), e.validator(), r.answered())
				return
			}
		}
	}
	if r.got.ETag != "" && r.StatusCode >= 400 {
		r.trapOfErrorPage()
	}
}

// certaintyOfPage is how certain it is that a tag is of an error page.
func (r *refusal) certaintyOfPage(tag string) Certainty {
	if slices.ContainsFunc(r.scene.steps, func(e *step) bool {
		return e.read() && e.got.ETag != "" && sameResource(e, r.step) && etag.Weak(e.got.ETag) != etag.Weak(tag)
	}) {
		return Certain
	}
	return Likely
}

// trapOfErrorPage: reads after the refusal give another tag than the refusal.
func (r *refusal) trapOfErrorPage() {
	for _, e := range r.readsAfter() {
		if e.read() && e.got.ETag != "" && e.got.ETag != r.got.ETag && !etag.Twins(e.got.ETag, r.got.ETag) {
			r.add(codeErrorPage, Possible, "The refusal carries another tag than a read after it: it is of the error page, so don't send it.",
				r.responseLine("ETag", ""), e.validator())
			return
		}
	}
}

// elsewhere: the tag was given for another URL.
func (r *refusal) elsewhere() {
	if r.guard.Versions != nil || r.gave(r.before) != nil {
		return
	}
	by := r.gave(r.scene.steps)
	if by == nil || sameResource(by, r.step) {
		return
	}
	certainty := Likely
	if last := r.lastRead(); last != nil || slices.ContainsFunc(r.readsAfter(), func(e *step) bool { return e.read() && e.got.ETag != "" }) {
		certainty = Certain // this URL has another one
	}
	r.add(codeElsewhere, certainty, "The tag in If-Match was given for another URL than the one that is written.", r.condition(), by.asked(), by.validator(), r.asked())
}

// otherMedia: the tag was given for another media type.
func (r *refusal) otherMedia() {
	by := r.gave(r.before)
	if by == nil || !by.read() || r.guard.Versions != nil {
		return
	}
	sent, got := mediaType(r.RequestHeader), mediaType(by.ResponseHeader)
	if sent == "" || got == "" || sent == got || strings.Contains(sent, "patch") || !strings.Contains(strings.ToLower(by.ResponseHeader.Get("Vary")), "accept") || onlyEncoding(by) {
		return
	}
	r.add(codeOtherMedia, Likely, "The tag in If-Match is of "+got+", and the write sends "+sent+".",
		r.requestLine("Content-Type", ""), by.responseLine("Content-Type", ""), by.responseLine("Vary", ""), r.condition())
}

// onlyEncoding reports whether Vary names no field that begins with Accept but
// Accept-Encoding.
func onlyEncoding(e *step) bool {
	for _, line := range e.ResponseHeader["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(name), "Accept") {
				return false
			}
		}
	}
	return true
}

// mediaType is the media type of a header, without parameters.
func mediaType(h http.Header) string {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// hidden: a browser's script that can't read ETag.
func (r *refusal) hidden() {
	origin := r.RequestHeader.Get("Origin")
	if origin == "" || origin == r.url.Scheme+"://"+r.url.Host || r.guard.Kind == guard.Tags || r.guard.Kind == guard.Create {
		return
	}
	for _, e := range slices.Concat(r.before, []*step{r.step}) {
		if e.ResponseHeader.Get("Access-Control-Allow-Origin") == "" || exposesTag(e) {
			continue
		}
		certainty := Possible
		if e.read() && e.ResponseHeader.Get("Etag") != "" {
			certainty = Certain
		}
		r.add(codeHidden, certainty, "A script of another origin can't read the ETag, so it sent none.",
			e.validator(), e.responseLine("Access-Control-Allow-Origin", ""), e.responseLine("Access-Control-Expose-Headers", ""), r.requestLine("Origin", ""), r.condition())
		return
	}
}

// exposesTag reports whether a script of another origin may read ETag (Fetch §3.3.3). A star
// lists all fields, but not for a request with credentials.
func exposesTag(e *step) bool {
	for _, line := range e.ResponseHeader["Access-Control-Expose-Headers"] {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if strings.EqualFold(name, "ETag") || name == "*" && e.ResponseHeader.Get("Access-Control-Allow-Credentials") == "" {
				return true
			}
		}
	}
	return false
}

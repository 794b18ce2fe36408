package ifmatch

import (
	"net/http"
	"slices"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/lane"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// turn is what a call has of the lane of its target. The zero turn holds up nobody.
type turn struct {
	lane.Turn           // zero until the call has lost a race and entered the lane
	underHandedTag bool // the write that is sent next carries a tag that was handed over
	handedTries    int  // writes under such a tag that were refused; they are no attempts
}

// enterLane waits for the call's turn at its target, unless it has one: from the first
// lost race to its end, a call keeps the turn. The ending ends only where the wait was
// cut off, by the limits or a context.
func (c *call) enterLane() ending {
	if c.turn.Turn != (lane.Turn{}) {
		return ending{}
	}
	// A version in the query differs from write to write; the document is the same.
	target := lane.TargetOf(guard.DropVersions(nil, c.sent.write.URL, c.sent.guard.Versions), c.sent.write.Host)
	// The error says less than the ending that it comes from.
	var end ending
	c.turn.Turn, _ = c.transport.lanes.Enter(c.req.Context(), target, func(wake <-chan struct{}, d time.Duration) error {
		end = c.await(wake, d)
		return end.err
	})
	return end
}

// takeHandedTag returns the tag that the writer before got for its write, where this one
// may try it before it asks; otherwise it returns the empty string. The tag is offered
// once: after a refusal it is known to be old.
func (c *call) takeHandedTag(g *guard.Guard, needState bool) string {
	// The call has to look whether its own write is in the state. The tag stays for the
	// next writer.
	if c.doubt.first != nil {
		return ""
	}
	handed := c.turn.Handed()
	// A tag brings no state along.
	if needState || !c.mayTry(handed, g) {
		return ""
	}
	c.turn.underHandedTag = true
	return handed.Tag
}

// mayTry reports whether the tag that was handed over is one that this call's own refresh
// might have given. A wrong tag costs one more refusal, and nothing else.
func (c *call) mayTry(handed lane.Handed, g *guard.Guard) bool {
	// There is none, or it was refused just now.
	if handed.Tag == "" || g.Names(handed.Tag) {
		return false
	}
	// The next write needs more than a tag, or a version that is none.
	if g.Kind != guard.Tags || g.Versions != nil || g.Date != "" {
		return false
	}
	// Under another policy the state matters too. A refresh that the caller changes may
	// ask another URL, and one with other credentials may get another representation.
	return c.traits.lastWriterWins && *c.refreshRequest == nil && sameReader(handed.Write, c.sent.write)
}

// sameReader reports whether two writes to one target have the same credentials and select
// the same representation, so that what one was told holds for the other: the fields that
// their refreshes carry are the same, and so is Accept-Encoding, which selects what the
// answer to a write names. It changes neither write: a may belong to a call that has ended.
func sameReader(a, b *http.Request) bool {
	if u, v := a.URL.User, b.URL.User; u != v && (u == nil || v == nil || *u != *v) {
		return false
	}
	for name := range a.Header {
		if selects(name) && !slices.Equal(field.Lines(a.Header, name), field.Lines(b.Header, name)) {
			return false
		}
	}
	for name := range b.Header {
		if selects(name) && !slices.Equal(field.Lines(a.Header, name), field.Lines(b.Header, name)) {
			return false
		}
	}
	return true
}

// selects reports whether a field selects or authorizes what an answer names.
func selects(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return name == "Accept-Encoding" || refresh.Carries(name)
}

// countHandedTry takes note of a refusal: under a tag that was handed over it costs no
// attempt.
func (c *call) countHandedTry() {
	if c.turn.underHandedTag {
		c.turn.underHandedTag = false
		c.turn.handedTries++
	}
}

// handOver leaves the tag in the answer to an accepted PUT to the next writer in the
// lane: the tag is of what is now stored (RFC 9110 §9.3.4). Without such a tag it leaves
// nothing, also of what this call was handed itself: that is old now.
func (c *call) handOver(resp *http.Response) {
	if c.turn.Turn == (lane.Turn{}) {
		return
	}
	var handed lane.Handed
	if tag := c.handsOver(resp); tag != "" {
		handed = lane.Handed{Tag: tag, Write: c.sent.write}
	}
	c.turn.HandOver(handed)
}

// handsOver is the tag in an answer that may guard the next write, empty where there is none.
func (c *call) handsOver(resp *http.Response) string {
	tag := etag.Of(resp.Header).ETag
	switch {
	// What a PATCH or a POST makes of the state may have another tag than its answer, and
	// the version of a dialect may be in another place of the answer.
	case c.sent.write.Method != http.MethodPut || c.sent.guard.Versions != nil:
		return ""
	// It is of another resource, or of a compressed representation (RFC 9110 §8.7, §8.8.3.3).
	case resp.Header.Get("Content-Location") != "" || resp.Uncompressed || semantics.Coded(resp.Header):
		return ""
	case etag.Weak(tag):
		return "" // it guards nothing
	}
	return tag
}

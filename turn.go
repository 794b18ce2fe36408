package ifmatch

import (
	"bytes"
	"context"
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
	tag := c.dialect.Validators(resp.Header, nil).ETag
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

// inTurn runs an Update. Where writers that lost a race are in the lane of the
// document, the Update waits for its turn first: what it reads before would be
// stale by then. It keeps the turn to its end, and leaves it on every path. What it sends
// meanwhile doesn't wait in the lane that it holds. kept is what a Resource keeps; nil:
// nothing.
func (d *document[T]) inTurn(ctx context.Context, u *updater[T], kept *state[T]) (Snapshot[T], error) {
	turn := d.lineUp(ctx)
	defer turn.Leave()
	ctx, end := besideFlow(turn.Within(ctx))
	defer end()
	if err := d.unmarkable(ctx); err != nil {
		return u.breakOff(ctx, err)
	}
	if turn == (lane.Turn{}) || u.shared {
		return u.inRounds(ctx, kept)
	}
	u.handed = turn.Handed()
	handed := d.handedState(ctx, u.handed)
	s, err := u.inRounds(ctx, handed)
	// Nobody decides on a state that wasn't read. An error stays where no read can follow.
	if handed != nil && !u.sent() && (err == nil || ctx.Err() == nil) {
		s, err = u.inRounds(ctx, nil)
	}
	turn.HandOver(d.leaves(ctx, u, s))
	return s, err
}

// handsStates reports whether Updates of the document may hand a state on. What a request
// carries is then what Update put into it, so that credentials can be compared: no jar of
// cookies and no RoundTripper below adds any. And a read would be the plain one that shows
// what a PUT has stored.
func (d *document[T]) handsStates(ctx context.Context) bool {
	t, ours := d.client.Transport.(*Transport)
	if !ours || d.client.Jar != nil || d.set.patch {
		return false
	}
	if _, plain := t.base.(*http.Transport); !plain {
		return false
	}
	set := d.effective(ctx)
	dialect := set.dialectFor(d.target, &d.rfc9110)
	return *set.refreshRequest == nil && dialect.RefreshRequest == nil && !dialect.OwnPlaces()
}

// handedState is the state that the Update before wrote, where the server was seen to store
// such a state and this Update's own read would show the same; otherwise it is nil.
func (d *document[T]) handedState(ctx context.Context, h lane.Handed) *state[T] {
	if h.State == nil || !h.State.Seen || !d.handsStates(ctx) {
		return nil
	}
	header := http.Header{"Content-Type": h.Write.Header["Content-Type"], "Etag": {h.Tag}}
	s, err := d.decode(Validators{ETag: h.Tag}, header, h.State.Text)
	if err != nil {
		return nil // this Update reads it for itself, and tells the error
	}
	own, err := d.writeRequest(ctx, s, nil)
	if err != nil || !sameReader(h.Write, own) {
		return nil
	}
	d.recall(ctx, s)
	return s
}

// leaves is what an Update that has ended leaves to the next one in the lane: the state that
// it made, and its tag. It leaves nothing where that isn't known. The caller may change what
// it gets.
func (d *document[T]) leaves(ctx context.Context, u *updater[T], s Snapshot[T]) lane.Handed {
	tag := strongTag(s.Validators)
	if u.total.Effect != EffectApplied || u.found != nil || tag == "" || !d.handsStates(ctx) {
		return lane.Handed{}
	}
	write, err := d.writeRequest(ctx, u.last.on, nil)
	if err != nil {
		return lane.Handed{}
	}
	left := &lane.State{Text: bytes.Clone(s.Raw), Told: u.last.made != nil && u.last.made.told}
	// A server that stores what its answers tell need not store what it is sent.
	left.Seen = u.stores && left.Told == u.handed.State.Told
	return lane.Handed{Tag: tag, Write: write, State: left}
}

// seesStored reports whether a state that was read shows that the server stores what the write
// before was known to make: it has the tag and the bytes.
func (u *updater[T]) seesStored(s *state[T]) bool {
	h := u.handed
	return h.State != nil && strongTag(s.Validators) == h.Tag && bytes.Equal(s.Text, h.State.Text)
}

// lineUp waits for the turn. The turn is zero where the lane is empty, and where the wait
// is too long or ctx ends: then the Update goes on without one, since the lane only
// spares requests. A zero turn holds up nobody.
func (d *document[T]) lineUp(ctx context.Context) lane.Turn {
	t, ours := d.client.Transport.(*Transport)
	if !ours {
		return lane.Turn{}
	}
	var until time.Time // from the first wait on: without one, nothing is looked up
	turn, _ := t.lanes.EnterOccupied(ctx, lane.TargetOf(d.target, ""), func(wake <-chan struct{}, left time.Duration) error {
		if until.IsZero() {
			set := d.effective(ctx)
			until = time.Now().Add(set.elapsed(traits{update: true}))
		}
		if err := awaitWithin(ctx, nil, wake, left, time.Until(until)); err != nil {
			return err
		}
		return ctx.Err()
	})
	return turn
}

package simulation

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch"
)

// judge compares what the callers were told with what the server did.
func (h *history) judge() {
	for _, r := range h.ops {
		if r.in.read || r.killed {
			continue
		}
		h.checkEffect(r)
		h.checkRequests(r)
		h.checkCause(r)
		h.checkTag(r)
		promised := r.met(oddSuccess) && r.told.err == nil // 202 and 207 are answers like others
		if r.told.sent && r.told.Effect != ifmatch.EffectApplied && r.told.Err == nil && !h.unchanged(r) && !promised {
			h.fail("no error", r, "the write didn't go through, and Outcome.Err is nil")
		}
	}
	for _, c := range h.w.server.commits {
		h.checkLoss(c)
		h.checkMembers(c)
	}
}

// unchanged reports whether the operation's edit may have changed nothing.
func (h *history) unchanged(r *running) bool {
	return r.told.err == nil && r.told.Effect == ifmatch.EffectApplied || r.in.verb == "qty" || r.in.verb == "swap"
}

// hides reports whether the server may have kept something from all who look: what the
// caller is told then can't be held against it.
func (h *history) hides(r *running) bool {
	if h.w.plan.Broken {
		return false
	}
	lies := r.met(resentLast, after412)
	if h.w.plan.forgets() {
		lies = lies || r.met(resentFirst) || r.client.Silent && r.met(resentBelow)
	}
	return lies && (!h.w.plan.tells(r.client) || r.blind())
}

// stored counts the commits of the operation, or of its Resource, that added what it adds.
func (h *history) stored(r *running) (n int) {
	for _, c := range h.w.server.commits {
		own := c.by == r || c.by == nil && c.who == r.process.link.own.name
		if own && h.adds(c, r.in) {
			n++
		}
	}
	return n
}

// adds reports whether a commit added something.
func (h *history) adds(c commit, in input) bool {
	if h.w.plan.Object.counts() {
		return decode(c.after).n-decode(c.before).n == in.add
	}
	return times(itemsOf(c.after), in.item) > times(itemsOf(c.before), in.item)
}

// counted reports whether an operation's commits can be told by what is stored. The
// batch of a Resource adds one number for several operations.
func (h *history) counted(r *running) bool {
	return r.in.verb == "" && (r.client.API != "resource" || !h.w.plan.Object.counts())
}

// checkEffect: what is applied was stored once, what isn't was not.
func (h *history) checkEffect(r *running) {
	if !h.counted(r) {
		return
	}
	n := h.stored(r)
	lastWins := r.client.API == "resend" || r.client.API == "unconditional"
	switch {
	case r.told.Effect == ifmatch.EffectApplied && n == 0:
		h.fail("not stored", r, "it was applied, the caller was told, and no commit has it")
	case r.told.Effect == ifmatch.EffectNotApplied && n > 0 && !h.hides(r):
		h.fail("stored", r, "it wasn't applied, the caller was told, and %d commits have it", n)
	case r.told.Effect == ifmatch.EffectUnknown && n > 0 && h.knowable(r):
		h.fail("unknown", r, "its mark is there, and all reads were answered")
	case r.told.Effect == ifmatch.EffectApplied && r.told.shown != nothing && h.lacks(r):
		h.fail("snapshot", r, "it was applied, the caller was told, and it isn't in what the caller was shown")
	case n > 1 && !lastWins && !h.hides(r) && (!h.rollsBack() || h.twice(r)):
		h.fail("doubled", r, "%d commits have it", n)
	}
}

// lacks reports whether the state that the caller was shown hasn't what was added. Of a
// counter it can't be told.
func (h *history) lacks(r *running) bool {
	return !h.w.plan.Object.counts() && !h.rollsBack() && !slices.Contains(strings.Fields(r.told.state.items), r.in.item)
}

// knowable reports whether a mark tells the caller what became of the operation.
func (h *history) knowable(r *running) bool {
	return h.w.plan.tells(r.client) && !r.blind() && !r.met(late) && !h.rollsBack()
}

// rollsBack reports whether a client may have put back an earlier state: what was added
// since is rightly added again.
func (h *history) rollsBack() bool {
	for _, c := range h.w.plan.Clients {
		if c.API == "resend" || c.API == "unconditional" || c.API == "remember" {
			return true
		}
	}
	return slices.ContainsFunc(h.w.plan.Ops, func(o op) bool { return o.Verb == "delete" })
}

// twice reports whether one state had twice what the operation adds.
func (h *history) twice(r *running) bool {
	return !h.w.plan.Object.counts() && slices.ContainsFunc(h.w.server.commits, func(c commit) bool { return times(itemsOf(c.after), r.in.item) > 1 })
}

// checkLoss: a write that drops what others have added is one of the last writer's, and
// its caller knows.
func (h *history) checkLoss(c commit) {
	if c.method == http.MethodDelete || h.w.plan.Object == register {
		return
	}
	after := itemsOf(c.after)
	for _, item := range itemsOf(c.before) {
		if times(after, item) > 0 {
			continue
		}
		switch {
		case c.by == nil:
			h.fail("lost", nil, "%s by %s", item, c.who)
		case c.by.client.API != "resend" && c.by.client.API != "unconditional":
			h.fail("lost", c.by, "%s", item)
		case !c.by.killed && c.by.told.Effect == ifmatch.EffectApplied && !c.by.told.Overwrote:
			h.fail("overwrote", c.by, "%s is lost, and Overwrote is false", item)
		default:
			continue
		}
		return
	}
}

// checkMembers: Update and Resource leave what they don't know where it was.
func (h *history) checkMembers(c commit) {
	if c.by != nil && c.by.client.API != "update" && c.by.client.API != "forgetful" || c.method != http.MethodPut || c.before == nil || h.w.plan.Object == register {
		return
	}
	was, is := membersOf(c.before), membersOf(c.sent)
	for _, name := range sortedKeys(was) {
		if !bytes.Equal(was[name], is[name]) {
			h.fail("member", c.by, "%s was %s, and is %s: %s became %s", name, was[name], is[name], c.before, c.sent)
			return
		}
	}
	for _, name := range sortedKeys(is) {
		if _, old := was[name]; !old {
			h.fail("member", c.by, "%s is new: %s became %s", name, c.before, c.sent)
			return
		}
	}
}

// membersOf are the members that the clients don't know, by place. An element of lines
// that was removed takes its own along.
func membersOf(body []byte) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	json.Unmarshal(body, &all)
	var lines []map[string]json.RawMessage
	json.Unmarshal(all["lines"], &lines)
	for _, name := range []string{"n", "items", "lines", "_ifmatch"} {
		delete(all, name)
	}
	for _, l := range lines {
		if sku := string(l["sku"]); sku == `"x"` { // never removed before y
			all["row of "+sku] = l["row"]
		} else if sku != `"y"` && l["row"] != nil {
			all["row of "+sku] = l["row"] // a new line has none
		}
	}
	return all
}

// checkRequests: no write without the guard it should have, none beyond the bounds, and
// as many as the caller is told.
func (h *history) checkRequests(r *running) {
	writes := 0
	for _, e := range r.sent {
		if e.method == http.MethodGet || e.method == http.MethodHead {
			continue
		}
		writes++
		guarded := e.header.Get("If-None-Match") == "*" || strings.HasSuffix(e.header.Get("If-Match"), `"`)
		if !guarded && (r.client.API != "unconditional" || writes == 1) {
			h.fail("unguarded", r, "write %d carries no precondition", writes)
		}
	}
	most := r.client.Attempts
	switch {
	case most > 0:
	case r.client.API == "update" || r.client.API == "resource":
		most = 16
	default:
		most = 4
	}
	limit := 2*most - 1
	if r.client.API == "resend" {
		limit++ // under a tag that was handed over
	}
	if writes > limit {
		h.fail("bounds", r, "%d writes, and WithMaxAttempts is %d", writes, most)
	}
	if r.client.API != "resource" && r.told.sent && r.told.Attempts != writes && r.told.Attempts > 0 && !r.ended {
		h.fail("attempts", r, "%d writes were sent", writes)
	}
}

// checkCause: a cause is what really was.
func (h *history) checkCause(r *running) {
	s := h.w.plan.Server
	others, existed, gone := h.changedSinceRead(r), false, false
	for i, c := range h.w.server.commits {
		if next := i + 1; c.at > r.ret || c.at < r.call && next < len(h.w.server.commits) && h.w.server.commits[next].at < r.call {
			continue // neither within the call nor the last one before it
		}
		if c.at < r.call {
			existed, gone = existed || c.after != nil, gone || c.after == nil
			continue
		}
		others = others || c.by != r
		existed = existed || c.before != nil || c.after != nil
		gone = gone || c.before == nil || c.after == nil
	}
	switch r.told.Cause {
	case ifmatch.CauseChanged:
		// Who has not read the bytes of both states can't see that only the tag differs.
		// A flow names a state that it read before the call.
		blind := h.w.plan.forgets() && r.client.API != "update" || r.client.API == "remember"
		if !others && !r.met(readLags, resentLast, after412) && !(h.w.plan.forgets() && r.met(resentFirst, resentBelow)) && r.client.API != "resource" && !blind {
			h.fail("cause", r, "nobody else wrote")
		}
	case ifmatch.CauseUnstableValidator:
		// Replicas that lag by turns show two tags of the same bytes.
		if !h.w.plan.forgets() && !r.met(readLags) {
			h.fail("cause", r, "a state has one tag")
		}
	case ifmatch.CauseSelfContradiction:
		// A tag of the content that returns between two writes of others was refused twice too.
		if !h.w.plan.forgets() && s.Tags != "none" && !s.Markers && !(s.Tags == "hash" && others) && !r.met(readLags, readOdd, after412, resentFirst, resentLast, resentBelow, late) {
			h.fail("cause", r, "the server contradicts itself nowhere")
		}
	case ifmatch.CauseOwnEarlierWrite:
		if h.counted(r) && h.stored(r) == 0 {
			h.fail("cause", r, "it was never stored")
		}
	case ifmatch.CauseGone:
		if !gone && h.w.server.body != nil && !r.met(readOdd) {
			h.fail("cause", r, "it was always there")
		}
	case ifmatch.CauseExists:
		// A refusal of a create says that it exists, and a marker refuses one. Only an
		// Update has read before it tries again after a refusal.
		believed := s.Markers && (r.client.API != "update" && r.client.API != "resource" || refusedCreates(r.told.Outcome) <= 1)
		if !existed && h.w.server.body == nil && !believed {
			h.fail("cause", r, "it was never there")
		}
	case ifmatch.CauseStaleCache:
		if !r.met(readLags) {
			h.fail("cause", r, "there is no cache")
		}
	case ifmatch.CauseWeakValidator:
		if s.Tags != "weak" && s.Tags != "second" {
			h.fail("cause", r, "tags are strong")
		}
	}
}

// changedSinceRead reports whether somebody else wrote before an operation whose first write
// is guarded by what was seen before it began: by its flow, or by a writer that handed its
// state on, whose answer may have come late.
func (h *history) changedSinceRead(r *running) bool {
	return slices.ContainsFunc(h.w.server.commits, func(c commit) bool {
		return c.by != r && c.at < r.call && (r.client.API == "remember" || c.tag != "" && c.tag == r.firstGuard())
	})
}

// checkTag: a validator goes to whoever has the state that it names.
func (h *history) checkTag(r *running) {
	if r.told.tag == "" || r.told.Effect != ifmatch.EffectApplied || h.w.plan.Server.Tags == "read" {
		return
	}
	var of []byte // the state that has the tag
	for _, c := range h.w.server.commits {
		if c.gives == r.told.tag {
			of = c.sent
			if h.w.server.rewrites() {
				of = nil // the caller can't have it
			}
		}
	}
	if of == nil {
		return
	}
	switch {
	case r.told.body != nil && !bytes.Equal(r.told.body, of):
		h.fail("validator", r, "%s is the tag of %s, and the caller sent %s", r.told.tag, of, r.told.body)
	case r.told.shown != nothing && r.client.API != "rebuild" && !slices.Equal(itemsOf(of), strings.Fields(r.told.state.items)) && h.w.plan.Object != register && h.w.plan.Object != mixed:
		h.fail("snapshot", r, "%s is the tag of %s", r.told.tag, of)
	}
}

// refusedCreates is how many writes of a call that only create were answered with 412.
func refusedCreates(o ifmatch.Outcome) (n int) {
	for _, e := range o.Exchanges {
		if e.StatusCode == http.StatusPreconditionFailed && e.Sent == (ifmatch.Validators{}) {
			n++
		}
	}
	return n
}

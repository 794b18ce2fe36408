package histories

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// kind is an object under an API.
type kind struct {
	object object
	api    string // update, resource, rebuild, resend, blind, equality
	marks  bool
	broken bool
	replay bool // a replayed request may be answered by its second answer
}

func (k kind) String() string {
	s := string(k.object) + "/" + k.api
	if k.marks {
		s += "+marks"
	}
	return s
}

// kinds is what must be linearizable. Without Marks, an edit that isn't
// idempotent can't survive a proxy that sends a request twice and hands on the
// second answer, a plain 412 (design, rule 10): those get the first one.
var kinds = func() []kind {
	all := []kind{{object: register, api: "resend", replay: true}}
	for _, o := range []object{counter, set, list} {
		for _, api := range []string{"update", "resource", "rebuild"} {
			all = append(all, kind{object: o, api: api, replay: o == set && api != "resource"})
		}
		all = append(all, kind{object: o, api: "update", marks: true, replay: true}, kind{object: o, api: "resource", marks: true, replay: true})
	}
	for _, api := range []string{"update", "resource"} {
		all = append(all, kind{object: bounded, api: api, marks: true, replay: true})
	}
	return all
}()

// brokenKinds is what must be caught.
var brokenKinds = []kind{
	{object: counter, api: "blind", broken: true},
	{object: counter, api: "equality", broken: true},
	{object: counter, api: "update", broken: true, replay: true},
}

// history is what was recorded.
type history struct {
	seed    uint64
	kind    kind
	writers int
	ops     []porcupine.Operation
	log     []string // what the link did and callers were told
	wrong   []string // found without the checker
	lost    []input  // ended unknown although all reads were answered
	denied  []string // items that were said not to be applied
	why     []string // the errors that came with that
	overrun bool     // a replayed write may have been applied and its mark have left the list

	applied, reads, notApplied, unknown, found, hidden, gaveUp int
}

type recorder struct {
	mu  sync.Mutex
	seq int64
	h   *history
	w   *weather
}

func (r *recorder) tick() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	return r.seq
}

// drive runs one history in a bubble.
func drive(t *testing.T, seed uint64, k kind, ops int) *history {
	h := &history{seed: seed, kind: k}
	synctest.Test(t, func(t *testing.T) { h.run(ops) })
	return h
}

const path = "/doc"

func (h *history) run(ops int) {
	k := h.kind
	rng := rand.New(rand.NewPCG(h.seed, 1))
	origin := ifmatchtest.NewMemoryServer()
	defer origin.Close()
	if k.object == register {
		origin.Put(path, "text/plain", nil)
	} else {
		origin.Put(path, "application/json", []byte(`{"n":0,"items":[]}`))
	}
	w := &weather{faults: drawFaults(rng), seed: h.seed}
	w.replayFirst = !k.replay
	if !k.marks {
		w.faults.unknowns = 10 // likewise
	}
	if k.broken {
		w.replay, w.lostRequest = max(w.replay, .1), max(w.lostRequest, .1)
	}
	h.writers = 2 + rng.IntN(15)
	if k.object == register {
		h.writers = 2 + (h.writers-2)/2 // a register shows the checker less than the others
	}
	if k.object.counts() && k.api == "resource" {
		h.writers = 2 + (h.writers-2)/2 // a whole batch may end unknown
	}
	var patience time.Duration // of a caller, where it has a limit
	if rng.IntN(5) == 0 {
		patience = 50*time.Millisecond + time.Duration(rng.IntN(2000))*time.Millisecond
	}
	writers := h.newWriters(origin, w, rng)
	rec := &recorder{h: h, w: w}
	start := time.Now()
	var all sync.WaitGroup
	for id := range h.writers {
		who := newCaller(h.seed, id)
		plan := rand.New(rand.NewPCG(h.seed, uint64(id)+1_000_000))
		n := ops / h.writers
		if id < ops%h.writers {
			n++
		}
		all.Go(func() {
			for i := range n {
				time.Sleep(time.Duration(plan.IntN(30)) * time.Millisecond)
				rec.one(writers[id], who, plan, i, patience, start)
			}
		})
	}
	all.Wait()
	// What nobody waits for ends too: writes that come late, and those of a
	// Resource whose callers gave up. In the bubble an hour costs nothing.
	time.Sleep(time.Hour)
	synctest.Wait()
	rec.final(origin)
	for i, r := range origin.Log() {
		var d content
		if json.Unmarshal(r.Body, &d); r.Method != http.MethodGet {
			h.log = append(h.log, fmt.Sprintf("server %d: %s %s%s %d applied %v: %v", i, r.Method, r.Header.Get("If-Match"), r.Header.Get("If-None-Match"), r.StatusCode, r.Applied, stateOf(&d)))
		}
	}
}

// newWriters gives each writer a client. Some share one.
func (h *history) newWriters(origin *ifmatchtest.Server, w *weather, rng *rand.Rand) []writer {
	url := origin.URL + path
	clients := 1 + rng.IntN(h.writers)
	var made []writer
	for i := range clients {
		l := &link{base: origin.Client().Transport, w: w, own: newCaller(h.seed, 100+i)}
		policy := ifmatch.Policy(ifmatch.Stop)
		client := &http.Client{Transport: ifmatch.NewTransport(l, policy)}
		made = append(made, h.newWriter(client, url))
		if u, ok := made[i].(interface{ link(*caller) }); ok {
			u.link(l.own)
		}
	}
	all := make([]writer, h.writers)
	for i := range all {
		all[i] = made[i%clients]
	}
	return all
}

func (h *history) newWriter(c *http.Client, url string) writer {
	k := h.kind
	build := func(b func(context.Context, *ifmatch.Representation) ([]byte, error)) ifmatch.Option {
		return ifmatch.OnConflict(ifmatch.Rebuild(b))
	}
	type builder = func(context.Context, *ifmatch.Representation) ([]byte, error)
	switch k.api {
	case "update", "resource":
		if k.marks {
			u := &updater[marked, *marked]{object: k.object, client: c, url: url}
			if k.api == "resource" {
				u.resource = ifmatch.NewResource[marked](c, url)
			}
			return u
		}
		u := &updater[doc, *doc]{object: k.object, client: c, url: url}
		if k.api == "resource" {
			u.resource = ifmatch.NewResource[doc](c, url)
		}
		return u
	case "rebuild":
		return &cycle{k.object, c, url, func(b builder) []ifmatch.Option { return []ifmatch.Option{build(b)} }}
	case "equality":
		return &cycle{k.object, c, url, func(b builder) []ifmatch.Option {
			return []ifmatch.Option{build(b), ifmatch.WithUniqueBody()}
		}}
	}
	return &cycle{k.object, c, url, func(builder) []ifmatch.Option {
		return []ifmatch.Option{ifmatch.OnConflict(ifmatch.Resend)}
	}}
}

// markedWrites is how many ids Marks keeps.
const markedWrites = 64

// one does one operation and records what the caller was told.
func (r *recorder) one(w writer, who *caller, plan *rand.Rand, i int, patience time.Duration, start time.Time) {
	h := r.h
	name := fmt.Sprintf("%c%d", 'a'+who.id, i)
	in := input{item: name, add: int64(who.id*1000+i) + 1} // no two add the same
	if h.kind.broken {
		in.add = 1
	}
	in.read = plan.IntN(5) == 0
	if h.kind.object.counts() {
		in.item = ""
	}
	ctx := context.WithValue(context.Background(), callerKey{}, who)
	if patience > 0 && !r.w.calm.Load() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	who.exact = in.read
	who.events = nil
	if in.read {
		call := r.tick()
		s, err := w.get(ctx)
		ret := r.tick()
		r.mu.Lock()
		defer r.mu.Unlock()
		if err == nil {
			h.reads++
			h.ops = append(h.ops, porcupine.Operation{ClientId: who.id, Input: in, Call: call, Output: output{seen: true, state: s}, Return: ret})
		}
		return
	}
	failedBefore, replaysBefore, latesBefore := h.readsFailed(w, who), h.replays(w, who), h.lates(w, who)
	call, commits := r.tick(), r.w.commits.Load()
	at := time.Since(start)
	res := w.do(ctx, in)
	ret := r.tick()
	who.mu.Lock()
	events := strings.Join(who.events, ", ")
	who.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	blind := !h.kind.marks || h.readsFailed(w, who) > failedBefore || ctx.Err() != nil
	if res.effect == ifmatch.EffectNotApplied && blind && !h.kind.broken && h.replays(w, who) > replaysBefore {
		// A 412 to the second of two equal requests: only a mark, in a state
		// that was read after it, can tell that it was the first which changed
		// the state (design, rule 10).
		res.effect = ifmatch.EffectUnknown
		h.hidden++
	}
	overrun := r.w.commits.Load()-commits >= markedWrites
	if h.kind.marks && overrun && h.replays(w, who) > replaysBefore {
		h.overrun = true
	}
	h.log = append(h.log, fmt.Sprintf("%4d-%4d %v-%v %s %v %s: %v, %v, shown %d %v; link: %s; %v", call, ret, at, time.Since(start), name, in.add,
		h.kind, res.effect, res.cause, res.shown, res.state, events, res.err))
	op := porcupine.Operation{ClientId: who.id, Input: in, Call: call, Return: ret}
	switch res.effect {
	case ifmatch.EffectNotApplied:
		h.notApplied++
		h.denied = append(h.denied, in.item)
		h.why = append(h.why, fmt.Sprintf("%v (link: %s)", res.err, events))
		if !errors.Is(res.err, errFull) {
			return // it mustn't have had an effect
		}
		op.Output = output{full: true} // and there must have been no room
	case ifmatch.EffectUnknown:
		h.unknown++
		if h.kind.object.counts() && h.unknown >= 8 {
			r.w.calm.Store(true) // the checker's time doubles with each
		}
		op.Output, op.Return = output{unknown: true}, -1 // final sets it
		op.ClientId = 2*h.writers + h.unknown            // a line of its own
		if h.kind.marks && !blind {
			h.gaveUp++ // right where requests were lost to the end, the list of marks was overrun, or time is over
			if !overrun && h.lates(w, who) == latesBefore && time.Since(start)-at < 30*time.Second {
				h.lost = append(h.lost, in)
			}
		}
	default:
		h.applied++
		if res.cause == ifmatch.CauseOwnEarlierWrite {
			h.found++
		}
		if res.shown == after && h.kind.object == set && h.kind.replay {
			res.shown = later // a replayed add is made again, in vain, later
		}
		op.Output = output{seen: res.shown == after, state: res.state}
		if res.shown == later {
			if in.item != "" && !strings.Contains(" "+res.state.items+" ", " "+in.item+" ") {
				h.wrong = append(h.wrong, fmt.Sprintf("%s was applied, and isn't in %v", name, res.state))
			}
			h.ops = append(h.ops, porcupine.Operation{ClientId: h.writers + who.id, Input: input{read: true}, Call: call,
				Output: output{seen: true, state: res.state}, Return: ret})
		}
	}
	op.Metadata = res.writes
	h.ops = append(h.ops, op)
}

func (h *history) readsFailed(w writer, who *caller) int64 {
	n := who.readsFailed.Load()
	if u, ok := w.(interface{ failed() int64 }); ok {
		n += u.failed()
	}
	return n
}

func (h *history) replays(w writer, who *caller) int64 {
	n := who.replays.Load()
	if u, ok := w.(interface{ replays() int64 }); ok {
		n += u.replays()
	}
	return n
}

func (h *history) lates(w writer, who *caller) int64 {
	n := who.lates.Load()
	if u, ok := w.(interface{ lates() int64 }); ok {
		n += u.lates()
	}
	return n
}

// final reads past the link, and lets what is unknown end after that.
func (r *recorder) final(origin *ifmatchtest.Server) {
	h := r.h
	body, _, _ := origin.State(path)
	var s state
	if h.kind.object == register {
		s.items = string(body)
	} else {
		s = decode(body)
	}
	call, ret := r.tick(), r.tick()
	h.ops = append(h.ops, porcupine.Operation{Input: input{read: true}, Call: call, Output: output{seen: true, state: s}, Return: ret})
	added := h.added(origin)
	for _, in := range h.lost {
		if in.item != "" && strings.Contains(" "+s.items+" ", " "+in.item+" ") || slices.Contains(added, in.add) {
			h.wrong = append(h.wrong, fmt.Sprintf("%v ended unknown although it was applied and all reads were answered", in))
		}
	}
	for i, item := range h.denied {
		if item != "" && strings.Contains(" "+s.items+" ", " "+item+" ") && h.kind.object != register {
			h.wrong = append(h.wrong, fmt.Sprintf("%s was applied, although the caller was told it wasn't: %s", item, h.why[i]))
		}
	}
	end := r.tick()
	shown := h.shown()
	kept := h.ops[:0]
	for _, op := range h.ops {
		if op.Return < 0 {
			item := op.Input.(input).item
			if h.kind.object == register && !shown[item] {
				continue // nobody saw it: it may have happened after the last read
			}
			if (h.kind.object == set || h.kind.object == list) && !strings.Contains(" "+s.items+" ", " "+item+" ") {
				continue // nothing removes items: it was never applied
			}
			op.Return = end
		}
		kept = append(kept, op)
	}
	h.ops = kept
}

// added returns what each applied write of a counter added. A Resource's writes
// hold the adds of several callers, so they tell nothing.
func (h *history) added(origin *ifmatchtest.Server) []int64 {
	if !h.kind.object.counts() || h.kind.api != "update" {
		return nil
	}
	made := map[string]int64{} // by the tag of the state before
	var tags []string
	for _, r := range origin.Log() {
		if r.Applied {
			tag := r.Header.Get("If-Match")
			tags = append(tags, tag)
			made[tag] = decode(r.Body).n
		}
	}
	// The server's tags count: "v2" comes after "v1".
	slices.SortFunc(tags, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	var adds []int64
	before := int64(0)
	for _, tag := range tags {
		adds = append(adds, made[tag]-before)
		before = made[tag]
	}
	return adds
}

var errIllegal = errors.New("not linearizable")

// check asks porcupine. A time-out is a failure.
func (h *history) check(limit time.Duration) (porcupine.CheckResult, porcupine.LinearizationInfo) {
	ops := slices.Clone(h.ops)
	for i := range ops {
		in := ops[i].Input.(input)
		in.rank = ops[i].Return
		ops[i].Input = in
	}
	return porcupine.CheckOperationsVerbose(model(h.kind.object, ops), ops, limit)
}

// shown is the items of all states that a caller saw; of a register, the values.
func (h *history) shown() map[string]bool {
	shown := map[string]bool{}
	for _, op := range h.ops {
		if out := op.Output.(output); out.seen {
			shown[out.state.items] = true
		}
	}
	return shown
}

// again is the history of a register where each write that went out may have
// been applied: Resend repeats a write whose answer was lost also over what
// another wrote in between, so that readers see a, b, a.
func (h *history) again() *history {
	more := *h
	more.ops = nil
	shown := h.shown()
	for _, op := range h.ops {
		n, _ := op.Metadata.(int)
		if !shown[op.Input.(input).item] {
			n = 1 // to happen once more, unseen, makes no difference
		}
		for range max(1, min(n, 3)) {
			more.ops = append(more.ops, op)
		}
	}
	return &more
}

package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// history is what was recorded of a plan.
type history struct {
	w   *world
	mu  sync.Mutex
	ops []*running

	wrong []violation

	drawing func(to string) error // of what porcupine found; nil: it wasn't asked
}

func newHistory(w *world) *history { return &history{w: w} }

// running is one operation, while it runs and afterwards.
type running struct {
	op
	in        input
	client    client
	process   *process
	call, ret int64
	told      result
	read      state // of a read
	failed    error // of a read
	killed    bool  // its process died meanwhile
	ended     bool  // its context ended

	mu       sync.Mutex // guards what follows
	requests int
	sent     []exchange
	kinds    map[string]int
}

// exchange is a request of an operation and the status of its answer.
type exchange struct {
	request
	status string
}

// firstGuard is the tag that an operation began with, empty where it began with a read.
func (r *running) firstGuard() string {
	if len(r.sent) == 0 || r.sent[0].method == "GET" {
		return ""
	}
	return r.sent[0].header.Get("If-Match")
}

func (r *running) exact() bool { return r.Verb == "read" }

func (r *running) hit(kind string) {
	if kind == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kinds == nil {
		r.kinds = map[string]int{}
	}
	r.kinds[kind]++
}

// met reports whether one of the operation's requests was hit so. A Resource's requests
// are of all its operations.
func (r *running) met(kinds ...string) bool {
	for _, kind := range kinds {
		if r.kinds[kind] > 0 {
			return true
		}
		for _, f := range r.process.w.faults {
			if f.Who == r.process.link.own.name && f.Kind == kind {
				return true
			}
		}
	}
	return false
}

// process returns the live process of a place.
func (w *world) process(at **process) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *at
}

// one does one operation.
func (h *history) one(a *actor, at **process, o op, f *flow) {
	p := h.w.process(at)
	if o.Verb == "die" {
		h.die(a, at, p)
		return
	}
	r := &running{op: o, client: p.spec, process: p}
	r.in = input{read: o.Verb == "read", add: int64(o.Actor*1000+o.ID) + 1, item: o.name()} // no two add the same
	if o.Verb != "add" && o.Verb != "read" {
		r.in.verb = o.Verb
	}
	if h.w.plan.Broken {
		r.in.add = 1
	}
	ctx, cancel := context.WithCancel(context.WithValue(context.WithValue(context.Background(), actorKey{}, a), flowKey{}, f))
	defer cancel()
	defer context.AfterFunc(p.end, func() {
		a.half().sleep(context.Background(), 0) // one after another
		cancel()
	})()
	if o.Patience > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(o.Patience)*time.Millisecond+slots/2)
		defer stop()
	}
	a.mu.Lock()
	a.op = r
	a.mu.Unlock()
	r.call = h.w.tick()
	if r.in.read {
		r.read, r.failed = p.writer.get(ctx)
	} else {
		r.told = p.writer.do(ctx, r.in)
	}
	r.ret = h.w.tick()
	r.killed, r.ended = p.end.Err() != nil, ctx.Err() != nil
	a.mu.Lock()
	a.op = nil
	a.mu.Unlock()
	a.note("%s", r)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, r)
}

// die ends a process, and starts another one in its place.
func (h *history) die(a *actor, at **process, p *process) {
	p.kill()
	p.link.dead.Store(true)
	next := newProcess(h.w, p.at, p.gen+1)
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	*at = next
	h.w.reached["death"]++
	a.note("%s died", p.link.own.name)
}

// String is what the caller was told.
func (r *running) String() string {
	text := fmt.Sprintf("%s by %s: ", r.key(), r.client.API)
	if r.in.read {
		return text + fmt.Sprintf("read %v %v", r.read, r.failed)
	}
	t := r.told
	return text + fmt.Sprintf("%v, %v, %d attempts, waited %v, overwrote %v, shown %d %v, tag %s, killed %v: %v; %v",
		t.Effect, t.Cause, t.Attempts, t.Waited, t.Overwrote, t.shown, t.state, t.tag, r.killed, t.err, t.Err)
}

// key is a name of the operation.
func (r *running) key() string { return fmt.Sprintf("%c.%d %s", 'a'+r.Actor, r.ID, r.Verb) }

// final ends the history.
func (h *history) final() {
	slices.SortFunc(h.ops, func(a, b *running) int { return int(a.call - b.call) })
	h.judge()
	for _, r := range h.ops {
		if r.in.read || r.killed {
			continue
		}
		h.w.reach("effect: " + r.told.Effect.String())
		h.w.reach("cause: " + r.told.Cause.String())
		h.w.reach("api: " + r.client.API)
	}
}

// log is what each actor saw and did, one after another.
func (h *history) log() string {
	var all []string
	for _, a := range h.w.all {
		all = append(all, a.log...)
	}
	for i, c := range h.w.server.commits {
		all = append(all, fmt.Sprintf("commit %d by %s under %s: %s", i, c.who, c.tag, c.after))
	}
	return strings.Join(all, "\n") + "\n"
}

// itemsOf is what was added to a document.
func itemsOf(body []byte) []string {
	if body == nil {
		return nil
	}
	var d content
	if json.Unmarshal(body, &d) != nil {
		return []string{string(body)}
	}
	var all map[string]json.RawMessage
	json.Unmarshal(body, &all)
	items := slices.Clone(d.Items)
	for _, name := range sortedKeys(all) {
		if item, added := strings.CutPrefix(name, "x_"); added {
			items = append(items, item)
		}
	}
	return items
}

// times counts an item.
func times(items []string, item string) int {
	n := 0
	for _, there := range items {
		if there == item {
			n++
		}
	}
	return n
}

// violation is something wrong with a history.
type violation struct {
	kind string // one of the checks
	of   *running
	text string
}

func (v violation) String() string {
	if v.of == nil {
		return v.kind + ": " + v.text
	}
	return fmt.Sprintf("%s: %s; %s", v.kind, v.text, v.of)
}

// fail adds a violation.
func (h *history) fail(kind string, of *running, format string, args ...any) {
	h.wrong = append(h.wrong, violation{kind, of, fmt.Sprintf(format, args...)})
}

// gaveUp reports whether a read of the operation may not have shown what is stored.
func (r *running) blind() bool {
	return r.ended || r.met(readFails, readLags, readOdd, cutBody, endless, verySlow) || errors.Is(r.told.err, ifmatch.ErrElapsed)
}

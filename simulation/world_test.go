package simulation

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

// world is a history under way. Time is its scheduler: whoever waits in it wakes at an
// instant that nobody else can wake at, so that one client runs at a time.
type world struct {
	plan   *plan
	server *server
	start  time.Time
	listed map[string]string // of plan.Faults: the kind by key

	mu      sync.Mutex // guards what follows
	ticks   int64
	latest  int // slots of late requests so far
	faults  []fault
	all     []*actor
	reached map[string]int // for TestSometimes
}

// slots is how many instants there are in a round. Each actor has one.
const slots = 1024

// actor is whoever waits: a caller, a Resource, or a request that nobody waits for.
type actor struct {
	w    *world
	name string
	slot int64

	mu    sync.Mutex // guards what follows
	op    *running   // nil: none
	nth   int        // requests so far, of a Resource
	log   []string
	dices uint64
}

// key names the operation that the actor is at, for faults.
func (a *actor) key() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.op == nil {
		return a.name
	}
	return fmt.Sprintf("%s.%d", a.name, a.op.ID)
}

// count counts a request, and returns its number and the operation it is of.
func (a *actor) count() (int, *running) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.op != nil {
		a.op.requests++
		return a.op.requests, a.op
	}
	a.nth++
	return a.nth, nil
}

// note adds a line to the actor's log.
func (a *actor) note(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, fmt.Sprintf("%9.3fms %s ", float64(time.Since(a.w.start))/1e6, a.name)+fmt.Sprintf(format, args...))
}

// sleep waits for about d, until an instant of the actor, or for the end of the context.
func (a *actor) sleep(ctx context.Context, d time.Duration) error {
	now := time.Now()
	due := now.Add(d + 1)
	due = due.Add(time.Duration((a.slot - due.UnixNano()%slots + slots) % slots))
	timer := time.NewTimer(due.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// half is an actor that wakes between the instants of this one.
func (a *actor) half() *actor { return &actor{slot: (a.slot + slots/2) % slots} }

// newActor adds an actor. It must be called by one goroutine at a time.
func (w *world) newActor(name string, slot int) *actor {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := &actor{w: w, name: name, slot: int64(slot)}
	w.all = append(w.all, a)
	return a
}

// tick numbers what happens.
func (w *world) tick() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ticks++
	return w.ticks
}

// reach counts that something happened.
func (w *world) reach(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reached[what]++
}

// dice returns the random numbers of one request or wait. They depend on the seed and
// the key only, whatever else happens.
func (w *world) dice(key string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(key))
	return rand.New(rand.NewPCG(w.plan.Seed, h.Sum64()))
}

// hit is what happens to a request.
func (w *world) hit(key string, nth int, write bool) string {
	fits := func(kind string) bool { return ofBoth[kind] || ofReads[kind] != write }
	kind := w.listed[fmt.Sprint(key, "#", nth)]
	if !fits(kind) {
		kind = ""
	}
	if !w.plan.Listed {
		rng := w.dice(fmt.Sprint(key, "#", nth, " hit"))
		for _, k := range hits {
			if thrown := rng.Float64(); kind == "" && fits(k) && thrown < w.plan.Rates[k] {
				kind = k
			}
		}
	}
	if kind != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.faults = append(w.faults, fault{key, nth, kind})
		w.reached["fault: "+kind]++
	}
	return kind
}

// run runs a plan in a bubble of its own.
func run(t *testing.T, p *plan) *history {
	var h *history
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, p.Seed)
		h = live(p)
	})
	h.linearize() // out of the bubble, where its limit is a time
	return h
}

// live runs the plan, and returns when nothing of it is left.
func live(p *plan) *history {
	w := &world{plan: p, start: time.Now(), listed: map[string]string{}, reached: map[string]int{}}
	for _, f := range p.Faults {
		w.listed[fmt.Sprint(f.Who, "#", f.Nth)] = f.Kind
	}
	w.server = newServer(w, p.Server)
	h := newHistory(w)
	processes := make([]*process, len(p.Clients))
	for i := range p.Clients {
		processes[i] = newProcess(w, i, 0)
	}
	var all sync.WaitGroup
	for i, c := range p.Actors {
		a := w.newActor(fmt.Sprintf("%c", 'a'+i), 1+i)
		var ops []op
		for _, o := range p.Ops {
			if o.Actor == i {
				ops = append(ops, o)
			}
		}
		all.Go(func() {
			flow := newFlow()
			for _, o := range ops {
				a.sleep(context.Background(), time.Duration(o.Pause)*time.Millisecond)
				h.one(a, &processes[c], o, flow)
			}
		})
	}
	all.Wait()
	// What nobody waits for ends too: writes that come late, and those of a Resource
	// whose callers gave up. In the bubble an hour costs nothing.
	time.Sleep(time.Hour)
	synctest.Wait()
	h.final()
	return h
}

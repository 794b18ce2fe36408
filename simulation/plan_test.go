package simulation

import (
	"fmt"
	"math/rand/v2"
)

// plan is all that a history is made from: the same plan gives the same history.
type plan struct {
	Seed    uint64 // of latencies, jitter, ids, and of faults where Listed is false
	Object  object
	Server  traits
	Clients []client
	Actors  []int // the client of each
	Ops     []op
	Rates   rates   // of faults, where Listed is false
	Broken  bool    // a client that has to be caught
	Listed  bool    // only Faults happen
	Faults  []fault // what happens, or what happened
}

// client is one process: a Transport, and a Resource where its API is one.
type client struct {
	API      string // update, resource, rebuild, merge, stop, resend, unconditional, remember
	Marks    bool
	Direct   bool // the base is an *http.Transport
	Silent   bool // the base doesn't call the hooks of httptrace
	Attempts int  // WithMaxAttempts; 0: the default
}

// op is one operation of one actor. The actor does its operations one after another.
type op struct {
	Actor, ID int
	Verb      string // add, read, qty, swap, delete, die
	Pause     int    // ms before it
	Patience  int    // ms until its context ends; 0: it doesn't
}

// name is what an addition adds.
func (o op) name() string { return fmt.Sprintf("%c%d", 'a'+o.Actor, o.ID) }

// hits are what a fault may do to a request.
const (
	lostRequest = "request lost"
	lostAnswer  = "answer lost"
	before5xx   = "5xx before"
	after5xx    = "5xx after"
	after412    = "412 after"    // the server applies the write and refuses it
	late        = "late"         // the request arrives after its caller was told of an error
	dialError   = "dial error"   // seen by httptrace
	resentFirst = "resent first" // a proxy sends it twice, and hands on the first answer
	resentLast  = "resent last"  // or the last one
	resentBelow = "resent below" // the base sends it twice, as httptrace sees
	readFails   = "read fails"
	readLags    = "read lags" // a replica or a cache answers with an earlier state
	slow        = "slow"
	verySlow    = "very slow"
	throttled   = "throttled" // 429 with Retry-After
	cutBody     = "body cut"
	endless     = "body endless"
	readOdd     = "read odd"    // an answer to a read that is no state, though there is one
	oddSuccess  = "odd success" // 202 or 207 to a write that was applied
)

var hits = []string{
	lostRequest, lostAnswer, before5xx, after5xx, after412, late, dialError, resentFirst, resentLast, resentBelow,
	readFails, readLags, slow, verySlow, throttled, cutBody, endless, readOdd, oddSuccess,
}

// ofReads and ofBoth are the hits of reads; all others are of writes.
var (
	ofReads = map[string]bool{readFails: true, readLags: true, readOdd: true}
	ofBoth  = map[string]bool{slow: true, verySlow: true, cutBody: true, endless: true}
)

// rates are the probabilities of hits. A swarm leaves most of them out.
type rates map[string]float64

// fault is a hit of one request: the nth of an operation, or of a Resource.
type fault struct {
	Who  string // see actor.key
	Nth  int
	Kind string
}

// draw makes a plan from a seed.
func draw(seed uint64, ops int) *plan {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := &plan{Seed: seed, Object: objects[rng.IntN(len(objects))], Server: drawTraits(rng), Rates: drawRates(rng)}
	return p.populate(rng, ops)
}

// objects are drawn evenly.
var objects = []object{counter, set, list, bounded, register, mixed, mixed, mixed}

// populate adds clients, actors and operations.
func (p *plan) populate(rng *rand.Rand, ops int) *plan {
	n := 1 + rng.IntN(4)
	for range n {
		p.Clients = append(p.Clients, drawClient(rng, p.Object))
	}
	actors := n + rng.IntN(5)
	if rng.IntN(8) == 0 {
		actors += rng.IntN(9) // a crowd
	}
	for i := range actors {
		p.Actors = append(p.Actors, i%n)
	}
	patient := rng.IntN(5) > 0
	verbs := p.verbs(rng)
	for i := range 1 + rng.IntN(ops) {
		o := op{Actor: rng.IntN(actors), ID: i, Verb: verbs[rng.IntN(len(verbs))], Pause: rng.IntN(30)}
		if !patient && rng.IntN(2) == 0 {
			o.Patience = 20 + rng.IntN(2000)
		}
		p.Ops = append(p.Ops, o)
	}
	p.calm()
	return p
}

// verbs are what is drawn from: half of them additions, or more.
func (p *plan) verbs(rng *rand.Rand) []string {
	verbs := []string{"add", "add", "add", "add", "read"}
	more := []string{"qty", "swap", "delete", "die"}
	if p.Object != mixed {
		more = []string{"die"} // a register has no lines, and a checker no deletions
	}
	for _, verb := range more {
		if rng.IntN(4) == 0 {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}

// calm takes out what no client can know: see the README.
func (p *plan) calm() {
	for _, c := range p.Clients {
		if !p.tells(c) && p.Object != set && p.Object != register {
			delete(p.Rates, resentLast)
			delete(p.Rates, after412)
			if p.forgets() {
				delete(p.Rates, resentFirst)
			}
		}
	}
	// A content hash comes back where a document is made anew.
	for _, o := range p.Ops {
		if o.Verb == "delete" && p.Server.Tags == "hash" {
			p.Server.Tags = "version"
		}
	}
}

// tells reports whether a client's own writes can be told from those of others: it marks
// them, and the server keeps the marks.
func (p *plan) tells(c client) bool {
	s := p.Server
	return c.Marks && !s.Prunes && !s.PrunesNew && !s.Frozen && s.Orders == ""
}

// forgets reports whether a server refuses a tag that it gave, and accepts it a moment
// later: a proxy's first answer says nothing about the second then.
func (p *plan) forgets() bool { return p.Server.Tags == "node" || p.Server.Tags == "read" }

func drawClient(rng *rand.Rand, o object) client {
	apis := []string{"update", "update", "resource", "rebuild"}
	switch o {
	case register:
		apis = []string{"resend"}
	case bounded:
		apis = []string{"update", "resource"}
	case mixed:
		apis = []string{"update", "update", "resource", "rebuild", "merge", "stop", "resend", "unconditional", "remember"}
	}
	c := client{API: apis[rng.IntN(len(apis))], Direct: rng.IntN(3) == 0, Silent: rng.IntN(6) == 0}
	c.Marks = (c.API == "update" || c.API == "resource") && rng.IntN(2) == 0
	if rng.IntN(4) == 0 {
		c.Attempts = 1 + rng.IntN(5)
	}
	if c.Direct {
		c.Silent = false
	}
	return c
}

// most is how often a hit happens at most.
var most = map[string]float64{
	lostRequest: .2, lostAnswer: .3, before5xx: .2, after5xx: .2, after412: .1, late: .15, dialError: .1,
	resentFirst: .2, resentLast: .2, resentBelow: .2, readFails: .2, readLags: .3, slow: .5, verySlow: .03,
	throttled: .2, cutBody: .1, endless: .03, readOdd: .2, oddSuccess: .1,
}

func drawRates(rng *rand.Rand) rates {
	r := rates{}
	for _, kind := range hits {
		if rng.IntN(4) == 0 {
			r[kind] = most[kind] * rng.Float64()
		}
	}
	return r
}

// Package memory keeps what a flow of calls has seen: for each URL what guards a write
// of it, or why nothing does.
//
// It reads the requests and the answers that it is shown, and decodes an answer that is
// compressed although the flow asked for identity. It sends nothing, and knows neither
// policies nor dialects.
package memory

import "sync"

// maxTargets bounds the URLs that one flow remembers.
const maxTargets = 4096

// Flow is what one flow of calls has seen. The zero value has seen nothing and is ready
// to use. A Flow may be used concurrently, and must not be copied after its first use.
//
// What a flow knows of a URL becomes weaker at any time, but it becomes a guard only by
// what the flow has seen whole. Where two events are about one URL the later one counts:
// a read when it was asked for, a write when it was answered.
type Flow struct {
	mu       sync.Mutex
	clock    uint64 // counts the events
	byTarget map[target]entry
	lossy    bool // the table was full when the flow met a URL: any that it doesn't know may be one
}

// entry is what a flow knows of one URL that it has met.
type entry struct {
	Known
	at uint64 // of the event that it is from
}

// Known is what a flow knows of a URL. The zero Known is of a URL that the flow has never
// met: a write of it goes out as it is.
type Known struct {
	Tag    string // of the state that the flow has seen whole, strong or weak; empty: none
	Absent bool   // the flow has seen that nothing is there
	Closed Reason // why nothing guards a write; empty: it has a guard, or was never met
}

// Reason is why the flow has nothing that guards a write of a URL, and what helps.
type Reason string

const (
	unread     Reason = "the flow hasn't read the state to its end: GET it, read the body to the end, and close it before the write"
	unseen     Reason = "the flow hasn't seen the state, only its header or a part of it: GET it whole"
	untagged   Reason = "the state that was read last has no ETag that can guard a write: a server without ETags needs a precondition in another place"
	coded      Reason = "the state that was read last came compressed, and its tag guards no plain state: GET it with Accept-Encoding: identity"
	elsewhere  Reason = "the answer is of another URL, which something below was redirected to: use that URL"
	unanswered Reason = "the flow's last write was accepted, and its answer doesn't say what is stored now: GET it again"
	patched    Reason = "the flow's last write changed a state that the flow hasn't seen since: GET it again"
	aside      Reason = "an Update, or a policy, has read or written it, and the flow itself has not: GET it"
	respelled  Reason = "the flow knows a URL that may be this one, with an internationalized host in another spelling: spell the host as in the read, or GET this URL"
	full       Reason = "the flow knows 4096 URLs, and remembers no more: begin a new flow with Remember"
)

// known returns what the flow knows of a target.
func (f *Flow) known(of target) Known {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, met := f.byTarget[of]
	if !met && len(f.byTarget) >= maxTargets {
		return Known{Closed: full}
	}
	if !met && f.knowsRespelled(of) {
		return Known{Closed: respelled}
	}
	return e.Known
}

// knowsRespelled reports whether the flow has met a URL that may be this one, which it hasn't
// met in this spelling.
func (f *Flow) knowsRespelled(of target) bool {
	if !international(of.host) && !international(of.name) {
		return false
	}
	for known := range f.byTarget {
		if of.mayBe(known) {
			return true
		}
	}
	return false
}

// begin counts an event.
func (f *Flow) begin() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock++
	return f.clock
}

// note replaces what the flow knows of a target, unless that is from a later event.
func (f *Flow) note(of target, at uint64, k Known) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, met := f.byTarget[of]
	// A flow whose table is full takes every other URL for closed.
	if !met && len(f.byTarget) >= maxTargets {
		f.lossy = true
		return
	}
	if met && e.at > at {
		return
	}
	if f.byTarget == nil {
		f.byTarget = make(map[target]entry)
	}
	f.byTarget[of] = entry{k, at}
}

// meet notes why nothing guards a write of a target, where nothing does. A guard stays, and
// what the flow sees whole counts more, also where it has asked for that before.
func (f *Flow) meet(of target, why Reason) {
	f.mu.Lock()
	e := f.byTarget[of]
	f.mu.Unlock()
	if e.Tag == "" && !e.Absent {
		f.note(of, e.at, Known{Closed: why})
	}
}

// forget drops what the flow knows of a URL, whatever Host was named there. Where the flow
// has lost others, a zero entry says that this one isn't among them.
func (f *Flow) forget(of target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for known := range f.byTarget {
		unnamed := known
		if unnamed.name = ""; unnamed != of {
			continue
		}
		if f.lossy {
			f.byTarget[known] = entry{at: f.byTarget[known].at}
		} else {
			delete(f.byTarget, known)
		}
	}
}

// Package memory keeps what a flow of calls has seen: for each target the strong
// tag of its newest state, and a digest of the body where somebody read it to its
// end.
//
// It reads the answers that it is shown. It sends nothing, and knows neither
// policies nor how a write is guarded.
package memory

import (
	"cmp"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"

	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/lane"
)

// maxTargets bounds the targets that one flow remembers.
const maxTargets = 256

// Flow is what one flow of calls has seen. The zero value has seen nothing and is
// ready to use. A Flow may be used concurrently, and must not be copied after its
// first use.
type Flow struct {
	mu       sync.Mutex
	clock    uint64 // counts what happened to the flow
	byTarget map[lane.Target]Seen
}

// Seen is the newest successful answer for one target. The zero Seen is none.
type Seen struct {
	Tag    string             // strong
	digest *[sha256.Size]byte // of the body that came with it; nil: nobody read it to its end
	at     uint64             // when it was asked for; of a write, when it was answered
}

// Whole reports whether the flow has seen all of the state that the tag names.
func (s Seen) Whole() bool { return s.digest != nil }

// SameBody reports whether a body is the one of the state that was seen whole.
func (s Seen) SameBody(body []byte) bool {
	return s.digest != nil && sha256.Sum256(body) == *s.digest
}

// Visit begins a call, and returns what the flow knows of its target. A call
// without a host, which can't be sent, has a zero Visit.
func (f *Flow) Visit(req *http.Request) (Visit, Seen) {
	if req.URL == nil || req.URL.Host == "" {
		return Visit{}, Seen{}
	}
	v := Visit{flow: f, target: targetOf(req)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock++
	v.begun = f.clock
	return v, f.byTarget[v.target]
}

// targetOf is what a request asks for, in one spelling.
func targetOf(req *http.Request) lane.Target {
	u := req.URL
	host := strings.ToLower(hosts.WithPort(u))
	if other := strings.ToLower(hosts.Of(req)); other != strings.ToLower(u.Host) {
		host += " " + other // no host has a space
	}
	return lane.Target{
		Scheme: strings.ToLower(u.Scheme),
		Host:   host,
		Path:   cmp.Or(u.Opaque, u.EscapedPath(), "/"),
		Query:  u.RawQuery,
	}
}

// note keeps the tag as the newest, unless something newer is kept. The tag of a
// write is newer than all that was asked for before the write was answered.
func (f *Flow) note(v Visit, tag string, written bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := Seen{Tag: tag, at: v.begun}
	if written {
		f.clock++
		now.at = f.clock
	}
	before, known := f.byTarget[v.target]
	if known && before.at > now.at {
		return
	}
	if before.Tag == tag {
		now.digest = before.digest
	}
	if f.byTarget == nil {
		f.byTarget = make(map[lane.Target]Seen)
	}
	if !known && len(f.byTarget) >= maxTargets {
		f.dropOldest()
	}
	f.byTarget[v.target] = now
}

func (f *Flow) dropOldest() {
	var oldest lane.Target
	least := f.clock + 1
	for target, s := range f.byTarget {
		if s.at < least {
			oldest, least = target, s.at
		}
	}
	delete(f.byTarget, oldest)
}

// forget drops what is known of the target, but not what was asked for since the
// call began, unless the call was a write that was accepted.
func (f *Flow) forget(v Visit, accepted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, known := f.byTarget[v.target]; known && (accepted || s.at <= v.begun) {
		delete(f.byTarget, v.target)
	}
}

// forgetBody drops the digest: the flow has read something else since.
func (f *Flow) forgetBody(v Visit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, known := f.byTarget[v.target]; known && s.at <= v.begun {
		s.digest = nil
		f.byTarget[v.target] = s
	}
}

// noteBody keeps the digest of the whole body that came with the tag.
func (f *Flow) noteBody(v Visit, tag string, digest [sha256.Size]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.byTarget[v.target]; s.Tag == tag {
		s.digest = &digest
		f.byTarget[v.target] = s
	}
}

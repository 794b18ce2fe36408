package ifmatchtest

import (
	"net/http"
	"reflect"
	"slices"
	"time"
)

// A Fault is one way in which a server or a link misbehaves. It is made by a
// function of this package, narrowed by its methods, and takes effect when it
// is given to [Server.Inject].
//
// Where a function takes a count n, the fault hits the next n requests that
// it is for; if n <= 0, all of them from now on. Functions without a count
// make a fault that stays. A write fault is for POST, PUT, PATCH and DELETE, a
// read fault for GET and HEAD, any other for all methods, unless [Fault.On]
// says otherwise.
//
// Several faults may hit one request, in the order of injection. But of those
// that decide the answer (LostRequest, LostAnswer, FailBefore, FailAfter,
// Refuse, Reply, NoHead) only the first that is not used up does; the others
// wait for the next request. So Inject(FailBefore(1, 503), LostAnswer(1))
// is a script for two requests. A count goes down as a request arrives,
// whatever becomes of it.
//
// A Fault is a value: methods return a changed copy, and one Fault may be
// injected many times, into many servers. The zero Fault does nothing.
type Fault struct {
	kind    kind
	n       int
	after   int
	methods []string // nil: all
	path    string   // "": all
	header  http.Header
	status  int
	wait    time.Duration
	edit    func([]byte) []byte
	reply   http.HandlerFunc
	tag     string
	nodes   int          // that answer in turn; 0: each request meets a new one
	back    int          // writes that a replica is behind
	node    int          // that answers the request, from 1; of a fault that hits one
	shape   reflect.Type // that JSON is decoded into; nil: knows no member
	on      []int        // statuses; nil: all of 5xx
}

type kind int

const (
	_ kind = iota // the zero Fault is none
	// These decide the answer.
	lostRequest
	lostAnswer
	failBefore
	failAfter
	refuse
	reply
	noHead
	// These don't.
	earlyRefusal
	staleReads
	headWithoutETag
	weakTags
	weakTagsStrict
	weakFor
	gzipTags
	contentTags
	noETag
	noLastModified
	noETagAfterWrite
	tagOnRefusal
	competingWriter
	competingAfter
	requirePrecondition
	slow
	slowAnswer
	replay
	discardBodies
	nodeTags
	deleteMarkers
	dropUnknown
	resendOn
)

// decides reports whether the fault settles what a request is answered.
func (k kind) decides() bool { return k >= lostRequest && k <= noHead }

// On narrows the fault to the methods, in place of those it is for by itself.
// Without arguments it is for all methods.
func (f Fault) On(methods ...string) Fault {
	f.methods = slices.Clone(methods)
	return f
}

// At narrows the fault to one path, without a query. Empty means all paths.
func (f Fault) At(path string) Fault {
	f.path = path
	return f
}

// After lets k requests that the fault is for pass before the first is hit.
func (f Fault) After(k int) Fault {
	f.after = k
	return f
}

// WithHeader adds a header field to the answers that the fault itself
// produces, such as a Retry-After to those of FailBefore or an Age to those of
// StaleReads. Faults that produce no answer of their own don't use it.
func (f Fault) WithHeader(key, value string) Fault {
	f.header = f.header.Clone()
	if f.header == nil {
		f.header = make(http.Header)
	}
	f.header.Add(key, value)
	return f
}

// covers reports whether the fault is for such a request.
func (f *Fault) covers(method, path string) bool {
	return (f.path == "" || f.path == path) && (len(f.methods) == 0 || slices.Contains(f.methods, method))
}

// An injected fault counts what it was for. Server.mu guards it.
type injected struct {
	Fault
	seen, hits int
}

func (f *injected) usedUp() bool { return f.n > 0 && f.hits >= f.n }

// Inject adds faults, in order, to those at work. It may be called at any
// time; requests that have already arrived are not affected.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		s.faults = append(s.faults, &injected{Fault: f})
	}
}

// by returns the fault as it hits a request, before which it has met others.
func (f *injected) by(others int) *Fault {
	if f.kind != nodeTags {
		return &f.Fault
	}
	hit := f.Fault
	hit.node = others + 1
	if f.nodes > 0 {
		hit.node = others%f.nodes + 1
	}
	return &hit
}

// A faultSet is the faults that hit one request.
type faultSet []*Fault

// hit counts a request that has arrived, and returns the faults that hit it. resent says
// that a proxy has sent it again: the proxies themselves don't count it.
func (s *Server) hit(method, path string, resent bool) faultSet {
	var set faultSet
	decided := false
	for _, f := range s.faults {
		if !f.covers(method, path) || resent && f.kind == resendOn {
			continue
		}
		f.seen++
		if f.seen <= f.after || f.usedUp() || decided && f.kind.decides() {
			continue
		}
		f.hits++
		set = append(set, f.by(f.seen-f.after-1))
		decided = decided || f.kind.decides()
	}
	return set
}

// peek returns the faults that a GET would meet now, and counts nothing.
func (s *Server) peek(path string) faultSet {
	var set faultSet
	for _, f := range s.faults {
		if f.covers(http.MethodGet, path) && f.seen >= f.after && !f.usedUp() {
			set = append(set, f.by(f.seen-f.after))
		}
	}
	return set
}

// get returns the first fault of the kind, nil for none.
func (set faultSet) get(k kind) *Fault {
	for _, f := range set {
		if f.kind == k {
			return f
		}
	}
	return nil
}

func (set faultSet) has(k kind) bool { return set.get(k) != nil }

// all returns the faults of the kind, in order of injection.
func (set faultSet) all(k kind) []*Fault {
	var fs []*Fault
	for _, f := range set {
		if f.kind == k {
			fs = append(fs, f)
		}
	}
	return fs
}

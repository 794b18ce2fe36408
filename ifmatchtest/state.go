package ifmatchtest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// A state is what is stored at a path at one moment. Its body is never changed
// in place.
type state struct {
	exists      bool
	body        []byte
	contentType string
	version     int       // of the last write; it outlives a deletion
	modified    time.Time // when this state came to be
}

// A resource is a path's current state, and those before it.
type resource struct {
	state
	past []state // before the last writes: at most maxPast, the newest last
}

// maxPast is how many old states a resource keeps.
const maxPast = 4

// back returns the state before the last n writes.
func (res *resource) back(n int) state {
	switch n = min(n, len(res.past)); n {
	case 0:
		return res.state
	default:
		return res.past[len(res.past)-n]
	}
}

// before returns the state that the current one replaced, the zero state for none.
func (res *resource) before() state {
	if len(res.past) == 0 {
		return state{}
	}
	return res.back(1)
}

// become replaces the state.
func (res *resource) become(next state) {
	if len(res.past) == maxPast {
		res.past = append(res.past[:0], res.past[1:]...)
	}
	res.past = append(res.past, res.state)
	res.state = next
}

// store makes body the state. It takes ownership of body.
func (res *resource) store(body []byte, contentType string) {
	if body == nil {
		body = []byte{}
	}
	res.become(state{true, body, contentType, res.version + 1, time.Now()})
}

func (res *resource) remove() {
	if !res.exists {
		return
	}
	res.become(state{version: res.version, modified: time.Now()})
}

// compete is the other writer of CompetingWriter and CompetingAfter.
func (res *resource) compete(edit func([]byte) []byte) {
	body := edit(bytes.Clone(res.body))
	if body == nil {
		res.remove()
		return
	}
	res.store(bytes.Clone(body), res.contentType)
}

// resource returns the resource at the path. The caller holds s.mu.
func (s *Server) resource(path string) *resource {
	if s.resources == nil {
		s.resources = make(map[string]*resource)
	}
	res := s.resources[path]
	if res == nil {
		res = new(resource)
		s.resources[path] = res
	}
	return res
}

// view returns the validators of cur as a request sees them that the faults
// hit. prev is the state that cur replaced.
func view(cur, prev state, faults faultSet) selection {
	sel := selection{exists: cur.exists}
	if !cur.exists {
		sel.marked = cur.version > 0 && faults.has(deleteMarkers)
		return sel
	}
	sel.modified = cur.modified.Truncate(time.Second)
	// RFC 9110 §8.8.2.2: strong when nothing else was stored in the same second
	sel.strongDate = !prev.modified.Truncate(time.Second).Equal(sel.modified)
	opaque := fmt.Sprintf(`"v%d"`, cur.version)
	if faults.has(contentTags) {
		opaque = fmt.Sprintf(`"%x"`, sha256.Sum256(cur.body))
	}
	if f := faults.get(nodeTags); f != nil {
		opaque = fmt.Sprintf(`%s-n%d"`, strings.TrimSuffix(opaque, `"`), f.node)
	}
	sel.etag = opaque
	sel.weakly = faults.has(weakTags)
	if sel.weakly || faults.has(weakTagsStrict) || inFirstMoment(cur, faults) {
		sel.etag = "W/" + opaque
	}
	if faults.has(noETag) {
		sel.etag = ""
	}
	if faults.has(noLastModified) {
		sel.modified = time.Time{}
	}
	return sel
}

// inFirstMoment reports whether a WeakFor fault is weakening the tag.
func inFirstMoment(cur state, faults faultSet) bool {
	f := faults.get(weakFor)
	return f != nil && time.Since(cur.modified) < f.wait
}

// Put stores a copy of body at the path, as another writer would, past all
// preconditions and the log, and returns the entity-tag that a GET without an
// Accept-Encoding would now see. The path has no query. An empty contentType
// means application/octet-stream.
func (s *Server) Put(path, contentType string, body []byte) (etag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	res := s.resource(path)
	res.store(bytes.Clone(body), contentType)
	return view(res.state, res.before(), s.peek(path)).etag
}

// Delete deletes the state at the path, as another writer would. It does
// nothing when there is none.
func (s *Server) Delete(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resource(path).remove()
}

// State returns a copy of what is stored at the path, and the entity-tag that
// a GET without an Accept-Encoding would see, were it not stale. It reports
// whether there is a state.
func (s *Server) State(path string) (body []byte, etag string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	res := s.resource(path)
	return bytes.Clone(res.body), view(res.state, res.before(), s.peek(path)).etag, res.exists
}

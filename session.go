package ifmatch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/lane"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// maxRemembered bounds the URLs that one flow remembers.
const maxRemembered = 256

// Remember returns a context whose reads guard its writes. What is called with
// it, or with a context made from it, is one flow: a Transport of this package
// notes the strong entity-tag of each GET and HEAD that is answered with 200, and
// a PUT, PATCH or DELETE of the same URL that carries no precondition is sent
// under If-Match with the tag that the flow saw last. The tag of its own accepted
// write counts from then on. A refusal goes to the policy like that of any other
// guarded write.
//
// Where the caller read a body to its end, a digest of it is kept. A refused
// write whose state still has that content is sent again under the fresh tag,
// whatever the policy, also under Stop: nothing can be lost. The outcome has
// CauseFalseConflict. Under Stop the refusal may then come with its body
// buffered, up to 64 KiB.
//
// A URL is forgotten after a write that failed, 412 included, after a success
// without a strong tag, and after 404 and 410. A write to a URL that isn't
// remembered goes out as it is: read again first. Only the last 256 URLs are
// remembered. A write with a precondition, with Content-Range or with a signature
// that was made above the Transport is left as it is, and so is every POST.
//
// The tag of a compressed answer isn't noted, also where http.Transport asked for
// gzip on its own and decoded it: it belongs to the compressed representation. Set
// Accept-Encoding: identity on the reads where the server compresses. A tag that
// was noted before stays then, but the digest goes.
//
// Each call of Remember begins a flow of its own that knows nothing of others,
// also when ctx has one. A flow may be used concurrently.
func Remember(ctx context.Context) context.Context {
	s := scopeOf(ctx).copy()
	s.memory = new(memory)
	return context.WithValue(ctx, scopeKey{}, s)
}

// memory is what one flow has seen.
type memory struct {
	mu    sync.Mutex
	clock uint64 // counts what happened to the flow
	byURL map[lane.Target]seen
}

// seen is the newest successful answer for one URL.
type seen struct {
	tag    string // strong
	digest *[sha256.Size]byte
	at     uint64 // when it was asked for; of a write, when it was answered
}

// visit is one call of a flow. The zero visit is of a call without a URL.
type visit struct {
	memory *memory
	at     lane.Target
	begun  uint64
}

// remembered is RoundTrip for a call of a flow.
func (t *Transport) remembered(base http.RoundTripper, req *http.Request, s *scope) (*http.Response, error) {
	v, known := s.memory.visit(req)
	guarded := req
	if t.dialectFor(req, s).ownPlaces() {
		known = seen{} // If-Match isn't where the API looks
	} else {
		guarded, known = known.guard(req)
	}
	c := t.newCall(base, guarded, s)
	c.seen = known
	resp, err := c.begin()
	switch {
	case v.memory == nil:
	case remembersWrite(req.Method):
		v.written(req, resp, err)
	case err == nil && readsState(req):
		return v.read(req, resp, c.maxRepresentation), nil
	}
	return resp, err
}

// remembersWrite reports whether a write with this method is guarded.
func remembersWrite(method string) bool {
	return method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete
}

// readsState reports whether the answer may be a whole state.
func readsState(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead:
		return field.Lines(req.Header, "Range") == nil
	}
	return false
}

// visit begins a call, and returns what the flow knows of its URL.
func (m *memory) visit(req *http.Request) (visit, seen) {
	if req.URL == nil || req.URL.Host == "" {
		return visit{}, seen{}
	}
	v := visit{memory: m, at: rememberedPlace(req)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock++
	v.begun = m.clock
	return v, m.byURL[v.at]
}

// rememberedPlace is what a request asks for, in one spelling.
func rememberedPlace(req *http.Request) lane.Target {
	u := req.URL
	host := strings.ToLower(hosts.WithPort(u))
	if other := strings.ToLower(hosts.Of(req)); other != strings.ToLower(u.Host) {
		host += " " + other // no host has a space
	}
	return lane.Target{Scheme: strings.ToLower(u.Scheme), Host: host, Path: cmp.Or(u.Opaque, u.EscapedPath(), "/"), Query: u.RawQuery}
}

// guard returns the request to send, a copy where the tag was put into it, and
// what the flow saw of the state that its precondition names.
func (s seen) guard(req *http.Request) (*http.Request, seen) {
	if s.tag == "" || !remembersWrite(req.Method) || field.Lines(req.Header, "Content-Range") != nil || signedAbove(req) != "" {
		return req, seen{}
	}
	switch g := guardOf(req.Header); {
	case g.kind == guardTags && len(g.tags) == 1 && g.names(s.tag):
		return req, s
	case g.kind != guardNone:
		return req, seen{}
	}
	guarded := req.WithContext(req.Context())
	guarded.Header = field.Clone(req.Header)
	field.Set(guarded.Header, "If-Match", s.tag)
	return guarded, s
}

// written notes what the answer to a write says.
func (v visit) written(req *http.Request, resp *http.Response, err error) {
	switch {
	case err != nil || resp.StatusCode >= 400:
		v.forget(false)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		// A redirect: the next hop is another URL's.
	case req.Method != http.MethodDelete && effectOf(resp.StatusCode) == EffectApplied && aboutTarget(req.URL, resp):
		if tag := strongTagOf(resp); tag != "" {
			v.note(tag, true)
			return
		}
		v.forget(true)
	default:
		v.forget(true)
	}
}

// aboutTarget reports whether the validators of an answer to a write are those of
// the URL that was written (RFC 9110 §8.7).
func aboutTarget(u *url.URL, resp *http.Response) bool {
	at := resp.Header.Get("Content-Location")
	return at == "" || at == u.RequestURI() || at == u.String()
}

// strongTagOf returns the strong tag of an answer. That of a compressed
// representation can't guard what a refresh or a write without that coding is
// about.
func strongTagOf(resp *http.Response) string {
	tag := etag.Of(resp.Header).ETag
	if resp.Uncompressed || semantics.Coded(resp.Header) || etag.Weak(tag) {
		return ""
	}
	return tag
}

// read notes what the answer to a read says, and returns it, with a body that
// takes the digest as it is read.
func (v visit) read(req *http.Request, resp *http.Response, limit int64) *http.Response {
	head := req.Method == http.MethodHead
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		v.forget(false)
		return resp
	default:
		return resp
	}
	tag := strongTagOf(resp)
	if tag == "" {
		switch {
		case head: // some servers give none
		case len(field.Lines(resp.Header, "Etag")) == 0:
			v.forget(false)
		default:
			v.forgetContent()
		}
		return resp
	}
	v.note(tag, false)
	if head || resp.Body == nil || resp.ContentLength > limit {
		return resp
	}
	body := &digestedBody{ReadCloser: resp.Body, visit: v, tag: tag, sum: sha256.New(), limit: limit, length: resp.ContentLength}
	if resp.ContentLength == 0 {
		body.end() // nobody need read it
		return resp
	}
	digested := *resp
	digested.Body = body
	return &digested
}

// note keeps the tag as the newest, unless something newer is kept. That of a
// write is newer than all that was asked for before the answer.
func (v visit) note(tag string, written bool) {
	m := v.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	now := seen{tag: tag, at: v.begun}
	if written {
		m.clock++
		now.at = m.clock
	}
	before, known := m.byURL[v.at]
	if known && before.at > now.at {
		return
	}
	if before.tag == tag {
		now.digest = before.digest
	}
	if m.byURL == nil {
		m.byURL = make(map[lane.Target]seen)
	}
	if !known && len(m.byURL) >= maxRemembered {
		m.dropOldest()
	}
	m.byURL[v.at] = now
}

func (m *memory) dropOldest() {
	var oldest lane.Target
	least := m.clock + 1
	for at, s := range m.byURL {
		if s.at < least {
			oldest, least = at, s.at
		}
	}
	delete(m.byURL, oldest)
}

// forget drops what is known of the URL, but not what was asked for since the
// call began, unless the call was a write that was accepted.
func (v visit) forget(accepted bool) {
	m := v.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, known := m.byURL[v.at]; known && (accepted || s.at <= v.begun) {
		delete(m.byURL, v.at)
	}
}

// forgetContent drops the digest: the flow has read something else since.
func (v visit) forgetContent() {
	m := v.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, known := m.byURL[v.at]; known && s.at <= v.begun {
		s.digest = nil
		m.byURL[v.at] = s
	}
}

// digested keeps the digest of the whole body that came with the tag.
func (v visit) digested(tag string, digest [sha256.Size]byte) {
	m := v.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.byURL[v.at]; s.tag == tag {
		s.digest = &digest
		m.byURL[v.at] = s
	}
}

package ifmatchtest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"time"
)

// An answer is a complete response, built under the lock and sent without it.
type answer struct {
	date    time.Time
	status  int
	header  http.Header
	body    []byte
	applied bool // the request changed the state
}

// newAnswer returns an answer with a text. It is dated now.
func newAnswer(status int, text string) *answer {
	a := &answer{date: time.Now(), status: status, header: http.Header{}}
	a.header.Set("Date", httpDate(a.date)) // RFC 9110 §6.6.1
	if text != "" {
		a.header.Set("Content-Type", "text/plain; charset=utf-8")
		a.body = []byte(text + "\n")
	}
	return a
}

// stamp adds the header fields of a fault that produced the answer.
func (a *answer) stamp(f *Fault) *answer {
	if f == nil {
		return a
	}
	for k, vs := range f.header {
		a.header[k] = append(a.header[k], vs...)
	}
	return a
}

// validators adds the validators that the request may see.
func (a *answer) validators(sel selection) {
	if sel.etag != "" {
		a.header.Set("ETag", sel.etag)
	}
	if sel.modified.IsZero() {
		return
	}
	modified := sel.modified
	if modified.After(a.date) { // RFC 9110 §8.8.2.1: the clock was set back
		modified = a.date
	}
	a.header.Set("Last-Modified", httpDate(modified))
}

// unmodified turns the answer to a read into a 304: without the body, and without
// what describes it. A date stays only where there is no entity-tag.
func (a *answer) unmodified(sel selection) *answer {
	a.status = http.StatusNotModified
	a.body = nil
	if sel.etag != "" { // RFC 9110 §15.4.5
		sel.modified = time.Time{}
	}
	a.header.Del("Content-Encoding")
	a.validators(sel)
	return a
}

const allowed = "GET, HEAD, PUT, DELETE, POST, PATCH, OPTIONS"

const patchTypes = "application/merge-patch+json, application/json"

// A performance is one execution of a request. The caller holds s.mu.
type performance struct {
	method string
	header http.Header
	body   func() []byte // what a PUT or POST stores, or a patch
	faults faultSet
	res    *resource
}

// run evaluates the preconditions, performs the method and returns the answer.
func (p *performance) run() *answer {
	if p.method == http.MethodGet || p.method == http.MethodHead {
		return p.read()
	}
	// RFC 9110 §13.2.1: preconditions count only where the answer would
	// otherwise be a 2xx or a 412.
	if a := p.reject(); a != nil {
		return a
	}
	content, a := p.content()
	if a != nil {
		return a
	}
	if a := p.guard(); a != nil {
		return a
	}
	return p.write(content)
}

// reject answers what needs neither the body nor the preconditions, or returns
// nil.
func (p *performance) reject() *answer {
	switch p.method {
	case http.MethodOptions:
		a := newAnswer(http.StatusNoContent, "")
		a.header.Set("Allow", allowed)
		a.header.Set("Accept-Patch", patchTypes) // RFC 5789 §3.1
		return a
	case http.MethodPost:
		return nil
	case http.MethodPut:
		if p.header.Get("Content-Range") != "" { // RFC 9110 §14.5
			return newAnswer(http.StatusBadRequest, "a PUT of a part is not supported")
		}
		return nil
	case http.MethodDelete, http.MethodPatch:
		if !p.res.exists {
			return newAnswer(http.StatusNotFound, "not found")
		}
		if p.method == http.MethodDelete || patchable(p.header.Get("Content-Type")) {
			return nil
		}
		a := newAnswer(http.StatusUnsupportedMediaType, "not a JSON Merge Patch")
		a.header.Set("Accept-Patch", patchTypes) // RFC 5789 §2.2
		return a
	}
	a := newAnswer(http.StatusMethodNotAllowed, "method not allowed")
	a.header.Set("Allow", allowed) // RFC 9110 §15.5.6
	return a
}

func patchable(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/merge-patch+json" || t == "application/json")
}

// content returns what a PUT or PATCH would store, or the answer that says why it can't.
func (p *performance) content() ([]byte, *answer) {
	var content []byte
	switch p.method {
	case http.MethodPut:
		content = p.body()
	case http.MethodPatch:
		var a *answer
		if content, a = p.patched(); a != nil {
			return nil, a
		}
	}
	f := p.faults.get(dropUnknown)
	if f == nil || !isJSON(p.header.Get("Content-Type")) {
		return content, nil
	}
	return f.known(content)
}

// patched returns what a PATCH makes of the state, or the answer that says why
// it cannot.
func (p *performance) patched() ([]byte, *answer) {
	patch := p.body()
	if !json.Valid(patch) {
		return nil, newAnswer(http.StatusBadRequest, "the patch is not JSON")
	}
	if !json.Valid(p.res.body) {
		return nil, newAnswer(http.StatusConflict, "the state is not JSON") // RFC 5789 §2.2
	}
	return mergePatch(p.res.body, patch), nil
}

// guard evaluates the preconditions of a write; nil means that it may go on.
func (p *performance) guard() *answer {
	conditional := p.header.Values("If-Match") != nil || p.header.Values("If-None-Match") != nil ||
		p.header.Values("If-Unmodified-Since") != nil
	if f := p.faults.get(requirePrecondition); f != nil && p.res.exists && !conditional {
		return newAnswer(http.StatusPreconditionRequired, "precondition required").stamp(f)
	}
	sel := p.view()
	a := verdictAnswer(evaluate(p.method, p.header, sel), p.faults)
	if a != nil {
		a.stamp(p.marker(sel))
	}
	return a
}

// verdictAnswer returns the answer of 400 or 412, or nil.
func verdictAnswer(v verdict, faults faultSet) *answer {
	switch v {
	case malformed:
		return newAnswer(http.StatusBadRequest, "malformed precondition")
	case refused:
		return refusal(faults)
	}
	return nil
}

// refusal returns a 412.
func refusal(faults faultSet) *answer {
	a := newAnswer(http.StatusPreconditionFailed, "precondition failed")
	if f := faults.get(tagOnRefusal); f != nil {
		a.header.Set("ETag", f.tag)
		a.stamp(f)
	}
	return a
}

// write performs a method that nothing stands against any more.
func (p *performance) write(content []byte) *answer {
	status := http.StatusNoContent
	existed := p.res.exists
	switch p.method {
	case http.MethodDelete:
		p.res.remove()
	case http.MethodPut:
		p.res.store(content, p.header.Get("Content-Type"))
	case http.MethodPatch:
		p.res.store(content, p.res.contentType)
	case http.MethodPost:
		status = http.StatusOK
		contentType := p.res.contentType
		if !existed {
			contentType = p.header.Get("Content-Type")
		}
		p.res.store(append(p.res.body[:len(p.res.body):len(p.res.body)], p.body()...), contentType)
	}
	if !existed {
		status = http.StatusCreated // RFC 9110 §9.3.4
	}
	a := newAnswer(status, "")
	a.applied = true
	if !p.faults.has(noETagAfterWrite) {
		a.validators(p.view())
	}
	return a
}

// view returns the validators of the current state as the request sees them.
func (p *performance) view() selection { return view(p.res.state, p.res.before(), p.faults) }

// marker returns the fault that has a delete marker in place of a state, nil where there
// is none.
func (p *performance) marker(sel selection) *Fault {
	if !sel.marked {
		return nil
	}
	return p.faults.get(deleteMarkers)
}

// read performs a GET or HEAD.
func (p *performance) read() *answer {
	cur, prev := p.res.state, p.res.before()
	stale := p.faults.get(staleReads)
	if stale != nil {
		cur, prev = p.res.back(stale.back), state{}
	}
	sel := view(cur, prev, p.faults)
	if !cur.exists {
		return newAnswer(http.StatusNotFound, "not found").stamp(stale).stamp(p.marker(sel))
	}
	v := evaluate(p.method, p.header, sel)
	if a := verdictAnswer(v, p.faults); a != nil {
		return a.stamp(stale)
	}
	a := newAnswer(http.StatusOK, "").stamp(stale)
	coded := p.code(a, cur, &sel)
	if f := p.faults.get(headWithoutETag); f != nil {
		sel.etag = ""
	}
	if v == notModified {
		return a.unmodified(sel)
	}
	a.validators(sel)
	a.header.Set("Content-Type", cur.contentType)
	if cur.contentType == "" {
		a.header.Set("Content-Type", "application/octet-stream")
	}
	if !coded {
		p.offerRanges(a, sel)
	}
	a.header.Set("Content-Length", fmt.Sprint(len(a.body)))
	return a
}

package memory

import (
	"crypto/sha256"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/doubt"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/lane"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Visit is one call of a flow. The zero Visit is of no flow, and notes nothing.
type Visit struct {
	flow   *Flow
	target lane.Target
	begun  uint64
}

// Guards reports whether a write with this method is guarded by what a flow has
// seen.
func Guards(method string) bool {
	return method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete
}

// Answered notes what the answer to the call says, or the error in place of one. The
// body of a read is replaced in resp by one that takes a digest as the caller reads it;
// resp isn't copied, since http.Transport puts the trailers that weren't announced into
// the response that it has. A body of more than limit bytes has no digest. The caller
// closes the body as ever.
func (v Visit) Answered(req *http.Request, resp *http.Response, err error, limit int64) {
	switch {
	case v.flow == nil:
	case Guards(req.Method):
		v.written(req, resp, err)
	case err == nil && readsState(req):
		v.read(req, resp, limit)
	}
}

// written notes what the answer to a write says.
func (v Visit) written(req *http.Request, resp *http.Response, err error) {
	switch {
	case err != nil || resp.StatusCode >= 400:
		v.flow.forget(v, false)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		// A redirect: the next hop is another URL's.
	default:
		if tag := storedTag(req, resp); tag != "" {
			v.flow.note(v, tag, true)
			return
		}
		v.flow.forget(v, true)
	}
}

// storedTag returns the strong tag of what an accepted write has stored. It is
// empty where the answer doesn't say.
func storedTag(req *http.Request, resp *http.Response) string {
	if req.Method == http.MethodDelete || doubt.OfStatus(resp.StatusCode) != doubt.Applied {
		return ""
	}
	if !semantics.AboutTarget(req.URL, resp.Header) {
		return ""
	}
	return strongTag(resp)
}

// readsState reports whether the answer may be a whole state.
func readsState(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead:
		return field.Lines(req.Header, "Range") == nil
	}
	return false
}

// read notes what the answer to a read says, and sets a body that takes the digest as it
// is read.
func (v Visit) read(req *http.Request, resp *http.Response, limit int64) {
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		v.flow.forget(v, false)
		return
	default:
		return
	}
	head := req.Method == http.MethodHead
	tag := strongTag(resp)
	if tag == "" {
		v.readUntagged(head, resp)
		return
	}
	v.flow.note(v, tag, false)
	if head || resp.Body == nil || resp.ContentLength > limit {
		return
	}
	body := &digestedBody{ReadCloser: resp.Body, visit: v, tag: tag, sum: sha256.New(), limit: limit, length: resp.ContentLength}
	if resp.ContentLength == 0 {
		body.end() // nobody need read it
		return
	}
	resp.Body = body
}

// readUntagged notes a state that came without a strong tag.
func (v Visit) readUntagged(head bool, resp *http.Response) {
	switch {
	case head: // some servers give none
	case len(field.Lines(resp.Header, "Etag")) == 0:
		v.flow.forget(v, false)
	default:
		v.flow.forgetBody(v)
	}
}

// strongTag returns the strong tag of an answer. The tag of a compressed
// representation is none here: it can't guard what a refresh or a write without
// that coding is about.
func strongTag(resp *http.Response) string {
	tag := etag.Of(resp.Header).ETag
	if resp.Uncompressed || semantics.Coded(resp.Header) || etag.Weak(tag) {
		return ""
	}
	return tag
}

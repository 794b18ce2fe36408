package refresh

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// ErrRequest says that no request was made that can be a refresh.
var ErrRequest = errors.New("ifmatch: WithRefreshRequest")

// Header returns the header of a refresh: the fields of the write that select and
// authorize the representation, Prefer where prefer says so, and what asks for the
// state past compression and caches. It shares values with write, which must not be
// changed.
func Header(write http.Header, prefer bool) http.Header {
	h := make(http.Header, len(write)+3)
	for name, values := range write {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if Carries(key) || prefer && key == "Prefer" {
			h[name] = values[:len(values):len(values)]
		}
	}
	PastCaches(h, "")
	return h
}

// PastCaches puts into a header what asks for a state as its origin has it, in this media
// type; empty: as the header says.
func PastCaches(h http.Header, media string) {
	// A compressed representation has another tag (RFC 9110 §8.8.3.3), and
	// net/http asks for gzip by itself on GET, though never on HEAD.
	//
	// RFC 9111 §5.2.1.4: no stored response without validation at the origin.
	fields := [...][2]string{{"Accept-Encoding", "identity"}, {"Cache-Control", "no-cache"}, {"Pragma", "no-cache"}, {"Accept", media}}
	if media == "" {
		field.SetEach(h, fields[:3]...)
		return
	}
	field.SetEach(h, fields[:]...)
}

// drops are fields of a write that don't belong on a refresh: conditions, what
// describes or digests the body, and what asks for something to be done.
var drops = [...]string{
	"If", "Range", "Expect", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Digest", "Repr-Digest",
	"Idempotency-Key", "X-Idempotency-Key", "Prefer", "Overwrite", "Destination", "Depth", "Timeout", "Lock-Token",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "Isolation", "Odata-Isolation",
	"X-Goog-Hash", "X-Amz-Content-Sha256", "X-Amz-Decoded-Content-Length", "X-Amz-Trailer", "X-Amz-Sdk-Checksum-Algorithm",
	"Accept-Encoding", "Cache-Control", "Pragma",
}

var dropPrefixes = [...]string{
	"If-", "Content-", "X-Goog-If-", "X-Goog-Copy-Source", "X-Goog-Meta-",
	"X-Ms-If-", "X-Ms-Lease-", "X-Ms-Blob-", "X-Ms-Source-", "X-Ms-Copy-", "X-Ms-Content-", "X-Ms-Meta-",
	"X-Amz-If-", "X-Amz-Copy-Source", "X-Amz-Checksum-", "X-Amz-Meta-",
}

// Carries reports whether a refresh carries this field of the write. The name is
// canonical.
func Carries(name string) bool {
	for _, dropped := range drops {
		if name == dropped {
			return false
		}
	}
	for _, prefix := range dropPrefixes {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

// Change returns what change makes of a refresh, or why that can't be one. origin is at the
// origin of the write. change gets a copy of req, which may have been changed before, without
// its body: that stays where the method does, and is closed otherwise. Context and Cancel of
// the result are those of both: the limits hold for it too.
func Change(req, origin *http.Request, change func(*http.Request) (*http.Request, error), may May) (*http.Request, error) {
	ctx := req.Context()
	given := req.Clone(ctx)
	given.Body, given.GetBody, given.ContentLength = nil, nil, 0
	if may.Write != nil {
		given = given.WithContext(dialect.WithWrite(ctx, may.Write))
	}
	changed, err := change(given)
	if err == nil {
		err = may.check(req, origin, changed)
	}
	keeps := err == nil && changed.Method == req.Method
	if req.Body != nil && !keeps {
		req.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	changed = changed.WithContext(ctx)
	if req.Body != nil && keeps {
		changed.Body, changed.GetBody, changed.ContentLength = req.Body, req.GetBody, req.ContentLength
	}
	changed.Method = cmp.Or(changed.Method, http.MethodGet)
	changed.Cancel = origin.Cancel
	if !hosts.SameOrigin(origin, changed) {
		bare := *changed.URL
		changed.URL, changed.Host = &bare, "" // a Host would be another origin than the one that is listed
		if !hosts.SameOrigin(req, changed) && !hosts.Lists(may.Credentials, changed.URL) {
			changed.Header, bare.User = withoutCredentials(changed.Header, req.Header), nil
		}
	}
	return changed, nil
}

// May is what a refresh may be, beside a HEAD or a GET without a body at the origin of the
// write.
type May struct {
	NeedState   bool           // the state is wanted, so HEAD won't do
	AnyMethod   bool           // another method, and a body
	Origins     []string       // other origins, such as "https://api.example.com"
	Credentials []string       // those of them that get what the write carries
	Write       *dialect.Write // the write at hand; nil: none
}

// OfDialect is what the change of a dialect may make of it: what the API documents as a read.
func (m May) OfDialect(origins []string) May {
	m.AnyMethod, m.Origins = true, origins
	return m
}

// neutral are fields that a refresh takes to another origin: they authorize nothing.
var neutral = [...]string{"Accept", "Accept-Language", "Accept-Encoding", "Cache-Control", "Pragma", "User-Agent"}

// withoutCredentials is a header without the lines that it has in common with the refresh at
// the write's own origin: any field of a caller's may be a credential. What was set anew stays.
func withoutCredentials(h, own http.Header) http.Header {
	kept := make(http.Header, len(h))
	for name, lines := range h {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if !slices.Contains(neutral[:], key) {
			carried := field.Lines(own, key)
			lines = slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(carried, line) })
		}
		if len(lines) > 0 {
			kept[name] = lines
		}
	}
	return kept
}

// check returns the error of a request that can't be a refresh, and closes its body then.
func (m *May) check(before, origin, req *http.Request) error {
	if req == nil || req.URL == nil {
		return errors.New("it returned no request")
	}
	err := m.complaint(before, origin, req)
	if err != nil && req.Body != nil {
		req.Body.Close()
	}
	return err
}

// complaint is why a request can't be a refresh, nil where it can. The method and the origin
// that it had before the change may stay.
func (m *May) complaint(before, origin, req *http.Request) error {
	switch {
	case (!m.AnyMethod || asks(req.Method)) && req.Body != nil && req.Body != http.NoBody:
		return errors.New("the request has a body")
	case !m.AnyMethod && !asks(req.Method) && req.Method != before.Method:
		return fmt.Errorf("method %q: only HEAD and GET ask for a state", req.Method)
	case writes(req.Method):
		return fmt.Errorf("method %q changes the state", req.Method)
	case m.NeedState && req.Method == http.MethodHead:
		return errors.New("HEAD has no state, and this refresh needs it")
	case !hosts.SameOrigin(origin, req) && !hosts.SameOrigin(before, req) && !hosts.Lists(m.Origins, req.URL):
		return fmt.Errorf("%.500q is another origin, and credentials stay with theirs", redact.URL(req.URL))
	case strings.ContainsFunc(req.URL.Host+req.URL.RequestURI(), unicode.IsControl):
		return errors.New("the URL has a control character")
	}
	return nil
}

// asks reports whether a method asks for a state.
func asks(method string) bool {
	return method == "" || method == http.MethodHead || method == http.MethodGet
}

// writes reports whether a method changes what it is sent to, whatever the API is.
func writes(method string) bool {
	return method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete
}

// SameResource reports whether a refresh asks for the resource that is written: at its
// path, and with all that its query has. More in the query gets past a cache.
func SameResource(asked, written *url.URL) bool {
	if asked.EscapedPath() != written.EscapedPath() || asked.Opaque != written.Opaque {
		return false
	}
	more := asked.Query()
	for name, values := range written.Query() {
		if !slices.Equal(more[name], values) {
			return false
		}
	}
	return true
}

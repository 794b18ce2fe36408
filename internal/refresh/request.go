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
	"github.com/ifmatch-go/ifmatch/internal/semantics"
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
	// Identity: a compressed representation has another tag (RFC 9110 §8.8.3.3), and net/http
	// asks for gzip by itself on GET, though never on HEAD. No cache: no stored response
	// without validation at the origin (RFC 9111 §5.2.1.4).
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
			changed.Header, bare.User = withoutCredentials(changed.Header, may.carried(req)), nil
			bare.RawQuery = withoutShared(bare.RawQuery, req.URL.RawQuery)
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

// carried are the headers of the caller's: of the refresh at the write's own origin, and of the
// write.
func (m *May) carried(req *http.Request) []http.Header {
	if m.Write == nil {
		return []http.Header{req.Header}
	}
	return []http.Header{req.Header, m.Write.Request.Header}
}

// withoutCredentials is a header without the fields that the caller's have, too, whatever is in
// them: any of these may be a credential. A field of another name was set anew, and stays.
func withoutCredentials(h http.Header, carried []http.Header) http.Header {
	kept := make(http.Header, len(h))
	for name, lines := range h {
		key := textproto.CanonicalMIMEHeaderKey(name)
		is := func(own http.Header) bool { return field.Lines(own, key) != nil }
		if slices.Contains(neutral[:], key) || !slices.ContainsFunc(carried, is) {
			kept[name] = lines
		}
	}
	return kept
}

// withoutShared is a query without the pairs that are in the query of the refresh at the
// write's own origin: a token may be among them.
func withoutShared(query, own string) string {
	shared := strings.Split(own, "&")
	pairs := strings.Split(query, "&")
	return strings.Join(slices.DeleteFunc(pairs, func(pair string) bool { return slices.Contains(shared, pair) }), "&")
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
	case !mayAsk(req.Method):
		return fmt.Errorf("method %q changes the state, or may: a refresh is a safe method or POST", req.Method)
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

// mayAsk reports whether an API may ask for a state by this method: a safe one, or POST, which
// means what the API says.
func mayAsk(method string) bool { return semantics.Safe(method) || method == http.MethodPost }

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

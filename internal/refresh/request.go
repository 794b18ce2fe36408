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
	PastCaches(h)
	return h
}

// PastCaches puts into a header what asks for a state as its origin has it.
func PastCaches(h http.Header) {
	// A compressed representation has another tag (RFC 9110 §8.8.3.3), and
	// net/http asks for gzip by itself on GET, though never on HEAD.
	field.Set(h, "Accept-Encoding", "identity")
	// RFC 9111 §5.2.1.4: no stored response without validation at the origin.
	field.Set(h, "Cache-Control", "no-cache")
	field.Set(h, "Pragma", "no-cache")
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

// Change returns what change makes of a refresh for this write, or why that can't be
// one. It gets a copy of req. Context and Cancel of the result are req's and the
// write's: the limits hold for it too.
func Change(req, write *http.Request, change func(*http.Request) (*http.Request, error), needState bool) (*http.Request, error) {
	ctx := req.Context()
	changed, err := change(req.Clone(ctx))
	if err == nil {
		err = check(write, changed, needState)
	}
	if err != nil {
		return nil, err
	}
	changed = changed.WithContext(ctx)
	changed.Method = cmp.Or(changed.Method, http.MethodGet)
	changed.Cancel = write.Cancel
	return changed, nil
}

// check returns the error of a request that can't be a refresh. It closes a body that
// it finds.
func check(write, req *http.Request, needState bool) error {
	switch {
	case req == nil || req.URL == nil:
		return errors.New("it returned no request")
	case req.Body != nil && req.Body != http.NoBody:
		req.Body.Close()
		return errors.New("the request has a body")
	case req.Method != http.MethodHead && req.Method != http.MethodGet && req.Method != "":
		return fmt.Errorf("method %q: only HEAD and GET ask for a state", req.Method)
	case needState && req.Method == http.MethodHead:
		return errors.New("HEAD has no state, and this refresh needs it")
	case !hosts.SameOrigin(write, req):
		return fmt.Errorf("%q is another origin, and credentials stay with theirs", redact.URL(req.URL))
	}
	return nil
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

package ifmatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// errRefreshRequest says that WithRefreshRequest, or a dialect, made no request
// that can be sent.
var errRefreshRequest = errors.New("ifmatch: WithRefreshRequest")

// ask sends one refresh request and reads as much of its answer as is needed:
// the state, or just the header.
func (c *call) ask(ctx context.Context, r *refresh, method string, needState bool) answer {
	if ours, ok := ctx.Deadline(); !ok || c.deadline.Before(ours) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, c.deadline)
		defer cancel()
	}
	a := answer{method: method}
	req, err := c.newRefreshRequest(ctx, r, method, needState)
	if err != nil {
		a.err = err
		return a
	}
	a.method = req.Method
	c.traceRefreshing(req.Method, redact.URL(req.URL))
	resp, err := c.exchange(req)
	if err != nil {
		a.err = redact.Brief(err)
		return a
	}
	roundTrip := c.outcome.Exchanges[len(c.outcome.Exchanges)-1].Duration
	if c.pace.RoundTrip == 0 {
		c.turn.Measured(roundTrip)
	}
	c.pace.RoundTrip = roundTrip
	a.status, a.header = resp.StatusCode, resp.Header
	if !needState && !c.readsVersion(resp) || a.method == http.MethodHead || a.status != http.StatusOK {
		drain.Skip(resp, c.left())
		return a
	}
	a.body, a.err = drain.State(resp, c.maxRepresentation)
	return a
}

// newRefreshRequest returns a request for the state that write is about: the
// same URL, credentials and negotiation, but no body and no condition.
func (c *call) newRefreshRequest(ctx context.Context, r *refresh, method string, needState bool) (*http.Request, error) {
	write := c.write
	req := (&http.Request{
		Method: method, URL: write.URL, Host: write.Host, Close: write.Close, Cancel: write.Cancel,
		Proto: write.Proto, ProtoMajor: write.ProtoMajor, ProtoMinor: write.ProtoMinor,
		Header: refreshHeader(write.Header, r.prefer),
	}).WithContext(ctx)
	if d := c.dialect; d != nil {
		req.URL = dropPlaced(req.Header, req.URL, c.guard.placed)
		field.Drop(req.Header, d.WriteIDField)
		req.Header = field.Canonical(req.Header)
		if d.RefreshRequest != nil {
			changed, err := changeRefresh(req, write, d.RefreshRequest, needState)
			if err != nil {
				return nil, fmt.Errorf("%w: dialect %s: %w", errRefreshRequest, d.Name, err)
			}
			req = changed
		}
	}
	if change := *c.refreshRequest; change != nil {
		changed, err := changeRefresh(req, write, change, needState)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRefreshRequest, err)
		}
		req = changed
	}
	return req, nil
}

// changeRefresh returns what change makes of a refresh for this write.
func changeRefresh(req, write *http.Request, change requestFunc, needState bool) (*http.Request, error) {
	ctx := req.Context()
	changed, err := change(req.Clone(ctx))
	if err == nil {
		err = checkRefreshRequest(write, changed, needState)
	}
	if err != nil {
		return nil, err
	}
	changed = changed.WithContext(ctx) // the limits hold for it too
	changed.Method = cmp.Or(changed.Method, http.MethodGet)
	changed.Cancel = write.Cancel
	return changed, nil
}

// checkRefreshRequest returns the error of a request that can't be a refresh.
func checkRefreshRequest(write, req *http.Request, needState bool) error {
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

// refreshHeader copies what selects and authorizes the representation, and asks
// for it past compression and caches.
func refreshHeader(write http.Header, prefer bool) http.Header {
	h := make(http.Header, len(write)+3)
	for name, values := range write {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if keptForRefresh(key) || prefer && key == "Prefer" {
			h[name] = values[:len(values):len(values)]
		}
	}
	// A compressed representation has another tag (RFC 9110 §8.8.3.3), and
	// net/http asks for gzip by itself on GET, though never on HEAD.
	field.Set(h, "Accept-Encoding", "identity")
	// RFC 9111 §5.2.1.4: no stored response without validation at the origin.
	field.Set(h, "Cache-Control", "no-cache")
	field.Set(h, "Pragma", "no-cache")
	return h
}

// refreshDrops are fields of a write that don't belong on a refresh: conditions,
// what describes or digests the body, and what asks for something to be done.
var refreshDrops = [...]string{
	"If", "Range", "Expect", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Digest", "Repr-Digest",
	"Idempotency-Key", "X-Idempotency-Key", "Prefer", "Overwrite", "Destination", "Depth", "Timeout", "Lock-Token",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "Isolation", "Odata-Isolation",
	"X-Goog-Hash", "X-Amz-Content-Sha256", "X-Amz-Decoded-Content-Length", "X-Amz-Trailer", "X-Amz-Sdk-Checksum-Algorithm",
	"Accept-Encoding", "Cache-Control", "Pragma",
}

var refreshDropPrefixes = [...]string{
	"If-", "Content-", "X-Goog-If-", "X-Goog-Copy-Source", "X-Goog-Meta-",
	"X-Ms-If-", "X-Ms-Lease-", "X-Ms-Blob-", "X-Ms-Source-", "X-Ms-Copy-", "X-Ms-Content-", "X-Ms-Meta-",
	"X-Amz-If-", "X-Amz-Copy-Source", "X-Amz-Checksum-", "X-Amz-Meta-",
}

// keptForRefresh reports whether a refresh carries this field of the write.
func keptForRefresh(key string) bool {
	for _, dropped := range refreshDrops {
		if key == dropped {
			return false
		}
	}
	for _, prefix := range refreshDropPrefixes {
		if strings.HasPrefix(key, prefix) {
			return false
		}
	}
	return true
}

// sameRefresh reports whether the refreshes of two writes to one target would
// carry the same credentials and fields, and so get the same answer.
func sameRefresh(a, b *http.Request) bool {
	if u, v := a.URL.User, b.URL.User; u != v && (u == nil || v == nil || *u != *v) {
		return false
	}
	for name, values := range a.Header {
		if keptForRefresh(http.CanonicalHeaderKey(name)) && !slices.Equal(values, field.Lines(b.Header, name)) {
			return false
		}
	}
	for name := range b.Header {
		if keptForRefresh(http.CanonicalHeaderKey(name)) && field.Lines(a.Header, name) == nil {
			return false
		}
	}
	return true
}

package ifmatch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// requestFunc is the f of WithRefreshRequest; nil leaves the request as it is.
type requestFunc func(*http.Request) (*http.Request, error)

// WithRefreshRequest lets f change the request that asks for the fresh state:
// the state lives at another URL, or a cache must be passed. f gets a copy of
// the refresh request, a HEAD or GET without a body unless a dialect has made another one
// of it, and returns it or another one; it must stay at the origin of the write, or of
// what it got. A nil request, an error, another method than GET, HEAD or the one that it
// got, a body, or another origin stops the call with CauseRefreshFailed. The body that a
// dialect has made goes out where the method stays.
// The write always goes to the URL that was given. f may be called concurrently.
//
// By default, and when f is nil, the refresh goes to the URL of the write.
func WithRefreshRequest(f func(*http.Request) (*http.Request, error)) Option {
	set := requestFunc(f)
	return optionFunc(func(s *settings) { s.refreshRequest = &set })
}

// WithRefreshCredentials lets a refresh take the fields of the write, credentials among them,
// to origins that the dialect reads the state from, each such as "https://api.example.com".
// It counts only for what the dialect lists among its RefreshOrigins. Without an origin it
// takes back what was set before. A text that is no origin stops each refresh with
// CauseRefreshFailed, and makes each Get and Update an error.
//
// By default no other origin than the one of the write gets them.
func WithRefreshCredentials(origins ...string) Option {
	set := append([]string{}, origins...)
	return optionFunc(func(s *settings) { s.credentialOrigins = set })
}

// newRefreshRequest returns a request for the state that the last write is about: the
// same URL, credentials and negotiation, but no body and no condition. A dialect and the
// caller get copies of it, so they can't change the write. The error matches
// refresh.ErrRequest.
func (c *call) newRefreshRequest(ctx context.Context, r *learnt, needState bool) (*http.Request, error) {
	write := c.sent.write
	req := (&http.Request{
		Method: r.Method(), URL: write.URL, Host: write.Host, Close: write.Close, Cancel: write.Cancel,
		Proto: write.Proto, ProtoMajor: write.ProtoMajor, ProtoMinor: write.ProtoMinor,
		Header: refresh.Header(write.Header, r.Prefers()),
	}).WithContext(ctx)
	// A version in the query is a condition too.
	req.URL = guard.DropVersions(req.Header, req.URL, c.sent.guard.Versions)
	if c.dialect.WriteIDField != "" {
		field.Drop(req.Header, c.dialect.WriteIDField)
	}
	if c.dialect.RefreshRequest != nil {
		req.Header = field.Canonical(req.Header) // so that it finds each field by its name
	}
	may := refresh.May{NeedState: needState, Credentials: c.credentialOrigins}
	if c.dialect.RefreshRequest != nil {
		may.Write = c.asWrite()
	}
	made, err := changeRefresh(req, c.dialect, *c.refreshRequest, may)
	if err != nil {
		return nil, err
	}
	return asRead(made), nil
}

// asRead says in the context of a refresh that it writes nothing, where its method doesn't: no
// Transport on the way takes its answer for a refusal.
func asRead(req *http.Request) *http.Request {
	if semantics.Safe(req.Method) {
		return req
	}
	in := scopedIn(req.Context())
	in.settings.readBy = req
	return req.WithContext(in)
}

// reads reports whether a request writes nothing. A dialect may read by POST. Something
// between may rewrite the URL of such a read or its body, and may send other requests with its
// context, for a token say.
func (s *settings) reads(req *http.Request) bool {
	switch read := s.readBy; {
	case semantics.Safe(req.Method):
		return true
	case read == nil || req.Method != read.Method || req.URL == nil:
		return false
	case sameURL(req.URL, read.URL) || req.URL.RequestURI() == read.URL.RequestURI():
		return true
	default:
		return sameBody(req, read)
	}
}

// sameBody reports whether two requests have the same body, and have one. One that can't be
// opened once more is another.
func sameBody(a, b *http.Request) bool {
	if a.GetBody == nil || b.GetBody == nil {
		return false
	}
	var texts [2][]byte
	for i, req := range []*http.Request{a, b} {
		body, err := req.GetBody()
		if err != nil || body == nil {
			return false
		}
		texts[i], err = io.ReadAll(io.LimitReader(body, mostCompared))
		body.Close()
		if err != nil || len(texts[i]) == mostCompared {
			return false
		}
	}
	return len(texts[0]) > 0 && bytes.Equal(texts[0], texts[1])
}

// mostCompared bounds the bodies of reads that are compared.
const mostCompared = 64 << 10

// readerFor returns the client for a read. A POST is one to all on the way, whatever the API
// says, so it goes nowhere but where the dialect sends it (RFC 9110 §15.4: a method that isn't
// known to be safe).
func readerFor(client *http.Client, read *http.Request) *http.Client {
	if semantics.Safe(read.Method) {
		return client
	}
	stays := *client
	stays.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &stays
}

// movedTo is where a redirect of a read leads, followed or not; nil: the answer is none.
func movedTo(read *http.Request, resp *http.Response) *url.URL {
	switch {
	case redirected(resp, read.Method):
		return resp.Request.URL
	case semantics.Safe(read.Method) || resp.StatusCode < 300 || resp.StatusCode > 399:
		return nil
	}
	to, _ := resp.Location() // nil without one
	return to
}

// redirected reports whether http.Client followed a redirect before it got this answer to
// a request with this method. A RoundTripper may send a request elsewhere on its own:
// that is no redirect, since it means the answer for this URL.
func redirected(resp *http.Response, method string) bool {
	return resp.Request.Response != nil || resp.Request.Method != method
}

// changeRefresh returns what a dialect, and then WithRefreshRequest, make of a refresh:
// the caller has the last word. A nil change leaves it to the dialect. req isn't
// changed. What comes back stays at the origin of req, has no body, and is a GET where
// the state is needed; a dialect may have another method and a body, and another origin
// that it lists.
func changeRefresh(req *http.Request, d *guard.Dialect, change requestFunc, may refresh.May) (*http.Request, error) {
	made := req
	for i, origin := range may.Credentials {
		if !hosts.IsOrigin(origin) { // it isn't quoted: it may hold a password
			return nil, fmt.Errorf(`%w: WithRefreshCredentials: argument %d is no origin such as "https://api.example.com"`, refresh.ErrRequest, i+1)
		}
	}
	var err error
	if d.RefreshRequest != nil {
		if made, err = refresh.Change(made, req, d.RefreshRequest, may.OfDialect(d.RefreshOrigins)); err != nil {
			return nil, fmt.Errorf("%w: dialect %s: %w", refresh.ErrRequest, d.Name, err)
		}
	}
	if change == nil {
		return made, nil
	}
	if made, err = refresh.Change(made, req, change, may); err != nil {
		return nil, fmt.Errorf("%w: %w", refresh.ErrRequest, err)
	}
	return made, nil
}

// asWrite is the last write for a function of the dialect, which gets a copy.
func (c *call) asWrite() *dialect.Write {
	request := c.sent.write.Clone(c.req.Context())
	request.Body, request.GetBody, request.Header = nil, nil, field.Canonical(request.Header)
	return dialect.NewWrite(request, func() []byte {
		body, _ := c.bodyOf(&c.sent.payload)
		return body
	})
}

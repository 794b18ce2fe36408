package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
)

// Snapshot is a state of a document that the server gave or accepted.
type Snapshot[T any] struct {
	// Validators of this state, as the answer carried them. After a write they
	// are empty where the answer has none, which RFC 9110 §9.3.4 allows: the
	// next write must read first, as Update does.
	Validators
	Value   T
	Header  http.Header // of the answer
	Outcome Outcome     // of the write; the zero Outcome where nothing was written
}

// Get reads a document past caches: GET with identity coding and no-cache. A nil
// c is http.DefaultClient. A status other than 200 is a *StatusError.
func Get[T any](ctx context.Context, c *http.Client, url string, opts ...UpdateOption) (Snapshot[T], error) {
	d, err := newDocument[T](c, url, opts)
	if err != nil {
		return Snapshot[T]{}, err
	}
	s, err := d.read(ctx)
	if err != nil {
		return Snapshot[T]{}, ended(ctx, err)
	}
	return s.snapshot(), nil
}

// Update reads a document, runs edit on what it decoded into a fresh T, and
// writes the result under If-Match. Where the server refuses because somebody
// else was faster, it reads again and runs edit on the new state, at most 16
// attempts in all unless WithMaxAttempts says otherwise. On a server that
// enforces preconditions no update is lost, whoever else writes.
//
// edit may run more than once and should have no other effect than on its T. An
// error of edit ends the Update with that error, and nothing is written. Where
// edit changes nothing, nothing is written either. Members of a JSON document
// that T doesn't declare survive byte for byte, or Update returns an error that
// names them.
//
// Update works with any client; nil is http.DefaultClient. Where the client has
// a Transport of this package, its options and those of ctx count, but for the
// policy.
//
// Errors: *ConflictError after the last refusal, *StatusError for another final
// status, ErrNoValidator where the server gives none, ErrOutcomeUnknown where it
// can't be known whether the write was applied. With Marks in T, or WithMarker,
// the last one is rare: a lost answer is recognised by the next read. With an
// error, the Snapshot is zero but for its Outcome.
func Update[T any](ctx context.Context, c *http.Client, url string, edit func(*T) error, opts ...UpdateOption) (Snapshot[T], error) {
	d, err := newDocument[T](c, url, opts)
	if err == nil && edit == nil {
		err = errNilEdit
	}
	if err != nil {
		return Snapshot[T]{}, err
	}
	return d.update(ctx, edit)
}

var errNilEdit = errors.New("ifmatch: the edit of an Update is nil")

// endOf is the error of a context that ended, with its cause.
func endOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || cause.Error() == err.Error() {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// ended adds the error of a context that ended to one that has only its cause:
// net/http returns no more.
func ended(ctx context.Context, err error) error {
	end := ctx.Err()
	if end == nil || errors.Is(err, end) || !errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w: %w", end, err)
}

// document is one URL that is read and written.
type document[T any] struct {
	client *http.Client
	url    string
	name   string // url for texts
	set    updateSettings
	marker *marker[T]
}

func newDocument[T any](c *http.Client, url string, opts []UpdateOption) (*document[T], error) {
	set, err := newUpdateSettings(opts)
	if err != nil {
		return nil, err
	}
	target, err := neturl.Parse(url)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: %w", err)
	}
	d := &document[T]{client: clientOf(c), url: url, name: publicURL(target), set: set}
	if set.marker != nil {
		m, ok := set.marker.(*marker[T])
		if !ok || m.put == nil || m.find == nil {
			return nil, fmt.Errorf("ifmatch: WithMarker: %T doesn't fit a document of %T, or a function is nil", set.marker, *new(T))
		}
		d.marker = m
	}
	return d, nil
}

// state is a document as it was read.
type state[T any] struct {
	Validators
	header http.Header
	body   []byte
	value  T
	absent bool // there is none: a write creates it
}

func (s *state[T]) snapshot() Snapshot[T] {
	return Snapshot[T]{Validators: s.Validators, Value: s.value, Header: s.header}
}

// scope puts the options into the context of a request.
func (d *document[T]) scope(ctx context.Context, policy Policy, o *Outcome) context.Context {
	s := scopeOf(ctx).copy()
	s.settings = d.set.settings.over(s.settings)
	s.settings.policy, s.outcome = policy, o
	return context.WithValue(ctx, scopeKey{}, s)
}

// read gets the current state, past caches.
func (d *document[T]) read(ctx context.Context) (*state[T], error) {
	ctx = d.scope(ctx, Stop, nil)
	scopeOf(ctx).settings.ownRead = true // made just now, so it may be changed
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: %w", err)
	}
	req.Header.Set("Accept", d.set.codec.ContentType())
	askForFresh(req.Header)
	if f := d.set.refreshRequest; f != nil && *f != nil {
		changed, err := (*f)(req.Clone(req.Context()))
		if err == nil {
			err = checkRefreshRequest(req, changed, true)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRefreshRequest, err)
		}
		req = changed.WithContext(req.Context())
	}
	asked := publicURL(req.URL)
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if got := publicURL(resp.Request.URL); !sameURL(resp.Request.URL, req.URL) {
		return nil, fmt.Errorf("ifmatch: GET %q: redirected to %q: use that URL", asked, got)
	}
	if absent := resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone; absent && d.set.create {
		io.CopyN(io.Discard, resp.Body, keepLimit)
		return &state[T]{header: resp.Header, absent: true}, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(req.Method, asked, resp)
	}
	body, err := d.body(resp)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: GET %q: %w", asked, err)
	}
	return d.decode(validatorsOf(resp.Header), resp.Header, body)
}

func askForFresh(h http.Header) {
	h.Set("Accept-Encoding", "identity")
	h.Set("Cache-Control", "no-cache")
	h.Set("Pragma", "no-cache")
}

// body reads a state of at most WithMaxRepresentation bytes.
func (d *document[T]) body(resp *http.Response) ([]byte, error) {
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, fmt.Errorf("the state has Content-Encoding %q although identity was asked for", coding)
	}
	limit := d.set.maxRepresentation
	if limit == 0 {
		limit = defaultMaxRepresentation
	}
	body, err := readUpTo(resp.Body, limit, resp.ContentLength)
	if err != io.EOF {
		return nil, fmt.Errorf("read state: %w", err)
	}
	return body, nil
}

func (d *document[T]) decode(v Validators, h http.Header, body []byte) (*state[T], error) {
	s := &state[T]{Validators: v, header: h, body: body}
	if err := d.set.codec.Decode(body, &s.value); err != nil {
		return nil, fmt.Errorf("ifmatch: decode %q: %w", d.name, err)
	}
	return s, nil
}

// statusError reads an answer that is neither success nor a refusal.
func statusError(method, url string, resp *http.Response) error {
	body, _ := readUpTo(resp.Body, keepLimit, resp.ContentLength)
	return &StatusError{Method: method, URL: url, StatusCode: resp.StatusCode, Header: resp.Header, Body: body}
}

func sameURL(a, b *neturl.URL) bool {
	x, y := *a, *b
	x.User, x.Fragment, x.RawFragment, y.User, y.Fragment, y.RawFragment = nil, "", "", nil, "", ""
	return x.String() == y.String()
}

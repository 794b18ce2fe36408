package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	neturl "net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Snapshot is a state of a document that the server gave or accepted.
type Snapshot[T any] struct {
	// Validators of this state, as the answer carried them. After a write they
	// are empty where the answer has none, which RFC 9110 §9.3.4 allows: the
	// next write must read first, as Update does.
	Validators
	Value   T
	Header  http.Header // of the answer
	Outcome Outcome     // of the write; where none was sent, its Effect is EffectNotApplied and its Attempts 0
}

// Get reads a document past caches: GET with identity coding and no-cache. A nil
// c is http.DefaultClient. A status other than 200 is a *StatusError.
func Get[T any](ctx context.Context, c *http.Client, url string, opts ...UpdateOption) (Snapshot[T], error) {
	d, err := newDocument[T](c, url, opts)
	if err != nil {
		return unwritten[T](ctx, err)
	}
	return d.get(ctx)
}

func (d *document[T]) get(ctx context.Context) (Snapshot[T], error) {
	s, err := d.read(ctx)
	if err != nil {
		return unwritten[T](ctx, ended(ctx, err))
	}
	got := s.snapshot()
	got.Outcome.Effect = EffectNotApplied
	tell(ctx, got.Outcome)
	return got, nil
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
// policy. Otherwise each call has a Transport of its own, and the budget of
// WithRetryBudget isn't shared.
//
// Errors: *ConflictError after the last refusal, *StatusError for another final
// status, ErrNoValidator where the server gives none, ErrOutcomeUnknown where it
// can't be known whether the write was applied. With Marks in T, or WithMarker,
// the last one is rare: a lost answer is recognised by the next read. With an
// error, the Snapshot is zero but for its Outcome.
func Update[T any](ctx context.Context, c *http.Client, url string, edit func(*T) error, opts ...UpdateOption) (Snapshot[T], error) {
	tell(ctx, Outcome{})
	d, err := newDocument[T](c, url, opts)
	if err == nil && edit == nil {
		err = errNilEdit
	}
	if err != nil {
		return unwritten[T](ctx, err)
	}
	return d.update(ctx, edit)
}

// unwritten ends an Update that has sent nothing.
func unwritten[T any](ctx context.Context, err error) (Snapshot[T], error) {
	o := Outcome{Effect: EffectNotApplied, Err: err}
	tell(ctx, o)
	return Snapshot[T]{Outcome: o}, err
}

// tell fills what WithOutcome was given.
func tell(ctx context.Context, o Outcome) {
	if s := scopeOf(ctx); s != nil && s.outcome != nil {
		*s.outcome = o
	}
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
	target *neturl.URL
	name   string // url for texts
	set    updateSettings
	format edit.Format[T]
	marker edit.Marker[T]

	rfc9110 preparedDialect // where no option has another; never changed
}

func newDocument[T any](c *http.Client, url string, opts []UpdateOption) (*document[T], error) {
	set, err := newUpdateSettings(opts)
	if err != nil {
		return nil, err
	}
	target, err := neturl.Parse(url)
	if err != nil {
		if parse := (*neturl.Error)(nil); errors.As(err, &parse) {
			// Without the URL, and without what of it the error quotes: both may
			// be of a password.
			what, _, _ := strings.Cut(parse.Err.Error(), `"`)
			err = errors.New(strings.TrimSpace(what))
		}
		return nil, fmt.Errorf("ifmatch: parse URL: %w", err)
	}
	d := &document[T]{client: clientOf(c), url: url, target: target, name: redact.URL(target), set: set}
	_, isJSON := set.codec.(jsonCodec)
	d.format = edit.Format[T]{Codec: set.codec, Name: d.name, JSON: isJSON, Patch: set.patch}
	if d.marker, err = markerOf[T](set.marker); err != nil {
		return nil, err
	}
	return d, nil
}

// state is a document as it was read.
type state[T any] struct {
	Validators
	edit.Document[T]
	header http.Header
	placed []placed // the version, where a dialect has another than RFC 9110

	unversioned error // why there is none, where the dialect wants one
}

func (s *state[T]) snapshot() Snapshot[T] {
	return Snapshot[T]{Validators: s.Validators, Value: s.Value, Header: s.header}
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
	refresh.PastCaches(req.Header)
	dialect := d.dialect(ctx)
	if dialect.versionOnly(d.sample(dialect, false)) {
		return nil, fmt.Errorf("ifmatch: GET %q: %w", d.name, dialect.errVersionOnly())
	}
	set := d.effective(ctx)
	changing := dialect
	if signedAbove(req) != "" {
		changing = &d.rfc9110 // another URL would break the signature
	}
	if req, err = changeRefresh(req, changing, *set.refreshRequest, true); err != nil {
		return nil, err
	}
	asked := redact.URL(req.URL)
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, redact.Error(err)
	}
	defer resp.Body.Close()
	if got := redact.URL(resp.Request.URL); redirected(resp, req.Method) {
		return nil, fmt.Errorf("ifmatch: GET %q: redirected to %q: use that URL", asked, got)
	}
	if absent := resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone; absent && d.set.create {
		drain.Briefly(resp)
		return &state[T]{Document: edit.Document[T]{Absent: true}, header: resp.Header}, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(req.Method, asked, resp)
	}
	body, err := readState(resp, set.maxRepresentation)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: GET %q: %w", asked, err)
	}
	s, err := d.decode(dialect.validators(resp.Header, body), resp.Header, body)
	if err != nil {
		return nil, err
	}
	d.readVersions(s, dialect)
	return s, nil
}

// effective are the options of the document, of the context, and of the client's
// Transport.
func (d *document[T]) effective(ctx context.Context) settings {
	set := d.set.settings
	if s := scopeOf(ctx); s != nil {
		set = set.over(s.settings)
	}
	if t, ours := d.client.Transport.(*Transport); ours {
		return set.over(*t.effective())
	}
	return set.over(defaults()) // the client was given another Transport since
}

// dialect returns the dialect of the document.
func (d *document[T]) dialect(ctx context.Context) *preparedDialect {
	set := d.effective(ctx)
	return set.dialectFor(d.target, &d.rfc9110)
}

// write is the method and the media type of a write.
func (d *document[T]) write(dialect *preparedDialect, absent bool) (method, contentType string) {
	if d.set.patch && !absent {
		return http.MethodPatch, dialect.mergePatch()
	}
	return http.MethodPut, d.set.codec.ContentType()
}

// sample is a write as far as a dialect looks at it to know where its version is.
func (d *document[T]) sample(dialect *preparedDialect, absent bool) *http.Request {
	method, contentType := d.write(dialect, absent)
	return &http.Request{Method: method, URL: d.target, Host: d.target.Host, Header: http.Header{"Content-Type": {contentType}}}
}

// readVersions takes the version from where the dialect has it.
func (d *document[T]) readVersions(s *state[T], dialect *preparedDialect) {
	places := dialect.firstPlace(d.sample(dialect, false), true)
	if places == nil {
		return
	}
	versions, err := currentVersions(places, s.header, s.Text)
	if err != nil {
		s.Validators, s.unversioned = Validators{}, fmt.Errorf("dialect %s: %w", dialect.Name, err)
		return
	}
	for i := range places {
		places[i].value = versions[i]
	}
	learnKinds(places, s.header, s.Text)
	s.ETag, s.placed = joined(versions), places
}

// readState reads the whole state that an answer carries, at most limit bytes of
// it. The caller closes the body.
func readState(resp *http.Response, limit int64) ([]byte, error) {
	if semantics.Coded(resp.Header) {
		return nil, fmt.Errorf("the state has Content-Encoding %q although identity was asked for", resp.Header.Get("Content-Encoding"))
	}
	return drain.State(resp, limit)
}

func (d *document[T]) decode(v Validators, h http.Header, body []byte) (*state[T], error) {
	read, err := d.format.Read(body)
	if err != nil {
		return nil, err
	}
	return &state[T]{Validators: v, Document: read, header: h}, nil
}

// statusError reads an answer that is neither success nor a refusal.
func statusError(method, url string, resp *http.Response) error {
	body := drain.Briefly(resp)
	return &StatusError{Method: method, URL: url, StatusCode: resp.StatusCode, Header: resp.Header, Body: body}
}

// redirected reports whether http.Client followed a redirect before it got this
// answer. A RoundTripper that sends a request elsewhere makes none.
func redirected(resp *http.Response, method string) bool {
	return resp.Request.Response != nil || resp.Request.Method != method
}

package ifmatch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	neturl "net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/media"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
	"github.com/ifmatch-go/ifmatch/internal/stored"
)

// document is one URL that is read and written: the store of an Update on a server. It
// makes requests and decodes answers; what follows a refusal is for others to say. It
// isn't changed once it is made, so a Resource uses it from several goroutines.
type document[T any] struct {
	client *http.Client // its Transport is ours
	url    string       // as the caller gave it
	target *neturl.URL  // url, parsed
	name   redact.Name  // url for texts
	set    updateSettings
	media  string         // of WithMediaType, or else the codec's: it is asked for, and a new document has it
	format edit.Format[T] // how texts become a T, and back
	marker edit.Marker[T] // how a T holds marks; zero: it doesn't

	rfc9110 guard.Dialect // where no option has another; never changed
}

// open makes a zero document the one at a URL, and sends nothing. An error says that no call
// could succeed: invalid options, a URL that can't be parsed, or a marker for another T.
func (d *document[T]) open(c *http.Client, url string, opts []UpdateOption) error {
	d.client, d.url = clientOf(c), url
	set := &d.set
	err := set.take(opts)
	if err != nil {
		return err
	}
	d.target, err = neturl.Parse(url)
	if err != nil {
		if parse := (*neturl.Error)(nil); errors.As(err, &parse) {
			// The error has the URL, and quotes a part of it. Both are left out,
			// since either may hold a password.
			what, _, _ := strings.Cut(parse.Err.Error(), `"`)
			err = errors.New(strings.TrimSpace(what))
		}
		return fmt.Errorf("ifmatch: parse URL: %w", err)
	}
	d.name = redact.Name{At: d.target}
	codecs := set.codec.ContentType()
	d.media = cmp.Or(set.media, codecs)
	d.format = edit.Format[T]{Codec: set.codec, Name: d.name, JSON: media.IsJSON(codecs), Patch: set.patch}
	if d.marker, err = markerOf[T](set.marker); err != nil {
		return err
	}
	d.format.Rules = set.rules
	if _, standard := set.codec.(jsonCodec); standard {
		d.format.Traits = edit.TraitsOf[T]()
	}
	return nil
}

// clientOf returns a client whose Transport is ours: c itself where it has one,
// otherwise a copy of c with one of ours above its own. c isn't changed. A nil c is
// http.DefaultClient. The policy of that Transport is never asked by a document, which
// brings its own.
func clientOf(c *http.Client) *http.Client {
	if c == nil {
		c = http.DefaultClient
	}
	base := c.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	if _, ours := base.(*Transport); ours {
		return c
	}
	above := *c
	above.Transport = NewTransport(base, Stop)
	return &above
}

// state is a document as it was read, with what guards the write that is made from it. It
// isn't changed once it is made: an edit gets a value of its own.
type state[T any] struct {
	Validators
	edit.Document[T]
	header   http.Header     // of the answer
	media    string          // as which it came, where that is JSON; empty: the document's
	versions []guard.Version // where a dialect has places of its own; then ETag has them in one text

	asSent bool // an own write has made it, and it is what was sent, as far as is known
	told   bool // it is the body of the answer to an own write

	keepsMarks, dropsMarks bool // the document was seen to, when the state was read

	// unversioned is why there are no versions, where the dialect wants some. A write
	// of such a state fails with it, rather than go out without a guard.
	unversioned error
}

// snapshot is the state for a caller, without an outcome.
func (s *state[T]) snapshot() Snapshot[T] {
	return Snapshot[T]{Validators: s.Validators, Value: s.Value, Raw: s.Text, Header: s.header}
}

// get reads the document for a caller. It writes nothing, so the effect is known.
func (d *document[T]) get(ctx context.Context) (Snapshot[T], error) {
	s, err := d.read(ctx)
	if err != nil {
		return unwritten[T](ctx, withEnd(ctx, err))
	}
	got := s.snapshot()
	got.Outcome.Effect = EffectNotApplied
	report(ctx, got.Outcome)
	return got, nil
}

// scope returns the context of one request: with the options of the document over the
// options of ctx, this policy and this observer, which may be nil, in place of the caller's.
// The policy travels there, so that each Transport of ours on the way has it, also one below
// a foreign RoundTripper: with a policy that resends, an update would be lost.
func (d *document[T]) scope(ctx context.Context, policy Policy, o *observer) *scoped {
	in := scopedIn(ctx)
	in.settings = d.set.settings.over(in.settings)
	in.settings.policy, in.observer = policy, o // the caller's observers are told of the whole
	return in
}

// effective are the options of the document, over the options of the context, over the
// options of the client's Transport: what the Transport itself will use for a request.
func (d *document[T]) effective(ctx context.Context) settings {
	set := d.set.settings
	if s := scopeOf(ctx); s != nil {
		set = set.over(s.settings)
	}
	if t, ours := d.client.Transport.(*Transport); ours {
		all := t.effective()
		if all.pinned != nil {
			set = set.without(all.pinned)
		}
		return set.over(*all)
	}
	return set.over(defaults()) // the client was given another Transport since
}

// dialect returns the dialect of the document, never nil.
func (d *document[T]) dialect(ctx context.Context) *guard.Dialect {
	set := d.effective(ctx)
	return set.dialectFor(d.target, &d.rfc9110)
}

// sample is a write of a state as far as a dialect looks at it to know where its version is.
// It is never sent, and has no body: what the edit makes isn't known yet.
func (d *document[T]) sample(dialect *guard.Dialect, s *state[T]) *http.Request {
	write, _ := d.sampleOr(dialect, s)
	return write
}

// sampleOr is a sample, and why there is no such write; nil: there is one.
func (d *document[T]) sampleOr(dialect *guard.Dialect, s *state[T]) (*http.Request, error) {
	method, contentType := d.methodAndType(dialect, s)
	write := &http.Request{Method: method, URL: d.target, Host: d.target.Host, Header: http.Header{"Content-Type": {contentType}}}
	changed, err := refresh.ChangeWrite(write, dialect.WriteRequest)
	if err != nil {
		return write, fmt.Errorf("dialect %s: WriteRequest: %w", dialect.Name, err)
	}
	return changed, nil
}

// read gets the current state, past caches. It is the read of a store, and closes the
// body of the answer. A status of 404 or 410 is an absent state where CreateIfAbsent was
// given, and a *StatusError otherwise.
func (d *document[T]) read(ctx context.Context) (*state[T], error) {
	in := d.scope(ctx, Stop, nil)
	in.settings.ownRead = true // it is repeated after a failure, which a caller's own GET is not
	ctx = in
	set := d.effective(ctx) // what the Transport will use: here for what it doesn't do itself
	dialect := set.dialectFor(d.target, &d.rfc9110)
	req, err := d.readRequest(ctx, dialect, *set.refreshRequest)
	if err != nil {
		return nil, err
	}
	resp, err := readerFor(d.client, req).Do(req)
	if err != nil {
		return nil, redact.Error(err)
	}
	defer resp.Body.Close()
	absent := resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone
	switch {
	// A write would go to another URL than the one that was read.
	case movedTo(req, resp) != nil:
		return nil, fmt.Errorf("ifmatch: %s %q: redirected to %q: use that URL", req.Method, redact.URL(req.URL), redact.URL(movedTo(req, resp)))
	case absent && d.set.create:
		drain.Briefly(resp)
		return d.absent(ctx, resp.Header), nil
	case resp.StatusCode != http.StatusOK:
		return nil, statusError(req.Method, redact.URL(req.URL), resp)
	}
	body, err := readState(resp, set.maxRepresentation)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: %s %q: %w", req.Method, redact.URL(req.URL), err)
	}
	s, err := d.readFrom(dialect, resp.Header, body)
	if err != nil {
		return nil, err
	}
	d.noteRead(ctx, s)
	return s, nil
}

// absent is the state of a document that isn't there.
func (d *document[T]) absent(ctx context.Context, h http.Header) *state[T] {
	s := &state[T]{Document: edit.Document[T]{Absent: true}, header: h}
	d.noteRead(ctx, s)
	return s
}

// readRequest returns the request of a read, as the dialect and WithRefreshRequest
// change it: what a refresh after a refusal would read, so that both see one state.
func (d *document[T]) readRequest(ctx context.Context, dialect *guard.Dialect, change requestFunc) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: %w", err)
	}
	refresh.PastCaches(req.Header, d.media) // each write has the same
	d.set.setOn(req, false)
	// What is at the URL of the refresh isn't what a write would replace.
	if dialect.VersionOnly != nil && dialect.HidesState(d.sample(dialect, new(state[T]))) {
		return nil, fmt.Errorf("ifmatch: GET %q: %w", d.name, dialect.ErrHidden())
	}
	if dialect.Signed(req) != "" {
		dialect = &d.rfc9110 // another URL would break the signature
	}
	made, err := changeRefresh(req, dialect, change, refresh.May{NeedState: true, Credentials: d.effective(ctx).credentialOrigins})
	if err != nil {
		return nil, err
	}
	return asRead(made), nil
}

// readState reads the whole state that an answer carries: a body of more than limit bytes
// is an error that matches ErrTooLarge. A coded body is an error, too: the document
// can't be edited in it, and its tag guards another representation (RFC 9110 §8.8.3.3).
func readState(resp *http.Response, limit int64) ([]byte, error) {
	if semantics.Coded(resp.Header) {
		return nil, fmt.Errorf("the state has Content-Encoding %q although identity was asked for", resp.Header.Get("Content-Encoding"))
	}
	return drain.State(resp, limit)
}

// decode returns the state that was read in an answer. It keeps body and h. The error names
// the media type where that may be the reason: a login page comes with 200, too.
func (d *document[T]) decode(v Validators, h http.Header, body []byte) (*state[T], error) {
	s := &state[T]{Validators: v, header: h}
	err := d.format.ReadInto(&s.Document, body)
	came, back := h.Get("Content-Type"), media.Back(h)
	if err != nil && came != "" && back == "" && came != d.media {
		return nil, fmt.Errorf("%w: the answer is %.100q, and %s was asked for", err, came, d.media)
	}
	if err != nil {
		return nil, err
	}
	s.media = back
	return s, nil
}

// readFrom returns the state in the body of an answer, with its versions. Where the dialect's
// place for it isn't there, that is an error: the whole body would be written into the
// place, and the next read would find it there.
func (d *document[T]) readFrom(dialect *guard.Dialect, h http.Header, body []byte) (*state[T], error) {
	text, err := dialect.StateRead(body)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: read %q: %w: nothing can be made of it", d.name, err)
	}
	s, err := d.decode(Validators(dialect.Validators(h, body)), h, text)
	if err == nil {
		d.readVersions(s, dialect, body)
	}
	return s, err
}

// made is the state that a write has made, as far as the answer that accepted it shows, and
// what the answer names the state by, be it this one or another. It closes the body of the
// answer.
func (d *document[T]) made(req *http.Request, resp *http.Response, w *submission[T]) (*state[T], Validators) {
	dialect := d.dialect(req.Context())
	facts, body := d.lookAt(req, resp, w, dialect)
	verdict := facts.Verdict()
	if verdict == stored.Told {
		s, err := d.readFrom(dialect, resp.Header, body)
		if err == nil {
			s.media, s.told, s.asSent = cmp.Or(s.media, w.media), true, facts.Body == stored.Same
			return s, s.Validators
		}
		verdict = stored.Unknown // its validators are of something that T can't hold
	}
	// What was sent is cloned: a base may still read it.
	s := &state[T]{Document: edit.Document[T]{Text: bytes.Clone(w.draft.Stored), Value: w.draft.Value}, header: resp.Header, media: w.media}
	var named Validators
	// An API with versions of its own gives the next one only in a state.
	if facts.Place != stored.OfAnother && !dialect.OwnPlaces() {
		named = Validators(dialect.Validators(resp.Header, nil))
	}
	if s.asSent = verdict == stored.AsSent; s.asSent {
		s.Validators = named
	}
	return s, named
}

// lookAt gathers what the answer to an accepted write shows, and returns its body. A body that
// is no state is read briefly; what may be one, as far as WithMaxRepresentation goes.
func (d *document[T]) lookAt(req *http.Request, resp *http.Response, w *submission[T], dialect *guard.Dialect) (stored.Facts, []byte) {
	facts := stored.Facts{Place: stored.PlaceOf(req.URL, resp.Header)}
	most := d.effective(req.Context()).maxRepresentation
	switch {
	case resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated:
		facts.Says = stored.Says(resp.Header) || dialect.Returns(req)
	// A proxy has changed the answer, and nobody knows what else it makes up.
	case resp.StatusCode == http.StatusNonAuthoritativeInfo:
		facts.Place = stored.OfAnother
	// Other statuses have no representation.
	case facts.Place == stored.OfTarget:
		facts.Place = stored.Unsaid
	}
	if !facts.Says && facts.Place != stored.OfTarget {
		most = min(most, drain.KeepLimit+2*int64(len(w.draft.Stored))) // what was sent comes back, or isn't known
	}
	body, whole := drain.Whole(resp, most)
	sent := stored.Sent{Body: w.draft.Body, Stored: w.draft.Stored, JSON: d.format.JSON, Media: w.media, Hidden: d.marksPlace(dialect)}
	if text, err := dialect.StateRead(body); err == nil {
		facts.Body = sent.Look(text, resp.Header)
	} else if len(body) > 0 {
		facts.Body = stored.Foreign // it has no state
	}
	if !whole || facts.Body != stored.None && (resp.Uncompressed || semantics.Coded(resp.Header)) {
		facts.Body = stored.Unread
	}
	return facts, body
}

// readVersions takes the version from where the dialect has it in the answer with this body,
// where that isn't the ETag.
// A state without one can be read all the same, and isn't an error of Get: only a write
// of it can't be guarded, and fails then.
func (d *document[T]) readVersions(s *state[T], dialect *guard.Dialect, body []byte) {
	if !dialect.OwnPlaces() {
		return
	}
	places := dialect.FirstPlaces(d.sample(dialect, s), true)
	if places == nil {
		return
	}
	versions, err := guard.Current(places, s.header, body)
	if err != nil {
		s.Validators, s.unversioned = Validators{}, fmt.Errorf("dialect %s: %w", dialect.Name, err)
		return
	}
	s.ETag, s.versions = guard.Text(versions), versions
}

// statusError is the error of an answer that is neither success nor a refusal. It reads
// the body to a bound, for the error; the caller closes it.
func statusError(method, url string, resp *http.Response) error {
	body := drain.Briefly(resp)
	said := saidBy(resp.Header, body, resp.Request)
	return &StatusError{Method: method, URL: url, StatusCode: resp.StatusCode, Header: resp.Header, Body: body, said: said}
}

// fits returns an error where no Update could read a document again. most is in bytes; zero
// is no limit.
func fits(name redact.Name, text []byte, most int64) error {
	if most == 0 || int64(len(text)) <= most {
		return nil
	}
	return fmt.Errorf("ifmatch: update %q: %w: the edit makes %d bytes, and WithMaxRepresentation is %d", name, ErrTooLarge, len(text), most)
}

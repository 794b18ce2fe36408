package ifmatch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
)

// store reads and writes the document of an Update: on a server, or for a test. The
// rounds of an Update know the document only through it.
type store[T any] interface {
	// read returns the current state. Where the document isn't there, that is an absent
	// state if CreateIfAbsent was given, and an error if not.
	read(ctx context.Context) (*state[T], error)

	// write writes the draft under the validator of the state that it was made
	// from. At each refusal it asks w.afterRefusal what to write then, on the
	// goroutine of the caller. The Outcome is set with an error too. An error that
	// matches ErrOutcomeUnknown leaves open whether a draft was written; a
	// *ConflictError says that the last one was refused.
	write(ctx context.Context, w *submission[T]) (Snapshot[T], Outcome, error)
}

// submission is one draft that is handed to the store. When it is refused, another
// draft may take its place. It belongs to the goroutine of the Update.
type submission[T any] struct {
	on       *state[T]      // what the first draft was made from
	draft    *edit.Draft[T] // handed over last
	attempts int            // what is left of WithMaxAttempts
	elapsed  time.Duration  // what is left of WithMaxElapsed

	of        *updater[T] // is asked after each refusal
	marked    bool        // it can tell whether a draft was written
	id        string      // of the mark in all drafts; empty: none
	overState bool        // no draft of the Update was to create the document

	// Set by the store.
	media  string    // of the state that the draft was made from, as it is written back
	sent   bool      // something was, for this submission or one before
	broken bool      // no draft could be made of the state that refused this one
	made   *state[T] // by the draft that was accepted; nil before

	// Of the store: in one piece of memory with what outlives the submission, the policy say,
	// which something below may ask late.
	policy   updatePolicy[T]
	newest   sequel[T] // of the newest refusal
	outcome  Outcome
	observer observer
}

// afterRefusal says what follows a refusal. It is called for each.
func (w *submission[T]) afterRefusal(ctx context.Context, r setback[T]) sequel[T] {
	return w.of.afterRefusal(ctx, r)
}

// setback is a refusal of a draft, and the state that refused it.
type setback[T any] struct {
	state     *state[T] // nil only where elsewhere is set
	inDoubt   bool      // an earlier attempt of the submission may have been applied
	stale     bool      // the state has the validator that was refused
	elsewhere error     // another document refused the draft: http.Client was redirected
}

// sequel is what follows a setback: one of a draft, an end or an error. The zero sequel
// leaves it at that, and the submission ends with the refusal.
type sequel[T any] struct {
	draft   *edit.Draft[T] // is written
	end     *state[T]      // ends the submission with success: nothing is to be written
	applied bool           // end holds a draft that was sent before
	err     error          // ends the submission
}

// updatePolicy is the policy of Update. It travels in the context of a write, so each
// Transport of this package on the way obeys it. One submission has one, and it must not
// be used for two writes at a time.
type updatePolicy[T any] struct {
	store *document[T]
	of    *submission[T]
	read  []byte // the state that the first draft was made of; nil: none was there

	write *http.Request        // of the Update; nil: it couldn't be made
	call  atomic.Pointer[call] // the last one that was seen to be of this write
}

// readBefore is what the first refused draft was made of.
func (p *updatePolicy[T]) readBefore() []byte { return p.read }

// traits has what is left of WithMaxAttempts and WithMaxElapsed: these hold over all rounds
// of the Update.
func (p *updatePolicy[T]) traits() traits {
	return traits{fixed: true, update: true, tellsOwnWrites: p.of.marked, attemptsLeft: p.of.attempts, elapsedLeft: p.of.elapsed}
}

// Resolve edits the current state again, and decides for what comes of it. It keeps in the
// submission what the newest refusal led to, and the draft that is sent next.
func (p *updatePolicy[T]) Resolve(ctx context.Context, c *Conflict) (decision Decision, err error) {
	if !p.owns(c) {
		return Decision{}, nil
	}
	// The submission has failed, and something below asks again all the same: a Transport
	// that repeats, say.
	if p.of.newest.err != nil {
		return Decision{}, p.of.newest.err
	}
	p.of.newest, decision, err = p.store.resolve(ctx, c, p.of)
	return decision, err
}

// owns reports whether a conflict is one of the write of the Update. What a RoundTripper
// between sends on its own account with the context of the write, a lock say, is about
// another URL and has another body: the document must not be written there. Something
// between may rewrite one of the two, and that is the write of the Update still.
func (p *updatePolicy[T]) owns(c *Conflict) bool {
	if p.write == nil || c.call == nil || c.call == p.call.Load() || sameURL(c.call.req.URL, p.write.URL) {
		p.call.Store(c.call)
		return true
	}
	body, err := p.write.GetBody()
	if err != nil {
		return false
	}
	data, err := io.ReadAll(body)
	if err != nil || !c.call.holds(data) {
		return false
	}
	p.call.Store(c.call)
	return true
}

// write sends the draft under its guard, with a policy that edits again at each
// refusal, and reads the answer, whose body it closes. It is the write of a store.
func (d *document[T]) write(ctx context.Context, w *submission[T]) (Snapshot[T], Outcome, error) {
	w.policy.store, w.policy.of, w.policy.read = d, w, w.on.Text
	w.observer.outcome = &w.outcome
	ctx = d.scope(ctx, &w.policy, &w.observer)
	req, err := d.writeRequest(ctx, w.on, w.draft.Body)
	w.policy.write = req
	// The context may have ended during the edit: then nothing is sent.
	if err == nil && ctx.Err() != nil {
		err = endOf(ctx)
	}
	if err != nil {
		return Snapshot[T]{}, Outcome{Effect: EffectNotApplied, Err: err}, err
	}
	w.sent, w.media = true, d.mediaOf(w.on)
	d.noteSent(ctx, w)
	resp, err := d.client.Do(req)
	if err == nil {
		defer resp.Body.Close()
	}
	o, last := w.outcome, &w.newest
	switch {
	// The edit's own error says more than the *ConflictError around it.
	case last.err != nil:
		w.broken = true
		return Snapshot[T]{}, o, d.unanswered(last.err, o)
	case err != nil:
		return Snapshot[T]{}, o, d.unanswered(redact.Error(err), o)
	// The response is the refusal, or was made for the mark: the state was read before.
	case last.end != nil:
		return last.end.snapshot(), o, nil
	}
	return d.answered(req, resp, w, o)
}

// writeRequest returns the write of a body, guarded by the state that the body was
// made from. There is always a guard: an absent state lets the write only create, and a
// state without a validator is an error. The body must not change until the write has
// ended.
func (d *document[T]) writeRequest(ctx context.Context, s *state[T], body []byte) (*http.Request, error) {
	dialect := d.dialect(ctx)
	versions, err := d.versionsOf(s, dialect)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: update %q: %w", d.name, err)
	}
	if body, err = d.bodyOf(body, versions, dialect); err != nil {
		return nil, fmt.Errorf("ifmatch: update %q: %w", d.name, err)
	}
	// A merge patch needs a document to change, so an absent one is created by PUT.
	method, contentType := d.methodAndType(dialect, s)
	req, err := http.NewRequestWithContext(ctx, method, d.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ifmatch: %w", err)
	}
	// Refreshes must select what was read, and the tag of another coding is no guard (RFC 9110
	// §8.8.3.3).
	field.SetEach(req.Header, [2]string{"Content-Type", contentType}, [2]string{"Accept", d.media}, [2]string{"Accept-Encoding", "identity"})
	if req, err = d.changed(req, dialect); err != nil {
		return nil, fmt.Errorf("ifmatch: update %q: %w", d.name, err)
	}
	d.set.setOn(req, true)
	switch {
	case versions != nil:
		if err := guard.Put(req, versions); err != nil {
			return nil, fmt.Errorf("ifmatch: update %q: dialect %s: %w", d.name, dialect.Name, err)
		}
	case s.Absent:
		req.Header.Set("If-None-Match", "*")
	default:
		req.Header.Set("If-Match", s.ETag)
	}
	return req, nil
}

// changed returns the write as the dialect has it, with the body that it had.
func (d *document[T]) changed(write *http.Request, dialect *guard.Dialect) (*http.Request, error) {
	if dialect.WriteRequest == nil {
		return write, nil
	}
	bare := write.WithContext(write.Context())
	bare.Body, bare.GetBody, bare.ContentLength = nil, nil, 0
	changed, err := refresh.ChangeWrite(bare, dialect.WriteRequest)
	if err != nil {
		return nil, fmt.Errorf("dialect %s: WriteRequest: %w", dialect.Name, err)
	}
	changed.Body, changed.GetBody, changed.ContentLength = write.Body, write.GetBody, write.ContentLength
	return changed, nil
}

// bodyOf returns the body of the write of a document, or of a patch: in the place that the
// dialect has for it, and with these versions. Without a document there is none.
func (d *document[T]) bodyOf(doc []byte, versions []guard.Version, dialect *guard.Dialect) ([]byte, error) {
	body, err := dialect.WithState(nil, doc)
	if err != nil {
		return nil, err
	}
	if body, err = guard.PutIntoBody(body, versions); err != nil {
		return nil, fmt.Errorf("dialect %s: %w", dialect.Name, err)
	}
	return body, nil
}

// versionsOf returns what the write of a state carries in places of its dialect. It
// returns nil where the version goes into If-Match or If-None-Match. An error says that
// the write can't be guarded.
func (d *document[T]) versionsOf(s *state[T], dialect *guard.Dialect) ([]guard.Version, error) {
	if s.unversioned != nil {
		return nil, s.unversioned
	}
	// A write that would replace what is there by now must not go out.
	if s.Absent {
		versions := dialect.CreatePlaces(d.sample(dialect, s))
		if dialect.NoCreate || dialect.OwnPlaces() && versions == nil {
			return nil, fmt.Errorf("dialect %s has no write to this URL that only creates", dialect.Name)
		}
		return versions, nil
	}
	switch {
	case s.versions != nil:
		return s.versions, nil
	// The API doesn't look at If-Match.
	case dialect.OwnPlaces():
		write, err := d.sampleOr(dialect, s) // the error says what to do
		return nil, cmp.Or(err, fmt.Errorf("dialect %s has no place for the version in such a %s", dialect.Name, write.Method))
	case s.ETag == "":
		return nil, fmt.Errorf("%w: the state was read without an ETag", ErrNoValidator)
	}
	return nil, nil
}

// resolve reads the state that refused a draft, and asks what follows. Where the state
// can't be had, the sequel is zero and the error comes from Current, so the call ends
// with the refusal.
func (d *document[T]) resolve(ctx context.Context, c *Conflict, w *submission[T]) (sequel[T], Decision, error) {
	// http.Client follows a redirect: the refusal is from another document.
	if c.call.req.Response != nil {
		next := w.afterRefusal(ctx, d.redirectedTo(ctx, c, w.marked))
		return next, Decision{}, next.err
	}
	current, err := c.Current(ctx)
	if err != nil {
		return sequel[T]{}, Decision{}, err
	}
	s, err := d.decode(current.Validators, current.Header, current.Body)
	if err != nil {
		return sequel[T]{err: err}, Decision{}, err
	}
	if s.versions = c.refresh.versions; s.versions == nil {
		d.readVersions(s, d.dialect(ctx), current.Body)
	}
	d.noteRead(ctx, s)
	// Edit again: this may run the caller's function, and takes as long as that takes.
	next := w.afterRefusal(ctx, setback[T]{state: s, inDoubt: c.Ambiguous, stale: c.refresh.Unchanged})
	switch {
	case next.err != nil:
		return next, Decision{}, next.err
	case next.applied:
		return next, Decision{conflict: c, kind: decideApplied}, nil
	case next.draft != nil:
		w.draft = next.draft
		d.rename(c, w, s)
		return next, c.Replace(next.draft.Body), nil
	}
	// Nothing is to be written, or it can't be known what: the zero Decision stops.
	return next, Decision{}, nil
}

// rename gives the write of a draft the media type of the state that the draft was made from:
// it may be another one than before. A patch isn't of that type, and WithHeader has its own.
func (d *document[T]) rename(c *Conflict, w *submission[T], s *state[T]) {
	was := w.media
	w.media = d.mediaOf(s)
	if w.media != was && !d.set.patch && d.set.header.Get("Content-Type") == "" {
		field.Set(c.Header(), "Content-Type", w.media)
	}
}

// redirectedTo is the refusal of another document, which http.Client was redirected
// to. Its state is read only where it may hold the mark; a read that fails leaves the
// state nil, and no error.
func (d *document[T]) redirectedTo(ctx context.Context, c *Conflict, marked bool) setback[T] {
	refused := c.call.req
	r := setback[T]{elsewhere: fmt.Errorf("ifmatch: update %q: redirected to %s %q: use that URL", d.name, refused.Method, redact.URL(refused.URL))}
	if !marked {
		return r
	}
	if current, err := c.Current(ctx); err == nil {
		if s, err := d.decode(current.Validators, current.Header, current.Body); err == nil {
			r.state = s
		}
	}
	return r
}

// unanswered is the error of a write without an answer that says what became of it. It
// matches err, and ErrOutcomeUnknown unless the write is known not to be applied.
func (d *document[T]) unanswered(err error, o Outcome) error {
	if o.Effect != EffectNotApplied && !errors.Is(err, ErrOutcomeUnknown) {
		return fmt.Errorf("ifmatch: update %q: %w: %w", d.name, ErrOutcomeUnknown, err)
	}
	return err
}

// errRedirected is the error of a write that got an answer from another URL, or to
// another method: http.Client makes a GET of a redirected PUT. What another URL says
// isn't the state of this document, so it is no success either.
func errRedirected(req *http.Request, resp *http.Response, o Outcome) error {
	err := fmt.Errorf("ifmatch: %s %q: redirected to %s %q: use that URL", req.Method, redact.URL(req.URL), resp.Request.Method, redact.URL(resp.Request.URL))
	if o.Effect != EffectNotApplied {
		err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err) // what was applied there isn't known
	}
	return err
}

// answered reads the final answer to a write, to a bound; the caller closes it. A success
// has the Snapshot of the state that the write has made.
func (d *document[T]) answered(req *http.Request, resp *http.Response, w *submission[T], o Outcome) (Snapshot[T], Outcome, error) {
	dialect := d.dialect(req.Context())
	switch {
	// The answer is about another URL, or to a GET.
	case redirected(resp, req.Method):
		err := errRedirected(req, resp, o)
		o.Err = cmp.Or(o.Err, err)
		return Snapshot[T]{}, o, err
	case o.Effect == EffectApplied && (o.Err == nil || succeeds(resp)):
		made, named := d.made(req, resp, w)
		d.noteAccepted(req.Context(), w, named)
		w.made = made
		return w.made.snapshot(), o, nil
	// A dialect's refusal may have a status that also means something else.
	case refusedAtLast(o) && dialect.RefusesWith(resp.StatusCode),
		resp.StatusCode == http.StatusPreconditionFailed, resp.StatusCode == http.StatusPreconditionRequired:
		body := drain.Briefly(resp)
		return Snapshot[T]{}, o, &ConflictError{
			Method: req.Method, URL: redact.URL(req.URL), StatusCode: resp.StatusCode, Header: resp.Header, Body: body, Outcome: o, Err: o.Err,
		}
	}
	// Anything else: an error of the server, or a success that promises nothing (202).
	err := statusError(req.Method, redact.URL(req.URL), resp)
	if pending := (*pendingError)(nil); errors.As(o.Err, &pending) {
		err = o.Err // the status says nothing of it
	}
	if o.Effect == EffectUnknown && !errors.Is(err, ErrOutcomeUnknown) {
		err = fmt.Errorf("ifmatch: update %q: %w: %w", d.name, ErrOutcomeUnknown, err)
	}
	// A 202 is a success for the call, and none for an Update.
	o.Err = cmp.Or(o.Err, err)
	return Snapshot[T]{}, o, err
}

// refusedAtLast reports whether a call ended with a refusal. After a refusal a call may
// also end with another answer: then the outcome has a *StatusError.
func refusedAtLast(o Outcome) bool {
	other := (*StatusError)(nil)
	return o.Cause != CauseNone && !errors.As(o.Err, &other)
}

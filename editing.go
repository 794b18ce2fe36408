package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// editing is the policy of Update: it makes a new body from each state that
// refuses the one before. It isn't generic, so that the core can know it.
type editing struct {
	resolve func(ctx context.Context, c *Conflict) (Decision, error)
	marked  bool // resolve can tell whether the write was applied

	// What is left of WithMaxAttempts and WithMaxElapsed; zero: all.
	attemptsLeft int
	elapsedLeft  time.Duration
}

func (p *editing) traits() traits {
	return traits{fixed: true, update: true, tellsOwnWrites: p.marked, attemptsLeft: p.attemptsLeft, elapsedLeft: p.elapsedLeft}
}

func (p *editing) Resolve(ctx context.Context, c *Conflict) (Decision, error) {
	return p.resolve(ctx, c)
}

// send sends the draft under the validator of the state that it was made from.
func (a *attempt[T]) send(ctx context.Context, s *state[T]) (Snapshot[T], Outcome, error) {
	var o Outcome
	a.ended, a.err, a.found = nil, nil, nil
	policy := &editing{
		resolve: a.resolve, marked: a.mark.Kept(),
		attemptsLeft: a.limits.maxAttempts, elapsedLeft: a.limits.maxElapsed,
	}
	ctx = a.doc.scope(ctx, policy, &o)
	req, err := a.request(ctx, s)
	if err != nil {
		o.Effect, o.Err = EffectNotApplied, err
		return Snapshot[T]{}, o, err
	}
	if ctx.Err() != nil { // during the edit, say
		o.Effect, o.Err = EffectNotApplied, endOf(ctx)
		return Snapshot[T]{}, o, o.Err
	}
	a.sent = true
	resp, err := a.doc.client.Do(req)
	switch {
	case a.err != nil:
		if err == nil {
			resp.Body.Close()
		}
		return Snapshot[T]{}, o, a.unanswered(a.err, o)
	case err != nil:
		return Snapshot[T]{}, o, a.unanswered(redact.Error(err), o)
	}
	defer resp.Body.Close()
	if a.ended != nil {
		return *a.ended, o, nil
	}
	return a.answered(req, resp, o)
}

// request returns the guarded write of the draft.
func (a *attempt[T]) request(ctx context.Context, s *state[T]) (*http.Request, error) {
	d, dialect := a.doc, a.doc.dialect(ctx)
	if s.unversioned != nil {
		return nil, fmt.Errorf("ifmatch: update %q: %w", d.name, s.unversioned)
	}
	if s.Absent && (dialect.NoCreate || dialect.ownPlaces() && dialect.createPlace(d.sample(dialect, true)) == nil) {
		return nil, fmt.Errorf("ifmatch: update %q: dialect %s has no write to this URL that only creates", d.name, dialect.Name)
	}
	method, contentType := d.write(dialect, s.Absent)
	body, placed := a.draft.Body, s.placed
	if s.Absent {
		placed = dialect.createPlace(d.sample(dialect, true))
	}
	body, err := setMembers(body, placed)
	if err != nil {
		return nil, fmt.Errorf("ifmatch: update %q: dialect %s: %w", d.name, dialect.Name, err)
	}
	if placed == nil && !s.Absent && dialect.ownPlaces() {
		return nil, fmt.Errorf("ifmatch: update %q: dialect %s has no place for the version in such a %s", d.name, dialect.Name, method)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ifmatch: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", d.set.codec.ContentType()) // refreshes must select what was read
	switch {
	case placed != nil:
		putPlaced(req, placed)
	case s.Absent:
		req.Header.Set("If-None-Match", "*")
	case s.ETag != "":
		req.Header.Set("If-Match", s.ETag)
	default:
		return nil, fmt.Errorf("ifmatch: update %q: %w: the state was read without an ETag", d.name, ErrNoValidator)
	}
	return req, nil
}

// resolve is the policy: read what refused the draft, look for the mark, edit
// again.
func (a *attempt[T]) resolve(ctx context.Context, c *Conflict) (Decision, error) {
	if a.ended = nil; a.err != nil {
		return Decision{}, a.err // something below has asked again
	}
	if c.call.req.Response != nil {
		a.err = a.redirected(ctx, c)
		return Decision{}, a.err
	}
	current, err := c.Current(ctx)
	if err != nil {
		return Decision{}, err
	}
	s, err := a.doc.decode(current.Validators, current.Header, current.Body)
	if err != nil {
		a.err = err
		return Decision{}, err
	}
	a.doc.readVersions(s, a.doc.dialect(ctx))
	open := c.Ambiguous || a.open != nil
	mark := a.mark.In(&s.Document)
	if mark == edit.Absent && c.refresh.Unchanged {
		mark = edit.Unknown // the read is stale, or the refusal lies
	}
	switch mark {
	case edit.Found:
		found := s.snapshot()
		a.ended, a.found = &found, s
		return Decision{conflict: c, kind: decideApplied}, nil
	case edit.Unknown:
		if open {
			return Decision{}, nil
		}
	}
	a.inDoubt = open
	next, err := a.make(s)
	if err == nil && ctx.Err() != nil {
		err = endOf(ctx)
	}
	if err != nil {
		a.err = err
		return Decision{}, err
	}
	if next.Same && open {
		return Decision{}, nil // an earlier draft may have been applied, and the read be stale
	}
	if next.Same {
		same := s.snapshot()
		a.ended = &same
		return Decision{}, nil
	}
	a.draft = next
	return c.Replace(next.Body), nil
}

// redirected is the error of a write that was refused where http.Client was
// redirected to. That is another document, and isn't edited. The mark in it shows
// that something on the way has sent the write twice.
func (a *attempt[T]) redirected(ctx context.Context, c *Conflict) error {
	refused := c.call.req
	err := fmt.Errorf("ifmatch: update %q: redirected to %s %q: use that URL", a.doc.name, refused.Method, redact.URL(refused.URL))
	if !a.mark.Kept() {
		return err
	}
	current, failed := c.Current(ctx)
	if failed == nil {
		var s *state[T]
		if s, failed = a.doc.decode(current.Validators, current.Header, current.Body); failed == nil && a.mark.In(&s.Document) == edit.Absent {
			return err
		}
	}
	a.open = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	return a.open
}

// unanswered is the error of an Update without an answer that says what became of
// the write.
func (a *attempt[T]) unanswered(err error, o Outcome) error {
	if o.Effect != EffectNotApplied && !errors.Is(err, ErrOutcomeUnknown) {
		return fmt.Errorf("ifmatch: update %q: %w: %w", a.doc.name, ErrOutcomeUnknown, err)
	}
	return err
}

// answered reads the final answer to a write.
func (a *attempt[T]) answered(req *http.Request, resp *http.Response, o Outcome) (Snapshot[T], Outcome, error) {
	at, ownPlaces := redact.URL(req.URL), a.doc.dialect(req.Context()).ownPlaces()
	if got := redact.URL(resp.Request.URL); redirected(resp, req.Method) {
		err := fmt.Errorf("ifmatch: %s %q: redirected to %s %q: use that URL", req.Method, at, resp.Request.Method, got)
		if o.Effect != EffectNotApplied {
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err) // what was applied there isn't known
		}
		return Snapshot[T]{}, o, err
	}
	success := resp.StatusCode >= 200 && resp.StatusCode <= 299
	switch {
	case success && o.Effect == EffectApplied:
		s := Snapshot[T]{Validators: Validators(etag.Of(resp.Header)), Value: a.draft.Value, Header: resp.Header}
		if ownPlaces {
			s.Validators = Validators{} // they aren't the API's version
		}
		if other := resp.Header.Get("Content-Location"); other != "" && other != req.URL.RequestURI() && other != req.URL.String() {
			s.Validators = Validators{} // they are of another resource (RFC 9110 §8.7)
		}
		drain.Briefly(resp)
		return s, o, nil
	case refusedAtLast(o) && a.doc.dialect(req.Context()).refusesWith(resp.StatusCode),
		resp.StatusCode == http.StatusPreconditionFailed, resp.StatusCode == http.StatusPreconditionRequired:
		body := drain.Briefly(resp)
		return Snapshot[T]{}, o, &ConflictError{
			Method: req.Method, URL: at, StatusCode: resp.StatusCode, Header: resp.Header, Body: body, Outcome: o, Err: o.Err,
		}
	}
	err := statusError(req.Method, at, resp)
	if o.Effect == EffectUnknown {
		err = fmt.Errorf("ifmatch: update %q: %w: %w", a.doc.name, ErrOutcomeUnknown, err)
	}
	return Snapshot[T]{}, o, err
}

// refusedAtLast reports whether a call ended with a refusal, not with an answer of
// another kind after one.
func refusedAtLast(o Outcome) bool {
	_, other := o.Err.(*StatusError)
	return o.Cause != CauseNone && !other
}

package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// editing is the policy of Update: it makes a new body from each state that
// refuses the one before. It isn't generic, so that the core can know it.
type editing struct {
	resolve func(ctx context.Context, c *Conflict) (Decision, error)
	marked  bool // resolve can tell whether the write was applied
}

func (p *editing) Resolve(ctx context.Context, c *Conflict) (Decision, error) {
	return p.resolve(ctx, c)
}

// attempt is one Update under way.
type attempt[T any] struct {
	doc   *document[T]
	make  func(*state[T]) (*draft[T], error)
	mark  *marking[T]
	draft *draft[T]    // sent last
	ended *Snapshot[T] // found without another write
	found *state[T]    // holds the mark
	err   error        // of edit, or of rendering what it made
}

// update runs the loop that the Transport's own doesn't cover: a lost answer
// that the mark decides, and a document that somebody else created.
func (d *document[T]) update(ctx context.Context, edit func(*T) error) (Snapshot[T], error) {
	mark := newMarking(d.marker)
	a := &attempt[T]{doc: d, mark: mark, make: func(s *state[T]) (*draft[T], error) { return d.draft(s, edit, mark) }}
	return a.run(ctx, nil)
}

// run writes until the server accepts. It begins with the state that is kept
// from the write before, where there is one.
func (a *attempt[T]) run(ctx context.Context, kept *state[T]) (Snapshot[T], error) {
	d := a.doc
	var total Outcome
	defer func() {
		if s := scopeOf(ctx); s != nil && s.outcome != nil {
			*s.outcome = total
		}
	}()
	pass := d.lineUp(ctx)
	defer pass.leave()
	ctx = pass.within(ctx)
	limits := d.limits(ctx)
	until := time.Now().Add(limits.maxElapsed)
	sent, last := false, error(nil)
	for round := 0; ; round++ {
		s, err := kept, error(nil)
		if s == nil || round > 0 {
			s, err = d.read(ctx)
		}
		if err != nil {
			return Snapshot[T]{}, a.unread(err, sent)
		}
		if round > 0 && a.mark != nil {
			switch a.mark.find(&s.value) {
			case MarkFound:
				total.Effect, total.Cause, total.Err = EffectApplied, CauseOwnEarlierWrite, nil
				a.found = s
				found := s.snapshot()
				found.Outcome = total
				return found, nil
			case MarkUnknown:
				if !sent {
					break
				}
				return Snapshot[T]{}, a.unread(last, sent)
			}
		}
		if a.draft, err = a.make(s); err != nil {
			return Snapshot[T]{}, a.unread(err, sent)
		}
		if a.draft.same {
			if sent {
				return Snapshot[T]{}, a.unread(last, sent)
			}
			return s.snapshot(), nil
		}
		if round > 0 {
			limits.maxElapsed = max(time.Until(until), 1)
		}
		snapshot, outcome, err := a.write(ctx, s, limits)
		total = joinOutcomes(total, outcome)
		snapshot.Outcome = total
		if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
			conflict.Outcome = total
		}
		if a.err != nil {
			return Snapshot[T]{}, a.unread(a.err, sent)
		}
		limits.maxAttempts -= outcome.Attempts
		again := err != nil && round+1 < maxRounds && ctx.Err() == nil && limits.maxAttempts > 0 && time.Now().Before(until) &&
			(a.mark != nil && errors.Is(err, ErrOutcomeUnknown) || s.absent && d.set.create && outcome.Cause == CauseExists)
		if !again && err != nil && a.mark != nil && ctx.Err() == nil && (errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrConflict)) {
			// Where there is a marker it is looked for at every refusal.
			if s, failed := d.read(ctx); failed == nil && a.mark.find(&s.value) == MarkFound {
				total.Effect, total.Cause, total.Err = EffectApplied, CauseOwnEarlierWrite, nil
				a.found = s
				found := s.snapshot()
				found.Outcome = total
				return found, nil
			}
		}
		if !again {
			return snapshot, a.unread(err, sent && err != nil && !errors.Is(err, ErrOutcomeUnknown))
		}
		if errors.Is(err, ErrOutcomeUnknown) {
			// Until a write is accepted: a read that lacks the mark may be stale.
			sent, last = true, err
		}
	}
}

// lineUp takes its turn in the lane of the document before it is read, where
// others who lost a race are in it: a read made now would be stale when they are
// through. It returns nil where nobody is, and where the wait is too long.
func (d *document[T]) lineUp(ctx context.Context) *pass {
	t, ours := d.client.Transport.(*Transport)
	target, err := url.Parse(d.url)
	if !ours || err != nil || t.lanes.held(ctx, placeOf(target)) != nil {
		return nil
	}
	p := t.lanes.join(placeOf(target), false)
	if p == nil {
		return nil
	}
	limit := d.set.settings.over(*t.effective()).maxElapsed
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = p.awaitTurn(func(wake <-chan struct{}, left time.Duration) error {
		if left < 0 {
			left = limit
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		return ctx.Err()
	})
	if err != nil {
		p.leave()
		return nil
	}
	return p
}

// limits are WithMaxAttempts and WithMaxElapsed of the whole Update.
func (d *document[T]) limits(ctx context.Context) settings {
	set := d.set.settings
	if s := scopeOf(ctx); s != nil {
		set = set.over(s.settings)
	}
	if t, ours := d.client.Transport.(*Transport); ours {
		set = set.over(*t.effective())
	}
	set = set.over(defaults())
	set.policy = &editing{}
	return settings{maxAttempts: set.attempts(), maxElapsed: set.maxElapsed}
}

// maxRounds bounds how often the Transport's loop is run.
const maxRounds = 4

// unread is the error of a read that failed: after a write whose answer was lost
// it is unknown what became of that.
func (a *attempt[T]) unread(err error, sent bool) error {
	if sent && !errors.Is(err, ErrOutcomeUnknown) {
		return fmt.Errorf("ifmatch: update %q: %w: %w", a.doc.url, ErrOutcomeUnknown, err)
	}
	return err
}

// joinOutcomes adds what a further run of the loop did.
func joinOutcomes(a, b Outcome) Outcome {
	b.Exchanges = append(a.Exchanges, b.Exchanges...)
	b.Attempts += a.Attempts
	b.Waited += a.Waited
	return b
}

// write sends the draft under the validator of the state that it was made from.
func (a *attempt[T]) write(ctx context.Context, s *state[T], limits settings) (Snapshot[T], Outcome, error) {
	var o Outcome
	a.ended, a.err, a.found = nil, nil, nil
	policy := &editing{resolve: a.resolve, marked: a.mark != nil}
	ctx = a.doc.scope(ctx, policy, &o)
	scope := scopeOf(ctx) // made just now, so it may be changed
	scope.settings.maxAttempts, scope.settings.maxElapsed = limits.maxAttempts, limits.maxElapsed
	req, err := a.request(ctx, s)
	if err != nil {
		return Snapshot[T]{}, o, err
	}
	resp, err := a.doc.client.Do(req)
	switch {
	case a.err != nil:
		if err == nil {
			resp.Body.Close()
		}
		return Snapshot[T]{}, o, a.err
	case err != nil:
		return Snapshot[T]{}, o, a.failed(err, o)
	}
	defer resp.Body.Close()
	if a.ended != nil {
		return *a.ended, o, nil
	}
	return a.answered(req, resp, o)
}

// request returns the guarded write of the draft.
func (a *attempt[T]) request(ctx context.Context, s *state[T]) (*http.Request, error) {
	d := a.doc
	method, contentType := http.MethodPut, d.set.codec.ContentType()
	if d.set.patch && !s.absent {
		method, contentType = http.MethodPatch, "application/merge-patch+json"
	}
	req, err := http.NewRequestWithContext(ctx, method, d.url, bytes.NewReader(a.draft.body))
	if err != nil {
		return nil, fmt.Errorf("ifmatch: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", d.set.codec.ContentType()) // refreshes must select what was read
	switch {
	case s.absent:
		req.Header.Set("If-None-Match", "*")
	case s.ETag != "":
		req.Header.Set("If-Match", s.ETag)
	default:
		return nil, fmt.Errorf("ifmatch: update %q: %w: the state was read without an ETag", d.url, ErrNoValidator)
	}
	return req, nil
}

// resolve is the policy: read what refused the draft, look for the mark, edit
// again.
func (a *attempt[T]) resolve(ctx context.Context, c *Conflict) (Decision, error) {
	current, err := c.Current(ctx)
	if err != nil {
		return Decision{}, err
	}
	s, err := a.doc.decode(current.Validators, current.Header, current.Body)
	if err != nil {
		a.err = err
		return Decision{}, err
	}
	mark := a.mark.find(&s.value)
	if mark == MarkAbsent && c.refresh.unchanged {
		mark = MarkUnknown // the read is stale, or the refusal lies
	}
	switch mark {
	case MarkFound:
		found := s.snapshot()
		a.ended, a.found = &found, s
		return Decision{conflict: c, kind: decideApplied}, nil
	case MarkUnknown:
		if c.Ambiguous {
			return Decision{}, nil
		}
	}
	next, err := a.make(s)
	if err != nil {
		a.err = err
		return Decision{}, err
	}
	if next.same {
		same := s.snapshot()
		a.ended = &same
		return Decision{}, nil
	}
	a.draft = next
	return c.Replace(next.body), nil
}

// failed is the error of a write that has no answer.
func (a *attempt[T]) failed(err error, o Outcome) error {
	if o.Effect != EffectNotApplied && !errors.Is(err, ErrOutcomeUnknown) {
		return fmt.Errorf("ifmatch: update %q: %w: %w", a.doc.url, ErrOutcomeUnknown, err)
	}
	return err
}

// answered reads the final answer to a write.
func (a *attempt[T]) answered(req *http.Request, resp *http.Response, o Outcome) (Snapshot[T], Outcome, error) {
	at := publicURL(req.URL)
	if got := publicURL(resp.Request.URL); resp.Request.Method != req.Method || !sameURL(resp.Request.URL, req.URL) {
		err := fmt.Errorf("ifmatch: %s %q: redirected to %s %q: use that URL", req.Method, at, resp.Request.Method, got)
		if o.Effect != EffectNotApplied {
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err) // what was applied there isn't known
		}
		return Snapshot[T]{}, o, err
	}
	success := resp.StatusCode >= 200 && resp.StatusCode <= 299
	switch {
	case success && o.Effect == EffectApplied:
		s := Snapshot[T]{Validators: validatorsOf(resp.Header), Value: a.draft.value, Header: resp.Header}
		if other := resp.Header.Get("Content-Location"); other != "" && other != req.URL.RequestURI() && other != req.URL.String() {
			s.Validators = Validators{} // they are of another resource (RFC 9110 §8.7)
		}
		io.CopyN(io.Discard, resp.Body, keepLimit)
		return s, o, nil
	case resp.StatusCode == http.StatusPreconditionFailed || resp.StatusCode == http.StatusPreconditionRequired:
		body, _ := readUpTo(resp.Body, keepLimit, resp.ContentLength)
		return Snapshot[T]{}, o, &ConflictError{
			Method: req.Method, URL: at, StatusCode: resp.StatusCode, Header: resp.Header, Body: body, Outcome: o, Err: o.Err,
		}
	}
	err := statusError(req.Method, at, resp)
	if o.Effect == EffectUnknown {
		err = fmt.Errorf("ifmatch: update %q: %w: %w", a.doc.url, ErrOutcomeUnknown, err)
	}
	return Snapshot[T]{}, o, err
}

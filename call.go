package ifmatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/lane"
	"github.com/ifmatch-go/ifmatch/internal/memory"
	"github.com/ifmatch-go/ifmatch/internal/pace"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
	"github.com/ifmatch-go/ifmatch/internal/replay"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// call is one RoundTrip that needs more than handing on.
type call struct {
	*settings // shared with the Transport where the call has none of its own
	transport *Transport
	traits    traits // of the policy
	base      http.RoundTripper
	req       *http.Request    // the caller's; never modified
	ctx       context.Context  // of the writes after the first: req's, with the record
	rec       *record          // what OutcomeOf finds; nil as long as there is one attempt
	result    *Outcome         // of WithOutcome; may be nil
	dialect   *preparedDialect // never nil
	writeID   string           // of WithWriteID, in dialect.WriteIDField of each write; empty: none
	deadline  time.Time        // of the last attempt's start; zero until the first refusal or failure
	outcome   Outcome
	named     *url.URL // whose redact.URL the last exchange has

	write    *http.Request // as sent last: at first the caller's own, or a copy of it
	guard    guard         // of write
	payload  replay.Body   // of write
	seen     memory.Seen   // what this flow saw under write's tag; zero without Remember
	manner   manner        // how write came about
	onceMore bool          // write is what was refused before, since the refresh gave the same validator
	expects  bool          // we put Expect: 100-continue on it
	handled  bool          // the first answer wasn't the last
	keyed    bool          // an attempt had an Idempotency-Key: net/http may have repeated it

	refusal  *http.Response  // of a write; the last one
	verdict  dialect.Verdict // of the dialect on the last answer; zero without one
	kept     *drain.Kept     // of refusal; nil: its body is untouched
	aside    *http.Response  // the last failure that was followed by a repeat
	asideErr error
	first    *ambiguity // nil as long as every attempt's effect is known
	why      error      // why a failure wasn't followed by a repeat

	pace       pace.Races
	repeatPace pace.Failures
	waited     time.Duration // since the last exchange
	refusals   int
	transients int // repeats after failures
	lost       int // races lost while waiting for a strong validator
	turn       turn
}

// manner says how a write came about.
type manner uint8

const (
	asGiven    manner = iota // the caller's own
	underFresh               // this caller's body under a validator that it hadn't seen
	rebuilt                  // a body made from the state whose validator guards it
	unguarded                // without a precondition
	asSeen                   // the caller's own under a fresh validator of the state that its flow had seen
)

func (t *Transport) newCall(base http.RoundTripper, req *http.Request, s *scope) *call {
	c := &call{settings: t.effective(), transport: t, base: base, req: req, write: req, payload: replay.Of(req)}
	c.outcome.Exchanges = make([]Exchange, 0, 3)
	if s != nil {
		set := s.settings.over(*c.settings)
		c.settings, c.result = &set, s.outcome
	}
	c.traits = traitsOf(c.policy)
	c.dialect = c.dialectFor(req.URL, &t.rfc9110)
	if c.first = leftOpen(req); c.first != nil {
		c.handled = true
	}
	return c
}

// run sends until an answer is the last one.
func (c *call) run(resp *http.Response, err error) (*http.Response, error) {
	panicking := true
	defer func() {
		if panicking && resp != nil && (resp != c.refusal || c.kept == nil) {
			c.startClock()
			c.keep(resp) // the caller won't get it
		}
		c.release()
	}()
	for {
		c.note(resp, err)
		next, why := c.follow(resp, err)
		if next == nil {
			last, lastErr := c.end(resp, err, why)
			panicking = false
			return last, lastErr
		}
		resp, err = c.send(next)
	}
}

// follow returns the request that follows an answer, or nil and why there is
// none; no reason where the answer is final as it is.
func (c *call) follow(resp *http.Response, err error) (*http.Request, error) {
	switch {
	case err == nil && c.refused(resp):
		return c.resolve(resp)
	case c.expectationFailed(resp, err):
		return c.withoutExpect(resp)
	case c.repeatable(resp, err):
		return c.repeat(resp, err)
	}
	return nil, nil
}

// release lets go of what a call holds, on every path.
func (c *call) release() {
	c.turn.Leave()
	c.payload.Release()
}

// send sends the next write.
func (c *call) send(write *http.Request) (*http.Response, error) {
	c.write = write
	if !semantics.Safe(write.Method) {
		c.outcome.Attempts++
	}
	return c.exchange(write)
}

// exchange sends one request and records it.
func (c *call) exchange(req *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := c.base.RoundTrip(req)
	if resp == nil && err == nil {
		err = errors.New("ifmatch: the base RoundTripper returned neither response nor error")
	}
	c.record(req, resp, err, time.Since(start))
	return resp, err
}

// record adds one request and its answer to the outcome.
func (c *call) record(req *http.Request, resp *http.Response, err error, took time.Duration) {
	e := Exchange{Method: req.Method, URL: c.publicURL(req.URL), Err: redact.Brief(err), Wait: c.waited, Duration: took}
	if !semantics.Safe(req.Method) {
		c.guard = c.dialect.guardOf(req)
		e.Sent = c.guard.sent()
	}
	if e.Method == "" {
		e.Method = http.MethodGet
	}
	if err == nil {
		e.StatusCode, e.Received = resp.StatusCode, Validators(etag.Of(resp.Header))
	}
	c.outcome.Exchanges = append(c.outcome.Exchanges, e)
	c.waited = 0
}

// publicURL makes the text once for requests that go to one URL.
func (c *call) publicURL(u *url.URL) string {
	if n := len(c.outcome.Exchanges); n > 0 && c.named == u {
		return c.outcome.Exchanges[n-1].URL
	}
	c.named = u
	return redact.URL(u)
}

// startClock starts the limits with the first refusal or failure.
func (c *call) startClock() {
	if c.deadline.IsZero() {
		c.deadline = time.Now().Add(c.elapsed(c.traits))
	}
	c.handled = true
}

// attemptsLeft are the attempts that may still end in a refusal.
func (c *call) attemptsLeft() int {
	return c.attempts(c.traits) - (c.outcome.Attempts - c.transients - c.turn.handedTries + c.lost)
}

// exhausted reports whether there are none.
func (c *call) exhausted() bool { return c.attemptsLeft() <= 0 }

// left is the time until the limits or the context's deadline.
func (c *call) left() time.Duration {
	left := time.Until(c.deadline)
	if deadline, ok := c.req.Context().Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	return left
}

// stop sets the cause that ends the call and returns err.
func (c *call) stop(cause Cause, err error) error {
	c.outcome.Cause = cause
	return err
}

// setAside keeps an answer that is followed by a repeat: the call may have to
// end with it.
func (c *call) setAside(resp *http.Response, err error) {
	c.aside, c.asideErr = nil, err
	if resp == nil {
		return
	}
	kept := c.keep(resp)
	if c.first != nil && c.first.resp == resp {
		c.first.kept = &kept
	}
	aside := *resp
	aside.Body = kept.Reader()
	c.aside = &aside
}

// again returns a copy of the last write to send next. Its context has the
// record that OutcomeOf finds, and nothing else that the caller's hasn't.
func (c *call) again() *http.Request {
	if c.rec == nil {
		c.rec = new(record)
		c.ctx = context.WithValue(c.req.Context(), recordKey{}, c.rec)
	}
	return c.write.WithContext(c.ctx)
}

// againWithBody is again with the body opened anew.
func (c *call) againWithBody() (*http.Request, error) {
	next := c.again()
	if err := c.payload.Put(next, c.awaitDone); err != nil {
		return nil, err
	}
	return next, nil
}

// keepRefusal buffers the refusal's body and closes it.
func (c *call) keepRefusal() {
	if c.kept != nil {
		return
	}
	kept := c.keep(c.refusal)
	c.kept = &kept
}

// keep reads the body of an answer to a write, as much of it as is kept and as
// long as the limits allow, and closes it.
func (c *call) keep(resp *http.Response) drain.Kept {
	return drain.Keep(resp, c.left(), c.closeAnswer)
}

// closeAnswer closes the body of an answer to a write. A body of ours that hangs
// meanwhile is closed when the time is up.
func (c *call) closeAnswer(body io.Closer) { c.payload.CloseAnswer(body, c.awaitDone) }

// turn is what a call has of the lane of its target. Only the functions below
// change it.
type turn struct {
	lane.Turn           // zero until the call has lost a race and entered the lane
	underHandedTag bool // the write that is sent next carries a tag that was handed over
	handedTries    int  // writes under such a tag that were refused; they are no attempts
}

// enterLane waits for the call's turn at its target, unless it has one.
func (c *call) enterLane() error {
	if c.turn.Turn != (lane.Turn{}) {
		return nil
	}
	target := lane.TargetOf(dropPlaced(nil, c.write.URL, c.guard.placed))
	var err error
	c.turn.Turn, err = c.transport.lanes.Enter(c.req.Context(), target, c.await)
	return err
}

// await ends when wake is signalled or closed, after d where d isn't negative, and
// with the call's context and limits. It is the call's lane.Wait.
func (c *call) await(wake <-chan struct{}, d time.Duration) error {
	start := time.Now()
	err := awaitWithin(c.req.Context(), c.req.Cancel, wake, d, c.deadline.Sub(start))
	c.addWaited(time.Since(start))
	if cancelled := c.cancelled(c.req.Context()); cancelled != nil {
		return cancelled
	}
	return err
}

// awaitDone waits until done is closed, as long as the context and the limits
// allow.
func (c *call) awaitDone(done <-chan struct{}) error { return c.await(done, -1) }

// awaitWithin ends when wake is signalled, after d where d isn't negative, and with
// the context or cancel. Where the limit ends it the error is ErrElapsed,
// otherwise it is nil.
func awaitWithin(ctx context.Context, cancel, wake <-chan struct{}, d, limit time.Duration) error {
	late := d < 0 || d > limit
	if late {
		d = limit
	}
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
		if late {
			return ErrElapsed
		}
	case <-ctx.Done():
	case <-cancel:
	}
	return nil
}

// takeHandedTag returns the tag that the writer before got for its write, where
// this one may try it before it asks. The tag is offered once.
func (c *call) takeHandedTag(g guard, needState bool) string {
	if c.first != nil {
		return ""
	}
	handed := c.turn.Handed()
	if needState || !c.mayTry(handed, g) {
		return ""
	}
	c.turn.underHandedTag = true
	return handed.Tag
}

// mayTry reports whether the tag that was handed over is one that this call's own
// refresh might have given.
func (c *call) mayTry(handed lane.Handed, g guard) bool {
	if handed.Tag == "" || g.names(handed.Tag) {
		return false
	}
	if g.kind != guardTags || g.placed != nil || g.date != "" {
		return false // it needs more than a tag
	}
	return c.traits.lastWriterWins && *c.refreshRequest == nil && sameRefresh(handed.Write, c.write)
}

// countHandedTry takes note of a refusal: under a tag that was handed over it
// costs no attempt.
func (c *call) countHandedTry() {
	if c.turn.underHandedTag {
		c.turn.underHandedTag = false
		c.turn.handedTries++
	}
}

// handOver leaves the tag of an accepted write's answer, which is of what is now
// stored (RFC 9110 §9.3.4), to the next writer in the lane.
func (c *call) handOver(resp *http.Response) {
	if c.turn.Turn == (lane.Turn{}) {
		return
	}
	var handed lane.Handed
	v := etag.Of(resp.Header)
	if c.guard.placed == nil && c.write.Method == http.MethodPut && v.ETag != "" && !etag.Weak(v.ETag) && semantics.AboutTarget(c.write.URL, resp.Header) {
		handed = lane.Handed{Tag: v.ETag, Write: c.write}
	}
	c.turn.HandOver(handed)
}

// sameRefresh reports whether the refreshes of two writes to one target would
// carry the same credentials and fields, and so get the same answer.
func sameRefresh(a, b *http.Request) bool {
	if u, v := a.URL.User, b.URL.User; u != v && (u == nil || v == nil || *u != *v) {
		return false
	}
	for name, values := range a.Header {
		if refresh.Carries(http.CanonicalHeaderKey(name)) && !slices.Equal(values, field.Lines(b.Header, name)) {
			return false
		}
	}
	for name := range b.Header {
		if refresh.Carries(http.CanonicalHeaderKey(name)) && field.Lines(a.Header, name) == nil {
			return false
		}
	}
	return true
}

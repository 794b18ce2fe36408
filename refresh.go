package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// learnt is what one conflict knows of the current state: its validators, and the
// state itself where that was asked for. It does the I/O that the Machine decides on:
//
//	learn ─► waitsFirst ─► the pace ─► askUntilKnown ─┬─► waitToAsk ─► askOnce ─┐
//	                           └─► takeShown          └──── Machine.Next ◄──────┘
//
// The zero value has learnt nothing. It belongs to the goroutine of the call.
type learnt struct {
	refresh.Machine
	versions []guard.Version // for the places of a dialect; Fresh.ETag has them in one text
	header   http.Header     // of the last answer
	state    *Representation
	end      ending // how the call ends, where nothing could be learnt; and the cause that the answers show
	started  bool   // the wait before the first request has begun
	resend   bool   // the decision is Resend
	cached   bool   // the last answer shows that it may come from a cache
	twin     bool   // the fresh tag names the refused state, without W/ or coding
}

// forget makes room for a smaller answer after one that was too large: HEAD may still
// give the validators. As many requests are left as before.
func (r *learnt) forget() {
	r.Forget()
	*r = learnt{Machine: r.Machine}
}

// learn makes sure that the validators are known, and the state where needState says
// so. What was learnt before isn't asked for again, and a refresh that failed isn't
// tried again: both are remembered. The ending ends where the state can't be learnt;
// its cause, if any, also tells what the answers showed of the refusal. ctx bounds the
// refresh beside the call's own context and limits.
func (r *learnt) learn(ctx context.Context, c *Conflict, needState bool) ending {
	if r.end.ends() || r.Known && (!needState || r.state != nil) {
		return r.end
	}
	if needState && c.call.dialect.HidesState(c.call.sent.write) {
		hidden := reply{Answer: refresh.Answer{Method: http.MethodGet}, asked: redact.URL(c.call.sent.write.URL)}
		r.end = because(CauseRefreshFailed, refreshError(&hidden, c.call.dialect.ErrHidden()))
	} else if r.waitsFirst(c, needState) {
		r.end = c.call.waitForPace(ctx, waitPace)
	}
	// With a tag that was handed over the validators are known without a request, and so they
	// are where the refusal has them.
	if !r.end.ends() && (!r.Known || needState) && !r.takeShown(c, needState) {
		r.end = r.askUntilKnown(ctx, c, needState)
	}
	return r.end
}

// waitsFirst reports whether the pace demands a wait before the refresh, and is true at
// most once for a refresh. There is never a wait between refresh and write.
func (r *learnt) waitsFirst(c *Conflict, needState bool) bool {
	if r.Known || r.started {
		return false
	}
	r.started = true
	// The writer before is done, and what it got is tried at once.
	if tag := c.call.takeHandedTag(&c.call.sent.guard, needState); tag != "" {
		r.Take(tag)
		r.end.cause = smallCause(CauseChanged) // that writer's answer shows the new state
		return false
	}
	return true
}

// takeShown takes what the refusal itself shows of the current state, where the dialect says
// that a refusal has it, and reports whether nothing need be asked.
func (r *learnt) takeShown(c *Conflict, needState bool) bool {
	if !c.call.dialect.Shows() || !c.call.mayTakeShown() {
		return false
	}
	resp, kept := c.call.refused.resp, c.call.refused.kept
	answer := dialect.NewAnswer(guard.ForDialect(c.call.sent.write), resp.StatusCode, field.Clone(resp.Header), func() []byte { return slices.Clone(kept.Data) })
	shown, ok := c.call.dialect.ShownBy(answer, c.call.refused.verdict, &c.call.sent.guard, kept.End == io.EOF, needState)
	if !ok {
		return false
	}
	facts, as := c.facts(needState), refresh.Answer{Method: http.MethodGet, Status: http.StatusOK, Header: answer.Header, Validators: shown.Validators}
	if needState {
		as.Digest = refresh.DigestOf(shown.State)
	}
	reason, ok := r.Show(&facts, &as)
	if !ok {
		return false
	}
	r.versions, r.end.cause, r.twin = shown.Versions, smallCause(cause.OfRefresh(reason)), isTwin(reason)
	r.header = describesState(answer.Header, c.call.sent.write)
	if needState {
		r.state = &Representation{Validators: Validators(r.Fresh), Header: r.header, Body: shown.State}
	}
	c.call.measure(c.call.told.lastTook())
	return true
}

// describesState makes of the header of a refusal, which it changes, the header of the state
// that the refusal shows: the type of what refuses isn't the type of the state. A PUT replaces
// that by its own.
func describesState(h http.Header, write *http.Request) http.Header {
	field.Drop(h, "Content-Type")
	if kind := field.Lines(write.Header, "Content-Type"); kind != nil && write.Method == http.MethodPut {
		h["Content-Type"] = slices.Clone(kind)
	}
	return h
}

// isTwin reports whether a refresh showed that the refused tag named the current state in
// another spelling.
func isTwin(reason refresh.Reason) bool {
	return reason == refresh.Weak || reason == refresh.Coded || reason == refresh.Respelled
}

// mayTakeShown reports whether what a refusal shows is as good as the answer to a refresh that
// would be sent now.
func (c *call) mayTakeShown() bool {
	switch {
	// It tells of its own moment, which has passed: a policy of the caller's may have taken any
	// time.
	case c.told.waited > 0, !c.traits.fixed:
		return false
	// An attempt without an answer may arrive after it, and is looked for in a later state. An
	// id is looked for in the metadata.
	case c.doubt.first != nil, c.sent.writeID != "":
		return false
	// The caller says what is read, and http.Client may have left the document.
	case *c.refreshRequest != nil, c.req.Response != nil:
		return false
	}
	return true
}

// askUntilKnown asks until the validators are known or can't be: it sends and waits, and
// the Machine decides. The body of each answer is closed before the next request.
func (r *learnt) askUntilKnown(ctx context.Context, c *Conflict, needState bool) ending {
	facts := c.facts(needState)
	var last reply
	step := r.Begin(needState || c.call.sent.guard.AsksBody())
	for step.Do != refresh.Done && step.Do != refresh.Stop {
		if end := c.call.waitToAsk(ctx, step.Do, last.Header); end.ends() {
			return end
		}
		last = c.call.askOnce(ctx, r, needState)
		// A race that is lost while the state settles costs an attempt, so this changes.
		facts.AttemptsLeft = c.call.attemptsLeft()
		if step = r.Next(&facts, &last.Answer); step.Reason == refresh.LostRace {
			c.call.spent.noteLostRace()
		}
	}
	r.header = last.Header
	if step.Do == refresh.Done {
		r.versions = last.versions
		r.cached = refresh.FromCache(last.Header, c.call.refused.resp.Header)
		r.twin = isTwin(step.Reason)
		if needState {
			r.state = &Representation{Validators: Validators(r.Fresh), Header: last.Header, Body: last.body}
		}
		return ending{cause: smallCause(cause.OfRefresh(step.Reason))}
	}
	return c.unrefreshed(step, &last)
}

// facts are what the answers are judged by: what the refused write named, and what the
// next one has to name.
func (c *Conflict) facts(needState bool) refresh.Facts {
	g := &c.call.sent.guard
	return refresh.Facts{
		Refused: g.Tags, RefusedDate: g.Date, Versions: g.Versions != nil, Respelled: g.Respelled,
		Write: c.call.sent.write.Header, WeakTags: c.call.dialect.WeakTags, NeedState: needState,
		LastWriterWins: c.call.traits.lastWriterWins || c.refresh.resend,
		Known:          c.known,
	}
}

// knownBefore is what the call knows of the document: the state that was read before the
// refused write, after an earlier refusal or by the Update whose write it is, and the tags
// that were refused. It is nil where that is nothing.
func (c *call) knownBefore() *refresh.Known {
	if last := c.refused.conflict; last != nil {
		known := &refresh.Known{Before: last.refresh.Read()}
		for _, e := range c.told.outcome.Exchanges {
			if !semantics.Safe(e.Method) && e.Sent.ETag != "" && c.dialect.RefusesWith(e.StatusCode) {
				known.Earlier = append(known.Earlier, e.Sent.ETag)
			}
		}
		return known
	}
	if p, ok := c.policy.(interface{ readBefore() []byte }); ok {
		return &refresh.Known{Before: refresh.DigestOf(p.readBefore())}
	}
	return nil
}

// waitToAsk waits as a step demands, before the next request. last is the header of the
// last answer, nil before the first.
func (c *call) waitToAsk(ctx context.Context, do refresh.Action, last http.Header) ending {
	switch do {
	// A failure that may pass, so it has the pace of failures.
	case refresh.Repeat:
		return c.waitToRepeat(ctx, last)
	// The state is too new for its validator to be trusted.
	case refresh.Settle:
		return c.wait(ctx, refresh.SettleTime, waitSettle)
	// A cache or a replica may not know the new state yet.
	case refresh.Doubt:
		return c.waitForPace(ctx, "the refused validator again")
	}
	// Ask and UseGet: the last answer said nothing, and another request will.
	return ending{}
}

// waitToRepeat waits until a failed refresh may be repeated. Pace, Retry-After and the
// budget hold as for the repeat of a write; refresh.MaxRequests bounds how often.
func (c *call) waitToRepeat(ctx context.Context, last http.Header) ending {
	// The caller repeats by itself.
	if c.repeats.none {
		return because(CauseRefreshFailed, fmt.Errorf("%w: WithoutRepeats", ErrAttempts))
	}
	d, more := c.spent.failures.Next(c.newTransientBackOff)
	if !more || !c.transport.budget.Take() {
		return because(CauseRefreshFailed, fmt.Errorf("%w: no repeat of the refresh", ErrAttempts))
	}
	d, reason := atLeast(d, "the refresh failed", last)
	end := c.wait(ctx, d, reason)
	if end.ends() {
		end.cause = smallCause(CauseRefreshFailed)
	}
	return end
}

// unrefreshed is how the call ends after a refresh that stopped with this step, at this
// answer. Except for a cancelled call that is the refusal, with the reason in
// Outcome.Err.
func (c *Conflict) unrefreshed(step refresh.Step, a *reply) ending {
	cause := Cause(cause.OfRefresh(step.Reason))
	switch step.Reason {
	case refresh.Cancelled:
		return c.call.cancelled(c.call.req.Context())
	// The state changed whenever it was looked at, until no attempt was left.
	case refresh.LostRace:
		return because(cause, ErrAttempts)
	// What isn't there is another resource than the one that is written.
	case refresh.Gone:
		if a.elsewhere {
			cause = CauseRefreshFailed
		}
	// Each answer led to another request, and none to a validator.
	case refresh.TooMany:
		return because(cause, fmt.Errorf("ifmatch: refresh %.500q: no usable answer to %d requests", a.asked, refresh.MaxRequests))
	// The request failed, and there is no time for another one.
	case refresh.Late:
		return because(cause, fmt.Errorf("%w: %w", a.Late, refreshError(a, step.Err)))
	}
	return because(cause, refreshError(a, step.Err))
}

// refreshError names the refresh and what was wrong with its answer. err may be nil where
// the status says it all. The URL is the one that was asked.
func refreshError(a *reply, err error) error {
	text := fmt.Sprintf("ifmatch: refresh by %s %.500q", a.Method, a.asked)
	switch {
	case a.Status == 0 || a.Status == http.StatusOK:
		return fmt.Errorf("%s: %w", text, err)
	case err != nil:
		return fmt.Errorf("%s: %s: %w", text, semantics.Status(a.Status), err)
	}
	return fmt.Errorf("%s: %s", text, semantics.Status(a.Status))
}

// reply is the answer to a refresh request, and what was read of its body, which is closed.
type reply struct {
	refresh.Answer
	body      []byte          // nil: not read
	asked     string          // the URL that was asked, for texts
	elsewhere bool            // it isn't the URL that is written
	versions  []guard.Version // for the places of a dialect; nil: the version is as in RFC 9110
}

// askOnce sends one refresh request, reads as much of its answer as is needed, the state
// or just the header, and adds what the answer means. A failure is in the reply, with
// what explains it: whether the call was cancelled or late, and whether another request
// would fail in the same way.
func (c *call) askOnce(ctx context.Context, r *learnt, needState bool) reply {
	last := reply{Answer: refresh.Answer{Method: r.Method()}, asked: redact.URL(c.sent.write.URL)}
	last.Err = c.askInTime(ctx, r, &last, needState)
	switch {
	case last.Err != nil:
		last.Cancelled, last.Late = c.cancelled(c.req.Context()).err, c.inTime().err
		last.Final = errors.Is(last.Err, ErrTooLarge) || errors.Is(last.Err, refresh.ErrRequest)
	case last.Status == http.StatusOK:
		last.Validators, last.versions, last.NoVersion = c.dialect.Current(&c.sent.guard, last.Header, last.body)
		last.cutOut(c.dialect, needState)
	}
	return last
}

// cutOut keeps the state of what was read, and its digest. Where there is none, that is an
// error if the state is needed.
func (r *reply) cutOut(d *guard.Dialect, needState bool) {
	if r.body == nil {
		return
	}
	state, err := d.StateRead(r.body)
	switch {
	case err == nil:
		r.body, r.Digest = state, refresh.DigestOf(state)
	case needState:
		r.Err, r.Final = err, true
	}
}

// askInTime sends one refresh request within the limits and reads its answer into last.
// The answer's body is closed on every path, before the context of the request ends.
func (c *call) askInTime(ctx context.Context, r *learnt, last *reply, needState bool) error {
	// Only a refresh may be cut off by the limits. A write under way never is: its effect
	// would be unknown.
	if ours, ok := ctx.Deadline(); !ok || c.spent.deadline.Before(ours) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, c.spent.deadline)
		defer cancel()
	}
	req, err := c.newRefreshRequest(ctx, r, needState)
	if err != nil {
		return err
	}
	last.Method, last.asked = req.Method, redact.URL(req.URL)
	last.elsewhere = !hosts.SameOrigin(req, c.sent.write) || *c.refreshRequest != nil && !refresh.SameResource(req.URL, guard.DropVersions(nil, c.sent.write.URL, c.sent.guard.Versions))
	c.traceRefreshing(req.Method, last.asked)
	resp, err := c.exchange(req)
	if err != nil {
		return redact.Brief(err)
	}
	c.measure(c.told.lastTook())
	last.Status, last.Header = resp.StatusCode, resp.Header
	wanted := needState || c.dialect.ReadsBody(&c.sent.guard, resp.Header)
	// The header says it all, or there is no state in the body.
	if !wanted && !r.Compares() || last.Method == http.MethodHead || last.Status != http.StatusOK {
		drain.Skip(resp, c.left())
		return nil
	}
	last.body, err = drain.State(resp, c.maxRepresentation)
	// A state that is too large is compared with nothing, and the tag is taken as it is.
	if !wanted && errors.Is(err, ErrTooLarge) {
		return nil
	}
	return err
}

// waits reports whether the pace demands a wait before the next write is prepared. Under
// Resend a tag that was handed over may make it needless.
func (c *Conflict) waits() bool {
	return c.refresh.waitsFirst(c, c.decision.kind != decideResend)
}

// ready makes sure that the validators which the decision needs are known. The ending
// ends where they can't be learnt.
func (c *Conflict) ready(ctx context.Context) ending {
	if c.decision.kind != decideUnconditional {
		c.refresh.resend = c.decision.kind == decideResend
		return c.refresh.learn(ctx, c, c.decision.kind == decideReplace)
	}
	// A write without a precondition names no validator. The wait before it was the same.
	return ending{}
}

// rewrite puts the fresh validators into the header of the next write. The precondition
// fields that a policy has changed there don't count.
func (c *Conflict) rewrite(h http.Header) {
	guard.Restore(h, c.call.sent.write.Header)
	// The versions of a dialect have places of their own: see putVersions.
	if c.refresh.versions == nil {
		c.call.sent.guard.Rewrite(h, c.refresh.Fresh)
	}
	if c.refresh.Identity && field.Lines(h, "Accept-Encoding") == nil {
		// net/http would ask for gzip, and the server might then compare with
		// the tag of the compressed representation.
		h["Accept-Encoding"] = []string{"identity"}
	}
}

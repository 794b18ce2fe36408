package ifmatch

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// WithOutcome returns a context that fills *o when a call made with it ends,
// with a response or an error, also when the first answer came back untouched.
// Where http.Client makes several hops, it is the outcome of the last one.
//
// It nests: where ctx has an Outcome already, a call fills both, whatever
// WithOptions and Remember add in between. A RoundTripper between two Transports
// that adds one gets the outcome of the Transport below.
//
// Calls that run in parallel may share a context: then *o has the outcome of the
// call that ended last. Read *o only after all of them have returned. To tell
// them apart, give each call its own. One o belongs to one WithOutcome.
//
// A nil o observes nothing, and changes nothing for the others.
func WithOutcome(ctx context.Context, o *Outcome) context.Context {
	if o == nil {
		return ctx
	}
	in := scopedIn(ctx)
	in.observer = &observer{outcome: o, outer: in.observer}
	return in
}

// observer is an Outcome of WithOutcome.
type observer struct {
	outer *observer // of the context that WithOutcome was given; nil: none

	mu      sync.Mutex // guards *outcome: calls in parallel may share a context
	outcome *Outcome
}

// fill sets the Outcome.
func (w *observer) fill(o Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*w.outcome = o
}

// audience is those that a call tells its outcome to: the observers of its context, except
// for those that a call above tells, and that call itself. It travels down in the context
// of each request of its call, as that context.
type audience struct {
	context.Context // of the request

	request  *http.Request // as the caller gave it
	observer *observer     // the innermost one
	above    *audience     // of the call that this one is a part of; nil: none

	mu    sync.Mutex // guards what follows: a RoundTripper between may send in parallel
	ended bool       // the call has told its outcome
	heard int        // how many calls below have told theirs, of the same request
	below Outcome    // of the last one of these
}

// audienceKey is the context key of the audience of a call.
type audienceKey struct{}

// listening returns the audience of a call with this context and this request, nil where
// nobody listens.
func listening(ctx context.Context, req *http.Request) *audience {
	s := scopeOf(ctx)
	if s == nil || s.observer == nil {
		return nil
	}
	a := &audience{Context: ctx, request: req, observer: s.observer}
	// A context may be used again, when the call that it was made for is over.
	if above, ok := ctx.Value(audienceKey{}).(*audience); ok && !above.hasEnded() {
		a.above = above
	}
	return a
}

// watched returns a copy of the request, which tells the Transports below of the audience.
func (a *audience) watched() *http.Request {
	return a.request.WithContext(a)
}

// String is what fmt prints: nothing that other goroutines may change.
func (a *audience) String() string { return fmt.Sprintf("%v.WithOutcome", a.Context) }

// Value has the audience itself beside what the context of the request has.
func (a *audience) Value(key any) any {
	if key == (audienceKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// fill sets the Outcomes of the observers. A call above tells its own when it ends: it may
// know more, and what is part of it may outlast it.
func (a *audience) fill(o Outcome) {
	o.Exchanges = slices.Clip(o.Exchanges) // each observer may append to it
	for w := a.observer; w != nil && (a.above == nil || w != a.above.observer); w = w.outer {
		w.fill(o)
	}
}

// tell tells the outcome to all, when the call ends.
func (a *audience) tell(o Outcome) {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.fill(o)
	// Without a request there is nothing that the call above doesn't know.
	if a.above != nil && len(o.Exchanges) > 0 {
		a.above.hear(a.request, o)
	}
}

// hear takes note of the outcome of a call below. What a RoundTripper between asks on its
// own account, a token say, is another request.
func (a *audience) hear(req *http.Request, o Outcome) {
	if req.Method != a.request.Method || !sameURL(req.URL, a.request.URL) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard++
	a.below = o
}

// sameURL reports whether two URLs have one text. Either may be nil.
func sameURL(a, b *url.URL) bool {
	return a == b || a != nil && b != nil && a.String() == b.String()
}

// heardOne returns the outcome of the call below, and reports whether there was exactly one:
// of several nobody knows which one the answer is from.
func (a *audience) heardOne() (Outcome, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.below, a.heard == 1
}

// hasEnded reports whether the call has told its outcome.
func (a *audience) hasEnded() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

// report tells an outcome to those that listen to a context.
func report(ctx context.Context, o Outcome) {
	if a := listening(ctx, nil); a != nil {
		a.fill(o)
	}
}

// left is what a Transport above may still do about an answer: handle it as a refusal,
// unless it is handled, and repeat the request, unless the repeats are spent. The two are
// independent: a write that was repeated after a 429, and then refused, is unhandled.
type left struct {
	handled bool // no other policy is asked
	spent   bool // the request isn't sent again as it is
}

// leftFacts are what is known of an answer as the caller gets it.
type leftFacts struct {
	inDoubt  bool // an attempt may have been applied although the answer doesn't say so
	asked    bool // a policy other than Stop has had its turn
	lastWord bool // of the dialect: no fresh version cures the refusal, or it isn't one whatever the status
	again    bool // the call has sent the request more than once
	below    left // by a Transport below
}

// left is what the facts leave.
func (f *leftFacts) left() left { return left{f.handled(), f.spent()} }

// handled reports whether the answer is final as a refusal.
func (f *leftFacts) handled() bool {
	switch {
	case f.inDoubt:
		return true // it may speak of the call's own write, and only this call knows that
	case f.asked:
		return true // or the attempts of two policies would multiply
	case f.lastWord:
		return true // a Transport above may not know the dialect
	case f.below.handled:
		return true // by one of these, further below
	}
	return false // Stop hands it on, whatever was repeated before
}

// spent reports whether the answer is final as a failure.
func (f *leftFacts) spent() bool {
	switch {
	case f.again:
		return true // or the repeats of two Transports would multiply
	case f.below.spent:
		return true // by that one
	}
	return f.handled() // after a policy's last word, or in doubt, nothing goes out again
}

// leaves is what the call leaves to a Transport above, which gets this response.
func (c *call) leaves(resp *http.Response) left {
	f := leftFacts{
		inDoubt: c.doubt.first != nil, asked: c.told.asked, lastWord: hasLastWord(c.refused.verdict),
		again: c.told.outcome.Attempts > 1 || c.spent.repeats > 0,
	}
	if r := recordOf(resp); r != nil {
		f.below = r.left
	}
	return f.left()
}

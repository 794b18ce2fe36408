package ifmatch

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/evidence"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/replay"
)

// call is one RoundTrip that needs more than handing on. This is the way of an
// answer:
//
//	     begin, or RoundTrip itself
//	       │ the first answer
//	       ▼
//	┌─► noteDoubt     may it have been applied although the answer doesn't say so?
//	│      ▼
//	│    next ──┬── a refusal: handleRefusal ─ judge, line up, ask the policy, refresh, rewrite
//	│           ├── 417: withoutExpect ───── the same without Expect
//	│           ├── a failure: repeat ────── wait, the same again
//	│           └── anything else is final
//	│      ▼
//	└── send, or end ─────────────────────── with an answer, a refusal or an error
//
// A part of a call is written by one file, and read by all. A call belongs to the
// goroutine of its RoundTrip. Only closeAnswer may run on another one, and the call
// waits for its end.
type call struct {
	*settings // shared with the Transport where the call has none of its own
	transport *Transport
	base      http.RoundTripper
	req       *http.Request  // the caller's, or a copy of it with its audience; never modified
	dialect   *guard.Dialect // never nil
	traits    traits         // of the policy

	sent    sent    // call.go: the last write
	refused refusal // conflict.go: the last refusal
	doubt   doubts  // doubt.go: what may have been applied
	failed  failed  // repeat.go: the last failure that was followed by a repeat
	spent   spent   // backoff.go: what is spent of the limits
	turn    turn    // turn.go: the turn in a lane
	told    told    // outcome.go: what is told
}

// sent is the last write, as it went out. Where the next one needs more than the same
// again, a copy of sent is changed into what the next write is, and the call becomes
// that once the write can go out.
type sent struct {
	write      *http.Request // at first the caller's own, or a copy of it
	guard      guard.Guard   // of write
	payload    replay.Body   // of write
	basis      basis
	sameAgain  bool            // write is what was refused before, since the refresh gave the same validator
	expects    bool            // Expect: 100-continue on it is ours
	replaced   bool            // the payload isn't the caller's body
	otherMedia bool            // the refresh before it selected a representation of another media type, by its Accept
	writeID    string          // in dialect.WriteIDField of each write; empty: none
	watch      *evidence.Watch // what was seen of its sending; nil: nobody looked
}

// basis says what a write was made from. It decides what a success means: whether a
// state was replaced unseen, and whether the refusal before was a false conflict.
type basis uint8

const (
	ofCaller   basis = iota // the caller's own request
	ofFreshTag              // the caller's body under a validator that the caller hadn't seen
	ofState                 // a body made from the state whose validator guards it
	ofNothing               // the caller's body without a precondition
	ofTwin                  // the caller's body under a tag that names the state of the caller's own, without W/ or coding
)

// blind reports whether such a write may replace a state that the caller hasn't seen.
func (b basis) blind() bool { return b == ofFreshTag || b == ofNothing }

// seen reports whether the tag of such a write names a state that its caller had read.
func (b basis) seen() bool { return b == ofCaller || b == ofTwin }

// newCall returns the call of a request, and sends nothing. The settings of the
// Transport are shared, so that a call without its own costs no copy.
func (t *Transport) newCall(base http.RoundTripper, req *http.Request) *call {
	s, audience := t.scopeOf(req.Context()), listening(req.Context(), req)
	if audience != nil {
		req = audience.watched()
	}
	c := allocate(t.effective(), s)
	c.transport, c.base, c.req = t, base, req
	c.told.begin(audience)
	c.sent.write, c.sent.payload = req, replay.Of(req)
	c.traits = traitsOf(c.policy)
	c.dialect = c.dialectFor(req.URL, &t.rfc9110)
	if c.doubt.takeOver(req) {
		c.told.handle()
	}
	return c
}

// allocate returns a call with the settings of the Transport, or with its own, where it has a
// scope: in one piece of memory then.
func allocate(all *settings, s *scope) *call {
	if s == nil {
		return &call{settings: all}
	}
	c := new(struct {
		call
		own settings
	})
	c.own = s.settings.over(*all)
	c.settings = &c.own
	return &c.call
}

// become takes over what the next write is. A copy of the body that the next write
// doesn't send is released: the caller's body is closed then.
func (s *sent) become(next sent) {
	s.payload.Become(next.payload)
	next.payload = s.payload
	*s = next
}

// foundInBody takes note of a precondition that was found in the body of the write.
func (s *sent) foundInBody(g guard.Guard) { s.guard = g }

// placeFirst notes where a version goes, where the server demands one and the write has
// none.
func (s *sent) placeFirst(d *guard.Dialect) {
	s.guard.Versions = d.FirstPlaces(s.write, !s.payload.Empty())
}

// newWriteID gives the write an id, and returns it.
func (s *sent) newWriteID() string {
	s.writeID = edit.NewID()
	return s.writeID
}

// watchedBy notes what watched the sending of the write.
func (s *sent) watchedBy(watch *evidence.Watch) { s.watch = watch }

// noteExpect notes whether Expect: 100-continue on the write is ours.
func (s *sent) noteExpect(ours bool) { s.expects = ours }

// release lets go of what a call holds: its turn in a lane, and the copy of the body.
// It is called on every path.
func (c *call) release() {
	c.turn.Leave()
	c.sent.payload.Release()
}

// send sends the next write and counts it. A redirect of http.Client may have made a
// GET of the caller's write, and a read of an Update comes by here too: neither counts.
func (c *call) send(write *http.Request) (*http.Response, error) {
	c.sent.write = write
	if c.writes(write) {
		c.told.countWrite()
		c.traceAttempting(write)
	}
	return c.exchange(write)
}

// takeUp records the first attempt, where RoundTrip itself has sent it. How long it took
// isn't known: the happy path looks at no clock.
func (c *call) takeUp(watch *evidence.Watch, resp *http.Response, err error) {
	if c.writes(c.sent.write) {
		c.told.countWrite()
	}
	c.sent.watchedBy(watch)
	c.record(c.req, resp, err, 0)
}

// writes reports whether a request of the call is the write, and no read: a dialect may read
// by POST.
func (c *call) writes(req *http.Request) bool { return req == c.sent.write && !c.reads(req) }

// exchange sends one request, a write or a refresh, and records it. base owns the body
// of req from here on. The body of the answer is the call's to close. There is always
// an answer or an error.
func (c *call) exchange(req *http.Request) (*http.Response, error) {
	watch := observe(req, c.base, c.writes(req))
	if watch != nil {
		c.sent.watchedBy(watch)
		if c.told.outcome.Attempts > 1 {
			watch.CountBody()
		}
	}
	start := time.Now()
	resp, err := c.base.RoundTrip(watch.Watched(req))
	watch.Restore(resp)
	// A base that breaks the contract of http.RoundTripper must not bring the call down.
	if resp == nil && err == nil {
		err = errors.New("ifmatch: the base RoundTripper returned neither response nor error")
	}
	c.record(req, resp, err, time.Since(start))
	return resp, err
}

// observe returns what watches how base sends a request, nil where nothing shall.
func observe(req *http.Request, base http.RoundTripper, watched bool) *evidence.Watch {
	if !watched {
		return nil
	}
	return evidence.Observe(req, below(base))
}

// below is what is known of a RoundTripper. A Transport of ours does nothing after it has
// returned, so it is known as far as its own base is.
func below(rt http.RoundTripper) evidence.Base {
	switch rt := rt.(type) {
	case *http.Transport:
		return evidence.Base{Transport: rt, Direct: true}
	case *Transport:
		base, err := rt.target()
		if err != nil {
			return evidence.Base{}
		}
		return evidence.Base{Transport: below(base).Transport}
	}
	return evidence.Base{}
}

// record adds one request and its answer to the outcome. took is zero where it wasn't
// measured. URL and error are redacted: an Outcome may be logged.
func (c *call) record(req *http.Request, resp *http.Response, err error, took time.Duration) {
	e := Exchange{Method: req.Method, URL: c.told.publicURL(req.URL), Err: redact.Brief(err), Duration: took}
	// The guard is read from what went out, whatever it was made from. A refresh
	// has none, and leaves the guard of the write as it is.
	if c.writes(req) {
		c.sent.guard = c.guardOf(req, resp)
		e.Sent = Validators(c.sent.guard.Sent())
	}
	if e.Method == "" {
		e.Method = http.MethodGet
	}
	if err == nil {
		e.StatusCode, e.Received = resp.StatusCode, Validators(etag.Of(resp.Header))
	}
	// A Transport of ours below sent more than one request for this answer.
	if r := recordOf(resp); r != nil && len(r.outcome.Exchanges) > 1 {
		c.told.addBelow(&r.outcome)
		return
	}
	c.told.add(e)
}

// guardOf is the precondition of a write that was sent. Where a function of the dialect
// panics the answer is dropped.
func (c *call) guardOf(write *http.Request, resp *http.Response) guard.Guard {
	done := false
	defer func() {
		if !done {
			c.drop(resp)
		}
	}()
	g := c.dialect.Of(write)
	done = true
	return g
}

// again returns a copy of the last write to send next. Its context has the record that
// OutcomeOf finds, and nothing else that the caller's hasn't. It shares header and URL
// with the last write: a change needs a copy of them. Its body is still the one that
// was sent.
func (c *call) again() *http.Request {
	return c.sent.write.WithContext(c.told.context(c.req.Context()))
}

// againWithBody is again with the body opened anew. It waits until base has stopped
// reading the body before. The error matches ErrNotReplayable.
func (c *call) againWithBody() (*http.Request, error) {
	next := c.again()
	if err := c.sent.payload.Put(next, c.awaitDone); err != nil {
		return nil, err
	}
	return next, nil
}

// keep reads the body of an answer to a write and closes it: at most 64 KiB of it, for at
// most a second, and no longer than the limits allow. That comes before the next
// request: base may send the body of this write until then, and the connection can be
// used again.
func (c *call) keep(resp *http.Response) drain.Kept {
	return drain.Keep(resp, c.left(), c.closeAnswer)
}

// drop closes an answer that nobody will get, since something panicked. resp may be nil.
func (c *call) drop(resp *http.Response) {
	if resp != nil {
		c.startClock()
		c.keep(resp)
	}
}

// closeAnswer closes the body of an answer to a write. On HTTP/2 that waits for the
// write's own body. Where that is a copy and hangs, it is closed when the time is up.
func (c *call) closeAnswer(body io.Closer) { c.sent.payload.CloseAnswer(body, c.awaitDone) }

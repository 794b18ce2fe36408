package ifmatch

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// minLease is the least time for which a writer keeps the others waiting; four
// measured round trips where these are longer.
const minLease = time.Second

// lanes line up the writers of one Transport that lost a race on one URL, so
// that they don't race each other again: refresh and write go one at a time,
// first come, first served. It is a lease, not a lock: the server checks
// anyway, so who takes too long is overtaken. A lane is there only while
// somebody is in it. The zero value is ready to use.
type lanes struct {
	mu    sync.Mutex // guards all below, in the lanes and passes too
	byURL map[place]*lane
}

type lane struct {
	at     place
	holder *pass
	until  time.Time // when the holder's lease ends
	queue  []*pass
	last   handed // by the writer before
}

// place is a URL as far as it is sent.
type place struct{ scheme, host, path, query string }

func placeOf(u *url.URL) place {
	path := u.RawPath
	if path == "" {
		path = u.Path
	}
	return place{u.Scheme, u.Host, path, u.RawQuery}
}

// handed is what an accepted write leaves to the next writer in its lane.
type handed struct {
	tag   string
	write *http.Request
}

// pass is one call's place in a lane.
type pass struct {
	lanes *lanes
	lane  *lane
	wake  chan struct{}
	last  handed // got on entering, then left to the next
}

// laneKey is the context key of the lanes whose holders called the policy.
type laneKey struct{}

type laneScope struct {
	pass   *pass
	parent *laneScope
}

// within returns a context for a policy: calls made with it skip the lane that
// its caller holds.
func (p *pass) within(ctx context.Context) context.Context {
	if p == nil {
		return ctx
	}
	parent, _ := ctx.Value(laneKey{}).(*laneScope)
	return context.WithValue(ctx, laneKey{}, &laneScope{p, parent})
}

// held returns the pass under which ctx was made, for the lane of a URL.
func (l *lanes) held(ctx context.Context, at place) *pass {
	scope, _ := ctx.Value(laneKey{}).(*laneScope)
	for ; scope != nil; scope = scope.parent {
		if scope.pass.lanes == l && scope.pass.lane.at == at {
			return scope.pass
		}
	}
	return nil
}

// enterLane waits for this call's turn, unless it holds a pass or is nested in a
// call that does.
func (c *call) enterLane() error {
	l := &c.transport.lanes
	at := placeOf(dropPlaced(nil, c.write.URL, c.guard.placed))
	if c.pass != nil {
		return nil
	}
	if c.lease = l.held(c.req.Context(), at); c.lease != nil {
		return nil
	}
	c.pass = l.join(at, true)
	c.lease = c.pass
	return c.pass.awaitTurn(c.await)
}

// awaitTurn waits, by await, until the pass may go.
func (p *pass) awaitTurn(await func(wake <-chan struct{}, left time.Duration) error) error {
	for {
		left, turn := p.turn()
		if turn {
			return nil
		}
		if err := await(p.wake, left); err != nil {
			return err
		}
	}
}

// join queues where the lane is occupied. Where it is free it takes it, if it
// is to, and returns nil otherwise.
func (l *lanes) join(at place, free bool) *pass {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &pass{lanes: l}
	if p.lane = l.byURL[at]; p.lane == nil {
		if !free {
			return nil
		}
		if l.byURL == nil {
			l.byURL = make(map[place]*lane)
		}
		p.lane = &lane{at: at}
		l.byURL[at] = p.lane
		p.lane.admit(p)
		return p
	}
	p.wake = make(chan struct{}, 1)
	p.lane.queue = append(p.lane.queue, p)
	return p
}

// admit makes p the holder.
func (l *lane) admit(p *pass) {
	l.holder, l.until = p, time.Now().Add(minLease)
	p.last, l.last = l.last, handed{}
}

// turn reports whether p may go. If not, it returns how long the holder's lease
// lasts where p is next, and a negative time where others are before it.
func (p *pass) turn() (left time.Duration, turn bool) {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	l := p.lane
	if l.holder == p {
		return 0, true
	}
	if l.queue[0] != p {
		return -1, false
	}
	if left := time.Until(l.until); left > 0 {
		return left, false
	}
	l.queue = l.queue[1:]
	l.admit(p)
	l.wakeNext()
	return 0, true
}

// wakeNext lets the one who is next look again.
func (l *lane) wakeNext() {
	if len(l.queue) > 0 {
		select {
		case l.queue[0].wake <- struct{}{}:
		default:
		}
	}
}

// measured lengthens the lease to four round trips where these are longer.
func (p *pass) measured(roundTrip time.Duration) { p.extend(4*roundTrip - minLease) }

// extend lengthens the lease by d where p still has it.
func (p *pass) extend(d time.Duration) {
	if p == nil || d <= 0 {
		return
	}
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	if p.lane.holder == p {
		p.lane.until = p.lane.until.Add(d)
	}
}

// leave makes way for the next writer and hands over what was learnt.
func (p *pass) leave() {
	if p == nil {
		return
	}
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	l := p.lane
	switch {
	case l.holder == p && len(l.queue) == 0:
		l.holder = nil
		delete(p.lanes.byURL, l.at)
	case l.holder == p:
		next := l.queue[0]
		l.queue = l.queue[1:]
		l.last = p.last
		l.admit(next)
		select {
		case next.wake <- struct{}{}:
		default:
		}
	default:
		if i := slices.Index(l.queue, p); i >= 0 {
			l.queue = slices.Delete(l.queue, i, i+1)
			l.wakeNext()
		}
	}
}

// await ends when the wake channel is signalled, after d where that isn't
// negative, or with the context or the limits.
func (c *call) await(wake <-chan struct{}, d time.Duration) error {
	start := time.Now()
	limit := c.deadline.Sub(start)
	late := d < 0 || d > limit
	if late {
		d = limit
	}
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	expired := false
	select {
	case <-wake:
	case <-timer.C:
		expired = late
	case <-c.req.Context().Done():
	case <-c.req.Cancel:
	}
	waited := time.Since(start)
	c.waited += waited
	c.outcome.Waited += waited
	if err := c.cancelled(c.req.Context()); err != nil {
		return err
	}
	if expired {
		return ErrElapsed
	}
	return nil
}

// handedTag returns the tag that the writer before got for its write, where this
// one has the same credentials and asks for the same representation.
func (c *call) handedTag(g guard) string {
	if c.pass == nil || c.pass.last.tag == "" || c.first != nil {
		return ""
	}
	last := c.pass.last
	c.pass.last = handed{} // tried once
	if g.kind != guardTags || g.placed != nil || g.date != "" || !c.traits.lastWriterWins || *c.refreshRequest != nil {
		return ""
	}
	if g.names(last.tag) || !sameUser(last.write.URL.User, c.write.URL.User) || !sameSelection(last.write.Header, c.write.Header) {
		return ""
	}
	return last.tag
}

func sameUser(a, b *url.Userinfo) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sameSelection reports whether the refreshes of two writes would carry the same
// fields.
func sameSelection(a, b http.Header) bool {
	for name, values := range a {
		if keptForRefresh(http.CanonicalHeaderKey(name)) && !slices.Equal(values, field.Lines(b, name)) {
			return false
		}
	}
	for name := range b {
		if keptForRefresh(http.CanonicalHeaderKey(name)) && field.Lines(a, name) == nil {
			return false
		}
	}
	return true
}

// handOver leaves the tag that an accepted write was answered with, for what is
// now stored (RFC 9110 §9.3.4), to the next in the lane.
func (c *call) handOver(resp *http.Response) {
	if c.pass == nil {
		return
	}
	c.pass.last = handed{}
	v := Validators(etag.Of(resp.Header))
	if c.guard.placed == nil && c.write.Method == http.MethodPut && v.ETag != "" && !etag.Weak(v.ETag) && resp.Header.Get("Content-Location") == "" {
		c.pass.last = handed{v.ETag, c.write}
	}
}

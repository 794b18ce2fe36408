// Package lane lines up the writers of one process that lost a race on one
// target, so that they don't race each other again: each one learns the fresh
// state and writes it while the others wait, first come, first served.
//
// It is a lease, not a lock. The server checks every write anyway, so a writer
// that takes too long is overtaken, and nothing is lost but a request.
//
// The package doesn't send anything. It doesn't know policies, preconditions or
// limits either: how a writer waits, and what one hands over to the next, come
// in as values.
package lane

import (
	"context"
	"slices"
	"sync"
	"time"
)

// minLease is the least time for which a writer keeps the others waiting. The
// lease is four measured round trips where these are longer.
const minLease = time.Second

// untilWoken is the wait of a writer that isn't the next one in its lane.
const untilWoken time.Duration = -1

// Wait ends when wake is signalled, or after d where d isn't negative, and returns
// nil then. An error says that the writer waits no longer: its context ended, or
// it is out of time.
type Wait func(wake <-chan struct{}, d time.Duration) error

// Lanes has a lane for each target where a writer lost a race. A lane is there
// only as long as somebody is in it. The zero value is ready to use. Lanes may be
// used concurrently, and must not be copied after its first use.
type Lanes struct {
	mu       sync.Mutex // guards all below, and what is in the lanes and passes
	byTarget map[Target]*lane
}

// lane is the writers of one target: the one that holds the lease, and the queue
// behind it.
type lane struct {
	target Target
	holder *pass
	until  time.Time // the end of the holder's lease
	queue  []*pass
	handed Handed // from the writer that left, until the next one is admitted
}

// pass is one writer in a lane.
type pass struct {
	lanes *Lanes
	lane  *lane
	wake  chan struct{} // nil for the writer that found the lane free
	// handed is what the pass got when it was admitted, or what it leaves to the
	// next one. Once it is admitted, only its own writer touches it.
	handed Handed
}

// Enter returns when it is the writer's turn at the target: at once where the
// lane is free, or where ctx comes from the policy of a writer that holds a turn
// there. Otherwise the writer queues up. Where wait fails it has left the queue,
// the Turn is zero, and the error is the one of wait. The caller has to Leave.
func (l *Lanes) Enter(ctx context.Context, target Target, wait Wait) (Turn, error) {
	if outer := l.heldBy(ctx, target); outer != nil {
		return Turn{outer, true}, nil
	}
	return l.await(l.join(target), wait)
}

// EnterOccupied is Enter for a writer that hasn't lost a race yet. It waits only
// where others are in the lane, and takes no free one: the Turn is zero then.
func (l *Lanes) EnterOccupied(ctx context.Context, target Target, wait Wait) (Turn, error) {
	if outer := l.heldBy(ctx, target); outer != nil {
		return Turn{outer, true}, nil
	}
	p := l.joinOccupied(target)
	if p == nil {
		return Turn{}, nil
	}
	return l.await(p, wait)
}

// Len returns how many lanes somebody is in at the moment.
func (l *Lanes) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byTarget)
}

// await waits until the pass is admitted.
func (l *Lanes) await(p *pass, wait Wait) (Turn, error) {
	for {
		left, admitted := l.poll(p)
		if admitted {
			return Turn{p, false}, nil
		}
		if err := wait(p.wake, left); err != nil {
			l.leave(p)
			return Turn{}, err
		}
	}
}

// join takes the lane where it is free, and queues up where it isn't.
func (l *Lanes) join(target Target) *pass {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.byTarget[target]; at != nil {
		return l.queueUp(at)
	}
	if l.byTarget == nil {
		l.byTarget = make(map[Target]*lane)
	}
	at := &lane{target: target}
	l.byTarget[target] = at
	p := &pass{lanes: l, lane: at}
	at.admit(p)
	return p
}

// joinOccupied queues up where the lane is occupied. It returns nil where the lane
// is free.
func (l *Lanes) joinOccupied(target Target) *pass {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.byTarget[target]; at != nil {
		return l.queueUp(at)
	}
	return nil
}

// queueUp needs the lock.
func (l *Lanes) queueUp(at *lane) *pass {
	// One signal is kept: the writer may be about to wait.
	p := &pass{lanes: l, lane: at, wake: make(chan struct{}, 1)}
	at.queue = append(at.queue, p)
	return p
}

// poll reports whether the pass is admitted, which it is when the lease before it
// has ended. Otherwise it returns how long to wait until the next look.
func (l *Lanes) poll(p *pass) (left time.Duration, admitted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := p.lane
	if at.holder == p {
		return 0, true
	}
	if at.queue[0] != p {
		return untilWoken, false
	}
	if left = time.Until(at.until); left > 0 {
		return left, false
	}
	at.admitNext()
	return 0, true
}

// extend lengthens the lease by d where the pass still has it.
func (l *Lanes) extend(p *pass, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.lane.holder == p {
		p.lane.until = p.lane.until.Add(d)
	}
}

// leave makes way for the next writer, and hands over what the pass has for it.
func (l *Lanes) leave(p *pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := p.lane
	if at.holder != p {
		// It gave up in the queue, or it was overtaken and isn't there.
		if i := slices.Index(at.queue, p); i >= 0 {
			at.queue = slices.Delete(at.queue, i, i+1)
			at.wakeNext() // whoever is next now has to watch the lease
		}
		return
	}
	if len(at.queue) == 0 {
		at.holder = nil
		delete(l.byTarget, at.target)
		return
	}
	at.handed = p.handed
	at.admitNext().signal()
}

// heldBy returns the pass of the writer that called its policy with ctx, where it
// is one at this target. It returns nil where there is none.
func (l *Lanes) heldBy(ctx context.Context, target Target) *pass {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	for ; s != nil; s = s.parent {
		if s.pass.lanes == l && s.pass.lane.target == target {
			return s.pass
		}
	}
	return nil
}

// admit makes p the holder, and gives it what was handed over.
func (a *lane) admit(p *pass) {
	a.holder, a.until = p, time.Now().Add(minLease)
	p.handed, a.handed = a.handed, Handed{}
}

// admitNext makes the first in the queue the holder, and returns it. The one
// behind it is woken, since it has the new lease to watch.
func (a *lane) admitNext() *pass {
	next := a.queue[0]
	a.queue = a.queue[1:]
	a.admit(next)
	a.wakeNext()
	return next
}

// wakeNext lets the first in the queue look again.
func (a *lane) wakeNext() {
	if len(a.queue) > 0 {
		a.queue[0].signal()
	}
}

// signal ends the pass's wait. Where it is signalled already one look is enough.
func (p *pass) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

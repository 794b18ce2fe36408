package lane

import (
	"context"
	"net/http"
	"time"
)

// Turn is a writer's turn at a target. The zero Turn is of a writer outside of
// every lane: its lease can't be extended, it gets nothing and leaves nothing. A
// Turn must not be used concurrently.
type Turn struct {
	pass *pass
	// nested says that pass is the one of the writer whose policy makes this
	// call. The call then waits under that writer's lease, and leaves the rest to
	// that writer.
	nested bool
}

// Handed is what an accepted write leaves to the next writer in its lane. The zero
// Handed is nothing. It holds for a writer with the same credentials that selects the same
// representation; whoever takes it sees that by the Write.
type Handed struct {
	Tag   string        // of what is stored now
	Write *http.Request // the write that was accepted; only to be read
	State *State        // nil: only the tag is handed over
}

// State is what was written.
type State struct {
	Text []byte
	Told bool // by the answer; otherwise it is what was sent
	Seen bool // the server was seen to store, byte for byte, what is known so
}

// scopeKey is the context key of a scope.
type scopeKey struct{}

// scope is the turns under which a context was made. It is never changed.
type scope struct {
	pass   *pass
	parent *scope
}

// Within returns a context for the writer's policy: calls made with it don't
// queue up behind the turn of the writer that waits for them. It is ctx itself
// where the writer holds no turn of its own.
func (t Turn) Within(ctx context.Context) context.Context {
	if t.pass == nil || t.nested {
		return ctx // which has the scope of the outer writer
	}
	parent, _ := ctx.Value(scopeKey{}).(*scope)
	return context.WithValue(ctx, scopeKey{}, &scope{t.pass, parent})
}

// Measured lengthens the lease to four round trips, where these are longer than a
// second. It is called once, with the first round trip that was measured.
func (t Turn) Measured(roundTrip time.Duration) { t.Extend(4*roundTrip - minLease) }

// Extend lengthens the lease by d, where it hasn't ended. A d that isn't positive
// does nothing.
func (t Turn) Extend(d time.Duration) {
	if t.pass != nil && d > 0 {
		t.pass.lanes.extend(t.pass, d)
	}
}

// Handed returns what the writer before left, once: after that it is zero. What
// isn't taken goes on to the next writer.
func (t Turn) Handed() Handed {
	if t.pass == nil || t.nested {
		return Handed{}
	}
	got := t.pass.handed
	t.pass.handed = Handed{}
	return got
}

// HandOver sets what the next writer gets when this one leaves, in place of all
// that was set or got before. A writer whose lease has ended leaves nothing.
func (t Turn) HandOver(h Handed) {
	if t.pass != nil && !t.nested {
		t.pass.handed = h
	}
}

// Leave ends the turn, and the next writer in the lane has its turn. A second call
// does nothing.
func (t Turn) Leave() {
	if t.pass != nil && !t.nested {
		t.pass.lanes.leave(t.pass)
	}
}

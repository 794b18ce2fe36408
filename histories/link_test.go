package histories

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// faults are the probabilities of what a link does to one request.
type faults struct {
	lostRequest, lostAnswer, before, after, late, dial, replay float64 // writes
	readFails, stale                                           float64 // reads
	slow, verySlow                                             float64 // both
	replayFirst                                                bool    // a replayed request is answered by its first answer
	unknowns                                                   int64   // how many writes may lose their answer in all
}

// drawFaults makes some links good at one thing, some bad at all.
func drawFaults(rng *rand.Rand) faults {
	p := func(limit float64) float64 {
		if rng.IntN(3) == 0 {
			return 0
		}
		return limit * rng.Float64()
	}
	return faults{
		lostRequest: p(.2), lostAnswer: p(.3), before: p(.2), after: p(.2), late: p(.15), dial: p(.1), replay: p(.2),
		readFails: p(.15), stale: p(.3), slow: p(.6), verySlow: p(.02),
		unknowns: 1 << 40,
	}
}

// weather is what the links of one history have in common.
type weather struct {
	faults
	seed     uint64
	unknowns atomic.Int64 // answers lost so far
	calm     atomic.Bool  // no answer is lost any more
	commits  atomic.Int64 // writes that were accepted

	mu   sync.Mutex
	seen []answer // to reads, the newest last
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// caller is whose request it is. It travels in the request's context, where the
// caller's context does.
type caller struct {
	id          int
	rng         *rand.Rand
	mu          sync.Mutex
	readsFailed atomic.Int64 // or were stale
	replays     atomic.Int64
	lates       atomic.Int64
	exact       bool // a read of the history: never stale
	events      []string
}

type callerKey struct{}

func newCaller(seed uint64, id int) *caller {
	return &caller{id: id, rng: rand.New(rand.NewPCG(seed, uint64(id)+1000))}
}

// link is a RoundTripper that loses, delays, repeats and makes up things. Each
// caller has dice of its own, so that its faults don't hang on the scheduler.
type link struct {
	base http.RoundTripper
	w    *weather
	own  *caller // where the context has none
}

var errCut = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

func (l *link) RoundTrip(req *http.Request) (*http.Response, error) {
	who, _ := req.Context().Value(callerKey{}).(*caller)
	if who == nil {
		who = l.own
	}
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	who.mu.Lock()
	dice, second, pause, pick := who.rng.Float64(), who.rng.Float64(), time.Duration(who.rng.ExpFloat64()*float64(20*time.Millisecond)), who.rng.IntN(1<<20)
	slowBefore, slowAfter, very := who.rng.Float64() < l.w.slow/2, who.rng.Float64() < l.w.slow/2, who.rng.Float64() < l.w.verySlow
	who.mu.Unlock()
	if very {
		pause *= 1000
	}
	if err := sleep(req.Context(), time.Millisecond); err != nil {
		return nil, err
	}
	if slowBefore {
		if err := sleep(req.Context(), pause); err != nil {
			return nil, err
		}
	}
	var resp *http.Response
	var err error
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		resp, err = l.read(req, who, dice, second, pick)
		if err != nil || resp.StatusCode != http.StatusOK {
			who.readsFailed.Add(1)
		}
	} else {
		resp, err = l.write(req, body, who, dice, pick)
	}
	if err == nil && slowAfter {
		if err := sleep(req.Context(), pause); err != nil {
			resp.Body.Close()
			return nil, err
		}
	}
	return resp, err
}

// read passes a GET or a HEAD on, or answers it with what another one got
// earlier.
func (l *link) read(req *http.Request, who *caller, dice, second float64, pick int) (*http.Response, error) {
	if dice < l.w.readFails && !who.exact {
		if pick%2 == 0 {
			return nil, errCut
		}
		return made(req, answer{status: http.StatusBadGateway}), nil
	}
	if second < l.w.stale && !who.exact {
		l.w.mu.Lock()
		n := len(l.w.seen)
		var old answer
		if n > 0 {
			old = l.w.seen[n-1-pick%min(n, 6)]
		}
		l.w.mu.Unlock()
		if n > 0 {
			who.note("stale " + old.header.Get("ETag"))
			who.readsFailed.Add(1) // it isn't an answer that tells anything
			return made(req, old), nil
		}
	}
	resp, err := l.base.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK || req.Method != http.MethodGet {
		return resp, err
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	a := answer{resp.StatusCode, resp.Header.Clone(), b}
	l.w.mu.Lock()
	l.w.seen = append(l.w.seen, a)
	l.w.mu.Unlock()
	return made(req, a), nil
}

// write passes a PUT on, or doesn't.
func (l *link) write(req *http.Request, body []byte, who *caller, dice float64, pick int) (*http.Response, error) {
	f := l.w.faults
	hit := func(p float64) bool {
		dice -= p
		return dice < 0 && dice >= -p && p > 0
	}
	status := []int{502, 503, 504, 500, 502, 503}[pick%6]
	switch {
	case hit(f.dial):
		who.note("dial error")
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case hit(f.replay):
		who.note("replayed")
		who.replays.Add(1)
		first, err := l.send(req.Context(), req, body)
		if err != nil {
			return nil, err
		}
		second, err := l.send(req.Context(), req, body)
		if err != nil || f.replayFirst {
			if err == nil {
				second.Body.Close()
			}
			return first, nil
		}
		first.Body.Close()
		return second, nil
	case dice >= f.lostRequest+f.lostAnswer+f.before+f.after+f.late || l.w.calm.Load() || l.w.unknowns.Add(1) > f.unknowns:
	case hit(f.lostRequest):
		who.note("request lost")
		return nil, errCut
	case hit(f.lostAnswer):
		who.note("answer lost")
		drop(l.send(req.Context(), req, body))
		return nil, errCut
	case hit(f.before):
		who.note("5xx before")
		return made(req, answer{status: status}), nil
	case hit(f.after):
		who.note("5xx after")
		drop(l.send(req.Context(), req, body))
		return made(req, answer{status: status}), nil
	case hit(f.late):
		who.note("late")
		who.lates.Add(1)
		go func() {
			time.Sleep(time.Duration(pick%300) * time.Millisecond)
			drop(l.send(context.WithoutCancel(req.Context()), req, body))
		}()
		return nil, errCut
	}
	return l.send(req.Context(), req, body)
}

func (l *link) send(ctx context.Context, req *http.Request, body []byte) (*http.Response, error) {
	out := req.Clone(ctx)
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.GetBody = nil
	resp, err := l.base.RoundTrip(out)
	if err == nil && resp.StatusCode < 300 {
		l.w.commits.Add(1)
	}
	return resp, err
}

func (c *caller) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, what)
}

func drop(resp *http.Response, err error) {
	if err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// made is an answer that the link gives itself.
func made(req *http.Request, a answer) *http.Response {
	resp := &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Request: req, Body: http.NoBody, ContentLength: int64(len(a.body)),
	}
	if resp.Header == nil {
		resp.Header = http.Header{}
	}
	if req.Method != http.MethodHead {
		resp.Body = io.NopCloser(bytes.NewReader(a.body))
	}
	return resp
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err())
	}
}

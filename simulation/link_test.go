package simulation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

const documentURL = "http://origin.test/doc"

// link is a base RoundTripper between one client and the server. It calls the hooks of
// httptrace as http.Transport does.
type link struct {
	w      *world
	own    *actor // of requests that no caller makes
	silent bool   // calls no hooks
	direct bool   // below an *http.Transport, which repeats only what reached nobody
	dead   atomic.Bool
	opened atomic.Int64 // bodies of answers that aren't closed
}

// actorKey is the context key of the actor whose request it is.
type actorKey struct{}

// request is one request, as it is sent.
type request struct {
	op     *running
	who    string
	method string
	header http.Header
	body   []byte
	late   bool
}

// errCut is a connection that broke.
var errCut = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

// errDial is a connection that didn't come.
var errDial = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// wire is a connection that nobody looks into.
type wire struct{ net.Conn }

// passage is one RoundTrip.
type passage struct {
	*link
	a     *actor
	req   *http.Request
	trace *httptrace.ClientTrace
	kind  string // of the hit
	rng   *rand.Rand
	out   *request
}

func (l *link) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		closeBody(req)
		return nil, err
	}
	p := &passage{link: l, req: req, a: l.own, trace: &httptrace.ClientTrace{}}
	if a, ok := req.Context().Value(actorKey{}).(*actor); ok {
		p.a = a
	}
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && !l.silent {
		p.trace = trace
	}
	key := p.a.key()
	nth, op := p.a.count()
	p.rng = l.w.dice(fmt.Sprint(key, "#", nth))
	p.out = &request{op: op, who: key, method: req.Method, header: req.Header.Clone()}
	write := req.Method != http.MethodGet && req.Method != http.MethodHead
	if op == nil || !op.exact() {
		p.kind = l.w.hit(key, nth, write)
	}
	if op != nil {
		op.hit(p.kind)
	}
	resp, err := p.pass(write)
	status := "failed"
	if err == nil {
		status = strconv.Itoa(resp.StatusCode)
	}
	p.a.note("%s#%d %s %s%s %s -> %s %s %v", key, nth, req.Method, req.Header.Get("If-Match"), req.Header.Get("If-None-Match"), p.kind, status, tagOf(resp), err)
	l.w.sent(p, status)
	return resp, err
}

func tagOf(resp *http.Response) string {
	if resp == nil {
		return ""
	}
	return resp.Header.Get("ETag")
}

// sent keeps what the checks want to know of a request.
func (w *world) sent(p *passage, status string) {
	if p.out.op == nil {
		return
	}
	p.out.op.mu.Lock()
	defer p.out.op.mu.Unlock()
	p.out.op.sent = append(p.out.op.sent, exchange{*p.out, status})
}

// pass sends the request, unless its hit keeps it from the server.
func (p *passage) pass(write bool) (*http.Response, error) {
	ctx := p.req.Context()
	if err := p.connect(ctx); err != nil {
		closeBody(p.req)
		return nil, err
	}
	if p.req.Body != nil {
		body, err := io.ReadAll(p.req.Body)
		p.req.Body.Close()
		if err != nil {
			return nil, err
		}
		p.out.body = body
	}
	p.wrote()
	if err := p.a.sleep(ctx, p.latency()); err != nil {
		return nil, err
	}
	if p.dead.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	a, err := p.arrive(write)
	if wait := p.a.sleep(ctx, p.latency()); wait != nil {
		return nil, wait
	}
	if err != nil {
		return nil, err
	}
	if p.dead.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if p.trace.GotFirstResponseByte != nil {
		p.trace.GotFirstResponseByte()
	}
	return p.response(a), nil
}

// connect gets a connection.
func (p *passage) connect(ctx context.Context) error {
	if p.trace.GetConn != nil {
		p.trace.GetConn("origin.test:80")
	}
	if err := p.a.sleep(ctx, 10*time.Microsecond); err != nil {
		return err
	}
	if p.kind == dialError {
		return errDial
	}
	if p.trace.GotConn != nil {
		p.trace.GotConn(httptrace.GotConnInfo{Conn: wire{}})
	}
	return nil
}

// wrote tells that the header was written.
func (p *passage) wrote() {
	if p.trace.WroteHeaderField != nil {
		for _, name := range sortedKeys(p.out.header) {
			p.trace.WroteHeaderField(name, p.out.header[name])
		}
	}
	if p.trace.WroteHeaders != nil {
		p.trace.WroteHeaders()
	}
	if p.trace.WroteRequest != nil {
		p.trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
}

// latency is how long the next way takes.
func (p *passage) latency() time.Duration {
	d := time.Millisecond
	switch p.kind {
	case slow:
		d += time.Duration(p.rng.ExpFloat64() * float64(20*time.Millisecond))
	case verySlow:
		d += time.Duration(p.rng.ExpFloat64() * float64(20*time.Second))
	default:
		d += time.Duration(p.rng.IntN(int(time.Millisecond)))
	}
	return d
}

// arrive is what happens at the server, or on the way to it.
func (p *passage) arrive(write bool) (answer, error) {
	s := p.w.server
	s.Lock()
	defer s.Unlock()
	failure := s.plain([]int{502, 503, 504, 500}[p.rng.IntN(4)])
	switch p.kind {
	case lostRequest:
		return answer{}, errCut
	case lostAnswer:
		s.handle(p.out)
		return answer{}, errCut
	case before5xx:
		return failure, nil
	case after5xx:
		s.handle(p.out)
		return failure, nil
	case after412:
		s.handle(p.out)
		return s.plain(http.StatusPreconditionFailed), nil
	case throttled:
		a := s.plain(http.StatusTooManyRequests)
		a.header.Set("Retry-After", "1")
		return a, nil
	case late:
		p.later()
		return answer{}, errCut
	case readFails:
		if p.rng.IntN(2) == 0 {
			return answer{}, errCut
		}
		return failure, nil
	case readOdd:
		a := s.handle(p.out)
		a.status = oddReads[p.rng.IntN(len(oddReads))]
		if a.status >= 400 {
			a.body = nil
		}
		return a, nil
	case oddSuccess:
		a := s.handle(p.out)
		if a.status < 300 {
			a.status = []int{http.StatusAccepted, http.StatusMultiStatus}[p.rng.IntN(2)]
		}
		return a, nil
	case readLags:
		if n := len(s.states); n > 0 {
			a := s.states[n-1-p.rng.IntN(min(n, 6))]
			a.header = a.header.Clone()
			a.header.Set("Age", "1")
			return a, nil
		}
	}
	return p.arriveTwice(), nil
}

// oddReads are the statuses of answers to reads that are no state.
var oddReads = []int{203, 204, 206, 304, 400, 401, 403, 405, 406, 408, 410, 418, 429}

// arriveTwice sends what is sent twice, and all else once.
func (p *passage) arriveTwice() answer {
	s := p.w.server
	if p.kind == resentBelow && p.direct {
		p.again()
		return s.handle(p.out)
	}
	first := s.handle(p.out)
	switch p.kind {
	case resentFirst:
		s.handle(p.out)
	case resentLast:
		return s.handle(p.out)
	case resentBelow:
		second := s.handle(p.out)
		if p.silent {
			return first // nobody could know
		}
		p.again()
		return second
	}
	return first
}

// again tells that the request is written on another connection.
func (p *passage) again() {
	if p.trace.GetConn != nil {
		p.trace.GetConn("origin.test:80")
	}
	if p.trace.GotConn != nil {
		p.trace.GotConn(httptrace.GotConnInfo{Conn: wire{}})
	}
	p.wrote()
}

// later lets the request arrive after its caller was told of an error.
func (p *passage) later() {
	p.w.mu.Lock()
	slot := 300 + p.w.latest%700
	p.w.latest++
	p.w.mu.Unlock()
	a := p.w.newActor("late", slot)
	wait := time.Duration(p.rng.IntN(300)) * time.Millisecond
	out := *p.out
	out.late = true
	go func() {
		a.sleep(context.Background(), wait)
		p.w.server.Lock()
		defer p.w.server.Unlock()
		p.w.server.handle(&out)
	}()
}

// response is the answer as net/http gives it.
func (p *passage) response(a answer) *http.Response {
	resp := &http.Response{
		StatusCode: a.status, Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Request: p.req, Body: http.NoBody, ContentLength: int64(len(a.body)),
	}
	switch {
	case p.req.Method == http.MethodHead:
	case p.kind == cutBody:
		resp.ContentLength++
		resp.Body = &body{left: io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), failing{io.ErrUnexpectedEOF})}
	case p.kind == endless:
		resp.ContentLength = -1
		b := &body{done: make(chan struct{})}
		b.left = &dripping{p.a, p.req.Context(), b.done, 600}
		resp.Body = b
	case len(a.body) > 0:
		resp.Body = &body{left: bytes.NewReader(a.body)}
	}
	if b, ok := resp.Body.(*body); ok {
		p.opened.Add(1)
		b.link = p.link
	}
	return resp
}

// open is how many bodies of answers aren't closed.
func (l *link) open() int { return int(l.opened.Load()) }

// body is the body of a response. Reads after Close fail.
type body struct {
	left   io.Reader
	closed atomic.Bool
	done   chan struct{} // closed by Close, where it isn't nil
	link   *link         // of an answer; nil: of a request
}

func (b *body) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.left.Read(p)
}

func (b *body) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	if b.done != nil {
		close(b.done)
	}
	if b.link != nil {
		b.link.opened.Add(-1)
	}
	return nil
}

// failing reads nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// dripping reads one byte after another, for a minute.
type dripping struct {
	a    *actor
	ctx  context.Context
	done <-chan struct{}
	left int
}

func (d *dripping) Read(p []byte) (int, error) {
	if d.left--; d.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	timer := time.NewTimer(100*time.Millisecond + 7)
	defer timer.Stop()
	select {
	case <-timer.C:
		return copy(p, " "), nil
	case <-d.done:
		return 0, http.ErrBodyReadAfterClose
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

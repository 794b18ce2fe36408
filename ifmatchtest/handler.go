package ifmatchtest

import (
	"io"
	"maps"
	"net/http"
	"time"
)

// An exchange is one request on its way through the server.
type exchange struct {
	s       *Server
	r       *http.Request
	faults  faultSet
	proxies []*Fault // that may send it again
	body    *recorder
	content []byte   // what was read, unless discarded
	entry   *Request // the last one in the log; Server.mu guards it
	whole   bool     // content is the whole body
	rival   bool     // the competing writer has been
}

// ServeHTTP answers requests for the resources of s, so that it can be mounted
// in another server. To cut a connection it panics with
// [http.ErrAbortHandler], as it does after Close.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.arrive(r)
	if x == nil {
		panic(http.ErrAbortHandler)
	}
	defer s.leave()
	var a *answer
	for next := x; next != nil; next = x.resent(a) {
		x = next
		if x.faults.has(reply) {
			x.reply(w)
			return
		}
		a = x.answer()
	}
	if a == nil {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		w.Write(a.body) // an error here is the client's to see
	}
}

// arrive logs a request and settles which faults hit it. It returns nil when
// the server is closed.
func (s *Server) arrive(r *http.Request) *exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.serving++
	x := &exchange{s: s, r: r, faults: s.hit(r.Method, r.URL.Path, false), body: newRecorder(r.Body)}
	x.proxies = x.faults.all(resendOn)
	x.enter()
	return x
}

// enter adds an entry to the log. The caller holds s.mu.
func (x *exchange) enter() {
	x.entry = &Request{
		Method:   x.r.Method,
		Path:     x.r.URL.Path,
		Query:    x.r.URL.RawQuery,
		Header:   x.r.Header.Clone(),
		Body:     x.body.body(),
		BodySize: x.body.n,
	}
	x.s.log = append(x.s.log, x.entry)
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving--
	s.changed()
}

// note writes into the request's entry in the log.
func (x *exchange) note(f func(e *Request)) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	f(x.entry)
}

// lose notes that there will be no answer.
func (x *exchange) lose() *answer {
	x.note(func(e *Request) { e.Lost = true })
	return nil
}

// send notes that the answer is about to leave.
func (x *exchange) send(a *answer) *answer {
	x.note(func(e *Request) { e.StatusCode = a.status })
	return a
}

// answer does what the request and the faults say, and returns the answer, nil
// for a cut. The log is complete before it returns.
func (x *exchange) answer() *answer {
	early := x.faults.get(earlyRefusal)
	if early == nil && !x.read() || !x.wait(slow) {
		return x.lose()
	}
	if x.faults.has(lostRequest) {
		return x.lose()
	}
	if a := x.failure(); a != nil {
		return x.send(a)
	}
	if early != nil {
		if a := x.refuseEarly(); a != nil {
			return x.send(a.stamp(early))
		}
		if !x.read() {
			return x.lose()
		}
	}
	a := x.perform()
	if !x.wait(slowAnswer) || x.faults.has(lostAnswer) {
		return x.lose()
	}
	return a
}

// read reads the body and reports whether it came whole.
func (x *exchange) read() bool {
	var err error
	if x.faults.has(discardBodies) {
		_, err = io.Copy(io.Discard, x.body)
	} else {
		x.content, err = io.ReadAll(x.body)
		x.whole = err == nil
	}
	x.noteBody()
	return err == nil
}

func (x *exchange) noteBody() {
	x.note(func(e *Request) { e.Body, e.BodySize = x.body.body(), x.body.n })
}

// stored returns what a PUT or POST stores.
func (x *exchange) stored() []byte {
	if x.faults.has(discardBodies) {
		return x.body.digest()
	}
	return x.content
}

// wait waits as long as the faults of the kind say. It reports false when the
// request or the server ended first.
func (x *exchange) wait(k kind) bool {
	for _, f := range x.faults.all(k) {
		t := time.NewTimer(f.wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-x.r.Context().Done():
			return false
		case <-x.s.done:
			return false
		}
	}
	return true
}

// failure returns the answer of a fault that keeps the request from being
// performed, nil for none.
func (x *exchange) failure() *answer {
	if f := x.faults.get(refuse); f != nil {
		return refusal(x.faults).stamp(f)
	}
	if f := x.faults.get(failBefore); f != nil {
		return newAnswer(f.status, http.StatusText(f.status)).stamp(f)
	}
	f := x.faults.get(noHead)
	if f == nil {
		return nil
	}
	a := newAnswer(f.status, "")
	if f.status == http.StatusMethodNotAllowed {
		a.header.Set("Allow", "GET, PUT, DELETE, POST, PATCH, OPTIONS") // RFC 9110 §15.5.6
	}
	return a.stamp(f)
}

// performance prepares one execution of the request. The caller holds s.mu.
func (x *exchange) performance() *performance {
	res := x.s.resource(x.r.URL.Path)
	if !x.rival {
		x.rival = true
		for _, f := range x.faults.all(competingWriter) {
			res.compete(f.edit)
		}
	}
	return &performance{x.r.Method, x.r.Header, x.stored, x.faults, res}
}

// refuseEarly evaluates the preconditions before the body is read. It returns
// the 412, or nil.
func (x *exchange) refuseEarly() *answer {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	p := x.performance()
	if p.reject() != nil {
		return nil
	}
	if evaluate(p.method, p.header, p.view()) != refused {
		return nil
	}
	return refusal(x.faults).stamp(p.marker(p.view()))
}

// perform executes the request, check and write in one step, and notes the
// effect.
func (x *exchange) perform() *answer {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	a := x.performOnce()
	if x.faults.has(replay) {
		x.entry.Lost, x.entry.Resent = true, true
		x.enter()
		a = x.performOnce()
	}
	if f := x.faults.get(failAfter); f != nil {
		a = newAnswer(f.status, http.StatusText(f.status)).stamp(f)
		x.entry.StatusCode = f.status
	}
	return a
}

func (x *exchange) performOnce() *answer {
	p := x.performance()
	a := p.run()
	x.entry.StatusCode, x.entry.Applied = a.status, a.applied
	if !a.applied {
		return a
	}
	for _, f := range x.faults.all(competingAfter) {
		p.res.compete(f.edit)
	}
	return a
}

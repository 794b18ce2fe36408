package explain

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/field"
)

// Recorder is a RoundTripper that notes the last exchanges which pass it, with their header
// fields and the beginnings of the answers' bodies. As the base of an ifmatch.Transport it sees
// each request of a call:
//
//	recorder := explain.NewRecorder(nil, 0)
//	client := &http.Client{Transport: ifmatch.NewTransport(recorder, ifmatch.Resend)}
//
// It changes no request. It keeps credentials as they are; only the writers of a Report take
// them out. It may be used concurrently.
type Recorder struct {
	base http.RoundTripper
	most int

	mu  sync.Mutex
	all []*Exchange // the last ones; each is changed under mu
}

// mostRecorded is as much of a body as a Recorder keeps.
const mostRecorded = 16 << 10

// NewRecorder returns a Recorder above a base that keeps the last exchanges, at most so many.
// A nil base is http.DefaultTransport; without a number it keeps 64.
func NewRecorder(base http.RoundTripper, most int) *Recorder {
	if base == nil {
		base = http.DefaultTransport
	}
	if most <= 0 {
		most = 64
	}
	return &Recorder{base: base, most: most}
}

// RoundTrip sends the request by the base, and notes it and its answer.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	e := &Exchange{Source: SourceLive, Method: cmp.Or(req.Method, http.MethodGet), RequestHeader: headerOf(req.Header), Sent: time.Now()}
	if req.URL != nil {
		e.URL = req.URL.String()
	}
	e.RequestBody, e.Whole = beginning(req)
	r.add(e)
	resp, err := r.base.RoundTrip(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Answered = time.Now()
	switch {
	case err != nil:
		e.Err = err.Error()
	case resp != nil:
		e.StatusCode, e.ResponseHeader = resp.StatusCode, headerOf(resp.Header)
		if resp.Body != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			resp.Body = &noted{ReadCloser: resp.Body, recorder: r, of: e}
		} else {
			e.Whole = false
		}
	}
	return resp, err
}

// CloseIdleConnections closes those of the base, as http.Client asks it to.
func (r *Recorder) CloseIdleConnections() {
	if base, ok := r.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// headerOf is a copy of a header; one that is nil is empty, and not unknown.
func headerOf(h http.Header) http.Header {
	if h == nil {
		return http.Header{}
	}
	return h.Clone()
}

// beginning is the beginning of a request's body, where it can be had without touching the
// one that is sent, and whether it is whole.
func beginning(req *http.Request) ([]byte, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, true
	}
	// With Expect the origin may not want it.
	if req.GetBody == nil || field.Lines(req.Header, "Expect") != nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, mostRecorded+1))
	return text[:min(len(text), mostRecorded)], err == nil && len(text) <= mostRecorded
}

// add keeps an exchange in place of the oldest one.
func (r *Recorder) add(e *Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) >= r.most {
		r.all = slices.Delete(r.all, 0, len(r.all)-r.most+1)
	}
	r.all = append(r.all, e)
}

// Exchanges returns the exchanges that were noted, the oldest first. The bodies of answers
// are there as far as the caller has read them.
func (r *Recorder) Exchanges() []Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Exchange, len(r.all))
	for i, e := range r.all {
		all[i] = *e
		all[i].RequestBody, all[i].ResponseBody = slices.Clone(e.RequestBody), slices.Clone(e.ResponseBody)
	}
	return all
}

// Reset forgets all exchanges.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = nil
}

// noted is the body of an answer, whose beginning is noted as it is read.
type noted struct {
	io.ReadCloser
	recorder *Recorder
	of       *Exchange
	ended    bool
}

func (n *noted) Read(p []byte) (int, error) {
	read, err := n.ReadCloser.Read(p)
	n.recorder.mu.Lock()
	defer n.recorder.mu.Unlock()
	room := mostRecorded - len(n.of.ResponseBody)
	n.of.Whole = n.of.Whole && read <= room
	n.of.ResponseBody = append(n.of.ResponseBody, p[:min(read, max(room, 0))]...)
	n.ended = n.ended || err == io.EOF
	return read, err
}

// Close closes the body. One that wasn't read to its end isn't whole.
func (n *noted) Close() error {
	n.recorder.mu.Lock()
	if !n.ended {
		n.of.Whole = false
	}
	n.recorder.mu.Unlock()
	return n.ReadCloser.Close()
}

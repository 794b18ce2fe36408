package ifmatchtest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
)

// sendsAgain reports whether a proxy with the fault sends a request again whose answer is
// a, nil for a cut.
func (f *Fault) sendsAgain(a *answer) bool {
	status := http.StatusBadGateway
	if a != nil {
		status = a.status
	}
	if len(f.on) == 0 {
		return status >= 500
	}
	return slices.Contains(f.on, status)
}

// resent returns the exchange of the request that a proxy sends again after the answer a,
// nil where none does. a is lost then: nobody but the proxy gets it.
func (x *exchange) resent(a *answer) *exchange {
	i := slices.IndexFunc(x.proxies, func(f *Fault) bool { return f.sendsAgain(a) })
	if i < 0 || !x.whole || x.r.Context().Err() != nil {
		return nil
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if x.s.closed {
		return nil
	}
	x.entry.Lost, x.entry.Resent = true, true
	again := &exchange{
		s: x.s, r: x.r,
		faults:  x.s.hit(x.r.Method, x.r.URL.Path, true),
		proxies: slices.Concat(x.proxies[:i], x.proxies[i+1:]),
		body:    newRecorder(io.NopCloser(bytes.NewReader(x.content))),
	}
	again.enter()
	return again
}

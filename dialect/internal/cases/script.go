package cases

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// errLost is what a client sees of an answer that is lost.
var errLost = errors.New("connection reset by peer")

// script is an origin that expects the requests of a case, in their order, and gives the
// answers to them.
type script struct {
	c        *Case
	first    *url.URL
	next     int
	requests []*http.Request // as they came, their bodies read
	bodies   []string
	problems []string
}

func (s *script) complain(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// RoundTrip answers the next request of the case.
func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	if s.next == len(s.c.Exchanges) {
		s.complain("one request too many: %s %s %s", req.Method, req.URL, body)
		return nil, errLost
	}
	e := &s.c.Exchanges[s.next]
	s.next++
	s.requests, s.bodies = append(s.requests, req), append(s.bodies, string(body))
	s.compare(&e.Request, req, string(body))
	if e.Answer.Lost {
		return nil, errLost
	}
	return e.Answer.response(req), nil
}

// response is the answer to a request.
func (a *Answer) response(req *http.Request) *http.Response {
	text, isText := text(a.Body)
	h := http.Header{}
	if text != "" && !isText {
		h.Set("Content-Type", "application/json")
	}
	for name, value := range a.Header {
		h.Set(name, value)
	}
	if req.Method == http.MethodHead {
		text = ""
	}
	return &http.Response{
		StatusCode: a.Status, Status: fmt.Sprint(a.Status, " ", http.StatusText(a.Status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: req,
	}
}

// compare notes how a request differs from what it has to be.
func (s *script) compare(want *Request, got *http.Request, body string) {
	n := s.next
	if got.Method != want.Method {
		s.complain("request %d: method %s, want %s", n, got.Method, want.Method)
	}
	if u, err := s.first.Parse(want.URL); err != nil || u.String() != got.URL.String() {
		s.complain("request %d: URL %s, want %s", n, got.URL, u)
	}
	s.compareFields(want.Header, got.Header)
	if want, isText := text(want.Body); body != want && (isText || !sameJSON(body, want)) {
		s.complain("request %d: body %s, want %s", n, body, want)
	}
}

func (s *script) compareFields(want map[string]*string, got http.Header) {
	for name, value := range want {
		lines := field.Lines(got, name)
		if value == nil && lines != nil || value != nil && (len(lines) != 1 || lines[0] != *value) {
			s.complain("request %d: %s is %q", s.next, name, lines)
		}
	}
	// A condition that isn't named isn't there.
	for _, name := range semantics.Preconditions {
		if lines := field.Lines(got, name); lines != nil && !names(want, name) {
			s.complain("request %d: %s is %q, want none", s.next, name, lines)
		}
	}
}

func names(header map[string]*string, name string) bool {
	for other := range header {
		if strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

func sameJSON(a, b string) bool {
	return json.Valid([]byte(a)) && json.Valid([]byte(b)) && jsonedit.Same([]byte(a), []byte(b))
}

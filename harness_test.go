package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// long returns all where IFMATCH_LONG asks for whole tables and many rounds, as
// .ci/run does, and else some. The flag -short has the last word.
func long(all, some int) int {
	if os.Getenv("IFMATCH_LONG") != "" && !testing.Short() {
		return all
	}
	return some
}

// inBubble runs f with an origin on which /doc was written twice: "v1" is stale
// and "v2" is current. Time is the bubble's.
func inBubble(t *testing.T, f func(t *testing.T, origin *ifmatchtest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin()
		defer origin.Close()
		f(t, origin)
	})
}

// withDocument runs f with an origin that holds a JSON document.
func withDocument(t *testing.T, doc string, f func(t *testing.T, origin *ifmatchtest.Server, url string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		origin := ifmatchtest.NewMemoryServer()
		defer origin.Close()
		if doc != "" {
			origin.Put("/doc", "application/json", []byte(doc))
		}
		f(t, origin, origin.URL+"/doc")
	})
}

// result is what a call gave.
type result struct {
	resp    *http.Response
	body    string
	bodyErr error
	err     error
	outcome Outcome
}

// exchanges returns the requests that were sent, such as "PUT 412, HEAD 200".
func (r result) exchanges() string {
	var all []string
	for _, e := range r.outcome.Exchanges {
		all = append(all, e.String())
	}
	return strings.Join(all, ", ")
}

// summary is what the tables compare.
func (r result) summary() string {
	status := "error"
	if r.err == nil {
		status = fmt.Sprint(r.resp.StatusCode)
	}
	s := fmt.Sprintf("%s | %s | %s, %s", r.exchanges(), status, r.outcome.Effect, r.outcome.Cause)
	if r.outcome.Overwrote {
		s += ", overwrote"
	}
	return s
}

// send makes one call to /doc with the text "mine" and these header fields.
func send(t *testing.T, origin *ifmatchtest.Server, policy Policy, method string, fields []string, opts ...Option) result {
	t.Helper()
	return sendVia(t, NewTransport(origin.Client().Transport, policy, opts...), newWrite(t, context.Background(), origin, method, fields))
}

func newWrite(t *testing.T, ctx context.Context, origin *ifmatchtest.Server, method string, fields []string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, origin.URL+"/doc", strings.NewReader("mine"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Add(name, value)
	}
	return req
}

func sendVia(t *testing.T, rt http.RoundTripper, req *http.Request) result {
	t.Helper()
	var r result
	r.resp, r.err = rt.RoundTrip(req.WithContext(WithOutcome(req.Context(), &r.outcome)))
	if r.err == nil {
		var b []byte
		b, r.bodyErr = io.ReadAll(r.resp.Body)
		r.body = string(b)
		r.resp.Body.Close()
	}
	return r
}

func newRead(t *testing.T, ctx context.Context, origin *ifmatchtest.Server) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, origin.URL+"/doc", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func mustPut(t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, "http://example.test/doc", strings.NewReader("mine"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-Match", `"v1"`)
	return req
}

func stateOf(origin *ifmatchtest.Server) string {
	body, _, ok := origin.State("/doc")
	if !ok {
		return "(gone)"
	}
	return string(body)
}

func requests(origin *ifmatchtest.Server) string {
	var all []string
	for _, r := range origin.Log() {
		all = append(all, fmt.Sprintf("%s %d", r.Method, r.StatusCode))
	}
	return strings.Join(all, ", ")
}

// bodyOf returns what http.NewRequest sets for a body that can be had again.
func bodyOf(s string) (io.ReadCloser, func() (io.ReadCloser, error), int64) {
	get := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
	body, _ := get()
	return body, get, int64(len(s))
}

// replying answers the next n requests with this method by status and fields.
func replying(method string, n, status int, fields ...string) ifmatchtest.Fault {
	return ifmatchtest.Reply(n, func(w http.ResponseWriter, r *http.Request) {
		for _, field := range fields {
			name, value, _ := strings.Cut(field, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(status)
	}).On(method)
}

const stale = `If-Match: "v1"`

var (
	longAgo    = "If-Unmodified-Since: Fri, 31 Dec 1999 00:00:00 GMT"
	rebuilding = Rebuild(append1)
)

const fresh = `If-Match: "v2"`

// append1 is a Rebuild function that adds to the current state.
func append1(_ context.Context, current *Representation) ([]byte, error) {
	return append(current.Body, "+mine"...), nil
}

var errFull = errors.New("full")

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// refusing answers every write with 412 and every read with another tag.
type refusing struct{}

func (refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body.Close()
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"` + time.Now().Format("150405.000") + `"`}}, Body: http.NoBody, Request: req}
	if !semantics.Safe(req.Method) {
		resp.StatusCode, resp.Body = http.StatusPreconditionFailed, io.NopCloser(strings.NewReader("refused"))
	}
	return resp, nil
}

// script is a base whose first requests fail.
type script struct {
	base http.RoundTripper
	errs []error
	sent int
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.sent++
	if len(s.errs) == 0 {
		return s.base.RoundTrip(req)
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	if req.Body != nil {
		req.Body.Close()
	}
	return nil, err
}

// says is one answer of a scripted base: a status and header fields.
type says struct {
	status int
	fields []string
	err    error
}

// scriptedBase answers requests in order and keeps them; the last answer repeats.
type scriptedBase struct {
	answers []says
	got     []*http.Request
	at      []time.Time
}

func (s *scriptedBase) RoundTrip(r *http.Request) (*http.Response, error) {
	closeBody(r)
	s.got, s.at = append(s.got, r), append(s.at, time.Now())
	a := s.answers[min(len(s.got), len(s.answers))-1]
	if a.err != nil {
		return nil, a.err
	}
	h := http.Header{}
	for _, f := range a.fields {
		name, value, _ := strings.Cut(f, ": ")
		h.Add(name, value)
	}
	return &http.Response{StatusCode: a.status, Header: h, ContentLength: -1, Body: io.NopCloser(strings.NewReader("body")), Request: r}, nil
}

const (
	at0  = "Sat, 01 Jan 2000 00:00:00 GMT" // the bubble's beginning
	at1  = "Sat, 01 Jan 2000 00:00:01 GMT"
	at2  = "Sat, 01 Jan 2000 00:00:02 GMT"
	at9  = "Sat, 01 Jan 2000 00:00:09 GMT"
	old9 = "Fri, 31 Dec 1999 23:00:00 GMT"
)

func refuse() says             { return says{status: 412} }
func ok(fields ...string) says { return says{status: 200, fields: fields} }

// scripted makes one write through a script and returns what came of it.
func scripted(t *testing.T, policy Policy, fields []string, opts []Option, answers ...says) (result, *scriptedBase) {
	t.Helper()
	s := &scriptedBase{answers: answers}
	var r result
	synctest.Test(t, func(t *testing.T) {
		req, _ := http.NewRequest("PUT", "http://example.test/doc", strings.NewReader("mine"))
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			req.Header[name] = append(req.Header[name], value) // as spelled
		}
		r = sendVia(t, NewTransport(s, policy, opts...), req)
	})
	return r, s
}

// replyTo is an answer that something on the way makes.
func replyTo(r *http.Request, status int, body string, fields ...string) *http.Response {
	closeBody(r)
	h := http.Header{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		h.Add(name, value)
	}
	return &http.Response{StatusCode: status, Header: h, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

func responseTo(req *http.Request, status int, body string, fields ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(fields); i += 2 {
		h.Set(fields[i], fields[i+1])
	}
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	return &http.Response{StatusCode: status, Header: h, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: req}
}

// stalled is a body that never goes on. As with net/http, Close and the end of
// the request's context end a Read.
type stalled struct {
	ctx    context.Context
	closed chan struct{}
	once   sync.Once
}

func (s *stalled) Read([]byte) (int, error) {
	select {
	case <-s.closed:
		return 0, http.ErrBodyReadAfterClose
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func (s *stalled) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// stalling passes requests on, and stalls the bodies of the first n answers to
// this method.
func stalling(base http.RoundTripper, method string, n int) *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(r)
		if err == nil && r.Method == method && n > 0 {
			n--
			resp.Body.Close()
			resp.Body, resp.ContentLength = &stalled{ctx: r.Context(), closed: make(chan struct{})}, 100
		}
		return resp, err
	})}
}

type closing struct {
	io.Reader
	closed *int
}

func (c closing) Close() error { *c.closed++; return nil }

type closeCount struct {
	io.Reader
	closed int
}

func (c *closeCount) Close() error { c.closed++; return nil }

// clientOn is a client of ours for the origin.
func clientOn(origin *ifmatchtest.Server, opts ...Option) *http.Client {
	return &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, opts...)}
}

type counter struct {
	N int `json:"n"`
}

func addOne(c *counter) error { c.N++; return nil }

// addFour is a competing writer that keeps the document JSON.
func addFour(current []byte) []byte {
	return []byte(strings.Replace(string(current), `"n":`, `"n":4`, 1))
}

var (
	errStatus = errors.New("a StatusError")
	errAny    = errors.New("any error")
)

func checkUpdateError(t *testing.T, err, want error) {
	t.Helper()
	var status *StatusError
	var conflict *ConflictError
	switch {
	case want == nil && err == nil, want == errAny && err != nil:
	case want == errStatus && errors.As(err, &status) && !errors.Is(err, ErrOutcomeUnknown):
	case want != nil && errors.Is(err, want):
		if want == ErrAttempts && !errors.As(err, &conflict) {
			t.Errorf("%v is no ConflictError", err)
		}
	default:
		t.Errorf("error %v, want %v", err, want)
	}
}

// newOrigin returns the origin of inBubble, which the caller closes.
func newOrigin() *ifmatchtest.Server {
	origin := ifmatchtest.NewMemoryServer()
	origin.Put("/doc", "text/plain", []byte("first"))
	origin.Put("/doc", "text/plain", []byte("theirs"))
	return origin
}

var (
	lost     = treatment{answer: "lost"}
	lostLate = treatment{answer: "lost", stored: true}
	refused  = treatment{answer: "refused", rival: `{"n":40,"_ifmatch":["r"]}`}
	exists   = treatment{answer: "exists", rival: `{"n":40,"_ifmatch":["r"]}`}
	status   = treatment{answer: "status"}

	createdAndDeleted = treatment{answer: "exists", rival: "gone"}
)

func hourly() backoff.BackOff { return backoff.NewConstantBackOff(time.Hour) }

// treatment is what becomes of one draft.
type treatment struct {
	stored  bool // it is performed
	answer  string
	rival   string        // what somebody else writes then; "gone": they delete
	inDoubt bool          // of a refusal: an earlier attempt may have been performed
	stale   string        // of a refusal: the state, with the validator that was refused
	takes   time.Duration // before the answer
	cancel  bool          // the caller gives up before the answer
}

func (t treatment) with(change func(*treatment)) treatment { change(&t); return t }

const (
	docOfRounds = `{"n":1,"_ifmatch":["x"]}`
	wiped       = `{"n":7,"_ifmatch":["y"]}`
)

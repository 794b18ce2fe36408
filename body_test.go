package ifmatch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/bodytest"
)

// protocols are the origins that bodies are sent to: net/http sends them in
// different ways.
var protocols = map[string]func() *ifmatchtest.Server{
	"HTTP/1.1": ifmatchtest.NewServer,
	"HTTP/2":   ifmatchtest.NewTLSServer,
}

// onBoth runs f for each protocol with an origin on which /doc was written
// twice, and looks for what is left behind.
func onBoth(t *testing.T, f func(t *testing.T, origin *ifmatchtest.Server)) {
	t.Helper()
	for name, start := range protocols {
		t.Run(name, func(t *testing.T) {
			nothingLeft := watchLeaks(t)
			origin := start()
			origin.Put("/doc", "text/plain", []byte("first"))
			origin.Put("/doc", "text/plain", []byte("theirs"))
			f(t, origin)
			origin.Client().CloseIdleConnections()
			origin.Close()
			nothingLeft()
		})
	}
}

// watchLeaks returns a function that fails the test when goroutines, open files
// or temporary files were left since. Those of net/http take a moment to end.
func watchLeaks(t *testing.T) func() {
	t.Helper()
	left := bodytest.Temporaries(t)
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close() // the runtime's own files for polling are there now
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	return func() {
		t.Helper()
		for end := time.Now().Add(3 * time.Second); ; time.Sleep(time.Millisecond) {
			g, f, names := runtime.NumGoroutine(), openFiles(), left()
			if g <= goroutines && f <= files && len(names) == 0 {
				return
			}
			if time.Now().After(end) {
				stacks := make([]byte, 64<<10)
				t.Errorf("left: %d goroutines, %d files, %v\n%s", g-goroutines, f-files, names, stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	}
}

// openFiles counts file descriptors, where that can be seen.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// noGetBody makes a stale PUT whose body can't be had again.
func noGetBody(t *testing.T, ctx context.Context, origin *ifmatchtest.Server, body io.ReadCloser, length int64) *http.Request {
	t.Helper()
	req := newWrite(t, ctx, origin, http.MethodPut, []string{stale})
	req.Body, req.GetBody, req.ContentLength = body, nil, length
	return req
}

// within fails the test when f doesn't end.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
		stacks := make([]byte, 256<<10)
		t.Fatalf("hangs\n%s", stacks[:runtime.Stack(stacks, true)])
	}
}

// eventually waits for what net/http does after it has answered.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Second); !ok(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(end) {
			t.Errorf("%s: not within 3 s", what)
			return
		}
	}
}

var quick = Options{
	WithTransientBackoff(func() backoff.BackOff { return &backoff.ZeroBackOff{} }),
	WithBackoff(func() backoff.BackOff { return &backoff.ZeroBackOff{} }),
	WithRetryBudget(1<<30, 1),
}

// TestCopiedOnlyWhereNeeded: what has a GetBody isn't copied, nor what is never
// sent again.
func TestCopiedOnlyWhereNeeded(t *testing.T) {
	every := WithTransientRetry(func(context.Context, *http.Response, error) (bool, error) { return false, nil })
	for _, test := range []struct {
		name    string
		method  string
		fields  []string
		policy  Policy
		opts    []Option
		getBody bool
		copied  bool
	}{
		{"guarded PUT", "PUT", []string{stale}, Resend, nil, false, true},
		{"guarded PUT with GetBody", "PUT", []string{stale}, Resend, []Option{every}, true, false},
		{"guarded PUT under Stop", "PUT", []string{stale}, Stop, nil, false, true},
		{"guarded PUT, never repeated", "PUT", []string{stale}, Stop, []Option{WithoutRepeats()}, false, false},
		{"create only", "PUT", []string{"If-None-Match: *"}, Stop, nil, false, true},
		{"create only, never repeated", "PUT", []string{"If-None-Match: *"}, Resend, []Option{WithoutRepeats()}, false, false},
		{"PATCH", "PATCH", []string{stale}, Resend, nil, false, true},
		{"PATCH under Stop", "PATCH", []string{stale}, Stop, nil, false, false},
		{"POST", "POST", []string{stale}, rebuilding, nil, false, true},
		{"POST with a key", "POST", []string{stale, "Idempotency-Key: k"}, Resend, nil, false, false},
		{"weak tag under Stop", "PUT", []string{`If-Match: W/"v1"`}, Stop, nil, false, false},
		{"date", "PUT", []string{longAgo}, Resend, nil, false, true},
		{"date under Stop", "PUT", []string{longAgo}, Stop, nil, false, false},
		{"any state", "PUT", []string{"If-Match: *"}, Resend, nil, false, false},
		{"signed above", "POST", []string{stale, "Authorization: AWS4-HMAC-SHA256 x"}, Resend, nil, false, false},
		{"no precondition", "PUT", nil, Resend, nil, false, false},
		{"no precondition, widened", "PUT", nil, Stop, []Option{every}, false, true},
		{"POST, widened", "POST", nil, Stop, []Option{every}, false, false},
		{"GET with a body", "GET", []string{stale}, Resend, nil, false, false},
	} {
		src := &bodytest.Source{R: strings.NewReader("mine")}
		req, _ := http.NewRequest(test.method, "http://example.test/doc", nil)
		req.Body, req.ContentLength = src, 4
		for _, field := range test.fields {
			name, value, _ := strings.Cut(field, ": ")
			req.Header.Set(name, value)
		}
		if test.getBody {
			req.GetBody = func() (io.ReadCloser, error) { return src, nil }
		}
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			if copied := strings.HasPrefix(fmt.Sprintf("%T", r.Body), "*replay."); copied != test.copied {
				t.Errorf("%s: copied is %v, want %v", test.name, copied, test.copied)
			}
			if !test.copied && r.Body != io.ReadCloser(src) {
				t.Errorf("%s: the base got %T instead of the caller's body", test.name, r.Body)
			}
			if r.ContentLength != 4 {
				t.Errorf("%s: Content-Length %d", test.name, r.ContentLength)
			}
			r.Body.Close()
			return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})
		if _, err := NewTransport(base, test.policy, test.opts...).RoundTrip(req); err != nil {
			t.Error(err)
		}
		if req.Body != io.ReadCloser(src) {
			t.Errorf("%s: the caller's request was changed", test.name)
		}
		src.Check(t)
	}
}

// TestCopyFails: without a disk the call isn't replayable, nothing else.
func TestCopyFails(t *testing.T) {
	onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
		t.Setenv("TMPDIR", "/nonexistent/ifmatch")
		data := bodytest.Pattern(100_000)
		for _, test := range []struct {
			tag, want string
			faults    []ifmatchtest.Fault
		}{
			{`"v2"`, "PUT 204", nil},
			{`"v1"`, "PUT 412", nil},
			{`"v1"`, "PUT 412", []ifmatchtest.Fault{ifmatchtest.EarlyRefusal(1)}},
			{`"v3"`, "PUT 503", []ifmatchtest.Fault{ifmatchtest.FailBefore(1, 503)}},
		} {
			origin.Inject(test.faults...)
			src := &bodytest.Source{R: bytes.NewReader(data)}
			req := noGetBody(t, t.Context(), origin, src, int64(len(data)))
			req.Header.Set("If-Match", test.tag)
			got := sendVia(t, NewTransport(origin.Client().Transport, Resend, quick, WithMaxBuffer(1000)), req)
			if got.err != nil || got.exchanges() != test.want && test.faults == nil {
				t.Errorf("%s, want %s; %v", got.exchanges(), test.want, got.err)
			}
			if got.resp.StatusCode >= 400 && !errors.Is(got.outcome.Err, ErrNotReplayable) {
				t.Errorf("%s: %v", got.summary(), got.outcome.Err)
			}
			if got.resp.StatusCode == 503 && got.outcome.Waited != 0 {
				t.Errorf("%s: waited %v for a repeat that can't be sent", got.summary(), got.outcome.Waited)
			}
			if got.resp.StatusCode == 412 && (got.outcome.Cause != CauseNotReplayable || got.body == "") {
				t.Errorf("%s, body %q", got.summary(), got.body)
			}
			eventually(t, "Close", func() bool { return src.Closes() > 0 })
			src.Check(t)
		}
		if body, _, _ := origin.State("/doc"); !bytes.Equal(body, data) {
			t.Errorf("the accepted write stored %d bytes", len(body))
		}
	})
}

// TestNotReplayable: a body that can't be had again isn't sent again.
func TestNotReplayable(t *testing.T) {
	for name, getBody := range map[string]func() (io.ReadCloser, error){
		"fails": func() (io.ReadCloser, error) { return nil, io.ErrClosedPipe },
		"nil":   func() (io.ReadCloser, error) { return nil, nil },
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			req := newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
			req.GetBody = getBody
			got := sendVia(t, NewTransport(origin.Client().Transport, Resend), req)
			if got.err != nil || got.resp.StatusCode != 412 || got.outcome.Cause != CauseNotReplayable || !errors.Is(got.outcome.Err, ErrNotReplayable) {
				t.Errorf("%s: %s, %v, %v", name, got.summary(), got.err, got.outcome.Err)
			}
			if name == "fails" && !errors.Is(got.outcome.Err, io.ErrClosedPipe) {
				t.Errorf("the error of GetBody is lost: %v", got.outcome.Err)
			}
			if got.body == "" {
				t.Errorf("%s: the refusal has no body", name)
			}
			// A policy that makes the body itself needs none.
			req = newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
			req.GetBody = getBody
			if got := sendVia(t, NewTransport(origin.Client().Transport, rebuilding), req); got.outcome.Effect != EffectApplied {
				t.Errorf("%s, rebuild: %s", name, got.summary())
			}
		})
	}
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		// Nothing was copied: a 428 to a write without a precondition is rare.
		origin.Inject(ifmatchtest.RequirePrecondition())
		req := newWrite(t, context.Background(), origin, http.MethodPut, nil)
		req.GetBody = nil
		got := sendVia(t, NewTransport(origin.Client().Transport, Resend), req)
		if got.err != nil || got.resp.StatusCode != 428 || got.outcome.Cause != CauseNotReplayable || got.body == "" {
			t.Errorf("%s, %v", got.summary(), got.outcome.Err)
		}
	})
}

// TestGetBodyOfAnotherLength: net/http notices and the call ends.
func TestGetBodyOfAnotherLength(t *testing.T) {
	for _, second := range []string{"m", "mine and more"} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			req := newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(second)), nil }
			got := sendVia(t, NewTransport(origin.Client().Transport, Resend), req)
			if got.err == nil || got.outcome.Effect != EffectUnknown || stateOf(origin) == second {
				t.Errorf("%s, %v, state %q", got.summary(), got.err, stateOf(origin))
			}
		})
	}
}

// TestBodyForms sends bodies of all forms twice: what arrives the second time is
// what arrived the first time, and as it arrives without the Transport.
func TestBodyForms(t *testing.T) {
	type arrival struct {
		Length   int64
		Encoding []string
		Body     string
		Trailer  http.Header
	}
	forms := map[string]func(r *http.Request){
		"none":                  func(r *http.Request) {},
		"NoBody":                func(r *http.Request) { r.Body = http.NoBody },
		"empty, length 0":       func(r *http.Request) { r.Body = &bodytest.Source{R: strings.NewReader("")} },
		"empty, length unknown": func(r *http.Request) { r.Body, r.ContentLength = &bodytest.Source{R: strings.NewReader("")}, -1 },
		"length": func(r *http.Request) {
			r.Body, r.ContentLength = &bodytest.Source{R: strings.NewReader("some text")}, 9
		},
		"length 0 is unknown": func(r *http.Request) { r.Body = &bodytest.Source{R: strings.NewReader("some text")} },
		"length unknown": func(r *http.Request) {
			r.Body, r.ContentLength = &bodytest.Source{R: strings.NewReader("some text")}, -1
		},
		"nothing now and then": func(r *http.Request) {
			r.Body, r.ContentLength = &bodytest.Source{R: &bodytest.Chunks{Data: []byte("some text"), N: 1, Err: io.EOF}}, 9
		},
		"the end with the last bytes": func(r *http.Request) {
			r.Body, r.ContentLength = &bodytest.Source{R: &bodytest.Chunks{Data: []byte("some text"), N: 4, Err: io.EOF, Glued: true}}, 9
		},
		"large": func(r *http.Request) {
			r.Body, r.ContentLength = &bodytest.Source{R: bytes.NewReader(bodytest.Pattern(100_000))}, 100_000
		},
		"trailer": func(r *http.Request) {
			r.Trailer = http.Header{"X-Sum": nil}
			r.Body, r.ContentLength = &bodytest.Source{R: io.MultiReader(strings.NewReader("some text"), readerFunc(func([]byte) (int, error) {
				r.Trailer.Set("X-Sum", "sum")
				return 0, io.EOF
			}))}, -1
		},
		"GetBody": func(r *http.Request) { r.Body, r.GetBody, r.ContentLength = bodyOf("some text") },
		"GetBody that shares one reader": func(r *http.Request) {
			shared := strings.NewReader("some text")
			r.GetBody = func() (io.ReadCloser, error) {
				_, err := shared.Seek(0, io.SeekStart)
				return io.NopCloser(shared), err
			}
			r.Body, r.ContentLength = io.NopCloser(shared), 9
		},
		"GetBody, length unknown": func(r *http.Request) { r.Body, r.GetBody, _ = bodyOf("some text"); r.ContentLength = -1 },
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
				var arrivals []arrival
				answer := func(status int) ifmatchtest.Fault {
					return ifmatchtest.Reply(1, func(w http.ResponseWriter, r *http.Request) {
						body, err := io.ReadAll(r.Body)
						if err != nil {
							t.Error(err)
						}
						arrivals = append(arrivals, arrival{r.ContentLength, r.TransferEncoding, string(body), r.Trailer})
						w.WriteHeader(status)
					}).On("PUT")
				}
				put := func(rt http.RoundTripper) result {
					req := newWrite(t, t.Context(), origin, http.MethodPut, []string{stale})
					req.Body, req.GetBody, req.ContentLength = nil, nil, 0
					form(req)
					got := sendVia(t, rt, req)
					if src, ok := req.Body.(*bodytest.Source); ok {
						eventually(t, "Close", func() bool { return src.Closes() > 0 })
						src.Check(t)
					}
					return got
				}
				origin.Inject(answer(204), answer(412), answer(503), answer(204))
				put(origin.Client().Transport)
				got := put(NewTransport(origin.Client().Transport, Resend, quick, WithMaxBuffer(50_000)))
				if want := "PUT 412, HEAD 200, PUT 503, PUT 204"; got.exchanges() != want {
					t.Fatalf("%s, want %s; %v, %v", got.exchanges(), want, got.err, got.outcome.Err)
				}
				for i, a := range arrivals[1:] {
					if diff := cmp.Diff(arrivals[0], a); diff != "" {
						t.Errorf("attempt %d (-without the Transport +with it):\n%s", i+1, diff)
					}
				}
			})
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestLyingBodies: bodies of another length than announced, and such as break
// off, end the call; the state stays.
func TestLyingBodies(t *testing.T) {
	broken := errors.New("the source broke")
	for name, body := range map[string]func() (io.Reader, int64){
		"shorter": func() (io.Reader, int64) { return bytes.NewReader(bodytest.Pattern(100_000)), 150_000 },
		"empty":   func() (io.Reader, int64) { return bytes.NewReader(nil), 10 },
		"longer":  func() (io.Reader, int64) { return bytes.NewReader(bodytest.Pattern(100_000)), 99_999 },
		"breaks off": func() (io.Reader, int64) {
			return &bodytest.Chunks{Data: bodytest.Pattern(100_000), N: 5000, Err: broken}, 150_000
		},
		"breaks, unknown": func() (io.Reader, int64) {
			return &bodytest.Chunks{Data: bodytest.Pattern(100_000), N: 5000, Err: broken}, -1
		},
		"breaks at once": func() (io.Reader, int64) { return &bodytest.Chunks{Err: broken}, 10 },
	} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, early %v", name, early), func(t *testing.T) {
				onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
					if early {
						origin.Inject(ifmatchtest.EarlyRefusal(0))
					}
					r, length := body()
					src := &bodytest.Source{R: r}
					req := noGetBody(t, t.Context(), origin, src, length)
					var got result
					within(t, 10*time.Second, func() {
						got = sendVia(t, NewTransport(origin.Client().Transport, Resend, quick, WithMaxBuffer(1000)), req)
					})
					if got.err == nil && got.resp.StatusCode < 400 {
						t.Error(got.summary())
					}
					// Of what is longer a server may have all that was announced, and
					// answer, before net/http notices that there is more.
					if got.outcome.Attempts > 2 || !early && got.outcome.Attempts > 1 && name != "longer" {
						t.Errorf("the body is at fault, and yet: %s", got.summary())
					}
					if state := stateOf(origin); state != "theirs" && (name != "longer" || got.outcome.Effect != EffectUnknown) {
						t.Errorf("%d bytes were stored: %s", len(state), got.summary())
					}
					eventually(t, "Close", func() bool { return src.Closes() > 0 })
					src.Check(t)
				})
			})
		}
	}
}

// TestStuckBodies: a body that hangs doesn't keep the call from ending.
func TestStuckBodies(t *testing.T) {
	cases := map[string]stuckCase{
		"cancelled":                                 {cancel: true, policy: Resend, want: context.Canceled},
		"cancelled under Stop":                      {cancel: true, policy: Stop, want: context.Canceled},
		"cancelled at an early refusal":             {early: true, cancel: true, policy: Resend, want: context.Canceled},
		"cancelled at an early refusal, rebuild":    {early: true, cancel: true, policy: rebuilding},
		"out of time after an early refusal":        {early: true, bounded: true, policy: Resend},
		"out of time after an early refusal, Stop":  {early: true, bounded: true, policy: Stop},
		"out of time after an early refusal, deaf":  {early: true, bounded: true, deaf: true, policy: Resend},
		"cancelled at an early refusal, deaf":       {early: true, cancel: true, deaf: true, policy: Resend, want: context.Canceled},
		"out of time after an early 503":            {failing: true, bounded: true, policy: Resend},
		"attempts used up with an early refusal":    {early: true, bounded: true, attempts: 1, policy: Resend},
		"the policy fails with an early refusal":    {early: true, bounded: true, policy: PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, io.ErrNoProgress }), want: io.ErrNoProgress},
		"another body, accepted, early, then ended": {early: true, bounded: true, policy: rebuilding},
	}
	for protocol, start := range protocols {
		t.Run(protocol, func(t *testing.T) {
			nothingLeft := watchLeaks(t)
			t.Run("cases", func(t *testing.T) { // side by side: most of their time is a server's wait
				for name, test := range cases {
					// A server of HTTP/1.1 waits half a second for the rest of each body, and the end
					// of a body that is deaf takes another half.
					if protocol == "HTTP/1.1" && (test.deaf || !test.failing) && long(1, 0) == 0 {
						continue
					}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						test.run(t, start())
					})
				}
			})
			nothingLeft()
		})
	}
}

// stuckCase is a write whose body gives ten bytes and then hangs.
type stuckCase struct {
	early    bool
	failing  bool // 503, early too
	cancel   bool // the context, once the body hangs, or at the refusal
	deaf     bool // Close doesn't end Read
	attempts int
	policy   Policy
	bounded  bool // by WithMaxElapsed
	want     error
}

func (test stuckCase) run(t *testing.T, origin *ifmatchtest.Server) {
	const soon = 50 * time.Millisecond
	origin.Put("/doc", "text/plain", []byte("first"))
	origin.Put("/doc", "text/plain", []byte("theirs"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	src := bodytest.NewStuck(10)
	src.Deaf = test.deaf
	early := func(status int) ifmatchtest.Fault { // while the body hangs
		return ifmatchtest.Reply(1, func(w http.ResponseWriter, r *http.Request) {
			<-src.Inside()
			w.WriteHeader(status)
			io.WriteString(w, "refused")
		}).On("PUT")
	}
	if test.failing {
		origin.Inject(early(http.StatusServiceUnavailable))
	}
	if test.early {
		origin.Inject(early(http.StatusPreconditionFailed))
	}
	opts := Options{quick, WithMaxAttempts(test.attempts), WithTrace(&Trace{Refused: func(RefusedInfo) {
		if test.cancel {
			cancel()
		}
	}})}
	if test.bounded {
		opts = append(opts, WithMaxElapsed(soon))
	}
	if test.cancel && !test.early {
		go func() {
			<-src.Inside()
			cancel()
		}()
	}
	var got result
	start := time.Now()
	within(t, 10*time.Second, func() {
		got = sendVia(t, NewTransport(origin.Client().Transport, test.policy, opts), noGetBody(t, ctx, origin, src, 1<<20))
	})
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
	if test.want != nil && !errors.Is(got.err, test.want) {
		t.Errorf("%s: error %v, want %v", got.summary(), got.err, test.want)
	}
	if test.want == nil && !test.cancel && got.err != nil {
		t.Errorf("%s: %v", got.summary(), got.err)
	}
	if test.policy == Policy(Stop) {
		cancel() // net/http reads on for as long as the caller's context lasts
	}
	eventually(t, "Close", func() bool { return src.Closes() > 0 })
	if test.deaf {
		src.Unblock()
	}
	origin.Client().CloseIdleConnections()
	origin.Close()
	if n := src.Closes(); n != 1 {
		t.Errorf("closed %d times", n)
	}
}

// TestEndlessNothing: a body that gives neither bytes nor an end is ended by the
// context.
func TestEndlessNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		reads := 0
		src := &bodytest.Source{R: readerFunc(func([]byte) (int, error) {
			if reads++; reads == 1000 {
				cancel()
			}
			return 0, nil
		})}
		within(t, 10*time.Second, func() {
			got := sendVia(t, NewTransport(origin.Client().Transport, Resend, quick), noGetBody(t, ctx, origin, src, 10))
			if !errors.Is(got.err, context.Canceled) {
				t.Errorf("%s: %v", got.summary(), got.err)
			}
		})
		eventually(t, "Close", func() bool { return src.Closes() > 0 && !src.Reading() })
		if n := src.Closes(); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}

// TestUnsentRestIsNotRead: a body that no attempt has sent whole can't have been
// stored whole, so nothing more of it is read to find that out.
func TestUnsentRestIsNotRead(t *testing.T) {
	src := bodytest.NewStuck(100)
	writes := 0
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"v2"`}}, Body: http.NoBody, Request: req}
		if req.Method != http.MethodPut {
			resp.Body = io.NopCloser(bytes.NewReader(bodytest.Pattern(200)))
			return resp, nil
		}
		defer req.Body.Close()
		switch writes++; writes {
		case 1:
			io.ReadFull(req.Body, make([]byte, 100))
			return nil, io.ErrUnexpectedEOF
		case 2:
			resp.StatusCode = http.StatusPreconditionFailed
		default:
			resp.StatusCode = http.StatusNoContent
		}
		return resp, nil
	})
	req, _ := http.NewRequest(http.MethodPut, "http://example.test/doc", nil)
	req.Header.Set("If-Match", `"v1"`)
	req.Body, req.ContentLength = src, 200
	within(t, 5*time.Second, func() {
		got := sendVia(t, NewTransport(base, Resend, quick), req)
		if want := "PUT failed, PUT 412, GET 200, PUT 204"; got.exchanges() != want {
			t.Errorf("%s, want %s; %v", got.exchanges(), want, got.err)
		}
	})
	if src.Hung() {
		t.Error("the source was read on")
	}
}

// TestBodyClosedOnce: on each path, with GetBody and without.
func TestBodyClosedOnce(t *testing.T) {
	fails := PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, io.ErrNoProgress })
	panics := PolicyFunc(func(context.Context, *Conflict) (Decision, error) { panic("broken") })
	for name, test := range map[string]struct {
		policy Policy
		fields []string
		faults []ifmatchtest.Fault
		opts   Options
		change func(*http.Request) *http.Request
	}{
		"accepted":           {policy: Resend, fields: []string{`If-Match: "v2"`}},
		"stopped":            {policy: Stop},
		"resent":             {policy: Resend},
		"rebuilt":            {policy: rebuilding},
		"unconditional":      {policy: Unconditional},
		"policy fails":       {policy: fails},
		"policy panics":      {policy: panics},
		"attempts":           {policy: Resend, faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(0, nil)}},
		"gone":               {policy: Resend, faults: []ifmatchtest.Fault{ifmatchtest.NoHead(410)}},
		"create only":        {policy: Resend, fields: []string{"If-None-Match: *"}},
		"no precondition":    {policy: Resend, fields: []string{"X: y"}, faults: []ifmatchtest.Fault{ifmatchtest.RequirePrecondition()}},
		"failing once":       {policy: Resend, faults: []ifmatchtest.Fault{ifmatchtest.FailBefore(1, 503)}},
		"failing always":     {policy: Resend, faults: []ifmatchtest.Fault{ifmatchtest.FailBefore(0, 503).On("PUT")}},
		"answer lost":        {policy: Resend, faults: []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}},
		"answers lost":       {policy: Resend, faults: []ifmatchtest.Fault{ifmatchtest.LostAnswer(0).On("PUT")}},
		"lost, then refused": {policy: rebuilding, fields: []string{`If-Match: "v2"`}, faults: []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}},
		"outcome asked":      {policy: Stop, opts: Options{WithExpectContinue(1)}},
		"cancelled before": {policy: Resend, change: func(r *http.Request) *http.Request {
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			return r.WithContext(ctx)
		}},
		"cancelled, wait": {policy: Resend, opts: Options{WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(5 * time.Second) })}, change: func(r *http.Request) *http.Request {
			ctx, cancel := context.WithCancel(r.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			return r.WithContext(ctx)
		}},
		"no time for a wait":  {policy: Resend, opts: Options{WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(time.Hour) })}},
		"connection refused":  {policy: Resend, change: func(r *http.Request) *http.Request { r.URL.Host = "127.0.0.1:1"; return r }},
		"no host":             {policy: Resend, change: func(r *http.Request) *http.Request { r.URL.Host = ""; return r }},
		"no URL":              {policy: Resend, change: func(r *http.Request) *http.Request { r.URL = nil; return r }},
		"malformed field":     {policy: Resend, change: func(r *http.Request) *http.Request { r.Header["X-A"] = []string{"\n"}; return r }},
		"GetBody's own error": {policy: Resend, change: func(r *http.Request) *http.Request { return r }},
	} {
		for _, early := range []bool{false, true} {
			for _, getBody := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, early %v, GetBody %v", name, early, getBody), func(t *testing.T) {
					onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
						if early {
							origin.Inject(ifmatchtest.EarlyRefusal(0))
						}
						origin.Inject(test.faults...)
						if test.fields == nil {
							test.fields = []string{stale}
						}
						var mu sync.Mutex
						var bodies []*bodytest.Source
						open := func() (io.ReadCloser, error) {
							mu.Lock()
							defer mu.Unlock()
							if name == "GetBody's own error" && len(bodies) > 0 {
								return nil, io.ErrClosedPipe
							}
							bodies = append(bodies, &bodytest.Source{R: bytes.NewReader(bodytest.Pattern(20_000))})
							return bodies[len(bodies)-1], nil
						}
						req := newWrite(t, t.Context(), origin, http.MethodPut, test.fields)
						req.Body, _ = open()
						req.GetBody, req.ContentLength = nil, 20_000
						if getBody {
							req.GetBody = open
						}
						if test.change != nil {
							req = test.change(req)
						}
						start := time.Now()
						func() {
							defer func() {
								if v := recover(); v != nil && v != "broken" {
									panic(v)
								}
							}()
							sendVia(t, NewTransport(origin.Client().Transport, test.policy, quick, WithMaxBuffer(1000), test.opts), req)
						}()
						if took := time.Since(start); took > 3*time.Second {
							t.Errorf("took %v", took)
						}
						mu.Lock()
						defer mu.Unlock()
						for i, b := range bodies {
							if getBody && strings.HasPrefix(origin.URL, "https:") {
								b.Lenient = true // net/http itself reads on for a moment on HTTP/2
							}
							eventually(t, fmt.Sprintf("Close of body %d", i), func() bool { return b.Closes() > 0 })
							b.Check(t)
						}
					})
				})
			}
		}
	}
}

// TestEarlyRefusalAtAnyMoment refuses uploads at random moments of their sending: no byte is lost, none is read twice,
// and there is one reader at a time.
func TestEarlyRefusalAtAnyMoment(t *testing.T) {
	rounds, writers := long(500, 50), 10 // for each protocol
	onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.EarlyRefusal(0))
		var midway, repeated atomic.Int32
		var all sync.WaitGroup
		for writer := range writers {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(writer), 7))
				path := fmt.Sprintf("/doc/%d", writer)
				origin.Put(path, "", []byte("first"))
				origin.Put(path, "", []byte("second"))
				for range rounds / writers {
					refusalInRound(t, origin, path, random, &midway, &repeated)
				}
			})
		}
		all.Wait()
		t.Logf("%d rounds: %d times the refusal came while the source was read; %d repeats after a failure", rounds, midway.Load(), repeated.Load())
		if midway.Load() < int32(rounds/4) {
			t.Error("little was early")
		}
	})
}

func refusalInRound(t *testing.T, origin *ifmatchtest.Server, path string, random *rand.Rand, midway, repeated *atomic.Int32) {
	// What has 256 KiB and more isn't read to its end by net/http's server
	// before it answers, so that the answer can be waited for in the midst of it.
	gated := random.IntN(2) == 0
	data := bodytest.Pattern(1 + random.IntN([]int{100, 5000, 50_000}[random.IntN(3)]))
	if gated {
		data = bodytest.Pattern(257<<10 + random.IntN(20_000))
	}
	src := &bodytest.Source{R: bytes.NewReader(data)}
	answered := make(chan struct{})
	var once sync.Once
	gate, yields, step := random.IntN(len(data)), random.IntN(20), 1+len(data)/50+random.IntN(60_000)
	whole := src.R
	src.R = readerFunc(func(p []byte) (int, error) { return whole.Read(p[:min(len(p), step)]) })
	src.Pause = func() {
		for range yields {
			runtime.Gosched()
		}
		if gated && src.Given() >= int64(gate) { // from here on it reads when the answer is there
			select {
			case <-answered:
			case <-time.After(time.Second):
			}
		}
	}
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := origin.Client().Transport.RoundTrip(req)
		if req.Method == http.MethodPut {
			once.Do(func() {
				if src.Reading() {
					midway.Add(1)
				}
				close(answered)
			})
		}
		return resp, err
	})
	req := noGetBody(t, t.Context(), origin, src, int64(len(data)))
	req.URL.Path = path
	if !gated && random.IntN(4) == 0 {
		req.ContentLength = -1
	}
	got := sendVia(t, NewTransport(base, Resend, quick, WithMaxAttempts(8), WithMaxBuffer(int64(1+random.IntN(1_000_000)))), req)
	if got.err != nil || got.resp.StatusCode != http.StatusNoContent {
		t.Errorf("%s: %v, %v", got.summary(), got.err, got.outcome.Err)
		return
	}
	if n := len(got.outcome.Exchanges); n > 3 {
		repeated.Add(1)
	}
	if body, _, _ := origin.State(path); !bytes.Equal(body, data) {
		t.Errorf("%s: %d bytes arrived, %d were sent", got.summary(), len(body), len(data))
	}
	eventually(t, "Close", func() bool { return src.Closes() > 0 })
	src.Check(t)
	if src.Given() != int64(len(data)) {
		t.Errorf("%d bytes of %d were read", src.Given(), len(data))
	}
	origin.ResetLog() // it keeps the bodies
}

// TestEarlyRefusalOneConnection: refused while the body is being sent, with one connection allowed.
func TestEarlyRefusalOneConnection(t *testing.T) {
	for _, h2 := range []bool{true, false} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v2"`)
			if tag := r.Header.Get("If-Match"); tag != "" && tag != `"v2"` {
				http.Error(w, "no", http.StatusPreconditionFailed)
				return
			}
			io.Copy(io.Discard, r.Body)
		}))
		srv.EnableHTTP2 = h2
		srv.StartTLS()
		cl := srv.Client()
		cl.Transport.(*http.Transport).MaxConnsPerHost = 1
		rt := NewTransport(cl.Transport, Resend)
		_ = time.Now()
		for i := range long(8, 2) {
			req, _ := http.NewRequest("PUT", srv.URL, bytes.NewReader(make([]byte, 8<<20)))
			req.Header.Set("If-Match", `"v1"`)
			ctx, c := context.WithTimeout(context.Background(), 5*time.Second)
			resp, err := rt.RoundTrip(req.WithContext(ctx))
			if err != nil || resp.StatusCode != 200 {
				t.Error(h2, i, resp, err)
			} else {
				resp.Body.Close()
			}
			c()
		}
		srv.Close()
	}
}

// generator makes n bytes without keeping them, and counts them.
type generator struct {
	left int64
	read *atomic.Int64
	text []byte
}

func (g *generator) Read(p []byte) (int, error) {
	if g.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), g.left)], g.text[g.read.Load()%int64(len(g.text)):])
	g.left -= int64(n)
	g.read.Add(int64(n))
	return n, nil
}

func newGenerator(n int64, read *atomic.Int64) *generator {
	text := make([]byte, 65521) // a prime, so that lost blocks show
	for i := range text {
		text[i] = byte(i*7 + i>>8*13)
	}
	return &generator{n, read, text}
}

// TestExpectContinue: a refused upload of 64 MiB is sent once.
func TestExpectContinue(t *testing.T) {
	size := int64(long(64, 8)) << 20
	for _, getBody := range []bool{false, true} {
		t.Run(fmt.Sprintf("GetBody %v", getBody), func(t *testing.T) {
			onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(ifmatchtest.EarlyRefusal(0), ifmatchtest.DiscardBodies())
				base := origin.Client().Transport.(*http.Transport).Clone()
				defer base.CloseIdleConnections()
				base.ExpectContinueTimeout = 30 * time.Second
				var read atomic.Int64
				src := &bodytest.Source{R: newGenerator(size, &read)}
				req := noGetBody(t, t.Context(), origin, src, size)
				if getBody {
					req.GetBody = func() (io.ReadCloser, error) { return &bodytest.Source{R: newGenerator(size, &read)}, nil }
				}
				before := req.Header.Clone()
				got := sendVia(t, NewTransport(base, Resend, WithExpectContinue(size)), req)
				if want := "PUT 412, HEAD 200, PUT 204"; got.exchanges() != want {
					t.Fatalf("%s, want %s; %v", got.exchanges(), want, got.outcome.Err)
				}
				log := origin.Log()
				if log[0].BodySize != 0 || log[2].BodySize != size || read.Load() != size {
					t.Errorf("%d and %d bytes arrived, %d were read", log[0].BodySize, log[2].BodySize, read.Load())
				}
				http1 := strings.HasPrefix(origin.URL, "http:") // net/http's server hides the field on HTTP/2
				if http1 && (log[0].Header.Get("Expect") != "100-continue" || log[2].Header.Get("Expect") != "100-continue" || log[1].Header.Get("Expect") != "") {
					t.Errorf("Expect: %q, %q, %q", log[0].Header.Get("Expect"), log[1].Header.Get("Expect"), log[2].Header.Get("Expect"))
				}
				if diff := cmp.Diff(before, req.Header); diff != "" {
					t.Errorf("the caller's header was changed:\n%s", diff)
				}
				eventually(t, "Close", func() bool { return src.Closes() > 0 })
				src.Check(t)
			})
		})
	}
}

// TestExpectOnlyWhereMeant: from n bytes on, under a precondition, unless the
// caller has set the field.
func TestExpectOnlyWhereMeant(t *testing.T) {
	for _, test := range []struct {
		n, length int64
		fields    []string
		want      string
	}{
		{10, 10, []string{stale}, "100-continue"},
		{10, 9, []string{stale}, ""},
		{10, -1, []string{stale}, "100-continue"},
		{10, 0, []string{stale}, "100-continue"},
		{10, 10, nil, ""},
		{10, 10, []string{stale, "Expect: other"}, "other"},
		{0, 10, []string{stale}, ""},
		{-1, 10, []string{stale}, ""},
	} {
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			if got := r.Header.Get("Expect"); got != test.want {
				t.Errorf("%+v: Expect %q", test, got)
			}
			r.Body.Close()
			return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody}, nil
		})
		req, _ := http.NewRequest(http.MethodPut, "http://example.test/", nil)
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader("0123456789")), test.length
		for _, field := range test.fields {
			name, value, _ := strings.Cut(field, ": ")
			req.Header.Set(name, value)
		}
		NewTransport(base, Resend).RoundTrip(req.WithContext(WithOptions(t.Context(), WithExpectContinue(test.n))))
	}
}

// TestExpectationFailed: 417 is followed by the same request without Expect.
func TestExpectationFailed(t *testing.T) {
	for name, test := range map[string]struct {
		own  bool // the caller's own Expect
		want string
	}{
		"ours":         {false, "PUT 417, PUT 412, HEAD 200, PUT 204"},
		"the caller's": {true, "PUT 417"},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(ifmatchtest.Reply(1, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusExpectationFailed) }).On("PUT"))
				base := origin.Client().Transport.(*http.Transport).Clone()
				defer base.CloseIdleConnections()
				base.ExpectContinueTimeout = 30 * time.Second
				src := &bodytest.Source{R: strings.NewReader("mine")}
				req := noGetBody(t, t.Context(), origin, src, 4)
				if test.own {
					req.Header.Set("Expect", "100-continue")
				}
				got := sendVia(t, NewTransport(base, Resend, quick, WithExpectContinue(1)), req)
				if got.exchanges() != test.want {
					t.Errorf("%s, want %s; %v", got.exchanges(), test.want, got.outcome.Err)
				}
				for _, r := range origin.Log()[1:] {
					if r.Header.Get("Expect") != "" {
						t.Errorf("%s after the 417 carries Expect", r.Method)
					}
				}
				if !test.own && (stateOf(origin) != "mine" || src.Given() != 4) {
					t.Errorf("state %q, %d bytes read", stateOf(origin), src.Given())
				}
				eventually(t, "Close", func() bool { return src.Closes() > 0 })
				src.Check(t)
			})
		})
	}
}

// uploadEnv tells the child process of TestUploadMemory what to send where.
const uploadEnv = "IFMATCH_TEST_UPLOAD"

// TestUploadMemory measures the peak memory of processes that send one large
// body which is refused once, early or late: without GetBody less than 64 MiB,
// with it at most 16 MiB, whatever the size. By default 64 MiB are sent, 8 under
// the race detector, whose memory isn't bounded. With IFMATCH_LARGE=1 it is 1 GiB
// without GetBody and 512 MiB with it:
//
//	IFMATCH_LARGE=1 go test -run TestUploadMemory -v .
func TestUploadMemory(t *testing.T) {
	if todo := os.Getenv(uploadEnv); todo != "" {
		uploadInChild(t, todo)
		return
	}
	for _, getBody := range []bool{false, true}[:long(2, 1)] {
		size, limit := int64(64<<20), int64(64<<20-1)
		switch large := os.Getenv("IFMATCH_LARGE") != ""; {
		case large && getBody:
			size = 512 << 20
		case large:
			size = 1 << 30
		case raceEnabled:
			size = 8 << 20
		default:
			limit = 16 << 20 // less than the body
		}
		if getBody {
			limit = 10 << 20
		}
		for _, early := range []bool{getBody, !getBody}[:long(2, 1)] {
			t.Run(fmt.Sprintf("%d MiB, GetBody %v, early %v", size>>20, getBody, early), func(t *testing.T) {
				onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
					// When the collector comes to run moves the peak of one process by
					// some MiB. A body that is kept is in the peak of each.
					var peaks []string
					for range 4 {
						peak := uploadFromChild(t, origin, size, getBody, early)
						peaks = append(peaks, fmt.Sprintf("%.1f MiB", float64(peak)/(1<<20)))
						if peak <= limit || raceEnabled {
							t.Log(peaks)
							return
						}
					}
					t.Errorf("peaks of %v, at most %d bytes are fine", peaks, limit)
				})
			})
		}
	}
}

// uploadFromChild returns the peak memory of the process that uploads.
func uploadFromChild(t *testing.T, origin *ifmatchtest.Server, size int64, getBody, early bool) (peak int64) {
	origin.ResetLog()
	origin.Inject(ifmatchtest.DiscardBodies())
	if early {
		origin.Inject(ifmatchtest.EarlyRefusal(0))
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestUploadMemory$", "-test.count=1")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %v", uploadEnv, origin.URL, size, getBody))
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := fmt.Sscanf(string(out), "peak %d\n", &peak); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sum := sha256.New()
	io.Copy(sum, newGenerator(size, new(atomic.Int64)))
	body, _, _ := origin.State("/doc")
	if want := fmt.Sprintf("\nsha256:%x length:%d\n", sum.Sum(nil), size); !strings.HasSuffix(string(body), want) {
		t.Errorf("the origin has %q, want %q", body[min(64, len(body)):], want)
	}
	log := origin.Log()
	if last := log[len(log)-1]; log[0].StatusCode != 412 || last.StatusCode != 204 || last.BodySize != size {
		t.Errorf("%d at first, at last %d with %d bytes", log[0].StatusCode, last.StatusCode, last.BodySize)
	}
	return peak
}

func uploadInChild(t *testing.T, todo string) {
	var url string
	var size int64
	var getBody bool
	if _, err := fmt.Sscan(todo, &url, &size, &getBody); err != nil {
		t.Fatal(err)
	}
	open := func() (io.ReadCloser, error) {
		return &bodytest.Source{R: newGenerator(size, new(atomic.Int64))}, nil
	}
	req, err := http.NewRequest(http.MethodPut, url+"/doc", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-Match", `"v1"`)
	req.Body, _ = open()
	req.ContentLength = size
	if getBody {
		req.GetBody = open
	}
	base := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true} // the parent's certificate
	resp, err := NewTransport(base, Resend, WithMaxElapsed(10*time.Minute)).RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	fmt.Printf("peak %d\n", peakMemory(t))
}

// peakMemory is that of this process: on Linux all but the pages of the program itself, of
// which the tests have more each month; elsewhere what the runtime has ever had.
func peakMemory(t *testing.T) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.Sys)
	}
	kib := func(name string) (n int64) {
		_, after, _ := strings.Cut(string(status), name+":")
		if _, err := fmt.Sscan(after, &n); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	return (kib("VmHWM") - kib("RssFile")) << 10
}

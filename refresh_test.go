package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// TestRefreshRequest: which fields of the write go with the refresh, and which never do.
func TestRefreshRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		kept := []string{"Authorization: Bearer x", "Cookie: a=b", "Accept: text/plain", "Accept-Language: de", "X-Ms-Version: 1", "Traceparent: 00"}
		dropped := []string{
			"Content-Language: de", "Content-Md5: x", "Prefer: return=minimal", "Range: bytes=0-1", "Te: trailers",
			"X-Amz-Meta-A: 1", "X-Amz-Checksum-Crc32: x", "X-Ms-Meta-A: 1", "X-Goog-Meta-A: 1", "Digest: x", "Repr-Digest: x",
			"X-Goog-Hash: x", "X-Ms-Blob-Type: BlockBlob", "X-Http-Method-Override: PUT", "Overwrite: T", "Destination: /x",
			"X-Amz-Copy-Source: /x", "X-Amz-Content-Sha256: x",
		}
		fields := append(append([]string{stale, "Accept-Encoding: br", "Cache-Control: max-age=5"}, kept...), dropped...)
		for _, policy := range []Policy{Resend, rebuilding} {
			origin.ResetLog()
			send(t, origin, policy, http.MethodPut, append(fields, `If-Match: "v0"`))
			log := origin.Log()
			if len(log) < 2 {
				t.Fatalf("%d requests", len(log))
			}
			h := log[1].Header
			for _, field := range kept {
				name, value, _ := strings.Cut(field, ": ")
				if h.Get(name) != value {
					t.Errorf("%s of the refresh: %q, want %q", name, h.Get(name), value)
				}
			}
			for _, field := range append(dropped, stale, "Content-Type: text/plain", "Content-Length: 4") {
				if name, _, _ := strings.Cut(field, ": "); h.Values(name) != nil {
					t.Errorf("the refresh carries %s: %q", name, h.Values(name))
				}
			}
			if len(log[1].Body) > 0 {
				t.Errorf("the refresh has a body")
			}
			for name, want := range map[string]string{"Accept-Encoding": "identity", "Cache-Control": "no-cache", "Pragma": "no-cache"} {
				if !cmp.Equal(h.Values(name), []string{want}) {
					t.Errorf("%s of the refresh: %q, want %q", name, h.Values(name), want)
				}
			}
		}
	})
}

// TestRefreshKeepsHostAndLimits: also where f made the request with a context of its own. No field about the method, the
// body or the connection goes with it.
func TestRefreshKeepsHostAndLimits(t *testing.T) {
	s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`), ok()}}
	cancel := make(chan struct{})
	newReq := func() *http.Request {
		req, _ := http.NewRequest("PUT", "http://127.0.0.1/doc", strings.NewReader("x"))
		req.Host, req.Cancel = "virtual.test", cancel
		for _, f := range []string{"If-Match", "X-HTTP-Method", "X-Method-Override", "X-Idempotency-Key", "Expect", "Upgrade"} {
			req.Header.Set(f, `"v1"`)
		}
		return req
	}
	policy := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		c.Response.Header.Set("Retry-After", "3600") // not what the call goes by
		if c.Request.Body != nil {
			t.Error("Conflict.Request has a Body")
		}
		c.Header().Set("X-Idempotency-Key", "new")
		_, err := c.Validators(ctx)
		return c.Resend(), err
	})
	own := WithRefreshRequest(func(r *http.Request) (*http.Request, error) { return r.WithContext(context.Background()), nil })
	req := newReq()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	sendVia(t, NewTransport(s, policy, own), req.WithContext(ctx))
	if len(s.got) != 3 {
		t.Fatalf("%d requests", len(s.got))
	}
	head := s.got[1]
	if _, limited := head.Context().Deadline(); !limited || head.Host != "virtual.test" || head.Cancel != (<-chan struct{})(cancel) {
		t.Errorf("deadline %v, host %q, Cancel %v", limited, head.Host, head.Cancel)
	}
	for name := range head.Header {
		if name != "Accept-Encoding" && name != "Cache-Control" && name != "Pragma" {
			t.Errorf("the refresh carries %s", name)
		}
	}
	if s.got[2].GetBody == nil {
		t.Error("the repeated write has no GetBody, so net/http can't replay it")
	}
}

// TestRefreshStaysAtTheOrigin: whatever the function of WithRefreshRequest does.
func TestRefreshStaysAtTheOrigin(t *testing.T) {
	for name, test := range map[string]struct {
		f    func(*http.Request) (*http.Request, error)
		want string
	}{
		"query": {func(r *http.Request) (*http.Request, error) { r.URL.RawQuery = "fresh=1"; return r, nil }, "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote"},
		"GET":   {func(r *http.Request) (*http.Request, error) { r.Method = ""; return r, nil }, "PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote"},
		"nil":   {func(r *http.Request) (*http.Request, error) { return nil, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"error": {func(r *http.Request) (*http.Request, error) { return r, io.ErrClosedPipe }, "PUT 412 | 412 | not applied, refresh failed"},
		"host":  {func(r *http.Request) (*http.Request, error) { r.URL.Host = "elsewhere.test"; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"Host":  {func(r *http.Request) (*http.Request, error) { r.Host = "elsewhere.test"; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"https": {func(r *http.Request) (*http.Request, error) { r.URL.Scheme = "https"; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"POST":  {func(r *http.Request) (*http.Request, error) { r.Method = "POST"; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
		"body": {func(r *http.Request) (*http.Request, error) {
			r.Body = io.NopCloser(strings.NewReader("x"))
			return r, nil
		}, "PUT 412 | 412 | not applied, refresh failed"},
		"no URL": {func(r *http.Request) (*http.Request, error) { r.URL = nil; return r, nil }, "PUT 412 | 412 | not applied, refresh failed"},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			got := send(t, origin, Resend, http.MethodPut, []string{stale, "Authorization: Bearer secret"}, WithRefreshRequest(test.f))
			if got.summary() != test.want {
				t.Errorf("%s: got  %s\nwant %s, %v", name, got.summary(), test.want, got.outcome.Err)
			}
			for _, r := range origin.Log() {
				if r.Method == "PUT" && r.Path != "/doc" {
					t.Errorf("%s: the write went to %s", name, r.Path)
				}
			}
		})
	}
}

// TestRefreshStaysAtThePort: nor has it a body. One that f made is closed.
func TestRefreshStaysAtThePort(t *testing.T) {
	cancel := make(chan struct{})
	newReq := func() *http.Request {
		req, _ := http.NewRequest("PUT", "http://127.0.0.1/doc", strings.NewReader("x"))
		req.Host, req.Cancel = "virtual.test", cancel
		for _, f := range []string{"If-Match", "X-HTTP-Method", "X-Method-Override", "X-Idempotency-Key", "Expect", "Upgrade"} {
			req.Header.Set(f, `"v1"`)
		}
		return req
	}
	policy := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		if c.Request.Body != nil {
			t.Error("Conflict.Request has a Body")
		}
		c.Response.Header.Set("Retry-After", "3600") // not what the call goes by
		c.Header().Set("X-Idempotency-Key", "new")
		_, err := c.Validators(ctx)
		return c.Resend(), err
	})
	closed := 0
	for _, f := range []func(*http.Request) (*http.Request, error){
		func(r *http.Request) (*http.Request, error) { r.URL.Host = "127.0.0.1:8080"; return r, nil },
		func(r *http.Request) (*http.Request, error) {
			r.Body = closing{strings.NewReader("x"), &closed}
			return r, nil
		},
	} {
		s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`), ok()}}
		if sendVia(t, NewTransport(s, policy, WithRefreshRequest(f)), newReq()); len(s.got) != 1 {
			t.Errorf("%d requests", len(s.got))
		}
	}
	if closed != 1 {
		t.Errorf("f's body was closed %d times", closed)
	}
}

// TestOpaqueRefreshURL: an Opaque URL, which is sent in place of the host, doesn't lead elsewhere.
func TestOpaqueRefreshURL(t *testing.T) {
	var hosts []string
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		var b strings.Builder
		r.Clone(r.Context()).WriteProxy(&b)
		hosts = append(hosts, strings.SplitN(b.String(), "\r\n", 2)[0])
		return refusing{}.RoundTrip(r)
	})
	req, _ := http.NewRequest("PUT", "http://example.test/doc", strings.NewReader("x"))
	req.Header.Set("If-Match", `"v1"`)
	req.Header.Set("Authorization", "Bearer secret")
	rt := NewTransport(base, Resend, WithMaxAttempts(2), WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
		r.URL.Opaque = "//elsewhere.test/x"
		return r, nil
	}))
	resp, _ := rt.RoundTrip(req)
	OutcomeOf(resp)
	for _, h := range hosts {
		if strings.Contains(h, "elsewhere") {
			t.Error(h)
		}
	}
}

// TestCancelOfAnotherRefreshRequest: Request.Cancel ends a refresh that f made itself.
func TestCancelOfAnotherRefreshRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Slow(0, 20*time.Second).On("HEAD"))
		c := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(c) })
		req := newWrite(t, context.Background(), o, "PUT", []string{stale})
		req.Cancel = c
		start := time.Now()
		got := sendVia(t, NewTransport(o.Client().Transport, Resend, WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
			n, err := http.NewRequest(r.Method, r.URL.String(), nil)
			n.Header = r.Header
			return n, err
		})), req)
		if time.Since(start) > time.Second {
			t.Error(time.Since(start), got.summary(), got.err)
		}
	})
}

// TestErrorOfANestedCall: the error of a nested call in f isn't the call's own.
func TestErrorOfANestedCall(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		got := send(t, o, Resend, "PUT", []string{stale}, WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
			n := newWrite(t, context.Background(), o, "PUT", []string{stale})
			_, err := NewTransport(o.Client().Transport, BuiltinPolicy(9)).RoundTrip(n)
			return nil, err
		}))
		if got.err != nil {
			t.Error(got.err)
		}
	})
}

// TestRefreshStatuses: 407 denies the refresh, 408 is asked again, and a 204 has no state.
func TestRefreshStatuses(t *testing.T) {
	if got, _ := scripted(t, Resend, []string{stale}, nil, refuse(), says{status: 407}); got.outcome.Cause != CauseRefreshDenied {
		t.Error(got.summary())
	}
	if got, _ := scripted(t, Resend, []string{stale}, nil, refuse(), says{status: 408}, ok(`Etag: "v2"`), ok()); got.exchanges() != "PUT 412, HEAD 408, HEAD 200, PUT 200" {
		t.Error(got.summary())
	}
	if got, _ := scripted(t, Resend, []string{stale}, nil, refuse(), says{status: 204, fields: []string{`Etag: "v9"`}}, ok(`Etag: "v2"`), ok()); got.exchanges() != "PUT 412, HEAD 204, GET 200, PUT 200" {
		t.Error(got.summary())
	}
}

// TestHeadFails: a server whose HEAD fails is asked by GET, also where the refresh looks
// for an own write, and after a state that was too large to be read.
func TestHeadFails(t *testing.T) {
	for status, waits := range map[int]bool{403: false, 406: false, 415: false, 418: false, 500: true, 502: true} {
		for name, test := range map[string]struct {
			policy Policy
			opts   []Option
			method string
			faults []ifmatchtest.Fault
			read   bool // in a flow that has read the document
			want   string
		}{
			"a refused write":   {Resend, nil, "PUT", nil, false, "PUT 412, HEAD %d, GET 200, PUT 204 | 204 | applied, changed, overwrote"},
			"an own DELETE":     {Resend, nil, "DELETE", []ifmatchtest.Fault{ifmatchtest.LostAnswer(1), ifmatchtest.Refuse(1).After(1)}, true, "DELETE failed, DELETE 412, HEAD %d, GET 404 | 204 | applied, own earlier write"},
			"a write of a flow": {Resend, []Option{WithMaxRepresentation(3)}, "PUT", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, nil)}, true, "PUT 412, HEAD %d, GET 200, PUT 204 | 204 | applied, changed, overwrote"},
		} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				rt := NewTransport(origin.Client().Transport, test.policy, test.opts...)
				ctx, fields := context.Background(), []string{stale}
				if test.read {
					ctx, fields = Remember(ctx), nil
					sendVia(t, NewTransport(origin.Client().Transport, test.policy), newRead(t, ctx, origin))
				}
				origin.Inject(append(test.faults, ifmatchtest.NoHead(status))...)
				want := test.want
				if strings.Contains(want, "%d") {
					want = fmt.Sprintf(want, status)
				}
				got := sendVia(t, rt, newWrite(t, ctx, origin, test.method, fields))
				if got.summary() != want {
					t.Errorf("%s, HEAD %d: got  %s\nwant %s, %v", name, status, got.summary(), want, got.outcome.Err)
				}
				if strings.Contains(want, "HEAD") && (got.outcome.Waited > 0) != (waits || test.method == http.MethodDelete) {
					t.Errorf("%s, HEAD %d: waited %v", name, status, got.outcome.Waited)
				}
			})
		}
	}
}

// TestHeadFailsForWriteID: an own write is found by the id in its metadata where HEAD
// fails.
func TestHeadFailsForWriteID(t *testing.T) {
	for _, status := range []int{403, 418, 500} {
		for _, policy := range []Policy{Stop, Resend} {
			synctest.Test(t, func(t *testing.T) {
				id := ""
				s := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
					switch {
					case req.Method == http.MethodHead:
						return status, nil, ""
					case semantics.Safe(req.Method):
						return 200, http.Header{"X-Version": {"8"}, "X-Write-Id": {id}}, "state"
					case id == "":
						id = req.Header.Get("X-Write-Id")
						return 0, nil, ""
					}
					return 409, nil, `{"code":"stale"}`
				}}
				r := putVia(t, NewTransport(s, policy, WithDialect(inField), WithWriteID()), mine(), "X-If-Version: 7")
				if want := fmt.Sprintf("PUT failed, PUT 409, HEAD %d, GET 200 | 204 | applied, own earlier write", status); r.summary() != want {
					t.Errorf("%v: got  %s\nwant %s", policy, r.summary(), want)
				}
			})
		}
	}
}

// TestVaryStarWithTheState: Vary: * is no obstacle where the state itself was read.
func TestVaryStarWithTheState(t *testing.T) {
	if got, _ := scripted(t, rebuilding, []string{stale}, nil, refuse(), ok(`Etag: "v2"`, "Vary: *"), ok()); got.exchanges() != "PUT 412, GET 200, PUT 200" {
		t.Error(got.summary())
	}
}

// TestFailedRefreshSendsNothing: a policy that goes on after a failed refresh sends nothing.
func TestFailedRefreshSendsNothing(t *testing.T) {
	_, s := scripted(t, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		c.Current(ctx)
		return c.Replace([]byte("x")), nil
	}), []string{stale}, nil, refuse(), ok(`Etag: "v2"`, "Vary: Content-Type"), says{status: 403})
	if len(s.got) > 3 {
		t.Error(len(s.got))
	}
}

// TestHeadForState: nothing is built on the empty body of a HEAD.
func TestHeadForState(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		send(t, o, rebuilding, "PUT", []string{stale}, WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
			r.Method = "HEAD"
			return r, nil
		}))
		if stateOf(o) == "+mine" {
			t.Error("lost update: built on nothing")
		}
	})
}

// TestSilentRefresh: a refresh that never ends does so with the limits; the
// refusal is returned, or the context's error.
func TestSilentRefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				io.WriteString(w, "beginning")
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		}).On("HEAD", "GET"))
		for _, policy := range []Policy{Resend, rebuilding} {
			start := time.Now()
			got := send(t, origin, policy, http.MethodPut, []string{stale}, WithMaxElapsed(10*time.Second))
			if got.err != nil || got.resp.StatusCode != 412 || got.body == "" || got.outcome.Cause != CauseRefreshFailed || !errors.Is(got.outcome.Err, ErrElapsed) {
				t.Errorf("%s, %v, %v", got.summary(), got.err, got.outcome.Err)
			}
			if took := time.Since(start); took != 10*time.Second {
				t.Errorf("took %v", took)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			got = sendVia(t, NewTransport(origin.Client().Transport, policy), newWrite(t, ctx, origin, http.MethodPut, []string{stale}))
			cancel()
			if !errors.Is(got.err, context.DeadlineExceeded) || !errors.Is(got.err, ErrConflict) {
				t.Errorf("context: %s, %v", got.summary(), got.err)
			}
		}
	})
}

// TestLargeState: a refresh that needs the tag reads at most 64 KiB, one that
// needs the state at most what is allowed.
func TestLargeState(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			var sent atomic.Int64
			origin.Inject(ifmatchtest.NoHead(405), ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"v2"`)
				if !chunked {
					w.Header().Set("Content-Length", "8388608")
				}
				for sent.Store(0); sent.Load() < 8<<20; sent.Add(1024) {
					if _, err := w.Write(make([]byte, 1024)); err != nil {
						return
					}
				}
			}).On("GET"))
			if got := send(t, origin, Resend, http.MethodPut, []string{stale}); got.outcome.Effect != EffectApplied {
				t.Error(got.summary(), got.outcome.Err)
			}
			// What was read, the buffers on the way, and what net/http drains of a
			// closed body since Go 1.27.
			if sent := sent.Load(); sent > 128<<10+256<<10 {
				t.Errorf("the server could send %d bytes", sent)
			}
			got := send(t, origin, rebuilding, http.MethodPut, []string{stale}, WithMaxRepresentation(1<<20))
			if got.err != nil || got.outcome.Cause != CauseRefreshFailed || !errors.Is(got.outcome.Err, ErrTooLarge) {
				t.Errorf("%s, %v", got.summary(), got.outcome.Err)
			}
		})
	}
}

// TestWeakTagOfANewState: a weak tag beside a Last-Modified of the last second is waited for. Another weak tag then is
// a rival's, which counts as an attempt and begins a new count of refreshes.
func TestWeakTagOfANewState(t *testing.T) {
	weak := func(tag, modified, date string) says {
		return ok(`Etag: W/"`+tag+`"`, "Last-Modified: "+modified, "Date: "+date)
	}
	for _, test := range []struct {
		name    string
		opts    []Option
		answers []says
		want    string
		waited  time.Duration
		err     error
	}{
		{"a rival during the wait", nil, []says{weak("a", at0, at0), weak("b", at1, at1), ok(`Etag: "b"`)}, "PUT 412, HEAD 200, HEAD 200, HEAD 200, PUT 200", 2 * time.Second, nil},
		{"age of exactly a second", nil, []says{weak("a", at0, at1), ok(`Etag: "a"`)}, "PUT 412, HEAD 200, HEAD 200, PUT 200", time.Second, nil},
		{"a rival is an attempt", []Option{WithMaxAttempts(2)}, []says{weak("a", at0, at0), weak("b", at1, at1)}, "PUT 412, HEAD 200, HEAD 200", time.Second, ErrAttempts},
		{"and begins a new count", []Option{WithMaxAttempts(9)}, []says{weak("a", at0, at0), weak("b", at1, at1), weak("c", at1, at1), weak("d", at2, at2), weak("e", at2, at2), ok(`Etag: "e"`)},
			"PUT 412, HEAD 200, HEAD 200, HEAD 200, HEAD 200, HEAD 200, HEAD 200, PUT 200", 5 * time.Second, nil},
	} {
		answers := append(append([]says{refuse()}, test.answers...), ok())
		got, _ := scripted(t, Resend, []string{stale}, test.opts, answers...)
		if got.exchanges() != test.want || got.outcome.Waited != test.waited || !errors.Is(got.outcome.Err, test.err) {
			t.Errorf("%s: %s, %v, %v", test.name, got.summary(), got.outcome.Waited, got.outcome.Err)
		}
	}
}

// TestWeakTagOfTheFuture: a weak tag whose Last-Modified is a second ahead of Date is waited for.
func TestWeakTagOfTheFuture(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		now := time.Now().UTC()
		o.Inject(replying("HEAD", 1, 200, `ETag: W/"v2"`, "Last-Modified: "+now.Add(time.Second).Format(http.TimeFormat), "Date: "+now.Format(http.TimeFormat)))
		got := send(t, o, Resend, "PUT", []string{stale})
		if got.outcome.Effect != EffectApplied {
			t.Error(got.summary())
		}
	})
}

// TestRivalOfTheWaitCounts: a rival seen while waiting counts in the next refusal as well.
func TestRivalOfTheWaitCounts(t *testing.T) {
	weak := func(tag, modified, date string) says {
		return ok(`Etag: W/"`+tag+`"`, "Last-Modified: "+modified, "Date: "+date)
	}
	got, _ := scripted(t, Resend, []string{stale}, []Option{WithMaxAttempts(3)}, refuse(), weak("a", at0, at0), weak("b", at1, at1), ok(`Etag: "b"`), refuse())
	if got.outcome.Attempts != 2 || !errors.Is(got.outcome.Err, ErrAttempts) {
		t.Error(got.summary())
	}
}

// TestDateWithoutADate: a Last-Modified without Date can't be trusted at once.
func TestDateWithoutADate(t *testing.T) {
	got, _ := scripted(t, rebuilding, []string{"If-Unmodified-Since: " + old9}, nil, refuse(), ok("Last-Modified: "+at0), ok("Last-Modified: "+at0), ok())
	if got.exchanges() != "PUT 412, GET 200, GET 200, PUT 200" || got.outcome.Waited != time.Second {
		t.Error(got.summary(), got.outcome.Waited)
	}
}

// TestRefusedDateAgain: a refresh that gives the refused date is asked once more, and the write is sent once more.
func TestRefusedDateAgain(t *testing.T) {
	same := ok("Last-Modified: "+old9, "Date: "+at9)
	got, _ := scripted(t, Resend, []string{"If-Unmodified-Since: " + old9}, nil, refuse(), same, same, ok())
	if got.exchanges() != "PUT 412, HEAD 200, GET 200, PUT 200" || got.outcome.Cause != CauseFalseConflict {
		t.Error(got.summary())
	}
}

// TestAnnouncedTooLarge: a body whose announced length is beyond the limit isn't read at
// all.
func TestAnnouncedTooLarge(t *testing.T) {
	for _, policy := range []Policy{Resend, rebuilding} {
		read := &counted{}
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 412, Header: http.Header{"Etag": {`"v2"`}}, Body: http.NoBody, Request: r}
			if r.Method == "GET" {
				resp.StatusCode, resp.Body, resp.ContentLength = 200, read, 8<<20
			} else if r.Method == "HEAD" {
				resp.StatusCode = 405
			}
			return resp, nil
		})
		req, _ := http.NewRequest("PUT", "http://example.test/", nil)
		req.Header.Set("If-Match", `"v1"`)
		NewTransport(base, policy, WithMaxRepresentation(1<<20), WithMaxAttempts(2)).RoundTrip(req)
		if read.n > 0 || read.closed != 1 {
			t.Errorf("%d bytes read, closed %d times", read.n, read.closed)
		}
	}
}

type counted struct {
	n      int
	closed int
}

func (c *counted) Read(p []byte) (int, error) { c.n += len(p); return len(p), nil }
func (c *counted) Close() error               { c.closed++; return nil }

package ifmatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestRememberLosesNothing: flows that share a Transport read, add and write by
// hand, without a word about preconditions. Whoever wrote over a state that only
// another flow has seen would lose that one's add.
func TestRememberLosesNothing(t *testing.T) {
	const flows, each = 8, 5
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.Slow(0, roundTripTime))
		origin.Put("/doc", "text/plain", []byte("0"))
		rt := NewTransport(origin.Client().Transport, Stop)
		var all sync.WaitGroup
		for i := range flows {
			all.Go(func() {
				c, ctx := &http.Client{Transport: rt}, Remember(context.Background())
				for done := 0; done < each; {
					resp, err := c.Do(newRead(t, ctx, origin))
					if err != nil {
						t.Error(err)
						return
					}
					body, _ := io.ReadAll(resp.Body)
					resp.Body.Close()
					n, _ := strconv.Atoi(string(body))
					time.Sleep(time.Duration(i) * roundTripTime / 3) // the user thinks
					req, _ := http.NewRequestWithContext(ctx, http.MethodPut, origin.URL+"/doc", strings.NewReader(strconv.Itoa(n+1)))
					if resp, err = c.Do(req); err != nil {
						t.Error(err)
						return
					}
					resp.Body.Close()
					switch resp.StatusCode {
					case http.StatusNoContent:
						done++
					case http.StatusPreconditionFailed:
					default:
						t.Errorf("status %d", resp.StatusCode)
					}
				}
			})
		}
		all.Wait()
		if state := stateOf(origin); state != strconv.Itoa(flows*each) {
			t.Errorf("state %s, want %d", state, flows*each)
		}
	})
}

func newRead(t *testing.T, ctx context.Context, origin *ifmatchtest.Server) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, origin.URL+"/doc", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestRememberRedirectedRead: what a read was redirected to is B's, and A's tag
// isn't known.
func TestRememberRedirectedRead(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			origin.Put("/b", "text/plain", []byte("b"))
			origin.Inject(replying("GET", 1, status, "Location: /b").At("/doc"))
			resp, err := (&http.Client{Transport: f.rt}).Do(newRead(t, f.ctx, origin))
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			f.call("PUT", "/doc")
			if tag := sentTag(origin); tag != "" {
				t.Errorf("%d: A was sent %s", status, tag)
			}
			f.call("PUT", "/b")
			if tag := sentTag(origin); tag != `"v1"` {
				t.Errorf("%d: B was sent %q", status, tag)
			}
		})
	}
}

// TestRememberCancelledWrite: a write that ended with its context may have been
// applied, so its URL is forgotten.
func TestRememberCancelledWrite(t *testing.T) {
	for name, fault := range map[string]ifmatchtest.Fault{
		"applied": ifmatchtest.SlowAnswer(1, time.Minute), "not applied": ifmatchtest.Slow(1, time.Minute).On("PUT"),
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			f.call("GET", "/doc")
			origin.Inject(fault)
			ctx, cancel := context.WithTimeout(f.ctx, time.Second)
			defer cancel()
			got := sendVia(t, f.rt, newWrite(t, ctx, origin, http.MethodPut, nil))
			if !errors.Is(got.err, context.DeadlineExceeded) {
				t.Errorf("%s: %s, %v", name, got.summary(), got.err)
			}
			f.call("PUT", "/doc")
			if tag := sentTag(origin); tag != "" {
				t.Errorf("%s: If-Match %s", name, tag)
			}
		})
	}
}

// TestRememberPatch: a patch that was refused falsely is sent again, and one over
// another content isn't.
func TestRememberPatch(t *testing.T) {
	for name, test := range map[string]struct {
		now   string
		want  string
		state string
	}{
		"the same": {`{"n":1}`, "PATCH 412, GET 200, PATCH 204 | 204 | applied, false conflict", `{"n":1,"x":1}`},
		"another":  {`{"n":2}`, "PATCH 412, GET 200 | 412 | not applied, changed", `{"n":2}`},
	} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			f := newFlow(t, origin, Stop)
			f.call("GET", "/doc")
			origin.Put("/doc", "application/json", []byte(test.now))
			req, err := http.NewRequestWithContext(f.ctx, http.MethodPatch, url, strings.NewReader(`{"x":1}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/merge-patch+json")
			if got := sendVia(t, f.rt, req); got.summary() != test.want || stateOf(origin) != test.state {
				t.Errorf("%s: %s, %s", name, got.summary(), stateOf(origin))
			}
		})
	}
}

// TestRememberAndResource: a Resource writes for many callers, so it neither
// uses nor changes what a caller's flow has seen. What the flow then writes over
// it is refused.
func TestRememberAndResource(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		f := newFlow(t, origin, Stop)
		r := NewResource[counter](&http.Client{Transport: f.rt}, url)
		if got, err := r.Get(f.ctx); err != nil || got.Value.N != 1 { // the caller's own read
			t.Fatal(got, err)
		}
		for i := range 3 {
			if got, err := r.Update(f.ctx, addOne); err != nil || got.Value.N != i+2 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if got := f.call("PUT", "/doc"); got.resp.StatusCode != 412 || stateOf(origin) != `{"n":4}` {
			t.Errorf("%s: %s", got.summary(), stateOf(origin))
		}
		for _, r := range origin.Log()[len(origin.Log())-2:] { // the write, and a look at what refused it
			if tag := r.Header.Get("If-Match"); r.Method == http.MethodPut && tag != `"v1"` {
				t.Errorf("If-Match %s: %s", tag, requests(origin))
			}
		}
	})
}

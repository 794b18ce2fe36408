package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect/webdav"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/lane"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// crowd sends one stale PUT from each of n goroutines and returns the results.
func crowd(t *testing.T, rt http.RoundTripper, origin *ifmatchtest.Server, n int, change func(i int, req *http.Request)) []result {
	t.Helper()
	results := make([]result, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			req := newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
			if change != nil {
				change(i, req)
			}
			results[i] = sendVia(t, rt, req)
		})
	}
	all.Wait()
	return results
}

// TestCrowd: 64 writers with the same stale tag are all accepted, at 3 requests
// each, 2 where the answers carry the tag for the next one.
func TestCrowd(t *testing.T) {
	for name, test := range map[string]struct {
		faults []ifmatchtest.Fault
		most   float64
	}{
		"with a tag on the answers": {nil, 2.2},
		"without":                   {[]ifmatchtest.Fault{ifmatchtest.NoETagAfterWrite()}, 3.1},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			const n = 64
			origin.Inject(append(test.faults, ifmatchtest.Slow(0, 5*time.Millisecond))...)
			rt := NewTransport(origin.Client().Transport, Resend)
			start := time.Now()
			for _, r := range crowd(t, rt, origin, n, nil) {
				if r.outcome.Effect != EffectApplied {
					t.Errorf("%s: %s, %v, %v", name, r.summary(), r.err, r.outcome.Err)
				}
			}
			each := float64(len(origin.Log())) / n
			t.Logf("%s: %.2f requests each, %v in all", name, each, time.Since(start))
			if each > test.most {
				t.Errorf("%s: %.2f requests each, at most %.1f", name, each, test.most)
			}
			if rt.lanes.Len() != 0 {
				t.Errorf("%s: %d lanes left", name, rt.lanes.Len())
			}
		})
	}
}

// TestHandedTagNeedsEqualCredentials: what one user got isn't another's.
func TestHandedTagNeedsEqualCredentials(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond))
		rt := NewTransport(origin.Client().Transport, Resend)
		results := crowd(t, rt, origin, 8, func(i int, req *http.Request) {
			req.Header.Set("Authorization", fmt.Sprint("Bearer ", i))
		})
		for _, r := range results {
			if r.exchanges() != "PUT 412, HEAD 200, PUT 204" {
				t.Error(r.summary(), r.outcome.Err)
			}
		}
		results = crowd(t, rt, origin, 8, func(i int, req *http.Request) {
			req.Header.Set("Accept-Language", []string{"de", "fr"}[i%2])
		})
		refreshed := 0
		for _, r := range results {
			refreshed += strings.Count(r.exchanges(), "HEAD")
		}
		if refreshed < 2 {
			t.Errorf("%d refreshes for two languages", refreshed)
		}
	})
}

// TestSameReader: what one writer was told holds for another one with the same credentials
// that selects the same representation.
func TestSameReader(t *testing.T) {
	for name, test := range map[string]struct {
		a, b []string
		user string // of b's URL
		want bool
	}{
		"the same":           {[]string{"Authorization: a", "X-Tenant: b"}, []string{"X-Tenant: b", "Authorization: a"}, "", true},
		"Authorization":      {[]string{"Authorization: a"}, []string{"Authorization: b"}, "", false},
		"none":               {[]string{"Authorization: a"}, nil, "", false},
		"more":               {nil, []string{"Authorization: a"}, "", false},
		"Cookie":             {[]string{"Cookie: a=b"}, []string{"Cookie: a=c"}, "", false},
		"a tenant":           {[]string{"X-Tenant: a"}, []string{"X-Tenant: b"}, "", false},
		"an API key":         {[]string{"X-Api-Key: a"}, nil, "", false},
		"Accept":             {[]string{"Accept: a/b"}, []string{"Accept: a/c"}, "", false},
		"Accept-Language":    {[]string{"Accept-Language: de"}, nil, "", false},
		"Accept-Encoding":    {[]string{"Accept-Encoding: gzip"}, []string{"Accept-Encoding: identity"}, "", false},
		"net/http's own":     {[]string{"Accept-Encoding: gzip"}, nil, "", false},
		"two lines":          {[]string{"Accept: a/b", "Accept: a/c"}, []string{"Accept: a/b"}, "", false},
		"another spelling":   {[]string{"accept: a/b"}, []string{"Accept: a/b"}, "", true},
		"a user":             {nil, nil, "u:p", false},
		"preconditions":      {[]string{"If-Match: a"}, []string{"If-Match: b"}, "", true},
		"what describes":     {[]string{"Content-Type: a/b"}, []string{"Content-Type: a/c"}, "", true},
		"a key of the write": {[]string{"Idempotency-Key: a"}, []string{"Idempotency-Key: b"}, "", true},
	} {
		write := func(fields []string, user string) *http.Request {
			req := mustPut(t)
			req.Header = http.Header{}
			for _, f := range fields {
				key, value, _ := strings.Cut(f, ": ")
				req.Header[key] = append(req.Header[key], value)
			}
			if name, password, ok := strings.Cut(user, ":"); ok {
				req.URL.User = url.UserPassword(name, password)
			}
			return req
		}
		a, b := write(test.a, ""), write(test.b, test.user)
		if sameReader(a, b) != test.want || sameReader(b, a) != test.want {
			t.Errorf("%s: %v", name, !test.want)
		}
	}
}

// TestHandsOver: which tag of an answer is left to the next writer.
func TestHandsOver(t *testing.T) {
	for name, test := range map[string]struct {
		method string
		fields []string
		want   string
	}{
		"PUT":        {"PUT", []string{"ETag", `"v1"`}, `"v1"`},
		"PATCH":      {"PATCH", []string{"ETag", `"v1"`}, ""},
		"no tag":     {"PUT", nil, ""},
		"weak":       {"PUT", []string{"ETag", `W/"v1"`}, ""},
		"elsewhere":  {"PUT", []string{"ETag", `"v1"`, "Content-Location", "/doc"}, ""},
		"compressed": {"PUT", []string{"ETag", `"v1-gzip"`, "Content-Encoding", "gzip"}, ""},
		"decoded":    {"PUT", []string{"ETag", `"v1-gzip"`}, ""},
		"a version":  {"PUT", []string{"ETag", `"v1"`}, ""},
		"OC-ETag":    {"PUT", []string{"ETag", `"v1-gzip"`, "OC-ETag", `"v1"`}, `"v1"`},
	} {
		req := mustPut(t)
		req.Method = test.method
		resp := responseTo(req, 200, "", test.fields...)
		resp.Uncompressed = name == "decoded"
		rt := new(Transport)
		if name == "OC-ETag" {
			rt = NewTransport(nil, Stop, WithDialect(webdav.Dialect()))
		}
		c := rt.newCall(nil, req)
		if name == "a version" {
			c.sent.guard.Versions = []guard.Version{{}}
		}
		if got := c.handsOver(resp); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// inTurnAfter makes a call that has its turn in a lane after a writer that left this.
func inTurnAfter(t *testing.T, left lane.Handed, policy Policy, opts ...Option) *call {
	t.Helper()
	tr := NewTransport(nil, policy, opts...)
	c, target := tr.newCall(nil, mustPut(t)), lane.TargetOf(mustPut(t).URL, "")
	admitted := func(wake <-chan struct{}, _ time.Duration) error { <-wake; return nil }
	before, err := tr.lanes.Enter(t.Context(), target, admitted)
	if err != nil {
		t.Fatal(err)
	}
	before.HandOver(left)
	var all sync.WaitGroup
	all.Go(func() { c.turn.Turn, err = tr.lanes.Enter(t.Context(), target, admitted) })
	synctest.Wait()
	before.Leave()
	if all.Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTakeHandedTag: which call tries the tag that the writer before has left, and what becomes
// of the tag otherwise.
func TestTakeHandedTag(t *testing.T) {
	same := func(*http.Request) (*http.Request, error) { return nil, nil }
	old := guard.Guard{Kind: guard.Tags, Tags: []string{`"v1"`}}
	for name, test := range map[string]struct {
		policy Policy
		opts   []Option
		left   lane.Handed // the Write is set below
		guard  guard.Guard
		change func(c *call)
		state  bool // is needed
		takes  bool
		stays  bool // for the next writer
	}{
		"the last writer wins": {policy: Resend, left: lane.Handed{Tag: `"v2"`}, guard: old, takes: true},
		"nothing was left":     {policy: Resend, guard: old},
		"a state is needed":    {policy: Resend, left: lane.Handed{Tag: `"v2"`}, guard: old, state: true},
		"the state matters":    {policy: rebuilding, left: lane.Handed{Tag: `"v2"`}, guard: old},
		"in doubt": {policy: Resend, left: lane.Handed{Tag: `"v2"`}, guard: old, stays: true,
			change: func(c *call) { c.doubt.first = new(lostAnswer) }},
		"refused just now":  {policy: Resend, left: lane.Handed{Tag: `"v1"`}, guard: old},
		"a date":            {policy: Resend, left: lane.Handed{Tag: `"v2"`}, guard: guard.Guard{Kind: guard.Date, Date: "a date"}},
		"a tag and a date":  {policy: Resend, left: lane.Handed{Tag: `"v2"`}, guard: guard.Guard{Kind: guard.Tags, Tags: old.Tags, Date: "a date"}},
		"a version":         {policy: Resend, left: lane.Handed{Tag: `"v2"`}, guard: guard.Guard{Kind: guard.Tags, Tags: old.Tags, Versions: []guard.Version{{}}}},
		"no precondition":   {policy: Resend, left: lane.Handed{Tag: `"v2"`}, guard: guard.Guard{Kind: guard.None}},
		"a changed refresh": {policy: Resend, opts: []Option{WithRefreshRequest(same)}, left: lane.Handed{Tag: `"v2"`}, guard: old},
		"other credentials": {policy: Resend, left: lane.Handed{Tag: `"v2"`}, guard: old,
			change: func(c *call) { c.sent.write.Header.Set("Authorization", "Bearer b") }},
	} {
		synctest.Test(t, func(t *testing.T) {
			if test.left.Tag != "" {
				test.left.Write = mustPut(t)
			}
			c := inTurnAfter(t, test.left, test.policy, test.opts...)
			if test.change != nil {
				test.change(c)
			}
			got, want := c.takeHandedTag(&test.guard, test.state), ""
			if test.takes {
				want = test.left.Tag
			}
			if got != want || c.turn.underHandedTag != test.takes {
				t.Errorf("%s: %q, want %q; under it: %v", name, got, want, c.turn.underHandedTag)
			}
			if left := c.turn.Handed(); (left.Tag != "") != test.stays {
				t.Errorf("%s: %q is left", name, left.Tag)
			}
		})
	}
}

// TestOldTagIsntLeft: a call whose answer has no tag leaves nothing, also of the tag that it
// was handed and hasn't tried: that is old now.
func TestOldTagIsntLeft(t *testing.T) {
	for tag, want := range map[string]string{`"v3"`: `"v3"`, `W/"v3"`: "", "": ""} {
		synctest.Test(t, func(t *testing.T) {
			c := inTurnAfter(t, lane.Handed{Tag: `"v2"`, Write: mustPut(t)}, Resend)
			c.handOver(responseTo(mustPut(t), 204, "", "ETag", tag))
			if left := c.turn.Handed(); left.Tag != want || (left.Write == c.sent.write) != (want != "") {
				t.Errorf("after %q: %q is left, of %p", tag, left.Tag, left.Write)
			}
		})
	}
	new(Transport).newCall(nil, mustPut(t)).handOver(responseTo(mustPut(t), 204, "")) // without a turn
}

// TestStrangersDontQueue: two sites of one server, and two URLs that differ in Opaque
// alone, have documents of their own. Nobody waits for the other, and no tag is handed
// over.
func TestStrangersDontQueue(t *testing.T) {
	for name, change := range map[string]func(i int, req *http.Request){
		"Host":   func(i int, req *http.Request) { req.Host = []string{"a.test", "b.test"}[i] },
		"Opaque": func(i int, req *http.Request) { req.URL.Opaque = []string{"/doc?1", "/doc?2"}[i] },
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			// Each has its own state and its own tags.
			var mu sync.Mutex
			state := map[string]int{}
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				time.Sleep(50 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				site := req.Host + req.URL.Opaque
				tag := func() string { return fmt.Sprintf("\"%s-%d\"", site, state[site]) }
				switch {
				case semantics.Safe(req.Method):
					return replyTo(req, 200, "", "Etag: "+tag()), nil
				case req.Header.Get("If-Match") != tag():
					return replyTo(req, 412, ""), nil
				}
				state[site]++
				return replyTo(req, 204, "", "Etag: "+tag()), nil
			})
			start := time.Now()
			for _, r := range crowd(t, NewTransport(base, Resend), origin, 2, change) {
				if r.exchanges() != "PUT 412, HEAD 200, PUT 204" || r.outcome.Waited != 0 {
					t.Errorf("%s: %s, waited %v", name, r.exchanges(), r.outcome.Waited)
				}
			}
			if took := time.Since(start); took != 150*time.Millisecond {
				t.Errorf("%s: took %v", name, took)
			}
		})
	}
}

// TestWrongHandedTag: a server that answers PUT with a hash of the page costs a
// request more, no attempt.
func TestWrongHandedTag(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.NoETagAfterWrite(), ifmatchtest.Slow(0, 5*time.Millisecond))
		base := origin.Client().Transport
		lying := roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := base.RoundTrip(req)
			if err == nil && req.Method == http.MethodPut && resp.StatusCode == http.StatusNoContent {
				resp.Header.Set("ETag", `"page"`)
			}
			return resp, err
		})
		rt := NewTransport(lying, Resend, WithMaxAttempts(2))
		for _, r := range crowd(t, rt, origin, 16, nil) {
			if r.outcome.Effect != EffectApplied {
				t.Error(r.summary(), r.outcome.Err)
			}
		}
	})
}

// TestFirstComeFirstServed is the order of the lane.
func TestFirstComeFirstServed(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.Slow(0, 50*time.Millisecond))
		rt := NewTransport(origin.Client().Transport, Resend)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, []string{stale, fmt.Sprint("X-I: ", i)}))
			})
		}
		all.Wait()
		next := 0
		for _, r := range origin.Log() {
			if r.Applied {
				if got := r.Header.Get("X-I"); got != fmt.Sprint(next) {
					t.Errorf("writer %s was served as number %d", got, next)
				}
				next++
			}
		}
	})
}

// TestNoStarvation: writers that keep arriving don't keep out those that wait.
func TestNoStarvation(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond))
		rt := NewTransport(origin.Client().Transport, Resend)
		var all sync.WaitGroup
		start := time.Now()
		for i := range 200 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 6 * time.Millisecond) // more than the lane can take
				got := sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
				if got.outcome.Effect != EffectApplied {
					t.Error(got.summary(), got.outcome.Err)
				}
			})
		}
		all.Wait()
		t.Logf("200 writers in %v", time.Since(start))
	})
}

// TestManyLanes: different URLs don't wait for each other, and nothing stays.
func TestManyLanes(t *testing.T) {
	n := long(10_000, 1_000)
	synctest.Test(t, func(t *testing.T) {
		var waiting atomic.Int32
		rt := NewTransport(refusing{}, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			waiting.Add(1)
			time.Sleep(time.Second)
			return Decision{}, nil
		}))
		start := time.Now()
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				req, err := http.NewRequest(http.MethodPut, fmt.Sprintf("http://example.test/%d?q=%d", i, i%7), strings.NewReader("x"))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("If-Match", `"v1"`)
				if resp, err := rt.RoundTrip(req); err != nil || resp.StatusCode != 412 {
					t.Error(resp, err)
				}
			})
		}
		time.Sleep(500 * time.Millisecond)
		if lanes := rt.lanes.Len(); lanes != n || waiting.Load() != int32(n) {
			t.Errorf("%d lanes, %d policies running, want %d", lanes, waiting.Load(), n)
		}
		all.Wait()
		if took := time.Since(start); took != time.Second || rt.lanes.Len() != 0 {
			t.Errorf("%v, %d lanes left", took, rt.lanes.Len())
		}
	})
}

// TestLeaseOfTheSlow: whoever is slow holds up the next for a second, not more,
// and not only the first in the lane may be slow.
func TestLeaseOfTheSlow(t *testing.T) {
	for name, test := range map[string]struct {
		slow int                                                // the writer
		hold func(ctx context.Context, c *Conflict, writer int) // its policy
	}{
		"policy": {0, func(ctx context.Context, c *Conflict, writer int) {
			if writer == 0 {
				time.Sleep(5 * time.Second)
			}
		}},
		"refresh": {0, func(ctx context.Context, c *Conflict, writer int) {
			if writer == 0 {
				c.Validators(ctx)
				time.Sleep(5 * time.Second)
			}
		}},
		"the second": {1, func(ctx context.Context, c *Conflict, writer int) {
			switch writer {
			case 0:
				time.Sleep(50 * time.Millisecond) // until the others are there
			case 1:
				time.Sleep(5 * time.Second)
			}
		}},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			var calls atomic.Int32
			policy := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
				test.hold(ctx, c, int(calls.Add(1))-1)
				return c.Resend(), nil
			})
			rt := NewTransport(origin.Client().Transport, policy)
			var all sync.WaitGroup
			for i := range 5 {
				all.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					start := time.Now()
					got := sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
					if took := time.Since(start); got.outcome.Effect != EffectApplied || i != test.slow && took > 1100*time.Millisecond {
						t.Errorf("%s: writer %d took %v: %s, %v", name, i, took, got.summary(), got.outcome.Err)
					}
				})
			}
			all.Wait()
			if rt.lanes.Len() != 0 {
				t.Errorf("%d lanes left", rt.lanes.Len())
			}
		})
	}
}

// TestLeaseOfLongRoundTrips: four of them where that is more than a second.
func TestLeaseOfLongRoundTrips(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.NoETagAfterWrite(), ifmatchtest.Slow(0, 900*time.Millisecond))
		rt := NewTransport(origin.Client().Transport, Resend)
		for _, r := range crowd(t, rt, origin, 4, nil) {
			if r.exchanges() != "PUT 412, HEAD 200, PUT 204" { // nobody raced
				t.Error(r.summary(), r.outcome.Err)
			}
		}
	})
}

// TestImposedWaitsExtendTheLease: waiting for Apache's second isn't slowness.
func TestImposedWaitsExtendTheLease(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.WeakFor(time.Second))
		rt := NewTransport(origin.Client().Transport, Resend, WithMaxElapsed(time.Hour))
		results := crowd(t, rt, origin, 6, nil)
		for _, r := range results {
			if r.exchanges() != "PUT 412, HEAD 200, HEAD 200, PUT 204" {
				t.Error(r.summary(), r.outcome.Err)
			}
		}
	})
}

// TestSlowUpload: an upload under way holds nobody up beyond the lease.
func TestSlowUpload(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.Slow(1, 8*time.Second).On("PUT").After(2))
		rt := NewTransport(origin.Client().Transport, Resend)
		longest := time.Duration(0)
		for _, r := range crowd(t, rt, origin, 2, nil) {
			total := r.outcome.Waited
			for _, e := range r.outcome.Exchanges {
				total += e.Duration
			}
			if r.outcome.Effect != EffectApplied {
				t.Error(r.summary(), r.outcome.Err)
			}
			if total < 8*time.Second {
				longest = max(longest, total)
			}
		}
		if longest > 1100*time.Millisecond {
			t.Errorf("the other took %v", longest)
		}
	})
}

// TestNestedCall: a policy may write to the same URL with the context it got.
func TestNestedCall(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var rt *Transport
		start := time.Now()
		depth := 0
		rt = NewTransport(origin.Client().Transport, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			if depth++; depth < 4 {
				if got := sendVia(t, rt, newWrite(t, ctx, origin, http.MethodPut, []string{stale})); got.outcome.Effect != EffectApplied {
					t.Error(got.summary(), got.outcome.Err)
				}
			}
			return c.Resend(), nil
		}))
		got := sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
		if got.outcome.Effect != EffectApplied || time.Since(start) != 0 {
			t.Errorf("%s after %v", got.summary(), time.Since(start))
		}
		if _, ok := OutcomeOf(got.resp); !ok || rt.lanes.Len() != 0 {
			t.Errorf("%d lanes left", rt.lanes.Len())
		}
	})
}

// TestCallersLock: a lock that a caller holds across a call, and that the policy
// of another wants, delays both by the lease at the most.
func TestCallersLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := ifmatchtest.NewMemoryServer()
		defer origin.Close()
		origin.Put("/doc", "text/plain", []byte("theirs"))
		lock := make(chan struct{}, 1) // a mutex on which a bubble's time can pass
		rt := NewTransport(origin.Client().Transport, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			if c.Request.Header.Get("X-Who") == "first" {
				lock <- struct{}{}
				<-lock
			}
			return c.Resend(), nil
		}))
		start := time.Now()
		var all sync.WaitGroup
		lock <- struct{}{}
		for _, who := range []string{"first", "second"} {
			all.Go(func() {
				if who == "second" {
					time.Sleep(time.Millisecond)
				}
				got := sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, []string{`If-Match: "v9"`, "X-Who: " + who}))
				if got.outcome.Effect != EffectApplied {
					t.Error(got.summary(), got.outcome.Err)
				}
				if who == "second" {
					<-lock // held across the call
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took > 1100*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// TestCancelledWaiters: they leave the lane to those behind them.
func TestCancelledWaiters(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var calls atomic.Int32
		rt := NewTransport(origin.Client().Transport, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			if calls.Add(1) == 1 {
				time.Sleep(500 * time.Millisecond)
			}
			return c.Resend(), nil
		}))
		start := time.Now()
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if i%2 == 1 {
					time.AfterFunc(100*time.Millisecond, cancel)
				}
				got := sendVia(t, rt, newWrite(t, ctx, origin, http.MethodPut, []string{stale}))
				switch took := time.Since(start); {
				case i%2 == 1 && (!errors.Is(got.err, context.Canceled) || !errors.Is(got.err, ErrConflict) || took > 110*time.Millisecond):
					t.Errorf("waiter %d: %v after %v", i, got.err, took)
				case i%2 == 0 && (got.outcome.Effect != EffectApplied || took > 600*time.Millisecond):
					t.Errorf("waiter %d: %s after %v", i, got.summary(), took)
				}
			})
		}
		all.Wait()
		if rt.lanes.Len() != 0 {
			t.Errorf("%d lanes left", rt.lanes.Len())
		}
	})
}

// TestLaneAndLimits: who can't have a turn in time gets the refusal.
func TestLaneAndLimits(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var calls atomic.Int32
		rt := NewTransport(origin.Client().Transport, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			if calls.Add(1) == 1 {
				time.Sleep(900 * time.Millisecond)
			}
			return c.Resend(), nil
		}))
		var all sync.WaitGroup
		all.Go(func() {
			sendVia(t, rt, newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
		})
		all.Go(func() {
			time.Sleep(time.Millisecond)
			ctx := WithOptions(context.Background(), WithMaxElapsed(200*time.Millisecond))
			start := time.Now()
			got := sendVia(t, rt, newWrite(t, ctx, origin, http.MethodPut, []string{stale}))
			if got.err != nil || got.resp.StatusCode != 412 || !errors.Is(got.outcome.Err, ErrElapsed) || time.Since(start) != 200*time.Millisecond || got.body == "" {
				t.Errorf("%s, %v, %v after %v", got.summary(), got.err, got.outcome.Err, time.Since(start))
			}
		})
		all.Wait()
	})
}

// TestManyUpdates: 64 goroutines with one client of ours lose nothing and nobody
// gives up.
func TestManyUpdates(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		const n, each = 64, 5
		origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond))
		client := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop)}
		start := time.Now()
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				for range each {
					if _, err := Update(context.Background(), client, url, addMarked); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		got, err := Get[counter](context.Background(), client, url)
		if err != nil || got.Value.N != n*each {
			t.Errorf("%+v, %v", got.Value, err)
		}
		per := float64(len(origin.Log())) / (n * each)
		took, oneAtATime := time.Since(start), n*each*10*time.Millisecond // a read and a write each
		t.Logf("%.2f requests per add, %v in all, %v one at a time", per, took, oneAtATime)
		if per > 2.2 || took > oneAtATime*5/4 {
			t.Errorf("%.2f requests per add, in %v, one at a time %v", per, took, oneAtATime)
		}
	})
}

// TestUpdatesAtOnce: of very many Updates at once, each waits for its turn in the order in which
// they lost the first race. One gives up only where its own time is over.
func TestUpdatesAtOnce(t *testing.T) {
	n := long(10_000, 300)
	if raceEnabled {
		n = min(n, 1_000)
	}
	const roundTrip = 10 * time.Millisecond // a read and a write
	for _, limit := range []time.Duration{time.Hour, time.Duration(n) * roundTrip / 4} {
		withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(ifmatchtest.Slow(0, roundTrip/2))
			client := clientOn(origin, WithMaxElapsed(limit))
			start := time.Now()
			var mu sync.Mutex
			var order []int
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() {
					// All have sent their first write before the first one is answered.
					time.Sleep(time.Duration(i) * roundTrip / 2 / time.Duration(n))
					_, err := Update(context.Background(), client, url, addMarked)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						order = append(order, i)
					} else if took := time.Since(start); took < limit {
						t.Errorf("%d gave up after %v, with %v to go: %v", i, took, limit-took, err)
					}
				})
			}
			all.Wait()
			if !slices.IsSorted(order) {
				t.Errorf("the order was %v", order)
			}
			if limit == time.Hour && len(order) != n {
				t.Errorf("%d of %d were applied", len(order), n)
			}
			got, err := Get[counter](context.Background(), client, url)
			if err != nil || got.Value.N != len(order) {
				t.Errorf("%+v, %v; %d were applied", got.Value, err, len(order))
			}
			t.Logf("%v: %d applied, in %v", limit, len(order), time.Since(start))
		})
	}
}

// TestFourClients: crowds of four clients, which can't line up with each other, on one
// document: one by one, and with a Resource each.
func TestFourClients(t *testing.T) {
	for name, row := range map[string]struct {
		most float64 // requests per add
		add  func(c *http.Client, url string) func() error
	}{
		"Update": {3.0, func(c *http.Client, url string) func() error {
			return func() error { _, err := Update(context.Background(), c, url, addMarked); return err }
		}},
		"Resource": {0.35, func(c *http.Client, url string) func() error {
			r := NewResource[markedCounter](c, url)
			return func() error { _, err := r.Update(context.Background(), addMarked); return err }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				const clients, n, each = 4, 16, 5
				origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond))
				var all sync.WaitGroup
				for range clients {
					add := row.add(clientOn(origin), url)
					for range n {
						all.Go(func() {
							for range each {
								if err := add(); err != nil {
									t.Error(err)
								}
							}
						})
					}
				}
				all.Wait()
				got, err := Get[counter](context.Background(), origin.Client(), url)
				per := float64(len(origin.Log())) / (clients * n * each)
				t.Logf("%.2f requests per add", per)
				if err != nil || got.Value.N != clients*n*each || per > row.most {
					t.Errorf("%+v, %v: %.2f requests per add, at most %.2f", got.Value, err, per, row.most)
				}
			})
		})
	}
}

// writesPerAdd counts the writes in the log for each add.
func writesPerAdd(origin *ifmatchtest.Server, adds int) float64 {
	writes := 0
	for _, r := range origin.Log() {
		if r.Method == http.MethodPut {
			writes++
		}
	}
	return float64(writes) / float64(adds)
}

// TestEightClients without a common lane: every add counts, nobody gives up.
func TestEightClients(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		const clients, each = 8, 20
		origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond))
		var all sync.WaitGroup
		for range clients {
			client := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop)}
			all.Go(func() {
				for range each {
					if _, err := Update(context.Background(), client, url, addOne); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		got, err := Get[counter](context.Background(), origin.Client(), url)
		per := writesPerAdd(origin, clients*each)
		t.Logf("%.2f writes per add", per)
		if err != nil || got.Value.N != clients*each || per > 3 {
			t.Errorf("%+v, %v: %.2f writes per add, at most 3", got.Value, err, per)
		}
	})
}

// TestEightProcesses does the same with processes of their own.
func TestEightProcesses(t *testing.T) {
	const processes, each = 8, 10
	if url := os.Getenv("IFMATCH_ADD_TO"); url != "" {
		for range each {
			if _, err := Update(t.Context(), NewClient(Stop), url, addOne); err != nil {
				t.Error(err)
			}
		}
		return
	}
	t.Parallel()
	origin := ifmatchtest.NewServer()
	defer origin.Close()
	origin.Put("/doc", "application/json", []byte(`{"n":0}`))
	origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond))
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			child := exec.Command(os.Args[0], "-test.run=^TestEightProcesses$")
			child.Env = append(os.Environ(), "IFMATCH_ADD_TO="+origin.URL+"/doc")
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	all.Wait()
	got, err := Get[counter](t.Context(), origin.Client(), origin.URL+"/doc")
	per := writesPerAdd(origin, processes*each)
	t.Logf("%.2f writes per add", per)
	if err != nil || got.Value.N != processes*each || per > 3 {
		t.Errorf("%+v, %v: %.2f writes per add, at most 3", got.Value, err, per)
	}
}

package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// TestHostile: whatever a server sends in whatever answer, every policy ends
// within the limits, with bounded memory and requests.
func TestHostile(t *testing.T) {
	quietLog(t)
	kinds := hostiles()
	parts := long(1, 15)
	if raceEnabled {
		parts = 5 // the race detector needs no more than a part of them
	}
	calls := 0
	for i, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			for j, position := range hostilePositions {
				if !kind.at(position) {
					continue
				}
				for k, policyName := range hostilePolicyNames {
					if !reaches(policyName, position) || (i+j+k)%parts > 0 {
						continue
					}
					policy := hostilePolicies[policyName]
					try := func(guard string, getBody bool, opts ...Option) {
						server := newHostileServer(kind.serve(position))
						server.early, server.greet = kind.early, kind.greet
						h := hostileCall{server: server, header: kind.header, quoted: kind.quoted, policy: policy, method: http.MethodPut, guard: guard, getBody: getBody, opts: opts}
						h.run(t, fmt.Sprintf("%s/%s/GetBody %v/%s", position, policyName, getBody, guard))
						calls++
					}
					try(staleTagField, true)
					if !kind.heavy && slices.Contains([]string{"refused", "again", "unsure", "all"}, position) {
						try(staleTagField, false)
					}
				}
			}
		})
	}
	t.Logf("%d kinds, %d calls, at most %d KiB allocated (%s)", len(kinds), calls, hostileWorst.bytes>>10, hostileWorst.name)
}

// TestHostileOtherCalls runs the corpus with other methods, preconditions and options, under the policies that go on.
func TestHostileOtherCalls(t *testing.T) {
	quietLog(t)
	variants := []struct {
		name, method, guard string
		deadline            time.Duration
		cancel              bool
		opts                []Option
	}{
		{name: "date", guard: staleDateField},
		{name: "weak tag", guard: `If-Match: W/"v1"`},
		{name: "no guard"},
		{name: "PATCH", method: http.MethodPatch, guard: staleTagField},
		{name: "DELETE", method: http.MethodDelete, guard: staleTagField},
		{name: "short deadline", guard: staleTagField, deadline: 3 * time.Second},
		{name: "cancelled", guard: staleTagField, deadline: 1500 * time.Millisecond, cancel: true},
		{name: "options", guard: staleTagField, opts: []Option{
			WithTransientRetry(retryablehttp.ErrorPropagatedRetryPolicy), WithUniqueBody(), WithMaxAttempts(6), WithMaxRepresentation(math.MaxInt64), WithMaxBuffer(1),
			WithExpectContinue(1),
		}},
		{name: "two attempts", guard: staleTagField, opts: []Option{WithMaxAttempts(2)}},
		{name: "nothing repeated", guard: staleTagField, opts: []Option{WithoutRepeats(), WithMaxAttempts(1)}},
	}
	kinds := hostiles()
	parts := long(2, 36)
	if raceEnabled {
		parts = 12
	}
	calls := 0
	for i, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			for j, kind := range kinds {
				for k, position := range hostilePositions {
					policyName := []string{"Resend", "Rebuild", "curious"}[(i+j)%3]
					if !kind.at(position) || !reaches(policyName, position) || (i+j+k)%parts > 0 {
						continue
					}
					if v.name == "options" && strings.HasPrefix(kind.name, "endless") {
						continue // WithMaxRepresentation lets it in
					}
					server := newHostileServer(kind.serve(position))
					server.early, server.greet, server.demands = kind.early, kind.greet, v.guard == ""
					method := v.method
					if method == "" {
						method = http.MethodPut
					}
					h := hostileCall{
						server: server, header: kind.header, quoted: kind.quoted, policy: hostilePolicies[policyName], method: method, guard: v.guard,
						getBody: (i+k)%2 == 0, deadline: v.deadline, cancel: v.cancel, opts: v.opts,
					}
					h.run(t, fmt.Sprintf("%s/%s/%s", kind.name, position, policyName))
					calls++
				}
			}
		})
	}
	t.Logf("%d calls", calls)
}

// TestHostileEarlyClose cuts a whole correct dialogue after each of its bytes:
// once, or each connection.
func TestHostileEarlyClose(t *testing.T) {
	quietLog(t)
	dialogue := func(policyName string, getBody bool, budget int, cutAll bool) (*hostileServer, Outcome) {
		server := newHostileServer((*hostileWire).honest)
		server.budget, server.cutAll = budget, cutAll
		h := hostileCall{server: server, policy: hostilePolicies[policyName], method: http.MethodPut, guard: staleTagField, getBody: getBody}
		outcome := h.run(t, fmt.Sprintf("%s/GetBody %v/cut after %d/each %v", policyName, getBody, budget, cutAll))
		return server, outcome
	}
	calls := 0
	for _, policyName := range []string{"Resend", "Rebuild", "curious", "Unconditional", "Stop"} {
		whole, outcome := dialogue(policyName, true, -1, false)
		if policyName != "Stop" && (outcome.Effect != EffectApplied || whole.applied != 1) {
			t.Fatalf("%s: %v, applied %d times", policyName, outcome, whole.applied)
		}
		stride := 11
		if policyName == "Resend" {
			stride = long(1, 3)
		}
		for budget := 0; budget <= whole.size; budget += stride {
			for i, cutAll := range []bool{false, true} {
				if raceEnabled && (budget/stride+i)%2 > 0 {
					continue
				}
				calls++
				server, outcome := dialogue(policyName, (budget+i)%2 == 0, budget, cutAll)
				told := fmt.Sprintf("%s, cut after %d (each: %v): applied %d times: %s, %v", policyName, budget, cutAll, server.applied, toldBy(outcome), outcome.Err)
				switch {
				case outcome.Effect == EffectApplied && server.applied == 0, outcome.Effect == EffectNotApplied && server.applied > 0:
					t.Errorf("a wrong claim: %s", told)
				case server.applied > 1 && policyName == "Rebuild":
					t.Error(told)
				case policyName == "Resend" && !cutAll && outcome.Effect != EffectApplied:
					t.Error(told)
				}
			}
		}
	}
	t.Logf("%d calls", calls)
}

// TestHostileDefaults: a state without an end under the default limits.
func TestHostileDefaults(t *testing.T) {
	quietLog(t)
	for _, policyName := range []string{"Rebuild", "curious"} {
		server := newHostileServer(hostile{answer: func(w *hostileWire) {
			w.put(w.header("Connection: close"))
			w.forever(strings.Repeat("x", 32<<10), 0)
		}}.serve("get"))
		h := hostileCall{
			server: server, policy: hostilePolicies[policyName], method: http.MethodPut, guard: staleTagField, getBody: true,
			header: 10 << 20, quoted: true, opts: []Option{WithMaxRepresentation(0)},
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		outcome := h.run(t, policyName)
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 48<<20 {
			t.Errorf("%s: %d KiB allocated", policyName, allocated>>10)
		}
		if !errors.Is(outcome.Err, ErrTooLarge) {
			t.Errorf("%s: %v", toldBy(outcome), outcome.Err)
		}
	}
}

// FuzzHostileAnswers: three answers as they come, one connection each. Options
// chooses the policy, the precondition, whether there is a GetBody, and whether
// connections are closed after the answer.
func FuzzHostileAnswers(f *testing.F) {
	quietLog(f)
	const (
		refused = "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
		fresh   = "HTTP/1.1 200 OK\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\nETag: \"v2\"\r\n" + longAgoField + "\r\n"
		empty   = fresh + "Content-Length: 0\r\n\r\n"
	)
	for options := range uint8(40) {
		f.Add([]byte(refused), []byte(empty), []byte(empty), options)
	}
	for i, seed := range []string{
		"HTTP/1.1 428 x\r\n\r\nbody", "HTTP/1.0 412 x\nETag: W/\"\"\n\nx", "HTTP/1.1 103 x\r\n\r\n" + refused, fresh + "Vary: *, prefer\r\n\r\n",
		fresh + "Transfer-Encoding: chunked\r\nTrailer: ETag\r\n\r\n1\r\nx\r\n0\r\nETag: \"t\"\r\n\r\n", "HTTP/1.1 503 x\r\nRetry-After: 2\r\n\r\n",
		fresh + "Content-Encoding: gzip\r\nContent-Length: 9223372036854775807\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",
		"HTTP/1.1 200 x\r\nETag: \"v2\n X: \x00\"\r\nLast-Modified: Sat, 01-Jan-00 00:00:00 GMT\r\n\r\n", "HTTP/1.1 101 x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"HTTP/1.1 412 x\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\nRetry-After: Sat, 01 Jan 2000 00:00:01 GMT\r\n\r\n",
		"HTTP/1.1 307 x\r\nLocation: http://evil.test/\r\n\r\n", "HTTP/1.1 405 x\r\n\r\n", "HTTP/1.1 200 x\r\nETag: W/\"x\"\r\nLast-Modified: Sat, 01 Jan 2000 00:00:00 GMT\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n\r\n",
	} {
		f.Add([]byte(seed), []byte(empty), []byte(empty), uint8(i))
		f.Add([]byte(refused), []byte(seed), []byte(seed), uint8(i))
	}
	f.Fuzz(func(t *testing.T, write, head, get []byte, options uint8) {
		policyName := hostilePolicyNames[int(options)%len(hostilePolicyNames)]
		bits := int(options) / len(hostilePolicyNames)
		guard := []string{staleTagField, staleDateField}[bits&1]
		server := newHostileServer(func(w *hostileWire) {
			answer := write
			switch w.req.Method {
			case http.MethodHead:
				answer = head
			case http.MethodGet:
				answer = get
			}
			w.put(string(answer))
			if bits&2 != 0 {
				w.hang()
			}
			w.cut()
		})
		hostileCall{server: server, policy: hostilePolicies[policyName], method: http.MethodPut, guard: guard, getBody: bits&4 != 0}.run(t, policyName)
	})
}

// quietLog keeps net/http from logging what unsolicited answers it got.
func quietLog(t testing.TB) {
	before := log.Writer()
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(before) })
}

const staleTagField, staleDateField = `If-Match: "v1"`, "If-Unmodified-Since: Thu, 30 Dec 1999 00:00:00 GMT"

// curiousPolicy asks for all there is, and again, before it sends the same
// again.
var curiousPolicy = PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
	io.Copy(io.Discard, c.Response.Body)
	for range 10 {
		c.Validators(ctx)
		c.Current(ctx)
	}
	if _, err := c.Current(ctx); err != nil {
		return Decision{}, err
	}
	return c.Resend(), nil
})

var hostilePolicies = map[string]Policy{
	"Stop": Stop, "Resend": Resend, "Rebuild": Rebuild(append1), "Unconditional": Unconditional, "curious": curiousPolicy,
}

var hostilePolicyNames = slices.Sorted(maps.Keys(hostilePolicies))

// reaches reports whether a policy ever gets to a position.
func reaches(policy, position string) bool {
	switch policy {
	case "Stop":
		return slices.Contains([]string{"refused", "failed", "accepted", "unsure", "all"}, position)
	case "Unconditional":
		return position != "head" && position != "get"
	case "Rebuild":
		return position != "head"
	}
	return true
}

// Limits of the calls below.
const (
	hostileElapsed  = 10 * time.Second // WithMaxElapsed
	hostileDeadline = time.Minute      // of the caller's context
	hostileSlack    = 200 * time.Millisecond
	hostileHeader   = 64 << 10 // http.Transport's MaxResponseHeaderBytes where a kind says nothing
	hostileState    = 64 << 10 // WithMaxRepresentation
	hostileAlloc    = 12 << 20 // bytes allocated by a call, the server's included
	hostileTag      = 4 << 10  // the documented bound of an entity-tag
	hostileFlood    = 16 << 20 // bytes that a server gets rid of in a call
)

// mostRequests is the documented bound for one call: n writes that may end in a
// refusal, n-1 repeats after failures, and 4 refreshes for each refusal or race
// lost while waiting, of which there are n together.
func mostRequests(n int) (writes, refreshes int) { return 2*n - 1, 4 * n }

// hostileCall is one call and the server that it meets.
type hostileCall struct {
	server   *hostileServer
	header   int64
	quoted   bool
	policy   Policy
	method   string
	guard    string // a field line; empty: none
	getBody  bool
	deadline time.Duration // of the context; 0: hostileDeadline
	cancel   bool          // the context is cancelled then, and has no deadline
	opts     []Option
}

// run makes the call, in a bubble, and checks all that must hold whatever the
// server does.
func (h hostileCall) run(t *testing.T, name string) (outcome Outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Errorf("%s: %s: %s, %.300v", name, fmt.Sprintf(format, args...), toldBy(outcome), outcome.Err)
		}
		if h.deadline == 0 {
			h.deadline = hostileDeadline
		}
		header := h.header
		if header == 0 {
			header = hostileHeader
		}
		tr := &http.Transport{DialContext: h.server.dial, MaxResponseHeaderBytes: header, ExpectContinueTimeout: time.Second}
		base := &hostileWatch{base: tr}
		rt := NewTransport(base, h.policy, append([]Option{WithMaxElapsed(hostileElapsed), WithMaxRepresentation(hostileState)}, h.opts...)...)

		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), h.deadline)
		if h.cancel {
			ctx, cancel = context.WithCancel(context.Background())
			time.AfterFunc(h.deadline, cancel)
		}
		defer cancel()
		body := strings.Repeat("mine", 1500) // more than what net/http buffers
		var mu sync.Mutex
		var opened, closed = 1, 0
		open := func() (io.ReadCloser, error) { return hostileBody{strings.NewReader(body), &closed, &mu}, nil }
		first, _ := open()
		req, err := http.NewRequestWithContext(WithOutcome(ctx, &outcome), h.method, "http://memory.test/doc", first)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = int64(len(body))
		if h.getBody {
			req.GetBody = func() (io.ReadCloser, error) {
				mu.Lock()
				opened++
				mu.Unlock()
				return open()
			}
		}
		if field, value, ok := strings.Cut(h.guard, ": "); ok {
			req.Header.Set(field, value)
		}
		sent := req.Header.Clone()

		resp, err := rt.RoundTrip(req)
		end := time.Now()

		if (resp == nil) == (err == nil) {
			fail("response %v and error %v", resp, err)
		}
		if len(outcome.Exchanges) == 0 {
			fail("no outcome")
		}
		if took := end.Sub(start); took > h.deadline+hostileSlack {
			fail("it took %v, and the deadline is %v", took, h.deadline)
		}
		if !base.first.IsZero() {
			limit := base.first.Add(hostileElapsed)
			if limit.Before(base.written) {
				limit = base.written
			}
			if late := end.Sub(limit); late > hostileSlack {
				fail("%v after the limits", late)
			}
		}
		if resp != nil {
			h.read(resp, base.refused, outcome, fail)
		}
		runtime.ReadMemStats(&after)
		synctest.Wait()
		mu.Lock()
		if opened != closed {
			fail("%d bodies opened, %d closed", opened, closed)
		}
		mu.Unlock()
		cancel()
		// net/http itself makes several copies of a header that it lets through.
		most := hostileAlloc + 24*uint64(h.header)
		if allocated := after.TotalAlloc - before.TotalAlloc; h.quoted {
			// net/http quotes the line in its error, which takes 45 times its length.
		} else if allocated > most {
			fail("%d KiB allocated", allocated>>10)
		} else if allocated > hostileWorst.bytes && h.header == 0 {
			hostileWorst.bytes, hostileWorst.name = allocated, name
		}
		writes, refreshes := 0, 0
		inRow, rest := 0, outcome.Waited
		base.gaps = append(base.gaps, end.Sub(base.last))
		for i, e := range outcome.Exchanges {
			rest -= e.Wait
			waited := rest
			if i+1 < len(outcome.Exchanges) {
				waited = outcome.Exchanges[i+1].Wait
			}
			if e.String() != "GET 200" && base.gaps[i]-waited > time.Second+hostileSlack {
				fail("the answer to request %d was read for %v", i+1, base.gaps[i]-waited)
			}
			if inRow++; e.Wait == refresh.SettleTime {
				inRow = 0 // a race may have been lost, which begins a new count
			}
			if e.Err != nil && strings.Contains(e.Err.Error(), "invalid header") {
				fail("net/http wouldn't send it: %v", e.Err)
			}
			if semantics.Safe(e.Method) {
				refreshes++
				if inRow > 4 {
					fail("%d refreshes", inRow)
				}
				if e.Err != nil && len(e.Err.Error()) > drain.KeepLimit+64 {
					fail("an error of %d bytes is kept", len(e.Err.Error()))
				}
			} else {
				writes++
				inRow = 0
			}
		}
		maxAttempts := rt.settings.attempts(traits{})
		mostWrites, mostRefreshes := mostRequests(maxAttempts)
		if writes > mostWrites || refreshes > mostRefreshes || writes != outcome.Attempts {
			fail("%d writes (%d attempts) and %d refreshes", writes, outcome.Attempts, refreshes)
		}
		if fmt.Sprint(req.Header) != fmt.Sprint(sent) {
			fail("the caller's header is %v", req.Header)
		}

		// What is left must end by itself; synctest sees what doesn't.
		tr.CloseIdleConnections()
		h.server.wg.Wait()
		synctest.Wait()
		// net/http itself repeats a GET or HEAD once for each connection that
		// was used before and is cut.
		if n := len(h.server.requests); n > mostWrites+2*mostRefreshes {
			fail("%d requests arrived", n)
		}
		h.checkArrived(fail)
		for _, problem := range h.server.problems {
			fail("%s", problem)
		}
	})
	return outcome
}

// read reads a response as a caller would.
func (h hostileCall) read(resp *http.Response, refused bool, outcome Outcome, fail func(string, ...any)) {
	if resp.Body == nil {
		fail("a response without a Body")
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return // neither context nor deadline ends a read of it
	}
	start := time.Now()
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 2*drain.KeepLimit))
	took := time.Since(start)
	// A refusal that shows nothing to handle comes through untouched.
	untouched := h.policy == Policy(Stop) && outcome.Attempts == 1 ||
		outcome.Cause == CauseUnattributed && h.policy == Policy(Unconditional)
	if status := resp.StatusCode; refused && (status == 412 || status == 428) && !untouched {
		if took > 0 || n > drain.KeepLimit {
			fail("reading %d bytes of the returned refusal took %v, %v", n, took, err)
		}
	}
	if took > h.deadline+hostileSlack {
		fail("reading the body took %v", took)
	}
}

// checkArrived looks at every request as the server got it.
func (h hostileCall) checkArrived(fail func(string, ...any)) {
	field, given, guarded := strings.Cut(h.guard, ": ")
	for _, req := range h.server.requests {
		if req.Host != "memory.test" || req.RequestURI != "/doc" {
			fail("%s %s at %s", req.Method, req.RequestURI, req.Host)
		}
		size := 0
		for name, values := range req.Header {
			if !slices.Contains(hostileOwnFields, name) || len(values) != 1 {
				fail("%s carries %s: %q", req.Method, name, values)
			}
			size += len(values[0])
			if strings.Contains(values[0], "evil") {
				fail("%s: %.100q", name, values[0]) // nothing that was sent so may come back
			}
		}
		if size > hostileTag+512 {
			fail("%d bytes of header", size)
		}
		match, since := req.Header["If-Match"], req.Header["If-Unmodified-Since"]
		switch req.Method {
		case http.MethodHead, http.MethodGet:
			if match != nil || since != nil || req.ContentLength > 0 {
				fail("the refresh carries %v", req.Header)
			}
			continue
		case h.method:
		default:
			fail("%s arrived", req.Method)
		}
		if match == nil && since == nil {
			if guarded && h.policy != Policy(Unconditional) {
				fail("a write without a guard")
			}
			guarded = false
			continue
		}
		if !guarded && h.policy == Policy(Unconditional) && h.guard != "" {
			fail("guarded again")
		}
		guarded = true
		if field == "If-Match" && (match == nil || since != nil) || field == "If-Unmodified-Since" && match != nil {
			fail("guard %v in place of %s", req.Header, field)
		}
		if match != nil {
			tag := match[0]
			switch {
			case !oneTagPattern.MatchString(asLatin1(tag)) || len(tag) > hostileTag, tag == `"*"`:
				fail("If-Match: %.100q", tag)
			case tag != given && !sentOrGiven(h.server, tag):
				fail("If-Match: %.100q, which the server never sent", tag)
			case strings.HasPrefix(tag, "W/") && strings.HasPrefix(given, `"`):
				fail("If-Match: %.100q, and the caller's tag is strong", tag)
			}
		}
		if since != nil {
			if at, err := time.Parse(http.TimeFormat, since[0]); err != nil || at.Format(http.TimeFormat) != since[0] {
				fail("If-Unmodified-Since: %.100q", since[0])
			}
		}
	}
}

// hostileBody counts how often it is closed.
type hostileBody struct {
	io.Reader
	closed *int
	mu     *sync.Mutex
}

func (b hostileBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	*b.closed++
	return nil
}

// cuttingBody is a body whose Close cuts the connection where a Read of it is
// under way. So did net/http up to Go 1.26. Since Go 1.27 it does so after 50 ms,
// which never end in a bubble (golang/go#81404); TestHostileBodiesInRealTime has
// the bodies of net/http as they are.
type cuttingBody struct {
	io.ReadCloser
	conn net.Conn

	mu      sync.Mutex
	reading chan struct{} // closed at the end of a Read; nil outside of one
}

func (b *cuttingBody) Read(p []byte) (int, error) {
	done := make(chan struct{})
	b.set(done)
	defer close(done)
	defer b.set(nil)
	return b.ReadCloser.Read(p)
}

func (b *cuttingBody) set(reading chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = reading
}

func (b *cuttingBody) Close() error {
	b.mu.Lock()
	reading := b.reading
	b.mu.Unlock()
	if reading != nil {
		b.conn.Close()
		<-reading
	}
	return b.ReadCloser.Close()
}

// hostileWatch is the base, with the times that the limits are about.
type hostileWatch struct {
	base    http.RoundTripper
	first   time.Time // when the first answer came that isn't the last
	written time.Time // when the last write was answered
	last    time.Time // when the last request was answered
	gaps    []time.Duration
	refused bool // that answer is a refusal
}

func (w *hostileWatch) RoundTrip(req *http.Request) (*http.Response, error) {
	if !w.last.IsZero() {
		w.gaps = append(w.gaps, time.Since(w.last))
	}
	var conn net.Conn
	trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { conn = got.Conn }}
	resp, err := w.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	w.last = time.Now()
	if err == nil && resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = &cuttingBody{ReadCloser: resp.Body, conn: conn}
	}
	if !semantics.Safe(req.Method) {
		w.written = w.last
		w.refused = err == nil && (resp.StatusCode == 412 || resp.StatusCode == 428)
		if w.first.IsZero() && (err != nil || resp.StatusCode >= 400) {
			w.first = w.written
		}
	}
	return resp, err
}

func toldBy(o Outcome) string {
	return fmt.Sprintf("%s | %v, %v", result{outcome: o}.exchanges(), o.Effect, o.Cause)
}

var hostileWorst struct {
	bytes uint64
	name  string
}

var (
	oneTagPattern    = regexp.MustCompile(`^(W/)?"[\x21\x23-\x7e\x80-\xff]*"$`)
	hostileOwnFields = []string{"If-Match", "If-Unmodified-Since", "User-Agent", "Accept-Encoding", "Cache-Control", "Pragma", "Content-Length", "Expect"}
	sentOrGiven      = func(s *hostileServer, value string) bool { return bytes.Contains(s.sent, []byte(value)) }
)

// asLatin1 makes a rune of each byte, for regexp.
func asLatin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// TestHostileBodiesInRealTime: a body that hangs or drips is cut by its Close
// alone, outside of a bubble, at the end of the limits.
func TestHostileBodiesInRealTime(t *testing.T) {
	t.Parallel()
	bodies := []string{
		"short body", "a body that never comes", "a chunked body that never comes", "the body drips", "the chunked body drips", "a chunk size drips",
		"trailers drip", "gzip of nothing for ever", "an early answer that drips",
	}
	var all sync.WaitGroup // they wait most of the time
	for _, kind := range hostiles() {
		if !slices.Contains(bodies, kind.name) {
			continue
		}
		for position, policyName := range map[string]string{"refused": "Resend", "failed": "Resend", "get": "Rebuild"} {
			all.Go(func() { inRealTime(t, kind, position, policyName) })
		}
	}
	all.Wait()
}

func inRealTime(t *testing.T, kind hostile, position, policyName string) {
	const elapsed = 300 * time.Millisecond
	server := newHostileServer(kind.serve(position))
	server.early = kind.early
	tr := &http.Transport{DialContext: server.dial}
	ctx, cancel := context.WithTimeout(t.Context(), hostileDeadline)
	defer cancel()
	var outcome Outcome
	req, err := http.NewRequestWithContext(WithOutcome(ctx, &outcome), http.MethodPut, "http://memory.test/doc", strings.NewReader(strings.Repeat("mine", 1500)))
	if err != nil {
		t.Error(err)
		return
	}
	field, value, _ := strings.Cut(staleTagField, ": ")
	req.Header.Set(field, value)
	start := time.Now()
	resp, err := NewTransport(tr, hostilePolicies[policyName], WithMaxElapsed(elapsed)).RoundTrip(req)
	if err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if took := time.Since(start); took > elapsed+5*time.Second {
		t.Errorf("%s, %s: took %v: %s, %v", kind.name, position, took, toldBy(outcome), outcome.Err)
	}
	cancel()
	tr.CloseIdleConnections()
	server.wg.Wait() // for the cut of every connection
	for _, problem := range server.problems {
		t.Errorf("%s, %s: %s", kind.name, position, problem)
	}
}

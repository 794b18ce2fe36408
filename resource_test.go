package ifmatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/commit"
)

const roundTripTime = 5 * time.Millisecond

// keeping is a Resource that keeps its state by now, and an empty log.
func keeping(t *testing.T, origin *ifmatchtest.Server, url string, opts ...UpdateOption) *Resource[counter] {
	t.Helper()
	r := NewResource[counter](origin.Client(), url, opts...)
	for range 3 {
		if _, err := r.Update(t.Context(), addOne); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
	if r.kept == nil {
		t.Fatal("nothing is kept")
	}
	origin.ResetLog()
	return r
}

// TestZeroResource: it can't be used, and says so.
func TestZeroResource(t *testing.T) {
	var r Resource[counter]
	_, err := r.Update(t.Context(), addOne)
	_, err2 := r.Get(t.Context())
	for _, err := range []error{err, err2} {
		if err == nil || !strings.Contains(err.Error(), "NewResource") {
			t.Error(err)
		}
	}
}

// TestResourceSharesWrites: many adds in few requests, none lost.
func TestResourceSharesWrites(t *testing.T) {
	for n, most := range map[int]float64{64: 0.05, 256: 0.02} {
		withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			const each = 20
			origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond))
			r := NewResource[markedCounter](origin.Client(), url)
			start := time.Now()
			var mu sync.Mutex
			var took []time.Duration
			var all sync.WaitGroup
			for range n {
				all.Go(func() {
					for range each {
						began := time.Now()
						if _, err := r.Update(context.Background(), addMarked); err != nil {
							t.Error(err)
						}
						mu.Lock()
						took = append(took, time.Since(began))
						mu.Unlock()
					}
				})
			}
			all.Wait()
			got, err := r.Get(context.Background())
			if err != nil || got.Value.N != n*each {
				t.Errorf("%+v, %v", got.Value, err)
			}
			slices.Sort(took)
			per := float64(len(origin.Log())) / float64(n*each)
			p99 := took[len(took)*99/100]
			t.Logf("%d: %.4f requests per add, p99 %v, %v in all", n, per, p99, time.Since(start))
			if per > most || p99 > 5*5*time.Millisecond {
				t.Errorf("%d: %.4f requests per add, at most %v; p99 %v", n, per, most, p99)
			}
		})
	}
}

// TestResourceThroughput: 64 goroutines with one Resource add at least 20 times
// as fast as one with Update, one add at a time. The time is the bubble's.
func TestResourceThroughput(t *testing.T) {
	perSecond := func(n, each int, update func(c *http.Client, url string) func() error) (rate float64) {
		withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(ifmatchtest.Slow(0, roundTripTime))
			add := update(clientOn(origin), url)
			start := time.Now()
			var all sync.WaitGroup
			for range n {
				all.Go(func() {
					for range each {
						if err := add(); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			rate = float64(n*each) / time.Since(start).Seconds()
			if state := stateOf(origin); !strings.HasPrefix(state, fmt.Sprintf(`{"n":%d,`, n*each)) {
				t.Errorf("state %.20s", state)
			}
		})
		return rate
	}
	alone := perSecond(1, 20, func(c *http.Client, url string) func() error {
		return func() error { _, err := Update(context.Background(), c, url, addMarked); return err }
	})
	together := perSecond(64, 20, func(c *http.Client, url string) func() error {
		r := NewResource[markedCounter](c, url)
		return func() error { _, err := r.Update(context.Background(), addMarked); return err }
	})
	t.Logf("one at a time %.0f adds per second, 64 together %.0f: %.0f times", alone, together, together/alone)
	if together < 20*alone {
		t.Errorf("%.0f adds per second, one at a time %.0f", together, alone)
	}
}

// TestResourceAlone: one request for each Update after the first two.
func TestResourceAlone(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](origin.Client(), url)
		for i := range 6 {
			before := len(origin.Log())
			if got, err := r.Update(context.Background(), addOne); err != nil || got.Value.N != i+1 {
				t.Errorf("%+v, %v", got, err)
			}
			if n := len(origin.Log()) - before; i >= 2 && n != 1 {
				t.Errorf("update %d took %d requests", i, n)
			}
		}
		// What others write in between isn't lost.
		origin.Put("/doc", "application/json", []byte(`{"n":100,"theirs":1}`))
		if got, err := r.Update(context.Background(), addOne); err != nil || got.Value.N != 101 || stateOf(origin) != `{"n":101,"theirs":1}` {
			t.Errorf("%+v, %v: %s", got, err, stateOf(origin))
		}
		// An edit that changes nothing answers with the server's state, not with a kept one.
		origin.Put("/doc", "application/json", []byte(`{"n":200}`))
		if got, err := r.Update(context.Background(), func(*counter) error { return nil }); err != nil || got.Value.N != 200 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestResourceTransformed: nothing is kept where the server stores other bytes.
func TestResourceTransformed(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.CompetingAfter(0, func(b []byte) []byte { return append(b, ' ') }))
		r := NewResource[counter](origin.Client(), url)
		for i := range 4 {
			if got, err := r.Update(context.Background(), addOne); err != nil || got.Value.N != i+1 {
				t.Errorf("%+v, %v", got, err)
			}
		}
	})
}

// TestResourceEdits: edits that go wrong change nothing for the others.
func TestResourceEdits(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond), ifmatchtest.CompetingWriter(2, addFour))
		r := NewResource[counter](origin.Client(), url, WithEditLimit(time.Second))
		why := errors.New("no")
		var good atomic.Int32
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				defer func() {
					if p := recover(); p != nil && p != "broken" {
						panic(p)
					}
				}()
				_, err := r.Update(context.Background(), func(c *counter) error {
					c.N++
					switch i % 8 {
					case 1:
						return why
					case 2:
						panic("broken")
					case 3:
						runtime.Goexit()
					case 4:
						time.Sleep(3 * time.Second)
					}
					return nil
				})
				switch {
				case i%8 == 1 && err != why, i%8 == 4 && !errors.Is(err, ErrEditLimit), (i%8 == 0 || i%8 > 4) && err != nil:
					t.Errorf("%d: %v", i, err)
				case err == nil:
					good.Add(1)
				}
			})
		}
		all.Wait()
		got, err := r.Get(context.Background())
		if err != nil || got.Value.N%10 != int(good.Load())%10 || good.Load() != 20 {
			t.Errorf("%+v with %d good edits, %v", got.Value, good.Load(), err)
		}
	})
}

// TestResourceNested: the outer edit is left out, the inner runs.
func TestResourceNested(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](origin.Client(), url, WithEditLimit(time.Second))
		start := time.Now()
		_, err := r.Update(context.Background(), func(c *counter) error {
			c.N = 100
			_, err := r.Update(context.Background(), addOne)
			return err
		})
		if !errors.Is(err, ErrEditLimit) || time.Since(start) > 2*time.Second || stateOf(origin) != `{"n":1}` {
			t.Errorf("%v after %v: %s", err, time.Since(start), stateOf(origin))
		}
	})
}

// TestResourceContexts: a caller's context ends its own wait and nothing else.
func TestResourceContexts(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Slow(0, time.Second))
		r := NewResource[counter](origin.Client(), url)
		var all sync.WaitGroup
		update := func(after, timeout time.Duration, ran *bool, want ...error) {
			all.Go(func() {
				time.Sleep(after)
				ctx, cancel := context.WithTimeout(context.Background(), timeout)
				defer cancel()
				_, err := r.Update(ctx, func(c *counter) error { *ran = true; return addOne(c) })
				for _, want := range want {
					if !errors.Is(err, want) {
						t.Errorf("error %v, want %v", err, want)
					}
				}
				if len(want) == 0 && err != nil || len(want) == 1 && errors.Is(err, ErrOutcomeUnknown) {
					t.Errorf("error %v", err)
				}
			})
		}
		var first, queued, inFlight, last bool
		update(0, time.Minute, &first)
		update(500*time.Millisecond, 3*time.Second, &inFlight, context.DeadlineExceeded, ErrOutcomeUnknown)
		update(1200*time.Millisecond, 100*time.Millisecond, &queued, context.DeadlineExceeded)
		update(1200*time.Millisecond, time.Minute, &last)
		all.Wait()
		if queued || !first || !inFlight || !last {
			t.Errorf("ran: first %v, in flight %v, queued %v, last %v", first, inFlight, queued, last)
		}
		if state := stateOf(origin); state != `{"n":3}` {
			t.Errorf("state %s", state)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := r.Update(ctx, addOne); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestResourceAbandoned: when nobody waits any more nothing goes on.
func TestResourceAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		r := NewResource[counter](&http.Client{Transport: base}, "http://example.test/")
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				if _, err := r.Update(ctx, addOne); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}) // the bubble fails when a goroutine is left
}

// TestStalledState: a state that never comes ends the wait for a Resource, whose
// callers' contexts don't reach it.
func TestStalledState(t *testing.T) {
	withDocument(t, `{"n":5}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](stalling(origin.Client().Transport, http.MethodGet, 1), url)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		start := time.Now()
		if _, err := r.Update(ctx, addOne); !errors.Is(err, ErrElapsed) || time.Since(start) != defaultMaxElapsed {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if got, err := r.Update(ctx, addOne); err != nil || got.Value.N != 6 {
			t.Errorf("the next: %+v, %v", got.Value, err)
		}
	})
}

// TestReadAfterAnAcceptedWrite: the read that only serves the next write holds up
// nobody for more than two seconds, and doesn't make a failure of a success.
func TestReadAfterAnAcceptedWrite(t *testing.T) {
	for name, read := range map[string]func(*http.Request) (*http.Response, error){
		"hangs":       func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
		"503":         func(r *http.Request) (*http.Response, error) { return replyTo(r, 503, ""), nil },
		"Retry-After": func(r *http.Request) (*http.Response, error) { return replyTo(r, 503, "", "Retry-After: 20"), nil },
	} {
		withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			written := false
			r := NewResource[counter](&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if written && r.Method == http.MethodGet {
					return read(r)
				}
				written = written || r.Method == http.MethodPut
				return origin.Client().Transport.RoundTrip(r)
			})}, url)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			start := time.Now()
			got, err := r.Update(ctx, addOne)
			if took := time.Since(start); err != nil || got.Value.N != 1 || took > 2*time.Second || stateOf(origin) != `{"n":1}` {
				t.Errorf("%s: %+v, %v after %v, state %s", name, got.Value, err, took, stateOf(origin))
			}
		})
	}
}

// TestIdleResource: what is kept is let go of after a minute without a write.
func TestIdleResource(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](origin.Client(), url)
		for _, row := range []struct {
			after time.Duration
			want  string
		}{{0, "GET PUT GET"}, {59 * time.Second, "PUT"}, {59 * time.Second, "PUT"}, {61 * time.Second, "GET PUT"}, {0, "PUT"}} {
			time.Sleep(row.after)
			before := len(origin.Log())
			if _, err := r.Update(t.Context(), addOne); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			var methods []string
			for _, e := range origin.Log()[before:] {
				methods = append(methods, e.Method)
			}
			if got := strings.Join(methods, " "); got != row.want {
				t.Errorf("after %v: %s, want %s", row.after, got, row.want)
			}
		}
	})
}

// TestKeptAndDeleted: a kept state isn't a reason to make what was deleted; only
// an Update that found nothing when it read makes it.
func TestKeptAndDeleted(t *testing.T) {
	for name, test := range map[string]struct {
		opts   []UpdateOption
		want   string // requests after the deletion
		state  string
		status int // of the StatusError
	}{
		"create":    {[]UpdateOption{CreateIfAbsent()}, "PUT 412, GET 404, GET 404, PUT 201", `{"n":1}`, 0},
		"no create": {nil, "PUT 412, GET 404, GET 404", "(gone)", 404},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":6}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				r := NewResource[counter](origin.Client(), url, test.opts...)
				for range 3 {
					if _, err := r.Update(t.Context(), addOne); err != nil {
						t.Fatal(err)
					}
				}
				origin.ResetLog()
				origin.Delete("/doc")
				_, err := r.Update(t.Context(), addOne)
				if all := requests(origin); all != test.want || stateOf(origin) != test.state {
					t.Errorf("requests %s, state %s", all, stateOf(origin))
				}
				var status *StatusError
				if test.status == 0 && err != nil || test.status > 0 && (!errors.As(err, &status) || status.StatusCode != test.status) {
					t.Errorf("error %v", err)
				}
				// It goes on with what is there then.
				if test.status == 0 {
					if got, err := r.Update(t.Context(), addOne); err != nil || got.Value.N != 2 {
						t.Errorf("%+v, %v", got.Value, err)
					}
				}
			})
		})
	}
	// Deleted after a write on kept state whose answer was lost.
	withDocument(t, `{"n":6}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		base, armed := origin.Client().Transport, false
		c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := base.RoundTrip(r)
			if !armed || r.Method != http.MethodPut || err != nil {
				return resp, err
			}
			armed = false
			resp.Body.Close()
			origin.Delete("/doc")
			return nil, errors.New("connection reset")
		})}
		r := NewResource[markedCounter](c, url, CreateIfAbsent())
		for i := range 4 {
			armed = i == 3
			_, err := r.Update(t.Context(), addMarked)
			if armed = false; (err != nil) != (i == 3) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if stateOf(origin) != "(gone)" {
			t.Errorf("made again: %s, %s", stateOf(origin), requests(origin))
		}
	})
}

// TestAttemptsOnKeptState: those on a kept state count among WithMaxAttempts.
func TestAttemptsOnKeptState(t *testing.T) {
	for n := 1; n <= 3; n++ {
		withDocument(t, `{"n":0,"t":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			r := keeping(t, origin, url, WithMaxAttempts(n))
			origin.Inject(ifmatchtest.CompetingWriter(100, race).On(http.MethodPut))
			got, err := r.Update(t.Context(), addOne)
			checkUpdateError(t, err, ErrAttempts)
			if writes := len(written(t, origin)); writes != n || got.Outcome.Attempts != n {
				t.Errorf("%d writes, %d attempts, want %d: %s", writes, got.Outcome.Attempts, n, requests(origin))
			}
		})
	}
}

// TestFinalAnswerOnKeptState: what the server says about a write for good isn't
// asked for again on a fresh state.
func TestFinalAnswerOnKeptState(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := keeping(t, origin, url)
		origin.Inject(ifmatchtest.FailBefore(9, 403).On(http.MethodPut))
		_, err := r.Update(t.Context(), addOne)
		checkUpdateError(t, err, errStatus)
		if requests(origin) != "PUT 403" {
			t.Error(requests(origin))
		}
	})
}

// waitingCodec waits in Encode until everything else waits, once it is armed.
type waitingCodec struct {
	jsonCodec
	armed *bool
}

func (c waitingCodec) Encode(v any) ([]byte, error) {
	if *c.armed {
		synctest.Wait()
	}
	return c.jsonCodec.Encode(v)
}

// TestNobodyWaitsForAKeptRun: a run on a kept state that everybody has left ends
// with an error, not with a panic.
func TestNobodyWaitsForAKeptRun(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		armed := false
		r := keeping(t, origin, url, WithCodec(waitingCodec{armed: &armed}))
		ended := make(chan error, 1)
		queue := commit.New(defaultEditLimit, cutOut[counter], func(edits *commit.Batch[counter, share[counter]]) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			defer edits.Watch(cancel)()
			_, err := newBatch(r, edits).accepted(ctx)
			ended <- err
		})
		ctx, leave := context.WithCancel(t.Context())
		_, how := queue.Do(ctx, func(*counter) error {
			armed = true // it is noticed that the caller leaves
			leave()
			return nil
		})
		if err := <-ended; how != commit.Abandoned || !errors.Is(err, context.Canceled) || requests(origin) != "" {
			t.Errorf("%v, %v: %s", how, err, requests(origin))
		}
	})
}

// TestReplayedBatchOnKeptState: a batch that was refused on a kept state looks for
// its mark again before it is run on a fresh read, since what was read in between
// may have been stale.
func TestReplayedBatchOnKeptState(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[markedCounter](origin.Client(), url)
		for range 3 {
			if _, err := r.Update(context.Background(), addMarked); err != nil {
				t.Fatal(err)
			}
		}
		origin.Inject(ifmatchtest.Replay(1), ifmatchtest.StaleReads(3))
		got, err := r.Update(context.Background(), addMarked)
		if err != nil || got.Value.N != 4 || !strings.Contains(stateOf(origin), `"n":4`) {
			t.Errorf("%+v, %v: %s", got.Value, err, stateOf(origin))
		}
	})
}

// TestFoundMarkAndKeptState: where the mark is found, the state to keep is the
// one it was found in, which may hold a rival's later write.
func TestFoundMarkAndKeptState(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[markedCounter](origin.Client(), url)
		add := func() Snapshot[markedCounter] {
			t.Helper()
			got, err := r.Update(context.Background(), addMarked)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for range 3 {
			add()
		}
		origin.Inject(ifmatchtest.LostAnswer(1), ifmatchtest.CompetingAfter(1, addFour))
		if got := add(); got.Value.N != 44 {
			t.Errorf("n %d after a rival's write, want 44", got.Value.N)
		}
		if got := add(); got.Value.N != 45 || !strings.Contains(stateOf(origin), `"n":45`) {
			t.Errorf("n %d, state %s: the rival's write is lost", got.Value.N, stateOf(origin))
		}
	})
}

// stamping is a server that puts the number of the state into each state, and refuses a
// write after it has applied it.
type stamping struct {
	t       *testing.T
	version int
	doc     map[string]json.RawMessage
	lies    int // so many refusals
}

func (s *stamping) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}
	if req.Method == http.MethodPut {
		defer req.Body.Close()
		sent := map[string]json.RawMessage{}
		if err := json.NewDecoder(req.Body).Decode(&sent); err != nil {
			return nil, err
		}
		if req.Header.Get("If-Match") != s.tag() {
			resp.StatusCode = http.StatusPreconditionFailed
			return resp, nil
		}
		if was, is := string(s.doc["stamp"]), string(sent["stamp"]); was != is {
			s.t.Errorf("the write of version %d carries the stamp %s, and the state had %s", s.version+1, is, was)
		}
		s.version++
		s.doc = sent
		s.doc["stamp"] = json.RawMessage(strconv.Itoa(s.version))
		if s.lies--; s.lies >= 0 {
			resp.StatusCode = http.StatusPreconditionFailed
			return resp, nil
		}
	}
	resp.Header.Set("ETag", s.tag())
	if req.Method == http.MethodGet {
		body, err := json.Marshal(s.doc)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, err
	}
	return resp, nil
}

func (s *stamping) tag() string { return fmt.Sprintf(`"v%d"`, s.version) }

// TestFoundMarkOnAStampingServer: a state that was read because of a mark doesn't show
// that the server stores what is sent.
func TestFoundMarkOnAStampingServer(t *testing.T) {
	s := &stamping{t: t, doc: map[string]json.RawMessage{"n": json.RawMessage("0"), "stamp": json.RawMessage("0")}, lies: 1}
	r := NewResource[markedCounter](&http.Client{Transport: s}, "http://origin.test/doc")
	for i := range 4 {
		if got, err := r.Update(t.Context(), addMarked); err != nil || got.Value.N != i+1 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// tally counts each add under a name of its own, so that a lost one shows as well
// as one that was applied twice.
type tally struct {
	Adds map[string]int `json:"adds"`
	Marks
}

func addTo(name string) func(*tally) error {
	return func(d *tally) error {
		if d.Adds == nil {
			d.Adds = make(map[string]int)
		}
		d.Adds[name]++
		return nil
	}
}

// keptHistory is one random history of a Resource that keeps its state, with
// other writers and faults in between.
type keptHistory struct {
	*rand.Rand
	origin *ifmatchtest.Server
	r      *Resource[tally]
	log    []string

	// Then an update may end with an error, but not be lost or doubled.
	stale   bool // reads may be
	deleted bool // the document is, or was and has no marks since

	mu     sync.Mutex // guards what follows: rivals come on the server's goroutines
	want   map[string]int
	serial int
}

func (h *keptHistory) name(who string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serial++
	return fmt.Sprint(who, h.serial)
}

// expect says that the document holds the add from now on.
func (h *keptHistory) expect(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.want[name] = 1
}

// asWanted compares the document with what it should hold.
func (h *keptHistory) asWanted(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.state(); !maps.Equal(h.want, now) {
		t.Errorf("state %v, want %v", now, h.want)
	}
}

func (h *keptHistory) state() map[string]int {
	var doc tally
	if body, _, ok := h.origin.State("/doc"); ok {
		json.Unmarshal(body, &doc)
	}
	if doc.Adds == nil {
		doc.Adds = make(map[string]int)
	}
	return doc.Adds
}

// foreign is another writer's add.
func (h *keptHistory) foreign(current []byte) []byte {
	var doc tally
	if current != nil {
		json.Unmarshal(current, &doc)
	}
	name := h.name("theirs")
	addTo(name)(&doc)
	doc.IDs = append(doc.IDs, name)
	doc.IDs = doc.IDs[max(0, len(doc.IDs)-64):]
	h.expect(name)
	body, _ := json.Marshal(doc)
	return body
}

func (h *keptHistory) fault() (string, ifmatchtest.Fault) {
	switch n := 1 + h.IntN(2); h.IntN(9 + map[bool]int{true: 2}[h.stale]) {
	case 0:
		return "answer lost", ifmatchtest.LostAnswer(n)
	case 1:
		return "request lost", ifmatchtest.LostRequest(n)
	case 2:
		return "502 after", ifmatchtest.FailAfter(n, 502)
	case 3:
		return "500 after", ifmatchtest.FailAfter(1, 500)
	case 4:
		return "503 before", ifmatchtest.FailBefore(n, 503)
	case 5:
		return "replay", ifmatchtest.Replay(n)
	case 6:
		return "a rival before", ifmatchtest.CompetingWriter(n, h.foreign)
	case 7:
		return "a rival after", ifmatchtest.CompetingAfter(n, h.foreign)
	case 8:
		return "tag only weak", ifmatchtest.WeakFor(time.Second)
	default:
		return "stale read", ifmatchtest.StaleReads(n)
	}
}

func (h *keptHistory) step(t *testing.T) {
	switch op := h.IntN(12); {
	case op < 6:
		h.updates(t, 1+h.IntN(4))
	case op < 8:
		current, _, ok := h.origin.State("/doc")
		if !ok {
			current = nil
		}
		h.origin.Put("/doc", "application/json", h.foreign(current))
		h.log = append(h.log, "foreign put")
	case op < 9:
		h.origin.Delete("/doc")
		h.mu.Lock()
		clear(h.want)
		h.mu.Unlock()
		h.deleted = true
		h.log = append(h.log, "foreign delete")
	case op < 10:
		if _, _, ok := h.origin.State("/doc"); !ok || h.stale {
			return
		}
		got, err := h.r.Update(t.Context(), func(*tally) error { return nil })
		if err != nil || !maps.Equal(got.Value.Adds, h.state()) {
			t.Errorf("no change: %v, %v; the state is %v", got.Value.Adds, err, h.state())
		}
		h.log = append(h.log, "no change")
	default:
		name, fault := h.fault()
		h.origin.Inject(fault)
		h.log = append(h.log, name)
	}
}

// updates makes n adds at once.
func (h *keptHistory) updates(t *testing.T, n int) {
	names, errs := make([]string, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		names[i] = h.name("mine")
		all.Go(func() {
			var got Snapshot[tally]
			if got, errs[i] = h.r.Update(t.Context(), addTo(names[i])); errs[i] == nil && got.Value.Adds[names[i]] != 1 {
				t.Errorf("the snapshot of %s: %v", names[i], got.Value.Adds)
			}
		})
	}
	all.Wait()
	now := h.state()
	for i, name := range names {
		switch {
		case errs[i] == nil, errors.Is(errs[i], ErrOutcomeUnknown) && now[name] == 1:
			h.expect(name)
		}
		if errs[i] != nil && !h.stale && !h.deleted {
			t.Errorf("%s: %v", name, errs[i])
		}
	}
	body, _, _ := h.origin.State("/doc")
	h.deleted = len(idsOf(t, body)) == 0
	h.log = append(h.log, fmt.Sprint("updates ", names, errs))
}

// TestKeptStateHistories: whatever happens between the Updates of a Resource, the
// document holds what was acknowledged, each add once.
func TestKeptStateHistories(t *testing.T) {
	seeds, steps := long(300, 30), 16
	if raceEnabled {
		seeds = long(90, 30) // each takes ten times as long
	}
	acknowledged, unknown, requests := 0, 0, 0
	for seed := range uint64(seeds) {
		withDocument(t, "", func(t *testing.T, origin *ifmatchtest.Server, url string) {
			h := &keptHistory{Rand: rand.New(rand.NewPCG(seed, 4)), origin: origin, want: make(map[string]int), stale: seed%3 == 0}
			c := clientOn(origin)
			seenToKeep(t, origin, c, url)
			h.r = NewResource[tally](c, url, CreateIfAbsent())
			for range steps {
				h.step(t)
				h.asWanted(t)
				if t.Failed() {
					t.Fatalf("seed %d:\n%s", seed, strings.Join(h.log, "\n"))
				}
			}
			text := strings.Join(h.log, "")
			unknown += strings.Count(text, ErrOutcomeUnknown.Error())
			for name := range h.want {
				if strings.HasPrefix(name, "mine") {
					acknowledged++
				}
			}
			requests += len(origin.Log())
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d adds in %d requests, %d unknown", acknowledged, requests, unknown)
	if acknowledged < 3*seeds {
		t.Errorf("only %d adds", acknowledged)
	}
}

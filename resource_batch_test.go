package ifmatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

const roundTripTime = 5 * time.Millisecond

// together runs these functions while a first write of r is in flight, so that
// their Updates queue in this order and go out as one write. It must be called
// within a bubble.
func together[T any](t *testing.T, r *Resource[T], origin *ifmatchtest.Server, first func(*T) error, updates ...func()) {
	t.Helper()
	origin.Inject(ifmatchtest.Slow(0, roundTripTime))
	var all sync.WaitGroup
	start := func(f func()) {
		all.Go(f)
		synctest.Wait() // it is queued now
	}
	start(func() {
		if _, err := r.Update(t.Context(), first); err != nil {
			t.Errorf("the first write: %v", err)
		}
	})
	for _, update := range updates {
		start(update)
	}
	all.Wait()
}

// written are the numbers n of the writes that arrived.
func written(t *testing.T, origin *ifmatchtest.Server) (all []int) {
	t.Helper()
	for _, r := range origin.Log() {
		if r.Method != http.MethodPut {
			continue
		}
		var c counter
		if err := json.Unmarshal(r.Body, &c); err != nil {
			t.Error(err)
		}
		all = append(all, c.N)
	}
	return all
}

// race is another writer who leaves n as it is.
func race(current []byte) []byte {
	return []byte(strings.Replace(string(current), `"t":`, `"t":1`, 1))
}

// TestBatchInOrder: each edit sees what those before it made, and a refusal runs
// all of them again, in the same order.
func TestBatchInOrder(t *testing.T) {
	for _, refusals := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(refusals, " refusals"), func(t *testing.T) {
			withDocument(t, `{"n":0,"t":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				const n = 20
				if refusals > 0 {
					origin.Inject(ifmatchtest.CompetingWriter(refusals, race).After(1))
				}
				r := NewResource[counter](origin.Client(), url)
				early := errors.New("too early")
				var runs [n]int
				var updates []func()
				update := func(i int, want error, edit func(*counter) error) {
					updates = append(updates, func() {
						got, err := r.Update(t.Context(), edit)
						if !errors.Is(err, want) || want == nil && (err != nil || got.Value.N != n+1) {
							t.Errorf("%d: %+v, %v", i, got.Value, err)
						}
					})
				}
				for i := range n {
					update(i, nil, func(c *counter) error {
						runs[i]++
						if c.N != i+1 {
							return fmt.Errorf("n is %d", c.N)
						}
						return addOne(c)
					})
					update(i, early, func(c *counter) error { // relies on a later one
						c.N += 1000
						if c.N < 1000+i+3 {
							return early
						}
						return nil
					})
				}
				together(t, r, origin, addOne, updates...)
				want := []int{1}
				for range refusals + 1 {
					want = append(want, n+1)
				}
				if diff := cmp.Diff(want, written(t, origin)); diff != "" {
					t.Errorf("writes:\n%s", diff)
				}
				for i, got := range runs {
					if got != refusals+1 {
						t.Errorf("edit %d ran %d times", i, got)
					}
				}
				if state := stateOf(origin); !strings.HasPrefix(state, `{"n":21,`) {
					t.Errorf("state %s", state)
				}
			})
		})
	}
}

// withT also knows what the rival changes.
type withT struct {
	N int `json:"n"`
	T int `json:"t"`
}

// TestBatchLastRunCounts: what an edit gave in a run whose write was refused
// doesn't count, be it an error or a change.
func TestBatchLastRunCounts(t *testing.T) {
	withDocument(t, `{"n":0,"t":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.CompetingWriter(1, race).After(1))
		r := NewResource[withT](origin.Client(), url)
		no := errors.New("no")
		update := func(want error, edit func(*withT) error) func() {
			return func() {
				if got, err := r.Update(t.Context(), edit); err != want || err == nil && got.Value.N != 1+1+10 {
					t.Errorf("%+v, %v, want %v", got.Value, err, want)
				}
			}
		}
		failsIf := func(was, by int) func(*withT) error {
			return func(d *withT) error {
				d.N += by
				if d.T == was {
					return no
				}
				return nil
			}
		}
		together(t, r, origin, func(d *withT) error { d.N++; return nil },
			update(nil, func(d *withT) error { d.N++; return nil }),
			update(nil, failsIf(1, 10)), update(no, failsIf(11, 100)), update(no, failsIf(11, 1000)))
		if state := stateOf(origin); state != `{"n":12,"t":11}` {
			t.Errorf("state %s", state)
		}
	})
}

// TestBatchIsBounded: at most 256 edits go out as one write.
func TestBatchIsBounded(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](origin.Client(), url)
		var updates []func()
		for range 600 {
			updates = append(updates, func() {
				if _, err := r.Update(t.Context(), addOne); err != nil {
					t.Error(err)
				}
			})
		}
		together(t, r, origin, addOne, updates...)
		if diff := cmp.Diff([]int{1, 257, 513, 601}, written(t, origin)); diff != "" {
			t.Errorf("n of the writes:\n%s", diff)
		}
	})
}

// shared has what two snapshots could share.
type shared struct {
	N    int            `json:"n"`
	Map  map[string]int `json:"map"`
	List []*int         `json:"list"`
}

// TestBatchSnapshots: callers may do with their snapshots what they like.
func TestBatchSnapshots(t *testing.T) {
	withDocument(t, `{"n":0,"map":{"a":1},"list":[1,2]}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[shared](origin.Client(), url)
		add := func(s *shared) error { s.N++; s.Map["b"] = s.N; return nil }
		for n := 0; n < 12; n += 4 { // also over kept state, and where nothing changes
			one, two := 1, 2
			want := shared{n + 4, map[string]int{"a": 1, "b": n + 4}, []*int{&one, &two}}
			update := func() {
				got, err := r.Update(t.Context(), add)
				if err != nil {
					t.Error(err)
					return
				}
				for range 2 {
					if len(got.Value.List) == 0 || len(got.Outcome.Exchanges) == 0 {
						t.Errorf("%+v", got)
						return
					}
					if diff := cmp.Diff(want, got.Value); diff != "" || got.Header.Get("X") != "" || got.Outcome.Exchanges[0].Method != "PUT" {
						t.Errorf("%s; %v, %v", diff, got.Header, got.Outcome.Exchanges)
					}
					got.Value.Map["a"], got.Value.Map["b"], *got.Value.List[0] = 9, 9, 9
					got.Value.List[1] = nil
					got.Header.Set("X", "y")
					got.Header["Etag"][0] = "spoilt"
					got.Outcome.Exchanges[0].Method = "SPOILT"
					got, err = r.Update(t.Context(), func(*shared) error { return nil })
					if err != nil {
						t.Error(err)
					}
					got.Outcome.Exchanges = []Exchange{{Method: "PUT"}}
				}
			}
			together(t, r, origin, func(s *shared) error { return add(s) }, update, update, update)
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

// TestCallersGiveUp: those who leave the queue aren't run, and nobody else
// notices. The errors match the context's and its cause.
func TestCallersGiveUp(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](origin.Client(), url)
		why := errors.New("the user left")
		var ran [40]atomic.Int32
		var updates []func()
		for i := range ran {
			updates = append(updates, func() {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				// The first batch is in flight from 0 to 15 ms, this one until 20.
				switch i % 4 {
				case 1:
					time.AfterFunc(time.Duration(i)*roundTripTime/50, func() { cancel(why) })
				case 3:
					time.AfterFunc(3*roundTripTime+roundTripTime/2, func() { cancel(why) })
				}
				_, err := r.Update(ctx, func(c *counter) error { ran[i].Add(1); return addOne(c) })
				if left := i%2 == 1; (err != nil) != left || left && (!errors.Is(err, context.Canceled) || !errors.Is(err, why)) {
					t.Errorf("%d: %v", i, err)
				}
				if inFlight := i%4 == 3; errors.Is(err, ErrOutcomeUnknown) != inFlight || (ran[i].Load() == 1) != (i%4 != 1) {
					t.Errorf("%d: ran %d times, %v", i, ran[i].Load(), err)
				}
			})
		}
		together(t, r, origin, addOne, updates...)
		if diff := cmp.Diff([]int{1, 31}, written(t, origin)); diff != "" {
			t.Errorf("n of the writes:\n%s", diff)
		}
	})
}

// precise holds what an edit can break.
type precise struct {
	N     int     `json:"n"`
	Float float64 `json:"float"`
	List  []struct {
		A int `json:"a"`
	} `json:"list"`
}

// TestBrokenEdits: an edit that goes wrong changes nothing for those before and
// after it, on a fresh state and on a kept one, and its trouble stays on its own
// goroutine.
func TestBrokenEdits(t *testing.T) {
	why := errors.New("no")
	type value struct{ x int }
	panicked := &value{1}
	for name, broken := range map[string]func(*precise) error{
		"error":          func(*precise) error { return why },
		"panic":          func(*precise) error { panic(panicked) },
		"Goexit":         func(*precise) error { runtime.Goexit(); return nil },
		"nil panic":      func(p *precise) error { var none *precise; none.N++; return nil },
		"too slow":       func(*precise) error { time.Sleep(time.Minute); return nil },
		"not JSON":       func(p *precise) error { p.Float = 1; p.Float /= p.Float - 1; return nil },
		"unknown member": func(p *precise) error { p.List = p.List[1:]; p.List[0].A += 5; return nil },
	} {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, kept %v", name, kept), func(t *testing.T) {
				withDocument(t, `{"n":0,"t":1,"float":0.5,"list":[{"a":1,"x":1},{"a":2,"y":2}]}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
					r := NewResource[precise](origin.Client(), url, WithEditLimit(time.Second))
					add := func(p *precise) error { p.N++; return nil }
					good := func() {
						if got, err := r.Update(t.Context(), add); err != nil || got.Value.Float != 0.5 || got.Value.List[0].A != 1 {
							t.Errorf("%+v, %v", got.Value, err)
						}
					}
					want := []int{1, 4, 4}
					if kept {
						good()
						good()
						origin.ResetLog()
						want = []int{3, 6, 6}
					}
					origin.Inject(ifmatchtest.CompetingWriter(1, race).After(1))
					returned := false
					bad := func() {
						defer func() {
							p := recover()
							if ended := name == "panic" || name == "nil panic" || name == "Goexit"; returned == ended || name == "panic" && p != panicked {
								t.Errorf("returned %v, panicked with %v", returned, p)
							}
						}()
						_, err := r.Update(t.Context(), func(p *precise) error { p.N += 100; return broken(p) })
						returned = true
						if err == nil || name == "error" && err != why || (name == "too slow") != errors.Is(err, ErrEditLimit) || errors.Is(err, ErrOutcomeUnknown) {
							t.Errorf("error %v", err)
						}
					}
					together(t, r, origin, add, good, bad, good, good)
					if diff := cmp.Diff(want, written(t, origin)); diff != "" {
						t.Errorf("n of the writes:\n%s", diff)
					}
					good() // and nobody is held up later
				})
			})
		}
	}
}

// TestNestedInABatch: edits that call Update of the same Resource, among others
// that don't: the inner ones and the others take effect, each once.
func TestNestedInABatch(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](origin.Client(), url, WithEditLimit(time.Second))
		start := time.Now()
		good := func() {
			if _, err := r.Update(t.Context(), addOne); err != nil {
				t.Error(err)
			}
		}
		nested := func() {
			_, err := r.Update(t.Context(), func(c *counter) error {
				c.N += 1000
				got, err := r.Update(t.Context(), addOne)
				if err != nil || got.Value.N >= 1000 {
					t.Errorf("inner: %+v, %v", got.Value, err)
				}
				return err
			})
			if !errors.Is(err, ErrEditLimit) || errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("outer: %v", err)
			}
		}
		together(t, r, origin, addOne, good, nested, good, nested, good, nested, good)
		if state, took := stateOf(origin), time.Since(start); state != `{"n":8}` || took > 4*time.Second {
			t.Errorf("state %s after %v", state, took)
		}
	})
}

// TestEditLimit: the default, and that others are held up no longer.
func TestEditLimit(t *testing.T) {
	for _, test := range []struct {
		opts  []UpdateOption
		limit time.Duration
	}{
		{nil, 5 * time.Second},
		{[]UpdateOption{WithEditLimit(0)}, 5 * time.Second},
		{[]UpdateOption{WithEditLimit(-1)}, 5 * time.Second},
		{[]UpdateOption{WithEditLimit(50 * time.Millisecond)}, 50 * time.Millisecond},
		{[]UpdateOption{UpdateOptions{WithEditLimit(1), WithEditLimit(time.Minute)}}, time.Minute},
	} {
		withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			r := NewResource[counter](origin.Client(), url, test.opts...)
			start := time.Now()
			edit := func(takes time.Duration, want error) func() {
				return func() {
					_, err := r.Update(t.Context(), func(c *counter) error { time.Sleep(takes); return addOne(c) })
					if !errors.Is(err, want) {
						t.Errorf("limit %v, edit of %v: %v", test.limit, takes, err)
					}
					if took := time.Since(start); want == nil && took > 2*test.limit+4*roundTripTime {
						t.Errorf("limit %v: held up for %v", test.limit, took)
					}
				}
			}
			together(t, r, origin, addOne, edit(test.limit-1, nil), edit(test.limit+1, ErrEditLimit), edit(0, nil))
			if state := stateOf(origin); state != `{"n":3}` {
				t.Errorf("limit %v: %s", test.limit, state)
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

// TestOtherPolicies: what the client, Transports below and the context have as
// their policy is for other calls. No update is lost under Resend.
func TestOtherPolicies(t *testing.T) {
	const n, each, rivals = 6, 4, 10
	foreign := func(below http.RoundTripper) http.RoundTripper { return roundTripper(below.RoundTrip) }
	for name, wrap := range map[string]func(base http.RoundTripper) http.RoundTripper{
		"foreign":                           foreign,
		"ours":                              func(base http.RoundTripper) http.RoundTripper { return NewTransport(base, Resend) },
		"foreign above ours":                func(base http.RoundTripper) http.RoundTripper { return foreign(NewTransport(base, Resend)) },
		"foreign above ours, unconditional": func(base http.RoundTripper) http.RoundTripper { return foreign(NewTransport(base, Unconditional)) },
		"ours above foreign above ours": func(base http.RoundTripper) http.RoundTripper {
			return NewTransport(foreign(NewTransport(base, Resend)), Resend)
		},
		"ours above ours, both with Resend": func(base http.RoundTripper) http.RoundTripper {
			return NewTransport(NewTransport(base, Resend), Resend)
		},
		"foreign above ours with unique body": func(base http.RoundTripper) http.RoundTripper {
			return foreign(NewTransport(base, Resend, WithUniqueBody()))
		},
	} {
		for _, kind := range []string{"Update", "Resource"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
					origin.Inject(ifmatchtest.Slow(0, roundTripTime),
						ifmatchtest.CompetingWriter(rivals, func(current []byte) []byte {
							var doc markedCounter
							json.Unmarshal(current, &doc)
							doc.N += 1000
							body, _ := json.Marshal(doc)
							return body
						}), ifmatchtest.LostAnswer(2).After(3), ifmatchtest.FailAfter(1, 502).After(3))
					c := &http.Client{Transport: wrap(origin.Client().Transport)}
					r := NewResource[markedCounter](c, url)
					ctx := WithOptions(t.Context(), OnConflict(Resend))
					var all sync.WaitGroup
					for range n {
						all.Go(func() {
							for range each {
								var err error
								if kind == "Update" {
									_, err = Update(ctx, c, url, addMarked, WithMaxAttempts(50))
								} else {
									_, err = r.Update(ctx, addMarked)
								}
								if err != nil {
									t.Error(err)
								}
							}
						})
					}
					all.Wait()
					var got markedCounter
					body, _, _ := origin.State("/doc")
					if err := json.Unmarshal(body, &got); err != nil || got.N%1000 != n*each || got.N/1000 > rivals || got.N/1000 < 2 {
						t.Errorf("n is %d, want %d and 1000 for each of up to %d rivals; %v", got.N, n*each, rivals, err)
					}
				})
			})
		}
	}
	for _, kind := range []string{"Update", "Resource"} { // nor is a bundle a way to set one
		withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			bundle := UpdateOptions{nil, Options{WithMaxAttempts(3), OnConflict(Resend)}}
			var err, errGet error
			if kind == "Update" {
				_, err = Update(t.Context(), origin.Client(), url, addOne, bundle)
				_, errGet = Get[counter](t.Context(), origin.Client(), url, bundle)
			} else {
				r := NewResource[counter](origin.Client(), url, bundle)
				_, err = r.Update(t.Context(), addOne)
				_, errGet = r.Get(t.Context())
			}
			if err == nil || errGet == nil || len(origin.Log()) > 0 {
				t.Errorf("%s: %v, %v: %s", kind, err, errGet, requests(origin))
			}
		})
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
	deleted bool // since the last update: the marks are gone too

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
	h.deleted = false
	h.log = append(h.log, fmt.Sprint("updates ", names, errs))
}

// TestKeptStateHistories: whatever happens between the Updates of a Resource, the
// document holds what was acknowledged, each add once.
func TestKeptStateHistories(t *testing.T) {
	seeds, steps := 300, 16
	if raceEnabled {
		seeds = 90 // each takes ten times as long
	}
	acknowledged, unknown, requests := 0, 0, 0
	for seed := range uint64(seeds) {
		withDocument(t, `{"adds":{}, "theirs":null}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			h := &keptHistory{Rand: rand.New(rand.NewPCG(seed, 4)), origin: origin, want: make(map[string]int), stale: seed%3 == 0}
			h.r = NewResource[tally](clientOn(origin), url, CreateIfAbsent())
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

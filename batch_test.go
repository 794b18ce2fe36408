package ifmatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

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

// queued is an Update for together that must end with this error.
func queued[T any](t *testing.T, r *Resource[T], want error, edit func(*T) error) func() {
	return func() {
		_, err := r.Update(t.Context(), edit)
		checkUpdateError(t, err, want)
		if want != ErrOutcomeUnknown && errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("%v, want %v", err, want)
		}
	}
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
					if name == "too slow" { // the edits behind it have a write of their own
						want = slices.Insert(slices.Clone(want[:1]), 1, want[0]+1, want[0]+1, want[0]+3)
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

type unmarshalable struct {
	N   int  `json:"n"`
	Bad bool `json:"-"`
}

func (p unmarshalable) MarshalJSON() ([]byte, error) {
	if p.Bad {
		panic("can't marshal")
	}
	return jsonCodec{}.Encode(unmarshalableJSON(p))
}

type unmarshalableJSON unmarshalable

// TestMarshalPanicInABatch: an edit whose result cannot be encoded fails alone (rule 27).
func TestMarshalPanicInABatch(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[unmarshalable](origin.Client(), url)
		together(t, r, origin, func(d *unmarshalable) error { d.N++; return nil },
			func() {
				if _, err := r.Update(t.Context(), func(d *unmarshalable) error { d.N++; return nil }); err != nil {
					t.Errorf("the good edit: %v", err)
				}
			},
			func() { r.Update(t.Context(), func(d *unmarshalable) error { d.Bad = true; return nil }) },
		)
	})
}

// TestEditThatBreaksTheMark: only the edit fails whose result can't be marked.
func TestEditThatBreaksTheMark(t *testing.T) {
	type noted struct {
		Meta map[string]string `json:"meta"`
		N    int               `json:"n"`
	}
	marker := WithMarker(func(d *noted, id string) { d.Meta["id"] = id }, func(d *noted, id string) Mark {
		if d.Meta["id"] == id {
			return MarkFound
		}
		return MarkUnknown
	})
	withDocument(t, `{"n":0,"meta":{}}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		add := func(d *noted) error { d.N++; return nil }
		r := NewResource[noted](origin.Client(), url, marker)
		together(t, r, origin, add, queued(t, r, nil, add),
			queued(t, r, errAny, func(d *noted) error { d.Meta = nil; return nil }), queued(t, r, nil, add))
		if !strings.Contains(stateOf(origin), `"n":3`) {
			t.Error(stateOf(origin))
		}
	})
}

// TestEditThatDropsTheMarks: an edit that sets a pointer to Marks to nil fails
// nobody but itself.
func TestEditThatDropsTheMarks(t *testing.T) {
	type pointing struct {
		N int `json:"n"`
		*Marks
	}
	withDocument(t, `{"n":1,"_ifmatch":["x"]}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[pointing](origin.Client(), url)
		add := func(p *pointing) error { p.N++; return nil }
		together(t, r, origin, add, queued(t, r, nil, add),
			queued(t, r, errAny, func(p *pointing) error { p.N, p.Marks = 100, nil; return nil }), queued(t, r, nil, add))
		if !strings.Contains(stateOf(origin), `"n":4`) {
			t.Error(stateOf(origin))
		}
	})
}

// TestEditsThatExit: they are asked once and hold nobody up again.
func TestEditsThatExit(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond), ifmatchtest.CompetingWriter(3, addFour))
		r := NewResource[counter](origin.Client(), url)
		start := time.Now()
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				_, err := r.Update(context.Background(), func(c *counter) error {
					if i%2 == 1 {
						runtime.Goexit()
					}
					return addOne(c)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
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
					// What takes so long has a write of its own.
					if took := time.Since(start); want == nil && took > 2*test.limit+6*roundTripTime {
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

// TestEditLimitAfterARefusal: a draft that was plainly refused isn't unknown.
func TestEditLimitAfterARefusal(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.CompetingWriter(1, addFour))
		r := NewResource[counter](origin.Client(), at)
		runs := 0
		s, err := r.Update(t.Context(), func(c *counter) error {
			if runs++; runs == 2 {
				time.Sleep(time.Minute)
			}
			c.N++
			return nil
		})
		if !errors.Is(err, ErrEditLimit) || errors.Is(err, ErrOutcomeUnknown) || s.Outcome.Effect != EffectNotApplied {
			t.Errorf("%v, %v", err, s.Outcome.Effect)
		}
	})
}

// TestLeftOutThoughApplied: an edit over the limit that an earlier write holds,
// which may be applied, isn't just left out.
func TestLeftOutThoughApplied(t *testing.T) {
	const doc = `{"n":1,"_ifmatch":["x"]}`
	withDocument(t, doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.FailAfter(1, 500).On(http.MethodPut).After(1))
		r := NewResource[markedCounter](&http.Client{Transport: &lagging{base: origin.Client().Transport, last: true, reads: 1}}, url)
		runs := 0
		together(t, r, origin, addMarked,
			func() {
				_, err := r.Update(t.Context(), func(c *markedCounter) error {
					if runs++; runs > 1 {
						time.Sleep(defaultEditLimit + time.Second)
					}
					c.N += 100
					return nil
				})
				if !errors.Is(err, ErrEditLimit) || !errors.Is(err, ErrOutcomeUnknown) {
					t.Error(err)
				}
			},
			queued(t, r, nil, func(c *markedCounter) error { c.N += 10; return nil }))
		if !strings.Contains(stateOf(origin), `"n":112`) || runs != 2 {
			t.Errorf("%d runs, state %s: %s", runs, stateOf(origin), requests(origin))
		}
	})
}

// TestBatchOfDifferingDrafts: where the mark shows that one of two drafts was
// accepted, it isn't known whether an edit that is in one of them only was.
func TestBatchOfDifferingDrafts(t *testing.T) {
	withDocument(t, `{"n":1,"_ifmatch":["x"]}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.FailAfter(1, 502).After(1))
		lags := &lagging{base: origin.Client().Transport, last: true, reads: 1, with: func(last string) string {
			return strings.Replace(last, `"n":2`, `"n":0`, 1) // with the ids that were there
		}}
		r := NewResource[markedCounter](&http.Client{Transport: lags}, url)
		together(t, r, origin, addMarked,
			queued(t, r, nil, func(c *markedCounter) error { c.N += 10; return nil }),
			queued(t, r, ErrOutcomeUnknown, func(c *markedCounter) error {
				if c.N > 10 { // in the draft that was accepted
					return errFull
				}
				c.N += 100
				return nil
			}),
			queued(t, r, errFull, func(c *markedCounter) error { return errFull }))
		if !strings.Contains(stateOf(origin), `"n":12`) || lags.reads != 0 {
			t.Errorf("state %s: %s", stateOf(origin), requests(origin))
		}
	})
}

// TestFoundBatchKeepsErrors: an edit that failed isn't in a batch whose mark is
// found, also where a later run of the batch finds it.
func TestFoundBatchKeepsErrors(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[markedCounter](origin.Client(), url)
		for range 3 { // it keeps the state now
			if _, err := r.Update(t.Context(), addMarked); err != nil {
				t.Fatal(err)
			}
		}
		origin.Inject(ifmatchtest.Replay(1).After(1), replying(http.MethodGet, 2, http.StatusForbidden))
		together(t, r, origin, addMarked,
			queued(t, r, nil, func(c *markedCounter) error { c.N += 10; return nil }),
			queued(t, r, errFull, func(c *markedCounter) error { c.N += 1000; return errFull }))
		if !strings.Contains(stateOf(origin), `"n":14`) {
			t.Errorf("state %s: %s", stateOf(origin), requests(origin))
		}
	})
}

// TestErrorAfterEditsThatWereNotWritten: where the write is refused in the end, an
// edit that failed on what others of its batch had made gets the write's error.
func TestErrorAfterEditsThatWereNotWritten(t *testing.T) {
	full := errors.New("full")
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Refuse(0).After(1))
		r := NewResource[counter](origin.Client(), url)
		bounded := func(c *counter) error {
			if c.N > 1 {
				return full
			}
			return nil
		}
		together(t, r, origin, addOne,
			queued(t, r, ErrConflict, addOne), queued(t, r, ErrConflict, bounded))
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

// TestLeaverOfABatch: a caller who leaves while its batch runs is told neither
// success nor that it gave up, but that the outcome is unknown.
func TestLeaverOfABatch(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Slow(1, time.Second))
		r := NewResource[counter](origin.Client(), url)
		go r.Update(t.Context(), addOne)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := r.Update(t.Context(), func(c *counter) error {
				cancel()
				time.Sleep(time.Millisecond) // the leaver leaves
				c.N += 10
				return nil
			})
			checkUpdateError(t, err, nil)
		}()
		synctest.Wait()
		_, err := r.Update(ctx, func(c *counter) error { c.N += 100; return nil })
		time.Sleep(time.Minute) // the batch is written
		if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) || stateOf(origin) != `{"n":11}` {
			t.Errorf("%v: state %s", err, stateOf(origin))
		}
	})
}

// TestServedBetweenTheGone: callers between those that gave up while they were
// queued are served.
func TestServedBetweenTheGone(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.SlowAnswer(0, 20*time.Second).On("PUT"))
		r := NewResource[counter](origin.Client(), at)
		var all sync.WaitGroup
		update := func(ctx context.Context) {
			all.Go(func() {
				if _, err := r.Update(ctx, addOne); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
		update(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i := range 1000 {
			if i%100 == 50 {
				update(t.Context())
			}
			update(ctx)
		}
		all.Wait()
		if body, _, _ := origin.State("/doc"); string(body) != `{"n":12}` {
			t.Errorf("%s", body)
		}
	})
}

// TestCrowdBesideARival: a crowd of slow edits gets through beside another process that writes
// now and then, in at most twice the time that it takes without. All of the edits together
// take longer than the rival waits, so one write for all of them would always be refused.
func TestCrowdBesideARival(t *testing.T) {
	for name, crowd := range map[string]struct {
		edits        int
		takes, every time.Duration // by each edit, and between the rival's writes
		failing      bool          // every second edit
	}{
		"20 KiB":  {256, 3 * time.Millisecond, 400 * time.Millisecond, false},
		"100 KiB": {128, 15 * time.Millisecond, time.Second, false},
		"many":    {256, 15 * time.Millisecond, 2 * time.Second, false},
		"failing": {256, 15 * time.Millisecond, 2 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			alone := crowdTakes(t, crowd.edits, crowd.takes, 0, crowd.failing)
			if beside := crowdTakes(t, crowd.edits, crowd.takes, crowd.every, crowd.failing); beside > 2*alone {
				t.Errorf("%v beside the rival, %v without", beside, alone)
			}
		})
	}
}

// crowdTakes returns how long it takes a Resource to get n edits through that come at once.
// Each runs for some time. A rival writes every now and then; zero: never.
func crowdTakes(t *testing.T, n int, takes, every time.Duration, failing bool) (took time.Duration) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Slow(0, time.Millisecond))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var rival, all sync.WaitGroup
		var added atomic.Int64
		if every > 0 {
			rival.Go(func() {
				for {
					select {
					case <-time.After(every):
						var c counter
						json.Unmarshal([]byte(stateOf(origin)), &c)
						origin.Put("/doc", "application/json", fmt.Appendf(nil, `{"n":%d}`, c.N+1))
						added.Add(1)
					case <-ctx.Done():
						return
					}
				}
			})
		}
		r := NewResource[counter](origin.Client(), url)
		start := time.Now()
		for i := range n {
			all.Go(func() {
				want := error(nil)
				if failing && i%2 == 1 {
					want = errFull
				}
				_, err := r.Update(ctx, func(c *counter) error {
					time.Sleep(takes)
					if want == nil {
						c.N++
					}
					return want
				})
				if err == nil {
					added.Add(1)
				}
				if !errors.Is(err, want) {
					t.Errorf("edit %d: %v", i, err)
				}
			})
		}
		all.Wait()
		took = time.Since(start)
		cancel()
		rival.Wait()
		if want := fmt.Sprintf(`{"n":%d}`, added.Load()); stateOf(origin) != want {
			t.Errorf("%s, want %s", stateOf(origin), want)
		}
	})
	return took
}

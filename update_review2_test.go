package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/commit"
)

// Each of these once failed.

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

// wiping is a client whose first write is performed and answered by 500, whose
// next read is stale, and on which another writer forgets the mark once the
// repeat is refused.
func wiping(origin *ifmatchtest.Server, doc, wiped string) *http.Client {
	origin.Inject(ifmatchtest.FailAfter(1, 500).On(http.MethodPut))
	lags := &lagging{base: origin.Client().Transport, old: doc, reads: 1}
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := lags.RoundTrip(r)
		if err == nil && r.Method == http.MethodPut && resp.StatusCode == http.StatusPreconditionFailed {
			origin.Put("/doc", "application/json", []byte(wiped))
		}
		return resp, err
	})}
}

// TestWipedMarkOfAnOpenWrite: as long as an earlier write of the same Update is
// open, a mark that can't be known lets nothing be written again.
func TestWipedMarkOfAnOpenWrite(t *testing.T) {
	const doc, wiped = `{"n":1,"_ifmatch":["x"]}`, `{"n":2,"_ifmatch":["y"]}`
	bothWays(t, doc, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[markedCounter]) {
		_, err := update(t.Context(), wiping(origin, doc, wiped), addMarked)
		if !errors.Is(err, ErrOutcomeUnknown) || stateOf(origin) != wiped {
			t.Errorf("%s: %v, state %s: %s", name, err, stateOf(origin), requests(origin))
		}
	})
}

// TestNoChangeAfterAnOpenWrite: that an edit changes nothing any more doesn't show
// that an earlier write, which is open, wasn't applied.
func TestNoChangeAfterAnOpenWrite(t *testing.T) {
	const doc, wiped = `{"n":1,"_ifmatch":["x"]}`, `{"n":7,"_ifmatch":["y"]}`
	bothWays(t, doc, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[markedCounter]) {
		var o Outcome
		got, err := update(WithOutcome(t.Context(), &o), wiping(origin, doc, wiped), func(c *markedCounter) error {
			if c.N < 5 {
				c.N++
			}
			return nil
		})
		if !errors.Is(err, ErrOutcomeUnknown) || o.Effect != EffectUnknown || got.Outcome.Effect != EffectUnknown || stateOf(origin) != wiped {
			t.Errorf("%s: %v, %v, state %s: %s", name, err, o, stateOf(origin), requests(origin))
		}
	})
}

// TestLeftOutThoughApplied: an edit over the limit that an earlier write holds,
// which may be applied, isn't just left out.
func TestLeftOutThoughApplied(t *testing.T) {
	const doc = `{"n":1,"_ifmatch":["x"]}`
	withDocument(t, doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.FailAfter(1, 500).On(http.MethodPut).After(1))
		r := NewResource[markedCounter](&http.Client{Transport: &lagging{base: origin.Client().Transport, old: doc, reads: 1}}, url)
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

// TestFinalAnswerAfterAnOpenWrite: where an answer ends the call after an open
// write, the mark is looked for, and without it the effect is unknown.
func TestFinalAnswerAfterAnOpenWrite(t *testing.T) {
	const doc = `{"n":1,"_ifmatch":["x"]}`
	for stale, want := range map[int]Effect{1: EffectApplied, -1: EffectUnknown} {
		bothWays(t, doc, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[markedCounter]) {
			origin.Inject(ifmatchtest.FailAfter(1, 500).On(http.MethodPut), ifmatchtest.FailBefore(1, 403).On(http.MethodPut).After(1))
			lags := &lagging{base: origin.Client().Transport, old: doc, reads: stale}
			var o Outcome
			got, err := update(WithOutcome(t.Context(), &o), &http.Client{Transport: lags}, addMarked)
			if o.Effect != want || got.Outcome.Effect != want || (err == nil) != (want == EffectApplied) || err != nil && !errors.Is(err, ErrOutcomeUnknown) || !strings.Contains(stateOf(origin), `"n":2`) {
				t.Errorf("%s, %d stale reads: %v, %v, %v: %s", name, stale, err, o, got.Outcome, stateOf(origin))
			}
		})
	}
}

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

// TestClockOfASlowEdit: the time for repeats counts from the first failure, not
// from before the edit.
func TestClockOfASlowEdit(t *testing.T) {
	bothWays(t, `{"n":1,"_ifmatch":["x"]}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[markedCounter]) {
		origin.Inject(ifmatchtest.FailBefore(1, 500).On(http.MethodPut))
		got, err := update(t.Context(), origin.Client(), func(c *markedCounter) error {
			time.Sleep(defaultMaxElapsed + time.Second)
			return addMarked(c)
		}, WithEditLimit(time.Hour))
		if err != nil || got.Value.N != 2 || !strings.Contains(stateOf(origin), `"n":2`) {
			t.Errorf("%s: %+v, %v: %s", name, got.Value, err, requests(origin))
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

// TestKeptVersionInTheQuery: no write goes out without the version that the
// dialect has in the query, also not after a mark that was found.
func TestKeptVersionInTheQuery(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			if r.Method == http.MethodPut {
				if !r.URL.Query().Has("ver") {
					t.Error("a write without the version")
				}
				r.Header.Set("If-Match", fmt.Sprintf(`"v%s"`, r.URL.Query().Get("ver")))
			}
			r.URL.RawQuery = ""
			resp, err := origin.Client().Transport.RoundTrip(r)
			if err == nil {
				resp.Header.Set("X-Ver", strings.Trim(resp.Header.Get("Etag"), `"v`))
				resp.Header.Del("Etag")
				resp.Request = nil
			}
			return resp, err
		})}
		r := NewResource[markedCounter](c, url, WithDialect(dialect.Dialect{Name: "q", Statuses: []int{412}, Tokens: []dialect.Token{
			{Sent: dialect.InQuery("ver"), Current: dialect.InHeader("X-Ver"), Number: true, Create: "0"}}}))
		origin.Inject(ifmatchtest.FailAfter(1, 500).On(http.MethodPut))
		for n := 1; n <= 3; n++ {
			if got, err := r.Update(t.Context(), addMarked); err != nil || got.Value.N != n || !strings.Contains(stateOf(origin), fmt.Sprintf(`"n":%d`, n)) {
				t.Errorf("%+v, %v: %s", got.Value, err, requests(origin))
			}
		}
	})
}

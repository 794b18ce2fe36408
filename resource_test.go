package ifmatch

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

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

// TestResourceEdits that go wrong change nothing for the others.
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

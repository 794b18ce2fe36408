package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// libraryKeepWaits is whether the lease of a lane is lengthened by the waits of
// the pace: what TestReal expects of the library. docs/pace.md says why it should.
const libraryKeepWaits = true

// tolerance is how far a real run may be from a simulated one, beside four
// standard errors: the library measures its round trip, runs in goroutines, and
// net/http takes connections up, none of which the simulation does.
const tolerance = 0.03

// farBase is a network with the delay of the simulation on both ways.
type farBase struct {
	base   http.RoundTripper
	mu     sync.Mutex // guards random
	random *rand.Rand
	writes int // guarded by mu
}

func (b *farBase) hop() {
	b.mu.Lock()
	d := math.Abs(10 + 2*b.random.NormFloat64())
	b.mu.Unlock()
	time.Sleep(time.Duration(d * float64(ms)))
}

func (b *farBase) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPut {
		b.mu.Lock()
		b.writes++
		b.mu.Unlock()
	}
	b.hop()
	resp, err := b.base.RoundTrip(req)
	b.hop()
	return resp, err
}

// paceBackOff drives the library by a scheme through WithBackoff.
type paceBackOff func() time.Duration

func (f paceBackOff) NextBackOff() time.Duration { return f() }
func (f paceBackOff) Reset()                     {}

// runReal does in a bubble what simulate does: each writer reads and writes until
// it was accepted. The writers of a process share a Transport. A nil scheme is the
// library's default.
func runReal(t *testing.T, s scenario, with *scheme, seed uint64) (r result) {
	synctest.Test(t, func(t *testing.T) {
		server := ifmatchtest.NewMemoryServer()
		defer server.Close()
		server.Put("/doc", "text/plain", []byte("start"))
		base := &farBase{base: server.Client().Transport, random: rand.New(rand.NewPCG(seed, 1))}
		opts := []ifmatch.Option{ifmatch.WithMaxAttempts(1000), ifmatch.WithMaxElapsed(time.Hour)}
		if with != nil {
			opts = append(opts, ifmatch.WithBackoff(func() backoff.BackOff {
				wait := with.new(rand.New(rand.NewPCG(rand.Uint64(), 1)))
				return paceBackOff(func() time.Duration { return wait(20 * ms) })
			}))
		}
		transports := make([]*ifmatch.Transport, max(s.processes, 1))
		if s.processes == 0 {
			transports = make([]*ifmatch.Transport, s.writers)
		}
		for i := range transports {
			transports[i] = ifmatch.NewTransport(base, ifmatch.Resend, opts...)
		}
		start := time.Now()
		var wg sync.WaitGroup
		for i := range s.writers {
			wg.Go(func() {
				if err := readAndWrite(transports[i%len(transports)], server.URL+"/doc", i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		r = result{completion: time.Since(start), writes: float64(base.writes) / float64(s.writers)}
	})
	return r
}

func readAndWrite(rt http.RoundTripper, url string, i int) error {
	client := &http.Client{Transport: rt}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, url, strings.NewReader(fmt.Sprint("writer ", i)))
	if err != nil {
		return err
	}
	req.Header.Set("If-Match", resp.Header.Get("ETag"))
	resp, err = client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("writer %d: %s", i, resp.Status)
	}
	return nil
}

// TestReal compares the simulation with the library on a memory server, both over
// the same network, in fake time.
func TestReal(t *testing.T) {
	lane := scenario{processes: 4, lease: minLease, handOver: true, keepWaits: libraryKeepWaits}
	for _, test := range []struct {
		name  string
		s     scenario
		real  *scheme // nil: the library's default
		sim   scheme
		crowd []int
	}{
		{"default", scenario{}, nil, ours, []int{1, 4, 16, 64}},
		{"internal/pace", scenario{}, &ours, ours, []int{4, 16, 64}},
		{"full jitter", scenario{}, &fullJitter, fullJitter, []int{16}},
		{"4 processes with lanes", lane, nil, ours, []int{16, 64}},
	} {
		for _, n := range test.crowd {
			t.Run(fmt.Sprintf("%s/%d", test.name, n), func(t *testing.T) {
				s := test.s
				s.writers = n
				var realTimes, simTimes, realWrites, simWrites sample
				for seed := range uint64(max(24, 800/n)) {
					r := runReal(t, s, test.real, seed)
					realTimes.add(r.completion.Seconds())
					realWrites.add(r.writes)
				}
				for seed := range uint64(max(400, 4000/n)) {
					r := simulate(s, test.sim, seed)
					simTimes.add(r.completion.Seconds())
					simWrites.add(r.writes)
				}
				compare(t, "completion in seconds", realTimes, simTimes)
				compare(t, "writes per success", realWrites, simWrites)
			})
		}
	}
}

// A sample is the sum of some numbers and of their squares.
type sample struct{ n, sum, squares float64 }

func (s *sample) add(x float64) { s.n, s.sum, s.squares = s.n+1, s.sum+x, s.squares+x*x }
func (s sample) mean() float64  { return s.sum / s.n }

// variance is that of the mean.
func (s sample) variance() float64 {
	return max(0, s.squares/s.n-s.mean()*s.mean()) / (s.n - 1)
}

func compare(t *testing.T, what string, real, sim sample) {
	t.Helper()
	allowed := 4*math.Sqrt(real.variance()+sim.variance()) + tolerance*sim.mean()
	t.Logf("%s: real %.3f, simulated %.3f, allowed difference %.3f", what, real.mean(), sim.mean(), allowed)
	if math.Abs(real.mean()-sim.mean()) > allowed {
		t.Errorf("%s: real %.3f, simulated %.3f, want a difference of at most %.3f", what, real.mean(), sim.mean(), allowed)
	}
}

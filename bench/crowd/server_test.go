// Package crowd measures many writers on many documents: what ifmatch.Resource takes for
// an add, beside the loops that others offer.
package crowd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// server stores documents under strong tags that are enforced. Each request takes delay.
type server struct {
	delay    time.Duration
	requests atomic.Int64
	refused  atomic.Int64
	docs     []stored
}

type stored struct {
	mu      sync.Mutex
	version int
	text    []byte
}

// document is what the clients add to. The text has a member that they don't know.
type document struct {
	N     int      `json:"n"`
	Lines []string `json:"lines"`
}

func newServer(n int, delay time.Duration) *server {
	s := &server{delay: delay, docs: make([]stored, n)}
	lines, _ := json.Marshal(strings.Split(strings.Repeat("a line of text ", 3), " "))
	for i := range s.docs {
		s.docs[i].text = fmt.Appendf(nil, `{"owner":%d,"n":0,"lines":%s}`, i, lines)
	}
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	i, err := strconv.Atoi(r.URL.Path[1:])
	if err != nil || i < 0 || i >= len(s.docs) {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	time.Sleep(s.delay)
	d := &s.docs[i]
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Method == http.MethodPut {
		if r.Header.Get("If-Match") != tagOf(d.version) {
			s.refused.Add(1)
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		d.version++
		d.text = body
		w.Header().Set("ETag", tagOf(d.version))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("ETag", tagOf(d.version))
	w.Header().Set("Content-Type", "application/json")
	w.Write(d.text)
}

func tagOf(version int) string { return fmt.Sprintf(`"%d"`, version) }

// total is the sum of what was added to all documents.
func (s *server) total(t *testing.T) (sum int) {
	t.Helper()
	for i := range s.docs {
		var d document
		if err := json.Unmarshal(s.docs[i].text, &d); err != nil {
			t.Fatal(err)
		}
		sum += d.N
	}
	return sum
}

// adder adds 1 to the document at a URL, whatever others write meanwhile.
type adder func(ctx context.Context, url string) error

// result is one run.
type result struct {
	adds, failed int
	requests     float64 // per add
	refused      float64 // per add
	rate         float64 // adds per second
}

// run lets some writers add to documents that each one draws, until the time is over.
func run(s *server, base string, writers int, d time.Duration, add adder) (r result) {
	var adds, failed atomic.Int64
	requests, refused := s.requests.Load(), s.refused.Load()
	start := time.Now()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for time.Since(start) < d {
				if err := add(context.Background(), base+"/"+strconv.Itoa(rng.IntN(len(s.docs)))); err != nil {
					failed.Add(1)
				} else {
					adds.Add(1)
				}
			}
		})
	}
	all.Wait()
	r.adds, r.failed = int(adds.Load()), int(failed.Load())
	n := float64(max(r.adds, 1))
	r.requests = float64(s.requests.Load()-requests) / n
	r.refused = float64(s.refused.Load()-refused) / n
	r.rate = float64(r.adds) / time.Since(start).Seconds()
	return r
}

// touchAll adds to each document twice: connections are made then, and what is kept is kept.
func touchAll(t *testing.T, s *server, base string, writers int, add adder) {
	t.Helper()
	next := make(chan int)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for i := range next {
				for range 2 {
					if err := add(context.Background(), base+"/"+strconv.Itoa(i)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := range s.docs {
		next <- i
	}
	close(next)
	all.Wait()
}

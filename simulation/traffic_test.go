package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// TestDay: a day of one client's traffic leaves nothing behind: no goroutine, no heap, no
// connection that nobody closed, no temporary file.
func TestDay(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 1)
		d := newDay(t)
		var early, late load
		for hour := range 24 {
			d.hour(hour)
			switch hour {
			case 3:
				early = measure(d, dir)
			case 23:
				late = measure(d, dir)
			}
		}
		t.Logf("%d operations; after 4 hours %v, after 24 %v", d.ops, early, late)
		if late.goroutines > early.goroutines || late.open > 0 || late.files > 0 || late.fds > early.fds || late.heap > early.heap+early.heap/4+1<<20 {
			t.Errorf("after 4 hours %v, after 24 %v", early, late)
		}
	})
}

// load is what a client holds while nothing goes on.
type load struct {
	goroutines, open, files, fds int
	heap                         uint64
}

func (l load) String() string {
	return fmt.Sprintf("%d goroutines, %d open answers, %d files, %d descriptors, %d KiB", l.goroutines, l.open, l.files, l.fds, l.heap>>10)
}

func measure(d *day, dir string) load {
	time.Sleep(time.Minute)
	synctest.Wait()
	d.p.w.forget()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	fds, _ := filepath.Glob("/proc/self/fd/*") // temporary files have no name
	return load{goroutines: runtime.NumGoroutine(), open: d.p.link.open(), files: len(files), fds: len(fds), heap: m.HeapAlloc}
}

// day is the traffic of one process: many URLs, one of them with a Resource.
type day struct {
	t        *testing.T
	p        *process
	resource *ifmatch.Resource[marked]
	flow     *flow
	ops      int
}

func newDay(t *testing.T) *day {
	p := &plan{Seed: 1, Object: mixed, Clients: []client{{API: "update", Marks: true}}, Rates: rates{}}
	for _, kind := range hits {
		p.Rates[kind] = most[kind] / 10
	}
	delete(p.Rates, verySlow)
	w := &world{plan: p, start: time.Now(), listed: map[string]string{}, reached: map[string]int{}}
	w.server = newServer(w, p.Server)
	d := &day{t: t, p: newProcess(w, 0, 0), flow: newFlow()}
	d.resource = ifmatch.NewResource[marked](d.p.http, documentURL)
	return d
}

// hour is four hundred operations by four callers: what they were told is checked elsewhere.
func (d *day) hour(hour int) {
	var all sync.WaitGroup
	for i := range 4 {
		a := d.p.w.newActor(fmt.Sprintf("%c%d", 'a'+i, hour), 1+i)
		rng := rand.New(rand.NewPCG(uint64(hour), uint64(i)))
		all.Go(func() {
			for n := range 100 {
				a.sleep(context.Background(), time.Duration(rng.Int64N(int64(70*time.Second))))
				ctx := context.WithValue(context.Background(), actorKey{}, a)
				d.one(context.WithValue(ctx, flowKey{}, d.flow), fmt.Sprintf("%s-%d", a.name, n), rng.IntN(6))
			}
		})
	}
	all.Wait()
	d.ops += 400
	if hour%2 == 1 {
		d.p.w.server.reset()
	}
}

func (d *day) one(ctx context.Context, name string, what int) {
	add := func(m *marked) error { return mixed.edit(&m.content, input{item: name}) }
	c := &cycle{p: d.p, object: mixed}
	switch what {
	case 0:
		d.resource.Update(ctx, add)
	case 1:
		ifmatch.Update(ctx, d.p.http, documentURL, add)
	case 2:
		c.api = "rebuild"
		c.do(ctx, input{item: name})
	case 3:
		c.api = "resend"
		c.do(ctx, input{item: name})
	case 4:
		ctx = ifmatch.Remember(ctx)
		c.glance(ctx, 3)
		c.fetch(ctx)
		c.send(ctx, http.MethodPut, "", []byte(initial))
	default:
		d.upload(ctx)
	}
}

// upload is a write under a stale tag whose body exceeds the memory for copies, so that
// it goes to a temporary file.
func (d *day) upload(ctx context.Context) {
	ctx = ifmatch.WithOptions(ctx, ifmatch.WithMaxBuffer(64), ifmatch.OnConflict(ifmatch.Resend))
	body := &body{left: strings.NewReader(initial)}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, documentURL, body)
	if err != nil {
		d.t.Error(err)
		return
	}
	req.Header.Set("If-Match", `"stale"`)
	req.Header.Set("Content-Type", "application/json")
	if resp, err := d.p.http.Do(req); err == nil {
		resp.Body.Close()
	}
}

// reset begins the document anew, so that it doesn't grow.
func (s *server) reset() {
	s.Lock()
	defer s.Unlock()
	s.body = []byte(initial)
	s.version++
}

// forget drops what the world keeps for checks and logs.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.server.commits, w.server.states, w.server.tags, w.faults = nil, nil, map[string]int{}, nil
	for _, a := range w.all {
		a.log = nil
	}
	w.all = w.all[:1]
	w.all[0].log = nil
}

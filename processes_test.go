package ifmatch

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

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

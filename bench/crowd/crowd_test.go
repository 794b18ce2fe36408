package crowd

import (
	"cmp"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"
)

// TestManyDocuments lets 64 writers add to 1000 documents, by each of the ways. A Resource keeps
// what it has written, and needs hardly more than the write itself. What is held are counts; the
// rates are printed, and worth reading where IFMATCH_MEASURE asks for long runs.
func TestManyDocuments(t *testing.T) {
	documents, writers, each := 100, 16, 200*time.Millisecond
	if os.Getenv("IFMATCH_MEASURE") != "" {
		documents, writers, each = 1000, 64, 5*time.Second
	}
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		results := make(map[string]result)
		for name, adderOn := range adders {
			s := newServer(documents, delay)
			origin := httptest.NewServer(s)
			base := &http.Transport{MaxIdleConnsPerHost: writers}
			add := adderOn(base)
			touchAll(t, s, origin.URL, writers, add)
			r := run(s, origin.URL, writers, each, add)
			results[name] = r
			if sum := s.total(t); r.failed > 0 || sum != r.adds+2*documents {
				t.Errorf("%v, %s: %d adds failed; %d were made, and %d are stored", delay, name, r.failed, r.adds+2*documents, sum)
			}
			base.CloseIdleConnections()
			origin.Close()
		}
		byRate := func(a, b string) int { return cmp.Compare(results[b].rate, results[a].rate) }
		for _, name := range slices.SortedFunc(maps.Keys(results), byRate) {
			r := results[name]
			t.Logf("%v away: %-17s %6.0f adds/s, %.2f requests and %.3f refusals an add", delay, name, r.rate, r.requests, r.refused)
			if most := 1.05; name == "Resource" && r.requests > most {
				t.Errorf("a Resource took %.2f requests an add, at most %.2f", r.requests, most)
			}
		}
	}
}

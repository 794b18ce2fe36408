package ifmatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// firstWrite calls between after the first write was performed, or not sent at
// all, and loses the answer.
func firstWrite(base http.RoundTripper, performed bool, between func()) *http.Client {
	var once sync.Once
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		first := false
		if r.Method == http.MethodPut {
			once.Do(func() { first = true })
		}
		if !first {
			return base.RoundTrip(r)
		}
		if performed {
			resp, err := base.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			resp.Body.Close()
		} else {
			r.Body.Close()
		}
		between()
		return nil, errors.New("connection reset")
	})}
}

// addByHand is another writer that knows the marks.
func addByHand(t *testing.T, origin *ifmatchtest.Server) {
	t.Helper()
	var doc markedCounter
	body, tag, _ := origin.State("/doc")
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Error(err)
	}
	doc.N++
	doc.IDs = append(doc.IDs, "another's after "+tag)
	doc.IDs = doc.IDs[max(0, len(doc.IDs)-64):]
	body, err := json.Marshal(doc)
	if err != nil {
		t.Error(err)
	}
	origin.Put("/doc", "application/json", body)
}

// TestMarksEvicted: the document keeps the ids of the last 64 writes. As long as
// the own one or one from before it is among them, its mark decides.
func TestMarksEvicted(t *testing.T) {
	for _, test := range []struct {
		before, others int
		performed      bool
		unknown        bool
	}{
		{0, 0, true, false}, {0, 0, false, false},
		{0, 63, true, false}, {0, 63, false, false},
		{0, 64, true, true}, {0, 64, false, true}, {0, 65, true, true},
		{1, 62, false, false}, {1, 63, true, false}, {1, 64, true, true},
		{64, 63, true, false}, {64, 63, false, false}, {64, 64, true, true}, {64, 64, false, true},
		{64, 200, true, true}, {64, 200, false, true},
	} {
		t.Run(fmt.Sprintf("%d before, %d others, performed %v", test.before, test.others, test.performed), func(t *testing.T) {
			for _, kind := range []string{"Update", "Resource"} {
				withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
					others := func(n int) {
						for range n {
							addByHand(t, origin)
						}
					}
					others(test.before)
					var o Outcome
					c := firstWrite(origin.Client().Transport, test.performed, func() { others(test.others) })
					var got Snapshot[markedCounter]
					var err error
					if kind == "Update" {
						got, err = Update(WithOutcome(t.Context(), &o), c, url, addMarked)
					} else {
						got, err = NewResource[markedCounter](c, url).Update(t.Context(), addMarked)
						o = got.Outcome
					}
					want := test.before + test.others
					if !test.unknown || test.performed {
						want++
					}
					if !strings.Contains(stateOf(origin), fmt.Sprintf(`"n":%d,`, want)) {
						t.Errorf("%s: want %d adds: %.20s", kind, want, stateOf(origin))
					}
					if errors.Is(err, ErrOutcomeUnknown) != test.unknown || err != nil != test.unknown {
						t.Errorf("%s: error %v", kind, err)
					}
					switch {
					case test.unknown && kind == "Update" && o.Effect != EffectUnknown,
						!test.unknown && (o.Effect != EffectApplied || got.Value.N != want),
						!test.unknown && test.performed != (o.Cause == CauseOwnEarlierWrite):
						t.Errorf("%s: %v, %v with %d", kind, o.Effect, o.Cause, got.Value.N)
					}
				})
			}
		})
	}
}

// idsOf is what Marks holds in a document.
func idsOf(t *testing.T, body []byte) []string {
	t.Helper()
	var m Marks
	if err := json.Unmarshal(body, &m); err != nil && len(body) > 0 {
		t.Error(err)
	}
	return m.IDs
}

// TestMarkIsKept: one Update has one id, whatever happens to its attempts, and
// two have two.
func TestMarkIsKept(t *testing.T) {
	create := func([]byte) []byte { return []byte(`{"n":7}`) }
	for name, test := range map[string]struct {
		doc    string
		faults []ifmatchtest.Fault
		opts   UpdateOptions
		writes int
	}{
		"races":               {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.CompetingWriter(5, addFour)}, nil, 6},
		"lost requests":       {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.LostRequest(3)}, nil, 4},
		"lost, then races":    {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.LostRequest(1), ifmatchtest.CompetingWriter(3, addFour)}, nil, -1},
		"more than one round": {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.LostRequest(9)}, nil, -1},
		"502 after commit":    {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.FailAfter(1, 502)}, nil, -1},
		"created, race lost":  {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, create), ifmatchtest.CompetingWriter(1, addFour).After(1)}, UpdateOptions{CreateIfAbsent()}, 3},
		"created, lost":       {"", []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}, UpdateOptions{CreateIfAbsent()}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{"Update", "Resource"} {
				withDocument(t, test.doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
					r := NewResource[markedCounter](origin.Client(), url, test.opts)
					update := func() (err error) {
						if kind == "Update" {
							_, err = Update(t.Context(), origin.Client(), url, addMarked, test.opts)
						} else {
							_, err = r.Update(t.Context(), addMarked)
						}
						return err
					}
					seen := make(map[string]int)
					collect := func() {
						for _, r := range origin.Log() {
							if ids := idsOf(t, r.Body); len(ids) > 0 && r.Method == http.MethodPut {
								seen[ids[len(ids)-1]]++
							}
						}
						origin.ResetLog()
					}
					origin.Inject(test.faults...)
					if err := update(); err != nil {
						t.Fatalf("%s: %v: %s", kind, err, requests(origin))
					}
					if n := writesOf(origin); test.writes > 0 && n != test.writes || n < 2 {
						t.Errorf("%s: %s", kind, requests(origin))
					}
					if collect(); len(seen) != 1 {
						t.Errorf("%s: ids of one update: %v", kind, seen)
					}
					if err := update(); err != nil {
						t.Errorf("%s: %v", kind, err)
					}
					if collect(); len(seen) != 2 {
						t.Errorf("%s: ids of two updates: %v", kind, seen)
					}
					body, _, _ := origin.State("/doc")
					if ids := idsOf(t, body); len(ids) != 2 || ids[0] == ids[1] || len(ids[0]) < 16 {
						t.Errorf("%s: %s", kind, body)
					}
				})
			}
		})
	}
}

// noted keeps the id of the last write only.
type noted struct {
	N    int    `json:"n"`
	Last string `json:"last"`
}

// TestMarkerThatCantTell: what WithMarker doesn't find may have been applied.
func TestMarkerThatCantTell(t *testing.T) {
	var mu sync.Mutex
	var ids []string
	marker := WithMarker(func(doc *noted, id string) {
		mu.Lock()
		defer mu.Unlock()
		doc.Last = id
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}, func(doc *noted, id string) Mark {
		if doc.Last == id {
			return MarkFound
		}
		return MarkUnknown
	})
	add := func(doc *noted) error { doc.N++; return nil }
	for name, test := range map[string]struct {
		performed, rival bool
		unknown          bool
		n                int
	}{
		"found":                  {true, false, false, 1},
		"written over":           {true, true, true, 2},
		"lost, a rival":          {false, true, true, 1},
		"lost, sent again as is": {false, false, false, 1}, // under the first tag: that decides
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":0,"last":""}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				ids = nil
				c := firstWrite(origin.Client().Transport, test.performed, func() {
					if !test.rival {
						return
					}
					if _, err := Update(t.Context(), origin.Client(), url, func(doc *noted) error { doc.Last = "rival"; return add(doc) }); err != nil {
						t.Error(err)
					}
				})
				_, err := Update(t.Context(), c, url, add, marker)
				if errors.Is(err, ErrOutcomeUnknown) != test.unknown || err != nil != test.unknown {
					t.Errorf("error %v: %s", err, requests(origin))
				}
				if !strings.Contains(stateOf(origin), fmt.Sprintf(`"n":%d`, test.n)) || len(ids) != 1 {
					t.Errorf("%s with ids %v", stateOf(origin), ids)
				}
			})
		})
	}
	// A plain race isn't open: nothing can have been applied.
	withDocument(t, `{"n":0,"last":""}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.CompetingWriter(3, addFour))
		if got, err := Update(t.Context(), origin.Client(), url, add, marker); err != nil || got.Value.N != 4441 {
			t.Errorf("%+v, %v", got.Value, err)
		}
	})
}

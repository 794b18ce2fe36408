package ifmatch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

type markedCounter struct {
	N int `json:"n"`
	Marks
}

func addMarked(c *markedCounter) error { c.N++; return nil }

type markedDoc struct {
	Marks
	N int `json:"n"`
}

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

// lagging answers reads with an old state once a write has failed, as a replica
// does that has fallen behind.
type lagging struct {
	base   http.RoundTripper
	old    string                   // the state, under "v0" unless it was read before
	with   func(last string) string // what is answered in its place, under "v0"; nil: old
	reads  int                      // how many are answered so; negative: all
	failed bool                     // a write has
	last   bool                     // old is what was read last before that
	tag    string                   // of the state, where it was read before
}

func (l *lagging) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet && l.failed && l.reads != 0 {
		l.reads--
		if l.with != nil {
			return replyTo(r, 200, l.with(l.old), `Etag: "v0"`), nil
		}
		return replyTo(r, 200, l.old, "Etag: "+cmp.Or(l.tag, `"v0"`)), nil
	}
	resp, err := l.base.RoundTrip(r)
	if err == nil && r.Method == http.MethodGet {
		body, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		if l.last && !l.failed {
			l.old = string(body)
		}
		if string(body) == l.old {
			l.tag = resp.Header.Get("Etag")
		}
	}
	if r.Method == http.MethodPut && (err != nil || resp.StatusCode >= 500) {
		l.failed = true
	}
	return resp, err
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

// seenToKeep makes the document n is 1, and lets the client see that it keeps marks.
func seenToKeep(t *testing.T, origin *ifmatchtest.Server, c *http.Client, url string) {
	t.Helper()
	for _, doc := range []string{`{"n":1,"_ifmatch":["w"]}`, `{"n":1,"_ifmatch":["w","x"]}`} {
		origin.Put("/doc", "application/json", []byte(doc))
		if _, err := Get[markedCounter](t.Context(), c, url); err != nil {
			t.Fatal(err)
		}
	}
	origin.ResetLog()
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

// TestUpdateWithMarks: a lost answer is recognised.
func TestUpdateWithMarks(t *testing.T) {
	for name, faults := range map[string][]ifmatchtest.Fault{
		"answer lost":         {ifmatchtest.LostAnswer(1)},
		"answers lost":        {ifmatchtest.LostAnswer(3)},
		"request lost":        {ifmatchtest.LostRequest(2)},
		"lost, then a rival":  {ifmatchtest.LostAnswer(1), ifmatchtest.CompetingAfter(1, addFour)},
		"502 after commit":    {ifmatchtest.FailAfter(1, 502)},
		"500 after commit":    {ifmatchtest.FailAfter(1, 500)},
		"500 before commit":   {ifmatchtest.FailBefore(1, 500)},
		"replayed":            {ifmatchtest.Replay(1)},
		"lost for ever":       {ifmatchtest.LostRequest(4), ifmatchtest.LostAnswer(4)},
		"answer and the read": {ifmatchtest.LostAnswer(1), ifmatchtest.LostRequest(1).On("GET").After(1)},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(faults...)
				got, err := Update(context.Background(), origin.Client(), url, addMarked)
				if err != nil {
					t.Fatalf("%v: %s", err, requests(origin))
				}
				applied := 0
				for _, r := range origin.Log() {
					if r.Applied {
						applied++
					}
				}
				if applied != 1 || got.Outcome.Effect != EffectApplied {
					t.Errorf("applied %d times, effect %v: %s", applied, got.Outcome.Effect, requests(origin))
				}
			})
		})
	}
}

// TestCreateMarked: with a mark too, what somebody deleted stays deleted, also
// after a lost answer.
func TestCreateMarked(t *testing.T) {
	for name, test := range map[string]struct {
		doc  string
		lose bool // the request; otherwise the answer
	}{
		"update, answer lost": {`{"n":1}`, false}, "update, request lost": {`{"n":1}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, test.doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				c := firstWrite(origin.Client().Transport, !test.lose, func() { origin.Delete("/doc") })
				_, err := Update(t.Context(), c, url, addMarked, CreateIfAbsent())
				if err == nil || stateOf(origin) != "(gone)" {
					t.Errorf("%v, %s: %s", err, stateOf(origin), requests(origin))
				}
			})
		})
	}
	// Created once, although the answer to that was lost.
	withDocument(t, "", func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		got, err := Update(t.Context(), origin.Client(), url, addMarked, CreateIfAbsent())
		if err != nil || got.Value.N != 1 || got.Outcome.Cause != CauseOwnEarlierWrite {
			t.Errorf("%+v, %v: %s", got, err, requests(origin))
		}
	})
	// Without a mark nobody can tell.
	withDocument(t, "", func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		_, err := Update(t.Context(), origin.Client(), url, addOne, CreateIfAbsent())
		if !errors.Is(err, ErrOutcomeUnknown) || stateOf(origin) != `{"n":1}` {
			t.Errorf("%v, %s: %s", err, stateOf(origin), requests(origin))
		}
	})
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
					c := clientOn(origin)
					if test.doc != "" {
						seenToKeep(t, origin, c, url)
					}
					body, _, _ := origin.State("/doc")
					before := len(idsOf(t, body))
					r := NewResource[markedCounter](c, url, test.opts)
					update := func() (err error) {
						if kind == "Update" {
							_, err = Update(t.Context(), c, url, addMarked, test.opts)
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
					body, _, _ = origin.State("/doc")
					if ids := idsOf(t, body)[before:]; len(ids) != 2 || ids[0] == ids[1] || len(ids[0]) < 16 {
						t.Errorf("%s: %s", kind, body)
					}
				})
			}
		})
	}
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
		{0, 63, true, false}, {0, 63, false, true}, // nothing shows that the list is the same
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

// TestReplayOfMarkedWrites: what something on the way performs twice is applied
// once, also where it creates the document or was the last attempt.
func TestReplayOfMarkedWrites(t *testing.T) {
	for name, test := range map[string]struct {
		doc  string
		opts []UpdateOption
	}{
		"create":       {"", []UpdateOption{CreateIfAbsent()}},
		"last attempt": {`{"n":0}`, []UpdateOption{WithMaxAttempts(1)}},
	} {
		withDocument(t, test.doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(ifmatchtest.Replay(1))
			got, err := Update(context.Background(), origin.Client(), url, addMarked, test.opts...)
			if err != nil || got.Value.N != 1 || !strings.Contains(stateOf(origin), `"n":1`) {
				t.Errorf("%s: %+v, %v: %s", name, got.Value, err, stateOf(origin))
			}
		})
	}
}

// TestWipedMarks: an edit that sets the whole value doesn't wipe others' ids.
func TestWipedMarks(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		base, first := origin.Client().Transport, true
		c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodPut || !first {
				return base.RoundTrip(r)
			}
			first = false
			resp, err := base.RoundTrip(r)
			if err == nil {
				resp.Body.Close()
			}
			if _, err := Update(context.Background(), origin.Client(), url, func(m *markedCounter) error {
				*m = markedCounter{N: m.N + 10}
				return nil
			}); err != nil {
				t.Error(err)
			}
			return nil, errors.New("connection reset")
		})}
		got, err := Update(context.Background(), c, url, addMarked)
		if err != nil || got.Value.N != 11 || !strings.Contains(stateOf(origin), `"n":11`) {
			t.Errorf("%+v, %v: %s", got.Value, err, stateOf(origin))
		}
	})
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

// TestStaleReadsAfterALostAnswer: reads that are older than the write don't show
// that it wasn't applied.
func TestStaleReadsAfterALostAnswer(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		if _, err := Update(context.Background(), origin.Client(), url, addMarked); err != nil {
			t.Fatal(err)
		}
		origin.Inject(ifmatchtest.LostAnswer(1), ifmatchtest.StaleReads(0).After(1))
		if _, err := Update(context.Background(), origin.Client(), url, addMarked); err != nil && !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("%v, and the state is %s", err, stateOf(origin))
		}
	})
}

// TestStaleReadDecidesNothing: after a lost answer, that an edit fails or changes
// nothing on a state without the mark doesn't show that nothing was applied.
func TestStaleReadDecidesNothing(t *testing.T) {
	for how, fault := range map[string]ifmatchtest.Fault{"502": ifmatchtest.FailAfter(1, 502), "cut": ifmatchtest.LostAnswer(1)} {
		for what, onOld := range map[string]error{"changes nothing": nil, "fails": errFull} {
			bothWays(t, `{"n":1,"_ifmatch":["x"]}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[markedCounter]) {
				origin.Inject(fault)
				lags := &lagging{base: origin.Client().Transport, old: `{"n":0,"_ifmatch":["x"]}`, reads: -1}
				_, err := update(t.Context(), &http.Client{Transport: lags}, func(c *markedCounter) error {
					if c.N == 0 {
						return onOld
					}
					c.N += 10
					return nil
				})
				if !errors.Is(err, ErrOutcomeUnknown) || !strings.Contains(stateOf(origin), `"n":11`) {
					t.Errorf("%s, %s, %s: %v, state %s", name, how, what, err, stateOf(origin))
				}
			})
		}
	}
}

// TestMarksBehindAPointer: a T that is a pointer to what embeds Marks is exact.
func TestMarksBehindAPointer(t *testing.T) {
	bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[*markedCounter]) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		got, err := update(t.Context(), origin.Client(), func(c **markedCounter) error { return addMarked(*c) })
		body, _, _ := origin.State("/doc")
		if err != nil || got.Value.N != 2 || len(idsOf(t, body)) != 1 || !strings.Contains(string(body), `"n":2`) {
			t.Errorf("%s: %+v, %v: %s", name, got.Value, err, body)
		}
	})
}

// MarkedBase is exported, so that JSON decodes into a nil pointer to it.
type MarkedBase struct {
	Marks
	N int `json:"n"`
}

type derived struct {
	*MarkedBase
	X int `json:"x"`
}

// TestMarksInANilPointer: what can't be marked isn't written.
func TestMarksInANilPointer(t *testing.T) {
	bothWays(t, `{"x":1}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[derived]) {
		if _, err := update(t.Context(), origin.Client(), func(d *derived) error { d.X++; return nil }); err == nil || errors.Is(err, ErrOutcomeUnknown) || requests(origin) != "GET 200" {
			t.Errorf("%s: %v: %s", name, err, requests(origin))
		}
	})
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

// TestMarkOutOfRange: what is none of the three marks proves nothing.
func TestMarkOutOfRange(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		sent := 0
		odd := WithMarker(func(*counter, string) { sent = 1 }, func(c *counter, _ string) Mark {
			if sent == 1 {
				sent = 2
				return MarkFound // keepsMark's look
			}
			return Mark(7)
		})
		_, err := Update(context.Background(), origin.Client(), url, addOne, odd)
		if state := stateOf(origin); !errors.Is(err, ErrOutcomeUnknown) && state != `{"n":1}` {
			t.Errorf("%v, %s", err, state)
		}
	})
}

type pointedTo struct {
	N  int    `json:"n"`
	ID string `json:"id,omitempty"`
}

// TestMarkerOfANilPointer: a document that is not there is not searched for a mark.
func TestMarkerOfANilPointer(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("panic: %v", p)
			}
		}()
		m := WithMarker(func(d **pointedTo, id string) { (*d).ID = id }, func(d **pointedTo, id string) Mark {
			if (*d).ID == id {
				return MarkFound
			}
			return MarkUnknown
		})
		_, err := Update(context.Background(), origin.Client(), url, func(d **pointedTo) error {
			if *d == nil {
				*d = new(pointedTo)
			}
			(*d).N++
			origin.Delete("/doc")
			return nil
		}, m, CreateIfAbsent())
		if !errors.Is(err, ErrConflict) {
			t.Error(err)
		}
	})
}

// TestMarkBeforeTheLane: in a crowd that turns the list of marks over, a call whose answer was
// lost looks for its mark before it waits for its turn (rule 10).
func TestMarkBeforeTheLane(t *testing.T) {
	writers := long(200, 90)
	withDocument(t, "", func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c := clientOn(origin)
		seenToKeep(t, origin, c, url)
		origin.Inject(ifmatchtest.Slow(0, roundTripTime), ifmatchtest.LostAnswer(20).On(http.MethodPut).After(5))
		var all sync.WaitGroup
		var unknown atomic.Int64
		for range writers {
			all.Go(func() {
				if _, err := Update(t.Context(), c, url, addMarked); errors.Is(err, ErrOutcomeUnknown) {
					unknown.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		t.Logf("%d of %d unknown, %d writes", unknown.Load(), writers, writesOf(origin))
		if unknown.Load() > 0 {
			t.Errorf("%d of %d unknown", unknown.Load(), writers)
		}
	})
}

type (
	namedMarks struct{ M Marks }
	oneMarks   struct{ Marks }
	twoMarks   struct {
		Marks
		oneMarks
	}
	deepMarks  struct{ *namedMarks }
	leftMarks  struct{ oneMarks }
	rightMarks struct{ oneMarks }
	bothMarks  struct {
		leftMarks
		rightMarks
	}
	nestedMarks struct {
		Marks
		Before oneMarks // of another document
	}
	selfMarks struct {
		*selfMarks
		Marks
	}
)

// TestMisplacedMarks: Marks that would do nothing are an error, and nothing is sent.
func TestMisplacedMarks(t *testing.T) {
	for _, row := range []struct {
		of  any
		bad bool
	}{
		{namedMarks{}, true}, {&namedMarks{}, true}, {twoMarks{}, true}, {bothMarks{}, true}, {deepMarks{}, true}, {struct{ M *Marks }{}, true},
		{oneMarks{}, false}, {nestedMarks{}, false}, {counter{}, false}, {0, false}, {struct{ *Marks }{}, false}, {selfMarks{selfMarks: nil}, false},
	} {
		if err := misplacedMarks(reflect.TypeOf(row.of)); (err != nil) != row.bad {
			t.Errorf("%T: %v", row.of, err)
		}
	}
	bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[namedMarks]) {
		if _, err := update(t.Context(), origin.Client(), func(*namedMarks) error { return nil }); err == nil || requests(origin) != "" {
			t.Errorf("%s: %v: %s", name, err, requests(origin))
		}
	})
}

// TestMarksOfADialect: where the API's documents can't have the member, nothing is sent.
func TestMarksOfADialect(t *testing.T) {
	no := WithDialect(dialect.Dialect{Name: "shelf", NoMarks: "no arrays"})
	bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[markedCounter]) {
		if _, err := update(t.Context(), origin.Client(), addMarked, no); err == nil || !strings.Contains(err.Error(), "shelf: no Marks") || requests(origin) != "" {
			t.Errorf("%s: %v: %s", name, err, requests(origin))
		}
		other := noting(func(m *markedCounter) *[]string { return &m.IDs }, false)
		if _, err := update(t.Context(), origin.Client(), addMarked, no, other); err != nil {
			t.Errorf("%s, with WithMarker: %v", name, err)
		}
	})
}

// TestWhatShowsThatMarksAreKept: an own id that was read back, and the word of WithMarker; not
// a document that was deleted in between (rule 10).
func TestWhatShowsThatMarksAreKept(t *testing.T) {
	for _, kind := range []string{"Update", "Resource"} {
		// The own id of the write before is the only one. Then a request is lost, and a rival
		// writes without an id.
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			transport := NewTransport(origin.Client().Transport, Stop)
			r := NewResource[markedCounter](&http.Client{Transport: transport}, url)
			update := func() error {
				if kind == "Resource" {
					_, err := r.Update(t.Context(), addMarked)
					return err
				}
				_, err := Update(t.Context(), &http.Client{Transport: transport}, url, addMarked)
				return err
			}
			if err := update(); err != nil {
				t.Fatal(err)
			}
			transport.base = firstWrite(origin.Client().Transport, false, func() {
				body, _, _ := origin.State("/doc")
				origin.Put("/doc", "application/json", bytes.Replace(body, []byte(`"n":2`), []byte(`"n":40`), 1))
			}).Transport
			if err := update(); err != nil || !strings.Contains(stateOf(origin), `"n":41`) {
				t.Errorf("%s: %v: %s", kind, err, stateOf(origin))
			}
		})
	}
	bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[markedCounter]) {
		rival := func() { origin.Put("/doc", "application/json", []byte(`{"n":40}`)) }
		sure := noting(func(m *markedCounter) *[]string { return &m.IDs }, true)
		c := firstWrite(origin.Client().Transport, false, rival)
		if got, err := update(t.Context(), c, addMarked, sure); err != nil || got.Value.N != 41 {
			t.Errorf("%s, find says absent: %+v, %v: %s", name, got.Value, err, requests(origin))
		}
	})
	// The document that has gained an id may be another one, with the old ids copied into it.
	withDocument(t, `{"n":1,"_ifmatch":["w"]}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		server := &filtered{base: origin.Client().Transport, origin: origin, keep: keepers["drops new ones"]}
		c := &http.Client{Transport: NewTransport(server, Stop)}
		get := func() {
			if _, err := Get[markedCounter](t.Context(), c, url, CreateIfAbsent()); err != nil {
				t.Error(err)
			}
		}
		get()
		origin.Delete("/doc")
		get()
		origin.Put("/doc", "application/json", []byte(`{"n":1,"_ifmatch":["w","x"]}`))
		get()
		server.lose = "cut"
		if _, err := Update(t.Context(), c, url, addMarked); !errors.Is(err, ErrOutcomeUnknown) || !strings.Contains(stateOf(origin), `"n":2`) {
			t.Errorf("another document: %v: %s", err, stateOf(origin))
		}
	})
}

// TestWeakTagShowsNoDrop: several states may have one weak tag, so none shows that a mark was
// dropped.
func TestWeakTagShowsNoDrop(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.DropUnknown(noted{}), ifmatchtest.WeakTags())
		c := clientOn(origin)
		for range 2 {
			if _, err := Update(t.Context(), c, url, addMarked); errors.Is(err, errDropsMarks) {
				t.Errorf("%v: %s", err, requests(origin))
			}
		}
	})
}

// TestMarkerOfMisplacedMarks: with WithMarker it doesn't matter where T has Marks; without one
// of its functions nothing is sent.
func TestMarkerOfMisplacedMarks(t *testing.T) {
	put, find := func(*namedMarks, string) {}, func(*namedMarks, string) Mark { return MarkFound }
	for name, row := range map[string]struct {
		marker UpdateOption
		bad    bool
	}{
		"a marker": {WithMarker(put, find), false}, "no put": {WithMarker(nil, find), true},
		"no find": {WithMarker(put, nil), true}, "of another T": {WithMarker(func(*counter, string) {}, func(*counter, string) Mark { return MarkFound }), true},
	} {
		bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[namedMarks]) {
			_, err := update(t.Context(), origin.Client(), func(m *namedMarks) error { m.M.IDs = []string{"a"}; return nil }, row.marker)
			if (err != nil) != row.bad || row.bad && requests(origin) != "" {
				t.Errorf("%s, %s: %v: %s", kind, name, err, requests(origin))
			}
		})
	}
}

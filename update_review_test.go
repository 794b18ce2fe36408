package ifmatch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// Each of these once failed.

var errFull = errors.New("full")

// updating is Update, or that of a new Resource, on one document.
type updating[T any] func(ctx context.Context, c *http.Client, edit func(*T) error, opts ...UpdateOption) (Snapshot[T], error)

// bothWays runs f with Update and with a Resource, each on a document of its own.
func bothWays[T any](t *testing.T, doc string, f func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[T])) {
	t.Helper()
	for _, name := range []string{"Update", "Resource"} {
		withDocument(t, doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			f(t, origin, name, func(ctx context.Context, c *http.Client, edit func(*T) error, opts ...UpdateOption) (Snapshot[T], error) {
				if name == "Update" {
					return Update(ctx, c, url, edit, opts...)
				}
				return NewResource[T](c, url, opts...).Update(ctx, edit)
			})
		})
	}
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

// TestBatchOfDifferingDrafts: where the mark shows that one of two drafts was
// accepted, it isn't known whether an edit that is in one of them only was.
func TestBatchOfDifferingDrafts(t *testing.T) {
	withDocument(t, `{"n":1,"_ifmatch":["x"]}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.FailAfter(1, 502).After(1))
		lags := &lagging{base: origin.Client().Transport, old: `{"n":0,"_ifmatch":["x"]}`, reads: 1}
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

// TestAnswersWithoutRequest: a RoundTripper that leaves Response.Request nil will
// do, and redirects are noticed nevertheless.
func TestAnswersWithoutRequest(t *testing.T) {
	without := func(base http.RoundTripper, redirect string, status int) *http.Client {
		return &http.Client{Transport: roundTripper(func(r *http.Request) (resp *http.Response, err error) {
			if r.Method == redirect && r.URL.Path == "/doc" {
				resp = replyTo(r, status, "", "Location: /other")
			} else if resp, err = base.RoundTrip(r); err != nil {
				return nil, err
			}
			resp.Request = nil
			return resp, nil
		})}
	}
	bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[counter]) {
		base := origin.Client().Transport
		if _, err := Get[counter](t.Context(), without(base, "", 0), origin.URL+"/doc"); err != nil {
			t.Error("Get:", err)
		}
		origin.Inject(ifmatchtest.CompetingWriter(1, addFour))
		if got, err := update(t.Context(), without(base, "", 0), addOne); err != nil || got.Value.N != 42 {
			t.Errorf("%s: %+v, %v", name, got.Value, err)
		}
		for _, status := range []int{303, 307} {
			for _, method := range []string{http.MethodGet, http.MethodPut} {
				origin.Put("/other", "application/json", []byte(`{"n":1}`))
				if _, err := update(t.Context(), without(base, method, status), addOne); err == nil || !strings.Contains(err.Error(), "redirected") {
					t.Errorf("%s: %s answered %d: %v", name, method, status, err)
				}
			}
		}
	})
}

// TestRequestSentElsewhere: a RoundTripper that sends requests to another host,
// such as a sidecar's, redirects nothing.
func TestRequestSentElsewhere(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, _ string) {
		at, _ := url.Parse(origin.URL)
		c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.URL.Host = at.Host
			return origin.Client().Transport.RoundTrip(r)
		})}
		if got, err := Update(t.Context(), c, "http://service.internal/doc", addOne); err != nil || got.Value.N != 2 || stateOf(origin) != `{"n":2}` {
			t.Errorf("%+v, %v: %s", got.Value, err, stateOf(origin))
		}
	})
}

// TestSentAgainFromAbove: where somebody above our Transport sends the request
// again, nothing is written after an edit's error, and after a state that needed
// no change the Snapshot is what was accepted in the end.
func TestSentAgainFromAbove(t *testing.T) {
	for onZero, want := range map[error]string{errFull: `{"n":7}`, nil: `{"n":6}`} {
		withDocument(t, `{"n":5}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			put := func(doc string) { origin.Put("/doc", "application/json", []byte(doc)) }
			edits := 0
			got, err := Update(t.Context(), impatient(origin.Client().Transport, func() { put(`{"n":7}`) }), url, func(c *counter) error {
				if edits++; edits == 1 {
					put(`{"n":0}`)
				}
				if c.N == 0 {
					return onZero
				}
				c.N--
				return nil
			})
			_, tag, _ := origin.State("/doc")
			if !errors.Is(err, onZero) || stateOf(origin) != want || err == nil && (got.Value.N != 6 || got.ETag != tag) {
				t.Errorf("%+v under %s, %v: %s under %s", got.Value, got.ETag, err, stateOf(origin), tag)
			}
		})
	}
}

// TestContextOfAnOwnRead makes no other request one that may be repeated: a POST
// for a token, say.
func TestContextOfAnOwnRead(t *testing.T) {
	withDocument(t, `{"n":5}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		ours := NewTransport(origin.Client().Transport, Stop)
		origin.Inject(replying(http.MethodPost, 0, http.StatusServiceUnavailable))
		c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			token, _ := http.NewRequestWithContext(r.Context(), http.MethodPost, origin.URL+"/token", strings.NewReader("x"))
			resp, err := ours.RoundTrip(token)
			if err == nil {
				resp.Body.Close()
			}
			return ours.RoundTrip(r)
		})}
		if got, err := Get[counter](t.Context(), c, url); err != nil || got.Value.N != 5 || requests(origin) != "POST 503, GET 200" {
			t.Errorf("%+v, %v: %s", got.Value, err, requests(origin))
		}
	})
}

// TestStalledAnswers: the body of an answer to a write may take a second, and
// holds nobody up any longer.
func TestStalledAnswers(t *testing.T) {
	for status, want := range map[int]error{204: nil, 403: errStatus} {
		bothWays(t, `{"n":5}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[counter]) {
			if want != nil {
				origin.Inject(ifmatchtest.FailBefore(1, status))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			start := time.Now()
			_, err := update(ctx, stalling(origin.Client().Transport, http.MethodPut, 1), addOne)
			if took := time.Since(start); took != time.Second {
				t.Errorf("%s, %d: took %v", name, status, took)
			}
			checkUpdateError(t, err, want)
		})
	}
	withDocument(t, `{"n":5}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](stalling(origin.Client().Transport, http.MethodPut, 1), url)
		go r.Update(t.Context(), addOne)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if got, err := r.Update(ctx, addOne); err != nil || got.Value.N != 7 || time.Since(start) > time.Second {
			t.Errorf("the next: %+v, %v after %v", got.Value, err, time.Since(start))
		}
	})
}

// TestStalledState: a state that never comes ends the wait for a Resource, whose
// callers' contexts don't reach it.
func TestStalledState(t *testing.T) {
	withDocument(t, `{"n":5}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](stalling(origin.Client().Transport, http.MethodGet, 1), url)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		start := time.Now()
		if _, err := r.Update(ctx, addOne); !errors.Is(err, ErrElapsed) || time.Since(start) != defaultMaxElapsed {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if got, err := r.Update(ctx, addOne); err != nil || got.Value.N != 6 {
			t.Errorf("the next: %+v, %v", got.Value, err)
		}
	})
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

// TestOutcomeOfTheCallBefore: each call empties what WithOutcome was given.
func TestOutcomeOfTheCallBefore(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		before := Outcome{Effect: EffectApplied, Attempts: 7, Exchanges: make([]Exchange, 2)}
		o := before
		ctx, c, r := WithOutcome(t.Context(), &o), origin.Client(), NewResource[counter](origin.Client(), url)
		check := func(what string, want Effect, ok bool) {
			if !ok || o.Effect != want || o.Attempts != 0 || len(o.Exchanges) != 0 {
				t.Errorf("%s: %+v", what, o)
			}
			o = before
		}
		_, err := Get[counter](ctx, c, url)
		check("Get", EffectNotApplied, err == nil)
		_, err = r.Get(ctx)
		check("Get of a Resource", EffectNotApplied, err == nil)
		_, err = Update(ctx, c, url, addOne, OnConflict(Resend))
		check("a wrong option", EffectNotApplied, err != nil)
		origin.Inject(ifmatchtest.Slow(1, time.Minute).On(http.MethodPut))
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err = r.Update(ctx, addOne)
		check("a caller that gave up", EffectUnknown, errors.Is(err, ErrOutcomeUnknown) && errors.Is(err, context.DeadlineExceeded))
	})
}

// TestPatchOfRepeatedNames: a name that the document has twice, and T doesn't
// have, is no reason not to patch.
func TestPatchOfRepeatedNames(t *testing.T) {
	bothWays(t, `{"n":1,"d":1,"d":2}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[counter]) {
		_, err := update(t.Context(), origin.Client(), addOne, WithPatch())
		log := origin.Log()
		if last := log[len(log)-1]; err != nil || last.Method != http.MethodPatch || string(last.Body) != `{"n":2}` {
			t.Errorf("%s: %v: %s %s", name, err, last.Method, last.Body)
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

package ifmatch

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// Each of these once failed.

// TestFoundMarkAndKeptState: where the mark is found, the state to keep is the
// one it was found in, which may hold a rival's later write.
func TestFoundMarkAndKeptState(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[markedCounter](origin.Client(), url)
		add := func() Snapshot[markedCounter] {
			t.Helper()
			got, err := r.Update(context.Background(), addMarked)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for range 3 {
			add()
		}
		origin.Inject(ifmatchtest.LostAnswer(1), ifmatchtest.CompetingAfter(1, addFour))
		if got := add(); got.Value.N != 44 {
			t.Errorf("n %d after a rival's write, want 44", got.Value.N)
		}
		if got := add(); got.Value.N != 45 || !strings.Contains(stateOf(origin), `"n":45`) {
			t.Errorf("n %d, state %s: the rival's write is lost", got.Value.N, stateOf(origin))
		}
	})
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

// TestReplayedBatchOnKeptState: a batch that was refused on a kept state looks for
// its mark again before it is run on a fresh read, since what was read in between
// may have been stale.
func TestReplayedBatchOnKeptState(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[markedCounter](origin.Client(), url)
		for range 3 {
			if _, err := r.Update(context.Background(), addMarked); err != nil {
				t.Fatal(err)
			}
		}
		origin.Inject(ifmatchtest.Replay(1), ifmatchtest.StaleReads(3))
		got, err := r.Update(context.Background(), addMarked)
		if err != nil || got.Value.N != 4 || !strings.Contains(stateOf(origin), `"n":4`) {
			t.Errorf("%+v, %v: %s", got.Value, err, stateOf(origin))
		}
	})
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

// TestRedirectWithinAQuery: another query is another document.
func TestRedirectWithinAQuery(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		base := origin.Client().Transport
		c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.RawQuery == "id=1" && r.Method == http.MethodPut {
				return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"/doc?id=2"}}, Body: http.NoBody, Request: r}, nil
			}
			return base.RoundTrip(r)
		})}
		if got, err := Update(context.Background(), c, url+"?id=1", addOne); err == nil || !strings.Contains(err.Error(), "redirected") {
			t.Errorf("%+v, %v", got, err)
		}
	})
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

// TestEditsThatExit are asked once and hold nobody up again.
func TestEditsThatExit(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond), ifmatchtest.CompetingWriter(3, addFour))
		r := NewResource[counter](origin.Client(), url)
		start := time.Now()
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				_, err := r.Update(context.Background(), func(c *counter) error {
					if i%2 == 1 {
						runtime.Goexit()
					}
					return addOne(c)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// panicking is a codec that does so once it is armed.
type panicking struct {
	jsonCodec
	armed *bool
}

func (c panicking) Encode(v any) ([]byte, error) {
	if *c.armed {
		panic("broken codec")
	}
	return c.jsonCodec.Encode(v)
}

// TestPanickingCodec costs the callers an error, not the process.
func TestPanickingCodec(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		armed := true
		r := NewResource[counter](origin.Client(), url, WithCodec(panicking{armed: &armed}))
		if _, err := r.Update(context.Background(), addOne); err == nil || !strings.Contains(err.Error(), "broken codec") {
			t.Error(err)
		}
		armed = false
		if got, err := r.Update(context.Background(), addOne); err != nil || got.Value.N != 1 {
			t.Errorf("%+v, %v", got.Value, err)
		}
	})
}

// TestReadsAreRepeated: the reads of Get, Update and Resource are repeated like
// refreshes, unless WithTransientRetry(nil) says otherwise.
func TestReadsAreRepeated(t *testing.T) {
	reads := map[string]func(c *http.Client, url string, opts ...UpdateOption) error{
		"Get": func(c *http.Client, url string, opts ...UpdateOption) error {
			_, err := Get[counter](context.Background(), c, url, opts...)
			return err
		},
		"Update": func(c *http.Client, url string, opts ...UpdateOption) error {
			_, err := Update(context.Background(), c, url, addOne, opts...)
			return err
		},
		"Resource": func(c *http.Client, url string, opts ...UpdateOption) error {
			_, err := NewResource[counter](c, url, opts...).Update(context.Background(), addOne)
			return err
		},
	}
	for name, read := range reads {
		withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			fail := ifmatchtest.FailBefore(2, http.StatusServiceUnavailable).On("GET")
			origin.Inject(fail)
			if err := read(origin.Client(), url); err != nil {
				t.Errorf("%s: %v: %s", name, err, requests(origin))
			}
			origin.Inject(fail)
			var status *StatusError
			if err := read(origin.Client(), url, WithTransientRetry(nil)); !errors.As(err, &status) || status.StatusCode != 503 {
				t.Errorf("%s, without repeats: %v", name, err)
			}
		})
	}
}

// TestOutcomeOfABatch: every caller's WithOutcome is filled, also with an error.
func TestOutcomeOfABatch(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[counter](origin.Client(), url, WithMaxAttempts(2))
		var o Outcome
		got, err := r.Update(WithOutcome(context.Background(), &o), addOne)
		if err != nil || o.Effect != EffectApplied || o.Attempts != 1 || len(got.Outcome.Exchanges) != 1 {
			t.Errorf("%+v, %+v, %v", o, got.Outcome, err)
		}
		origin.Inject(ifmatchtest.CompetingWriter(0, addFour))
		got, err = r.Update(WithOutcome(context.Background(), &o), addOne)
		if !errors.Is(err, ErrConflict) || o.Effect != EffectNotApplied || o.Attempts < 2 || got.Outcome.Attempts != o.Attempts {
			t.Errorf("%+v, %+v, %v", o, got.Outcome, err)
		}
	})
}

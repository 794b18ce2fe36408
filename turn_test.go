package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// inLine starts Updates one after another while the first of them is under way, so that they
// line up in this order, and waits for all.
func inLine(updates ...func()) {
	var all sync.WaitGroup
	for _, update := range updates {
		all.Go(update)
		synctest.Wait()
	}
	all.Wait()
}

// TestStateHandedOn: in a crowd an Update edits the state that the one before has written, and
// reads nothing, where the server was seen to store what it is sent and its own read would
// show the same. Elsewhere it reads. Nothing is lost either way.
func TestStateHandedOn(t *testing.T) {
	const doc = `{"n":0,"theirs":1}`
	type twice struct {
		N int `json:"n"`
		X int `json:"x,omitempty"`
	}
	for name, row := range map[string]struct {
		faults []ifmatchtest.Fault
		client func(base http.RoundTripper) *http.Client
		opts   func(i int) []UpdateOption
		handed bool
		want   string // stored; empty: all members
	}{
		"plain":                                 {handed: true},
		"the server drops what it doesn't know": {faults: []ifmatchtest.Fault{ifmatchtest.DropUnknown(counter{})}, want: `{"n":40}`},
		"no tag in the answer":                  {faults: []ifmatchtest.Fault{ifmatchtest.NoETagAfterWrite()}},
		"a foreign base": {client: func(base http.RoundTripper) *http.Client {
			return &http.Client{Transport: NewTransport(roundTripper(base.RoundTrip), Stop)}
		}},
		"cookies": {client: func(base http.RoundTripper) *http.Client {
			jar, _ := cookiejar.New(nil)
			return &http.Client{Transport: NewTransport(base, Stop), Jar: jar}
		}},
		"the same credentials": {handed: true, opts: func(int) []UpdateOption {
			return []UpdateOption{WithHeader("Authorization", "Bearer a")}
		}},
		"other credentials": {opts: func(i int) []UpdateOption {
			return []UpdateOption{WithHeader("Authorization", "Bearer "+string(rune('a'+i)))}
		}},
		"another language": {opts: func(i int) []UpdateOption {
			return []UpdateOption{WithHeader("Accept-Language", string(rune('a'+i)))}
		}},
		"a changed refresh": {opts: func(int) []UpdateOption {
			return []UpdateOption{WithRefreshRequest(func(r *http.Request) (*http.Request, error) { return r, nil })}
		}},
		"patches": {opts: func(int) []UpdateOption { return []UpdateOption{WithPatch()} }},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(append(row.faults, ifmatchtest.Slow(0, 5*time.Millisecond))...)
				client := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop)}
				if row.client != nil {
					client = row.client(origin.Client().Transport)
				}
				const n, each = 8, 5
				var updates []func()
				for i := range n {
					updates = append(updates, func() {
						var opts []UpdateOption
						if row.opts != nil {
							opts = row.opts(i)
						}
						for range each {
							got, err := Update(context.Background(), client, url, func(c *twice) error { c.N++; c.X++; return nil }, opts...)
							if err != nil {
								t.Error(err)
							}
							clear(got.Raw) // it is the caller's own
						}
					})
				}
				inLine(updates...)
				want := row.want
				if want == "" {
					want = `{"n":40,"theirs":1,"x":40}`
				}
				if state := stateOf(origin); state != want {
					t.Errorf("%s, want %s", state, want)
				}
				per := float64(len(origin.Log())) / (n * each)
				if handed := per < 1.9; handed != row.handed {
					t.Errorf("%.2f requests for each", per)
				}
			})
		})
	}
}

// TestHandedStateDecidesNothing: an edit that changes nothing of a state that was handed on,
// or fails on it, runs again on a state that was read. Where the context has ended, that is the
// error.
func TestHandedStateDecidesNothing(t *testing.T) {
	for _, failing := range []error{nil, errFull, context.Canceled} {
		withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond))
			client := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop)}
			add := func() {
				if _, err := Update(t.Context(), client, url, addOne); err != nil {
					t.Error(err)
				}
			}
			var runs []int
			ended := failing == context.Canceled
			last := func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				got, err := Update(ctx, client, url, func(c *counter) error {
					if runs = append(runs, c.N); len(runs) == 1 {
						origin.Put("/doc", "application/json", []byte(`{"n":100}`))
					}
					if ended {
						cancel()
						return nil
					}
					return failing
				})
				if !errors.Is(err, failing) || err == nil && (got.Value.N != 100 || got.Outcome.Err != nil) || got.Outcome.Effect != EffectNotApplied {
					t.Errorf("%+v, %v", got, err)
				}
			}
			after := 12 * time.Millisecond // there is a lane by then
			late := func(f func()) func() {
				after += time.Microsecond
				d := after
				return func() { time.Sleep(d); f() }
			}
			inLine(add, add, late(add), late(add), late(add), late(last))
			if want := []int{5, 100}; !slices.Equal(runs, want) && !(ended && slices.Equal(runs, want[:1])) {
				t.Errorf("ran on %v", runs)
			}
		})
	}
}

// TestHandedStateIsAsStored: what the answers tell is what a server stores, and what it is sent
// need not be. So the one, seen once, is no reason to build on the other.
func TestHandedStateIsAsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		s := &stamper{doc: `{"n":0}`, version: 1, plain: true}
		s.answer = func(s *stamper, req *http.Request) *http.Response {
			s.doc = fmt.Sprintf(`%s,"at%d":0}`, strings.TrimSuffix(s.doc, "}"), s.version) // a stamp for each write
			if req.Header.Get("Prefer") == "" {
				return s.reply(req, 204, "")
			}
			return s.reply(req, 200, s.doc, "Preference-Applied: return=representation")
		}
		base := new(http.Transport) // as only one that adds no credentials lets a state be handed on
		base.RegisterProtocol("http", roundTripper(func(req *http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			return s.RoundTrip(req)
		}))
		client := &http.Client{Transport: NewTransport(base, Stop)}
		var updates []func()
		for i := range 6 {
			updates = append(updates, func() {
				for j := range 6 {
					prefer := WithHeader("Prefer", "return=representation")
					if (i+j)%3 == 1 {
						prefer = nil
					}
					if _, err := Update(t.Context(), client, "http://origin.test/doc", addOne, prefer); err != nil {
						t.Error(err)
					}
				}
			})
		}
		inLine(updates...)
		for v := 2; v <= s.version; v++ {
			if stamp := fmt.Sprintf(`"at%d":`, v); !strings.Contains(s.doc, stamp) {
				t.Errorf("%s lacks %s", s.doc, stamp)
			}
		}
	})
}

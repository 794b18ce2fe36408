package ifmatch

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestOptionsPerCall: those of the call's context are laid over those of the client, one by one.
func TestOptionsPerCall(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.CompetingWriter(0, nil))
		rt := NewTransport(origin.Client().Transport, Resend, WithMaxAttempts(2))
		for _, test := range []struct {
			opts []Option
			want int
		}{
			{nil, 2},
			{[]Option{WithMaxAttempts(3)}, 3},
			{[]Option{WithMaxAttempts(3), WithMaxAttempts(5)}, 5},
			{[]Option{WithMaxAttempts(3), OnConflict(Stop)}, 1},
			{[]Option{OnConflict(nil)}, 1},
			{[]Option{Options{OnConflict(Stop), nil, Options{OnConflict(Resend), WithMaxAttempts(6)}}}, 6},
			{[]Option{WithMaxAttempts(0)}, 4},
			{[]Option{WithMaxAttempts(-1), WithMaxElapsed(-1), WithMaxRepresentation(-1), WithBackoff(nil), WithRefreshRequest(nil), WithTrace(nil), WithLogger(nil), nil}, 4},
		} {
			got := sendVia(t, rt, newWrite(t, WithOptions(context.Background(), test.opts...), origin, http.MethodPut, []string{stale}))
			if got.outcome.Attempts != test.want {
				t.Errorf("%v attempts, want %d: %s", got.outcome.Attempts, test.want, got.summary())
			}
		}
		inner := WithOptions(WithOptions(context.Background(), WithMaxAttempts(3)), OnConflict(Resend))
		if got := sendVia(t, rt, newWrite(t, inner, origin, http.MethodPut, []string{stale})); got.outcome.Attempts != 3 {
			t.Errorf("nested contexts: %s", got.summary())
		}
	})
}

// TestLargestMaxRepresentation: WithMaxRepresentation(math.MaxInt64) is no panic.
func TestLargestMaxRepresentation(t *testing.T) {
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("PANIC %v", r)
		}
	}()
	o := ifmatchtest.NewServer()
	defer o.Close()
	o.Put("/doc", "text/plain", []byte("a"))
	send(t, o, rebuilding, "PUT", []string{`If-Match: "v9"`}, WithMaxRepresentation(math.MaxInt64))
}

// TestMaxRepresentationOfATransport: a document may be as large as the options of the Transport, or of ctx, say.
func TestMaxRepresentationOfATransport(t *testing.T) {
	big := `{"n":1,"pad":"` + strings.Repeat("x", 11<<20) + `"}`
	withDocument(t, big, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, WithMaxRepresentation(20<<20))}
		if _, err := Get[counter](context.Background(), c, url); err != nil {
			t.Errorf("Transport's option: Get: %v", err)
		}
		if _, err := Update(context.Background(), c, url, addOne); err != nil {
			t.Errorf("Transport's option: Update: %v", err)
		}
		ctx := WithOptions(context.Background(), WithMaxRepresentation(20<<20))
		if _, err := Get[counter](ctx, c, url); err != nil {
			t.Errorf("ctx option: Get: %v", err)
		}
	})
}

// TestSmallerMaxRepresentation: a smaller limit of the Transport holds for Get, too.
func TestSmallerMaxRepresentation(t *testing.T) {
	withDocument(t, `{"n":1,"pad":"`+strings.Repeat("x", 1000)+`"}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, WithMaxRepresentation(100))}
		if _, err := Get[counter](context.Background(), c, url); err == nil {
			t.Error("the Transport's WithMaxRepresentation(100) is ignored")
		}
	})
}

// TestRefreshRequestOfATransportReads: the first read goes where the refresh goes, wherever the option is set.
func TestRefreshRequestOfATransportReads(t *testing.T) {
	f := WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
		r.URL.Path = "/state"
		return r, nil
	})
	for _, name := range []string{"own", "transport", "ctx"} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Put("/state", "application/json", []byte(`{"n":5}`))
				ctx, c, opts := context.Background(), origin.Client(), []UpdateOption(nil)
				switch name {
				case "own":
					opts = append(opts, f)
				case "transport":
					c = &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, f)}
				case "ctx":
					ctx = WithOptions(ctx, f)
				}
				if got, err := Get[counter](ctx, c, url, opts...); err != nil || got.Value.N != 5 {
					t.Errorf("Get: %+v, %v", got.Value, err)
				}
			})
		})
	}
}

// TestLimitsBelowAForeignRoundTripper: the limits of a Transport count also where it is below a RoundTripper of
// somebody else.
func TestLimitsBelowAForeignRoundTripper(t *testing.T) {
	for _, under := range []bool{false, true} {
		withDocument(t, `{"n":1,"t":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(ifmatchtest.CompetingWriter(0, race))
			ours := NewTransport(origin.Client().Transport, Resend, WithMaxAttempts(2))
			c := &http.Client{Transport: ours}
			if under {
				c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { return ours.RoundTrip(r) })
			}
			_, err := Update(context.Background(), c, url, addOne)
			if n := strings.Count(requests(origin), "PUT"); n != 2 {
				t.Errorf("under a foreign one %t: %d writes although WithMaxAttempts(2): %v", under, n, err)
			}
		})
	}
}

// TestLimitsOfANestedUpdate: what is left to an Update does not bound another one that is made with the
// context of its requests.
func TestLimitsOfANestedUpdate(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, target string) {
		inner := 0
		var innerErr error
		other := &http.Client{Transport: NewTransport(roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == "GET" {
				return responseTo(req, 200, `{"n":1}`, "ETag", `"`+strings.Repeat("x", inner+1)+`"`), nil
			}
			inner++
			if inner < 6 {
				return responseTo(req, 412, ""), nil
			}
			return responseTo(req, 204, ""), nil
		}), Stop)}
		once := false
		c := &http.Client{Transport: NewTransport(roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == "PUT" && !once {
				once = true
				_, innerErr = Update(req.Context(), other, "http://other.test/x", addOne, WithMaxAttempts(10), WithMaxElapsed(time.Hour))
			}
			return origin.Client().Transport.RoundTrip(req)
		}), Stop)}
		_, err := Update(t.Context(), c, target, addOne, WithMaxAttempts(2))
		if err != nil || innerErr != nil {
			t.Errorf("%v; inner after %d: %v", err, inner, innerErr)
		}
	})
}

// TestUpdateIgnoresOtherPolicies: what the client, Transports below and the context have as
// their policy is for other calls. No update is lost under Resend.
func TestUpdateIgnoresOtherPolicies(t *testing.T) {
	const n, each, rivals = 6, 4, 10
	foreign := func(below http.RoundTripper) http.RoundTripper { return roundTripper(below.RoundTrip) }
	for name, wrap := range map[string]func(base http.RoundTripper) http.RoundTripper{
		"foreign":                           foreign,
		"ours":                              func(base http.RoundTripper) http.RoundTripper { return NewTransport(base, Resend) },
		"foreign above ours":                func(base http.RoundTripper) http.RoundTripper { return foreign(NewTransport(base, Resend)) },
		"foreign above ours, unconditional": func(base http.RoundTripper) http.RoundTripper { return foreign(NewTransport(base, Unconditional)) },
		"ours above foreign above ours": func(base http.RoundTripper) http.RoundTripper {
			return NewTransport(foreign(NewTransport(base, Resend)), Resend)
		},
		"ours above ours, both with Resend": func(base http.RoundTripper) http.RoundTripper {
			return NewTransport(NewTransport(base, Resend), Resend)
		},
		"foreign above ours with unique body": func(base http.RoundTripper) http.RoundTripper {
			return foreign(NewTransport(base, Resend, WithUniqueBody()))
		},
	} {
		for _, kind := range []string{"Update", "Resource"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				withDocument(t, `{"n":0,"_ifmatch":["x"]}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
					origin.Inject(ifmatchtest.Slow(0, roundTripTime),
						ifmatchtest.CompetingWriter(rivals, func(current []byte) []byte {
							var doc markedCounter
							json.Unmarshal(current, &doc)
							doc.N += 1000
							doc.IDs = append(doc.IDs, fmt.Sprint("rival's at ", doc.N))
							body, _ := json.Marshal(doc)
							return body
						}), ifmatchtest.LostAnswer(2).After(3), ifmatchtest.FailAfter(1, 502).After(3))
					c := &http.Client{Transport: wrap(origin.Client().Transport)}
					r := NewResource[markedCounter](c, url)
					ctx := WithOptions(t.Context(), OnConflict(Resend))
					var all sync.WaitGroup
					for range n {
						all.Go(func() {
							for range each {
								var err error
								if kind == "Update" {
									_, err = Update(ctx, c, url, addMarked, WithMaxAttempts(50))
								} else {
									_, err = r.Update(ctx, addMarked)
								}
								if err != nil {
									t.Error(err)
								}
							}
						})
					}
					all.Wait()
					var got markedCounter
					body, _, _ := origin.State("/doc")
					if err := json.Unmarshal(body, &got); err != nil || got.N%1000 != n*each || got.N/1000 > rivals || got.N/1000 < 2 {
						t.Errorf("n is %d, want %d and 1000 for each of up to %d rivals; %v", got.N, n*each, rivals, err)
					}
				})
			})
		}
	}
	for _, kind := range []string{"Update", "Resource"} { // nor is a bundle a way to set one
		withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			bundle := UpdateOptions{nil, Options{WithMaxAttempts(3), OnConflict(Resend)}}
			var err, errGet error
			if kind == "Update" {
				_, err = Update(t.Context(), origin.Client(), url, addOne, bundle)
				_, errGet = Get[counter](t.Context(), origin.Client(), url, bundle)
			} else {
				r := NewResource[counter](origin.Client(), url, bundle)
				_, err = r.Update(t.Context(), addOne)
				_, errGet = r.Get(t.Context())
			}
			if err == nil || errGet == nil || len(origin.Log()) > 0 {
				t.Errorf("%s: %v, %v: %s", kind, err, errGet, requests(origin))
			}
		})
	}
}

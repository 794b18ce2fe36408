package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

type counter struct {
	N int `json:"n"`
}

type markedCounter struct {
	N int `json:"n"`
	Marks
}

func addOne(c *counter) error          { c.N++; return nil }
func addMarked(c *markedCounter) error { c.N++; return nil }

// withDocument runs f with an origin that holds a JSON document.
func withDocument(t *testing.T, doc string, f func(t *testing.T, origin *ifmatchtest.Server, url string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		origin := ifmatchtest.NewMemoryServer()
		defer origin.Close()
		if doc != "" {
			origin.Put("/doc", "application/json", []byte(doc))
		}
		f(t, origin, origin.URL+"/doc")
	})
}

func requests(origin *ifmatchtest.Server) string {
	var all []string
	for _, r := range origin.Log() {
		all = append(all, fmt.Sprintf("%s %d", r.Method, r.StatusCode))
	}
	return strings.Join(all, ", ")
}

// addFour is a competing writer that keeps the document JSON.
func addFour(current []byte) []byte {
	return []byte(strings.Replace(string(current), `"n":`, `"n":4`, 1))
}

func TestUpdate(t *testing.T) {
	const doc = "{ \"n\": 1,\n  \"big\": 90071992547409931, \"x\": null }"
	tests := []struct {
		name   string
		doc    string
		client func(origin *ifmatchtest.Server) *http.Client
		faults []ifmatchtest.Fault
		opts   []UpdateOption
		want   string // requests
		state  string
		err    error
	}{
		{name: "at once", doc: doc, want: "GET 200, PUT 204", state: "{ \"n\": 2,\n  \"big\": 90071992547409931, \"x\": null }"},
		{name: "conflict", doc: `{"n":1}`, faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour)}, want: "GET 200, PUT 412, GET 200, PUT 204", state: `{"n":42}`},
		{name: "two races", doc: `{"n":1}`, faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(2, addFour)}, want: "GET 200, PUT 412, GET 200, PUT 412, GET 200, PUT 204", state: `{"n":442}`},
		{name: "ours with Resend", doc: `{"n":1}`, client: func(o *ifmatchtest.Server) *http.Client {
			return &http.Client{Transport: NewTransport(o.Client().Transport, Resend)}
		}, faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour)}, want: "GET 200, PUT 412, GET 200, PUT 204", state: `{"n":42}`},
		{name: "ours with Resend below a foreign one", doc: `{"n":1}`, client: func(o *ifmatchtest.Server) *http.Client {
			ours := NewTransport(o.Client().Transport, Resend)
			return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) { return ours.RoundTrip(r) })}
		}, faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour)}, want: "GET 200, PUT 412, GET 200, PUT 204", state: `{"n":42}`},
		{name: "the client's attempts", doc: `{"n":1}`, client: func(o *ifmatchtest.Server) *http.Client {
			return &http.Client{Transport: NewTransport(o.Client().Transport, Stop, WithMaxAttempts(2))}
		}, faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(0, addFour)}, want: "GET 200, PUT 412, GET 200, PUT 412", state: `{"n":441}`, err: ErrAttempts},
		{name: "its own attempts", doc: `{"n":1}`, opts: []UpdateOption{WithMaxAttempts(1)}, faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(0, addFour)}, want: "GET 200, PUT 412", state: `{"n":41}`, err: ErrConflict},
		{name: "absent", want: "GET 404", state: "(gone)", err: errStatus},
		{name: "create", opts: []UpdateOption{CreateIfAbsent()}, want: "GET 404, PUT 201", state: `{"n":1}`},
		{name: "create, race lost", opts: []UpdateOption{CreateIfAbsent()}, faults: []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, func([]byte) []byte { return []byte(`{"n":7}`) })},
			want: "GET 404, PUT 412, GET 200, PUT 204", state: `{"n":8}`},
		{name: "patch", doc: doc, opts: []UpdateOption{WithPatch()}, want: "GET 200, PATCH 204", state: "{\"big\":90071992547409931,\"n\":2,\"x\":null}"},
		{name: "no validator", doc: `{"n":1}`, faults: []ifmatchtest.Fault{ifmatchtest.NoETag()}, want: "GET 200", state: `{"n":1}`, err: ErrNoValidator},
		{name: "a policy", doc: `{"n":1}`, opts: []UpdateOption{OnConflict(Resend)}, want: "", state: `{"n":1}`, err: errAny},
		{name: "not JSON", doc: `nothing`, want: "GET 200", state: `nothing`, err: errAny},
		{name: "answer lost", doc: `{"n":1}`, faults: []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}, want: "GET 200, PUT 204, PUT 412", state: `{"n":2}`, err: ErrOutcomeUnknown},
		{name: "request lost", doc: `{"n":1}`, faults: []ifmatchtest.Fault{ifmatchtest.LostRequest(1)}, want: "GET 200, PUT 0, PUT 204", state: `{"n":2}`},
		{name: "5xx for ever", doc: `{"n":1}`, faults: []ifmatchtest.Fault{ifmatchtest.FailBefore(0, 503)}, want: "GET 200, PUT 503, PUT 503, PUT 503, PUT 503, PUT 503, PUT 503, PUT 503", state: `{"n":1}`, err: ErrOutcomeUnknown},
		{name: "403", doc: `{"n":1}`, faults: []ifmatchtest.Fault{ifmatchtest.FailBefore(0, 403)}, want: "GET 200, PUT 403", state: `{"n":1}`, err: errStatus},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			withDocument(t, test.doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(test.faults...)
				client := origin.Client()
				if test.client != nil {
					client = test.client(origin)
				}
				var o Outcome
				got, err := Update(WithOutcome(context.Background(), &o), client, url, addOne, test.opts...)
				if all := requests(origin); all != test.want && test.name != "5xx for ever" {
					t.Errorf("requests %s\nwant     %s", all, test.want)
				}
				if state := stateOf(origin); state != test.state {
					t.Errorf("state %s, want %s", state, test.state)
				}
				checkUpdateError(t, err, test.err)
				if err == nil {
					body, tag, _ := origin.State("/doc")
					if !strings.Contains(strings.ReplaceAll(string(body), " ", ""), fmt.Sprintf(`"n":%d`, got.Value.N)) || got.ETag != tag {
						t.Errorf("snapshot %+v of %s with %s", got.Value, body, tag)
					}
				}
			})
		})
	}
}

var (
	errStatus = errors.New("a StatusError")
	errAny    = errors.New("any error")
)

func checkUpdateError(t *testing.T, err, want error) {
	t.Helper()
	var status *StatusError
	var conflict *ConflictError
	switch {
	case want == nil && err == nil, want == errAny && err != nil:
	case want == errStatus && errors.As(err, &status) && !errors.Is(err, ErrOutcomeUnknown):
	case want != nil && errors.Is(err, want):
		if want == ErrAttempts && !errors.As(err, &conflict) {
			t.Errorf("%v is no ConflictError", err)
		}
	default:
		t.Errorf("error %v, want %v", err, want)
	}
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

// TestUnchanged: no change, no write; an error of edit ends it at once.
func TestUnchanged(t *testing.T) {
	withDocument(t, `{"n":1, "x":2}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		got, err := Update(context.Background(), origin.Client(), url, func(*counter) error { return nil })
		if err != nil || got.Value.N != 1 || got.ETag != `"v1"` || requests(origin) != "GET 200" {
			t.Errorf("%+v, %v: %s", got, err, requests(origin))
		}
		why := errors.New("no")
		if _, err := Update(context.Background(), origin.Client(), url, func(*counter) error { return why }); err != why {
			t.Errorf("error %v", err)
		}
		origin.Inject(ifmatchtest.CompetingWriter(1, addFour))
		runs := 0
		_, err = Update(context.Background(), origin.Client(), url, func(c *counter) error {
			if runs++; runs > 1 {
				return why
			}
			return addOne(c)
		})
		if err != why {
			t.Errorf("error of the second run: %v", err)
		}
		snapshot, err := Get[counter](context.Background(), origin.Client(), url)
		if err != nil || snapshot.Value.N != 41 {
			t.Errorf("%+v, %v", snapshot, err)
		}
	})
}

// TestUpdateRedirected: http.Client makes a GET of a redirected PUT.
func TestUpdateRedirected(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Put("/other", "application/json", []byte(`{"n":1}`))
		for _, status := range []int{301, 303, 307} {
			origin.Inject(replying("PUT", 1, status, "Location: /other"))
			_, err := Update(context.Background(), origin.Client(), url, addOne)
			if err == nil || !strings.Contains(err.Error(), "/other") {
				t.Errorf("%d: %v", status, err)
			}
		}
		origin.Inject(replying("GET", 1, 307, "Location: /other"))
		if _, err := Update(context.Background(), origin.Client(), url, addOne); err == nil || !strings.Contains(err.Error(), "/other") {
			t.Error(err)
		}
	})
}

// TestManyUpdates: 64 goroutines with one client of ours lose nothing and nobody
// gives up.
func TestManyUpdates(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		const n, each = 64, 5
		origin.Inject(ifmatchtest.Slow(0, 5*time.Millisecond))
		client := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop)}
		start := time.Now()
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				for range each {
					if _, err := Update(context.Background(), client, url, addMarked); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		got, err := Get[counter](context.Background(), client, url)
		if err != nil || got.Value.N != n*each {
			t.Errorf("%+v, %v", got.Value, err)
		}
		per := float64(len(origin.Log())) / (n * each)
		t.Logf("%.2f requests per add, %v in all", per, time.Since(start))
		if per > 4 {
			t.Errorf("%.2f requests per add", per)
		}
	})
}

package ifmatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

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

// TestUpdate is the table of what an Update sends, stores and returns.
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

func deleteIt([]byte) []byte { return nil }

// TestCreate: an absent document is made once, under If-None-Match: *, and what
// somebody deletes in between stays deleted.
func TestCreate(t *testing.T) {
	seven := func([]byte) []byte { return []byte(`{"n":7,"theirs":[1]}`) }
	create := CreateIfAbsent()
	for name, test := range map[string]struct {
		doc    string
		faults []ifmatchtest.Fault
		opts   []UpdateOption
		want   string
		guards string // If-None-Match or If-Match of the writes
		state  string
		cause  Cause // of the ConflictError; CauseNone: no error
	}{
		"404":                           {"", nil, []UpdateOption{create}, "GET 404, PUT 201", "*", `{"n":1}`, CauseNone},
		"410":                           {"", []ifmatchtest.Fault{replying("GET", 1, 410)}, []UpdateOption{create}, "GET 410, PUT 201", "*", `{"n":1}`, CauseNone},
		"created whole, not as a patch": {"", nil, []UpdateOption{create, WithPatch()}, "GET 404, PUT 201", "*", `{"n":1}`, CauseNone},
		"race lost": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven)}, []UpdateOption{create},
			"GET 404, PUT 412, GET 200, PUT 204", `* "v1"`, `{"n":8,"theirs":[1]}`, CauseNone},
		"race lost, patch": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven)}, []UpdateOption{create, WithPatch()},
			"GET 404, PUT 412, GET 200, PATCH 204", `* "v1"`, `{"n":8,"theirs":[1]}`, CauseNone},
		"race lost, then another": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven), ifmatchtest.CompetingWriter(1, addFour).After(1)}, []UpdateOption{create},
			"GET 404, PUT 412, GET 200, PUT 412, GET 200, PUT 204", `* "v1" "v2"`, `{"n":48,"theirs":[1]}`, CauseNone},
		"race lost, deleted before the write": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven), ifmatchtest.CompetingWriter(1, deleteIt).After(1)}, []UpdateOption{create},
			"GET 404, PUT 412, GET 200, PUT 412, GET 404", `* "v1"`, "(gone)", CauseGone},
		"deleted between read and write": {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, deleteIt)}, []UpdateOption{create},
			"GET 200, PUT 412, GET 404", `"v1"`, "(gone)", CauseGone},
		"gone for good": {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, deleteIt), replying("GET", 1, 410).After(1)}, []UpdateOption{create},
			"GET 200, PUT 412, GET 410", `"v1"`, "(gone)", CauseGone},
		"deleted after a race": {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour), ifmatchtest.CompetingWriter(1, deleteIt).After(1)}, []UpdateOption{create},
			"GET 200, PUT 412, GET 200, PUT 412, GET 404", `"v1" "v2"`, "(gone)", CauseGone},
		"race lost, one attempt": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven)}, []UpdateOption{create, WithMaxAttempts(1)},
			"GET 404, PUT 412", "*", `{"n":7,"theirs":[1]}`, CauseExists},
		"there already": {`{"n":1}`, nil, []UpdateOption{create}, "GET 200, PUT 204", `"v1"`, `{"n":2}`, CauseNone},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, test.doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(test.faults...)
				got, err := Update(t.Context(), origin.Client(), url, addOne, test.opts...)
				if all := requests(origin); all != test.want {
					t.Errorf("requests %s\nwant     %s", all, test.want)
				}
				var guards []string
				for _, r := range origin.Log() {
					guards = append(append(guards, r.Header["If-None-Match"]...), r.Header["If-Match"]...)
				}
				if all := strings.Join(guards, " "); all != test.guards {
					t.Errorf("guards %s, want %s", all, test.guards)
				}
				if state := stateOf(origin); state != test.state {
					t.Errorf("state %s, want %s", state, test.state)
				}
				if refused := strings.Contains(test.want, "412"); err == nil && (got.Outcome.Cause != CauseNone) != refused {
					t.Errorf("cause %v, and a write was refused: %v", got.Outcome.Cause, refused)
				}
				var conflict *ConflictError
				switch {
				case test.cause == CauseNone && err == nil && got.ETag != "" && got.Outcome.Effect == EffectApplied:
				case test.cause != CauseNone && errors.As(err, &conflict) && conflict.Outcome.Cause == test.cause && conflict.Outcome.Effect == EffectNotApplied:
				default:
					t.Errorf("%+v, %v", got, err)
				}
			})
		})
	}
}

// TestGetAbsent: with CreateIfAbsent it is the zero T, otherwise an error.
func TestGetAbsent(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		withDocument(t, "", func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(replying("GET", 0, status))
			got, err := Get[counter](t.Context(), origin.Client(), url, CreateIfAbsent())
			if err != nil || got.Value != (counter{}) || got.Validators != (Validators{}) {
				t.Errorf("%d: %+v, %v", status, got, err)
			}
			var refused *StatusError
			if _, err = Get[counter](t.Context(), origin.Client(), url); !errors.As(err, &refused) || refused.StatusCode != status {
				t.Errorf("%d: %v", status, err)
			}
			if _, err := NewResource[counter](origin.Client(), url, CreateIfAbsent()).Get(t.Context()); err != nil {
				t.Errorf("%d: Resource: %v", status, err)
			}
		})
	}
}

// TestUpdateWithoutValidator: without a tag no write is sent, and never one with
// an empty If-Match.
func TestUpdateWithoutValidator(t *testing.T) {
	for name, fields := range map[string][]string{
		"none":       nil,
		"empty":      {"ETag: "},
		"two":        {`ETag: "a"`, `ETag: "b"`},
		"no quotes":  {"ETag: v1"},
		"only weak/": {`ETag: W/`},
		"a space":    {`ETag: "a b"`},
		"date only":  {"Last-Modified: Fri, 31 Dec 1999 00:00:00 GMT"},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
					for _, field := range fields {
						name, value, _ := strings.Cut(field, ": ")
						w.Header().Add(name, value)
					}
					w.Write([]byte(`{"n":1}`))
				}).On("GET"))
				for _, opts := range []UpdateOptions{nil, {WithPatch()}, {CreateIfAbsent()}} {
					if _, err := Update(t.Context(), origin.Client(), url, addOne, opts); !errors.Is(err, ErrNoValidator) {
						t.Errorf("error %v", err)
					}
					if _, err := NewResource[counter](origin.Client(), url, opts).Update(t.Context(), addOne); !errors.Is(err, ErrNoValidator) {
						t.Errorf("Resource: error %v", err)
					}
				}
				if writesOf(origin) > 0 {
					t.Errorf("requests %s", requests(origin))
				}
			})
		})
	}
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		// The answer to a write needs none, and the next write reads first.
		origin.Inject(ifmatchtest.NoETagAfterWrite())
		for i := range 3 {
			got, err := Update(t.Context(), origin.Client(), url, addOne)
			if err != nil || got.Validators != (Validators{}) || got.Value.N != i+2 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		r := NewResource[counter](origin.Client(), url)
		for i := range 3 {
			if got, err := r.Update(t.Context(), addOne); err != nil || got.Validators != (Validators{}) || got.Value.N != i+5 {
				t.Errorf("Resource: %+v, %v", got, err)
			}
		}
		for _, r := range origin.Log() {
			if tag, sent := r.Header["If-Match"]; r.Method == http.MethodPut && (!sent || len(tag) != 1 || tag[0] == "") {
				t.Errorf("PUT with If-Match %q", tag)
			}
		}
	})
}

// TestUpdateWeakTag: a tag that is only weak goes back byte for byte.
func TestUpdateWeakTag(t *testing.T) {
	for name, test := range map[string]struct {
		faults []ifmatchtest.Fault
		want   string // If-Match of the writes
		cause  Cause  // of the end; CauseNone: none
	}{
		"compared weakly":       {[]ifmatchtest.Fault{ifmatchtest.WeakTags()}, `W/"v1"`, CauseNone},
		"weakly, a rival":       {[]ifmatchtest.Fault{ifmatchtest.WeakTags(), ifmatchtest.CompetingWriter(1, addFour)}, `W/"v1" W/"v2"`, CauseNone},
		"compared strongly":     {[]ifmatchtest.Fault{ifmatchtest.WeakTagsStrict()}, `W/"v1" W/"v1"`, CauseWeakValidator},
		"Apache's first second": {[]ifmatchtest.Fault{ifmatchtest.WeakFor(time.Second)}, `W/"v1" "v1"`, CauseNone},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(test.faults...)
				_, err := Update(t.Context(), origin.Client(), url, addOne)
				var sent []string
				for _, r := range origin.Log() {
					if r.Method == http.MethodPut {
						sent = append(sent, r.Header["If-Match"]...)
					}
				}
				if got := strings.Join(sent, " "); got != test.want {
					t.Errorf("If-Match %s, want %s: %s", got, test.want, requests(origin))
				}
				var conflict *ConflictError
				switch {
				case test.cause == CauseNone && err == nil:
				case test.cause != CauseNone && errors.As(err, &conflict) && conflict.Outcome.Cause == test.cause && stateOf(origin) == `{"n":1}`:
				default:
					t.Errorf("error %v: %s", err, stateOf(origin))
				}
			})
		})
	}
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

// unmarked leaves the mark out of its JSON.
type unmarked struct {
	N int
	Marks
}

func (u unmarked) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]int{"n": u.N}) }

// nullable can set a member to null.
type nullable struct {
	N    *int           `json:"n"`
	Deep map[string]any `json:"deep,omitempty"`
}

// TestUpdateImpossible: what can't be sent as it is meant is an error, and
// nothing is sent.
func TestUpdateImpossible(t *testing.T) {
	other := WithMarker(func(*counter, string) {}, func(*counter, string) Mark { return MarkFound })
	forgets := WithMarker(func(*counter, string) {}, func(*counter, string) Mark { return MarkAbsent })
	nilFind := WithMarker[counter](func(*counter, string) {}, nil)
	setNull := func(n *nullable) error { n.N = nil; return nil }
	deepNull := func(n *nullable) error { n.Deep["a"] = nil; return nil }
	for name, update := range map[string]func(ctx context.Context, c *http.Client, url string) error{
		"the mark is dropped": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, func(u *unmarked) error { u.N++; return nil })
			return err
		},
		"the mark is dropped, created": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, strings.TrimSuffix(url, "doc")+"new", func(u *unmarked) error { u.N++; return nil }, CreateIfAbsent())
			return err
		},
		"the mark is dropped, Resource": func(ctx context.Context, c *http.Client, url string) error {
			_, err := NewResource[unmarked](c, url).Update(ctx, func(u *unmarked) error { u.N++; return nil })
			return err
		},
		"the mark is not found again": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, addOne, forgets)
			return err
		},
		"a marker for another type": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, addMarked, other)
			return err
		},
		"a marker for another type, Get": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Get[nullable](ctx, c, url, other)
			return err
		},
		"a marker for another type, Resource": func(ctx context.Context, c *http.Client, url string) error {
			_, err := NewResource[markedCounter](c, url, other).Update(ctx, addMarked)
			return err
		},
		"half a marker": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, addOne, nilFind)
			return err
		},
		"a patch with null": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, setNull, WithPatch())
			return err
		},
		"a patch with null within": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, url, deepNull, WithPatch())
			return err
		},
		"a patch with null, Resource": func(ctx context.Context, c *http.Client, url string) error {
			_, err := NewResource[nullable](c, url, WithPatch()).Update(ctx, setNull)
			return err
		},
		"no edit": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update[counter](ctx, c, url, nil)
			return err
		},
		"no edit, Resource": func(ctx context.Context, c *http.Client, url string) error {
			_, err := NewResource[counter](c, url).Update(ctx, nil)
			return err
		},
		"not a URL": func(ctx context.Context, c *http.Client, url string) error {
			_, err := Update(ctx, c, ":", addOne)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, `{"n":1,"deep":{"a":1}}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				if err := update(t.Context(), origin.Client(), url); err == nil {
					t.Error("no error")
				}
				if _, _, made := origin.State("/new"); made || writesOf(origin) > 0 || stateOf(origin) != `{"n":1,"deep":{"a":1}}` {
					t.Errorf("requests %s: %s", requests(origin), stateOf(origin))
				}
			})
		})
	}
	// What was null before may stay, and a PUT may set it.
	withDocument(t, `{"n":1,"deep":{"a":null}}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		two := 2
		if _, err := Update(t.Context(), origin.Client(), url, func(n *nullable) error { n.N = &two; return nil }, WithPatch()); err != nil {
			t.Error(err)
		}
		if _, err := Update(t.Context(), origin.Client(), url, setNull); err != nil || stateOf(origin) != `{"deep":{"a":null},"n":null}` && stateOf(origin) != `{"n":null,"deep":{"a":null}}` {
			t.Errorf("%v: %s", err, stateOf(origin))
		}
	})
}

// TestContextEndsInEdit: what isn't sent has a known outcome.
func TestContextEndsInEdit(t *testing.T) {
	for last := 1; last <= 2; last++ {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
			if last == 2 {
				origin.Inject(ifmatchtest.CompetingWriter(1, addFour))
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			runs := 0
			s, err := Update(ctx, origin.Client(), at, func(c *counter) error {
				if runs++; runs == last {
					cancel()
				}
				c.N++
				return nil
			})
			if !errors.Is(err, context.Canceled) || errors.Is(err, ErrOutcomeUnknown) || s.Outcome.Effect != EffectNotApplied || s.Outcome.Attempts != last-1 {
				t.Errorf("run %d: %v, %+v", last, err, s.Outcome)
			}
		})
	}
}

// TestClockOfASlowEdit: the time for repeats counts from the first failure, not
// from before the edit.
func TestClockOfASlowEdit(t *testing.T) {
	bothWays(t, `{"n":1,"_ifmatch":["x"]}`, func(t *testing.T, origin *ifmatchtest.Server, name string, update updating[markedCounter]) {
		origin.Inject(ifmatchtest.FailBefore(1, 500).On(http.MethodPut))
		got, err := update(t.Context(), origin.Client(), func(c *markedCounter) error {
			time.Sleep(defaultMaxElapsed + time.Second)
			return addMarked(c)
		}, WithEditLimit(time.Hour))
		if err != nil || got.Value.N != 2 || !strings.Contains(stateOf(origin), `"n":2`) {
			t.Errorf("%s: %+v, %v: %s", name, got.Value, err, requests(origin))
		}
	})
}

// TestReadsAreRepeated: the reads of Get, Update and Resource are repeated like
// refreshes, unless WithoutRepeats() says otherwise.
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
			if err := read(origin.Client(), url, WithoutRepeats()); !errors.As(err, &status) || status.StatusCode != 503 {
				t.Errorf("%s, without repeats: %v", name, err)
			}
		})
	}
}

// TestContextOfAnOwnRead: the context of Get's own read makes no other request one that may be repeated, a POST for a
// token, say.
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

// impatient is somebody's RoundTripper above ours that sends what was refused, or
// failed, twice again, and calls between before it does.
func impatient(base http.RoundTripper, between func()) *http.Client {
	ours := NewTransport(base, Resend)
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		for i := 0; ; i++ {
			again := r.Clone(r.Context())
			if r.GetBody != nil {
				again.Body, _ = r.GetBody()
			}
			resp, err := ours.RoundTrip(again)
			if i == 2 || err == nil && resp.StatusCode < 400 {
				return resp, err
			}
			if err == nil {
				resp.Body.Close()
			}
			between()
		}
	})}
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

// TestRedirectedAndUnchanged: a write that was redirected is an error that names the redirect, also where it
// is refused there and the edit changes nothing of the other document.
func TestRedirectedAndUnchanged(t *testing.T) {
	for _, resource := range []bool{false, true} {
		t.Run(fmt.Sprint("resource ", resource), func(t *testing.T) {
			withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Put("/other", "application/json", []byte(`{"n":4}`))
				origin.Put("/other", "application/json", []byte(`{"n":5}`))
				origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Location", "/other")
					w.WriteHeader(307)
				}).On("PUT").At("/doc"))
				set5 := func(c *counter) error { c.N = 5; return nil }
				var got Snapshot[counter]
				var err error
				if resource {
					got, err = NewResource[counter](origin.Client(), url).Update(context.Background(), set5)
				} else {
					got, err = Update(context.Background(), origin.Client(), url, set5)
				}
				if err == nil || !strings.Contains(err.Error(), "redirected") {
					t.Errorf("resource %t: Update says %+v, %v; /doc is %s (%s)", resource, got.Value, err, stateOf(origin), requests(origin))
				}
			})
		})
	}
}

// TestRedirectedAndRefused: a document that nobody asked for is not edited.
func TestRedirectedAndRefused(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Put("/other", "application/json", []byte(`{"n":40}`))
		origin.Put("/other", "application/json", []byte(`{"n":50}`))
		origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/other")
			w.WriteHeader(307)
		}).On("PUT").At("/doc"))
		_, err := Update(context.Background(), origin.Client(), url, addOne)
		body, _, _ := origin.State("/other")
		if string(body) != `{"n":50}` {
			t.Errorf("the edit was applied to /other, a document that was never asked for: %s; %v", body, err)
		}
	})
}

// TestRedirectedAndReplayed: a write that was redirected, applied there and sent once more on the way is
// not said to be not applied.
func TestRedirectedAndReplayed(t *testing.T) {
	for _, lost := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			doc, tag, n := []byte(`{"n":1}`), `"1"`, 0
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method == "GET" {
					return responseTo(req, 200, string(doc), "ETag", tag), nil
				}
				if req.URL.Path == "/a" {
					return responseTo(req, 307, "", "Location", "/b"), nil
				}
				if n++; n == 1 {
					doc, _ = io.ReadAll(req.Body)
					req.Body.Close()
					tag = `"2"`
					if lost {
						return nil, io.ErrUnexpectedEOF
					}
				}
				return responseTo(req, 412, ""), nil // the replay
			})
			c := &http.Client{Transport: NewTransport(base, Stop)}
			s, err := Update(t.Context(), c, "http://a.test/a", func(d *markedDoc) error { d.N++; return nil })
			var got markedDoc
			json.Unmarshal(doc, &got)
			if got.N != 2 || s.Outcome.Effect == EffectNotApplied || err != nil && !errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("lost %v: it was applied, and Update says %v, %v", lost, s.Outcome.Effect, err)
			}
		})
	}
}

// TestFirstRead: the first read of an Update takes as long as its context lets it, as that of
// Get does. That of a Resource, whose writes have no deadline, is bounded like its later ones
// (rule 22).
func TestFirstRead(t *testing.T) {
	for _, slow := range []time.Duration{2 * time.Minute, time.Hour} {
		bothWays(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, kind string, update updating[counter]) {
			origin.Inject(ifmatchtest.Slow(1, slow).On(http.MethodGet))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			var want error
			took := slow
			switch {
			case kind == "Resource":
				want, took = ErrElapsed, defaultMaxElapsed
			case slow > 10*time.Minute:
				want, took = context.DeadlineExceeded, 10*time.Minute
			}
			begun := time.Now()
			_, err := update(ctx, clientOn(origin), addOne)
			if waited := time.Since(begun); !errors.Is(err, want) || waited != took || want != ErrElapsed && errors.Is(err, ErrElapsed) {
				t.Errorf("%s, %v: %v after %v, want %v after %v", kind, slow, err, waited, want, took)
			}
		})
	}
}

// TestReadsGoStraight: a read of ours is no write, goes straight to the base, and is repeated
// after a failure. A base that gives nothing is an error.
func TestReadsGoStraight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		origin := &served{serve: func(*http.Request, string) (int, http.Header, string) {
			if reads++; reads < 3 {
				return 503, nil, ""
			}
			return 200, http.Header{"Etag": {`"1"`}}, `{"n":1}`
		}}
		attempts := -1
		trace := &Trace{Waiting: func(i WaitInfo) { attempts = i.Attempt }}
		client := &http.Client{Transport: NewTransport(origin, Stop, WithTrace(trace))}
		got, err := Get[counter](t.Context(), client, thing)
		if err != nil || got.Value.N != 1 || reads != 3 || attempts != 0 {
			t.Errorf("%+v, %v: %d reads, %d writes", got.Value, err, reads, attempts)
		}
		nothing := roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil })
		if _, err := Get[counter](t.Context(), &http.Client{Transport: NewTransport(nothing, Stop)}, thing); err == nil {
			t.Error("nothing is no answer")
		}
	})
}

package ifmatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

func updated[T any](t *testing.T, doc string, edit func(*T) error, opts ...UpdateOption) (state string, got Snapshot[T], err error) {
	t.Helper()
	withDocument(t, doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		got, err = Update(context.Background(), origin.Client(), url, edit, opts...)
		state = stateOf(origin)
	})
	return
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

// TestSmallerMaxRepresentation: nor may it be larger.
func TestSmallerMaxRepresentation(t *testing.T) {
	withDocument(t, `{"n":1,"pad":"`+strings.Repeat("x", 1000)+`"}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop, WithMaxRepresentation(100))}
		if _, err := Get[counter](context.Background(), c, url); err == nil {
			t.Error("the Transport's WithMaxRepresentation(100) is ignored")
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

// TestAlikeElementsThatDiffer: which of two elements is removed matters where T renders them alike and the
// document has them different.
func TestAlikeElementsThatDiffer(t *testing.T) {
	type ids struct {
		IDs []any `json:"ids"`
	}
	for _, doc := range []string{`[9007199254740993,9007199254740992,1]`, `[9007199254740992,9007199254740993,1]`} {
		state, _, err := updated(t, `{"ids":`+doc+`}`, func(d *ids) error { d.IDs = d.IDs[1:]; return nil })
		want := `{"ids":[` + strings.SplitN(doc, ",", 2)[1] + `}`
		if err == nil && state != want {
			t.Errorf("removed the first of %s: %s, want %s or an error", doc, state, want)
		}
	}
	type ints struct {
		V []int `json:"v"`
	}
	state, _, err := updated(t, `{"v":[null,0,5]}`, func(d *ints) error { d.V = d.V[1:]; return nil })
	if err == nil && state != `{"v":[0,5]}` {
		t.Errorf("null: %s, want [0,5] or an error", state)
	}
	type item struct {
		A int `json:"a"`
	}
	type items struct {
		V []item `json:"v"`
	}
	state, _, err = updated(t, `{"v":[{"a":null},{"a":0},{"a":7}]}`, func(d *items) error { d.V = d.V[1:]; return nil })
	if err == nil && state != `{"v":[{"a":0},{"a":7}]}` {
		t.Errorf("null member: %s, want first removed or an error", state)
	}
}

// TestNamesThatAMapReadsAlike: an edit that the document would not hold is an error.
func TestNamesThatAMapReadsAlike(t *testing.T) {
	state, got, err := updated(t, `{"01":"a","2":"b"}`, func(m *map[int]string) error { delete(*m, 1); return nil })
	if err == nil {
		back := map[int]string{}
		json.Unmarshal([]byte(state), &back)
		if len(back) != len(got.Value) {
			t.Errorf("snapshot %v, state %s", got.Value, state)
		}
	}
	state, got, err = updated(t, `{"1":"x","01":"a"}`, func(m *map[int]string) error { (*m)[1] = "c"; return nil })
	if err == nil {
		back := map[int]string{}
		json.Unmarshal([]byte(state), &back)
		if back[1] != got.Value[1] {
			t.Errorf("snapshot %v, state %s", got.Value, state)
		}
	}
}

type legacyCount struct{ Count int }

func (l *legacyCount) UnmarshalJSON(b []byte) error {
	var v struct {
		Count int `json:"count"`
		Old   int `json:"cnt"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if l.Count = v.Count; l.Count == 0 {
		l.Count = v.Old
	}
	return nil
}

func (l legacyCount) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Count int `json:"count,omitempty"`
	}{l.Count})
}

func (p unmarshalable) MarshalJSON() ([]byte, error) {
	if p.Bad {
		panic("can't marshal")
	}
	return jsonCodec{}.Encode(unmarshalableJSON(p))
}

// TestNameThatIsOnlyRead: and so where T reads a name that it does not write.
func TestNameThatIsOnlyRead(t *testing.T) {
	state, got, err := updated(t, `{"cnt":5}`, func(m *legacyCount) error { m.Count = 0; return nil })
	var back legacyCount
	json.Unmarshal([]byte(state), &back)
	if err == nil && back != got.Value {
		t.Errorf("Update returned %+v without an error, but the state is %s", got.Value, state)
	}
}

type bytesCodec struct{}

func (bytesCodec) Decode(b []byte, v any) error { *v.(*[]byte) = b; return nil }

func (bytesCodec) Encode(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (bytesCodec) ContentType() string { return "text/plain" }

// TestCodecThatSharesMemory: a codec may return the memory that it was given.
func TestCodecThatSharesMemory(t *testing.T) {
	state, got, err := updated(t, `hello`, func(b *[]byte) error { (*b)[0] = 'J'; return nil }, WithCodec(bytesCodec{}))
	if state != "Jello" {
		t.Errorf("%s, %s, %v", state, got.Value, err)
	}
}

type unmarshalable struct {
	N   int  `json:"n"`
	Bad bool `json:"-"`
}

type unmarshalableJSON unmarshalable

// TestMarshalPanicInABatch: an edit whose result cannot be encoded fails alone (rule 27).
func TestMarshalPanicInABatch(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[unmarshalable](origin.Client(), url)
		together(t, r, origin, func(d *unmarshalable) error { d.N++; return nil },
			func() {
				if _, err := r.Update(t.Context(), func(d *unmarshalable) error { d.N++; return nil }); err != nil {
					t.Errorf("the good edit: %v", err)
				}
			},
			func() { r.Update(t.Context(), func(d *unmarshalable) error { d.Bad = true; return nil }) },
		)
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

// TestUnparsableURLs: no part of a password is in the error.
func TestUnparsableURLs(t *testing.T) {
	for _, url := range []string{"http://user:s3cret@host:bad/doc", "http://user:s3cret@ho st/doc", "http://user:s3cret@[::1/doc", "http://user:s3cret@host/%zz", "http://user:s3cret@host/\x7f", "ftp://user:s3cret@host/doc"} {
		_, err := Get[counter](context.Background(), nil, url)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

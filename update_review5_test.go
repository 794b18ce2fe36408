package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// edited runs one Update of doc and returns what is stored then.
func edited[T any](t *testing.T, doc string, edit func(*T) error) (stored string, err error) {
	t.Helper()
	withDocument(t, doc, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		_, err = Update(t.Context(), origin.Client(), at, edit)
		body, _, _ := origin.State("/doc")
		stored = string(body)
	})
	return stored, err
}

// TestNotUnicode: strings that encoding/json decodes to the same, since they
// aren't valid Unicode, are different ones.
func TestNotUnicode(t *testing.T) {
	type doc struct {
		L []string `json:"l"`
	}
	for _, original := range []string{`{"l":["\ud83d","\ud83e"]}`, "{\"l\":[\"caf\xe8\",\"caf\xe9\"]}"} {
		if got, err := edited(t, original, func(d *doc) error { d.L = d.L[1:]; return nil }); err == nil || got != original {
			t.Errorf("%q became %q, %v", original, got, err)
		}
	}
}

// TestLargeOddElement: one large element that T renders in a form of its own isn't
// compared with each of many others.
func TestLargeOddElement(t *testing.T) {
	type event struct {
		Tags map[string]string `json:"tags"`
		At   time.Time         `json:"at"`
	}
	type events struct {
		Events []event `json:"events"`
	}
	const n = 60_000 // minutes, where each is compared
	var tags []string
	for i := range n {
		tags = append(tags, fmt.Sprintf(`"%x":"1"`, i))
	}
	doc := `{"events":[{"at":"2020-01-01T00:00:00.000Z","tags":{` + strings.Join(tags, ",") + `}}` + strings.Repeat(",{}", n) + `]}`
	begun := time.Now()
	if _, err := edited(t, doc, func(d *events) error { d.Events[3].At = d.Events[0].At; return nil }); err != nil {
		t.Log(err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestMovedAndChanged: an element that was moved and changed by one edit doesn't
// lose what T doesn't know, whatever its id is.
func TestMovedAndChanged(t *testing.T) {
	type item struct {
		ID    int    `json:"id"`
		Name  string `json:"name"`
		Other int    `json:"other"`
		N     int    `json:"n"`
	}
	type doc struct {
		Items []item `json:"items"`
	}
	swap := func(d *doc) error {
		d.Items[0], d.Items[1] = d.Items[1], d.Items[0]
		d.Items[1].N++
		return nil
	}
	last := func(d *doc) error {
		first := d.Items[0]
		first.N++
		d.Items = append(d.Items[1:], first)
		return nil
	}
	for name, row := range map[string]struct {
		items string
		edit  func(*doc) error
	}{
		"an id of 0":   {`{"id":0,"n":7,"u":1},{"id":1,"n":8,"u":2}`, swap},
		"a name of ''": {`{"name":"","n":7,"u":1},{"name":"a","n":8,"u":2}`, swap},
		"two make one": {`{"id":1,"other":1,"n":7,"u":1},{"id":1,"other":2,"n":7,"u":2},{"id":2,"other":1,"n":7,"u":3}`, last},
		"an id":        {`{"id":3,"n":7,"u":1},{"id":1,"n":7,"u":2},{"id":2,"n":7,"u":3}`, last},
	} {
		original := `{"items":[` + row.items + `]}`
		if got, err := edited(t, original, row.edit); err == nil || got != original {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
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

// TestSecretsInErrors: what the caller's URL, a Location and a client below hold
// is in no error.
func TestSecretsInErrors(t *testing.T) {
	check := func(what string, err error) {
		t.Helper()
		if err == nil || strings.Contains(fmt.Sprint(err), "s3c") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, bad := range []string{
		"http://user:s3c/ret@host/", "http://user:s3cret#x@host/", "http://user:s3c?ret@host/", "http://user:%s3cret@host/",
		"http://user:s3cret@host/\n", "http://[user:s3cret@host/?sig=s3c",
	} {
		_, err := Get[counter](t.Context(), nil, bad)
		check(bad, err)
	}
	for _, at := range []string{"http://[::1/?sig=s3cret", "http://%zz/?sig=s3cret", "http://host:x/?sig=s3cret", "foo://h/?sig=s3cret"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", at)
			w.WriteHeader(http.StatusFound)
		}))
		_, err := Get[counter](t.Context(), server.Client(), server.URL)
		check(at, err)
		server.Close()
	}
	below := &http.Client{Transport: baseFunc(func(req *http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })}
	c := &http.Client{Transport: baseFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := below.Get(req.URL.String())
		if err != nil {
			err = fmt.Errorf("below: %w", err)
		}
		return resp, err
	})}
	_, err := Get[counter](t.Context(), c, "http://u:s3cret@h.test/doc?sig=s3cret")
	check("a client below", err)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), `below: Get "http://h.test/doc?sig=…"`) {
		t.Error(err)
	}
}

// TestRememberOtherContent: a flow that read something else since doesn't take
// the content of an earlier read for its own.
func TestRememberOtherContent(t *testing.T) {
	for _, weak := range []bool{false, true} {
		content, version, odd := "A", 1, false
		base := baseFunc(func(req *http.Request) (*http.Response, error) {
			tag := fmt.Sprintf(`"%d"`, version)
			if req.Method == "PUT" {
				if req.Header.Get("If-Match") == tag {
					t.Errorf("weak %v: written", weak)
				}
				return responseTo(req, 412, ""), nil
			}
			if odd && weak {
				tag = "W/" + tag
			}
			resp := responseTo(req, 200, content, "ETag", tag)
			resp.Uncompressed = odd && !weak
			return resp, nil
		})
		c := &http.Client{Transport: NewTransport(base, Stop)}
		ctx := Remember(t.Context())
		read := func() {
			req, _ := http.NewRequestWithContext(ctx, "GET", "http://h.test/doc", nil)
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		read()
		content, version, odd = "B", 2, true
		read()
		content, version, odd = "A", 3, false
		req, _ := http.NewRequestWithContext(ctx, "PUT", "http://h.test/doc", strings.NewReader("made from B"))
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}

// TestOutcomeOfAFailedEdit: whose edit isn't in the write is told so.
func TestOutcomeOfAFailedEdit(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.Slow(0, time.Second).On("GET"))
		r := NewResource[counter](origin.Client(), at)
		var all sync.WaitGroup
		for _, err := range []error{nil, nil, errors.New("out of stock")} {
			all.Go(func() {
				var o Outcome
				s, got := r.Update(WithOutcome(t.Context(), &o), func(c *counter) error { c.N++; return err })
				want := EffectApplied
				if err != nil {
					want = EffectNotApplied
				}
				if got != err || s.Outcome.Effect != want || o.Effect != want || o.Err != err {
					t.Errorf("%v: %v, %v, %v", got, s.Outcome.Effect, o.Effect, o.Err)
				}
			})
			time.Sleep(time.Millisecond) // in this order
		}
		all.Wait()
	})
}

// TestEditLimitAfterARefusal: a draft that was plainly refused isn't unknown.
func TestEditLimitAfterARefusal(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.CompetingWriter(1, addFour))
		r := NewResource[counter](origin.Client(), at)
		runs := 0
		s, err := r.Update(t.Context(), func(c *counter) error {
			if runs++; runs == 2 {
				time.Sleep(time.Minute)
			}
			c.N++
			return nil
		})
		if !errors.Is(err, ErrEditLimit) || errors.Is(err, ErrOutcomeUnknown) || s.Outcome.Effect != EffectNotApplied {
			t.Errorf("%v, %v", err, s.Outcome.Effect)
		}
	})
}

// TestServedBetweenTheGone: callers between those that gave up while they were
// queued are served.
func TestServedBetweenTheGone(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.SlowAnswer(0, 20*time.Second).On("PUT"))
		r := NewResource[counter](origin.Client(), at)
		var all sync.WaitGroup
		update := func(ctx context.Context) {
			all.Go(func() {
				if _, err := r.Update(ctx, addOne); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
		update(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i := range 1000 {
			if i%100 == 50 {
				update(t.Context())
			}
			update(ctx)
		}
		all.Wait()
		if body, _, _ := origin.State("/doc"); string(body) != `{"n":12}` {
			t.Errorf("%s", body)
		}
	})
}

// TestOutcomeOfWhoLeaves: the Outcome says what the error says.
func TestOutcomeOfWhoLeaves(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.SlowAnswer(0, time.Minute).On("PUT"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var o Outcome
		s, err := NewResource[counter](origin.Client(), at).Update(WithOutcome(ctx, &o), addOne)
		if !errors.Is(err, ErrOutcomeUnknown) || s.Outcome.Err != err || o.Err != err || o.Effect != EffectUnknown {
			t.Errorf("%v, %+v", err, o)
		}
	})
}

// TestOutcomeOfALaterEdit: an Outcome has the error that is returned, not that of
// the create before.
func TestOutcomeOfALaterEdit(t *testing.T) {
	withDocument(t, ``, func(t *testing.T, origin *ifmatchtest.Server, at string) {
		origin.Inject(ifmatchtest.CompetingWriter(1, func([]byte) []byte { return []byte(`{"n":4}`) }))
		mine, runs := errors.New("mine"), 0
		s, err := Update(t.Context(), origin.Client(), at, func(c *counter) error {
			if runs++; runs == 2 {
				return mine
			}
			c.N++
			return nil
		}, CreateIfAbsent())
		if err != mine || s.Outcome.Err != mine || s.Outcome.Effect != EffectNotApplied {
			t.Errorf("%v, %+v", err, s.Outcome)
		}
	})
}

// TestAnnouncedSize: of a state that says it is too large nothing is read.
func TestAnnouncedSize(t *testing.T) {
	c := &http.Client{Transport: baseFunc(func(req *http.Request) (*http.Response, error) {
		resp := responseTo(req, 200, "", "ETag", `"1"`)
		resp.ContentLength = 1 << 40
		resp.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { t.Error("read"); return 0, io.EOF }))
		return resp, nil
	})}
	if _, err := Get[counter](t.Context(), c, "http://h.test/"); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// TestIdentityInCapitals: the names of codings have no case (RFC 9110 §8.4.1).
func TestIdentityInCapitals(t *testing.T) {
	c := &http.Client{Transport: baseFunc(func(req *http.Request) (*http.Response, error) {
		return responseTo(req, 200, `{"n":1}`, "ETag", `"1"`, "Content-Encoding", "Identity"), nil
	})}
	if _, err := Get[counter](t.Context(), c, "http://h.test/"); err != nil {
		t.Error(err)
	}
}

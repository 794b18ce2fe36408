package integration

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch"
)

// updaters are the two ways to update a document.
var updaters = []string{"Update", "Resource"}

// updater is Update, or that of a Resource, with options.
func updater(name string, c *http.Client, url string, opts ...ifmatch.UpdateOption) func(context.Context, func(*stock) error) (ifmatch.Snapshot[stock], error) {
	if name == "Resource" {
		return ifmatch.NewResource[stock](c, url, opts...).Update
	}
	return func(ctx context.Context, edit func(*stock) error) (ifmatch.Snapshot[stock], error) {
		return ifmatch.Update(ctx, c, url, edit, opts...)
	}
}

// eachUpdater runs a test for the servers that store JSON.
func eachUpdater(t *testing.T, test func(t *testing.T, s server, name string)) {
	for _, s := range wantedServers(t) {
		if !s.storesJSON() {
			continue
		}
		for _, name := range updaters {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t, s, name)
			})
		}
	}
}

// TestUndisturbed updates a document that nobody else writes to, with the state
// of a moment ago in the caches on the way.
func TestUndisturbed(t *testing.T) {
	eachUpdater(t, func(t *testing.T, s server, name string) {
		d := makeDoc(t, s)
		d.get(d.url) // into the cache
		d.rival(10)
		d.settle()
		got, err := updater(name, s.client(t, ifmatch.Stop), d.url)(d.wire.recorded(t.Context()), increment)
		if err != nil || got.Value.Stock != 11 {
			t.Errorf("%+v, %v", got.Value, err)
		}
		if name == "Update" {
			if want := "GET 200, " + write("PUT", s.accepted); d.wire.list() != want {
				t.Errorf("sent %s, want %s", d.wire.list(), want)
			}
			d.wire.pastCaches(t, s)
		}
		d.has(11)
	})
}

// TestDeletedMeanwhile deletes the document between the read of an Update and its
// write: it isn't made again.
func TestDeletedMeanwhile(t *testing.T) {
	eachUpdater(t, func(t *testing.T, s server, name string) {
		d := makeDoc(t, s)
		runs := 0
		got, err := updater(name, s.client(t, ifmatch.Stop), d.url)(t.Context(), func(doc *stock) error {
			if runs++; runs == 1 {
				d.remove()
			}
			return increment(doc)
		})
		conflict, status := (*ifmatch.ConflictError)(nil), (*ifmatch.StatusError)(nil)
		effect, after := ifmatch.EffectNotApplied, http.StatusNotFound
		switch {
		case s.gone == http.StatusCreated && err == nil: // it ignores the tag, and makes it again
			effect, after = ifmatch.EffectApplied, http.StatusOK
		case s.gone == http.StatusNotFound && errors.As(err, &status) && status.StatusCode == http.StatusNotFound:
		case s.gone != http.StatusNotFound && errors.As(err, &conflict) && conflict.Outcome.Cause == ifmatch.CauseGone:
		default:
			t.Errorf("got %v", err)
		}
		if got.Outcome.Effect != effect || runs != 1 {
			t.Errorf("%v after %d edits", got.Outcome.Effect, runs)
		}
		if resp, _ := d.get(d.origin); resp.StatusCode != after {
			t.Errorf("afterwards GET gets %s", resp.Status)
		}
	})
}

// TestCreatedMeanwhile has somebody else create a document that two find absent:
// what they made is updated, not replaced.
func TestCreatedMeanwhile(t *testing.T) {
	eachUpdater(t, func(t *testing.T, s server, name string) {
		d := newDoc(t, s)
		if s.create != http.MethodPut || s.exists == s.accepted {
			return // it has no write to this URL that only creates: docs/servers.md
		}
		runs := 0
		got, err := updater(name, s.client(t, ifmatch.Stop), d.url, ifmatch.CreateIfAbsent(), patience)(t.Context(), func(doc *stock) error {
			if runs++; runs == 1 {
				d.create(10)
			}
			return increment(doc)
		})
		want, status := 11, (*ifmatch.StatusError)(nil)
		switch {
		case s.exists == http.StatusPreconditionFailed && err == nil && got.Value.Stock == 11 && runs > 1: // more in Apache's first second
		case s.exists == http.StatusConflict && errors.As(err, &status) && status.StatusCode == http.StatusConflict:
			want = 10 // no refusal without a dialect
		default:
			t.Errorf("%+v, %v after %d edits", got.Value, err, runs)
		}
		d.has(want)
	})
}

// losing loses the answer to the first write that the server has accepted.
type losing struct {
	http.RoundTripper
	lost bool
}

func (l *losing) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(req)
	if err != nil || l.lost || req.Method == http.MethodGet || req.Method == http.MethodHead || resp.StatusCode > 299 {
		return resp, err
	}
	l.lost = true
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return nil, errors.New("connection reset by peer")
}

// TestLostAnswer loses the answer to a write that was applied: nothing says that
// it wasn't, and nothing applies it twice.
func TestLostAnswer(t *testing.T) {
	for _, s := range wantedServers(t) {
		client := func(t *testing.T, policy ifmatch.Policy, opts ...ifmatch.Option) *http.Client {
			return &http.Client{Transport: ifmatch.NewTransport(&losing{RoundTripper: s.base(t)}, policy, append(ifmatch.Options{s.options()}, opts...))}
		}
		for name, test := range map[string]struct {
			policy  ifmatch.Policy
			opts    ifmatch.Options
			unknown bool
		}{
			"Stop, once": {ifmatch.Stop, ifmatch.Options{ifmatch.WithoutRepeats()}, true},
			"Stop":       {ifmatch.Stop, nil, true},
			"Resend":     {ifmatch.Resend, nil, false},
		} {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				d := makeDoc(t, s)
				_, o, err := d.try(client(t, test.policy, test.opts), s.method, d.url, s.form.encode(d.id, 2), http.Header{"If-Match": {d.first.ETag}})
				unknown := test.unknown || s.weak // under a weak tag nothing is repeated
				if unknown && (err == nil || o.Effect != ifmatch.EffectUnknown) || !unknown && (err != nil || o.Effect != ifmatch.EffectApplied) {
					t.Errorf("%s: %v, %v", sentList(o), o.Effect, err)
				}
				d.wire.guarded(t)
				d.has(2)
			})
		}
		if !s.storesJSON() || !s.marks {
			continue
		}
		for _, name := range updaters {
			t.Run(s.name+"/"+name+" with Marks", func(t *testing.T) {
				t.Parallel()
				d := makeDoc(t, s)
				add := func(l *ledger) error { l.Stock++; return nil }
				var got ifmatch.Snapshot[ledger]
				var err error
				if c := client(t, ifmatch.Stop); name == "Update" {
					got, err = ifmatch.Update(t.Context(), c, d.url, add)
				} else {
					got, err = ifmatch.NewResource[ledger](c, d.url).Update(t.Context(), add)
				}
				if err != nil || got.Outcome.Effect != ifmatch.EffectApplied || got.Value.Stock != 2 {
					t.Errorf("%s: %v, %v", sentList(got.Outcome), got.Outcome.Effect, err)
				}
				d.has(2)
			})
		}
	}
}

// stepped waits as it is told, one wait after another.
type stepped []time.Duration

func (s *stepped) Reset() {}
func (s *stepped) NextBackOff() time.Duration {
	if len(*s) == 0 {
		return backoff.Stop
	}
	next := (*s)[0]
	*s = (*s)[1:]
	return next
}

// TestCacheExpires writes through caches that have an old answer: a call that has
// seen it waits until it is gone, where its pace leaves the time.
func TestCacheExpires(t *testing.T) {
	for _, s := range wantedServers(t) {
		if !slices.Contains([]string{"nginx cache", "varnish"}, s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.form, s.recipe = jsonForm{}, nil
			d := changedBehind(t, s, true)
			pace := ifmatch.WithBackoff(func() backoff.BackOff {
				return &stepped{time.Millisecond, time.Duration(ttl(t)+1) * time.Second}
			})
			resp, o := d.send(s.client(t, ifmatch.Resend, pace), "PUT", s.form.encode(d.id, 2), http.Header{"If-Match": {d.first.ETag}})
			if resp.StatusCode != 204 || o.Effect != ifmatch.EffectApplied {
				t.Errorf("%s, %v, %v", resp.Status, o.Effect, o.Cause)
			}
			d.sent(o, splitList("PUT 412, HEAD 200, GET 200, PUT 204"))
			d.has(2)
		})
	}
}

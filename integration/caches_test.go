package integration

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch"
)

// A cacheCase is a write under an old tag through a cache in front of Apache.
type cacheCase struct {
	column     string
	compressed bool     // the document is long enough for Apache to compress it
	kept       bool     // the cache has the state of the old tag
	patient    bool     // the refresh waits until the cache has forgotten it
	recipe     bool     // the refresh gets past the cache
	stops      []string // servers for which it ends with the cause
	cause      ifmatch.Cause
	sent       string // where it stops
}

var cacheCases = []cacheCase{
	{column: "nothing kept"},
	{
		column: "nothing kept, the origin compresses", compressed: true, stops: []string{"varnish"},
		cause: ifmatch.CauseWeakValidator, sent: "PUT 412, HEAD 200, HEAD 200",
	},
	{
		column: "an old answer kept", kept: true, stops: []string{"nginx cache", "varnish"},
		cause: ifmatch.CauseStaleCache, sent: "PUT 412, HEAD 200, GET 200, PUT 412",
	},
	{column: "the same, and a longer pause", kept: true, patient: true},
	{column: "the same, and the recipe", compressed: true, kept: true, recipe: true},
}

func TestCaches(t *testing.T) {
	for _, s := range wantedServers(t) {
		if s.origin == "" || s.name == "nginx gzip" {
			continue
		}
		for _, c := range cacheCases {
			t.Run(s.name+"/"+c.column, func(t *testing.T) {
				t.Parallel()
				c.run(t, s)
			})
		}
	}
}

func (c cacheCase) run(t *testing.T, s server) {
	if !c.compressed {
		s.form = jsonForm{}
	}
	if !c.recipe {
		s.recipe = nil
	}
	d := changedBehind(t, s, c.kept)
	opts := ifmatch.Options{}
	if c.patient {
		pause := time.Duration(ttl(t)+1) * time.Second
		opts = append(opts, ifmatch.WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(pause) }))
	}
	resp, o := d.send(s.client(t, ifmatch.Resend, opts), "PUT", s.form.encode(d.id, 2), http.Header{"If-Match": {d.first.ETag}})
	status, effect, cause, sent, value, left := 204, ifmatch.EffectApplied, ifmatch.CauseChanged, "PUT 412, HEAD 200, PUT 204", "works", 2
	if slices.Contains(c.stops, s.name) {
		status, effect, cause, sent, left = 412, ifmatch.EffectNotApplied, c.cause, c.sent, 10
		if cause == ifmatch.CauseStaleCache && s.name == "nginx cache" {
			cause = ifmatch.CauseSelfContradiction // it writes no field into an answer that it kept
		}
		value = "stops: " + cause.String()
	}
	if resp.StatusCode != status || o.Effect != effect || o.Cause != cause {
		t.Errorf("got %d, %v, %v; want %d, %v, %v", resp.StatusCode, o.Effect, o.Cause, status, effect, cause)
	}
	d.sent(o, splitList(sent))
	d.has(left)
	t.Logf("waited %v", o.Waited.Round(time.Millisecond))
	saw(t, "caches", s.name, c.column, value)
}

// changedBehind is a document that somebody else changed at the origin, with the
// old state in the cache where it is to be kept.
func changedBehind(t *testing.T, s server, kept bool) *doc {
	t.Helper()
	for range 10 {
		d := makeDoc(t, s)
		if kept {
			d.get(d.url)
		}
		d.rival(10)
		d.settle() // what follows has nothing to do with Apache's first second
		if !kept {
			return d
		}
		_, body := d.get(d.url)
		if n, err := s.form.decode(body); err == nil && n == 1 {
			d.inLog()
			return d
		}
	}
	t.Fatal("the cache has forgotten its answer before it could be used")
	return nil
}

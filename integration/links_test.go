package integration

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/ifmatch-go/ifmatch"
)

// toxics are the faults of a link. Each connection is used for one request, so
// a toxicity is the share of requests that meet the fault.
var toxics = []struct{ name, toxic string }{
	{"reset of answers", `{"type":"reset_peer","stream":"downstream","toxicity":0.3,"attributes":{"timeout":0}}`},
	{"reset of requests", `{"type":"reset_peer","stream":"upstream","toxicity":0.3,"attributes":{"timeout":0}}`},
	{"timeout", `{"type":"timeout","stream":"downstream","toxicity":0.2,"attributes":{"timeout":200}}`},
	{"bandwidth", `{"type":"bandwidth","stream":"downstream","attributes":{"rate":20}}`},
	{"slow close", `{"type":"slow_close","stream":"downstream","attributes":{"delay":100}}`},
	{"latency", `{"type":"latency","stream":"downstream","attributes":{"latency":20,"jitter":20}}`},
}

// linked are the servers that are written to over such links.
var linked = []string{"apache", "sabre", "s3"}

const (
	linkWriters = 8
	callEnds    = 15 * time.Second // the deadline of each call
	linkElapsed = 10 * time.Second
)

// TestLinks writes over links with faults: no claim about an effect is wrong,
// nothing is applied twice, and every call ends in time.
func TestLinks(t *testing.T) {
	for _, s := range wantedServers(t) {
		if !slices.Contains(linked, s.name) {
			continue
		}
		for _, toxic := range toxics {
			t.Run(s.name+"/"+toxic.name+"/Update", func(t *testing.T) {
				t.Parallel()
				updatesOver(t, s, toxic.toxic)
			})
			for _, policy := range []ifmatch.BuiltinPolicy{ifmatch.Stop, ifmatch.Resend} {
				t.Run(s.name+"/"+toxic.name+"/"+policy.String(), func(t *testing.T) {
					t.Parallel()
					putsOver(t, s, toxic.toxic, policy)
				})
			}
		}
	}
}

// link is the base of a client whose requests go over a link with the fault.
func link(t *testing.T, s server, toxic string) http.RoundTripper {
	t.Helper()
	to, err := url.Parse(env(t, s.address))
	if err != nil {
		t.Fatal(err)
	}
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(api, t.Name(), "127.0.0.1:0", to.Host)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatal(err)
	}
	listen := proxy.Listen
	base := s.base(t).(dressed)
	transport := base.base.(*http.Transport)
	transport.DisableKeepAlives = true
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, listen)
	}
	return base
}

// A claim is what a writer was told about one of its writes.
type claim struct {
	id     string
	effect ifmatch.Effect
	took   time.Duration
	err    error
}

// claims runs the writers, each of which sends one write after another.
func claims(t *testing.T, each int, write func(ctx context.Context, id string) (ifmatch.Outcome, error)) []claim {
	t.Helper()
	var mu sync.Mutex
	var list []claim
	var all sync.WaitGroup
	for w := range linkWriters {
		all.Go(func() {
			for n := range each {
				c := claim{id: string(rune('a'+w)) + string(rune('0'+n))}
				ctx, cancel := context.WithTimeout(context.Background(), callEnds)
				begin := time.Now()
				o, err := write(ctx, c.id)
				cancel()
				c.effect, c.took, c.err = o.Effect, time.Since(begin), err
				if err != nil && o.Attempts == 0 {
					c.effect = ifmatch.EffectNotApplied // only reads were sent
				}
				mu.Lock()
				list = append(list, c)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	counts := map[string]int{}
	for _, c := range list {
		counts[c.effect.String()]++
		if c.took > callEnds+time.Second {
			t.Errorf("%s: the call took %v: %v", c.id, c.took, c.err)
		}
		if c.effect == ifmatch.EffectUnknown && c.err != nil && !errors.Is(c.err, ifmatch.ErrOutcomeUnknown) {
			t.Errorf("%s: unknown, and the error doesn't say so: %v", c.id, c.err)
		}
	}
	t.Logf("claims: %v", counts)
	return list
}

// A ledger has the ids of all additions, so each claim can be checked.
type ledger struct {
	ifmatch.Marks
	Stock int      `json:"stock"`
	Adds  []string `json:"adds"`
}

func updatesOver(t *testing.T, s server, toxic string) {
	d := makeDoc(t, s)
	base, each := link(t, s, toxic), 2
	if s.weakSecond {
		each = 1 // each takes a second
	}
	list := claims(t, each, func(ctx context.Context, id string) (ifmatch.Outcome, error) {
		client := &http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop)}
		got, err := ifmatch.Update(ctx, client, d.url, func(l *ledger) error {
			l.Stock, l.Adds = l.Stock+1, append(l.Adds, id)
			return nil
		}, ifmatch.WithMaxAttempts(100), ifmatch.WithMaxElapsed(linkElapsed))
		return got.Outcome, err
	})
	adds := addsOf(d)
	lost := 0
	for _, c := range list {
		switch n := count(adds, c.id); {
		case n > 1:
			t.Errorf("%s was applied %d times; claimed: %v, %v", c.id, n, c.effect, c.err)
		case n == 1 && c.effect == ifmatch.EffectNotApplied:
			t.Errorf("%s was applied, and the claim is that it wasn't: %v", c.id, c.err)
		case n == 0 && c.effect == ifmatch.EffectApplied:
			lost++
		}
	}
	if lost > 0 && (s.tears == "" || torn(t, d, lost) < lost) {
		t.Errorf("%d additions that were claimed to be applied are missing", lost)
	}
	if got := d.stock(); got != 1+len(adds) {
		t.Errorf("the document has %d, with %d additions", got, len(adds))
	}
	if len(adds) == 0 {
		t.Error("nothing came through")
	}
	t.Logf("%d additions of %d in the document, %d lost to tears", len(adds), len(list), lost)
}

func count(list []string, id string) int {
	n := 0
	for _, each := range list {
		if each == id {
			n++
		}
	}
	return n
}

func addsOf(d *doc) []string {
	d.t.Helper()
	got, err := ifmatch.Get[ledger](context.Background(), &http.Client{Transport: d.plain}, d.origin)
	if err != nil {
		d.t.Fatal(err)
	}
	return got.Value.Adds
}

// putsOver sends guarded writes, all under the first tag. Under Stop only one of
// them can be applied; under Resend the last writer wins.
func putsOver(t *testing.T, s server, toxic string, policy ifmatch.Policy) {
	d := makeDoc(t, s)
	client := &http.Client{Transport: ifmatch.NewTransport(link(t, s, toxic), policy, ifmatch.WithMaxAttempts(100), ifmatch.WithMaxElapsed(linkElapsed))}
	each := 2
	if s.weakSecond {
		each = 1
	}
	list := claims(t, each, func(ctx context.Context, id string) (ifmatch.Outcome, error) {
		var o ifmatch.Outcome
		req, err := http.NewRequestWithContext(ifmatch.WithOutcome(ctx, &o), "PUT", d.url, strings.NewReader(`{"stock":1,"title":"`+id+`"}`))
		if err != nil {
			return o, err
		}
		req.Header.Set("If-Match", d.first.ETag)
		resp, err := client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		return o, err
	})
	title, applied := titleOf(d), 0
	for _, c := range list {
		if c.effect == ifmatch.EffectApplied {
			applied++
		}
		if c.id == title && c.effect == ifmatch.EffectNotApplied {
			t.Errorf("%s is what is there, and the claim is that it wasn't applied: %v", c.id, c.err)
		}
	}
	accepted := 0
	log := waitLogged(t, s.log, d.path, func(log []logged) bool { accepted = acceptedIn(log); return accepted >= applied })
	if policy == ifmatch.Stop && applied > 1+lostIn(log) {
		t.Errorf("%d writes under one tag are claimed to be applied; the server tore %d", applied, lostIn(log))
	}
	t.Logf("%q is there; %d accepted by the server, %d claimed", title, accepted, applied)
}

// acceptedIn counts the accepted writes after the one that made the document.
func acceptedIn(log []logged) int {
	n := -1
	for _, l := range log {
		if l.method == "PUT" && l.status >= 200 && l.status <= 299 {
			n++
		}
	}
	return n
}

func titleOf(d *doc) string {
	d.t.Helper()
	got, err := ifmatch.Get[stock](context.Background(), &http.Client{Transport: d.plain}, d.origin)
	if err != nil {
		d.t.Fatal(err)
	}
	return got.Value.Title
}

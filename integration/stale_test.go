package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// A staleWrite is what a policy makes of a write whose tag is old: the document
// was read with 1, somebody else made it 10, and we write 2.
type staleWrite struct {
	name      string
	policy    func(d *doc) ifmatch.Policy
	whole     bool // the write has to be the whole document
	state     bool // the refresh reads the state
	json      bool
	want      int
	overwrote bool
}

var staleWrites = []staleWrite{
	{name: "Stop", policy: func(*doc) ifmatch.Policy { return ifmatch.Stop }, want: 10},
	{name: "Resend", policy: func(*doc) ifmatch.Policy { return ifmatch.Resend }, want: 2, overwrote: true},
	{name: "Rebuild", policy: addOne, whole: true, state: true, want: 11},
	{name: "MergeJSON", policy: mergeFirst, whole: true, state: true, json: true, want: 10},
}

// addOne builds the document with a number that is one higher.
func addOne(d *doc) ifmatch.Policy {
	return ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		n, err := d.server.form.decode(current.Body)
		return d.server.form.encode(d.id, n+1), err
	})
}

// mergeFirst has the document as it was read at first for its base.
func mergeFirst(d *doc) ifmatch.Policy { return ifmatch.MergeJSON(d.read) }

// titled is that document with a title.
func (d *doc) titled(title string) []byte {
	d.t.Helper()
	members := map[string]any{}
	if err := json.Unmarshal(d.read, &members); err != nil {
		d.t.Fatal(err)
	}
	members["title"] = title
	body, err := json.Marshal(members)
	if err != nil {
		d.t.Fatal(err)
	}
	return body
}

func TestStaleWrite(t *testing.T) {
	for _, s := range wantedServers(t) {
		for _, w := range staleWrites {
			t.Run(s.name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				if w.json && !s.storesJSON() {
					sawFeature(t, s, "features", w.name, "not supported")
					return
				}
				w.run(t, s)
			})
		}
	}
}

func (w staleWrite) run(t *testing.T, s server) {
	d := makeDoc(t, s)
	d.rival(10)
	method, body := s.change, s.form.encode(d.id, 2)
	if w.whole {
		method = s.method
	}
	if w.json {
		body = d.titled("ours")
	}
	want := []string{write(method, s.stale)}
	status, effect := s.stale, ifmatch.EffectNotApplied
	if w.name != "Stop" {
		want = append(append(want, s.refresh(w.state)...), write(method, s.accepted))
		status, effect = s.accepted, ifmatch.EffectApplied
	}
	resp, o := d.send(s.client(t, w.policy(d)), method, body, http.Header{"If-Match": {d.first.ETag}})
	if resp.StatusCode != status || o.Effect != effect || o.Overwrote != w.overwrote {
		t.Errorf("got %d, %v, overwrote %t; want %d, %v, %t (%v, %v)", resp.StatusCode, o.Effect, o.Overwrote, status, effect, w.overwrote, o.Cause, o.Err)
	}
	d.sent(o, want)
	d.has(w.want)
	if w.json {
		if _, text := d.get(d.origin); !bytes.Contains(text, []byte(`"ours"`)) {
			t.Errorf("the merged document lacks our title: %s", text)
		}
	}
	sawFeature(t, s, "features", w.name, "works")
	if w.name == "Resend" || w.name == "Rebuild" {
		sawFeature(t, s, "exchanges", w.name, strings.Join(want, ", "))
	}
}

// send sends one write through ifmatch. Its answer has to be readable.
func (d *doc) send(c *http.Client, method string, body []byte, header http.Header) (*http.Response, ifmatch.Outcome) {
	d.t.Helper()
	return d.sendTo(c, method, d.url, body, header)
}

// sendTo is send for another URL than the document's.
func (d *doc) sendTo(c *http.Client, method, url string, body []byte, header http.Header) (*http.Response, ifmatch.Outcome) {
	d.t.Helper()
	resp, o, err := d.try(c, method, url, body, header)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp, o
}

// try is send where the call may end with an error.
func (d *doc) try(c *http.Client, method, url string, body []byte, header http.Header) (*http.Response, ifmatch.Outcome, error) {
	d.t.Helper()
	var o ifmatch.Outcome
	ctx, cancel := context.WithTimeout(ifmatch.WithOutcome(context.Background(), &o), time.Minute)
	defer cancel()
	d.wire.forget()
	resp, err := c.Do(newRequest(d.t, d.wire.recorded(ctx), method, url, body, header))
	if err != nil {
		return nil, o, err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return resp, o, err
}

// TestStaleUpdate has somebody else write between an Update's read and its write.
func TestStaleUpdate(t *testing.T) {
	for _, s := range wantedServers(t) {
		for _, name := range []string{"Update", "Resource"} {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				if !s.storesJSON() {
					sawFeature(t, s, "features", name, "not supported")
					return
				}
				staleUpdate(t, s, name)
			})
		}
	}
}

func staleUpdate(t *testing.T, s server, name string) {
	d := makeDoc(t, s)
	client := s.client(t, ifmatch.Stop)
	update := updateOf(client, d.url)
	if name == "Resource" {
		update, d.readsAfter = ifmatch.NewResource[stock](client, d.url).Update, true
	}
	runs := 0
	got, err := update(d.wire.recorded(t.Context()), func(doc *stock) error {
		if runs++; runs == 1 {
			d.others = 1 // the read of the Update
			d.rival(10)
		}
		doc.Stock++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Value.Stock != 11 || runs != 2 {
		t.Errorf("the Snapshot has %d after %d edits, want 11 after 2", got.Value.Stock, runs)
	}
	want := slices.Concat([]string{write("PUT", s.stale)}, s.refresh(true), []string{write("PUT", s.accepted)})
	d.told(got.Outcome, want)
	if name == "Update" { // a Resource has a context of its own
		d.wire.guarded(t)
		d.wire.pastCaches(t, s)
	}
	inLog := append([]string{"GET 200"}, splitList(sentList(got.Outcome))...)
	if s.origin == "" { // the rival is in the log, too
		d.logged(d.asked-1, append(inLog, write("PUT", s.accepted)))
	} else {
		d.logged(d.asked, inLog)
	}
	d.has(11)
	sawFeature(t, s, "features", name, "works")
	if name == "Update" {
		sawFeature(t, s, "exchanges", name, "GET 200, "+strings.Join(want, ", "))
	}
}

// updateOf is Update in the form of a Resource's.
func updateOf(c *http.Client, url string) func(context.Context, func(*stock) error) (ifmatch.Snapshot[stock], error) {
	return func(ctx context.Context, edit func(*stock) error) (ifmatch.Snapshot[stock], error) {
		return ifmatch.Update(ctx, c, url, edit)
	}
}

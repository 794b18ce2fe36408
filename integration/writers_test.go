package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

const writers = 16

// TestWriters lets 16 writers add 1 each, and nothing may be lost but for what
// the server's own log shows it to have torn.
func TestWriters(t *testing.T) {
	for _, s := range wantedServers(t) {
		for _, w := range manyWriters {
			t.Run(s.name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				if w.json && !s.storesJSON() {
					return
				}
				w.run(t, s)
			})
		}
	}
}

// A manyWriter is a way to add 1 from many goroutines.
type manyWriter struct {
	name string
	json bool
	add  func(t *testing.T, d *doc) func() error // what one goroutine does
}

var manyWriters = []manyWriter{
	{"Update through clients of their own", true, func(t *testing.T, d *doc) func() error {
		return func() error {
			_, err := ifmatch.Update(t.Context(), d.server.client(t, ifmatch.Stop), d.url, increment, patience)
			return err
		}
	}},
	{"one Resource", true, func(t *testing.T, d *doc) func() error {
		r := ifmatch.NewResource[stock](d.server.client(t, ifmatch.Stop), d.url, patience)
		return func() error {
			_, err := r.Update(t.Context(), increment)
			return err
		}
	}},
	{"Rebuild through clients of their own", false, func(t *testing.T, d *doc) func() error {
		return func() error { return rebuilt(t, d, d.server.client(t, addOne(d), patience)) }
	}},
}

// patience is for servers that make each of 16 writers wait for a second.
var patience = ifmatch.Options{ifmatch.WithMaxAttempts(200), ifmatch.WithMaxElapsed(2 * time.Minute)}

func increment(s *stock) error {
	s.Stock++
	return nil
}

// rebuilt adds 1 to the document as it was read at first.
func rebuilt(t *testing.T, d *doc, client *http.Client) error {
	own := &doc{t: t, server: d.server, id: d.id} // each with a wire of its own
	resp, o, err := own.try(client, d.server.method, d.url, d.server.form.encode(d.id, 2), http.Header{"If-Match": {d.first.ETag}})
	if err != nil {
		return err
	}
	if resp.StatusCode != d.server.accepted || o.Effect != ifmatch.EffectApplied {
		return fmt.Errorf("%s, %v, %v: %w", resp.Status, o.Effect, o.Cause, o.Err)
	}
	return nil
}

func (w manyWriter) run(t *testing.T, s server) {
	d := makeDoc(t, s)
	add := w.add(t, d)
	var all sync.WaitGroup
	begin := time.Now()
	for range writers {
		all.Go(func() {
			err := add()
			for s.tears != "" && cutOff(err) {
				t.Logf("a document was read while it was replaced: %v", err)
				err = add()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	if t.Failed() {
		return
	}
	missing, lost, value := 1+writers-d.stock(), 0, "nothing lost"
	if s.tears != "" {
		lost, value = torn(t, d, missing), "nothing lost but what the server tears"
	}
	if missing != lost {
		t.Errorf("%d of %d acknowledged writes are missing, and the server tore %d", missing, writers, lost)
	}
	t.Logf("%d writers, %d lost to two 2xx under one If-Match, %v", writers, lost, took.Round(time.Millisecond))
	sawFeature(t, s, "features", "16 writers", value)
}

// cutOff says whether the document was no JSON. Apache takes the length and the
// tag of a file before it reads it: where the file is replaced in between by a
// longer one, the answer is the beginning of that, under the old tag.
func cutOff(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax)
}

// torn counts in the log of the server that stores the document how many of the
// accepted writes were replaced unseen: all but one under each tag. It waits
// until the log has as many as are missing.
func torn(t *testing.T, d *doc, missing int) int {
	t.Helper()
	return lostIn(waitLogged(t, d.server.tears, d.path, func(log []logged) bool { return lostIn(log) >= missing }))
}

func lostIn(log []logged) int {
	lost, under := 0, map[string]int{}
	for _, l := range log {
		if l.method != "PUT" || l.status < 200 || l.status > 299 || l.ifMatch == "-" || l.ifMatch == "" {
			continue
		}
		if under[l.ifMatch]++; under[l.ifMatch] > 1 {
			lost++
		}
	}
	return lost
}

package integration

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// TestCompressed takes the tag from an ordinary Go GET. net/http asks for gzip
// unless told not to, so the tag is that of the compressed document.
func TestCompressed(t *testing.T) {
	for _, s := range wantedServers(t) {
		if s.name != "apache" && s.name != "lighttpd" && s.name != "nginx gzip" {
			continue
		}
		s.weakSecond = false // it is over when these write
		cause := ifmatch.CauseCodedValidator
		if s.name == "nginx gzip" {
			cause = ifmatch.CauseWeakValidator
		}
		for _, p := range staleWrites {
			t.Run(s.name+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				d := makeDoc(t, s)
				resp, _ := d.ask("GET", d.url, nil, nil)
				tag := resp.Header.Get("ETag")
				if !resp.Uncompressed || tag == d.first.ETag {
					t.Fatalf("GET gave the tag %s, uncompressed %t; without gzip it is %s", tag, resp.Uncompressed, d.first.ETag)
				}
				underTwin(t, d, s, p, s.name+", compressed", tag, cause)
			})
		}
	}
}

// TestFirstSecond writes under the weak tag that Apache gives for a second after
// each write. It matches nothing; the strong one that follows it does.
func TestFirstSecond(t *testing.T) {
	if !isWanted(t, "apache") {
		return
	}
	s := serverNamed(t, "apache")
	for _, p := range staleWrites {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			d, tag := weakDoc(t, s)
			underTwin(t, d, s, p, "apache, first second", tag, ifmatch.CauseWeakValidator)
		})
	}
}

// weakDoc is a document that was read in the second after it was made.
func weakDoc(t *testing.T, s server) (*doc, string) {
	t.Helper()
	for range 10 {
		d := newDoc(t, s)
		d.create(1)
		resp, body := d.get(d.url)
		if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, "W/") {
			d.read = body
			d.inLog()
			return d, tag
		}
	}
	t.Fatal("no weak tag right after a write")
	return nil, ""
}

// tagForm shows what is special about a tag.
func tagForm(tag string) string {
	switch {
	case strings.HasPrefix(tag, "W/"):
		return "`W/\"x\"`"
	case strings.HasSuffix(tag, `-gzip"`):
		return "`\"x-gzip\"`"
	}
	return "`\"x\"`"
}

// underTwin writes under a tag that has a twin which would match.
func underTwin(t *testing.T, d *doc, s server, p staleWrite, row, tag string, cause ifmatch.Cause) {
	want, status, effect, left := []string{"PUT 412"}, 412, ifmatch.EffectNotApplied, 1
	if p.name == "Stop" {
		cause = ifmatch.CauseUnexamined // nothing was looked at
		if strings.HasPrefix(tag, "W/") {
			cause = ifmatch.CauseWeakValidator // the request shows it
		}
	} else {
		want, status, effect, left = append(append(want, s.refresh(p.state)...), "PUT 204"), 204, ifmatch.EffectApplied, 2
	}
	body := s.form.encode(d.id, 2)
	if p.json {
		body, left = d.titled("ours"), 1
	}
	begin := time.Now()
	resp, o := d.send(s.client(t, p.policy(d)), "PUT", body, http.Header{"If-Match": {tag}})
	t.Logf("waited %v of %v", o.Waited.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	if resp.StatusCode != status || o.Effect != effect || o.Cause != cause || o.Waited > 5*time.Second {
		t.Errorf("got %d, %v, %v after %v; want %d, %v, %v", resp.StatusCode, o.Effect, o.Cause, o.Waited, status, effect, cause)
	}
	d.sent(o, want)
	d.has(left)
	saw(t, "tags", row, "tag", tagForm(tag))
	value := "stops: " + cause.String()
	if p.name != "Stop" {
		value = "works: " + cause.String()
	}
	saw(t, "tags", row, p.name, value)
	saw(t, "tags", row, "Resend sends", strings.Join(append(append([]string{"PUT 412"}, s.refresh(false)...), "PUT 204"), ", "))
}

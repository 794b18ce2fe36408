package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
)

// policies are those that a request may be sent under, with that which writes
// most freely among them.
var policies = append(slices.Clone(staleWrites),
	staleWrite{name: "Unconditional", policy: func(*doc) ifmatch.Policy { return ifmatch.Unconditional }})

// TestCreateOnly sends If-None-Match: * to a document that is there.
func TestCreateOnly(t *testing.T) {
	for _, s := range wantedServers(t) {
		for _, p := range policies {
			t.Run(s.name+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				createOnly(t, s, p)
			})
		}
	}
}

func createOnly(t *testing.T, s server, p staleWrite) {
	d := makeDoc(t, s)
	resp, o := d.send(s.client(t, p.policy(d)), s.change, s.form.encode(d.id, 2), http.Header{"If-None-Match": {"*"}})
	if resp.StatusCode != s.exists {
		t.Errorf("got %s, want %d", resp.Status, s.exists)
	}
	d.sent(o, []string{write(s.change, s.exists)})
	effect, cause, value, left := ifmatch.EffectNotApplied, ifmatch.CauseExists, "works", 1
	switch s.exists {
	case http.StatusConflict: // no refusal without a dialect: it comes back as it is
		cause, value = ifmatch.CauseNone, "works, by an untouched 409"
	case s.accepted:
		effect, cause, value, left = ifmatch.EffectApplied, ifmatch.CauseNone, "ignored: overwrites", 2
	}
	if o.Effect != effect || o.Cause != cause || o.Overwrote {
		t.Errorf("got %v, %v, overwrote %t; want %v, %v", o.Effect, o.Cause, o.Overwrote, effect, cause)
	}
	d.has(left)
	sawFeature(t, s, "features", "create only", value)
}

// TestDeleted sends a guarded write to a document that somebody has deleted.
func TestDeleted(t *testing.T) {
	for _, s := range wantedServers(t) {
		for _, p := range staleWrites {
			if p.json && !s.storesJSON() {
				continue
			}
			t.Run(s.name+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				deleted(t, s, p)
			})
		}
	}
}

func deleted(t *testing.T, s server, p staleWrite) {
	d := makeDoc(t, s)
	d.remove()
	resp, o := d.send(s.client(t, p.policy(d)), s.method, s.form.encode(d.id, 2), http.Header{"If-Match": {d.first.ETag}})
	if resp.StatusCode != s.gone {
		t.Errorf("got %s, want %d", resp.Status, s.gone)
	}
	want, effect, cause, value, after := []string{write(s.method, s.gone)}, ifmatch.EffectNotApplied, ifmatch.CauseNone, "works", 404
	switch {
	case s.gone == http.StatusNotFound: // it says itself what is the matter
		value = "works, by an untouched 404"
	case s.gone != http.StatusPreconditionFailed:
		effect, value, after = ifmatch.EffectApplied, "ignored: makes it again", 200
	case p.name != "Stop":
		cause = ifmatch.CauseGone
		if !p.state {
			want = append(want, write("HEAD", map[int]int{0: 404, 405: 405}[s.head]))
		}
		want = append(want, "GET 404")
	default: // Stop looks at nothing
		cause = ifmatch.CauseUnexamined
		if strings.HasPrefix(d.first.ETag, "W/") {
			cause = ifmatch.CauseWeakValidator // the request shows it
		}
	}
	if o.Effect != effect || o.Cause != cause {
		t.Errorf("got %v, %v (%v); want %v, %v", o.Effect, o.Cause, o.Err, effect, cause)
	}
	d.sent(o, want)
	if resp, _ := d.get(d.origin); resp.StatusCode != after {
		t.Errorf("afterwards GET gets %s, want %d", resp.Status, after)
	}
	sawFeature(t, s, "features", "deleted", value)
}

// TestIgnored has nginx's dav module as a control: it looks at no condition of a
// write, and no client can mend that.
func TestIgnored(t *testing.T) {
	if !isWanted(t, "nginx") {
		t.Skip("nginx was not asked for")
	}
	s := serverNamed(t, "apache")
	s.name, s.wanted, s.address, s.log, s.weakSecond, s.tears = "nginx dav", "nginx", "NGINX_DAV", "NGINX_DAV", false, ""
	conditions := map[string]http.Header{
		"Stop": {"If-Match": {`"old"`}}, "Resend": {"If-Match": {`"old"`}}, "Rebuild": {"If-Match": {`"old"`}}, "MergeJSON": {"If-Match": {`"old"`}},
		"create only": {"If-None-Match": {"*"}}, "deleted": {"If-Match": {`"old"`}},
	}
	for _, p := range policies[:4] {
		for _, column := range []string{p.name, "create only", "deleted"} {
			d := makeDoc(t, s)
			accepted := 204
			if column == "deleted" {
				d.remove()
				accepted = 201
			}
			resp, o := d.send(s.client(t, p.policy(d)), "PUT", s.form.encode(d.id, 2), conditions[column])
			if resp.StatusCode != accepted || o.Effect != ifmatch.EffectApplied || o.Cause != ifmatch.CauseNone {
				t.Errorf("%s, %s: got %s, %v, %v", p.name, column, resp.Status, o.Effect, o.Cause)
			}
			d.sent(o, []string{fmt.Sprint("PUT ", accepted)})
			d.has(2)
			saw(t, "features", s.name, column, "ignored: overwrites")
		}
	}
	ignoredByUpdate(t, s)
}

// ignoredByUpdate shows that an Update loses what somebody else wrote meanwhile.
func ignoredByUpdate(t *testing.T, s server) {
	for _, column := range []string{"Update", "Resource"} {
		d := makeDoc(t, s)
		update := ifmatch.NewResource[stock](s.client(t, ifmatch.Stop), d.url).Update
		if column == "Update" {
			update = updateOf(s.client(t, ifmatch.Stop), d.url)
		}
		if _, err := update(t.Context(), func(doc *stock) error {
			d.rival(10)
			doc.Stock++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		d.has(2)
		saw(t, "features", s.name, column, "ignored: overwrites")
	}
	saw(t, "features", s.name, "16 writers", "loses updates")
}

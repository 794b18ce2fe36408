package integration

import (
	"net/http"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/azureblob"
	"github.com/ifmatch-go/ifmatch/dialect/couchdb"
)

// An uncurable is a refusal that no entity-tag can cure. It is sent under
// Resend, and stops at once.
type uncurable struct {
	name   string
	server string
	send   func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome)
	cause  ifmatch.Cause
	sent   string
	left   int

	dialect *dialect.Dialect // where it knows better: the same is sent again under it
	known   ifmatch.Cause    // then the cause; and nothing but the write is sent
}

var blob = azureblob.Dialect()

var uncurables = []uncurable{
	{
		name: "Azure: a lease that isn't ours", server: "azure blob", left: 1, sent: "PUT 412", cause: ifmatch.CauseUnattributed,
		dialect: &blob, known: ifmatch.CauseLocked,
		send: func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome) {
			d.lease()
			return d.send(c, "PUT", d.server.form.encode(d.id, 2), http.Header{
				"If-Match": {d.first.ETag}, "X-Ms-Lease-Id": {"00000000-0000-0000-0000-000000000002"},
			})
		},
	},
	{
		// Only its x-ms-error-code tells it from a refused tag, which is for a dialect to know.
		name: "Azure: a lease, and no lease id", server: "azure blob", left: 1, sent: "PUT 412, HEAD 200, GET 200, PUT 412", cause: ifmatch.CauseSelfContradiction,
		dialect: &blob, known: ifmatch.CauseLocked,
		send: func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome) {
			d.lease()
			return d.send(c, "PUT", d.server.form.encode(d.id, 2), http.Header{"If-Match": {d.first.ETag}})
		},
	},
	{
		name: "Azure: append at another position", server: "azure blob", left: 1, sent: "PUT 412", cause: ifmatch.CauseUnattributed,
		dialect: &blob, known: ifmatch.CauseUnattributed,
		send: func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome) {
			d.ask("PUT", d.url, nil, http.Header{"X-Ms-Blob-Type": {"AppendBlob"}})
			d.ask("PUT", d.url+"?comp=appendblock", d.server.form.encode(d.id, 1), nil)
			return d.sendTo(c, "PUT", d.url+"?comp=appendblock", []byte("2"), http.Header{
				"If-Match": {d.settle().ETag}, "X-Ms-Blob-Condition-Appendpos": {"5"},
			})
		},
	},
	{
		name: "Apache: COPY with Overwrite: F", server: "apache", left: 1, sent: "COPY 412", cause: ifmatch.CauseExists,
		send: func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome) {
			other := makeDoc(d.t, d.server)
			return d.sendTo(c, "COPY", other.url, nil, http.Header{"Destination": {d.url}, "Overwrite": {"F"}})
		},
	},
	{
		name: "Apache: a wrong tag in If", server: "apache", left: 1, sent: "PUT 412", cause: ifmatch.CauseUnexamined,
		send: func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome) {
			return d.send(c, "PUT", d.server.form.encode(d.id, 2), http.Header{"If": {`(["wrong"])`}})
		},
	},
	{
		name: "Apache: a wrong lock token in If", server: "apache", left: 1, sent: "PUT 412", cause: ifmatch.CauseLocked,
		send: func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome) {
			return d.send(c, "PUT", d.server.form.encode(d.id, 2), http.Header{"If": {"(<urn:uuid:00000000-0000-0000-0000-000000000000>)"}})
		},
	},
	{
		name: "Apache: If-Unmodified-Since, the date it gave", server: "apache", left: 1, sent: "PUT 412, HEAD 200, GET 200, PUT 412", cause: ifmatch.CauseStaleDate,
		send: func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome) {
			return d.send(c, "PUT", d.server.form.encode(d.id, 2), http.Header{"If-Unmodified-Since": {d.first.LastModified}})
		},
	},
	{
		name: "Apache: If-Unmodified-Since, an older date", server: "apache", left: 1, sent: "PUT 412, HEAD 200, PUT 412", cause: ifmatch.CauseStaleDate,
		send: func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome) {
			return d.send(c, "PUT", d.server.form.encode(d.id, 2), http.Header{"If-Unmodified-Since": {"Thu, 01 Jan 2026 00:00:00 GMT"}})
		},
	},
	{
		name: "S3: If-Match: *", server: "s3", left: 1, sent: "PUT 412", cause: ifmatch.CauseUnexamined,
		send: func(d *doc, c *http.Client) (*http.Response, ifmatch.Outcome) {
			return d.send(c, "PUT", d.server.form.encode(d.id, 2), http.Header{"If-Match": {"*"}})
		},
	},
}

func TestUncurable(t *testing.T) {
	for _, u := range uncurables {
		s := serverNamed(t, u.server)
		if !isWanted(t, s.wanted) {
			continue
		}
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			o := u.refused(t, s, u.cause, u.sent)
			saw(t, "refusals", u.name, "answer", "412")
			saw(t, "refusals", u.name, "cause", "stops: "+o.Cause.String())
			saw(t, "refusals", u.name, "sent", u.sent)
			known := "the same"
			if u.dialect != nil {
				o := u.refused(t, s, u.known, "PUT 412", ifmatch.WithDialect(*u.dialect))
				known = "stops: " + o.Cause.String() + ", PUT 412"
			}
			saw(t, "refusals", u.name, "with its dialect", known)
		})
	}
}

// refused sends the write to a new document and checks how it ended.
func (u uncurable) refused(t *testing.T, s server, cause ifmatch.Cause, sent string, opts ...ifmatch.Option) ifmatch.Outcome {
	t.Helper()
	d := makeDoc(t, s)
	resp, o := u.send(d, s.client(t, ifmatch.Resend, opts...))
	if resp.StatusCode != http.StatusPreconditionFailed || o.Effect != ifmatch.EffectNotApplied || o.Cause != cause {
		t.Errorf("got %s, %v, %v; want 412, %v, %v", resp.Status, o.Effect, o.Cause, ifmatch.EffectNotApplied, cause)
	}
	if got := sentList(o); got != sent {
		t.Errorf("sent %s, want %s", got, sent)
	}
	d.recorded(o)
	d.has(u.left)
	return o
}

// lease takes the blob for a minute.
func (d *doc) lease() {
	d.t.Helper()
	resp, text := d.ask("PUT", d.url+"?comp=lease", nil, http.Header{
		"X-Ms-Lease-Action": {"acquire"}, "X-Ms-Lease-Duration": {"60"}, "X-Ms-Proposed-Lease-Id": {"00000000-0000-0000-0000-000000000001"},
	})
	if resp.StatusCode != http.StatusCreated {
		d.t.Fatalf("lease: got %s %.300s", resp.Status, text)
	}
}

// TestUncurableDatabase makes a database of CouchDB's API that is there already.
func TestUncurableDatabase(t *testing.T) {
	if !isWanted(t, "pouch") {
		t.Skip("pouch was not asked for")
	}
	var s server
	s.address, s.wanted = "POUCH", "pouch"
	d := &doc{t: t, server: s, url: env(t, "POUCH"), plain: s.base(t)}
	const row = "CouchDB's API: a database that exists"
	database := func(cause ifmatch.Cause, opts ...ifmatch.Option) ifmatch.Outcome {
		resp, o := d.send(s.client(t, ifmatch.Resend, opts...), "PUT", nil, nil)
		if resp.StatusCode != http.StatusPreconditionFailed || o.Effect != ifmatch.EffectNotApplied || o.Cause != cause || len(o.Exchanges) != 1 {
			t.Errorf("got %s, %v, %v, %s", resp.Status, o.Effect, o.Cause, sentList(o))
		}
		return o
	}
	o := database(ifmatch.CauseUnattributed)
	saw(t, "refusals of the others", row, "answer", "412")
	saw(t, "refusals of the others", row, "cause", "stops: "+o.Cause.String())
	saw(t, "refusals of the others", row, "sent", sentList(o))
	o = database(ifmatch.CauseExists, ifmatch.WithDialect(couchdb.Dialect()))
	saw(t, "refusals of the others", row, "with its dialect", "stops: "+o.Cause.String()+", "+sentList(o))
}

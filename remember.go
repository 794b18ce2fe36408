package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/memory"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// ErrNotRemembered says that a flow of Remember has met the URL of a write and has seen
// nothing whole that could guard the write. Nothing was sent. The error's text says why,
// and what helps.
var ErrNotRemembered = errors.New("ifmatch: the flow has nothing that guards the write")

// Remember returns a context whose reads guard its writes. What is called with it, or
// with a context made from it, is one flow. To a URL that the flow has met, each PUT,
// PATCH and DELETE goes out under what the flow has seen whole, or not at all: a
// Transport of this package puts the precondition on it, or returns ErrNotRemembered. The
// policy decides on a refusal, as on the refusal of any other guarded write. Under Resend
// the last writer wins as always, and Outcome.Overwrote is true.
//
// These guard the next write of a URL:
//
//   - The ETag of a GET that was answered with 200, once its body was read to its end. It
//     has to be strong, unless the dialect says WeakTags. Where only white space is left, as
//     json.Decoder leaves it, Close reads on to the end, for up to 64 KiB and 50 ms.
//   - The ETag in the answer to the flow's own PUT, where the body that the caller sent
//     was stored.
//   - If-None-Match: *, after a read with 404 or 410, and after the flow's own DELETE.
//
// HEAD, 206, 304, a body that isn't read, and what a policy or an Update stored are never
// a guard: the guard that there was stays. After a refusal, a failure or a lost answer it
// stays, too, so that the next write is refused rather than let through. A read without a
// usable ETag, an accepted write whose answer has none, PATCH, and an accepted POST or
// other method leave nothing that guards: then GET again.
//
// A write with a precondition of its own, with Content-Range or with a signature that was
// made above the Transport goes out as it is, unless its API ignores it, and so do POST and
// all other methods. So does a write to a URL that the flow never met, and Outcome.Unguarded
// is true then. What a server ignores, such as an If-Unmodified-Since without a date, is no
// precondition. A flow remembers 4096 URLs, and takes every other one for met after that.
// Forget takes one back.
//
// A redirect (307, 308) that http.Client follows makes a write to another URL: that one is
// guarded by what the flow has seen of it, and goes out as it is where the flow never met it.
// Two spellings of a URL are one URL. Where only the spelling of an internationalized host
// differs from what the flow has met, the write isn't sent. A Request.Host that differs from
// the URL's makes another URL, whatever server is behind both.
//
// The GETs of a flow that leave Accept-Encoding to net/http ask for identity, since the
// tag of a compressed answer guards no write of the plain state. An answer in gzip all the
// same is decoded, as net/http does, and guards nothing.
//
// One flow is one line of work, such as one request that a server handles. It may be used
// concurrently, but two goroutines in it are one writer: what one has read guards what the
// other made of an older state, and replaces unseen what came between. Give each line of
// work a flow of its own. Each call of Remember begins one that knows nothing of others,
// also when ctx has one. A flow lives as long as a context that has it.
func Remember(ctx context.Context) context.Context {
	in := scopedIn(ctx)
	in.flow, in.aside = new(memory.Flow), nil
	return in
}

// Forget makes the flow of ctx forget a URL: the next write of it goes out as it is. Without a flow it does nothing, and so it does
// where url can't be parsed.
func Forget(ctx context.Context, url string) {
	if s := scopeOf(ctx); s != nil && s.flow != nil {
		s.flow.Forget(parsed(url))
	}
}

// parsed is a URL of a text, empty where it can't be parsed.
func parsed(text string) *url.URL {
	if u, err := url.Parse(text); err == nil {
		return u
	}
	return new(url.URL)
}

// aside is a part of a flow whose reads and writes the flow itself doesn't see: a call
// that a Transport or a policy makes for another one, or an Update.
type aside struct{ ended atomic.Bool }

// besideFlow returns a context for such a part, and a function that ends it: a context may
// be used again when the call that it was made for is over. Without a flow ctx is enough.
func besideFlow(ctx context.Context) (context.Context, func()) {
	s := scopeOf(ctx)
	if s == nil || s.flow == nil || s.besideFlow() {
		return ctx, func() {}
	}
	in, a := scopedIn(ctx), new(aside)
	in.aside = a
	return in, func() { a.ended.Store(true) }
}

// meetBeside tells the flow of ctx, where there is one, that something beside it has written
// the URL.
func meetBeside(ctx context.Context, u *url.URL) {
	if s := scopeOf(ctx); s != nil && s.flow != nil {
		s.flow.MeetAside(u)
	}
}

// besideFlow reports whether the flow doesn't see what is read and written.
func (s *scope) besideFlow() bool { return s.aside != nil && !s.aside.ended.Load() }

// remembered is RoundTrip for a call of a flow. It puts the guard on a write before the
// call is made, so that the call treats the write as any other under a precondition, and
// shows the answers to the flow. What the call itself sends below isn't the flow's.
func (t *Transport) remembered(base http.RoundTripper, req *http.Request, s *scope) (*http.Response, error) {
	d := t.dialectFor(req, s)
	visit := s.flow.Visit(req, s.besideFlow()).Under(d)
	ctx, end := besideFlow(req.Context())
	defer end()
	sent := req.WithContext(ctx)
	if memory.Reads(req.Method) {
		resp, err := t.newCall(flowReader{base, visit}, sent).begin(t.plan(sent, s, d))
		if resp != nil && resp.Request == sent {
			resp.Request = req
		}
		return resp, err
	}
	unguarded, err := t.guardInFlow(sent, visit, d)
	if err == nil {
		err = unguardedBy(sent, d) // with the guard that it has now
	}
	if err == nil && d.ReplacesOnCreate(sent) {
		err = unguardedErr(sent, d, ignoresCreate)
	}
	if err != nil {
		return nil, endUnsent(err, req)
	}
	c := t.newCall(base, sent)
	c.told.unguarded(unguarded)
	resp, err := c.begin(t.plan(sent, s, d))
	if err == nil {
		c.showAccepted(visit, resp)
	}
	return resp, err
}

// flowReader is the base of a read of a flow: it asks for identity, and shows the answer to
// the flow.
type flowReader struct {
	base  http.RoundTripper
	visit memory.Visit
}

// RoundTrip sends a copy of req, and returns the answer as an answer to req.
func (r flowReader) RoundTrip(req *http.Request) (*http.Response, error) {
	read, answered := r.visit.Read(req), false
	defer func() {
		if !answered {
			read.Failed()
		}
	}()
	resp, err := r.base.RoundTrip(read.Request)
	if err != nil || resp == nil {
		return resp, err
	}
	answered = true
	if resp.Request == read.Request {
		resp.Request = req
	}
	transport := below(r.base).Transport
	read.Answered(resp, transport == nil || !transport.DisableCompression)
	return resp, nil
}

// guardInFlow puts the guard on a write of a flow, in a new header, where the write has none
// of its own. unguarded says that there is none, since the flow never met the URL. An error
// says that nothing may be sent. Where a function of the dialect panics the body is closed.
func (t *Transport) guardInFlow(write *http.Request, visit memory.Visit, d *guard.Dialect) (unguarded bool, err error) {
	if !memory.Writes(write.Method) {
		return false, nil
	}
	done := false
	defer closeBodyUnless(&done, write)
	g, known := d.Of(write), visit.Known()
	own := t.goesAsIs(write, &g, d)
	done = true
	why := unguardable(known, d)
	switch {
	// A Transport above has put the guard on it, and doesn't know of the dialect.
	case own && visit.Aside() && d.Misplaces(&g) && isGuard(known, &g):
		why = "its dialect is set on a Transport below: give WithDialect to the Transport above, too"
	case own:
		return false, nil
	case known == memory.Known{}:
		return true, nil
	}
	if why != "" {
		return false, &unsentError{fmt.Errorf("ifmatch: %s %q: %w: %s; or give the write a precondition of its own, or call Forget",
			write.Method, redact.URL(write.URL), ErrNotRemembered, why)}
	}
	write.Header = field.Clone(write.Header)
	if known.Absent {
		field.Set(write.Header, "If-None-Match", "*")
	} else {
		field.Set(write.Header, "If-Match", known.Tag)
	}
	return false, nil
}

// unguardable is why what a flow knows can't guard a write, and what helps; empty where it can.
func unguardable(known memory.Known, d *guard.Dialect) memory.Reason {
	switch {
	case known.Closed != "":
		return known.Closed
	case d.OwnPlaces():
		return "its API doesn't look at If-Match: give the write a version in its place"
	case known.Absent && d.NoCreate:
		return "nothing was there, and its API has no write that only creates: GET it again"
	case etag.Weak(known.Tag) && !d.WeakTags:
		return "the state that was read last has a weak ETag, which guards no write: GET it again, or use a dialect with WeakTags"
	}
	return ""
}

// isGuard reports whether a precondition is the one that a flow would give.
func isGuard(known memory.Known, g *guard.Guard) bool {
	return known.Absent && g.Kind == guard.Create || known.Tag != "" && g.Names(known.Tag)
}

// goesAsIs reports whether a write has a precondition of its own, or can't be given one.
func (t *Transport) goesAsIs(write *http.Request, g *guard.Guard, d *guard.Dialect) bool {
	return g.Kind != guard.None && !g.Ignored(write.Header) || field.Lines(write.Header, "Content-Range") != nil || d.Signed(write) != "" ||
		d.LooksIntoBody(write) && t.versionInBody(write, d)
}

// versionInBody reports whether the body of a write is seen to have a version of the
// dialect. A body without GetBody can't be looked into before it is sent.
func (t *Transport) versionInBody(write *http.Request, d *guard.Dialect) bool {
	if write.GetBody == nil {
		return false
	}
	body, err := write.GetBody()
	if err != nil || body == nil {
		return false
	}
	defer body.Close()
	data, err := drain.UpTo(body, t.effective().maxRepresentation, write.ContentLength)
	if err != io.EOF {
		return false
	}
	versions, _ := d.VersionsIn(data, write) // none where it fails
	return len(versions) > 0
}

// showAccepted shows the flow an answer that accepted a write of it.
func (c *call) showAccepted(visit memory.Visit, resp *http.Response) {
	o := &c.told.outcome
	// What was redirected so may have been performed before.
	mayBe := succeeds(resp) || semantics.SeeOther(resp.StatusCode)
	// Refused, whatever the status, or failed.
	if c.reads(c.req) || o.Effect == EffectNotApplied || o.Effect == EffectUnknown && !mayBe {
		return
	}
	// The id says whose write it was, and nothing of the bytes that are there now.
	byID := o.Cause == CauseOwnEarlierWrite && c.sent.writeID != ""
	visit.Accepted(c.req, resp, memory.Wrote{Applied: o.Effect == EffectApplied && !byID, Own: o.Replaced == nil})
}

package ifmatch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
	"github.com/ifmatch-go/ifmatch/internal/replay"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// inBodyOrNone reports whether there is no precondition that could be left out.
func (g guard) inBodyOrNone() bool {
	for _, p := range g.placed {
		if p.Sent.Where() == dialect.Body {
			return true // without it the API may take the write for another one
		}
	}
	return g.kind == guardNone
}

// readGuard looks for a version in the body of a refused write, where the dialect
// has one there and there is no other. The body of a write that can't be had
// again isn't looked into: there is nothing to send then.
func (c *call) readGuard() error {
	if !c.dialect.inBody(c.sent.write) || c.sent.payload.Empty() || c.sent.guard.kind != guardNone && c.sent.guard.placed == nil {
		return nil
	}
	elsewhere := c.sent.guard.placed != nil // then the body may be anything
	body, err := c.bodyOf(&c.sent.payload)
	if err != nil {
		return unless(elsewhere && !maybeJSON(c.sent.write.Header), err)
	}
	all := c.sent.guard.placed
	for _, t := range c.dialect.tokens {
		if t.Sent.Where() != dialect.Body || !isFor(t, c.sent.write) {
			continue
		}
		member, err := jsonedit.Find(body, t.Sent.Name())
		if err != nil {
			return unless(elsewhere && !errors.Is(err, jsonedit.ErrTwice), fmt.Errorf("ifmatch: dialect %s: the body that was sent: %w", c.dialect.Name, err))
		}
		if value := member.Text(); value != "" {
			all = append(all[:len(all):len(all)], placed{Token: t, value: value})
		}
	}
	switch {
	case all != nil:
		c.sent.foundInBody(placedGuard(all))
	case c.createsWithoutVersion():
		c.sent.foundInBody(guard{kind: guardCreate})
	}
	return nil
}

// maybeJSON reports whether a body may be JSON by its Content-Type.
func maybeJSON(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return kind == "" || strings.HasSuffix(strings.ToLower(strings.TrimSpace(kind)), "json")
}

func unless(condition bool, err error) error {
	if condition {
		return nil
	}
	return err
}

// createsWithoutVersion reports whether a refused write without a version was one
// that only creates. Then createPlace has nothing to put.
func (c *call) createsWithoutVersion() bool {
	places := c.dialect.createPlace(c.sent.write)
	return places != nil && places[0].value == "" &&
		(c.refused.verdict.Kind() == dialect.KindConflict || c.refused.verdict.Kind() == dialect.KindExpired)
}

// bodyOf returns the body of a write that was sent, at most WithMaxRepresentation
// bytes of it.
func (c *call) bodyOf(sent *replay.Body) ([]byte, error) {
	if err := sent.Reason(); err != nil {
		return nil, err
	}
	if sent.Empty() {
		return nil, nil
	}
	if sent.Length() > c.maxRepresentation {
		return nil, fmt.Errorf("%w: %w: a body of %d bytes may carry a version, and WithMaxRepresentation is %d", ErrNotReplayable, ErrTooLarge, sent.Length(), c.maxRepresentation)
	}
	body, err := sent.Open(c.awaitDone)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := drain.UpTo(body, c.maxRepresentation, sent.Length())
	if err != io.EOF {
		return nil, fmt.Errorf("%w: read body: %w", ErrNotReplayable, err)
	}
	return data, nil
}

// asksBody reports whether the version is in the body of a refresh's answer, so
// that HEAD can't say.
func (c *call) asksBody(g *guard) bool {
	for _, p := range g.placed {
		if p.Current.Where() == dialect.Body {
			return true
		}
	}
	return false
}

// readsVersion reports whether the body of a refresh's answer is read for the
// version in it.
func (c *call) readsVersion(resp *http.Response) bool {
	for _, p := range c.sent.guard.placed {
		if p.Current.In(resp.Header).Where() == dialect.Body {
			return true
		}
	}
	if c.sent.guard.placed != nil || etag.Of(resp.Header).ETag != "" {
		return false
	}
	for _, t := range c.dialect.Tokens {
		if t.Current.Where() == dialect.Body {
			return true
		}
	}
	return false
}

// validatorsIn returns what the answer to a refresh has for the guard. versions
// is nil where they are the validators of RFC 9110.
func (c *call) validatorsIn(h http.Header, body []byte, g guard) (v Validators, versions []string, err error) {
	if g.placed == nil {
		return c.dialect.validators(h, body), nil, nil
	}
	if versions, err = currentVersions(g.placed, h, body); err != nil {
		return v, nil, err
	}
	learnKinds(g.placed, h, body)
	return Validators{ETag: joined(versions), LastModified: etag.Of(h).LastModified}, versions, nil
}

// learnKinds notes what kinds of JSON value the versions have in an answer.
func learnKinds(all []placed, h http.Header, doc []byte) {
	for i, p := range all {
		at := p.Current.In(h)
		if at.Where() != dialect.Body {
			continue
		}
		all[i].kind = jsonedit.String
		if m, err := jsonedit.Find(doc, at.Name()); err == nil && m.Kind() == jsonedit.Number {
			all[i].kind = jsonedit.Number
		}
	}
}

// validators returns those of RFC 9110 in an answer, with an entity-tag from the
// body where the dialect has it there and the header has none.
func (d *preparedDialect) validators(h http.Header, body []byte) Validators {
	v := Validators(etag.Of(h))
	if v.ETag != "" {
		return v
	}
	for _, t := range d.Tokens {
		if !t.Tag || t.Current.Where() != dialect.Body {
			continue
		}
		if tag, err := currentVersion(t, h, body); err == nil && etag.Valid(tag) {
			v.ETag = tag
			break
		}
	}
	return v
}

// joined is several versions in one text.
func joined(versions []string) string { return strings.Join(versions, ", ") }

// putVersions puts the fresh versions into the places of the next write, where they
// aren't those of RFC 9110. It returns the body to send.
func (c *call) putVersions(next *http.Request, p replay.Body, conflict *Conflict) (replay.Body, error) {
	for i, version := range conflict.refresh.versions {
		place := conflict.guard.placed[i]
		switch place.Sent.Where() {
		case dialect.Header:
			field.Set(next.Header, place.Sent.Name(), version)
		case dialect.Query:
			next.URL = setQuery(next.URL, place.Sent.Name(), version)
		case dialect.Body:
			body, err := c.bodyOf(&p)
			if err == nil {
				body, err = place.setMember(body, version)
			}
			if err != nil {
				return p, fmt.Errorf("ifmatch: dialect %s: %w", c.dialect.Name, err)
			}
			p = replay.From(body)
			replay.DropDescription(next, c.sent.write.Header)
		}
	}
	return p, nil
}

// dropPlaced removes versions from a header, which may be nil, and returns the URL
// without them.
func dropPlaced(h http.Header, u *url.URL, all []placed) *url.URL {
	for _, p := range all {
		switch p.Sent.Where() {
		case dialect.Header:
			field.Drop(h, p.Sent.Name())
		case dialect.Query:
			u = setQuery(u, p.Sent.Name(), "")
		}
	}
	return u
}

// withVersionsOf returns doc with the versions that another document has in its
// members: they are no edit of anybody's.
func (d *preparedDialect) withVersionsOf(write *http.Request, other, doc *jsonedit.Document) (*jsonedit.Document, error) {
	var pointers []string
	for _, t := range d.tokens {
		if t.Sent.Where() == dialect.Body && isFor(t, write) {
			pointers = append(pointers, t.Sent.Name())
		}
	}
	return doc.WithMembersOf(other, pointers)
}

// ownPlaces reports whether the dialect has a version elsewhere than RFC 9110 has
// it.
func (d *preparedDialect) ownPlaces() bool { return len(d.Tokens) > 0 && !d.Tokens[0].Tag }

// firstPlace is where a version goes into a write that has none, nil where the
// dialect has it where RFC 9110 has it.
func (d *preparedDialect) firstPlace(write *http.Request, hasBody bool) []placed {
	if !d.ownPlaces() {
		return nil
	}
	var places []placed
	for _, t := range d.Tokens {
		if !t.Tag && isFor(t, write) && (t.Sent.Where() != dialect.Body || hasBody) && (places == nil || t.Also) {
			places = append(places, placed{Token: t})
		}
	}
	return places
}

// createPlace is what a write carries that may only create, nil where it is what
// RFC 9110 has: If-None-Match: *. An API whose version is in the body takes one
// without it for that.
func (d *preparedDialect) createPlace(write *http.Request) []placed {
	places := d.firstPlace(write, true)
	if places == nil || places[0].Create == "" && places[0].Sent.Where() != dialect.Body {
		return nil
	}
	places[0].value = places[0].Create
	return places[:1]
}

// putPlaced puts versions into the header and the URL of a request.
func putPlaced(req *http.Request, all []placed) {
	for _, p := range all {
		switch p.Sent.Where() {
		case dialect.Header:
			field.Set(req.Header, p.Sent.Name(), p.value)
		case dialect.Query:
			req.URL = setQuery(req.URL, p.Sent.Name(), p.value)
		}
	}
}

// misplaced returns the error of an Update that doesn't know of the dialect down
// here: its version stands where the API doesn't look.
func (c *call) misplaced() error {
	if !c.traits.update || semantics.Safe(c.req.Method) {
		return nil
	}
	g := c.dialect.guardOf(c.req)
	if g.placed == nil && g.kind != guardNone && c.dialect.ownPlaces() || g.kind == guardCreate && c.dialect.NoCreate {
		return &dialectError{fmt.Errorf("ifmatch: dialect %s is that of a Transport below: give WithDialect to Get, Update and NewResource too", c.dialect.Name)}
	}
	return nil
}

// dialectError is the error of a call that was never sent, since its dialect can't
// work. A Transport above doesn't repeat it.
type dialectError struct{ error }

func (e *dialectError) Unwrap() error { return e.error }

// mergePatch is the media type of WithPatch.
func (d *preparedDialect) mergePatch() string {
	if d.MergePatch == "" {
		return "application/merge-patch+json" // RFC 7396
	}
	return d.MergePatch
}

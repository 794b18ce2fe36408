package guard

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Dialect is a dialect.Dialect that was looked at once. What that leaves unset stays
// so, and is as in RFC 9110: the zero Dialect is RFC 9110. Without a Judge the status
// of an answer says all.
//
// A Dialect is never changed after Prepare, and may be used concurrently.
type Dialect struct {
	dialect.Dialect
	Err error // why it can't work; nil if it can

	own    []dialect.Token     // those that aren't as in RFC 9110
	inBody bool                // a write may carry one in its body
	spells bool                // a token has a spelling of its own
	tagIn  dialect.Place       // the field that an answer has the entity-tag in, where that isn't ETag
	shows  bool                // a refusal has the current version of a token
	spell  func(string) string // an entity-tag as If-Match has it; nil: as in RFC 9110
}

// Prepare looks at a dialect.
func Prepare(d dialect.Dialect) *Dialect {
	switch {
	case d.Name == "" && d.Tokens == nil && d.Judge == nil:
		d.Name = dialect.RFC9110().Name
	case d.Name == "":
		d.Name = "without a name"
	}
	d.WriteIDField = http.CanonicalHeaderKey(d.WriteIDField)
	made := &Dialect{Dialect: d}
	if err := d.Check(); err != nil {
		made.Err = fmt.Errorf("ifmatch: %w", err)
	}
	made.Tokens, made.Statuses = slices.Clone(d.Tokens), slices.Clone(d.Statuses)
	made.Conditions, made.RefreshOrigins = slices.Clone(d.Conditions), slices.Clone(d.RefreshOrigins)
	for _, t := range d.Tokens {
		made.noteToken(t)
	}
	return made
}

// noteToken takes note of what one token asks for.
func (d *Dialect) noteToken(t dialect.Token) {
	d.spells = d.spells || t.Write != nil
	d.shows = d.shows || t.Refusal != nil
	if !t.Tag {
		d.own = append(d.own, t)
		d.inBody = d.inBody || t.Sent.Where() == dialect.Body
		return
	}
	if t.Sent != dialect.InHeader("If-Match") {
		return
	}
	if d.spell == nil {
		d.spell = t.Write
	}
	if d.tagIn == (dialect.Place{}) && t.Current.Where() == dialect.Header && t.Current != dialect.InHeader("ETag") {
		d.tagIn = t.Current
	}
}

// Of returns the precondition of a request. What its body carries isn't looked at.
func (d *Dialect) Of(req *http.Request) Guard {
	var all []Version
	for _, t := range d.own {
		if !isFor(t, req) {
			continue
		}
		switch value, n := sentIn(t.Sent, req); {
		case n > 1:
			return Guard{Kind: Foreign, Field: t.Sent.String()}
		case n == 1:
			all = append(all, sent(t, value))
		}
	}
	if all == nil {
		return inFields(req, d)
	}
	if g := foreign(req, d); g.Kind == Foreign {
		return g
	}
	for _, name := range semantics.Preconditions {
		if field.Lines(req.Header, name) != nil && !d.sends(name) {
			return Guard{Kind: Conflicting}
		}
	}
	return OfVersions(all)
}

// knows reports whether a field that looks like a condition is one that the
// dialect has a token in for such a request, or tells apart.
func (d *Dialect) knows(name string, req *http.Request) bool {
	return slices.ContainsFunc(d.Conditions, func(c string) bool { return strings.EqualFold(c, name) }) ||
		slices.ContainsFunc(d.own, func(t dialect.Token) bool {
			if t.Sent == dialect.InIf() && name == "If" {
				_, n := sentIn(t.Sent, req)
				return n == 1 && isFor(t, req)
			}
			return t.Sent == dialect.InHeader(name) && isFor(t, req)
		})
}

// sends reports whether a token of the dialect is in this field.
func (d *Dialect) sends(name string) bool {
	return slices.ContainsFunc(d.own, func(t dialect.Token) bool { return t.Sent == dialect.InHeader(name) })
}

// RefusesWith reports whether a status may refuse a write.
func (d *Dialect) RefusesWith(status int) bool {
	if d.Statuses == nil {
		return status == http.StatusPreconditionFailed || status == http.StatusPreconditionRequired
	}
	return slices.Contains(d.Statuses, status)
}

// Guards reports whether repeating a request can't apply it twice: a PUT or
// DELETE under exactly one strong tag or version, or under If-None-Match: *. After the
// first refusal of a call a PATCH under one strong tag counts too. A version in the body
// isn't looked for.
func (d *Dialect) Guards(req *http.Request, afterRefusal bool) bool {
	if !MayRepeat(req, afterRefusal) {
		return false
	}
	g := d.Of(req)
	return d.GuardsBy(req, &g, afterRefusal)
}

// MayRepeat reports whether a request is of a kind that a guard lets be repeated.
func MayRepeat(req *http.Request, afterRefusal bool) bool {
	switch {
	case req.Method == http.MethodPut || req.Method == http.MethodDelete:
	case req.Method == http.MethodPatch && afterRefusal:
	default:
		return false
	}
	return field.Lines(req.Header, "Content-Range") == nil
}

// GuardsBy is Guards for a precondition that is known, with the versions in the body.
func (d *Dialect) GuardsBy(req *http.Request, g *Guard, afterRefusal bool) bool {
	if !MayRepeat(req, afterRefusal) {
		return false
	}
	switch {
	case g.Versions == nil && d.OwnPlaces():
		return false // the API doesn't look there
	case g.oneStrong():
		return true
	case g.Kind == Tags:
		return d.WeakTags && len(g.Tags) == 1
	case g.Kind == Create:
		return req.Method != http.MethodPatch && !d.NoCreate
	}
	return false
}

// Conditional reports whether a write has, or may have, a precondition that a refusal can
// be about. It allocates nothing, and takes a body that may hold a version for one.
func (d *Dialect) Conditional(req *http.Request) bool {
	return len(d.own) > 0 || semantics.Conditional(req.Header)
}

// OwnPlaces reports whether the dialect has a version elsewhere than RFC 9110 has
// it.
func (d *Dialect) OwnPlaces() bool { return len(d.Tokens) > 0 && !d.Tokens[0].Tag }

// Misplaces reports whether the API doesn't look where the guard of a write has its
// version, or ignores that the write only creates.
func (d *Dialect) Misplaces(g *Guard) bool {
	return g.Versions == nil && g.Kind != None && d.OwnPlaces() || g.Kind == Create && d.NoCreate
}

// FirstPlaces is where a version goes into a write that has none, nil where the
// dialect has it where RFC 9110 has it.
func (d *Dialect) FirstPlaces(write *http.Request, hasBody bool) []Version {
	if !d.OwnPlaces() {
		return nil
	}
	var places []Version
	for _, t := range d.Tokens {
		if !t.Tag && isFor(t, write) && (t.Sent.Where() != dialect.Body || hasBody) && (places == nil || t.Also) {
			places = append(places, Version{Token: t})
		}
	}
	return places
}

// CreatePlaces is what a write carries that may only create, nil where it is what
// RFC 9110 has: If-None-Match: *. An API whose version is in the body takes one
// without it for that.
func (d *Dialect) CreatePlaces(write *http.Request) []Version {
	places := d.FirstPlaces(write, true)
	if places == nil || places[0].Create == "" && places[0].Sent.Where() != dialect.Body {
		return nil
	}
	places[0].Value = places[0].Create
	return places[:1]
}

// CreatesWithoutVersion reports whether a write that has no version is one that only
// creates. Then CreatePlaces has nothing to put. With NoCreate it replaces what is there.
func (d *Dialect) CreatesWithoutVersion(write *http.Request) bool {
	if d.NoCreate {
		return false
	}
	places := d.CreatePlaces(write)
	return places != nil && places[0].Value == ""
}

// LooksIntoBody reports whether the body of a write may carry a version.
func (d *Dialect) LooksIntoBody(req *http.Request) bool {
	return d.inBody && !semantics.Safe(req.Method) &&
		slices.ContainsFunc(d.own, func(t dialect.Token) bool { return isMember(t, req) })
}

// isMember reports whether a write may carry the version of a token in its body.
func isMember(t dialect.Token, write *http.Request) bool {
	return t.Sent.Where() == dialect.Body && isFor(t, write)
}

// VersionsIn returns the versions that the body of a write has in its members. The
// errors are those of jsonedit.Find.
func (d *Dialect) VersionsIn(body []byte, write *http.Request) ([]Version, error) {
	var all []Version
	for _, t := range d.own {
		if !isMember(t, write) {
			continue
		}
		member, err := jsonedit.Find(body, t.Sent.Pointer())
		if err != nil {
			return nil, err
		}
		if value := member.Text(); value != "" {
			all = append(all, sent(t, value))
		}
	}
	return all, nil
}

// WithVersionsOf returns doc with the versions that another document has in its
// members: they are no edit of anybody's.
func (d *Dialect) WithVersionsOf(write *http.Request, other, doc *jsonedit.Document) (*jsonedit.Document, error) {
	var pointers []string
	for _, t := range d.own {
		// The documents are states: what is beside the state of a write isn't in them.
		if inState, is := strings.CutPrefix(t.Sent.Name(), d.WriteState); is && isMember(t, write) && inState != "" && inState[0] == '/' {
			pointers = append(pointers, inState)
		}
	}
	return doc.WithMembersOf(other, pointers)
}

// ReadsBody reports whether the body of a refresh's answer, with this header, is
// read for the version in it.
func (d *Dialect) ReadsBody(g *Guard, h http.Header) bool {
	if g.Versions != nil {
		return slices.ContainsFunc(g.Versions, func(v Version) bool { return v.Current.In(h).Where() == dialect.Body })
	}
	return d.ofFields(h).ETag == "" && slices.ContainsFunc(d.Tokens, func(t dialect.Token) bool { return t.Current.Where() == dialect.Body })
}

// Current returns what the answer to a refresh has for the guard of a write: its
// validators, and the versions that go into places of the dialect. Those are nil
// where the validators are those of RFC 9110; otherwise ETag has them in one text.
// body is nil where it wasn't read.
func (d *Dialect) Current(g *Guard, h http.Header, body []byte) (etag.Validators, []Version, error) {
	if g.Versions == nil {
		return d.Validators(h, body), nil, nil
	}
	versions, err := Current(g.Versions, h, body)
	if err != nil {
		return etag.Validators{}, nil, err
	}
	return etag.Validators{ETag: Text(versions), LastModified: etag.Of(h).LastModified}, versions, nil
}

// Validators returns those of RFC 9110 in an answer, with an entity-tag from the
// body where the dialect has it there and the header has none.
func (d *Dialect) Validators(h http.Header, body []byte) etag.Validators {
	v := d.ofFields(h)
	if v.ETag != "" {
		return v
	}
	for _, t := range d.Tokens {
		if !t.Tag || t.Current.Where() != dialect.Body {
			continue
		}
		tag, err := current(Version{Token: t}, h, body)
		if err != nil {
			continue
		}
		if t.Write != nil {
			tag.Value = asTag(t.Write, tag.Value)
		}
		if etag.Valid(tag.Value) {
			v.ETag = tag.Value
			break
		}
	}
	return v
}

// WithoutValidators returns a copy of the header of an answer without its validators: those
// of RFC 9110, and the fields that the dialect has versions in.
func (d *Dialect) WithoutValidators(h http.Header) http.Header {
	h = field.Clone(h)
	field.Drop(h, "Etag")
	field.Drop(h, "Last-Modified")
	for _, t := range d.Tokens {
		if at := t.Current.In(h); at.Where() == dialect.Header || at.Where() == dialect.HeaderMember {
			field.Drop(h, at.Name())
		}
	}
	return h
}

// PatchType is the media type of a merge patch.
func (d *Dialect) PatchType() string {
	if d.MergePatch == "" {
		return "application/merge-patch+json" // RFC 7396
	}
	return d.MergePatch
}

// HidesState reports whether the refresh of a write doesn't have the state that it
// replaces.
func (d *Dialect) HidesState(write *http.Request) bool {
	return d.VersionOnly != nil && d.VersionOnly(ForDialect(write))
}

// ForDialect is a write as a function of a dialect gets it: a copy without the body.
func ForDialect(write *http.Request) *http.Request {
	request := *write
	request.Body, request.GetBody, request.Header = nil, nil, field.Canonical(write.Header)
	if write.URL != nil {
		at := *write.URL
		request.URL = &at
	}
	return &request
}

// Unheeded is the condition of a write that the API ignores, with what it looks at instead;
// empty where there is none.
func (d *Dialect) Unheeded(write *http.Request) string {
	if d.Ignores == nil || semantics.Safe(write.Method) {
		return ""
	}
	return d.Ignores(ForDialect(write))
}

// ReplacesOnCreate reports whether a write that is to create only would replace what is there,
// because the API ignores If-None-Match: *.
func (d *Dialect) ReplacesOnCreate(write *http.Request) bool {
	// A POST makes a document of its own, as a rule, and a DELETE none.
	if !d.NoCreate || semantics.Safe(write.Method) || write.Method == http.MethodPost || write.Method == http.MethodDelete {
		return false
	}
	_, wildcard, ok := etag.ParseList(field.Lines(write.Header, "If-None-Match"))
	return ok && wildcard
}

// Signed is SignedAbove for a request of an API that may have signatures of its own.
func (d *Dialect) Signed(req *http.Request) string {
	if scheme := SignedAbove(req); scheme != "" || d.SignedAbove == nil || req.URL == nil {
		return scheme
	}
	return d.SignedAbove(ForDialect(req))
}

// Returns reports whether the body of a success to a write is the state that the write has
// made.
func (d *Dialect) Returns(write *http.Request) bool {
	return d.ReturnsState != nil && d.ReturnsState(ForDialect(write))
}

// ErrHidden is why a state can't be had, where HidesState says so.
func (d *Dialect) ErrHidden() error {
	return fmt.Errorf("dialect %s: the refresh of such a write has its version, but not the state that it replaces", d.Name)
}

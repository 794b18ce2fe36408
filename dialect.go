package ifmatch

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// Dialect says how one API carries the version of a state, and which of its
// answers refuse a write. RFC9110 is the default; packages under dialect/ have
// those of well-known APIs. A field that is unset is as in RFC 9110, so the zero
// Dialect is RFC9110. A Dialect is a value; its functions may be called
// concurrently and must not change what they are given.
type Dialect struct {
	// Name is used in texts.
	Name string

	// Tokens are the places where a write may carry a version. Those that a
	// refused write has are all rewritten. The first one that fits is used
	// where there is none yet: by Update, and after 428.
	Tokens []Token

	// Statuses are the answers to a write that may refuse it.
	Statuses []int

	// Judge says what an answer with one of Statuses means.
	Judge func(*Answer) Verdict

	// RefreshRequest changes the refresh, a request without body and
	// condition for the URL that was written, where the state is elsewhere. It
	// may change it in place and return it. A nil request, an error or another
	// origin ends the call with CauseRefreshFailed. The function of
	// WithRefreshRequest comes after it.
	RefreshRequest func(*http.Request) (*http.Request, error)

	// VersionOnly reports whether the refresh of such a write has its version, but
	// not the state that it replaces: that of an attachment asks its document, that
	// of a lease its blob. No policy gets that state: a call that wants it ends with
	// CauseRefreshFailed, and Get and Update are an error. Nor does its content show
	// that an earlier attempt was applied. Nil: of none.
	VersionOnly func(*http.Request) bool

	// WeakTags says that the API gives out weak entity-tags and compares them
	// in If-Match, which RFC 9110 §13.1.1 forbids. They go back byte for byte,
	// also where a strong one was refused.
	WeakTags bool

	// Conditions are header fields that look like conditions of their own,
	// such as X-Ms-Lease-Id, and that Judge tells apart by the answer. A write
	// with any other such field is left alone.
	Conditions []string

	// MergePatch is the media type of WithPatch.
	MergePatch string

	// MarkField is a header field of a write that the API stores with the
	// object and returns in the same field of a HEAD, for WithWriteMark.
	MarkField string

	// Marks reports whether a write may have a MarkField. By default each PUT
	// may that has a precondition. It is right for those that set the object's
	// metadata anyway, and wrong for a copy that takes over its source's.
	Marks func(*http.Request) bool

	// NoCreate says that the API ignores If-None-Match: *, and has no other
	// write to a URL that only creates: CreateIfAbsent is an error then.
	NoCreate bool
}

// Token is one place where a write carries a version, and where the answer to a
// refresh has the current one.
type Token struct {
	Sent    Place
	Current Place

	// Create is the value that means: only where there is nothing yet.
	Create string

	// Also says that a write of Update has this version beside the first,
	// where each covers a part of the state.
	Also bool

	// Partial says that the version covers a part of the state only: a write
	// that has no other isn't repeated after a failure.
	Partial bool

	// For reports whether such a write carries the version here; nil: all do.
	For func(*http.Request) bool

	// Number says that only a decimal number is a version.
	Number bool

	// Valid reports whether a text that a write or a refresh has there is a
	// version. What isn't one is never sent. Nil takes any text. It isn't asked
	// with Tag.
	Valid func(string) bool

	// Tag says that the version is an entity-tag, compared and written as RFC
	// 9110 §13.1 has it: If-Match may hold a list, and If-None-Match: * stands
	// for a write that only creates. Only for Sent InHeader("If-Match").
	Tag bool
}

// Place is a place in a request or in an answer. The zero Place is none.
type Place struct {
	kind placeKind
	name string
	or   *Place
}

type placeKind int

const (
	nowhere placeKind = iota
	inHeader
	inQuery
	inBody
)

// InHeader is the field with this name.
func InHeader(name string) Place { return Place{kind: inHeader, name: http.CanonicalHeaderKey(name)} }

// InQuery is the parameter with this name in the query of a request's URL.
func InQuery(name string) Place { return Place{kind: inQuery, name: name} }

// InBody is a member of a JSON object, given as an RFC 6901 pointer such as
// "/_rev". In a request, that member is rewritten and nothing else, byte for
// byte around it. Request bodies of more than WithMaxRepresentation bytes aren't
// looked into.
func InBody(pointer string) Place { return Place{kind: inBody, name: pointer} }

// Or is this place, and the other one in an answer that has nothing here. It is
// only for Token.Current.
func (p Place) Or(other Place) Place {
	p.or = &other
	return p
}

// String returns the place in words.
func (p Place) String() string {
	switch p.kind {
	case inHeader:
		return "the field " + p.name
	case inQuery:
		return "the query parameter " + p.name
	case inBody:
		return "the member " + p.name
	}
	return "nowhere"
}

// RFC9110 returns the default dialect.
func RFC9110() Dialect {
	return Dialect{
		Name: "RFC 9110",
		Tokens: []Token{
			{Sent: InHeader("If-Match"), Current: InHeader("ETag"), Tag: true},
			{Sent: InHeader("If-Unmodified-Since"), Current: InHeader("Last-Modified"), Tag: true},
		},
		Statuses:   []int{http.StatusPreconditionFailed, http.StatusPreconditionRequired},
		Judge:      (*Answer).AsRFC9110,
		MergePatch: "application/merge-patch+json",
	}
}

// dialect is a Dialect that was looked at once.
type dialect struct {
	Dialect
	tokens []Token // those that aren't as in RFC 9110
	body   bool    // a write may carry one in its body
	err    error
}

func newDialect(d Dialect) *dialect {
	defaults := RFC9110()
	if d.Name == "" && d.Tokens == nil && d.Judge == nil {
		d.Name = defaults.Name
	}
	if d.Name == "" {
		d.Name = "without a name"
	}
	if d.Tokens == nil {
		d.Tokens = defaults.Tokens
	}
	if d.Statuses == nil {
		d.Statuses = defaults.Statuses
	}
	if d.Judge == nil {
		d.Judge = defaults.Judge
	}
	if d.MergePatch == "" {
		d.MergePatch = defaults.MergePatch
	}
	d.MarkField = http.CanonicalHeaderKey(d.MarkField)
	made := &dialect{Dialect: d}
	if err := d.check(); err != nil {
		made.err = &dialectError{err}
	}
	made.Tokens, made.Statuses = slices.Clone(d.Tokens), slices.Clone(d.Statuses)
	for _, t := range d.Tokens {
		if !t.Tag {
			made.tokens = append(made.tokens, t)
			made.body = made.body || t.Sent.kind == inBody
		}
	}
	return made
}

// check returns the error of a Dialect that can't work.
func (d Dialect) check() error {
	for _, t := range d.Tokens {
		switch {
		case t.Sent.kind == nowhere || t.Current.kind == nowhere || t.Sent.name == "" || t.Current.name == "":
			return fmt.Errorf("ifmatch: dialect %s: a Token needs both places", d.Name)
		case t.Sent.or != nil || t.Current.or != nil && t.Current.or.or != nil:
			return fmt.Errorf("ifmatch: dialect %s: Or is for two places in an answer", d.Name)
		case t.Current.or != nil && (t.Current.or.kind != inHeader && t.Current.or.kind != inBody || t.Current.or.name == "" || t.Current.or.kind == inBody && !jsonedit.PointsToMember(t.Current.or.name)):
			return fmt.Errorf("ifmatch: dialect %s: Or wants a field or a member", d.Name)
		case t.Current.kind == inQuery:
			return fmt.Errorf("ifmatch: dialect %s: an answer has no query: %s", d.Name, t.Current)
		case t.Sent.kind == inBody && !jsonedit.PointsToMember(t.Sent.name), t.Current.kind == inBody && !jsonedit.PointsToMember(t.Current.name):
			return fmt.Errorf(`ifmatch: dialect %s: InBody wants an RFC 6901 pointer such as "/version"`, d.Name)
		case t.Tag && t.Sent != InHeader("If-Match") && t.Sent != InHeader("If-Unmodified-Since"):
			return fmt.Errorf("ifmatch: dialect %s: Tag is for If-Match and If-Unmodified-Since, not for %s", d.Name, t.Sent)
		}
	}
	for _, status := range d.Statuses {
		if status < 400 || status > 499 {
			return fmt.Errorf("ifmatch: dialect %s: status %d can't refuse a write: 400 to 499", d.Name, status)
		}
	}
	return nil
}

// refusesWith reports whether a status may refuse a write.
func (d *dialect) refusesWith(status int) bool {
	if d == nil {
		return status == http.StatusPreconditionFailed || status == http.StatusPreconditionRequired
	}
	return slices.Contains(d.Statuses, status)
}

// versionOnly reports whether a refresh of the write doesn't have the state that
// it replaces.
func (d *dialect) versionOnly(write *http.Request) bool {
	if d == nil || d.VersionOnly == nil {
		return false
	}
	request := *write
	request.Body, request.GetBody, request.Header = nil, nil, field.Canonical(write.Header)
	return d.VersionOnly(&request)
}

// errVersionOnly is why a state can't be had.
func (d *dialect) errVersionOnly() error {
	return fmt.Errorf("dialect %s: the refresh of such a write has its version, but not the state that it replaces", d.Name)
}

// inBody reports whether the body of a write may carry a version.
func (d *dialect) inBody(req *http.Request) bool {
	if d == nil || !d.body || semantics.Safe(req.Method) {
		return false
	}
	return slices.ContainsFunc(d.tokens, func(t Token) bool { return t.Sent.kind == inBody && t.isFor(req) })
}

// isFor reports whether a write may carry the version here.
func (t Token) isFor(req *http.Request) bool { return t.For == nil || t.For(req) }

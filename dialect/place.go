package dialect

import (
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// Place is a place in a request or in an answer. The zero Place is none.
type Place struct {
	where   Where
	name    string
	pointer string // of HeaderMember
	or      *Place
}

// Where is the part of a message that a Place is in.
type Where int

const (
	Nowhere      Where = iota
	Header             // a field
	Query              // a parameter of the URL
	Body               // a member of the JSON text
	HeaderMember       // a member of the JSON text in a field
	IfTag              // the entity-tag in the field If
)

// InHeader is the field with this name.
func InHeader(name string) Place { return Place{where: Header, name: http.CanonicalHeaderKey(name)} }

// InQuery is the parameter with this name in the query of a request's URL.
func InQuery(name string) Place { return Place{where: Query, name: name} }

// InBody is a member of a JSON object, given as an RFC 6901 pointer such as
// "/_rev". In a request, that member is rewritten and nothing else, byte for
// byte around it. Request bodies of more than WithMaxRepresentation bytes aren't
// looked into.
func InBody(pointer string) Place { return Place{where: Body, name: pointer} }

// InHeaderJSON is a member of the JSON object that a field holds, given as an RFC 6901
// pointer: InHeaderJSON("Dropbox-API-Arg", "/mode/update"). In a request that member is
// rewritten and nothing else in the field; without the field there is one with that member
// alone. A field that isn't JSON, or has several lines, is left alone.
func InHeaderJSON(name, pointer string) Place {
	return Place{where: HeaderMember, name: http.CanonicalHeaderKey(name), pointer: pointer}
}

// InIf is the entity-tag in the field If, where that has one list with that tag and nothing
// else, such as (["v1"]), or <resource> (["v1"]) (RFC 4918 §10.4). In a request the tag is
// rewritten, and the resource stays. Any other If is left alone. It is only for Token.Sent.
func InIf() Place { return Place{where: IfTag, name: "If"} }

// Or is this place, and the other one in an answer that has nothing here. It is
// only for Token.Current.
func (p Place) Or(other Place) Place {
	p.or = &other
	return p
}

// onlySent reports whether no answer has such a place.
func (p Place) onlySent() bool { return p.where == Query || p.where == IfTag }

// Where returns the part of the message.
func (p Place) Where() Where { return p.where }

// Name returns the canonical name of the field, the name of the parameter, or the
// pointer to the member.
func (p Place) Name() string { return p.name }

// Pointer returns the pointer to the member, empty where the place is none.
func (p Place) Pointer() string {
	if p.where == Body {
		return p.name
	}
	return p.pointer
}

// In returns where the answer with this header has it: here, or where Or says.
func (p Place) In(h http.Header) Place {
	if p.or != nil && (p.where != Header && p.where != HeaderMember || field.Lines(h, p.name) == nil) {
		return *p.or
	}
	return p
}

// String returns the place in words.
func (p Place) String() string {
	switch p.where {
	case Header:
		return "the field " + p.name
	case Query:
		return "the query parameter " + p.name
	case Body:
		return "the member " + p.name
	case IfTag:
		return "the entity-tag in the field If"
	case HeaderMember:
		return "the member " + p.pointer + " of the field " + p.name
	}
	return "nowhere"
}

// complaint says why there is no such place; empty where there is.
func (p Place) complaint() string {
	switch {
	case p.where == Nowhere || p.name == "":
		return "a Token needs both places"
	case p.or != nil && p.or.or != nil:
		return complaintOr
	case p.or != nil && (p.or.onlySent() || p.or.complaint() != ""):
		return "Or wants a field or a member"
	case p.where == Body && !jsonedit.PointsToMember(p.name):
		return `InBody wants an RFC 6901 pointer such as "/version"`
	case p.where == Header || p.where == HeaderMember:
		if complaint := complaintOfField(p.name); complaint != "" {
			return complaint
		}
	}
	if p.where == HeaderMember && !jsonedit.PointsToMember(p.pointer) {
		return `InHeaderJSON wants an RFC 6901 pointer such as "/version"`
	}
	return ""
}

package guard

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// Version is a version in a place of a dialect: one that a write carries, or one
// that goes into the next write. With an empty Value it is only the place.
type Version struct {
	dialect.Token
	Value string        // as a write carries it
	kind  jsonedit.Kind // that the API gave it
	other bool          // the write has it in another spelling
}

// sent returns the version of a token that a write has as this text.
func sent(t dialect.Token, text string) Version {
	v := Version{Token: t, Value: text}
	if t.Write == nil || text == t.Create && text != "" || v.isAny() {
		return v
	}
	if t.Read != nil {
		text = t.Read(text)
	}
	// What Write doesn't take for a version is looked at as it is.
	if spelled := t.Write(text); spelled != "" {
		v.other, v.Value = spelled != v.Value, spelled
	}
	return v
}

func (v Version) InBody() bool { return v.Sent.Where() == dialect.Body }

// Text is several versions in one text.
func Text(all []Version) string {
	values := make([]string, len(all))
	for i, v := range all {
		values[i] = v.Value
	}
	return strings.Join(values, ", ")
}

// OfVersions returns the guard of a write that carries versions in places of its
// dialect.
func OfVersions(all []Version) Guard {
	create := 0
	other := false
	for _, v := range all {
		other = other || v.other
		if v.check() != nil {
			return Guard{Kind: Foreign, Field: v.Sent.String()}
		}
		if v.isAny() {
			return Guard{Kind: Exists}
		}
		if v.Create != "" && v.Value == v.Create {
			create++
		}
	}
	g := Guard{Kind: Tags, Tags: []string{Text(all)}, Versions: all, Respelled: other}
	switch create {
	case 0:
	case len(all):
		g.Kind = Create
	default:
		g.Kind = Conflicting
	}
	return g
}

// isAny reports whether the value stands for any version.
func (v Version) isAny() bool {
	return v.Sent == dialect.InHeader("If-Match") && (v.Value == "*" || v.Value == etag.Wildcard)
}

// check returns why the value can't be a version. It may come from a server and go
// into a header field.
func (v Version) check() error {
	switch {
	case v.Value == "" || len(v.Value) > etag.MaxLen:
		return fmt.Errorf("%w: %s has %d bytes", etag.ErrNoValidator, v.Current, len(v.Value))
	case v.Sent.Where() == dialect.IfTag && !etag.Valid(v.Value):
		return fmt.Errorf("%w: %s is no entity-tag: %.40q", etag.ErrNoValidator, v.Current, v.Value)
	case v.Number && (strings.Trim(v.Value, "0123456789") != "" || len(v.Value) > 1 && v.Value[0] == '0'):
		return fmt.Errorf("%w: %s is no number: %.40q", etag.ErrNoValidator, v.Current, v.Value)
	case v.Valid != nil && v.Value != v.Create && !v.Valid(v.Value):
		return fmt.Errorf("%w: %s is no version: %.40q", etag.ErrNoValidator, v.Current, v.Value)
	case !utf8.ValidString(v.Value):
		return fmt.Errorf("%w: %s is not UTF-8: %.40q", etag.ErrNoValidator, v.Current, v.Value)
	case strings.ContainsFunc(v.Value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("%w: %s has a control character: %.40q", etag.ErrNoValidator, v.Current, v.Value)
	}
	return nil
}

// sentIn returns what a request has in a place, and how often. Its body isn't
// looked at.
func sentIn(p dialect.Place, req *http.Request) (value string, n int) {
	switch p.Where() {
	case dialect.Header:
		lines := field.Lines(req.Header, p.Name())
		if len(lines) > 0 {
			value = lines[0]
		}
		return value, len(lines)
	case dialect.IfTag:
		if _, tag, ok := etag.InIf(field.Lines(req.Header, p.Name())); ok {
			return tag, 1
		}
	case dialect.HeaderMember:
		return inField(field.Lines(req.Header, p.Name()), p.Pointer())
	case dialect.Query:
		if req.URL == nil {
			return "", 0
		}
		for pair := range strings.SplitSeq(req.URL.RawQuery, "&") {
			if name, text, ok := queryPair(pair); ok && name == p.Name() {
				if n == 0 {
					value = text
				}
				n++
			}
		}
	}
	return value, n
}

// inField returns what the JSON text in a field has in a member. Nobody knows what several
// lines of it mean, or what isn't JSON: that counts as more than one value.
func inField(lines []string, pointer string) (value string, n int) {
	if len(lines) != 1 {
		return "", len(lines)
	}
	member, err := jsonedit.Find([]byte(lines[0]), pointer)
	if err != nil {
		return "", 2
	}
	if value = member.Text(); value == "" {
		return "", 0
	}
	return value, 1
}

// Current returns the versions in the answer to a refresh that go into these places.
// body is nil where it wasn't read. The error wraps etag.ErrNoValidator.
func Current(places []Version, h http.Header, body []byte) ([]Version, error) {
	all := make([]Version, len(places))
	for i, place := range places {
		v, err := current(place, h, body)
		if err != nil {
			return nil, err
		}
		all[i] = v
	}
	return all, nil
}

// current returns the version in the answer to a refresh that goes into a place.
func current(v Version, h http.Header, body []byte) (Version, error) {
	place := v.Current
	at := place.In(h)
	v.Current, v.Value = at, "" // texts name the place where it was looked for
	switch at.Where() {
	case dialect.Header:
		if lines := field.Lines(h, at.Name()); len(lines) == 1 {
			v.Value = lines[0]
		}
	case dialect.Body, dialect.HeaderMember:
		if at.Where() == dialect.HeaderMember {
			body = []byte(strings.Join(field.Lines(h, at.Name()), ", "))
		}
		member, err := jsonedit.Find(body, at.Pointer())
		if err != nil {
			return Version{}, fmt.Errorf("%w: the answer: %w", etag.ErrNoValidator, err)
		}
		v.Value, v.kind = member.Text(), member.Kind()
	}
	v, err := v.spelled(at)
	v.Current = place
	return v, err
}

// spelled is a version that an answer has as its Value, in the spelling that a write carries.
// at is where the answer has it, for texts.
func (v Version) spelled(at fmt.Stringer) (Version, error) {
	switch {
	case v.Value == "":
		return Version{}, fmt.Errorf("%w: the answer has no version in %s", etag.ErrNoValidator, at)
	case v.Create != "" && v.Value == v.Create, v.isAny():
		return Version{}, fmt.Errorf("%w: %s is %s, which names no version", etag.ErrNoValidator, at, v.Value)
	}
	if v.Write != nil && !v.Tag {
		read := v.Value
		if v.Value = v.Write(read); v.Value == "" {
			return Version{}, fmt.Errorf("%w: %s is no version: %.40q", etag.ErrNoValidator, at, read)
		}
	}
	v.other = false
	if err := v.check(); err != nil {
		return Version{}, err
	}
	return v, nil
}

// Put puts versions into the header and the URL of a request, whose header may be
// changed; the URL is replaced by another one. PutIntoBody has the rest. An error says that
// a field can't take a version: the write must not be sent.
func Put(req *http.Request, all []Version) error {
	for _, v := range all {
		switch v.Sent.Where() {
		case dialect.Header:
			field.Set(req.Header, v.Sent.Name(), v.Value)
		case dialect.IfTag:
			lines := field.Lines(req.Header, v.Sent.Name())
			resource, _, ok := etag.InIf(lines)
			if !ok && lines != nil { // a lock token, say, would get lost
				return fmt.Errorf("the field %s has more than one entity-tag", v.Sent.Name())
			}
			field.Set(req.Header, v.Sent.Name(), etag.IfWith(resource, v.Value))
		case dialect.HeaderMember:
			if err := putIntoField(req.Header, v); err != nil {
				return err
			}
		case dialect.Query:
			req.URL = setQuery(req.URL, v.Sent.Name(), v.Value)
		}
	}
	return nil
}

// putIntoField puts a version into the JSON text in a field, which may not be there.
func putIntoField(h http.Header, v Version) error {
	text := strings.Join(field.Lines(h, v.Sent.Name()), ", ")
	if text == "" {
		text = "{}"
	}
	with, err := jsonedit.Put([]byte(text), v.Sent.Pointer(), v.Value, v.kindOr())
	if err != nil {
		return fmt.Errorf("the field %s: %w", v.Sent.Name(), err)
	}
	field.Set(h, v.Sent.Name(), string(with))
	return nil
}

// kindOr is the kind of JSON value that the version is written as, where its place has none.
func (v Version) kindOr() jsonedit.Kind {
	if v.kind == jsonedit.AnyKind && v.Number {
		return jsonedit.Number
	}
	return v.kind
}

// InBody reports whether one of the versions belongs into the body of a write.
func InBody(all []Version) bool {
	for _, v := range all {
		if v.InBody() {
			return true
		}
	}
	return false
}

// PutIntoBody returns a JSON text with the versions that belong into it, each in its
// member, and nothing else changed. A member that isn't there is put first into its
// object. A version without a value isn't put there.
func PutIntoBody(text []byte, all []Version) ([]byte, error) {
	for _, v := range all {
		if !v.InBody() || v.Value == "" {
			continue
		}
		with, err := jsonedit.Put(text, v.Sent.Pointer(), v.Value, v.kindOr())
		if err != nil {
			return nil, fmt.Errorf("the body: %w", err)
		}
		text = with
	}
	return text, nil
}

// DropVersions removes versions from a header, which may be nil, and returns the URL
// without them. The URL itself isn't changed.
func DropVersions(h http.Header, u *url.URL, all []Version) *url.URL {
	for _, v := range all {
		switch v.Sent.Where() {
		case dialect.Header, dialect.HeaderMember, dialect.IfTag:
			field.Drop(h, v.Sent.Name())
		case dialect.Query:
			u = setQuery(u, v.Sent.Name(), "")
		}
	}
	return u
}

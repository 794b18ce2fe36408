package ifmatch

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

// placed is a version that a write carries in a place of its dialect.
type placed struct {
	dialect.Token
	value string
	kind  jsonedit.Kind // that the API gave it
}

// guardOf reads the precondition of a request. What its body carries isn't looked
// at.
func (d *preparedDialect) guardOf(req *http.Request) guard {
	var all []placed
	for _, t := range d.tokens {
		if !isFor(t, req) {
			continue
		}
		switch value, n := sentIn(t.Sent, req); {
		case n > 1:
			return guard{kind: guardForeign, field: t.Sent.String()}
		case n == 1:
			all = append(all, placed{Token: t, value: value})
		}
	}
	if all == nil {
		return headerGuard(req.Header, d)
	}
	if field := foreignCondition(req.Header, d); field != "" {
		return guard{kind: guardForeign, field: field}
	}
	for _, name := range preconditions {
		if field.Lines(req.Header, name) != nil && !d.sends(name) {
			return guard{kind: guardConflicting}
		}
	}
	return placedGuard(all)
}

// placedGuard is the guard of a write that carries versions in places of its
// dialect.
func placedGuard(all []placed) guard {
	create := 0
	values := make([]string, len(all))
	for i, p := range all {
		if err := checkVersion(p.Token, p.value); err != nil {
			return guard{kind: guardForeign, field: p.Sent.String()}
		}
		if p.Sent == dialect.InHeader("If-Match") && (p.value == "*" || p.value == etag.Wildcard) {
			return guard{kind: guardExists}
		}
		if p.Create != "" && p.value == p.Create {
			create++
		}
		values[i] = p.value
	}
	g := guard{kind: guardTags, tags: []string{strings.Join(values, ", ")}, placed: all}
	switch create {
	case 0:
	case len(all):
		g.kind = guardCreate
	default:
		g.kind = guardConflicting
	}
	return g
}

// knows reports whether a field that looks like a condition is one that the
// dialect has a token in, or tells apart.
func (d *preparedDialect) knows(field string) bool {
	for _, name := range d.Conditions {
		if strings.EqualFold(name, field) {
			return true
		}
	}
	return d.sends(field)
}

// sends reports whether a token of the dialect is in this field.
func (d *preparedDialect) sends(field string) bool {
	for _, t := range d.tokens {
		if t.Sent == dialect.InHeader(field) {
			return true
		}
	}
	return false
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

// queryPair returns the name and the value in a part of a query.
func queryPair(pair string) (name, value string, ok bool) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(rawName)
	value, err2 := url.QueryUnescape(rawValue)
	return name, value, err == nil && err2 == nil && pair != ""
}

// checkVersion returns why a text can't be a version here. It may come from a
// server and go into a header field.
func checkVersion(t dialect.Token, value string) error {
	switch {
	case value == "" || len(value) > etag.MaxLen:
		return fmt.Errorf("%w: %s has %d bytes", ErrNoValidator, t.Current, len(value))
	case t.Number && (strings.Trim(value, "0123456789") != "" || len(value) > 1 && value[0] == '0'):
		return fmt.Errorf("%w: %s is no number: %.40q", ErrNoValidator, t.Current, value)
	case t.Valid != nil && value != t.Create && !t.Valid(value):
		return fmt.Errorf("%w: %s is no version: %.40q", ErrNoValidator, t.Current, value)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: %s is not UTF-8: %.40q", ErrNoValidator, t.Current, value)
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return fmt.Errorf("%w: %s has a control character: %.40q", ErrNoValidator, t.Current, value)
		}
	}
	return nil
}

// currentVersions returns the versions in the answer to a refresh that go into
// these places. doc is nil where the body wasn't read.
func currentVersions(all []placed, h http.Header, doc []byte) ([]string, error) {
	values := make([]string, len(all))
	for i, p := range all {
		value, err := currentVersion(p.Token, h, doc)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return values, nil
}

// currentVersion returns the version in the answer to a refresh.
func currentVersion(t dialect.Token, h http.Header, doc []byte) (string, error) {
	var value string
	t.Current = t.Current.In(h)
	switch t.Current.Where() {
	case dialect.Header:
		if lines := field.Lines(h, t.Current.Name()); len(lines) == 1 {
			value = lines[0]
		}
	case dialect.Body:
		member, err := jsonedit.Find(doc, t.Current.Name())
		if err != nil {
			return "", fmt.Errorf("%w: the answer: %w", ErrNoValidator, err)
		}
		value = member.Text()
	}
	switch {
	case value == "":
		return "", fmt.Errorf("%w: the answer has no version in %s", ErrNoValidator, t.Current)
	case t.Create != "" && value == t.Create, t.Sent == dialect.InHeader("If-Match") && (value == "*" || value == etag.Wildcard):
		return "", fmt.Errorf("%w: %s is %s, which names no version", ErrNoValidator, t.Current, value)
	}
	return value, checkVersion(t, value)
}

// setMember returns a JSON text with a version in the member where it is sent, and
// nothing else changed. A member that isn't there is put first into its object.
func (p placed) setMember(text []byte, value string) ([]byte, error) {
	kind := p.kind
	if kind == jsonedit.AnyKind && p.Number {
		kind = jsonedit.Number
	}
	made, err := jsonedit.Put(text, p.Sent.Name(), value, kind)
	if err != nil {
		return nil, fmt.Errorf("the body: %w", err)
	}
	return made, nil
}

// setMembers returns a JSON text with the versions that belong into it.
func setMembers(text []byte, all []placed) ([]byte, error) {
	for _, p := range all {
		if p.Sent.Where() != dialect.Body || p.value == "" {
			continue
		}
		with, err := p.setMember(text, p.value)
		if err != nil {
			return nil, err
		}
		text = with
	}
	return text, nil
}

// setQuery returns a URL with a version in a query parameter, and nothing else
// changed. An empty value drops the parameter.
func setQuery(u *url.URL, parameter, value string) *url.URL {
	var all, pairs []string
	if u.RawQuery != "" {
		all = strings.Split(u.RawQuery, "&")
	}
	there := false
	for _, pair := range all {
		if name, _, ok := queryPair(pair); !ok || name != parameter {
			pairs = append(pairs, pair)
			continue
		}
		there = true
		if value != "" {
			raw, _, _ := strings.Cut(pair, "=")
			pairs = append(pairs, raw+"="+url.QueryEscape(value))
		}
	}
	if !there && value != "" {
		pairs = append(pairs, url.QueryEscape(parameter)+"="+url.QueryEscape(value))
	}
	changed := *u
	changed.RawQuery = strings.Join(pairs, "&")
	return &changed
}

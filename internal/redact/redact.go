// Package redact makes texts of URLs and errors that hold no secret: no user
// information, no query value, no fragment. Signatures and tokens travel there.
package redact

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// URL is the text of u without what may be secret: user information,
// query values and fragment. Signatures and tokens travel there.
func URL(u *url.URL) string {
	if u == nil {
		return ""
	}
	clean := *u
	clean.User, clean.RawQuery, clean.Fragment, clean.RawFragment = nil, "", "", ""
	var query string
	clean.Opaque, query = opaque(u.Opaque)
	return clean.String() + names(query) + names(u.RawQuery)
}

// Name names what is at a URL in a text: its URL, which isn't made into a text before one is
// printed.
type Name struct{ At *url.URL }

func (n Name) String() string { return URL(n.At) }

// Text is URL for a URL in a text. A text that is no URL is empty.
func Text(u string) string { return quoted(u) }

// opaque returns what an Opaque, which is sent as it is, has before its query, without
// user information and fragment; and its query.
func opaque(s string) (path, query string) {
	s, _, _ = strings.Cut(s, "#")
	s, query, _ = strings.Cut(s, "?")
	rest, absolute := strings.CutPrefix(s, "//")
	authority, _, _ := strings.Cut(rest, "/")
	rest = rest[strings.LastIndex(authority, "@")+1:]
	if absolute {
		return "//" + rest, query
	}
	return rest, query
}

// names is a query with the names of its values alone, and empty where there is none.
func names(query string) string {
	if query == "" {
		return ""
	}
	var names []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, found := strings.Cut(pair, "=")
		if !found {
			name = ""
		}
		names = append(names, name+"=…")
	}
	return "?" + strings.Join(names, "&")
}

// Error is an error of http.Client with the URL as URL has it:
// net/http leaves the query and the name of the user in.
func Error(err error) error {
	e, ok := err.(*url.Error)
	if !ok {
		return err
	}
	public := *e
	public.URL = quoted(e.URL)
	public.Err = WithoutURLs(e.Err)
	return &public
}

// quoted is URL for a URL that is quoted somewhere, empty where the text is none.
func quoted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return URL(u)
}

// WithoutURLs is an error without the secrets in the URLs that it quotes: the Location that
// http.Client couldn't parse, and those of a client below the RoundTripper. It matches
// what err matches. A nil err is nil.
func WithoutURLs(err error) error {
	if err == nil {
		return nil
	}
	const badLocation = "failed to parse Location header"
	text := err.Error()
	if strings.HasPrefix(text, badLocation) {
		return errors.New(badLocation)
	}
	clean := text
	inner := (*url.Error)(nil)
	for e := err; errors.As(e, &inner); e = inner.Err {
		clean = strings.ReplaceAll(clean, strconv.Quote(inner.URL), strconv.Quote(quoted(inner.URL)))
	}
	if clean == text {
		return err
	}
	return &cleanError{clean, err}
}

// cleanError is an error with another text.
type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }
func (e *cleanError) Unwrap() error { return e.err }

// Timeout is for *url.Error, which asks only the error right below it.
func (e *cleanError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.err, &t) && t.Timeout()
}

// Brief returns err as WithoutURLs has it, or the beginning of its text where that is longer
// than what is kept of a refusal: net/http quotes a malformed line of the answer, which may
// be as long as a whole header, and the outcome keeps every error.
func Brief(err error) error {
	err = WithoutURLs(err)
	if err == nil {
		return nil
	}
	text := err.Error()
	if len(text) <= mostKept {
		return err
	}
	return errors.New(text[:mostKept] + "…")
}

// mostKept is as much of an error's text as is kept of a refusal's body.
const mostKept = 64 << 10

package hosts

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// SameOrigin reports whether two requests go to the same scheme, host and port,
// and name the same Host (RFC 9110 §4.3.1), in the same spelling of its port.
func SameOrigin(a, b *http.Request) bool {
	return equalFold(a.URL.Scheme, b.URL.Scheme) &&
		a.URL.Opaque == b.URL.Opaque && // it is sent in place of host and path
		equalFold(WithPort(a.URL), WithPort(b.URL)) &&
		equalFold(Of(a), Of(b))
}

// equalFold compares names of hosts, or schemes. Beside ASCII a letter equals itself alone:
// strings.EqualFold takes ß and ẞ for one, and IDNA makes two names of them.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// Of returns the Host that a request names.
func Of(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// WithPort returns the host of a URL with its port, also where that is the default one
// of its scheme.
func WithPort(u *url.URL) string {
	if port := u.Port(); port != "" {
		return net.JoinHostPort(u.Hostname(), port)
	}
	if equalFold(u.Scheme, "https") {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// IsOrigin reports whether a text is an origin, such as "https://api.example.com".
func IsOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Path != "" || u.Opaque != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return false
	}
	return isHost(u.Hostname()) && !strings.HasSuffix(u.Host, ":") && (u.Port() == "" || isPort(u.Port()))
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0 && text[0] != '0'
}

// isHost reports whether a text is the host of a request as Lists compares it: one that ends in
// a dot, or holds a star, would never match.
func isHost(text string) bool {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._:", r)
	}
	return text != "" && text[0] != '.' && text[len(text)-1] != '.' && !strings.Contains(text, "..") && !strings.ContainsFunc(text, odd)
}

// Lists reports whether a URL is at one of these origins, each such as
// "https://api.example.com" or "http://127.0.0.1:8080".
func Lists(origins []string, u *url.URL) bool {
	for _, origin := range origins {
		o, err := url.Parse(origin)
		if err == nil && u.Opaque == "" && equalFold(o.Scheme, u.Scheme) && equalFold(WithPort(o), WithPort(u)) {
			return true
		}
	}
	return false
}

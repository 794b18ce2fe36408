package hosts

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// SameOrigin reports whether two requests go to the same scheme, host and port,
// and name the same Host (RFC 9110 §4.3.1), in the same spelling of its port.
func SameOrigin(a, b *http.Request) bool {
	return strings.EqualFold(a.URL.Scheme, b.URL.Scheme) &&
		a.URL.Opaque == b.URL.Opaque && // it is sent in place of host and path
		strings.EqualFold(WithPort(a.URL), WithPort(b.URL)) &&
		strings.EqualFold(Of(a), Of(b))
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
	if strings.EqualFold(u.Scheme, "https") {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// Lists reports whether a URL is at one of these origins, each such as
// "https://api.example.com" or "http://127.0.0.1:8080".
func Lists(origins []string, u *url.URL) bool {
	for _, origin := range origins {
		o, err := url.Parse(origin)
		if err == nil && u.Opaque == "" && strings.EqualFold(o.Scheme, u.Scheme) && strings.EqualFold(WithPort(o), WithPort(u)) {
			return true
		}
	}
	return false
}

package memory

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"github.com/ifmatch-go/ifmatch/internal/hosts"
)

// target is what a request asks for, in one spelling (RFC 3986 §6.2.2, and a host's
// trailing dot). It is comparable.
type target struct {
	scheme, host string
	name         string // the Host that the request names, where it is another one
	path, query  string
}

// targetOf is the target of a URL, and of the Host that a request names; that may be
// empty.
func targetOf(u *url.URL, name string) target {
	host, path := u.Host, u.EscapedPath()
	// It is sent in place of the path (RFC 9112 §3.2.1), or of host and path (§3.2.2).
	if u.Opaque != "" {
		path = u.Opaque
		if authority, absolute := strings.CutPrefix(u.Opaque, "//"); absolute {
			named, rest, _ := strings.Cut(authority, "/")
			path = "/" + rest
			if name == "" || name == u.Host {
				name = named
			}
		}
	}
	of := target{
		scheme: strings.ToLower(u.Scheme),
		host:   hostOf(u.Scheme, host),
		path:   withoutDots(spelled(path, inPath)),
		query:  spelled(u.RawQuery, inQuery),
	}
	if named := hostOf(u.Scheme, name); name != "" && named != of.host {
		of.name = named
	}
	return of
}

// ofRequest is the target of a request.
func ofRequest(req *http.Request) target { return targetOf(req.URL, req.Host) }

// hostOf is a host with its port, in one spelling. The trailing dot of a name says that
// the name is whole: it is another spelling.
func hostOf(scheme, host string) string {
	u := url.URL{Scheme: scheme, Host: strings.ToLower(host)}
	name := strings.TrimSuffix(u.Hostname(), ".")
	if addr, err := netip.ParseAddr(name); err == nil {
		name = addr.String() // an IPv6 address has many spellings (RFC 5952)
	}
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port := u.Port(); port != "" {
		name += ":" + cmp.Or(strings.TrimLeft(port, "0"), "0")
	}
	return hosts.WithPort(&url.URL{Scheme: scheme, Host: name})
}

// mayBe reports whether two targets may be one, with the host in two spellings: net/http sends
// an internationalized name in its xn-- form.
func (t target) mayBe(other target) bool {
	return t.scheme == other.scheme && t.path == other.path && t.query == other.query &&
		sameSite(t.host, other.host) && sameSite(t.name, other.name)
}

// sameSite reports whether two hosts may be one. Of two that are ASCII it is known.
func sameSite(a, b string) bool {
	_, portA, _ := strings.Cut(a, ":")
	_, portB, _ := strings.Cut(b, ":")
	return a == b || portA == portB && international(a) && international(b) && (!ascii(a) || !ascii(b))
}

// international reports whether a host has a name that isn't ASCII, or stands for such a name.
func international(host string) bool { return !ascii(host) || strings.Contains(host, "xn--") }

func ascii(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// Characters that mean the same where they are escaped, beside letters and digits: those
// of a path (RFC 3986 §3.3), and those of a query that separate nothing there. The
// separators mean something else where they are escaped.
const (
	inPath     = "-._~!$&'()*+,;=:@"
	inQuery    = "-._~!$'()*,:@/?"
	separators = "/?&=+;#%"
)

// spelled returns a text with these characters unescaped, and with capitals in what is
// escaped (RFC 3986 §6.2.2). What a URL has to escape is escaped: net/http sends a query
// as it is, and a server takes it for the same.
func spelled(text, plain string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+2 >= len(text) {
			if c := text[i]; letterOrDigit(c) || strings.IndexByte(plain+separators, c) >= 0 {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
			continue
		}
		c, err := url.PathUnescape(text[i : i+3])
		switch {
		case err != nil:
			b.WriteByte(text[i])
			continue
		case letterOrDigit(c[0]) || strings.Contains(plain, c):
			b.WriteString(c)
		default:
			b.WriteString(strings.ToUpper(text[i : i+3]))
		}
		i += 2
	}
	return b.String()
}

func letterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// withoutDots removes the segments "." and ".." from a path (RFC 3986 §5.2.4). An empty
// path is "/".
func withoutDots(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	kept := make([]string, 0, len(segments))
	for i, s := range segments {
		if s != "." && s != ".." {
			kept = append(kept, s)
			continue
		}
		if s == ".." && len(kept) > 0 {
			kept = kept[:len(kept)-1]
		}
		if i == len(segments)-1 {
			kept = append(kept, "") // "/a/." is "/a/"
		}
	}
	return "/" + strings.Join(kept, "/")
}

// Package hosts finds what belongs to a host, and says whether two requests go to
// the same origin. It doesn't know what is kept for a host.
package hosts

import (
	"net"
	"net/url"
	"strings"
)

// Table has a value for each host that was set. The zero Table is empty and ready
// to use; it isn't safe for concurrent changes.
type Table[T any] struct {
	exact map[host]T
	below map[string]T // by domain, with a dot before it
	rest  T
	all   bool // rest is set
}

// host is a host as it is looked up; its port is empty where any counts.
type host struct{ name, port string }

// Set keeps v for a pattern: "api.example.com" for one host on any port,
// "127.0.0.1:8080" for one with its port, "*.example.com" for all hosts below a
// domain, "*" for all others. It reports false for a text that is no such pattern,
// and keeps nothing then.
func (t *Table[T]) Set(pattern string, v T) bool {
	pattern = strings.ToLower(pattern)
	domain, wildcard := strings.CutPrefix(pattern, "*.")
	switch {
	case pattern == "*":
		t.rest, t.all = v, true
	case pattern == "" || strings.ContainsAny(domain, "*/@?# ") || wildcard && strings.Contains(domain, ":"):
		return false
	case wildcard:
		if t.below == nil {
			t.below = make(map[string]T)
		}
		t.below["."+strings.TrimSuffix(domain, ".")] = v
	default:
		if t.exact == nil {
			t.exact = make(map[host]T)
		}
		t.exact[hostOf(pattern)] = v
	}
	return true
}

func hostOf(pattern string) host {
	if name, port, err := net.SplitHostPort(pattern); err == nil {
		return host{strings.TrimSuffix(name, "."), port}
	}
	return host{strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(pattern, "["), "]"), "."), ""}
}

// Of returns what was set for the host of a URL, by the most specific pattern, and
// false where nothing was.
func (t *Table[T]) Of(u *url.URL) (T, bool) {
	name, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	switch {
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	if v, ok := t.exact[host{name, port}]; ok {
		return v, true
	}
	if v, ok := t.exact[host{name, ""}]; ok {
		return v, true
	}
	for i := range len(name) {
		if name[i] == '.' {
			if v, ok := t.below[name[i:]]; ok {
				return v, true
			}
		}
	}
	return t.rest, t.all
}

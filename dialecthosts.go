package ifmatch

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// WithDialect sets the dialect of all requests, whatever was set before.
func WithDialect(d Dialect) Option { return WithDialects(map[string]Dialect{"*": d}) }

// WithDialects sets the dialect by the host of a request's URL: "api.example.com"
// for one host on any port, "127.0.0.1:8080" for one with its port,
// "*.blob.core.windows.net" for all hosts below a domain, "*" for all others. The
// most specific one counts. An internationalized name is matched as the URL has
// it. Requests to other hosts have what was set before, or RFC9110.
//
// An invalid Dialect makes each call that it is for return an error that says
// why, and nothing is sent.
func WithDialects(byHost map[string]Dialect) Option {
	layer := hostDialects{exact: make(map[dialectHost]*dialect), below: make(map[string]*dialect)}
	for host, d := range byHost {
		layer.set(strings.ToLower(host), newDialect(d))
	}
	return optionFunc(func(s *settings) { s.dialects = append([]hostDialects{layer}, s.dialects...) })
}

// hostDialects are the dialects of one option.
type hostDialects struct {
	exact map[dialectHost]*dialect
	below map[string]*dialect // by domain, with a dot before it
	rest  *dialect
}

func (l *hostDialects) set(host string, d *dialect) {
	domain, wildcard := strings.CutPrefix(host, "*.")
	switch {
	case host == "*" && l.rest == nil:
		l.rest = d
	case host == "*": // an invalid host was named
	case host == "" || strings.ContainsAny(domain, "*/@?# ") || wildcard && strings.Contains(domain, ":"):
		d.err = &dialectError{fmt.Errorf("ifmatch: WithDialects: %q is no host: want \"api.example.com\", one with its port, \"*.example.com\" or \"*\"", host)}
		l.rest = d
	case wildcard:
		l.below["."+strings.TrimSuffix(domain, ".")] = d
	default:
		l.exact[plainHost(host)] = d
	}
}

// dialectHost is a host as it is looked up; its port is empty where any counts.
type dialectHost struct{ host, port string }

func plainHost(host string) dialectHost {
	host = strings.ToLower(host)
	if name, port, err := net.SplitHostPort(host); err == nil {
		return dialectHost{strings.TrimSuffix(name, "."), port}
	}
	return dialectHost{strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "."), ""}
}

// of returns the dialect of a host, nil where there is none.
func (l *hostDialects) of(host, port string) *dialect {
	if d, ok := l.exact[dialectHost{host, port}]; ok {
		return d
	}
	if d, ok := l.exact[dialectHost{host, ""}]; ok {
		return d
	}
	for i := range len(host) {
		if host[i] == '.' {
			if d, ok := l.below[host[i:]]; ok {
				return d
			}
		}
	}
	return l.rest
}

// dialectFor returns the dialect of a request, nil for that of RFC 9110.
func (s *settings) dialectFor(u *url.URL) *dialect {
	if u == nil || len(s.dialects) == 0 {
		return nil
	}
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	switch {
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	for i := range s.dialects {
		if d := s.dialects[i].of(host, port); d != nil {
			return d
		}
	}
	return nil
}

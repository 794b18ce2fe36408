package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// caller is the request that somebody wants to make.
type caller struct {
	method     string
	url        *url.URL
	header     http.Header // without conditions, and without what is about a body
	conditions http.Header // If-Match and the like
	host       string      // of a field Host; empty: that of the URL
}

// newCaller reads a request as curl is told of one.
func newCaller(method, target string, fields []string) (*caller, error) {
	if !strings.Contains(target, "://") {
		target = "http://" + target // as curl does
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &failure{statusUsage, fmt.Errorf("%q is no URL with http or https", withoutUser(target))}
	}
	c := &caller{method: strings.ToUpper(method), url: u, header: http.Header{}, conditions: http.Header{}}
	c.url.Fragment = ""
	for _, line := range fields {
		if err := c.add(line); err != nil {
			return nil, err
		}
	}
	if user := u.User; user != nil {
		password, _ := user.Password()
		c.authorize(user.Username(), password)
		u.User = nil
	}
	return c, nil
}

// withoutUser is a text that should be a URL, without what stands before the @ of its host.
func withoutUser(target string) string {
	if scheme, rest, ok := strings.Cut(target, "://"); ok {
		return scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
	}
	return target
}

// add takes one -H. A probe leaves out what is about a body, and puts conditions apart.
func (c *caller) add(line string) error {
	name, value, ok := strings.Cut(line, ":")
	if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(line, "\r\n") || strings.ContainsAny(name, " \t\"") {
		return &failure{statusUsage, fmt.Errorf("-H %q is no field: it is -H 'Name: value'", name)}
	}
	name, value = http.CanonicalHeaderKey(name), strings.TrimSpace(value)
	switch {
	case name == "Host":
		c.host = value
	case strings.HasPrefix(name, "If-") || name == "If" || isToken(name):
		c.conditions.Add(name, value)
	case strings.HasPrefix(name, "Content-"), name == "Expect", name == "Transfer-Encoding", name == "Connection", name == "Range", name == "Idempotency-Key":
	default:
		c.header.Add(name, value)
	}
	return nil
}

func (c *caller) authorize(user, password string) {
	if c.header.Get("Authorization") == "" {
		r := http.Request{Header: c.header}
		r.SetBasicAuth(user, password)
	}
}

// netrc takes the login for the host from a file in the format of netrc.
func (c *caller) netrc(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return &failure{statusInput, err}
	}
	if user, password, ok := login(strings.Fields(string(text)), c.url.Hostname()); ok {
		c.authorize(user, password)
	}
	return nil
}

// login is the entry for a host among the words of a netrc file. A macro ends it.
func login(words []string, host string) (user, password string, found bool) {
	for i := 0; i < len(words) && words[i] != "macdef"; i++ {
		value := ""
		if word := words[i]; word != "default" && i+1 < len(words) {
			value = words[i+1]
		}
		switch word := words[i]; {
		case word == "machine" || word == "default":
			if found {
				return user, password, true
			}
			found = word == "default" || strings.EqualFold(value, host)
		case word == "login" && found:
			user = value
		case word == "password" && found:
			password = value
		}
		if words[i] != "default" {
			i++ // past the value
		}
	}
	return user, password, found
}

// isToken reports whether a field names a lock or a lease, which a server compares with its own.
func isToken(name string) bool { return name == "X-Ms-Lease-Id" || name == "Lock-Token" }

// elsewhere reports whether the write has conditions that no GET of its URL shows, such as the
// Overwrite of a COPY.
func (c *caller) elsewhere() bool {
	switch c.method {
	case http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodPost:
		return false
	}
	return true
}

// creates reports whether the write only creates.
func (c *caller) creates() bool {
	return c.conditions.Get("If-None-Match") == "*" && c.conditions.Get("If-Match") == ""
}

// request is a safe request about the resource.
func (c *caller) request(method string) *http.Request {
	u := *c.url
	r := &http.Request{Method: method, URL: &u, Host: c.url.Host, Header: c.header.Clone(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if c.host != "" {
		r.Host = c.host
	}
	return r
}

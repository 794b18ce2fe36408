package ifmatch

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
)

// WithDialect sets the dialect of all requests, whatever was set before.
func WithDialect(d dialect.Dialect) Option { return WithDialects(map[string]dialect.Dialect{"*": d}) }

// WithDialects sets the dialect by the host of a request's URL: "api.example.com"
// for one host on any port, "127.0.0.1:8080" for one with its port,
// "*.blob.core.windows.net" for all hosts below a domain, "*" for all others. The
// most specific one counts. An internationalized name is matched as the URL has
// it. Requests to other hosts have what was set before, or dialect.RFC9110.
//
// An invalid Dialect makes each call that it is for return an error that says
// why, and nothing is sent.
func WithDialects(byHost map[string]dialect.Dialect) Option {
	layer := new(hosts.Table[*preparedDialect])
	var invalid *preparedDialect
	for host, d := range byHost {
		made := prepareDialect(d)
		if !layer.Set(host, made) {
			made.err = &dialectError{fmt.Errorf("ifmatch: WithDialects: %q is no host: want \"api.example.com\", one with its port, \"*.example.com\" or \"*\"", strings.ToLower(host))}
			invalid = made
		}
	}
	if invalid != nil {
		layer.Set("*", invalid)
	}
	return optionFunc(func(s *settings) { s.dialects = append([]*hosts.Table[*preparedDialect]{layer}, s.dialects...) })
}

// dialectFor returns the dialect of a request, otherwise where none is set for it.
func (s *settings) dialectFor(u *url.URL, otherwise *preparedDialect) *preparedDialect {
	if u == nil {
		return otherwise
	}
	for _, layer := range s.dialects {
		if d, ok := layer.Of(u); ok {
			return d
		}
	}
	return otherwise
}

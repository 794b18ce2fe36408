// Package query changes the queries of refreshes.
package query

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Without takes parameters out of a refresh's query: those that choose a part of
// the state, which a policy would write back in place of the whole. Anything else
// stays as it is.
func Without(names ...string) func(*http.Request) (*http.Request, error) {
	return func(req *http.Request) (*http.Request, error) {
		pairs := strings.Split(req.URL.RawQuery, "&")
		pairs = slices.DeleteFunc(pairs, func(pair string) bool {
			name, _, _ := strings.Cut(pair, "=")
			name, _ = url.QueryUnescape(name)
			return slices.Contains(names, name)
		})
		req.URL.RawQuery = strings.Join(pairs, "&")
		return req, nil
	}
}

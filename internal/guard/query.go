package guard

import (
	"net/url"
	"strings"
)

// queryPair returns the name and the value in a part of a query.
func queryPair(pair string) (name, value string, ok bool) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(rawName)
	value, err2 := url.QueryUnescape(rawValue)
	return name, value, err == nil && err2 == nil && pair != ""
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

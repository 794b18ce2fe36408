package lane

import "net/url"

// Target is what a request is about: its URL without the user and the fragment,
// which aren't part of what is asked for. It is comparable. Whoever makes one
// decides which spellings of a URL are the same target.
type Target struct{ Scheme, Host, Path, Query string }

// TargetOf returns the Target of a URL as it is spelled.
func TargetOf(u *url.URL) Target {
	path := u.RawPath
	if path == "" {
		path = u.Path
	}
	return Target{u.Scheme, u.Host, path, u.RawQuery}
}

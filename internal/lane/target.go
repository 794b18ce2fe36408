package lane

import "net/url"

// Target is what a request is about: its URL without the user and the fragment,
// which aren't part of what is asked for, and the Host that it names. It is
// comparable. Whoever makes one decides which spellings are the same target.
type Target struct{ Scheme, Host, Path, Query string }

// TargetOf returns the Target of a request as it is spelled. name is the
// Request.Host; where it is empty, or the host of the URL, the URL says all.
// Otherwise one server has several sites, and each has a document of that path.
func TargetOf(u *url.URL, name string) Target {
	host := u.Host
	if name != "" && name != host {
		host += " " + name // no host has a space
	}
	path := u.RawPath
	switch {
	// It is sent in place of host and path (RFC 9112 §3.2.2).
	case u.Opaque != "":
		path = u.Opaque
	case path == "":
		path = u.Path
	}
	return Target{u.Scheme, host, path, u.RawQuery}
}

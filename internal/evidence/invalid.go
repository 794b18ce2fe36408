package evidence

import (
	"net/http"
	"strings"
)

// invalid reports whether an *http.Transport refuses to send a request over HTTP before
// it does anything else.
func invalid(req *http.Request) bool {
	switch {
	case req.URL == nil || req.Header == nil:
		return true
	case req.URL.Scheme == "":
		return true // a URL such as "/doc"
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return false // perhaps a protocol of RegisterProtocol
	case req.URL.Host == "":
		return true
	}
	return !isToken(req.Method) && req.Method != "" || invalidFields(req.Header) || invalidFields(req.Trailer)
}

// invalidFields reports whether a name or a value can't be sent (RFC 9110 §5.1, §5.5).
func invalidFields(h http.Header) bool {
	for name, values := range h {
		if !isToken(name) {
			return true
		}
		for _, value := range values {
			if strings.ContainsFunc(value, isControl) {
				return true
			}
		}
	}
	return false
}

// isControl reports whether a character may not be in a value.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// isToken reports whether a text is a token (RFC 9110 §5.6.2).
func isToken(s string) bool { return s != "" && !strings.ContainsFunc(s, notTchar) }

func notTchar(r rune) bool {
	switch {
	case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

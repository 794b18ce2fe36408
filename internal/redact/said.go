package redact

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Said is a text of a server without what the request had that is secret, and without
// what looks like a credential. A server may quote any of the request in its answer. req
// may be nil.
func Said(text string, req *http.Request) string {
	for _, secret := range secretsOf(req) {
		text = strings.ReplaceAll(text, secret, "…")
	}
	text = inText().ReplaceAllStringFunc(text, func(found string) string {
		u, err := url.Parse(found)
		if err != nil {
			return "…"
		}
		return URL(u)
	})
	text = afterScheme().ReplaceAllString(text, "$1 …")
	return afterName().ReplaceAllString(text, "$1$2…")
}

// The patterns are compiled when a server first says something.
var (
	inText      = compiled(`https?://[^\s"'<>]+`)
	afterScheme = compiled(`(?i)\b(bearer|basic|digest|negotiate|dpop|sharedkey|sharedkeylite|aws4-hmac-sha256)\s+[^\s"',;]{6,}`)
	afterName   = compiled(`(?i)([\w-]*(?:password|passwd|secret|token|signature|credential|api[_-]?key|cookie|authorization)\w*)("?\s*[=:]\s*"?)[^\s"',;&]+`)
)

func compiled(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// notSecret are fields whose values anybody may see. Others of a request may be a
// credential: APIs have fields of their own for that.
var notSecret = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Length", "Content-Encoding", "Cache-Control", "Pragma",
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Prefer", "User-Agent", "Expect", "Date", "Range",
}

// leastSecret is the shortest text that is taken for a secret: what is shorter stands in
// too many words.
const leastSecret = 6

// secretsOf are the texts in a request that may be secret, the longest first.
func secretsOf(req *http.Request) []string {
	if req == nil {
		return nil
	}
	var all []string
	add := func(text string) {
		if len(text) >= leastSecret {
			all = append(all, text)
		}
	}
	for name, values := range req.Header {
		if slices.Contains(notSecret, http.CanonicalHeaderKey(name)) {
			continue
		}
		for _, value := range values {
			add(value)
			for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" ;,=\"", r) }) {
				add(part)
			}
		}
	}
	if req.URL != nil {
		add(req.URL.RawQuery)
		for _, values := range req.URL.Query() {
			for _, value := range values {
				add(value)
				add(url.QueryEscape(value))
			}
		}
		if password, ok := req.URL.User.Password(); ok {
			add(password)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

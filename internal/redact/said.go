package redact

import (
	"encoding/base64"
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

// secretsOf are the texts in a request that may be secret, the longest first, each in the
// spellings that an answer may have it in.
func secretsOf(req *http.Request) []string {
	if req == nil {
		return nil
	}
	var all []string
	add := func(texts ...string) {
		for _, text := range texts {
			if len(text) >= leastSecret {
				all = append(all, text, url.QueryEscape(text), url.PathEscape(text))
			}
		}
	}
	for name, values := range req.Header {
		if slices.Contains(notSecret, http.CanonicalHeaderKey(name)) {
			continue
		}
		for _, value := range values {
			add(value)
			add(strings.FieldsFunc(value, separates)...)
			add(basic(value)...)
		}
	}
	if req.URL != nil {
		add(inQuery(req.URL.RawQuery)...)
		if user := req.URL.User; user != nil {
			password, _ := user.Password()
			// RFC 7617 §2: as net/http sends it.
			add(user.Username(), password, user.String(), base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// separates reports whether a character stands between the parts of a field: parameters,
// cookies, lock tokens.
func separates(r rune) bool { return strings.ContainsRune(" ;,=\"()<>[]", r) }

// basic are the user, the password and both in Basic credentials (RFC 7617 §2).
func basic(credentials string) []string {
	scheme, encoded, _ := strings.Cut(credentials, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return nil
	}
	both, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return nil
	}
	user, password, _ := strings.Cut(string(both), ":")
	return []string{string(both), user, password}
}

// inQuery is a query, and its values as they were sent and as they are meant.
func inQuery(raw string) []string {
	all := []string{raw}
	for pair := range strings.SplitSeq(raw, "&") {
		_, value, found := strings.Cut(pair, "=")
		if !found {
			value = pair
		}
		all = append(all, value)
		if meant, err := url.QueryUnescape(value); err == nil {
			all = append(all, meant)
		}
	}
	return all
}

package redact

import (
	"cmp"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Gone stands where a secret stood.
const Gone = "…"

// harmless are fields whose values anybody may see, beside notSecret. A field that stands in
// neither list is shown without its value where a request has it.
var harmless = []string{
	"Connection", "Host", "Origin", "Accept-Charset", "Accept-Patch", "Accept-Post", "Accept-Ranges", "Allow", "Age", "Alt-Svc", "Cache-Status", "Cdn-Cache-Control",
	"Cf-Cache-Status", "Cf-Ray", "Content-Disposition", "Content-Language", "Content-Range", "Dav", "Depth", "Dnt", "Etag", "Expires", "If-Schedule-Tag-Match",
	"Keep-Alive", "Last-Modified", "Odata-Version", "Odata-Maxversion", "Overwrite", "Preference-Applied", "Proxy-Connection", "Proxy-Status", "Retry-After", "Schedule-Tag",
	"Server", "Server-Timing", "Te", "Timeout", "Timing-Allow-Origin", "Trailer", "Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests", "Vary", "Via", "Warning",
	"X-Cache", "X-Cache-Hits", "X-Cache-Status", "X-Proxy-Cache", "X-Content-Type-Options", "X-Frame-Options", "X-Powered-By", "X-Requested-With",
	"X-Served-By", "X-Backend", "X-Backend-Server", "X-Server", "X-Node", "X-Upstream", "X-Instance", "X-Pod", "X-Host", "X-Http-Method", "X-Http-Method-Override",
	"X-Ms-Version", "X-Ms-Date", "X-Ms-Error-Code", "X-Ms-Blob-Type", "X-Ms-Lease-State", "X-Ms-Lease-Status", "X-Amz-Date", "X-Amz-Content-Sha256", "X-Goog-Generation", "X-Goog-Metageneration",
}

// harmlessPrefixes begin the names of more of them.
var harmlessPrefixes = []string{
	"Access-Control-", "Sec-Fetch-", "Sec-Ch-Ua", "X-Ms-If-", "X-Ms-Blob-Condition-", "X-Goog-If-", "X-Amz-If-", "If-",
}

// Requests are fields with the id of a request, by which a provider finds it in a log.
var Requests = []string{
	"X-Request-Id", "X-Ms-Request-Id", "X-Ms-Client-Request-Id", "X-Amz-Request-Id", "X-Amzn-Requestid", "X-Amz-Id-2", "X-Amzn-Trace-Id", "X-Correlation-Id", "X-Guploader-Uploadid",
	"X-Couch-Request-Id", "X-Github-Request-Id", "X-Trace-Id", "X-Varnish", "X-Vcap-Request-Id", "Request-Id", "Correlation-Id", "Cf-Ray", "Traceparent", "X-B3-Traceid", "X-Cloud-Trace-Context", "X-Azure-Ref",
}

// readableNames are parameters of a query whose values say which state or which operation is
// meant, and nothing else.
var readableNames = []string{
	"ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch", "generation", "rev", "comp", "restype", "api-version", "versionId", "x-id", "uploadType", "alt",
	"if_seq_no", "if_primary_term", "cas", "new_edits", "version", "page", "limit", "fields", "$select", "$expand", "blockid", "X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "sv", "se", "sp", "sr", "st",
}

// secretName is a name of what is secret, wherever it stands.
var secretName = compiled(`(?i)passw|secret|token|signature|credential|api[_-]?key|apikey|cookie|auth|session|csrf|xsrf|jwt|bearer|private|lease-id|\bsig\b|[-_]key$|^key$|account-?key|subscription|client-ip|forwarded|real-ip`)

// byShape are texts that look like a credential, whatever their name is.
var byShape = []func() *regexp.Regexp{
	compiled(`eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?`),                                         // JWT
	compiled(`\b(?:AKIA|ASIA)[0-9A-Z]{12,}\b`),                                                                       // AWS
	compiled(`\b(?:gh[pousr]|github_pat|glpat|xox[abprs]|sk|pk|rk|ya29|npm|hf|dop_v1|shpat)[-_.][A-Za-z0-9_-]{12,}`), // tokens with a prefix
	compiled(`AIza[0-9A-Za-z_-]{20,}`),                                                                               // Google
	compiled(`-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`),
}

// inQueries are signatures of a query that stands anywhere.
var inQueries = compiled(`(?i)\b(sig|signature|x-amz-signature|x-goog-signature|x-amz-security-token|x-amz-credential)=[^&\s"'<>]+`)

// userinfo is what stands before the host of a URL.
var userinfo = compiled(`([a-z][a-z0-9+.-]*://)[^/\s"'<>@]+@`)

// Cleaner takes what is secret out of what was recorded of HTTP: out of fields, URLs and
// texts, by one table for all that is written. It learns the secrets of requests, since an
// answer, an error or another request may quote them. The zero Cleaner knows the table
// alone. It isn't for concurrent use while it learns.
type Cleaner struct {
	Names []string // more names of fields, parameters and members that are secret

	learnt   map[string]bool
	replacer *strings.Replacer // of what is learnt; nil: it isn't made yet
}

// Learn takes what is secret in a request and in the header of its answer, so that it is
// found wherever else it stands.
func (c *Cleaner) Learn(u *url.URL, request, answer http.Header) {
	kept := make(http.Header)
	for name, values := range request {
		switch {
		case c.shows(name, true):
		case HasURL(name) && !c.named(name):
			kept[name] = c.learnURLs(values)
		default:
			kept[name] = values
		}
	}
	for name, values := range answer {
		if !c.shows(name, false) {
			kept[name] = append(kept[name], values...)
		}
	}
	var rest url.URL
	if u != nil {
		rest = *u
		rest.RawQuery = c.secretQuery(u.RawQuery)
	}
	c.learn(&http.Request{Header: kept, URL: &rest})
}

// learn takes the secrets of a request that has nothing else.
func (c *Cleaner) learn(r *http.Request) {
	for _, secret := range secretsOf(r) {
		if telling(secret) {
			if c.learnt == nil {
				c.learnt = map[string]bool{}
			}
			c.learnt[secret], c.replacer = true, nil
		}
	}
}

// HasURL reports whether the value of a field is a URL, which is shown as URL has it.
func HasURL(name string) bool {
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Referer", "Location", "Content-Location", "Destination":
		return true
	}
	return false
}

// learnURLs takes what is secret in URLs, and returns the values that are none. A URL as a
// whole is no secret: that of a page is the beginning of many others.
func (c *Cleaner) learnURLs(values []string) (none []string) {
	for _, value := range values {
		u, err := url.Parse(value)
		if err != nil {
			none = append(none, value)
			continue
		}
		c.learn(&http.Request{URL: &url.URL{User: u.User, RawQuery: c.secretQuery(u.RawQuery)}})
	}
	return none
}

// withoutLearnt is a text without the secrets that were learnt.
func (c *Cleaner) withoutLearnt(text string) string {
	if len(c.learnt) == 0 {
		return text
	}
	if c.replacer == nil {
		// Where several fit, the longest one counts.
		all := slices.SortedFunc(maps.Keys(c.learnt), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
		pairs := make([]string, 0, 2*len(all))
		for _, secret := range all {
			pairs = append(pairs, secret, Gone)
		}
		c.replacer = strings.NewReplacer(pairs...)
	}
	return c.replacer.Replace(text)
}

// telling reports whether a text is more than a word that stands anywhere: of a media type,
// a scheme, an attribute of a cookie.
func telling(secret string) bool {
	switch strings.ToLower(secret) {
	case "bearer", "digest", "negotiate", "secure", "httponly", "samesite", "strict", "expires", "max-age", "domain", "charset", "application", "localhost", "session":
		return false
	}
	return !strings.HasPrefix(secret, "application/") && !strings.HasPrefix(secret, "text/")
}

// secretQuery is a query without the parameters that are shown.
func (c *Cleaner) secretQuery(raw string) string {
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		if name, _, _ := strings.Cut(pair, "="); !c.readable(name) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// readable reports whether the value of a parameter of a query is shown.
func (c *Cleaner) readable(name string) bool {
	return slices.ContainsFunc(readableNames, func(r string) bool { return strings.EqualFold(r, name) }) && !c.named(name)
}

// named reports whether a name is one of those that were added.
func (c *Cleaner) named(name string) bool {
	return slices.ContainsFunc(c.Names, func(n string) bool { return strings.EqualFold(n, name) })
}

// shows reports whether the value of a field may be shown. A field that nobody knows is
// shown in an answer, but not in a request: APIs have fields of their own for credentials.
func (c *Cleaner) shows(name string, request bool) bool {
	name = textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case c.named(name):
		return false
	case slices.Contains(notSecret, name), slices.Contains(harmless, name), slices.Contains(Requests, name):
		return true
	case slices.ContainsFunc(harmlessPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }):
		return true
	case secretName().MatchString(name):
		return false
	}
	return !request
}

// Field is the value of a field of a request, or of an answer, as it may be shown. Of
// credentials the scheme stays.
func (c *Cleaner) Field(name, value string, request bool) string {
	if c.shows(name, request) {
		return c.Text(value)
	}
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Authorization", "Proxy-Authorization":
		if scheme, _, found := strings.Cut(value, " "); found && len(scheme) <= 32 && schemes().MatchString(scheme) {
			return scheme + " " + Gone
		}
	case "If":
		return lockTokens().ReplaceAllString(c.Text(value), "<"+Gone+">")
	}
	return Gone
}

var (
	// schemes are those whose names say nothing secret.
	schemes = compiled(`(?i)^(bearer|basic|digest|negotiate|ntlm|dpop|hawk|sharedkey|sharedkeylite|signature|aws|aws4-hmac-sha256|goog4-rsa-sha256|hmac-sha256|oauth|token)$`)
	// lockTokens are the state tokens of an If header.
	lockTokens = compiled(`<[^>]*>`)
)

// URL is the text of a URL without user information, without a fragment, and without the
// values of its query, except for those that say which state is meant. A text that is no URL
// is cleaned as a text.
func (c *Cleaner) URL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		before, _, _ := strings.Cut(text, "?")
		return c.plain(c.withoutLearnt(before))
	}
	clean := *u
	clean.RawQuery = ""
	shown := c.known(URL(&clean))
	if u.RawQuery == "" {
		return shown
	}
	var pairs []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, found := strings.Cut(pair, "=")
		switch {
		case !found && !c.readable(name):
			pairs = append(pairs, Gone)
		case !found:
			pairs = append(pairs, name)
		case c.readable(name):
			pairs = append(pairs, name+"="+c.known(value))
		default:
			pairs = append(pairs, c.known(name)+"="+Gone)
		}
	}
	return shown + "?" + strings.Join(pairs, "&")
}

// known is a text without the secrets that were learnt, and without what looks like one.
func (c *Cleaner) known(text string) string {
	text = c.withoutLearnt(text)
	for _, shape := range byShape {
		text = shape().ReplaceAllString(text, Gone)
	}
	return text
}

// Text is any other text without secrets: those that were learnt, those that look like one,
// and those that a name beside them tells. URLs in it are cleaned as URL does.
func (c *Cleaner) Text(text string) string {
	return c.plain(inText().ReplaceAllStringFunc(c.withoutLearnt(text), c.URL))
}

// plain is a text without what looks like a secret, and without what a name tells. URLs in it
// aren't looked at.
func (c *Cleaner) plain(text string) string {
	text = userinfo().ReplaceAllString(c.known(text), "${1}")
	text = inQueries().ReplaceAllString(text, "$1="+Gone)
	text = afterScheme().ReplaceAllString(text, "$1 "+Gone)
	text = afterName().ReplaceAllString(text, "$1$2"+Gone)
	for _, name := range c.Names {
		text = regexp.MustCompile(`(?i)(\b`+regexp.QuoteMeta(name)+`\b)("?\s*[=:]\s*"?)[^\s"',;&]+`).ReplaceAllString(text, "$1$2"+Gone)
	}
	return text
}

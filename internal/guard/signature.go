package guard

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/field"
)

// signedFields are fields that sign the method, the URL or other fields of a request.
var signedFields = [...]string{"Signature-Input", "Signature", "Dpop"}

// signedSchemes are Authorization schemes whose credentials cover the method,
// the URL or the header fields of one request.
var signedSchemes = [...]string{
	"AWS4-", "AWS ", "GOOG4-", "GOOG1 ", "SharedKey", "Signature ", "HMAC-", "HMAC ", "DPoP ", "Digest ", "Hawk ", "OSS4-", "OSS ",
}

// signedQueries are query parameters of presigned URLs that cover the method or
// header fields. A shared access signature of Azure ("sig") covers neither.
var signedQueries = [...]string{"X-Amz-Signature", "X-Goog-Signature", "Signature", "X-Oss-Signature"}

// SignedAbove returns what shows that the request was signed before it came here,
// so that nothing in it can be rewritten. It is empty if nothing shows that, and for
// a request without a URL.
func SignedAbove(req *http.Request) string {
	if req.URL == nil {
		return ""
	}
	for _, name := range signedFields {
		if field.Lines(req.Header, name) != nil {
			return "the " + name + " field"
		}
	}
	for _, credentials := range field.Lines(req.Header, "Authorization") {
		if scheme := signedScheme(credentials); scheme != "" {
			return "the Authorization scheme " + scheme
		}
	}
	if name := signedQuery(req.URL); name != "" {
		return "the query parameter " + name
	}
	return ""
}

// SameSignature reports whether what may sign two requests is the same in both.
func SameSignature(a, b *http.Request) bool {
	for _, name := range append(signedFields[:], "Authorization") {
		if !slices.Equal(field.Lines(a.Header, name), field.Lines(b.Header, name)) {
			return false
		}
	}
	name := signedQuery(a.URL)
	return name == signedQuery(b.URL) && queryFold(a.URL, name) == queryFold(b.URL, name)
}

// queryFold is what a query has under a name, in any case.
func queryFold(u *url.URL, name string) string {
	for got, values := range u.Query() {
		if strings.EqualFold(got, name) {
			return strings.Join(values, ", ")
		}
	}
	return ""
}

// signedScheme returns the name of the scheme of signed credentials, empty for any
// other.
func signedScheme(credentials string) string {
	for _, scheme := range signedSchemes {
		if len(credentials) >= len(scheme) && strings.EqualFold(credentials[:len(scheme)], scheme) {
			name, _, _ := strings.Cut(credentials, " ")
			return name
		}
	}
	if strings.Contains(credentials, "oauth_signature=") {
		return "OAuth 1.0"
	}
	return ""
}

// signedQuery returns the parameter that a presigned URL has, empty for any other.
func signedQuery(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	query, _ := url.ParseQuery(u.RawQuery)
	for name := range query {
		for _, signed := range signedQueries {
			if strings.EqualFold(name, signed) {
				return signed
			}
		}
	}
	return ""
}

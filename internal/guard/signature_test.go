package guard

import (
	"net/http"
	"testing"
)

// TestSignedAbove is rule 8: whatever covers the method, the URL or the fields of a
// request shows; other credentials don't.
func TestSignedAbove(t *testing.T) {
	for _, test := range []struct{ field, query, want string }{
		{"Authorization: Bearer x", "", ""},
		{"Authorization: Basic x", "sig=x", ""}, // a shared access signature covers neither
		{"Authorization: AWS4-HMAC-SHA256 Credential=x", "", "the Authorization scheme AWS4-HMAC-SHA256"},
		{"authorization: sharedkey a:b", "", "the Authorization scheme sharedkey"},
		{"Authorization: SharedKeyLite a:b", "", "the Authorization scheme SharedKeyLite"},
		{"Authorization: DPoP x", "", "the Authorization scheme DPoP"},
		{"Authorization: Digest username=x", "", "the Authorization scheme Digest"},
		{"Authorization: OAuth a=b, oauth_signature=x", "", "the Authorization scheme OAuth 1.0"},
		{"Signature-Input: x", "", "the Signature-Input field"},
		{"signature: x", "", "the Signature field"},
		{"DPoP: x", "", "the Dpop field"},
		{"Accept: x", "a=b&x-amz-signature=x", "the query parameter X-Amz-Signature"},
		{"Accept: x", "X-Goog-Signature=x", "the query parameter X-Goog-Signature"},
	} {
		if got := SignedAbove(write(t, "PUT", "http://a.test/?"+test.query, test.field)); got != test.want {
			t.Errorf("%s, %s: %q, want %q", test.field, test.query, got, test.want)
		}
	}
	if got := SignedAbove(&http.Request{Header: http.Header{"Signature": {"x"}}}); got != "" {
		t.Errorf("without a URL: %q", got)
	}
}

package cosmos

import (
	"net/http"
	"testing"
)

// TestSignedByKey: only the signature of a key covers the verb.
func TestSignedByKey(t *testing.T) {
	for token, want := range map[string]bool{
		"type%3dmaster%26ver%3d1.0%26sig%3dabc": true, "type%3Dmaster%26ver%3D1.0%26sig%3Dabc": true, "type=master&ver=1.0&sig=abc": true,
		"type%3dresource%26ver%3d1%26sig%3dabc": false, "type%3daad%26ver%3d1.0%26sig%3dabc": false, "Bearer abc": false, "": false,
	} {
		req := &http.Request{Method: http.MethodPut, Header: http.Header{"Authorization": {token}}}
		if got := Dialect().SignedAbove(req); (got != "") != want {
			t.Errorf("%q: %q, want a signature: %v", token, got, want)
		}
	}
}

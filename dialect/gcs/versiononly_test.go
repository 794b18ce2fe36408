package gcs

import (
	"net/http"
	"testing"
)

func TestVersionOnly(t *testing.T) {
	for query, want := range map[string]bool{
		"": false, "generation=1&userProject=p": false, "X-Goog-Signature=1": false, "response-content-type=a": false,
		"acl": true, "partNumber=1&uploadId=2": true, "compose": true,
	} {
		req, err := http.NewRequest(http.MethodPut, "https://storage.googleapis.com/b/o?"+query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if got := XML().VersionOnly(req); got != want {
			t.Errorf("%q: %t", query, got)
		}
		req.Header.Set("X-Goog-Copy-Source", "/b/d")
		if !XML().VersionOnly(req) {
			t.Errorf("%q, a copy: false", query)
		}
	}
}

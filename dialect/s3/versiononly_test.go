package s3

import (
	"net/http"
	"testing"
)

func TestVersionOnly(t *testing.T) {
	for query, want := range map[string]bool{
		"": false, "x-id=PutObject": false, "versionId=1": false, "X-Amz-Signature=1&X-Amz-Date=2": false, "response-content-type=a": false, "AWSAccessKeyId=a&Signature=b&Expires=1": false,
		"tagging": true, "acl": true, "partNumber=1&uploadId=2": true,
	} {
		req, err := http.NewRequest(http.MethodPut, "https://a.test/b/c?"+query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if got := Dialect().VersionOnly(req); got != want {
			t.Errorf("%q: %t", query, got)
		}
		req.Header.Set("X-Amz-Copy-Source", "/b/d")
		if !Dialect().VersionOnly(req) {
			t.Errorf("%q, a copy: false", query)
		}
	}
}

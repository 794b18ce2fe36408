package azureblob

import (
	"net/http"
	"testing"
)

func TestVersionOnly(t *testing.T) {
	for query, want := range map[string]bool{
		"": false, "sv=2024&sig=x": false, "snapshot=1": false,
		"comp=lease": true, "comp=metadata": true, "comp=appendblock": true, "comp=blocklist": true, "restype=container": true,
	} {
		req, err := http.NewRequest(http.MethodPut, "https://a.test/b/c?"+query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if got := Dialect().VersionOnly(req); got != want {
			t.Errorf("%q: %t", query, got)
		}
		req.Header.Set("X-Ms-Copy-Source", "/b/d")
		if !Dialect().VersionOnly(req) {
			t.Errorf("%q, a copy: false", query)
		}
	}
}

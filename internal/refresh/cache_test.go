package refresh

import (
	"fmt"
	"net/http"
	"testing"
)

// TestCacheSigns: which lines show a cache, and which show that a stored answer was used.
func TestCacheSigns(t *testing.T) {
	for line, want := range map[string]string{
		"Age: 0": "[{Age  false}]", "Age: 12": "[{Age  true}]", "Via: 1.1 hit.test": "[{Via  false}]", "Proxy-Status: p; hit": "[{Proxy-Status  false}]",
		"X-Cache: MISS": "[{X-Cache  false}]", "X-Cache: Hit from cloudfront": "[{X-Cache Hit true}]", "Cache-Status: edge; hit; ttl=3": "[{Cache-Status hit true}]",
		"Cache-Status: edge; fwd=miss": "[{Cache-Status  false}]", "Cf-Cache-Status: DYNAMIC": "[]", "Cf-Cache-Status: HIT": "[{Cf-Cache-Status HIT true}]",
		"Server-Timing: cdn-cache; desc=HIT": "[{Server-Timing HIT true}]", "Server-Timing: db;dur=53": "[]", "X-Proxy-Cache: STALE": "[{X-Proxy-Cache STALE true}]", "Etag: hit": "[]",
	} {
		h := header([]string{line})
		if got := fmt.Sprint(CacheSigns(h)); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
		if got := FromCache(h, nil); got != (want != "[]") {
			t.Errorf("%s: from a cache: %v", line, got)
		}
	}
	if before, after := header([]string{"Date: " + at0}), header([]string{"Date: " + at1}); !FromCache(before, after) || FromCache(after, before) || FromCache(before, http.Header{}) {
		t.Error("a Date before an earlier answer's shows a cache")
	}
}

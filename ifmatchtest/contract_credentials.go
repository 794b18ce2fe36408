package ifmatchtest

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// contractCredentialsStay proves that no request with the caller's credentials
// reaches another origin than the request's, wherever answers point to.
func contractCredentialsStay(t *testing.T, wrap contractWrap) {
	for _, c := range []struct {
		name   string
		origin func(w http.ResponseWriter, r *http.Request, other string)
	}{
		{"redirected", func(w http.ResponseWriter, r *http.Request, other string) {
			w.Header().Set("Location", other)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}},
		{"refresh-redirected", func(w http.ResponseWriter, r *http.Request, other string) {
			if r.Method == http.MethodPut {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			w.Header().Set("Location", other)
			w.WriteHeader(http.StatusFound)
		}},
		{"refusal-elsewhere", func(w http.ResponseWriter, r *http.Request, other string) {
			w.Header().Set("Location", other)
			w.Header().Set("Content-Location", other)
			w.Header().Set("Link", "<"+other+">; rel=\"canonical\"")
			w.WriteHeader(http.StatusPreconditionFailed)
		}},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			t.Run(c.name+"/"+strings.ToLower(method), func(t *testing.T) {
				var mu sync.Mutex
				var leaked []string
				other := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					for _, name := range []string{"Authorization", "Cookie"} {
						if r.Header.Get(name) != "" {
							leaked = append(leaked, r.Method+" with "+name)
						}
					}
					w.Header().Set("ETag", contractFirstTag)
				}))
				origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					c.origin(w, r, other.URL)
				}))
				req := contractGetOrPut(t.Context(), method, origin.URL)
				req.Header.Set("Authorization", "Bearer secret")
				req.Header.Set("Cookie", "session=secret")
				if resp, err := contractDo(t, wrap(newContractTransport(t)), req); err == nil {
					contractFinish(t, resp)
				}
				mu.Lock()
				defer mu.Unlock()
				if leaked != nil {
					t.Errorf("another origin got %s", strings.Join(leaked, ", "))
				}
			})
		}
	}
}

package ifmatchtest

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// contractLures are answers that point to another origin.
var contractLures = []struct {
	name   string
	answer func(w http.ResponseWriter, r *http.Request, other string)
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
}

// contractCredentialsStay proves that no request with the caller's credentials
// reaches another origin than the request's, wherever answers point to.
func contractCredentialsStay(t *testing.T, wrap contractWrap) {
	for _, lure := range contractLures {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			t.Run(lure.name+"/"+strings.ToLower(method), func(t *testing.T) {
				stranger := &contractStranger{}
				other := newContractOrigin(t, stranger)
				origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					lure.answer(w, r, other.URL)
				}))
				req := contractGetOrPut(t.Context(), method, origin.URL)
				req.Header.Set("Authorization", "Bearer secret")
				req.Header.Set("Cookie", "session=secret")
				if resp, err := contractDo(t, wrap(newContractTransport(t)), req); err == nil {
					contractFinish(t, resp)
				}
				if got := stranger.credentials(); got != nil {
					t.Errorf("another origin got %s", strings.Join(got, ", "))
				}
			})
		}
	}
}

// contractStranger is an origin to which the caller's credentials must not go. It
// notes what it gets of them.
type contractStranger struct {
	mu  sync.Mutex
	got []string // each with the method of its request
}

func (s *contractStranger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range []string{"Authorization", "Cookie"} {
		if r.Header.Get(name) != "" {
			s.got = append(s.got, r.Method+" with "+name)
		}
	}
	w.Header().Set("ETag", contractFirstTag)
}

func (s *contractStranger) credentials() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

package integration

import (
	"crypto/rand"
	"net/http"
)

// freshQuery gets past a cache whose key has the query in it, as that of nginx
// has by default.
func freshQuery(r *http.Request) (*http.Request, error) {
	query := r.URL.Query()
	query.Set("refresh", rand.Text())
	r.URL.RawQuery = query.Encode()
	return r, nil
}

// withCookie gets past a cache that doesn't keep answers to requests with a
// Cookie, as Varnish doesn't by default.
func withCookie(r *http.Request) (*http.Request, error) {
	r.Header.Set("Cookie", "refresh=1")
	return r, nil
}

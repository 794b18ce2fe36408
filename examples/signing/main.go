// Signing puts a signer in its place: below the Transport, as its base. There it
// signs what is sent, also the refresh and the write with the new If-Match. A
// signer above would sign a header that isn't sent; ifmatch sees that and stops.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// signer is a RoundTripper that signs method, address and If-Match. A scheme for
// real use covers a date and the body too.
type signer struct {
	base http.RoundTripper
	key  []byte
}

func (s signer) RoundTrip(req *http.Request) (*http.Response, error) {
	signed := req.Clone(req.Context()) // the caller's request isn't ours to change
	signed.Header.Set("Authorization", signature(req, s.key))
	return s.base.RoundTrip(signed)
}

func signature(r *http.Request, key []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s\n%s\n", r.Method, r.URL.RequestURI(), strings.Join(r.Header.Values("If-Match"), ", "))
	return "HMAC-SHA256 " + hex.EncodeToString(mac.Sum(nil))
}

// verified lets only requests with a valid signature through to next.
func verified(next http.Handler, key []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hmac.Equal([]byte(r.Header.Get("Authorization")), []byte(signature(r, key))) {
			http.Error(w, "wrong signature", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	key := []byte("a secret that client and server share")
	var origin ifmatchtest.Server // not started: it answers behind the check
	srv := httptest.NewServer(verified(&origin, key))
	defer srv.Close()
	network := srv.Client().Transport

	for _, order := range []struct {
		name      string
		transport http.RoundTripper
	}{
		{"unsigned", network},
		{"signer below", ifmatch.NewTransport(signer{network, key}, ifmatch.Resend)},
		{"signer above", signer{ifmatch.NewTransport(network, ifmatch.Resend), key}},
	} {
		stale := origin.Put("/doc", "text/plain", []byte("first"))
		origin.Put("/doc", "text/plain", []byte("theirs")) // a second writer
		req, err := http.NewRequest(http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
		if err != nil {
			return err
		}
		req.Header.Set("If-Match", stale)
		resp, err := (&http.Client{Transport: order.transport}).Do(req)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %d\n", order.name, resp.StatusCode)
		if outcome, ok := ifmatch.OutcomeOf(resp); ok {
			fmt.Fprintf(w, "  %v, %v, %v\n", outcome.Exchanges, outcome.Effect, outcome.Cause)
			if outcome.Cause == ifmatch.CauseSignedAbove {
				fmt.Fprintf(w, "  %v [%s]\n", errors.Unwrap(outcome.Err), outcome.Cause.Code())
			}
		}
	}
	return nil
}

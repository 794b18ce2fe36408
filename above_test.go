package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hanging fails a moment after the context of the request has ended.
var hanging = roundTripper(func(req *http.Request) (*http.Response, error) {
	closeBody(req)
	<-req.Context().Done()
	time.Sleep(time.Millisecond) // the timer of http.Client fires
	return nil, req.Context().Err()
})

// TestClientTimeoutHidesTheError: where the timer of Client.Timeout has fired, http.Client keeps the text
// of the error alone. A deadline of the context leaves the error as it is, and the outcome
// tells the effect in any case. docs/nethttp.md says so.
func TestClientTimeoutHidesTheError(t *testing.T) {
	for _, byContext := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			client := &http.Client{Transport: NewTransport(hanging, Stop)}
			var o Outcome
			ctx, cancel := WithOutcome(t.Context(), &o), context.CancelFunc(func() {})
			if byContext {
				ctx, cancel = context.WithTimeout(ctx, time.Second)
			} else {
				client.Timeout = time.Second
			}
			defer cancel()
			_, err := client.Do(mustPut(t).WithContext(ctx))
			var urlError *url.Error
			if !errors.As(err, &urlError) || !urlError.Timeout() {
				t.Errorf("by context %v: no timeout: %v", byContext, err)
			}
			if errors.Is(err, ErrOutcomeUnknown) != byContext {
				t.Errorf("by context %v: the error matches ErrOutcomeUnknown: %v: %v", byContext, !byContext, err)
			}
			if o.Effect != EffectUnknown || !errors.Is(o.Err, ErrOutcomeUnknown) || !errors.Is(o.Err, context.DeadlineExceeded) {
				t.Errorf("by context %v: the outcome is %v, %v", byContext, o.Effect, o.Err)
			}
		})
	}
}

// TestCookieOfARefusal: the jar is above the Transport, so a new session comes too late for
// the refresh. docs/nethttp.md says so.
func TestCookieOfARefusal(t *testing.T) {
	session := 1
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		if c, err := req.Cookie("session"); err != nil || c.Value != fmt.Sprint(session) {
			return replyTo(req, http.StatusUnauthorized, ""), nil
		}
		session++
		return replyTo(req, http.StatusPreconditionFailed, "", fmt.Sprintf("Set-Cookie: session=%d", session)), nil
	})
	at := &url.URL{Scheme: "http", Host: "example.test", Path: "/doc"}
	jar, _ := cookiejar.New(nil)
	jar.SetCookies(at, []*http.Cookie{{Name: "session", Value: "1"}})
	client := &http.Client{Transport: NewTransport(base, Resend), Jar: jar}
	got := sendVia(t, throughClient{client}, mustPut(t))
	if want := "PUT 412, HEAD 401 | 412 | not applied, refresh denied"; got.summary() != want {
		t.Errorf("got  %s\nwant %s", got.summary(), want)
	}
	if c := jar.Cookies(at); len(c) != 1 || !strings.HasSuffix(c[0].String(), "=2") {
		t.Errorf("the jar has %v", c)
	}
}

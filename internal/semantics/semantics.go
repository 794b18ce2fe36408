// Package semantics says what methods, statuses, fields and errors of HTTP mean for a
// write, whatever its precondition. It knows no dialect and no policy.
package semantics

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// Safe reports whether the method changes nothing (RFC 9110 §9.2.1). The
// empty method is GET.
func Safe(method string) bool {
	switch method {
	case "", "GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "REPORT", "SEARCH", "QUERY":
		return true
	}
	return false
}

// Idempotent reports whether sending the method twice has the effect of once
// (RFC 9110 §9.2.2).
func Idempotent(method string) bool {
	return Safe(method) && method != http.MethodConnect || method == http.MethodPut || method == http.MethodDelete
}

// AmbiguousStatus reports whether a server may have applied the write before it
// answered so. Proxies have numbers of their own for an answer that was lost
// behind them, such as Cloudflare's 520 to 524.
func AmbiguousStatus(status int) bool {
	switch status {
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// Status is a status in words, such as "409 Conflict"; the number alone where it has none.
func Status(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// SeeOther reports whether a server may have performed the write before it
// redirected so (RFC 9110 §15.4.4; 302 is used alike).
func SeeOther(status int) bool {
	return status == http.StatusFound || status == http.StatusSeeOther
}

// Transient reports whether an answer says that the server, or the way to it, is in
// trouble that may pass.
func Transient(resp *http.Response, err error) bool {
	if err != nil {
		again, _ := retryablehttp.ErrorPropagatedRetryPolicy(context.Background(), nil, &url.Error{Op: "", Err: err})
		return again
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Succeeded reports whether there is an answer that reports no error.
func Succeeded(resp *http.Response, err error) bool {
	return err == nil && resp != nil && resp.StatusCode < http.StatusBadRequest
}

// IsTimeout reports whether an error, or one that it wraps, is a timeout.
func IsTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// MayPass reports whether the trouble of a request that was never sent may pass by itself:
// a connection that couldn't be made or broke off, a name that wasn't resolved, a time that
// was up. What is left is an answer: a proxy's, a TLS alert, or net/http's own refusal.
func MayPass(err error) bool {
	var (
		op  *net.OpError
		dns *net.DNSError
	)
	if errors.As(err, &op) {
		return op.Op != "remote error" // crypto/tls has an alert of the other side so
	}
	return errors.As(err, &dns) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || IsTimeout(err)
}

// waitFields have a wait in milliseconds: of Azure, Cosmos DB and AWS.
var waitFields = [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms", "X-Amz-Retry-After"}

// RetryAfter reads Retry-After in both forms of RFC 9110 §10.2.3, and before it the fields
// of vendors that say the same in milliseconds, where they name a wait: 0 hides none. A number
// that is too large for a duration is the longest one; a date in the past, a negative number
// and garbage are no wait.
func RetryAfter(h http.Header) time.Duration {
	for _, name := range waitFields {
		if d, _ := waitIn(field.TrimOWS(h.Get(name)), time.Millisecond); d > 0 {
			return d
		}
	}
	value := field.TrimOWS(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if d, ok := waitIn(value, time.Second); ok {
		return d
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	// The server's clock counts where it gives its Date.
	now, ok := etag.Date(h)
	if !ok {
		now = time.Now()
	}
	return max(at.Sub(now), 0)
}

// waitIn reads a number of units. ok says that it is one.
func waitIn(value string, unit time.Duration) (d time.Duration, ok bool) {
	const longest = time.Duration(1<<63 - 1)
	if value == "" {
		return 0, false // ParseUint would allocate an error
	}
	n, err := strconv.ParseUint(value, 10, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, false
	case n > uint64(longest/unit):
		return longest, true
	}
	return time.Duration(n) * unit, true
}

// Coded reports whether a representation has a content coding.
func Coded(h http.Header) bool {
	for _, coding := range field.Lines(h, "Content-Encoding") {
		if coding = field.TrimOWS(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			return true
		}
	}
	return false
}

// Preconditions are the fields of RFC 9110 §13.1 that guard a write.
var Preconditions = [...]string{"If-Match", "If-None-Match", "If-Unmodified-Since"}

// Conditional reports whether a header has one of the Preconditions.
func Conditional(h http.Header) bool {
	for _, name := range Preconditions {
		if field.Lines(h, name) != nil {
			return true
		}
	}
	return false
}

// IdempotencyKeys make net/http itself repeat a request of any method.
var IdempotencyKeys = [...]string{"Idempotency-Key", "X-Idempotency-Key"}

// HasIdempotencyKey reports whether one of IdempotencyKeys is sent.
func HasIdempotencyKey(h http.Header) bool {
	return field.Lines(h, IdempotencyKeys[0]) != nil || field.Lines(h, IdempotencyKeys[1]) != nil
}

// ReplayedBelow reports whether net/http itself repeats such a request when a
// connection is cut. It looks for the name only: without a value the field isn't
// sent.
func ReplayedBelow(h http.Header) bool {
	for _, name := range IdempotencyKeys {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return HasIdempotencyKey(h)
}

// AboutTarget reports whether body and validators of an answer to a write are about the
// URL that was written, and not about another resource: its Content-Location is that URL,
// absolute or relative, or there is none (RFC 9110 §8.7). Of two nobody knows.
func AboutTarget(u *url.URL, answer http.Header) bool {
	lines := field.Lines(answer, "Content-Location")
	switch {
	case len(lines) == 0 || len(lines) == 1 && lines[0] == "":
		return true
	case len(lines) > 1:
		return false
	}
	at, err := u.Parse(lines[0])
	return err == nil && at.Opaque == u.Opaque && at.Scheme == u.Scheme && hostOf(at) == hostOf(u) &&
		pathOf(at) == pathOf(u) && at.RawQuery == u.RawQuery
}

// hostOf is the host of a URL, without the port that its scheme has anyway.
func hostOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// pathOf is the path of a URL; none is the same as the root.
func pathOf(u *url.URL) string {
	if path := u.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

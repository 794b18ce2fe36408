package recording

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// builder puts exchanges together from messages that come in pieces.
type builder struct {
	all     kept
	format  string
	now     *Exchange // the exchange at hand; nil: none yet
	tls     bool      // of the connection
	command *command  // the curl command above; nil: none was seen
	clock   clock
}

// start begins an exchange.
func (b *builder) start() *Exchange {
	b.now = &Exchange{Format: b.format, sent: b.clock.now}
	b.all.add(b.now)
	return b.now
}

var requestLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Z][A-Z-]{1,31}) (\S+) HTTP/[0-9](?:\.[0-9])?$`)
})

var statusLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^HTTP/[0-9](?:\.[0-9])? ([1-9][0-9][0-9])(?: (.*))?$`)
})

// exchanges are those that were put together, with their times.
func (b *builder) exchanges() []Exchange {
	anchor(b.all.all)
	return b.all.exchanges()
}

// request begins an exchange where a line is the first one of a request.
func (b *builder) request(text string) bool {
	m := requestLine().FindStringSubmatch(text)
	if m == nil {
		return false
	}
	e := b.start()
	e.Method, e.URL, e.RequestHeader = m[1], m[2], http.Header{}
	return true
}

// requestField adds a field of the request at hand; its URL is absolute once Host is known.
func (b *builder) requestField(text string) {
	name, value, found := strings.Cut(text, ":")
	if !found || b.now == nil {
		return
	}
	addField(&b.now.RequestHeader, name, value)
	if strings.EqualFold(strings.TrimSpace(name), "Host") && strings.HasPrefix(b.now.URL, "/") {
		b.now.URL = b.scheme(strings.TrimSpace(value)) + "://" + strings.TrimSpace(value) + b.now.URL
	}
}

// scheme is that of the connection, as far as it was seen.
func (b *builder) scheme(host string) string {
	if b.tls || strings.HasSuffix(host, ":443") {
		return "https"
	}
	return "http"
}

// answer takes a line that is the first one of an answer. An answer that follows another
// one has a request that wasn't recorded, unless the first one was interim (RFC 9110 §15.2).
func (b *builder) answer(text string) bool {
	m := statusLine().FindStringSubmatch(text)
	if m == nil {
		return false
	}
	status, _ := strconv.Atoi(m[1])
	if b.now == nil || b.now.StatusCode >= 200 {
		e := b.start()
		if b.command != nil { // the first one of its requests
			b.command.describe(e)
			b.command = nil
		}
	}
	b.now.StatusCode, b.now.Reason, b.now.ResponseHeader = status, strings.TrimSpace(m[2]), http.Header{}
	b.now.answered = b.clock.now
	return true
}

// answerField adds a field of the answer at hand.
func (b *builder) answerField(text string) {
	if name, value, found := strings.Cut(text, ":"); found && b.now != nil {
		addField(&b.now.ResponseHeader, name, value)
	}
}

// info reads what curl says beside the messages.
func (b *builder) info(text string) {
	lower := strings.ToLower(text)
	switch {
	case strings.Contains(lower, "ssl connection using"), strings.Contains(lower, "tls handshake"), strings.Contains(lower, "https://"):
		b.tls = true
	case strings.HasPrefix(lower, "connected to "), strings.HasPrefix(lower, "trying "):
		b.tls = strings.Contains(lower, "port 443") || strings.HasSuffix(strings.TrimRight(lower, "."), ":443")
	case isFailure(lower) && b.now != nil && b.now.StatusCode == 0:
		b.now.Err = text
	}
}

// failures are what curl says of a request that gets no answer.
var failures = [...]string{"recv failure", "send failure", "empty reply", "timed out", "connection reset", "connection refused", "could not resolve", "failed to connect", "was not closed cleanly", "stream error"}

func isFailure(lower string) bool {
	for _, f := range failures {
		if strings.Contains(lower, f) {
			return true
		}
	}
	return false
}

package ifmatchtest

import (
	"net/http"
	"strings"
	"time"
)

// A selection is what the preconditions of one request are compared with: the
// selected representation, as the server shows it to that request.
type selection struct {
	exists     bool
	marked     bool      // a delete marker is in its place
	etag       string    // "": none
	weakly     bool      // If-Match compares weakly, against the RFC
	modified   time.Time // in whole seconds; zero: none
	strongDate bool      // nothing else was stored in the second of modified
}

// A verdict is what the preconditions make of a request.
type verdict int

const (
	proceed     verdict = iota // perform the method
	notModified                // 304
	refused                    // 412
	malformed                  // 400
)

// evaluate evaluates all preconditions but If-Range, in the order of RFC 9110
// §13.2.2. Whether they are to be evaluated at all is for the caller to know.
func evaluate(method string, h http.Header, sel selection) verdict {
	safe := method == http.MethodGet || method == http.MethodHead
	if h.Values("If-Match") != nil {
		if v := ifMatch(h.Values("If-Match"), sel); v != proceed {
			return v
		}
	} else if !ifUnmodifiedSince(h.Values("If-Unmodified-Since"), sel) {
		return refused
	}
	if h.Values("If-None-Match") != nil {
		return ifNoneMatch(h.Values("If-None-Match"), sel, safe)
	}
	if safe && !ifModifiedSince(h.Values("If-Modified-Since"), sel) {
		return notModified
	}
	return proceed
}

func ifMatch(lines []string, sel selection) verdict {
	tags, star, ok := parseTags(lines)
	if !ok {
		return malformed
	}
	if star && sel.exists { // RFC 9110 §13.1.1
		return proceed
	}
	match := strongMatch // RFC 9110 §13.1.1: an origin server MUST use it
	if sel.weakly {
		match = weakMatch
	}
	for _, t := range tags {
		if sel.exists && match(t, sel.etag) {
			return proceed
		}
	}
	return refused
}

func ifNoneMatch(lines []string, sel selection, safe bool) verdict {
	tags, star, ok := parseTags(lines)
	if !ok {
		return malformed
	}
	found := star && (sel.exists || sel.marked) // RFC 9110 §13.1.2
	for _, t := range tags {
		found = found || sel.exists && weakMatch(t, sel.etag)
	}
	if !found {
		return proceed
	}
	if safe {
		return notModified
	}
	return refused
}

// ifUnmodifiedSince reports whether the condition holds or is to be ignored.
func ifUnmodifiedSince(lines []string, sel selection) bool {
	t, ok := oneDate(lines)
	// RFC 9110 §13.1.4: ignored without a valid date, or a modification date
	return !ok || !sel.exists || sel.modified.IsZero() || !sel.modified.After(t)
}

// ifModifiedSince reports whether the condition holds or is to be ignored.
func ifModifiedSince(lines []string, sel selection) bool {
	t, ok := oneDate(lines)
	// RFC 9110 §13.1.3: ignored without a valid date, or a modification date
	return !ok || !sel.exists || sel.modified.IsZero() || sel.modified.After(t)
}

// ifRange reports whether a Range field may be obeyed.
func ifRange(lines []string, sel selection) bool {
	if lines == nil {
		return true
	}
	v := trimOWS(strings.Join(lines, ","))
	if strings.Contains(v[:min(3, len(v))], `"`) { // RFC 9110 §13.1.5: how a tag is told from a date
		return validTag(v) && strongMatch(v, sel.etag)
	}
	t, ok := parseDate(v)
	// RFC 9110 §13.1.5: an exact match, and of a strong validator (§8.8.2.2)
	return ok && sel.strongDate && !sel.modified.IsZero() && t.Equal(sel.modified)
}

// oneDate parses a field that must be one line with one HTTP-date.
func oneDate(lines []string) (time.Time, bool) {
	if len(lines) != 1 {
		return time.Time{}, false
	}
	return parseDate(trimOWS(lines[0]))
}

// parseDate parses an HTTP-date in any of the three forms of RFC 9110 §5.6.7.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range []string{
		http.TimeFormat,
		"Monday, 02-Jan-06 15:04:05 GMT",
		"Mon Jan _2 15:04:05 2006",
		"Mon Jan 02 15:04:05 2006",
	} {
		t, err := time.Parse(layout, s)
		// Package time is lenient: it takes fractions of a second, for one.
		if err == nil && afterDayName(t.Format(layout)) == afterDayName(s) {
			return t, true
		}
	}
	return time.Time{}, false
}

// afterDayName returns a date without its first word. A day that is not the
// date's own is nothing that the grammar forbids.
func afterDayName(s string) string {
	_, rest, _ := strings.Cut(s, " ")
	return rest
}

// httpDate formats t as an IMF-fixdate (RFC 9110 §5.6.7).
func httpDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

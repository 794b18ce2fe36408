package ifmatchtest

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// offerRanges tells a GET that it may ask for a part, and cuts the answer to the
// part that it asks for. RFC 9110 §14.2: Range is for GET, after the preconditions.
func (p *performance) offerRanges(a *answer, sel selection) {
	if p.method != http.MethodGet {
		return
	}
	a.header.Set("Accept-Ranges", "bytes")
	if ranges := p.header.Values("Range"); len(ranges) == 1 && ifRange(p.header.Values("If-Range"), sel) {
		sliceRange(a, ranges[0])
	}
}

// sliceRange turns a into the 206 or 416 that field, the value of a Range
// field, asks for. A field that is absent, malformed, of another unit or of
// several ranges leaves the whole 200 (RFC 9110 §14.2).
func sliceRange(a *answer, field string) {
	unit, spec, ok := strings.Cut(field, "=")
	first, last, found := strings.Cut(trimOWS(spec), "-")
	if !ok || !found || !strings.EqualFold(trimOWS(unit), "bytes") {
		return
	}
	size := int64(len(a.body))
	from, to, ok := positions(first, last, size)
	if !ok {
		return
	}
	if from >= size {
		a.status = http.StatusRequestedRangeNotSatisfiable
		a.header.Set("Content-Range", fmt.Sprintf("bytes */%d", size)) // RFC 9110 §15.5.17
		a.body = nil
		return
	}
	a.status = http.StatusPartialContent
	a.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, size)) // RFC 9110 §15.3.7.1
	a.body = a.body[from : to+1]
}

// positions resolves an int-range or a suffix-range (RFC 9110 §14.1.2); from
// is size where it cannot be satisfied.
func positions(first, last string, size int64) (from, to int64, ok bool) {
	if first == "" {
		n, ok := digits(last)
		return max(0, size-n), size - 1, ok && (size > 0 || n == 0)
	}
	from, ok = digits(first)
	if !ok {
		return 0, 0, false
	}
	to = math.MaxInt64
	if last != "" {
		to, ok = digits(last)
	}
	return min(from, size), min(to, size-1), ok && from <= to
}

// digits parses 1*DIGIT; what is too large for an int64 is the largest one.
func digits(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		n = math.MaxInt64
	}
	return n, true
}

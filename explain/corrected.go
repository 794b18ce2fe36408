package explain

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/etag"
)

// correct makes the value that If-Match has to have the first fix, with how to write it in a
// shell. An empty one isn't known, and changes nothing.
func (f *Finding) correct(value, how string) {
	if value == "" {
		return
	}
	f.corrected = value
	f.Fixes = []Fix{asIs(how + ": -H " + quoted("If-Match: "+value))}
}

// tagFor is the tag that a text without quotes stands for: the one of a read, or the text in
// quotes; empty where it can't be one.
func (r *refusal) tagFor(sent string) string {
	if by := r.likeRead(sent); by != nil {
		return by.got.ETag
	}
	tag := `"` + sent + `"`
	if rest, weak := strings.CutPrefix(sent, "W/"); weak {
		tag = `W/"` + rest + `"`
	}
	if strings.ContainsAny(sent, ", \\'") || !etag.Valid(tag) {
		return ""
	}
	return tag
}

// commands are curl commands for the requests of a cleaned report, with comments that say
// which of them were refused and what would be right. had are the exchanges before they were
// cleaned.
func (r *Report) commands(had []Exchange) []string {
	var lines []string
	isOut := false // a body isn't in them
	for i, e := range r.Exchanges {
		if e.Method == "" || e.URL == "" {
			continue
		}
		body := hasBody(&had[i])
		isOut = isOut || body && len(e.RequestBody) == 0
		if slices.Contains(r.Refused, i) {
			lines = append(lines, fmt.Sprintf("# #%d: the request as it was refused", i+1))
		}
		lines = append(lines, e.curl(body))
		lines = append(lines, r.corrections(i, body)...)
	}
	if isOut {
		lines = append([]string{"# @body stands for your file: the body isn't in here"}, lines...)
	}
	return lines
}

// corrections are the commands that are right in place of a refused one, where that is known.
func (r *Report) corrections(i int, body bool) []string {
	at := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Exchange == i && f.Certainty == Certain })
	if at < 0 {
		return nil
	}
	var lines []string
	f := &r.Findings[at]
	if f.Code == code(cause.CodedValidator) || f.Code == code(cause.WeakValidator) {
		read := r.Exchanges[i].identityRead()
		lines = append(lines, "# the read that shows the ETag for it", read.curl(false))
	}
	if f.corrected != "" {
		right := r.Exchanges[i]
		right.RequestHeader = withField(right.RequestHeader, "If-Match", f.corrected)
		lines = append(lines, fmt.Sprintf("# #%d, corrected (%s)", i+1, f.Code), right.curl(body))
	}
	return lines
}

// identityRead is a GET of what a write changes, without a content coding.
func (e *Exchange) identityRead() Exchange {
	h := withField(e.RequestHeader, "Accept-Encoding", "identity")
	for name := range h {
		if key := http.CanonicalHeaderKey(name); strings.HasPrefix(key, "If-") || strings.HasPrefix(key, "Content-") || key == "Origin" {
			delete(h, name)
		}
	}
	return Exchange{Method: http.MethodGet, URL: e.URL, RequestHeader: h}
}

// withField is a copy of a header with one field changed, whatever its name's spelling is.
func withField(h http.Header, name, value string) http.Header {
	made := http.Header{name: {value}}
	for other, values := range h {
		if !strings.EqualFold(other, name) {
			made[other] = values
		}
	}
	return made
}

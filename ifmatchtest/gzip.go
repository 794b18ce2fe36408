package ifmatchtest

import (
	"bytes"
	"compress/gzip"
	"strings"
)

// code sets the answer's body, compressed where a GzipTags fault has it so,
// and reports whether it did.
func (p *performance) code(a *answer, cur state, sel *selection) bool {
	a.body = cur.body
	if !p.faults.has(gzipTags) {
		return false
	}
	a.header.Add("Vary", "Accept-Encoding") // RFC 9110 §12.5.5
	if !strings.Contains(strings.Join(p.header.Values("Accept-Encoding"), ","), "gzip") {
		return false
	}
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	zw.Write(cur.body) // a bytes.Buffer does not fail
	zw.Close()
	a.body = buf.Bytes()
	a.header.Set("Content-Encoding", "gzip")
	if sel.etag != "" {
		sel.etag = strings.TrimSuffix(sel.etag, `"`) + `-gzip"`
	}
	return true
}

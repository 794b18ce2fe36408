// Package webdav has the dialect of WebDAV, CalDAV and CardDAV servers.
//
// The version is an entity-tag in If-Match, as in RFC 9110. What else WebDAV has is
// told apart and never touched: If and lock tokens (RFC 4918 §10.4), Overwrite
// (§10.6), and 423 Locked (§11.3). An error body with a precondition code, such as
// no-uid-conflict of CalDAV (RFC 4918 §16, RFC 4791 §5.3.2.1, RFC 6352 §6.3.2.1),
// stops with that code, whether it comes with 403, 409 or 412.
package webdav

import (
	"bytes"
	"encoding/xml"
	"net/http"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Dialect returns the dialect of WebDAV, CalDAV and CardDAV.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name: "WebDAV",
		Statuses: []int{
			http.StatusForbidden, http.StatusConflict, http.StatusPreconditionFailed, http.StatusLocked, http.StatusPreconditionRequired,
		},
		Judge: judge,
	}
}

func judge(a *dialect.Answer) dialect.Verdict {
	code := precondition(a.Body())
	switch {
	case a.StatusCode == http.StatusLocked:
		return a.Locked("the resource is locked, and the write has no token of that lock")
	case code != "":
		return refused(a, code)
	case a.StatusCode == http.StatusForbidden || a.StatusCode == http.StatusConflict:
		return a.Passes() // a missing collection, a missing right
	}
	return a.AsRFC9110() // it knows If, Lock-Token and Overwrite, and leaves them alone
}

// refused is the verdict on an answer with a precondition code.
func refused(a *dialect.Answer, code string) dialect.Verdict {
	switch code {
	case "lock-token-submitted", "lock-token-matches-request-uri", "no-conflicting-lock":
		return a.Locked(code)
	case "no-uid-conflict":
		return a.Exists(code)
	}
	return a.Stops(code)
}

// precondition is the first precondition code in an error body, empty where there
// is none. Elements of other namespaces explain; they aren't codes.
func precondition(body []byte) string {
	d := xml.NewDecoder(bytes.NewReader(body))
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		switch element := token.(type) {
		case xml.StartElement:
			if depth == 0 && element.Name != (xml.Name{Space: "DAV:", Local: "error"}) {
				return ""
			}
			if depth == 1 && davNamespace(element.Name.Space) {
				return element.Name.Local
			}
			depth++
		case xml.EndElement:
			depth--
		}
	}
}

func davNamespace(space string) bool {
	switch space {
	case "DAV:", "urn:ietf:params:xml:ns:caldav", "urn:ietf:params:xml:ns:carddav", "http://calendarserver.org/ns/":
		return true
	}
	return false
}

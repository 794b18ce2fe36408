// Package webdav has the dialect of WebDAV, CalDAV and CardDAV servers.
//
// The version is an entity-tag in If-Match, as in RFC 9110; or one in If, where that has
// nothing else, such as (["v1"]), or <destination> (["v1"]); or the Schedule-Tag of CalDAV in If-Schedule-Tag-Match
// (RFC 6638 §3.2). What else WebDAV has is
// told apart and never touched: If with lock tokens (RFC 4918 §10.4), Overwrite
// (§10.6), and 423 Locked (§11.3). An error body with a precondition code, such as
// no-uid-conflict of CalDAV (RFC 4918 §16, RFC 4791 §5.3.2.1, RFC 6352 §6.3.2.1),
// stops with that code, whether it comes with 403, 409 or 412. DAViCal's if-match and
// if-none-match are ordinary refusals. The exception of sabre/dav names the field that
// failed; where it names none the 412 is about another thing, such as a cookie of Nextcloud.
// The MOVE that ends an upload to Nextcloud in parts is refused for its destination, which
// is read then. ownCloud and Nextcloud have the tag in OC-ETag, too: where something between
// compresses, it has changed ETag or left it out, and OC-ETag goes before it.
//
// Not covered: lock tokens, which are never written or changed; an If with more than one tag; the
// tag of what a MOVE or COPY overwrites, unless an If names the destination or it is that upload.
//
// See https://www.rfc-editor.org/rfc/rfc4918.
package webdav

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Dialect returns the dialect of WebDAV, CalDAV and CardDAV.
func Dialect() dialect.Dialect {
	tag := dialect.InHeader("OC-ETag").Or(dialect.InHeader("ETag"))
	return dialect.Dialect{
		Name: "WebDAV",
		Tokens: []dialect.Token{
			{Sent: dialect.InHeader("If-Match"), Current: tag, Tag: true},
			{Sent: dialect.InIf(), Current: tag, For: refreshed},
			{Sent: dialect.InHeader("If-Schedule-Tag-Match"), Current: dialect.InHeader("Schedule-Tag")},
		},
		Statuses: []int{
			http.StatusForbidden, http.StatusConflict, http.StatusPreconditionFailed, http.StatusLocked, http.StatusPreconditionRequired,
		},
		Judge:          judge,
		RefreshRequest: atDestination,
		VersionOnly:    func(req *http.Request) bool { return req.Method == "MOVE" || req.Method == "COPY" },
	}
}

// atDestination: the MOVE of Nextcloud and ownCloud that assembles an upload has conditions on
// its destination. Its source is the .file of the upload, which nobody else writes. An If may
// name the destination of any MOVE and COPY.
func atDestination(req *http.Request) (*http.Request, error) {
	write := dialect.WriteOf(req)
	if write == nil {
		return req, nil
	}
	to := write.Request.Header.Get("Destination")
	if !assembles(write.Request) && !same(req, resourceInIf(write.Request), to) {
		return req, nil
	}
	destination, err := req.URL.Parse(to)
	if err != nil {
		return nil, errors.New("the write has no Destination that is a URL")
	}
	req.URL, req.Host = destination, ""
	return req, nil
}

// assembles reports whether a write is the MOVE that ends an upload in parts.
func assembles(write *http.Request) bool {
	return write.Method == "MOVE" && strings.HasSuffix(write.URL.Path, "/.file") && strings.Contains(write.URL.Path, "/uploads/")
}

func judge(a *dialect.Answer) dialect.Verdict {
	e := errorIn(a.Body())
	switch {
	case a.StatusCode == http.StatusLocked:
		return a.Locked("the resource is locked, and the write has no token of that lock")
	case e.code != "":
		return refused(a, e.code)
	case a.StatusCode == http.StatusForbidden || a.StatusCode == http.StatusConflict:
		return a.Passes() // a missing collection, a missing right
	case a.StatusCode == http.StatusPreconditionFailed && e.header == "Overwrite":
		return a.Exists("Overwrite: F, and the destination exists")
	case a.StatusCode == http.StatusPreconditionFailed && e.exception && e.header == "" && !strings.Contains(e.message, "If-"):
		return a.Stops(fmt.Sprintf("%.200s", cmp.Or(e.message, "an exception that names no field")))
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

// sayings are what an error body says.
type sayings struct {
	code            string // the first precondition code, empty where there is none
	exception       bool   // sabre/dav names one
	header, message string // of sabre/dav: the field that failed, and a text
}

// errorIn reads an error body. Elements of other namespaces explain; they aren't codes.
func errorIn(body []byte) (e sayings) {
	var answer struct {
		XMLName  xml.Name `xml:"DAV: error"`
		Elements []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	err := d.Decode(&answer)
	for _, element := range answer.Elements {
		name := element.XMLName
		switch {
		case name.Space == "http://sabredav.org/ns":
			e.noteSabre(name.Local, strings.TrimSpace(element.Text))
		case name.Space == "DAV:" && (name.Local == "if-match" || name.Local == "if-none-match"): // DAViCal
		case e.code == "" && davNamespace(name.Space):
			e.code = name.Local
		}
	}
	if err != nil && e.code == "" {
		return sayings{} // it broke off before the field that failed, maybe
	}
	return e
}

func (e *sayings) noteSabre(name, text string) {
	switch name {
	case "exception":
		e.exception = true
	case "header":
		e.header = text
	case "message":
		e.message = text
	}
}

// refreshed reports whether what the If of a write conditions is what a refresh asks: the
// resource of the write, or the Destination that it names (RFC 4918 §10.4.2).
func refreshed(req *http.Request) bool {
	named := resourceInIf(req)
	if same(req, named, req.Header.Get("Destination")) {
		return true
	}
	return !assembles(req) && (named == "" || same(req, named, req.URL.String()))
}

// resourceInIf is the resource that an If begins with, empty where it names none.
func resourceInIf(req *http.Request) string {
	resource, found := strings.CutPrefix(strings.TrimSpace(req.Header.Get("If")), "<")
	if !found {
		return ""
	}
	resource, _, _ = strings.Cut(resource, ">")
	return resource
}

// same reports whether two references from the URL of a request name one resource.
func same(req *http.Request, a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	one, errA := req.URL.Parse(a)
	other, errB := req.URL.Parse(b)
	return errA == nil && errB == nil && one.Scheme == other.Scheme && strings.EqualFold(one.Host, other.Host) &&
		one.Path == other.Path && slashes(one) == slashes(other) && one.RawQuery == other.RawQuery
}

// slashes is the path of a URL without what is between its slashes that are none in a name:
// a%2Fb is one name (RFC 3986 §2.2).
func slashes(u *url.URL) string {
	var b strings.Builder
	for name := range strings.SplitSeq(u.EscapedPath(), "/") {
		name, _ = url.PathUnescape(name) // it was parsed
		b.WriteString(strconv.Itoa(len(name)) + "/")
	}
	return b.String()
}

func davNamespace(space string) bool {
	switch space {
	case "DAV:", "urn:ietf:params:xml:ns:caldav", "urn:ietf:params:xml:ns:carddav", "http://calendarserver.org/ns/":
		return true
	}
	return false
}

// Package couchdb has the dialect of CouchDB, PouchDB Server and Cloudant.
//
// The version is the document's _rev. A write carries it as the member _rev, as
// the query parameter rev, or without quotes in If-Match. Another one is 409
// conflict. A PUT without any is create-only: 409 says that the document exists.
// 412 is never about a version: the database exists, or an attachment is missing.
//
// The current version is read from the document, not from its ETag, which an
// attachment hasn't and which express-pouchdb makes of the page it sends. A refresh
// of an attachment asks the document that it belongs to. So only its version is
// known: Resend sends it again, Rebuild and MergeJSON end with CauseRefreshFailed,
// and Get and Update of an attachment are an error.
//
// CouchDB refuses members that begin with an underscore, and Sync Gateway drops them, so the
// ids of ifmatch.Marks are in the member ifmatch_marks, a text.
//
// Not covered: _bulk_docs, which has its conflicts inside a 201.
//
// See https://docs.couchdb.org/en/stable/api/document/common.html.
package couchdb

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Dialect returns the dialect of CouchDB with URLs such as /database/document.
func Dialect() dialect.Dialect { return Below("/") }

// Below returns the dialect of a CouchDB whose URLs have a prefix: "/couch/" where
// they are /couch/database/document.
func Below(prefix string) dialect.Dialect {
	at := root("/" + strings.Trim(prefix, "/") + "/")
	if at == "//" {
		at = "/"
	}
	current := dialect.InBody("/_rev")
	return dialect.Dialect{
		Name: "CouchDB",
		Tokens: []dialect.Token{
			{Sent: current, Current: current, Valid: isRev, For: at.isDocument},
			{Sent: dialect.InQuery("rev"), Current: current, Valid: isRev},
			{Sent: dialect.InHeader("If-Match"), Current: current, Valid: isTag},
		},
		MarksAt:        "/ifmatch_marks",
		Statuses:       []int{http.StatusConflict, http.StatusPreconditionFailed},
		Judge:          at.judge,
		RefreshRequest: at.askDocument,
		VersionOnly:    func(req *http.Request) bool { return !at.isDocument(req) },
	}
}

// root is the escaped path that databases are below of, with a slash at its end.
type root string

func (at root) judge(a *dialect.Answer) dialect.Verdict {
	var answer struct{ Error, Reason string }
	json.Unmarshal(a.Body(), &answer) // what isn't one has no error
	reason := fmt.Sprintf("%d %.40s: %.200s", a.StatusCode, cmp.Or(answer.Error, "without an error that CouchDB has"), answer.Reason)
	_, attachment := at.documentOf(a.Request.URL)
	switch {
	case a.StatusCode == http.StatusPreconditionFailed && answer.Error == "file_exists":
		return a.Exists("the database exists")
	case a.StatusCode == http.StatusPreconditionFailed || answer.Error != "conflict":
		return a.Stops(reason)
	case a.Request.Method == "COPY":
		return a.Stops("the revision that counts is that in Destination, which is left alone")
	case a.Request.URL.Query().Get("rev") != "" || a.Request.Header.Get("If-Match") != "":
		return a.Conflict()
	case a.Request.Method == http.MethodDelete:
		return a.Required()
	case attachment:
		return a.Exists("the document exists, and an attachment needs its revision")
	}
	return a.Conflict() // or it is create-only: that is in the body
}

// askDocument sends a refresh to the document, whatever part of it was written.
func (at root) askDocument(req *http.Request) (*http.Request, error) {
	path, _ := at.documentOf(req.URL)
	if path == "" {
		return nil, errors.New("the URL names no document")
	}
	u, err := req.URL.Parse(path)
	if err != nil {
		return nil, err
	}
	u.RawQuery = req.URL.RawQuery
	req.URL = u
	req.Header.Set("Accept", "application/json") // a write of an attachment may have asked for something else
	return req, nil
}

// isDocument reports whether the body of a write is a document: the body of an
// attachment is whatever it is.
func (at root) isDocument(req *http.Request) bool {
	_, attachment := at.documentOf(req.URL)
	return !attachment
}

// documentOf returns the escaped path of the document that a URL is about, empty
// where it is about none, and whether the URL names an attachment of it.
func (at root) documentOf(u *url.URL) (path string, attachment bool) {
	// What isn't below begins with a slash still: its first part is empty.
	parts := strings.Split(strings.TrimPrefix(u.EscapedPath(), string(at)), "/")
	n := 2 // database and document
	if len(parts) > 2 && (parts[1] == "_design" || parts[1] == "_local") {
		n = 3
	}
	switch {
	case len(parts) < n || parts[0] == "" || parts[n-1] == "" || strings.HasPrefix(parts[n-1], "_"):
		return "", false
	case len(parts) > n && strings.HasPrefix(parts[n], "_"):
		return "", false // a function of a design document: no attachment is named so
	}
	return string(at) + strings.Join(parts[:n], "/"), len(parts) > n
}

// isRev reports whether a text is a revision: a number, a hyphen and what is
// mostly a digest.
func isRev(text string) bool {
	n, digest, _ := strings.Cut(text, "-")
	if n == "" || digest == "" || strings.Trim(n, "0123456789") != "" {
		return false
	}
	return !strings.ContainsFunc(digest, func(r rune) bool { return r <= ' ' || r == '"' || r > '~' })
}

// isTag reports whether a text is a revision, perhaps with the quotes that CouchDB
// strips from If-Match.
func isTag(text string) bool {
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	return isRev(text)
}

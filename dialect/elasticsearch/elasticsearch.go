// Package elasticsearch has the dialect of the document APIs of Elasticsearch and OpenSearch.
//
//	c := ifmatch.NewClient(ifmatch.Stop, ifmatch.WithDialect(elasticsearch.Dialect()))
//	ifmatch.Update(ctx, c, cluster+"/products/_doc/1567", edit)
//
// The version is two numbers, _seq_no and _primary_term, in the body of what is read, and in
// the query parameters if_seq_no and if_primary_term of a write. Other ones are 409 with the
// error version_conflict_engine_exception. The document is _source in what is read, and the
// whole body of a write: Get, Update and the policies see the document alone.
//
// A write with op_type=create, or to _create, creates only, and 409 to it is CauseExists. Update
// doesn't send one: CreateIfAbsent is an error. A partial update by POST to _update is sent
// again under fresh numbers; no policy makes another one, since its body isn't the document.
//
// Not covered: _bulk and _update_by_query, which have answers of their own inside; external
// versions (version_type), whose 409 stops; documents without a stored _source.
//
// Elasticsearch Guide, "Optimistic concurrency control"
// (https://www.elastic.co/guide/en/elasticsearch/reference/current/optimistic-concurrency-control.html);
// OpenSearch documentation, "Index document"
// (https://docs.opensearch.org/latest/api-reference/document-apis/index-document/).
package elasticsearch

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Dialect returns the dialect of Elasticsearch and OpenSearch.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name: "Elasticsearch",
		Tokens: []dialect.Token{
			{Sent: dialect.InQuery("if_seq_no"), Current: dialect.InBody("/_seq_no"), Number: true},
			// Alone it says little: the number begins anew with each primary.
			{Sent: dialect.InQuery("if_primary_term"), Current: dialect.InBody("/_primary_term"), Number: true, Also: true, Partial: true},
		},
		Statuses:       []int{http.StatusConflict},
		Judge:          judge,
		RefreshRequest: readsDocument,
		ReadState:      "/_source",
		VersionOnly:    func(req *http.Request) bool { return operation(req.URL) == "_update" },
	}
}

func judge(a *dialect.Answer) dialect.Verdict {
	var answer struct{ Error struct{ Type, Reason string } }
	json.Unmarshal(a.Body(), &answer) // an error that is a text has no type
	query := a.Request.URL.Query()
	switch {
	case answer.Error.Type != "version_conflict_engine_exception":
		return a.Passes()
	case query.Get("op_type") == "create" || operation(a.Request.URL) == "_create":
		return a.Exists("there is a document with that id, and the write only makes one")
	case query.Has("version"):
		return a.Stops("the external version isn't newer: " + answer.Error.Reason)
	}
	return a.Conflict()
}

// operation is the segment of a path that says what is done to a document: _doc, _update,
// _create; empty where there is none.
func operation(u *url.URL) string {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}

// readsDocument makes a refresh read the document: what else is in the query is about the
// write, but routing, which says on which shard it is.
func readsDocument(req *http.Request) (*http.Request, error) {
	u := *req.URL
	routing := u.Query().Get("routing")
	if u.RawQuery = ""; routing != "" {
		u.RawQuery = url.Values{"routing": {routing}}.Encode()
	}
	if op := operation(&u); op == "_update" || op == "_create" {
		escaped := u.EscapedPath()
		i := strings.LastIndex(escaped, "/"+op+"/")
		made, err := u.Parse(escaped[:i] + "/_doc/" + escaped[i+len(op)+2:])
		if err != nil {
			return nil, err
		}
		made.RawQuery = u.RawQuery
		u = *made
	}
	req.URL, req.Method = &u, http.MethodGet
	return req, nil
}

// Package cosmos has the dialect of Azure Cosmos DB for NoSQL, by its REST API.
//
//	c := &http.Client{Transport: ifmatch.NewTransport(signing, ifmatch.Stop, ifmatch.WithDialect(cosmos.Dialect()))}
//	ifmatch.Update(ctx, c, account+"/dbs/shop/colls/carts/docs/1", edit,
//		ifmatch.WithHeader("x-ms-documentdb-partitionkey", `["1"]`))
//
// The version is an entity-tag, in the ETag field and in the member _etag, and goes back in
// If-Match. Another one is 412. 449 says that another operation was under way: the same write
// goes again after a wait. 404 under If-Match is CauseGone, unless its substatus says that
// the session hasn't reached this replica.
//
// The signature of a key covers the verb, so the signer is the base of the Transport: each
// write and each read needs one of its own. A refusal of a write that was signed above stops
// with CauseSignedAbove.
//
// There is no PUT that creates, and a condition on a create is ignored: CreateIfAbsent is an
// error. An upsert by POST is refused for the document that the id in its body names. PATCH,
// whose body is a list of operations, is sent again and never made anew. Not covered: batches
// and stored procedures.
//
// Azure Cosmos DB REST API, "Replace a document"
// (https://learn.microsoft.com/rest/api/cosmos-db/replace-a-document) and "HTTP status codes
// for Azure Cosmos DB"
// (https://learn.microsoft.com/rest/api/cosmos-db/http-status-codes-for-cosmosdb).
package cosmos

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// retryWith is the status of an operation that met another one.
const retryWith = 449

// Dialect returns the dialect of Cosmos DB.
func Dialect() dialect.Dialect {
	sent := dialect.InHeader("If-Match")
	return dialect.Dialect{
		Name: "Cosmos DB",
		Tokens: []dialect.Token{
			{Sent: sent, Current: dialect.InHeader("ETag"), Tag: true},
			{Sent: sent, Current: dialect.InBody("/_etag"), Tag: true},
		},
		Statuses:       []int{http.StatusNotFound, http.StatusPreconditionFailed, retryWith},
		Judge:          judge,
		RefreshRequest: readsDocument,
		VersionOnly:    func(req *http.Request) bool { return req.Method == http.MethodPatch },
		NoCreate:       true,
		SignedAbove:    signedByKey,
		Ignores: func(req *http.Request) string {
			if req.Method == http.MethodPost && req.Header.Get("If-None-Match") == "*" && strings.EqualFold(req.Header.Get("X-Ms-Documentdb-Is-Upsert"), "true") {
				return "If-None-Match: * on an upsert; a POST without x-ms-documentdb-is-upsert only creates"
			}
			return ""
		},
	}
}

// signedByKey says that a write has the signature of a key, which covers the verb. Resource
// tokens and those of Entra ID cover nothing.
func signedByKey(req *http.Request) string {
	token := strings.ToLower(req.Header.Get("Authorization"))
	if strings.HasPrefix(token, "type%3dmaster") || strings.HasPrefix(token, "type=master") {
		return "the signature of a key in Authorization"
	}
	return ""
}

func judge(a *dialect.Answer) dialect.Verdict {
	switch a.StatusCode {
	case retryWith:
		return a.Again()
	case http.StatusPreconditionFailed:
		return a.AsRFC9110()
	}
	if sub := a.Header.Get("X-Ms-Substatus"); a.Request.Header.Get("If-Match") == "" || sub != "" && sub != "0" {
		return a.Passes()
	}
	return a.Gone("404: there is no document with that id in the partition")
}

// readsDocument makes a refresh a GET, which has the tag in its body, too. An upsert goes to
// the documents of a collection, and has the id in its body.
func readsDocument(req *http.Request) (*http.Request, error) {
	req.Method = http.MethodGet
	req.Header.Del("X-Ms-Documentdb-Is-Upsert")
	write := dialect.WriteOf(req)
	if write == nil || write.Request.Method != http.MethodPost {
		return req, nil
	}
	var sent struct{ ID string }
	if json.Unmarshal(write.Body(), &sent) != nil || sent.ID == "" {
		return nil, errors.New("the body of the write can't be had, or names no id")
	}
	req.URL = req.URL.JoinPath(url.PathEscape(sent.ID))
	return req, nil
}

// Package firestore has the dialect of Cloud Firestore's REST API.
//
//	c := ifmatch.NewClient(ifmatch.Stop, ifmatch.WithDialect(firestore.Dialect()))
//	ifmatch.Update(ctx, c, database+"/documents/carts/1", edit)
//
// The version is the text updateTime of a document, and the query parameter
// currentDocument.updateTime of a PATCH or DELETE. Another one is 400 with the status
// FAILED_PRECONDITION. The state is fields, with its typed values, in what is read and in
// what is written. Update writes all of it, by PATCH without a mask.
//
// currentDocument.exists=false creates only, and 409 ALREADY_EXISTS to it is CauseExists.
// Update doesn't send one: CreateIfAbsent is an error. A document without any field reads
// without fields, and an Update of it is an error.
//
// Each value in fields has a type around it, so an Update of a type with ifmatch.Marks is an
// error.
//
// Not covered: :commit and :batchWrite, whose preconditions are inside; transactions.
//
// Firestore documentation, "REST Resource: projects.databases.documents", "Method: patch"
// (https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.documents/patch)
// and "Precondition"
// (https://firebase.google.com/docs/firestore/reference/rest/v1/Precondition).
package firestore

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/query"
)

// Dialect returns the dialect of Firestore.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name:           "Firestore",
		Tokens:         []dialect.Token{{Sent: dialect.InQuery(updateTime), Current: dialect.InBody("/updateTime")}},
		Statuses:       []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict},
		Judge:          judge,
		RefreshRequest: query.Without(exists, "updateMask.fieldPaths", "mask.fieldPaths"),
		WriteRequest:   byPatch,
		ReadState:      "/fields",
		WriteState:     "/fields",
		NoMarks:        "each value in fields has a type around it, which a list of ids hasn't",
	}
}

const (
	updateTime = "currentDocument.updateTime"
	exists     = "currentDocument.exists"
)

func byPatch(req *http.Request) (*http.Request, error) {
	req.Method = http.MethodPatch
	return req, nil
}

func judge(a *dialect.Answer) dialect.Verdict {
	var answer struct {
		Error struct{ Status, Message string }
	}
	json.Unmarshal(a.Body(), &answer) // what isn't JSON has no error
	sent := a.Request.URL.Query()
	switch status := answer.Error.Status; {
	case status == "ABORTED":
		return a.Again()
	case status == "ALREADY_EXISTS" && sent.Get(exists) == "false":
		return a.Exists("currentDocument.exists=false: there is a document")
	case status == "NOT_FOUND" && (sent.Has(updateTime) || sent.Get(exists) == "true"):
		return a.Gone("there is no such document")
	case status != "FAILED_PRECONDITION" || !sent.Has(updateTime):
		return a.Passes()
	case strings.Contains(answer.Error.Message, "does not match the required base version"):
		return a.Conflict()
	}
	return a.Stops(fmt.Sprintf("FAILED_PRECONDITION: %.200s", answer.Error.Message))
}

// Package azuretable is the dialect of Azure Table Storage, and of the Table API
// of Cosmos DB.
//
//	c := ifmatch.NewClient(ifmatch.Stop, ifmatch.WithDialect(azuretable.Dialect()))
//	ifmatch.Update(ctx, c, ".../items(PartitionKey='p',RowKey='r')?"+sas, edit)
//
// Azure Storage REST API, "Update Entity", "Merge Entity", "Delete Entity" and
// "Table service error codes".
//
// Not covered: $batch, which passes; a create by PUT, since the service ignores If-None-Match: *.
//
// See https://learn.microsoft.com/rest/api/storageservices/update-entity2.
package azuretable

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Dialect returns the dialect of Azure Table. Its entity-tags are weak, are
// compared in If-Match all the same, and go back byte for byte.
//
//   - 412 UpdateConditionNotSatisfied, or without a code, is as in RFC 9110; any
//     other code stops with CauseUnattributed.
//   - 404 for an entity, under If-Match, stops with CauseGone; a table that is
//     missing is handed on.
//   - The refresh is a GET, since HEAD is refused.
//
// WithPatch sends a merge as application/json. The merge isn't RFC 7396: a null
// means that the property stays as it is, so nothing can be removed. Send the
// whole entity for that, without WithPatch.
//
// The service ignores If-None-Match: a PUT with it replaces an entity that is
// there. So CreateIfAbsent is an error where there is none. Insert Entity, a POST
// to the table, creates only.
//
// A property can't be an array, so the ids of ifmatch.Marks are in the property
// ifmatch_marks, a text.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name:           "Azure Table",
		Statuses:       []int{http.StatusNotFound, http.StatusPreconditionFailed},
		Judge:          judge,
		RefreshRequest: byGet,
		WeakTags:       true,
		MergePatch:     "application/json",
		NoCreate:       true,
		MarksAt:        "/ifmatch_marks",
	}
}

func judge(a *dialect.Answer) dialect.Verdict {
	code := codeOf(a)
	switch {
	case a.StatusCode == http.StatusPreconditionFailed:
		if code == "" || code == "UpdateConditionNotSatisfied" {
			return a.AsRFC9110()
		}
		return a.Stops(fmt.Sprintf("%.64q isn't about an ETag", code))
	case a.Request.Header.Get("If-Match") == "":
	case code == "ResourceNotFound", code == "EntityNotFound":
		return a.Gone(code + ": there is no entity")
	}
	return a.Passes()
}

// codeOf returns the error code, which is in the header, and in the body too.
func codeOf(a *dialect.Answer) string {
	if code := a.Header.Get("X-Ms-Error-Code"); code != "" {
		return code
	}
	var body struct {
		Error struct {
			Code string `json:"code"`
		} `json:"odata.error"`
	}
	if json.Unmarshal(a.Body(), &body) != nil {
		return ""
	}
	return body.Error.Code
}

// byGet spares the HEAD that is refused. Without Accept the answer would be Atom,
// which the service doesn't speak any more.
func byGet(req *http.Request) (*http.Request, error) {
	req.Method = http.MethodGet
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json;odata=nometadata")
	}
	return req, nil
}

// Package kubernetes has the dialect of the Kubernetes API.
//
//	c := ifmatch.NewClient(ifmatch.Stop, ifmatch.WithDialect(kubernetes.Dialect()))
//	ifmatch.Update(ctx, c, server+"/apis/apps/v1/namespaces/default/deployments/web", edit)
//
// The version is metadata.resourceVersion, an opaque text: in the object that is written,
// and in the preconditions of a DELETE's body. Another one is 409 with the reason Conflict.
// The subresources status and scale have it in the same place, and are read where they are
// written.
//
// A PUT without resourceVersion, or with 0, replaces whatever is there, where the type allows
// that; where it doesn't, the answer is 422, and a version has to be read. No PUT only creates:
// CreateIfAbsent is an error, and POST to the collection is answered with 409 AlreadyExists
// where there is an object of that name.
//
// A PUT to an object that is gone is 404 for most types. A few are created by it, Lease among
// them, and the API server compares no version then: the PUT makes the object anew. It does
// compare metadata.uid. Update keeps the UID that it has read, and so should what you send:
// such a PUT is 409, and ends with CauseGone.
//
// The API server drops members that the object's type doesn't have, so the ids of
// ifmatch.Marks are in the annotation ifmatch-go.github.io/marks; set MarksAt for another one.
// At the subresources annotations may be dropped: leave Marks out of a type for these.
//
// Not covered: server-side apply, whose conflicts are about fields and their managers; a JSON
// Patch, whose test operation is left alone; preconditions of an Eviction; watches and lists,
// whose 410 isn't the answer to a write.
//
// Kubernetes API Concepts, "Updates to existing resources"
// (https://kubernetes.io/docs/reference/using-api/api-concepts/); API Conventions, "Concurrency
// Control and Consistency" (https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md);
// Preconditions
// (https://kubernetes.io/docs/reference/kubernetes-api/definitions/preconditions-v1-meta/).
package kubernetes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/query"
)

// Dialect returns the dialect of Kubernetes.
func Dialect() dialect.Dialect {
	current := dialect.InBody("/metadata/resourceVersion")
	return dialect.Dialect{
		Name: "Kubernetes",
		Tokens: []dialect.Token{
			{Sent: current, Current: current, For: writesObject, Valid: isVersion},
			{Sent: dialect.InBody("/preconditions/resourceVersion"), Current: current, For: deletes, Valid: isVersion},
		},
		Statuses:       []int{http.StatusConflict, http.StatusUnprocessableEntity},
		Judge:          judge,
		RefreshRequest: query.Without("dryRun", "fieldManager", "fieldValidation", "force", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"),
		ReturnsState:   returnsObject,
		NoCreate:       true,
		MarksAt:        "/metadata/annotations/ifmatch-go.github.io~1marks",
	}
}

// isVersion reports whether a text names a version of an object: 0 asks for no comparison.
func isVersion(text string) bool { return text != "0" }

func deletes(req *http.Request) bool { return req.Method == http.MethodDelete }

// writesObject reports whether the body of a write has the object, or a merge patch of it.
func writesObject(req *http.Request) bool {
	kind := req.Header.Get("Content-Type")
	return (req.Method == http.MethodPut || req.Method == http.MethodPatch) && !strings.HasPrefix(kind, "application/apply-patch")
}

// returnsObject: the answer to a PUT or a PATCH has the object as it is stored, unless
// nothing was stored.
func returnsObject(req *http.Request) bool {
	return writesObject(req) && !req.URL.Query().Has("dryRun")
}

// status is the object in an answer that refuses (API Conventions, "Response Status Kind").
type status struct {
	Kind, Reason, Message string
	Details               struct {
		Causes []struct{ Reason, Field string }
	}
}

// has reports whether one of the causes has such a reason, or such a field.
func (s *status) has(reason, field string) bool {
	for _, cause := range s.Details.Causes {
		if cause.Reason == reason || field != "" && cause.Field == field {
			return true
		}
	}
	return false
}

func judge(a *dialect.Answer) dialect.Verdict {
	var s status
	if json.Unmarshal(a.Body(), &s) != nil || s.Kind != "Status" {
		return a.Passes() // it isn't from the API server
	}
	switch {
	case s.Reason == "AlreadyExists":
		return a.Exists("AlreadyExists: there is an object with that name")
	case s.Reason == "Invalid" && s.has("", "metadata.resourceVersion"):
		return a.Required()
	case s.Reason != "Conflict":
		return a.Passes()
	case s.has("FieldManagerConflict", ""):
		return a.Stops("FieldManagerConflict: another manager owns a field that is applied")
	case strings.Contains(s.Message, "UID in "): // of the preconditions, or of metadata
		return a.Gone(fmt.Sprintf("the object with that UID is gone: %.200s", s.Message))
	}
	return a.Conflict()
}

// Package fhir has the dialect of FHIR servers, STU3 to R5.
//
// The version is the weak entity-tag W/"versionId" in the ETag field, and goes
// back into If-Match byte for byte (FHIR RESTful API, "Managing Resource
// Contention"). A version that isn't the current one is 412 from R4 on, and 409 in
// STU3. There 412 says that If-Match is missing.
//
// Conditional operations (If-None-Exist, or a search in the URL that is written)
// answer 412 where several resources match. No version cures that.
package fhir

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch"
)

// Dialect returns the dialect of FHIR.
func Dialect() ifmatch.Dialect {
	return ifmatch.Dialect{
		Name: "FHIR",
		Tokens: []ifmatch.Token{
			{Sent: ifmatch.InHeader("If-Match"), Current: ifmatch.InHeader("ETag"), Tag: true},
		},
		Statuses: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
		Judge:    judge,
		WeakTags: true,
	}
}

func judge(a *ifmatch.Answer) ifmatch.Verdict {
	conditional := conditionalOperation(a.Request)
	guarded := a.Request.Header.Get("If-Match") != ""
	switch {
	case a.StatusCode == http.StatusConflict && !guarded:
		return a.Passes() // a duplicate, a reference, a business rule
	case a.StatusCode == http.StatusPreconditionRequired:
		return a.AsRFC9110()
	}
	switch code := issueCode(a.Body()); code {
	case "", "conflict", "processing", "invalid": // the last two say nothing, and servers use them
	case "lock-error":
		return a.Stops(ifmatch.CauseLocked, "somebody holds a lock on the resource")
	case "multiple-matches":
		return a.Stops(ifmatch.CauseUnattributed, "several resources match")
	default:
		return a.Stops(ifmatch.CauseUnattributed, fmt.Sprintf("the issue code %.40q is no version conflict", code))
	}
	switch {
	case conditional:
		return a.Stops(ifmatch.CauseUnattributed, "the search of a conditional operation failed, or matched several resources")
	case !guarded && a.Request.Method != http.MethodPost && a.Request.Header.Get("If-None-Match") == "" && a.Request.Header.Get("If-Unmodified-Since") == "":
		return a.Refuses(ifmatch.CausePreconditionRequired)
	}
	return a.AsRFC9110()
}

// conditionalOperation reports whether a search chooses the resource.
func conditionalOperation(req *http.Request) bool {
	if req.Header.Get("If-None-Exist") != "" {
		return true
	}
	for name := range req.URL.Query() {
		switch name {
		case "_format", "_pretty", "_summary", "_elements": // they choose the form of the answer
		default:
			return true
		}
	}
	return false
}

// issueCode is the code of the first error in an OperationOutcome, empty where
// there is none.
func issueCode(body []byte) string {
	var outcome struct {
		ResourceType string
		Issue        []struct{ Severity, Code string }
	}
	if json.Unmarshal(body, &outcome) != nil || outcome.ResourceType != "OperationOutcome" {
		return ""
	}
	for _, issue := range outcome.Issue {
		if issue.Severity == "error" || issue.Severity == "fatal" {
			return issue.Code
		}
	}
	return ""
}

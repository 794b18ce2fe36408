// Package fhir has the dialect of FHIR servers, STU3 to R5.
//
// The version is the weak entity-tag W/"versionId" in the ETag field, and goes
// back into If-Match byte for byte (FHIR RESTful API, "Managing Resource
// Contention"). A version that isn't the current one is 412 from R4 on, and 409 in
// STU3. There 412 says that If-Match is missing.
//
// Conditional operations (If-None-Exist, or a search in the URL that is written)
// answer 412 where several resources match. No version cures that.
//
// Not covered: batches and transactions, which have their conditions inside; a 400 for want of a
// version, which says too many things.
//
// See https://hl7.org/fhir/R5/http.html#concurrency.
package fhir

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/query"
)

// Dialect returns the dialect of FHIR.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name: "FHIR",
		Tokens: []dialect.Token{
			{Sent: dialect.InHeader("If-Match"), Current: dialect.InHeader("ETag"), Tag: true},
		},
		Statuses:       []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
		Judge:          judge,
		WeakTags:       true,
		RefreshRequest: query.Without("_elements", "_summary"),
	}
}

func judge(a *dialect.Answer) dialect.Verdict {
	conditional := conditionalOperation(a.Request)
	guarded := a.Request.Header.Get("If-Match") != ""
	switch {
	case a.StatusCode == http.StatusConflict && !guarded:
		return a.Passes() // a duplicate, a reference, a business rule
	case a.StatusCode == http.StatusPreconditionRequired:
		return a.AsRFC9110()
	}
	code, ok := codeIn(a.Body(), a.Header)
	if !ok {
		return a.Stops("there is an OperationOutcome, and it can't be read: it may be about a lock")
	}
	switch code {
	case "", "conflict", "processing", "invalid": // the last two say nothing, and servers use them
	case "lock-error":
		return a.Locked("somebody holds a lock on the resource")
	case "multiple-matches":
		return a.Stops("several resources match")
	default:
		return a.Stops(fmt.Sprintf("the issue code %.40q is no version conflict", code))
	}
	switch {
	case conditional:
		return a.Stops("the search of a conditional operation failed, or matched several resources")
	case !guarded && a.Request.Method != http.MethodPost && a.Request.Header.Get("If-None-Match") == "" && a.Request.Header.Get("If-Unmodified-Since") == "":
		return a.Required()
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

// codeIn is the code of the first error in an OperationOutcome, in JSON or XML,
// empty where there is none. It reports false where there seems to be one that is
// too long, too slow, or none of FHIR's.
func codeIn(body []byte, h http.Header) (code string, ok bool) {
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return "", h.Get("Content-Length") == "0" || !strings.Contains(strings.ToLower(h.Get("Content-Type")), "fhir")
	}
	type value struct {
		Value string `xml:"value,attr"`
	}
	var inXML struct {
		XMLName xml.Name `xml:"OperationOutcome"`
		Issue   []struct {
			Severity value `xml:"severity"`
			Code     value `xml:"code"`
		} `xml:"issue"`
	}
	var outcome struct {
		ResourceType string
		Issue        []struct{ Severity, Code string }
	}
	switch {
	case json.Unmarshal(body, &outcome) == nil:
		if outcome.ResourceType != "OperationOutcome" {
			return "", true
		}
	case xml.Unmarshal(body, &inXML) == nil:
		for _, issue := range inXML.Issue {
			outcome.Issue = append(outcome.Issue, struct{ Severity, Code string }{issue.Severity.Value, issue.Code.Value})
		}
	default:
		return "", !bytes.Contains(body, []byte("OperationOutcome"))
	}
	for _, issue := range outcome.Issue {
		if issue.Severity == "error" || issue.Severity == "fatal" {
			return issue.Code, true
		}
	}
	return "", true
}

// Package odata has the dialect of OData services: SAP CAP and Gateway,
// Dataverse and Dynamics 365, Business Central, Microsoft Graph where it is OData.
//
// The version is an entity-tag, in the ETag field or in the member @odata.etag of
// the entity; in OData 3 and 2 that is odata.etag, or __metadata.etag in verbose JSON. It
// may be weak, and goes back into If-Match byte for byte, with its
// W/ (OData 4.01 Protocol §8.2.4). 412 says that the entity is another one than
// the tag names, or that there is none; 428 that a tag has to be sent. Planner says the
// latter by 412, too ("Update plannerTask",
// https://learn.microsoft.com/graph/api/plannertask-update), and Business Central has 400
// and 409 for both.
//
// The files of OneDrive have their tag in the member eTag, and another dialect: OneDrive.
//
// A merge patch of WithPatch goes as application/json, as services expect it
// (OData 4.01 Protocol §11.4.3).
//
// Not covered: $batch; the codes in error bodies, but for Business Central's, since they are each
// service's own; Update of verbose JSON, which has the entity in d.
//
// See https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part1-protocol.html.
package odata

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/query"
)

// Dialect returns the dialect of OData.
func Dialect() dialect.Dialect {
	sent := dialect.InHeader("If-Match")
	return dialect.Dialect{
		Name: "OData",
		Tokens: []dialect.Token{
			{Sent: sent, Current: dialect.InHeader("ETag"), Tag: true},
			// OData JSON Format 4.01 §4.6.9; 4.01 drops "odata." from its names.
			{Sent: sent, Current: dialect.InBody("/@odata.etag"), Tag: true},
			{Sent: sent, Current: dialect.InBody("/@etag"), Tag: true},
			// OData 3 JSON Format §4.5.5; OData 2 and 3 verbose JSON.
			{Sent: sent, Current: dialect.InBody("/odata.etag"), Tag: true},
			{Sent: sent, Current: dialect.InBody("/d/__metadata/etag"), Tag: true},
		},
		Statuses:       []int{http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
		Judge:          judge,
		WeakTags:       true,
		RefreshRequest: query.Without("$select", "$expand"),
		MergePatch:     "application/json",
	}
}

// OneDrive returns the dialect of drive items in Microsoft Graph. Their tag is the member
// eTag, with or without quotes, and goes back into If-Match as it is. The tag of a content
// is that of its item. Nothing creates only.
//
// Microsoft Graph, "Update DriveItem properties"
// (https://learn.microsoft.com/graph/api/driveitem-update).
func OneDrive() dialect.Dialect {
	d := Dialect()
	d.Name = "OneDrive"
	d.Tokens = []dialect.Token{{Sent: dialect.InHeader("If-Match"), Current: dialect.InBody("/eTag")}}
	d.RefreshRequest = readsItem
	d.VersionOnly = isContent
	d.NoCreate = true
	return d
}

func isContent(req *http.Request) bool {
	return strings.HasSuffix(req.URL.Path, "/content") || strings.HasSuffix(req.URL.Path, ":/content")
}

// readsItem makes a refresh read the item: its content is at another host.
func readsItem(req *http.Request) (*http.Request, error) {
	u := *req.URL
	for _, end := range []string{":/content", "/content"} {
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, end), strings.TrimSuffix(u.RawPath, end)
	}
	req.URL, req.Method = &u, http.MethodGet
	return query.Without("$select", "$expand")(req)
}

func judge(a *dialect.Answer) dialect.Verdict {
	// The requests in a batch have conditions of their own, and answers inside
	// of this one (OData 4.01 Protocol §11.7).
	if strings.HasSuffix(a.Request.URL.Path, "/$batch") {
		return a.Passes()
	}
	switch a.StatusCode {
	case http.StatusBadRequest, http.StatusConflict:
		return judgeCode(a)
	case http.StatusPreconditionFailed:
		if changes(a.Request) && !conditional(a.Request.Header) {
			return a.Required()
		}
	}
	return a.AsRFC9110()
}

// judgeCode tells the refusals of Business Central from other errors with their status
// (Business Central API, "Error codes").
func judgeCode(a *dialect.Answer) dialect.Verdict {
	var answer struct{ Error struct{ Code string } }
	json.Unmarshal(a.Body(), &answer) // what isn't JSON has no code
	switch code := answer.Error.Code; {
	case code == "BadRequest_InvalidToken" && a.Request.Header.Get("If-Match") == "":
		return a.Required()
	case code == "BadRequest_InvalidToken", code == "Request_EntityChanged":
		return a.Conflict()
	}
	return a.Passes()
}

// changes reports whether a request changes or deletes one entity.
func changes(req *http.Request) bool {
	switch req.Method {
	case http.MethodPut, http.MethodPatch, http.MethodDelete, "MERGE":
		return true
	}
	return false
}

// conditional reports whether a request has a condition that 412 may be about.
func conditional(h http.Header) bool {
	for _, name := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since", "Isolation", "Odata-Isolation"} {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

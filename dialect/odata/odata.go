// Package odata has the dialect of OData 4 services: SAP CAP and Gateway,
// Dataverse and Dynamics 365, Microsoft Graph where it is OData.
//
// The version is an entity-tag, in the ETag field or in the member @odata.etag of
// the entity. It may be weak, and goes back into If-Match byte for byte, with its
// W/ (OData 4.01 Protocol §8.2.4). 412 says that the entity is another one than
// the tag names, or that there is none; 428 that a tag has to be sent.
//
// A merge patch of WithPatch goes as application/json, as services expect it
// (OData 4.01 Protocol §11.4.3).
package odata

import (
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/query"
)

// Dialect returns the dialect of OData 4.
func Dialect() dialect.Dialect {
	sent := dialect.InHeader("If-Match")
	return dialect.Dialect{
		Name: "OData",
		Tokens: []dialect.Token{
			{Sent: sent, Current: dialect.InHeader("ETag"), Tag: true},
			// OData JSON Format 4.01 §4.6.9; 4.01 drops "odata." from its names.
			{Sent: sent, Current: dialect.InBody("/@odata.etag"), Tag: true},
			{Sent: sent, Current: dialect.InBody("/@etag"), Tag: true},
		},
		Statuses:       []int{http.StatusPreconditionFailed, http.StatusPreconditionRequired},
		Judge:          judge,
		WeakTags:       true,
		RefreshRequest: query.Without("$select", "$expand"),
		MergePatch:     "application/json",
	}
}

func judge(a *dialect.Answer) dialect.Verdict {
	// The requests in a batch have conditions of their own, and answers inside
	// of this one (OData 4.01 Protocol §11.7).
	if strings.HasSuffix(a.Request.URL.Path, "/$batch") {
		return a.Passes()
	}
	return a.AsRFC9110()
}

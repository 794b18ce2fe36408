// Package scim has the dialect of SCIM 2.0 services.
//
// The version is an entity-tag, mostly a weak one: in the ETag field, or in
// meta.version of the resource. It goes back into If-Match byte for byte (RFC 7644
// §3.14). Another version is 412, or 409 (RFC 7644 §3.12, table 8); a 409 with the
// scimType "uniqueness" is a duplicate and passes.
//
// Not covered: PATCH, which has a format of its own, so that WithPatch is refused; bulk requests,
// whose versions are inside.
//
// See https://www.rfc-editor.org/rfc/rfc7644#section-3.14.
package scim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/query"
)

// Dialect returns the dialect of SCIM 2.0.
func Dialect() dialect.Dialect {
	sent := dialect.InHeader("If-Match")
	return dialect.Dialect{
		Name: "SCIM",
		Tokens: []dialect.Token{
			{Sent: sent, Current: dialect.InHeader("ETag"), Tag: true},
			{Sent: sent, Current: dialect.InBody("/meta/version"), Tag: true}, // RFC 7643 §3.1
		},
		Statuses:       []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
		Judge:          judge,
		ReturnsState:   returnsResource,
		WeakTags:       true,
		RefreshRequest: query.Without("attributes", "excludedAttributes"),
	}
}

// returnsResource: the answer to a PUT has the entire resource, and so has a 200 to a
// PATCH (RFC 7644 §3.5.1, §3.5.2), unless the query asks for a part of it.
func returnsResource(req *http.Request) bool {
	query := req.URL.Query()
	return (req.Method == http.MethodPut || req.Method == http.MethodPatch) && !query.Has("attributes") && !query.Has("excludedAttributes")
}

func judge(a *dialect.Answer) dialect.Verdict {
	if a.StatusCode != http.StatusConflict {
		return a.AsRFC9110()
	}
	if a.Request.Header.Get("If-Match") == "" {
		return a.Passes()
	}
	switch code, err := scimType(a.Body()); {
	case err != nil:
		return a.Stops("409 with a body that isn't SCIM's")
	case code == "uniqueness":
		return a.Passes()
	case code != "":
		return a.Stops(fmt.Sprintf("409 with the scimType %.40q", code))
	}
	return a.Conflict()
}

// scimType is the detail of an error, which services may leave out (RFC 7644
// §3.12).
func scimType(body []byte) (string, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return "", nil
	}
	var answer struct{ ScimType string }
	err := json.Unmarshal(body, &answer)
	return answer.ScimType, err
}

// Package contentful has the dialect of Contentful's Content Management API.
//
//	c := ifmatch.NewClient(ifmatch.Stop, ifmatch.WithDialect(contentful.Dialect()))
//	ifmatch.Update(ctx, c, environment+"/entries/hello", edit,
//		ifmatch.WithMediaType("application/vnd.contentful.management.v1+json"))
//
// The version is the number sys.version in the body of a resource, and the field
// X-Contentful-Version of a write. Another one is 409 with the id VersionMismatch. Publishing
// and archiving carry the version of what is published; it is read from the resource itself.
//
// A PUT without a version only creates, and 409 to it is CauseExists. Update doesn't send
// one: CreateIfAbsent is an error.
//
// Not covered: bulk actions and scheduled actions, whose versions are inside.
//
// Contentful documentation, "Content Management API", "Updating and version locking"
// (https://www.contentful.com/developers/docs/references/content-management-api/#/introduction/updating-and-version-locking).
package contentful

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Dialect returns the dialect of Contentful's Content Management API.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name:           "Contentful",
		Tokens:         []dialect.Token{{Sent: dialect.InHeader("X-Contentful-Version"), Current: dialect.InBody("/sys/version"), Number: true}},
		Statuses:       []int{http.StatusConflict},
		Judge:          judge,
		RefreshRequest: readsResource,
		VersionOnly:    func(req *http.Request) bool { return action(req.URL) != "" || req.Method == http.MethodPatch },
		NoMarks:        "a resource has no members but those of its type",
	}
}

func judge(a *dialect.Answer) dialect.Verdict {
	var answer struct{ Sys struct{ ID string } }
	switch err := json.Unmarshal(a.Body(), &answer); {
	case err != nil || answer.Sys.ID != "VersionMismatch":
		return a.Passes()
	case a.Request.Header.Get("X-Contentful-Version") != "":
		return a.Conflict()
	case a.Request.Method == http.MethodPut && action(a.Request.URL) == "":
		return a.Exists("a PUT without a version only creates")
	}
	return a.Required()
}

// action is what a URL does to the resource above it, empty where it is the resource.
func action(u *url.URL) string {
	for _, name := range []string{"/published", "/archived"} {
		if strings.HasSuffix(u.Path, name) {
			return name
		}
	}
	return ""
}

// readsResource makes a refresh read what is published or archived.
func readsResource(req *http.Request) (*http.Request, error) {
	u := *req.URL
	name := action(&u)
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, name), strings.TrimSuffix(u.RawPath, name)
	req.URL, req.Method = &u, http.MethodGet
	return req, nil
}

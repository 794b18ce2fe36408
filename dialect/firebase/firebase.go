// Package firebase has the dialect of the REST API of Firebase Realtime Database.
//
//	c := ifmatch.NewClient(ifmatch.Stop, ifmatch.WithDialect(firebase.Dialect()))
//	ifmatch.Update(ctx, c, database+"/carts/1.json", edit)
//
// The version is the text of the ETag field, without quotes, which an answer has only where
// the field X-Firebase-ETag asks for it; it goes back in If-Match. Another one is 412, with
// the current tag and value, so that no refresh asks for them. What isn't there reads as null,
// and has a tag, too, so that an Update of it creates it.
//
// Only PUT and DELETE take a condition: WithPatch is an error.
//
// Behind a gateway that makes bodies of its own for errors, set RefusalState of the dialect to nil.
//
// Not covered: rules that refuse a write, which are 401; queries and shallow reads.
//
// Firebase documentation, "Saving Data", "Conditional requests"
// (https://firebase.google.com/docs/database/rest/save-data#section-conditional-requests).
package firebase

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/query"
)

// Dialect returns the dialect of Firebase Realtime Database.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name:           "Firebase",
		Tokens:         []dialect.Token{{Sent: dialect.InHeader("If-Match"), Current: dialect.InHeader("ETag"), Refusal: tag, For: takesCondition}},
		Statuses:       []int{http.StatusPreconditionFailed},
		Judge:          (*dialect.Answer).AsRFC9110,
		RefreshRequest: asksTag,
		RefusalState:   value,
	}
}

func takesCondition(req *http.Request) bool {
	return req.Method == http.MethodPut || req.Method == http.MethodDelete
}

// tag is the tag in a refusal. The tags of Firebase have no quotes: another one is of something
// in between.
func tag(a *dialect.Answer) string {
	lines := a.Header.Values("ETag")
	if len(lines) != 1 || strings.Contains(lines[0], `"`) {
		return ""
	}
	return lines[0]
}

// value is the value in a refusal. What says that it is an error, or isn't JSON, may be the
// answer of something in between.
func value(a *dialect.Answer) []byte {
	body := a.Body()
	var failure struct {
		Error json.RawMessage `json:"error"`
	}
	if kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type")); kind != "application/json" || !json.Valid(body) {
		return nil
	}
	if json.Unmarshal(body, &failure) == nil && failure.Error != nil {
		return nil
	}
	return body
}

var withoutPrint = query.Without("print", "shallow", "writeSizeLimit")

// asksTag makes a refresh a read of the value with its tag.
func asksTag(req *http.Request) (*http.Request, error) {
	req.Method = http.MethodGet
	req.Header.Set("X-Firebase-ETag", "true")
	return withoutPrint(req)
}

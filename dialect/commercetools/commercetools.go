// Package commercetools has the dialect of the commercetools HTTP API.
//
//	c := ifmatch.NewClient(ifmatch.Resend, ifmatch.WithDialect(commercetools.Dialect()))
//	c.Post(project+"/carts/"+id, "application/json",
//		strings.NewReader(`{"version":4,"actions":[{"action":"recalculate"}]}`))
//
// The version is the number version of a resource: in the body of an update, which is a POST
// of actions, and in the query of a DELETE. Another one is 409 with the code
// ConcurrentModification, and has the current one, so that no refresh asks for it.
//
// What is read is a resource, and what is written are actions, so Update is an error, unless it
// has a codec that makes actions, of no JSON media type, and a WriteRequest that posts them: see
// the example. Resend sends the same actions under the current version. Rebuild gets the
// resource, and makes the body of the next write: actions, and whatever version, which is
// replaced.
//
// Not covered: creates, which have no version, and orders, whose version is the cart's;
// GraphQL, whose versions are in variables.
//
// commercetools documentation, "General concepts", "Optimistic concurrency control"
// (https://docs.commercetools.com/api/general-concepts#optimistic-concurrency-control) and
// "Errors" (https://docs.commercetools.com/api/errors#409-conflict).
package commercetools

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/query"
)

// Dialect returns the dialect of the commercetools HTTP API.
func Dialect() dialect.Dialect {
	current := dialect.InBody("/version")
	return dialect.Dialect{
		Name: "commercetools",
		Tokens: []dialect.Token{
			{Sent: current, Current: current, Refusal: refused, Number: true, For: updates},
			{Sent: dialect.InQuery("version"), Current: current, Refusal: refused, Number: true, For: deletes},
		},
		Statuses:       []int{http.StatusConflict},
		Judge:          judge,
		RefreshRequest: query.Without("dataErasure"),
		WriteRequest:   noActions,
		NoCreate:       true,
	}
}

func noActions(*http.Request) (*http.Request, error) {
	return nil, errors.New("what is written are actions: send them with the policy Resend or Rebuild, or give Update a codec that makes them and set WriteRequest")
}

// updates: a POST to orders makes one, of the cart that had this version. What the buyer saw
// isn't what would be ordered under another one.
func updates(req *http.Request) bool {
	return req.Method == http.MethodPost && !strings.HasSuffix(strings.TrimRight(req.URL.Path, "/"), "/orders")
}

func deletes(req *http.Request) bool { return req.Method == http.MethodDelete }

func judge(a *dialect.Answer) dialect.Verdict {
	if _, is := concurrent(a); is {
		return a.Conflict()
	}
	return a.Passes()
}

// refused is the current version in a refusal.
func refused(a *dialect.Answer) string {
	version, _ := concurrent(a)
	return version.String()
}

// concurrent reports whether an answer has the error of a stale version, and returns the
// current one.
func concurrent(a *dialect.Answer) (currentVersion json.Number, is bool) {
	var answer struct {
		Errors []struct {
			Code           string
			CurrentVersion json.Number
		}
	}
	json.Unmarshal(a.Body(), &answer) // what isn't JSON has no errors
	for _, e := range answer.Errors {
		if e.Code == "ConcurrentModification" {
			return e.CurrentVersion, true
		}
	}
	return "", false
}

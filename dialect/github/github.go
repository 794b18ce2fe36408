// Package github has the dialect of the contents of repositories in GitHub's REST API.
//
//	c := ifmatch.NewClient(ifmatch.Resend, ifmatch.WithDialect(github.Dialect()))
//	req, err := http.NewRequest("PUT", "https://api.github.com/repos/o/r/contents/notes.md",
//		strings.NewReader(`{"message":"m","content":"aGk=","branch":"main","sha":"95b966"}`))
//
// The version is the member sha of a file, which is that of its blob: in the body of a PUT or
// DELETE. Another one is 409 "notes.md does not match 95b966". It is read at the same URL, from
// the branch that the body of the write names. 409 "is at … but expected …" says that
// the branch moved while the commit was made: the same write goes again.
//
// A PUT without sha only creates, and 422 to it is CauseExists. Where there is no file, GitHub
// ignores the sha and creates one: a write over a file that was deleted is no refusal.
//
// The state is the member content, as a JSON string in Base64: Rebuild gets and makes that, and
// what is around it in the write stays. A write has a message, too, so Update is an error.
//
// Not covered: files of more than 1 MB, whose content GitHub leaves out of a read; references,
// trees and commits, which have conditions of their own.
//
// GitHub REST API documentation, "Create or update file contents"
// (https://docs.github.com/rest/repos/contents#create-or-update-file-contents).
package github

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Dialect returns the dialect of contents on GitHub.
func Dialect() dialect.Dialect {
	sha := dialect.InBody("/sha")
	return dialect.Dialect{
		Name:           "GitHub",
		Tokens:         []dialect.Token{{Sent: sha, Current: sha, For: isContent}},
		Statuses:       []int{http.StatusConflict, http.StatusUnprocessableEntity},
		Judge:          judge,
		RefreshRequest: readsBranch,
		WriteRequest:   noMessage,
		ReadState:      "/content",
		WriteState:     "/content",
		NoMarks:        "the state is a text",
	}
}

func isContent(req *http.Request) bool { return strings.Contains(req.URL.Path, "/contents/") }

func noMessage(*http.Request) (*http.Request, error) {
	return nil, errors.New("a commit needs a message: send the write with the policy Rebuild")
}

func judge(a *dialect.Answer) dialect.Verdict {
	var answer struct{ Message string }
	json.Unmarshal(a.Body(), &answer) // what isn't JSON has no message
	text := answer.Message
	switch {
	case !isContent(a.Request):
		return a.Passes()
	case a.StatusCode == http.StatusUnprocessableEntity && !strings.Contains(text, `"sha" wasn't supplied`):
		return a.Passes()
	case a.StatusCode == http.StatusUnprocessableEntity && a.Request.Method == http.MethodPut:
		return a.Exists("a PUT without sha only creates, and there is a file")
	case a.StatusCode == http.StatusUnprocessableEntity:
		return a.Required()
	case strings.Contains(text, "is at ") && strings.Contains(text, " but expected "):
		return a.Again()
	case strings.Contains(text, " does not match "):
		return a.Conflict()
	}
	return a.Passes()
}

// readsBranch makes a refresh read the file in the branch that is written.
func readsBranch(req *http.Request) (*http.Request, error) {
	req.Method = http.MethodGet
	write := dialect.WriteOf(req)
	if write == nil {
		return req, nil
	}
	var sent struct{ Branch string }
	if json.Unmarshal(write.Body(), &sent) != nil {
		return nil, errors.New("the body of the write can't be had, and names the branch")
	}
	if sent.Branch != "" {
		req.URL.RawQuery = url.Values{"ref": {sent.Branch}}.Encode()
	}
	return req, nil
}

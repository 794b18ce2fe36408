package github_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/github"
)

// A line is added to a file that somebody else has changed since it was read.
func ExampleDialect() {
	content, sha := "one\ntwo\n", "b2" // and the caller has seen "a1"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			json.NewEncoder(w).Encode(map[string]string{"sha": sha, "content": base64.StdEncoding.EncodeToString([]byte(content))})
			return
		}
		var sent struct{ Sha, Content, Message string }
		json.NewDecoder(r.Body).Decode(&sent)
		if sent.Sha != sha {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, `{"message":"notes.md does not match %s"}`, sent.Sha)
			return
		}
		text, _ := base64.StdEncoding.DecodeString(sent.Content)
		fmt.Printf("%s: %q\n", sent.Message, text)
	}))
	defer server.Close()

	addLine := ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		var text []byte // the state is a JSON string in Base64, as encoding/json has bytes
		if err := json.Unmarshal(current.Body, &text); err != nil {
			return nil, err
		}
		return json.Marshal(append(text, "mine\n"...))
	})
	c := ifmatch.NewClient(addLine, ifmatch.WithDialect(github.Dialect()))
	req, _ := http.NewRequest(http.MethodPut, server.URL+"/repos/o/r/contents/notes.md",
		strings.NewReader(`{"message":"add mine","content":"b25lCm1pbmUK","branch":"main","sha":"a1"}`))
	resp, err := c.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	// Output: add mine: "one\ntwo\nmine\n"
}

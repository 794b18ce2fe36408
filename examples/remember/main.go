// Remember guards the writes of code that knows nothing of entity-tags. The
// context of one unit of work remembers the tags of what was read with it, and a
// PUT made with it is sent under If-Match. What others wrote in between isn't
// overwritten, and what wasn't read to its end isn't written at all.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	client := ifmatch.NewClient(ifmatch.Stop)

	for i, meanwhile := range []struct {
		name string
		do   func(path string)
	}{
		{"nobody else writes", func(string) {}},
		{"somebody else writes", func(path string) { srv.Put(path, "text/plain", []byte("theirs\n")) }},
	} {
		path := fmt.Sprint("/draft/", i)
		srv.Put(path, "text/plain", []byte("draft\n"))

		// One unit of work, such as one request that a server handles.
		ctx := ifmatch.Remember(context.Background())
		text, err := load(ctx, client, srv.URL+path)
		if err != nil {
			return err
		}
		meanwhile.do(path)
		var outcome ifmatch.Outcome
		if err := save(ifmatch.WithOutcome(ctx, &outcome), client, srv.URL+path, text+"ours\n"); err != nil {
			return err
		}
		state, _, _ := srv.State(path)
		fmt.Fprintf(w, "%s: %v, cause: %v\n", meanwhile.name, outcome.Effect, outcome.Cause)
		for _, e := range outcome.Exchanges {
			fmt.Fprintf(w, "    %v", e)
			if e.Sent.ETag != "" {
				fmt.Fprintf(w, " If-Match %s", e.Sent.ETag)
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "    state %q\n", state)
	}
	srv.Put("/draft/9", "text/plain", []byte("draft\n"))
	return unread(w, client, srv.URL+"/draft/9")
}

// unread looks only at the header of a draft, and wants to replace it then.
func unread(w io.Writer, client *http.Client, url string) error {
	ctx := ifmatch.Remember(context.Background())
	if err := look(ctx, client, url); err != nil {
		return err
	}
	err := save(ctx, client, url, "ours\n")
	fmt.Fprintf(w, "only looked at: not sent: %v\n", errors.Is(err, ifmatch.ErrNotRemembered))
	return nil
}

// look asks whether there is a draft.
func look(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// load is what an application has anyway. It sees no header field.
func load(ctx context.Context, client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// save is what an application has anyway. It sets no precondition.
func save(ctx context.Context, client *http.Client, url, text string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Defaultclient puts ifmatch under http.DefaultClient, and so under every package
// that uses it. The policy there is Stop: a dependency that does its own
// compare-and-swap must go on seeing its 412. Where the last writer may win, the
// call says so.
package main

import (
	"context"
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
	// NewTransport takes http.DefaultTransport as it is now for its base, so
	// this is no loop. A program does it once, in main, before others look at
	// http.DefaultTransport: code that takes it for an *http.Transport, to clone
	// it, finds a *ifmatch.Transport afterwards.
	original := http.DefaultTransport
	http.DefaultTransport = ifmatch.NewTransport(nil, ifmatch.Stop)
	defer func() { http.DefaultTransport = original }()

	srv := ifmatchtest.NewServer()
	defer srv.Close()
	stale := srv.Put("/doc", "text/plain", []byte("first"))
	srv.Put("/doc", "text/plain", []byte("theirs")) // a second writer

	for _, call := range []struct {
		name string
		ctx  context.Context
	}{
		{"as before", context.Background()},
		{"Resend for this call", ifmatch.WithOptions(context.Background(), ifmatch.OnConflict(ifmatch.Resend))},
		{"as before", context.Background()},
	} {
		resp, err := put(call.ctx, srv.URL+"/doc", stale)
		if err != nil {
			return err
		}
		// Stop leaves the refusal as it is, yet tells what is known about it.
		outcome, _ := ifmatch.OutcomeOf(resp)
		fmt.Fprintf(w, "%-21s %d, %v %v\n", call.name+":", resp.StatusCode, outcome.Effect, outcome.Exchanges)
	}
	return nil
}

// put stands for code that knows nothing of ifmatch.
func put(ctx context.Context, url, tag string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader("ours"))
	if err != nil {
		return nil, err
	}
	req.Header.Set("If-Match", tag)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	return resp, resp.Body.Close()
}

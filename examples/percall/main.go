// Percall sets options for one call. A client that stops at a conflict is the
// safe default; the one write that may replace what it hasn't seen says so
// itself, in its context.
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

// lastWriterWins is a bundle: one name for options that belong together. Eight
// attempts, since others write the document often.
var lastWriterWins = ifmatch.Options{
	ifmatch.OnConflict(ifmatch.Resend),
	ifmatch.WithMaxAttempts(8),
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	client := ifmatch.NewClient(ifmatch.Stop)

	ctx := context.Background()
	for i, call := range []struct {
		name string
		ctx  context.Context
	}{
		{"the client's own", ctx},
		{"Resend", ifmatch.WithOptions(ctx, ifmatch.OnConflict(ifmatch.Resend))},
		{"Resend, 8 attempts", ifmatch.WithOptions(ctx, ifmatch.OnConflict(ifmatch.Resend), ifmatch.WithMaxAttempts(8))},
		{"the bundle", ifmatch.WithOptions(ctx, lastWriterWins)},
		// The later option wins, so a bundle can be adjusted.
		{"the bundle, 2 attempts", ifmatch.WithOptions(ctx, lastWriterWins, ifmatch.WithMaxAttempts(2))},
	} {
		// Each call has a document of its own, on which other writers are
		// faster five times.
		path := fmt.Sprintf("/status/%d", i)
		tag := srv.Put(path, "text/plain", []byte("idle\n"))
		srv.Inject(ifmatchtest.CompetingWriter(5, nil).At(path))

		var outcome ifmatch.Outcome
		if err := put(ifmatch.WithOutcome(call.ctx, &outcome), client, srv.URL+path, tag); err != nil {
			return err
		}
		fmt.Fprintf(w, "%-23s attempts: %d, %v", call.name+":", outcome.Attempts, outcome.Effect)
		if outcome.Err != nil {
			fmt.Fprintf(w, " (%v, %s)", outcome.Cause, outcome.Cause.Code())
		}
		fmt.Fprintln(w)
	}
	return nil
}

// put is what an application has anyway. The options travel in ctx, so neither
// it nor the code between needs a parameter for them.
func put(ctx context.Context, client *http.Client, url, tag string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader("busy\n"))
	if err != nil {
		return err
	}
	req.Header.Set("If-Match", tag)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

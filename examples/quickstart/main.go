// Quickstart shows how a PUT with a stale If-Match ends under three policies.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -url http://127.0.0.1:8080/quickstart.txt
//
// Without -url it starts an origin in its own process. With -url it drives a
// real server: it creates the document, changes it as two writers would, reads
// it back after each policy, and leaves it there. It refuses to touch a document
// that it didn't make. The exit code is 1 when something isn't as it should be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

func main() {
	target := flag.String("url", "", "`document` on a real server, to be created there (default: an in-process origin)")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, *target); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run drives the document at target, or one of its own when target is empty.
func run(w io.Writer, target string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := "in-process origin"
	if target == "" {
		srv := ifmatchtest.NewServer()
		defer srv.Close()
		target = srv.URL + "/quickstart.txt"
	} else {
		u, err := url.Parse(target)
		if err != nil {
			return err
		}
		if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("-url must be the whole address of a document, such as http://127.0.0.1:8080/quickstart.txt")
		}
		name = u.Redacted()
	}
	fmt.Fprintf(w, "%s\n\n", name)
	return drive(ctx, w, document{url: target, base: http.DefaultTransport})
}

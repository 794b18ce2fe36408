// Byhost chooses the policy by the host that a request goes to. One client serves
// several APIs, and what is harmless on one loses data on another.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// byHost is all that it takes. A host that nobody thought of gets the zero
// Decision, which stops: a last writer must not win by accident.
func byHost(policies map[string]ifmatch.Policy) ifmatch.PolicyFunc {
	return func(ctx context.Context, c *ifmatch.Conflict) (ifmatch.Decision, error) {
		policy, known := policies[c.Request.URL.Hostname()]
		if !known {
			return ifmatch.Decision{}, nil
		}
		return policy.Resolve(ctx, c)
	}
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	srv := ifmatchtest.NewServer()
	defer srv.Close()

	// All host names lead to the one server here, so that this needs no network.
	base := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, strings.TrimPrefix(srv.URL, "http://"))
	}}
	defer base.CloseIdleConnections()

	client := &http.Client{Transport: ifmatch.NewTransport(base, byHost(map[string]ifmatch.Policy{
		"settings.example": ifmatch.Resend,              // each user writes their own; the last one is right
		"journal.example":  ifmatch.Rebuild(appendOurs), // every entry counts
	}))}

	for _, host := range []string{"settings.example", "journal.example", "ledger.example"} {
		stale := srv.Put("/doc", "text/plain", []byte("first"))
		srv.Put("/doc", "text/plain", []byte("first theirs")) // a second writer
		req, err := http.NewRequest(http.MethodPut, "http://"+host+"/doc", strings.NewReader("first ours"))
		if err != nil {
			return err
		}
		req.Header.Set("If-Match", stale)
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		state, _, _ := srv.State("/doc")
		fmt.Fprintf(w, "%-17s %d  %s\n", host, resp.StatusCode, state)
	}
	return nil
}

func appendOurs(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
	return append(current.Body, " ours"...), nil
}

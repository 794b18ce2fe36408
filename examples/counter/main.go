// Counter lets many goroutines add to one counter that lives on a server. They
// share one Resource, so their edits go out together, and the counter embeds
// Marks, so that an answer that is lost on the way costs nothing and counts
// nothing twice.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// Counter is the document. Members that it doesn't declare stay as they are.
type Counter struct {
	ifmatch.Marks // the ids of the last writes, in the member _ifmatch

	N int `json:"n"`
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/visits", "application/json", []byte(`{"page":"/start","n":0}`))
	srv.Inject(ifmatchtest.LostAnswer(1)) // the first write is applied, and nobody is told

	visits := ifmatch.NewResource[Counter](nil, srv.URL+"/visits")
	const goroutines, each = 20, 10
	if err := addFromMany(visits, goroutines, each); err != nil {
		return err
	}

	now, err := visits.Get(context.Background())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "added %d times, the counter is at %d\n", goroutines*each, now.Value.N)
	fmt.Fprintf(w, "fewer writes than additions: %v\n", writes(srv) < goroutines*each)
	return nil
}

// addFromMany has many goroutines add to one counter at the same time, each of
// them as often as told.
func addFromMany(visits *ifmatch.Resource[Counter], goroutines, each int) error {
	errs := make([]error, goroutines)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = add(visits, each) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// add adds 1, again and again. Each addition is an Update of its own.
func add(visits *ifmatch.Resource[Counter], times int) error {
	for range times {
		_, err := visits.Update(context.Background(), func(c *Counter) error {
			c.N++
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writes counts the writes that arrived at the server.
func writes(srv *ifmatchtest.Server) int {
	n := 0
	for _, request := range srv.Log() {
		if request.Method == http.MethodPut {
			n++
		}
	}
	return n
}

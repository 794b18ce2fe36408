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
	failed := make(chan error, goroutines)
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range each {
				_, err := visits.Update(context.Background(), func(c *Counter) error {
					c.N++
					return nil
				})
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}

	now, err := visits.Get(context.Background())
	if err != nil {
		return err
	}
	writes := 0
	for _, request := range srv.Log() {
		if request.Method == http.MethodPut {
			writes++
		}
	}
	fmt.Fprintf(w, "added %d times, the counter is at %d\n", goroutines*each, now.Value.N)
	fmt.Fprintf(w, "fewer writes than additions: %v\n", writes < goroutines*each)
	return nil
}

// Queue keeps jobs in one JSON document. Workers take jobs from it by Update: a
// worker that was slower than another one is refused, and takes the next job of
// the new state instead. No job is handed out twice, also when answers are lost.
//
// A job that was taken is gone from the document. Where workers may die, let them
// write their name and a deadline into the job instead of removing it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"sync"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// Queue is the document.
type Queue struct {
	ifmatch.Marks // a lost answer is recognised by the next read

	Jobs []Job `json:"jobs"`
}

// Job is something to do.
type Job struct {
	Name string `json:"name"`
}

var errEmpty = errors.New("the queue is empty")

// take removes the first job. The edit only assigns: when it runs again, it is
// the last run that counts.
func take(ctx context.Context, client *http.Client, url string) (job Job, err error) {
	_, err = ifmatch.Update(ctx, client, url, func(q *Queue) error {
		if len(q.Jobs) == 0 {
			return errEmpty // nothing is written
		}
		job = q.Jobs[0]
		q.Jobs = q.Jobs[1:]
		return nil
	})
	return job, err
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/queue", "application/json",
		[]byte(`{"jobs":[{"name":"a","size":1},{"name":"b","size":2},{"name":"c"},{"name":"d"},{"name":"e"},{"name":"f"}]}`))
	srv.Inject(ifmatchtest.LostAnswer(2)) // two jobs are taken, and nobody is told

	var (
		workers sync.WaitGroup
		mu      sync.Mutex // guards what follows
		done    []string
		failed  error
	)
	for range 2 {
		// A client each, as if they were two programs.
		client := ifmatch.NewClient(ifmatch.Stop)
		workers.Go(func() {
			for {
				job, err := take(context.Background(), client, srv.URL+"/queue")
				mu.Lock()
				if err == nil {
					done = append(done, job.Name)
				} else if !errors.Is(err, errEmpty) {
					failed = err
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	workers.Wait()
	if failed != nil {
		return failed
	}
	slices.Sort(done)
	fmt.Fprintln(w, "done:", done)
	left, err := ifmatch.Get[Queue](context.Background(), nil, srv.URL+"/queue")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "left:", len(left.Value.Jobs))
	return nil
}

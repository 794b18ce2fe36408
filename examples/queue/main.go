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

// work takes jobs until the queue is empty, and returns their names.
func work(ctx context.Context, client *http.Client, url string) (done []string, err error) {
	for {
		job, err := take(ctx, client, url)
		if errors.Is(err, errEmpty) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		done = append(done, job.Name)
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
	// The id is there from the first, so that the first lost answer can be told from a write
	// that never arrived.
	srv.Put("/queue", "application/json",
		[]byte(`{"_ifmatch":["first"],"jobs":[{"name":"a","size":1},{"name":"b","size":2},{"name":"c"},{"name":"d"},{"name":"e"},{"name":"f"}]}`))
	srv.Inject(ifmatchtest.LostAnswer(2)) // two jobs are taken, and nobody is told

	var (
		workers sync.WaitGroup
		done    [2][]string
		failed  [2]error
	)
	for i := range done {
		// A client each, as if they were two programs.
		client := ifmatch.NewClient(ifmatch.Stop)
		workers.Go(func() {
			done[i], failed[i] = work(context.Background(), client, srv.URL+"/queue")
		})
	}
	workers.Wait()
	if err := errors.Join(failed[:]...); err != nil {
		return err
	}
	jobs := slices.Concat(done[:]...)
	slices.Sort(jobs)
	fmt.Fprintln(w, "done:", jobs)
	left, err := ifmatch.Get[Queue](context.Background(), nil, srv.URL+"/queue")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "left:", len(left.Value.Jobs))
	return nil
}

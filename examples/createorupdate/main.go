// Createorupdate writes to a document that may not be there yet. Two programs
// find it absent at the same time and both want to create it: the server lets one
// of them, and the other one adds to what the first has made.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"sync"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// Members maps the members of a group to their roles.
type Members map[string]string

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	ctx, url := context.Background(), srv.URL+"/group"

	// So that they do collide here, neither writes before both have read.
	var haveRead sync.WaitGroup
	haveRead.Add(2)
	meet := func() { haveRead.Done(); haveRead.Wait() }

	var annas, bens error
	var both sync.WaitGroup
	both.Go(func() { annas = join(ctx, url, "anna", "owner", meet) })
	both.Go(func() { bens = join(ctx, url, "ben", "guest", meet) })
	both.Wait()
	if err := errors.Join(annas, bens); err != nil {
		return err
	}

	group, err := ifmatch.Get[Members](ctx, nil, url)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "both are in:", group.Value)
	for _, answer := range answersToWrites(srv) {
		fmt.Fprintln(w, answer)
	}
	return nil
}

// join adds a member to the group, or makes the group where there is none yet. It
// calls meet after its first read.
func join(ctx context.Context, url, name, role string, meet func()) error {
	var once sync.Once // an edit runs again after a conflict
	_, err := ifmatch.Update(ctx, nil, url, func(group *Members) error {
		once.Do(meet)
		if *group == nil { // there is no group yet
			*group = Members{}
		}
		(*group)[name] = role
		return nil
	}, ifmatch.CreateIfAbsent())
	return err
}

// answersToWrites returns what the server answered to each write, with the write's
// condition.
func answersToWrites(srv *ifmatchtest.Server) []string {
	var answers []string
	for _, request := range srv.Log() {
		if request.Method == "PUT" {
			condition := "If-None-Match: " + request.Header.Get("If-None-Match")
			if tag := request.Header.Get("If-Match"); tag != "" {
				condition = "If-Match: " + tag
			}
			answers = append(answers, fmt.Sprintf("%d to %s", request.StatusCode, condition))
		}
	}
	slices.Sort(answers) // the refusal and the creation may be logged in either order
	return answers
}

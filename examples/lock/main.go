// Lock keeps a lease in a document: who creates it has the lock, and who finds it
// expired may replace it. Each lease is unique, so that its holder knows it again
// when the answer to its creation was lost.
//
// A lease is a promise to look at the clock, not a lock: a holder that was asleep
// may go on after it expired. What it writes needs preconditions of its own.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// Lease is the document.
type Lease struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
	ID     string    `json:"id"` // no two leases are the same
}

// Lock is one lock, named by its URL.
type Lock struct {
	client *http.Client
	url    string
}

// Take returns the tag of the lease, and "" where somebody else has one.
func (l Lock) Take(holder string, now time.Time) (tag string, err error) {
	lease, err := json.Marshal(Lease{holder, now.Add(time.Minute), rand.Text()})
	if err != nil {
		return "", err
	}
	tag, err = l.send(http.MethodPut, lease, "If-None-Match", "*")
	if tag != "" || err != nil {
		return tag, err
	}
	// Only this very lease is replaced: another taker's, or a renewed one, isn't.
	old, err := ifmatch.Get[Lease](context.Background(), l.client, l.url, ifmatch.CreateIfAbsent())
	if err != nil || old.ETag == "" || now.Before(old.Value.Until) {
		return "", err
	}
	return l.send(http.MethodPut, lease, "If-Match", old.ETag)
}

// Release gives the lease back, if it is still there.
func (l Lock) Release(tag string) error {
	_, err := l.send(http.MethodDelete, nil, "If-Match", tag)
	return err
}

// send returns the tag of the state that was written, and "" after a refusal.
func (l Lock) send(method string, lease []byte, condition, value string) (tag string, err error) {
	// Nobody else sends this lease, so finding it proves that it is ours.
	ctx := ifmatch.WithOptions(context.Background(), ifmatch.WithUniqueBody())
	req, err := http.NewRequestWithContext(ctx, method, l.url, bytes.NewReader(lease))
	if err != nil {
		return "", err
	}
	req.Header.Set(condition, value)
	resp, err := l.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusPreconditionFailed:
		return "", nil
	case resp.StatusCode >= 300:
		return "", fmt.Errorf("%s lock: %s", method, resp.Status)
	}
	tag = resp.Header.Get("ETag")
	if tag == "" && method == http.MethodPut {
		return "", errors.New("the lock is ours, but the server gives no tag to release it by")
	}
	return tag, nil
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	lock := Lock{ifmatch.NewClient(ifmatch.Stop), srv.URL + "/lock"}
	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

	take := func(holder string, at time.Time) (tag string, err error) {
		tag, err = lock.Take(holder, at)
		fmt.Fprintf(w, "%s %s: %v\n", at.Format(time.TimeOnly), holder, tag != "")
		return tag, err
	}
	annas, err := take("anna", noon)
	if err != nil {
		return err
	}
	if _, err := take("ben", noon.Add(time.Second)); err != nil {
		return err
	}
	if err := lock.Release(annas); err != nil {
		return err
	}
	srv.ResetLog()
	srv.Inject(ifmatchtest.LostAnswer(1)) // ben's lease is created, and he isn't told
	if _, err := take("ben", noon.Add(2*time.Second)); err != nil {
		return err
	}
	for _, request := range srv.Log() {
		fmt.Fprintln(w, "  ", request.Method, request.StatusCode, "lost:", request.Lost)
	}
	_, err = take("anna", noon.Add(time.Hour)) // ben's lease has expired
	return err
}

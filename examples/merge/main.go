// Merge lets two people edit one document at the same time. Each reads it,
// changes it in their own time and sends it back whole. What they changed in
// different places is merged; what they changed in the same place is theirs to
// settle.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

const recipe = `{
  "title": "Pancakes",
  "serves": 2,
  "steps": [
    {"id": "mix", "minutes": 5},
    {"id": "fry", "minutes": 10}
  ]
}`

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/recipe", "application/json", []byte(recipe))
	client := ifmatch.NewClient(ifmatch.Stop)
	ctx, url := context.Background(), srv.URL+"/recipe"

	if err := changeApart(ctx, client, url); err != nil {
		return err
	}
	both, err := open(ctx, client, url)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Both edits are in:\n%s\n\n", both.text)

	overlap, err := renameBoth(ctx, client, both)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Ben is asked about: %v\n", overlap.Pointers)
	return nil
}

// changeApart has both open the document and change different places: Anna scales
// the recipe. Ben fries longer, adds a step, and comes second.
func changeApart(ctx context.Context, client *http.Client, url string) error {
	anna, err := open(ctx, client, url)
	if err != nil {
		return err
	}
	ben := anna
	if err := anna.save(ctx, client, replace(anna.text, `"serves": 2`, `"serves": 4`)); err != nil {
		return err
	}
	edited := replace(ben.text, `"minutes": 10}`, "\"minutes\": 15},\n    {\"id\": \"rest\", \"minutes\": 30}")
	return ben.save(ctx, client, edited)
}

// renameBoth has both change the same place: one of them has to decide. It returns
// what Ben is told, since he comes second.
func renameBoth(ctx context.Context, client *http.Client, opened document) (*ifmatch.MergeError, error) {
	anna, ben := opened, opened
	if err := anna.save(ctx, client, replace(anna.text, "Pancakes", "Anna's pancakes")); err != nil {
		return nil, err
	}
	err := ben.save(ctx, client, replace(ben.text, "Pancakes", "Ben's pancakes"))
	var overlap *ifmatch.MergeError
	if !errors.As(err, &overlap) {
		return nil, fmt.Errorf("an overlap was expected: %w", err)
	}
	return overlap, nil
}

// document is what somebody has on the screen.
type document struct {
	url, tag string
	text     []byte
}

// open reads the document. It asks for identity, since the tag of a compressed
// answer guards no write.
func open(ctx context.Context, client *http.Client, url string) (document, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return document{}, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := client.Do(req)
	if err != nil {
		return document{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return document{}, errors.New(resp.Status)
	}
	text, err := io.ReadAll(resp.Body)
	return document{url, resp.Header.Get("ETag"), text}, err
}

// save writes the edited text. What was read is the base of the merge.
func (d document) save(ctx context.Context, client *http.Client, edited []byte) error {
	merge := ifmatch.MergeJSON(d.text, ifmatch.MergeKey("id"))
	ctx = ifmatch.WithOptions(ctx, ifmatch.OnConflict(merge))
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, d.url, bytes.NewReader(edited))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("If-Match", d.tag)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return errors.New(resp.Status)
	}
	return nil
}

// replace stands for the typing.
func replace(text []byte, from, to string) []byte {
	return bytes.Replace(text, []byte(from), []byte(to), 1)
}

// Apiclient embeds ifmatch in a typed API client. Its users see items and errors,
// no tags and no retries: each method knows the policy that is right for it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// Item is what the API keeps.
type Item struct {
	Name  string `json:"name"`
	Stock int    `json:"stock"`

	tag string // of the state that was read
}

// ErrChanged says that somebody else has changed the item since it was read.
var ErrChanged = errors.New("somebody else has changed the item: read it again")

// Client is a client of the API.
type Client struct {
	http *http.Client
	base string
}

// NewClient returns a Client of the API at base. It stops at a conflict where a
// method doesn't say otherwise. Its user may set limits or a logger by opts.
func NewClient(base string, transport http.RoundTripper, opts ...ifmatch.Option) *Client {
	return &Client{&http.Client{Transport: ifmatch.NewTransport(transport, ifmatch.Stop, opts...)}, base}
}

// Get reads an item.
func (c *Client) Get(ctx context.Context, id string) (item Item, err error) {
	// Identity, since the tag of a compressed answer guards no write.
	header := http.Header{"Accept-Encoding": {"identity"}}
	body, tag, err := c.send(ctx, http.MethodGet, id, nil, header)
	if err != nil {
		return Item{}, err
	}
	item.tag = tag
	return item, json.Unmarshal(body, &item)
}

// Rename gives an item another name. The name was chosen for the item as it was
// read, so a conflict is ErrChanged.
func (c *Client) Rename(ctx context.Context, id string, item Item, name string) error {
	item.Name = name
	return c.put(ctx, id, item)
}

// AddStock adds n to the stock. That is right for whatever the stock is by then,
// so after a conflict it is done again on the current item.
func (c *Client) AddStock(ctx context.Context, id string, item Item, n int) error {
	rebuild := ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		var item Item
		if err := json.Unmarshal(current.Body, &item); err != nil {
			return nil, err
		}
		item.Stock += n
		return json.Marshal(item)
	})
	item.Stock += n
	return c.put(ifmatch.WithOptions(ctx, ifmatch.OnConflict(rebuild)), id, item)
}

func (c *Client) put(ctx context.Context, id string, item Item) error {
	if item.tag == "" {
		return errors.New("the item has no tag: only one that was read can be written")
	}
	body, err := json.Marshal(item)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}, "If-Match": {item.tag}}
	_, _, err = c.send(ctx, http.MethodPut, id, body, header)
	return err
}

// send sends one request. What isn't success is an error.
func (c *Client) send(ctx context.Context, method, id string, body []byte, header http.Header) (answer []byte, tag string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/items/"+id, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	req.Header = header
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		answer, err = io.ReadAll(resp.Body)
		return answer, resp.Header.Get("ETag"), err
	case http.StatusPreconditionFailed:
		return nil, "", ErrChanged
	}
	return nil, "", fmt.Errorf("%s item %q: %s", method, id, resp.Status)
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run reads an item once and changes it three times.
func run(w io.Writer) error {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/items/7", "application/json", []byte(`{"name":"bolt","stock":10}`))
	ctx, client := context.Background(), NewClient(srv.URL, srv.Client().Transport)

	item, err := client.Get(ctx, "7")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "AddStock 5:  error %v\n", client.AddStock(ctx, "7", item, 5))
	fmt.Fprintf(w, "AddStock 20: error %v\n", client.AddStock(ctx, "7", item, 20)) // item is stale by now
	fmt.Fprintf(w, "Rename:      error %v\n", client.Rename(ctx, "7", item, "hex bolt"))
	item, err = client.Get(ctx, "7")
	fmt.Fprintf(w, "now:         %s, stock %d\n", item.Name, item.Stock)
	return err
}

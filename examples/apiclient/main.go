// Apiclient embeds ifmatch in a typed API client. Its users see items and errors,
// no tags and no retries: each method knows the policy that is right for it, and pins
// it, so that a policy in its users' contexts makes no lost update.
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
	saves *http.Client // of what was made from an item as it was read
	adds  *http.Client // of what is added to any item
	base  string
}

// NewClient returns a Client of the API at base. Its user may set limits or a logger by
// opts, or by a context.
func NewClient(base string, transport http.RoundTripper, opts ...ifmatch.Option) *Client {
	bound := func(policy ifmatch.Policy) *http.Client {
		pinned := ifmatch.Pinned(ifmatch.OnConflict(policy))
		return &http.Client{Transport: ifmatch.NewTransport(transport, policy, ifmatch.Options(opts), pinned)}
	}
	return &Client{bound(ifmatch.Stop), bound(ifmatch.Rebuild(addStock)), base}
}

// addedKey is the context key of what AddStock adds.
type addedKey struct{}

// addStock adds to the stock that the item has by now.
func addStock(ctx context.Context, current *ifmatch.Representation) ([]byte, error) {
	var item Item
	if err := json.Unmarshal(current.Body, &item); err != nil {
		return nil, err
	}
	item.Stock += ctx.Value(addedKey{}).(int)
	return json.Marshal(item)
}

// Get reads an item.
func (c *Client) Get(ctx context.Context, id string) (item Item, err error) {
	// Identity, since the tag of a compressed answer guards no write.
	header := http.Header{"Accept-Encoding": {"identity"}}
	body, tag, err := send(ctx, c.saves, http.MethodGet, c.url(id), nil, header)
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
	return c.put(ctx, c.saves, id, item)
}

// AddStock adds n to the stock. That is right for whatever the stock is by then,
// so after a conflict it is done again on the current item.
func (c *Client) AddStock(ctx context.Context, id string, item Item, n int) error {
	item.Stock += n
	return c.put(context.WithValue(ctx, addedKey{}, n), c.adds, id, item)
}

func (c *Client) put(ctx context.Context, by *http.Client, id string, item Item) error {
	if item.tag == "" {
		return errors.New("the item has no tag: only one that was read can be written")
	}
	body, err := json.Marshal(item)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}, "If-Match": {item.tag}}
	_, _, err = send(ctx, by, http.MethodPut, c.url(id), body, header)
	return err
}

func (c *Client) url(id string) string { return c.base + "/items/" + id }

// send sends one request. What isn't success is an error.
func send(ctx context.Context, by *http.Client, method, url string, body []byte, header http.Header) (answer []byte, tag string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	req.Header = header
	resp, err := by.Do(req)
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
	return nil, "", fmt.Errorf("%s %s: %s", method, url, resp.Status)
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run reads an item once, and changes it three times.
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

	// Whoever calls this may have set a policy for requests of its own.
	above := ifmatch.WithOptions(ctx, ifmatch.OnConflict(ifmatch.Resend))
	fmt.Fprintf(w, "Rename:      error %v\n", client.Rename(above, "7", item, "hex bolt"))
	item, err = client.Get(ctx, "7")
	fmt.Fprintf(w, "now:         %s, stock %d\n", item.Name, item.Stock)
	return err
}

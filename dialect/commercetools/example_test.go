package commercetools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/commercetools"
)

// An action is posted that is right whatever the cart holds by now.
func ExampleDialect() {
	version := 6 // and the caller has seen 4
	project := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Version int }
		json.NewDecoder(r.Body).Decode(&sent)
		if r.Method == http.MethodPost && sent.Version != version {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, `{"statusCode":409,"errors":[{"code":"ConcurrentModification","currentVersion":%d}]}`, version)
			return
		}
		fmt.Fprintf(w, `{"id":"c1","version":%d}`, version)
	}))
	defer project.Close()

	c := ifmatch.NewClient(ifmatch.Resend, ifmatch.WithDialect(commercetools.Dialect()))
	resp, err := c.Post(project.URL+"/shop/carts/c1", "application/json", strings.NewReader(`{"version":4,"actions":[{"action":"recalculate"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	out, _ := ifmatch.OutcomeOf(resp)
	fmt.Println(resp.StatusCode, out.Effect, out.Cause)
	// Output: 200 applied changed
}

type line struct{ ID string }

// A cart is read as it is, and written as actions.
type cart struct {
	LineItems []line
	actions   []map[string]any
}

type actions struct{}

func (actions) ContentType() string          { return "text/x-actions" } // or it would be the cart with changes
func (actions) Decode(b []byte, v any) error { return json.Unmarshal(b, v) }
func (actions) Encode(v any) ([]byte, error) {
	return json.Marshal(map[string]any{"actions": v.(*cart).actions})
}

// Update reads the cart and makes actions of what it holds, anew after a refusal.
func ExampleDialect_update() {
	items, version := `[{"id":"a"}]`, 6
	project := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			defer func() { items, version = `[{"id":"a"},{"id":"b"}]`, 7 }() // somebody else is faster
			fmt.Fprintf(w, `{"id":"c1","version":%d,"lineItems":%s}`, version, items)
			return
		}
		sent, _ := io.ReadAll(r.Body)
		fmt.Println(r.Method, r.Header.Get("Content-Type"), string(sent))
		if !strings.Contains(string(sent), fmt.Sprintf(`"version":%d`, version)) {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, `{"errors":[{"code":"ConcurrentModification","currentVersion":%d}]}`, version)
		}
	}))
	defer project.Close()

	d := commercetools.Dialect()
	d.WriteRequest = func(r *http.Request) (*http.Request, error) {
		r.Method = http.MethodPost
		return r, nil
	}
	_, err := ifmatch.Update(context.Background(), nil, project.URL+"/shop/carts/c1", func(c *cart) error {
		for _, l := range c.LineItems {
			c.actions = append(c.actions, map[string]any{"action": "removeLineItem", "lineItemId": l.ID})
		}
		return nil
	}, ifmatch.WithDialect(d), ifmatch.WithCodec(actions{}), ifmatch.WithHeader("Accept", "application/json"), ifmatch.WithHeader("Content-Type", "application/json"))
	fmt.Println(err)
	// Output:
	// POST application/json {"version":6,"actions":[{"action":"removeLineItem","lineItemId":"a"}]}
	// POST application/json {"version":7,"actions":[{"action":"removeLineItem","lineItemId":"a"},{"action":"removeLineItem","lineItemId":"b"}]}
	// <nil>
}

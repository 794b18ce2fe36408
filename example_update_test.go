package ifmatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// The edit runs again on what somebody else has written meanwhile. Members that
// the type doesn't declare stay as they are.
func ExampleUpdate() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/item", "application/json", []byte(`{"name":"bolt","stock":10,"note":null}`))
	srv.Inject(ifmatchtest.CompetingWriter(1, func([]byte) []byte { // sells three, just before we write
		return []byte(`{"name":"bolt","stock":7,"note":null}`)
	}))

	type Item struct {
		Stock int `json:"stock"`
	}
	item, err := ifmatch.Update(context.Background(), nil, srv.URL+"/item", func(i *Item) error {
		i.Stock--
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(item.Value.Stock, item.Outcome.Exchanges)
	state, _, _ := srv.State("/item")
	fmt.Printf("%s\n", state)
	// Output:
	// 6 [PUT 412 GET 200 PUT 204]
	// {"name":"bolt","stock":6,"note":null}
}

// With a key an edit may change, add and remove elements at once. Each keeps what the type
// doesn't declare. Without one that is an error.
func ExampleMergeKey() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/order", "application/json", []byte(`{"lines":[{"sku":"bolt","qty":2,"bin":"A7"},{"sku":"nut","qty":1,"bin":"B1"}]}`))

	type Line struct {
		SKU string `json:"sku"`
		Qty int    `json:"qty"`
	}
	type Order struct {
		Lines []Line `json:"lines"`
	}
	ctx, url := context.Background(), srv.URL+"/order"
	edit := func(o *Order) error {
		o.Lines = append(o.Lines[1:], Line{"screw", 5})
		o.Lines[0].Qty++
		return nil
	}

	_, err := ifmatch.Update(ctx, nil, url, edit)
	if lost := (*ifmatch.EditError)(nil); errors.As(err, &lost) {
		fmt.Println("without:", lost.Pointers)
	}
	if _, err := ifmatch.Update(ctx, nil, url, edit, ifmatch.MergeKey("sku")); err != nil {
		fmt.Println(err)
		return
	}
	state, _, _ := srv.State("/order")
	fmt.Printf("with:    %s\n", state)
	// Output:
	// without: [/lines/0/bin /lines]
	// with:    {"lines":[{"sku":"nut","qty":2,"bin":"B1"},{"sku":"screw","qty":5}]}
}

// An answer that is lost leaves open whether the write was applied. With Marks in
// the document the next read tells.
func ExampleUpdate_marks() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()

	type Item struct {
		Stock int `json:"stock"`
	}
	type MarkedItem struct {
		ifmatch.Marks
		Item
	}
	ctx, url := context.Background(), srv.URL+"/item"

	srv.Put("/item", "application/json", []byte(`{"stock":10}`))
	srv.Inject(ifmatchtest.LostAnswer(1))
	_, err := ifmatch.Update(ctx, nil, url, func(i *Item) error { i.Stock--; return nil })
	fmt.Println("without: unknown:", errors.Is(err, ifmatch.ErrOutcomeUnknown))

	srv.Put("/item", "application/json", []byte(`{"stock":10}`))
	srv.Inject(ifmatchtest.LostAnswer(1))
	item, err := ifmatch.Update(ctx, nil, url, func(i *MarkedItem) error { i.Stock--; return nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("with:    %v, %v, stock %d\n", item.Outcome.Effect, item.Outcome.Cause, item.Value.Stock)
	// Output:
	// without: unknown: true
	// with:    applied, own earlier write, stock 9
}

// A server may demand a media type of its own. The type is asked for, and written; what
// the Go type doesn't declare stays, as in any JSON.
func ExampleWithMediaType() {
	const shop = "application/vnd.shop.v2+json"
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/item", shop, []byte(`{"name":"bolt","stock":10}`))

	type Item struct {
		Stock int `json:"stock"`
	}
	_, err := ifmatch.Update(context.Background(), nil, srv.URL+"/item", func(i *Item) error {
		i.Stock--
		return nil
	}, ifmatch.WithMediaType(shop))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range srv.Log() {
		fmt.Printf("%s, accepts %q, has %q\n", r.Method, r.Header.Get("Accept"), r.Header.Get("Content-Type"))
	}
	state, _, _ := srv.State("/item")
	fmt.Printf("%s\n", state)
	// Output:
	// GET, accepts "application/vnd.shop.v2+json", has ""
	// PUT, accepts "application/vnd.shop.v2+json", has "application/vnd.shop.v2+json"
	// {"name":"bolt","stock":9}
}

// Goroutines that share a Resource share its writes.
func ExampleResource() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/counter", "application/json", []byte(`{"n":0}`))

	type Counter struct {
		ifmatch.Marks
		N int `json:"n"`
	}
	counter := ifmatch.NewResource[Counter](nil, srv.URL+"/counter")
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			_, err := counter.Update(context.Background(), func(c *Counter) error {
				c.N++
				return nil
			})
			if err != nil {
				fmt.Println(err)
			}
		})
	}
	all.Wait()
	now, err := counter.Get(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(now.Value.N)
	// Output: 100
}

func ExampleGet() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/item", "application/json", []byte(`{"name":"bolt","stock":10}`))

	type Item struct {
		Name  string `json:"name"`
		Stock int    `json:"stock"`
	}
	item, err := ifmatch.Get[Item](context.Background(), nil, srv.URL+"/item")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(item.Value.Name, item.Value.Stock, item.ETag)

	_, err = ifmatch.Get[Item](context.Background(), nil, srv.URL+"/missing")
	if status := (*ifmatch.StatusError)(nil); errors.As(err, &status) {
		fmt.Println(status.StatusCode)
	}
	// Output:
	// bolt 10 "v1"
	// 404
}

// Two people edit one document. Where they changed different members, both
// changes are in; where they changed the same, the second one has to decide.
func ExampleMergeJSON() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	base := []byte(`{"title":"Pancakes","serves":2}`)
	client := ifmatch.NewClient(ifmatch.Stop)

	for _, theirs := range []string{`{"title":"Pancakes","serves":4}`, `{"title":"Crêpes","serves":2}`} {
		stale := srv.Put("/recipe", "application/json", base)
		srv.Put("/recipe", "application/json", []byte(theirs)) // a second writer

		ctx := ifmatch.WithOptions(context.Background(), ifmatch.OnConflict(ifmatch.MergeJSON(base)))
		ours := strings.NewReader(`{"title":"Thin pancakes","serves":2}`)
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, srv.URL+"/recipe", ours)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("If-Match", stale)
		resp, err := client.Do(req)
		if overlap := (*ifmatch.MergeError)(nil); errors.As(err, &overlap) {
			fmt.Println("changed on both sides:", overlap.Pointers)
			continue
		} else if err != nil {
			fmt.Println(err)
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		state, _, _ := srv.State("/recipe")
		fmt.Printf("%d %s\n", resp.StatusCode, state)
	}
	// Output:
	// 204 {"title":"Thin pancakes","serves":4}
	// changed on both sides: [/title]
}

// The first update creates the document, the second one updates it.
func ExampleCreateIfAbsent() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()

	type Settings struct {
		Themes []string `json:"themes"`
	}
	for _, theme := range []string{"light", "dark"} {
		settings, err := ifmatch.Update(context.Background(), nil, srv.URL+"/settings", func(s *Settings) error {
			s.Themes = append(s.Themes, theme)
			return nil
		}, ifmatch.CreateIfAbsent())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(settings.Outcome.Exchanges, settings.Value.Themes)
	}
	// Output:
	// [PUT 201] [light]
	// [PUT 204] [light dark]
}

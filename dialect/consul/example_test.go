package consul_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/consul"
)

// A counter in a key, which somebody else counts up too.
func ExampleDialect() {
	value, index := `{"n":10}`, 10
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("X-Consul-Index", fmt.Sprint(index))
			fmt.Fprint(w, value)
			return
		}
		body, _ := io.ReadAll(r.Body)
		current := r.URL.Query().Get("cas") == fmt.Sprint(index)
		if current {
			value, index = string(body), index+5
		}
		fmt.Fprint(w, current) // with 200, whatever it is
	}))
	defer agent.Close()

	_, err := ifmatch.Update(context.Background(), nil, agent.URL+"/v1/kv/counter", func(c *struct{ N int }) error {
		if index == 10 {
			value, index = `{"n":40}`, 15 // somebody else is faster
		}
		c.N++
		return nil
	}, ifmatch.WithDialect(consul.Dialect()))
	fmt.Println(value, err)
	// Output: {"n":41} <nil>
}

// Package consul has the dialect of Consul's KV store.
//
//	c := ifmatch.NewClient(ifmatch.Stop, ifmatch.WithDialect(consul.Dialect()))
//	ifmatch.Update(ctx, c, agent+"/v1/kv/app/config", edit)
//
// The version is the ModifyIndex of the key, which the answer to a read has in the field
// X-Consul-Index, and a PUT or DELETE in the query parameter cas. Another one is answered
// with 200 and the body false, and nothing was written. cas=0 creates only.
//
// A key is read with ?raw: the state is the value itself, without Base64.
//
// Not covered: /v1/txn, whose operations have indexes of their own; recurse and keys, which
// are about many keys. A write with acquire or release is about a lock, and false to it
// stops with CauseLocked.
//
// Consul documentation, "KV Store Endpoints"
// (https://developer.hashicorp.com/consul/api-docs/kv).
package consul

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/query"
)

// Dialect returns the dialect of Consul's KV store.
func Dialect() dialect.Dialect {
	sent, current := dialect.InQuery("cas"), dialect.InHeader("X-Consul-Index")
	return dialect.Dialect{
		Name: "Consul",
		Tokens: []dialect.Token{
			{Sent: sent, Current: current, Number: true, Create: "0", For: puts},
			{Sent: sent, Current: current, Number: true, For: deletes},
		},
		Statuses:       []int{http.StatusOK},
		Judge:          judge,
		RefreshRequest: readsValue,
	}
}

func puts(req *http.Request) bool    { return req.Method == http.MethodPut && isKey(req.URL) }
func deletes(req *http.Request) bool { return req.Method == http.MethodDelete && isKey(req.URL) }

func isKey(u *url.URL) bool { return strings.HasPrefix(u.Path, "/v1/kv/") }

func locks(u *url.URL) bool { return u.Query().Has("acquire") || u.Query().Has("release") }

func judge(a *dialect.Answer) dialect.Verdict {
	u := a.Request.URL
	switch {
	case !isKey(u), string(bytes.TrimSpace(a.Body())) != "false":
		return a.Passes()
	case locks(u):
		return a.Locked("false: the lock is another session's, or not this one's to release")
	case a.Request.Method == http.MethodDelete && u.Query().Get("cas") == "0":
		return a.Stops("false: cas=0 deletes nothing, whatever is there")
	case u.Query().Has("cas"):
		return a.Conflict()
	}
	return a.Stops("false, to a write without cas")
}

var withoutWrite = query.Without("flags", "acquire", "release", "recurse", "raw")

// readsValue makes a refresh read the value without an envelope.
func readsValue(req *http.Request) (*http.Request, error) {
	req, err := withoutWrite(req)
	if err != nil {
		return nil, err
	}
	req.Method = http.MethodGet
	if req.URL.RawQuery != "" {
		req.URL.RawQuery += "&"
	}
	req.URL.RawQuery += "raw=true"
	return req, nil
}

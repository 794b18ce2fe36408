// Package vault has the dialect of the KV secrets engine, version 2, of Vault and OpenBao.
//
//	c := ifmatch.NewClient(ifmatch.Stop, ifmatch.WithDialect(vault.Dialect()))
//	ifmatch.Update(ctx, c, server+"/v1/secret/data/app", edit, ifmatch.WithHeader("X-Vault-Token", token))
//
// The version is the number data.metadata.version of what is read, and options.cas in the
// body of a write. Another one is 400 with an error that says so; cas 0 creates only. The
// secret itself is data.data in what is read and data in what is written: Get, Update and
// the policies see the secret alone.
//
// A version that was deleted reads as 404: a write under a stale version of such a secret
// ends with CauseGone. Its history goes on, so cas 0 is refused: CreateIfAbsent ends with
// CauseSelfContradiction there, since a read finds none. Undelete it, or write once under its
// version.
//
// Not covered: DELETE, undelete and destroy, which take no cas; the metadata of a secret;
// version 1 of the engine, which has no versions.
//
// Vault documentation, "KV secrets engine - version 2 (API)"
// (https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2) and "HTTP status codes"
// (https://developer.hashicorp.com/vault/api-docs#http-status-codes).
package vault

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Dialect returns the dialect of Vault's KV engine, version 2.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name: "Vault KV v2",
		Tokens: []dialect.Token{{
			Sent: dialect.InBody("/options/cas"), Current: dialect.InBody("/data/metadata/version"),
			Number: true, Create: "0", For: writesSecret,
		}},
		Statuses:   []int{http.StatusBadRequest, http.StatusPreconditionFailed},
		Judge:      judge,
		ReadState:  "/data/data",
		WriteState: "/data",
	}
}

// writesSecret reports whether a write makes a version of a secret: its path is that of the
// engine, data, and the path of the secret.
func writesSecret(req *http.Request) bool {
	return req.Method != http.MethodDelete && strings.Contains(req.URL.Path, "/data/")
}

func judge(a *dialect.Answer) dialect.Verdict {
	// Enterprise: a standby doesn't have the data yet that the request needs.
	if a.StatusCode == http.StatusPreconditionFailed {
		return a.Again()
	}
	var answer struct{ Errors []string }
	json.Unmarshal(a.Body(), &answer) // what isn't JSON has none
	switch text := strings.Join(answer.Errors, "; "); {
	case strings.Contains(text, "check-and-set parameter did not match the current version"):
		return a.Conflict()
	case strings.Contains(text, "check-and-set parameter required for this call"):
		return a.Required()
	}
	return a.Passes()
}

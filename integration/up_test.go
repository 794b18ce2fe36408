package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// env is the value of IFMATCH_name, which run.sh sets. A missing one fails the test by name.
func env(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv("IFMATCH_" + name)
	if value == "" {
		t.Fatalf("IFMATCH_%s is not set: %s was asked for and is not up", name, strings.ToLower(name))
	}
	return value
}

// wanted are the names of the servers that run.sh was asked for.
func wanted(t *testing.T) []string {
	t.Helper()
	names := strings.Fields(os.Getenv("IFMATCH_SERVERS_WANTED"))
	if len(names) == 0 {
		t.Fatal("IFMATCH_SERVERS_WANTED is not set: these tests are started by run.sh")
	}
	return names
}

const calendarEntry = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//ifmatch//integration//EN\r\nBEGIN:VEVENT\r\n" +
	"UID:up\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260101T100000Z\r\nSUMMARY:up\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

// An upCheck is a write that creates something and one that says it replaces
// another version than the one there.
type upCheck struct {
	server  string // its name in IFMATCH_SERVERS_WANTED
	address string // the environment variable, without IFMATCH_
	path    string
	query   string // environment variable with a query to append
	method  string // of both writes; PUT by default
	body    string
	header  http.Header // of both writes
	sign    bool        // as S3 has it

	first  *upCheck // creates it, where another request has to
	tag    string   // If-Match of the second write; `"stale"` by default
	suffix string   // of the second write's URL
	stale  string   // body of the second write, where that has the version

	secret [2]string // a field of both writes, and the environment variable with its value
	ca     string    // the environment variable with the file of the server's own certificate

	created, refused int    // statuses
	says             string // a part of the answer to the second write, where its status doesn't tell
}

var upChecks = []upCheck{
	{server: "apache", address: "APACHE", path: "up.txt", created: 201, refused: 412},
	{server: "lighttpd", address: "LIGHTTPD", path: "up.txt", created: 201, refused: 412},
	// nginx looks at no condition of a write
	{server: "nginx", address: "NGINX_DAV", path: "up.txt", created: 201, refused: 204},
	{server: "nginx", address: "NGINX_GZIP", path: "up-gzip.txt", created: 201, refused: 412},
	{server: "nginx", address: "NGINX_CACHE", path: "up-cache.txt", created: 201, refused: 412},
	{server: "varnish", address: "VARNISH", path: "up-varnish.txt", created: 201, refused: 412},
	{server: "squid", address: "SQUID", path: "cached/up-squid.txt", created: 201, refused: 412},
	{
		server: "radicale", address: "RADICALE", path: "up.ics", body: calendarEntry,
		header: http.Header{"Content-Type": {"text/calendar"}}, created: 201, refused: 412,
	},
	{
		server: "xandikos", address: "XANDIKOS", path: "up.ics", body: calendarEntry,
		header: http.Header{"Content-Type": {"text/calendar"}}, created: 201, refused: 412,
	},
	{server: "sabre", address: "SABRE", path: "up.txt", created: 201, refused: 412},
	{server: "s3", address: "S3", path: "bucket/up.txt", sign: true, created: 200, refused: 412},
	{server: "minio", address: "MINIO", path: "bucket/up.txt", sign: true, created: 200, refused: 412},
	{
		server: "davical", address: "DAVICAL", path: "up.ics", body: calendarEntry, header: http.Header{"Content-Type": {"text/calendar"}},
		secret: [2]string{"Authorization", "DAVICAL_AUTHORIZATION"}, created: 201, refused: 412, says: "<if-match/>",
	},
	{
		server: "gcs", address: "GCS", path: "upload/storage/v1/b/bucket/o?uploadType=media&name=up.txt", method: "POST",
		suffix: "&ifGenerationMatch=5", created: 200, refused: 412,
	},
	{
		server: "cap", address: "CAP", path: "(1)", method: "PATCH", body: `{"stock":1}`,
		header: http.Header{"Content-Type": {"application/json"}}, tag: `W/"2001-01-01T00:00:00.000Z"`,
		first:   &upCheck{address: "CAP", method: "POST", body: `{"ID":1,"stock":0}`, header: http.Header{"Content-Type": {"application/json"}}},
		created: 201, refused: 412,
	},
	{
		server: "azurite", address: "AZURE_BLOB", path: "container/up.txt", query: "AZURE_SAS",
		header: http.Header{"X-Ms-Blob-Type": {"BlockBlob"}}, created: 201, refused: 412,
	},
	{
		server: "azurite", address: "AZURE_TABLE", path: "items(PartitionKey='p',RowKey='up')", query: "AZURE_SAS", body: `{"stock":1}`,
		header: http.Header{"Content-Type": {"application/json"}, "X-Ms-Version": {"2019-12-12"}, "Accept": {"application/json"}},
		tag:    `W/"datetime'2001-01-01T00%3A00%3A00.0000000Z'"`, created: 204, refused: 412,
	},
	{
		server: "pouch", address: "POUCH", path: "up", body: `{"stock":1}`,
		header: http.Header{"Content-Type": {"application/json"}}, tag: `"1-0123456789abcdef0123456789abcdef"`, created: 201, refused: 409,
	},
	{server: "consul", address: "CONSUL", path: "kv/up", suffix: "?cas=1", created: 200, refused: 200, says: "false"},
	{
		server: "vault", address: "VAULT", path: "secret/data/up", body: `{"data":{"stock":1}}`,
		stale: `{"options":{"cas":7},"data":{"stock":2}}`, secret: [2]string{"X-Vault-Token", "VAULT_TOKEN"}, created: 200, refused: 400,
	},
	{
		server: "kubernetes", address: "KUBERNETES", path: "api/v1/namespaces/default/configmaps/up", body: upConfigMap("1"),
		first: &upCheck{
			address: "KUBERNETES", path: "api/v1/namespaces/default/configmaps", method: "POST", body: upConfigMap(""),
			secret: [2]string{"Authorization", "KUBERNETES_AUTHORIZATION"}, ca: "KUBERNETES_CA",
		},
		secret: [2]string{"Authorization", "KUBERNETES_AUTHORIZATION"}, ca: "KUBERNETES_CA", created: 201, refused: 409,
	},
	{
		server: "commercetools", address: "COMMERCETOOLS", path: "customer-groups/key=up", method: "POST",
		header: http.Header{"Content-Type": {"application/json"}}, body: `{"version":7,"actions":[{"action":"changeName","name":"b"}]}`,
		first: &upCheck{
			address: "COMMERCETOOLS", path: "customer-groups", method: "POST", body: `{"groupName":"a","key":"up"}`,
			header: http.Header{"Content-Type": {"application/json"}},
		},
		created: 201, refused: 409,
	},
	{server: "solid", address: "SOLID", path: "up.txt", header: http.Header{"Content-Type": {"text/plain"}}, created: 201, refused: 412},
}

// upConfigMap is a Kubernetes object of this version.
func upConfigMap(version string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"up","resourceVersion":%q}}`, version)
}

// TestUp asks of each server that was wanted whether it does to a stale write
// what the other tests take for granted.
func TestUp(t *testing.T) {
	for _, name := range wanted(t) {
		checks := 0
		for _, c := range upChecks {
			if c.server != name {
				continue
			}
			checks++
			t.Run(c.address, func(t *testing.T) {
				c := c.named(nextID())
				create := c
				if c.first != nil {
					create = *c.first
				}
				if got, _ := create.do(t, false); got != c.created {
					t.Errorf("first write: got %d, want %d", got, c.created)
				}
				if got, text := c.do(t, true); got != c.refused || !strings.Contains(text, c.says) {
					t.Errorf("write under a stale version: got %d %.300s, want %d %s", got, text, c.refused, c.says)
				}
				if os.Getenv("IFMATCH_"+c.log()+"_LOG") != "" && c.suffix == "" {
					c.checkLog(t)
				}
			})
		}
		if checks == 0 {
			t.Errorf("%s was asked for and has no check here", name)
		}
	}
}

// named is the check with a document of its own, so that it may run again.
func (c upCheck) named(id int) upCheck {
	name := strconv.Itoa(id)
	switch {
	case c.server == "cap":
		first := *c.first
		first.body = strings.Replace(first.body, `"ID":1`, `"ID":`+name, 1)
		c.first, c.path = &first, "("+name+")"
	case c.server == "kubernetes" || c.server == "commercetools": // first names it in its body
		first := *c.first
		first.body = strings.Replace(first.body, `"up"`, `"up`+name+`"`, 1)
		c.body = strings.Replace(c.body, `"up"`, `"up`+name+`"`, 1)
		c.first, c.path = &first, c.path+name
	default:
		at := strings.LastIndex(c.path, "up")
		c.path = c.path[:at+2] + name + c.path[at+2:]
	}
	return c
}

// log is the name of the server's log in the environment, without IFMATCH_ and _LOG.
func (c upCheck) log() string {
	if c.server == "azurite" {
		return "AZURE"
	}
	return c.address
}

// checkLog compares what the server logged with what was sent.
func (c upCheck) checkLog(t *testing.T) {
	t.Helper()
	all := accessLog(t, c.log(), c.path, 1)
	last := all[len(all)-1]
	for deadline := time.Now().Add(5 * time.Second); last.status != c.refused && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
		all = accessLog(t, c.log(), c.path, 1)
		last = all[len(all)-1]
	}
	if last.status != c.refused {
		t.Errorf("last line of the log: got %+v, want status %d", last, c.refused)
	}
	if want := c.staleTag(); last.ifMatch != want && last.ifMatch != "" {
		t.Errorf("If-Match in the log: got %q, want %q", last.ifMatch, want)
	}
}

func (c upCheck) staleTag() string {
	if c.tag == "" {
		return `"stale"`
	}
	return c.tag
}

// client trusts the server's own certificate.
func (c upCheck) client(t *testing.T) *http.Client {
	t.Helper()
	if c.ca == "" {
		return http.DefaultClient
	}
	text, err := os.ReadFile(env(t, c.ca))
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatalf("no certificate: %v", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// do sends one of the two writes and gives the status and the body.
func (c upCheck) do(t *testing.T, stale bool) (int, string) {
	t.Helper()
	url := env(t, c.address) + c.path
	if c.query != "" {
		url += "?" + env(t, c.query)
	}
	method, body := c.method, c.body
	if method == "" {
		method = "PUT"
	}
	if body == "" {
		body = fmt.Sprintf("stale: %t", stale)
	}
	if stale {
		url += c.suffix
	}
	if stale && c.stale != "" {
		body = c.stale
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if stale && c.suffix == "" {
		req.Header.Set("If-Match", c.staleTag())
	}
	if c.secret[0] != "" {
		req.Header.Set(c.secret[0], env(t, c.secret[1]))
	}
	if c.sign {
		sum := sha256.Sum256([]byte(body))
		hash := hex.EncodeToString(sum[:])
		req.Header.Set("X-Amz-Content-Sha256", hash)
		keys := aws.Credentials{AccessKeyID: env(t, c.address+"_KEY"), SecretAccessKey: env(t, c.address+"_SECRET")}
		if err := v4.NewSigner().SignHTTP(ctx, keys, req, hash, "s3", env(t, c.address+"_REGION"), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := c.client(t).Do(req)
	if err != nil {
		t.Fatalf("%s is not up: %v", c.address, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s %s: %s %s", method, c.path, resp.Status, bytes.TrimSpace(text[:min(len(text), 300)]))
	return resp.StatusCode, string(text)
}

package integration

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// observed is what docs/servers.md says of single servers: one request of the
// test's own. TAG stands for the current tag.
var observed = []struct {
	server, method, field, value string
	absent                       bool
	status                       int
}{
	{server: "radicale", method: "PUT", field: "If-Match", value: "*", status: 412},
	{server: "radicale", method: "PUT", field: "If-Match", value: `TAG, "another"`, status: 412},
	{server: "radicale", method: "PUT", field: "If-Match", value: `TAG`, status: 201},
	{server: "sabre", method: "DELETE", field: "If-Match", value: `"old"`, absent: true, status: 412},
	{server: "lighttpd", method: "DELETE", field: "If-Match", value: `"old"`, absent: true, status: 404},
	{server: "s3", method: "PUT", field: "If-Match", value: `"old"`, absent: true, status: 404},
	{server: "minio", method: "PUT", field: "If-Match", value: `"old"`, absent: true, status: 404},
	{server: "minio", method: "PUT", field: "If-Match", value: `TAG, "another"`, status: 412},
	{server: "minio", method: "PUT", field: "If-Match", value: "*", status: 200},
	{server: "minio", method: "DELETE", field: "If-Match", value: `"old"`, status: 204},
	{server: "davical", method: "DELETE", field: "If-Match", value: `"old"`, absent: true, status: 404},
	{server: "davical", method: "PUT", field: "If-Match", value: `TAG, "another"`, status: 412},
	{server: "davical", method: "PUT", field: "If-Match", value: "*", status: 204},
	{server: "davical", method: "PUT", field: "If-None-Match", value: `"another"`, status: 204},
	{server: "davical", method: "PUT", field: "If-None-Match", value: `TAG`, status: 412},
	{server: "minio", method: "PUT", field: "If-None-Match", value: `TAG`, status: 412},
	{server: "cap", method: "PUT", field: "If-None-Match", value: "*", status: 500},
	{server: "cap", method: "PATCH", field: "If-None-Match", value: "*", status: 412},
	{server: "cap", method: "PATCH", status: 428},
	{server: "cap", method: "HEAD", status: 405},
	{server: "azure table", method: "HEAD", status: 400},
	{server: "azure table", method: "PUT", field: "If-None-Match", value: "*", status: 204},
}

func TestObserved(t *testing.T) {
	for _, o := range observed {
		s := serverNamed(t, o.server)
		if !isWanted(t, s.wanted) {
			continue
		}
		t.Run(strings.Join([]string{o.server, o.method, o.field, o.value}, " "), func(t *testing.T) {
			t.Parallel()
			d := newDoc(t, s)
			if !o.absent {
				d = makeDoc(t, s)
			}
			header, body := http.Header{}, s.form.encode(d.id, 2)
			if o.field != "" {
				header.Set(o.field, strings.ReplaceAll(o.value, "TAG", d.first.ETag))
			}
			if o.method == http.MethodHead || o.method == http.MethodDelete {
				body = nil
			}
			if resp, text := d.ask(o.method, d.url, body, header); resp.StatusCode != o.status {
				t.Errorf("got %s %.300s, want %d", resp.Status, text, o.status)
			}
		})
	}
}

// TestRecipesInDocs: what docs/servers.md shows is what the tests use.
func TestRecipesInDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/servers.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("recipes_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s) *```go\n *ifmatch.WithRefreshRequest\\([^\n]*\n(.*?)\n *}\\)\n *```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 2 {
		t.Errorf("docs/servers.md has %d recipes", len(blocks))
	}
	for _, block := range blocks {
		if shown := strings.ReplaceAll(block[1], "   \t", "\t"); !strings.Contains(string(code), shown) {
			t.Errorf("this recipe is in docs/servers.md and in no test:\n%s", shown)
		}
	}
}

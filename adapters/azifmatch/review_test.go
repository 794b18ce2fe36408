package azifmatch_test

import (
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/adapters/azifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/azureblob"
)

// network answers each request with 201.
type network func(*http.Request)

func (n network) Do(req *http.Request) (*http.Response, error) {
	n(req)
	return &http.Response{StatusCode: 201, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// A copy takes over the metadata of its source, so it has no mark: the SDK spells
// its fields in lower case.
func TestCopyHasNoMark(t *testing.T) {
	for field, marked := range map[string]bool{"x-ms-copy-source": false, "x-ms-blob-type": true} {
		sent := 0
		client := newClient(t, network(func(req *http.Request) {
			sent++
			if got := req.Header.Get(azureblob.MarkField) != ""; got != marked {
				t.Errorf("%s: marked %t", field, got)
			}
		}), []policy.Policy{azifmatch.New(ifmatch.Resend, ifmatch.WithDialect(azureblob.Dialect()), ifmatch.WithWriteMark())}, nil)
		req, err := runtime.NewRequest(t.Context(), http.MethodPut, "https://account.blob.core.windows.net/container/blob")
		if err != nil {
			t.Fatal(err)
		}
		req.Raw().Header[field] = []string{"https://account.blob.core.windows.net/container/source"}
		req.Raw().Header["If-Match"] = []string{`"0x1"`}
		if _, err := client.Pipeline().Do(req); err != nil || sent != 1 {
			t.Errorf("%s: %v, sent %d times", field, err, sent)
		}
	}
}

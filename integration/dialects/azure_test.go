package dialects

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/azureblob"
	"github.com/ifmatch-go/ifmatch/dialect/azuretable"
)

func azureBlob(t *testing.T, name string) *store {
	t.Helper()
	return &store{
		t: t, dialect: azureblob.Dialect(), base: storeBase(t), put: http.Header{"X-Ms-Blob-Type": {"BlockBlob"}},
		url: storeEnv(t, "AZURE_BLOB") + storeEnv(t, "AZURE_CONTAINER") + "/" + storeName(name) + "?" + storeEnv(t, "AZURE_SAS"),
	}
}

func TestAzureBlob(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "azurite")
	s := azureBlob(t, "conditions")
	s.stale(201, "HEAD 200")

	tag := s.set(storeFirst)
	s.write(ifmatch.Resend, "PUT", s.url, storeMine, http.Header{"If-None-Match": {"*"}}).want(t, "PUT 409", ifmatch.EffectNotApplied, ifmatch.CauseExists)
	s.has(storeFirst)
	s.set(storeTheirs)
	metadata := http.Header{"If-Match": {tag}, "X-Ms-Meta-A": {"b"}}
	s.write(ifmatch.Resend, "PUT", s.url+"&comp=metadata", "", metadata).want(t, "PUT 412, HEAD 200, PUT 200", ifmatch.EffectApplied, ifmatch.CauseChanged)
	s.has(storeTheirs)
	s.write(ifmatch.Resend, "DELETE", s.url, "", storeMatch(tag)).want(t, "DELETE 412, HEAD 200, DELETE 202", ifmatch.EffectApplied, ifmatch.CauseChanged) // to Azure's DELETE 202 says: done
	s.write(ifmatch.Resend, "PUT", s.url, storeMine, storeMatch(tag)).want(t, "PUT 412, HEAD 404, GET 404", ifmatch.EffectNotApplied, ifmatch.CauseGone)
}

// TestAzureBlobBlocks commits a list of blocks under a tag that is stale by then.
func TestAzureBlobBlocks(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "azurite")
	s := azureBlob(t, "blocks")
	tag := s.set(storeFirst)
	s.set(storeTheirs)
	if resp, text := s.ask("PUT", s.url+"&comp=block&blockid=MQ%3D%3D", storeMine, nil); resp.StatusCode != 201 {
		t.Fatalf("%s %s", resp.Status, text)
	}
	sent := s.write(ifmatch.Resend, "PUT", s.url+"&comp=blocklist", "<BlockList><Latest>MQ==</Latest></BlockList>", storeMatch(tag))
	sent.want(t, "PUT 412, HEAD 200, PUT 201", ifmatch.EffectApplied, ifmatch.CauseChanged)
	s.has(storeMine)
}

// TestAzureBlobLease: a lease stops a write, and doesn't hide a stale tag.
func TestAzureBlobLease(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "azurite")
	const ours, theirs = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
	s := azureBlob(t, "lease")
	stale := s.set(storeFirst)
	tag := s.set(storeTheirs)
	lease := http.Header{"X-Ms-Lease-Action": {"acquire"}, "X-Ms-Lease-Duration": {"60"}, "X-Ms-Proposed-Lease-Id": {ours}}
	if resp, text := s.ask("PUT", s.url+"&comp=lease", "", lease); resp.StatusCode != 201 {
		t.Fatalf("%s %s", resp.Status, text)
	}
	with := func(tag, id string) http.Header { return http.Header{"If-Match": {tag}, "X-Ms-Lease-Id": {id}} }
	s.write(ifmatch.Resend, "PUT", s.url, storeMine, storeMatch(tag)).want(t, "PUT 412", ifmatch.EffectNotApplied, ifmatch.CauseLocked)
	s.write(ifmatch.Resend, "PUT", s.url, storeMine, with(tag, theirs)).want(t, "PUT 412", ifmatch.EffectNotApplied, ifmatch.CauseLocked)
	s.write(ifmatch.Resend, "PUT", s.url+"&comp=lease", "", lease).want(t, "PUT 201", ifmatch.EffectApplied, ifmatch.CauseNone)
	lease.Set("X-Ms-Proposed-Lease-Id", theirs)
	s.write(ifmatch.Resend, "PUT", s.url+"&comp=lease", "", lease).want(t, "PUT 409", ifmatch.EffectNotApplied, ifmatch.CauseLocked)
	s.has(storeTheirs)
	s.write(ifmatch.Resend, "PUT", s.url, storeMine, with(stale, ours)).want(t, "PUT 412, HEAD 200, PUT 201", ifmatch.EffectApplied, ifmatch.CauseChanged)
	s.has(storeMine)
}

// TestAzureBlobAppend: nothing is appended twice, nor at another position.
func TestAzureBlobAppend(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "azurite")
	s := azureBlob(t, "append")
	s.put = http.Header{"X-Ms-Blob-Type": {"AppendBlob"}}
	tag := s.set("")
	s.write(ifmatch.Resend, "PUT", s.url+"&comp=appendblock", "one", http.Header{"If-Match": {tag}, "X-Ms-Blob-Condition-Appendpos": {"5"}}).
		want(t, "PUT 412", ifmatch.EffectNotApplied, ifmatch.CauseUnattributed)
	losing := *s
	losing.base = &storeLosing{base: s.base}
	sent := losing.write(ifmatch.Resend, "PUT", s.url+"&comp=appendblock", "one", storeMatch(tag))
	sent.want(t, "PUT failed, PUT 412", ifmatch.EffectUnknown, ifmatch.CauseUnattributed) // who appended what is there can't be told
	s.has("one")
	resp, _ := s.ask("HEAD", s.url, "", nil)
	losing.base = &storeLosing{base: s.base}
	sent = losing.write(ifmatch.Resend, "PUT", s.url+"&comp=appendblock", "two", storeMatch(resp.Header.Get("ETag")))
	sent.want(t, "PUT failed, PUT 412", ifmatch.EffectUnknown, ifmatch.CauseUnattributed)
	if _, text := s.ask("GET", s.url, "", nil); text != "onetwo" {
		t.Errorf("the blob is %q", text)
	}
}

func TestAzureBlobOwnWrites(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "azurite")
	azureBlob(t, "own").own(201, "", storeMine, storeLarge)
}

// TestAzureBlobCopy: a copy has its source's metadata, so it gets no write id.
func TestAzureBlobCopy(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "azurite")
	from, to := azureBlob(t, "from"), azureBlob(t, "to")
	from.put.Set("X-Ms-Meta-A", "b")
	from.set(storeFirst)
	tag := to.set(storeTheirs)
	to.put = http.Header{"X-Ms-Copy-Source": {from.url}}
	to.write(ifmatch.Stop, "PUT", to.url, "", storeMatch(tag), ifmatch.WithWriteID()).want(t, "PUT 202", ifmatch.EffectApplied, ifmatch.CauseNone) // with x-ms-copy-status: success
	if resp, _ := to.ask("HEAD", to.url, "", nil); resp.Header.Get("X-Ms-Meta-A") != "b" || resp.Header.Get(to.dialect.WriteIDField) != "" {
		t.Errorf("%v", resp.Header)
	}
}

func azureTable(t *testing.T, row string) *store {
	t.Helper()
	header := http.Header{"X-Ms-Version": {"2019-12-12"}, "Content-Type": {"application/json"}}
	read := header.Clone()
	read.Set("Accept", "application/json;odata=nometadata")
	return &store{
		t: t, dialect: azuretable.Dialect(), base: storeBase(t), put: header, read: read,
		url: storeEnv(t, "AZURE_TABLE") + storeEnv(t, "AZURE_TABLE_NAME") + "(PartitionKey='dialects',RowKey='" + storeName(row) + "')?" + storeEnv(t, "AZURE_SAS"),
	}
}

func TestAzureTable(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "azurite")
	s := azureTable(t, "conditions")
	s.stale(204, "GET 200")

	tag := s.set(storeFirst)
	s.set(storeTheirs)
	s.write(ifmatch.Resend, "PATCH", s.url, `{"m":1}`, storeMatch(tag)).want(t, "PATCH 412, GET 200, PATCH 204", ifmatch.EffectApplied, ifmatch.CauseChanged)
	s.has(`"n":"theirs"`)
	s.has(`"m":1`)
	s.write(ifmatch.Resend, "DELETE", s.url, "", storeMatch(tag)).want(t, "DELETE 412, GET 200, DELETE 204", ifmatch.EffectApplied, ifmatch.CauseChanged)
	s.write(ifmatch.Resend, "PUT", s.url, storeMine, storeMatch(tag)).want(t, "PUT 404", ifmatch.EffectNotApplied, ifmatch.CauseGone)
	s.write(ifmatch.Resend, "DELETE", s.url, "", storeMatch(tag)).want(t, "DELETE 404", ifmatch.EffectNotApplied, ifmatch.CauseGone)
}

// TestAzureTableMerge: Update works on it, and in a merge null removes nothing.
func TestAzureTableMerge(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "azurite")
	s := azureTable(t, "merge")
	s.set(`{"n":1,"note":"x"}`)
	type item struct {
		N    int     `json:"n"`
		Note *string `json:"note,omitempty"`
	}
	c := &http.Client{Transport: ifmatch.NewTransport(storeVersion{s.base}, ifmatch.Stop, ifmatch.WithDialect(s.dialect))}
	rival := true
	got, err := ifmatch.Update(t.Context(), c, s.url, func(v *item) error {
		if rival {
			rival = false
			s.set(`{"n":40,"note":"x"}`)
		}
		v.N++
		v.Note = nil
		return nil
	}, ifmatch.WithPatch())
	if err != nil || got.Value.N != 41 {
		t.Fatalf("%+v, %v", got.Value, err)
	}
	s.has(`"n":41`)
	s.has(`"note":"x"`)
	if _, err = ifmatch.Update(t.Context(), c, s.url, func(v *item) error { v.N++; v.Note = nil; return nil }); err != nil {
		t.Fatal(err)
	}
	s.has(`"n":42`)
	if resp, text := s.ask("GET", s.url, "", nil); strings.Contains(text, "note") {
		t.Errorf("%s %s", resp.Status, text)
	}
}

// storeVersion adds what Azure Table wants on each request.
type storeVersion struct{ base http.RoundTripper }

func (v storeVersion) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("X-Ms-Version", "2019-12-12")
	return v.base.RoundTrip(req)
}

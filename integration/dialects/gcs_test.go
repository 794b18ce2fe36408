package dialects

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/gcs"
)

// gcsObject is an object by the JSON API: written at one URL, read at another.
type gcsObject struct {
	*store
	upload, object string
}

func gcsStore(t *testing.T, name string) gcsObject {
	t.Helper()
	server, bucket := storeEnv(t, "GCS"), storeEnv(t, "GCS_BUCKET")
	return gcsObject{
		store:  &store{t: t, dialect: gcs.JSON(), base: storeBase(t)},
		upload: server + "upload/storage/v1/b/" + bucket + "/o?uploadType=media&name=" + url.QueryEscape(name),
		object: server + "storage/v1/b/" + bucket + "/o/" + url.PathEscape(name),
	}
}

func (o gcsObject) content(want string) {
	o.t.Helper()
	if _, got := o.ask("GET", o.object+"?alt=media", "", nil); got != want {
		o.t.Errorf("the object is %q, want %q", got, want)
	}
}

// TestGCS is about uploads: fake-gcs-server looks at ifGenerationMatch there and
// nowhere else.
func TestGCS(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "gcs")
	for _, name := range []string{storeName("gcs"), storeName("gcs/a b%?")} {
		o := gcsStore(t, name)
		stale, create := o.upload+"&ifGenerationMatch=5", o.upload+"&ifGenerationMatch=0"
		o.write(ifmatch.Resend, "POST", stale, storeMine, nil).want(t, "POST 412, GET 404", ifmatch.EffectNotApplied, ifmatch.CauseGone)
		o.write(ifmatch.Resend, "POST", create, storeFirst, nil).want(t, "POST 200", ifmatch.EffectApplied, ifmatch.CauseNone)
		o.write(ifmatch.Resend, "POST", create, storeMine, nil).want(t, "POST 412", ifmatch.EffectNotApplied, ifmatch.CauseExists)
		o.write(ifmatch.Stop, "POST", stale, storeMine, nil).want(t, "POST 412", ifmatch.EffectNotApplied, ifmatch.CauseUnexamined)
		o.content(storeFirst)
		o.write(ifmatch.Resend, "POST", stale, storeMine, nil).want(t, "POST 412, GET 200, POST 200", ifmatch.EffectApplied, ifmatch.CauseChanged)
		o.content(storeMine)
		o.write(ifmatch.Resend, "POST", o.upload, storeTheirs, nil).want(t, "POST 200", ifmatch.EffectApplied, ifmatch.CauseNone)
		o.write(storeRebuild(), "POST", stale, storeMine, nil).want(t, "POST 412, GET 200, POST 200", ifmatch.EffectApplied, ifmatch.CauseChanged)
		o.content(storeBoth)
		o.write(ifmatch.Resend, "POST", o.upload+"&ifGenerationMatch=five", storeFirst, nil).
			want(t, "POST 400", ifmatch.EffectNotApplied, ifmatch.CauseNone)
	}
}

// TestGCSIgnores fails when fake-gcs-server has learnt a condition that
// docs/dialects.md says it ignores.
func TestGCSIgnores(t *testing.T) {
	t.Parallel()
	storeNeeds(t, "gcs")
	o := gcsStore(t, storeName("ignored"))
	ignored := func(method, url, body string) {
		t.Helper()
		header := http.Header{"Content-Type": {"application/json"}}
		if resp, text := o.ask(method, url, body, header); resp.StatusCode != 200 {
			t.Errorf("%s: %s %s", url, resp.Status, text)
		}
	}
	ignored("POST", o.upload, "{}")
	ignored("POST", o.upload+"&ifMetagenerationMatch=77", "{}")
	ignored("PATCH", o.object+"?ifMetagenerationMatch=77", "{}")
	ignored("POST", o.object+"/rewriteTo/b/bucket/o/dialects-copy?ifGenerationMatch=77", "")
	ignored("POST", o.object+"/copyTo/b/bucket/o/dialects-copy?ifGenerationMatch=77", "")
	ignored("POST", o.object+"/compose?ifGenerationMatch=77", `{"sourceObjects":[]}`)
	ignored("DELETE", o.object+"?ifGenerationMatch=77", "")
}

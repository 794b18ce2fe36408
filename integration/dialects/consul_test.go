package dialects

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/consul"
)

// consulIndex is the ModifyIndex of a key, as the JSON of Consul has it.
func consulIndex(t *testing.T, url string) string {
	t.Helper()
	_, text := docPlain(t, 200, "GET", url, "", nil)
	var keys []struct{ ModifyIndex json.Number }
	if err := json.Unmarshal([]byte(text), &keys); err != nil || len(keys) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	return keys[0].ModifyIndex.String()
}

// consulSet writes a key, and returns its index.
func consulSet(t *testing.T, url, value string) string {
	t.Helper()
	if _, text := docPlain(t, 200, "PUT", url, value, nil); strings.TrimSpace(text) != "true" {
		t.Fatalf("PUT %s: %s", url, text)
	}
	return consulIndex(t, url)
}

// consulKey makes a key that was changed once, and returns its URL and the index
// that it had at first. Other keys are written meanwhile, so that the index of the
// store is another one than that of the key.
func consulKey(t *testing.T) (url, old string) {
	t.Helper()
	kv := docServer(t, "consul") + "kv/"
	url = kv + "doc-" + docID()
	old = consulSet(t, url, `{"stock":1}`)
	consulSet(t, url, `{"stock":2}`)
	consulSet(t, kv+"other-"+docID(), "x")
	return url, old
}

func TestConsulWrites(t *testing.T) {
	for name, test := range map[string]struct {
		policy        ifmatch.Policy
		method, query string // OLD is the first index, NEW the current one
		deleted       bool
		answer        string
		cause         ifmatch.Cause
		exchanges     []string
		left          string // empty: there is no key
	}{
		"a fresh index":            {ifmatch.Resend, "PUT", "?cas=NEW", false, "true", ifmatch.CauseNone, []string{"PUT 200"}, `{"stock":5}`},
		"Stop":                     {ifmatch.Stop, "PUT", "?cas=OLD", false, "false", ifmatch.CauseChanged, []string{"PUT 200"}, `{"stock":2}`},
		"Resend":                   {ifmatch.Resend, "PUT", "?cas=OLD", false, "true", ifmatch.CauseChanged, []string{"PUT 200", "GET 200", "PUT 200"}, `{"stock":5}`},
		"Rebuild":                  {docDouble(), "PUT", "?cas=OLD", false, "true", ifmatch.CauseChanged, []string{"PUT 200", "GET 200", "PUT 200"}, `{"stock":4}`},
		"create only":              {ifmatch.Resend, "PUT", "?cas=0", false, "false", ifmatch.CauseExists, []string{"PUT 200"}, `{"stock":2}`},
		"create only, and free":    {ifmatch.Resend, "PUT", "?cas=0", true, "true", ifmatch.CauseNone, []string{"PUT 200"}, `{"stock":5}`},
		"deleted":                  {ifmatch.Resend, "PUT", "?cas=OLD", true, "false", ifmatch.CauseGone, []string{"PUT 200", "GET 404"}, ""},
		"DELETE":                   {ifmatch.Resend, "DELETE", "?cas=OLD", false, "true", ifmatch.CauseChanged, []string{"DELETE 200", "GET 200", "DELETE 200"}, ""},
		"DELETE, a fresh index":    {ifmatch.Resend, "DELETE", "?cas=NEW", false, "true", ifmatch.CauseNone, []string{"DELETE 200"}, ""},
		"a write without an index": {ifmatch.Resend, "PUT", "", false, "true", ifmatch.CauseNone, []string{"PUT 200"}, `{"stock":5}`},
	} {
		t.Run(name, func(t *testing.T) {
			url, old := consulKey(t)
			current := consulIndex(t, url)
			if test.deleted {
				docPlain(t, 200, "DELETE", url, "", nil)
			}
			put := strings.NewReplacer("OLD", old, "NEW", current)
			status, text, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(consul.Dialect())}, test.policy, test.method, url+put.Replace(test.query), `{"stock":5}`, nil)
			docExpect(t, status, out, 200, test.cause, test.exchanges...)
			if strings.TrimSpace(text) != test.answer {
				t.Errorf("the answer is %q, want %s", text, test.answer)
			}
			if applied := out.Effect == ifmatch.EffectApplied; applied != (test.answer == "true") {
				t.Errorf("got %v", out.Effect)
			}
			if test.left == "" {
				docPlain(t, 404, "GET", url, "", nil)
				return
			}
			if _, value := docPlain(t, 200, "GET", url+"?raw", "", nil); value != test.left {
				t.Errorf("the key has %s, want %s", value, test.left)
			}
		})
	}
}

// TestConsulLock: false to acquire is about the lock, and no index cures it.
func TestConsulLock(t *testing.T) {
	url, _ := consulKey(t)
	session := func() string {
		_, text := docPlain(t, 200, "PUT", docServer(t, "consul")+"session/create", "{}", nil)
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(text), &made); err != nil || made.ID == "" {
			t.Fatalf("%v: %s", err, text)
		}
		return made.ID
	}
	opts := ifmatch.Options{ifmatch.WithDialect(consul.Dialect())}
	status, _, out := docSend(t, opts, ifmatch.Resend, "PUT", url+"?acquire="+session(), `{"stock":3}`, nil)
	docExpect(t, status, out, 200, ifmatch.CauseNone, "PUT 200")
	status, text, out := docSend(t, opts, ifmatch.Resend, "PUT", url+"?acquire="+session(), `{"stock":4}`, nil)
	docExpect(t, status, out, 200, ifmatch.CauseLocked, "PUT 200")
	if strings.TrimSpace(text) != "false" || out.Effect != ifmatch.EffectNotApplied {
		t.Errorf("got %q, %v", text, out.Effect)
	}
}

func TestConsulUpdates(t *testing.T) {
	url, _ := consulKey(t)
	docWriters(t, url, consul.Dialect())
	docCreate(t, docServer(t, "consul")+"kv/new-"+docID(), consul.Dialect())
}

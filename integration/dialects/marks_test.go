package dialects

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/azuretable"
	"github.com/ifmatch-go/ifmatch/dialect/couchdb"
	"github.com/ifmatch-go/ifmatch/dialect/kubernetes"
)

// dressedAs puts a header on what is below it.
type dressedAs struct {
	base   http.RoundTripper
	header http.Header
}

func (d dressedAs) RoundTrip(req *http.Request) (*http.Response, error) {
	dressed := req.Clone(req.Context())
	for name, values := range d.header {
		if dressed.Header.Get(name) == "" {
			dressed.Header[name] = values
		}
	}
	return d.base.RoundTrip(dressed)
}

// markedDoc is a document with Marks, on a server that keeps no member _ifmatch.
type markedDoc struct {
	Data *struct {
		Stock string `json:"stock"`
	} `json:"data,omitempty"` // of Kubernetes, whose texts are here
	Stock int `json:"stock,omitempty"`
	ifmatch.Marks
}

func (m *markedDoc) add() error {
	if m.Data != nil {
		m.Data.Stock += "+"
	}
	m.Stock++
	return nil
}

// TestMarksAt: the ids of Marks are a text at the place of the dialect, the server keeps it,
// and it shows whether a write was applied whose answer is lost.
func TestMarksAt(t *testing.T) {
	for name, made := range map[string]func(t *testing.T) (d dialect.Dialect, url string, header http.Header){
		"kubernetes": func(t *testing.T) (dialect.Dialect, string, http.Header) {
			return kubernetes.Dialect(), kubeMake(t, kubeMaps, kubeMap).url, http.Header{"Authorization": {storeEnv(t, "KUBERNETES_AUTHORIZATION")}}
		},
		"azurite": func(t *testing.T) (dialect.Dialect, string, http.Header) {
			s := azureTable(t, "marks")
			s.set(`{"stock":2}`)
			return azuretable.Dialect(), s.url, s.read
		},
		"pouch": func(t *testing.T) (dialect.Dialect, string, http.Header) {
			url, _ := docCouch(t)
			return couchdb.Dialect(), url, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			storeNeeds(t, name)
			d, url, header := made(t)
			base := dressedAs{http.DefaultTransport, header}
			var ids [2]string
			for i, rival := range []bool{false, true} {
				losing := &storeLosing{base: base}
				if rival {
					losing.after = func() { markedAdd(t, base, d, url) }
				}
				out := markedAdd(t, losing, d, url)
				if out.Effect != ifmatch.EffectApplied || !losing.lost {
					t.Errorf("lost %t: %v, %v: %v", losing.lost, out.Effect, out.Cause, out.Exchanges)
				}
				ids[i] = markedText(t, base, d, url)
			}
			if one, three := strings.Fields(ids[0]), strings.Fields(ids[1]); len(one) != 1 || len(three) != 3 || three[0] != one[0] {
				t.Errorf("the marks are %q, then %q", ids[0], ids[1])
			}
		})
	}
}

// markedAdd adds 1 by Update and compares what it hands back.
func markedAdd(t *testing.T, base http.RoundTripper, d dialect.Dialect, url string) ifmatch.Outcome {
	t.Helper()
	var out ifmatch.Outcome
	client := &http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop, ifmatch.WithDialect(d))}
	_, err := ifmatch.Update(ifmatch.WithOutcome(context.Background(), &out), client, url, (*markedDoc).add, ifmatch.WithMaxAttempts(12))
	if err != nil {
		t.Errorf("%v: %v", err, out.Exchanges)
	}
	return out
}

// markedText is the text that the server keeps at the place, after it has compared the number
// of additions with that of the ids.
func markedText(t *testing.T, base http.RoundTripper, d dialect.Dialect, url string) string {
	t.Helper()
	state, err := ifmatch.Get[map[string]any](t.Context(), &http.Client{Transport: base}, url, ifmatch.WithDialect(d))
	if err != nil {
		t.Fatal(err)
	}
	var at any = state.Value
	for _, member := range strings.Split(d.MarksAt[1:], "/") {
		object, _ := at.(map[string]any)
		at = object[strings.ReplaceAll(member, "~1", "/")]
	}
	text, isText := at.(string)
	if !isText {
		t.Fatalf("no text at %s: %v", d.MarksAt, state.Value)
	}
	var doc markedDoc
	if whole, err := json.Marshal(state.Value); err != nil || json.Unmarshal(whole, &doc) != nil {
		t.Fatal(err)
	}
	adds := doc.Stock - 2
	if doc.Data != nil {
		adds = strings.Count(doc.Data.Stock, "+")
	}
	if ids := len(strings.Fields(text)); adds != ids || doc.IDs != nil {
		t.Errorf("%d additions, %d ids, %v beside", adds, ids, doc.IDs)
	}
	return text
}

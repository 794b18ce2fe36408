package azuretable

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/origin"
	"github.com/ifmatch-go/ifmatch/dialect/internal/storetest"
)

// store is one entity as Azure Table has it.
type store struct {
	version int // 0: there is none
	entity  map[string]any
	code    string // of the next refusals, in place of the right one; "none": no code at all
	inBody  bool   // the code is in the body only
	noTable bool
	sent    []string // media types
}

func (s *store) fault(status int, code string) (int, http.Header, string) {
	if s.code != "" {
		code = s.code
	}
	if code == "none" {
		return status, nil, "{}"
	}
	text := fmt.Sprintf(`{"odata.error":{"code":%q,"message":{"lang":"en-US","value":"m"}}}`, code)
	if s.inBody {
		return status, nil, text
	}
	return status, http.Header{"X-Ms-Error-Code": {code}}, text
}

func (s *store) tag() string { return fmt.Sprintf(`W/"datetime'%d'"`, s.version) }

func (s *store) serve(req *http.Request, body string) (int, http.Header, string) {
	match := req.Header.Get("If-Match")
	switch {
	case req.Method == http.MethodHead:
		return 400, nil, ""
	case s.noTable:
		return s.fault(404, "TableNotFound")
	case req.Method == http.MethodGet && req.Header.Get("Accept") == "":
		return s.fault(415, "AtomFormatNotSupported")
	case s.version == 0 && (match != "" || req.Method == http.MethodGet || req.Method == http.MethodDelete):
		return s.fault(404, "ResourceNotFound")
	case req.Method == http.MethodGet:
		text, _ := json.Marshal(s.entity)
		return 200, http.Header{"Etag": {s.tag()}, "Content-Type": {"application/json"}}, string(text)
	case match != "" && match != s.tag() && match != "*":
		return s.fault(412, "UpdateConditionNotSatisfied")
	}
	var sent map[string]any
	json.Unmarshal([]byte(body), &sent)
	for _, value := range sent {
		switch value.(type) {
		case []any, map[string]any: // no property is one
			return s.fault(400, "InvalidInput")
		}
	}
	if s.entity == nil || req.Method == http.MethodPut {
		s.entity = map[string]any{}
	}
	for name, value := range sent {
		if value != nil {
			s.entity[name] = value
		}
	}
	s.sent = append(s.sent, req.Method+" "+req.Header.Get("Content-Type"))
	s.version++
	return 204, http.Header{"Etag": {s.tag()}}, ""
}

const (
	entity  = "http://table.test/account/items(PartitionKey='p',RowKey='r')"
	path    = "/account/items(PartitionKey='p',RowKey='r')"
	stale   = `If-Match: W/"datetime'1'"`
	refused = `{"odata.error":{"code":"UpdateConditionNotSatisfied","message":{"lang":"en-US","value":"m"}}}`
)

func TestDialect(t *testing.T) {
	there := func() *store { return &store{version: 2, entity: map[string]any{"n": 1}} }
	coded := func(code string, inBody bool) *store {
		return &store{version: 2, entity: map[string]any{"n": 1}, code: code, inBody: inBody}
	}
	first := "PUT " + path + ` If-Match: W/"datetime'1'" {} `
	recovered := []string{
		first + "412", "GET " + path + " Accept: application/json;odata=nometadata 200",
		"PUT " + path + ` If-Match: W/"datetime'2'" {} 204`, "204: applied, changed",
	}
	alone := func(last string) []string { return []string{first + last[:3], last} }
	for name, test := range map[string]struct {
		store *store
		storetest.Case
	}{
		"Stop":                 {there(), storetest.Case{Policy: ifmatch.Stop, Header: []string{stale}, Text: refused, Want: alone("412: not applied, unexamined")}},
		"Resend":               {there(), storetest.Case{Header: []string{stale}, Want: recovered}},
		"the code in a body":   {&store{version: 2, inBody: true}, storetest.Case{Header: []string{stale}, Want: recovered}},
		"without a code":       {coded("none", false), storetest.Case{Header: []string{stale}, Want: recovered}},
		"unknown code":         {coded("New", false), storetest.Case{Header: []string{stale}, Reason: `"New"`, Want: alone("412: not applied, unattributed")}},
		"unknown, in a body":   {coded("New", true), storetest.Case{Header: []string{stale}, Reason: `"New"`, Want: alone("412: not applied, unattributed")}},
		"deleted":              {&store{}, storetest.Case{Header: []string{stale}, Reason: "ResourceNotFound", Want: alone("404: not applied, gone")}},
		"deleted, in a body":   {&store{inBody: true}, storetest.Case{Header: []string{stale}, Want: alone("404: not applied, gone")}},
		"the table is missing": {&store{noTable: true}, storetest.Case{Header: []string{stale}, Want: alone("404: not applied, none")}},
		"without If-Match": {&store{}, storetest.Case{Method: "DELETE", Want: []string{
			"DELETE " + path + " {} 404", "404: not applied, none",
		}}},
		"forced": {&store{}, storetest.Case{Header: []string{"If-Match: *"}, Want: []string{
			"PUT " + path + " If-Match: * {} 404", "404: not applied, gone",
		}}},
		"Rebuild": {there(), storetest.Case{Policy: storetest.Rebuild(), Header: []string{stale, "Accept: application/json"}, Want: []string{
			"PUT " + path + ` If-Match: W/"datetime'1'" Accept: application/json {} 412`, "GET " + path + " Accept: application/json 200",
			"PUT " + path + ` If-Match: W/"datetime'2'" Accept: application/json {"n":1}+mine 204`, "204: applied, changed",
		}}},
		"with a signature": {there(), storetest.Case{URL: entity + "?sv=1&sig=a%2Bb", Header: []string{stale}, Want: []string{
			"PUT " + path + `?sv=1&sig=a%2Bb If-Match: W/"datetime'1'" {} 412`, "GET " + path + "?sv=1&sig=a%2Bb Accept: application/json;odata=nometadata 200",
			"PUT " + path + `?sv=1&sig=a%2Bb If-Match: W/"datetime'2'" {} 204`, "204: applied, changed",
		}}},
		"signed above": {there(), storetest.Case{Header: []string{stale, "Authorization: SharedKeyLite a:b"}, Text: refused, Want: alone("412: not applied, signed above")}},
		"an answer lost": {there(), storetest.Case{Policy: ifmatch.Stop, Lose: 1, Header: []string{`If-Match: W/"datetime'2'"`}, Want: []string{
			"PUT " + path + ` If-Match: W/"datetime'2'" {} lost`, "PUT " + path + ` If-Match: W/"datetime'2'" {} 412`, "outcome unknown: unknown, unattributed",
		}}},
		"a refusal of a megabyte": {coded(strings.Repeat("x", 1<<20), true), storetest.Case{Header: []string{stale}, Want: recovered}},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.Case
			c.Serve, c.Dialect, c.Body, c.Shown = test.store.serve, Dialect(), "{}", []string{"If-Match", "Accept"}
			if c.Method == "" {
				c.Method = "PUT"
			}
			if c.Policy == nil {
				c.Policy = ifmatch.Resend
			}
			if c.URL == "" {
				c.URL = entity
			}
			c.Run(t)
		})
	}
}

// TestCreate: there is no PUT that only creates, so none is sent.
func TestCreate(t *testing.T) {
	s := &store{}
	c := &http.Client{Transport: base{s}}
	_, err := ifmatch.Update(context.Background(), c, entity, func(v *map[string]any) error {
		*v = map[string]any{"n": 1}
		return nil
	}, ifmatch.WithDialect(Dialect()), ifmatch.CreateIfAbsent())
	if err == nil || !strings.Contains(err.Error(), "only creates") || len(s.sent) != 0 {
		t.Errorf("%v, %v", err, s.sent)
	}
}

type base struct{ store *store }

func (b base) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	status, header, text := b.store.serve(req, string(body))
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: io.NopCloser(bytes.NewReader([]byte(text))), Request: req,
	}, nil
}

// TestUpdate: the whole entity is put; a merge is a PATCH of plain JSON, in which
// null removes nothing.
func TestUpdate(t *testing.T) {
	type item struct {
		N    int
		Note *string `json:",omitempty"`
	}
	change := func(v *item) error { v.N++; v.Note = nil; return nil }
	for name, test := range map[string]struct {
		options []ifmatch.UpdateOption
		sent    string
		left    map[string]any
	}{
		"PUT":   {nil, "PUT application/json", map[string]any{"N": 2.0}},
		"merge": {[]ifmatch.UpdateOption{ifmatch.WithPatch()}, "PATCH application/json", map[string]any{"N": 2.0, "Note": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{version: 2, entity: map[string]any{"N": 1, "Note": "x"}}
			c := &http.Client{Transport: base{s}}
			if _, err := ifmatch.Update(context.Background(), c, entity, change, append(test.options, ifmatch.WithDialect(Dialect()))...); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(s.entity); got != fmt.Sprint(test.left) || len(s.sent) != 1 || s.sent[0] != test.sent {
				t.Errorf("%s after %v", got, s.sent)
			}
		})
	}
}

// TestMarks: an entity keeps the ids in a property, by PUT and by a merge.
func TestMarks(t *testing.T) {
	type item struct {
		N int
		ifmatch.Marks
	}
	s := &store{version: 2, entity: map[string]any{"N": 0, "Note": "x"}}
	origin.Marks(t, base{s}, entity, Dialect(), func(v *item) error { v.N++; return nil }, func() ([]byte, int) {
		text, _ := json.Marshal(s.entity)
		n, _ := s.entity["N"].(float64)
		return text, int(n)
	})
	if s.entity["Note"] != "x" {
		t.Error(s.entity)
	}
	_, err := ifmatch.Update(context.Background(), &http.Client{Transport: base{s}}, entity, func(v *item) error { v.N++; return nil }, ifmatch.WithDialect(Dialect()), ifmatch.WithPatch())
	if ids, _ := s.entity["ifmatch_marks"].(string); err != nil || len(strings.Fields(ids)) != 5 || s.entity["Note"] != "x" {
		t.Error(s.entity, err)
	}
}

package ifmatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

func updated[T any](t *testing.T, doc string, edit func(*T) error, opts ...UpdateOption) (state string, got Snapshot[T], err error) {
	t.Helper()
	withDocument(t, doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		got, err = Update(context.Background(), origin.Client(), url, edit, opts...)
		state = stateOf(origin)
	})
	return
}

// titled is a counter with a title.
type titled struct {
	N     int    `json:"n"`
	Title string `json:"title"`
}

// TestTooLargeToReadAgain: an edit that makes a document which nobody could read again is
// an error, and nothing is sent. In a batch it fails alone.
func TestTooLargeToReadAgain(t *testing.T) {
	const doc = `{"n":1,"title":""}`
	grow := func(by int) func(*titled) error {
		return func(c *titled) error { c.Title += strings.Repeat("x", by); return nil }
	}
	withDocument(t, doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		c, most := origin.Client(), WithMaxRepresentation(int64(len(doc))+10)
		s, err := Update(t.Context(), c, url, grow(11), most)
		if !errors.Is(err, ErrTooLarge) || s.Outcome.Effect != EffectNotApplied || stateOf(origin) != doc || !strings.Contains(err.Error(), "WithMaxRepresentation is 28") {
			t.Errorf("%v, %v, %s", err, s.Outcome.Effect, stateOf(origin))
		}
		if _, err := Update(t.Context(), c, url, grow(10), most); err != nil {
			t.Errorf("exactly as much: %v", err)
		}
		if _, err := Update(t.Context(), c, url, grow(1), most); !errors.Is(err, ErrTooLarge) {
			t.Errorf("one byte more: %v", err)
		}
		origin.Put("/doc", "application/json", []byte(doc))
		r := NewResource[titled](c, url, most)
		errs := [4]error{}
		together(t, r, origin, grow(0),
			func() { _, errs[0] = r.Update(t.Context(), grow(6)) },
			func() { _, errs[1] = r.Update(t.Context(), grow(6)) },
			func() { _, errs[2] = r.Update(t.Context(), grow(4)) },
			func() { _, errs[3] = r.Update(t.Context(), grow(1)) })
		for i, want := range []error{nil, ErrTooLarge, nil, ErrTooLarge} {
			if !errors.Is(errs[i], want) {
				t.Errorf("edit %d: %v, want %v", i, errs[i], want)
			}
		}
		if want := `{"n":1,"title":"xxxxxxxxxx"}`; stateOf(origin) != want {
			t.Error(stateOf(origin))
		}
	})
}

// TestRoomForTheMark: an edit of a batch that leaves no room for the mark fails alone.
func TestRoomForTheMark(t *testing.T) {
	type marked struct {
		Marks
		titled
	}
	const doc = `{"_ifmatch":[],"n":1,"title":""}`
	withDocument(t, doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		r := NewResource[marked](origin.Client(), url, WithMaxRepresentation(150))
		var large, small error
		together(t, r, origin, func(c *marked) error { c.N++; return nil },
			func() {
				_, large = r.Update(t.Context(), func(c *marked) error { c.Title = strings.Repeat("x", 70); return nil })
			},
			func() { _, small = r.Update(t.Context(), func(c *marked) error { c.N++; return nil }) })
		if !errors.Is(large, ErrTooLarge) || small != nil || !strings.Contains(stateOf(origin), `"n":3`) {
			t.Errorf("%v, %v, %s", large, small, stateOf(origin))
		}
	})
}

// TestUpdateTooLarge: a state that is too large is not edited.
func TestUpdateTooLarge(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		ran := false
		_, err := Update(t.Context(), origin.Client(), url, func(c *counter) error { ran = true; return nil }, WithMaxRepresentation(6))
		if !errors.Is(err, ErrTooLarge) || ran {
			t.Errorf("%v; edit ran: %v", err, ran)
		}
		if got, err := Get[counter](t.Context(), origin.Client(), url, WithMaxRepresentation(7)); err != nil || got.Value.N != 1 {
			t.Errorf("as large as the limit: %+v, %v", got.Value, err)
		}
		if _, err := NewResource[counter](origin.Client(), url, WithMaxRepresentation(6)).Update(t.Context(), addOne); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Resource: %v", err)
		}
	})
}

// TestAnnouncedSize: of a state that says it is too large nothing is read.
func TestAnnouncedSize(t *testing.T) {
	c := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		resp := responseTo(req, 200, "", "ETag", `"1"`)
		resp.ContentLength = 1 << 40
		resp.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { t.Error("read"); return 0, io.EOF }))
		return resp, nil
	})}
	if _, err := Get[counter](t.Context(), c, "http://h.test/"); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// TestIdentityInCapitals: the names of codings have no case (RFC 9110 §8.4.1).
func TestIdentityInCapitals(t *testing.T) {
	c := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		return responseTo(req, 200, `{"n":1}`, "ETag", `"1"`, "Content-Encoding", "Identity"), nil
	})}
	if _, err := Get[counter](t.Context(), c, "http://h.test/"); err != nil {
		t.Error(err)
	}
}

type bytesCodec struct{}

func (bytesCodec) Decode(b []byte, v any) error { *v.(*[]byte) = b; return nil }

func (bytesCodec) Encode(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (bytesCodec) ContentType() string { return "text/plain" }

// TestCodecThatSharesMemory: a codec may return the memory that it was given.
func TestCodecThatSharesMemory(t *testing.T) {
	state, got, err := updated(t, `hello`, func(b *[]byte) error { (*b)[0] = 'J'; return nil }, WithCodec(bytesCodec{}))
	if state != "Jello" {
		t.Errorf("%s, %s, %v", state, got.Value, err)
	}
}

// panicking is a codec that does so once it is armed.
type panicking struct {
	jsonCodec
	armed *bool
}

func (c panicking) Encode(v any) ([]byte, error) {
	if *c.armed {
		panic("broken codec")
	}
	return c.jsonCodec.Encode(v)
}

type shape interface{ area() int }

type circle struct {
	R int `json:"r"`
}

func (c *circle) area() int { return c.R }

// TestPanickingCodec: it costs the callers an error, not the process.
func TestPanickingCodec(t *testing.T) {
	withDocument(t, `{"n":0}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		armed := true
		r := NewResource[counter](origin.Client(), url, WithCodec(panicking{armed: &armed}))
		if _, err := r.Update(context.Background(), addOne); err == nil || !strings.Contains(err.Error(), "broken codec") {
			t.Error(err)
		}
		armed = false
		if got, err := r.Update(context.Background(), addOne); err != nil || got.Value.N != 1 {
			t.Errorf("%+v, %v", got.Value, err)
		}
	})
}

type drawing struct {
	N     int   `json:"n"`
	Shape shape `json:"shape"`
}

func (d *drawing) UnmarshalJSON(b []byte) error {
	var raw struct {
		N     int
		Shape json.RawMessage
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	var k struct{ Type string }
	json.Unmarshal(raw.Shape, &k)
	if k.Type != "circle" {
		return fmt.Errorf("unknown shape %q", k.Type)
	}
	c := new(circle)
	d.N, d.Shape = raw.N, c
	return json.Unmarshal(raw.Shape, c)
}

type withDefaults struct {
	N       int `json:"n"`
	Retries int `json:"retries,omitempty"`
}

func (d *withDefaults) UnmarshalJSON(b []byte) error {
	type plain withDefaults
	p := plain{Retries: 3}
	err := json.Unmarshal(b, &p)
	*d = withDefaults(p)
	return err
}

type kindred struct {
	N    int `json:"n"`
	kind string
}

func (d *kindred) UnmarshalJSON(b []byte) error {
	var p struct {
		N    int
		Kind string
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	if p.Kind == "" {
		return fmt.Errorf("no kind")
	}
	d.N, d.kind = p.N, p.Kind
	return nil
}

func (d kindred) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		N int `json:"n"`
	}{d.N})
}

// TestReadsWhatItDoesNotWrite: a T may read members that it doesn't declare, as
// long as the document reads as the edit left it.
func TestReadsWhatItDoesNotWrite(t *testing.T) {
	check := func(name, got string, err error, want string) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
	got, _, err := updated(t, `{"n":1,"shape":{"type":"circle","r":2}}`, func(d *drawing) error { d.N++; return nil })
	check("a union", got, err, `{"n":2,"shape":{"type":"circle","r":2}}`)
	got, _, err = updated(t, `{"n":1,"retries":0}`, func(d *withDefaults) error { d.N++; return nil })
	check("a default", got, err, `{"n":2,"retries":0}`)
	got, _, err = updated(t, `{"n":1,"kind":"x"}`, func(d *kindred) error { d.N++; return nil })
	check("a member that has to be there", got, err, `{"n":2,"kind":"x"}`)
	got, _, err = updated(t, `{"n":1,"a":1,"a": 2}`, func(d *json.RawMessage) error {
		*d = json.RawMessage(strings.Replace(string(*d), `"n":1`, `"n":2`, 1))
		return nil
	})
	check("the text itself", got, err, `{"n":2,"a":1,"a":2}`)
	got, _, err = updated(t, `{"v":["a","\u0061","b"]}`, func(d *struct {
		V []string `json:"v"`
	}) error {
		d.V = d.V[1:]
		return nil
	})
	check("equal strings", got, err, `{"v":["a","b"]}`)
}

type legacyCount struct{ Count int }

func (l *legacyCount) UnmarshalJSON(b []byte) error {
	var v struct {
		Count int `json:"count"`
		Old   int `json:"cnt"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if l.Count = v.Count; l.Count == 0 {
		l.Count = v.Old
	}
	return nil
}

func (l legacyCount) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Count int `json:"count,omitempty"`
	}{l.Count})
}

// TestNameThatIsOnlyRead: an edit that the document would not hold is an error, also where T reads a name that it
// doesn't write.
func TestNameThatIsOnlyRead(t *testing.T) {
	state, got, err := updated(t, `{"cnt":5}`, func(m *legacyCount) error { m.Count = 0; return nil })
	var back legacyCount
	json.Unmarshal([]byte(state), &back)
	if err == nil && back != got.Value {
		t.Errorf("Update returned %+v without an error, but the state is %s", got.Value, state)
	}
}

// TestNamesThatAMapReadsAlike: an edit that the document would not hold is an error.
func TestNamesThatAMapReadsAlike(t *testing.T) {
	state, got, err := updated(t, `{"01":"a","2":"b"}`, func(m *map[int]string) error { delete(*m, 1); return nil })
	if err == nil {
		back := map[int]string{}
		json.Unmarshal([]byte(state), &back)
		if len(back) != len(got.Value) {
			t.Errorf("snapshot %v, state %s", got.Value, state)
		}
	}
	state, got, err = updated(t, `{"1":"x","01":"a"}`, func(m *map[int]string) error { (*m)[1] = "c"; return nil })
	if err == nil {
		back := map[int]string{}
		json.Unmarshal([]byte(state), &back)
		if back[1] != got.Value[1] {
			t.Errorf("snapshot %v, state %s", got.Value, state)
		}
	}
}

// TestAlikeElementsThatDiffer: which of two elements is removed matters where T renders them alike and the
// document has them different.
func TestAlikeElementsThatDiffer(t *testing.T) {
	type ids struct {
		IDs []any `json:"ids"`
	}
	for _, doc := range []string{`[9007199254740993,9007199254740992,1]`, `[9007199254740992,9007199254740993,1]`} {
		state, _, err := updated(t, `{"ids":`+doc+`}`, func(d *ids) error { d.IDs = d.IDs[1:]; return nil })
		want := `{"ids":[` + strings.SplitN(doc, ",", 2)[1] + `}`
		if err == nil && state != want {
			t.Errorf("removed the first of %s: %s, want %s or an error", doc, state, want)
		}
	}
	type ints struct {
		V []int `json:"v"`
	}
	state, _, err := updated(t, `{"v":[null,0,5]}`, func(d *ints) error { d.V = d.V[1:]; return nil })
	if err == nil && state != `{"v":[0,5]}` {
		t.Errorf("null: %s, want [0,5] or an error", state)
	}
	type item struct {
		A int `json:"a"`
	}
	type items struct {
		V []item `json:"v"`
	}
	state, _, err = updated(t, `{"v":[{"a":null},{"a":0},{"a":7}]}`, func(d *items) error { d.V = d.V[1:]; return nil })
	if err == nil && state != `{"v":[{"a":0},{"a":7}]}` {
		t.Errorf("null member: %s, want first removed or an error", state)
	}
}

// TestMovedAndChanged: an element that was moved and changed by one edit doesn't
// lose what T doesn't know, whatever its id is.
func TestMovedAndChanged(t *testing.T) {
	type item struct {
		ID    int    `json:"id"`
		Name  string `json:"name"`
		Other int    `json:"other"`
		N     int    `json:"n"`
	}
	type doc struct {
		Items []item `json:"items"`
	}
	swap := func(d *doc) error {
		d.Items[0], d.Items[1] = d.Items[1], d.Items[0]
		d.Items[1].N++
		return nil
	}
	last := func(d *doc) error {
		first := d.Items[0]
		first.N++
		d.Items = append(d.Items[1:], first)
		return nil
	}
	for name, row := range map[string]struct {
		items string
		edit  func(*doc) error
	}{
		"an id of 0":   {`{"id":0,"n":7,"u":1},{"id":1,"n":8,"u":2}`, swap},
		"a name of ''": {`{"name":"","n":7,"u":1},{"name":"a","n":8,"u":2}`, swap},
		"two make one": {`{"id":1,"other":1,"n":7,"u":1},{"id":1,"other":2,"n":7,"u":2},{"id":2,"other":1,"n":7,"u":3}`, last},
		"an id":        {`{"id":3,"n":7,"u":1},{"id":1,"n":7,"u":2},{"id":2,"n":7,"u":3}`, last},
	} {
		original := `{"items":[` + row.items + `]}`
		if got, _, err := updated(t, original, row.edit); err == nil || got != original {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// TestLargeOddElement: one large element that T renders in a form of its own isn't
// compared with each of many others.
func TestLargeOddElement(t *testing.T) {
	type event struct {
		Tags map[string]string `json:"tags"`
		At   time.Time         `json:"at"`
	}
	type events struct {
		Events []event `json:"events"`
	}
	n := long(60_000, 20_000) // minutes, where each is compared
	var tags []string
	for i := range n {
		tags = append(tags, fmt.Sprintf(`"%x":"1"`, i))
	}
	doc := `{"events":[{"at":"2020-01-01T00:00:00.000Z","tags":{` + strings.Join(tags, ",") + `}}` + strings.Repeat(",{}", n) + `]}`
	begun := time.Now()
	if _, _, err := updated(t, doc, func(d *events) error { d.Events[3].At = d.Events[0].At; return nil }); err != nil {
		t.Log(err)
	}
	if took := time.Since(begun); took > time.Duration(long(30, 10))*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestNotUnicode: strings that encoding/json decodes to the same, since they
// aren't valid Unicode, are different ones.
func TestNotUnicode(t *testing.T) {
	type doc struct {
		L []string `json:"l"`
	}
	for _, original := range []string{`{"l":["\ud83d","\ud83e"]}`, "{\"l\":[\"caf\xe8\",\"caf\xe9\"]}"} {
		if got, _, err := updated(t, original, func(d *doc) error { d.L = d.L[1:]; return nil }); err == nil || got != original {
			t.Errorf("%q became %q, %v", original, got, err)
		}
	}
}

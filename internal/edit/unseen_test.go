package edit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// secret is read as it is, and always written as "***".
type secret string

func (secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// lower is written in small letters.
type lower struct{ text string }

func (l *lower) UnmarshalText(text []byte) error { l.text = string(text); return nil }
func (l lower) MarshalText() ([]byte, error)     { return []byte(strings.ToLower(l.text)), nil }

type vault struct {
	Name   string           `json:"name,omitempty"`
	Key    secret           `json:"key,omitempty"`
	Keys   []secret         `json:"keys,omitempty"`
	Users  []user           `json:"users,omitempty"`
	ByName map[lower]secret `json:"byName,omitempty"`
	Word   *lower           `json:"word,omitempty"`
	At     time.Time        `json:"at,omitzero"`
	Any    any              `json:"any,omitempty"`
	hidden int
	Not    secret `json:"-"`
	inner
}

type inner struct {
	Deep secret `json:"deep/er,omitempty"`
}

type user struct {
	Name string `json:"name"`
	Key  secret `json:"key"`
}

// TestUnseenEdits: an edit that doesn't show in what is written is an error, alone and
// beside another edit.
func TestUnseenEdits(t *testing.T) {
	const users = `{"users":[{"name":"a","key":"k1"},{"name":"b","key":"k2"}]}`
	f := jsonOf[vault](false)
	f.Rules = jsonedit.Rules{Keys: []string{"name"}}
	for i, row := range []struct {
		doc     string
		edit    func(*vault)
		want    string // the document; empty: an error
		pointer string
	}{
		{`{"key":"k"}`, func(v *vault) { v.Key = "new" }, "", "/key"},
		{`{"key":"***"}`, func(v *vault) { v.Key = "new" }, `{"key":"***"}`, ""},
		{`{"key":"k"}`, func(v *vault) { v.Name = "x" }, `{"key":"k","name":"x"}`, ""},
		{`{"key":"k"}`, func(v *vault) { v.Name, v.Key = "x", "new" }, "", "/key"},
		{`{"key":"k"}`, func(v *vault) { v.Key = "" }, `{}`, ""},
		{`{"u":1}`, func(v *vault) { v.Key = "new" }, `{"u":1,"key":"***"}`, ""},
		{`{"keys":["a","b"]}`, func(v *vault) { v.Keys[1] = "c" }, "", "/keys/1"},
		{`{"keys":["a","b"]}`, func(v *vault) { slices.Reverse(v.Keys) }, "", "/keys/0"},
		{`{"deep/er":"k"}`, func(v *vault) { v.Deep = "new" }, "", "/deep~1er"},
		{`{"byName":{"a":"k"}}`, func(v *vault) { v.ByName[lower{"a"}] = "new" }, "", "/byName/a"},
		{`{"word":"Abc"}`, func(v *vault) { v.Word.text = "ABC" }, "", "/word"},
		{`{"word":"abc"}`, func(v *vault) { v.Word.text = "ABC" }, `{"word":"abc"}`, ""},
		{`{"at":"2024-05-01T00:00:00.000Z"}`, func(v *vault) { v.At = v.At.In(time.UTC) }, `{"at":"2024-05-01T00:00:00.000Z"}`, ""},
		{`{"u":1}`, func(v *vault) { v.hidden, v.Not = 1, "x" }, `{"u":1}`, ""},
		{`{"any":{"a":1.50}}`, func(v *vault) { v.Any.(map[string]any)["b"] = 1 }, `{"any":{"a":1.50,"b":1}}`, ""},
		{`{"byName":{"a":"k"}}`, func(v *vault) { v.ByName = map[lower]secret{{"b"}: "new"} }, "", "/byName/a"},
		{`{"byName":{"a":"k"}}`, func(v *vault) { v.ByName = map[lower]secret{{"b"}: "k"} }, `{"byName":{"b":"k"}}`, ""},
		{`{"byName":{"a":"k"}}`, func(v *vault) { v.ByName[lower{"b"}] = "new" }, `{"byName":{"a":"k","b":"***"}}`, ""},
		{`{"key":"k"}`, func(v *vault) { v.Key, v.Users = "", []user{{"x", "new"}} }, "", "/key"},
		{users, func(v *vault) { v.Users = v.Users[1:] }, `{"users":[{"name":"b","key":"k2"}]}`, ""},
		{users, func(v *vault) { v.Users[1].Key = "new"; v.Name = "x" }, "", "/users/1/key"},
		{users, func(v *vault) { v.Users = v.Users[1:]; v.Users[0].Key = "new" }, "", "/users/0/key"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			made, err := f.Draft(read(t, f, row.doc), new(Mark[vault]), func(v *vault) error { row.edit(v); return nil })
			if row.want == "" {
				about := (*jsonedit.EditError)(nil)
				if !errors.As(err, &about) || about.Pointers[0] != row.pointer {
					t.Errorf("%+v, %v; want an error about %q", made, err, row.pointer)
				}
				return
			}
			if err != nil || string(made.Stored) != row.want {
				t.Errorf("%+v, %v; want %s", made, err, row.want)
			}
		})
	}
}

// TestUnseenAlone: without a key the secrets of elements that change aren't written over.
func TestUnseenAlone(t *testing.T) {
	f := jsonOf[vault](false)
	_, err := f.Draft(read(t, f, `{"users":[{"name":"a","key":"k1"}]}`), new(Mark[vault]), func(v *vault) error { v.Users[0].Name = "c"; return nil })
	if about := (*jsonedit.EditError)(nil); !errors.As(err, &about) || about.Pointers[0] != "/users/0/key" {
		t.Error(err)
	}
}

// branch and twig hold each other.
type branch struct {
	Twig *twig  `json:"twig,omitempty"`
	Key  secret `json:"key"`
}

type twig struct {
	Branch *branch `json:"branch"`
}

// TestUnseenInTypesThatHoldEachOther: an edit that doesn't show is an error at every depth.
func TestUnseenInTypesThatHoldEachOther(t *testing.T) {
	f := jsonOf[branch](false)
	d := read(t, f, `{"key":"k","twig":{"branch":{"key":"k"}}}`)
	made, err := f.Draft(d, new(Mark[branch]), func(b *branch) error { b.Twig.Branch.Key = "new"; return nil })
	if about := (*jsonedit.EditError)(nil); !errors.As(err, &about) || about.Pointers[0] != "/twig/branch/key" {
		t.Errorf("%+v, %v", made, err)
	}
}

// TestUnseenLarge: many values that render themselves take no longer than they must.
func TestUnseenLarge(t *testing.T) {
	var list []string
	for i := range 10_000 {
		list = append(list, fmt.Sprintf(`{"name":"n%d","key":"k%d"}`, i, i))
	}
	f := jsonOf[vault](false)
	f.Rules.Keys = []string{"name"}
	d := read(t, f, `{"users":[`+strings.Join(list, ",")+`]}`)
	start := time.Now()
	made, err := f.Draft(d, new(Mark[vault]), func(v *vault) error { v.Users = v.Users[1:]; return nil })
	if err != nil || strings.Contains(string(made.Stored), "***") {
		t.Error(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Error(took)
	} else {
		t.Log(took)
	}
}

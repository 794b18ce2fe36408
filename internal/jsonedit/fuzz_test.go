package jsonedit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// FuzzPatchJSON edits random documents through random types, on a model that
// knows which object is which.
func FuzzPatchJSON(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, ids bool) { checkModel(t, seed, ids) })
}

// TestPatchModel is the same for many documents, and sees that errors are rare.
func TestPatchModel(t *testing.T) {
	t.Parallel()
	refused, all := 0, 4000
	for seed := range uint64(all) {
		if !checkModel(t, seed, seed%4 != 0) {
			refused++
		}
	}
	t.Logf("%d of %d edits were refused", refused, all)
	if refused > all/4 {
		t.Error("too many edits were refused")
	}
}

// FuzzPatchText takes any texts. A T of any knows all members.
func FuzzPatchText(f *testing.F) {
	for _, seed := range [][2]string{{`{"a":[1,{"b":null}]}`, `{"a":[{"b":1}]}`}, {` [1, 2,3]`, `[3,1]`}, {`{"a":1,"A":2}`, `{}`}, {`"\ud800"`, `{"a":{}}`}, {"{\"\xbb\":0}", `{}`}, {`{"\ud800":1,"\ud801":2}`, `{"a":1}`}, {`{"a":{"b":1},"a":{"c":1}}`, `{"a":2}`}} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, original, wanted []byte) {
		var v, w any
		if json.Unmarshal(original, &v) != nil || json.Unmarshal(wanted, &w) != nil {
			Patch(original, wanted, []byte(`{}`))
			return
		}
		before, after := marshal(t, v), marshal(t, w)
		got, err := Patch(original, before, after)
		merge, mergeErr := MergePatch(original, before, after)
		if err != nil {
			return // duplicates
		}
		var again any
		if err := json.Unmarshal(got, &again); err != nil || !reflect.DeepEqual(again, w) {
			t.Errorf("%s edited to %s is %s", original, after, got)
		}
		if bytes.Equal(before, after) && !bytes.Equal(got, original) {
			t.Errorf("%s became %s without an edit", original, got)
		}
		if mergeErr == nil && !reflect.DeepEqual(applyMergePatch(t, string(original), string(merge)), decodeExactly(t, string(got))) {
			t.Errorf("%s with the merge patch %s isn't %s", original, merge, got)
		}
		if _, err := Patch(original, after, before); err == nil {
			_, _ = MergePatch(original, after, before)
		}
	})
}

// checkModel reports whether the edit was made.
func checkModel(t *testing.T, seed uint64, ids bool) bool {
	t.Helper()
	m := &model{Rand: rand.New(rand.NewPCG(seed, 1)), ids: ids}
	typ := m.newType(0, false)
	original, v := m.newDoc(typ)
	before := v.render()
	for range m.IntN(4) + 1 {
		m.edit(v)
	}
	after := v.render()
	got, err := Patch([]byte(original), []byte(before), []byte(after))
	if about := (*editError)(nil); err != nil && !errors.As(err, &about) {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if err != nil {
		return false
	}
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("seed %d, %v: %s\noriginal %s\nbefore   %s\nafter    %s\ngot      %s", seed, ids, fmt.Sprintf(format, args...), original, before, after, got)
	}
	if !json.Valid(got) {
		fail("not JSON")
	}
	if before == after && original != string(got) {
		fail("changed without an edit")
	}
	if again := decodeModel(m, typ, string(got)).render(); again != after && strings.ReplaceAll(again, "null", "[]") != strings.ReplaceAll(after, "null", "[]") {
		fail("decodes to %s", again)
	}
	if ids {
		if why := v.compare(nil, string(got)); why != "" {
			fail("%s", why)
		}
	}
	merge, err := MergePatch([]byte(original), []byte(before), []byte(after))
	if err == nil && !reflect.DeepEqual(applyMergePatch(t, original, string(merge)), decodeExactly(t, string(got))) {
		fail("merge patch %s", merge)
	}
	return true
}

// modelMember is one member of an object in a text.
type modelMember struct{ name, text, value string }

// membersOf reads the members of an object by encoding/json.
func membersOf(text string) (all []modelMember) {
	d := json.NewDecoder(strings.NewReader(text))
	d.Token()
	for d.More() {
		start := d.InputOffset()
		name, _ := d.Token()
		var value json.RawMessage
		d.Decode(&value)
		all = append(all, modelMember{name.(string), strings.TrimLeft(text[start:d.InputOffset()], " \n\t,"), string(value)})
	}
	return all
}

func elementsOf(text string) (all []json.RawMessage) {
	json.Unmarshal([]byte(text), &all)
	return all
}

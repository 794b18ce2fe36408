package jsonedit

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzPatchText takes any texts. A T of any knows all members.
func FuzzPatchText(f *testing.F) {
	for _, seed := range [][2]string{{`{"a":[1,{"b":null}]}`, `{"a":[{"b":1}]}`}, {` [1, 2,3]`, `[3,1]`}, {`{"a":1,"A":2}`, `{}`}, {`"\ud800"`, `{"a":{}}`}, {"{\"\xbb\":0}", `{}`}, {`{"\ud800":1,"\ud801":2}`, `{"a":1}`}, {`{"a":{"b":1},"a":{"c":1}}`, `{"a":2}`}} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, original, wanted []byte) {
		var v, w any
		if json.Unmarshal(original, &v) != nil || json.Unmarshal(wanted, &w) != nil {
			Patch(original, wanted, []byte(`{}`), Rules{})
			return
		}
		before, after := marshal(t, v), marshal(t, w)
		for _, rules := range []Rules{{}, {ByIndex: true}, {Keys: []string{"a"}, Render: renderAs[any]}} {
			checkText(t, original, before, after, w, rules)
		}
	})
}

// checkText fails where a document that is edited as any isn't what the edit made of it.
func checkText(t *testing.T, original, before, after []byte, want any, rules Rules) {
	t.Helper()
	got, err := Patch(original, before, after, rules)
	merge, mergeErr := MergePatch(original, before, after, rules)
	if err != nil {
		return // duplicates
	}
	var again any
	if err := json.Unmarshal(got, &again); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("%s edited to %s is %s", original, after, got)
	}
	if bytes.Equal(before, after) && !bytes.Equal(got, original) {
		t.Errorf("%s became %s without an edit", original, got)
	}
	if mergeErr == nil && !reflect.DeepEqual(applyMergePatch(t, string(original), string(merge)), decodeExactly(t, string(got))) {
		t.Errorf("%s with the merge patch %s isn't %s", original, merge, got)
	}
	if _, err := Patch(original, after, before, rules); err == nil {
		_, _ = MergePatch(original, after, before, rules)
	}
}

package jsonedit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// FuzzMerge checks what must hold for any three documents.
func FuzzMerge(f *testing.F) {
	for seed := range uint64(200) {
		base, mine, theirs := mergeDocuments(seed)
		f.Add([]byte(base), []byte(mine), []byte(theirs), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, base, mine, theirs []byte, keyed bool) {
		for _, byIndex := range []bool{false, true} {
			rules := Rules{ByIndex: byIndex}
			if keyed {
				rules.Keys = []string{"a"}
			}
			checkMerge(t, base, mine, theirs, rules)
		}
	})
}

// checkMerge fails where a merge of three texts, which may be no JSON, breaks a
// rule of merges.
func checkMerge(t *testing.T, base, mine, theirs []byte, rules Rules) {
	t.Helper()
	got, err := mergeTexts(base, mine, theirs, rules)
	var overlap *Overlap
	if err != nil && !errors.As(err, &overlap) {
		return // not JSON
	}
	if err == nil && !json.Valid(got) {
		t.Fatalf("%s, %s, %s gave %s", base, mine, theirs, got)
	}
	if same, err := mergeTexts(base, base, theirs, rules); err != nil || !bytes.Equal(same, theirs) {
		t.Errorf("without mine: %s, %s gave %s, %v", base, theirs, same, err)
	}
	if same, err := mergeTexts(base, mine, mine, rules); err != nil || !bytes.Equal(same, mine) {
		t.Errorf("the same twice: %s, %s gave %s, %v", base, mine, same, err)
	}
	alone, err := mergeTexts(base, mine, base, rules)
	if err != nil || rules.Keys == nil && !Same(alone, mine) {
		t.Errorf("mine alone: %s, %s gave %s, %v", base, mine, alone, err)
	}
	checkSwapped(t, base, mine, theirs, rules, got, overlap)
}

// checkSwapped fails where the merge depends on which side is mine.
func checkSwapped(t *testing.T, base, mine, theirs []byte, rules Rules, got []byte, overlap *Overlap) {
	t.Helper()
	swapped, err := mergeTexts(base, theirs, mine, rules)
	var other *Overlap
	errors.As(err, &other)
	if (overlap == nil) != (other == nil) {
		t.Fatalf("%s, %s, %s: overlap %v, the other way round %v", base, mine, theirs, overlap, other)
	}
	if rules.Keys != nil {
		return // the elements of arrays have the order that theirs has
	}
	if overlap != nil && !slices.Equal(overlap.Pointers, other.Pointers) || overlap == nil && !Same(got, swapped) {
		t.Errorf("%s, %s, %s: %s, %v; the other way round %s, %v", base, mine, theirs, got, overlap, swapped, other)
	}
}

// mergeDocuments makes three documents of few names and values, so that they
// have much in common.
func mergeDocuments(seed uint64) (base, mine, theirs string) {
	r := rand.New(rand.NewPCG(seed, 2))
	var value func(depth int) any
	value = func(depth int) any {
		switch n := r.IntN(8); {
		case n < 3 && depth < 4:
			object := map[string]any{}
			for range r.IntN(4) {
				object[string('a'+rune(r.IntN(4)))] = value(depth + 1)
			}
			return object
		case n == 3 && depth < 4:
			list := []any{}
			for range r.IntN(3) {
				list = append(list, value(depth+1))
			}
			return list
		case n == 4:
			return nil
		}
		return float64(r.IntN(3))
	}
	var change func(v any, depth int) any
	change = func(v any, depth int) any {
		object, ok := v.(map[string]any)
		if !ok || r.IntN(5) == 0 {
			return value(depth)
		}
		changed := map[string]any{}
		for _, name := range []string{"a", "b", "c", "d"} {
			member, ok := object[name]
			switch n := r.IntN(6); {
			case n == 0: // removed
			case n == 1:
				changed[name] = change(member, depth+1)
			case ok:
				changed[name] = member
			}
		}
		return changed
	}
	root := value(0)
	text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	return text(root), text(change(root, 0)), text(change(root, 0))
}

// mergeModel is the same merge on decoded values.
func mergeModel(base, mine, theirs any, path string, overlaps *[]string) any {
	type absent struct{}
	m, ok1 := mine.(map[string]any)
	o, ok2 := theirs.(map[string]any)
	b, ok3 := base.(map[string]any)
	if _, gone := base.(absent); ok1 && ok2 && (ok3 || gone) {
		merged := map[string]any{}
		at := func(object map[string]any, name string) any {
			if v, ok := object[name]; ok {
				return v
			}
			return absent{}
		}
		for _, name := range []string{"a", "b", "c", "d"} {
			if v := mergeModel(at(b, name), at(m, name), at(o, name), path+"/"+name, overlaps); v != (any)(absent{}) {
				merged[name] = v
			}
		}
		return merged
	}
	switch {
	case reflect.DeepEqual(mine, base), reflect.DeepEqual(mine, theirs):
		return theirs
	case reflect.DeepEqual(theirs, base):
		return mine
	}
	*overlaps = append(*overlaps, path)
	return theirs
}

// TestMergeModel merges random documents as decoded values are merged.
func TestMergeModel(t *testing.T) {
	t.Parallel()
	clean := 0
	for seed := range uint64(long(5000, 2000)) {
		base, mine, theirs := mergeDocuments(seed)
		var overlaps []string
		var b, m, o any
		json.Unmarshal([]byte(base), &b)
		json.Unmarshal([]byte(mine), &m)
		json.Unmarshal([]byte(theirs), &o)
		want := fmt.Sprintf("%s %v", marshal(t, mergeModel(b, m, o, "", &overlaps)), overlaps)
		got, err := mergeTexts([]byte(base), []byte(mine), []byte(theirs), Rules{})
		var overlap *Overlap
		if errors.As(err, &overlap) {
			if !slices.Equal(overlap.Pointers, overlaps) {
				t.Fatalf("%s, %s, %s: overlaps %q, want %q", base, mine, theirs, overlap.Pointers, overlaps)
			}
			continue
		}
		var v any
		json.Unmarshal(got, &v)
		if text := fmt.Sprintf("%s %v", marshal(t, v), overlaps); text != want {
			t.Fatalf("%s, %s, %s: got %s, want %s", base, mine, theirs, got, want)
		}
		clean++
		checkMerge(t, []byte(base), []byte(mine), []byte(theirs), Rules{})
		checkMerge(t, []byte(base), []byte(mine), []byte(theirs), Rules{ByIndex: true})
		checkMerge(t, []byte(base), []byte(mine), []byte(theirs), Rules{Keys: []string{"a"}})
		checkMerge(t, []byte(base), []byte(mine), []byte(theirs), Rules{Keys: []string{"a"}, ByIndex: true})
	}
	if clean < 500 {
		t.Errorf("only %d of 5000 had no overlap", clean)
	}
}

package jsonedit

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// renderAs renders a text as a T does.
func renderAs[T any](text []byte) ([]byte, error) {
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// patchAs edits a document as a T.
func patchAs[T any](t *testing.T, original string, rules Rules, edit func(*T)) (string, string, error) {
	t.Helper()
	rules.Render = renderAs[T]
	var v T
	if err := json.Unmarshal([]byte(original), &v); err != nil {
		t.Fatal(err)
	}
	before := marshal(t, v)
	edit(&v)
	after := marshal(t, v)
	patched, err := Patch([]byte(original), before, after, rules)
	if err != nil {
		return "", "", err
	}
	var again T
	if err := json.Unmarshal(patched, &again); err != nil {
		t.Fatalf("%s: %v", patched, err)
	}
	if got := marshal(t, again); !reflect.DeepEqual(decodeExactly(t, string(got)), decodeExactly(t, string(after))) {
		t.Errorf("patched document\n%s\ndecodes to\n%s\nwant\n%s", patched, got, after)
	}
	merge, mergeErr := MergePatch([]byte(original), before, after, rules)
	if mergeErr != nil {
		return string(patched), "error: " + mergeErr.Error(), nil
	}
	if got, want := applyMergePatch(t, original, string(merge)), decodeExactly(t, string(patched)); !reflect.DeepEqual(got, want) {
		t.Errorf("merge patch %s gives %v\nwant %v", merge, got, want)
	}
	return string(patched), string(merge), nil
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decodeExactly decodes digit for digit.
func decodeExactly(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// applyMergePatch is RFC 7396 §2.
func applyMergePatch(t *testing.T, doc, patch string) any {
	t.Helper()
	var merge func(target, patch any) any
	merge = func(target, patch any) any {
		p, ok := patch.(map[string]any)
		if !ok {
			return patch
		}
		m, ok := target.(map[string]any)
		if !ok {
			m = map[string]any{}
		}
		for name, value := range p {
			if value == nil {
				delete(m, name)
			} else {
				m[name] = merge(m[name], value)
			}
		}
		return m
	}
	return merge(decodeExactly(t, doc), decodeExactly(t, patch))
}

// row is one edit of a document. No want: it is an error about the pointer.
type row[T any] struct {
	name, original string
	edit           func(*T)
	want           string
	pointer        string
}

func runRows[T any](t *testing.T, rules Rules, rows []row[T]) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, _, err := patchAs(t, row.original, rules, row.edit)
			if row.want == "" {
				var about *EditError
				if !errors.As(err, &about) || about.Pointers[0] != row.pointer {
					t.Errorf("got %s, error %v; want one about %q", got, err, row.pointer)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

package jsonedit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOwnedBy: members belong to names as encoding/json decodes them, be they few or many.
func TestOwnedBy(t *testing.T) {
	for _, row := range []struct {
		members, rendered []string
		want              string // the indices of the members of each name that is rendered
	}{
		{[]string{"a", "b"}, []string{"a"}, "[[0]]"},
		{[]string{"A", "a"}, []string{"a"}, "[[0 1]]"},
		{[]string{"A", "a"}, []string{"a", "A"}, "[[1] [0]]"},
		{[]string{"A"}, []string{"a", "b"}, "[[0] []]"},
		{[]string{"ſ"}, []string{"s", "S"}, "[[] []]"}, // it may be either
		{[]string{"K"}, []string{"k"}, "[[0]]"},
		{[]string{""}, []string{"", "a"}, "[[0] []]"},
	} {
		if got := ownedIndices(row.members, row.rendered, nil); got != row.want {
			t.Errorf("%q by %q: %s, want %s", row.members, row.rendered, got, row.want)
		}
	}
	rng := rand.New(rand.NewPCG(5, 6))
	all := []string{"", "a", "A", "s", "S", "ſ", "k", "K", "b"}
	some := func() (names []string) {
		for range rng.IntN(6) {
			names = append(names, all[rng.IntN(len(all))])
		}
		return names
	}
	for range 20_000 {
		members, before, after := some(), some(), some()
		many := numberedNames(2 * fewNames)
		got := ownedIndices(members, before, after)
		want := ownedIndices(slices.Concat(members, many), slices.Concat(before, many), after)
		if want = want[:min(len(want), len(got)-1)] + "]"; got != want {
			t.Fatalf("%q by %q and %q: %s, among many %s", members, before, after, got, want)
		}
	}
}

// ownedIndices returns the members of each name of rendered, and checks the last ones.
func ownedIndices(members, rendered, more []string) string {
	n, r, m := namedOf(members), namedOf(rendered), namedOf(more)
	o := n.ownedBy(&r, &m)
	all := [][]int{}
	for _, name := range rendered {
		of := o.of(name)
		if last := o.last(name); len(of) == 0 && last >= 0 || len(of) > 0 && last != of[len(of)-1] {
			return fmt.Sprintf("the last of %v is %d", of, last)
		}
		all = append(all, of)
	}
	return fmt.Sprint(all)
}

func namedOf(names []string) named {
	n := newNamed(make([]value, len(names)))
	for _, name := range names {
		n.add(name)
	}
	return n
}

func numberedNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("~", i))
	}
	return names
}

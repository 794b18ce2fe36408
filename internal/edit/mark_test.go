package edit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// numbered returns n ids.
func numbered(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint(prefix, i)
	}
	return ids
}

// TestLook: what a list of ids says of a write (rule 10).
func TestLook(t *testing.T) {
	full := numbered("o", maxIDs)
	reversed := slices.Clone(full)
	slices.Reverse(reversed)
	sorted := slices.Sorted(slices.Values(full))
	for name, row := range map[string]struct {
		ids, before []string
		want        Sighting
	}{
		"10: it is there": {[]string{"x", "me"}, []string{"x"}, Found},
		"10: it is there, and all from before are gone":     {append(full[1:], "me"), []string{"x"}, Found},
		"10: it is there, in another order":                 {[]string{"me", "x"}, []string{"x"}, Found},
		"10: there was no list, and there is none":          {nil, nil, Unknown},
		"10: there was no list, and others began one":       {full[1:], nil, Unknown},
		"10: there was no list, and others filled it":       {full, nil, Unknown},
		"10: one from before is still there":                {[]string{"x", "y"}, []string{"x"}, Absent},
		"10: one from before is still there, in a full one": {append([]string{"x"}, full[1:]...), []string{"w", "x"}, Absent},
		"10: all from before are gone":                      {[]string{"y"}, []string{"x"}, Unknown},
		"10: the list was wiped":                            {nil, []string{"x"}, Unknown},
		"10: the list is full, and one was pushed out":      {append(full[1:maxIDs:maxIDs], "r"), full, Absent},
		"10: nothing was pushed out, in another order":      {[]string{"r", "y", "x"}, []string{"x", "y"}, Absent},
		"10: full, in another order":                        {append([]string{"r"}, full[1:]...), full, Unknown},
		"10: full, and nothing from before is missing":      {append([]string{"r"}, full[1:]...), full[1:], Unknown},
		"10: full, and turned round":                        {append([]string{"r"}, reversed[1:]...), full, Unknown},
		"10: full, and sorted":                              {append(sorted[1:maxIDs:maxIDs], "r"), sorted, Unknown},
		"10: one from before was pushed out of the middle":  {[]string{"x", "z", "r"}, []string{"x", "y", "z"}, Unknown},
		"10: the newest from before was pushed out":         {[]string{"x", "y", "r"}, []string{"x", "y", "z"}, Unknown},
		"10: a short list that pushes out the oldest":       {[]string{"y", "z", "r"}, []string{"x", "y", "z"}, Absent},
	} {
		m := Mark[listed]{id: "me", before: row.before}
		if got := m.look(row.ids); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// TestLookRespelled: an id that may be the own one, as a server spells it, is no proof that
// the write wasn't applied (rule 10).
func TestLookRespelled(t *testing.T) {
	const me = "a07e7eb9ea48e59f74fa05a479cc29f6"
	for id, want := range map[string]Sighting{
		me:                                       Found,
		"A07E7EB9EA48E59F74FA05A479CC29F6":       Unknown,
		"a07e7eb9-ea48-e59f-74fa-05a479cc29f6":   Unknown,
		"{A07E7EB9-EA48-E59F-74FA-05A479CC29F6}": Unknown,
		"a07e7eb9":                               Unknown, // cut
		"ea48e59f74fa05a479cc29f6":               Unknown,
		"urn:" + me:                              Unknown,
		" " + me + " ":                           Unknown,
		"a07e7eb":                                Absent, // of too little
		"b07e7eb9ea48e59f74fa05a479cc29f6":       Absent,
		"--------":                               Absent,
		"":                                       Absent,
	} {
		m := Mark[listed]{id: me, before: []string{"x"}}
		if got := m.look([]string{"x", id}); got != want {
			t.Errorf("%q: %v, want %v", id, got, want)
		}
		// An earlier draft may have put it into the list that was read since.
		m.before = []string{"x", id}
		if got := m.look([]string{"x", id, "y"}); got != want {
			t.Errorf("%q, from before: %v, want %v", id, got, want)
		}
	}
}

// TestWith: the list keeps the newest ids, each once.
func TestWith(t *testing.T) {
	full := numbered("o", maxIDs)
	for name, row := range map[string]struct{ ids, want []string }{
		"none":     {nil, []string{"me"}},
		"some":     {[]string{"x"}, []string{"x", "me"}},
		"full":     {full, append(full[1:maxIDs:maxIDs], "me")},
		"there":    {[]string{"me", "x"}, []string{"me", "x"}},
		"too many": {numbered("o", 3*maxIDs), append(numbered("o", 3*maxIDs)[2*maxIDs+1:], "me")},
	} {
		before := slices.Clone(row.ids)
		if diff := cmp.Diff(row.want, with(row.ids, "me")); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if diff := cmp.Diff(before, row.ids); diff != "" {
			t.Errorf("%s: the list that was given has changed:\n%s", name, diff)
		}
	}
}

// TestManyMarks: ids without end on a server's side are looked through once.
func TestManyMarks(t *testing.T) {
	const n = 300_000
	list := func(id string) []string { return strings.Split(strings.Repeat(id, n), "") }
	m := NewMark(inList)
	m.see(&listed{IDs: list("a")})
	if len(m.before) > maxIDs {
		t.Errorf("%d ids are kept", len(m.before))
	}
	if got := m.find(&listed{IDs: list("b")}); got != Unknown {
		t.Error(got)
	}
	if got := m.find(&listed{IDs: append(list("b"), "a")}); got != Absent {
		t.Error(got)
	}
}

// TestNoMark: a T that holds none has a mark that does nothing.
func TestNoMark(t *testing.T) {
	m := NewMark(Marker[counter]{})
	doc := Document[counter]{Value: counter{N: 1}}
	m.see(&doc.Value)
	m.put(&doc.Value)
	if m.Kept() || m.In(&doc) != Unknown || m.In(&Document[counter]{Absent: true}) != Unknown || doc.Value.N != 1 {
		t.Errorf("%+v in %+v", m, doc)
	}
}

// TestMarkOfFunctions: the functions of WithMarker get the id of the mark.
func TestMarkOfFunctions(t *testing.T) {
	m := NewMark(inField)
	doc := Document[labelled]{Value: labelled{N: 1}}
	if got := m.In(&doc); got != Absent {
		t.Errorf("before: %v", got)
	}
	m.see(&doc.Value)
	m.put(&doc.Value)
	if got := m.In(&doc); got != Found || doc.Value.Label != m.id {
		t.Errorf("after: %v in %+v", got, doc.Value)
	}
	other := NewMark(inField)
	if got := other.In(&doc); got != Absent {
		t.Errorf("another: %v", got)
	}
	if got := m.In(&Document[labelled]{Absent: true, Value: doc.Value}); got != Unknown {
		t.Errorf("of a document that isn't there: %v", got)
	}
}

// TestNewID: ids differ.
func TestNewID(t *testing.T) {
	if a, b := NewID(), NewID(); a == b || len(a) != 32 {
		t.Error(a, b)
	}
}
